// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packed virtqueues: virtio 1.2, section 2.8. Little-endian throughout. A descriptor's
 * second half, with its length, id and flags, is loaded and stored at once: so the module
 * offers the format on 64-bit hosts only.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "ring.h"

#define PACKED_AVAIL	BIT(VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED	BIT(VRING_PACKED_DESC_F_USED)

/* What packed_fetch_chain() met, other than a chain or a fault. */
#define PACKED_NONE	1
#define PACKED_FULL	2

static int packed_break(struct vhostx_ring *r, enum vhostx_fault fault)
{
	r->fault = fault;
	return -EIO;
}

static __always_inline struct vring_packed_desc __user *
packed_desc(const struct vhostx_ring *r, u16 place)
{
	return vhostx_ring_desc_at(r, vhostx_place_pos(place));
}

/* The second half of a descriptor, which holds its flags. */
static __always_inline __virtio64 __user *packed_tail(const struct vhostx_ring *r,
						      u16 place)
{
	return (__virtio64 __user *)&packed_desc(r, place)->len;
}

static __always_inline u32 tail_len(u64 tail)
{
	return tail;
}

static __always_inline u16 tail_id(u64 tail)
{
	return tail >> 32;
}

static __always_inline u16 tail_flags(u64 tail)
{
	return tail >> 48;
}

/* The descriptor that the device writes at @place in return for a chain. */
static __always_inline u64 tail_used(const struct vhostx_used *used, u16 id,
				     u16 place)
{
	u64 flags = place & VHOSTX_PLACE_WRAP ? PACKED_AVAIL | PACKED_USED : 0;

	if (used->len)
		flags |= VRING_DESC_F_WRITE;
	return flags << 48 | (u64)id << 32 | used->len;
}

/* Whether a descriptor with these flags is the device's in the lap of @place. */
static __always_inline bool packed_is_avail(u16 flags, u16 place)
{
	return (flags & (PACKED_AVAIL | PACKED_USED)) ==
	       (place & VHOSTX_PLACE_WRAP ? PACKED_AVAIL : PACKED_USED);
}

/* What the device says about kicks: whether, or at which place it needs one. */
static int packed_put_event(struct vhostx_ring *r, u16 flags, u16 place)
{
	__virtio32 __user *event = vhostx_ring_used_at(r, 0);

	return put_user(__cpu_to_virtio32(true, (u32)flags << 16 | place), event);
}

/* It wants a kick for what will come at @place. */
static int packed_put_wish(struct vhostx_ring *r, u16 place)
{
	return r->event_idx ?
	       packed_put_event(r, VRING_PACKED_EVENT_FLAG_DESC, place) :
	       packed_put_event(r, VRING_PACKED_EVENT_FLAG_ENABLE, 0);
}

/*
 * Open a window on the ring: pieces were checked one by one when they were
 * translated, so the first stands for all.
 */
static __always_inline bool packed_read_begin(const struct vhostx_ring *r)
{
	return user_read_access_begin(vhostx_ring_desc_at(r, 0), r->pieces ? 1 :
				      r->num * sizeof(*r->desc));
}

static __always_inline bool packed_write_begin(const struct vhostx_ring *r)
{
	return user_write_access_begin(vhostx_ring_desc_at(r, 0), r->pieces ?
				       1 : r->num * sizeof(*r->desc));
}

/**
 * vhostx_packed_start - see vhostx_ring_start()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_packed_start(struct vhostx_ring *r)
{
	/* DPDK sets half of the base: a ring that is new has nothing in flight. */
	u16 used = r->last_avail == VHOSTX_PLACE_FIRST && !r->last_used ?
		   r->last_avail : r->last_used;

	if (vhostx_place_pos(r->last_avail) >= r->num ||
	    vhostx_place_pos(used) >= r->num)
		return -EINVAL;
	if (packed_put_wish(r, r->last_avail))
		return -EFAULT;

	r->last_used = used;
	r->signalled_valid = false;
	r->kicks_off = false;
	r->nr_used = 0;
	r->fault = VHOSTX_FAULT_NONE;
	vhostx_ring_forget(r);
	return 0;
}

/*
 * Fetch the next chain. Inside a user access window: calls nothing. Returns 0, one of
 * PACKED_*, or a fault's negative.
 */
static __always_inline int packed_fetch_chain(struct vhostx_ring *r,
					      struct vhostx_chain *chain,
					      struct vhostx_desc *cache)
{
	u16 place = r->next, flags;
	u32 nr = 0, room;
	__virtio64 raw;
	u64 tail;

	unsafe_get_user(raw, packed_tail(r, place), fault);
	tail = __virtio64_to_cpu(true, raw);
	if (!packed_is_avail(tail_flags(tail), place))
		return PACKED_NONE;
	/* The head's flags come before the rest of the chain. */
	smp_rmb();

	cache += r->nr_desc;
	room = VHOSTX_CHAIN_MAX - r->nr_desc;
	chain->first = r->nr_desc;
	chain->bad = 0;
	for (;;) {
		flags = tail_flags(tail);
		if (unlikely(nr >= room && chain->first))
			return PACKED_FULL;
		if (likely(nr < room)) {
			unsafe_get_user(raw, (__virtio64 __user *)
					&packed_desc(r, place)->addr, fault);
			cache->addr = __virtio64_to_cpu(true, raw);
			cache->len = tail_len(tail);
			cache->flags = flags;
		} else {
			/* It goes back as one, so its end has to be found. */
			chain->bad = VHOSTX_BAD_SIZE;
		}
		if (unlikely(flags & VRING_DESC_F_INDIRECT)) {
			if (flags & VRING_DESC_F_NEXT)
				return -VHOSTX_FAULT_INDIRECT_NEST;
			if (!tail_len(tail) ||
			    tail_len(tail) % sizeof(struct vring_packed_desc))
				return -VHOSTX_FAULT_INDIRECT_LEN;
		}
		nr++;
		cache++;
		place = vhostx_place_after(r, place, 1);
		if (likely(!(flags & VRING_DESC_F_NEXT)))
			break;
		if (unlikely(nr == r->num))
			return -VHOSTX_FAULT_DESC_LOOP;
		unsafe_get_user(raw, packed_tail(r, place), fault);
		tail = __virtio64_to_cpu(true, raw);
	}

	chain->id = tail_id(tail);
	chain->nr = nr;
	r->nr_desc += nr < room ? nr : room;
	r->next = place;
	return 0;
fault:
	return -VHOSTX_FAULT_DESC_READ;
}

/**
 * vhostx_packed_fetch - see vhostx_ring_fetch()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_packed_fetch(struct vhostx_ring *r)
{
	/* Pointers, as bounds checks may not be called inside a window. */
	struct vhostx_desc *desc = r->desc_cache;
	struct vhostx_chain *chain;
	int ret = PACKED_FULL;
	unsigned int todo, n;

	vhostx_ring_compact(r);
	todo = min((unsigned int)VHOSTX_BATCH, VHOSTX_CHAIN_MAX - r->tail);
	chain = r->chain + r->tail;

	if (!packed_read_begin(r))
		return packed_break(r, VHOSTX_FAULT_DESC_READ);
	for (n = 0; n < todo; n++, chain++) {
		ret = packed_fetch_chain(r, chain, desc);
		if (ret)
			break;
	}
	user_read_access_end();

	r->tail += n;
	/* The sound ones first: a fault is met again at its turn. */
	if (n || ret == PACKED_NONE)
		return n;
	return ret == PACKED_FULL ? -ENOSPC : packed_break(r, -ret);
}

/* Inside a window: the first one's flags, which the driver waits for, come last. */
static __always_inline int packed_put_used(const struct vhostx_ring *r,
					   const struct vhostx_used *used,
					   const struct vhostx_used *end)
{
	const struct vhostx_used *first = used;
	u16 place = r->last_used;
	u16 id = first->id;

	if (r->one_used) {
		id = end[-1].id;
	} else {
		while (++used < end) {
			place = vhostx_place_after(r, place, used[-1].nr);
			unsafe_put_user(__cpu_to_virtio64(true,
							  tail_used(used, used->id, place)),
					packed_tail(r, place), fault);
		}
	}
	/* So do the frames. */
	smp_wmb();
	unsafe_put_user(__cpu_to_virtio64(true,
					  tail_used(first, id, r->last_used)),
			packed_tail(r, r->last_used), fault);
	return 0;
fault:
	return -EFAULT;
}

/**
 * vhostx_packed_publish - see vhostx_ring_publish()
 * @r: the ring
 *
 * Where one used descriptor stands for all it carries the last one's id
 * (virtio 1.2, 2.8.9).
 *
 * Return: see there.
 */
int vhostx_packed_publish(struct vhostx_ring *r)
{
	const struct vhostx_used *used = r->used_cache;
	const struct vhostx_used *end = used + r->nr_used;
	u16 place = r->last_used;
	u32 nr = 0;
	int ret;

	if (used == end)
		return 0;
	if (!packed_write_begin(r))
		return packed_break(r, VHOSTX_FAULT_USED_WRITE);
	ret = packed_put_used(r, used, end);
	user_write_access_end();
	if (unlikely(ret))
		return packed_break(r, VHOSTX_FAULT_USED_WRITE);

	for (; used < end; used++) {
		place = vhostx_place_after(r, place, used->nr);
		nr += used->nr;
	}
	/* A place that overtakes the last decision makes it worthless. */
	if (unlikely(vhostx_place_distance(r, r->signalled, r->last_used) + nr >
		     r->num))
		r->signalled_valid = false;
	r->last_used = place;
	r->nr_used = 0;
	return 0;
}

/**
 * vhostx_packed_want_signal - see vhostx_ring_want_signal()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_packed_want_signal(struct vhostx_ring *r)
{
	const __virtio32 __user *at =
		vhostx_ring_at(r->avail, r->pieces ? r->pieces->avail : NULL, 0);
	bool valid = r->signalled_valid;
	u16 old = r->signalled;
	__virtio32 raw;
	u32 event, behind;

	/* The flags are out before the driver's wish is read. */
	smp_mb();

	r->signalled = r->last_used;
	r->signalled_valid = true;
	if (unlikely(get_user(raw, at)))
		return packed_break(r, VHOSTX_FAULT_AVAIL_READ);
	event = __virtio32_to_cpu(true, raw);
	if (event >> 16 == VRING_PACKED_EVENT_FLAG_DISABLE)
		return 0;
	if (event >> 16 != VRING_PACKED_EVENT_FLAG_DESC || !r->event_idx ||
	    unlikely(!valid))
		return 1;
	behind = vhostx_place_distance(r, event, r->last_used);
	return behind && behind <= vhostx_place_distance(r, old, r->last_used);
}

/**
 * vhostx_packed_has_avail - see vhostx_ring_has_avail()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_packed_has_avail(struct vhostx_ring *r)
{
	__virtio16 flags;

	if (unlikely(get_user(flags, (__virtio16 __user *)
			      &packed_desc(r, r->next)->flags)))
		return packed_break(r, VHOSTX_FAULT_DESC_READ);
	return packed_is_avail(__virtio16_to_cpu(true, flags), r->next);
}

/**
 * vhostx_packed_kicks_on - see vhostx_ring_kicks_on()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_packed_kicks_on(struct vhostx_ring *r)
{
	r->kicks_off = false;
	if (unlikely(packed_put_wish(r, r->next)))
		return packed_break(r, VHOSTX_FAULT_USED_WRITE);

	/* The wish is out before the descriptor is looked at again. */
	smp_mb();
	return vhostx_packed_has_avail(r);
}

/**
 * vhostx_packed_kicks_off - see vhostx_ring_kicks_off()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_packed_kicks_off(struct vhostx_ring *r)
{
	if (r->kicks_off)
		return 0;
	r->kicks_off = true;
	if (!r->event_idx &&
	    unlikely(packed_put_event(r, VRING_PACKED_EVENT_FLAG_DISABLE, 0)))
		return packed_break(r, VHOSTX_FAULT_USED_WRITE);
	return 0;
}
