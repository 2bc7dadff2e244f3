// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long an answer takes: one UDP datagram to and fro, the next when it is back.
 *
 * Usage: latency serve PORT			answer, until killed
 *	  latency ask ADDRESS PORT MS		"count= p50= p99= lost=", in microseconds
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "clock.h"

#define SAMPLES_MAX	200000
#define LOST_MS		1000	/* an answer that takes longer is none */
#define WARM_UP		10

static double sample[SAMPLES_MAX];

static struct sockaddr_in inet_of(const char *host, const char *port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(atoi(port)),
	};

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		errx(2, "%s: no address", host);
	return a;
}

static int serve(const char *port)
{
	struct sockaddr_in a = inet_of("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint32_t word;

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)))
		err(1, "port %s", port);
	for (;;) {
		socklen_t len = sizeof(a);

		if (recvfrom(fd, &word, sizeof(word), 0, (void *)&a, &len) == sizeof(word) &&
		    sendto(fd, &word, sizeof(word), 0, (void *)&a, len) < 0)
			err(1, "answer");
	}
}

/* Ask once; microseconds, or less than 0 where no answer came. */
static double ask_once(int fd, uint32_t number)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double begin = now_us();
	uint32_t word;

	if (send(fd, &number, sizeof(number), 0) < 0)
		err(1, "ask");
	while (poll(&p, 1, LOST_MS) == 1) {
		/* An answer to an earlier one may come late. */
		if (recv(fd, &word, sizeof(word), 0) == sizeof(word) && word == number)
			return now_us() - begin;
		if (now_us() - begin > LOST_MS * 1e3)
			break;
	}
	return -1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int ask(const char *host, const char *port, unsigned int ms)
{
	struct sockaddr_in a = inet_of(host, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned int n = 0, lost = 0, number = 0;
	double end, us;

	if (fd < 0 || connect(fd, (void *)&a, sizeof(a)))
		err(1, "%s", host);
	while (number < WARM_UP)
		ask_once(fd, number++);
	end = now_us() + ms * 1e3;
	while (now_us() < end && n < SAMPLES_MAX) {
		us = ask_once(fd, number++);
		if (us < 0)
			lost++;
		else
			sample[n++] = us;
	}
	if (!n)
		errx(1, "%s does not answer", host);
	qsort(sample, n, sizeof(*sample), compare);
	printf("count=%u p50=%.1f p99=%.1f lost=%u\n", n, sample[n / 2],
	       sample[n - 1 - n / 100], lost);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv[3], atoi(argv[4]));
	fprintf(stderr, "usage: latency serve PORT, or latency ask ADDRESS PORT MS\n");
	return 2;
}
