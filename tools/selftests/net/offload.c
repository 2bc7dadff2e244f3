// SPDX-License-Identifier: GPL-2.0-only
/* Checksum and segmentation offload both ways. */
#include <string.h>
#include <linux/if_tun.h>

#include "devices.h"

#define MSS	1448

FIXTURE(offload) {
	struct nic nic;
};

ON_BOTH_DEVICES(offload);

FIXTURE_SETUP(offload)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.tap.offloads = TAP_OFFLOADS,
		.wire_vnet = true,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(offload)
{
	struct stats s;

	for (int q = 0; variant->vhostx && q < 2; q++) {
		EXPECT_EQ(0, nic_stats(q, &s));
		EXPECT_EQ(0, stats_drops(&s));
		EXPECT_EQ(0, s.broken);
	}
	nic_close(&self->nic);
}

static uint8_t out[FRAME_MAX], in[FRAME_MAX + 1];

/* The header says the same on both sides, but for what each may choose. */
static bool same_hdr(const struct virtio_net_hdr *a,
		     const struct virtio_net_hdr *b)
{
	return (a->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ==
	       (b->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       a->csum_start == b->csum_start &&
	       a->csum_offset == b->csum_offset &&
	       a->gso_type == b->gso_type && a->gso_size == b->gso_size;
}

static int tx(struct nic *nic, const struct virtio_net_hdr *hdr, size_t len)
{
	static const uint32_t twelve = 12;
	static const struct nic_layout l = { .n = 2, .len = &twelve };
	struct virtio_net_hdr got;
	int ret = nic_send(nic, &l, hdr, out, len);

	if (ret)
		return ret;
	ret = wire_recv(nic->wire, &got, in, sizeof(in), NIC_TIMEOUT);
	if (ret != (int)len)
		return ret < 0 ? ret : -EMSGSIZE;
	if (!same_hdr(hdr, &got))
		return -EPROTO;
	return memcmp(in, out, len) ? -EBADMSG : 0;
}

static int rx(struct nic *nic, const struct virtio_net_hdr *hdr, size_t len,
	      uint32_t buf)
{
	unsigned int n = (len + 12 + buf - 1) / buf;
	struct virtio_net_hdr_mrg_rxbuf got;
	int ret;

	if (nic_fill_rx(nic, n, buf) != (int)n)
		return -ENOSPC;
	ret = wire_send(nic->wire, hdr, out, len);
	if (ret)
		return ret;
	ret = nic_recv(nic, &got, in, sizeof(in), NIC_TIMEOUT);
	if (ret != (int)len)
		return ret < 0 ? ret : -EMSGSIZE;
	if (!same_hdr(hdr, &got.hdr) || got.num_buffers != n)
		return -EPROTO;
	return memcmp(in, out, len) ? -EBADMSG : 0;
}

static const uint32_t gso_len[] = { 1600, 3000, 9014, 20000, 40001, 65535 };

#define N_GSO	ARRAY_SIZE(gso_len)

TEST_F(offload, tx_checksum)
{
	struct virtio_net_hdr hdr;

	for (size_t len = 64; len < 1514; len += 29) {
		frame_udp(out, len, len, &hdr);
		ASSERT_EQ(0, tx(&self->nic, &hdr, len));
		frame_tcp(out, len, 4, 0, len, &hdr);
		ASSERT_EQ(0, tx(&self->nic, &hdr, len));
		if (len < FRAME_HDRS6)
			continue;
		frame_tcp(out, len, 6, 0, len, &hdr);
		ASSERT_EQ(0, tx(&self->nic, &hdr, len));
	}
}

TEST_F(offload, rx_checksum)
{
	struct virtio_net_hdr hdr;

	for (size_t len = 64; len < 1514; len += 29) {
		frame_udp(out, len, len, &hdr);
		ASSERT_EQ(0, rx(&self->nic, &hdr, len, 2048));
		frame_tcp(out, len, 4, 0, len, &hdr);
		ASSERT_EQ(0, rx(&self->nic, &hdr, len, 2048));
		if (len < FRAME_HDRS6)
			continue;
		frame_tcp(out, len, 6, 0, len, &hdr);
		ASSERT_EQ(0, rx(&self->nic, &hdr, len, 2048));
	}
}

TEST_F(offload, tx_segmentation)
{
	struct virtio_net_hdr hdr;

	for (size_t i = 0; i < N_GSO; i++) {
		for (int ip = 4; ip <= 6; ip += 2) {
			frame_tcp(out, gso_len[i], ip, MSS, i, &hdr);
			ASSERT_EQ(0, tx(&self->nic, &hdr, gso_len[i])) {
				TH_LOG("IPv%d, %u bytes", ip, gso_len[i]);
			}
		}
	}
}

TEST_F(offload, rx_segmentation)
{
	static const uint32_t buf[] = { 1526, 4096, 65547 };
	struct virtio_net_hdr hdr;

	for (size_t i = 0; i < N_GSO; i++) {
		for (int ip = 4; ip <= 6; ip += 2) {
			for (int b = 0; b < 3; b++) {
				frame_tcp(out, gso_len[i], ip, MSS, i, &hdr);
				ASSERT_EQ(0, rx(&self->nic, &hdr, gso_len[i],
						buf[b])) {
					TH_LOG("IPv%d, %u bytes into %u", ip,
					       gso_len[i], buf[b]);
				}
			}
		}
	}
}

/* Put segments together; each must be a right TCP packet by itself. */
static int reassemble(const uint8_t *seg, int len, uint8_t *whole,
		      size_t *total)
{
	size_t hdrs = frame_payload(seg);

	if (frame_verify(seg, len))
		return -EBADMSG;
	if (len - hdrs > MSS)
		return -EMSGSIZE;
	if (frame_tcp_seq(seg) != *total)
		return -EPROTO;
	memcpy(whole + *total, seg + hdrs, len - hdrs);
	*total += len - hdrs;
	return 0;
}

/* Next frame of ours from a bridge's port; the bridge has its own as well. */
static int plain_recv(int tap)
{
	int n;

	do {
		n = wire_recv(tap, NULL, in, sizeof(in), NIC_TIMEOUT);
	} while (n > 0 && memcmp(in, out, 14));
	return n;
}

/*
 * Over a bridge to a tap that can do nothing: what leaves there has been
 * segmented and summed by the kernel from what the header told it.
 */
TEST_F(offload, tx_reaches_a_plain_wire)
{
	struct tap_opts o = { .no_vnet_hdr = true };
	struct virtio_net_hdr hdr;
	int tap = tap_open("tap1", &o), n;

	ASSERT_LE(0, tap);
	ASSERT_EQ(0, bridge_two("br0", NIC_TAP, "tap1"));

	for (size_t len = 64; len < 1514; len += 145) {
		frame_udp(out, len, len, &hdr);
		ASSERT_EQ(0, nic_send(&self->nic, NULL, &hdr, out, len));
		n = plain_recv(tap);
		ASSERT_EQ((int)len, n);
		EXPECT_EQ(0, frame_verify(in, n));
		EXPECT_EQ(0, memcmp(in + 42, out + 42, len - 42));
	}
	for (size_t i = 0; i < N_GSO; i++) {
		for (int ip = 4; ip <= 6; ip += 2) {
			static uint8_t whole[FRAME_MAX];
			size_t total = 0, hdrs;

			frame_tcp(out, gso_len[i], ip, MSS, i, &hdr);
			hdrs = frame_payload(out);
			ASSERT_EQ(0, nic_send(&self->nic, NULL, &hdr, out,
					      gso_len[i]));
			while (total < gso_len[i] - hdrs) {
				n = plain_recv(tap);
				ASSERT_LT(0, n);
				ASSERT_EQ(0, reassemble(in, n, whole, &total));
			}
			EXPECT_EQ(0, memcmp(whole, out + hdrs, total));
		}
	}
	close(tap);
}

/* A guest that takes no offload gets finished packets. */
TEST_F(offload, rx_is_finished_for_a_plain_guest)
{
	struct virtio_net_hdr_mrg_rxbuf got;
	struct virtio_net_hdr hdr;
	int n;

	ASSERT_EQ(0, dev_ioctl(self->nic.tap, TUNSETOFFLOAD, NULL));
	ASSERT_EQ(100, nic_fill_rx(&self->nic, 100, 2048));

	frame_udp(out, 999, 1, &hdr);
	ASSERT_EQ(0, wire_send(self->nic.wire, &hdr, out, 999));
	n = nic_recv(&self->nic, &got, in, sizeof(in), NIC_TIMEOUT);
	ASSERT_EQ(999, n);
	EXPECT_EQ(0, got.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	EXPECT_EQ(0, frame_verify(in, n));
	EXPECT_EQ(0, memcmp(in + 42, out + 42, 999 - 42));

	for (int ip = 4; ip <= 6; ip += 2) {
		static uint8_t whole[FRAME_MAX];
		size_t total = 0, hdrs;

		frame_tcp(out, 40001, ip, MSS, ip, &hdr);
		hdrs = frame_payload(out);
		ASSERT_EQ(0, wire_send(self->nic.wire, &hdr, out, 40001));
		while (total < 40001 - hdrs) {
			n = nic_recv(&self->nic, &got, in, sizeof(in),
				     NIC_TIMEOUT);
			ASSERT_LT(0, n);
			ASSERT_EQ(0, got.hdr.gso_type);
			ASSERT_EQ(0, got.hdr.flags &
				     VIRTIO_NET_HDR_F_NEEDS_CSUM);
			ASSERT_EQ(0, reassemble(in, n, whole, &total));
		}
		EXPECT_EQ(0, memcmp(whole, out + hdrs, total));
	}
}

/* The header may need more than the batch; its neighbours do not mind. */
TEST_F(offload, burst_of_all_kinds)
{
	struct virtio_net_hdr hdr, got;
	uint32_t n = 60;

	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < n; i++) {
			size_t len = 100 + i * 7;

			if (i % 3 == 0)
				frame_udp(out, len, i, &hdr);
			else if (i % 3 == 1)
				frame_tcp(out, len += 5000, 4, MSS, i, &hdr);
			else
				frame_tcp(out, len, 6, 0, i, &hdr);
			if (pass == 0) {
				ASSERT_LE(0, nic_post_tx(&self->nic, NULL,
							 &hdr, out, len));
				continue;
			}
			ASSERT_EQ((int)len, wire_recv(self->nic.wire, &got, in,
						      sizeof(in),
						      NIC_TIMEOUT));
			ASSERT_TRUE(same_hdr(&hdr, &got));
			ASSERT_EQ(0, memcmp(in, out, len));
		}
		if (pass == 0) {
			vq_kick(&self->nic.vmm.vq[TX]);
			ASSERT_EQ(0, nic_reap_tx(&self->nic, n, NIC_TIMEOUT));
		}
	}
}

TEST_HARNESS_MAIN
