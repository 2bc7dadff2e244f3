// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TCP connection whose every byte, each way, is checked by who receives it.
 *
 *   stream listen|connect ADDRESS PORT BYTES-PER-SECOND KEEP STATUS
 *
 * KEEP bytes that have come stay unread in the kernel: memory that a device wrote and
 * nobody has looked at yet. SIGTERM at one end finishes both: each sends no more, reads
 * and checks the rest. The connection is never made anew.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "pattern.h"
#include "status.h"

#define CHUNK	65536
#define ROOM	(8 << 20)	/* bytes that a socket takes before its peer must wait */

/* One direction: the pattern and how far it came. */
struct flow {
	uint64_t seed;
	uint64_t at;
	uint64_t word;
};

static volatile sig_atomic_t over;
static const char *status;
static struct flow out, in;
static uint64_t rate, keep, began, said, heard, gap;
static uint8_t out_data[CHUNK], in_data[CHUNK];
static size_t out_len, out_sent;

static void end(int sig)
{
	(void)sig;
	over = 1;
}

static uint8_t flow_next(struct flow *flow)
{
	if (!(flow->at % 8))
		flow->word = pattern(flow->seed, flow->at / 8);
	return flow->word >> (flow->at++ % 8 * 8);
}

static void say(const char *state)
{
	status_say(status, "state=%s sent=%llu received=%llu gap=%llu", state,
		   (unsigned long long)(out.at - out_len + out_sent),
		   (unsigned long long)in.at, (unsigned long long)gap);
	said = now_ms();
}

static _Noreturn void lost(const char *what)
{
	status_say(status, "state=bad %s: %s, sent=%llu received=%llu", what, strerror(errno),
		   (unsigned long long)out.at, (unsigned long long)in.at);
	exit(1);
}

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		err(1, "setsockopt %d", option);
}

static int open_stream(bool listens, const char *address, const char *port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
	};
	struct linger reset = { .l_onoff = 1 };
	int fd, conn;

	if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		errx(2, "no address: %s", address);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "socket");
	/* Before the connection, as its window scale comes of it. */
	set(fd, SOL_SOCKET, SO_RCVBUFFORCE, ROOM);
	if (!listens) {
		if (connect(fd, (void *)&sin, sizeof(sin)))
			lost("connect");
		return fd;
	}

	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (void *)&sin, sizeof(sin)) || listen(fd, 1))
		err(1, "%s:%s", address, port);
	conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (conn < 0)
		lost("accept");
	close(fd);
	/* Killed, leave no orphan that keeps its network namespace. */
	if (setsockopt(conn, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		err(1, "SO_LINGER");
	return conn;
}

/* Send what is due by the clock, in chunks of any size. */
static void send_due(int fd)
{
	uint64_t now = now_ms();
	ssize_t ret;
	size_t i;

	/* More than a second late, after a stop: the lost time is lost. */
	if (out.at + rate < (now - began) * rate / 1000)
		began = now - out.at * 1000 / rate;
	while (out_sent < out_len || (!over && out.at < (now - began) * rate / 1000)) {
		if (out_sent == out_len) {
			out_len = 1 + random() % CHUNK;
			for (i = 0; i < out_len; i++)
				out_data[i] = flow_next(&out);
			out_sent = 0;
		}
		ret = send(fd, out_data + out_sent, out_len - out_sent,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
		if (ret < 0 && errno == EAGAIN)
			return;
		if (ret < 0)
			lost("send");
		out_sent += ret;
	}
}

/*
 * Check what has come but for what is kept, of what comes faster than it is checked only so
 * much at once; whether more will come.
 */
static bool receive(int fd)
{
	uint64_t enough = in.at + 4 * CHUNK;
	int waiting;
	ssize_t ret, i;
	uint8_t want;

	while (in.at < enough) {
		if (ioctl(fd, FIONREAD, &waiting))
			lost("FIONREAD");
		if (keep && (uint64_t)waiting <= keep)
			return true;
		if (keep && waiting - keep < CHUNK)
			waiting -= keep;
		else
			waiting = CHUNK;
		ret = recv(fd, in_data, waiting, MSG_DONTWAIT);
		if (ret < 0 && errno == EAGAIN)
			return true;
		if (ret < 0)
			lost("recv");
		if (!ret)
			return false;
		for (i = 0; i < ret; i++) {
			want = flow_next(&in);
			if (in_data[i] == want)
				continue;
			status_say(status, "state=bad byte %llu is %#x, not %#x",
				   (unsigned long long)in.at - 1, in_data[i], want);
			exit(1);
		}
		if (now_ms() - heard > gap)
			gap = now_ms() - heard;
		heard = now_ms();
	}
	return true;
}

int main(int argc, char **argv)
{
	struct pollfd poller = { 0 };
	bool listens, closed = false, more = true;

	if (argc != 7 || (strcmp(argv[1], "listen") && strcmp(argv[1], "connect")))
		errx(2, "usage: stream listen|connect ADDRESS PORT BYTES-PER-SECOND KEEP STATUS");
	listens = !strcmp(argv[1], "listen");
	rate = strtoull(argv[4], NULL, 0);
	keep = strtoull(argv[5], NULL, 0);
	status = argv[6];
	if (!rate || keep >= ROOM / 4)
		errx(2, "a rate of 0, or too much to keep");
	out.seed = listens ? 1 : 2;
	in.seed = listens ? 2 : 1;
	signal(SIGTERM, end);

	poller.fd = open_stream(listens, argv[2], argv[3]);
	began = now_ms();
	heard = began;
	while (more || !closed) {
		if (now_ms() - said > 200)
			say("running");
		if (!closed) {
			send_due(poller.fd);
			if (over && out_sent == out_len) {
				if (shutdown(poller.fd, SHUT_WR))
					lost("shutdown");
				closed = true;
			}
		}
		/* Data may wait for long where some is kept: not a reason to wake up. */
		poller.events = POLLRDHUP | (keep ? 0 : POLLIN);
		if (poll(&poller, more ? 1 : 0, 10) < 0 && errno != EINTR)
			err(1, "poll");
		if (more && (poller.revents & POLLRDHUP))
			keep = 0;
		if (more && !receive(poller.fd)) {
			more = false;
			over = 1;
		}
	}
	say("done");
	return 0;
}
