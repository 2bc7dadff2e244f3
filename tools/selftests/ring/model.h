/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver and a device that take steps on one ring, with everything checked
 * against a model: which chain comes when, where its bytes are, what comes back,
 * and who has to wake whom. One model for both formats, whose drivers are in
 * driver_split.c and driver_packed.c.
 */
#ifndef _RING_MODEL_H
#define _RING_MODEL_H

#include "driver.h"

/* Tables that the driver has. */
#define MODEL_SLOTS		128

enum model_step {
	MODEL_POST,
	MODEL_OFFER,
	MODEL_FETCH,
	MODEL_USE,
	MODEL_PUBLISH,
	MODEL_SIGNAL,
	MODEL_RECLAIM,
	MODEL_WISH,
	MODEL_SLEEP,
	MODEL_FORGET,
	MODEL_STEPS,
};

/**
 * struct model_setup - what a ring is to be
 * @packed: its format
 * @num: its size
 * @event_idx: VIRTIO_RING_F_EVENT_IDX
 * @write: the device writes into buffers
 * @notify_on_empty: VIRTIO_F_NOTIFY_ON_EMPTY
 * @one_used: one used entry stands for a publication
 */
struct model_setup {
	bool packed;
	u32 num;
	bool event_idx;
	bool write;
	bool notify_on_empty;
	bool one_used;
};

/* How far something has come: in chains, and in the ring's places. */
struct mark {
	u64 nr;
	u64 at;
};

/**
 * struct model - the state of both ends
 * @d: the driver
 * @r: the ring
 * @write: the device writes into buffers
 * @rng: random numbers
 * @free_slot: tables that no chain has
 * @nr_slots: how many
 * @posts: the chains that have not come back
 * @lens: what was written into each chain
 * @ends: whether each was the last one of a publication
 * @posted: how far chains were written
 * @offered: how far the device may see them
 * @fetched: how far they are cached
 * @used: how far they were used
 * @published: how far the driver may see that
 * @reclaimed: how far it has taken them back
 * @signalled: how far it was when signals were last decided on
 * @cached_desc: descriptors in the cache
 * @decided: @signalled means something
 * @asleep: the device waits for a kick
 * @nr_bad: chains that could carry nothing
 * @nr_signals: signals
 * @nr_kicks: kicks
 * @nr_indirect: chains with a table
 * @nr_stuck: fetches for which the cache had no room
 * @nr_long: chains that were too long
 */
struct model {
	struct driver *d;
	struct vhostx_ring *r;
	bool write;
	u64 rng;
	int free_slot[MODEL_SLOTS];
	int nr_slots;
	struct post **posts;
	u32 *lens;
	bool *ends;
	struct mark posted;
	struct mark offered;
	struct mark fetched;
	struct mark used;
	struct mark published;
	struct mark reclaimed;
	struct mark signalled;
	u32 cached_desc;
	bool decided;
	bool asleep;
	u64 nr_bad;
	u64 nr_signals;
	u64 nr_kicks;
	u64 nr_indirect;
	u64 nr_stuck;
	u64 nr_long;
};

struct model *model_new(const struct model_setup *setup, u64 seed);
void model_free(struct model *m);
void model_step(struct model *m, enum model_step kind);
void model_drain(struct model *m);

#endif
