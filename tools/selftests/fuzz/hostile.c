// SPDX-License-Identifier: GPL-2.0-only
/* A hostile driver on a ring of either format, which does what the input says. */
#include <linux/kernel.h>

#include "hostile.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u32 sizes[] = { 1, 2, 4, 8, 64, 256, 1024, 2048 };
	/* Tables across the end of a region, which is at 0x1003. */
	struct hostile_setup setup = { .reach = 0x1400, .tables = 0x140 };
	struct hostile *h;
	u32 how, seed;

	input_open(data, size);
	how = input_roll(256);
	seed = input_roll(256);
	setup.num = sizes[how % ARRAY_SIZE(sizes)];
	setup.packed = how & 8;
	setup.event_idx = how & 16;
	setup.one_used = how & 32;
	if (setup.packed && how & 64)
		setup.num -= setup.num / 3;

	input_pause();
	h = hostile_new(&setup, 0x9e3779b97f4a7c15ULL + seed);
	forget_caches(h->r);
	input_resume();
	while (input.left)
		hostile_step();
	hostile_free();
	MUST(!umem.live);
	return 0;
}
