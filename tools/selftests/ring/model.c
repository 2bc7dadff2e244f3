// SPDX-License-Identifier: GPL-2.0-only
/* What a driver and a device do on one ring, and what must come of it. */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "must.h"

/* Odd, so that tables start anywhere and some lie across regions. */
#define SLOT_SIZE	(SLOT_ENTRIES * 16 + 7)
#define BUFFERS		(GUEST_BEGIN + MODEL_SLOTS * SLOT_SIZE)
#define IOV		1100
#define WAITING		(VHOSTX_CHAIN_MAX + VHOSTX_BATCH)

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

struct model *model_new(const struct model_setup *setup, u64 seed)
{
	struct model *m = calloc(1, sizeof(*m));
	u32 num = setup->num, i;

	m->rng = seed;
	m->d = setup->packed ?
	       driver_packed_new(num, setup->event_idx, &m->rng) :
	       driver_split_new(num, setup->event_idx, &m->rng);
	m->r = &m->d->rig->ring;
	m->r->notify_on_empty = setup->notify_on_empty;
	m->r->one_used = setup->one_used;
	m->write = setup->write;
	m->posts = calloc(num, sizeof(*m->posts));
	m->lens = calloc(num, sizeof(*m->lens));
	m->ends = calloc(num, sizeof(*m->ends));
	for (i = 0; i < MODEL_SLOTS; i++)
		m->free_slot[i] = i;
	m->nr_slots = MODEL_SLOTS;
	umem.read_once = true;
	return m;
}

void model_free(struct model *m)
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
	struct mark old = m->offered;
	bool kick;

	if (old.nr == m->posted.nr)
		return;
	m->d->ops->offer(m->d);
	m->offered = m->posted;
	kick = m->d->ops->wants_kick(m->d, old.at, m->offered.at);
	/* A device that sleeps must be woken by what came. */
	MUST(kick || !m->asleep);
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
	void *twice = m->d->ops->twice(m->d, m->fetched.at);
	u16 next = m->r->next;
	int n;

	umem_mark();
	umem.twice = twice;
	n = vhostx_ring_fetch(m->r);
	umem.twice = NULL;
	if (twice && umem_reads(twice) > 1)
		MUST(m->r->next == (next ^ VHOSTX_PLACE_WRAP));
	return n;
}

static void step_fetch(struct model *m)
{
	u32 cached = vhostx_ring_cached(m->r);
	bool full = is_full(m, cached);
	int i, n = fetch(m);

	if (n == -ENOSPC) {
		MUST(full);
		m->nr_stuck++;
		n = 0;
	} else {
		MUST(!n == (m->fetched.nr == m->offered.nr));
	}
	MUST(n >= 0);
	MUST(n <= VHOSTX_BATCH);
	MUST(m->fetched.nr + n <= m->offered.nr);
	MUST(vhostx_ring_cached(m->r) == cached + n);
	for (i = 0; i < n; i++) {
		const struct vhostx_chain *c = vhostx_ring_peek(m->r, cached + i);
		const struct post *p = *post_at(m, m->fetched.nr);

		MUST(c->id == p->id);
		go(m, &m->fetched);
		if (p->nr_desc > VHOSTX_CHAIN_MAX) {
			MUST(c->bad == VHOSTX_BAD_SIZE);
			m->cached_desc += VHOSTX_CHAIN_MAX;
			continue;
		}
		MUST(c->bad == 0);
		MUST(c->nr == p->nr_desc);
		m->cached_desc += p->nr_desc;
	}
	MUST(m->cached_desc <= VHOSTX_CHAIN_MAX);
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
	static struct iovec iov[IOV], want_iov[IOV];
	u32 max = roll(m, 4) ? IOV : roll(m, 6);
	size_t len = 0, want_len;
	int n, want;

	want = expect_map(m, *post_at(m, m->used.nr + i), max, want_iov, &want_len);
	umem_mark();
	n = vhostx_ring_map(m->r, vhostx_ring_peek(m->r, i), &m->d->rig->view,
			    m->write, iov, max, &len);
	MUST(n == want);
	if (n < 0) {
		m->nr_bad++;
		return n;
	}
	MUST(len == want_len);
	MUST(!memcmp(iov, want_iov, n * sizeof(*iov)));
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
	static struct published list[WAITING];
	u32 nr = expect_publish(m, list);
	const char *wrong;

	MUST(m->r->nr_used == m->used.nr - m->published.nr);
	umem_mark();
	MUST(vhostx_ring_publish(m->r) == 0);
	wrong = m->d->ops->check_publish(m->d, list, nr, m->used.at);
	MUST_NOT(wrong);
	m->published = m->used;
	MUST(m->r->nr_used == 0);
	if (m->published.at - m->signalled.at > m->d->ops->lap(m->d))
		m->decided = false;
}

static void step_signal(struct model *m)
{
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
	MUST(ret == want);
	m->nr_signals += ret;
}

/* The chains that one used entry stands for. */
static void take_back(struct model *m, const struct back *back)
{
	u64 last = m->reclaimed.nr;
	const char *wrong;

	while (!m->ends[last % m->r->num])
		last++;
	MUST(last < m->published.nr);
	MUST(back->id == (*post_at(m, last))->id);
	MUST(back->len == m->lens[last % m->r->num]);
	MUST(back->write == !!back->len);
	while (m->reclaimed.nr <= last) {
		struct post *p = *post_at(m, m->reclaimed.nr);

		wrong = m->d->ops->give_back(m->d, p, m->reclaimed.at);
		MUST_NOT(wrong);
		go(m, &m->reclaimed);
		if (p->table)
			m->free_slot[m->nr_slots++] = p->slot;
		free(p);
	}
}

/* Everything that came back: in order, once, with the length it was given. */
static void step_reclaim(struct model *m)
{
	struct back back;

	while (m->d->ops->take(m->d, m->reclaimed.at, &back)) {
		MUST(m->reclaimed.nr < m->published.nr);
		take_back(m, &back);
	}
	MUST(m->reclaimed.nr == m->published.nr);
}

static void step_sleep(struct model *m)
{
	int ret = vhostx_ring_kicks_on(m->r);

	MUST(ret == (m->offered.nr != m->fetched.nr));
	if (!ret) {
		/* Watched for a while, and asked again. */
		if (roll(m, 2)) {
			MUST(vhostx_ring_kicks_mute(m->r) == 0);
			umem_mark();
			MUST(vhostx_ring_kicks_on(m->r) == 0);
		}
		m->asleep = true;
		return;
	}
	MUST(vhostx_ring_kicks_off(m->r) == 0);
}

/* What a VMM does: read the base, or stop and start the ring. */
static void step_forget(struct model *m)
{
	u32 how = roll(m, 3), base;

	if (!how) {
		vhostx_ring_forget(m->r);
	} else {
		step_publish(m);
		base = vhostx_ring_base(m->r);
		MUST(base == m->d->ops->base(m->d, m->used.at,
					     m->published.at));
		if (how == 1) {
			MUST(vhostx_ring_start(m->r) == 0);
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

/* Take a step of this kind, whether it leads anywhere or not. */
void model_step(struct model *m, enum model_step kind)
{
	umem_mark();
	switch (kind) {
	case MODEL_POST:
		step_post(m);
		break;
	case MODEL_OFFER:
		step_offer(m);
		break;
	case MODEL_FETCH:
		step_fetch(m);
		break;
	case MODEL_USE:
		step_use(m);
		break;
	case MODEL_PUBLISH:
		step_publish(m);
		break;
	case MODEL_SIGNAL:
		step_signal(m);
		break;
	case MODEL_RECLAIM:
		step_reclaim(m);
		break;
	case MODEL_WISH:
		m->d->ops->wish(m->d, m->published.at);
		break;
	case MODEL_SLEEP:
		step_sleep(m);
		break;
	case MODEL_FORGET:
		step_forget(m);
		break;
	case MODEL_STEPS:
		break;
	}
	MUST(!vhostx_ring_broken(m->r));
	MUST_NOT(umem.error);
}

/* Offer what was posted, and take it all through: nothing is lost. */
void model_drain(struct model *m)
{

	step_offer(m);
	while (m->used.nr < m->posted.nr) {
		step_fetch(m);
		step_use(m);
		if (m->r->nr_used >= VHOSTX_CHAIN_MAX)
			step_publish(m);
	}
	step_publish(m);
	step_reclaim(m);
	MUST(m->reclaimed.nr == m->posted.nr);
	MUST(m->d->nr_free == m->d->capacity);
	MUST(m->nr_slots == MODEL_SLOTS);
}
