/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory table: guest physical addresses to the owner's addresses. */
#ifndef _VHOSTX_MEM_H
#define _VHOSTX_MEM_H

#include <linux/types.h>
#include <linux/uio.h>
#include <linux/vhost_iotlb.h>

struct vhost_memory;

/**
 * struct vhostx_view - one queue's sight of the memory table
 * @table: regions by guest physical address; NULL before SET_MEM_TABLE
 * @hit: region that answered last, NULL for none; belongs to @table
 * @iotlb: @table is a device IOTLB: what is not there can come
 * @miss: address that was not there
 * @miss_perm: what it was wanted for
 *
 * The fields are protected by the queue's lock; @table and @hit are changed
 * together, so that @hit never outlives its table.
 */
struct vhostx_view {
	struct vhost_iotlb *table;
	struct vhost_iotlb_map *hit;
	bool iotlb;
	u64 miss;
	unsigned int miss_perm;
};

struct vhost_iotlb *vhostx_mem_read(const struct vhost_memory __user *arg,
				    unsigned int max_regions);
struct vhost_iotlb *vhostx_mem_reverse(struct vhost_iotlb *table);
bool vhostx_mem_ok(struct vhost_iotlb *table);
int vhostx_mem_translate(struct vhostx_view *view, u64 addr, u32 len,
			 unsigned int perm, struct iovec *iov,
			 unsigned int max);

/**
 * vhostx_view_set - point a queue at another memory table
 * @view: the queue's view; caller holds the queue's lock
 * @table: new table, or NULL for none
 * @iotlb: whether it is a device IOTLB
 */
static inline void vhostx_view_set(struct vhostx_view *view,
				   struct vhost_iotlb *table, bool iotlb)
{
	view->table = table;
	view->hit = NULL;
	view->iotlb = iotlb;
}

/**
 * vhostx_mem_hit - translate by the region that answered last
 * @view: the queue's view; caller holds the queue's lock
 * @addr: guest physical address
 * @len: bytes, above 0
 * @perm: as for vhostx_mem_translate()
 * @iov: where the segment goes
 *
 * Return: whether all of it lies in that region, and the access is allowed.
 */
static __always_inline bool vhostx_mem_hit(const struct vhostx_view *view,
					   u64 addr, u32 len,
					   unsigned int perm, struct iovec *iov)
{
	const struct vhost_iotlb_map *map = view->hit;

	if (unlikely(!map || addr < map->start || addr > map->last ||
		     map->last - addr < len - 1 ||
		     (map->perm & perm) != perm))
		return false;

	iov->iov_base = (void __user *)(unsigned long)
			(map->addr + (addr - map->start));
	iov->iov_len = len;
	return true;
}

#endif
