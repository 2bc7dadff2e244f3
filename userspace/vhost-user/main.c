// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhostx-user: a vhost-user back end whose rings are served by the kernel module vhostx. Once
 * a front end has set its rings up, no packet and no notification passes through here.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "serve.h"

#define PLACES	64

enum {
	DONE = 0,
	FAILED = 1,
	WRONG = 2,		/* the command line is */
};

static const char usage[] =
	"Usage: vhostx-user {--socket-path=PATH [--client] | --fd=N}\n"
	"                   {--tap=NAME [--queues=N] | --tap-fds=N[:N]...} ...\n"
	"       vhostx-user {--print-capabilities | -h[elp] | -V | --version}\n";

/* What the command line says of a place. */
struct order {
	const char *path, *fd, *tap, *tap_fds, *queues;
	bool client;
};

struct orders {
	unsigned int count;
	struct order list[PLACES];
};

static struct place places[PLACES];

static bool wrong(const char *word, const char *what)
{
	say(word, "%s", what);
	return false;
}

/* A decimal number up to max. */
static bool number_from(const char *word, long min, long max, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(word, &end, 10);
	return end != word && !*end && !errno && *value >= min && *value <= max;
}

/* The options of a place come behind its socket. */
static bool order_take(struct orders *orders, int option, const char *word)
{
	struct order *order = orders->count ? &orders->list[orders->count - 1] : NULL;

	if (option == 's' || option == 'f') {
		if (orders->count == PLACES)
			return wrong(word, "too many sockets");
		order = &orders->list[orders->count++];
		*(option == 's' ? &order->path : &order->fd) = word;
		return true;
	}
	if (!order)
		return wrong(word ? word : "--client", "of which socket? It comes first");
	switch (option) {
	case 't':
		order->tap = word;
		break;
	case 'T':
		order->tap_fds = word;
		break;
	case 'q':
		order->queues = word;
		break;
	case 'c':
		order->client = true;
		break;
	}
	return true;
}

/* N:N:... */
static bool tap_from_fds(struct tap *tap, const char *word)
{
	char *copy = strdup(word), *rest = copy, *part;
	bool good = copy;
	long fd;

	while (good && (part = strsep(&rest, ":"))) {
		good = tap->queues < TAP_QUEUES && number_from(part, 0, INT32_MAX, &fd);
		if (good)
			tap->queue[tap->queues++].fd = fd;
	}
	free(copy);
	return good;
}

static bool open_tap(struct place *place, const struct order *order)
{
	long queues = 1;
	int ret;

	if (!order->tap == !order->tap_fds)
		return wrong(place->name, "wants one of --tap and --tap-fds");
	if (order->queues &&
	    (order->tap_fds || !number_from(order->queues, 1, TAP_QUEUES, &queues)))
		return wrong(order->queues, "no number of queues here");
	if (order->tap) {
		ret = tap_open(&place->tap, order->tap, queues);
	} else {
		if (!tap_from_fds(&place->tap, order->tap_fds))
			return wrong(order->tap_fds, "no descriptors");
		ret = tap_adopt(&place->tap);
	}
	if (ret)
		say(order->tap ? order->tap : order->tap_fds, "cannot be used as a tap: %s",
		    strerror(-ret));
	return !ret;
}

static bool open_place(struct place *place, const struct order *order)
{
	long fd = -1;

	place->path = order->path;
	place->name = order->path ? order->path : order->fd;
	place->client = order->client;
	place->listener = -1;
	if (order->fd && (order->client || !number_from(order->fd, 0, INT32_MAX, &fd)))
		return wrong(order->fd, "no descriptor of a socket, or with --client");
	return open_tap(place, order) && place_open(place, fd);
}

/* What was needed for the tap is needed no more. */
static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !syscall(SYS_capset, &header, none);
}

static int run(const struct orders *orders)
{
	int status = FAILED;
	unsigned int open = 0;

	if (!orders->count) {
		fputs(usage, stderr);
		return WRONG;
	}
	while (open < orders->count && open_place(&places[open], &orders->list[open]))
		open++;
	if (open == orders->count) {
		if (drop_capabilities())
			status = serve(places, open);
		else
			say("capabilities", "%s", strerror(errno));
	} else {
		open++;
	}
	while (open)
		place_close(&places[--open]);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket-path", required_argument, NULL, 's' },
		{ "fd", required_argument, NULL, 'f' },
		{ "tap", required_argument, NULL, 't' },
		{ "tap-fds", required_argument, NULL, 'T' },
		{ "queues", required_argument, NULL, 'q' },
		{ "client", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	struct orders orders = { 0 };
	int option;

	/* With that, nothing else counts. */
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--print-capabilities"))
			return puts("{\n  \"type\": \"net\"\n}") < 0 ? FAILED : DONE;
	while ((option = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
		switch (option) {
		case 'h':
			fputs(usage, stdout);
			return DONE;
		case 'V':
			puts("vhostx-user " VHOSTX_VERSION);
			return DONE;
		case '?':
			fputs(usage, stderr);
			return WRONG;
		default:
			if (!order_take(&orders, option, optarg))
				return WRONG;
		}
	}
	if (optind < argc) {
		say(argv[optind], "no option");
		return WRONG;
	}
	return run(&orders);
}
