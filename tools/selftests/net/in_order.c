// SPDX-License-Identifier: GPL-2.0-only
/* In-order rings (VIRTIO_F_IN_ORDER): what comes back, and in what order. */
#include <string.h>

#include "devices.h"
#include "dirty.h"
#include "in_order.h"

#define HDR		12
#define NUM		64
#define NO_ADDR		0x7000000000ULL

#define READ_ONCE(x)	(*(volatile typeof(x) *)&(x))

FIXTURE(in_order) {
	struct nic nic;
	struct in_order ring[2];
	int worker;
};

FIXTURE_VARIANT(in_order) {
	const char *path;
	uint64_t features;
	unsigned int poll_us;
};

#define IN_ORDER(name, path_, features_, poll_us_)			\
	FIXTURE_VARIANT_ADD(in_order, name) {				\
		.path = path_, .poll_us = poll_us_,			\
		.features = F_VERSION_1 | F_MRG_RXBUF | F_IN_ORDER | (features_), \
	}
IN_ORDER(vhostx, DEV_VHOSTX, 0, 0);
IN_ORDER(vhostx_event_idx, DEV_VHOSTX, F_EVENT_IDX, 0);
IN_ORDER(vhostx_polling, DEV_VHOSTX, 0, 100);
IN_ORDER(vhostx_event_idx_polling, DEV_VHOSTX, F_EVENT_IDX, 5000);
IN_ORDER(vhost_net, DEV_VHOST_NET, F_EVENT_IDX, 0);

FIXTURE_SETUP(in_order)
{
	struct nic_opts o = {
		.path = variant->path, .features = variant->features,
		.num = NUM, .stopped = true,
	};
	bool vhostx = !strcmp(variant->path, DEV_VHOSTX);
	struct vmm v = {};
	uint64_t offered = 0;

	ASSERT_EQ(0, vmm_open(&v, variant->path));
	ASSERT_EQ(0, dev_ioctl(v.fd, VHOST_GET_FEATURES, &offered));
	vmm_close(&v);
	if (!vhostx && !(offered & F_IN_ORDER))
		SKIP(return, "vhost-net of this kernel has no in-order rings");
	ASSERT_EQ(0, nic_open(&self->nic, &o));
	for (int i = 0; i < 2; i++) {
		in_order_init(&self->ring[i], &self->nic.vmm.vq[i]);
		ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, i, variant->poll_us));
	}
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	self->worker = worker_find(getpid(), 0);
}

FIXTURE_TEARDOWN(in_order)
{
	if (self->ring[0].q)
		nic_close(&self->nic);
}

/* Until all that was posted is back: 0 or -errno. */
static int reap_all(struct in_order *o)
{
	while (o->q->used_idx != o->q->avail_idx) {
		int ret = vq_wait(o->q, NIC_TIMEOUT) ?: in_order_reap(o);

		if (ret < 0)
			return ret;
	}
	return o->free == NUM ? 0 : -EPROTO;
}

/* A frame in so many pieces, or one that has none or is nowhere. */
static int post_frame(struct nic *n, struct in_order *o, unsigned int pieces,
		      uint32_t seed, size_t len)
{
	uint64_t at = nic_slot(n, TX, o->desc);
	struct vq_seg seg[4];
	uint8_t *p = vmm_ptr(&n->vmm, at);

	memset(p, 0, HDR);
	frame_fill(p + HDR, len, seed);
	len += HDR;
	for (unsigned int i = 0; i < pieces; i++) {
		size_t part = i + 1 < pieces ? HDR : len;

		seg[i] = (struct vq_seg){ .gpa = at, .len = part };
		at += part;
		len -= part;
	}
	return in_order_post(o, seg, pieces);
}

/* Chains of any length, some of them bad, around the ring many times. */
TEST_F(in_order, tx_with_bad_frames)
{
	struct in_order *o = &self->ring[TX];
	struct nic *n = &self->nic;
	bool vhostx = !strcmp(variant->path, DEV_VHOSTX);
	uint8_t frame[300];
	struct stats s;
	int sent = 0, bad = 0;

	srandom(1);
	for (int round = 0; round < 100; round++) {
		int from = sent, burst = 1 + random() % 15;

		for (int i = 0; i < burst; i++) {
			struct vq_seg nowhere = { .gpa = NO_ADDR, .len = 100 };

			/* vhost-net stalls at a bad one. */
			if (vhostx && random() % 4 == 0) {
				ASSERT_EQ(0, in_order_post(o, &nowhere, 1));
				bad++;
				continue;
			}
			ASSERT_EQ(0, post_frame(n, o, 1 + random() % 4, sent++,
						100 + i));
		}
		vq_kick(o->q);
		for (; from < sent; from++) {
			int len = wire_recv(n->wire, NULL, frame, sizeof(frame),
					    NIC_TIMEOUT);

			ASSERT_LE(100, len) TH_LOG("frame %d", from);
			ASSERT_EQ(-1, frame_check(frame, len, from));
		}
		ASSERT_EQ(0, reap_all(o)) TH_LOG("round %d", round);
	}
	if (vhostx) {
		ASSERT_EQ(0, nic_stats(TX, &s));
		EXPECT_EQ((uint64_t)sent, s.packets);
		EXPECT_EQ((uint64_t)bad, s.drop_addr);
		EXPECT_STREQ("running", s.state);
	}
}

static int post_buffers(struct nic *n, struct in_order *o, int count)
{
	int ret = 0;

	for (int i = 0; i < count && !ret; i++) {
		uint64_t at = nic_slot(n, RX, o->desc);
		struct vq_seg seg[] = {
			{ at, 500, VRING_DESC_F_WRITE },
			{ at + 500, 1026, VRING_DESC_F_WRITE },
		};

		ret = in_order_post(o, seg, 2);
	}
	vq_kick_always(o->q);
	return ret;
}

/* Buffers that were taken and given back are taken again, and the same ones. */
TEST_F(in_order, rx_too_few_buffers_at_first)
{
	struct in_order *o = &self->ring[RX];
	struct nic *n = &self->nic;
	uint8_t frame[6000];

	ASSERT_EQ(0, link_up(NIC_TAP, 9000));
	for (int round = 0; round < 20; round++) {
		uint16_t used = o->q->used_idx;

		ASSERT_EQ(0, post_buffers(n, o, 2));
		frame_fill(frame, sizeof(frame), round);
		ASSERT_EQ(0, wire_send(n->wire, NULL, frame, sizeof(frame)));
		usleep(5000);
		EXPECT_EQ(used, READ_ONCE(o->q->used->idx));
		ASSERT_EQ(0, post_buffers(n, o, 2));
		ASSERT_EQ(0, reap_all(o)) TH_LOG("round %d", round);
		/* vhostx says of each buffer how much is in it. */
		if (!strcmp(variant->path, DEV_VHOSTX)) {
			EXPECT_EQ(HDR + sizeof(frame) - 3 * 1526,
				  o->q->used->ring[(o->q->used_idx - 1) % NUM].len);
		}
	}
	EXPECT_GT(5.0, worker_cpu(self->worker, 5.0, 300));
}

#define LOG_GPA		(VMM_GPA + VMM_MEM_SIZE)
/* The used ring's entries from this one on are in its second page. */
#define LOG_EDGE	32

/* Each used entry's page is logged, also where a batch lies on both sides of an edge. */
TEST_F(in_order, used_ring_is_logged)
{
	struct in_order *o = &self->ring[RX];
	struct nic *n = &self->nic;
	static uint8_t frame[16384];
	unsigned int missing = 0;
	struct dirty log;

	ASSERT_EQ(0, link_up(NIC_TAP, sizeof(frame)));
	frame_fill(frame, sizeof(frame), 1);
	ASSERT_EQ(0, dirty_open(&log, LOG_GPA + 4 * DIRTY_PAGE, 0));
	ASSERT_EQ(0, vmm_set_log(&n->vmm, dirty_base(&log)));
	ASSERT_EQ(0, vmm_set_addr_logged(&n->vmm, RX, LOG_GPA + DIRTY_PAGE - 4 -
					 8 * LOG_EDGE));
	for (int round = 0; round < 60; round++) {
		unsigned int count = 1 + round % 8;
		bool second = false;

		for (unsigned int i = 0; i < count; i++)
			second |= (o->q->used_idx + i) % NUM >= LOG_EDGE;
		dirty_clear(&log);
		ASSERT_EQ(0, post_buffers(n, o, count));
		ASSERT_EQ(0, wire_send(n->wire, NULL, frame,
				       (count - 1) * 1526 + 100));
		ASSERT_EQ(0, reap_all(o)) TH_LOG("round %d", round);
		ASSERT_LE(0, vmm_get_base(&n->vmm, RX));
		missing += second && !dirty_has(&log, LOG_GPA + DIRTY_PAGE);
		EXPECT_TRUE(dirty_has(&log, LOG_GPA));
	}
	if (strcmp(variant->path, DEV_VHOSTX))
		TH_LOG("vhost-net: a page is missing %u times of 60", missing);
	else
		EXPECT_EQ(0, missing);
	dirty_close(&log);
}

/* Its tap goes: each chain comes back, and the next tap takes the next one. */
TEST_F(in_order, tap_is_deleted)
{
	struct in_order *o = &self->ring[TX];
	struct nic *n = &self->nic;
	struct tap_opts t = {};
	uint8_t frame[300];
	int tap;

	if (strcmp(variant->path, DEV_VHOSTX))
		SKIP(return, "vhost-net loses what was in its batch");
	ASSERT_EQ(0, link_del(NIC_TAP));
	for (int i = 0; i < NUM / 2; i++)
		ASSERT_EQ(0, post_frame(n, o, 2, i, 100));
	vq_kick(o->q);
	ASSERT_EQ(0, reap_all(o));
	tap = tap_open("tap1", &t);
	ASSERT_LE(0, tap);
	close(n->wire);
	n->wire = wire_open("tap1", false);
	ASSERT_LE(0, n->wire);
	ASSERT_EQ(0, vmm_start(&n->vmm, tap));
	ASSERT_EQ(0, post_frame(n, o, 3, 7, 100));
	vq_kick(o->q);
	ASSERT_EQ(100, wire_recv(n->wire, NULL, frame, sizeof(frame),
				 NIC_TIMEOUT));
	EXPECT_EQ(-1, frame_check(frame, 100, 7));
	EXPECT_EQ(0, reap_all(o));
	close(tap);
}

TEST_HARNESS_MAIN
