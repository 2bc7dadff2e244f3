// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log: marking pages in the owner's bitmap. */
#include <linux/bitops.h>
#include <linux/highmem.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/vhost_iotlb.h>

#include "compat/compat.h"
#include "log.h"

/* Pages that a page of the bitmap stands for. */
#define LOG_BITS	(PAGE_SIZE * BITS_PER_BYTE)

/**
 * vhostx_log_ok - whether a bitmap has room for a range
 * @base: the bitmap
 * @addr: guest physical address of the range
 * @len: its bytes
 *
 * Context: runs in the owner's address space.
 *
 * Return: whether the range's bits lie in the owner's half.
 */
bool vhostx_log_ok(const u8 __user *base, u64 addr, u64 len)
{
	u64 first = addr / VHOSTX_LOG_PAGE / BITS_PER_BYTE;
	u64 last = (addr + len - 1) / VHOSTX_LOG_PAGE / BITS_PER_BYTE;

	if (!len)
		return true;
	if (addr + len - 1 < addr || last > ULONG_MAX - (unsigned long)base)
		return false;
	return access_ok(base + first, last - first + 1);
}

/**
 * vhostx_log_table_ok - whether a bitmap has room for all of guest memory
 * @base: the bitmap
 * @table: the memory table
 *
 * Context: runs in the owner's address space.
 *
 * Return: whether it has.
 */
bool vhostx_log_table_ok(const u8 __user *base, struct vhost_iotlb *table)
{
	struct vhost_iotlb_map *map;

	list_for_each_entry(map, &table->list, link) {
		if (!vhostx_log_ok(base, map->start, map->size))
			return false;
	}
	return true;
}

/*
 * Set the bits from @first to @last, which lie in one page of the bitmap. The
 * owner takes bits away meanwhile, so each is set by an atomic operation, and
 * for that the page is pinned.
 */
static int log_set(u8 __user *base, u64 first, u64 last)
{
	unsigned long at = (unsigned long)base + first / BITS_PER_BYTE;
	unsigned long bit = offset_in_page(at) * BITS_PER_BYTE +
			    first % BITS_PER_BYTE;
	struct page *page;
	void *map;

	if (pin_user_pages_fast(at, 1, FOLL_WRITE, &page) != 1)
		return -EFAULT;

	map = kmap_local_page(page);
	for (; first <= last; first++, bit++)
		set_bit(bit, map);
	kunmap_local(map);
	unpin_user_pages_dirty_lock(&page, 1, true);
	return 0;
}

/**
 * vhostx_log_guest - log what was written to a range of guest memory
 * @log: the queue's log
 * @addr: guest physical address
 * @len: bytes
 *
 * Context: runs in the owner's address space; sleeps.
 *
 * Return: 0, or -EFAULT where the bitmap cannot be written.
 */
int vhostx_log_guest(const struct vhostx_log *log, u64 addr, u64 len)
{
	u64 page = addr / VHOSTX_LOG_PAGE;
	u64 end = (addr + len - 1) / VHOSTX_LOG_PAGE;
	u64 skew = offset_in_page(log->base) * BITS_PER_BYTE;
	u64 last;
	int ret;

	if (!log->base || !len)
		return 0;

	while (page <= end) {
		/* Up to where the bitmap's next page begins. */
		last = min(end, round_down(page + skew, LOG_BITS) + LOG_BITS -
				skew - 1);
		ret = log_set(log->base, page, last);
		if (ret)
			return ret;
		page = last + 1;
	}
	if (log->ctx)
		vhostx_eventfd_signal(log->ctx);
	return 0;
}

/**
 * vhostx_log_owner - log what was written to a range of the owner's memory
 * @log: the queue's log
 * @addr: owner's address
 * @len: bytes
 *
 * Where several regions show the same memory, each of them is logged.
 *
 * Context: runs in the owner's address space; sleeps.
 *
 * Return: 0, or -EFAULT where the bitmap cannot be written.
 */
int vhostx_log_owner(const struct vhostx_log *log, const void __user *addr,
		     u64 len)
{
	u64 first = (unsigned long)addr, last = first + len - 1;
	struct vhost_iotlb_map *map;
	int ret;

	if (!log->base || !log->owners || !len)
		return 0;

	for (map = vhost_iotlb_itree_first(log->owners, first, last); map;
	     map = vhost_iotlb_itree_next(map, first, last)) {
		u64 from = max(first, map->start);

		ret = vhostx_log_guest(log, map->addr + (from - map->start),
				       min(last, map->last) - from + 1);
		if (ret)
			return ret;
	}
	return 0;
}
