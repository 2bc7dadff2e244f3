// SPDX-License-Identifier: GPL-2.0-only
/* A tap that stops its queue where its ring is full: a qdisc keeps what comes then. */
#include <stdlib.h>
#include <linux/if_tun.h>

#include "devices.h"

#ifndef IFF_BACKPRESSURE
#define IFF_BACKPRESSURE	0x0080
#endif

/* Frames that a tap's ring holds, and that the device takes off it at a time. */
#define TAP_RING	1000
#define BATCH		64
#define LEN		100
/* Of a hundred seconds: it never finds that a frame has waited too long. */
#define QDISC	"tc qdisc add dev " NIC_TAP " root fq_codel" \
		" target 100s interval 100s limit 10000"

FIXTURE(backpressure) {
	struct nic nic;
};

ON_BOTH_DEVICES(backpressure);

FIXTURE_SETUP(backpressure)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
		.tap.flags = IFF_BACKPRESSURE,
	};
	unsigned int features = 0;

	self->nic.vmm.fd = -1;
	ASSERT_EQ(0, nic_open(&self->nic, &o));
	ASSERT_EQ(0, dev_ioctl(self->nic.tap, TUNGETFEATURES, &features));
	if (!(features & IFF_BACKPRESSURE))
		SKIP(return, "this kernel's taps do not stop their queues");
	ASSERT_EQ(0, system(QDISC));
}

FIXTURE_TEARDOWN(backpressure)
{
	if (self->nic.vmm.fd >= 0)
		nic_close(&self->nic);
}

static uint8_t frame[2048];

/* The frames from the first to before the last, which nobody need take. */
static int send_frames(struct nic *n, unsigned int first, unsigned int last)
{
	int ret = 0;

	for (; first < last && !ret; first++) {
		frame_fill(frame, LEN, first);
		ret = wire_send(n->wire, NULL, frame, LEN);
	}
	return ret;
}

/* Give buffers, and take those frames in order: 0 or -errno. */
static int recv_frames(struct nic *n, unsigned int first, unsigned int last)
{
	for (; first < last; first++) {
		int len;

		if (n->vmm.vq[RX].num_free == n->vmm.vq[RX].num)
			nic_fill_rx(n, last - first < 100 ? last - first : 100,
				    1526);
		len = nic_recv(n, NULL, frame, sizeof(frame), NIC_TIMEOUT);
		if (len != LEN)
			return len < 0 ? len : -EMSGSIZE;
		if (frame_check(frame, LEN, first) >= 0)
			return -EBADMSG;
	}
	return 0;
}

/* The device takes what it will, which shows nowhere else. */
static void let_it_starve(void)
{
	usleep(300000);
}

/* The driver gives no buffers for a while: all that came meanwhile arrives later. */
TEST_F(backpressure, starved)
{
	const unsigned int frames = 5 * TAP_RING;

	for (unsigned int i = 0; i < 3; i++) {
		ASSERT_EQ(0, send_frames(&self->nic, 0, frames));
		let_it_starve();
		ASSERT_EQ(0, recv_frames(&self->nic, 0, frames));
	}
	if (variant->vhostx) {
		struct stats st;

		ASSERT_EQ(0, nic_stats(RX, &st));
		EXPECT_EQ(3 * frames, st.packets);
		EXPECT_EQ(0, stats_drops(&st));
	}
}

/* Stopped while the device holds a batch that it has not received. */
TEST_F(backpressure, stopped_with_a_batch_in_hand)
{
	const unsigned int frames = 2 * TAP_RING;

	ASSERT_EQ(0, vmm_stop(&self->nic.vmm));
	ASSERT_EQ(0, send_frames(&self->nic, 0, frames));
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	let_it_starve();
	EXPECT_EQ(0, recv_frames(&self->nic, 0, frames));
}

/* The batch goes back into the ring, whose queue is stopped, and comes again. */
TEST_F(backpressure, detached_with_a_batch_in_hand)
{
	const unsigned int frames = 2 * TAP_RING;

	ASSERT_EQ(0, vmm_stop(&self->nic.vmm));
	ASSERT_EQ(0, send_frames(&self->nic, 0, frames));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
		let_it_starve();
		ASSERT_EQ(0, vmm_stop(&self->nic.vmm));
	}
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	EXPECT_EQ(0, recv_frames(&self->nic, 0, frames));
}

/* The ring has filled up behind the batch: that is lost, and nothing else. */
TEST_F(backpressure, detached_with_the_ring_full)
{
	const unsigned int held = TAP_RING / 2, frames = 3 * TAP_RING;
	unsigned int first;

	ASSERT_EQ(0, vmm_stop(&self->nic.vmm));
	ASSERT_EQ(0, send_frames(&self->nic, 0, held));
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	let_it_starve();
	ASSERT_EQ(0, send_frames(&self->nic, held, frames));
	ASSERT_EQ(0, vmm_stop(&self->nic.vmm));
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	nic_fill_rx(&self->nic, 1, 1526);
	ASSERT_EQ(LEN, nic_recv(&self->nic, NULL, frame, sizeof(frame),
				NIC_TIMEOUT));
	for (first = 0; first <= BATCH; first++)
		if (frame_check(frame, LEN, first) < 0)
			break;
	ASSERT_GE(BATCH, first);
	TH_LOG("%u frames were lost", first);
	EXPECT_EQ(0, recv_frames(&self->nic, first + 1, frames));
}

TEST_HARNESS_MAIN
