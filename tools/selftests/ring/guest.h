/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's memory that tables and buffers are in: many regions, shuffled. */
#ifndef _RING_GUEST_H
#define _RING_GUEST_H

#include "rig.h"

#define GUEST_REGIONS	40
#define GUEST_BEGIN	rig_gpa(0)
#define GUEST_END	(RIG_GPA + RIG_SIZE)

/**
 * struct guest - contiguous for the guest, in another order for the owner
 * @region: guest physical address of each region, and the end of the last
 * @hva: where the owner has each of them
 */
struct guest {
	u64 region[GUEST_REGIONS + 1];
	u64 hva[GUEST_REGIONS];
};

/* Where numbers come from instead, if it is set. */
extern u32 (*rnd_source)(u32 below);

u32 rnd(u64 *rng, u32 below);

void guest_init(struct guest *guest, struct rig *rig, u64 *rng);
u32 guest_region(const struct guest *guest, u64 gpa);
u8 *guest_hva(const struct guest *guest, u64 gpa);
void guest_write(const struct guest *guest, u64 gpa, const void *from,
		 size_t len);

#endif
