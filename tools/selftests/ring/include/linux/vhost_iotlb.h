/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the kernel's vhost_iotlb that is used, kept as a plain list. */
#ifndef _RING_LINUX_VHOST_IOTLB_H
#define _RING_LINUX_VHOST_IOTLB_H

#include <linux/types.h>

#define VHOST_MAP_RO	0x1
#define VHOST_MAP_WO	0x2
#define VHOST_MAP_RW	0x3

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

struct vhost_iotlb;

/* @iotlb: the table it is in, which the kernel's tree knows without. */
struct vhost_iotlb_map {
	struct vhost_iotlb *iotlb;
	struct list_head link;
	u64 start;
	u64 last;
	u64 size;
	u64 addr;
	u32 perm;
};

/* @lookups counts the calls of vhost_iotlb_itree_first(). */
struct vhost_iotlb {
	struct list_head list;
	unsigned int limit;
	unsigned int nmaps;
	unsigned long lookups;
};

#define list_to_map(p)							\
	((struct vhost_iotlb_map *)((char *)(p) -			\
				    offsetof(struct vhost_iotlb_map, link)))
#define list_for_each_entry(map, head, member)				\
	for (map = list_to_map((head)->next); &map->member != (head);	\
	     map = list_to_map(map->member.next))

struct vhost_iotlb *vhost_iotlb_alloc(unsigned int limit, unsigned int flags);
void vhost_iotlb_free(struct vhost_iotlb *iotlb);
int vhost_iotlb_add_range(struct vhost_iotlb *iotlb, u64 start, u64 last,
			  u64 addr, unsigned int perm);
void vhost_iotlb_del_range(struct vhost_iotlb *iotlb, u64 start, u64 last);
struct vhost_iotlb_map *vhost_iotlb_itree_first(struct vhost_iotlb *iotlb,
						u64 start, u64 last);
struct vhost_iotlb_map *vhost_iotlb_itree_next(struct vhost_iotlb_map *map,
					       u64 start, u64 last);

#endif
