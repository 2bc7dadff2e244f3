// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packed virtqueues: virtio 1.2, section 2.8. Little-endian throughout. A descriptor's
 * second half, with its length, id and flags, is loaded and stored at once: so the module
 * offers the format on 64-bit hosts only.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/uaccess.h>

#include "ring.h"

#define PACKED_AVAIL	BIT(VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED	BIT(VRING_PACKED_DESC_F_USED)

/* What packed_fetch_chain() met, other than a chain or a fault. */
#define PACKED_NONE	1
#define PACKED_FULL	2

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

static __always_inline u32 tail_flags(u64 tail)
{
	return tail >> 48;
}

/* What the device writes in return for a chain. */
static __always_inline __virtio64 tail_used(const struct vhostx_used *used,
					    u16 id)
{
	u64 tail = (u64)id << 32 | used->len;

	if (used->place & VHOSTX_PLACE_WRAP)
		tail |= (u64)(PACKED_AVAIL | PACKED_USED) << 48;
	if (used->len)
		tail |= (u64)VRING_DESC_F_WRITE << 48;
	return __cpu_to_virtio64(true, tail);
}

/* Which of these two flags make a descriptor the device's in the lap of @place. */
static __always_inline u16 packed_avail_flags(u16 place)
{
	return place & VHOSTX_PLACE_WRAP ? PACKED_AVAIL : PACKED_USED;
}

/* Where the device says whether it wants kicks. */
static __virtio32 __user *packed_event(const struct vhostx_ring *r)
{
	return vhostx_ring_used_at(r, 0);
}

/* It wants a kick for what will come at @place. */
static __virtio32 packed_wish(const struct vhostx_ring *r, u16 place)
{
	return __cpu_to_virtio32(true, r->event_idx ?
				 VRING_PACKED_EVENT_FLAG_DESC << 16 | place :
				 VRING_PACKED_EVENT_FLAG_ENABLE << 16);
}

/* As vhostx_ring_read_begin(), to write the ring. */
static __always_inline bool packed_write_begin(const struct vhostx_ring *r)
{
	return user_write_access_begin(r->desc, 1);
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

	/* Nothing is in flight: what another device left is not ours to return. */
	if (vhostx_place_pos(r->last_avail) >= r->num || used != r->last_avail)
		return -EINVAL;
	if (put_user(packed_wish(r, r->last_avail), packed_event(r)))
		return -EFAULT;

	r->last_used = used;
	vhostx_ring_begin(r);
	return 0;
}

/*
 * Where a fetch is, in registers: what other memory says would be loaded again after
 * each barrier. @at is the descriptor at @place; @lap_end is the place that this lap
 * does not have any more, @avail the flags of what is available in it. What is fetched
 * goes to @to, behind @nr_desc others.
 */
struct packed_walk {
	void __user *desc;
	const unsigned long *pieces;
	struct vring_packed_desc __user *at;
	u32 num;
	u32 place;
	u32 lap_end;
	u32 avail;
	struct vhostx_desc *to;
	unsigned int nr_desc;
};

static __always_inline void walk_look_up(struct packed_walk *w)
{
	w->at = vhostx_ring_at(w->desc, w->pieces, sizeof(*w->at) *
			       vhostx_place_pos(w->place));
}

static __always_inline void walk_on(struct packed_walk *w)
{
	w->at++;
	if (unlikely(++w->place == w->lap_end)) {
		w->place = (w->lap_end - w->num) ^ VHOSTX_PLACE_WRAP;
		w->lap_end = w->place + w->num;
		w->avail ^= PACKED_AVAIL | PACKED_USED;
		walk_look_up(w);
	} else if (unlikely(w->pieces)) {
		walk_look_up(w);
	}
}

/* The descriptor at hand, whose second half is @tail. Inside a window. */
static __always_inline int walk_load(const struct packed_walk *w, u64 tail,
				     struct vhostx_desc *to)
{
	__virtio64 raw;

	unsafe_get_user(raw, (__virtio64 __user *)&w->at->addr, fault);
	to->addr = __virtio64_to_cpu(true, raw);
	to->len = tail_len(tail);
	to->flags = tail_flags(tail);
	return 0;
fault:
	return -VHOSTX_FAULT_DESC_READ;
}

static __always_inline bool tail_holds_table(u64 tail)
{
	return tail_len(tail) && !(tail_len(tail) % sizeof(struct vring_packed_desc));
}

/* The chain at hand, whatever it is. */
static __always_inline int packed_fetch_long(struct packed_walk *w, u64 tail,
					     struct vhostx_chain *chain)
{
	unsigned int room = VHOSTX_CHAIN_MAX - w->nr_desc;
	struct packed_walk at = *w;
	__virtio64 raw;
	u32 nr = 0, flags;

	for (;;) {
		flags = tail_flags(tail);
		if (likely(nr < room)) {
			if (unlikely(walk_load(&at, tail, at.to++)))
				return -VHOSTX_FAULT_DESC_READ;
		} else if (w->nr_desc) {
			return PACKED_FULL;
		}
		if (flags & VRING_DESC_F_INDIRECT) {
			if (flags & VRING_DESC_F_NEXT)
				return -VHOSTX_FAULT_INDIRECT_NEST;
			if (!tail_holds_table(tail))
				return -VHOSTX_FAULT_INDIRECT_LEN;
		}
		nr++;
		walk_on(&at);
		if (!(flags & VRING_DESC_F_NEXT))
			break;
		if (unlikely(nr == at.num))
			return -VHOSTX_FAULT_DESC_LOOP;
		unsafe_get_user(raw, (__virtio64 __user *)&at.at->len,
				fault);
		tail = __virtio64_to_cpu(true, raw);
	}

	/* One that is too long goes back as one, so its end was looked for. */
	chain->nr = nr > room ? room : nr;
	chain->bad = nr > room ? VHOSTX_BAD_SIZE : 0;
	chain->id = tail_id(tail);
	at.nr_desc += chain->nr;
	*w = at;
	return 0;
fault:
	return -VHOSTX_FAULT_DESC_READ;
}

/*
 * Fetch the chain at hand, whose head's second half is @tail. Inside a user access
 * window: calls nothing. Returns 0, PACKED_NONE, PACKED_FULL, or a fault's negative.
 */
static __always_inline int packed_fetch_chain(struct packed_walk *w, u64 tail,
					      struct vhostx_chain *chain)
{
	u32 flags = tail_flags(tail) & (PACKED_AVAIL | PACKED_USED |
					VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT);
	int ret;

	chain->first = w->nr_desc;
	chain->place = w->place;
	/* One that is there, and one descriptor with bytes. */
	if (likely(flags == w->avail && w->nr_desc < VHOSTX_CHAIN_MAX)) {
		/* A head's flags come before the rest of its chain. */
		smp_rmb();
		ret = walk_load(w, tail, w->to++);
		if (unlikely(ret))
			return ret;
		chain->id = tail_id(tail);
		chain->nr = 1;
		chain->bad = 0;
		w->nr_desc++;
		walk_on(w);
	} else {
		if ((flags & (PACKED_AVAIL | PACKED_USED)) != w->avail)
			return PACKED_NONE;
		/* Here, too. */
		smp_rmb();
		ret = packed_fetch_long(w, tail, chain);
		if (ret)
			return ret;
	}
	chain->end = w->place;
	return 0;
}

/* Fetch what there is, the first chain of which is available. */
static noinline int packed_fetch_batch(struct vhostx_ring *r, u64 tail)
{
	/* Pointers, as bounds checks may not be called inside a window. */
	struct vhostx_chain *chain, *end;
	struct packed_walk w = {
		.desc = r->desc, .num = r->num,
		.pieces = r->pieces ? r->pieces->desc : NULL,
		.place = r->next,
		.lap_end = (r->next & VHOSTX_PLACE_WRAP) + r->num,
		.avail = packed_avail_flags(r->next),
	};
	__virtio64 raw;
	unsigned int n;
	int ret;

	walk_look_up(&w);
	vhostx_ring_compact(r);
	w.nr_desc = r->nr_desc;
	w.to = r->desc_cache + w.nr_desc;
	chain = r->chain + r->tail;
	end = chain + min((unsigned int)VHOSTX_BATCH,
			  VHOSTX_CHAIN_MAX - r->tail);
	if (chain == end)
		return -ENOSPC;

	if (!vhostx_ring_read_begin(r))
		return vhostx_ring_break(r, VHOSTX_FAULT_DESC_READ);
	for (;;) {
		ret = packed_fetch_chain(&w, tail, chain);
		if (unlikely(ret) || ++chain == end)
			break;
		unsafe_get_user(raw, (__virtio64 __user *)&w.at->len,
				fault);
		tail = __virtio64_to_cpu(true, raw);
	}
fault:
	user_read_access_end();

	n = chain - (r->chain + r->tail);
	r->tail += n;
	r->next = w.place;
	r->nr_desc = w.nr_desc;
	/* The sound ones first: a fault is met again at its turn. */
	if (likely(n))
		return n;
	return ret == PACKED_FULL ? -ENOSPC : vhostx_ring_break(r, -ret);
}

/**
 * vhostx_packed_fetch - see vhostx_ring_fetch()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_packed_fetch(struct vhostx_ring *r)
{
	__virtio64 raw;
	u64 tail;

	if (unlikely(get_user(raw, packed_tail(r, r->next))))
		return vhostx_ring_break(r, VHOSTX_FAULT_DESC_READ);
	tail = __virtio64_to_cpu(true, raw);
	if ((tail_flags(tail) & (PACKED_AVAIL | PACKED_USED)) !=
	    packed_avail_flags(r->next))
		return 0;
	return packed_fetch_batch(r, tail);
}

/**
 * vhostx_packed_publish - see vhostx_ring_publish()
 * @r: the ring
 *
 * The first one's flags, which the driver waits for, are written last. Where one used
 * descriptor stands for all it carries the last one's id (virtio 1.2, 2.8.9).
 *
 * Return: see there.
 */
int vhostx_packed_publish(struct vhostx_ring *r)
{
	const struct vhostx_used *first = r->used_cache;
	const struct vhostx_used *end = first + r->nr_used, *used = end;
	u16 id = first->id;

	if (unlikely(first == end))
		return 0;
	if (!packed_write_begin(r))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
	if (r->one_used)
		id = end[-1].id;
	else
		used = first + 1;
	for (; used < end; used++)
		unsafe_put_user(tail_used(used, used->id),
				packed_tail(r, used->place), fault);
	/* The others, and the frames, are there before. */
	smp_wmb();
	unsafe_put_user(tail_used(first, id), packed_tail(r, first->place),
			fault);
	user_write_access_end();

	/* Places that overtake the last decision make it worthless. */
	if (unlikely(r->signalled != r->last_used) &&
	    vhostx_place_distance(r, r->signalled, r->last_used) +
	    vhostx_place_distance(r, r->last_used, r->last_avail) > r->num)
		r->signalled_valid = false;
	r->last_used = r->last_avail;
	r->nr_used = 0;
	return 0;
fault:
	user_write_access_end();
	return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
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
		return vhostx_ring_break(r, VHOSTX_FAULT_AVAIL_READ);
	event = __virtio32_to_cpu(true, raw);
	if (event >> 16 == VRING_PACKED_EVENT_FLAG_DISABLE)
		return 0;
	if (event >> 16 != VRING_PACKED_EVENT_FLAG_DESC || !r->event_idx ||
	    unlikely(!valid))
		return 1;
	/* The usual wish is for the next one. */
	if ((u16)event == old)
		return old != r->last_used;
	behind = vhostx_place_distance(r, event, r->last_used);
	return behind && behind <= vhostx_place_distance(r, old, r->last_used);
}

/* Where the next descriptor's flags are. */
static __always_inline __virtio16 __user *
packed_next_flags(const struct vhostx_ring *r)
{
	return (__virtio16 __user *)&packed_desc(r, r->next)->flags;
}

/* Do they make it the device's? */
static __always_inline bool packed_is_avail(const struct vhostx_ring *r,
					    __virtio16 flags)
{
	return (__virtio16_to_cpu(true, flags) & (PACKED_AVAIL | PACKED_USED)) ==
	       packed_avail_flags(r->next);
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

	if (unlikely(get_user(flags, packed_next_flags(r))))
		return vhostx_ring_break(r, VHOSTX_FAULT_DESC_READ);
	return packed_is_avail(r, flags);
}

/**
 * vhostx_packed_kicks_on - see vhostx_ring_kicks_on()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_packed_kicks_on(struct vhostx_ring *r)
{
	__virtio32 __user *event = packed_event(r);
	__virtio16 flags;

	r->kicks_off = false;
	if (!user_access_begin(event, sizeof(*event)))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
	unsafe_put_user(packed_wish(r, r->next), event, no_write);
	/* The wish is out before the descriptor is looked at again. */
	smp_mb();
	unsafe_get_user(flags, packed_next_flags(r), no_read);
	user_access_end();
	return packed_is_avail(r, flags);
no_write:
	user_access_end();
	return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
no_read:
	user_access_end();
	return vhostx_ring_break(r, VHOSTX_FAULT_DESC_READ);
}

/**
 * vhostx_packed_kicks_off - see vhostx_ring_kicks_off() and vhostx_ring_kicks_mute()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_packed_kicks_off(struct vhostx_ring *r)
{
	if (unlikely(put_user(__cpu_to_virtio32(true,
						VRING_PACKED_EVENT_FLAG_DISABLE << 16),
			      packed_event(r))))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
	return 0;
}
