// SPDX-License-Identifier: GPL-2.0-only
/* Split ring: publishing used entries, and suppression both ways. */
#include "kselftest_harness.h"

#include "rig.h"

#define NUM	256

FIXTURE(used)
{
	struct rig *rig;
	struct vhostx_ring *r;
};

FIXTURE_VARIANT(used)
{
	bool event_idx;
};

FIXTURE_VARIANT_ADD(used, flags)
{
	.event_idx = false,
};

FIXTURE_VARIANT_ADD(used, event_idx)
{
	.event_idx = true,
};

FIXTURE_SETUP(used)
{
	self->rig = rig_new(NUM, variant->event_idx);
	self->r = &self->rig->ring;
}

FIXTURE_TEARDOWN(used)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	rig_free(self->rig);
	EXPECT_EQ(umem.live, 0);
}

#define BREAKS(call, why) do {						\
	ASSERT_EQ(call, -EIO);						\
	ASSERT_EQ(self->r->fault, VHOSTX_FAULT_##why);			\
} while (0)

/* Post, fetch and use @nr chains; the lengths count up from 1000. */
static void serve(struct __test_metadata *_metadata, struct rig *rig, int nr)
{
	int i, n;

	for (i = 0; i < nr; i++)
		rig_post_simple(rig, i);
	for (i = 0; i < nr; ) {
		n = vhostx_ring_fetch(&rig->ring);
		ASSERT_GT(n, 0);
		for (; n; n--, i++)
			vhostx_ring_use(&rig->ring, 1000 + i);
	}
}

#define SERVE(nr)	serve(_metadata, self->rig, nr)
#define SERVE_AND_PUBLISH(nr) do {					\
	SERVE(nr);							\
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);			\
} while (0)

TEST_F(used, publish)
{
	u32 i;

	rig_start(self->rig, 0, 250);
	SERVE(10);
	EXPECT_EQ(self->r->nr_used, 10);
	EXPECT_EQ(rig_used_idx(self->rig), 250);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	EXPECT_EQ(rig_used_idx(self->rig), 260);
	EXPECT_EQ(self->r->last_used, 260);
	EXPECT_EQ(self->r->nr_used, 0);
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(rig_used(self->rig, 250 + i).id, i);
		ASSERT_EQ(rig_used(self->rig, 250 + i).len, 1000 + i);
	}
}

TEST_F(used, publish_none)
{
	rig_start(self->rig, 3, 250);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	EXPECT_EQ(rig_used_idx(self->rig), 250);
	EXPECT_EQ(self->r->last_used, 250);
}

TEST_F(used, publish_wraps)
{
	u32 i;

	rig_start(self->rig, 0xfffd, 0xfffe);
	SERVE_AND_PUBLISH(5);
	EXPECT_EQ(rig_used_idx(self->rig), 3);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(rig_used(self->rig, 0xfffe + i).id, i);
}

TEST_F(used, one_stands_for_all)
{
	int i;

	self->r->one_used = true;
	rig_start(self->rig, 0xfffd, 0xfffe);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	EXPECT_EQ(rig_used_idx(self->rig), 0xfffe);
	memset(self->r->used->ring, 0xee, NUM * sizeof(self->r->used->ring[0]));

	SERVE_AND_PUBLISH(5);
	EXPECT_EQ(rig_used_idx(self->rig), 3);
	EXPECT_EQ(rig_used(self->rig, 0xfffe).id, 4);
	EXPECT_EQ(rig_used(self->rig, 0xfffe).len, 1004);
	for (i = 1; i < 5; i++)
		ASSERT_EQ(rig_used(self->rig, 0xfffe + i).id, 0xeeeeeeee);

	/* The next batch begins where the last one ended. */
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(rig_used_idx(self->rig), 4);
	EXPECT_EQ(rig_used(self->rig, 3).id, 0);
}

TEST_F(used, publish_order)
{
	int wmb, idx;

	SERVE(2);
	umem_mark();
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	wmb = umem_logged(UMEM_WMB, NULL);
	idx = umem_logged(UMEM_WRITE, &self->r->used->idx);
	ASSERT_GE(wmb, 0);
	EXPECT_LT(umem_logged(UMEM_WRITE, &self->r->used->ring[0].id), wmb);
	EXPECT_LT(umem_logged(UMEM_WRITE, &self->r->used->ring[1].len), wmb);
	EXPECT_GT(idx, wmb);
	/* And nothing of the driver's is read. */
	EXPECT_EQ(umem_logged(UMEM_READ, NULL), -1);
}

TEST_F(used, publish_faults)
{
	void *at[] = {
		&self->r->used->ring[1].id,
		&self->r->used->ring[1].len,
		&self->r->used->idx,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		umem_fail(NULL, 0);
		rig_start(self->rig, 0, 0);
		SERVE(3);
		umem_fail(at[i], 1);
		BREAKS(vhostx_ring_publish(self->r), USED_WRITE);
		EXPECT_EQ(rig_used_idx(self->rig), 0);
		EXPECT_EQ(self->r->last_used, 0);
	}
}

TEST_F(used, publish_refused_window)
{
	SERVE(1);
	self->r->used = (void *)UMEM_LIMIT;
	BREAKS(vhostx_ring_publish(self->r), USED_WRITE);
}

/* As many as may wait at a time. */
TEST_F(used, publish_most)
{
	u32 i, n = 0;

	while (n < VHOSTX_CHAIN_MAX + VHOSTX_BATCH) {
		SERVE(VHOSTX_BATCH);
		n += VHOSTX_BATCH;
	}
	ASSERT_EQ(self->r->nr_used, n);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	EXPECT_EQ(rig_used_idx(self->rig), n);
	for (i = 0; i < VHOSTX_BATCH; i++)
		ASSERT_EQ(rig_used(self->rig, n - VHOSTX_BATCH + i).id, i);
}

/* The index must be out before the driver's wish is read. */
TEST_F(used, signal_order)
{
	void *wish = variant->event_idx ?
		     (void *)&self->r->avail->ring[NUM] :
		     (void *)&self->r->avail->flags;

	SERVE_AND_PUBLISH(1);
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 1);
	SERVE(1);
	umem_mark();
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	ASSERT_GE(vhostx_ring_want_signal(self->r), 0);
	ASSERT_GE(umem_logged(UMEM_WRITE, &self->r->used->idx), 0);
	EXPECT_GT(umem_logged(UMEM_MB, NULL),
		  umem_logged(UMEM_WRITE, &self->r->used->idx));
	EXPECT_GT(umem_logged(UMEM_READ, wish), umem_logged(UMEM_MB, NULL));
}

TEST_F(used, signal_wish_faults)
{
	SERVE_AND_PUBLISH(1);
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 1);
	SERVE_AND_PUBLISH(1);
	umem_fail(variant->event_idx ? (void *)&self->r->avail->ring[NUM] :
		  (void *)&self->r->avail->flags, 2);
	BREAKS(vhostx_ring_want_signal(self->r), AVAIL_READ);
}

/* Each wish is heeded, and only the one that was negotiated. */
TEST_F(used, signal_wish)
{
	SERVE_AND_PUBLISH(1);
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 1);

	rig_put16(self->rig, &self->r->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
	rig_used_event(self->rig, 1);
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), variant->event_idx);

	rig_put16(self->rig, &self->r->avail->flags, 0);
	rig_used_event(self->rig, 100);
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), !variant->event_idx);

	/* Other bits of the flags mean nothing. */
	rig_put16(self->rig, &self->r->avail->flags, 0xfffe);
	SERVE_AND_PUBLISH(1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), !variant->event_idx);
}

TEST_F(used, notify_on_empty)
{
	self->r->notify_on_empty = true;
	SERVE_AND_PUBLISH(1);
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 1);
	/* All is used up: a signal, whatever the driver wishes. */
	rig_put16(self->rig, &self->r->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
	rig_used_event(self->rig, 100);
	SERVE_AND_PUBLISH(1);
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 1);
	SERVE_AND_PUBLISH(1);
	rig_post_simple(self->rig, 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
	/* The first decision with an event index signals in any case. */
	ASSERT_TRUE(!variant->event_idx || vhostx_ring_want_signal(self->r) == 1);
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 0);
	vhostx_ring_use(self->r, 0);
	ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	ASSERT_EQ(vhostx_ring_want_signal(self->r), 1);
	self->r->notify_on_empty = false;
	ASSERT_TRUE(variant->event_idx || vhostx_ring_want_signal(self->r) == 0);
}

TEST_F(used, kicks_off)
{
	int round;

	for (round = 0; round < 2; round++) {
		ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
		EXPECT_TRUE(self->r->kicks_off);
		EXPECT_EQ(rig_get16(self->rig, &self->r->used->flags),
			  variant->event_idx ? 0 : VRING_USED_F_NO_NOTIFY);
	}
	umem_mark();
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
	EXPECT_EQ(umem.nr_log, 0);
	umem_fail(&self->r->used->flags, 2);
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
	self->r->kicks_off = false;
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), variant->event_idx ? 0 : -EIO);
	ASSERT_EQ(self->r->fault, variant->event_idx ? VHOSTX_FAULT_NONE :
				  VHOSTX_FAULT_USED_WRITE);
}

TEST_F(used, kicks_mute)
{
	rig_start(self->rig, 0x1000, 0);
	SERVE(3);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	ASSERT_EQ(vhostx_ring_kicks_mute(self->r), 0);
	EXPECT_TRUE(self->r->kicks_off);
	if (variant->event_idx)
		EXPECT_EQ(rig_avail_event(self->rig), 0x1002);
	EXPECT_EQ(rig_get16(self->rig, &self->r->used->flags),
		  variant->event_idx ? 0 : VRING_USED_F_NO_NOTIFY);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	EXPECT_FALSE(self->r->kicks_off);
	umem_fail(variant->event_idx ? (void *)&self->r->used->ring[NUM] :
				       (void *)&self->r->used->flags, 2);
	ASSERT_EQ(vhostx_ring_kicks_mute(self->r), -EIO);
	ASSERT_EQ(self->r->fault, VHOSTX_FAULT_USED_WRITE);
}

TEST_F(used, kicks_on)
{
	rig_start(self->rig, 0x1000, 0);
	rig_put16(self->rig, &self->r->used->ring[NUM], 0x1111);
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
	SERVE(3);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	EXPECT_FALSE(self->r->kicks_off);
	EXPECT_EQ(rig_get16(self->rig, &self->r->used->flags), 0);
	EXPECT_EQ(rig_avail_event(self->rig),
		  variant->event_idx ? 0x1003 : 0x1111);
	/* Off once more after on. */
	ASSERT_EQ(vhostx_ring_kicks_off(self->r), 0);
	EXPECT_TRUE(self->r->kicks_off);
	EXPECT_EQ(rig_get16(self->rig, &self->r->used->flags),
		  variant->event_idx ? 0 : VRING_USED_F_NO_NOTIFY);
}

/* The kick that matters is for what was not fetched, used or not. */
TEST_F(used, kicks_on_with_cache)
{
	rig_post_simple(self->rig, 0);
	rig_post_simple(self->rig, 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	EXPECT_EQ(rig_avail_event(self->rig), variant->event_idx ? 2 : 0);
	rig_post_simple(self->rig, 2);
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 1);
}

TEST_F(used, kicks_on_faults)
{
	umem_fail(variant->event_idx ? (void *)&self->r->used->ring[NUM] :
		  (void *)&self->r->used->flags, 2);
	BREAKS(vhostx_ring_kicks_on(self->r), USED_WRITE);
	umem_fail(NULL, 0);
	rig_start(self->rig, 0, 0);
	umem_fail(&self->r->avail->idx, 2);
	BREAKS(vhostx_ring_kicks_on(self->r), AVAIL_READ);
}

static struct rig *racing;

/* A driver that posts right after the device asked for kicks. */
static void post_after_wish(enum umem_op op, void *addr, size_t len)
{
	(void)len;
	if (op == UMEM_MB && !addr && racing) {
		rig_post_simple(racing, 1);
		racing = NULL;
	}
}

TEST_F(used, kicks_on_race)
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
		ASSERT_EQ(vhostx_ring_publish(self->r), 0);
	}
}

TEST_F(used, kicks_on_order)
{
	void *wish = variant->event_idx ? (void *)&self->r->used->ring[NUM] :
					  (void *)&self->r->used->flags;

	umem_mark();
	ASSERT_EQ(vhostx_ring_kicks_on(self->r), 0);
	ASSERT_GE(umem_logged(UMEM_WRITE, wish), 0);
	EXPECT_GT(umem_logged(UMEM_MB, NULL), umem_logged(UMEM_WRITE, wish));
	EXPECT_GT(umem_logged(UMEM_READ, &self->r->avail->idx),
		  umem_logged(UMEM_MB, NULL));
}

FIXTURE(event)
{
	struct rig *rig;
	struct vhostx_ring *r;
};

FIXTURE_SETUP(event)
{
	self->rig = rig_new(NUM, true);
	self->r = &self->rig->ring;
}

FIXTURE_TEARDOWN(event)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	rig_free(self->rig);
}

/* Publish from @old to @old + @nr with @event asked for: is there a signal? */
static int decide(struct __test_metadata *_metadata, struct rig *rig, u16 old,
		  int nr, u16 event)
{
	struct vhostx_ring *r = &rig->ring;

	rig_start(rig, 0, old);
	rig_used_event(rig, old - 1);
	EXPECT_EQ(vhostx_ring_want_signal(r), 1) TH_LOG("first decision");
	rig_used_event(rig, event);
	serve(_metadata, rig, nr);
	EXPECT_EQ(vhostx_ring_publish(r), 0);
	return vhostx_ring_want_signal(r);
}

#define DECIDE(old, nr, event) decide(_metadata, self->rig, old, nr, event)

TEST_F(event, boundaries)
{
	static const u16 starts[] = { 0, 1, 0x7ffe, 0x8000, 0xfff0, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		u16 old = starts[i];

		ASSERT_EQ(DECIDE(old, 20, old - 1), 0);
		ASSERT_EQ(DECIDE(old, 20, old), 1);
		ASSERT_EQ(DECIDE(old, 20, old + 19), 1);
		ASSERT_EQ(DECIDE(old, 20, old + 20), 0);
		ASSERT_EQ(DECIDE(old, 20, old + 0x8000), 0);
		ASSERT_EQ(DECIDE(old, 1, old), 1);
		ASSERT_EQ(DECIDE(old, 1, old + 1), 0);
		ASSERT_EQ(DECIDE(old, 0, old), 0);
	}
}

/* What was published since the last decision counts together. */
TEST_F(event, several_batches)
{
	ASSERT_EQ(DECIDE(0, 5, 100), 0);
	rig_used_event(self->rig, 6);
	SERVE_AND_PUBLISH(5);
	SERVE_AND_PUBLISH(5);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
}

/* 65536 entries without a decision: any event may have been passed. */
TEST_F(event, overtaken)
{
	int i;

	ASSERT_EQ(DECIDE(7, 0, 100), 0);
	for (i = 0; i < 65536 / 64 - 1; i++)
		SERVE_AND_PUBLISH(64);
	EXPECT_TRUE(self->r->signalled_valid);
	SERVE_AND_PUBLISH(64);
	EXPECT_FALSE(self->r->signalled_valid);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 1);
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
}

TEST_F(event, just_not_overtaken)
{
	int i;

	ASSERT_EQ(DECIDE(7, 0, 6), 0);
	for (i = 0; i < 65535 / 255; i++)
		SERVE_AND_PUBLISH(255);
	EXPECT_EQ(self->r->last_used, 6);
	EXPECT_TRUE(self->r->signalled_valid);
	/* Entry 6 is the one that was not published. */
	EXPECT_EQ(vhostx_ring_want_signal(self->r), 0);
}

TEST_HARNESS_MAIN
