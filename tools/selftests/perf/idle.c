// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device costs that does nothing: how often its worker wakes, and the kernel's
 * memory that it takes with two queues of 256. A line of JSON for each measurement.
 *
 * Usage: idle [-s SECONDS] [-r ROUNDS]
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/if_tun.h>

#include "nic.h"

#define DEVICES		64
#define RING		256
#define FEATURES	(F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX | F_VERSION_1)
#define FRAME		112	/* header included */
#define LONG_FRAME	60000
#define LONG_FRAMES	20
#define REST		5	/* seconds until nothing is in use that is not needed */

static void must(const char *what, int ret)
{
	if (ret < 0) {
		errno = -ret;
		err(1, "%s", what);
	}
}

/* A burst of frames to the tap, which ends up in its stack. */
static void send_burst(struct vmm *v, uint64_t gpa, uint32_t size, unsigned int n)
{
	struct vq_seg seg = { .gpa = gpa, .len = size };
	struct vq *q = &v->vq[TX];
	uint32_t id, len;

	for (unsigned int i = 0; i < n; i++)
		must("post", vq_post(q, &seg, 1, false));
	vq_kick(q);
	while (n) {
		must("interrupt", vq_wait(q, NIC_TIMEOUT));
		while (n && vq_reap(q, &id, &len) == 1)
			n--;
	}
}

static void open_device(struct vmm *v, int tap, const char *path, unsigned int frames)
{
	must(path, vmm_setup(v, path, FEATURES, RING));
	must("backend", vmm_start(v, tap));
	send_burst(v, vmm_alloc(v, 4096, 4096), FRAME, frames);
}

/* Times that a thread was switched to another, for whatever reason. */
static long switches(int tid)
{
	char path[64], line[128];
	long sum = 0, n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	if (!f)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, "ctxt_switches:");

		if (at && sscanf(at, "ctxt_switches: %ld", &n) == 1)
			sum += n;
	}
	fclose(f);
	return sum;
}

static double wakeups(int tap, const char *path, unsigned int seconds)
{
	static struct vmm v;
	long before;
	int tid;

	open_device(&v, tap, path, 1);
	tid = worker_find(getpid(), 0);
	must("worker", tid);
	must("worker rests", thread_rests(tid));
	before = switches(tid);
	sleep(seconds);
	return (double)(switches(tid) - before) / seconds;
}

/* KiB of each of many devices that have moved so many frames. */
static double memory(int tap, const char *path, unsigned int frames)
{
	static struct vmm v[DEVICES];
	long before = kernel_memory();

	for (int i = 0; i < DEVICES; i++)
		open_device(&v[i], tap, path, frames);
	return (double)(kernel_memory() - before) / DEVICES;
}

/* A burst of long frames that wait until somebody has read them. */
static void send_long_frames(struct vmm *v, int wire)
{
	static unsigned char frame[LONG_FRAME];

	send_burst(v, vmm_alloc(v, LONG_FRAME, 4096), LONG_FRAME, LONG_FRAMES);
	for (int i = 0; i < LONG_FRAMES; i++)
		must("frame", wire_recv(wire, NULL, frame, sizeof(frame), NIC_TIMEOUT));
}

/* KiB of each of many devices that come to rest after so many bursts of long frames. */
static double memory_at_rest(int tap, const char *path, unsigned int bursts)
{
	static struct vmm v[DEVICES];
	int wire = wire_open(NIC_TAP, false);
	long before;

	must("wire", wire);
	before = kernel_memory();
	for (int i = 0; i < DEVICES; i++) {
		open_device(&v[i], tap, path, 1);
		for (unsigned int j = 0; j < bursts; j++)
			send_long_frames(&v[i], wire);
	}
	sleep(REST);
	return (double)(kernel_memory() - before) / DEVICES;
}

struct what {
	const char *name;
	const char *unit;
	double (*figure)(int tap, const char *path, unsigned int arg);
	unsigned int arg;
};

/* In a process and a namespace of its own; 0 when it has said its line. */
static int apart(const struct what *w, const char *path, unsigned int round)
{
	struct tap_opts opts = { .offloads = TAP_OFFLOADS };
	pid_t pid = fork();
	int status, tap;
	double value;

	if (!pid) {
		must("network namespace", netns_new());
		tap = tap_open(NIC_TAP, &opts);
		must("tap", tap);
		value = w->figure(tap, path, w->arg);
		printf("{\"kind\":\"idle\",\"what\":\"%s\",\"unit\":\"%s\",", w->name, w->unit);
		printf("\"device\":\"%s\",\"round\":%u,", path + strlen("/dev/"), round);
		printf("\"value\":%.2f}\n", value);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		err(1, "fork");
	/* What it had is freed by and by. */
	sleep(1);
	return status;
}

int main(int argc, char **argv)
{
	static const char * const devices[] = { DEV_VHOST_NET, DEV_VHOSTX };
	const struct rlimit files = { 4096, 4096 };
	unsigned int seconds = 5, rounds = 3;
	int failed = 0, opt;

	while ((opt = getopt(argc, argv, "s:r:")) != -1) {
		if (opt == 's')
			seconds = strtoul(optarg, NULL, 0);
		else if (opt == 'r')
			rounds = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	const struct what all[] = {
		{ "wake-ups of an idle device", "per second", wakeups, seconds },
		{ "memory, after one frame", "KiB", memory, 1 },
		{ "memory, after a full ring", "KiB", memory, RING },
		{ "memory, at rest after long frames", "KiB", memory_at_rest, 2 },
	};

	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "files");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (unsigned int round = 0; round < rounds; round++)
			for (size_t j = 0; j < ARRAY_SIZE(devices); j++)
				failed |= apart(&all[i], devices[j], round);
	return failed ? 1 : 0;
}
