// SPDX-License-Identifier: GPL-2.0-only
/* The driver side of a packed virtqueue: virtio 1.2, section 2.8. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "vq.h"

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))

#define WRAP			VQ_PLACE_FIRST
#define AVAIL			0x0080	/* bit VRING_PACKED_DESC_F_AVAIL */
#define USED			0x8000	/* bit VRING_PACKED_DESC_F_USED */

static unsigned int pos(uint16_t place)
{
	return place & ~WRAP;
}

static struct vring_packed_desc *desc_at(struct vq *q, uint16_t place)
{
	return (struct vring_packed_desc *)q->desc + pos(place);
}

static uint16_t after(const struct vq *q, uint16_t place, unsigned int n)
{
	unsigned int to = pos(place) + n;

	return to < q->num ? to | (place & WRAP) :
	       (to - q->num) | (~place & WRAP);
}

/* Descriptors from the one place on to the other, of two laps. */
static unsigned int distance(const struct vq *q, uint16_t from, uint16_t to)
{
	unsigned int lap = (from ^ to) & WRAP ? q->num : 0;

	return (2 * q->num + lap + pos(to) - pos(from)) % (2 * q->num);
}

static uint16_t avail_flags(uint16_t place)
{
	return place & WRAP ? AVAIL : USED;
}

void vq_packed_reset(struct vq *q, uint16_t base)
{
	struct vring_packed_desc_event *driver = (void *)q->avail;
	struct vring_packed_desc_event *device = (void *)q->used;
	unsigned int i;

	memset(driver, 0, sizeof(*driver));
	memset(device, 0, sizeof(*device));
	/* As if the laps before had gone by. */
	for (i = 0; i < q->num; i++) {
		bool wrap = i < pos(base) ? base & WRAP : !(base & WRAP);

		memset(desc_at(q, i), 0, sizeof(struct vring_packed_desc));
		if (wrap)
			desc_at(q, i)->flags = AVAIL | USED;
	}
	q->skip_to = VQ_NONE;
	q->last = after(q, base ^ WRAP, q->num - 1);
}

int vq_packed_build(struct vq *q, const struct vq_seg *seg, unsigned int n,
		    bool indirect)
{
	unsigned int need = indirect ? 1 : n, i;
	uint16_t id = q->free_head, place = q->avail_idx;
	struct vring_packed_desc *table;
	struct vring_packed_desc *d = desc_at(q, place);

	if (!n || need > q->num_free || (indirect && n > VQ_TABLE))
		return -ENOSPC;
	q->place[id] = place;
	if (indirect) {
		table = (struct vring_packed_desc *)q->table + id * VQ_TABLE;
		for (i = 0; i < n; i++) {
			table[i] = (struct vring_packed_desc){
				.addr = seg[i].gpa, .len = seg[i].len,
				.flags = seg[i].flags,
			};
		}
		d->addr = q->table_gpa + (uint64_t)id * VQ_TABLE * sizeof(*d);
		d->len = n * sizeof(*d);
		d->id = id;
		q->head_flags[id] = VRING_DESC_F_INDIRECT | avail_flags(place);
	}
	for (i = 0; i < need && !indirect; i++) {
		uint16_t flags = seg[i].flags | avail_flags(place) |
				 (i + 1 < n ? VRING_DESC_F_NEXT : 0);

		d = desc_at(q, place);
		d->addr = seg[i].gpa;
		d->len = seg[i].len;
		d->id = id;
		if (i)
			d->flags = flags;
		else
			q->head_flags[id] = flags;
		place = after(q, place, 1);
	}
	q->avail_idx = after(q, q->place[id], need);
	q->chain[id] = need;
	q->free_head = q->next[id];
	q->num_free -= need;
	return id;
}

void vq_packed_publish(struct vq *q, uint16_t id)
{
	q->last = q->place[id];
	atomic_thread_fence(memory_order_release);
	WRITE_ONCE(desc_at(q, q->place[id])->flags, q->head_flags[id]);
}

/* Whether the device wants to be told of what lies from @old on to @new. */
bool vq_packed_wants_kick(struct vq *q, uint16_t old, uint16_t new)
{
	uint32_t event = READ_ONCE(*(uint32_t *)q->used);
	unsigned int behind;

	switch (event >> 16) {
	case VRING_PACKED_EVENT_FLAG_ENABLE:
		return true;
	case VRING_PACKED_EVENT_FLAG_DESC:
		behind = distance(q, event, new);
		return behind && behind <= distance(q, old, new);
	default:
		return false;
	}
}

static bool is_used(struct vq *q, uint16_t place)
{
	uint16_t flags = READ_ONCE(desc_at(q, place)->flags);

	return (flags & (AVAIL | USED)) == (place & WRAP ? AVAIL | USED : 0);
}

static void take_back(struct vq *q, uint16_t id)
{
	q->used_idx = after(q, q->used_idx, q->chain[id]);
	q->num_free += q->chain[id];
	q->chain[id] = 0;
	q->next[id] = q->free_head;
	q->free_head = id;
}

/* Which chain begins where the next used descriptor is. */
static int oldest(const struct vq *q)
{
	unsigned int id;

	for (id = 0; id < q->num; id++)
		if (q->chain[id] && q->place[id] == q->used_idx)
			return id;
	return -EPROTO;
}

int vq_packed_reap(struct vq *q, uint32_t *id, uint32_t *len)
{
	struct vring_packed_desc *d = desc_at(q, q->used_idx);

	/* One used descriptor may stand for those before it. */
	if (q->skip_to == VQ_NONE) {
		if (!is_used(q, q->used_idx))
			return 0;
		atomic_thread_fence(memory_order_acquire);
		q->skip_to = d->id;
		q->skip_len = d->flags & VRING_DESC_F_WRITE ? d->len : 0;
		if (q->skip_to >= q->num || !q->chain[q->skip_to])
			return -EPROTO;
	}
	*id = q->skip_to;
	*len = 0;
	if (q->in_order && q->place[q->skip_to] != q->used_idx) {
		int first = oldest(q);

		if (first < 0)
			return first;
		*id = first;
	} else {
		*len = q->skip_len;
		q->skip_to = VQ_NONE;
	}
	take_back(q, *id);
	return 1;
}

static void put_event(struct vq *q, uint16_t flags, uint16_t place)
{
	WRITE_ONCE(*(uint32_t *)q->avail, (uint32_t)flags << 16 | place);
}

void vq_packed_mask_call(struct vq *q)
{
	put_event(q, VRING_PACKED_EVENT_FLAG_DISABLE, 0);
}

/* Without VIRTIO_RING_F_EVENT_IDX there is only the next one to ask for. */
void vq_packed_call_after(struct vq *q, unsigned int n)
{
	if (q->event_idx)
		put_event(q, VRING_PACKED_EVENT_FLAG_DESC,
			  after(q, q->used_idx, n - 1));
	else
		put_event(q, VRING_PACKED_EVENT_FLAG_ENABLE, 0);
}

bool vq_packed_has_used(struct vq *q)
{
	return q->skip_to != VQ_NONE || is_used(q, q->used_idx);
}

bool vq_packed_all_used(struct vq *q)
{
	return is_used(q, q->last);
}
