// SPDX-License-Identifier: GPL-2.0-only
/* Kicks and calls: none is lost, and none comes that nobody wanted. */
#include <string.h>

#include "clock.h"
#include "cpus.h"
#include "devices.h"

/* Each way, as many rounds as fit into the time, but never fewer than the least. */
#define ROUNDS		10000
#define ROUNDS_MIN	200
#define ROUNDS_MS	(variant->vhostx ? 4000 : 1500)

FIXTURE(notify) {
	struct nic nic;
	struct vq *tx;
	struct vq *rx;
};

FIXTURE_VARIANT(notify) {
	const char *path;
	bool vhostx;
	uint64_t features;
};

FIXTURE_VARIANT_ADD(notify, vhostx_event_idx) {
	.path = DEV_VHOSTX, .vhostx = true, .features = F_EVENT_IDX,
};

FIXTURE_VARIANT_ADD(notify, vhostx_flags) {
	.path = DEV_VHOSTX, .vhostx = true, .features = 0,
};

#ifndef PACKED
FIXTURE_VARIANT_ADD(notify, vhost_net_event_idx) {
	.path = DEV_VHOST_NET, .vhostx = false, .features = F_EVENT_IDX,
};

FIXTURE_VARIANT_ADD(notify, vhost_net_flags) {
	.path = DEV_VHOST_NET, .vhostx = false, .features = 0,
};
#endif

FIXTURE_SETUP(notify)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF | variant->features,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->tx = &self->nic.vmm.vq[TX];
	self->rx = &self->nic.vmm.vq[RX];
}

FIXTURE_TEARDOWN(notify)
{
	nic_close(&self->nic);
}

static uint8_t frame[64];

static bool more_rounds(int done, long end)
{
	return done < ROUNDS_MIN || (done < ROUNDS && now_ms() < end);
}

/*
 * One frame at a time, and each side sleeps until the other tells it: one
 * lost wake-up is a timeout.
 */
TEST_F(notify, tx_depth_one)
{
	long end = now_ms() + ROUNDS_MS;

	for (int i = 0; more_rounds(i, end); i++) {
		frame_fill(frame, 60, i);
		ASSERT_EQ(0, nic_send(&self->nic, NULL, NULL, frame, 60)) {
			TH_LOG("round %d", i);
		}
	}
}

TEST_F(notify, rx_depth_one)
{
	long end = now_ms() + ROUNDS_MS;

	for (int i = 0; more_rounds(i, end); i++) {
		frame_fill(frame, 60, i);
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 256));
		ASSERT_EQ(0, wire_send(self->nic.wire, NULL, frame, 60));
		ASSERT_EQ(60, nic_recv(&self->nic, NULL, frame, sizeof(frame),
				       NIC_TIMEOUT)) {
			TH_LOG("round %d", i);
		}
	}
}

/* The frame waits for a buffer: the kick is what wakes the device. */
TEST_F(notify, rx_waits_for_buffers)
{
	for (int i = 0; i < ROUNDS_MIN; i++) {
		frame_fill(frame, 60, i);
		ASSERT_EQ(0, wire_send(self->nic.wire, NULL, frame, 60));
		if (i % 3 == 0)
			usleep(300);
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 256));
		ASSERT_EQ(60, nic_recv(&self->nic, NULL, frame, sizeof(frame),
				       NIC_TIMEOUT)) {
			TH_LOG("round %d", i);
		}
		ASSERT_EQ(-1, frame_check(frame, 60, i));
	}
}

/* A steady stream where each side races with the other's going to sleep. */
TEST_F(notify, tx_stream_of_single_posts)
{
	unsigned int posted = 0, done = 0;

	while (done < ROUNDS / 2) {
		uint32_t id, len;

		while (posted < ROUNDS / 2 && posted - done < 16 &&
		       nic_post_tx(&self->nic, NULL, NULL, frame, 60) >= 0) {
			posted++;
			vq_kick(self->tx);
		}
		ASSERT_EQ(0, vq_wait(self->tx, NIC_TIMEOUT)) {
			TH_LOG("%u of %u done", done, posted);
		}
		while (vq_reap(self->tx, &id, &len) == 1)
			done++;
	}
}

TEST_F(notify, masked_call_stays_silent)
{
	if (variant->features & F_EVENT_IDX) {
		ASSERT_EQ(0, nic_send(&self->nic, NULL, NULL, frame, 60));
	}
	vq_mask_call(self->tx);
	usleep(20000);
	efd_read(self->tx->call, 0);
	for (int i = 0; i < 100; i++) {
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
		vq_kick(self->tx);
	}
	for (int i = 0; i < 500 && !vq_all_used(self->tx); i++)
		usleep(10000);
	ASSERT_TRUE(vq_all_used(self->tx));
	EXPECT_EQ(0, efd_read(self->tx->call, 50));
	if (variant->vhostx) {
		struct stats s;

		ASSERT_EQ(0, nic_stats(TX, &s));
		EXPECT_LT(0, s.suppressed);
	}
}

/* While the device works through a burst it wants no more kicks. */
TEST_F(notify, kicks_are_suppressed_in_a_burst)
{
	unsigned int posted = 0;
	long end = now_ms() + 5000;

	NEED_SECOND_CPU();
	/* When the device's thread gets to run is not ours to say. */
	while (posted == self->tx->kicks && now_ms() < end) {
		for (int i = 0; i < 120; i++) {
			ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL,
						 frame, 60));
			vq_kick(self->tx);
		}
		posted += 120;
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 120, NIC_TIMEOUT));
	}
	EXPECT_GT(posted, self->tx->kicks);
	if (variant->vhostx) {
		struct stats s;

		ASSERT_EQ(0, nic_stats(TX, &s));
		EXPECT_LT(0, s.kicks);
		EXPECT_GE(self->tx->kicks, s.kicks);
	}
}

/* At rest the device must want the next kick, or the queue is dead. */
TEST_F(notify, kicks_are_wanted_at_rest)
{
	int tid = worker_find(getpid(), 0);

	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(0, thread_rests(tid));
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
		ASSERT_TRUE(vq_kick(self->tx));
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
	}
}

TEST_F(notify, spurious_kicks)
{
	int tid = worker_find(getpid(), 0);

	ASSERT_LT(0, tid);
	for (int i = 0; i < 1000; i++) {
		vq_kick_always(self->tx);
		vq_kick_always(self->rx);
	}
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, 2));
	EXPECT_GT(5.0, worker_cpu(tid, 5.0, 500));
}

TEST_F(notify, both_ways_at_once)
{
	for (int i = 0; i < ROUNDS_MIN; i++) {
		frame_fill(frame, 60, i);
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 256));
		ASSERT_EQ(0, wire_send(self->nic.wire, NULL, frame, 60));
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
		vq_kick(self->tx);
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
		ASSERT_EQ(60, nic_recv(&self->nic, NULL, frame, sizeof(frame),
				       NIC_TIMEOUT));
	}
}

FIXTURE(event_idx) {
	struct nic nic;
};

ON_BOTH_DEVICES(event_idx);

FIXTURE_SETUP(event_idx)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(event_idx)
{
	nic_close(&self->nic);
}

TEST_F(event_idx, used_event_in_the_middle)
{
	struct vq *tx = &self->nic.vmm.vq[TX];
	int calls = 0;

	ASSERT_EQ(0, nic_send(&self->nic, NULL, NULL, frame, 60));
	usleep(20000);
	efd_read(tx->call, 0);
	/* To be told when the 50th from here on is used. */
	vq_call_after(tx, 50);
	for (int i = 0; i < 100; i++) {
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
		vq_kick(tx);
		for (int j = 0; j < 5000 && !vq_all_used(tx); j++)
			usleep(100);
		ASSERT_TRUE(vq_all_used(tx));
		if (efd_read(tx->call, i == 49 ? NIC_TIMEOUT : 0)) {
			calls++;
			EXPECT_EQ(49, i);
		}
	}
	usleep(20000);
	calls += efd_read(tx->call, 0);
	EXPECT_EQ(1, calls);
}

TEST_HARNESS_MAIN
