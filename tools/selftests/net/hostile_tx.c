// SPDX-License-Identifier: GPL-2.0-only
/* A driver that sends nonsense: vhostx drops it, counts it, and goes on. */
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define BROKEN_QUEUE	TX
#include "broken.h"

/* Places of a segment other than an offset in the head's own slot. */
#define UNMAPPED	0x7000000000ULL
#define WRAPS		(UINT64_MAX - 100)
#define NO_ACCESS	1ULL		/* a page that the owner cannot read */

#define HDR		12

FIXTURE(bad_frame) {
	struct nic nic;
	struct vq *q;
	uint64_t no_access;
	int worker;
};

FIXTURE_VARIANT(bad_frame) {
	struct virtio_net_hdr hdr;
	struct vq_seg seg[40];
	unsigned int n;		/* 0: header and 100 bytes in one */
	unsigned int repeat;	/* the last segment that many times more */
	bool indirect;
	size_t drop;		/* which counter */
};

#define DROP(counter)	.drop = offsetof(struct stats, counter)
#define BAD_HDR(name, ...)						\
	FIXTURE_VARIANT_ADD(bad_frame, name) {				\
		.hdr = { __VA_ARGS__ }, DROP(drop_hdr)			\
	}
#define NEEDS_CSUM	.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM

BAD_HDR(csum_start_past_the_end, NEEDS_CSUM, .csum_start = 0x7000);
BAD_HDR(csum_start_at_the_end, NEEDS_CSUM, .csum_start = 100);
BAD_HDR(csum_start_maximal, NEEDS_CSUM, .csum_start = 0xffff,
	.csum_offset = 0xffff);
BAD_HDR(csum_offset_past_the_end, NEEDS_CSUM, .csum_start = 34,
	.csum_offset = 65);
BAD_HDR(gso_type_unknown, .gso_type = 0x7f, .gso_size = 100);
BAD_HDR(gso_size_zero, NEEDS_CSUM, .csum_start = 34, .csum_offset = 16,
	.gso_type = VIRTIO_NET_HDR_GSO_TCPV4);

FIXTURE_VARIANT_ADD(bad_frame, shorter_than_header) {
	.seg = { { .gpa = 0, .len = 7 } }, .n = 1, DROP(drop_short),
};

FIXTURE_VARIANT_ADD(bad_frame, one_byte) {
	.seg = { { .gpa = 0, .len = 1 } }, .n = 1, DROP(drop_short),
};

FIXTURE_VARIANT_ADD(bad_frame, header_only) {
	.seg = { { .gpa = 0, .len = HDR } }, .n = 1, DROP(drop_short),
};

FIXTURE_VARIANT_ADD(bad_frame, frame_of_7_bytes) {
	.seg = { { .gpa = 0, .len = HDR + 7 } }, .n = 1, DROP(drop_short),
};

FIXTURE_VARIANT_ADD(bad_frame, frame_of_13_bytes_in_two) {
	.seg = { { .gpa = 0, .len = HDR }, { .gpa = 64, .len = 13 } },
	.n = 2, DROP(drop_short),
};

FIXTURE_VARIANT_ADD(bad_frame, length_zero) {
	.seg = { { .gpa = 0, .len = 0 } }, .n = 1, DROP(drop_empty),
};

FIXTURE_VARIANT_ADD(bad_frame, length_zero_in_all) {
	.seg = { { .gpa = 0 }, { .gpa = 64 }, { .gpa = 128 } },
	.n = 3, DROP(drop_empty),
};

FIXTURE_VARIANT_ADD(bad_frame, writable) {
	.seg = { { .gpa = 0, .len = 112, .flags = VRING_DESC_F_WRITE } },
	.n = 1, DROP(drop_dir),
};

FIXTURE_VARIANT_ADD(bad_frame, writable_tail) {
	.seg = {
		{ .gpa = 0, .len = 112 },
		{ .gpa = 200, .len = 50, .flags = VRING_DESC_F_WRITE },
	},
	.n = 2, DROP(drop_dir),
};

FIXTURE_VARIANT_ADD(bad_frame, writable_in_indirect) {
	.seg = {
		{ .gpa = 0, .len = 112, .flags = VRING_DESC_F_WRITE },
		{ .gpa = 200, .len = 50 },
	},
	.n = 2, .indirect = true, DROP(drop_dir),
};

FIXTURE_VARIANT_ADD(bad_frame, unmapped) {
	.seg = { { .gpa = UNMAPPED, .len = 112 } }, .n = 1, DROP(drop_addr),
};

FIXTURE_VARIANT_ADD(bad_frame, unmapped_tail) {
	.seg = {
		{ .gpa = 0, .len = 112 }, { .gpa = UNMAPPED, .len = 112 },
	},
	.n = 2, DROP(drop_addr),
};

FIXTURE_VARIANT_ADD(bad_frame, unmapped_in_indirect) {
	.seg = {
		{ .gpa = 0, .len = 112 }, { .gpa = UNMAPPED, .len = 112 },
	},
	.n = 2, .indirect = true, DROP(drop_addr),
};

FIXTURE_VARIANT_ADD(bad_frame, starts_below_the_region) {
	.seg = { { .gpa = VMM_GPA - 10, .len = 112 } }, .n = 1,
	DROP(drop_addr),
};

FIXTURE_VARIANT_ADD(bad_frame, runs_past_the_region) {
	.seg = { { .gpa = VMM_GPA + VMM_MEM_SIZE - 100, .len = 101 } },
	.n = 1, DROP(drop_addr),
};

FIXTURE_VARIANT_ADD(bad_frame, wraps) {
	.seg = { { .gpa = WRAPS, .len = 200 } }, .n = 1, DROP(drop_addr),
};

FIXTURE_VARIANT_ADD(bad_frame, two_gigabytes) {
	.seg = { { .gpa = 0, .len = 0x80000000 } }, .n = 1, DROP(drop_addr),
};

FIXTURE_VARIANT_ADD(bad_frame, four_gigabytes) {
	.seg = { { .gpa = 0, .len = 0xffffffff } }, .n = 1, DROP(drop_addr),
};

FIXTURE_VARIANT_ADD(bad_frame, longer_than_a_frame) {
	.seg = { { .gpa = 0, .len = 1 << 20 } }, .n = 1, DROP(drop_size),
};

FIXTURE_VARIANT_ADD(bad_frame, many_long_pieces) {
	.seg = { { .gpa = 0, .len = 1 << 20 } }, .n = 1, .repeat = 38,
	DROP(drop_size),
};

FIXTURE_VARIANT_ADD(bad_frame, no_access) {
	.seg = { { .gpa = NO_ACCESS, .len = 112 } }, .n = 1, DROP(drop_fault),
};

FIXTURE_VARIANT_ADD(bad_frame, no_access_past_the_header) {
	.seg = { { .gpa = 0, .len = HDR }, { .gpa = NO_ACCESS, .len = 112 } },
	.n = 2, DROP(drop_fault),
};

FIXTURE_VARIANT_ADD(bad_frame, no_access_in_a_long_frame) {
	.seg = {
		{ .gpa = 0, .len = 9000 }, { .gpa = NO_ACCESS, .len = 112 },
	},
	.n = 2, DROP(drop_fault),
};

FIXTURE_SETUP(bad_frame)
{
	struct nic_opts o = {
		.path = HOSTILE_DEVICE,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->q = &self->nic.vmm.vq[TX];
	self->no_access = vmm_alloc(&self->nic.vmm, 4096, 4096);
	ASSERT_EQ(0, mprotect(vmm_ptr(&self->nic.vmm, self->no_access), 4096,
			      PROT_NONE));
	self->worker = worker_find(getpid(), 0);
	ASSERT_LT(0, self->worker);
}

FIXTURE_TEARDOWN(bad_frame)
{
	nic_close(&self->nic);
}

static int post_bad(FIXTURE_DATA(bad_frame) * self,
		    const FIXTURE_VARIANT(bad_frame) * v)
{
	uint64_t slot = nic_slot(&self->nic, TX, self->q->free_head);
	unsigned int n = v->n ? v->n : 1, i;
	struct vq_seg seg[41];
	uint8_t *p = vmm_ptr(&self->nic.vmm, slot);

	memset(p, 0, HDR);
	memcpy(p, &v->hdr, sizeof(v->hdr));
	frame_fill(p + HDR, 1000, 99);
	memcpy(seg, v->seg, sizeof(v->seg));
	if (!v->n)
		seg[0].len = HDR + 100;
	for (i = 0; i < v->repeat; i++)
		seg[n + i] = seg[n - 1];
	n += v->repeat;
	for (i = 0; i < n; i++) {
		if (seg[i].gpa == NO_ACCESS)
			seg[i].gpa = self->no_access;
		else if (seg[i].gpa < 4096)
			seg[i].gpa += slot;
	}
	return vq_post(self->q, seg, n, v->indirect);
}

static uint64_t counter(const struct stats *s, size_t offset)
{
	return *(const uint64_t *)((const char *)s + offset);
}

TEST_F(bad_frame, is_dropped_and_counted)
{
	struct nic *n = &self->nic;
	struct stats before = {}, after = {};
	uint32_t id, len;
	int head;

	ASSERT_EQ(0, nic_ping_tx(n, 300, 1));
	EXPECT_EQ(0, nic_stats(TX, &before));

	head = post_bad(self, variant);
	ASSERT_LE(0, head);
	vq_kick(self->q);
	EXPECT_EQ(0, vq_wait(self->q, 2000));
	EXPECT_EQ(1, vq_reap(self->q, &id, &len));
	EXPECT_EQ((uint32_t)head, id);
	EXPECT_EQ(0, len);
	EXPECT_GT(HOSTILE_CPU, worker_cpu(self->worker, HOSTILE_CPU, HOSTILE_CPU_MS));

	EXPECT_EQ(0, nic_stats(TX, &after));
	EXPECT_EQ(1, counter(&after, variant->drop) -
		     counter(&before, variant->drop));
	EXPECT_EQ(1, stats_drops(&after) - stats_drops(&before));
	EXPECT_EQ(before.packets, after.packets);
	EXPECT_EQ(before.bytes, after.bytes);
	EXPECT_EQ(0, after.broken);
	EXPECT_STREQ("running", after.state);
	EXPECT_EQ(0, efd_read(self->q->err, 0));

	EXPECT_EQ(0, nic_ping_rx(n, 300, 2));
	EXPECT_EQ(0, nic_ping_tx(n, 300, 3));
}

/* Its neighbours in a batch are none the worse for it. */
TEST_F(bad_frame, among_good_ones)
{
	struct nic *n = &self->nic;
	uint8_t frame[300];
	struct stats s = {};
	unsigned int posted = 0;

	for (int i = 0; i < 9; i++) {
		posted++;
		if (i % 3 == 1) {
			ASSERT_LE(0, post_bad(self, variant));
			continue;
		}
		frame_fill(frame, 200, i);
		ASSERT_LE(0, nic_post_tx(n, NULL, NULL, frame, 200));
		if (self->q->num_free < 41)
			break;
	}
	vq_kick(self->q);
	EXPECT_EQ(0, nic_reap_tx(n, posted, 2000));
	for (int i = 0; i < 9; i++) {
		int ret;

		if (i % 3 == 1)
			continue;
		ret = wire_recv(n->wire, NULL, frame, sizeof(frame),
				i < 3 ? 2000 : 0);
		if (i >= 3 && ret == -ETIMEDOUT)
			break;
		EXPECT_EQ(200, ret);
		EXPECT_EQ(-1, frame_check(frame, 200, i));
	}
	EXPECT_EQ(0, nic_stats(TX, &s));
	EXPECT_LE(1, stats_drops(&s));
	EXPECT_EQ(0, nic_ping_tx(n, 300, 3));
}

/* Odd, but no reason to drop by itself: whatever becomes of it, it ends. */
FIXTURE(odd_frame) {
	struct nic nic;
	int worker;
};

FIXTURE_VARIANT(odd_frame) {
	struct virtio_net_hdr hdr;
};

FIXTURE_VARIANT_ADD(odd_frame, hdr_len_past_the_end) {
	.hdr = { .hdr_len = 0xffff },
};

FIXTURE_VARIANT_ADD(odd_frame, all_flags) {
	.hdr = { .flags = 0xff, .csum_start = 14, .csum_offset = 2 },
};

FIXTURE_VARIANT_ADD(odd_frame, segments_of_what_is_not_tcp) {
	.hdr = {
		NEEDS_CSUM, .csum_start = 34, .csum_offset = 16,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 10,
	},
};

FIXTURE_VARIANT_ADD(odd_frame, segments_without_checksum) {
	.hdr = {
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 10,
	},
};

FIXTURE_VARIANT_ADD(odd_frame, udp_fragmentation) {
	.hdr = {
		.gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 1,
	},
};

FIXTURE_SETUP(odd_frame)
{
	struct nic_opts o = {
		.path = HOSTILE_DEVICE,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->worker = worker_find(getpid(), 0);
	ASSERT_LT(0, self->worker);
}

FIXTURE_TEARDOWN(odd_frame)
{
	nic_close(&self->nic);
}

TEST_F(odd_frame, ends)
{
	struct nic *n = &self->nic;
	static const size_t size[] = { 100, 9000 };
	static uint8_t frame[9000];

	for (int i = 0; i < 2; i++) {
		frame_fill(frame, size[i], i);
		EXPECT_EQ(0, nic_send(n, NULL, &variant->hdr, frame, size[i]));
	}
	EXPECT_GT(HOSTILE_CPU, worker_cpu(self->worker, HOSTILE_CPU, HOSTILE_CPU_MS));
	while (wire_recv(n->wire, NULL, frame, sizeof(frame), 50) >= 0)
		;
	EXPECT_EQ(0, nic_ping_tx(n, 300, 1));
	EXPECT_EQ(0, nic_ping_rx(n, 300, 2));
}

FIXTURE(mended) {
	struct nic nic;
};

FIXTURE_SETUP(mended)
{
	struct nic_opts o = {
		.path = HOSTILE_DEVICE,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(mended)
{
	nic_close(&self->nic);
}

TEST_F(mended, same_socket_restarts)
{
	ASSERT_EQ(0, mend_and_restart(&self->nic, TX));
	/* The mended entry goes first. */
	EXPECT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
	EXPECT_EQ(0, efd_read(self->nic.vmm.vq[TX].err, 50));
}

TEST_HARNESS_MAIN
