// SPDX-License-Identifier: GPL-2.0-only
/* A device IOTLB: what is asked for, when, and what is not touched without. */
#include <stdlib.h>
#include <sys/mman.h>

#include "clock.h"
#include "scattered.h"

/* Where nothing of the guest's is. */
#define ELSEWHERE	0x7000000000ULL

/* With nobody who answers unasked. */
FIXTURE(iova) {
	struct run r;
	struct vq *tx;
	struct vq *rx;
	uint64_t slot;		/* of TX's first head */
};

ON_BOTH_DEVICES(iova);

FIXTURE_SETUP(iova)
{
	struct run_opts o = { .path = variant->path, .features = F_MRG_RXBUF };

	ASSERT_EQ(0, run_open(&self->r, &o));
	self->tx = &self->r.v->vq[TX];
	self->rx = &self->r.v->vq[RX];
	self->slot = nic_slot(&self->r.nic, TX, 0);
}

FIXTURE_TEARDOWN(iova)
{
	run_close(&self->r);
}

/* Post a frame in TX's first slot, and kick. */
static int post_tx(struct run *r, uint32_t seed)
{
	uint8_t frame[60];
	int head;

	frame_fill(frame, sizeof(frame), seed);
	head = nic_post_tx(&r->nic, NULL, NULL, frame, sizeof(frame));
	vq_kick_always(&r->v->vq[TX]);
	return head < 0 ? head : 0;
}

/* It arrives as it was. */
static int sent(struct run *r, uint32_t seed)
{
	uint8_t frame[64];
	int ret = wire_recv(r->nic.wire, NULL, frame, 64, NIC_TIMEOUT);

	if (ret != 60)
		return ret < 0 ? ret : -EMSGSIZE;
	if (frame_check(frame, 60, seed) >= 0)
		return -EBADMSG;
	return nic_reap_tx(&r->nic, 1, NIC_TIMEOUT);
}

/* The next question that is not about the page before; 0 or -errno. */
static int next_question(struct run *r, uint64_t before,
			 struct vhost_iotlb_msg *m)
{
	int ret;

	/* vhost-net may ask several times. */
	do {
		ret = iotlb_read(r->v->fd, r->t.v2, m, NIC_TIMEOUT);
	} while (!ret && m->iova / PAGE == before / PAGE);
	return ret;
}

/* Each part of the ring, then the buffer: one question after the other. */
TEST_F(iova, questions_in_turn)
{
	struct run *r = &self->r;
	const struct {
		uint64_t iova;
		uint8_t perm;
	} want[] = {
		{ iotlb_iova(&r->t, self->tx->desc), VHOST_ACCESS_RO },
		{ iotlb_iova(&r->t, self->tx->avail), VHOST_ACCESS_RO },
		{ self->slot, VHOST_ACCESS_RO },
	};
	struct vhost_iotlb_msg m;
	uint64_t before = 0;

	ASSERT_EQ(0, iotlb_map_used(&r->t));
	ASSERT_EQ(0, vmm_backend(r->v, TX, r->nic.tap));
	ASSERT_EQ(0, post_tx(r, 1));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ASSERT_EQ(0, next_question(r, before, &m)) {
			TH_LOG("question %zu", i);
		}
		EXPECT_EQ(want[i].iova / PAGE, m.iova / PAGE);
		EXPECT_EQ(want[i].perm, m.perm);
		/* Not a moment before. */
		EXPECT_EQ(-ETIMEDOUT, wire_recv(r->nic.wire, NULL, &m, 1, 50));
		before = want[i].iova;
		ASSERT_EQ(0, iotlb_map(&r->t, before, 1));
	}
	EXPECT_EQ(0, sent(r, 1));
	/* All is known now. */
	ASSERT_EQ(0, post_tx(r, 2));
	EXPECT_EQ(0, sent(r, 2));
	if (variant->vhostx) {
		EXPECT_EQ(-ETIMEDOUT, iotlb_read(r->v->fd, true, &m, 100));
	}
}

/* An RX buffer is asked for when a frame comes, for writing. */
TEST_F(iova, question_for_a_buffer)
{
	struct run *r = &self->r;
	uint64_t at = nic_slot(&r->nic, RX, 0);
	struct vhost_iotlb_msg m;
	uint8_t frame[FRAME_MAX];

	ASSERT_EQ(0, run_start(r));
	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	nic_fill_rx(&r->nic, 1, 3 * PAGE);
	frame_fill(frame, 2 * PAGE, 1);
	ASSERT_EQ(0, wire_send(r->nic.wire, NULL, frame, 2 * PAGE));
	for (int i = 0; i < 3; i++) {
		/* vhost-net may have asked for rings before they came. */
		do {
			ASSERT_EQ(0, next_question(r, at + (i - 1) * PAGE,
						   &m));
		} while (m.iova < at);
		EXPECT_EQ((at + i * PAGE) / PAGE, m.iova / PAGE);
		EXPECT_EQ(VHOST_ACCESS_WO, m.perm);
		EXPECT_EQ(-ETIMEDOUT, vq_wait(self->rx, 50));
		ASSERT_EQ(0, iotlb_map(&r->t, at + i * PAGE, 1));
	}
	EXPECT_EQ(2 * PAGE, nic_recv(&r->nic, NULL, frame, sizeof(frame),
				     NIC_TIMEOUT));
	EXPECT_EQ(-1, frame_check(frame, 2 * PAGE, 1));
}

/*
 * A VMM that knows no translation says nothing: the next kick is the queue's next
 * chance, and asks for what is missing by then. What vhost-net does is said alone.
 */
TEST_F(iova, kick_asks_again)
{
	struct run *r = &self->r;
	struct vhost_iotlb_msg m;
	int ret;

	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	ASSERT_EQ(0, vmm_backend(r->v, TX, r->nic.tap));
	ASSERT_EQ(0, post_tx(r, 1));
	ASSERT_EQ(0, next_question(r, 0, &m));
	EXPECT_EQ(self->slot / PAGE, m.iova / PAGE);
	while (!iotlb_read(r->v->fd, true, &m, 200))
		;
	vq_kick_always(self->tx);
	ret = iotlb_read(r->v->fd, true, &m, 500);
	if (!variant->vhostx) {
		TH_LOG("vhost-net: %s", ret ? "asks no more" : "asks again");
		return;
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(self->slot / PAGE, m.iova / PAGE);
	/* Nobody but the kick did that. */
	EXPECT_EQ(-ETIMEDOUT, iotlb_read(r->v->fd, true, &m, 200));

	/* Meanwhile the ring went, too: that comes first. */
	ASSERT_EQ(0, iotlb_invalidate(r->v->fd,
				      iotlb_iova(&r->t, self->tx->desc), 1));
	vq_kick_always(self->tx);
	ASSERT_EQ(0, iotlb_read(r->v->fd, true, &m, NIC_TIMEOUT));
	EXPECT_EQ(iotlb_iova(&r->t, self->tx->desc) / PAGE, m.iova / PAGE);
	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	ASSERT_EQ(0, iotlb_read(r->v->fd, true, &m, NIC_TIMEOUT));
	EXPECT_EQ(self->slot / PAGE, m.iova / PAGE);
	ASSERT_EQ(0, iotlb_map(&r->t, self->slot, 1));
	EXPECT_EQ(0, sent(r, 1));
}

/* Each page once, whatever of it is used and how often. */
TEST_F(iova, asked_once)
{
	struct run *r = &self->r;

	ASSERT_EQ(0, iotlb_serve(&r->t));
	ASSERT_EQ(0, run_start(r));
	for (int i = 0; i < 30; i++) {
		ASSERT_EQ(0, burst_tx(r, SMALL, small, NULL, i));
		ASSERT_EQ(0, burst_rx(r, SMALL, small, 2048, i));
	}
	EXPECT_EQ(0, iotlb_rest(&r->t));
	EXPECT_LT(10, atomic_load(&r->t.misses));
	for (unsigned int i = 0; variant->vhostx && i < r->t.misses; i++) {
		EXPECT_EQ(1, iotlb_asked(&r->t, r->t.miss[i].iova)) {
			TH_LOG("%llx", r->t.miss[i].iova);
		}
	}
	EXPECT_WELL();
}

/* Once taken back nothing is used without asking again. */
TEST_F(iova, invalidate)
{
	struct run *r = &self->r;
	struct vhost_iotlb_msg m;

	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	ASSERT_EQ(0, iotlb_map(&r->t, self->slot, 1));
	ASSERT_EQ(0, vmm_backend(r->v, TX, r->nic.tap));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, post_tx(r, i));
		ASSERT_EQ(0, sent(r, i));
		ASSERT_EQ(0, iotlb_move(&r->t, self->slot));
		/* As the device learns nothing the frame stays. */
		ASSERT_EQ(0, post_tx(r, 100 + i));
		EXPECT_EQ(0, next_question(r, 0, &m));
		EXPECT_EQ(self->slot / PAGE, m.iova / PAGE);
		EXPECT_EQ(-ETIMEDOUT, vq_wait(self->tx, 50));
		ASSERT_EQ(0, iotlb_map(&r->t, self->slot, 1));
		EXPECT_EQ(0, sent(r, 100 + i));
	}
}

/* One byte of it is as good as all. */
TEST_F(iova, invalidate_a_part)
{
	struct run *r = &self->r;
	struct vhost_iotlb_msg m;

	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	ASSERT_EQ(0, iotlb_update(r->v->fd, self->slot, PAGE,
				  iotlb_owner(&r->t, self->slot),
				  VHOST_ACCESS_RW));
	ASSERT_EQ(0, vmm_backend(r->v, TX, r->nic.tap));
	ASSERT_EQ(0, post_tx(r, 1));
	ASSERT_EQ(0, sent(r, 1));
	ASSERT_EQ(0, iotlb_invalidate(r->v->fd, self->slot + PAGE - 1, 1));
	ASSERT_EQ(0, post_tx(r, 2));
	EXPECT_EQ(0, next_question(r, 0, &m));
	EXPECT_EQ(self->slot / PAGE, m.iova / PAGE);
	ASSERT_EQ(0, iotlb_map(&r->t, self->slot, 1));
	EXPECT_EQ(0, sent(r, 2));
}

/* A single translation for all memory: nothing lies scattered. */
TEST_F(iova, one_for_all)
{
	struct run *r = &self->r;

	ASSERT_EQ(0, iotlb_update(r->v->fd, VMM_GPA, r->v->mem_size, r->v->mem,
				  VHOST_ACCESS_RW));
	ASSERT_EQ(0, vmm_start(r->v, r->nic.tap));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, burst_tx(r, SMALL, small, NULL, i));
		ASSERT_EQ(0, burst_rx(r, SMALL, small, 2048, i));
	}
	EXPECT_EQ(-ETIMEDOUT, iotlb_read(r->v->fd, true, r->t.miss, 100));
	EXPECT_WELL();
}

/* Buffers whose translations begin and end anywhere. */
TEST_F(iova, odd_pieces)
{
	struct run *r = &self->r;
	uint8_t *from = r->v->mem + (self->slot - VMM_GPA), *to;
	size_t len = 9000;

	to = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, to);
	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	ASSERT_EQ(0, vmm_backend(r->v, TX, r->nic.tap));
	for (unsigned int step = 100; step < 2000; step += 333) {
		uint8_t *at = to;

		ASSERT_EQ(0, iotlb_invalidate(r->v->fd, self->slot, 4 * PAGE));
		for (size_t i = 0; i < len + HDR; i += step, at += step + 7)
			ASSERT_EQ(0, iotlb_update(r->v->fd, self->slot + i,
						  step, at, VHOST_ACCESS_RO));
		memset(from, 0, HDR);
		frame_fill(from + HDR, len, step);
		at = to;
		for (size_t i = 0; i < len + HDR; i += step, at += step + 7)
			memcpy(at, from + i, step);
		/* Leaves something else where the frame was laid out. */
		ASSERT_EQ(0, nic_post_tx(&r->nic, NULL, NULL, to, len));
		vq_kick(self->tx);
		ASSERT_EQ((int)len, wire_recv(r->nic.wire, NULL, from,
					      FRAME_MAX, NIC_TIMEOUT));
		EXPECT_EQ(-1, frame_check(from, len, step));
		ASSERT_EQ(0, nic_reap_tx(&r->nic, 1, NIC_TIMEOUT));
	}
}

/*
 * What a translation forbids: vhostx drops the frame, counts it and goes on,
 * as with any bad address. On vhostx alone: vhost-net stops the queue.
 */
TEST_F(iova, buffer_not_for_reading)
{
	struct run *r = &self->r;
	struct stats st;

	if (!variant->vhostx)
		return;
	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	ASSERT_EQ(0, iotlb_protect(&r->t, self->slot, VHOST_ACCESS_WO));
	ASSERT_EQ(0, iotlb_map(&r->t, self->slot, 1));
	ASSERT_EQ(0, vmm_start(r->v, r->nic.tap));
	ASSERT_EQ(0, post_tx(r, 1));
	EXPECT_EQ(0, nic_reap_tx(&r->nic, 1, NIC_TIMEOUT));
	ASSERT_EQ(0, nic_stats(TX, &st));
	EXPECT_EQ(1, st.drop_addr);
	ASSERT_EQ(0, iotlb_protect(&r->t, self->slot, VHOST_ACCESS_RO));
	ASSERT_EQ(0, iotlb_map(&r->t, self->slot, 1));
	ASSERT_EQ(0, post_tx(r, 2));
	EXPECT_EQ(0, sent(r, 2));
}

TEST_F(iova, buffer_not_for_writing)
{
	struct run *r = &self->r;
	uint64_t at = nic_slot(&r->nic, RX, 0);
	uint8_t frame[128];
	struct stats st;
	uint32_t id, len;

	if (!variant->vhostx)
		return;
	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	ASSERT_EQ(0, iotlb_protect(&r->t, at, VHOST_ACCESS_RO));
	ASSERT_EQ(0, iotlb_map(&r->t, at, 1));
	ASSERT_EQ(0, iotlb_map(&r->t, nic_slot(&r->nic, RX, 1), 1));
	ASSERT_EQ(0, vmm_start(r->v, r->nic.tap));
	nic_fill_rx(&r->nic, 2, 2048);
	frame_fill(frame, 100, 1);
	ASSERT_EQ(0, wire_send(r->nic.wire, NULL, frame, 100));
	/* The bad buffer comes back, the good one has the frame. */
	ASSERT_EQ(0, vq_wait(self->rx, NIC_TIMEOUT));
	ASSERT_EQ(1, vq_reap(self->rx, &id, &len));
	EXPECT_EQ(0, len);
	EXPECT_EQ(100, nic_recv(&r->nic, NULL, frame, 128, NIC_TIMEOUT));
	EXPECT_EQ(-1, frame_check(frame, 100, 1));
	ASSERT_EQ(0, nic_stats(RX, &st));
	EXPECT_EQ(1, st.drop_addr);
}

/* A ring that may not be used so breaks, says so, and can be mended. */
TEST(ring_forbidden)
{
	static const struct {
		const char *reason;
		uint8_t perm;
	} part[] = {
		{ "desc-read", VHOST_ACCESS_WO },
		{ "avail-read", VHOST_ACCESS_WO },
		{ "used-write", VHOST_ACCESS_RO },
	};
	struct run_opts o = {
		.path = DEV_VHOSTX, .features = F_MRG_RXBUF, .num = 1024,
	};
	struct stats st;
	struct run r;

	for (int i = 0; i < 3; i++) {
		struct vq *q;
		uint64_t page;

		ASSERT_EQ(0, run_open(&r, &o));
		q = &r.v->vq[TX];
		/* The last page of it; the start needs the first of used. */
		page = iotlb_iova(&r.t, i == 0 ? (void *)&q->desc[1023] :
				  i == 1 ? (void *)&q->avail->ring[1023] :
					   (void *)&q->used->ring[1023]);
		ASSERT_EQ(0, iotlb_map_rings(&r.t));
		ASSERT_EQ(0, iotlb_protect(&r.t, page, part[i].perm));
		ASSERT_EQ(0, iotlb_map(&r.t, page, 1));
		ASSERT_EQ(0, iotlb_serve(&r.t));
		ASSERT_EQ(0, vmm_start(r.v, r.nic.tap));
		ASSERT_EQ(0, post_tx(&r, 1));
		EXPECT_EQ(1, efd_read(q->err, NIC_TIMEOUT));
		ASSERT_EQ(0, nic_stats(TX, &st));
		EXPECT_EQ(0, strcmp("broken", st.state)) TH_LOG("%s", st.state);
		EXPECT_EQ(0, strcmp(part[i].reason, st.reason)) {
			TH_LOG("%s", st.reason);
		}
		/* Once, and RX is none the worse. */
		vq_kick_always(q);
		EXPECT_EQ(0, efd_read(q->err, 50));
		EXPECT_EQ(0, burst_rx(&r, 1, small, 2048, 1));

		ASSERT_EQ(0, iotlb_protect(&r.t, page, VHOST_ACCESS_RW));
		ASSERT_EQ(0, vmm_backend(r.v, TX, r.nic.tap));
		EXPECT_EQ(0, sent(&r, 1));
		EXPECT_EQ(0, iotlb_rest(&r.t));
		run_close(&r);
	}
}

/* No IOMMU has smaller pages: half of one is no translation of a ring's. */
TEST(ring_page_in_halves)
{
	struct run_opts o = {
		.path = DEV_VHOSTX, .features = F_MRG_RXBUF, .num = 1024,
	};
	struct stats st;
	struct run r;
	uint64_t page;

	ASSERT_EQ(0, run_open(&r, &o));
	page = iotlb_iova(&r.t, r.v->vq[TX].desc);
	ASSERT_EQ(0, iotlb_map_rings(&r.t));
	ASSERT_EQ(0, iotlb_update(r.v->fd, page, PAGE / 2,
				  iotlb_owner(&r.t, page), VHOST_ACCESS_RW));
	ASSERT_EQ(0, iotlb_update(r.v->fd, page + PAGE / 2, PAGE / 2,
				  iotlb_owner(&r.t, page) + PAGE / 2,
				  VHOST_ACCESS_RW));
	ASSERT_EQ(0, iotlb_serve(&r.t));
	ASSERT_EQ(0, vmm_start(r.v, r.nic.tap));
	ASSERT_EQ(0, post_tx(&r, 1));
	EXPECT_EQ(1, efd_read(r.v->vq[TX].err, NIC_TIMEOUT));
	ASSERT_EQ(0, nic_stats(TX, &st));
	EXPECT_EQ(0, strcmp("desc-read", st.reason)) TH_LOG("%s", st.reason);
	EXPECT_EQ(0, burst_rx(&r, 1, small, 2048, 1));

	/* Whole again, it can be started again. */
	ASSERT_EQ(0, iotlb_map(&r.t, page, 1));
	ASSERT_EQ(0, vmm_backend(r.v, TX, r.nic.tap));
	EXPECT_EQ(0, sent(&r, 1));
	EXPECT_EQ(0, iotlb_rest(&r.t));
	run_close(&r);
}

/* Whatever a queue was asking for as its backend goes, it asks no more. */
TEST_F(iova, stop_while_asking)
{
	struct run *r = &self->r;
	struct vhost_iotlb_msg m;

	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, run_start(r));
		vq_kick_always(self->tx);
		vq_kick_always(self->rx);
		if (i % 3)
			usleep(random() % 2000);
		ASSERT_EQ(0, vmm_stop(r->v));
		EXPECT_EQ(-ETIMEDOUT, iotlb_read(r->v->fd, true, &m, i % 4));
	}
	ASSERT_EQ(0, iotlb_serve(&r->t));
	ASSERT_EQ(0, run_start(r));
	EXPECT_EQ(0, burst_tx(r, SMALL, small, NULL, 1));
	EXPECT_EQ(0, burst_rx(r, SMALL, small, 2048, 1));
	EXPECT_EQ(0, iotlb_rest(&r->t));
	EXPECT_WELL();
}

/* Nothing is asked of a guest that has no addresses: the ring is elsewhere. */
TEST_F(iova, ring_moves)
{
	struct run *r = &self->r;
	struct vhost_iotlb_msg m;

	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	ASSERT_EQ(0, iotlb_map(&r->t, self->slot, 1));
	ASSERT_EQ(0, vmm_backend(r->v, TX, r->nic.tap));
	ASSERT_EQ(0, post_tx(r, 1));
	ASSERT_EQ(0, sent(r, 1));
	/* The same ring under another address: not known. */
	r->v->mem -= ELSEWHERE - VMM_GPA;
	ASSERT_EQ(0, vmm_set_addr(r->v, TX));
	r->v->mem += ELSEWHERE - VMM_GPA;
	ASSERT_EQ(0, post_tx(r, 2));
	EXPECT_EQ(0, next_question(r, 0, &m));
	EXPECT_LE(ELSEWHERE, m.iova);
	EXPECT_EQ(-ETIMEDOUT, vq_wait(self->tx, 50));
	ASSERT_EQ(0, vmm_set_addr(r->v, TX));
	vq_kick_always(self->tx);
	EXPECT_EQ(0, sent(r, 2));
}

/* Kilobytes that the kernel's own data takes. */
static long slab_kb(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Slab: %ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

#define UPDATES		1000000
#define ENTRIES		2048

/* A guest that maps without end: the oldest goes for the newest. */
TEST_F_TIMEOUT(iova, bounded, 100)
{
	struct run *r = &self->r;
	long before, after, begin = now_ms();
	struct vhost_iotlb_msg m;
	unsigned int i;

	ASSERT_EQ(0, iotlb_map_rings(&r->t));
	ASSERT_EQ(0, iotlb_map(&r->t, self->slot, 1));
	ASSERT_EQ(0, vmm_backend(r->v, TX, r->nic.tap));
	ASSERT_EQ(0, post_tx(r, 1));
	ASSERT_EQ(0, sent(r, 1));
	for (i = 0; i < 2 * ENTRIES; i++)
		ASSERT_EQ(0, iotlb_update(r->v->fd, ELSEWHERE + i * 8192ULL,
					  4096, r->v->mem, VHOST_ACCESS_RW));
	before = slab_kb();
	for (; i < DIFFERS(UPDATES, UPDATES / 10); i++)
		ASSERT_EQ(0, iotlb_update(r->v->fd, ELSEWHERE + i * 8192ULL,
					  4096, r->v->mem, VHOST_ACCESS_RW));
	after = slab_kb();
	EXPECT_LT(0, before);
	EXPECT_GT(4096, after - before);
	TH_LOG("%u updates in %ld ms, slab %+ld kB", i, now_ms() - begin,
	       after - before);

	/* All that was known is gone: it is asked for again. */
	ASSERT_EQ(0, post_tx(r, 2));
	EXPECT_EQ(0, next_question(r, 0, &m));
	ASSERT_EQ(0, iotlb_serve(&r->t));
	ASSERT_EQ(0, iotlb_map(&r->t, m.iova, 1));
	EXPECT_EQ(0, sent(r, 2));
	EXPECT_EQ(0, iotlb_rest(&r->t));
}

TEST_HARNESS_MAIN
