// SPDX-License-Identifier: GPL-2.0-only
/* What a table of regions must answer, found by looking at each of them. */
#include "input.h"
#include "table.h"

#define SEGMENTS	20

bool table_has(struct vhost_iotlb *table, u64 start, u64 last, u64 addr,
	       u32 perm)
{
	struct vhost_iotlb_map *map;

	list_for_each_entry(map, &table->list, link)
		if (map->start == start && map->last == last &&
		    map->addr == addr && map->perm == perm)
			return true;
	return false;
}

/* A byte of the range that no region has; false where there is none. */
static bool missing(struct vhost_iotlb *table, u64 addr, u64 last, u64 *where)
{
	struct vhost_iotlb_map *map;
	bool found = true;
	u64 end;

	while (table && found) {
		found = false;
		end = addr;
		list_for_each_entry(map, &table->list, link) {
			if (addr < map->start || addr > map->last)
				continue;
			found = true;
			if (map->last >= last)
				return false;
			if (map->last > end)
				end = map->last;
		}
		if (found)
			addr = end + 1;
	}
	*where = addr;
	return true;
}

/* Whether a region that the range meets forbids the access. */
static bool forbidden(struct vhost_iotlb *table, u64 addr, u64 last, u32 perm)
{
	struct vhost_iotlb_map *map;

	list_for_each_entry(map, &table->list, link)
		if (map->start <= last && map->last >= addr &&
		    (map->perm & perm) != perm)
			return true;
	return false;
}

/* Whether a region has the range in one, allows the access, and puts it there. */
static bool shown(struct vhost_iotlb *table, u64 addr, size_t len, u64 hva,
		  u32 perm)
{
	struct vhost_iotlb_map *map;

	list_for_each_entry(map, &table->list, link)
		if (addr >= map->start && addr + (len - 1) <= map->last &&
		    map->addr + (addr - map->start) == hva &&
		    (map->perm & perm) == perm)
			return true;
	return false;
}

/* Translate as both callers do, whatever was asked last. */
void table_check_translate(struct vhostx_view *view, u64 addr, u32 len)
{
	u32 perm = 1 + input_roll(3), max = input_roll(SEGMENTS), i;
	u64 last = addr + len - 1, where = 0;
	bool wraps = last < addr;
	struct iovec iov[SEGMENTS];
	int n;

	known_forget(iov, sizeof(iov));
	if (input_roll(2) && max && vhostx_mem_hit(view, addr, len, perm, iov))
		n = 1;
	else
		n = vhostx_mem_translate(view, addr, len, perm, iov, max);
	switch (n) {
	case -EFAULT:
		MUST(wraps || (!view->iotlb &&
			       missing(view->table, addr, last, &where)));
		return;
	case -EAGAIN:
		MUST(view->iotlb && missing(view->table, addr, last, &where));
		MUST(view->miss == where && view->miss_perm == perm);
		return;
	case -EPERM:
		MUST(!wraps && forbidden(view->table, addr, last, perm));
		return;
	case -ENOBUFS:
		/* Each segment but the last ends with its region. */
		MUST(!wraps && max <= view->table->nmaps);
		return;
	}
	MUST(n > 0 && (u32)n <= max && !wraps);
	for (i = 0; i < (u32)n; i++) {
		MUST(iov[i].iov_len && iov[i].iov_len <= len);
		MUST(shown(view->table, addr, iov[i].iov_len,
			   (u64)iov[i].iov_base, perm));
		addr += iov[i].iov_len;
		len -= iov[i].iov_len;
	}
	MUST(!len);
}
