// SPDX-License-Identifier: GPL-2.0-only
/* A driver that posts nonsense to receive into. */
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define BROKEN_QUEUE	RX
#include "broken.h"

#define UNMAPPED	0x7000000000ULL
#define WRAPS		(UINT64_MAX - 100)
#define NO_ACCESS	1ULL		/* a page that the owner cannot write */

#define IN		VRING_DESC_F_WRITE

FIXTURE(bad_buffer) {
	struct nic nic;
	struct vq *q;
	uint64_t no_access;
	int worker;
};

FIXTURE_VARIANT(bad_buffer) {
	struct vq_seg seg[3];
	unsigned int n;
	bool indirect;
	uint64_t features;
	size_t drop;
};

#define DROP(counter)	.drop = offsetof(struct stats, counter)
#define SEG(g, l, f)	{ .gpa = (g), .len = (l), .flags = (f) }
#define BAD_BUFFER(name, number, counter, ...)				\
	FIXTURE_VARIANT_ADD(bad_buffer, name) {				\
		.seg = { __VA_ARGS__ }, .n = (number), DROP(counter),	\
		.features = F_MRG_RXBUF,				\
	};								\
	FIXTURE_VARIANT_ADD(bad_buffer, name##_indirect) {		\
		.seg = { __VA_ARGS__ }, .n = (number), DROP(counter),	\
		.indirect = true,					\
	}

BAD_BUFFER(read_only, 1, drop_dir, SEG(0, 2048, 0));
BAD_BUFFER(read_only_head, 2, drop_dir, SEG(0, 12, 0), SEG(64, 2048, IN));
BAD_BUFFER(read_only_tail, 2, drop_dir, SEG(0, 2048, IN), SEG(2048, 64, 0));
BAD_BUFFER(unmapped, 1, drop_addr, SEG(UNMAPPED, 2048, IN));
BAD_BUFFER(unmapped_tail, 2, drop_addr, SEG(0, 64, IN),
	   SEG(UNMAPPED, 2048, IN));
BAD_BUFFER(wraps, 1, drop_addr, SEG(WRAPS, 2048, IN));
BAD_BUFFER(past_the_region, 1, drop_addr,
	   SEG(VMM_GPA + VMM_MEM_SIZE - 2047, 2048, IN));
BAD_BUFFER(two_gigabytes, 1, drop_addr, SEG(0, 0x80000000, IN));
BAD_BUFFER(length_zero, 1, drop_empty, SEG(0, 0, IN));
BAD_BUFFER(length_zero_in_all, 3, drop_empty, SEG(0, 0, IN), SEG(64, 0, IN),
	   SEG(128, 0, IN));
BAD_BUFFER(no_access, 1, drop_fault, SEG(NO_ACCESS, 2048, IN));
BAD_BUFFER(no_access_tail, 2, drop_fault, SEG(0, 64, IN),
	   SEG(NO_ACCESS, 2048, IN));

FIXTURE_SETUP(bad_buffer)
{
	struct nic_opts o = {
		.path = HOSTILE_DEVICE,
		.features = F_VERSION_1 | F_INDIRECT | variant->features,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->q = &self->nic.vmm.vq[RX];
	self->no_access = vmm_alloc(&self->nic.vmm, 4096, 4096);
	ASSERT_EQ(0, mprotect(vmm_ptr(&self->nic.vmm, self->no_access), 4096,
			      PROT_READ));
	self->worker = worker_find(getpid(), 0);
	ASSERT_LT(0, self->worker);
}

FIXTURE_TEARDOWN(bad_buffer)
{
	nic_close(&self->nic);
}

static int post_bad(FIXTURE_DATA(bad_buffer) * self,
		    const FIXTURE_VARIANT(bad_buffer) * v)
{
	uint64_t slot = nic_slot(&self->nic, RX, self->q->free_head);
	struct vq_seg seg[3];

	memcpy(seg, v->seg, sizeof(seg));
	for (unsigned int i = 0; i < v->n; i++) {
		if (seg[i].gpa == NO_ACCESS)
			seg[i].gpa = self->no_access;
		else if (seg[i].gpa < 4096)
			seg[i].gpa += slot;
	}
	return vq_post(self->q, seg, v->n, v->indirect);
}

static uint64_t counter(const struct stats *s, size_t offset)
{
	return *(const uint64_t *)((const char *)s + offset);
}

/* A frame that met a bad buffer may wait for a good one, or be lost. */
static int receive_second(struct nic *n, uint32_t first, uint32_t second)
{
	uint8_t frame[2048];
	int len;

	len = nic_recv(n, NULL, frame, sizeof(frame), NIC_TIMEOUT);
	if (len == 300 && frame_check(frame, 300, first) < 0)
		len = nic_recv(n, NULL, frame, sizeof(frame), NIC_TIMEOUT);
	if (len != 300)
		return len < 0 ? len : -EMSGSIZE;
	return frame_check(frame, 300, second) < 0 ? 0 : -EBADMSG;
}

TEST_F(bad_buffer, comes_back_empty)
{
	struct nic *n = &self->nic;
	struct stats before = {}, after = {};
	uint8_t frame[300];
	uint32_t id, len;
	int head;

	ASSERT_EQ(0, nic_ping_rx(n, 300, 1));
	EXPECT_EQ(0, nic_stats(RX, &before));

	head = post_bad(self, variant);
	ASSERT_LE(0, head);
	vq_kick(self->q);
	frame_fill(frame, 300, 2);
	ASSERT_EQ(0, wire_send(n->wire, NULL, frame, 300));
	EXPECT_EQ(0, vq_wait(self->q, 2000));
	EXPECT_EQ(1, vq_reap(self->q, &id, &len));
	EXPECT_EQ((uint32_t)head, id);
	EXPECT_EQ(0, len);
	EXPECT_GT(HOSTILE_CPU, worker_cpu(self->worker, HOSTILE_CPU, HOSTILE_CPU_MS));

	EXPECT_EQ(0, nic_stats(RX, &after));
	EXPECT_EQ(1, counter(&after, variant->drop) -
		     counter(&before, variant->drop));
	EXPECT_EQ(1, stats_drops(&after) - stats_drops(&before));
	EXPECT_EQ(before.packets, after.packets);
	EXPECT_EQ(0, after.broken);
	EXPECT_STREQ("running", after.state);
	EXPECT_EQ(0, efd_read(self->q->err, 0));

	EXPECT_EQ(0, nic_ping_tx(n, 300, 3));
	ASSERT_EQ(3, nic_fill_rx(n, 3, 2048));
	frame_fill(frame, 300, 4);
	ASSERT_EQ(0, wire_send(n->wire, NULL, frame, 300));
	EXPECT_EQ(0, receive_second(n, 2, 4));
}

FIXTURE(room) {
	struct nic nic;
	struct vq *q;
	int worker;
};

FIXTURE_VARIANT(room) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(room, merged) {
	.features = F_MRG_RXBUF,
};

FIXTURE_VARIANT_ADD(room, single) {
	.features = 0,
};

FIXTURE_SETUP(room)
{
	struct nic_opts o = {
		.path = HOSTILE_DEVICE,
		.features = F_VERSION_1 | variant->features,
		.num = 64,
		.tap.mtu = 65521,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->q = &self->nic.vmm.vq[RX];
	self->worker = worker_find(getpid(), 0);
	ASSERT_LT(0, self->worker);
}

FIXTURE_TEARDOWN(room)
{
	nic_close(&self->nic);
}

/* Not even the whole ring has room: the frame can only be dropped. */
TEST_F(room, frame_larger_than_the_ring)
{
	static uint8_t frame[65535];
	struct nic *n = &self->nic;
	struct stats s = {};
	int len;

	ASSERT_EQ(64, nic_fill_rx(n, 64, 512));
	for (int i = 0; i < 10; i++) {
		frame_fill(frame, 65535, i);
		ASSERT_EQ(0, wire_send(n->wire, NULL, frame, 65535));
	}
	EXPECT_GT(HOSTILE_CPU, worker_cpu(self->worker, HOSTILE_CPU, HOSTILE_CPU_MS));
	EXPECT_EQ(0, nic_stats(RX, &s));
	EXPECT_EQ(10, s.drop_size);
	EXPECT_EQ(10, stats_drops(&s));
	EXPECT_STREQ("running", s.state);
	EXPECT_EQ(0, efd_read(self->q->err, 0));

	/* Nothing was written, and the same buffers take what fits. */
	frame_fill(frame, 400, 77);
	ASSERT_EQ(0, wire_send(n->wire, NULL, frame, 400));
	len = nic_recv(n, NULL, frame, sizeof(frame), NIC_TIMEOUT);
	EXPECT_EQ(400, len);
	EXPECT_EQ(-1, frame_check(frame, 400, 77));
	EXPECT_EQ(0, nic_ping_tx(n, 300, 1));
}

/* Buffers of a byte: the header itself is in twelve of them. */
TEST_F(room, buffers_of_one_byte)
{
	static uint8_t frame[65535];
	struct nic *n = &self->nic;
	struct stats s = {};

	ASSERT_EQ(64, nic_fill_rx(n, 64, 1));
	frame_fill(frame, 20000, 1);
	ASSERT_EQ(0, wire_send(n->wire, NULL, frame, 20000));
	frame_fill(frame, 40, 2);
	ASSERT_EQ(0, wire_send(n->wire, NULL, frame, 40));
	EXPECT_GT(HOSTILE_CPU, worker_cpu(self->worker, HOSTILE_CPU, HOSTILE_CPU_MS));
	if (variant->features & F_MRG_RXBUF) {
		struct virtio_net_hdr_mrg_rxbuf hdr;

		ASSERT_EQ(40, nic_recv(n, &hdr, frame, sizeof(frame),
				       NIC_TIMEOUT));
		EXPECT_EQ(52, hdr.num_buffers);
		EXPECT_EQ(-1, frame_check(frame, 40, 2));
	}
	EXPECT_EQ(0, nic_stats(RX, &s));
	EXPECT_EQ(variant->features ? 1 : 2, stats_drops(&s));
	EXPECT_STREQ("running", s.state);
	EXPECT_EQ(0, nic_ping_tx(n, 300, 1));
}

/* Some buffers, but not enough yet: the frame waits, and nobody spins. */
TEST_F(room, too_few_buffers_yet)
{
	static uint8_t frame[10000];
	struct nic *n = &self->nic;
	int len;

	if (variant->features & F_MRG_RXBUF) {
		ASSERT_EQ(3, nic_fill_rx(n, 3, 1526));
	}
	frame_fill(frame, 9000, 5);
	ASSERT_EQ(0, wire_send(n->wire, NULL, frame, 9000));
	EXPECT_GT(HOSTILE_CPU, worker_cpu(self->worker, HOSTILE_CPU, HOSTILE_CPU_MS));
	EXPECT_FALSE(vq_has_used(self->q));
	EXPECT_EQ(0, nic_ping_tx(n, 300, 1));
	if (variant->features & F_MRG_RXBUF) {
		ASSERT_EQ(3, nic_fill_rx(n, 3, 1526));
	} else {
		ASSERT_EQ(1, nic_fill_rx(n, 1, 9100));
	}
	len = nic_recv(n, NULL, frame, sizeof(frame), NIC_TIMEOUT);
	EXPECT_EQ(9000, len);
	EXPECT_EQ(-1, frame_check(frame, 9000, 5));
}

/* No buffers at all while the wire floods. */
TEST_F(room, no_buffers)
{
	uint8_t frame[60];
	struct nic *n = &self->nic;

	frame_fill(frame, 60, 1);
	for (int i = 0; i < 2000; i++)
		wire_send(n->wire, NULL, frame, 60);
	EXPECT_GT(HOSTILE_CPU, worker_cpu(self->worker, HOSTILE_CPU, HOSTILE_CPU_MS));
	EXPECT_EQ(0, nic_ping_tx(n, 300, 1));
	ASSERT_EQ(10, nic_fill_rx(n, 10, 2048));
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(60, nic_recv(n, NULL, frame, sizeof(frame),
				       NIC_TIMEOUT));
	}
}

TEST_F(room, same_socket_restarts)
{
	ASSERT_EQ(0, mend_and_restart(&self->nic, RX));
	EXPECT_EQ(0, vq_wait(self->q, NIC_TIMEOUT));
	EXPECT_EQ(0, efd_read(self->q->err, 50));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 300, 1));
}

TEST_HARNESS_MAIN
