// SPDX-License-Identifier: GPL-2.0-only
/*
 * What goes out through a tap is counted at the tap, to the packet: whichever way it takes
 * through the device, and whatever else happens to it on its way.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/socket.h>

#include "devices.h"

#define MSS	1448
#define VLAN	5

FIXTURE(counters) {
	struct nic nic;
	uint64_t packets;	/* sent, and to be counted at the tap */
	uint64_t bytes;
};

ON_BOTH_DEVICES(counters);

FIXTURE_SETUP(counters)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.tap.offloads = TAP_OFFLOADS,
		.tap.mtu = 9000,
		.wire_vnet = true,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(counters)
{
	nic_close(&self->nic);
}

static uint8_t out[FRAME_MAX], in[FRAME_MAX + 1];

static int send_plain(FIXTURE_DATA(counters) * self, size_t len, uint32_t seed)
{
	static const struct virtio_net_hdr none;

	frame_fill(out, len, seed);
	self->packets++;
	self->bytes += len;
	return wire_send(self->nic.wire, &none, out, len);
}

static int recv_plain(FIXTURE_DATA(counters) * self, size_t len, uint32_t seed)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	int n = nic_recv(&self->nic, &hdr, in, sizeof(in), NIC_TIMEOUT);

	if (n != (int)len)
		return n < 0 ? n : -EMSGSIZE;
	if (hdr.hdr.flags || hdr.hdr.gso_type)
		return -EPROTO;
	return frame_check(in, len, seed) < 0 ? 0 : -EBADMSG;
}

static int pass_plain(FIXTURE_DATA(counters) * self, size_t len, uint32_t seed)
{
	int ret = send_plain(self, len, seed);

	return ret ? ret : recv_plain(self, len, seed);
}

/* 0 where the tap has counted what was sent, and the device too. */
static int agree(FIXTURE_DATA(counters) * self, bool vhostx)
{
	uint64_t packets, bytes;
	struct stats s;

	if (link_sent(NIC_TAP, &packets, &bytes))
		return -1;
	if (packets != self->packets)
		return -2;
	if (bytes != self->bytes)
		return -3;
	if (!vhostx)
		return 0;
	if (nic_stats(RX, &s) || stats_drops(&s))
		return -4;
	return s.packets == packets && s.bytes == bytes ? 0 : -5;
}

TEST_F(counters, frames_of_every_kind)
{
	struct virtio_net_hdr_mrg_rxbuf got;
	struct virtio_net_hdr hdr;

	for (uint32_t i = 0; i < 300; i++) {
		uint32_t size = i % 7 == 3 ? 1100 : 10000;
		size_t len = 60 + i * 29;

		ASSERT_LT(0, nic_fill_rx(&self->nic, 20, size));
		if (i % 3 == 0) {
			ASSERT_EQ(0, pass_plain(self, len, i));
		} else {
			if (i % 3 == 1)
				frame_udp(out, len, i, &hdr);
			else
				frame_tcp(out, len += 7000, 4, MSS, i, &hdr);
			ASSERT_EQ(0, wire_send(self->nic.wire, &hdr, out, len));
			self->packets++;
			self->bytes += len;
			ASSERT_EQ((int)len, nic_recv(&self->nic, &got, in,
						     sizeof(in), NIC_TIMEOUT));
			EXPECT_EQ(hdr.flags, got.hdr.flags);
			EXPECT_EQ(hdr.csum_start, got.hdr.csum_start);
			EXPECT_EQ(hdr.gso_type, got.hdr.gso_type);
			EXPECT_EQ(0, memcmp(in, out, len));
		}
		ASSERT_EQ(0, agree(self, variant->vhostx)) {
			TH_LOG("frame %u of %zu bytes", i, len);
		}
	}
}

TEST_F(counters, bursts)
{
	for (uint32_t round = 0; round < 10; round++) {
		nic_fill_rx(&self->nic, 128, 2048);
		for (uint32_t i = 0; i < 100; i++)
			ASSERT_EQ(0, send_plain(self, 60 + i * 13, i));
		for (uint32_t i = 0; i < 100; i++)
			ASSERT_EQ(0, recv_plain(self, 60 + i * 13, i));
		ASSERT_EQ(0, agree(self, variant->vhostx));
	}
}

TEST_F(counters, buffers_in_pieces)
{
	self->nic.rx_segs = 3;
	for (uint32_t i = 0; i < 50; i++) {
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 1700));
		ASSERT_EQ(0, pass_plain(self, 60 + i * 33, i));
	}
	EXPECT_EQ(0, agree(self, variant->vhostx));
}

/* The tag is beside the frame on the host's side, and in it on the guest's. */
TEST_F(counters, vlan_tag)
{
	static const uint8_t tag[] = { 0x81, 0x00, 0x00, VLAN };
	int wire;

	ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 2048));
	ASSERT_EQ(0, pass_plain(self, 100, 0));
	ASSERT_EQ(0, vlan_add(NIC_TAP, VLAN));
	ASSERT_EQ(0, link_up(NIC_TAP ".5", 0));
	wire = wire_open(NIC_TAP ".5", false);
	ASSERT_LE(0, wire);

	for (uint32_t i = 0; i < 50; i++) {
		size_t len = 60 + i * 20;

		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 2048));
		frame_fill(out, len, i);
		ASSERT_EQ(0, wire_send(wire, NULL, out, len));
		self->packets++;
		self->bytes += len + sizeof(tag);
		ASSERT_EQ((int)(len + sizeof(tag)),
			  nic_recv(&self->nic, NULL, in, sizeof(in),
				   NIC_TIMEOUT));
		EXPECT_EQ(0, memcmp(in, out, 12));
		EXPECT_EQ(0, memcmp(in + 12, tag, sizeof(tag)));
		EXPECT_EQ(0, memcmp(in + 16, out + 12, len - 12));
	}
	EXPECT_EQ(0, agree(self, variant->vhostx));
	close(wire);
}

/* Who listens at the tap has the same frame, and has it still when it is gone there. */
TEST_F(counters, frames_that_others_hold)
{
	static const int off;
	int ear = wire_open(NIC_TAP, false);

	ASSERT_LE(0, ear);
	ASSERT_EQ(0, setsockopt(ear, SOL_PACKET, PACKET_IGNORE_OUTGOING, &off,
				sizeof(off)));
	for (uint32_t i = 0; i < 100; i++) {
		nic_fill_rx(&self->nic, 1, 9500);
		ASSERT_EQ(0, pass_plain(self, 60 + i * 50, i));
	}
	EXPECT_EQ(0, agree(self, variant->vhostx));
	for (uint32_t i = 0; i < 100; i++) {
		int len = 60 + i * 50;

		ASSERT_EQ(len, wire_recv(ear, NULL, in, sizeof(in), NIC_TIMEOUT));
		ASSERT_EQ(-1, frame_check(in, len, i));
	}
	close(ear);
}

/* The worker has taken frames from the tap that it has no buffers for. */
static int frames_in_hand(FIXTURE_DATA(counters) * self, unsigned int n)
{
	int worker = worker_find(getpid(), 0), ret = 0;

	for (uint32_t i = 0; !ret && i < n; i++)
		ret = send_plain(self, 100 + i, i);
	return ret ? ret : thread_rests(worker);
}

TEST_F(counters, frames_given_back)
{
	nic_fill_rx(&self->nic, 1, 2048);
	ASSERT_EQ(0, pass_plain(self, 100, 0));

	for (int round = 0; round < 3; round++) {
		uint64_t packets, bytes;

		ASSERT_EQ(0, frames_in_hand(self, 10));
		ASSERT_EQ(0, vmm_stop(&self->nic.vmm));
		ASSERT_EQ(0, link_sent(NIC_TAP, &packets, &bytes));
		EXPECT_EQ(self->packets - 10, packets);
		ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
		nic_fill_rx(&self->nic, 10, 2048);
		for (uint32_t i = 0; i < 10; i++)
			ASSERT_EQ(0, recv_plain(self, 100 + i, i));
		ASSERT_EQ(0, agree(self, variant->vhostx));
	}
}

/* Have a new device behind the same file. */
static int tap_again(struct nic *n)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int hdr_len = 12, ret;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", NIC_TAP);
	ret = dev_ioctl(n->tap, TUNSETIFF, &ifr);
	ret = ret ? ret : dev_ioctl(n->tap, TUNSETVNETHDRSZ, &hdr_len);
	ret = ret ? ret : link_up(NIC_TAP, 9000);
	close(n->wire);
	n->wire = ret ? -1 : wire_open(NIC_TAP, true);
	return ret ? ret : n->wire < 0 ? n->wire : 0;
}

/* Frames of a device that is gone go with it; those of the next one are its own. */
TEST_F(counters, device_replaced)
{
	/* The in-tree device takes no frame from the next one. */
	for (int round = 0; variant->vhostx && round < 5; round++) {
		uint64_t packets, bytes;

		/* One buffer is left from the round before. */
		nic_fill_rx(&self->nic, round ? 69 : 70, 2048);
		for (uint32_t i = 0; i < 70; i++)
			ASSERT_EQ(0, pass_plain(self, 100 + i, i));
		ASSERT_EQ(0, frames_in_hand(self, 10));
		ASSERT_EQ(0, link_sent(NIC_TAP, &packets, &bytes));
		EXPECT_EQ(self->packets - 10, packets);

		ASSERT_EQ(0, link_del(NIC_TAP));
		nic_fill_rx(&self->nic, 1, 2048);
		ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
		ASSERT_EQ(0, tap_again(&self->nic));

		self->packets = 0;
		self->bytes = 0;
		for (uint32_t i = 0; i < 5; i++) {
			ASSERT_EQ(0, pass_plain(self, 200 + i, i));
			ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 2048));
			ASSERT_EQ(0, link_sent(NIC_TAP, &packets, &bytes));
			EXPECT_EQ(self->packets, packets);
			EXPECT_EQ(self->bytes, bytes);
		}
	}
}

TEST_HARNESS_MAIN
