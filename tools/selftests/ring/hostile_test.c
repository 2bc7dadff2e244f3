// SPDX-License-Identifier: GPL-2.0-only
/* A hostile driver under random steps, which take every way to break a ring. */
#include "kselftest_harness.h"

#include "hostile.h"

#define STEPS	600000

FIXTURE(hostile)
{
	struct hostile *h;
};

FIXTURE_VARIANT(hostile)
{
	struct hostile_setup setup;
};

#define VARIANT(name, ...)						\
	FIXTURE_VARIANT_ADD(hostile, name) {				\
		.setup = { .reach = RIG_FREE, __VA_ARGS__ }		\
	}
#define EVENT		.event_idx = true
#define IN_ORDER	.one_used = true
#define PACKED		.packed = true

VARIANT(num4, .num = 4);
VARIANT(num256, .num = 256, EVENT);
VARIANT(num4096, .num = 4096);
VARIANT(packed1, PACKED, .num = 1, EVENT);
VARIANT(packed5, PACKED, .num = 5);
VARIANT(packed256, PACKED, .num = 256, EVENT);
VARIANT(packed256_in_order, PACKED, .num = 256, EVENT, IN_ORDER);
VARIANT(packed2000, PACKED, .num = 2000, EVENT);

FIXTURE_SETUP(hostile)
{
	self->h = hostile_new(&variant->setup,
			      0x9e3779b97f4a7c15ULL + variant->setup.num);
}

FIXTURE_TEARDOWN(hostile)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	hostile_free();
}

/* Whether a ring of this format can break for that. */
static bool can_break(struct vhostx_ring *r, enum vhostx_fault fault)
{
	switch (fault) {
	/* The ring itself logs nothing. */
	case VHOSTX_FAULT_LOG_WRITE:
		return false;
	/* There is no index, and no number of a descriptor. */
	case VHOSTX_FAULT_AVAIL_JUMP:
	case VHOSTX_FAULT_DESC_RANGE:
		return !r->packed;
	default:
		return true;
	}
}

TEST_F_TIMEOUT(hostile, random, 300)
{
	u32 step, i;

	for (step = 0; step < STEPS; step++)
		hostile_step();
	/* Every way to break was taken, and many frames came through. */
	TH_LOG("%u steps: %u good, %u bad", STEPS, self->h->good, self->h->bad);
	for (i = 1; i < __VHOSTX_FAULT_MAX; i++) {
		TH_LOG("%s: %u", vhostx_fault_name(i), self->h->faults[i]);
		EXPECT_EQ(self->h->faults[i] > 0, can_break(self->h->r, i));
	}
	ASSERT_GT(self->h->good, 1000);
	ASSERT_GT(self->h->bad, 1000);
}

TEST_HARNESS_MAIN
