// SPDX-License-Identifier: GPL-2.0-only
/* Random regions of guest memory, and what lies where in them. */
#include <string.h>

#include "guest.h"

u32 (*rnd_source)(u32 below);

/* xorshift64*: the same numbers on every machine. */
u32 rnd(u64 *rng, u32 below)
{
	if (rnd_source)
		return rnd_source(below);
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return ((*rng * 0x2545f4914f6cdd1dULL) >> 32) % below;
}

void guest_init(struct guest *guest, struct rig *rig, u64 *rng)
{
	u64 *cut = guest->region, at;
	u32 order[GUEST_REGIONS], i, j;

	cut[0] = GUEST_BEGIN;
	cut[GUEST_REGIONS] = GUEST_END;
	/* The regions of the tables are small, so that tables meet their ends. */
	for (i = 1; i < GUEST_REGIONS; i++)
		cut[i] = i < 30 ? GUEST_BEGIN + i * 3571 :
			 GUEST_BEGIN + 30 * 3571 + (i - 30) * 90001;
	for (i = 0; i < GUEST_REGIONS; i++)
		order[i] = i;
	for (i = GUEST_REGIONS - 1; i; i--) {
		j = rnd(rng, i + 1);
		at = order[i];
		order[i] = order[j];
		order[j] = at;
	}

	vhost_iotlb_free(rig->table);
	rig->table = vhost_iotlb_alloc(GUEST_REGIONS, 0);
	at = (u64)umem.base + RIG_FREE;
	for (i = 0; i < GUEST_REGIONS; i++) {
		j = order[i];
		guest->hva[j] = at;
		at += cut[j + 1] - cut[j];
		vhost_iotlb_add_range(rig->table, cut[j], cut[j + 1] - 1,
				      guest->hva[j], VHOST_MAP_RW);
	}
	vhostx_view_set(&rig->view, rig->table, false);
}

/* Which region has the address, or GUEST_REGIONS for none. */
u32 guest_region(const struct guest *guest, u64 gpa)
{
	u32 lo = 0, hi = GUEST_REGIONS;

	if (gpa < guest->region[0] || gpa >= guest->region[GUEST_REGIONS])
		return GUEST_REGIONS;
	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (gpa >= guest->region[mid])
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

u8 *guest_hva(const struct guest *guest, u64 gpa)
{
	u32 i = guest_region(guest, gpa);

	return (u8 *)(guest->hva[i] + (gpa - guest->region[i]));
}

void guest_write(const struct guest *guest, u64 gpa, const void *from,
		 size_t len)
{
	const u8 *byte = from;

	if (guest_region(guest, gpa) == guest_region(guest, gpa + len - 1)) {
		memcpy(guest_hva(guest, gpa), from, len);
		return;
	}
	while (len--)
		*guest_hva(guest, gpa++) = *byte++;
}
