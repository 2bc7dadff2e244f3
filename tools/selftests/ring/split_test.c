// SPDX-License-Identifier: GPL-2.0-only
/* Split ring: set-up, fetching, and what breaks a ring. */
#include <string.h>

#include "kselftest_harness.h"

#include "rig.h"

#define NUM	256

FIXTURE(split)
{
	struct rig *rig;
	struct vhostx_ring *r;
};

FIXTURE_SETUP(split)
{
	self->rig = rig_new(NUM, false);
	self->r = &self->rig->ring;
}

FIXTURE_TEARDOWN(split)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	rig_free(self->rig);
	EXPECT_EQ(umem.live, 0);
}

/* Another size than the fixture's. */
#define RESIZE(num) do {						\
	rig_free(self->rig);						\
	self->rig = rig_new(num, false);				\
	self->r = &self->rig->ring;					\
} while (0)

#define BREAKS(call, why) do {						\
	ASSERT_EQ(call, -EIO);						\
	ASSERT_EQ(self->r->fault, VHOSTX_FAULT_##why);			\
	ASSERT_TRUE(vhostx_ring_broken(self->r));			\
} while (0)

static void expect_desc(struct __test_metadata *_metadata,
			const struct vhostx_desc *desc, u64 addr, u32 len,
			u16 flags)
{
	EXPECT_EQ(desc->addr, addr);
	EXPECT_EQ(desc->len, len);
	EXPECT_EQ(desc->flags, flags);
}

#define FIRST(i)							\
	(&self->r->desc_cache[vhostx_ring_peek(self->r, i)->first])
#define DESC(desc, addr, len, flags)					\
	expect_desc(_metadata, desc, addr, len, flags)

TEST_F(split, fault_names)
{
	int i, j;

	for (i = 0; i < __VHOSTX_FAULT_MAX; i++) {
		ASSERT_NE(vhostx_fault_name(i), NULL);
		for (j = 0; j < i; j++)
			ASSERT_STRNE(vhostx_fault_name(i), vhostx_fault_name(j));
	}
	ASSERT_STREQ(vhostx_fault_name(VHOSTX_FAULT_NONE), "none");
	ASSERT_STREQ(vhostx_fault_name(__VHOSTX_FAULT_MAX), "unknown");
	ASSERT_STREQ(vhostx_fault_name(-1), "unknown");
}

TEST_F(split, reset)
{
	struct vhostx_ring *r = malloc(sizeof(*r));

	memset(r, 0xff, sizeof(*r));
	/* Bytes of 0xff are no value of a bool or an enum. */
	memset(&r->packed, 1, (u8 *)&r->last_avail - (u8 *)&r->packed);
	r->fault = VHOSTX_FAULT_USED_WRITE;
	vhostx_ring_reset(r);
	EXPECT_EQ(r->desc, NULL);
	EXPECT_EQ(r->avail, NULL);
	EXPECT_EQ(r->used, NULL);
	EXPECT_EQ(r->num, 1);
	EXPECT_EQ(r->pieces, NULL);
	EXPECT_FALSE(r->packed);
	EXPECT_FALSE(r->modern);
	EXPECT_FALSE(r->event_idx);
	EXPECT_FALSE(r->notify_on_empty);
	EXPECT_FALSE(r->one_used);
	EXPECT_FALSE(r->kicks_off);
	EXPECT_FALSE(r->signalled_valid);
	EXPECT_EQ(r->last_avail, 0);
	EXPECT_EQ(r->next, 0);
	EXPECT_EQ(r->avail_idx, 0);
	EXPECT_EQ(r->last_used, 0);
	EXPECT_EQ(r->nr_used, 0);
	EXPECT_EQ(vhostx_ring_cached(r), 0);
	EXPECT_FALSE(vhostx_ring_broken(r));
	free(r);
}

/* Each of the three parts, up to the limit and one byte beyond. */
TEST_F(split, ok_limits)
{
	struct vhostx_ring *r = self->r;
	struct vhostx_ring saved = *r;
	u64 part[] = { NUM * 16, 4 + NUM * 2, 4 + NUM * 8 };
	int event, i;

	ASSERT_TRUE(vhostx_ring_ok(r));
	for (event = 0; event < 2; event++) {
		for (i = 0; i < 3; i++) {
			u64 end = UMEM_LIMIT - part[i] - (event && i ? 2 : 0);

			*r = saved;
			r->event_idx = event;
			*(i == 0 ? (void **)&r->desc :
			  i == 1 ? (void **)&r->avail :
				   (void **)&r->used) = (void *)end;
			ASSERT_TRUE(vhostx_ring_ok(r));
			*(i == 0 ? (void **)&r->desc :
			  i == 1 ? (void **)&r->avail :
				   (void **)&r->used) = (void *)(end + 1);
			ASSERT_FALSE(vhostx_ring_ok(r));
		}
	}
	*r = saved;
	r->desc = (void *)~0xfULL;
	ASSERT_FALSE(vhostx_ring_ok(r));
	*r = saved;
}

TEST_F(split, start)
{
	struct vhostx_ring *r = self->r;

	rig_put16(self->rig, &r->used->flags, 0xffff);
	rig_put16(self->rig, &r->used->idx, 0x1234);
	r->last_avail = 0xfffe;
	r->fault = VHOSTX_FAULT_DESC_LOOP;
	r->kicks_off = true;
	r->signalled_valid = true;
	r->nr_used = 3;
	r->tail = 2;
	ASSERT_EQ(vhostx_ring_start(r), 0);
	EXPECT_EQ(r->last_used, 0x1234);
	EXPECT_EQ(r->last_avail, 0xfffe);
	EXPECT_EQ(r->next, 0xfffe);
	EXPECT_EQ(r->avail_idx, 0xfffe);
	EXPECT_EQ(r->nr_used, 0);
	EXPECT_EQ(vhostx_ring_cached(r), 0);
	EXPECT_FALSE(r->kicks_off);
	EXPECT_FALSE(r->signalled_valid);
	EXPECT_FALSE(vhostx_ring_broken(r));
	EXPECT_EQ(rig_get16(self->rig, &r->used->flags), 0);
}

TEST_F(split, start_faults)
{
	struct vhostx_ring *saved = malloc(sizeof(*saved));

	rig_put16(self->rig, &self->r->used->idx, 7);
	self->r->nr_used = 3;
	memcpy(saved, self->r, sizeof(*saved));
	umem_fail(&self->r->used->flags, 2);
	EXPECT_EQ(vhostx_ring_start(self->r), -EFAULT);
	umem_fail(&self->r->used->idx, 2);
	EXPECT_EQ(vhostx_ring_start(self->r), -EFAULT);
	EXPECT_EQ(memcmp(saved, self->r, sizeof(*saved)), 0);
	free(saved);
}

TEST_F(split, fetch_none)
{
	EXPECT_EQ(vhostx_ring_fetch(self->r), 0);
	EXPECT_EQ(vhostx_ring_has_avail(self->r), 0);
	EXPECT_EQ(vhostx_ring_cached(self->r), 0);
}

TEST_F(split, fetch_chain)
{
	rig_desc(self->rig, 9, 0x123456789abcdef0, 0x87654321, RIG_NEXT, 255);
	rig_desc(self->rig, 255, 1, 2, RIG_NEXT | RIG_WRITE, 0);
	rig_desc(self->rig, 0, 3, 0, RIG_WRITE, 9);
	rig_post(self->rig, 9);
	rig_desc(self->rig, 5, 6, 7, 0x8, 1);
	rig_post(self->rig, 5);

	ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	ASSERT_EQ(vhostx_ring_cached(self->r), 2);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->id, 9);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->nr, 3);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->bad, 0);
	DESC(FIRST(0), 0x123456789abcdef0, 0x87654321, RIG_NEXT);
	DESC(FIRST(0) + 1, 1, 2, RIG_NEXT | RIG_WRITE);
	DESC(FIRST(0) + 2, 3, 0, RIG_WRITE);
	EXPECT_EQ(vhostx_ring_peek(self->r, 1)->id, 5);
	EXPECT_EQ(vhostx_ring_peek(self->r, 1)->nr, 1);
	DESC(FIRST(1), 6, 7, 0x8);
	EXPECT_EQ(self->r->last_avail, 0);
	EXPECT_EQ(self->r->next, 2);
	EXPECT_EQ(vhostx_ring_fetch(self->r), 0);
	EXPECT_EQ(vhostx_ring_cached(self->r), 2);
}

TEST_F(split, fetch_batches)
{
	int i;

	for (i = 0; i < 2 * VHOSTX_BATCH + 1; i++)
		rig_post_simple(self->rig, i);
	ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_BATCH);
	ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_BATCH);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	ASSERT_EQ(vhostx_ring_has_avail(self->r), 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 0);
	ASSERT_EQ(vhostx_ring_cached(self->r), 2 * VHOSTX_BATCH + 1);
	for (i = 0; i < 2 * VHOSTX_BATCH + 1; i++) {
		ASSERT_EQ(vhostx_ring_peek(self->r, i)->id, i);
		ASSERT_EQ(FIRST(i)->addr, rig_gpa(i * 128));
	}
}

/* The index is looked at only when all it announced is fetched. */
TEST_F(split, fetch_index_once)
{
	int i;

	for (i = 0; i < VHOSTX_BATCH + 1; i++)
		rig_post_simple(self->rig, i);
	ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_BATCH);
	umem_mark();
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	EXPECT_EQ(umem_reads(&self->r->avail->idx), 0);
}

TEST_F(split, fetch_order)
{
	int idx, rmb, ring, desc;

	rig_post_simple(self->rig, 3);
	umem_mark();
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	idx = umem_logged(UMEM_READ, &self->r->avail->idx);
	rmb = umem_logged(UMEM_RMB, NULL);
	ring = umem_logged(UMEM_READ, &self->r->avail->ring[0]);
	desc = umem_logged(UMEM_READ, &self->r->desc[3]);
	ASSERT_GE(idx, 0);
	EXPECT_GT(rmb, idx);
	EXPECT_GT(ring, rmb);
	EXPECT_GT(desc, ring);
}

TEST_F(split, fetch_index_wraps)
{
	int i, round;

	rig_start(self->rig, 0xfffe, 0xfffd);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 4; i++)
			rig_post_simple(self->rig, 10 * round + i);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 4);
		for (i = 0; i < 4; i++) {
			ASSERT_EQ(vhostx_ring_peek(self->r, 0)->id, 10 * round + i);
			vhostx_ring_use(self->r, 0);
		}
	}
	EXPECT_EQ(self->r->last_avail, 6);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	EXPECT_EQ(rig_used_idx(self->rig), 5);
}

TEST_F(split, fetch_smallest_ring)
{
	u32 i;

	RESIZE(1);
	for (i = 0; i < 5; i++) {
		rig_post_simple(self->rig, 0);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
		vhostx_ring_use(self->r, i);
		ASSERT_EQ(vhostx_ring_publish(self->r), 0);
		ASSERT_EQ(rig_used(self->rig, i).len, i);
	}
	rig_desc(self->rig, 0, 0, 1, RIG_NEXT, 0);
	rig_post(self->rig, 0);
	BREAKS(vhostx_ring_fetch(self->r), DESC_LOOP);
}

TEST_F(split, fetch_largest_ring)
{
	u32 i;
	int n;

	RESIZE(VHOSTX_RING_MAX);
	rig_start(self->rig, 0xc000, 0xc000);
	for (i = 0; i < VHOSTX_RING_MAX; i++) {
		rig_desc(self->rig, i, i, 1, 0, 0);
		rig_post(self->rig, VHOSTX_RING_MAX - 1 - i);
	}
	for (i = 0; i < VHOSTX_RING_MAX; ) {
		n = vhostx_ring_fetch(self->r);
		ASSERT_EQ(n, VHOSTX_BATCH);
		for (; n; n--, i++) {
			ASSERT_EQ(FIRST(0)->addr, VHOSTX_RING_MAX - 1 - i);
			vhostx_ring_use(self->r, 0);
		}
		ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	}
	ASSERT_EQ(vhostx_ring_fetch(self->r), 0);
}

TEST_F(split, fetch_avail_idx_faults)
{
	rig_post_simple(self->rig, 0);
	umem_fail(&self->r->avail->idx, 2);
	BREAKS(vhostx_ring_fetch(self->r), AVAIL_READ);
}

TEST_F(split, has_avail_idx_faults)
{
	umem_fail(&self->r->avail->idx, 2);
	BREAKS(vhostx_ring_has_avail(self->r), AVAIL_READ);
}

TEST_F(split, fetch_avail_entry_faults)
{
	int i;

	for (i = 0; i < 4; i++)
		rig_post_simple(self->rig, i);
	umem_fail(&self->r->avail->ring[2], 2);
	/* The sound ones first. */
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	ASSERT_FALSE(vhostx_ring_broken(self->r));
	BREAKS(vhostx_ring_fetch(self->r), AVAIL_READ);
	EXPECT_EQ(vhostx_ring_cached(self->r), 2);
	EXPECT_EQ(self->r->next, 2);
}

TEST_F(split, fetch_desc_faults)
{
	int i, half;

	for (half = 0; half < 16; half += 8) {
		rig_start(self->rig, 0, 0);
		umem_fail(NULL, 0);
		for (i = 0; i < 4; i++)
			rig_post_simple(self->rig, i);
		umem_fail((u8 *)&self->r->desc[2] + half, 1);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
		ASSERT_FALSE(vhostx_ring_broken(self->r));
		BREAKS(vhostx_ring_fetch(self->r), DESC_READ);
		EXPECT_EQ(vhostx_ring_cached(self->r), 2);
	}
}

TEST_F(split, fetch_refused_window)
{
	rig_post_simple(self->rig, 0);
	self->r->desc = (void *)UMEM_LIMIT;
	BREAKS(vhostx_ring_fetch(self->r), DESC_READ);
}

TEST_F(split, jump)
{
	rig_avail_idx(self->rig, NUM + 1);
	BREAKS(vhostx_ring_fetch(self->r), AVAIL_JUMP);
	rig_start(self->rig, 5, 0);
	rig_avail_idx(self->rig, 4);
	BREAKS(vhostx_ring_fetch(self->r), AVAIL_JUMP);
	rig_start(self->rig, 0xfff0, 0);
	rig_avail_idx(self->rig, (u16)(0xfff0 + NUM + 1));
	BREAKS(vhostx_ring_has_avail(self->r), AVAIL_JUMP);
}

TEST_F(split, jump_just_not)
{
	int i;

	rig_start(self->rig, 0xfff0, 0);
	for (i = 0; i < NUM; i++)
		rig_post_simple(self->rig, i);
	ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_BATCH);
}

/* More than the ring holds, counting those that are fetched and not used. */
TEST_F(split, jump_over_cached)
{
	int i;

	for (i = 0; i < 10; i++)
		rig_post_simple(self->rig, i);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 10);
	rig_avail_idx(self->rig, NUM);
	ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
	vhostx_ring_forget(self->r);
	rig_avail_idx(self->rig, 10);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 10);
	rig_avail_idx(self->rig, NUM + 1);
	BREAKS(vhostx_ring_fetch(self->r), AVAIL_JUMP);
}

/* The index never goes back, not even to chains that are only fetched. */
TEST_F(split, jump_backwards)
{
	int i;

	for (i = 0; i < 10; i++)
		rig_post_simple(self->rig, i);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 10);
	rig_avail_idx(self->rig, 5);
	BREAKS(vhostx_ring_fetch(self->r), AVAIL_JUMP);
	EXPECT_EQ(vhostx_ring_cached(self->r), 10);
}

TEST_F(split, head_range)
{
	rig_post_simple(self->rig, NUM - 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	rig_post(self->rig, NUM);
	BREAKS(vhostx_ring_fetch(self->r), DESC_RANGE);
	rig_start(self->rig, 0, 0);
	rig_post(self->rig, 0xffff);
	BREAKS(vhostx_ring_fetch(self->r), DESC_RANGE);
}

TEST_F(split, next_range)
{
	rig_desc(self->rig, 0, 1, 1, RIG_NEXT, NUM - 1);
	rig_desc(self->rig, NUM - 1, 1, 1, 0, NUM);
	rig_post(self->rig, 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	rig_desc(self->rig, NUM - 1, 1, 1, RIG_NEXT, NUM);
	rig_post(self->rig, 0);
	BREAKS(vhostx_ring_fetch(self->r), DESC_RANGE);
}

TEST_F(split, loop)
{
	rig_desc(self->rig, 0, 1, 1, RIG_NEXT, 1);
	rig_desc(self->rig, 1, 1, 1, RIG_NEXT, 0);
	rig_post(self->rig, 0);
	BREAKS(vhostx_ring_fetch(self->r), DESC_LOOP);
	/* A loop, and not a chain too long for a frame, up to the last. */
	RESIZE(VHOSTX_CHAIN_MAX);
	rig_desc(self->rig, 0, 1, 1, RIG_NEXT, 0);
	rig_post(self->rig, 0);
	BREAKS(vhostx_ring_fetch(self->r), DESC_LOOP);
}

TEST_F(split, loop_just_not)
{
	int i;

	for (i = 0; i < NUM; i++)
		rig_desc(self->rig, i, i, 1, i ? RIG_NEXT : 0, i - 1);
	rig_post(self->rig, NUM - 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->nr, NUM);
	vhostx_ring_use(self->r, 0);
	rig_desc(self->rig, 0, 1, 1, RIG_NEXT, 1);
	rig_post(self->rig, NUM - 1);
	BREAKS(vhostx_ring_fetch(self->r), DESC_LOOP);
}

TEST_F(split, indirect_length)
{
	static const u32 bad[] = { 0, 1, 15, 17, 24, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		rig_start(self->rig, 0, 0);
		rig_desc(self->rig, 0, 1, bad[i], RIG_INDIRECT, 0);
		rig_post(self->rig, 0);
		BREAKS(vhostx_ring_fetch(self->r), INDIRECT_LEN);
	}
	rig_start(self->rig, 0, 0);
	rig_desc(self->rig, 0, 1, 16, RIG_INDIRECT, 0);
	rig_desc(self->rig, 1, 1, 0xfffffff0, RIG_INDIRECT | RIG_WRITE, 0);
	rig_post(self->rig, 0);
	rig_post(self->rig, 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
}

TEST_F(split, indirect_chained)
{
	rig_desc(self->rig, 0, 1, 16, RIG_INDIRECT | RIG_NEXT, 1);
	rig_desc(self->rig, 1, 1, 16, 0, 0);
	rig_post(self->rig, 0);
	BREAKS(vhostx_ring_fetch(self->r), INDIRECT_NEST);
	/* Last in a chain is where it may be. */
	rig_start(self->rig, 0, 0);
	rig_desc(self->rig, 0, 1, 1, RIG_NEXT, 1);
	rig_desc(self->rig, 1, 1, 16, RIG_INDIRECT, 0);
	rig_post(self->rig, 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->nr, 2);
}

/* A structural fault is met at its turn: what came before is served. */
TEST_F(split, sound_ones_first)
{
	rig_post_simple(self->rig, 1);
	rig_post_simple(self->rig, 2);
	rig_post(self->rig, NUM);
	rig_post_simple(self->rig, 3);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	vhostx_ring_use(self->r, 0);
	vhostx_ring_use(self->r, 0);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	BREAKS(vhostx_ring_fetch(self->r), DESC_RANGE);
	EXPECT_EQ(rig_used_idx(self->rig), 2);
	EXPECT_EQ(self->r->last_avail, 2);
	EXPECT_EQ(vhostx_ring_cached(self->r), 0);
}

/* Start again after a fault: from the chain that was next. */
TEST_F(split, restart)
{
	rig_post_simple(self->rig, 1);
	rig_post(self->rig, NUM);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	BREAKS(vhostx_ring_fetch(self->r), DESC_RANGE);
	rig_put16(self->rig, &self->r->avail->ring[1], 7);
	rig_desc(self->rig, 7, 1, 1, 0, 0);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->id, 1);
	EXPECT_EQ(vhostx_ring_peek(self->r, 1)->id, 7);
}

/* Descriptors from 0 on in one chain. */
static void post_long(struct rig *rig, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		rig_desc(rig, i, i, 1, i + 1 < nr ? RIG_NEXT : 0, i + 1);
	rig_post(rig, 0);
}

TEST_F(split, chain_longest)
{
	RESIZE(2048);
	post_long(self->rig, VHOSTX_CHAIN_MAX);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->nr, VHOSTX_CHAIN_MAX);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->bad, 0);
	EXPECT_EQ(FIRST(0)[VHOSTX_CHAIN_MAX - 1].addr, VHOSTX_CHAIN_MAX - 1);
}

/* Too long for a frame, but no reason to distrust the ring. */
TEST_F(split, chain_too_long)
{
	RESIZE(2048);
	rig_post_simple(self->rig, 2000);
	post_long(self->rig, VHOSTX_CHAIN_MAX + 1);
	rig_post_simple(self->rig, 2001);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	vhostx_ring_use(self->r, 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->id, 0);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->bad, VHOSTX_BAD_SIZE);
	vhostx_ring_use(self->r, 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->id, 2001);
	EXPECT_EQ(vhostx_ring_peek(self->r, 0)->bad, 0);
	EXPECT_FALSE(vhostx_ring_broken(self->r));
}

/* A cache without room keeps what it has and takes more when there is some. */
TEST_F(split, cache_full)
{
	const u32 each = 20, nr = 2048 / each;
	u32 i, j, cached, used = 0, seen = 0;
	int n;

	RESIZE(2048);
	for (i = 0; i < nr; i++) {
		for (j = 0; j < each; j++)
			rig_desc(self->rig, i * each + j, i * each + j, 1,
				 j + 1 < each ? RIG_NEXT : 0, i * each + j + 1);
		rig_post(self->rig, i * each);
	}
	ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_CHAIN_MAX / each);
	ASSERT_EQ(vhostx_ring_fetch(self->r), -ENOSPC);
	ASSERT_FALSE(vhostx_ring_broken(self->r));
	while (used < nr) {
		cached = vhostx_ring_cached(self->r);
		ASSERT_GT(cached, 0);
		/* Some of them, so that the rest moves. */
		for (i = 0; i < (cached + 2) / 3; i++, used++) {
			ASSERT_EQ(vhostx_ring_peek(self->r, 0)->id, used * each);
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

TEST_F(split, cache_full_of_chains)
{
	int i, n = 0;

	RESIZE(2048);
	for (i = 0; i < 1100; i++)
		rig_post_simple(self->rig, i);
	for (i = 0; i < VHOSTX_CHAIN_MAX / VHOSTX_BATCH; i++)
		n += vhostx_ring_fetch(self->r);
	ASSERT_EQ(n, VHOSTX_CHAIN_MAX);
	ASSERT_EQ(vhostx_ring_fetch(self->r), -ENOSPC);
	vhostx_ring_use(self->r, 0);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	EXPECT_EQ(vhostx_ring_peek(self->r, VHOSTX_CHAIN_MAX - 1)->id,
		  VHOSTX_CHAIN_MAX);
	EXPECT_EQ(FIRST(VHOSTX_CHAIN_MAX - 1)->addr,
		  rig_gpa(VHOSTX_CHAIN_MAX * 128));
}

/* Whether the driver could have more depends on what it has given already. */
TEST_F(split, exhausted)
{
	int i;

	RESIZE(4);
	ASSERT_FALSE(vhostx_ring_exhausted(self->r));
	rig_desc(self->rig, 0, 0, 1, RIG_NEXT, 1);
	rig_desc(self->rig, 1, 0, 1, 0, 0);
	rig_post(self->rig, 0);
	rig_post_simple(self->rig, 2);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	ASSERT_FALSE(vhostx_ring_exhausted(self->r));
	rig_post_simple(self->rig, 3);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	ASSERT_TRUE(vhostx_ring_exhausted(self->r));
	vhostx_ring_use(self->r, 0);
	ASSERT_FALSE(vhostx_ring_exhausted(self->r));

	RESIZE(2048);
	for (i = 0; i < VHOSTX_CHAIN_MAX; i++)
		rig_post_simple(self->rig, i);
	while (vhostx_ring_cached(self->r) < VHOSTX_CHAIN_MAX) {
		ASSERT_FALSE(vhostx_ring_exhausted(self->r));
		ASSERT_EQ(vhostx_ring_fetch(self->r), VHOSTX_BATCH);
	}
	ASSERT_TRUE(vhostx_ring_exhausted(self->r));
}

TEST_F(split, forget)
{
	int i, round;

	for (i = 0; i < 3; i++)
		rig_post_simple(self->rig, i);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 3);
	vhostx_ring_use(self->r, 0);
	for (round = 0; round < 2; round++) {
		vhostx_ring_forget(self->r);
		ASSERT_EQ(vhostx_ring_cached(self->r), 0);
		ASSERT_EQ(self->r->last_avail, 1);
		ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
		ASSERT_EQ(vhostx_ring_peek(self->r, 0)->id, 1);
		ASSERT_EQ(FIRST(1)->addr, rig_gpa(2 * 128));
	}
	/* A used entry that waits is not forgotten. */
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	EXPECT_EQ(rig_used_idx(self->rig), 1);
}

static struct vring_desc scribble;

/* A driver that overwrites whatever has just been read of its ring. */
static void scribble_after_read(enum umem_op op, void *addr, size_t len)
{
	if (op == UMEM_READ)
		memcpy(addr, &scribble, len);
}

TEST_F(split, read_once)
{
	u32 i, j;

	memset(&scribble, 0xff, sizeof(scribble));
	umem.read_once = true;
	for (i = 0; i < 60; i += 3) {
		rig_desc(self->rig, i, i, 1, RIG_NEXT, i + 1);
		rig_desc(self->rig, i + 1, i + 1, 1, RIG_NEXT, i + 2);
		rig_desc(self->rig, i + 2, i + 2, 16, RIG_INDIRECT, 0);
		rig_post(self->rig, i);
	}
	umem_mark();
	umem.hook = scribble_after_read;
	ASSERT_EQ(vhostx_ring_fetch(self->r), 20);
	umem.hook = NULL;
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(vhostx_ring_peek(self->r, i)->id, 3 * i);
		ASSERT_EQ(vhostx_ring_peek(self->r, i)->nr, 3);
		for (j = 0; j < 3; j++)
			ASSERT_EQ(FIRST(i)[j].addr, 3 * i + j);
	}
	for (i = 0; i < 60 * 16; i++)
		ASSERT_EQ(umem_reads((u8 *)self->r->desc + i), 1);
	ASSERT_EQ(umem_reads((u8 *)self->r->desc + i), 0);
}

/* A legacy ring on a big-endian host has the host's byte order. */
TEST_F(split, big_endian)
{
	int modern;

	for (modern = 0; modern < 2; modern++) {
		umem_big_endian = true;
		self->r->modern = modern;
		rig_start(self->rig, 0x1234, 0x4321);
		rig_desc(self->rig, 0x21, 0x123456789abcdef0, 0x12345678,
			 RIG_NEXT, 0x31);
		rig_desc(self->rig, 0x31, 7, 8, RIG_WRITE, 0);
		rig_post(self->rig, 0x21);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
		EXPECT_EQ(vhostx_ring_peek(self->r, 0)->id, 0x21);
		DESC(FIRST(0), 0x123456789abcdef0, 0x12345678, RIG_NEXT);
		DESC(FIRST(0) + 1, 7, 8, RIG_WRITE);
		vhostx_ring_use(self->r, 0x11223344);
		ASSERT_EQ(vhostx_ring_publish(self->r), 0);
		EXPECT_EQ(rig_used_idx(self->rig), 0x4322);
		EXPECT_EQ(rig_used(self->rig, 0x4321).id, 0x21);
		EXPECT_EQ(rig_used(self->rig, 0x4321).len, 0x11223344);
		ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
		EXPECT_EQ(rig_get16(self->rig, &self->r->used->flags),
			  VRING_USED_F_NO_NOTIFY);
		rig_put16(self->rig, &self->r->avail->flags,
			  VRING_AVAIL_F_NO_INTERRUPT);
		EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
		rig_put16(self->rig, &self->r->avail->flags, 0);
	}
}

TEST_HARNESS_MAIN
