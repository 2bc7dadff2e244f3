/* SPDX-License-Identifier: GPL-2.0-only */
/* A fuzzer's input, as the numbers that decide what is done. */
#ifndef _FUZZ_INPUT_H
#define _FUZZ_INPUT_H

#include <string.h>

#include "guest.h"
#include "known.h"
#include "must.h"

/* What the largest ring takes, and what the driver has its tables in. */
#define INPUT_RING	0x10000
#define INPUT_TABLES	0x4000

/**
 * struct input - what is left of it
 * @at: its next byte
 * @left: bytes
 */
struct input {
	const u8 *at;
	size_t left;
};

extern struct input input;

/* What the fuzzer calls: the input's first numbers say which ring is set up. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* A number below @below, of as many bytes as that takes; 0 beyond the end. */
static inline u32 input_roll(u32 below)
{
	size_t bytes = below <= 0x100 ? 1 : below <= 0x10000 ? 2 : 4;
	u32 v = 0;

	if (below <= 1)
		return 0;
	if (bytes > input.left) {
		input.left = 0;
		return 0;
	}
	memcpy(&v, input.at, bytes);
	input.at += bytes;
	input.left -= bytes;
	return v % below;
}

/*
 * Begin with an input: every number comes from it, in memory that is kept. What is
 * written there lies in the first bytes of its two parts.
 */
static inline void input_open(const u8 *data, size_t size)
{
	input = (struct input){ .at = data, .left = size };
	umem_keep = true;
	rnd_source = input_roll;
	if (!umem.base)
		return;
	memset(umem.base, 0, umem.size < INPUT_RING ? umem.size : INPUT_RING);
	if (umem.size > RIG_FREE)
		memset(umem.base + RIG_FREE, 0, INPUT_TABLES);
}

/* What no one chooses, while something is set up. */
static inline void input_pause(void)
{
	rnd_source = NULL;
}

static inline void input_resume(void)
{
	rnd_source = input_roll;
}

/* What was not fetched is not known, if that can be seen. */
static inline void forget_caches(struct vhostx_ring *r)
{
	known_forget(r->chain, sizeof(r->chain));
	known_forget(r->desc_cache, sizeof(r->desc_cache));
	known_forget(r->indirect, sizeof(r->indirect));
	known_forget(r->used_cache, sizeof(r->used_cache));
}

#endif
