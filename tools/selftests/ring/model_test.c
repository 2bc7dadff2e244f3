// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver and a device that take random steps on one ring, with everything
 * checked against a model: which chain comes when, where its bytes are, what
 * comes back, and who has to wake whom.
 */
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"

#include "rig.h"

#define REGIONS		40
#define SLOTS		128
#define SLOT_ENTRIES	80
/* Odd, so that tables start anywhere and some lie across regions. */
#define SLOT_SIZE	(SLOT_ENTRIES * 16 + 7)
#define TABLES		rig_gpa(0)
#define BUFFERS		(TABLES + SLOTS * SLOT_SIZE)
#define GPA_END		(RIG_GPA + RIG_SIZE)
#define IOV		1100

struct seg {
	u64 addr;
	u32 len;
	bool write;
};

/* A chain as the driver made it. */
struct post {
	u16 head;
	u16 nr_desc;
	int slot;
	u64 table;
	u32 nr;
	u32 table_from;
	struct seg seg[];
};

/* Counters run on in 64 bits: what the ring shows are their lower 16. */
struct model {
	struct __test_metadata *_metadata;
	struct rig *rig;
	struct vhostx_ring *r;
	bool write;
	u64 rng;
	u64 region[REGIONS + 1];
	u64 region_hva[REGIONS];
	u16 *free_desc;
	u32 nr_free;
	int free_slot[SLOTS];
	int nr_slots;
	struct post **posts;
	u32 *lens;
	u64 posted;
	u64 fetched;
	u64 used;
	u64 published;
	u64 reclaimed;
	u64 signalled;
	u64 seen_avail;
	u16 base_avail;
	u16 base_used;
	u16 used_event;
	bool decided;
	bool no_interrupt;
	bool asleep;
	bool idle;
	u64 nr_bad;
	u64 nr_signals;
	u64 nr_kicks;
	u64 nr_indirect;
	u64 nr_stuck;
};

static struct model *watched;

static u32 rnd(struct model *m, u32 below)
{
	m->rng ^= m->rng >> 12;
	m->rng ^= m->rng << 25;
	m->rng ^= m->rng >> 27;
	return ((m->rng * 0x2545f4914f6cdd1dULL) >> 32) % below;
}

static struct post **post_at(struct model *m, u64 i)
{
	return &m->posts[i % m->r->num];
}

/* Which region has the address, or REGIONS for none. */
static u32 region_of(struct model *m, u64 gpa)
{
	u32 lo = 0, hi = REGIONS;

	if (gpa < m->region[0] || gpa >= m->region[REGIONS])
		return REGIONS;
	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (gpa >= m->region[mid])
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static u8 *hva_of(struct model *m, u64 gpa)
{
	u32 i = region_of(m, gpa);

	return (u8 *)(m->region_hva[i] + (gpa - m->region[i]));
}

/* Contiguous for the guest, in another order for the owner. */
static void make_regions(struct model *m)
{
	u64 cut[REGIONS + 1], at;
	u32 order[REGIONS], i, j;

	cut[0] = TABLES;
	cut[REGIONS] = GPA_END;
	/* The regions of the tables are small, so that tables meet their ends. */
	for (i = 1; i < REGIONS; i++)
		cut[i] = i < 30 ? TABLES + i * 3571 :
			 TABLES + 30 * 3571 + (i - 30) * 90001;
	for (i = 0; i < REGIONS; i++)
		order[i] = i;
	for (i = REGIONS - 1; i; i--) {
		j = rnd(m, i + 1);
		at = order[i];
		order[i] = order[j];
		order[j] = at;
	}

	memcpy(m->region, cut, sizeof(cut));
	vhost_iotlb_free(m->rig->table);
	m->rig->table = vhost_iotlb_alloc(REGIONS, 0);
	at = (u64)umem.base + RIG_FREE;
	for (i = 0; i < REGIONS; i++) {
		j = order[i];
		m->region_hva[j] = at;
		at += cut[j + 1] - cut[j];
		vhost_iotlb_add_range(m->rig->table, cut[j], cut[j + 1] - 1,
				      m->region_hva[j], VHOST_MAP_RW);
	}
	vhostx_view_set(&m->rig->view, m->rig->table, false);
}

/* The device's looks at the index bound what it can know. */
static void watch(enum umem_op op, void *addr, size_t len)
{
	(void)len;
	if (op == UMEM_READ && addr == &watched->r->avail->idx)
		watched->seen_avail = watched->posted;
}

static struct model *model_new(struct __test_metadata *_metadata, u32 num,
			       bool event_idx, bool write, u64 seed)
{
	struct model *m = calloc(1, sizeof(*m));
	u32 i, j;

	m->_metadata = _metadata;
	m->rng = seed;
	m->rig = rig_new(num, event_idx);
	m->r = &m->rig->ring;
	m->write = write;
	m->free_desc = calloc(num, sizeof(*m->free_desc));
	m->posts = calloc(num, sizeof(*m->posts));
	m->lens = calloc(num, sizeof(*m->lens));
	m->nr_free = num;
	for (i = 0; i < num; i++) {
		j = rnd(m, i + 1);
		m->free_desc[i] = m->free_desc[j];
		m->free_desc[j] = i;
	}
	for (i = 0; i < SLOTS; i++)
		m->free_slot[i] = i;
	m->nr_slots = SLOTS;
	make_regions(m);
	m->base_avail = 65000 + rnd(m, 1000);
	m->base_used = 65000 + rnd(m, 1000);
	rig_start(m->rig, m->base_avail, m->base_used);
	watched = m;
	umem.hook = watch;
	umem.read_once = true;
	return m;
}

static void model_free(struct model *m)
{
	u64 i;

	for (i = m->reclaimed; i < m->posted; i++)
		free(*post_at(m, i));
	free(m->free_desc);
	free(m->posts);
	free(m->lens);
	rig_free(m->rig);
	free(m);
}

static void put_entry(struct model *m, u64 at, u64 addr, u32 len, u16 flags,
		      u16 next)
{
	struct vring_desc desc = { addr, len, flags, next };
	u32 i;

	if (region_of(m, at) == region_of(m, at + sizeof(desc) - 1)) {
		memcpy(hva_of(m, at), &desc, sizeof(desc));
		return;
	}
	for (i = 0; i < sizeof(desc); i++)
		*hva_of(m, at + i) = ((u8 *)&desc)[i];
}

static struct seg random_seg(struct model *m)
{
	struct seg s;

	s.write = m->write ^ !rnd(m, 200);
	s.len = rnd(m, 20) ? 1 + rnd(m, rnd(m, 10) ? 2000 : 200000) : 0;
	s.addr = BUFFERS + rnd(m, GPA_END - BUFFERS);
	if (!rnd(m, 200))
		s.addr = ~0ULL - rnd(m, 300);
	return s;
}

/* Write a table whose entries are linked in random order. */
static void write_table(struct model *m, const struct post *p)
{
	u32 nr = p->nr - p->table_from, i, at = 0, next;
	bool taken[SLOT_ENTRIES] = { true };

	for (i = 0; i < nr; i++) {
		const struct seg *s = &p->seg[p->table_from + i];

		next = rnd(m, nr);
		while (i + 1 < nr && taken[next])
			next = (next + 1) % nr;
		taken[next] = true;
		put_entry(m, p->table + at * 16, s->addr, s->len,
			  (i + 1 < nr ? RIG_NEXT : 0) |
			  (s->write ? RIG_WRITE : 0), next);
		at = next;
	}
}

/* Post one random chain; false where the driver has no room. */
static bool post(struct model *m)
{
	u32 direct = rnd(m, 60) ? 1 + rnd(m, 3) : 1 + rnd(m, m->r->num);
	u32 indirect = 0, nr, i;
	u16 at, next;
	struct post *p;

	if (m->nr_slots && !rnd(m, 2)) {
		indirect = 1 + rnd(m, rnd(m, 8) ? 4 : SLOT_ENTRIES);
		direct = rnd(m, 2) ? 0 : rnd(m, 3);
	}
	nr = direct + !!indirect;
	if (nr > m->nr_free)
		return false;

	p = calloc(1, sizeof(*p) + (direct + indirect) * sizeof(p->seg[0]));
	p->nr = direct + indirect;
	p->nr_desc = nr;
	p->table_from = direct;
	for (i = 0; i < p->nr; i++)
		p->seg[i] = random_seg(m);

	at = m->free_desc[--m->nr_free];
	p->head = at;
	for (i = 0; i < direct; i++) {
		next = i + 1 < nr ? m->free_desc[--m->nr_free] : rnd(m, 65536);
		rig_desc(m->rig, at, p->seg[i].addr, p->seg[i].len,
			 (i + 1 < nr ? RIG_NEXT : 0) |
			 (p->seg[i].write ? RIG_WRITE : 0), next);
		at = next;
	}
	if (indirect) {
		p->slot = m->free_slot[--m->nr_slots];
		p->table = TABLES + p->slot * SLOT_SIZE;
		write_table(m, p);
		rig_desc(m->rig, at, p->table, indirect * 16,
			 RIG_INDIRECT | (rnd(m, 2) ? RIG_WRITE : 0),
			 rnd(m, 65536));
		m->nr_indirect++;
	}
	*post_at(m, m->posted) = p;
	rig_put16(m->rig, &m->r->avail->ring[(u16)(m->base_avail + m->posted) &
					     (m->r->num - 1)], p->head);
	m->posted++;
	return true;
}

/* Whether an index of 16 bits lies among those from @from up to @to. */
static bool passed(u64 from, u64 to, u16 base, u16 index)
{
	u64 offset = (u16)(index - base - (u16)from);

	return from + offset < to;
}

static void step_post(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	u32 nr = 1 + rnd(m, rnd(m, 8) ? 4 : 300);
	u64 old = m->posted;
	bool kick;

	while (nr-- && post(m))
		;
	if (m->posted == old)
		return;
	rig_avail_idx(m->rig, m->base_avail + m->posted);

	if (m->r->event_idx)
		kick = passed(old, m->posted, m->base_avail,
			      rig_avail_event(m->rig));
	else
		kick = !(rig_get16(m->rig, &m->r->used->flags) &
			 VRING_USED_F_NO_NOTIFY);
	/* A device that sleeps must be woken by what came. */
	ASSERT_TRUE(kick || !m->asleep);
	if (kick)
		m->asleep = false;
	m->nr_kicks += kick;
}

static void step_fetch(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	u32 cached = vhostx_ring_cached(m->r);
	int i, n;

	umem_mark();
	n = vhostx_ring_fetch(m->r);
	if (n == -ENOSPC) {
		ASSERT_GT(cached, 0);
		m->nr_stuck++;
		n = 0;
	} else {
		ASSERT_EQ(!n, m->fetched == m->posted);
	}
	ASSERT_GE(n, 0);
	ASSERT_LE(n, VHOSTX_BATCH);
	ASSERT_LE(m->fetched + n, m->posted);
	ASSERT_EQ(vhostx_ring_cached(m->r), cached + n);
	for (i = 0; i < n; i++) {
		const struct vhostx_chain *c = vhostx_ring_peek(m->r, cached + i);
		const struct post *p = *post_at(m, m->fetched + i);

		ASSERT_EQ(c->id, p->head);
		if (p->nr_desc > VHOSTX_CHAIN_MAX) {
			ASSERT_EQ(c->bad, VHOSTX_BAD_SIZE);
			continue;
		}
		ASSERT_EQ(c->bad, 0);
		ASSERT_EQ(c->nr, p->nr_desc);
	}
	m->fetched += n;
}

/* What mapping must answer, and on success where each byte must be. */
static int expect_map(struct model *m, const struct post *p, u32 max,
		      struct iovec *iov, size_t *len)
{
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

			k = region_of(m, addr);
			if (k == REGIONS)
				return -VHOSTX_BAD_ADDR;
			if (n == max)
				return -VHOSTX_BAD_SIZE;
			part = m->region[k + 1] - addr;
			if (part > left)
				part = left;
			iov[n].iov_base = hva_of(m, addr);
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
	u32 max = rnd(m, 4) ? IOV : rnd(m, 6);
	size_t len = 0, want_len;
	int n, want;

	want = expect_map(m, *post_at(m, m->used + i), max, want_iov, &want_len);
	umem_mark();
	n = vhostx_ring_map(m->r, vhostx_ring_peek(m->r, i), &m->rig->view,
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

static void step_use(struct model *m)
{
	u32 cached = vhostx_ring_cached(m->r);
	u32 nr = 1 + rnd(m, rnd(m, 8) ? 4 : 100);
	int len;

	if (cached)
		check_map(m, rnd(m, cached));
	for (; nr && vhostx_ring_cached(m->r); nr--) {
		if (m->r->nr_used == VHOSTX_CHAIN_MAX + VHOSTX_BATCH)
			return;
		len = check_map(m, 0);
		if (len < 0)
			len = 0;
		else
			len = rnd(m, len) + 1;
		m->lens[m->used % m->r->num] = len;
		vhostx_ring_use(m->r, len);
		m->used++;
	}
}

static void step_publish(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;

	ASSERT_EQ(m->r->nr_used, m->used - m->published);
	ASSERT_EQ(vhostx_ring_publish(m->r), 0);
	m->published = m->used;
	ASSERT_EQ(m->r->nr_used, 0);
	ASSERT_EQ(rig_used_idx(m->rig), (u16)(m->base_used + m->published));
}

static void step_signal(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	int ret = vhostx_ring_want_signal(m->r);
	int want;

	if (m->r->notify_on_empty && m->seen_avail == m->used) {
		want = 1;
	} else if (m->r->event_idx) {
		want = !m->decided || passed(m->signalled, m->published,
					     m->base_used, m->used_event);
		m->decided = true;
		m->signalled = m->published;
	} else {
		want = !m->no_interrupt;
	}
	ASSERT_EQ(ret, want);
	m->nr_signals += ret;
}

/* Everything that came back: in order, once, with the length it was given. */
static void step_reclaim(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	u16 idx = rig_used_idx(m->rig);
	u16 at, i;

	while ((u16)(m->base_used + m->reclaimed) != idx) {
		struct post *p = *post_at(m, m->reclaimed);
		struct rig_used used =
			rig_used(m->rig, m->base_used + m->reclaimed);

		ASSERT_LT(m->reclaimed, m->published);
		ASSERT_EQ(used.id, p->head);
		ASSERT_EQ(used.len, m->lens[m->reclaimed % m->r->num]);
		for (i = 0, at = p->head; i < p->nr_desc; i++) {
			m->free_desc[m->nr_free++] = at;
			at = m->r->desc[at].next;
		}
		if (p->table)
			m->free_slot[m->nr_slots++] = p->slot;
		free(p);
		m->reclaimed++;
	}
	ASSERT_EQ(m->reclaimed, m->published);
}

static void step_wish(struct model *m)
{
	m->no_interrupt = rnd(m, 2);
	m->used_event = m->base_used + m->published + rnd(m, 12) - 4;
	if (!rnd(m, 10))
		m->used_event = rnd(m, 65536);
	rig_put16(m->rig, &m->r->avail->flags,
		  m->no_interrupt ? VRING_AVAIL_F_NO_INTERRUPT : 0);
	rig_used_event(m->rig, m->used_event);
}

static void step_sleep(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;
	int ret = vhostx_ring_kicks_on(m->r);

	ASSERT_EQ(ret, m->posted != m->fetched);
	if (!ret) {
		m->asleep = true;
		return;
	}
	ASSERT_EQ(vhostx_ring_kicks_off(m->r), 0);
}

/* What a VMM does: read the base, or stop and start the ring. */
static void step_forget(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;

	if (rnd(m, 2)) {
		vhostx_ring_forget(m->r);
	} else {
		step_publish(m);
		ASSERT_EQ(m->r->last_used, (u16)(m->base_used + m->used));
		ASSERT_EQ(vhostx_ring_start(m->r), 0);
		m->decided = false;
		m->asleep = false;
	}
	ASSERT_EQ(m->r->last_avail, (u16)(m->base_avail + m->used));
	m->fetched = m->used;
	m->seen_avail = m->used;
	/* Kicks for what was forgotten have been had. */
	m->asleep = false;
}

static void step(struct model *m)
{
	u32 dice = rnd(m, 1000);

	umem_mark();
	/* Now and then the driver has little to send, and the device sleeps. */
	if (!rnd(m, 2000))
		m->idle = !m->idle;
	if (m->idle && dice < 240)
		dice += 250;

	if (dice < 250)
		step_post(m);
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
		step_wish(m);
	else if (dice < 998)
		step_sleep(m);
	else
		step_forget(m);
}

static void drain(struct model *m)
{
	struct __test_metadata *_metadata = m->_metadata;

	while (m->used < m->posted) {
		step_fetch(m);
		step_use(m);
		if (m->r->nr_used >= VHOSTX_CHAIN_MAX)
			step_publish(m);
	}
	step_publish(m);
	step_reclaim(m);
	ASSERT_EQ(m->reclaimed, m->posted);
	ASSERT_EQ(m->nr_free, m->r->num);
	ASSERT_EQ(m->nr_slots, SLOTS);
}

FIXTURE(model)
{
	struct model *m;
};

FIXTURE_VARIANT(model)
{
	u32 num;
	bool event_idx;
	bool write;
	bool notify_on_empty;
	u32 steps;
};

FIXTURE_VARIANT_ADD(model, num1)
{
	.num = 1, .steps = 500000, .event_idx = true,
};

FIXTURE_VARIANT_ADD(model, num2_flags)
{
	.num = 2, .steps = 500000, .write = true,
};

FIXTURE_VARIANT_ADD(model, num8)
{
	.num = 8, .steps = 500000, .event_idx = true, .write = true,
};

FIXTURE_VARIANT_ADD(model, num64_on_empty)
{
	.num = 64, .steps = 300000, .event_idx = true, .notify_on_empty = true,
};

FIXTURE_VARIANT_ADD(model, num256)
{
	.num = 256, .steps = 600000, .event_idx = true,
};

FIXTURE_VARIANT_ADD(model, num256_flags)
{
	.num = 256, .steps = 300000, .write = true,
};

FIXTURE_VARIANT_ADD(model, num1024)
{
	.num = 1024, .steps = 300000, .event_idx = true, .write = true,
};

FIXTURE_VARIANT_ADD(model, num4096)
{
	.num = 4096, .steps = 200000, .event_idx = true,
};

FIXTURE_VARIANT_ADD(model, num32768)
{
	.num = 32768, .steps = 100000, .event_idx = true, .write = true,
};

FIXTURE_SETUP(model)
{
	self->m = model_new(_metadata, variant->num, variant->event_idx,
			    variant->write, 0x9e3779b97f4a7c15ULL + variant->num);
	self->m->r->notify_on_empty = variant->notify_on_empty;
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
	       variant->steps, m->posted, m->nr_indirect, m->nr_bad, m->nr_stuck);
	TH_LOG("%llu signals, %llu kicks", m->nr_signals, m->nr_kicks);
	/* The steps went where they were meant to go. */
	ASSERT_GT(m->posted, variant->steps / 100);
	ASSERT_GT(m->nr_indirect, variant->steps / 200);
	ASSERT_GT(m->nr_bad, 1000);
	ASSERT_GT(m->nr_signals, 100);
	ASSERT_GT(m->nr_kicks, 50);
}

TEST_HARNESS_MAIN
