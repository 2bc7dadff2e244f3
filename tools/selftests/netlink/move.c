// SPDX-License-Identifier: GPL-2.0-only
/*
 * Move a worker between CPUs 0 and 1, a hundred times a second.
 * Usage: move TID SECONDS	prints how often it moved, and how long that took in ms
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "netlink.h"

#define INTERVAL_MS	10

static int move(struct nl *nl, unsigned int tid, const char *cpus)
{
	struct nlmsghdr *nlh = nl_request(nl, VHOSTX_CMD_WORKER_SET, 0);

	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_TID, tid);
	mnl_attr_put_strz(nlh, VHOSTX_A_WORKER_CPUS, cpus);
	return nl_talk(nl, nlh, NULL, NULL);
}

int main(int argc, char **argv)
{
	long start, next, end;
	unsigned int tid, moves = 0;
	static struct nl nl;
	int ret;

	if (argc != 3)
		errx(2, "usage: move TID SECONDS");
	tid = strtoul(argv[1], NULL, 0);
	ret = nl_open(&nl);
	if (ret)
		errx(1, "netlink: %s", strerror(-ret));
	start = now_ms();
	end = start + 1000 * strtol(argv[2], NULL, 0);
	for (next = start; next < end; next += INTERVAL_MS) {
		ret = move(&nl, tid, moves++ % 2 ? "0" : "1");
		if (ret)
			errx(1, "move %u of %u: %s: %s", moves, tid, strerror(-ret), nl.error);
		/* One that is late is not made up for by haste. */
		while (now_ms() < next + INTERVAL_MS)
			usleep(500);
	}
	printf("%u %ld\n", moves, now_ms() - start);
	nl_close(&nl);
	return 0;
}
