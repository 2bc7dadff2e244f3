// SPDX-License-Identifier: GPL-2.0-only
/* The model's driver of a split ring: descriptors linked in random order. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

/**
 * struct split - the driver's end of a split ring
 * @d: what every format has
 * @free: numbers of the descriptors that are not in a chain
 * @used_event: the index that is asked for
 * @no_interrupt: the flag
 */
struct split {
	struct driver d;
	u16 *free;
	u16 used_event;
	bool no_interrupt;
};

static struct driver *watched;

static struct split *split_of(struct driver *d)
{
	return (struct split *)d;
}

/* The device's looks at the index bound what it can know. */
static void split_watch(enum umem_op op, void *addr, size_t len)
{
	(void)len;
	if (op == UMEM_READ && addr == &watched->rig->ring.avail->idx)
		watched->seen = watched->offered;
}

static void split_free(struct driver *d)
{
	rig_free(d->rig);
	free(split_of(d)->free);
	free(d);
}

static u32 split_places(const struct post *p)
{
	(void)p;
	return 1;
}

static u64 split_lap(const struct driver *d)
{
	(void)d;
	return 65535;
}

/* Write a table whose entries are linked in random order. */
static void split_table(struct driver *d, const struct post *p)
{
	u32 nr = p->nr - p->table_from, i, at = 0, next;
	bool taken[SLOT_ENTRIES] = { true };

	for (i = 0; i < nr; i++) {
		const struct seg *s = &p->seg[p->table_from + i];
		struct vring_desc desc = { .addr = s->addr, .len = s->len };

		next = rnd(d->rng, nr);
		while (i + 1 < nr && taken[next])
			next = (next + 1) % nr;
		taken[next] = true;
		desc.flags = (i + 1 < nr ? RIG_NEXT : 0) |
			     (s->write ? RIG_WRITE : 0);
		desc.next = next;
		guest_write(&d->guest, p->table + at * sizeof(desc), &desc,
			    sizeof(desc));
		at = next;
	}
}

static void split_lay(struct driver *d, struct post *p)
{
	struct vhostx_ring *r = &d->rig->ring;
	u16 at = split_of(d)->free[--d->nr_free], next;
	u32 i;

	p->id = at;
	for (i = 0; i < p->table_from; i++) {
		bool more = i + 1 < p->nr_desc;

		next = more ? split_of(d)->free[--d->nr_free] :
			      rnd(d->rng, 65536);
		rig_desc(d->rig, at, p->seg[i].addr, p->seg[i].len,
			 (more ? RIG_NEXT : 0) |
			 (p->seg[i].write ? RIG_WRITE : 0), next);
		at = next;
	}
	if (p->table) {
		split_table(d, p);
		rig_desc(d->rig, at, p->table, (p->nr - p->table_from) * 16,
			 RIG_INDIRECT | (rnd(d->rng, 2) ? RIG_WRITE : 0),
			 rnd(d->rng, 65536));
	}
	rig_put16(d->rig, &r->avail->ring[(u16)(d->avail_base + d->laid) &
					  (r->num - 1)], p->id);
	d->laid++;
}

static void split_offer(struct driver *d)
{
	d->offered = d->laid;
	rig_avail_idx(d->rig, d->avail_base + d->laid);
}

/* Whether an index of 16 bits lies among those from @from up to @to. */
static bool passed(u64 from, u64 to, u64 base, u16 index)
{
	return (u16)(index - base - from) < to - from;
}

static bool split_wants_kick(struct driver *d, u64 from, u64 to)
{
	struct vhostx_ring *r = &d->rig->ring;

	if (r->event_idx)
		return passed(from, to, d->avail_base, rig_avail_event(d->rig));
	return !(rig_get16(d->rig, &r->used->flags) & VRING_USED_F_NO_NOTIFY);
}

static void *split_twice(struct driver *d, u64 at)
{
	(void)d;
	(void)at;
	return NULL;
}

static const char *split_check_publish(struct driver *d,
				       const struct published *list, u32 nr,
				       u64 to)
{
	struct vhostx_ring *r = &d->rig->ring;
	const struct umem_event *event = umem.log;
	u32 i;

	if (umem.nr_log != 2 * nr + 2)
		return "other accesses than of the entries";
	for (i = 0; i < 2 * nr; i++, event++) {
		u64 offset = event->addr - (u64)r->used->ring;
		u64 first = d->used_base + list[0].at;

		if (event->op != UMEM_WRITE ||
		    (u32)(offset / 8 - first) % r->num >= nr)
			return "another access than of an entry";
	}
	if (event[0].op != UMEM_WMB || event[1].op != UMEM_WRITE ||
	    event[1].addr != (u64)&r->used->idx)
		return "the index does not come last";
	for (i = 0; i < nr; i++) {
		struct rig_used used = rig_used(d->rig,
						d->used_base + list[i].at);

		if (used.id != list[i].id || used.len != list[i].len)
			return "another entry";
	}
	if (rig_used_idx(d->rig) != (u16)(d->used_base + to))
		return "another index";
	return NULL;
}

static bool split_take(struct driver *d, u64 at, struct back *back)
{
	struct rig_used used;

	if (rig_used_idx(d->rig) == (u16)(d->used_base + at))
		return false;
	used = rig_used(d->rig, d->used_base + at);
	back->id = used.id;
	back->len = used.len;
	back->write = used.len;
	return true;
}

static const char *split_give_back(struct driver *d, const struct post *p,
				   u64 at)
{
	u16 desc = p->id;
	u32 i;

	(void)at;
	for (i = 0; i < p->nr_desc; i++) {
		split_of(d)->free[d->nr_free++] = desc;
		desc = d->rig->ring.desc[desc].next;
	}
	return NULL;
}

static void split_wish(struct driver *d, u64 at)
{
	struct split *s = split_of(d);

	s->no_interrupt = rnd(d->rng, 2);
	s->used_event = d->used_base + at + rnd(d->rng, 12) - 4;
	if (!rnd(d->rng, 10))
		s->used_event = rnd(d->rng, 65536);
	rig_put16(d->rig, &d->rig->ring.avail->flags,
		  s->no_interrupt ? VRING_AVAIL_F_NO_INTERRUPT : 0);
	rig_used_event(d->rig, s->used_event);
}

static bool split_wants_signal(struct driver *d, bool decided, u64 from, u64 to)
{
	if (!d->rig->ring.event_idx)
		return !split_of(d)->no_interrupt;
	return !decided || passed(from, to, d->used_base, split_of(d)->used_event);
}

/* The used index is in the ring. */
static u32 split_base(struct driver *d, u64 avail, u64 used)
{
	(void)used;
	return (u16)(d->avail_base + avail);
}

static const struct driver_ops split_ops = {
	.free = split_free,
	.places = split_places,
	.lap = split_lap,
	.lay = split_lay,
	.offer = split_offer,
	.wants_kick = split_wants_kick,
	.twice = split_twice,
	.check_publish = split_check_publish,
	.take = split_take,
	.give_back = split_give_back,
	.wish = split_wish,
	.wants_signal = split_wants_signal,
	.base = split_base,
};

struct driver *driver_split_new(u32 num, bool event_idx, u64 *rng)
{
	struct split *s = calloc(1, sizeof(*s));
	struct driver *d = &s->d;
	u32 i, j;

	d->ops = &split_ops;
	d->rng = rng;
	d->rig = rig_new(num, event_idx);
	s->free = calloc(num, sizeof(*s->free));
	for (i = 0; i < num; i++) {
		j = rnd(rng, i + 1);
		s->free[i] = s->free[j];
		s->free[j] = i;
	}
	d->nr_free = num;
	d->capacity = num;
	d->avail_base = 65000 + rnd(rng, 1000);
	d->used_base = 65000 + rnd(rng, 1000);
	rig_start(d->rig, d->avail_base, d->used_base);
	guest_init(&d->guest, d->rig, rng);
	watched = d;
	umem.hook = split_watch;
	return d;
}
