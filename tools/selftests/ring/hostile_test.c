// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that writes what it likes, whenever it likes, and memory that
 * faults: whatever the device makes of it, its own state stays sound, no call
 * takes long, and a start brings the ring back.
 */
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"

#include "rig.h"

#define STEPS	600000
/* Reads that one call may take: a table's longest chain, with some to spare. */
#define WORK	(2 * (VHOSTX_CHAIN_MAX + VHOSTX_BATCH) + 16)

static u64 rng;
static struct rig *rig;
static bool hostile;

static u32 rnd(u32 below)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return ((rng * 0x2545f4914f6cdd1dULL) >> 32) % below;
}

static u64 any_addr(void)
{
	switch (rnd(8)) {
	case 0:
		return ((u64)rnd(~0U) << 32) | rnd(~0U);
	case 1:
		return ~0ULL - rnd(100);
	case 2:
		return RIG_GPA + RIG_SIZE - rnd(100);
	default:
		return RIG_GPA + rnd(RIG_SIZE);
	}
}

/* Mostly what could pass for a descriptor: pure noise breaks at once. */
static void any_desc(void *to, u32 num)
{
	static const u32 lens[] = { 0, 1, 15, 16, 32, 160, 2000, 0x80000000, ~0U };
	struct vring_desc desc = {
		.addr = any_addr(),
		.len = rnd(20) ? 16 + 16 * rnd(200) : lens[rnd(ARRAY_SIZE(lens))],
		.flags = rnd(1000) ? (rnd(3) ? 0 : RIG_NEXT) |
			 (rnd(20) ? 0 : RIG_WRITE) : rnd(65536),
		.next = rnd(1000) ? rnd(num) : rnd(65536),
	};

	if (!rnd(6))
		desc.flags = (desc.flags & ~RIG_NEXT) | RIG_INDIRECT;
	memcpy(to, &desc, sizeof(desc));
}

static void mischief(void)
{
	struct vhostx_ring *r = &rig->ring;
	u32 i;

	switch (rnd(10)) {
	case 0:
		rig_put16(rig, &r->avail->idx, rnd(50) ? r->next + rnd(r->num + 2) :
			  rnd(65536));
		break;
	case 1:
		rig_put16(rig, &r->avail->ring[rnd(r->num + 1)],
			  rnd(rnd(20) ? r->num : 65536));
		break;
	case 2:
		rig_put16(rig, &r->avail->flags, rnd(65536));
		rig_put16(rig, &r->used->idx, rnd(65536));
		break;
	case 3:
	case 4:
	case 5:
		any_desc(&r->desc[rnd(r->num)], r->num);
		break;
	case 6:
		/* In the ring half of the time, in tables the other half. */
		if (rnd(20))
			umem_fail(NULL, 0);
		else if (rnd(2))
			umem_fail(umem.base + rnd(26 * r->num), 1 + rnd(4 * r->num));
		else
			umem_fail(umem.base + RIG_FREE + rnd(RIG_FREE), 5000);
		break;
	default:
		for (i = rnd(30); i; i--)
			any_desc(umem.base + RIG_FREE + rnd(RIG_FREE - 16), 100);
		for (i = rnd(30); i; i--)
			rig_put16(rig, &r->avail->ring[(r->next + i) & (r->num - 1)],
				  rnd(r->num));
	}
}

static void mischief_meanwhile(enum umem_op op, void *addr, size_t len)
{
	(void)op;
	(void)addr;
	(void)len;
	if (hostile && !rnd(50))
		mischief();
}

FIXTURE(hostile)
{
	struct vhostx_ring *r;
};

FIXTURE_VARIANT(hostile)
{
	u32 num;
	bool event_idx;
};

FIXTURE_VARIANT_ADD(hostile, num4)
{
	.num = 4, .event_idx = false,
};

FIXTURE_VARIANT_ADD(hostile, num256)
{
	.num = 256, .event_idx = true,
};

FIXTURE_VARIANT_ADD(hostile, num4096)
{
	.num = 4096, .event_idx = false,
};

FIXTURE_SETUP(hostile)
{
	static const u64 cuts[] = {
		RIG_FREE - 8, RIG_FREE, RIG_FREE + 0x1003, RIG_FREE + 0x20000,
		RIG_FREE + 0x20001, RIG_FREE + 0x20005, RIG_FREE + 0x80000,
	};

	rng = 0x9e3779b97f4a7c15ULL + variant->num;
	rig = rig_new(variant->num, variant->event_idx);
	rig_regions(rig, cuts, ARRAY_SIZE(cuts));
	self->r = &rig->ring;
	umem.hook = mischief_meanwhile;
}

FIXTURE_TEARDOWN(hostile)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	rig_free(rig);
}

static void expect_sound(struct __test_metadata *_metadata,
			 struct vhostx_ring *r)
{
	u32 i, at;

	ASSERT_LE(r->head, r->tail);
	ASSERT_LE(r->tail, VHOSTX_CHAIN_MAX);
	ASSERT_LE(r->nr_desc, VHOSTX_CHAIN_MAX);
	ASSERT_EQ((u16)(r->next - r->last_avail), vhostx_ring_cached(r));
	ASSERT_LE(vhostx_ring_cached(r), r->num);
	ASSERT_LT(r->fault, VHOSTX_FAULT_COUNT);
	at = vhostx_ring_cached(r) ? vhostx_ring_peek(r, 0)->first : r->nr_desc;
	for (i = 0; i < vhostx_ring_cached(r); i++) {
		const struct vhostx_chain *c = vhostx_ring_peek(r, i);

		ASSERT_LT(c->id, r->num);
		ASSERT_EQ(c->first, at);
		ASSERT_GT(c->nr, 0);
		at += c->nr;
	}
	ASSERT_EQ(at, r->nr_desc);
	ASSERT_LE(umem.nr_log, WORK);
}

static void expect_inside(struct __test_metadata *_metadata,
			  const struct iovec *iov, int n, size_t len)
{
	u64 base = (u64)umem.base;
	int i;

	for (i = 0; i < n; i++) {
		u64 at = (u64)iov[i].iov_base;

		ASSERT_GT(iov[i].iov_len, 0);
		ASSERT_GE(at, base);
		ASSERT_LE(iov[i].iov_len, RIG_SIZE);
		ASSERT_LE(at + iov[i].iov_len, base + RIG_SIZE);
		len -= iov[i].iov_len;
	}
	ASSERT_EQ(len, 0);
}

TEST_F_TIMEOUT(hostile, random, 300)
{
	static struct iovec iov[256];
	u32 faults[VHOSTX_FAULT_COUNT] = {}, good = 0, bad = 0, step, i;
	struct vhostx_ring *r = self->r;
	bool was_broken;
	size_t len;
	int n = 0;

	for (step = 0; step < STEPS; step++) {
		if (!rnd(3))
			mischief();
		hostile = true;
		umem_mark();
		was_broken = vhostx_ring_broken(r);
		switch (rnd(9)) {
		case 0:
		case 1:
		case 2:
			n = vhostx_ring_fetch(r);
			ASSERT_LE(n, VHOSTX_BATCH);
			n = n == -ENOSPC ? 0 : n;
			break;
		case 3:
		case 4:
			n = 0;
			if (!vhostx_ring_cached(r))
				break;
			len = 0;
			n = vhostx_ring_map(r, vhostx_ring_peek(r, 0), &rig->view,
					    false, iov, ARRAY_SIZE(iov), &len);
			ASSERT_GE(n, -VHOSTX_BAD_SIZE);
			ASSERT_TRUE(n || vhostx_ring_broken(r));
			if (n > 0)
				expect_inside(_metadata, iov, n, len);
			good += n > 0;
			bad += n < 0;
			if (n && r->nr_used < VHOSTX_CHAIN_MAX + VHOSTX_BATCH)
				vhostx_ring_use(r, n > 0 ? len : 0);
			n = 0;
			break;
		case 5:
			n = vhostx_ring_publish(r);
			break;
		case 6:
			n = vhostx_ring_want_signal(r);
			break;
		case 7:
			n = vhostx_ring_kicks_on(r);
			break;
		case 8:
			n = vhostx_ring_kicks_off(r);
			break;
		}
		hostile = false;
		/* An error and a broken ring are the same thing. */
		ASSERT_TRUE(n >= 0 || (n == -EIO && vhostx_ring_broken(r)));
		expect_sound(_metadata, r);
		if (vhostx_ring_broken(r) && (was_broken || rnd(2))) {
			faults[r->fault]++;
			umem_fail(NULL, 0);
			/* As the driver's reset would: what it has is sound. */
			rig_start(rig, rnd(65536), rnd(65536));
			for (i = 0; i < 256 && i < r->num; i++)
				any_desc(&r->desc[i], r->num);
			ASSERT_FALSE(vhostx_ring_broken(r));
		}
	}
	/* Every way to break was taken, and many frames came through. */
	TH_LOG("%u steps: %u good, %u bad", STEPS, good, bad);
	for (i = 1; i < VHOSTX_FAULT_COUNT; i++) {
		/* The ring itself logs nothing. */
		if (i == VHOSTX_FAULT_LOG_WRITE)
			continue;
		TH_LOG("%s: %u", vhostx_fault_name(i), faults[i]);
		EXPECT_GT(faults[i], 0);
	}
	ASSERT_GT(good, 1000);
	ASSERT_GT(bad, 1000);
}

TEST_HARNESS_MAIN
