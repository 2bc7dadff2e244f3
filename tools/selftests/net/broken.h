/* SPDX-License-Identifier: GPL-2.0-only */
/* Both hostile programs: a ring that breaks, the same on either queue. */
#ifndef BROKEN_H
#define BROKEN_H

#include "devices.h"
#include "hostile.h"

/* Points at the in-tree device to see these tests fail. */
#ifndef HOSTILE_DEVICE
#define HOSTILE_DEVICE DEV_VHOSTX
#endif

#define BROKEN(how)							\
	FIXTURE_VARIANT_ADD(broken, how) { .breakage = BREAK_##how }

FIXTURE(broken) {
	struct nic nic;
	struct vq *q;
	unsigned int index;
	unsigned int other;
	int worker;
};

FIXTURE_VARIANT(broken) {
	enum breakage breakage;
};

BROKEN(LOOP);
BROKEN(INDIRECT_NESTED);
BROKEN(INDIRECT_ODD);
BROKEN(INDIRECT_EMPTY);
BROKEN(INDIRECT_CHAINED);
#ifdef PACKED
BROKEN(DESC_UNWRITABLE);
#else
BROKEN(HEAD_IS_NUM);
BROKEN(HEAD_IS_MAX);
BROKEN(NEXT_IS_NUM);
BROKEN(NEXT_IS_ITSELF);
BROKEN(AVAIL_JUMPS);
BROKEN(AVAIL_GOES_BACK);
BROKEN(INDIRECT_NEXT);
BROKEN(INDIRECT_LOOP);
#endif
BROKEN(DESC_UNREADABLE);
BROKEN(AVAIL_UNREADABLE);
BROKEN(USED_UNWRITABLE);

FIXTURE_SETUP(broken)
{
	struct nic_opts o = {
		.path = HOSTILE_DEVICE,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->index = BROKEN_QUEUE;
	self->other = !BROKEN_QUEUE;
	self->q = &self->nic.vmm.vq[self->index];
	self->worker = worker_find(getpid(), 0);
	ASSERT_LT(0, self->worker);
}

FIXTURE_TEARDOWN(broken)
{
	hostile_repair(&self->nic, self->index);
	nic_close(&self->nic);
}

static int ping(struct nic *n, unsigned int index, uint32_t seed)
{
	return index == RX ? nic_ping_rx(n, 300, seed) :
			     nic_ping_tx(n, 300, seed);
}

/* Make the device look at the ring. */
static void poke(struct nic *n, unsigned int index)
{
	uint8_t frame[60];

	frame_fill(frame, 60, 1);
	if (index == RX)
		wire_send(n->wire, NULL, frame, 60);
	vq_kick_always(&n->vmm.vq[index]);
}

TEST_F(broken, stops_alone_and_comes_back)
{
	struct nic *n = &self->nic;
	uint8_t frame[2048];
	struct stats s = {};
	/* A packed ring's wish about interrupts is read after all else. */
	bool used = IS_PACKED && variant->breakage == BREAK_AVAIL_UNREADABLE;

	if (!hostile_can(variant->breakage))
		SKIP(return, "this kernel reads what nobody may read");
	ASSERT_EQ(0, ping(n, self->index, 1));
	ASSERT_EQ(0, ping(n, self->other, 2));

	hostile_break(n, self->index, variant->breakage);
	poke(n, self->index);
	EXPECT_EQ(1, efd_read(self->q->err, NIC_TIMEOUT));
	EXPECT_EQ(0, nic_stats(self->index, &s));
	EXPECT_STREQ("broken", s.state);
	EXPECT_STRNE("none", s.reason);
	EXPECT_STRNE("", s.reason);
	EXPECT_EQ(1, s.broken);

	/* It says so once, rests, and takes nobody with it. */
	for (int i = 0; i < 20; i++)
		poke(n, self->index);
	EXPECT_GT(HOSTILE_CPU, worker_cpu(self->worker, HOSTILE_CPU, HOSTILE_CPU_MS));
	EXPECT_EQ(0, efd_read(self->q->err, 0));
	if (!IS_PACKED || variant->breakage != BREAK_DESC_UNREADABLE) {
		EXPECT_EQ(used, vq_has_used(self->q));
	}
	EXPECT_EQ(0, ping(n, self->other, 3));
	EXPECT_EQ(0, nic_stats(self->other, &s));
	EXPECT_STREQ("running", s.state);

	/* Stopped, set up anew, started: as after a driver's reset. */
	ASSERT_EQ(0, vmm_backend(&n->vmm, self->index, -1));
	hostile_repair(n, self->index);
	ASSERT_EQ(0, vmm_setup_vq(&n->vmm, self->index, 0));
	ASSERT_EQ(0, vmm_backend(&n->vmm, self->index, n->tap));
	/* What came meanwhile comes first. */
	if (self->index == RX) {
		nic_fill_rx(n, 64, 2048);
		while (nic_recv(n, NULL, frame, sizeof(frame), 200) >= 0)
			;
	}
	while (wire_recv(n->wire, NULL, frame, sizeof(frame), 50) >= 0)
		;
	EXPECT_EQ(0, ping(n, self->index, 4));
	EXPECT_EQ(0, ping(n, self->other, 5));
	EXPECT_EQ(0, nic_stats(self->index, &s));
	EXPECT_STREQ("running", s.state);
	EXPECT_STREQ("none", s.reason);
	EXPECT_EQ(1, s.broken);
}

/* The same socket set once more is enough, when the ring is sound again. */
static int mend_and_restart(struct nic *n, unsigned int index)
{
	struct vq *q = &n->vmm.vq[index];

	/* One descriptor that is bad, then put right where it stands. */
	hostile_break(n, index, BREAK_INDIRECT_CHAINED);
	poke(n, index);
	if (efd_read(q->err, NIC_TIMEOUT) != 1)
		return -ETIMEDOUT;
	hostile_mend(n, index);
	return vmm_backend(&n->vmm, index, n->tap);
}

#endif
