/* SPDX-License-Identifier: GPL-2.0-only */
/* A driver that breaks its own ring, and what must come of it. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "nic.h"

/* Per cent of a CPU that a worker may use after it met something bad. */
#define HOSTILE_CPU	5.0
#define HOSTILE_CPU_MS	300

enum breakage {
	BREAK_HEAD_IS_NUM,
	BREAK_HEAD_IS_MAX,
	BREAK_NEXT_IS_NUM,
	BREAK_NEXT_IS_ITSELF,
	BREAK_LOOP,
	BREAK_AVAIL_JUMPS,
	BREAK_AVAIL_GOES_BACK,
	BREAK_INDIRECT_NESTED,
	BREAK_INDIRECT_ODD,
	BREAK_INDIRECT_EMPTY,
	BREAK_INDIRECT_CHAINED,
	BREAK_INDIRECT_NEXT,
	BREAK_INDIRECT_LOOP,
	BREAK_DESC_UNREADABLE,
	BREAK_DESC_UNWRITABLE,		/* of a packed ring only */
	BREAK_AVAIL_UNREADABLE,
	BREAK_USED_UNWRITABLE,
};

/* Can it be done here? The kernel of User Mode Linux reads what is PROT_NONE. */
bool hostile_can(enum breakage how);
/*
 * Make the queue's ring bad in that way, behind one entry that it publishes.
 * The caller tells the device (a kick, or a frame for RX).
 */
void hostile_break(struct nic *n, unsigned int index, enum breakage how);
/* Put right what BREAK_INDIRECT_CHAINED has broken. */
void hostile_mend(struct nic *n, unsigned int index);
/* Give all memory back as it was; the ring's content is the caller's. */
void hostile_repair(struct nic *n, unsigned int index);

#endif
