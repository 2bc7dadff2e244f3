// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a packet costs the worker, in nanoseconds of its run time. In a host that counts
 * instructions for time (VHOSTX_ICOUNT=1) these are its instructions, and repeat.
 *
 * Usage: cost [-n PACKETS] [-t CASE] [DEVICE...]	a line for each case and device
 *	-t: those whose name has it in it
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <net/if.h>

#include "frame.h"
#include "stats.h"
#include "tap.h"
#include "vmm.h"

#define TAP		"tap0"
#define RING		256
#define HDR		12
#define FEATURES	(F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX | F_VERSION_1)
#define WARM_UP		3	/* rounds before the count begins */
#define LIMIT_MS	20000

struct test {
	const char *name;
	unsigned int index;	/* RX or TX */
	unsigned int len;	/* bytes of a frame */
	unsigned int burst;	/* frames made available at once */
	unsigned int parts;	/* descriptors of a chain */
	bool indirect;
	bool xdp_drop;
	unsigned int regions;	/* of the memory table */
};

static const struct test tests[] = {
	{ "tx 64 burst 256 drop", TX, 64, 256, 1, false, true, 1 },
	{ "tx 64 burst 64 drop", TX, 64, 64, 1, false, true, 1 },
	{ "tx 64 burst 8 drop", TX, 64, 8, 1, false, true, 1 },
	{ "tx 64 burst 1 drop", TX, 64, 1, 1, false, true, 1 },
	{ "tx 64 burst 256 stack", TX, 64, 256, 1, false, false, 1 },
	{ "tx 64 burst 1 stack", TX, 64, 1, 1, false, false, 1 },
	{ "tx 512 burst 256 drop", TX, 512, 256, 1, false, true, 1 },
	{ "tx 1500 burst 256 drop", TX, 1500, 256, 1, false, true, 1 },
	{ "tx 1500 burst 256 stack", TX, 1500, 256, 1, false, false, 1 },
	{ "tx 65000 burst 16 stack", TX, 65000, 16, 1, false, false, 1 },
	{ "tx 64 burst 64 drop 4 parts", TX, 64, 64, 4, false, true, 1 },
	{ "tx 64 burst 256 drop indirect", TX, 64, 256, 2, true, true, 1 },
	{ "tx 64 burst 256 drop 16 regions", TX, 64, 256, 1, false, true, 16 },
	{ "tx 64 burst 256 drop 509 regions", TX, 64, 256, 1, false, true, 509 },
	{ "rx 64 burst 128", RX, 64, 128, 1, false, false, 1 },
	{ "rx 64 burst 8", RX, 64, 8, 1, false, false, 1 },
	{ "rx 64 burst 1", RX, 64, 1, 1, false, false, 1 },
	{ "rx 1500 burst 128", RX, 1500, 128, 1, false, false, 1 },
	{ "rx 64 burst 128 509 regions", RX, 64, 128, 1, false, false, 509 },
};

struct rig {
	const struct test *t;
	struct vmm v;
	struct vq *q;
	int tap;
	int wire;
	int worker;
	uint64_t slots;
	uint32_t slot;
	uint8_t frame[FRAME_MAX];
};

static void die(const char *what, int ret)
{
	fprintf(stderr, "cost: %s: %s\n", what, strerror(-ret));
	exit(1);
}

static void must(const char *what, int ret)
{
	if (ret < 0)
		die(what, ret);
}

static int bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

/* Have the device throw away what comes in, before there is an sk_buff. */
static void xdp_drop(const char *name)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)insns,
		.insn_cnt = ARRAY_SIZE(insns),
		.license = (uintptr_t)"GPL",
	};
	union bpf_attr link = {};

	link.link_create.prog_fd = bpf(BPF_PROG_LOAD, &load);
	must("XDP program", link.link_create.prog_fd);
	link.link_create.target_ifindex = if_nametoindex(name);
	link.link_create.attach_type = BPF_XDP;
	must("XDP on the tap", bpf(BPF_LINK_CREATE, &link));
}

/* Guest memory in @nr regions, whose first ones hold nothing. */
static void set_regions(struct vmm *v, unsigned int nr)
{
	struct vhost_memory_region r[512] = {};
	unsigned int i;

	for (i = 0; i + 1 < nr; i++) {
		r[i].guest_phys_addr = VMM_GPA * 16 + i * 0x200000ULL;
		r[i].memory_size = 0x1000;
		r[i].userspace_addr = (uintptr_t)v->mem;
	}
	r[i].guest_phys_addr = VMM_GPA;
	r[i].memory_size = v->mem_size;
	r[i].userspace_addr = (uintptr_t)v->mem;
	must("memory table", vmm_set_mem_regions(v, r, nr));
}

static void rig_open(struct rig *r, const struct test *t, const char *path)
{
	const struct sched_param first = { .sched_priority = 1 };
	struct tap_opts opts = { .offloads = TAP_OFFLOADS };

	/* The worker, a thread of its own, runs when this one sleeps. */
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first))
		die("scheduler", -errno);
	memset(r, 0, sizeof(*r));
	r->t = t;
	r->wire = -1;
	must("network namespace", netns_new());
	r->tap = tap_open(TAP, &opts);
	must("tap", r->tap);
	if (t->xdp_drop)
		xdp_drop(TAP);
	if (t->index == RX) {
		r->wire = wire_open(TAP, false);
		must("packet socket", r->wire);
	}
	must(path, vmm_setup(&r->v, path, FEATURES, RING));
	set_regions(&r->v, t->regions);
	r->q = &r->v.vq[t->index];
	r->slot = (HDR + t->len + 63) & ~63u;
	r->slots = vmm_alloc(&r->v, (size_t)RING * r->slot, 4096);
	frame_fill(r->frame, t->len, 1);
	must("backend", vmm_backend(&r->v, t->index, r->tap));
	r->worker = worker_find(getpid(), 0);
	must("worker", r->worker);
}

static void post(struct rig *r)
{
	const struct test *t = r->t;
	uint32_t left = HDR + t->len, part = left / t->parts;
	uint64_t at = r->slots + (uint64_t)r->q->free_head * r->slot;
	struct vq_seg seg[8];
	unsigned int i;

	if (t->index == TX) {
		memset(vmm_ptr(&r->v, at), 0, HDR);
		memcpy(vmm_ptr(&r->v, at + HDR), r->frame, t->len);
	}
	for (i = 0; i < t->parts; i++) {
		seg[i].gpa = at;
		seg[i].len = i + 1 < t->parts ? part : left;
		seg[i].flags = t->index == RX ? VRING_DESC_F_WRITE : 0;
		at += part;
		left -= part;
	}
	must("post", vq_post(r->q, seg, t->parts, t->indirect));
}

/* A burst: all of it is there before the worker runs, and one interrupt ends it. */
static void round_trip(struct rig *r)
{
	struct vq *q = r->q;
	uint16_t end = q->used_idx + r->t->burst;
	volatile uint16_t *event = &q->avail->ring[q->num];
	uint32_t id, len;
	unsigned int i;

	*event = end - 1;
	for (i = 0; i < r->t->burst; i++)
		post(r);
	vq_kick(q);
	for (i = 0; r->wire >= 0 && i < r->t->burst; i++)
		must("send", wire_send(r->wire, NULL, r->frame, r->t->len));
	while ((uint16_t)(*(volatile uint16_t *)&q->used->idx - end) & 0x8000) {
		if (!efd_read(q->call, LIMIT_MS))
			die("no interrupt", -ETIMEDOUT);
	}
	for (i = 0; i < r->t->burst; i++)
		must("used entry", vq_reap(q, &id, &len) == 1 ? 0 : -EPROTO);
	efd_read(q->call, 0);
}

static uint64_t run_time(int tid)
{
	uint64_t ns = thread_run_ns(tid);

	if (!ns)
		die("the worker's run time", -ESRCH);
	return ns;
}

static void measure(const struct test *t, const char *path, unsigned int packets)
{
	unsigned int rounds = (packets + t->burst - 1) / t->burst, i;
	static struct rig r;
	uint64_t ns;

	rig_open(&r, t, path);
	for (i = 0; i < WARM_UP; i++)
		round_trip(&r);
	ns = run_time(r.worker);
	for (i = 0; i < rounds; i++)
		round_trip(&r);
	ns = run_time(r.worker) - ns;
	printf("%s\t%s\t%.1f\n", t->name, path,
	       (double)ns / ((double)rounds * t->burst));
	fflush(stdout);
}

/* Each in a process and a namespace of its own. */
static int apart(const struct test *t, const char *path, unsigned int packets)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		measure(t, path, packets);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die("fork", -errno);
	return status ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const char * const both[] = { DEV_VHOST_NET, DEV_VHOSTX };
	unsigned int packets = 4096, i;
	const char *only = "";
	const char * const *device = both;
	int failed = 0, nr = 2, opt, j;

	while ((opt = getopt(argc, argv, "n:t:")) != -1) {
		if (opt == 'n')
			packets = strtoul(optarg, NULL, 0);
		else if (opt == 't')
			only = optarg;
		else
			return 2;
	}
	if (optind < argc) {
		device = (const char * const *)argv + optind;
		nr = argc - optind;
	}
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		for (j = 0; j < nr && strstr(tests[i].name, only); j++)
			failed |= apart(&tests[i], device[j], packets);
	}
	return failed;
}
