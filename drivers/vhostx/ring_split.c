// SPDX-License-Identifier: GPL-2.0-only
/* Split virtqueues: virtio 1.2, section 2.7. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "ring.h"

static inline u16 split16(const struct vhostx_ring *r, __virtio16 v)
{
	return __virtio16_to_cpu(vhostx_ring_le(r), v);
}

static inline __virtio16 to_split16(const struct vhostx_ring *r, u16 v)
{
	return __cpu_to_virtio16(vhostx_ring_le(r), v);
}

static inline __virtio32 to_split32(const struct vhostx_ring *r, u32 v)
{
	return __cpu_to_virtio32(vhostx_ring_le(r), v);
}

#define SPLIT_FLAGS	0
#define SPLIT_IDX	sizeof(__virtio16)
#define SPLIT_AVAIL(i)	(offsetof(struct vring_avail, ring) + \
			 (i) * sizeof(__virtio16))
#define SPLIT_USED(i)	(offsetof(struct vring_used, ring) + \
			 (i) * sizeof(struct vring_used_elem))

static __always_inline __virtio16 __user *
split_avail(const struct vhostx_ring *r, size_t offset)
{
	return vhostx_ring_at(r->avail, r->pieces ? r->pieces->avail : NULL,
			      offset);
}

/* Where the device says that it wants no kicks. */
static __virtio16 __user *split_flags(const struct vhostx_ring *r)
{
	return vhostx_ring_used_at(r, SPLIT_FLAGS);
}

/* Where the driver says which used entry should interrupt it. */
static __virtio16 __user *split_used_event(const struct vhostx_ring *r)
{
	return split_avail(r, SPLIT_AVAIL(r->num));
}

/* Where the device says which available entry should kick it. */
static __virtio16 __user *split_avail_event(const struct vhostx_ring *r)
{
	return vhostx_ring_used_at(r, SPLIT_USED(r->num));
}

/* As vhostx_ring_read_begin(), to write the used ring. */
static __always_inline bool split_write_begin(const struct vhostx_ring *r)
{
	return user_write_access_begin(vhostx_ring_used_at(r, 0), r->pieces ? 1 :
				       SPLIT_USED(r->num));
}

/**
 * vhostx_split_avail_size - the available ring's size
 * @r: the ring
 *
 * Return: its bytes.
 */
size_t vhostx_split_avail_size(const struct vhostx_ring *r)
{
	return SPLIT_AVAIL(r->num) + (r->event_idx ? sizeof(__virtio16) : 0);
}

/**
 * vhostx_split_used_size - the used ring's size
 * @r: the ring
 *
 * Return: its bytes.
 */
size_t vhostx_split_used_size(const struct vhostx_ring *r)
{
	return SPLIT_USED(r->num) + (r->event_idx ? sizeof(__virtio16) : 0);
}

/**
 * vhostx_split_start - see vhostx_ring_start()
 * @r: the ring
 *
 * Takes the used position from the driver's memory, as every vhost does, and
 * writes the flags.
 *
 * Return: see there.
 */
int vhostx_split_start(struct vhostx_ring *r)
{
	__virtio16 __user *at = vhostx_ring_used_at(r, SPLIT_IDX);
	__virtio16 idx;

	if (put_user(to_split16(r, 0), split_flags(r)) || get_user(idx, at))
		return -EFAULT;

	r->last_used = split16(r, idx);
	vhostx_ring_begin(r);
	return 0;
}

/* Returns how many entries may be fetched. */
static __always_inline int split_read_avail_idx(struct vhostx_ring *r)
{
	__virtio16 v;
	u16 idx;

	if (unlikely(get_user(v, split_avail(r, SPLIT_IDX))))
		return vhostx_ring_break(r, VHOSTX_FAULT_AVAIL_READ);

	idx = split16(r, v);
	/* What is new fits beside what was fetched; backwards never does. */
	if (unlikely((u16)(idx - r->next) >
		     r->num - (u16)(r->next - r->last_avail)))
		return vhostx_ring_break(r, VHOSTX_FAULT_AVAIL_JUMP);

	r->avail_idx = idx;
	/* The entries are read after the index that announced them. */
	smp_rmb();
	return (u16)(idx - r->next);
}

/* One descriptor in two loads. Inside a user access window: calls nothing. */
static __always_inline int split_load(const struct vhostx_ring *r,
				      const struct vring_desc __user *from,
				      struct vhostx_desc *to)
{
	union {
		__u64 whole;
		struct {
			__virtio32 len;
			__virtio16 flags;
			__virtio16 next;
		};
	} half;
	__virtio64 addr;

	unsafe_get_user(addr, &from->addr, fault);
	unsafe_get_user(half.whole, (__u64 __user *)&from->len, fault);

	to->addr = __virtio64_to_cpu(vhostx_ring_le(r), addr);
	to->len = __virtio32_to_cpu(vhostx_ring_le(r), half.len);
	to->flags = split16(r, half.flags);
	to->next = split16(r, half.next);
	return 0;
fault:
	return -EFAULT;
}

/*
 * Fetch the chain that starts at @head. Inside a user access window: calls
 * nothing. Returns 0, 1 where the cache is too full for it, or a fault's
 * negative.
 */
static __always_inline int split_fetch_chain(struct vhostx_ring *r,
					     struct vhostx_chain *chain,
					     struct vhostx_desc *cache,
					     u32 head)
{
	struct vhostx_desc *desc;
	u32 nr = 0;

	chain->id = head;
	chain->first = r->nr_desc;
	chain->bad = 0;

	do {
		if (unlikely(head >= r->num))
			return -VHOSTX_FAULT_DESC_RANGE;
		if (unlikely(nr == r->num))
			return -VHOSTX_FAULT_DESC_LOOP;
		if (unlikely(chain->first + nr == VHOSTX_CHAIN_MAX)) {
			if (chain->first)
				return 1;
			chain->bad = VHOSTX_BAD_SIZE;
			break;
		}

		head = array_index_nospec(head, r->num);
		desc = cache + chain->first + nr++;
		if (unlikely(split_load(r, vhostx_ring_desc_at(r, head), desc)))
			return -VHOSTX_FAULT_DESC_READ;
		if (unlikely(desc->flags & VRING_DESC_F_INDIRECT)) {
			if (desc->flags & VRING_DESC_F_NEXT)
				return -VHOSTX_FAULT_INDIRECT_NEST;
			if (!desc->len ||
			    desc->len % sizeof(struct vring_desc))
				return -VHOSTX_FAULT_INDIRECT_LEN;
		}
		head = desc->next;
	} while (desc->flags & VRING_DESC_F_NEXT);

	chain->nr = nr;
	return 0;
}

/**
 * vhostx_split_fetch - see vhostx_ring_fetch()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_split_fetch(struct vhostx_ring *r)
{
	/* Pointers, as bounds checks may not be called inside a window. */
	struct vhostx_desc *desc = r->desc_cache;
	struct vhostx_chain *chain;
	unsigned int todo, n = 0;
	__virtio16 head;
	int ret = 0;

	if (r->next == r->avail_idx) {
		ret = split_read_avail_idx(r);
		if (ret <= 0)
			return ret;
	}

	vhostx_ring_compact(r);
	todo = min3((unsigned int)(u16)(r->avail_idx - r->next),
		    (unsigned int)VHOSTX_BATCH, VHOSTX_CHAIN_MAX - r->tail);
	chain = r->chain + r->tail;

	if (!vhostx_ring_read_begin(r))
		return vhostx_ring_break(r, VHOSTX_FAULT_DESC_READ);
	for (; n < todo; n++, chain++) {
		unsafe_get_user(head, split_avail(r, SPLIT_AVAIL(r->next &
								 (r->num - 1))),
				fault);
		ret = split_fetch_chain(r, chain, desc, split16(r, head));
		if (unlikely(ret))
			break;
		r->nr_desc += chain->nr;
		r->tail++;
		chain->end = ++r->next;
	}
	user_read_access_end();

	/* The sound ones first: a fault is met again at its turn. */
	if (likely(n))
		return n;
	return ret < 0 ? vhostx_ring_break(r, -ret) : -ENOSPC;
fault:
	user_read_access_end();
	return n ?: vhostx_ring_break(r, VHOSTX_FAULT_AVAIL_READ);
}

/**
 * vhostx_split_publish - see vhostx_ring_publish()
 * @r: the ring
 *
 * Where one used entry stands for all it is the last one in the first one's place
 * (virtio 1.2, 2.7.9).
 *
 * Return: see there.
 */
int vhostx_split_publish(struct vhostx_ring *r)
{
	const struct vhostx_used *used = r->used_cache;
	const struct vhostx_used *end = used + r->nr_used;
	__virtio16 __user *index = vhostx_ring_used_at(r, SPLIT_IDX);
	u16 idx = r->last_used;

	if (r->one_used && used < end)
		used = end - 1;
	if (!split_write_begin(r))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
	for (; used < end; used++, idx++) {
		u32 at = idx & (r->num - 1);
		__virtio32 __user *id = vhostx_ring_used_at(r, SPLIT_USED(at));
		__virtio32 __user *len = vhostx_ring_used_at(r, SPLIT_USED(at) +
						    sizeof(*id));

		unsafe_put_user(to_split32(r, used->id), id, fault);
		unsafe_put_user(to_split32(r, used->len), len, fault);
	}
	idx = r->last_used + r->nr_used;
	/* The entries and the frames are there before the index says so. */
	smp_wmb();
	unsafe_put_user(to_split16(r, idx), index, fault);
	user_write_access_end();

	/* An index that overtakes the last decision makes it worthless. */
	if (unlikely((u16)(idx - r->signalled) < (u16)r->nr_used))
		r->signalled_valid = false;
	r->last_used = idx;
	r->nr_used = 0;
	return 0;
fault:
	user_write_access_end();
	return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
}

/**
 * vhostx_split_want_signal - see vhostx_ring_want_signal()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_split_want_signal(struct vhostx_ring *r)
{
	bool valid = r->signalled_valid;
	u16 old = r->signalled;
	__virtio16 v;

	/* The index is out before the driver's wish is read. */
	smp_mb();

	if (r->notify_on_empty && r->avail_idx == r->last_avail)
		return 1;

	if (!r->event_idx) {
		if (unlikely(get_user(v, split_avail(r, SPLIT_FLAGS))))
			return vhostx_ring_break(r, VHOSTX_FAULT_AVAIL_READ);
		return !(split16(r, v) & VRING_AVAIL_F_NO_INTERRUPT);
	}

	r->signalled = r->last_used;
	r->signalled_valid = true;
	if (unlikely(!valid))
		return 1;
	if (unlikely(get_user(v, split_used_event(r))))
		return vhostx_ring_break(r, VHOSTX_FAULT_AVAIL_READ);
	return vring_need_event(split16(r, v), r->last_used, old);
}

/**
 * vhostx_split_has_avail - see vhostx_ring_has_avail()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_split_has_avail(struct vhostx_ring *r)
{
	int n;

	if (r->next != r->avail_idx)
		return 1;
	n = split_read_avail_idx(r);
	return n > 0 ? 1 : n;
}

/**
 * vhostx_split_kicks_on - see vhostx_ring_kicks_on()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_split_kicks_on(struct vhostx_ring *r)
{
	int ret;

	r->kicks_off = false;
	if (r->event_idx)
		ret = put_user(to_split16(r, r->next), split_avail_event(r));
	else
		ret = put_user(to_split16(r, 0), split_flags(r));
	if (unlikely(ret))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);

	/* The wish is out before the index is read again. */
	smp_mb();
	return vhostx_split_has_avail(r);
}

/**
 * vhostx_split_kicks_off - see vhostx_ring_kicks_off()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_split_kicks_off(struct vhostx_ring *r)
{
	if (r->kicks_off)
		return 0;
	r->kicks_off = true;
	if (!r->event_idx &&
	    unlikely(put_user(to_split16(r, VRING_USED_F_NO_NOTIFY),
			      split_flags(r))))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
	return 0;
}

/**
 * vhostx_split_kicks_mute - see vhostx_ring_kicks_mute()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_split_kicks_mute(struct vhostx_ring *r)
{
	if (!r->event_idx)
		return vhostx_split_kicks_off(r);
	r->kicks_off = true;
	/* The entry behind comes up again when the driver has been all around. */
	if (unlikely(put_user(to_split16(r, r->next - 1),
			      split_avail_event(r))))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
	return 0;
}
