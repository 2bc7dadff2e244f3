// SPDX-License-Identifier: GPL-2.0-only
/* Plain frames both ways in every shape, every byte compared. */
#include <string.h>
#include <linux/if_tun.h>

#include "devices.h"

#define SWEEP_FROM	14
#define SWEEP_TO	1600
/* The oracle need not do all of it each time. */
#define STEP		(variant->vhostx ? 1 : 11)
#define WRAP		(variant->vhostx ? 66000 : 12000)
#define BIG_MTU		65521

static const uint32_t big_sizes[] = {
	1601, 2047, 2048, 4000, 4096, 8191, 9000, 9014, 16384, 32767, 32768,
	60000, 65521, 65535,
};

#define N_BIG	ARRAY_SIZE(big_sizes)

FIXTURE(frames) {
	struct nic nic;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t rx_packets;
	uint64_t rx_bytes;
};

ON_BOTH_DEVICES(frames);

FIXTURE_SETUP(frames)
{
	nic_init(&self->nic);
}

/* What the device counted is what went through: no more, no less. */
static int counted(FIXTURE_DATA(frames) * self, bool vhostx)
{
	struct stats rx, tx;

	if (!vhostx)
		return 0;
	if (nic_stats(RX, &rx) || nic_stats(TX, &tx))
		return -1;
	if (tx.packets != self->tx_packets || tx.bytes != self->tx_bytes)
		return -2;
	if (rx.packets != self->rx_packets || rx.bytes != self->rx_bytes)
		return -3;
	if (stats_drops(&rx) || stats_drops(&tx) || rx.broken || tx.broken)
		return -4;
	return 0;
}

FIXTURE_TEARDOWN(frames)
{
	EXPECT_EQ(0, counted(self, variant->vhostx));
	nic_close(&self->nic);
}

static int open_nic(FIXTURE_DATA(frames) * self, const char *path,
		    uint64_t features, struct nic_opts o)
{
	o.path = path;
	o.features = features;
	return nic_open(&self->nic, &o);
}

#define OPEN(features, ...)						\
	ASSERT_EQ(0, open_nic(self, variant->path, features,		\
			      (struct nic_opts){ __VA_ARGS__ }))

#define MODERN	(F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT)

static uint8_t out[FRAME_MAX], in[FRAME_MAX + 1];

/* One frame to the wire. */
static int tx(FIXTURE_DATA(frames) * self, const struct nic_layout *l,
	      size_t len)
{
	uint32_t seed = self->tx_packets;
	int ret;

	frame_fill(out, len, seed);
	ret = nic_send(&self->nic, l, NULL, out, len);
	if (ret)
		return ret;
	self->tx_packets++;
	self->tx_bytes += len;
	ret = wire_recv(self->nic.wire, NULL, in, sizeof(in), NIC_TIMEOUT);
	if (ret != (int)len)
		return ret < 0 ? ret : -EMSGSIZE;
	return frame_check(in, len, seed) < 0 ? 0 : -EBADMSG;
}

/* One frame from the wire into buffers that are posted already. */
static int rx(FIXTURE_DATA(frames) * self, size_t len, unsigned int buffers)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	static const struct virtio_net_hdr none;
	uint32_t seed = self->rx_packets;
	int ret;

	frame_fill(out, len, seed);
	ret = wire_send(self->nic.wire, NULL, out, len);
	if (ret)
		return ret;
	ret = nic_recv(&self->nic, &hdr, in, sizeof(in), NIC_TIMEOUT);
	if (ret != (int)len)
		return ret < 0 ? ret : -EMSGSIZE;
	self->rx_packets++;
	self->rx_bytes += len;
	if (memcmp(&hdr.hdr, &none, sizeof(none)))
		return -EPROTO;
	if (buffers && hdr.num_buffers != buffers)
		return -ERANGE;
	return frame_check(in, len, seed) < 0 ? 0 : -EBADMSG;
}

TEST_F(frames, tx_every_length)
{
	OPEN(MODERN);
	for (size_t len = SWEEP_FROM; len <= SWEEP_TO; len += STEP) {
		ASSERT_EQ(0, tx(self, NULL, len)) {
			TH_LOG("length %zu", len);
		}
	}
}

TEST_F(frames, rx_every_length)
{
	OPEN(MODERN, .tap.mtu = 2000);
	for (size_t len = SWEEP_FROM; len <= SWEEP_TO; len += STEP) {
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 2048));
		ASSERT_EQ(0, rx(self, len, 1)) {
			TH_LOG("length %zu", len);
		}
	}
}

TEST_F(frames, tx_big)
{
	OPEN(MODERN);
	for (size_t i = 0; i < N_BIG; i++) {
		ASSERT_EQ(0, tx(self, NULL, big_sizes[i])) {
			TH_LOG("length %u", big_sizes[i]);
		}
	}
}

TEST_F(frames, rx_big_in_one_buffer)
{
	OPEN(MODERN, .tap.mtu = BIG_MTU);
	for (size_t i = 0; i < N_BIG; i++) {
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 65535 + 12));
		ASSERT_EQ(0, rx(self, big_sizes[i], 1)) {
			TH_LOG("length %u", big_sizes[i]);
		}
	}
}

TEST_F(frames, rx_merged)
{
	static const uint32_t size[] = { 600, 1526, 4096 };

	OPEN(MODERN, .tap.mtu = BIG_MTU);
	for (size_t s = 0; s < 3; s++) {
		for (size_t i = 0; i < N_BIG; i++) {
			uint32_t len = big_sizes[i];
			uint32_t n = (len + 12 + size[s] - 1) / size[s];

			ASSERT_EQ((int)n, nic_fill_rx(&self->nic, n, size[s]));
			ASSERT_EQ(0, rx(self, len, n)) {
				TH_LOG("length %u in buffers of %u", len,
				       size[s]);
			}
		}
	}
}

/* A packet that ends exactly at a buffer's end, and one byte to each side. */
TEST_F(frames, rx_merged_edges)
{
	OPEN(MODERN, .tap.mtu = 9000);
	for (uint32_t n = 1; n <= 40; n++) {
		for (int d = -1; d <= 1; d++) {
			int len = n * 200 - 12 + d;
			unsigned int want = n + (d > 0);

			ASSERT_EQ((int)want, nic_fill_rx(&self->nic, want,
							 200));
			ASSERT_EQ(0, rx(self, len, want)) {
				TH_LOG("length %d", len);
			}
		}
	}
}

/* Header and frame in pieces, the header itself in several. */
TEST_F(frames, tx_chains)
{
	uint32_t len[VQ_TABLE];
	struct nic_layout l = { .len = len };

	OPEN(MODERN);
	for (int how = 0; how < 3; how++) {
		static const uint32_t piece[] = { 1, 5, 33 };

		for (int i = 0; i < VQ_TABLE; i++)
			len[i] = piece[how];
		for (l.n = 1; l.n <= 60; l.n++) {
			ASSERT_EQ(0, tx(self, &l, 60 + l.n * piece[how])) {
				TH_LOG("%u pieces of %u", l.n, piece[how]);
			}
		}
	}
	/* What Linux does: the header apart. */
	len[0] = 12;
	l.n = 2;
	for (size_t i = 0; i < N_BIG; i++) {
		ASSERT_EQ(0, tx(self, &l, big_sizes[i]));
	}
}

TEST_F(frames, tx_indirect)
{
	uint32_t len[VQ_TABLE];
	struct nic_layout l = { .len = len, .indirect = true };

	OPEN(MODERN);
	for (int i = 0; i < VQ_TABLE; i++)
		len[i] = 7;
	for (l.n = 1; l.n <= VQ_TABLE; l.n++) {
		ASSERT_EQ(0, tx(self, &l, 1000)) {
			TH_LOG("%u pieces", l.n);
		}
	}
	for (int i = 0; i < VQ_TABLE; i++)
		len[i] = 3000;
	for (l.n = 1; l.n <= 20; l.n++) {
		ASSERT_EQ(0, tx(self, &l, 65535));
	}
}

TEST_F(frames, rx_chains)
{
	static const unsigned int segs[] = { 2, 3, 17, 50 };

	OPEN(MODERN, .tap.mtu = BIG_MTU);
	for (size_t i = 0; i < 4; i++) {
		self->nic.rx_segs = segs[i];
		for (size_t j = 0; j < N_BIG; j++) {
			ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 65600));
			ASSERT_EQ(0, rx(self, big_sizes[j], 1)) {
				TH_LOG("%u in %u pieces", big_sizes[j],
				       segs[i]);
			}
		}
		/* The header itself is in several. */
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, segs[i] * 7 + 100));
		ASSERT_EQ(0, rx(self, segs[i] * 7, 1));
	}
}

TEST_F(frames, rx_without_merging)
{
	OPEN(F_VERSION_1, .tap.mtu = BIG_MTU);
	for (size_t i = 0; i < N_BIG; i++) {
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 65600));
		/* The number is the device's to write since virtio 1.0. */
		ASSERT_EQ(0, rx(self, big_sizes[i], variant->vhostx ? 1 : 0));
	}
}

TEST_F(frames, legacy_header)
{
	OPEN(0, .tap.hdr_len = 10);
	for (size_t len = SWEEP_FROM; len <= 200; len++) {
		ASSERT_EQ(0, tx(self, NULL, len));
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 2048));
		ASSERT_EQ(0, rx(self, len, 0));
	}
}

TEST_F(frames, device_supplies_the_header)
{
	OPEN(MODERN | F_VNET_HDR, .tap.no_vnet_hdr = true);
	for (size_t len = SWEEP_FROM; len <= 200; len++) {
		ASSERT_EQ(0, tx(self, NULL, len));
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 2048));
		ASSERT_EQ(0, rx(self, len, 1));
	}
	ASSERT_EQ(0, tx(self, NULL, 9000));
	ASSERT_EQ(3, nic_fill_rx(&self->nic, 3, 512));
	ASSERT_EQ(0, rx(self, 1400, 3));
}

TEST_F(frames, device_supplies_a_legacy_header)
{
	OPEN(F_VNET_HDR, .tap.no_vnet_hdr = true);
	for (size_t len = SWEEP_FROM; len <= 100; len++) {
		ASSERT_EQ(0, tx(self, NULL, len));
		ASSERT_EQ(1, nic_fill_rx(&self->nic, 1, 2048));
		ASSERT_EQ(0, rx(self, len, 0));
	}
}

/* Nothing is lost and nothing overtakes. */
static int tx_burst(FIXTURE_DATA(frames) * self, unsigned int n, size_t len)
{
	uint32_t first = self->tx_packets;
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++) {
		frame_fill(out, len, first + i);
		ret = nic_post_tx(&self->nic, NULL, NULL, out, len);
		if (ret < 0)
			return ret;
	}
	vq_kick(&self->nic.vmm.vq[TX]);
	ret = nic_reap_tx(&self->nic, n, NIC_TIMEOUT);
	if (ret)
		return ret;
	self->tx_packets += n;
	self->tx_bytes += n * len;
	for (i = 0; i < n; i++) {
		ret = wire_recv(self->nic.wire, NULL, in, sizeof(in),
				NIC_TIMEOUT);
		if (ret != (int)len)
			return ret < 0 ? ret : -EMSGSIZE;
		if (frame_check(in, len, first + i) >= 0)
			return -EBADMSG;
	}
	return 0;
}

static int rx_burst(FIXTURE_DATA(frames) * self, unsigned int n, size_t len)
{
	uint32_t first = self->rx_packets;
	unsigned int i;
	int ret;

	if (nic_fill_rx(&self->nic, n, 2048) != (int)n)
		return -ENOSPC;
	for (i = 0; i < n; i++) {
		frame_fill(out, len, first + i);
		ret = wire_send(self->nic.wire, NULL, out, len);
		if (ret)
			return ret;
	}
	for (i = 0; i < n; i++) {
		ret = nic_recv(&self->nic, NULL, in, sizeof(in), NIC_TIMEOUT);
		if (ret != (int)len)
			return ret < 0 ? ret : -EMSGSIZE;
		if (frame_check(in, len, first + i) >= 0)
			return -EBADMSG;
		self->rx_packets++;
		self->rx_bytes += len;
	}
	return 0;
}

TEST_F(frames, bursts)
{
	static const unsigned int n[] = { 1, 63, 64, 65, 127, 128 };

	OPEN(MODERN);
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < 6; i++) {
			ASSERT_EQ(0, tx_burst(self, n[i], 60)) {
				TH_LOG("%u to the wire", n[i]);
			}
			ASSERT_EQ(0, tx_burst(self, n[i], 1500));
			ASSERT_EQ(0, rx_burst(self, n[i], 1500)) {
				TH_LOG("%u from the wire", n[i]);
			}
		}
	}
}

/* More of them than there is memory to use again wait at once where they go. */
TEST_F(frames, long_frames_wait)
{
	OPEN(MODERN);
	for (int round = 0; round < 3; round++) {
		ASSERT_EQ(0, tx_burst(self, 48, 65535));
		ASSERT_EQ(0, tx_burst(self, 20, 5000));
		/* Long enough for it to have given most of its memory up. */
		if (round == 1)
			sleep(3);
	}
}

/* A tap that makes each piece of a chain one of its own takes none above a page. */
TEST_F(frames, tap_that_cuts_frames_up)
{
	static const uint32_t len[] = { 3000, 3000, 3000, 3000 };
	struct nic_layout l = { .n = 4, .len = len };

	OPEN(MODERN, .tap.flags = IFF_NAPI | IFF_NAPI_FRAGS);
	for (int i = 0; i < 20; i++)
		ASSERT_EQ(0, tx(self, &l, 9000));
}

/* Frames of one burst that take different ways through the device. */
TEST_F(frames, mixed_burst_keeps_its_order)
{
	static const uint32_t len[] = { 60, 9000, 61, 62, 30000, 1500, 64 };
	uint32_t n = 70;

	OPEN(MODERN);
	for (uint32_t i = 0; i < n; i++) {
		frame_fill(out, len[i % 7], i);
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, out,
					 len[i % 7]));
		self->tx_packets++;
		self->tx_bytes += len[i % 7];
	}
	vq_kick(&self->nic.vmm.vq[TX]);
	ASSERT_EQ(0, nic_reap_tx(&self->nic, n, NIC_TIMEOUT));
	for (uint32_t i = 0; i < n; i++) {
		ASSERT_EQ((int)len[i % 7], wire_recv(self->nic.wire, NULL, in,
						     sizeof(in), NIC_TIMEOUT));
		ASSERT_EQ(-1, frame_check(in, len[i % 7], i));
	}
}

TEST_F(frames, smallest_rings)
{
	for (unsigned int num = 1; num <= 4; num *= 2) {
		OPEN(MODERN, .num = num);
		for (int i = 0; i < 200; i++) {
			ASSERT_EQ(0, tx_burst(self, num, 100));
			ASSERT_EQ(0, rx_burst(self, num, 100));
		}
		ASSERT_EQ(0, counted(self, variant->vhostx));
		nic_close(&self->nic);
		self->tx_packets = 0;
		self->tx_bytes = 0;
		self->rx_packets = 0;
		self->rx_bytes = 0;
	}
	OPEN(MODERN);
}

TEST_F(frames, large_ring)
{
	OPEN(MODERN, .num = 1024, .slot = 4096);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, tx_burst(self, 1024, 300));
		ASSERT_EQ(0, rx_burst(self, 400, 300));
	}
}

#ifndef PACKED
TEST_F(frames, index_wraps)
{
	OPEN(MODERN, .num = 64, .stopped = true);
	for (int q = 0; q < 2; q++) {
		ASSERT_EQ(0, vmm_setup_vq(&self->nic.vmm, q, 0xffe5));
	}
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, tx_burst(self, 7, 100));
		ASSERT_EQ(0, rx_burst(self, 7, 100));
	}
}

#endif

/* All the way round the 16 bits. */
TEST_F(frames, index_wraps_by_itself)
{
	OPEN(MODERN | F_EVENT_IDX);
	for (int i = 0; i < WRAP / 120; i++) {
		ASSERT_EQ(0, tx_burst(self, 120, 60));
	}
}

TEST_HARNESS_MAIN
