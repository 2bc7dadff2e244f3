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

/* What split_fetch_chain() met, other than a chain or a fault. */
#define SPLIT_FULL	1

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
	return user_write_access_begin(r->used, 1);
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

/*
 * The driver's index is @v, all up to the last one is fetched: returns how many entries
 * may be fetched. Also inside a user access window: calls nothing.
 */
static __always_inline int split_take_avail_idx(struct vhostx_ring *r,
						__virtio16 v)
{
	u16 idx = split16(r, v);

	if (idx == r->next)
		return 0;
	/* What is new fits beside what was fetched; backwards never does. */
	if (unlikely((u16)(idx - r->next) >
		     r->num - (u16)(r->next - r->last_avail)))
		return vhostx_ring_break(r, VHOSTX_FAULT_AVAIL_JUMP);

	r->avail_idx = idx;
	/* The entries are read after the index that announced them. */
	smp_rmb();
	return (u16)(idx - r->next);
}

/* Returns how many entries may be fetched. */
static __always_inline int split_read_avail_idx(struct vhostx_ring *r)
{
	__virtio16 v;

	if (unlikely(get_user(v, split_avail(r, SPLIT_IDX))))
		return vhostx_ring_break(r, VHOSTX_FAULT_AVAIL_READ);
	return split_take_avail_idx(r, v);
}

/*
 * Where a fetch is, in registers: what other memory says would be loaded again after
 * each load from the driver's. What is fetched goes to @to, behind @nr_desc others.
 */
struct split_walk {
	void __user *desc;
	const unsigned long *pieces;
	u32 num;
	struct vhostx_desc *to;
	unsigned int nr_desc;
	bool le;
};

/* One descriptor in two loads. Inside a user access window: calls nothing. */
static __always_inline int walk_load(const struct split_walk *w, u32 head,
				     struct vhostx_desc *to)
{
	const struct vring_desc __user *from =
		vhostx_ring_at(w->desc, w->pieces,
			       array_index_nospec(head, w->num) * sizeof(*from));
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

	to->addr = __virtio64_to_cpu(w->le, addr);
	to->len = __virtio32_to_cpu(w->le, half.len);
	to->flags = __virtio16_to_cpu(w->le, half.flags);
	to->next = __virtio16_to_cpu(w->le, half.next);
	return 0;
fault:
	return -VHOSTX_FAULT_DESC_READ;
}

/* A descriptor that points at a table: 0, or a fault's negative. */
static __always_inline int walk_check_table(const struct vhostx_desc *desc)
{
	if (desc->flags & VRING_DESC_F_NEXT)
		return -VHOSTX_FAULT_INDIRECT_NEST;
	if (!desc->len || desc->len % sizeof(struct vring_desc))
		return -VHOSTX_FAULT_INDIRECT_LEN;
	return 0;
}

/*
 * The rest of the chain whose first descriptor was loaded: tables are looked at, and what
 * is linked is fetched.
 */
static __always_inline int split_fetch_long(struct split_walk *w,
					    struct vhostx_chain *chain)
{
	unsigned int room = VHOSTX_CHAIN_MAX - w->nr_desc;
	struct vhostx_desc *desc = w->to;
	u32 nr = 0, head;
	u16 bad = 0;
	int ret;

	for (;; desc++) {
		if (desc->flags & VRING_DESC_F_INDIRECT) {
			ret = walk_check_table(desc);
			if (ret)
				return ret;
		}
		nr++;
		if (!(desc->flags & VRING_DESC_F_NEXT))
			break;
		head = desc->next;
		if (unlikely(head >= w->num))
			return -VHOSTX_FAULT_DESC_RANGE;
		if (unlikely(nr == w->num))
			return -VHOSTX_FAULT_DESC_LOOP;
		if (unlikely(nr == room)) {
			if (w->nr_desc)
				return SPLIT_FULL;
			bad = VHOSTX_BAD_SIZE;
			break;
		}
		ret = walk_load(w, head, desc + 1);
		if (unlikely(ret))
			return ret;
	}

	chain->nr = nr;
	chain->bad = bad;
	w->to += nr;
	w->nr_desc += nr;
	return 0;
}

/*
 * Fetch the chain that starts at @head. Inside a user access window: calls
 * nothing. Returns 0, SPLIT_FULL, or a fault's negative.
 */
static __always_inline int split_fetch_chain(struct split_walk *w,
					     struct vhostx_chain *chain,
					     u32 head)
{
	int ret;

	if (unlikely(head >= w->num))
		return -VHOSTX_FAULT_DESC_RANGE;
	if (unlikely(w->nr_desc == VHOSTX_CHAIN_MAX))
		return SPLIT_FULL;
	chain->id = head;
	chain->first = w->nr_desc;
	ret = walk_load(w, head, w->to);
	if (unlikely(ret))
		return ret;
	if (unlikely(w->to->flags &
		     (VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT)))
		return split_fetch_long(w, chain);
	chain->nr = 1;
	chain->bad = 0;
	w->to++;
	w->nr_desc++;
	return 0;
}

/* Fetch what there is, one chain at least. */
static noinline int split_fetch_batch(struct vhostx_ring *r)
{
	const unsigned long *pieces = r->pieces ? r->pieces->avail : NULL;
	void __user *avail = r->avail;
	/* Pointers, as bounds checks may not be called inside a window. */
	struct vhostx_chain *chain;
	struct split_walk w = {
		.desc = r->desc, .num = r->num, .le = vhostx_ring_le(r),
		.pieces = r->pieces ? r->pieces->desc : NULL,
	};
	u16 next = r->next;
	unsigned int todo, n;
	__virtio16 head;
	int ret;

	vhostx_ring_compact(r);
	w.nr_desc = r->nr_desc;
	w.to = r->desc_cache + w.nr_desc;
	todo = min3((unsigned int)(u16)(r->avail_idx - next),
		    (unsigned int)VHOSTX_BATCH, VHOSTX_CHAIN_MAX - r->tail);
	chain = r->chain + r->tail;
	if (unlikely(!todo))
		return -ENOSPC;

	if (!vhostx_ring_read_begin(r))
		return vhostx_ring_break(r, VHOSTX_FAULT_DESC_READ);
	for (n = 0; n < todo; n++, chain++) {
		ret = -VHOSTX_FAULT_AVAIL_READ;
		unsafe_get_user(head, (__virtio16 __user *)
				vhostx_ring_at(avail, pieces,
					       SPLIT_AVAIL(next & (w.num - 1))),
				out);
		ret = split_fetch_chain(&w, chain,
					__virtio16_to_cpu(w.le, head));
		if (unlikely(ret))
			break;
		chain->end = ++next;
	}
out:
	user_read_access_end();
	r->tail += n;
	r->next = next;
	r->nr_desc = w.nr_desc;
	/* The sound ones first: a fault is met again at its turn. */
	if (likely(n))
		return n;
	return ret < 0 ? vhostx_ring_break(r, -ret) : -ENOSPC;
}

/**
 * vhostx_split_fetch - see vhostx_ring_fetch()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_split_fetch(struct vhostx_ring *r)
{
	int ret;

	if (r->next == r->avail_idx) {
		ret = split_read_avail_idx(r);
		if (ret <= 0)
			return ret;
	}
	return split_fetch_batch(r);
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
	const unsigned long *pieces = r->pieces ? r->pieces->used : NULL;
	const struct vhostx_used *used = r->used_cache;
	const struct vhostx_used *end = used + r->nr_used;
	u16 idx = r->last_used, new = idx + r->nr_used;
	void __user *part = r->used;
	u32 mask = r->num - 1;

	if (r->one_used && used < end)
		used = end - 1;
	if (!split_write_begin(r))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
	for (; used < end; used++, idx++) {
		size_t at = SPLIT_USED(idx & mask);
		__virtio32 __user *id = vhostx_ring_at(part, pieces, at);
		__virtio32 __user *len = vhostx_ring_at(part, pieces,
							at + sizeof(*id));

		unsafe_put_user(to_split32(r, used->id), id, fault);
		unsafe_put_user(to_split32(r, used->len), len, fault);
	}
	/* The entries and the frames are there before the index says so. */
	smp_wmb();
	unsafe_put_user(to_split16(r, new), (__virtio16 __user *)
			vhostx_ring_at(part, pieces, SPLIT_IDX), fault);
	user_write_access_end();

	/* An index that overtakes the last decision makes it worthless. */
	if (unlikely((u16)(new - r->signalled) < (u16)r->nr_used))
		r->signalled_valid = false;
	r->last_used = new;
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
	if (r->next != r->avail_idx)
		return 1;
	return min(split_read_avail_idx(r), 1);
}

/**
 * vhostx_split_kicks_on - see vhostx_ring_kicks_on()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_split_kicks_on(struct vhostx_ring *r)
{
	__virtio16 __user *wish = r->event_idx ? split_avail_event(r) :
						 split_flags(r);
	__virtio16 v = to_split16(r, r->event_idx ? r->next : 0);
	int n;

	r->kicks_off = false;
	if (!user_access_begin(wish, sizeof(*wish)))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
	unsafe_put_user(v, wish, no_write);
	/* The wish is out before the index is read again. */
	smp_mb();
	n = (u16)(r->avail_idx - r->next);
	if (likely(!n)) {
		unsafe_get_user(v, split_avail(r, SPLIT_IDX), no_read);
		n = split_take_avail_idx(r, v);
	}
	user_access_end();
	return min(n, 1);
no_write:
	user_access_end();
	return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
no_read:
	user_access_end();
	return vhostx_ring_break(r, VHOSTX_FAULT_AVAIL_READ);
}

/**
 * vhostx_split_kicks_off - see vhostx_ring_kicks_off()
 * @r: the ring
 *
 * Return: see there.
 */
int vhostx_split_kicks_off(struct vhostx_ring *r)
{
	if (unlikely(put_user(to_split16(r, VRING_USED_F_NO_NOTIFY),
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
	/* The entry behind comes up again when the driver has been all around. */
	if (unlikely(put_user(to_split16(r, r->next - 1),
			      split_avail_event(r))))
		return vhostx_ring_break(r, VHOSTX_FAULT_USED_WRITE);
	return 0;
}
