// SPDX-License-Identifier: GPL-2.0-only
/*
 * An honest driver and the device on one ring, which take the steps that the
 * input says, against the model. Built once for each format.
 */
#include <linux/kernel.h>

#include "input.h"
#include "model.h"

#ifdef PACKED
static const u32 sizes[] = { 1, 2, 3, 7, 8, 64, 100, 1100 };
#else
static const u32 sizes[] = { 1, 2, 4, 8, 32, 64, 256, 2048 };
#endif

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct model_setup setup = {};
	struct model *m;
	u32 how, seed;

	input_open(data, size);
	how = input_roll(256);
	seed = input_roll(256);
	setup.num = sizes[how % ARRAY_SIZE(sizes)];
	setup.event_idx = how & 8;
	setup.write = how & 16;
	setup.notify_on_empty = how & 32;
	setup.one_used = (how & 64) && !setup.write;
#ifdef PACKED
	setup.packed = true;
	setup.notify_on_empty = false;
#endif

	input_pause();
	m = model_new(&setup, 0x9e3779b97f4a7c15ULL + seed);
	forget_caches(m->r);
	input_resume();
	while (input.left)
		model_step(m, input_roll(MODEL_STEPS));
	model_drain(m);
	model_free(m);
	MUST(!umem.live);
	return 0;
}
