// SPDX-License-Identifier: GPL-2.0-only
/* The memory around a ring that is tried, whatever its format. */
#include <stdlib.h>

#include "rig.h"

/* A ring without its other two parts. */
struct rig *rig_alloc(u32 num, bool event_idx)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct vhostx_ring *r = &rig->ring;

	umem_init(RIG_SIZE);
	vhostx_ring_reset(r);
	r->num = num;
	r->modern = true;
	r->event_idx = event_idx;
	r->desc = (void *)umem.base;
	rig_regions(rig, NULL, 0);
	return rig;
}

void rig_free(struct rig *rig)
{
	vhost_iotlb_free(rig->table);
	umem_exit();
	free(rig);
}

/* What another device makes of the ring that stood at @base. */
void rig_restart(struct rig *rig, u32 base)
{
	struct vhostx_ring *r = &rig->ring;
	struct rig old = *rig;

	vhostx_ring_reset(r);
	r->desc = old.ring.desc;
	r->avail = old.ring.avail;
	r->used = old.ring.used;
	r->num = old.ring.num;
	r->packed = old.ring.packed;
	r->modern = old.ring.modern;
	r->event_idx = old.ring.event_idx;
	r->notify_on_empty = old.ring.notify_on_empty;
	r->one_used = old.ring.one_used;
	vhostx_ring_set_base(r, base);
	if (vhostx_ring_start(r))
		abort();
}

/* Cut the block into regions that end at these offsets, and a last one. */
void rig_regions(struct rig *rig, const u64 *cut, unsigned int nr)
{
	u64 from = 0, to;
	unsigned int i;

	if (rig->table)
		vhost_iotlb_free(rig->table);
	rig->table = vhost_iotlb_alloc(nr + 1, 0);
	for (i = 0; i <= nr; i++) {
		to = i < nr ? cut[i] : RIG_SIZE;
		if (vhost_iotlb_add_range(rig->table, RIG_GPA + from,
					  RIG_GPA + to - 1,
					  (u64)umem.base + from, VHOST_MAP_RW))
			abort();
		from = to;
	}
	vhostx_view_set(&rig->view, rig->table, false);
}

/* Guest physical address in the free part of the block. */
u64 rig_gpa(u32 offset)
{
	return RIG_GPA + RIG_FREE + offset;
}

void *rig_hva(u64 gpa)
{
	return umem.base + (gpa - RIG_GPA);
}
