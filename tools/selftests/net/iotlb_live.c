// SPDX-License-Identifier: GPL-2.0-only
/* Traffic through a device IOTLB, while translations change; its dirty log. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "dirty.h"
#include "scattered.h"

FIXTURE(traffic) {
	struct run r;
};

FIXTURE_VARIANT(traffic) {
	struct run_opts o;
	bool vhostx;
};

#define TRAFFIC(name, path_, num_, features_, v1_)			\
	FIXTURE_VARIANT_ADD(traffic, name) {				\
		.o = {							\
			.path = path_, .num = num_, .v1 = v1_,		\
			.features = (features_) | F_MRG_RXBUF,		\
		},							\
		.vhostx = sizeof(path_) == sizeof(DEV_VHOSTX),				\
	}
TRAFFIC(vhostx, DEV_VHOSTX, 128, F_INDIRECT, false);
TRAFFIC(vhostx_v1, DEV_VHOSTX, 128, F_INDIRECT | F_EVENT_IDX, true);
TRAFFIC(vhostx_1024, DEV_VHOSTX, 1024, F_INDIRECT, false);
TRAFFIC(vhostx_1024_event_idx, DEV_VHOSTX, 1024, F_INDIRECT | F_EVENT_IDX,
	false);
#ifndef PACKED
TRAFFIC(vhost_net, DEV_VHOST_NET, 128, F_INDIRECT, false);
TRAFFIC(vhost_net_1024_event_idx, DEV_VHOST_NET, 1024,
	F_INDIRECT | F_EVENT_IDX, true);
#endif

FIXTURE_SETUP(traffic)
{
	ASSERT_EQ(0, run_open(&self->r, &variant->o));
	ASSERT_EQ(0, iotlb_serve(&self->r.t));
	ASSERT_EQ(0, run_start(&self->r));
}

FIXTURE_TEARDOWN(traffic)
{
	run_close(&self->r);
}

/* All of the ring more than twice, many frames at a time. */
TEST_F(traffic, around_the_ring)
{
	struct run *r = &self->r;
	unsigned int rounds = 2 * r->v->vq[TX].num / SMALL + 3;

	for (unsigned int i = 0; i < rounds; i++) {
		ASSERT_EQ(0, burst_tx(r, SMALL, small, NULL, i * SMALL)) {
			TH_LOG("round %u: %s", i, unwell());
		}
		ASSERT_EQ(0, burst_rx(r, SMALL, small, 2048, i * SMALL)) {
			TH_LOG("round %u: %s", i, unwell());
		}
	}
	EXPECT_WELL();
	EXPECT_EQ(0, iotlb_rest(&r->t));
}

TEST_F(traffic, each_size)
{
	struct run *r = &self->r;
	size_t len;

	for (unsigned int i = 0; i < 40; i++) {
		len = 60 + (r->most - 60) * i / 40;
		ASSERT_EQ(0, burst_tx(r, 1, &len, NULL, i)) {
			TH_LOG("%zu bytes: %s", len, unwell());
		}
		/* In one buffer of many pages, and in several. */
		ASSERT_EQ(0, burst_rx(r, 1, &len, 0, i)) {
			TH_LOG("%zu bytes: %s", len, unwell());
		}
		ASSERT_EQ(0, burst_rx(r, 1, &len, 1700, i)) {
			TH_LOG("%zu bytes: %s", len, unwell());
		}
	}
	EXPECT_WELL();
	EXPECT_EQ(0, iotlb_rest(&r->t));
}

/* Chains and tables; every fourth table begins before a page's end. */
TEST_F(traffic, indirect)
{
	static const uint32_t piece[] = { 12, 40, 1, 200, 3, 5, 300, 7, 9 };
	struct run *r = &self->r;
	struct vq *q = &r->v->vq[RX];
	uint8_t frame[2048];
	size_t len = 1500;

	for (unsigned int i = 0; i < 24; i++) {
		struct nic_layout l = {
			.n = 2 + i % 8, .len = piece, .indirect = i % 3,
		};

		ASSERT_EQ(0, burst_tx(r, 1, &len, &l, i)) {
			TH_LOG("%u pieces: %s", l.n, unwell());
		}
	}
	for (unsigned int i = 0; i < 24; i++) {
		uint64_t at = nic_slot(&r->nic, RX, q->free_head);
		struct vq_seg seg[5];
		uint32_t id, used;

		for (int j = 0; j < 5; j++)
			seg[j] = (struct vq_seg){
				at + 512 * j, 512, VRING_DESC_F_WRITE
			};
		ASSERT_LE(0, vq_post(q, seg, 5, true));
		vq_kick(q);
		frame_fill(frame, len, i);
		ASSERT_EQ(0, wire_send(r->nic.wire, NULL, frame, len));
		ASSERT_EQ(0, vq_wait(q, NIC_TIMEOUT));
		ASSERT_EQ(1, vq_reap(q, &id, &used));
		EXPECT_EQ(HDR + len, used);
		EXPECT_EQ(-1, frame_check((uint8_t *)vmm_ptr(r->v, at) + HDR,
					  len, i));
	}
	EXPECT_WELL();
	EXPECT_EQ(0, iotlb_rest(&r->t));
}

/*
 * Pages of rings, tables and buffers move under traffic, and are gone from
 * where they were as soon as the invalidation returns.
 */
#define MOVES	150

struct flow {
	struct run *r;
	atomic_bool stop;
	atomic_uint rounds;
	atomic_int error;
};

static void *flow_tx(void *arg)
{
	struct flow *f = arg;

	while (!f->stop && !f->error) {
		f->error = burst_tx(f->r, SMALL, small, NULL, f->rounds);
		f->rounds++;
	}
	return NULL;
}

static void *flow_rx(void *arg)
{
	struct flow *f = arg;

	while (!f->stop && !f->error) {
		f->error = burst_rx(f->r, SMALL, small, 2048, f->rounds);
		f->rounds++;
	}
	return NULL;
}

/* A page that the device uses now, or has used. */
static uint64_t any_page(struct run *r)
{
	const struct vq *q = &r->v->vq[random() % 2];
	uint64_t ring = iotlb_iova(&r->t, q->desc);
	uint64_t end = iotlb_iova(&r->t, &q->used->ring[q->num + 1]);

	if (random() % 2)
		return ring + random() % (end - ring);
	return nic_slot(&r->nic, random() % 2, random() % q->num);
}

TEST_F_TIMEOUT(traffic, pages_move, 60)
{
	struct run *r = &self->r;
	struct flow tx = { .r = r }, rx = { .r = r };
	pthread_t tx_thread, rx_thread;
	int ret = 0;

	srandom(1);
	ASSERT_EQ(0, pthread_create(&tx_thread, NULL, flow_tx, &tx));
	ASSERT_EQ(0, pthread_create(&rx_thread, NULL, flow_rx, &rx));
	for (int i = 0; i < MOVES && !ret && !tx.error && !rx.error; i++) {
		ret = iotlb_move(&r->t, any_page(r));
		usleep(1000);
	}
	tx.stop = true;
	rx.stop = true;
	pthread_join(tx_thread, NULL);
	pthread_join(rx_thread, NULL);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, atomic_load(&tx.error));
	EXPECT_EQ(0, atomic_load(&rx.error));
	EXPECT_LT(10U / slow(), atomic_load(&tx.rounds));
	EXPECT_LT(10U / slow(), atomic_load(&rx.rounds));
	EXPECT_WELL();
	EXPECT_EQ(0, iotlb_rest(&r->t));
	TH_LOG("%u and %u rounds, %u questions", tx.rounds, rx.rounds,
	       r->t.misses);
}

/* The dirty log: guest physical pages, whatever the guest's driver calls them. */
#define LOG_NUM		1024

FIXTURE(log) {
	struct run r;
	struct dirty log;
	struct dirty want;
	struct dirty may;	/* be marked besides */
};

ON_BOTH_DEVICES(log);

FIXTURE_SETUP(log)
{
	struct run_opts o = {
		.path = variant->path,
		.features = F_MRG_RXBUF,
		.num = LOG_NUM,
	};
	struct run *r = &self->r;
	uint64_t end;

	ASSERT_EQ(0, run_open(r, &o));
	end = IOTLB_GPA + r->t.size;
	ASSERT_EQ(0, dirty_open(&self->log, end, 0));
	ASSERT_EQ(0, dirty_open(&self->want, end, 0));
	ASSERT_EQ(0, dirty_open(&self->may, end, 0));
	ASSERT_EQ(0, iotlb_serve(&r->t));
	ASSERT_EQ(0, run_start(r));
	/* As when migration starts: the queues run. */
	ASSERT_EQ(0, burst_tx(r, SMALL, small, NULL, 1));
	ASSERT_EQ(0, burst_rx(r, SMALL, small, 0, 1));
	ASSERT_EQ(0, vmm_set_log(r->v, dirty_base(&self->log)));
	ASSERT_EQ(0, vmm_set_features(r->v, r->features | F_LOG_ALL));
}

FIXTURE_TEARDOWN(log)
{
	run_close(&self->r);
	dirty_close(&self->log);
	dirty_close(&self->want);
	dirty_close(&self->may);
}

/* Mark what len bytes at an I/O virtual address are in. */
static void mark(const struct iotlb *t, struct dirty *d, uint64_t iova,
		 size_t len)
{
	uint64_t page = iova & ~(uint64_t)(PAGE - 1);

	for (; page < iova + len; page += PAGE)
		dirty_mark(d, iotlb_gpa(t, page), 1);
}

static const char *compare(const struct run *r, const struct dirty *want,
			   const struct dirty *may, const struct dirty *log)
{
	unsigned int n = 0;

	for (uint64_t at = IOTLB_GPA; at < IOTLB_GPA + r->t.size; at += PAGE) {
		bool wanted = dirty_has(want, at), has = dirty_has(log, at);

		n += has;
		if (wanted && !has)
			return "a page is missing";
		if (has && !wanted && !dirty_has(may, at))
			return "a page too many";
	}
	/* Nor anywhere else, as at the I/O virtual addresses. */
	return n == dirty_count(log) ? NULL : "elsewhere";
}

#define COMPARE()	compare(r, &self->want, &self->may, &self->log)

/* The device has let go: its lock is held for a whole run. */
static int quiet(struct run *r)
{
	return vmm_get_base(r->v, RX) < 0 || vmm_get_base(r->v, TX) < 0;
}

/* vhost-net marks the whole buffer. */
TEST_F(log, frames)
{
	struct run *r = &self->r;

	srandom(1);
	for (int i = 0; i < 60; i++) {
		uint64_t at = nic_slot(&r->nic, RX, r->v->vq[RX].free_head);
		size_t len = 60 + random() % (r->most - 60);

		dirty_clear(&self->log);
		dirty_clear(&self->want);
		dirty_clear(&self->may);
		mark(&r->t, &self->want, at, HDR + len);
		if (!variant->vhostx)
			mark(&r->t, &self->may, at, HDR + r->most);
		ASSERT_EQ(0, burst_rx(r, 1, &len, 0, i));
		/* What is read is not logged. */
		ASSERT_EQ(0, burst_tx(r, 1, &len, NULL, i));
		ASSERT_EQ(0, quiet(r));
		ASSERT_EQ(NULL, COMPARE()) {
			TH_LOG("%zu bytes: %s", len, COMPARE());
		}
		/* The next time it is elsewhere, and logged there. */
		if (i % 4 == 0)
			ASSERT_EQ(0, iotlb_move(&r->t, at));
	}
	EXPECT_WELL();
	EXPECT_EQ(0, iotlb_rest(&r->t));
}

#ifndef PACKED
/*
 * Its pages are where it was found, not where the ioctl says. vhost-net forgets
 * the second page of an entry that lies in two.
 */
TEST_F(log, used_ring)
{
	struct run *r = &self->r;
	struct vq *q = &r->v->vq[TX];
	size_t len = 60;

	ASSERT_EQ(0, vmm_set_addr_logged(r->v, TX, 0x12345000));
	for (unsigned int i = 0; i < LOG_NUM + LOG_NUM / 2; i++) {
		unsigned int slot = q->used_idx % LOG_NUM;
		/* The last one before a page's end is in two. */
		bool look = slot % 64 > 60;

		if (look) {
			dirty_clear(&self->log);
			dirty_clear(&self->want);
			mark(&r->t, &self->want, iotlb_iova(&r->t, q->used), 4);
			mark(&r->t, &self->want,
			     iotlb_iova(&r->t, &q->used->ring[slot]),
			     DIFFERS(sizeof(q->used->ring[slot]), 1));
		}
		ASSERT_EQ(0, burst_tx(r, 1, &len, NULL, i));
		ASSERT_EQ(0, quiet(r));
		if (look) {
			ASSERT_EQ(NULL, COMPARE()) {
				TH_LOG("entry %u: %s", slot, COMPARE());
			}
		}
	}
	EXPECT_WELL();
	EXPECT_EQ(0, iotlb_rest(&r->t));
}

/*
 * A used ring that is to be logged, from before there was an IOTLB: then its address
 * is an I/O virtual one. A message about it was a BUG() of vhost-net's once.
 */
TEST_F(log, used_ring_before_the_iotlb)
{
	struct run *r = &self->r;
	struct vq *q = &r->v->vq[TX];
	uint8_t *end = (uint8_t *)&q->used->ring[LOG_NUM + 1];
	size_t len = 60;
	int ret;

	ASSERT_EQ(0, vmm_stop(r->v));
	ASSERT_EQ(0, vmm_set_features(r->v, F_LOG_ALL |
				      (r->features & ~F_ACCESS_PLATFORM)));
	ASSERT_EQ(0, vmm_set_addr_logged(r->v, TX, 0x12345000));
	ASSERT_EQ(0, vmm_set_features(r->v, F_LOG_ALL | r->features));
	for (uint8_t *p = (uint8_t *)q->desc; p < end; p += PAGE)
		ASSERT_EQ(0, iotlb_update(r->v->fd, (uintptr_t)p, PAGE,
					  iotlb_owner(&r->t, iotlb_iova(&r->t, p)),
					  VHOST_ACCESS_RW));
	ret = vmm_backend(r->v, TX, r->nic.tap);
	if (!variant->vhostx && ret)
		SKIP(return, "vhost-net of this kernel does not start: %d", ret);
	ASSERT_EQ(0, ret);
	dirty_clear(&self->log);
	mark(&r->t, &self->want, iotlb_iova(&r->t, q->used), 4);
	mark(&r->t, &self->want,
	     iotlb_iova(&r->t, &q->used->ring[q->used_idx % LOG_NUM]), 1);
	ASSERT_EQ(0, burst_tx(r, 1, &len, NULL, 1));
	ASSERT_EQ(0, quiet(r));
	EXPECT_EQ(NULL, COMPARE()) TH_LOG("%s", COMPARE());
	EXPECT_EQ(0, iotlb_rest(&r->t));
}
#endif

TEST_HARNESS_MAIN
