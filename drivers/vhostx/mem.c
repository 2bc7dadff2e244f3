// SPDX-License-Identifier: GPL-2.0-only
/* The memory table: reading it, checking it, translating through it. */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "mem.h"

/**
 * vhostx_mem_read - make a table from VHOST_SET_MEM_TABLE's argument
 * @arg: the argument
 * @max_regions: how many regions are allowed
 *
 * An empty region at address 0 stands for the whole space, as with any vhost.
 *
 * Return: the table, for vhost_iotlb_free(); -EFAULT where the argument cannot
 * be read or another region is empty or wraps; -EOPNOTSUPP where its padding is
 * not zero; -E2BIG where it has more than @max_regions; -ENOMEM.
 */
struct vhost_iotlb *vhostx_mem_read(const struct vhost_memory __user *arg,
				    unsigned int max_regions)
{
	struct vhost_memory_region *regions;
	struct vhost_iotlb *table;
	struct vhost_memory head;
	int ret = -ENOMEM;
	unsigned int i;

	if (copy_from_user(&head, arg, sizeof(head)))
		return ERR_PTR(-EFAULT);
	if (head.padding)
		return ERR_PTR(-EOPNOTSUPP);
	if (head.nregions > max_regions)
		return ERR_PTR(-E2BIG);

	regions = kvcalloc(head.nregions, sizeof(*regions), GFP_KERNEL_ACCOUNT);
	if (!regions)
		return ERR_PTR(-ENOMEM);

	/* One more: a region of the whole space is kept in two halves. */
	table = vhost_iotlb_alloc(max_regions + 1, 0);
	if (!table)
		goto out;

	ret = -EFAULT;
	if (copy_from_user(regions, arg->regions,
			   head.nregions * sizeof(*regions)))
		goto out;

	for (i = 0; i < head.nregions; i++) {
		u64 start = regions[i].guest_phys_addr;
		u64 last = start + regions[i].memory_size - 1;

		ret = vhost_iotlb_add_range(table, start, last,
					    regions[i].userspace_addr,
					    VHOST_MAP_RW);
		if (ret)
			goto out;
	}
	ret = 0;
out:
	kvfree(regions);
	if (!ret)
		return table;
	if (table)
		vhost_iotlb_free(table);
	return ERR_PTR(ret);
}

/**
 * vhostx_mem_reverse - a table by owner's address
 * @table: a table by guest physical address
 *
 * Its start and last are owner's addresses, its addr guest physical ones.
 * Regions that vhostx_mem_ok() would refuse can be missing.
 *
 * Return: the table, for vhost_iotlb_free(), or -ENOMEM.
 */
struct vhost_iotlb *vhostx_mem_reverse(struct vhost_iotlb *table)
{
	struct vhost_iotlb *reverse = vhost_iotlb_alloc(table->nmaps + 2, 0);
	struct vhost_iotlb_map *map;
	int ret;

	if (!reverse)
		return ERR_PTR(-ENOMEM);

	list_for_each_entry(map, &table->list, link) {
		u64 last = map->addr + map->size - 1;

		if (last < map->addr)
			continue;
		ret = vhost_iotlb_add_range(reverse, map->addr, last,
					    map->start, map->perm);
		if (ret) {
			vhost_iotlb_free(reverse);
			return ERR_PTR(ret);
		}
	}
	return reverse;
}

/**
 * vhostx_mem_ok - whether every region lies in the owner's half
 * @table: the table, or NULL
 *
 * Context: runs in the owner's address space.
 *
 * Return: whether there is a table and every region does.
 */
bool vhostx_mem_ok(struct vhost_iotlb *table)
{
	struct vhost_iotlb_map *map;

	if (!table)
		return false;

	list_for_each_entry(map, &table->list, link) {
		if (map->addr > ULONG_MAX || map->size > ULONG_MAX ||
		    map->addr + map->size < map->addr ||
		    !access_ok((void __user *)(unsigned long)map->addr,
			       map->size))
			return false;
	}
	return true;
}

static struct vhost_iotlb_map *mem_find(struct vhostx_view *view, u64 addr)
{
	struct vhost_iotlb_map *map = view->hit;

	if (likely(map && addr >= map->start && addr <= map->last))
		return map;
	if (unlikely(!view->table))
		return NULL;

	map = vhost_iotlb_itree_first(view->table, addr, addr);
	if (map)
		view->hit = map;
	return map;
}

/**
 * vhostx_mem_translate - guest addresses to segments of the owner's memory
 * @view: the queue's view; caller holds the queue's lock
 * @addr: guest physical address
 * @len: bytes, above 0
 * @perm: VHOST_MAP_RO, VHOST_MAP_WO or both, what the device will do
 * @iov: where the segments go
 * @max: how many fit there
 *
 * Return: segments; -EFAULT where a byte is in no region or the range wraps;
 * -EAGAIN where it is not in the device IOTLB, with the address in @view;
 * -EPERM where a region forbids the access; -ENOBUFS where @iov is too short.
 */
int vhostx_mem_translate(struct vhostx_view *view, u64 addr, u32 len,
			 unsigned int perm, struct iovec *iov, unsigned int max)
{
	unsigned int n = 0;

	if (unlikely(addr + len - 1 < addr))
		return -EFAULT;

	while (len) {
		struct vhost_iotlb_map *map = mem_find(view, addr);
		u64 room;

		if (unlikely(!map)) {
			if (!view->iotlb)
				return -EFAULT;
			view->miss = addr;
			view->miss_perm = perm;
			return -EAGAIN;
		}
		if (unlikely((map->perm & perm) != perm))
			return -EPERM;
		if (unlikely(n == max))
			return -ENOBUFS;

		/* Up to the last byte: a size could overflow, this cannot. */
		room = map->last - addr;
		iov[n].iov_base = (void __user *)(unsigned long)
				  (map->addr + (addr - map->start));
		iov[n].iov_len = room >= len - 1 ? len : room + 1;
		addr += iov[n].iov_len;
		len -= iov[n].iov_len;
		n++;
	}
	return n;
}
