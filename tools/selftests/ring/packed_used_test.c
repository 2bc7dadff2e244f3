// SPDX-License-Identifier: GPL-2.0-only
/* Packed ring: publishing used descriptors, and suppression both ways. */
#include <string.h>

#include "kselftest_harness.h"

#include "rig.h"

#define NUM	250
#define ENABLE	VRING_PACKED_EVENT_FLAG_ENABLE
#define DISABLE	VRING_PACKED_EVENT_FLAG_DISABLE
#define DESC	VRING_PACKED_EVENT_FLAG_DESC
/* The value that no flag has. */
#define RESERVED 3

FIXTURE(packed_used)
{
	struct rig *rig;
	struct vhostx_ring *r;
};

FIXTURE_VARIANT(packed_used)
{
	bool event_idx;
};

FIXTURE_VARIANT_ADD(packed_used, flags)
{
	.event_idx = false,
};

FIXTURE_VARIANT_ADD(packed_used, event_idx)
{
	.event_idx = true,
};

FIXTURE_SETUP(packed_used)
{
	self->rig = rig_packed_new(NUM, variant->event_idx);
	self->r = &self->rig->ring;
}

FIXTURE_TEARDOWN(packed_used)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	rig_free(self->rig);
	EXPECT_EQ(umem.live, 0);
}

#define BREAKS(call, why) do {						\
	ASSERT_EQ(call, -EIO);						\
	ASSERT_EQ(self->r->fault, VHOSTX_FAULT_##why);			\
} while (0)
#define START(at)	rig_packed_start(self->rig, at)
#define PLACE(at)	rig_packed_place(self->rig, at)
#define WISH(flags, place) rig_packed_wish(self->rig, flags, place)

/*
 * Post, fetch and use @nr chains of @each descriptors. The ids count up from
 * 500, the lengths from 0.
 */
static void serve(struct __test_metadata *_metadata, struct rig *rig, int nr,
		  u32 each)
{
	int i, n;
	u32 j;

	for (i = 0; i < nr; i++)
		for (j = 1; j <= each; j++)
			rig_packed_post(rig, rig_gpa(0), 100, 500 + i,
					j < each ? RIG_NEXT : 0);
	for (i = 0; i < nr; ) {
		n = vhostx_ring_fetch(&rig->ring);
		ASSERT_GT(n, 0);
		for (; n; n--, i++)
			vhostx_ring_use(&rig->ring, i);
	}
}

#define SERVE(nr, each)	serve(_metadata, self->rig, nr, each)
#define PUBLISH()	ASSERT_EQ(vhostx_ring_publish(self->r), 0)
#define SERVE_AND_PUBLISH(nr) do {					\
	SERVE(nr, 1);							\
	PUBLISH();							\
} while (0)

static void expect_used(struct __test_metadata *_metadata, struct rig *rig,
			u64 at, u16 id, u32 len)
{
	struct rig_packed desc = rig_packed_get(rig, at);

	EXPECT_EQ(desc.id, id);
	EXPECT_EQ(desc.len, len);
	/* It says that it wrote where it did. */
	EXPECT_EQ(desc.flags, rig_packed_used_flags(rig, at) |
			      (len ? RIG_WRITE : 0));
}

#define USED(at, id, len) expect_used(_metadata, self->rig, at, id, len)

TEST_F(packed_used, publish)
{
	u32 i;

	START(NUM - 5);
	SERVE(10, 1);
	EXPECT_EQ(self->r->nr_used, 10);
	EXPECT_EQ(rig_packed_get(self->rig, NUM - 5).flags, 0x80);
	PUBLISH();
	EXPECT_EQ(self->r->last_used, 5);
	EXPECT_EQ(self->r->nr_used, 0);
	for (i = 0; i < 10; i++)
		USED(NUM - 5 + i, 500 + i, i);
}

/* One used descriptor for a chain, in its first place; the others stay. */
TEST_F(packed_used, publish_chains)
{
	u32 i;

	START(NUM - 4);
	SERVE(3, 3);
	PUBLISH();
	EXPECT_EQ(self->r->last_used, PLACE(NUM + 5));
	for (i = 0; i < 3; i++) {
		u64 at = NUM - 4 + 3 * i;

		USED(at, 500 + i, i);
		EXPECT_EQ(rig_packed_get(self->rig, at + 1).flags,
			  rig_packed_avail_flags(self->rig, at + 1) | RIG_NEXT);
		EXPECT_EQ(rig_packed_get(self->rig, at + 2).flags,
			  rig_packed_avail_flags(self->rig, at + 2));
	}
}

TEST_F(packed_used, publish_none)
{
	umem_mark();
	PUBLISH();
	EXPECT_EQ(umem.nr_log, 0);
	EXPECT_EQ(self->r->last_used, 0x8000);
}

TEST_F(packed_used, one_stands_for_all)
{
	static const u32 each[] = { 1, 3 };
	u32 i, j;

	self->r->one_used = true;
	for (i = 0; i < ARRAY_SIZE(each); i++) {
		u64 at = 2 * NUM - 3;

		START(at);
		PUBLISH();
		EXPECT_EQ(self->r->last_used, PLACE(at));

		SERVE(5, each[i]);
		umem_mark();
		PUBLISH();
		/* The last one's id in the first one's place. */
		USED(at, 504, 0);
		for (j = 1; j < 5 * each[i]; j++)
			ASSERT_EQ(rig_packed_get(self->rig, at + j).flags & 0x8080,
				  rig_packed_avail_flags(self->rig, at + j));
		EXPECT_EQ(umem.nr_log, 2);
		at += 5 * each[i];
		EXPECT_EQ(self->r->last_used, PLACE(at));

		/* The next batch begins where the last one ended. */
		SERVE(1, each[i]);
		PUBLISH();
		USED(at, 500, 0);
		EXPECT_EQ(self->r->last_used, PLACE(at + each[i]));
	}
}

TEST_F(packed_used, publish_order)
{
	const struct umem_event *event = umem.log;
	u32 i;

	START(NUM - 2);
	SERVE(4, 1);
	umem_mark();
	PUBLISH();
	ASSERT_EQ(umem.nr_log, 5);
	/* Each one at once; the first one last, behind a barrier. */
	for (i = 0; i < 5; i++)
		EXPECT_EQ(event[i].op, i == 3 ? UMEM_WMB : UMEM_WRITE);
	EXPECT_EQ(event[4].addr, (u64)&rig_packed_at(self->rig, NUM - 2)->len);
	EXPECT_EQ(event[4].len, 8);
}

TEST_F(packed_used, publish_order_of_one)
{
	SERVE(1, 2);
	umem_mark();
	PUBLISH();
	ASSERT_EQ(umem.nr_log, 2);
	EXPECT_EQ(umem.log[0].op, UMEM_WMB);
	EXPECT_EQ(umem.log[1].op, UMEM_WRITE);
}

/* At each access in turn: the driver sees nothing, or all. */
TEST_F(packed_used, publish_faults)
{
	u64 i;

	for (i = NUM - 2; i <= NUM; i++) {
		umem_fail(NULL, 0);
		START(NUM - 2);
		SERVE(3, 1);
		umem_fail(&rig_packed_at(self->rig, i)->len, 8);
		BREAKS(vhostx_ring_publish(self->r), USED_WRITE);
		EXPECT_EQ(rig_packed_get(self->rig, NUM - 2).flags, 0x80);
		EXPECT_EQ(self->r->last_used, PLACE(NUM - 2));
	}
}

TEST_F(packed_used, publish_refused_window)
{
	SERVE(1, 1);
	self->r->desc = (void *)UMEM_LIMIT;
	BREAKS(vhostx_ring_publish(self->r), USED_WRITE);
}

/* The flags must be out before the driver's wish is read, which is once. */
TEST_F(packed_used, signal_order)
{
	SERVE_AND_PUBLISH(1);
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 1);
	WISH(variant->event_idx ? DESC : ENABLE, PLACE(1));
	SERVE(1, 1);
	umem_mark();
	PUBLISH();
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 1);
	ASSERT_EQ(umem.nr_log, 4);
	EXPECT_EQ(umem.log[1].op, UMEM_WRITE);
	EXPECT_EQ(umem.log[2].op, UMEM_MB);
	EXPECT_EQ(umem.log[3].op, UMEM_READ);
	EXPECT_EQ(umem.log[3].addr, (u64)self->r->avail);
	EXPECT_EQ(umem.log[3].len, 4);
}

TEST_F(packed_used, signal_wish_faults)
{
	SERVE_AND_PUBLISH(1);
	umem_fail(self->r->avail, 4);
	BREAKS(vhostx_ring_want_signal(self->r), AVAIL_READ);
}

/* Each wish, and that for a place only where it was negotiated. */
TEST_F(packed_used, signal_wish)
{
	/* The first decision after a start knows of no place. */
	WISH(DISABLE, 0);
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
	START(0);
	WISH(DESC, PLACE(100));
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 1);

	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), !variant->event_idx);
	WISH(DESC, PLACE(2));
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 1);
	WISH(DISABLE, PLACE(3));
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
	WISH(ENABLE, PLACE(100));
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 1);
	/* What nobody has defined asks for no less. */
	WISH(RESERVED, PLACE(100));
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 1);
}

/* A place that the ring does not have: either answer, and nothing worse. */
TEST_F(packed_used, signal_place_outside)
{
	static const u16 outside[] = { NUM, 0x7fff, 0x8000 | NUM, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(outside); i++) {
		WISH(DESC, outside[i]);
		SERVE_AND_PUBLISH(20);
		ASSERT_GE(vhostx_ring_want_signal(self->r), 0);
		ASSERT_FALSE(vhostx_ring_broken(self->r));
	}
}

TEST_F(packed_used, kicks_off)
{
	u16 was = rig_packed_event(self->rig).flags;
	int round;

	EXPECT_EQ(was, variant->event_idx ? DESC : ENABLE);
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
		EXPECT_TRUE(self->r->kicks_off);
		EXPECT_EQ(rig_packed_event(self->rig).flags,
			  variant->event_idx ? was : DISABLE);
	}
	umem_mark();
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
	EXPECT_EQ(umem.nr_log, 0);
	umem_fail(self->r->used, 4);
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
	self->r->kicks_off = false;
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), variant->event_idx ? 0 : -EIO);
	ASSERT_EQ(self->r->fault, variant->event_idx ? VHOSTX_FAULT_NONE :
				  VHOSTX_FAULT_USED_WRITE);
}

TEST_F(packed_used, kicks_mute)
{
	START(NUM - 2);
	SERVE(3, 1);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	ASSERT_EQ(vhostx_ring_kicks_mute(self->r), 0);
	EXPECT_TRUE(self->r->kicks_off);
	EXPECT_EQ(rig_packed_event(self->rig).flags, DISABLE);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	EXPECT_EQ(rig_packed_event(self->rig).flags,
		  variant->event_idx ? DESC : ENABLE);
	umem_fail(self->r->used, 4);
	ASSERT_EQ(vhostx_ring_kicks_mute(self->r), -EIO);
	ASSERT_EQ(self->r->fault, VHOSTX_FAULT_USED_WRITE);
}

TEST_F(packed_used, kicks_on)
{
	START(NUM - 2);
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
	SERVE(3, 1);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	EXPECT_FALSE(self->r->kicks_off);
	EXPECT_EQ(rig_packed_event(self->rig).flags,
		  variant->event_idx ? DESC : ENABLE);
	if (variant->event_idx)
		EXPECT_EQ(rig_packed_event(self->rig).place, PLACE(NUM + 1));
	/* Off once more after on. */
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
	EXPECT_TRUE(self->r->kicks_off);
	EXPECT_EQ(rig_packed_event(self->rig).flags,
		  variant->event_idx ? DESC : DISABLE);
}

/* The kick that matters is for what was not fetched, used or not. */
TEST_F(packed_used, kicks_on_with_cache)
{
	rig_packed_post_simple(self->rig, 0);
	rig_packed_post_simple(self->rig, 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	if (variant->event_idx)
		EXPECT_EQ(rig_packed_event(self->rig).place, PLACE(2));
	rig_packed_post_simple(self->rig, 2);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 1);
}

TEST_F(packed_used, kicks_on_faults)
{
	umem_fail(self->r->used, 4);
	BREAKS(vhostx_ring_kicks_on(self->r), USED_WRITE);
	umem_fail(NULL, 0);
	START(3);
	umem_fail(&rig_packed_at(self->rig, 3)->flags, 2);
	BREAKS(vhostx_ring_kicks_on(self->r), DESC_READ);
}

static struct rig *racing;

/* A driver that posts right after the device asked for kicks. */
static void post_after_wish(enum umem_op op, void *addr, size_t len)
{
	(void)len;
	if (op == UMEM_MB && !addr && racing) {
		rig_packed_post_simple(racing, 1);
		racing = NULL;
	}
}

TEST_F(packed_used, kicks_on_race)
{
	int round;

	for (round = 0; round < 2; round++) {
		ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
		racing = self->rig;
		umem.hook = post_after_wish;
		ASSERT_EQ(vhostx_ring_kicks_on(self->r), 1);
		ASSERT_EQ(racing, NULL);
		umem.hook = NULL;
		ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
		vhostx_ring_use(self->r, 0);
		PUBLISH();
	}
}

TEST_F(packed_used, kicks_on_order)
{
	SERVE(1, 1);
	umem_mark();
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	ASSERT_EQ(umem.nr_log, 3);
	/* The flags and the place at once: no driver sees one without the other. */
	EXPECT_EQ(umem.log[0].op, UMEM_WRITE);
	EXPECT_EQ(umem.log[0].addr, (u64)self->r->used);
	EXPECT_EQ(umem.log[0].len, 4);
	EXPECT_EQ(umem.log[1].op, UMEM_MB);
	EXPECT_EQ(umem.log[2].op, UMEM_READ);
	EXPECT_EQ(umem.log[2].addr, (u64)&rig_packed_at(self->rig, 1)->flags);
}

static int accesses_left;

/* After so many accesses there is no memory any more. */
static void count_down(enum umem_op op, void *addr, size_t len)
{
	(void)addr;
	(void)len;
	if ((op == UMEM_READ || op == UMEM_WRITE) && !--accesses_left)
		umem_fail(umem.base, umem.size);
}

/* What a worker does for three chains; the first error, or 0. */
static int cycle(struct vhostx_ring *r)
{
	int ret = vhostx_ring_kicks_off(r);

	if (ret < 0)
		return ret;
	ret = vhostx_ring_fetch(r);
	if (ret < 0)
		return ret;
	while (vhostx_ring_cached(r))
		vhostx_ring_use(r, 1);
	ret = vhostx_ring_publish(r);
	if (ret < 0)
		return ret;
	ret = vhostx_ring_want_signal(r);
	if (ret < 0)
		return ret;
	ret = vhostx_ring_kicks_on(r);
	return ret < 0 ? ret : 0;
}

/* Each access in turn is the first that fails: all chains are used, or none. */
TEST_F(packed_used, faults_at_each_access)
{
	int nr, i;

	for (nr = 1; ; nr++) {
		int used = 0, ret;

		START(NUM - 1);
		for (i = 0; i < 3; i++)
			rig_packed_post_simple(self->rig, i);
		accesses_left = nr;
		umem.hook = count_down;
		ret = cycle(self->r);
		umem.hook = NULL;
		umem_fail(NULL, 0);
		for (i = 0; i < 3; i++)
			used += rig_packed_get(self->rig, NUM - 1 + i).flags ==
				(rig_packed_used_flags(self->rig, NUM - 1 + i) |
				 RIG_WRITE);
		if (!ret)
			break;
		ASSERT_EQ(ret, -EIO);
		ASSERT_TRUE(vhostx_ring_broken(self->r));
		ASSERT_TRUE(used == 3 ||
			    rig_packed_get(self->rig, NUM - 1).flags == 0x80);
	}
	/* Of 3 chains 6 reads, one behind them, 3 writes; and 3 or 4 for wishes. */
	EXPECT_EQ(nr, 6 + 1 + 3 + (variant->event_idx ? 3 : 4));
}

FIXTURE(packed_event)
{
	struct rig *rig;
	struct vhostx_ring *r;
};

FIXTURE_SETUP(packed_event)
{
	self->rig = rig_packed_new(NUM, true);
	self->r = &self->rig->ring;
}

FIXTURE_TEARDOWN(packed_event)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	rig_free(self->rig);
}

/* Publish @nr from @old on with @event asked for: is there a signal? */
static int decide(struct __test_metadata *_metadata, struct rig *rig, u64 old,
		  int nr, u64 event)
{
	struct vhostx_ring *r = &rig->ring;

	rig_packed_start(rig, old);
	EXPECT_EQ(vhostx_ring_want_signal(r), 1) TH_LOG("first decision");
	rig_packed_wish(rig, DESC, rig_packed_place(rig, event));
	serve(_metadata, rig, nr, 1);
	EXPECT_EQ(vhostx_ring_publish(r), 0);
	return vhostx_ring_want_signal(r);
}

#define DECIDE(old, nr, event) decide(_metadata, self->rig, old, nr, event)

TEST_F(packed_event, boundaries)
{
	const u64 starts[] = {
		2 * NUM, 2 * NUM + 1, 3 * NUM - 20, 3 * NUM - 19, 3 * NUM - 10,
		3 * NUM - 1, 3 * NUM, 4 * NUM - 20, 4 * NUM - 1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		u64 old = starts[i];

		ASSERT_EQ(DECIDE(old, 20, old - 1), 0);
		ASSERT_EQ(DECIDE(old, 20, old), 1);
		ASSERT_EQ(DECIDE(old, 20, old + 1), 1);
		ASSERT_EQ(DECIDE(old, 20, old + 19), 1);
		ASSERT_EQ(DECIDE(old, 20, old + 20), 0);
		/* The same descriptors a lap before and after. */
		ASSERT_EQ(DECIDE(old, 20, old + NUM), 0);
		ASSERT_EQ(DECIDE(old, 20, old + 19 - NUM), 0);
		ASSERT_EQ(DECIDE(old, 1, old), 1);
		ASSERT_EQ(DECIDE(old, 1, old + 1), 0);
		ASSERT_EQ(DECIDE(old, 0, old), 0);
		/* A whole lap: all places but those of the next one. */
		ASSERT_EQ(DECIDE(old, NUM, old), 1);
		ASSERT_EQ(DECIDE(old, NUM, old + NUM - 1), 1);
		ASSERT_EQ(DECIDE(old, NUM, old - 1), 0);
		ASSERT_EQ(DECIDE(old, NUM, old + NUM), 0);
	}
}

/* Each place of two laps, from each place of a small ring, for each number. */
TEST_F(packed_event, everywhere)
{
	const u32 num = 5;
	u64 old, event;
	u32 nr;

	rig_free(self->rig);
	self->rig = rig_packed_new(num, true);
	self->r = &self->rig->ring;
	for (old = 2 * num; old < 4 * num; old++)
		for (nr = 0; nr <= num; nr++)
			for (event = old; event < old + 2 * num; event++)
				ASSERT_EQ(DECIDE(old, nr, event),
					  event < old + nr);
}

/* What was published since the last decision counts together. */
TEST_F(packed_event, several_batches)
{
	ASSERT_EQ(DECIDE(0, 5, 100), 0);
	rig_packed_wish(self->rig, DESC, rig_packed_place(self->rig, 6));
	SERVE_AND_PUBLISH(5);
	SERVE_AND_PUBLISH(5);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
}

/* Inside a chain, as well as in its used descriptor. */
TEST_F(packed_event, in_a_chain)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		ASSERT_EQ(DECIDE(0, 0, i), 0);
		SERVE(2, 3);
		PUBLISH();
		ASSERT_EQ(vhostx_ring_want_signal(self->r), i < 6);
	}
}

/* Decisions that another wish made are decisions all the same. */
TEST_F(packed_event, after_another_wish)
{
	ASSERT_EQ(DECIDE(0, 5, 100), 0);
	rig_packed_wish(self->rig, DISABLE, 0);
	SERVE_AND_PUBLISH(5);
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 0);
	rig_packed_wish(self->rig, DESC, rig_packed_place(self->rig, 7));
	SERVE_AND_PUBLISH(5);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
}

/* More than a lap without a decision: any place may have been passed. */
TEST_F(packed_event, overtaken)
{
	int lap, more;

	for (lap = 0; lap < 4; lap++) {
		ASSERT_EQ(DECIDE(7 + lap, 0, 6), 0);
		SERVE_AND_PUBLISH(NUM / 2);
		SERVE_AND_PUBLISH(NUM / 2);
		EXPECT_TRUE(self->r->signalled_valid);
		SERVE_AND_PUBLISH(1);
		EXPECT_FALSE(self->r->signalled_valid);
		/* Not for good, when it has gone round once more. */
		for (more = 0; more < lap; more++)
			SERVE_AND_PUBLISH(NUM / 2 - 1);
		EXPECT_EQ(vhostx_ring_want_signal(self->r), 1);
		EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
	}
}

TEST_F(packed_event, just_not_overtaken)
{
	ASSERT_EQ(DECIDE(7, 0, 6), 0);
	SERVE_AND_PUBLISH(100);
	SERVE_AND_PUBLISH(NUM - 100);
	EXPECT_TRUE(self->r->signalled_valid);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
}

/* Lies in pieces that are in the opposite order. */
FIXTURE(packed_pieces)
{
	struct rig *rig;
	struct vhostx_ring *r;
	struct vhostx_pieces *pieces;
};

#define PIECES_NUM	800
/* Of the ring's own first piece. */
#define PIECES_INTO	0x7f0

/* Where a byte of the ring is. */
static u8 *in_pieces(const unsigned long *piece, u32 offset)
{
	return (u8 *)piece[offset / VHOSTX_PIECE] + offset % VHOSTX_PIECE;
}

FIXTURE_SETUP(packed_pieces)
{
	struct vhostx_ring *r;
	u32 i;

	self->rig = rig_packed_new(PIECES_NUM, true);
	r = &self->rig->ring;
	self->r = r;
	self->pieces = calloc(1, sizeof(*self->pieces));
	for (i = 0; i < 4; i++) {
		self->pieces->desc[i] = (unsigned long)umem.base + RIG_FREE +
					(3 - i) * 2 * VHOSTX_PIECE;
		umem_access_ok((void *)self->pieces->desc[i], VHOSTX_PIECE);
	}
	self->pieces->avail[0] = (unsigned long)umem.base + RIG_FREE + 0x9000;
	self->pieces->used[0] = (unsigned long)umem.base + RIG_FREE + 0xb000;
	r->pieces = self->pieces;
	r->desc = (void *)PIECES_INTO;
	r->avail = (void *)0x124;
	r->used = (void *)0xffc;
	r->event_idx = true;
}

FIXTURE_TEARDOWN(packed_pieces)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	free(self->pieces);
	rig_free(self->rig);
}

#define PIECE_DESC(at)							\
	((struct vring_packed_desc *)					\
	 in_pieces(self->pieces->desc, PIECES_INTO + (at) % PIECES_NUM * 16))
#define PIECE_EVENT(part, into)						\
	((struct vring_packed_desc_event *)in_pieces(self->pieces->part, into))

TEST_F(packed_pieces, serve)
{
	struct vring_packed_desc_event *wish = PIECE_EVENT(avail, 0x124);
	struct vring_packed_desc_event *event = PIECE_EVENT(used, 0xffc);
	u32 at, n, i;

	vhostx_ring_set_base(self->r, 0x80008000);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	EXPECT_EQ(event->flags, DESC);
	EXPECT_EQ(event->off_wrap, 0x8000);
	for (at = 0; at < 2 * PIECES_NUM; at += n) {
		bool lap = at / PIECES_NUM;
		u16 used = lap ? 0 : 0x8080;

		n = 40;
		for (i = 0; i < n; i++)
			*PIECE_DESC(at + i) = (struct vring_packed_desc){
				.addr = at + i, .len = 1, .id = 3 * (at + i),
				.flags = lap ? 0x8000 : 0x80,
			};
		ASSERT_EQ(vhostx_ring_has_avail(self->r), 1);
		ASSERT_EQ(vhostx_ring_fetch(self->r), (int)n);
		ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
		ASSERT_EQ(event->off_wrap,
			  rig_packed_place(self->rig, at + n));
		for (i = 0; i < n; i++) {
			const struct vhostx_chain *c =
				vhostx_ring_peek(self->r, 0);

			ASSERT_EQ(c->id, 3 * (at + i));
			ASSERT_EQ(self->r->desc_cache[c->first].addr, at + i);
			vhostx_ring_use(self->r, i);
		}
		PUBLISH();
		for (i = 0; i < n; i++) {
			ASSERT_EQ(PIECE_DESC(at + i)->id, 3 * (at + i));
			ASSERT_EQ(PIECE_DESC(at + i)->len, i);
			ASSERT_EQ(PIECE_DESC(at + i)->flags,
				  used | (i ? RIG_WRITE : 0));
		}
		wish->flags = at % 80 ? DISABLE : ENABLE;
		ASSERT_EQ(vhostx_ring_want_signal(self->r), !(at % 80));
	}
}

TEST_HARNESS_MAIN
