// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a packet costs the worker, in nanoseconds of its run time. In a host that counts
 * instructions for time (VHOSTX_ICOUNT=1) these are its instructions, and repeat.
 *
 * Usage: cost [-q] [-j] [-n PACKETS | -s SECONDS] [-r ROUNDS] [-t CASE]
 *	Each round measures vhost-net, then vhostx.
 *	-s: a measurement goes on for so long, and run time is the trace's of the kernel's
 *	switches: for a host whose scheduler counts in ticks
 *	-q: the cases of the short run; -t: those whose name has it in it
 *	-j: a line of JSON for each measurement; a line for each case goes to standard error
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "mark.h"
#include "rig.h"
#include "runs.h"
#include "stats.h"

#define WARM_UP		3	/* bursts before the count begins */
/* Bytes and bursts of a measurement: a large frame needs fewer to be as exact. */
#define BYTES_MAX	(8 << 20)
#define BURSTS_MIN	4

static const char * const devices[] = { DEV_VHOST_NET, DEV_VHOSTX };
#define VHOSTX		1

/* How long a measurement goes on: by packets, or by time if that is not 0. */
struct extent {
	unsigned int packets;
	uint64_t ns;
};

struct result {
	double ns;
	unsigned int format;
};

static unsigned int bursts_of(const struct cost_case *t, unsigned int packets)
{
	unsigned int most = BYTES_MAX / t->len, nr;

	nr = ((packets < most ? packets : most) + t->burst - 1) / t->burst;
	return nr < BURSTS_MIN ? BURSTS_MIN : nr;
}

/* The number of the device in devices, for a profile. */
static void mark_device(const char *path)
{
	if (path == devices[VHOSTX])
		mark(1 + VHOSTX);
	else
		mark(1);
}

/* Bursts until the end of the measurement; how many. */
static unsigned int run(struct rig *r, const struct extent *e)
{
	unsigned int bursts = bursts_of(r->t, e->packets), n = 0;
	uint64_t end = now_ns() + e->ns;

	do {
		rig_burst(r);
		n++;
	} while (e->ns ? now_ns() < end : n < bursts);
	return n;
}

static struct result measure(const struct cost_case *t, const char *path, const struct extent *e)
{
	static struct rig r;
	unsigned int bursts;
	uint64_t ns;

	rig_open(&r, t, path);
	for (unsigned int i = 0; i < WARM_UP; i++)
		rig_burst(&r);
	ns = rig_run_ns(&r);
	if (e->ns)
		rig_trace(&r);
	mark_device(path);
	bursts = run(&r, e);
	mark(MARK_END);
	ns = e->ns ? runs_end() : rig_run_ns(&r) - ns;
	if (!ns)
		errx(1, "%s: its run time is not known", t->name);
	return (struct result){
		.ns = (double)ns / ((double)bursts * t->burst * t->pairs),
		.format = r.format,
	};
}

/* Each in a process and a namespace of its own; 0 or -errno. */
static int apart(const struct cost_case *t, const char *path, const struct extent *e,
		 struct result *result)
{
	int fd[2], status, got;
	pid_t pid;

	if (pipe(fd))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		struct result mine = measure(t, path, e);

		exit(write(fd[1], &mine, sizeof(mine)) != sizeof(mine));
	}
	close(fd[1]);
	got = read(fd[0], result, sizeof(*result));
	close(fd[0]);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return got == sizeof(*result) && !status ? 0 : -EIO;
}

static void put_text(const char *key, const char *value)
{
	printf("\"%s\":\"%s\",", key, value);
}

static void put_number(const char *key, unsigned int value)
{
	printf("\"%s\":%u,", key, value);
}

static void put_flag(const char *key, bool value)
{
	printf("\"%s\":%s,", key, value ? "true" : "false");
}

static void say_json(const struct cost_case *t, const struct extent *e, const char *path,
		     unsigned int round, const struct result *r)
{
	printf("{");
	put_text("kind", e->ns ? "native" : "cost");
	put_text("case", t->name);
	put_text("direction", t->index == TX ? "tx" : "rx");
	put_number("bytes", t->len);
	put_number("burst", t->burst);
	put_text("sink", t->index == RX ? "ring" : t->drop ? "drop" : "stack");
	put_text("format", format_name(t->format));
	put_number("parts", t->parts);
	put_flag("indirect", t->indirect);
	put_number("buffers", t->buffers);
	put_number("regions", t->regions);
	put_flag("scattered", t->scattered);
	put_number("pairs", t->pairs);
	put_flag("iotlb", t->iotlb);
	put_flag("quick", t->quick);
	put_text("device", path + strlen("/dev/"));
	put_text("used_format", format_name(r->format));
	put_number("round", round);
	printf("\"value\":%.1f}\n", r->ns);
	fflush(stdout);
}

/* All rounds of a case; 0, or -errno of the first that failed. */
static int run_case(const struct cost_case *t, const struct extent *e, unsigned int rounds,
		    bool json, FILE *out)
{
	double sum[2] = {};

	for (unsigned int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
			struct result r;
			int ret = apart(t, devices[i], e, &r);

			/* vhost-net shows what it has; vhostx has all of them. */
			if (!ret && i == VHOSTX && r.format != t->format)
				ret = -EOPNOTSUPP;
			if (ret) {
				fprintf(out, "%s: no figure on %s\n", t->name, devices[i]);
				return ret;
			}
			if (json)
				say_json(t, e, devices[i], round, &r);
			sum[i] += r.ns / rounds;
		}
	}
	fprintf(out, "%-46s vhost-net %9.1f  vhostx %9.1f  %.3f\n", t->name, sum[0], sum[1],
		sum[1] / sum[0]);
	fflush(out);
	return 0;
}

int main(int argc, char **argv)
{
	static struct cost_case all[CASES_MAX];
	struct extent e = { .packets = 2048 };
	unsigned int rounds = 1;
	bool quick = false, json = false;
	const char *only = "";
	size_t nr = cases_make(all);
	int failed = 0, opt;

	while ((opt = getopt(argc, argv, "qjn:s:r:t:")) != -1) {
		switch (opt) {
		case 'q':
			quick = true;
			break;
		case 'j':
			json = true;
			break;
		case 'n':
			e.packets = strtoul(optarg, NULL, 0);
			break;
		case 's':
			e.ns = strtod(optarg, NULL) * 1e9;
			break;
		case 'r':
			rounds = strtoul(optarg, NULL, 0);
			break;
		case 't':
			only = optarg;
			break;
		default:
			return 2;
		}
	}
	for (size_t i = 0; i < nr; i++) {
		if ((all[i].quick || !quick) && strstr(all[i].name, only) &&
		    run_case(&all[i], &e, rounds, json, json ? stderr : stdout))
			failed = 1;
	}
	return failed;
}
