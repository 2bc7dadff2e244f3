// SPDX-License-Identifier: GPL-2.0-only
/*
 * Defects of in-tree vhost-net: what it does with them is said, that vhostx has none
 * is asserted. A worker that spins is watched for a second, then its device closed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "devices.h"

#define HDR		12
/* Per cent of a processor above which a worker does not rest, and ms of a look. */
#define RESTS		5.0
#define LOOK		300
/* Chains of two descriptors, before and after a stop. */
#define CHAINS		5

FIXTURE(defect) {
	struct nic nic;
	struct vq *tx;
	struct vq *rx;
	int worker;
};

ON_BOTH_DEVICES(defect);

FIXTURE_SETUP(defect)
{
	nic_init(&self->nic);
	self->tx = &self->nic.vmm.vq[TX];
	self->rx = &self->nic.vmm.vq[RX];
}

FIXTURE_TEARDOWN(defect)
{
	nic_close(&self->nic);
}

#define OPEN(f, ...) do {						\
	struct nic_opts _o = {						\
		.path = variant->path,					\
		.features = F_VERSION_1 | (f), ##__VA_ARGS__		\
	};								\
									\
	nic_close(&self->nic);						\
	ASSERT_EQ(0, nic_open(&self->nic, &_o));			\
	self->worker = worker_find(getpid(), 0);			\
	ASSERT_LT(0, self->worker);					\
} while (0)

/* What became of something bad that was given to a queue. */
struct outcome {
	double cpu;
	bool returned;
	bool error;
	bool next;		/* a good frame after it passes */
};

#define EXPECT_NO_DEFECT(name, o) do {					\
	TH_LOG("%s, %s: worker %.0f %%, head %s, error eventfd %s, next frame %s", \
	       variant->vhostx ? "vhostx" : "vhost-net", name, (o).cpu,	\
	       (o).returned ? "returned" : "never returned",		\
	       (o).error ? "signalled" : "silent",			\
	       (o).next ? "passes" : "stuck");				\
	if (variant->vhostx) {						\
		EXPECT_GT(RESTS, (o).cpu);				\
		EXPECT_TRUE((o).returned);				\
		EXPECT_FALSE((o).error);				\
		EXPECT_TRUE((o).next);					\
	}								\
} while (0)

static struct outcome look_tx(struct nic *n, int worker)
{
	struct vq *q = &n->vmm.vq[TX];
	uint8_t frame[200], got[200];
	struct outcome o = {};
	uint32_t id, len;
	int ret;

	o.returned = !vq_wait(q, LOOK) && vq_reap(q, &id, &len) == 1;
	o.error = efd_read(q->err, 0);
	o.cpu = worker_cpu(worker, RESTS, LOOK);
	frame_fill(frame, sizeof(frame), 7);
	nic_post_tx(n, NULL, NULL, frame, sizeof(frame));
	vq_kick_always(q);
	ret = wire_recv(n->wire, NULL, got, sizeof(got), 1000);
	o.next = ret == sizeof(got) && frame_check(got, sizeof(got), 7) < 0;
	return o;
}

/* Two that have the worker spin and two whose heads are lost, as of 6.12 and 7.3. */
TEST_F(defect, tx_bad_frames)
{
	static const struct {
		const char *name;
		struct virtio_net_hdr hdr;
		struct vq_seg seg;
	} bad[] = {
		{
			"csum_start past the frame",
			{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			  .csum_start = 0x7000 },
			{ .len = HDR + 100 },
		},
		{ "shorter than the header", {}, { .len = 7 } },
		{ "no bytes", {}, { .len = 0 } },
		{ "writable", {},
		  { .len = HDR + 100, .flags = VRING_DESC_F_WRITE } },
		{ "unmapped", {}, { .gpa = 0x7000000000, .len = HDR + 100 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vq_seg seg = bad[i].seg;
		uint64_t slot;
		struct outcome o;

		OPEN(F_MRG_RXBUF);
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 300, 1));
		slot = nic_slot(&self->nic, TX, self->tx->free_head);
		memset(vmm_ptr(&self->nic.vmm, slot), 0, HDR + 100);
		memcpy(vmm_ptr(&self->nic.vmm, slot), &bad[i].hdr,
		       sizeof(bad[i].hdr));
		if (!seg.gpa)
			seg.gpa = slot;
		ASSERT_LE(0, vq_post(self->tx, &seg, 1, false));
		vq_kick_always(self->tx);
		o = look_tx(&self->nic, self->worker);
		EXPECT_NO_DEFECT(bad[i].name, o);
	}
}

/* The device itself supplies the header, and the page for it cannot be written. */
TEST_F(defect, rx_header_cannot_be_written)
{
	struct nic *n = &self->nic;
	struct outcome o = {};
	struct vq_seg seg[2];
	uint8_t frame[300];
	uint32_t id, len;
	uint64_t page;

	OPEN(F_MRG_RXBUF | F_VNET_HDR, .tap.no_vnet_hdr = true);
	ASSERT_EQ(0, nic_ping_rx(n, 300, 1));
	page = vmm_alloc(&n->vmm, 4096, 4096);
	ASSERT_EQ(0, mprotect(vmm_ptr(&n->vmm, page), 4096, PROT_READ));
	seg[0] = (struct vq_seg){ page, HDR, VRING_DESC_F_WRITE };
	seg[1] = (struct vq_seg){ nic_slot(n, RX, self->rx->free_head), 2048,
				  VRING_DESC_F_WRITE };
	ASSERT_LE(0, vq_post(self->rx, seg, 2, false));
	vq_kick_always(self->rx);
	frame_fill(frame, sizeof(frame), 2);
	ASSERT_EQ(0, wire_send(n->wire, NULL, frame, sizeof(frame)));
	o.returned = !vq_wait(self->rx, 1000) &&
		     vq_reap(self->rx, &id, &len) == 1;
	o.error = efd_read(self->rx->err, 0);
	o.cpu = worker_cpu(self->worker, RESTS, LOOK);
	nic_fill_rx(n, 1, 2048);
	frame_fill(frame, sizeof(frame), 3);
	ASSERT_EQ(0, wire_send(n->wire, NULL, frame, sizeof(frame)));
	o.next = nic_recv(n, NULL, frame, sizeof(frame), 1000) ==
		 sizeof(frame) && frame_check(frame, sizeof(frame), 3) < 0;
	EXPECT_NO_DEFECT("RX header in a page that is read-only", o);
}

/* A batch that cannot be sent, as the tap is gone. */
TEST_F(defect, tap_gone_with_a_batch)
{
	unsigned int posted = 0, returned = 0;
	uint8_t frame[700];
	uint32_t id, len;
	struct stats s;

	OPEN(F_MRG_RXBUF);
	frame_fill(frame, sizeof(frame), 1);
	while (nic_post_tx(&self->nic, NULL, NULL, frame, sizeof(frame)) >= 0)
		posted++;
	ASSERT_EQ(0, link_del(NIC_TAP));
	vq_kick_always(self->tx);
	while (returned < posted && !vq_wait(self->tx, 1000)) {
		while (vq_reap(self->tx, &id, &len) == 1)
			returned++;
	}
	TH_LOG("%s: %u of %u heads never returned", variant->vhostx ? "vhostx" :
	       "vhost-net", posted - returned, posted);
	if (variant->vhostx) {
		EXPECT_EQ(posted, returned);
		ASSERT_EQ(0, nic_stats(TX, &s));
		EXPECT_EQ(posted, s.drop_backend);
	}
}

/* Posts a header and a frame as two descriptors, in the ring's order. */
static int post_pair(struct nic *n, uint32_t seed)
{
	static const uint32_t first = HDR;
	static const struct nic_layout pair = { .n = 2, .len = &first };
	uint8_t frame[200];

	frame_fill(frame, sizeof(frame), seed);
	return nic_post_tx(n, &pair, NULL, frame, sizeof(frame));
}

/* The frame that comes next: its seed, or -errno. */
static int next_frame(struct nic *n)
{
	uint8_t frame[300];
	int len = wire_recv(n->wire, NULL, frame, sizeof(frame), 1000);

	if (len < 0)
		return len;
	for (int seed = 1; seed <= 2 * CHAINS; seed++) {
		if (len == 200 && frame_check(frame, len, seed) < 0)
			return seed;
	}
	return -EBADMSG;
}

/* In order, heads need not be looked up; where a queue goes on must be. */
TEST_F(defect, in_order_goes_on_after_a_stop)
{
	uint64_t offered = 0;
	int base, ret;

	OPEN(F_MRG_RXBUF);
	ASSERT_EQ(0, dev_ioctl(self->nic.vmm.fd, VHOST_GET_FEATURES, &offered));
	if (!(offered & F_IN_ORDER)) {
		ASSERT_FALSE(variant->vhostx);
		SKIP(return, "vhost-net of this kernel has no in-order rings");
	}
	OPEN(F_MRG_RXBUF | F_IN_ORDER);
	/* Nothing is reaped, so descriptors are used one after the other. */
	for (int i = 1; i <= CHAINS; i++) {
		ASSERT_EQ(2 * (i - 1), post_pair(&self->nic, i));
		vq_kick_always(self->tx);
		ASSERT_EQ(i, next_frame(&self->nic));
	}
	ASSERT_EQ(0, vmm_stop(&self->nic.vmm));
	base = vmm_get_base(&self->nic.vmm, TX);
	ASSERT_EQ(CHAINS, base);
	ASSERT_EQ(0, vmm_vring_state(&self->nic.vmm, VHOST_SET_VRING_BASE, TX,
				     base));
	ASSERT_EQ(0, vmm_set_addr(&self->nic.vmm, TX));
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	ASSERT_EQ(2 * CHAINS, post_pair(&self->nic, CHAINS + 1));
	vq_kick_always(self->tx);
	ret = next_frame(&self->nic);
	if (ret > 0)
		TH_LOG("%s: frame %d is sent, %d was due", variant->vhostx ?
		       "vhostx" : "vhost-net", ret, CHAINS + 1);
	else
		TH_LOG("%s: %s", variant->vhostx ? "vhostx" : "vhost-net",
		       ret == -EBADMSG ? "something else is sent" :
					 "nothing is sent");
	if (variant->vhostx) {
		EXPECT_EQ(CHAINS + 1, ret);
	}
}

/* An array of features as long as the caller likes. */
TEST_F(defect, features_array_without_end)
{
	size_t size = 128UL << 20;
	uint64_t *array = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long begin;
	int ret;

	ASSERT_NE(MAP_FAILED, array);
	OPEN(F_MRG_RXBUF, .stopped = true);
	array[0] = size / sizeof(*array) - 1;
	begin = now_ms();
	ret = dev_ioctl(self->nic.vmm.fd, VHOST_SET_FEATURES_ARRAY, array);
	TH_LOG("%s: %d after %ld ms", variant->vhostx ? "vhostx" : "vhost-net",
	       ret, now_ms() - begin);
	if (variant->vhostx) {
		EXPECT_EQ(-E2BIG, ret);
	}
	munmap(array, size);
}

TEST_HARNESS_MAIN
