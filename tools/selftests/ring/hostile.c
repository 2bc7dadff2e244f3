// SPDX-License-Identifier: GPL-2.0-only
/* A driver that writes what it likes, whenever it likes, and memory that faults. */
#include <endian.h>
#include <string.h>

#include <linux/kernel.h>

#include "hostile.h"
#include "must.h"

/* Accesses between one meddling and the next, at most. */
#define QUIET		100

/* What the hook, which is handed no more than the access, belongs to. */
static struct hostile h;

static u32 roll(u32 below)
{
	return rnd(&h.rng, below);
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
	case 3:
		return RIG_GPA + roll(RIG_SIZE);
	case 4:
		return RIG_GPA + RIG_FREE + roll(h.reach);
	default:
		return RIG_GPA + RIG_FREE + roll(h.reach) / 16 * 16;
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

/* Where a table could have an entry, mostly one that begins where many do. */
static void *any_entry(void)
{
	u32 at = roll(h.reach - 16);

	return umem.base + RIG_FREE + (roll(4) ? at / 16 * 16 : at);
}

static void any_fault(size_t ring, size_t part)
{
	/* In the ring half of the time, in tables the other half. */
	if (roll(20))
		umem_fail(NULL, 0);
	else if (roll(2))
		umem_fail(umem.base + roll(ring), 1 + roll(part));
	else
		umem_fail(umem.base + RIG_FREE + roll(h.reach), h.reach / 200);
}

static void mischief_split(void)
{
	struct vhostx_ring *r = &h.rig->ring;
	u32 i;

	switch (roll(10)) {
	case 0:
		rig_put16(h.rig, &r->avail->idx, roll(50) ?
			  r->next + roll(r->num + 2) : roll(65536));
		break;
	case 1:
		rig_put16(h.rig, &r->avail->ring[roll(r->num + 1)],
			  roll(roll(20) ? r->num : 65536));
		break;
	case 2:
		rig_put16(h.rig, &r->avail->flags, roll(65536));
		rig_put16(h.rig, &r->used->idx, roll(65536));
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
			any_desc(any_entry(), 100);
		for (i = roll(30); i; i--)
			rig_put16(h.rig, &r->avail->ring[(r->next + i) & (r->num - 1)],
				  roll(r->num));
	}
}

/* The number that a place of the device's has in two laps. */
static u32 index_of(u16 place)
{
	return (place & 0x7fff) + (place & 0x8000 ? 0 : h.rig->ring.num);
}

/* Mostly available when the device comes to it next, under one of few ids. */
static void any_packed(u64 at)
{
	u16 flags = any_flags() & ~0x8080;

	flags |= roll(20) ? rig_packed_avail_flags(h.rig, at) :
			    roll(65536) & 0x8080;
	rig_packed_put(h.rig, at, any_addr(), any_len(),
		       roll(4) ? roll(8) : roll(65536), flags);
}

/* Near what the device has next, each from there on in its lap. */
static void any_packed_run(u32 nr)
{
	u64 at = index_of(h.rig->ring.next) + (roll(3) ? 0 : roll(h.rig->ring.num));

	while (nr--)
		any_packed(at++);
}

/* And left alone for a while, until the device comes to it and through it. */
static void chain_without_end(void)
{
	u64 at = index_of(h.rig->ring.next), i;

	for (i = at; i < at + h.rig->ring.num; i++)
		rig_packed_put(h.rig, i, any_addr(), 1 + roll(1000), 1,
			       rig_packed_avail_flags(h.rig, i) | RIG_NEXT);
	h.spell = 100;
}

static void mischief_packed(void)
{
	struct vhostx_ring *r = &h.rig->ring;
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
		rig_packed_at(h.rig, roll(r->num))->flags = htole16(roll(65536));
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
			any_desc(any_entry(), 100);
		any_packed_run(roll(30));
	}
}

static void mischief(void)
{
	if (h.spell)
		return;
	if (h.rig->ring.packed)
		mischief_packed();
	else
		mischief_split();
}

static void mischief_meanwhile(enum umem_op op, void *addr, size_t len)
{
	(void)op;
	(void)addr;
	(void)len;
	if (!h.meddles || h.quiet--)
		return;
	mischief();
	h.quiet = roll(QUIET);
}

/* Places that differ by so much are the same. */
static u32 round_trip(void)
{
	return h.rig->ring.packed ? 2 * h.rig->ring.num : 65536;
}

static u32 place_of(u16 place)
{
	return h.rig->ring.packed ? index_of(place) : place;
}

/* What the driver has when it starts, from numbers that no one chose. */
static void fill(void)
{
	u32 (*source)(u32 below) = rnd_source;
	struct vhostx_ring *r = &h.rig->ring;
	u32 i;

	rnd_source = NULL;
	for (i = 0; i < 256 && i < r->num; i++) {
		if (r->packed)
			any_packed(index_of(r->next) + i);
		else
			any_desc(&r->desc[i], r->num);
	}
	for (i = 0; i < h.tables; i++)
		any_desc(umem.base + RIG_FREE + i * 16, 100);
	rnd_source = source;
}

/* Start as the driver's reset would: what it has is sound. */
static void restart(void)
{
	struct vhostx_ring *r = &h.rig->ring;

	h.spell = 0;
	umem_fail(NULL, 0);
	if (r->packed)
		rig_packed_start(h.rig, roll(2 * r->num));
	else
		rig_start(h.rig, roll(65536), roll(65536));
	h.lag = r->last_avail - r->last_used;
	fill();
	if (r->packed && !roll(100))
		chain_without_end();
}

struct hostile *hostile_new(const struct hostile_setup *setup, u64 seed)
{
	static const u64 cuts[] = {
		RIG_FREE - 8, RIG_FREE, RIG_FREE + 0x1003, RIG_FREE + 0x20000,
		RIG_FREE + 0x20001, RIG_FREE + 0x20005, RIG_FREE + 0x80000,
	};

	memset(&h, 0, sizeof(h));
	h.rng = seed;
	h.reach = setup->reach;
	h.tables = setup->tables;
	h.rig = setup->packed ? rig_packed_new(setup->num, setup->event_idx) :
				rig_new(setup->num, setup->event_idx);
	rig_regions(h.rig, cuts, ARRAY_SIZE(cuts));
	h.r = &h.rig->ring;
	h.r->one_used = setup->one_used;
	restart();
	umem.hook = mischief_meanwhile;
	return &h;
}

void hostile_free(void)
{
	rig_free(h.rig);
}

/* The cache's descriptors: those that a chain has too many of are not there. */
static void expect_cache(struct vhostx_ring *r)
{
	u16 place = r->last_avail;
	u32 i, at;

	at = vhostx_ring_cached(r) ? vhostx_ring_peek(r, 0)->first : r->nr_desc;
	for (i = 0; i < vhostx_ring_cached(r); i++) {
		const struct vhostx_chain *c = vhostx_ring_peek(r, i);
		bool is_long = r->packed && c->bad == VHOSTX_BAD_SIZE;

		MUST(r->packed || c->id < r->num);
		MUST(c->first == at);
		MUST(c->nr > 0);
		MUST(c->nr <= r->num);
		MUST(c->nr <= VHOSTX_CHAIN_MAX);
		at += c->nr;
		if (r->packed) {
			u32 takes = (place_of(c->end) + round_trip() -
				     place_of(place)) % round_trip();

			MUST(c->place == place);
			MUST(takes <= r->num);
			MUST(takes == (is_long ? takes : c->nr));
			MUST((takes > VHOSTX_CHAIN_MAX) == is_long);
		} else {
			MUST(c->end == (u16)(place + 1));
		}
		place = c->end;
	}
	MUST(at == r->nr_desc);
	MUST(place == r->next);
}

/* Used entries go where the chains were, and as far. */
static void expect_used(struct vhostx_ring *r)
{
	u16 packed = r->nr_used ? r->used_cache[0].place : r->last_avail;
	u16 split = r->last_avail - r->nr_used - h.lag;

	MUST(r->last_used == (r->packed ? packed : split));
}

static bool may_write(struct vhostx_ring *r, u64 addr, size_t len)
{
	u64 used = addr - (u64)r->used, desc = addr - (u64)r->desc;

	if (used < vhostx_ring_used_size(r))
		return used + len <= vhostx_ring_used_size(r);
	/* The second half of a descriptor, and all of it. */
	return r->packed && desc < r->num * 16 && desc % 16 == 8 && len == 8;
}

static void expect_sound(struct vhostx_ring *r)
{
	/* What one call may take: the longest chain or table, and some to spare. */
	u32 work = 2 * (VHOSTX_CHAIN_MAX + VHOSTX_BATCH) + 16, i;

	/* A chain that is too long is read to its end. */
	if (r->packed)
		work += r->num + 2 * VHOSTX_BATCH;
	MUST(work < UMEM_LOG);
	MUST(umem.nr_log <= work);
	for (i = 0; i < umem.nr_log; i++)
		if (umem.log[i].op == UMEM_WRITE)
			MUST(may_write(r, umem.log[i].addr,
				       umem.log[i].len));
	MUST(r->head <= r->tail);
	MUST(r->tail <= VHOSTX_CHAIN_MAX);
	MUST(r->nr_desc <= VHOSTX_CHAIN_MAX);
	MUST(r->fault < __VHOSTX_FAULT_MAX);
	MUST(r->packed || vhostx_ring_cached(r) <= r->num);
	expect_cache(r);
	expect_used(r);
}

static void expect_inside(const struct iovec *iov, int n, size_t len)
{
	u64 base = (u64)umem.base;
	int i;

	for (i = 0; i < n; i++) {
		u64 at = (u64)iov[i].iov_base;

		MUST(iov[i].iov_len > 0);
		MUST(at >= base);
		MUST(iov[i].iov_len <= RIG_SIZE);
		MUST(at + iov[i].iov_len <= base + RIG_SIZE);
		len -= iov[i].iov_len;
	}
	MUST(len == 0);
}

/* Map the first chain, and consume it unless the ring broke. */
static int serve(struct vhostx_ring *r)
{
	static struct iovec iov[256];
	size_t len = 0;
	int n;

	n = vhostx_ring_map(r, vhostx_ring_peek(r, 0), &h.rig->view, false, iov,
			    ARRAY_SIZE(iov), &len);
	MUST(n >= -VHOSTX_BAD_SIZE);
	MUST(n || vhostx_ring_broken(r));
	if (n > 0)
		expect_inside(iov, n, len);
	if (n && r->nr_used < VHOSTX_CHAIN_MAX + VHOSTX_BATCH)
		vhostx_ring_use(r, n > 0 ? len : 0);
	return n;
}

/* Something that a device does; its error, if that is one of the ring's. */
static int act(struct vhostx_ring *r)
{
	int n;

	switch (roll(9)) {
	case 0:
	case 1:
	case 2:
		n = vhostx_ring_fetch(r);
		MUST(n <= VHOSTX_BATCH);
		return n == -ENOSPC ? 0 : n;
	case 3:
	case 4:
		if (!vhostx_ring_cached(r))
			return 0;
		n = serve(r);
		h.good += n > 0;
		h.bad += n < 0;
		return 0;
	case 5:
		return vhostx_ring_publish(r);
	case 6:
		return vhostx_ring_want_signal(r);
	case 7:
		return vhostx_ring_kicks_on(r);
	default:
		return roll(2) ? vhostx_ring_kicks_off(r) :
				 vhostx_ring_kicks_mute(r);
	}
}

/* One step of the device's, with mischief before and meanwhile. */
void hostile_step(void)
{
	struct vhostx_ring *r = h.r;
	bool was_broken;
	int n;

	if (h.spell)
		h.spell--;
	if (!roll(3))
		mischief();
	h.meddles = true;
	umem_mark();
	was_broken = vhostx_ring_broken(r);
	n = act(r);
	h.meddles = false;
	/* An error and a broken ring are the same thing. */
	MUST(n >= 0 || (n == -EIO && vhostx_ring_broken(r)));
	expect_sound(r);
	MUST_NOT(umem.error);
	if (vhostx_ring_broken(r) && (was_broken || roll(2))) {
		h.faults[r->fault]++;
		restart();
		MUST(!vhostx_ring_broken(r));
	}
}
