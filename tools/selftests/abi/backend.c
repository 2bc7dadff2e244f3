// SPDX-License-Identifier: GPL-2.0-only
/* VHOST_NET_SET_BACKEND: what a queue is connected to. */
#include <fcntl.h>
#include <sys/mman.h>

#include "devices.h"

FIXTURE(backend) {
	struct nic nic;
	struct vmm *v;
};

ON_BOTH_DEVICES(backend);

FIXTURE_SETUP(backend)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.stopped = true,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->v = &self->nic.vmm;
}

FIXTURE_TEARDOWN(backend)
{
	nic_close(&self->nic);
}

TEST_F(backend, both_queues)
{
	EXPECT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, 2));
	EXPECT_EQ(0, vmm_stop(self->v));
}

TEST_F(backend, tx_alone)
{
	EXPECT_EQ(0, vmm_backend(self->v, TX, self->nic.tap));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
}

TEST_F(backend, rx_alone)
{
	EXPECT_EQ(0, vmm_backend(self->v, RX, self->nic.tap));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, 1));
}

TEST_F(backend, same_again)
{
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, vmm_start(self->v, self->nic.tap));
		EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, i));
		EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, i));
	}
}

TEST_F(backend, stop_and_go)
{
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(0, vmm_start(self->v, self->nic.tap));
		EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, i));
		EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, i));
		EXPECT_EQ(0, vmm_stop(self->v));
	}
}

TEST_F(backend, error_keeps_the_old_one)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	EXPECT_EQ(-ENOTSOCK, vmm_start(self->v, 999));
	EXPECT_EQ(-EINVAL, vmm_backend(self->v, TX, fd));
	EXPECT_EQ(-EINVAL, vmm_backend(self->v, RX, fd));
	EXPECT_EQ(-ENOBUFS, vmm_backend(self->v, 7, -1));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 2));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, 3));
	close(fd);
}

TEST_F(backend, another_tap_on_a_live_queue)
{
	struct tap_opts o = {};
	int tap = tap_open("tap1", &o), wire, old = self->nic.wire;
	uint8_t frame[64];

	ASSERT_LE(0, tap);
	wire = wire_open("tap1", false);
	ASSERT_LE(0, wire);
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	EXPECT_EQ(0, vmm_start(self->v, tap));
	self->nic.wire = wire;
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 2));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, 3));
	EXPECT_EQ(-ETIMEDOUT, wire_recv(old, NULL, frame, 64, 0));
	EXPECT_EQ(0, vmm_stop(self->v));
	close(tap);
	close(old);
}

TEST_F(backend, used_ring_cannot_be_read)
{
	struct vq *q = &self->v->vq[TX];

	ASSERT_EQ(0, mprotect(q->used, 4096, PROT_NONE));
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, TX, self->nic.tap));
	EXPECT_EQ(0, vmm_backend(self->v, TX, -1));
	ASSERT_EQ(0, mprotect(q->used, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, vmm_backend(self->v, TX, self->nic.tap));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
}

/* Where the device goes on writing is read from the ring at the start. */
TEST_F(backend, used_index_comes_from_the_ring)
{
	struct vq *q = &self->v->vq[TX];

	ASSERT_EQ(0, vmm_setup_vq(self->v, TX, 40));
	q->used->idx = 40;
	ASSERT_EQ(0, vmm_backend(self->v, TX, self->nic.tap));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	EXPECT_EQ(41, q->used->idx);
}

/* After a detach returns, the device does nothing more. */
TEST_F(backend, detach_is_final)
{
	struct vq *q = &self->v->vq[RX];
	uint8_t frame[60];
	uint16_t used;

	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	ASSERT_EQ(20, nic_fill_rx(&self->nic, 20, 2048));
	frame_fill(frame, 60, 1);
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, wire_send(self->nic.wire, NULL, frame, 60));
	}
	ASSERT_EQ(0, vmm_stop(self->v));
	used = q->used->idx;
	EXPECT_EQ(used, vmm_get_base(self->v, RX));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, wire_send(self->nic.wire, NULL, frame, 60));
	}
	vq_kick_always(q);
	usleep(50000);
	EXPECT_EQ(used, q->used->idx);
	EXPECT_EQ(used, vmm_get_base(self->v, RX));
}

TEST_HARNESS_MAIN
