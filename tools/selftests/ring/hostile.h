/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver that writes what it likes, whenever it likes, and memory that
 * faults: whatever the device makes of it, its own state stays sound, it writes
 * nowhere but where it may, no call takes long, and a start brings the ring back.
 */
#ifndef _RING_HOSTILE_H
#define _RING_HOSTILE_H

#include "guest.h"

/**
 * struct hostile_setup - what a ring is to be
 * @packed: its format
 * @num: its size
 * @event_idx: VIRTIO_RING_F_EVENT_IDX
 * @one_used: one used entry stands for a publication
 * @reach: bytes from RIG_FREE on that the driver has its tables and buffers in
 * @tables: entries of tables that are there when it starts
 */
struct hostile_setup {
	bool packed;
	u32 num;
	bool event_idx;
	bool one_used;
	u32 reach;
	u32 tables;
};

/**
 * struct hostile - such a driver, and the device
 * @rig: the ring around @r
 * @r: the ring
 * @rng: random numbers
 * @reach: as set up
 * @tables: likewise
 * @meddles: the driver acts between the device's accesses
 * @quiet: accesses that it lets pass before it does
 * @spell: steps without mischief that are left
 * @lag: split: entries from the first used one that is owed to the first chain
 *	 not consumed
 * @good: chains that were mapped
 * @bad: chains that could not be
 * @faults: how often the ring broke, and why
 */
struct hostile {
	struct rig *rig;
	struct vhostx_ring *r;
	u64 rng;
	u32 reach;
	u32 tables;
	bool meddles;
	u32 quiet;
	u32 spell;
	u16 lag;
	u32 good;
	u32 bad;
	u32 faults[__VHOSTX_FAULT_MAX];
};

/* There is one at a time. */
struct hostile *hostile_new(const struct hostile_setup *setup, u64 seed);
void hostile_free(void);
void hostile_step(void);

#endif
