// SPDX-License-Identifier: GPL-2.0-only
/* Packed ring: set-up, fetching, and what breaks a ring. */
#include <string.h>

#include "kselftest_harness.h"

#include "rig.h"

/* Not a power of two: a packed ring need not be. */
#define NUM	250

FIXTURE(packed)
{
	struct rig *rig;
	struct vhostx_ring *r;
};

FIXTURE_SETUP(packed)
{
	self->rig = rig_packed_new(NUM, false);
	self->r = &self->rig->ring;
}

FIXTURE_TEARDOWN(packed)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	rig_free(self->rig);
	EXPECT_EQ(umem.live, 0);
}

/* Another size than the fixture's. */
#define RESIZE(num) do {						\
	rig_free(self->rig);						\
	self->rig = rig_packed_new(num, false);				\
	self->r = &self->rig->ring;					\
} while (0)

#define BREAKS(call, why) do {						\
	ASSERT_EQ(call, -EIO);						\
	ASSERT_EQ(self->r->fault, VHOSTX_FAULT_##why);			\
	ASSERT_TRUE(vhostx_ring_broken(self->r));			\
} while (0)

#define START(at)	rig_packed_start(self->rig, at)
#define POST(addr, len, id, flags)					\
	rig_packed_post(self->rig, addr, len, id, flags)
#define PLACE(at)		rig_packed_place(self->rig, at)
#define PEEK(i)			vhostx_ring_peek(self->r, i)
#define FIRST(i)		(&self->r->desc_cache[PEEK(i)->first])

static void expect_chain(struct __test_metadata *_metadata,
			 struct vhostx_ring *r, u32 i, u16 id, u32 nr)
{
	const struct vhostx_chain *c = vhostx_ring_peek(r, i);

	EXPECT_EQ(c->id, id);
	EXPECT_EQ(c->nr, nr);
	EXPECT_EQ(c->bad, 0);
}

/* With the flags that matter to a mapping. */
static void expect_desc(struct __test_metadata *_metadata,
			const struct vhostx_desc *desc, u64 addr, u32 len,
			u16 flags)
{
	EXPECT_EQ(desc->addr, addr);
	EXPECT_EQ(desc->len, len);
	EXPECT_EQ(desc->flags & (RIG_WRITE | RIG_INDIRECT), flags);
}

#define CHAIN(i, id, nr)	expect_chain(_metadata, self->r, i, id, nr)
#define DESC(desc, addr, len, flags)					\
	expect_desc(_metadata, desc, addr, len, flags)

TEST_F(packed, ok_limits)
{
	struct vhostx_ring *r = self->r;
	const u64 part[] = { NUM * 16, 4, 4 };
	const u32 align[] = { 16, 4, 4 };
	void **at[] = { (void **)&r->desc, (void **)&r->avail,
			(void **)&r->used };
	u32 i, off;

	ASSERT_TRUE(vhostx_ring_ok(r));
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		void *saved = *at[i];

		*at[i] = (void *)(UMEM_LIMIT - part[i]);
		ASSERT_TRUE(vhostx_ring_ok(r));
		*at[i] = (void *)(UMEM_LIMIT - part[i] + align[i]);
		ASSERT_FALSE(vhostx_ring_ok(r));
		for (off = 1; off < align[i]; off++) {
			*at[i] = saved + off;
			ASSERT_FALSE(vhostx_ring_ok(r));
		}
		*at[i] = saved;
	}
}

TEST_F(packed, start)
{
	struct vhostx_ring *r = self->r;

	START(NUM + 7);
	r->fault = VHOSTX_FAULT_DESC_LOOP;
	r->kicks_off = true;
	r->signalled_valid = true;
	r->nr_used = 3;
	r->tail = 2;
	ASSERT_EQ(vhostx_ring_start(r), 0);
	EXPECT_EQ(r->last_avail, 7);
	EXPECT_EQ(r->next, 7);
	EXPECT_EQ(r->last_used, 7);
	EXPECT_EQ(vhostx_ring_base(r), 7 << 16 | 7);
	EXPECT_EQ(r->nr_used, 0);
	EXPECT_EQ(vhostx_ring_cached(r), 0);
	EXPECT_FALSE(r->kicks_off);
	EXPECT_FALSE(r->signalled_valid);
	EXPECT_FALSE(vhostx_ring_broken(r));
}

/* What the device asks for at the start is a kick for whatever comes first. */
TEST_F(packed, start_asks_for_kicks)
{
	struct vhostx_ring *r = self->r;

	memset(r->used, 0xff, 4);
	ASSERT_EQ(vhostx_ring_start(r), 0);
	EXPECT_EQ(rig_packed_event(self->rig).flags,
		  VRING_PACKED_EVENT_FLAG_ENABLE);
	r->event_idx = true;
	START(NUM + 7);
	EXPECT_EQ(rig_packed_event(self->rig).flags,
		  VRING_PACKED_EVENT_FLAG_DESC);
	EXPECT_EQ(rig_packed_event(self->rig).place, 7);
	START(2);
	EXPECT_EQ(rig_packed_event(self->rig).place, 0x8002);
}

TEST_F(packed, start_base)
{
	static const struct {
		u32 base;
		int ret;
		u32 becomes;
	} base[] = {
		{ 0x80008000, 0, 0x80008000 },
		/* One half of it, as DPDK sets it. */
		{ 0x00008000, 0, 0x80008000 },
		{ 0x00000000, 0, 0x00000000 },
		{ 0x80018001, 0, 0x80018001 },
		/* In flight. */
		{ 0x80000000, -EINVAL, 0 },
		{ 0x00008001, -EINVAL, 0 },
		{ 0x00018000, -EINVAL, 0 },
		{ 0x80008001, -EINVAL, 0 },
		{ (NUM - 1) << 16 | (NUM - 1), 0, (NUM - 1) << 16 | (NUM - 1) },
		{ 0x80008000 | NUM, -EINVAL, 0 },
		{ 0x80000000 | NUM, -EINVAL, 0 },
		{ 0x80008000 | NUM << 16, -EINVAL, 0 },
		{ 0x00008000 | NUM << 16, -EINVAL, 0 },
		{ 0x8000ffff, -EINVAL, 0 },
		{ 0xffff8000, -EINVAL, 0 },
		{ 0x7fff7fff, -EINVAL, 0 },
	};
	struct vhostx_ring *saved = malloc(sizeof(*saved));
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(base); i++) {
		vhostx_ring_set_base(self->r, base[i].base);
		EXPECT_EQ(vhostx_ring_base(self->r), base[i].base);
		self->r->nr_used = 3;
		memcpy(saved, self->r, sizeof(*saved));
		umem_mark();
		ASSERT_EQ(vhostx_ring_start(self->r), base[i].ret)
			TH_LOG("base %#x", base[i].base);
		if (!base[i].ret) {
			ASSERT_EQ(vhostx_ring_base(self->r), base[i].becomes);
			continue;
		}
		/* Nothing was done. */
		EXPECT_EQ(umem.nr_log, 0);
		EXPECT_EQ(memcmp(saved, self->r, sizeof(*saved)), 0);
	}
	free(saved);
}

TEST_F(packed, start_faults)
{
	struct vhostx_ring *saved = malloc(sizeof(*saved));

	self->r->nr_used = 3;
	self->r->fault = VHOSTX_FAULT_DESC_LOOP;
	memcpy(saved, self->r, sizeof(*saved));
	umem_fail(self->r->used, 4);
	EXPECT_EQ(vhostx_ring_start(self->r), -EFAULT);
	EXPECT_EQ(memcmp(saved, self->r, sizeof(*saved)), 0);
	free(saved);
}

TEST_F(packed, fetch_none)
{
	EXPECT_EQ(vhostx_ring_fetch(self->r), 0);
	EXPECT_EQ(vhostx_ring_has_avail(self->r), 0);
	EXPECT_EQ(vhostx_ring_cached(self->r), 0);
}

TEST_F(packed, fetch_chain)
{
	/* The id of the last one counts. */
	POST(0x123456789abcdef0, 0x87654321, 1, RIG_NEXT);
	POST(1, 2, 2, RIG_NEXT | RIG_WRITE);
	POST(3, 0, 0xfedc, RIG_WRITE);
	/* Flags that mean nothing. */
	POST(6, 7, 0x1234, 0x7f78);

	ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	ASSERT_EQ(vhostx_ring_cached(self->r), 2);
	CHAIN(0, 0xfedc, 3);
	DESC(FIRST(0), 0x123456789abcdef0, 0x87654321, 0);
	DESC(FIRST(0) + 1, 1, 2, RIG_WRITE);
	DESC(FIRST(0) + 2, 3, 0, RIG_WRITE);
	CHAIN(1, 0x1234, 1);
	DESC(FIRST(1), 6, 7, 0);
	EXPECT_EQ(self->r->last_avail, 0x8000);
	EXPECT_EQ(self->r->next, 0x8004);
	EXPECT_EQ(vhostx_ring_fetch(self->r), 0);
	EXPECT_EQ(vhostx_ring_has_avail(self->r), 0);
	EXPECT_EQ(vhostx_ring_cached(self->r), 2);
	vhostx_ring_use(self->r, 0);
	EXPECT_EQ(self->r->last_avail, 0x8003);
	vhostx_ring_use(self->r, 0);
	EXPECT_EQ(self->r->last_avail, 0x8004);
}

TEST_F(packed, fetch_batches)
{
	int i;

	for (i = 0; i < 2 * VHOSTX_BATCH + 1; i++)
		rig_packed_post_simple(self->rig, i);
	ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_BATCH);
	ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_BATCH);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	ASSERT_EQ(vhostx_ring_has_avail(self->r), 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 0);
	ASSERT_EQ(vhostx_ring_cached(self->r), 2 * VHOSTX_BATCH + 1);
	for (i = 0; i < 2 * VHOSTX_BATCH + 1; i++) {
		CHAIN(i, i, 1);
		ASSERT_EQ(FIRST(i)->addr, rig_gpa(i * 128));
	}
}

/* Both bits have to be right: the lap's own for one, the other for the other. */
TEST_F(packed, fetch_wrap_bits)
{
	static const u16 bits[] = { 0, 0x80, 0x8000, 0x8080 };
	const u64 places[] = { 0, NUM - 1, NUM, 2 * NUM - 1, 2 * NUM };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		for (j = 0; j < ARRAY_SIZE(bits); j++) {
			bool lap = places[i] / NUM % 2;
			int want = bits[j] == (lap ? 0x8000 : 0x80);

			START(places[i]);
			rig_packed_put(self->rig, places[i], 1, 1, 1, bits[j]);
			EXPECT_EQ(vhostx_ring_has_avail(self->r), want);
			EXPECT_EQ(vhostx_ring_fetch(self->r), want);
		}
	}
}

/* Each place on two laps, in chains of each length that go over the end. */
TEST_F(packed, fetch_everywhere)
{
	u64 at;
	u32 nr, i;

	RESIZE(7);
	for (at = 0; at < 14; at++) {
		for (nr = 1; nr <= 7; nr++) {
			START(at);
			for (i = 1; i <= nr; i++)
				POST(i, 100 * i, 10 * nr + i,
				     i < nr ? RIG_NEXT : 0);
			ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
			CHAIN(0, 11 * nr, nr);
			for (i = 1; i <= nr; i++)
				DESC(FIRST(0) + i - 1, i, 100 * i, 0);
			ASSERT_EQ(self->r->next, PLACE(at + nr));
			ASSERT_EQ(vhostx_ring_has_avail(self->r), 0);
			vhostx_ring_use(self->r, nr);
			ASSERT_EQ(vhostx_ring_publish(self->r), 0);
			ASSERT_EQ(self->r->last_avail, PLACE(at + nr));
			ASSERT_EQ(self->r->last_used, PLACE(at + nr));
			ASSERT_EQ(vhostx_ring_fetch(self->r), 0);
		}
	}
}

/* A chain is there when its head is, whatever the others' flags say. */
TEST_F(packed, fetch_by_the_head)
{
	rig_packed_put(self->rig, 0, 1, 1, 1, RIG_NEXT);
	rig_packed_put(self->rig, 1, 2, 2, 2, RIG_NEXT | 0x80);
	rig_packed_put(self->rig, 2, 3, 3, 3, 0x80);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 0);
	rig_packed_put(self->rig, 0, 1, 1, 1, RIG_NEXT | 0x80);
	rig_packed_put(self->rig, 1, 2, 2, 2, RIG_NEXT | 0x8080);
	rig_packed_put(self->rig, 2, 3, 3, 3, 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	CHAIN(0, 3, 3);
}

TEST_F(packed, fetch_order)
{
	const struct umem_event *event = umem.log;
	u32 i;

	for (i = 0; i < 2; i++) {
		POST(1, 1, 1, RIG_NEXT);
		POST(2, 2, 2, 0);
	}
	umem_mark();
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	/* Each head's flags by themselves, and nothing else before a barrier. */
	for (i = 0; i < 2; i++, event += 5) {
		u64 head = (u64)&rig_packed_at(self->rig, 2 * i)->len;

		EXPECT_EQ(event[0].op, UMEM_READ);
		EXPECT_EQ(event[0].addr, head);
		EXPECT_EQ(event[0].len, 8);
		EXPECT_EQ(event[1].op, UMEM_RMB);
		EXPECT_EQ(event[2].op, UMEM_READ);
		EXPECT_EQ(event[3].op, UMEM_READ);
		EXPECT_EQ(event[4].op, UMEM_READ);
	}
	/* The next head, which is not available. */
	EXPECT_EQ(event[0].addr, (u64)&rig_packed_at(self->rig, 4)->len);
	EXPECT_EQ(umem.nr_log, 11);
}

TEST_F(packed, fetch_smallest_ring)
{
	u32 i;

	RESIZE(1);
	for (i = 0; i < 5; i++) {
		rig_packed_post_simple(self->rig, 100 + i);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
		CHAIN(0, 100 + i, 1);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 0);
		vhostx_ring_use(self->r, i);
		ASSERT_EQ(vhostx_ring_publish(self->r), 0);
		ASSERT_EQ(rig_packed_get(self->rig, i).len, i);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 0);
	}
	POST(1, 1, 1, RIG_NEXT);
	BREAKS(vhostx_ring_fetch(self->r), DESC_LOOP);
}

TEST_F(packed, fetch_largest_ring)
{
	u64 i, at;
	int n;

	RESIZE(VHOSTX_RING_MAX);
	START(VHOSTX_RING_MAX / 2);
	at = self->rig->at;
	for (i = 0; i < VHOSTX_RING_MAX; i++)
		POST(i, 1, 3 * i, 0);
	for (i = 0; i < VHOSTX_RING_MAX; ) {
		n = vhostx_ring_fetch(self->r);
		ASSERT_EQ(n, VHOSTX_BATCH);
		for (; n; n--, i++) {
			ASSERT_EQ(PEEK(0)->id, (u16)(3 * i));
			ASSERT_EQ(FIRST(0)->addr, i);
			vhostx_ring_use(self->r, 0);
		}
		ASSERT_EQ(self->r->last_avail, PLACE(at + i));
		ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	}
	ASSERT_EQ(vhostx_ring_fetch(self->r), 0);
}

TEST_F(packed, fetch_faults)
{
	u32 half, i;

	for (half = 0; half < 16; half += 8) {
		umem_fail(NULL, 0);
		START(0);
		for (i = 0; i < 4; i++)
			rig_packed_post_simple(self->rig, i);
		umem_fail((u8 *)rig_packed_at(self->rig, 2) + half, 1);
		/* The sound ones first. */
		ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
		ASSERT_FALSE(vhostx_ring_broken(self->r));
		BREAKS(vhostx_ring_fetch(self->r), DESC_READ);
		EXPECT_EQ(vhostx_ring_cached(self->r), 2);
		EXPECT_EQ(self->r->next, 0x8002);
	}
}

TEST_F(packed, fetch_faults_in_a_chain)
{
	u32 half;

	for (half = 0; half < 16; half += 8) {
		umem_fail(NULL, 0);
		START(NUM - 1);
		POST(1, 1, 1, RIG_NEXT);
		POST(1, 1, 1, 0);
		umem_fail((u8 *)rig_packed_at(self->rig, 0) + half, 1);
		BREAKS(vhostx_ring_fetch(self->r), DESC_READ);
		EXPECT_EQ(vhostx_ring_cached(self->r), 0);
		EXPECT_EQ(self->r->next, PLACE(NUM - 1));
	}
}

TEST_F(packed, has_avail_faults)
{
	umem_fail(&rig_packed_at(self->rig, 0)->flags, 2);
	BREAKS(vhostx_ring_has_avail(self->r), DESC_READ);
}

TEST_F(packed, fetch_refused_window)
{
	rig_packed_post_simple(self->rig, 0);
	self->r->desc = (void *)UMEM_LIMIT;
	BREAKS(vhostx_ring_fetch(self->r), DESC_READ);
}

/* @nr descriptors of one chain, from the driver's next place on. */
static void post_long(struct rig *rig, u32 nr, u16 id)
{
	u32 i;

	for (i = 0; i < nr; i++)
		rig_packed_post(rig, i, 1, id, i + 1 < nr ? RIG_NEXT : 0);
}

TEST_F(packed, loop)
{
	u32 i;

	/* Every descriptor says that there is another. */
	for (i = 0; i < NUM; i++)
		POST(1, 1, 1, RIG_NEXT);
	umem_mark();
	BREAKS(vhostx_ring_fetch(self->r), DESC_LOOP);
	EXPECT_LE(umem.nr_log, 2 * NUM + 1);
	EXPECT_EQ(vhostx_ring_cached(self->r), 0);
	EXPECT_EQ(self->r->next, 0x8000);
}

/* A loop also where it is longer than the cache. */
TEST_F(packed, loop_of_a_large_ring)
{
	u32 i;

	RESIZE(3000);
	START(2000);
	for (i = 0; i < 3000; i++)
		POST(1, 1, 1, RIG_NEXT);
	BREAKS(vhostx_ring_fetch(self->r), DESC_LOOP);
}

TEST_F(packed, loop_just_not)
{
	START(100);
	post_long(self->rig, NUM, 77);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	CHAIN(0, 77, NUM);
	EXPECT_EQ(self->r->next, PLACE(100 + NUM));
	ASSERT_EQ(vhostx_ring_fetch(self->r), 0);
	vhostx_ring_use(self->r, 0);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	EXPECT_EQ(self->r->last_used, PLACE(100 + NUM));
}

TEST_F(packed, indirect_length)
{
	static const u32 bad[] = { 0, 1, 15, 17, 24, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		START(0);
		POST(1, bad[i], 1, RIG_INDIRECT);
		BREAKS(vhostx_ring_fetch(self->r), INDIRECT_LEN);
		/* Also behind others in a chain. */
		START(0);
		POST(1, 1, 1, RIG_NEXT);
		POST(1, bad[i], 1, RIG_INDIRECT);
		BREAKS(vhostx_ring_fetch(self->r), INDIRECT_LEN);
	}
	START(0);
	POST(1, 16, 1, RIG_INDIRECT);
	POST(1, 0xfffffff0, 1, RIG_INDIRECT | RIG_WRITE);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	DESC(FIRST(1), 1, 0xfffffff0, RIG_INDIRECT | RIG_WRITE);
}

TEST_F(packed, indirect_chained)
{
	POST(1, 16, 1, RIG_INDIRECT | RIG_NEXT);
	POST(1, 16, 1, 0);
	BREAKS(vhostx_ring_fetch(self->r), INDIRECT_NEST);
	/* Last in a chain is where it may be. */
	START(0);
	POST(1, 1, 1, RIG_NEXT);
	POST(1, 16, 2, RIG_INDIRECT);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	CHAIN(0, 2, 2);
}

/* A structural fault is met at its turn: what came before is served. */
TEST_F(packed, sound_ones_first)
{
	rig_packed_post_simple(self->rig, 1);
	rig_packed_post_simple(self->rig, 2);
	POST(1, 1, 1, RIG_INDIRECT);
	rig_packed_post_simple(self->rig, 3);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	vhostx_ring_use(self->r, 0);
	vhostx_ring_use(self->r, 0);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	BREAKS(vhostx_ring_fetch(self->r), INDIRECT_LEN);
	EXPECT_EQ(self->r->last_avail, 0x8002);
	EXPECT_EQ(self->r->last_used, 0x8002);
	EXPECT_EQ(vhostx_ring_cached(self->r), 0);
	/* Start again: from the chain that was next. */
	rig_packed_put(self->rig, 2, 1, 1, 5, 0x80);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	CHAIN(0, 5, 1);
	CHAIN(1, 3, 1);
}

TEST_F(packed, chain_longest)
{
	RESIZE(2048);
	START(1500);
	post_long(self->rig, VHOSTX_CHAIN_MAX, 5);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	CHAIN(0, 5, VHOSTX_CHAIN_MAX);
	EXPECT_EQ(FIRST(0)[VHOSTX_CHAIN_MAX - 1].addr, VHOSTX_CHAIN_MAX - 1);
}

/* Too long for a frame, but it goes back whole, and what follows is right. */
TEST_F(packed, chain_too_long)
{
	static const u32 lens[] = { VHOSTX_CHAIN_MAX + 1, 2500, 2998 };
	unsigned int i;

	RESIZE(3000);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		u64 at = 2000 + 500 * i;

		START(at);
		rig_packed_post_simple(self->rig, 2000);
		post_long(self->rig, lens[i], 5);
		rig_packed_post_simple(self->rig, 2001);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
		ASSERT_EQ(vhostx_ring_fetch(self->r), -ENOSPC);
		vhostx_ring_use(self->r, 0);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
		EXPECT_EQ(PEEK(0)->id, 5);
		EXPECT_EQ(PEEK(0)->nr, VHOSTX_CHAIN_MAX);
		EXPECT_EQ(PEEK(0)->bad, VHOSTX_BAD_SIZE);
		ASSERT_EQ(vhostx_ring_fetch(self->r), -ENOSPC);
		vhostx_ring_use(self->r, 0);
		EXPECT_EQ(self->r->last_avail, PLACE(at + 1 + lens[i]));
		ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
		CHAIN(0, 2001, 1);
		vhostx_ring_use(self->r, 0);
		ASSERT_EQ(vhostx_ring_publish(self->r), 0);
		EXPECT_EQ(rig_packed_get(self->rig, at + 1).id, 5);
		EXPECT_EQ(rig_packed_get(self->rig, at + 1 + lens[i]).id, 2001);
		EXPECT_EQ(self->r->last_used, PLACE(at + 2 + lens[i]));
		EXPECT_FALSE(vhostx_ring_broken(self->r));
	}
}

/* A cache without room keeps what it has and takes more when there is some. */
TEST_F(packed, cache_full)
{
	const u32 each = 20, nr = 2048 / each;
	u32 i, j, cached, used = 0, seen = 0;
	int n;

	RESIZE(2048);
	START(1900);
	for (i = 0; i < nr; i++)
		for (j = 0; j < each; j++)
			POST(i * each + j, 1, i, j + 1 < each ? RIG_NEXT : 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_CHAIN_MAX / each);
	ASSERT_EQ(vhostx_ring_fetch(self->r), -ENOSPC);
	ASSERT_FALSE(vhostx_ring_broken(self->r));
	while (used < nr) {
		cached = vhostx_ring_cached(self->r);
		ASSERT_GT(cached, 0);
		/* Some of them, so that the rest moves. */
		for (i = 0; i < (cached + 2) / 3; i++, used++) {
			CHAIN(0, used, each);
			for (j = 0; j < each; j++)
				ASSERT_EQ(FIRST(0)[j].addr, used * each + j);
			vhostx_ring_use(self->r, 0);
		}
		n = vhostx_ring_fetch(self->r);
		ASSERT_TRUE(n >= 0 || n == -ENOSPC);
		seen += n > 0 ? n : 0;
		for (i = 0; i < vhostx_ring_cached(self->r); i++)
			ASSERT_EQ(FIRST(i)[each - 1].addr,
				  (used + i) * each + each - 1);
		ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	}
	EXPECT_EQ(seen + VHOSTX_CHAIN_MAX / each, nr);
}

/* To the last descriptor that there is room for. */
TEST_F(packed, cache_just_full)
{
	RESIZE(2048);
	post_long(self->rig, VHOSTX_CHAIN_MAX - 1, 1);
	rig_packed_post_simple(self->rig, 2);
	rig_packed_post_simple(self->rig, 3);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	EXPECT_EQ(self->r->nr_desc, VHOSTX_CHAIN_MAX);
	CHAIN(0, 1, VHOSTX_CHAIN_MAX - 1);
	CHAIN(1, 2, 1);
	EXPECT_EQ(FIRST(1)->addr, rig_gpa(2 * 128));
	ASSERT_EQ(vhostx_ring_fetch(self->r), -ENOSPC);
	/* There is another, but no room for it. */
	ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
}

TEST_F(packed, cache_full_of_chains)
{
	int i, n = 0;

	RESIZE(2048);
	for (i = 0; i < 1100; i++)
		rig_packed_post_simple(self->rig, i);
	for (i = 0; i < VHOSTX_CHAIN_MAX / VHOSTX_BATCH; i++)
		n += vhostx_ring_fetch(self->r);
	ASSERT_EQ(n, VHOSTX_CHAIN_MAX);
	ASSERT_EQ(vhostx_ring_fetch(self->r), -ENOSPC);
	vhostx_ring_use(self->r, 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	CHAIN(VHOSTX_CHAIN_MAX - 1, VHOSTX_CHAIN_MAX, 1);
}

TEST_F(packed, exhausted)
{
	int i;

	RESIZE(5);
	ASSERT_FALSE(vhostx_ring_exhausted(self->r));
	post_long(self->rig, 2, 1);
	rig_packed_post_simple(self->rig, 2);
	rig_packed_post_simple(self->rig, 3);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 3);
	ASSERT_FALSE(vhostx_ring_exhausted(self->r));
	rig_packed_post_simple(self->rig, 4);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	ASSERT_TRUE(vhostx_ring_exhausted(self->r));
	vhostx_ring_use(self->r, 0);
	ASSERT_FALSE(vhostx_ring_exhausted(self->r));

	RESIZE(2048);
	for (i = 0; i < VHOSTX_CHAIN_MAX; i++)
		rig_packed_post_simple(self->rig, i);
	while (vhostx_ring_cached(self->r) < VHOSTX_CHAIN_MAX) {
		ASSERT_FALSE(vhostx_ring_exhausted(self->r));
		ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_BATCH);
	}
	ASSERT_TRUE(vhostx_ring_exhausted(self->r));
}

TEST_F(packed, forget)
{
	int round;

	START(NUM - 3);
	post_long(self->rig, 2, 1);
	post_long(self->rig, 3, 2);
	rig_packed_post_simple(self->rig, 3);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 3);
	vhostx_ring_use(self->r, 0);
	for (round = 0; round < 2; round++) {
		vhostx_ring_forget(self->r);
		ASSERT_EQ(vhostx_ring_cached(self->r), 0);
		ASSERT_EQ(self->r->last_avail, PLACE(NUM - 1));
		ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
		CHAIN(0, 2, 3);
		CHAIN(1, 3, 1);
	}
	/* A used descriptor that waits is not forgotten. */
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	EXPECT_EQ(rig_packed_get(self->rig, NUM - 3).flags,
		  rig_packed_used_flags(self->rig, NUM - 3));
}

/* Ids are the driver's business: what it repeats comes back as often. */
TEST_F(packed, ids_repeated)
{
	int i;

	for (i = 0; i < 5; i++)
		rig_packed_post_simple(self->rig, 0xffff);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 5);
	for (i = 0; i < 5; i++)
		vhostx_ring_use(self->r, 0);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(rig_packed_get(self->rig, i).id, 0xffff);
		EXPECT_EQ(rig_packed_get(self->rig, i).flags, 0x8080);
	}
}

static struct vring_packed_desc scribble;

/* A driver that overwrites whatever has just been read of its ring. */
static void scribble_after_read(enum umem_op op, void *addr, size_t len)
{
	if (op == UMEM_READ)
		memcpy(addr, &scribble, len);
}

TEST_F(packed, read_once)
{
	u32 i, j;

	memset(&scribble, 0xff, sizeof(scribble));
	umem.read_once = true;
	for (i = 0; i < 60; i += 3) {
		POST(i, i, i, RIG_NEXT);
		POST(i + 1, i + 1, i + 1, RIG_NEXT);
		POST(i + 2, 16, i + 2, RIG_INDIRECT);
	}
	umem_mark();
	umem.hook = scribble_after_read;
	ASSERT_EQ(vhostx_ring_fetch(self->r), 20);
	umem.hook = NULL;
	for (i = 0; i < 20; i++) {
		CHAIN(i, 3 * i + 2, 3);
		for (j = 0; j < 3; j++)
			ASSERT_EQ(FIRST(i)[j].addr, 3 * i + j);
	}
	for (i = 0; i < 60 * 16; i++)
		ASSERT_EQ(umem_reads((u8 *)self->r->desc + i), 1);
	/* Of the next one only what says that it is not there. */
	for (; i < 61 * 16; i++)
		ASSERT_EQ(umem_reads((u8 *)self->r->desc + i), i % 16 >= 8);
	ASSERT_EQ(umem_reads((u8 *)self->r->desc + i), 0);
}

/* Little-endian on every host. */
TEST_F(packed, big_endian)
{
	umem_big_endian = true;
	self->r->event_idx = true;
	START(NUM - 1);
	EXPECT_EQ(rig_packed_event(self->rig).place, PLACE(NUM - 1));
	EXPECT_EQ(rig_packed_event(self->rig).flags,
		  VRING_PACKED_EVENT_FLAG_DESC);
	POST(0x123456789abcdef0, 0x12345678, 1, RIG_NEXT);
	POST(7, 8, 0x2345, RIG_WRITE);
	ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	CHAIN(0, 0x2345, 2);
	DESC(FIRST(0), 0x123456789abcdef0, 0x12345678, 0);
	DESC(FIRST(0) + 1, 7, 8, RIG_WRITE);
	vhostx_ring_use(self->r, 0x11223344);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	EXPECT_EQ(rig_packed_get(self->rig, NUM - 1).id, 0x2345);
	EXPECT_EQ(rig_packed_get(self->rig, NUM - 1).len, 0x11223344);
	EXPECT_EQ(rig_packed_get(self->rig, NUM - 1).flags, 0x8082);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 1);
	rig_packed_wish(self->rig, VRING_PACKED_EVENT_FLAG_DISABLE, 0);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
}

TEST_HARNESS_MAIN
