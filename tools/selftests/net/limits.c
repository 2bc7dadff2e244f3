// SPDX-License-Identifier: GPL-2.0-only
/* The largest rings, and the longest chains. */
#include <string.h>

#include "devices.h"

/* The largest ring, of 64-byte frames; a slot holds one and its canaries. */
#define RING		32768
#define RING_SLOT	256
#define RING_FRAME	64
/* The index and the place in the ring pass their ends within one ring's length. */
#define RING_BASE	0xe000
/* What a tap queues. */
#define BURST		128

/* The longest chain, with less in each piece than a cache line, none beside another. */
#define CHAIN		1024
#define PIECE		60
#define STRIDE		64
#define HDR		12

FIXTURE(limits) {
	struct nic nic;
};

ON_BOTH_DEVICES(limits);

FIXTURE_SETUP(limits)
{
	nic_init(&self->nic);
}

FIXTURE_TEARDOWN(limits)
{
	nic_close(&self->nic);
}

static uint8_t out[FRAME_MAX + 1], in[FRAME_MAX + 1];

/* A whole ring made available at once; the frames arrive, in order. */
static int tx_ring(struct nic *n, uint32_t seed)
{
	for (unsigned int i = 0; i < RING; i++) {
		frame_fill(out, RING_FRAME, seed + i);
		if (nic_post_tx(n, NULL, NULL, out, RING_FRAME) < 0)
			return -ENOSPC;
	}
	vq_kick(&n->vmm.vq[TX]);
	for (unsigned int i = 0; i < RING; i++) {
		int len = wire_recv(n->wire, NULL, in, sizeof(in), NIC_TIMEOUT);

		if (len != RING_FRAME)
			return len < 0 ? len : -EMSGSIZE;
		if (frame_check(in, len, seed + i) >= 0)
			return -EBADMSG;
	}
	return nic_reap_tx(n, RING, NIC_TIMEOUT);
}

static int rx_ring(struct nic *n, uint32_t seed)
{
	if (nic_fill_rx(n, RING, HDR + RING_FRAME) != RING)
		return -ENOSPC;
	for (unsigned int i = 0; i < RING; i++) {
		int len;

		for (unsigned int j = i; i % BURST == 0 && j < i + BURST; j++) {
			frame_fill(out, RING_FRAME, seed + j);
			if (wire_send(n->wire, NULL, out, RING_FRAME))
				return -EIO;
		}
		len = nic_recv(n, NULL, in, sizeof(in), NIC_TIMEOUT);
		if (len != RING_FRAME)
			return len < 0 ? len : -EMSGSIZE;
		if (frame_check(in, len, seed + i) >= 0)
			return -EBADMSG;
	}
	return 0;
}

TEST_F_TIMEOUT(limits, largest_ring, 120)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
		.num = RING,
		.slot = RING_SLOT,
		.stopped = true,
	};
	struct nic *n = &self->nic;

	ASSERT_EQ(0, nic_open(n, &o));
	ASSERT_EQ(0, vmm_setup_vq(&n->vmm, RX, RING_BASE));
	ASSERT_EQ(0, vmm_setup_vq(&n->vmm, TX, RING_BASE));
	ASSERT_EQ(0, vmm_start(&n->vmm, n->tap));
	/* Twice, so that every index has been used. */
	for (unsigned int i = 0; i < 2; i++) {
		ASSERT_EQ(0, tx_ring(n, i * RING));
		ASSERT_EQ(0, rx_ring(n, i * RING));
	}
	ASSERT_EQ(0, vmm_stop(&n->vmm));
	EXPECT_EQ(RING_BASE, vmm_get_base(&n->vmm, RX));
	EXPECT_EQ(RING_BASE, vmm_get_base(&n->vmm, TX));
	for (unsigned int i = 0; variant->vhostx && i < 2; i++) {
		struct stats st;

		ASSERT_EQ(0, nic_stats(i, &st));
		EXPECT_EQ(2 * RING, st.packets);
		EXPECT_EQ(0, stats_drops(&st));
	}
}

static int open_nic(struct nic *n, const char *path)
{
	struct nic_opts o = {
		.path = path,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT,
		.num = 2 * CHAIN,
		.slot = 4096,
	};

	return nic_open(n, &o) ?: link_up(NIC_TAP, 65000);
}

/* Pieces of guest memory for a frame and its header, and a table that says so. */
struct pieces {
	struct nic *nic;
	uint64_t at;
	uint64_t table;
};

static struct pieces pieces(struct nic *n)
{
	return (struct pieces){
		.nic = n,
		.at = vmm_alloc(&n->vmm, (CHAIN + 1) * STRIDE, 4096),
		.table = vmm_alloc(&n->vmm, (CHAIN + 1) *
				   sizeof(struct vring_desc), 4096),
	};
}

/* Make nr of them one chain, by the ring's own descriptors or by the table's. */
static int post(const struct pieces *p, unsigned int index, unsigned int nr,
		bool indirect)
{
	struct vring_desc *table = vmm_ptr(&p->nic->vmm, p->table);
	struct vq_seg whole = {
		.gpa = p->table,
		.len = nr * sizeof(*table),
		.flags = VRING_DESC_F_INDIRECT,
	};
	struct vq_seg seg[CHAIN + 1];

	for (unsigned int i = 0; i < nr; i++) {
		seg[i] = (struct vq_seg){
			.gpa = p->at + i * STRIDE,
			.len = PIECE,
			.flags = index == RX ? VRING_DESC_F_WRITE : 0,
		};
		table[i] = (struct vring_desc){
			.addr = seg[i].gpa,
			.len = PIECE,
			.flags = seg[i].flags |
				 (i + 1 < nr ? VRING_DESC_F_NEXT : 0),
			.next = i + 1,
		};
	}
	return indirect ? vq_post(&p->nic->vmm.vq[index], &whole, 1, false) :
			  vq_post(&p->nic->vmm.vq[index], seg, nr, false);
}

static void copy(const struct pieces *p, uint8_t *buf, unsigned int nr,
		 bool to_guest)
{
	uint8_t *at = vmm_ptr(&p->nic->vmm, p->at);

	for (unsigned int i = 0; i < nr; i++, at += STRIDE, buf += PIECE)
		memcpy(to_guest ? at : buf, to_guest ? buf : at, PIECE);
}

/* Post a frame in nr pieces and wait until they come back. */
static int send_pieces(const struct pieces *p, unsigned int nr, bool indirect)
{
	memset(out, 0, HDR);
	frame_fill(out + HDR, nr * PIECE - HDR, nr);
	copy(p, out, nr, true);
	if (post(p, TX, nr, indirect) < 0)
		return -ENOSPC;
	vq_kick(&p->nic->vmm.vq[TX]);
	return nic_reap_tx(p->nic, 1, NIC_TIMEOUT);
}

TEST_F(limits, longest_chain_tx)
{
	struct nic *n = &self->nic;
	struct pieces p;

	ASSERT_EQ(0, open_nic(n, variant->path));
	p = pieces(n);
	for (int indirect = 0; indirect < 2; indirect++) {
		int len = CHAIN * PIECE - HDR;

		ASSERT_EQ(0, send_pieces(&p, CHAIN, indirect));
		ASSERT_EQ(len, wire_recv(n->wire, NULL, in, sizeof(in),
					 NIC_TIMEOUT));
		EXPECT_EQ(-1, frame_check(in, len, CHAIN));
	}
}

/* Takes back one buffer; the bytes in it, or -errno. */
static int reap_rx(struct nic *n)
{
	uint32_t id, len;
	int ret = vq_wait(&n->vmm.vq[RX], NIC_TIMEOUT);

	if (ret)
		return ret;
	return vq_reap(&n->vmm.vq[RX], &id, &len) == 1 ? (int)len : -EPROTO;
}

TEST_F(limits, longest_chain_rx)
{
	struct nic *n = &self->nic;
	int len = CHAIN * PIECE;
	struct pieces p;

	ASSERT_EQ(0, open_nic(n, variant->path));
	p = pieces(n);
	for (int indirect = 0; indirect < 2; indirect++) {
		memset(in, 0, sizeof(in));
		copy(&p, in, CHAIN, true);
		ASSERT_LE(0, post(&p, RX, CHAIN, indirect));
		vq_kick(&n->vmm.vq[RX]);
		frame_fill(out, len - HDR, 1);
		ASSERT_EQ(0, wire_send(n->wire, NULL, out, len - HDR));
		ASSERT_EQ(len, reap_rx(n));
		copy(&p, in, CHAIN, false);
		EXPECT_EQ(-1, frame_check(in + HDR, len - HDR, 1));
	}
}

/* One descriptor more is a bad frame: it costs itself only. */
TEST_F(limits, longer_chain_tx)
{
	struct nic *n = &self->nic;
	struct pieces p;
	struct stats st;

	if (!variant->vhostx)
		SKIP(return, "vhost-net's queue stops there");
	ASSERT_EQ(0, open_nic(n, variant->path));
	p = pieces(n);
	for (int indirect = 0; indirect < 2; indirect++) {
		ASSERT_EQ(0, send_pieces(&p, CHAIN + 1, indirect));
		ASSERT_EQ(0, nic_stats(TX, &st));
		EXPECT_EQ(indirect + 1ULL, st.drop_size);
		/* Nothing of it arrives before this. */
		ASSERT_EQ(0, nic_ping_tx(n, 100, 1));
	}
	EXPECT_EQ(2, stats_drops(&st));
}

TEST_F(limits, longer_chain_rx)
{
	struct nic *n = &self->nic;
	struct pieces p;
	struct stats st;

	if (!variant->vhostx)
		SKIP(return, "vhost-net's queue stops there");
	ASSERT_EQ(0, open_nic(n, variant->path));
	p = pieces(n);
	for (int indirect = 0; indirect < 2; indirect++) {
		ASSERT_LE(0, post(&p, RX, CHAIN + 1, indirect));
		ASSERT_EQ(1, nic_fill_rx(n, 1, 2048));
		frame_fill(out, 100, 1);
		ASSERT_EQ(0, wire_send(n->wire, NULL, out, 100));
		/* The buffer goes back empty, the frame takes the next. */
		ASSERT_EQ(0, reap_rx(n));
		ASSERT_EQ(100, nic_recv(n, NULL, in, sizeof(in), NIC_TIMEOUT));
		EXPECT_EQ(-1, frame_check(in, 100, 1));
		ASSERT_EQ(0, nic_stats(RX, &st));
		EXPECT_EQ(indirect + 1ULL, st.drop_size);
	}
	EXPECT_EQ(2, stats_drops(&st));
}

TEST_HARNESS_MAIN
