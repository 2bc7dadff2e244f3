/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring in the owner's memory, with the driver's end of it in hand. */
#ifndef _RING_RIG_H
#define _RING_RIG_H

#include "ring.h"
#include "umem.h"

/* Guest physical address of the block that umem has. */
#define RIG_GPA		0x100000ULL
#define RIG_SIZE	0x200000U
/* Offset of the part that the ring leaves for tables and buffers. */
#define RIG_FREE	0x100000U
/* A guest physical address that no region has. */
#define RIG_HOLE	0x10ULL

#define RIG_NEXT	VRING_DESC_F_NEXT
#define RIG_WRITE	VRING_DESC_F_WRITE
#define RIG_INDIRECT	VRING_DESC_F_INDIRECT

/**
 * struct rig - a ring to try things on
 * @ring: the device's end
 * @view: the device's view of @table
 * @table: one region, the whole block at RIG_GPA; rig_regions() cuts it
 * @avail: the driver's available index, where the ring is split
 * @at: where the driver's next descriptor goes, where it is packed
 */
struct rig {
	struct vhostx_ring ring;
	struct vhostx_view view;
	struct vhost_iotlb *table;
	u16 avail;
	u64 at;
};

/**
 * struct rig_used - a used entry as the driver reads it
 * @id: the chain's
 * @len: bytes written into it
 */
struct rig_used {
	u32 id;
	u32 len;
};

/**
 * struct rig_packed - a descriptor of a packed ring in host byte order
 * @addr: guest physical address
 * @len: bytes
 * @id: the chain's
 * @flags: of both kinds
 */
struct rig_packed {
	u64 addr;
	u32 len;
	u16 id;
	u16 flags;
};

/**
 * struct rig_event - event suppression in host byte order
 * @place: where an event is wanted
 * @flags: VRING_PACKED_EVENT_FLAG_*
 */
struct rig_event {
	u16 place;
	u16 flags;
};

/* rig.c */
struct rig *rig_alloc(u32 num, bool event_idx);
void rig_free(struct rig *rig);
void rig_restart(struct rig *rig, u32 base);
void rig_regions(struct rig *rig, const u64 *cut, unsigned int nr);
u64 rig_gpa(u32 offset);
void *rig_hva(u64 gpa);

/* rig_split.c */
struct rig *rig_new(u32 num, bool event_idx);
void rig_start(struct rig *rig, u16 avail, u16 used);
void rig_put16(struct rig *rig, void *to, u16 v);
u16 rig_get16(struct rig *rig, const void *from);
u32 rig_get32(struct rig *rig, const void *from);
void rig_desc(struct rig *rig, u32 i, u64 addr, u32 len, u16 flags, u16 next);
void rig_entry(struct rig *rig, u64 table, u32 i, u64 addr, u32 len, u16 flags,
	       u16 next);
void rig_post(struct rig *rig, u16 head);
void rig_post_simple(struct rig *rig, u16 head);
void rig_avail_idx(struct rig *rig, u16 idx);
void rig_used_event(struct rig *rig, u16 idx);
u16 rig_avail_event(struct rig *rig);
u16 rig_used_idx(struct rig *rig);
struct rig_used rig_used(struct rig *rig, u16 idx);

/*
 * rig_packed.c: descriptors are counted on from the first lap's first one, and
 * what @at stands for is a number of those.
 */
struct rig *rig_packed_new(u32 num, bool event_idx);
void rig_packed_start(struct rig *rig, u64 to);
u16 rig_packed_place(const struct rig *rig, u64 at);
u16 rig_packed_avail_flags(const struct rig *rig, u64 at);
u16 rig_packed_used_flags(const struct rig *rig, u64 at);
struct vring_packed_desc *rig_packed_at(const struct rig *rig, u64 at);
void rig_packed_put(struct rig *rig, u64 at, u64 addr, u32 len, u16 id,
		    u16 flags);
struct rig_packed rig_packed_get(const struct rig *rig, u64 at);
void rig_packed_post(struct rig *rig, u64 addr, u32 len, u16 id, u16 flags);
void rig_packed_post_simple(struct rig *rig, u16 id);
void rig_packed_entry(u64 table, u32 i, u64 addr, u32 len, u16 flags);
void rig_packed_wish(struct rig *rig, u16 flags, u16 place);
struct rig_event rig_packed_event(const struct rig *rig);

#endif
