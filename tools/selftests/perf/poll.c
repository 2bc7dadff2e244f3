// SPDX-License-Identifier: GPL-2.0-only
/*
 * What polling gives and costs: how long a frame takes from its posting to its return, at a
 * light load, and what the worker uses when nothing is to do. A line of JSON for each figure.
 * Usage: poll [-r ROUNDS]
 */
#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "cpus.h"
#include "netlink.h"
#include "nic.h"

#define SAMPLES		2000
#define THINK_US	100	/* of the driver, between two frames */
#define POLL_US		1000
#define IDLE_S		3

static const struct {
	const char *name;
	uint32_t mode;
} modes[] = {
	{ "off", VHOSTX_POLL_MODE_OFF },
	{ "fixed", VHOSTX_POLL_MODE_FIXED },
	{ "adaptive", VHOSTX_POLL_MODE_ADAPTIVE },
};

static void must(const char *what, int ret)
{
	if (ret < 0)
		errx(1, "%s: %s", what, strerror(-ret));
}

static void got_dev(const struct nl_object *o, void *data)
{
	if (nl_u32(o, VHOSTX_A_DEV_OWNER_PID) == (uint32_t)getpid())
		*(uint32_t *)data = nl_u32(o, VHOSTX_A_DEV_ID);
}

static void set_mode(uint32_t mode)
{
	static struct nl nl;
	uint32_t dev = UINT32_MAX;

	must("netlink", nl_open(&nl));
	must("device", nl_talk(&nl, nl_request(&nl, VHOSTX_CMD_DEV_GET, NLM_F_DUMP), got_dev,
			       &dev));
	for (uint32_t queue = 0; queue < 2; queue++) {
		struct nlmsghdr *nlh = nl_request(&nl, VHOSTX_CMD_QUEUE_SET, 0);

		mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, dev);
		mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_ID, queue);
		mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_POLL_MODE, mode);
		mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_POLL_US, POLL_US);
		must("polling", nl_talk(&nl, nlh, NULL, NULL));
	}
	nl_close(&nl);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double one_frame(struct nic *nic)
{
	uint8_t frame[100] = { 1 };
	double begin = now_us(), us;

	must("post", nic_post_tx(nic, NULL, NULL, frame, sizeof(frame)));
	vq_kick(&nic->vmm.vq[TX]);
	while (nic_reap_tx(nic, 1, 0))
		if (now_us() - begin > 1e6)
			errx(1, "a frame did not come back in a second");
	us = now_us() - begin;
	wire_recv(nic->wire, NULL, frame, sizeof(frame), NIC_TIMEOUT);
	return us;
}

static void say(const char *what, const char *unit, const char *mode, unsigned int round,
		double value)
{
	printf("{\"kind\":\"poll\",\"what\":\"%s\",\"unit\":\"%s\",\"device\":\"%s\",", what, unit,
	       mode);
	printf("\"round\":%u,\"value\":%.2f}\n", round, value);
}

static void measure(const char *name, uint32_t mode, unsigned int round)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
	};
	static double us[SAMPLES];
	static struct nic nic;
	uint64_t ran;
	double until;
	int tid;

	must("device", nic_open(&nic, &o));
	set_mode(mode);
	tid = worker_find(getpid(), 0);
	/* Who polls on the processor of whom it waits for has to make way for it. */
	must("processors", pin(0, 0) ?: pin(tid, 1));
	for (int i = 0; i < SAMPLES; i++) {
		us[i] = one_frame(&nic);
		until = now_us() + THINK_US;
		while (now_us() < until)
			;
	}
	qsort(us, SAMPLES, sizeof(*us), compare);
	say("a frame's way, p50", "us", name, round, us[SAMPLES / 2]);
	say("a frame's way, p99", "us", name, round, us[SAMPLES * 99 / 100]);

	must("the worker's rest", thread_rests(tid));
	ran = thread_run_ns(tid);
	sleep(IDLE_S);
	say("the idle worker's CPU", "ms per s", name, round,
	    (thread_run_ns(tid) - ran) / 1e6 / IDLE_S);
	nic_close(&nic);
}

int main(int argc, char **argv)
{
	unsigned int rounds = 5;
	int failed = 0, opt, status;

	while ((opt = getopt(argc, argv, "r:")) != -1) {
		if (opt != 'r')
			return 2;
		rounds = strtoul(optarg, NULL, 0);
	}
	for (unsigned int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
			pid_t pid = fork();

			if (!pid) {
				measure(modes[i].name, modes[i].mode, round);
				exit(0);
			}
			if (pid < 0 || waitpid(pid, &status, 0) < 0)
				err(1, "fork");
			failed |= status;
		}
	}
	return failed ? 1 : 0;
}
