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

/*
 * In host byte order, and as if linked: an entry of a packed ring's table is followed by
 * the next one. Also inside a user access window: calls nothing.
 */
static __always_inline void indirect_parse(const struct vhostx_ring *r,
					   const struct indirect_entry *raw,
					   u32 pos, u32 count,
					   struct vhostx_desc *to)
{
	bool le = vhostx_ring_le(r);

	to->addr = __virtio64_to_cpu(le, raw->addr);
	to->len = __virtio32_to_cpu(le, raw->len);
	if (r->packed) {
		to->flags = __virtio16_to_cpu(le, raw->next_or_flags) &
			    ~VRING_DESC_F_NEXT;
		to->next = pos + 1;
		if (pos + 1 < count)
			to->flags |= VRING_DESC_F_NEXT;
	} else {
		to->flags = __virtio16_to_cpu(le, raw->flags_or_id);
		to->next = __virtio16_to_cpu(le, raw->next_or_flags);
	}
}

/* A table that spans regions: entries one by one, each in up to two parts. */
static int indirect_entry(struct vhostx_ring *r, struct vhostx_view *view,
			  const struct vhostx_desc *table, u32 pos, u32 count)
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

	indirect_parse(r, &raw, pos, count, r->indirect);
	return 1;
}

/* The usual table, in one region: a piece of it in one window. */
static int indirect_window(struct vhostx_ring *r, const struct iovec *iov,
			   u32 pos, u32 count)
{
	const struct indirect_entry __user *table = iov->iov_base;
	struct vhostx_desc *to = r->indirect;
	struct indirect_entry raw;
	int n = 0;

	if (!user_read_access_begin(table, iov->iov_len))
		return -VHOSTX_BAD_FAULT;
	do {
		const struct indirect_entry __user *from;
		__u64 half;

		pos = array_index_nospec(pos, count);
		from = &table[pos];
		unsafe_get_user(raw.addr, &from->addr, fault);
		/* The other three in one load. */
		unsafe_get_user(half, (__u64 __user *)&from->len, fault);
		__builtin_memcpy(&raw.len, &half, sizeof(half));
		indirect_parse(r, &raw, pos, count, to);
		n++;
		pos = to->next;
	} while ((to++)->flags & VRING_DESC_F_NEXT && pos < count &&
		 n < VHOSTX_BATCH);
	user_read_access_end();
	return n;
fault:
	user_read_access_end();
	return -VHOSTX_BAD_FAULT;
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
	int i, n;

	n = vhostx_mem_translate(view, table->addr, table->len, VHOST_MAP_RO,
				 &iov, 1);
	if (n == 1)
		n = indirect_window(r, &iov, cur->pos, count);
	else if (n == -ENOBUFS)
		n = indirect_entry(r, view, table, cur->pos, count);
	else
		return -vhostx_ring_bad(n);
	if (n < 0)
		return n;

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
