// SPDX-License-Identifier: GPL-2.0-only
/* The model under random steps. */
#include "kselftest_harness.h"

#include "model.h"

FIXTURE(model)
{
	struct model *m;
	/* The driver has little to send, and the device sleeps. */
	bool idle;
};

FIXTURE_VARIANT(model)
{
	struct model_setup setup;
	u32 steps;
};

#define VARIANT(name, nr, ...)						\
	FIXTURE_VARIANT_ADD(model, name) { .steps = nr, .setup = { __VA_ARGS__ } }
#define EVENT		.event_idx = true
#define WRITE		.write = true
#define IN_ORDER	.one_used = true
#define PACKED		.packed = true

VARIANT(num1, 500000, .num = 1, EVENT);
VARIANT(num2_flags, 500000, .num = 2, WRITE);
VARIANT(num8, 500000, .num = 8, EVENT, WRITE);
VARIANT(num64_on_empty, 300000, .num = 64, EVENT,
	.notify_on_empty = true);
VARIANT(num256, 600000, .num = 256, EVENT);
VARIANT(num256_flags, 300000, .num = 256, WRITE);
VARIANT(num256_in_order, 300000, .num = 256, EVENT, IN_ORDER);
VARIANT(num1024, 300000, .num = 1024, EVENT, WRITE);
VARIANT(num4096, 200000, .num = 4096, EVENT);
VARIANT(num32768, 100000, .num = 32768, EVENT, WRITE);
VARIANT(packed1, 500000, .num = 1, PACKED, EVENT);
VARIANT(packed1_flags, 500000, .num = 1, PACKED, WRITE);
VARIANT(packed2, 500000, .num = 2, PACKED, EVENT, WRITE);
VARIANT(packed2_flags, 500000, .num = 2, PACKED);
VARIANT(packed7, 500000, .num = 7, PACKED, EVENT);
VARIANT(packed7_in_order, 500000, .num = 7, PACKED, EVENT, IN_ORDER);
VARIANT(packed8_flags, 500000, .num = 8, PACKED, WRITE);
VARIANT(packed64, 300000, .num = 64, PACKED, EVENT, WRITE);
VARIANT(packed100, 300000, .num = 100, PACKED, EVENT);
VARIANT(packed100_flags, 300000, .num = 100, PACKED, WRITE);
VARIANT(packed256, 600000, .num = 256, PACKED, EVENT, WRITE);
VARIANT(packed256_flags, 300000, .num = 256, PACKED);
VARIANT(packed256_in_order, 300000, .num = 256, PACKED, EVENT, IN_ORDER);
VARIANT(packed1024, 300000, .num = 1024, PACKED, EVENT, WRITE);
VARIANT(packed4096, 200000, .num = 4096, PACKED, EVENT);
VARIANT(packed32768, 100000, .num = 32768, PACKED, EVENT, WRITE);
VARIANT(packed32768_in_order, 100000, .num = 32768, PACKED, IN_ORDER);

FIXTURE_SETUP(model)
{
	self->m = model_new(&variant->setup,
			    0x9e3779b97f4a7c15ULL + variant->setup.num);
}

FIXTURE_TEARDOWN(model)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	model_free(self->m);
}

static enum model_step kind_of(u32 dice)
{
	static const struct {
		u32 end;
		enum model_step kind;
	} kinds[] = {
		{ 250, MODEL_POST }, { 280, MODEL_OFFER }, { 450, MODEL_FETCH },
		{ 650, MODEL_USE }, { 740, MODEL_PUBLISH }, { 800, MODEL_SIGNAL },
		{ 920, MODEL_RECLAIM }, { 950, MODEL_WISH }, { 998, MODEL_SLEEP },
		{ 1000, MODEL_FORGET },
	};
	u32 i = 0;

	while (dice >= kinds[i].end)
		i++;
	return kinds[i].kind;
}

/* A busy machine may take its time. */
TEST_F_TIMEOUT(model, random, 300)
{
	struct model *m = self->m;
	u32 dice, i;

	for (i = 0; i < variant->steps; i++) {
		dice = rnd(&m->rng, 1000);
		if (!rnd(&m->rng, 2000))
			self->idle = !self->idle;
		if (self->idle && dice < 240)
			dice += 250;
		model_step(m, kind_of(dice));
	}
	model_drain(m);
	TH_LOG("%u steps: %llu chains (%llu indirect), %llu bad, %llu times no room",
	       variant->steps, m->posted.nr, m->nr_indirect, m->nr_bad,
	       m->nr_stuck);
	TH_LOG("%llu signals, %llu kicks, %llu too long, %u of %u descriptors",
	       m->nr_signals, m->nr_kicks, m->nr_long, m->d->capacity,
	       variant->setup.num);
	/* The steps went where they were meant to go. */
	ASSERT_GT(m->posted.nr, variant->steps / 100);
	ASSERT_GT(m->nr_indirect, variant->steps / 200);
	ASSERT_GT(m->nr_bad, 1000);
	ASSERT_GT(m->nr_signals, 100);
	ASSERT_GT(m->nr_kicks, 50);
	ASSERT_TRUE(m->nr_long || variant->setup.num <= VHOSTX_CHAIN_MAX);
}

TEST_HARNESS_MAIN
