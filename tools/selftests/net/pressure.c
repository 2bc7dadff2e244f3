// SPDX-License-Identifier: GPL-2.0-only
/* A tap that has no room, and both directions at once. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_tun.h>

#include "devices.h"

FIXTURE(pressure) {
	struct nic nic;
	struct vq *tx;
	struct vq *rx;
	int worker;
};

ON_BOTH_DEVICES(pressure);

FIXTURE_SETUP(pressure)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->tx = &self->nic.vmm.vq[TX];
	self->rx = &self->nic.vmm.vq[RX];
	self->worker = worker_find(getpid(), 0);
	ASSERT_LT(0, self->worker);
}

FIXTURE_TEARDOWN(pressure)
{
	nic_close(&self->nic);
}

static uint8_t frame[2048];

/* With a limit every frame goes by itself, whatever is left of the limit. */
TEST_F(pressure, send_buffer_of_one_frame)
{
	int size = 1;

	ASSERT_EQ(0, vmm_stop(&self->nic.vmm));
	ASSERT_EQ(0, dev_ioctl(self->nic.tap, TUNSETSNDBUF, &size));
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	for (int i = 0; i < 500; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 14 + i, i));
	}
}

/*
 * The far side is slow, so the tap's send buffer fills up: the device must
 * wait for room without spinning, and lose nothing.
 */
TEST_F(pressure, send_buffer_fills_up)
{
	struct tap_opts o = { .no_vnet_hdr = true };
	int size = 8000, tap = tap_open("tap1", &o), got = 0;
	/* Per cent of a processor; where each frame costs ten times as much, still no spinning. */
	const double rests = slow() > 1 ? 50 : 15;
	const int n = 120;

	ASSERT_LE(0, tap);
	ASSERT_EQ(0, bridge_two("br0", NIC_TAP, "tap1"));
	/* About two seconds for all of them. */
	ASSERT_EQ(0, system("tc qdisc add dev tap1 root tbf rate 100kbit burst 1600 limit 1mb"));
	ASSERT_EQ(0, vmm_stop(&self->nic.vmm));
	ASSERT_EQ(0, dev_ioctl(self->nic.tap, TUNSETSNDBUF, &size));
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));

	for (int i = 0; i < n; i++) {
		frame_fill(frame, 200, i);
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 200));
	}
	vq_kick(self->tx);
	/* The in-tree device may spin for a while in this state. */
	if (variant->vhostx) {
		EXPECT_GT(rests, worker_cpu(self->worker, rests, 300));
	}
	EXPECT_FALSE(vq_all_used(self->tx));

	while (got < n) {
		int len = wire_recv(tap, NULL, frame, sizeof(frame),
				    NIC_TIMEOUT);

		ASSERT_LT(0, len);
		/* The bridge has frames of its own. */
		if (len != 200)
			continue;
		ASSERT_EQ(-1, frame_check(frame, 200, got));
		got++;
	}
	EXPECT_EQ(0, nic_reap_tx(&self->nic, n, NIC_TIMEOUT));
	EXPECT_EQ(0, efd_read(self->tx->err, 0));
	close(tap);
}

struct stream {
	struct nic *nic;
	unsigned int n;
	atomic_int error;
};

static void *stream_tx(void *arg)
{
	struct stream *s = arg;
	struct vq *q = &s->nic->vmm.vq[TX];
	unsigned int posted = 0, done = 0;
	uint8_t f[500];
	uint32_t id, len;

	while (done < s->n && !s->error) {
		while (posted < s->n && q->num_free) {
			frame_fill(f, 500, posted);
			if (nic_post_tx(s->nic, NULL, NULL, f, 500) < 0)
				break;
			posted++;
		}
		vq_kick(q);
		if (vq_wait(q, NIC_TIMEOUT))
			s->error = 1;
		while (vq_reap(q, &id, &len) == 1)
			done++;
	}
	return NULL;
}

static void *stream_wire(void *arg)
{
	struct stream *s = arg;
	uint8_t f[2048];

	for (unsigned int i = 0; i < s->n && !s->error; i++) {
		int len = wire_recv(s->nic->wire, NULL, f, sizeof(f),
				    NIC_TIMEOUT);

		if (len != 500 || frame_check(f, 500, i) >= 0)
			s->error = 2;
	}
	return NULL;
}

/* Frames both ways from four threads; all arrive, in order, as they were. */
TEST_F(pressure, both_ways)
{
	struct stream s = { .nic = &self->nic, .n = 8000 };
	unsigned int sent = 0, got = 0;
	pthread_t tx, wire;

	ASSERT_EQ(0, pthread_create(&tx, NULL, stream_tx, &s));
	ASSERT_EQ(0, pthread_create(&wire, NULL, stream_wire, &s));
	while (got < s.n && !s.error) {
		nic_fill_rx(&self->nic, 128, 1526);
		/* No more under way than the tap's own queue holds. */
		while (sent < s.n && sent - got < 100) {
			frame_fill(frame, 700, sent);
			if (wire_send(self->nic.wire, NULL, frame, 700))
				break;
			sent++;
		}
		if (nic_recv(&self->nic, NULL, frame, sizeof(frame),
			     NIC_TIMEOUT) != 700 ||
		    frame_check(frame, 700, got) >= 0)
			s.error = 3;
		got++;
	}
	pthread_join(tx, NULL);
	pthread_join(wire, NULL);
	EXPECT_EQ(0, atomic_load(&s.error));
	EXPECT_EQ(s.n, got);
	if (variant->vhostx) {
		struct stats st;

		ASSERT_EQ(0, nic_stats(TX, &st));
		EXPECT_EQ(s.n, st.packets);
		EXPECT_EQ(500 * s.n, st.bytes);
		ASSERT_EQ(0, nic_stats(RX, &st));
		EXPECT_EQ(s.n, st.packets);
		EXPECT_EQ(700 * s.n, st.bytes);
	}
}

/* Two queue pairs of one tap, each an open device of its own. */
TEST_F(pressure, two_queue_pairs)
{
	struct tap_opts o = { .multi_queue = true };
	struct vmm v[2];
	int tap[2];
	uint64_t slot[2];

	for (int i = 0; i < 2; i++) {
		tap[i] = tap_open("mq0", &o);
		ASSERT_LE(0, tap[i]);
		ASSERT_EQ(0, vmm_setup(&v[i], variant->path,
				       F_VERSION_1 | F_MRG_RXBUF, 64));
		slot[i] = vmm_alloc(&v[i], 4096, 4096);
		ASSERT_EQ(0, vmm_start(&v[i], tap[i]));
	}
	self->nic.wire = wire_open("mq0", false);
	ASSERT_LE(0, self->nic.wire);
	for (int i = 0; i < 200; i++) {
		struct vmm *one = &v[i % 2];
		struct vq_seg seg = { .gpa = slot[i % 2], .len = 312 };
		uint32_t id, len;

		frame_fill((uint8_t *)vmm_ptr(one, seg.gpa) + 12, 300, i);
		ASSERT_LE(0, vq_post(&one->vq[TX], &seg, 1, false));
		vq_kick(&one->vq[TX]);
		ASSERT_EQ(0, vq_wait(&one->vq[TX], NIC_TIMEOUT));
		ASSERT_EQ(1, vq_reap(&one->vq[TX], &id, &len));
		ASSERT_EQ(300, wire_recv(self->nic.wire, NULL, frame,
					 sizeof(frame), NIC_TIMEOUT));
		ASSERT_EQ(-1, frame_check(frame, 300, i));
	}
	for (int i = 0; variant->vhostx && i < 2; i++) {
		struct stats st;

		/* The fixture's own device is the first. */
		ASSERT_EQ(0, stats_read(&st, getpid(), 1 + i, "tx"));
		EXPECT_EQ(100, st.packets);
	}
	for (int i = 0; i < 2; i++) {
		vmm_close(&v[i]);
		close(tap[i]);
	}
}

TEST_HARNESS_MAIN
