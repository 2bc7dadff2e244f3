// SPDX-License-Identifier: GPL-2.0-only
/* A tap that goes away, goes down, or changes hands under load. */
#include <string.h>
#include <linux/if_tun.h>
#include <net/if.h>

#include "devices.h"

FIXTURE(tap) {
	struct nic nic;
	struct vq *tx;
	int worker;
};

ON_BOTH_DEVICES(tap);

FIXTURE_SETUP(tap)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.tap.multi_queue = true,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->tx = &self->nic.vmm.vq[TX];
	self->worker = worker_find(getpid(), 0);
	ASSERT_LT(0, self->worker);
}

FIXTURE_TEARDOWN(tap)
{
	nic_close(&self->nic);
}

static void load(struct nic *n)
{
	uint8_t frame[700];

	frame_fill(frame, sizeof(frame), 1);
	while (nic_post_tx(n, NULL, NULL, frame, sizeof(frame)) >= 0)
		;
	vq_kick_always(&n->vmm.vq[TX]);
}

static void reap_all(struct vq *q)
{
	uint32_t id, len;

	while (vq_reap(q, &id, &len) == 1)
		;
}

/* A new tap under the old name; the queues move over to it. */
static int move_to_new_tap(struct nic *n)
{
	struct tap_opts o = {};
	int tap = tap_open("tap1", &o), ret;

	if (tap < 0)
		return tap;
	ret = vmm_start(&n->vmm, tap);
	close(n->tap);
	close(n->wire);
	n->tap = tap;
	n->wire = wire_open("tap1", false);
	return ret ? ret : n->wire < 0 ? n->wire : 0;
}

TEST_F(tap, deleted_under_load)
{
	struct nic *n = &self->nic;
	uint8_t frame[2048];

	nic_fill_rx(n, 64, 1526);
	for (int i = 0; i < 10; i++) {
		load(n);
		usleep(1000);
		reap_all(self->tx);
	}
	load(n);
	ASSERT_EQ(0, link_del(NIC_TAP));
	for (int i = 0; i < 10; i++) {
		load(n);
		usleep(1000);
		reap_all(self->tx);
	}
	/* No tap, no spinning, once what was there is through. */
	usleep(200000);
	EXPECT_GT(5.0, worker_cpu(self->worker, 5.0, 500));

	ASSERT_EQ(0, move_to_new_tap(n));
	vq_kick_always(self->tx);
	/* Whatever was still there is done now, and no buffer is lost. */
	for (int i = 0; variant->vhostx && i < 200 &&
	     self->tx->num_free < self->tx->num; i++) {
		reap_all(self->tx);
		usleep(10000);
	}
	/* The in-tree device loses what was in its batch. */
	if (variant->vhostx) {
		EXPECT_EQ(self->tx->num, self->tx->num_free);
	} else {
		reap_all(self->tx);
	}
	while (wire_recv(n->wire, NULL, frame, sizeof(frame), 100) >= 0)
		;
	EXPECT_EQ(0, nic_ping_rx(n, 300, 2));
	if (self->tx->num_free) {
		EXPECT_EQ(0, nic_ping_tx(n, 300, 1));
	}
	/* Losing a tap is nothing that the ring did. */
	if (variant->vhostx) {
		EXPECT_EQ(0, efd_read(self->tx->err, 0));
	}
}

TEST_F(tap, deleted_when_idle)
{
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 300, 1));
	nic_fill_rx(&self->nic, 64, 1526);
	ASSERT_EQ(0, link_del(NIC_TAP));
	EXPECT_GT(5.0, worker_cpu(self->worker, 5.0, 500));
	EXPECT_EQ(0, vmm_stop(&self->nic.vmm));
	ASSERT_EQ(0, move_to_new_tap(&self->nic));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 300, 2));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 300, 3));
}

/* The device holds the tap; who opened it may go. */
TEST_F(tap, file_closed_by_its_opener)
{
	close(self->nic.tap);
	self->nic.tap = -1;
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 300, 1));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 300, 2));
	EXPECT_NE(0, if_nametoindex(NIC_TAP));
	EXPECT_EQ(0, vmm_stop(&self->nic.vmm));
	/* With the last reference the tap goes too. */
	for (int i = 0; i < 100 && if_nametoindex(NIC_TAP); i++)
		usleep(20000);
	EXPECT_EQ(0, if_nametoindex(NIC_TAP));
}

TEST_F(tap, down_and_up)
{
	struct ifreq ifr = { .ifr_name = NIC_TAP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t frame[2048];

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 300, 1));
	ASSERT_EQ(0, dev_ioctl(fd, SIOCSIFFLAGS, &ifr));
	for (int i = 0; i < 5; i++) {
		load(&self->nic);
		usleep(5000);
		reap_all(self->tx);
	}
	usleep(200000);
	EXPECT_GT(5.0, worker_cpu(self->worker, 5.0, 500));
	ASSERT_EQ(0, link_up(NIC_TAP, 0));
	vq_kick_always(self->tx);
	for (int i = 0; i < 200 && self->tx->num_free < self->tx->num; i++) {
		usleep(10000);
		reap_all(self->tx);
	}
	EXPECT_EQ(self->tx->num, self->tx->num_free);
	close(self->nic.wire);
	self->nic.wire = wire_open(NIC_TAP, false);
	ASSERT_LE(0, self->nic.wire);
	while (wire_recv(self->nic.wire, NULL, frame, sizeof(frame), 100) >= 0)
		;
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 300, 2));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 300, 3));
	close(fd);
}

/* As QEMU does when the guest takes fewer queues. */
TEST_F(tap, queue_detached_and_attached)
{
	struct ifreq ifr = { .ifr_flags = IFF_DETACH_QUEUE };

	ASSERT_EQ(0, nic_ping_tx(&self->nic, 300, 1));
	for (int i = 0; i < 5; i++) {
		ifr.ifr_flags = IFF_DETACH_QUEUE;
		ASSERT_EQ(0, dev_ioctl(self->nic.tap, TUNSETQUEUE, &ifr));
		EXPECT_GT(5.0, worker_cpu(self->worker, 5.0, 200));
		ifr.ifr_flags = IFF_ATTACH_QUEUE;
		ASSERT_EQ(0, dev_ioctl(self->nic.tap, TUNSETQUEUE, &ifr));
		EXPECT_EQ(0, nic_ping_tx(&self->nic, 300, 2));
		EXPECT_EQ(0, nic_ping_rx(&self->nic, 300, 3));
	}
}

/* What vhostx could not send it says: none of it just disappears. */
TEST(deleted_and_counted)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};
	struct nic nic;
	struct stats s;
	uint8_t frame[100];

	ASSERT_EQ(0, nic_open(&nic, &o));
	ASSERT_EQ(0, link_del(NIC_TAP));
	frame_fill(frame, 100, 1);
	for (int i = 0; i < 10; i++) {
		ASSERT_LE(0, nic_post_tx(&nic, NULL, NULL, frame, 100));
	}
	vq_kick(&nic.vmm.vq[TX]);
	EXPECT_EQ(0, nic_reap_tx(&nic, 10, NIC_TIMEOUT));
	ASSERT_EQ(0, nic_stats(TX, &s));
	EXPECT_EQ(0, s.packets);
	EXPECT_EQ(10, s.drop_backend);
	EXPECT_STREQ("running", s.state);
	nic_close(&nic);
}

TEST_HARNESS_MAIN
