// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of indirect descriptors. Those of a split ring are linked as the ring's own
 * (virtio 1.2, 2.7.5.3), those of a packed ring lie in order (2.8.8).
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "ring.h"

/* An entry of either format: where they differ, the name says both. */
struct indirect_entry {
	__virtio64 addr;
	__virtio32 len;
	__virtio16 flags_or_id;
	__virtio16 next_or_flags;
};

/* In host byte order. Also inside a user access window: calls nothing. */
static __always_inline void indirect_parse(const struct vhostx_ring *r,
					   const struct indirect_entry *raw,
					   struct vhostx_desc *to)
{
	bool le = vhostx_ring_le(r);

	to->addr = __virtio64_to_cpu(le, raw->addr);
	to->len = __virtio32_to_cpu(le, raw->len);
	if (r->packed) {
		to->flags = __virtio16_to_cpu(le, raw->next_or_flags);
	} else {
		to->flags = __virtio16_to_cpu(le, raw->flags_or_id);
		to->next = __virtio16_to_cpu(le, raw->next_or_flags);
	}
}

/* Inside a user access window. */
static __always_inline int indirect_load(const struct vhostx_ring *r,
					 const struct indirect_entry __user *from,
					 struct vhostx_desc *to)
{
	struct indirect_entry raw;
	__u64 half;

	unsafe_get_user(raw.addr, &from->addr, fault);
	/* The other three in one load. */
	unsafe_get_user(half, (__u64 __user *)&from->len, fault);
	__builtin_memcpy(&raw.len, &half, sizeof(half));
	indirect_parse(r, &raw, to);
	return 0;
fault:
	return -VHOSTX_BAD_FAULT;
}

/* A table that spans regions: entries one by one, each in up to two parts. */
static int indirect_entry(struct vhostx_ring *r, struct vhostx_view *view,
			  const struct vhostx_desc *table, u32 pos)
{
	struct indirect_entry raw;
	struct iovec iov[2];
	u8 *at = (u8 *)&raw;
	int i, n;

	n = vhostx_mem_translate(view, table->addr + pos * sizeof(raw),
				 sizeof(raw), VHOST_MAP_RO, iov,
				 ARRAY_SIZE(iov));
	if (n < 0)
		return n == -EAGAIN ? -VHOSTX_BAD_MISS : -VHOSTX_BAD_ADDR;
	for (i = 0; i < n; i++) {
		if (copy_from_user(at, iov[i].iov_base, iov[i].iov_len))
			return -VHOSTX_BAD_FAULT;
		at += iov[i].iov_len;
	}

	indirect_parse(r, &raw, r->indirect);
	return 1;
}

/* The usual table, in one region: a piece of one that is linked, in one window. */
static int indirect_linked(struct vhostx_ring *r, const struct iovec *iov,
			   u32 pos, u32 count)
{
	const struct indirect_entry __user *table = iov->iov_base;
	struct vhostx_desc *to = r->indirect;
	int ret, n = 0;

	if (!user_read_access_begin(table, iov->iov_len))
		return -VHOSTX_BAD_FAULT;
	do {
		pos = array_index_nospec(pos, count);
		ret = indirect_load(r, &table[pos], to);
		if (unlikely(ret))
			break;
		n++;
		pos = to->next;
	} while ((to++)->flags & VRING_DESC_F_NEXT && pos < count &&
		 n < VHOSTX_BATCH);
	user_read_access_end();
	return ret ?: n;
}

/* A piece of one that lies in order. */
static int indirect_ordered(struct vhostx_ring *r, const struct iovec *iov,
			    u32 pos, u32 count)
{
	const struct indirect_entry __user *from = iov->iov_base;
	const struct indirect_entry __user *end;
	struct vhostx_desc *to = r->indirect;
	int ret;

	if (!user_read_access_begin(from, iov->iov_len))
		return -VHOSTX_BAD_FAULT;
	from += pos;
	end = from + min(count - pos, (u32)VHOSTX_BATCH);
	do {
		ret = indirect_load(r, from, to++);
	} while (likely(!ret) && ++from < end);
	user_read_access_end();
	return ret ?: to - r->indirect;
}

/* Go on behind the @n entries of a linked table that were read: see vhostx_indirect_read(). */
static int indirect_follow(struct vhostx_ring *r, struct vhostx_cursor *cur,
			   int n, u32 count)
{
	int i;

	for (i = 0; i < n; i++) {
		const struct vhostx_desc *desc = &r->indirect[i];

		if (desc->flags & VRING_DESC_F_INDIRECT) {
			vhostx_ring_break(r, VHOSTX_FAULT_INDIRECT_NEST);
			return 0;
		}
		if (cur->read++ == count) {
			vhostx_ring_break(r, VHOSTX_FAULT_DESC_LOOP);
			return 0;
		}
		if (cur->read > VHOSTX_CHAIN_MAX)
			return -VHOSTX_BAD_SIZE;
		if (!(desc->flags & VRING_DESC_F_NEXT)) {
			cur->done = true;
			return i + 1;
		}
		if (desc->next >= count) {
			vhostx_ring_break(r, VHOSTX_FAULT_DESC_RANGE);
			return 0;
		}
		cur->pos = desc->next;
	}
	return n;
}

/* The same for one that lies in order. */
static int indirect_pass(struct vhostx_ring *r, struct vhostx_cursor *cur,
			 int n, u32 count)
{
	const struct vhostx_desc *desc = r->indirect;
	int i;

	for (i = 0; i < n; i++) {
		if (desc[i].flags & VRING_DESC_F_INDIRECT) {
			vhostx_ring_break(r, VHOSTX_FAULT_INDIRECT_NEST);
			return 0;
		}
	}
	cur->pos += n;
	if (cur->pos > VHOSTX_CHAIN_MAX)
		return -VHOSTX_BAD_SIZE;
	cur->done = cur->pos == count;
	return n;
}

/**
 * vhostx_indirect_read - read a piece of an indirect table
 * @r: the ring; the piece goes to its @indirect
 * @view: the queue's memory table
 * @table: the descriptor that points at the table; its length was checked
 * @cur: where to go on, all zero at the start
 *
 * Return: entries read; the negative of an enum vhostx_bad; 0 where the ring
 * broke.
 */
int vhostx_indirect_read(struct vhostx_ring *r, struct vhostx_view *view,
			 const struct vhostx_desc *table,
			 struct vhostx_cursor *cur)
{
	u32 count = table->len / sizeof(struct vring_desc);
	struct iovec iov;
	int n = 1;

	if (unlikely(!vhostx_mem_hit(view, table->addr, table->len,
				     VHOST_MAP_RO, &iov)))
		n = vhostx_mem_translate(view, table->addr, table->len,
					 VHOST_MAP_RO, &iov, 1);
	if (likely(n == 1))
		n = r->packed ? indirect_ordered(r, &iov, cur->pos, count) :
				indirect_linked(r, &iov, cur->pos, count);
	else if (n == -ENOBUFS)
		n = indirect_entry(r, view, table, cur->pos);
	else
		return -vhostx_ring_bad(n);
	if (n < 0)
		return n;
	return r->packed ? indirect_pass(r, cur, n, count) :
			   indirect_follow(r, cur, n, count);
}
