// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/if_tun.h>

#include "bpf.h"
#include "rig.h"
#include "runs.h"
#include "stats.h"
#include "tap.h"

#define TAP		"tap0"
#define RING		256
#define HDR		12
#define FEATURES	(F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX | F_VERSION_1)
#define MSS		1448
#define LIMIT_MS	20000

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

/* Bytes of each region where guest memory is cut into several. */
static size_t region_size(const struct rig *r, const struct vmm *v)
{
	return (v->mem_size / r->t->regions) & ~4095UL;
}

/* Guest memory in so many regions; if not scattered, the first ones hold nothing. */
static void set_regions(const struct rig *r, struct vmm *v)
{
	unsigned int nr = r->t->regions, i;
	struct vhost_memory_region m[512] = {};
	size_t size = region_size(r, v);

	for (i = 0; i < nr; i++) {
		if (r->t->scattered) {
			m[i].guest_phys_addr = VMM_GPA + i * size;
			m[i].memory_size = i + 1 < nr ? size : v->mem_size - i * size;
			m[i].userspace_addr = (uintptr_t)v->mem + i * size;
		} else {
			m[i].guest_phys_addr = VMM_GPA * 16 + i * 0x200000ULL;
			m[i].memory_size = 0x1000;
			m[i].userspace_addr = (uintptr_t)v->mem;
		}
	}
	if (!r->t->scattered) {
		m[nr - 1].guest_phys_addr = VMM_GPA;
		m[nr - 1].memory_size = v->mem_size;
	}
	must("memory table", vmm_set_mem_regions(v, m, nr));
}

/* Where the slots are: one behind the other, or each in the next region. */
static void place_slots(struct rig *r, struct rig_port *p)
{
	size_t size = region_size(r, &p->v), first;

	if (!r->t->scattered) {
		r->per_region = RING;
		p->slots = vmm_alloc(&p->v, (size_t)RING * r->slot, 4096);
		return;
	}
	first = (p->v.mem_used + size - 1) / size;
	r->per_region = (RING + r->t->regions - first - 1) / (r->t->regions - first);
	p->slots = VMM_GPA + first * size;
}

static uint64_t slot_at(const struct rig *r, const struct rig_port *p, unsigned int nr)
{
	if (!r->t->scattered)
		return p->slots + (uint64_t)nr * r->slot;
	return p->slots + nr / r->per_region * region_size(r, &p->v) +
	       nr % r->per_region * r->slot;
}

static uint64_t device_features(const struct vmm *v)
{
	uint64_t f;

	if (ioctl(v->fd, VHOST_GET_FEATURES, &f) < 0)
		die("features", -errno);
	return f;
}

static void open_device(struct rig *r, struct rig_port *p, const char *path)
{
	uint64_t features = FEATURES, offered;

	must(path, vmm_open(&p->v, path));
	offered = device_features(&p->v);
	if ((r->t->format & PACKED) && (offered & F_RING_PACKED)) {
		r->format |= PACKED;
		features |= F_RING_PACKED;
	}
	if ((r->t->format & IN_ORDER) && (offered & F_IN_ORDER)) {
		r->format |= IN_ORDER;
		features |= F_IN_ORDER;
	}
	if (r->t->iotlb)
		features |= F_ACCESS_PLATFORM;
	must("rings", vmm_setup_opened(&p->v, features, RING));
	/* What waiting costs is no packet's. */
	must("polling", vmm_set_busyloop(&p->v, r->t->index, 0));
	p->q = &p->v.vq[r->t->index];
	if (r->format == IN_ORDER)
		in_order_init(&p->order, p->q);
}

/* All is translated before it is used. */
static void open_iotlb(struct rig_port *p)
{
	must("IOTLB", iotlb_open(&p->tlb, &p->v, true));
	must("IOTLB", iotlb_map(&p->tlb, VMM_GPA, p->v.mem_used));
	must("IOTLB", iotlb_serve(&p->tlb));
}

static void open_port(struct rig *r, unsigned int nr, const char *path)
{
	struct tap_opts opts = {
		.offloads = TAP_OFFLOADS, .multi_queue = r->t->pairs > 1,
	};
	struct rig_port *p = &r->port[nr];

	p->tap = tap_open(TAP, &opts);
	must("tap", p->tap);
	open_device(r, p, path);
	place_slots(r, p);
	if (r->t->iotlb)
		open_iotlb(p);
	else
		set_regions(r, &p->v);
	must("backend", vmm_backend(&p->v, r->t->index, p->tap));
	p->worker = worker_find(getpid(), nr);
	must("worker", p->worker);
}

static void make_frame(struct rig *r)
{
	if (r->t->len == GSO_LEN)
		frame_tcp(r->frame, r->t->len, 4, MSS, 1, &r->hdr);
	else
		frame_fill(r->frame, r->t->len, 1);
}

void rig_open(struct rig *r, const struct cost_case *t, const char *path)
{
	const struct sched_param first = { .sched_priority = 1 };

	/* The workers, threads of their own, run when this one sleeps. */
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first))
		die("scheduler", -errno);
	memset(r, 0, sizeof(*r));
	r->t = t;
	r->format = SPLIT;
	r->wire = -1;
	r->slot = ((HDR + t->len + t->buffers - 1) / t->buffers + 63) & ~63u;
	make_frame(r);
	must("network namespace", netns_new());
	for (unsigned int i = 0; i < t->pairs; i++)
		open_port(r, i, path);
	if (t->drop)
		must("XDP program", bpf_drop(TAP));
	if (t->index == RX && t->pairs > 1)
		must("steering program", bpf_steer(r->port[0].tap));
	if (t->index == RX) {
		r->wire = wire_open(TAP, t->len == GSO_LEN);
		must("packet socket", r->wire);
	}
}

static void post(struct rig *r, struct rig_port *p)
{
	bool in_order = r->format == IN_ORDER;
	uint32_t left = (HDR + r->t->len + r->t->buffers - 1) / r->t->buffers;
	uint32_t part = left / r->t->parts;
	uint64_t at = slot_at(r, p, in_order ? p->order.desc : p->q->free_head);
	struct vq_seg seg[PARTS_MAX];

	if (r->t->index == TX) {
		memset(vmm_ptr(&p->v, at), 0, HDR);
		memcpy(vmm_ptr(&p->v, at), &r->hdr, sizeof(r->hdr));
		memcpy(vmm_ptr(&p->v, at + HDR), r->frame, r->t->len);
	}
	for (unsigned int i = 0; i < r->t->parts; i++) {
		seg[i].gpa = at;
		seg[i].len = i + 1 < r->t->parts ? part : left;
		seg[i].flags = r->t->index == RX ? VRING_DESC_F_WRITE : 0;
		at += part;
		left -= part;
	}
	must("post", in_order ? in_order_post(&p->order, seg, r->t->parts) :
				vq_post(p->q, seg, r->t->parts, r->t->indirect));
}

/* What is used by now, at most so many chains. */
static unsigned int reap(struct rig *r, struct rig_port *p, unsigned int most)
{
	unsigned int n = 0;
	uint32_t id, len;
	int ret = 1;

	if (r->format == IN_ORDER) {
		ret = in_order_reap(&p->order);
		must("used ring", ret);
		return ret;
	}
	while (n < most && ret) {
		ret = vq_reap(p->q, &id, &len);
		must("used ring", ret);
		n += ret;
	}
	return n;
}

static void take_back(struct rig *r, struct rig_port *p, unsigned int n)
{
	for (;;) {
		n -= reap(r, p, n);
		if (!n)
			break;
		if (!efd_read(p->q->call, LIMIT_MS))
			die("no interrupt", -ETIMEDOUT);
	}
	efd_read(p->q->call, 0);
}

static void send_frames(struct rig *r, unsigned int port)
{
	bool gso = r->t->len == GSO_LEN;

	if (r->t->pairs > 1)
		r->frame[5] = port;
	must("send", wire_send_many(r->wire, gso ? &r->hdr : NULL, r->frame, r->t->len,
				    r->t->burst));
}

void rig_burst(struct rig *r)
{
	unsigned int chains = r->t->burst * r->t->buffers, i, j;
	unsigned int places = r->t->indirect ? 1 : r->t->parts;

	for (i = 0; i < r->t->pairs; i++) {
		vq_call_after(r->port[i].q, r->format & PACKED ? chains * places : chains);
		for (j = 0; j < chains; j++)
			post(r, &r->port[i]);
		vq_kick(r->port[i].q);
		if (r->wire >= 0)
			send_frames(r, i);
	}
	for (i = 0; i < r->t->pairs; i++)
		take_back(r, &r->port[i], chains);
}

void rig_trace(const struct rig *r)
{
	int tid[PAIRS_MAX];

	for (unsigned int i = 0; i < r->t->pairs; i++)
		tid[i] = r->port[i].worker;
	must("trace", runs_begin(tid, r->t->pairs));
}

uint64_t rig_run_ns(const struct rig *r)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < r->t->pairs; i++) {
		uint64_t ns = thread_run_ns(r->port[i].worker);

		if (ns == UINT64_MAX)
			die("the worker's run time", -ESRCH);
		sum += ns;
	}
	return sum;
}
