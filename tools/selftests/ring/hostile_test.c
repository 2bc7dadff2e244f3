// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that writes what it likes, whenever it likes, and memory that
 * faults: whatever the device makes of it, its own state stays sound, it writes
 * nowhere but where it may, no call takes long, and a start brings the ring back.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"

#include "guest.h"

#define STEPS	600000

static u64 rng;
static struct rig *rig;
static bool hostile;
/* Steps without mischief that are left. */
static u32 spell;
/* Split: entries from the first used one that is owed to the first chain not consumed. */
static u16 lag;

static u32 roll(u32 below)
{
	return rnd(&rng, below);
}

static u64 any_addr(void)
{
	switch (roll(8)) {
	case 0:
		return ((u64)roll(~0U) << 32) | roll(~0U);
	case 1:
		return ~0ULL - roll(100);
	case 2:
		return RIG_GPA + RIG_SIZE - roll(100);
	default:
		return RIG_GPA + roll(RIG_SIZE);
	}
}

static u32 any_len(void)
{
	static const u32 lens[] = { 0, 1, 15, 16, 32, 160, 2000, 0x80000000, ~0U };

	return roll(20) ? 16 + 16 * roll(200) : lens[roll(ARRAY_SIZE(lens))];
}

/* Mostly what could pass for a descriptor's: pure noise breaks at once. */
static u16 any_flags(void)
{
	u16 flags = (roll(3) ? 0 : RIG_NEXT) | (roll(20) ? 0 : RIG_WRITE);

	if (!roll(1000))
		flags = roll(65536);
	return roll(6) ? flags : (flags & ~RIG_NEXT) | RIG_INDIRECT;
}

static void any_desc(void *to, u32 num)
{
	struct vring_desc desc = {
		.addr = any_addr(),
		.len = any_len(),
		.flags = any_flags(),
		.next = roll(1000) ? roll(num) : roll(65536),
	};

	memcpy(to, &desc, sizeof(desc));
}

static void any_fault(size_t ring, size_t part)
{
	/* In the ring half of the time, in tables the other half. */
	if (roll(20))
		umem_fail(NULL, 0);
	else if (roll(2))
		umem_fail(umem.base + roll(ring), 1 + roll(part));
	else
		umem_fail(umem.base + RIG_FREE + roll(RIG_FREE), 5000);
}

static void mischief_split(void)
{
	struct vhostx_ring *r = &rig->ring;
	u32 i;

	switch (roll(10)) {
	case 0:
		rig_put16(rig, &r->avail->idx, roll(50) ?
			  r->next + roll(r->num + 2) : roll(65536));
		break;
	case 1:
		rig_put16(rig, &r->avail->ring[roll(r->num + 1)],
			  roll(roll(20) ? r->num : 65536));
		break;
	case 2:
		rig_put16(rig, &r->avail->flags, roll(65536));
		rig_put16(rig, &r->used->idx, roll(65536));
		break;
	case 3:
	case 4:
	case 5:
		any_desc(&r->desc[roll(r->num)], r->num);
		break;
	case 6:
		any_fault(26 * r->num, 4 * r->num);
		break;
	default:
		for (i = roll(30); i; i--)
			any_desc(umem.base + RIG_FREE + roll(RIG_FREE - 16), 100);
		for (i = roll(30); i; i--)
			rig_put16(rig, &r->avail->ring[(r->next + i) & (r->num - 1)],
				  roll(r->num));
	}
}

/* The number that a place of the device's has in two laps. */
static u32 index_of(u16 place)
{
	return (place & 0x7fff) + (place & 0x8000 ? 0 : rig->ring.num);
}

/* Mostly available when the device comes to it next, under one of few ids. */
static void any_packed(u64 at)
{
	u16 flags = any_flags() & ~0x8080;

	flags |= roll(20) ? rig_packed_avail_flags(rig, at) :
			    roll(65536) & 0x8080;
	rig_packed_put(rig, at, any_addr(), any_len(),
		       roll(4) ? roll(8) : roll(65536), flags);
}

/* Near what the device has next, each from there on in its lap. */
static void any_packed_run(u32 nr)
{
	u64 at = index_of(rig->ring.next) + (roll(3) ? 0 : roll(rig->ring.num));

	while (nr--)
		any_packed(at++);
}

/* And left alone for a while, until the device comes to it and through it. */
static void chain_without_end(void)
{
	u64 at = index_of(rig->ring.next), i;

	for (i = at; i < at + rig->ring.num; i++)
		rig_packed_put(rig, i, any_addr(), 1 + roll(1000), 1,
			       rig_packed_avail_flags(rig, i) | RIG_NEXT);
	spell = 100;
}

static void mischief_packed(void)
{
	struct vhostx_ring *r = &rig->ring;
	u32 event[] = { roll(~0U), roll(~0U) }, i;

	/* Half of the time a place that could be meant. */
	if (roll(2))
		event[0] = roll(4) << 16 | (r->last_used + roll(8));
	switch (roll(10)) {
	case 0:
		memcpy(r->avail, event, sizeof(event));
		break;
	case 1:
		if (!roll(1000))
			chain_without_end();
		break;
	case 2:
		rig_packed_at(rig, roll(r->num))->flags = htole16(roll(65536));
		break;
	case 3:
	case 4:
	case 5:
		any_packed_run(1);
		break;
	case 6:
		any_fault(16 * r->num, 4 * r->num);
		if (!roll(40))
			umem_fail(roll(2) ? (void *)r->avail : (void *)r->used, 4);
		break;
	default:
		for (i = roll(30); i; i--)
			any_desc(umem.base + RIG_FREE + roll(RIG_FREE - 16), 100);
		any_packed_run(roll(30));
	}
}

static void mischief(void)
{
	if (spell)
		return;
	if (rig->ring.packed)
		mischief_packed();
	else
		mischief_split();
}

static void mischief_meanwhile(enum umem_op op, void *addr, size_t len)
{
	(void)op;
	(void)addr;
	(void)len;
	if (hostile && !roll(50))
		mischief();
}

FIXTURE(hostile)
{
	struct vhostx_ring *r;
};

FIXTURE_VARIANT(hostile)
{
	bool packed;
	u32 num;
	bool event_idx;
	bool one_used;
};

FIXTURE_VARIANT_ADD(hostile, num4)
{
	.num = 4,
};

FIXTURE_VARIANT_ADD(hostile, num256)
{
	.num = 256, .event_idx = true,
};

FIXTURE_VARIANT_ADD(hostile, num4096)
{
	.num = 4096,
};

FIXTURE_VARIANT_ADD(hostile, packed1)
{
	.packed = true, .num = 1, .event_idx = true,
};

FIXTURE_VARIANT_ADD(hostile, packed5)
{
	.packed = true, .num = 5,
};

FIXTURE_VARIANT_ADD(hostile, packed256)
{
	.packed = true, .num = 256, .event_idx = true,
};

FIXTURE_VARIANT_ADD(hostile, packed256_in_order)
{
	.packed = true, .num = 256, .event_idx = true, .one_used = true,
};

FIXTURE_VARIANT_ADD(hostile, packed2000)
{
	.packed = true, .num = 2000, .event_idx = true,
};

/* Places that differ by so much are the same. */
static u32 round_trip(void)
{
	return rig->ring.packed ? 2 * rig->ring.num : 65536;
}

static u32 place_of(u16 place)
{
	return rig->ring.packed ? index_of(place) : place;
}

/* Start as the driver's reset would: what it has is sound. */
static void restart(void)
{
	struct vhostx_ring *r = &rig->ring;
	u32 i;

	spell = 0;
	umem_fail(NULL, 0);
	if (r->packed)
		rig_packed_start(rig, roll(2 * r->num));
	else
		rig_start(rig, roll(65536), roll(65536));
	lag = r->last_avail - r->last_used;
	for (i = 0; i < 256 && i < r->num; i++) {
		if (r->packed)
			any_packed(index_of(r->next) + i);
		else
			any_desc(&r->desc[i], r->num);
	}
	if (r->packed && !roll(100))
		chain_without_end();
}

FIXTURE_SETUP(hostile)
{
	static const u64 cuts[] = {
		RIG_FREE - 8, RIG_FREE, RIG_FREE + 0x1003, RIG_FREE + 0x20000,
		RIG_FREE + 0x20001, RIG_FREE + 0x20005, RIG_FREE + 0x80000,
	};

	rng = 0x9e3779b97f4a7c15ULL + variant->num;
	rig = variant->packed ? rig_packed_new(variant->num, variant->event_idx) :
				rig_new(variant->num, variant->event_idx);
	rig_regions(rig, cuts, ARRAY_SIZE(cuts));
	self->r = &rig->ring;
	self->r->one_used = variant->one_used;
	restart();
	umem.hook = mischief_meanwhile;
}

FIXTURE_TEARDOWN(hostile)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	rig_free(rig);
}

/* The cache's descriptors: those that a chain has too many of are not there. */
static void expect_cache(struct __test_metadata *_metadata,
			 struct vhostx_ring *r)
{
	u16 place = r->last_avail;
	u32 i, at;

	at = vhostx_ring_cached(r) ? vhostx_ring_peek(r, 0)->first : r->nr_desc;
	for (i = 0; i < vhostx_ring_cached(r); i++) {
		const struct vhostx_chain *c = vhostx_ring_peek(r, i);
		bool is_long = r->packed && c->bad == VHOSTX_BAD_SIZE;

		ASSERT_TRUE(r->packed || c->id < r->num);
		ASSERT_EQ(c->first, at);
		ASSERT_GT(c->nr, 0);
		ASSERT_LE(c->nr, r->num);
		ASSERT_LE(c->nr, VHOSTX_CHAIN_MAX);
		at += c->nr;
		if (r->packed) {
			u32 takes = (place_of(c->end) + round_trip() -
				     place_of(place)) % round_trip();

			ASSERT_EQ(c->place, place);
			ASSERT_LE(takes, r->num);
			ASSERT_EQ(takes, is_long ? takes : c->nr);
			ASSERT_EQ(takes > VHOSTX_CHAIN_MAX, is_long);
		} else {
			ASSERT_EQ(c->end, (u16)(place + 1));
		}
		place = c->end;
	}
	ASSERT_EQ(at, r->nr_desc);
	ASSERT_EQ(place, r->next);
}

/* Used entries go where the chains were, and as far. */
static void expect_used(struct __test_metadata *_metadata, struct vhostx_ring *r)
{
	u16 packed = r->nr_used ? r->used_cache[0].place : r->last_avail;
	u16 split = r->last_avail - r->nr_used - lag;

	ASSERT_EQ(r->last_used, r->packed ? packed : split);
}

static bool may_write(struct vhostx_ring *r, u64 addr, size_t len)
{
	u64 used = addr - (u64)r->used, desc = addr - (u64)r->desc;

	if (used < vhostx_ring_used_size(r))
		return used + len <= vhostx_ring_used_size(r);
	/* The second half of a descriptor, and all of it. */
	return r->packed && desc < r->num * 16 && desc % 16 == 8 && len == 8;
}

static void expect_sound(struct __test_metadata *_metadata,
			 struct vhostx_ring *r)
{
	/* What one call may take: the longest chain or table, and some to spare. */
	u32 work = 2 * (VHOSTX_CHAIN_MAX + VHOSTX_BATCH) + 16, i;

	/* A chain that is too long is read to its end. */
	if (r->packed)
		work += r->num + 2 * VHOSTX_BATCH;
	ASSERT_LT(work, UMEM_LOG);
	ASSERT_LE(umem.nr_log, work);
	for (i = 0; i < umem.nr_log; i++)
		if (umem.log[i].op == UMEM_WRITE)
			ASSERT_TRUE(may_write(r, umem.log[i].addr,
					      umem.log[i].len));
	ASSERT_LE(r->head, r->tail);
	ASSERT_LE(r->tail, VHOSTX_CHAIN_MAX);
	ASSERT_LE(r->nr_desc, VHOSTX_CHAIN_MAX);
	ASSERT_LT(r->fault, __VHOSTX_FAULT_MAX);
	ASSERT_TRUE(r->packed || vhostx_ring_cached(r) <= r->num);
	expect_cache(_metadata, r);
	expect_used(_metadata, r);
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

/* Map the first chain, and consume it unless the ring broke. */
static int serve(struct __test_metadata *_metadata, struct vhostx_ring *r)
{
	static struct iovec iov[256];
	size_t len = 0;
	int n;

	n = vhostx_ring_map(r, vhostx_ring_peek(r, 0), &rig->view, false, iov,
			    ARRAY_SIZE(iov), &len);
	ASSERT_GE(n, -VHOSTX_BAD_SIZE);
	ASSERT_TRUE(n || vhostx_ring_broken(r));
	if (n > 0)
		expect_inside(_metadata, iov, n, len);
	if (n && r->nr_used < VHOSTX_CHAIN_MAX + VHOSTX_BATCH)
		vhostx_ring_use(r, n > 0 ? len : 0);
	return n;
}

/* Whether a ring of this format can break for that. */
static bool can_break(struct vhostx_ring *r, enum vhostx_fault fault)
{
	switch (fault) {
	/* The ring itself logs nothing. */
	case VHOSTX_FAULT_LOG_WRITE:
		return false;
	/* There is no index, and no number of a descriptor. */
	case VHOSTX_FAULT_AVAIL_JUMP:
	case VHOSTX_FAULT_DESC_RANGE:
		return !r->packed;
	default:
		return true;
	}
}

TEST_F_TIMEOUT(hostile, random, 300)
{
	u32 faults[__VHOSTX_FAULT_MAX] = {}, good = 0, bad = 0, step, i;
	struct vhostx_ring *r = self->r;
	bool was_broken;
	int n = 0;

	for (step = 0; step < STEPS; step++) {
		if (spell)
			spell--;
		if (!roll(3))
			mischief();
		hostile = true;
		umem_mark();
		was_broken = vhostx_ring_broken(r);
		switch (roll(9)) {
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
			n = serve(_metadata, r);
			good += n > 0;
			bad += n < 0;
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
			n = roll(2) ? vhostx_ring_kicks_off(r) :
				      vhostx_ring_kicks_mute(r);
			break;
		}
		hostile = false;
		/* An error and a broken ring are the same thing. */
		ASSERT_TRUE(n >= 0 || (n == -EIO && vhostx_ring_broken(r)));
		expect_sound(_metadata, r);
		if (vhostx_ring_broken(r) && (was_broken || roll(2))) {
			faults[r->fault]++;
			restart();
			ASSERT_FALSE(vhostx_ring_broken(r));
		}
	}
	/* Every way to break was taken, and many frames came through. */
	TH_LOG("%u steps: %u good, %u bad", STEPS, good, bad);
	for (i = 1; i < __VHOSTX_FAULT_MAX; i++) {
		TH_LOG("%s: %u", vhostx_fault_name(i), faults[i]);
		EXPECT_EQ(faults[i] > 0, can_break(r, i));
	}
	ASSERT_GT(good, 1000);
	ASSERT_GT(bad, 1000);
}

TEST_HARNESS_MAIN
