/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's end of a ring, as the model needs it, of either format. The
 * driver allocates and checks what the format has; the model decides what is
 * done, and knows what must come of it.
 *
 * A place in the ring is a number that only grows: of chains where the ring is
 * split, of descriptors where it is packed.
 */
#ifndef _RING_DRIVER_H
#define _RING_DRIVER_H

#include "guest.h"

#define SLOT_ENTRIES	80

/**
 * struct seg - a buffer, as one descriptor has it
 * @addr: guest physical address
 * @len: bytes
 * @write: for the device to write
 */
struct seg {
	u64 addr;
	u32 len;
	bool write;
};

/**
 * struct post - a chain as the driver made it
 * @id: what the device is to give back
 * @nr_desc: descriptors in the ring
 * @slot: which of the model's tables it has
 * @table: guest physical address of that, 0 for none
 * @nr: buffers
 * @table_from: the first buffer that is in the table
 * @seg: the buffers
 */
struct post {
	u16 id;
	u32 nr_desc;
	int slot;
	u64 table;
	u32 nr;
	u32 table_from;
	struct seg seg[];
};

/**
 * struct back - a used entry
 * @id: the chain's
 * @len: bytes that the device says it wrote
 * @write: whether it says that it wrote any
 */
struct back {
	u32 id;
	u32 len;
	bool write;
};

/**
 * struct published - what one publication must have written
 * @at: the place of its first entry
 * @id: the chain's
 * @len: bytes written into it
 */
struct published {
	u64 at;
	u16 id;
	u32 len;
};

/**
 * struct driver - the driver's end
 * @ops: its format
 * @rig: the ring
 * @guest: the memory that tables are in
 * @rng: random numbers
 * @avail_base: where in the ring the place 0 is; at least 4
 * @used_base: where its used entry goes; likewise
 * @laid: where what is posted next goes
 * @offered: what the device may have
 * @seen: what it can know of, if it looks at an index for that
 * @nr_free: descriptors that are not in a chain
 * @capacity: descriptors there are
 */
struct driver {
	const struct driver_ops *ops;
	struct rig *rig;
	struct guest guest;
	u64 *rng;
	u64 avail_base;
	u64 used_base;
	u64 laid;
	u64 offered;
	u64 seen;
	u32 nr_free;
	u32 capacity;
};

/**
 * struct driver_ops - what the formats differ in
 * @free: end it
 * @places: how many a chain takes
 * @lap: places between two signals beyond which the device need not know how
 *	 many lie between them
 * @lay: write a chain, not yet for the device to see
 * @offer: let the device see all that was laid
 * @wants_kick: whether the device asked to be told of @from up to @to
 * @twice: bytes that a fetch from @at on may read twice, if it goes round the
 *	   whole ring; NULL for none
 * @check_publish: whether the log has what a publication should have done, and
 *		   in what order, and the ring has it; NULL, or what is wrong
 * @take: the used entry at @at, if there is one
 * @give_back: a chain whose used entry would be at @at has been used; NULL, or
 *	       what is wrong
 * @wish: ask for signals anew, at about @at
 * @wants_signal: whether the wish is for one of @from up to @to; @decided is
 *		  false where any place may have been passed by
 * @base: where the ring stands at @avail and @used
 */
struct driver_ops {
	void (*free)(struct driver *d);
	u32 (*places)(const struct post *p);
	u64 (*lap)(const struct driver *d);
	void (*lay)(struct driver *d, struct post *p);
	void (*offer)(struct driver *d);
	bool (*wants_kick)(struct driver *d, u64 from, u64 to);
	void *(*twice)(struct driver *d, u64 at);
	const char *(*check_publish)(struct driver *d,
				     const struct published *list, u32 nr,
				     u64 to);
	bool (*take)(struct driver *d, u64 at, struct back *back);
	const char *(*give_back)(struct driver *d, const struct post *p, u64 at);
	void (*wish)(struct driver *d, u64 at);
	bool (*wants_signal)(struct driver *d, bool decided, u64 from, u64 to);
	u32 (*base)(struct driver *d, u64 avail, u64 used);
};

/* Both in the rig that they make. */
struct driver *driver_split_new(u32 num, bool event_idx, u64 *rng);
struct driver *driver_packed_new(u32 num, bool event_idx, u64 *rng);

#endif
