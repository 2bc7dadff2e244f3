// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's driver of a packed ring. It names its chains by any 16 bits, and
 * has a copy of the ring, by which it sees what the device must not have written.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define IDS		65536
/* What means nothing to a device in an entry of a table. */
#define TABLE_NOISE	0x80f1

/**
 * struct head - a chain that was laid and not offered
 * @at: its first descriptor
 * @flags: what makes it available
 */
struct head {
	u64 at;
	u16 flags;
};

/**
 * struct packed - the driver's end of a packed ring
 * @d: what every format has
 * @copy: the ring, as the driver left it or has seen it
 * @head: chains that were laid and not offered
 * @nr_heads: how many
 * @taken: ids of chains that have not come back
 * @event: what it asks for
 */
struct packed {
	struct driver d;
	struct vring_packed_desc *copy;
	struct head *head;
	u32 nr_heads;
	bool taken[IDS];
	struct rig_event event;
};

static struct packed *packed_of(struct driver *d)
{
	return (struct packed *)d;
}

static void packed_free(struct driver *d)
{
	rig_free(d->rig);
	free(packed_of(d)->copy);
	free(packed_of(d)->head);
	free(d);
}

static u32 packed_places(const struct post *p)
{
	return p->nr_desc;
}

static u64 packed_lap(const struct driver *d)
{
	return d->rig->ring.num;
}

static struct vring_packed_desc *packed_copy(struct driver *d, u64 at)
{
	return &packed_of(d)->copy[at % d->rig->ring.num];
}

/* In the ring and in the copy of it. */
static void packed_write(struct driver *d, u64 at, u64 addr, u32 len, u16 id,
			 u16 flags)
{
	rig_packed_put(d->rig, at, addr, len, id, flags);
	*packed_copy(d, at) = *rig_packed_at(d->rig, at);
}

static u16 packed_new_id(struct driver *d)
{
	bool *taken = packed_of(d)->taken;
	u16 id = rnd(d->rng, IDS);

	while (taken[id])
		id++;
	taken[id] = true;
	return id;
}

/* Entries in order, with noise where the device is to look at nothing. */
static void packed_table(struct driver *d, const struct post *p)
{
	u64 at = p->table;
	u32 i;

	for (i = p->table_from; i < p->nr; i++) {
		u16 flags = (p->seg[i].write ? RIG_WRITE : 0) |
			    (rnd(d->rng, 65536) & TABLE_NOISE);
		struct vring_packed_desc desc = {
			.addr = htole64(p->seg[i].addr),
			.len = htole32(p->seg[i].len),
			.id = rnd(d->rng, IDS),
			.flags = htole16(flags),
		};

		guest_write(&d->guest, at, &desc, sizeof(desc));
		at += sizeof(desc);
	}
}

/* The head's flags keep those of the lap before: the chain is not available. */
static void packed_lay(struct driver *d, struct post *p)
{
	struct packed *packed = packed_of(d);
	u64 first = d->avail_base + d->laid;
	u32 i;

	p->id = packed_new_id(d);
	if (p->table)
		packed_table(d, p);
	for (i = 0; i < p->nr_desc; i++) {
		bool direct = i < p->table_from, more = i + 1 < p->nr_desc;
		u64 addr = direct ? p->seg[i].addr : p->table;
		u32 len = direct ? p->seg[i].len : (p->nr - p->table_from) * 16;
		u16 flags = rig_packed_avail_flags(d->rig, first + i) |
			    (more ? RIG_NEXT : 0);
		/* Only the last one's counts. */
		u16 id = more ? rnd(d->rng, IDS) : p->id;

		if (!direct)
			flags |= RIG_INDIRECT | (rnd(d->rng, 2) ? RIG_WRITE : 0);
		else if (p->seg[i].write)
			flags |= RIG_WRITE;
		if (!i) {
			packed->head[packed->nr_heads++] =
				(struct head){ first, flags };
			flags = rig_packed_get(d->rig, first).flags;
		}
		packed_write(d, first + i, addr, len, id, flags);
	}
	d->nr_free -= p->nr_desc;
	d->laid += p->nr_desc;
}

/* The last one first: the device finds all of them or none. */
static void packed_offer(struct driver *d)
{
	struct packed *packed = packed_of(d);

	while (packed->nr_heads) {
		struct head *head = &packed->head[--packed->nr_heads];

		rig_packed_at(d->rig, head->at)->flags = htole16(head->flags);
		packed_copy(d, head->at)->flags = htole16(head->flags);
	}
	d->offered = d->laid;
}

/* Whether a place as suppression has it is one of those from @from up to @to. */
static bool passed(struct driver *d, u64 from, u64 to, u16 place)
{
	u32 num = d->rig->ring.num;
	u32 index = (place & 0x7fff) + (place & 0x8000 ? 0 : num);

	return (index + 2 * num - from % (2 * num)) % (2 * num) < to - from;
}

static bool packed_wants_kick(struct driver *d, u64 from, u64 to)
{
	struct rig_event event = rig_packed_event(d->rig);

	if (event.flags == VRING_PACKED_EVENT_FLAG_DESC)
		return passed(d, d->avail_base + from, d->avail_base + to,
			      event.place);
	return event.flags != VRING_PACKED_EVENT_FLAG_DISABLE;
}

/* The first descriptor is looked at as the next lap's too. */
static void *packed_twice(struct driver *d, u64 at)
{
	return &rig_packed_at(d->rig, d->avail_base + at)->len;
}

/* Whether the descriptor is used as it should be, and so written at once. */
static bool packed_is_used(struct driver *d, const struct umem_event *event,
			   const struct published *want)
{
	u64 at = d->used_base + want->at;
	struct rig_packed desc = rig_packed_get(d->rig, at);

	return event->op == UMEM_WRITE && event->len == 8 &&
	       event->addr == (u64)&rig_packed_at(d->rig, at)->len &&
	       desc.id == want->id && desc.len == want->len &&
	       desc.flags == (rig_packed_used_flags(d->rig, at) |
			      (want->len ? RIG_WRITE : 0));
}

static const char *packed_check_publish(struct driver *d,
					const struct published *list, u32 nr,
					u64 to)
{
	const struct umem_event *event = umem.log;
	u32 i;

	(void)to;
	if (!nr)
		return umem.nr_log ? "accesses for nothing" : NULL;
	if (umem.nr_log != nr + 1)
		return "other accesses than of used descriptors";
	for (i = 1; i < nr; i++)
		if (!packed_is_used(d, event++, &list[i]))
			return "another descriptor";
	if (event++->op != UMEM_WMB)
		return "no barrier before the first one";
	if (!packed_is_used(d, event, &list[0]))
		return "the first one does not come last";
	return NULL;
}

static bool packed_take(struct driver *d, u64 at, struct back *back)
{
	u16 used = rig_packed_used_flags(d->rig, d->used_base + at);
	struct rig_packed desc = rig_packed_get(d->rig, d->used_base + at);

	if ((desc.flags & 0x8080) != used)
		return false;
	*packed_copy(d, d->used_base + at) =
		*rig_packed_at(d->rig, d->used_base + at);
	back->id = desc.id;
	back->len = desc.len;
	back->write = desc.flags & RIG_WRITE;
	return true;
}

static const char *packed_give_back(struct driver *d, const struct post *p,
				    u64 at)
{
	u32 i;

	if (!packed_of(d)->taken[p->id])
		return "an id that the device does not have";
	packed_of(d)->taken[p->id] = false;
	for (i = 0; i < p->nr_desc; i++) {
		if (memcmp(rig_packed_at(d->rig, d->used_base + at + i),
			   packed_copy(d, d->used_base + at + i),
			   sizeof(struct vring_packed_desc)))
			return "a descriptor that was skipped was written";
	}
	d->nr_free += p->nr_desc;
	return NULL;
}

static void packed_wish(struct driver *d, u64 at)
{
	struct rig_event *event = &packed_of(d)->event;
	u64 place = d->used_base + at + rnd(d->rng, 12) - 4;

	if (!rnd(d->rng, 10))
		place = rnd(d->rng, 2 * d->rig->ring.num);
	event->place = rig_packed_place(d->rig, place);
	event->flags = rnd(d->rng, 2) ? VRING_PACKED_EVENT_FLAG_ENABLE :
					VRING_PACKED_EVENT_FLAG_DISABLE;
	if (d->rig->ring.event_idx && rnd(d->rng, 4))
		event->flags = VRING_PACKED_EVENT_FLAG_DESC;
	rig_packed_wish(d->rig, event->flags, event->place);
}

static bool packed_wants_signal(struct driver *d, bool decided, u64 from, u64 to)
{
	const struct rig_event *event = &packed_of(d)->event;

	if (event->flags == VRING_PACKED_EVENT_FLAG_DESC)
		return !decided || passed(d, d->used_base + from,
					  d->used_base + to, event->place);
	return event->flags != VRING_PACKED_EVENT_FLAG_DISABLE;
}

static u32 packed_base(struct driver *d, u64 avail, u64 used)
{
	return (u32)rig_packed_place(d->rig, d->used_base + used) << 16 |
	       rig_packed_place(d->rig, d->avail_base + avail);
}

static const struct driver_ops packed_ops = {
	.free = packed_free,
	.places = packed_places,
	.lap = packed_lap,
	.lay = packed_lay,
	.offer = packed_offer,
	.wants_kick = packed_wants_kick,
	.twice = packed_twice,
	.check_publish = packed_check_publish,
	.take = packed_take,
	.give_back = packed_give_back,
	.wish = packed_wish,
	.wants_signal = packed_wants_signal,
	.base = packed_base,
};

struct driver *driver_packed_new(u32 num, bool event_idx, u64 *rng)
{
	struct packed *packed = calloc(1, sizeof(*packed));
	struct driver *d = &packed->d;

	d->ops = &packed_ops;
	d->rng = rng;
	d->rig = rig_packed_new(num, event_idx);
	d->nr_free = num;
	d->capacity = num;
	d->avail_base = 4 * num + 4 + rnd(rng, 2 * num);
	d->used_base = d->avail_base;
	rig_packed_start(d->rig, d->avail_base);
	packed->copy = calloc(num, sizeof(*packed->copy));
	packed->head = calloc(num, sizeof(*packed->head));
	memcpy(packed->copy, d->rig->ring.desc, num * sizeof(*packed->copy));
	guest_init(&d->guest, d->rig, rng);
	return d;
}
