// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver and a device that take random steps on one ring, with everything
 * checked against a model: which chain comes when, where its bytes are, what
 * comes back, and who has to wake whom. One model for both formats, whose
 * drivers are in driver_split.c and driver_packed.c.
 */
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"

#include "driver.h"

#define SLOTS		128
/* Odd, so that tables start anywhere and some lie across regions. */
#define SLOT_SIZE	(SLOT_ENTRIES * 16 + 7)
#define BUFFERS		(GUEST_BEGIN + SLOTS * SLOT_SIZE)
#define IOV		1100
#define WAITING		(VHOSTX_CHAIN_MAX + VHOSTX_BATCH)

/* How far something has come: in chains, and in the ring's places. */
struct mark {
	u64 nr;
	u64 at;
};

/*
 * @lens: what was written into each chain
 * @ends: whether each was the last one of a publication
 */
struct model {
	struct __test_metadata *_metadata;
	struct driver *d;
	struct vhostx_ring *r;
	bool write;
	u64 rng;
	int free_slot[SLOTS];
	int nr_slots;
	struct post **posts;
	u32 *lens;
	bool *ends;
	struct mark posted;
	struct mark offered;
	struct mark fetched;
	struct mark used;
	struct mark published;
	struct mark reclaimed;
	struct mark signalled;
	u32 cached_desc;
	bool decided;
	bool asleep;
	bool idle;
	u64 nr_bad;
	u64 nr_signals;
	u64 nr_kicks;
	u64 nr_indirect;
	u64 nr_stuck;
	u64 nr_long;
};

static u32 roll(struct model *m, u32 below)
{
	return rnd(&m->rng, below);
}

static struct post **post_at(struct model *m, u64 i)
{
	return &m->posts[i % m->r->num];
}

/* By the next chain. */
static void go(struct model *m, struct mark *mark)
{
	mark->at += m->d->ops->places(*post_at(m, mark->nr));
	mark->nr++;
}

static struct model *model_new(struct __test_metadata *_metadata, bool packed,
			       u32 num, bool event_idx, u64 seed)
{
	struct model *m = calloc(1, sizeof(*m));
	u32 i;

	m->_metadata = _metadata;
	m->rng = seed;
	m->d = packed ? driver_packed_new(num, event_idx, &m->rng) :
			driver_split_new(num, event_idx, &m->rng);
	m->r = &m->d->rig->ring;
	m->posts = calloc(num, sizeof(*m->posts));
	m->lens = calloc(num, sizeof(*m->lens));
	m->ends = calloc(num, sizeof(*m->ends));
	for (i = 0; i < SLOTS; i++)
		m->free_slot[i] = i;
	m->nr_slots = SLOTS;
	umem.read_once = true;
	return m;
}

static void model_free(struct model *m)
{
	u64 i;

	for (i = m->reclaimed.nr; i < m->posted.nr; i++)
		free(*post_at(m, i));
	free(m->posts);
	free(m->lens);
	free(m->ends);
	m->d->ops->free(m->d);
	free(m);
}

static struct seg random_seg(struct model *m)
{
	struct seg s;

	s.write = m->write ^ !roll(m, 200);
	s.len = roll(m, 20) ? 1 + roll(m, roll(m, 10) ? 2000 : 200000) : 0;
	s.addr = BUFFERS + roll(m, GUEST_END - BUFFERS);
	if (!roll(m, 200))
		s.addr = ~0ULL - roll(m, 300);
	return s;
}

/* Post one random chain; false where the driver has no room. */
static bool post(struct model *m)
{
	u32 direct = roll(m, 60) ? 1 + roll(m, 3) : 1 + roll(m, m->r->num);
	u32 indirect = 0, i;
	struct post *p;

	if (m->nr_slots && !roll(m, 2)) {
		indirect = 1 + roll(m, roll(m, 8) ? 4 : SLOT_ENTRIES);
		direct = roll(m, 2) ? 0 : roll(m, 3);
	}
	if (direct + !!indirect > m->d->nr_free)
		return false;

	p = calloc(1, sizeof(*p) + (direct + indirect) * sizeof(p->seg[0]));
	p->nr = direct + indirect;
	p->nr_desc = direct + !!indirect;
	p->table_from = direct;
	for (i = 0; i < p->nr; i++)
		p->seg[i] = random_seg(m);
	if (indirect) {
		p->slot = m->free_slot[--m->nr_slots];
		p->table = GUEST_BEGIN + p->slot * SLOT_SIZE;
		m->nr_indirect++;
	}
	m->nr_long += p->nr_desc > VHOSTX_CHAIN_MAX;

	m->d->ops->lay(m->d, p);
	*post_at(m, m->posted.nr) = p;
	go(m, &m->posted);
	return true;
}

static void step_offer(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	struct mark old = m->offered;
	bool kick;

	if (old.nr == m->posted.nr)
		return;
	m->d->ops->offer(m->d);
	m->offered = m->posted;
	kick = m->d->ops->wants_kick(m->d, old.at, m->offered.at);
	/* A device that sleeps must be woken by what came. */
	ASSERT_TRUE(kick || !m->asleep);
	if (kick)
		m->asleep = false;
	m->nr_kicks += kick;
}

static void step_post(struct model *m)
{
	u32 nr = 1 + roll(m, roll(m, 8) ? 4 : 300);

	while (nr-- && post(m))
		;
	/* The device must not take what was written and not offered. */
	if (roll(m, 4))
		step_offer(m);
}

/* Whether the device can have no room for the next chain. */
static bool is_full(struct model *m, u32 cached)
{
	if (cached == VHOSTX_CHAIN_MAX)
		return true;
	return cached && m->fetched.nr < m->offered.nr &&
	       m->cached_desc + (*post_at(m, m->fetched.nr))->nr_desc >
	       VHOSTX_CHAIN_MAX;
}

/* Fetch, with no byte read twice but where the ring is gone round. */
static int fetch(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	void *twice = m->d->ops->twice(m->d, m->fetched.at);
	u16 next = m->r->next;
	int n;

	umem_mark();
	umem.twice = twice;
	n = vhostx_ring_fetch(m->r);
	umem.twice = NULL;
	if (twice && umem_reads(twice) > 1)
		ASSERT_EQ(m->r->next, next ^ VHOSTX_PLACE_WRAP);
	return n;
}

static void step_fetch(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	u32 cached = vhostx_ring_cached(m->r);
	bool full = is_full(m, cached);
	int i, n = fetch(m);

	if (n == -ENOSPC) {
		ASSERT_TRUE(full);
		m->nr_stuck++;
		n = 0;
	} else {
		ASSERT_EQ(!n, m->fetched.nr == m->offered.nr);
	}
	ASSERT_GE(n, 0);
	ASSERT_LE(n, VHOSTX_BATCH);
	ASSERT_LE(m->fetched.nr + n, m->offered.nr);
	ASSERT_EQ(vhostx_ring_cached(m->r), cached + n);
	for (i = 0; i < n; i++) {
		const struct vhostx_chain *c = vhostx_ring_peek(m->r, cached + i);
		const struct post *p = *post_at(m, m->fetched.nr);

		ASSERT_EQ(c->id, p->id);
		go(m, &m->fetched);
		if (p->nr_desc > VHOSTX_CHAIN_MAX) {
			ASSERT_EQ(c->bad, VHOSTX_BAD_SIZE);
			m->cached_desc += VHOSTX_CHAIN_MAX;
			continue;
		}
		ASSERT_EQ(c->bad, 0);
		ASSERT_EQ(c->nr, p->nr_desc);
		m->cached_desc += p->nr_desc;
	}
	ASSERT_LE(m->cached_desc, VHOSTX_CHAIN_MAX);
}

/* What mapping must answer, and on success where each byte must be. */
static int expect_map(struct model *m, const struct post *p, u32 max,
		      struct iovec *iov, size_t *len)
{
	const struct guest *guest = &m->d->guest;
	u32 n = 0, i, k;

	*len = 0;
	if (p->nr_desc > VHOSTX_CHAIN_MAX)
		return -VHOSTX_BAD_SIZE;
	for (i = 0; i < p->nr; i++) {
		const struct seg *s = &p->seg[i];
		u64 addr = s->addr, left = s->len;

		if (s->write != m->write)
			return -VHOSTX_BAD_DIR;
		if (left && addr + (left - 1) < addr)
			return -VHOSTX_BAD_ADDR;
		for (; left; n++) {
			u64 part;

			k = guest_region(guest, addr);
			if (k == GUEST_REGIONS)
				return -VHOSTX_BAD_ADDR;
			if (n == max)
				return -VHOSTX_BAD_SIZE;
			part = guest->region[k + 1] - addr;
			if (part > left)
				part = left;
			iov[n].iov_base = guest_hva(guest, addr);
			iov[n].iov_len = part;
			addr += part;
			left -= part;
		}
		*len += s->len;
	}
	return n ? (int)n : -VHOSTX_BAD_EMPTY;
}

/* Map a chain of the cache, not always the first. */
static int check_map(struct model *m, u32 i)
{
	struct __test_metadata *_metadata = m->_metadata;
	static struct iovec iov[IOV], want_iov[IOV];
	u32 max = roll(m, 4) ? IOV : roll(m, 6);
	size_t len = 0, want_len;
	int n, want;

	want = expect_map(m, *post_at(m, m->used.nr + i), max, want_iov, &want_len);
	umem_mark();
	n = vhostx_ring_map(m->r, vhostx_ring_peek(m->r, i), &m->d->rig->view,
			    m->write, iov, max, &len);
	ASSERT_EQ(n, want);
	if (n < 0) {
		m->nr_bad++;
		return n;
	}
	ASSERT_EQ(len, want_len);
	ASSERT_EQ(memcmp(iov, want_iov, n * sizeof(*iov)), 0);
	return len > INT_MAX ? INT_MAX : len;
}

static void use(struct model *m)
{
	const struct post *p = *post_at(m, m->used.nr);
	int len = check_map(m, 0);

	/* One entry can stand for many where nothing was written. */
	if (len < 0 || m->r->one_used)
		len = 0;
	else
		len = roll(m, len) + 1;
	m->lens[m->used.nr % m->r->num] = len;
	m->ends[m->used.nr % m->r->num] = false;
	vhostx_ring_use(m->r, len);
	m->cached_desc -= p->nr_desc < VHOSTX_CHAIN_MAX ? p->nr_desc :
							  VHOSTX_CHAIN_MAX;
	go(m, &m->used);
}

static void step_use(struct model *m)
{
	u32 cached = vhostx_ring_cached(m->r);
	u32 nr = 1 + roll(m, roll(m, 8) ? 4 : 100);

	if (cached)
		check_map(m, roll(m, cached));
	for (; nr && vhostx_ring_cached(m->r); nr--) {
		if (m->r->nr_used == WAITING)
			return;
		use(m);
	}
}

/* What the next publication must write; returns how many entries. */
static u32 expect_publish(struct model *m, struct published *list)
{
	struct mark mark = m->published;
	u32 nr = 0;

	for (; mark.nr < m->used.nr; go(m, &mark), nr++) {
		list[nr].at = mark.at;
		list[nr].id = (*post_at(m, mark.nr))->id;
		list[nr].len = m->lens[mark.nr % m->r->num];
		m->ends[mark.nr % m->r->num] = !m->r->one_used ||
					       mark.nr + 1 == m->used.nr;
	}
	if (nr && m->r->one_used) {
		list[0].id = list[nr - 1].id;
		nr = 1;
	}
	return nr;
}

static void step_publish(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	static struct published list[WAITING];
	u32 nr = expect_publish(m, list);
	const char *wrong;

	ASSERT_EQ(m->r->nr_used, m->used.nr - m->published.nr);
	umem_mark();
	ASSERT_EQ(vhostx_ring_publish(m->r), 0);
	wrong = m->d->ops->check_publish(m->d, list, nr, m->used.at);
	ASSERT_EQ(wrong, NULL) TH_LOG("%s", wrong);
	m->published = m->used;
	ASSERT_EQ(m->r->nr_used, 0);
	if (m->published.at - m->signalled.at > m->d->ops->lap(m->d))
		m->decided = false;
}

static void step_signal(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	int ret = vhostx_ring_want_signal(m->r);
	int want;

	if (m->r->notify_on_empty && m->d->seen == m->used.at) {
		want = 1;
	} else {
		want = m->d->ops->wants_signal(m->d, m->decided, m->signalled.at,
					       m->published.at);
		m->decided = true;
		m->signalled = m->published;
	}
	ASSERT_EQ(ret, want);
	m->nr_signals += ret;
}

/* The chains that one used entry stands for. */
static void take_back(struct model *m, const struct back *back)
{
	struct __test_metadata *_metadata = m->_metadata;
	u64 last = m->reclaimed.nr;
	const char *wrong;

	while (!m->ends[last % m->r->num])
		last++;
	ASSERT_LT(last, m->published.nr);
	ASSERT_EQ(back->id, (*post_at(m, last))->id);
	ASSERT_EQ(back->len, m->lens[last % m->r->num]);
	ASSERT_EQ(back->write, !!back->len);
	while (m->reclaimed.nr <= last) {
		struct post *p = *post_at(m, m->reclaimed.nr);

		wrong = m->d->ops->give_back(m->d, p, m->reclaimed.at);
		ASSERT_EQ(wrong, NULL) TH_LOG("%s", wrong);
		go(m, &m->reclaimed);
		if (p->table)
			m->free_slot[m->nr_slots++] = p->slot;
		free(p);
	}
}

/* Everything that came back: in order, once, with the length it was given. */
static void step_reclaim(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	struct back back;

	while (m->d->ops->take(m->d, m->reclaimed.at, &back)) {
		ASSERT_LT(m->reclaimed.nr, m->published.nr);
		take_back(m, &back);
	}
	ASSERT_EQ(m->reclaimed.nr, m->published.nr);
}

static void step_sleep(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	int ret = vhostx_ring_kicks_on(m->r);

	ASSERT_EQ(ret, m->offered.nr != m->fetched.nr);
	if (!ret) {
		/* Watched for a while, and asked again. */
		if (roll(m, 2)) {
			ASSERT_EQ(vhostx_ring_kicks_mute(m->r), 0);
			umem_mark();
			ASSERT_EQ(vhostx_ring_kicks_on(m->r), 0);
		}
		m->asleep = true;
		return;
	}
	ASSERT_EQ(vhostx_ring_kicks_off(m->r), 0);
}

/* What a VMM does: read the base, or stop and start the ring. */
static void step_forget(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	u32 how = roll(m, 3), base;

	if (!how) {
		vhostx_ring_forget(m->r);
	} else {
		step_publish(m);
		base = vhostx_ring_base(m->r);
		ASSERT_EQ(base, m->d->ops->base(m->d, m->used.at,
						m->published.at));
		if (how == 1) {
			ASSERT_EQ(vhostx_ring_start(m->r), 0);
		} else {
			rig_restart(m->d->rig, base);
		}
		m->decided = false;
	}
	m->fetched = m->used;
	m->cached_desc = 0;
	m->d->seen = m->used.at;
	/* Kicks for what was forgotten have been had. */
	m->asleep = false;
}

static void step(struct model *m)
{
	u32 dice = roll(m, 1000);

	umem_mark();
	/* Now and then the driver has little to send, and the device sleeps. */
	if (!roll(m, 2000))
		m->idle = !m->idle;
	if (m->idle && dice < 240)
		dice += 250;

	if (dice < 250)
		step_post(m);
	else if (dice < 280)
		step_offer(m);
	else if (dice < 450)
		step_fetch(m);
	else if (dice < 650)
		step_use(m);
	else if (dice < 740)
		step_publish(m);
	else if (dice < 800)
		step_signal(m);
	else if (dice < 920)
		step_reclaim(m);
	else if (dice < 950)
		m->d->ops->wish(m->d, m->published.at);
	else if (dice < 998)
		step_sleep(m);
	else
		step_forget(m);
}

static void drain(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;

	step_offer(m);
	while (m->used.nr < m->posted.nr) {
		step_fetch(m);
		step_use(m);
		if (m->r->nr_used >= VHOSTX_CHAIN_MAX)
			step_publish(m);
	}
	step_publish(m);
	step_reclaim(m);
	ASSERT_EQ(m->reclaimed.nr, m->posted.nr);
	ASSERT_EQ(m->d->nr_free, m->d->capacity);
	ASSERT_EQ(m->nr_slots, SLOTS);
}

FIXTURE(model)
{
	struct model *m;
};

FIXTURE_VARIANT(model)
{
	bool packed;
	u32 num;
	bool event_idx;
	bool write;
	bool notify_on_empty;
	bool one_used;
	u32 steps;
};

#define VARIANT(name, ...)						\
	FIXTURE_VARIANT_ADD(model, name) { __VA_ARGS__ }
#define EVENT		.event_idx = true
#define WRITE		.write = true
#define IN_ORDER	.one_used = true
#define PACKED		.packed = true

VARIANT(num1, .num = 1, .steps = 500000, EVENT);
VARIANT(num2_flags, .num = 2, .steps = 500000, WRITE);
VARIANT(num8, .num = 8, .steps = 500000, EVENT, WRITE);
VARIANT(num64_on_empty, .num = 64, .steps = 300000, EVENT,
	.notify_on_empty = true);
VARIANT(num256, .num = 256, .steps = 600000, EVENT);
VARIANT(num256_flags, .num = 256, .steps = 300000, WRITE);
VARIANT(num256_in_order, .num = 256, .steps = 300000, EVENT, IN_ORDER);
VARIANT(num1024, .num = 1024, .steps = 300000, EVENT, WRITE);
VARIANT(num4096, .num = 4096, .steps = 200000, EVENT);
VARIANT(num32768, .num = 32768, .steps = 100000, EVENT, WRITE);
VARIANT(packed1, .num = 1, .steps = 500000, PACKED, EVENT);
VARIANT(packed1_flags, .num = 1, .steps = 500000, PACKED, WRITE);
VARIANT(packed2, .num = 2, .steps = 500000, PACKED, EVENT, WRITE);
VARIANT(packed2_flags, .num = 2, .steps = 500000, PACKED);
VARIANT(packed7, .num = 7, .steps = 500000, PACKED, EVENT);
VARIANT(packed7_in_order, .num = 7, .steps = 500000, PACKED, EVENT, IN_ORDER);
VARIANT(packed8_flags, .num = 8, .steps = 500000, PACKED, WRITE);
VARIANT(packed64, .num = 64, .steps = 300000, PACKED, EVENT, WRITE);
VARIANT(packed100, .num = 100, .steps = 300000, PACKED, EVENT);
VARIANT(packed100_flags, .num = 100, .steps = 300000, PACKED, WRITE);
VARIANT(packed256, .num = 256, .steps = 600000, PACKED, EVENT, WRITE);
VARIANT(packed256_flags, .num = 256, .steps = 300000, PACKED);
VARIANT(packed256_in_order, .num = 256, .steps = 300000, PACKED, EVENT, IN_ORDER);
VARIANT(packed1024, .num = 1024, .steps = 300000, PACKED, EVENT, WRITE);
VARIANT(packed4096, .num = 4096, .steps = 200000, PACKED, EVENT);
VARIANT(packed32768, .num = 32768, .steps = 100000, PACKED, EVENT, WRITE);
VARIANT(packed32768_in_order, .num = 32768, .steps = 100000, PACKED, IN_ORDER);

FIXTURE_SETUP(model)
{
	self->m = model_new(_metadata, variant->packed, variant->num,
			    variant->event_idx,
			    0x9e3779b97f4a7c15ULL + variant->num);
	self->m->write = variant->write;
	self->m->r->notify_on_empty = variant->notify_on_empty;
	self->m->r->one_used = variant->one_used;
}

FIXTURE_TEARDOWN(model)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	model_free(self->m);
}

/* A busy machine may take its time. */
TEST_F_TIMEOUT(model, random, 300)
{
	struct model *m = self->m;
	u32 i;

	for (i = 0; i < variant->steps; i++) {
		step(m);
		ASSERT_FALSE(vhostx_ring_broken(m->r));
		ASSERT_EQ(umem.errors, 0);
	}
	drain(m);
	TH_LOG("%u steps: %llu chains (%llu indirect), %llu bad, %llu times no room",
	       variant->steps, m->posted.nr, m->nr_indirect, m->nr_bad,
	       m->nr_stuck);
	TH_LOG("%llu signals, %llu kicks, %llu too long, %u of %u descriptors",
	       m->nr_signals, m->nr_kicks, m->nr_long, m->d->capacity,
	       variant->num);
	/* The steps went where they were meant to go. */
	ASSERT_GT(m->posted.nr, variant->steps / 100);
	ASSERT_GT(m->nr_indirect, variant->steps / 200);
	ASSERT_GT(m->nr_bad, 1000);
	ASSERT_GT(m->nr_signals, 100);
	ASSERT_GT(m->nr_kicks, 50);
	ASSERT_TRUE(m->nr_long || variant->num <= VHOSTX_CHAIN_MAX);
}

TEST_HARNESS_MAIN
