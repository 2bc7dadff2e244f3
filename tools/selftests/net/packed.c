// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only packed rings have. That they carry frames as split ones do is for the
 * programs whose names end in _packed.
 */
#define PACKED
#include "devices.h"

#define FEATURES	(F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX)
#define NUM		100	/* no power of two */
#define WRAP		VQ_PLACE_FIRST

FIXTURE(packed) {
	struct nic nic;
	struct vmm *v;
};

FIXTURE_SETUP(packed)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX, .features = FEATURES, .num = NUM,
		.slot = 8192,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->v = &self->nic.vmm;
}

FIXTURE_TEARDOWN(packed)
{
	nic_close(&self->nic);
}

static int ping(struct nic *n, uint32_t seed)
{
	return nic_ping_tx(n, 60 + seed % 1000, seed) ?:
	       nic_ping_rx(n, 60 + seed % 1000, seed);
}

static int64_t base_at(uint16_t place)
{
	return (int64_t)place << 16 | place;
}

static int set_base(struct vmm *v, uint32_t base)
{
	return vmm_vring_state(v, VHOST_SET_VRING_BASE, TX, base);
}

/* Both halves of the base are the place that the driver is at. */
TEST_F(packed, base_follows_the_driver)
{
	for (int i = 0; i < 5 * NUM / 2; i++) {
		ASSERT_EQ(base_at(self->v->vq[TX].avail_idx),
			  vmm_get_base(self->v, TX));
		ASSERT_EQ(base_at(self->v->vq[RX].avail_idx),
			  vmm_get_base(self->v, RX));
		ASSERT_EQ(0, ping(&self->nic, i));
	}
}

/* Stopped and started anywhere, as at a reset or a migration. */
TEST_F(packed, starts_at_any_place)
{
	static const uint16_t at[] = {
		0, 1, 63, NUM - 1, WRAP, WRAP | 1, WRAP | 50, WRAP | (NUM - 1),
	};

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		ASSERT_EQ(0, vmm_stop(self->v));
		for (int q = 0; q < 2; q++) {
			ASSERT_EQ(0, vmm_setup_vq(self->v, q, at[i]));
		}
		ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
		for (int j = 0; j < NUM + 10; j++) {
			ASSERT_EQ(0, ping(&self->nic, j)) {
				TH_LOG("from %#x, frame %d", at[i], j);
			}
		}
	}
}

/* What is in the ring stays while the device is stopped. */
TEST_F(packed, goes_on_where_it_stopped)
{
	uint8_t frame[200];
	int64_t base;

	for (int i = 0; i < 60; i++) {
		ASSERT_EQ(0, vmm_stop(self->v));
		base = vmm_get_base(self->v, TX);
		ASSERT_EQ(base_at(self->v->vq[TX].avail_idx), base);
		for (int j = 0; j < 7; j++) {
			frame_fill(frame, 200, j);
			ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame,
						 200));
		}
		ASSERT_EQ(0, set_base(self->v, base));
		ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 7, NIC_TIMEOUT));
		for (int j = 0; j < 7; j++) {
			ASSERT_EQ(200, wire_recv(self->nic.wire, NULL, frame,
						 sizeof(frame), NIC_TIMEOUT));
			ASSERT_EQ(-1, frame_check(frame, 200, j));
		}
	}
}

/* DPDK's virtio-user gives half a base. */
TEST_F(packed, half_a_base_of_a_new_ring)
{
	ASSERT_EQ(0, vmm_stop(self->v));
	ASSERT_EQ(0, vmm_setup_vq(self->v, TX, 0));
	ASSERT_EQ(0, set_base(self->v, WRAP));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, ping(&self->nic, 1));
	EXPECT_EQ(base_at(WRAP | 1), vmm_get_base(self->v, TX));
}

TEST_F(packed, base_outside_the_ring)
{
	static const uint32_t bad[] = {
		NUM, WRAP | NUM, 0x7fff, (WRAP | NUM) << 16 | WRAP,
		0xffffffff,
	};

	ASSERT_EQ(0, vmm_stop(self->v));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_EQ(0, vmm_setup_vq(self->v, TX, 0));
		EXPECT_EQ(0, set_base(self->v, bad[i]));
		EXPECT_EQ(-EINVAL, vmm_backend(self->v, TX, self->nic.tap)) {
			TH_LOG("base %#x", bad[i]);
		}
	}
	ASSERT_EQ(0, vmm_setup_vq(self->v, TX, 0));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, ping(&self->nic, 1));
}

TEST_F(packed, sizes)
{
	static const struct {
		unsigned int num;
		int packed, split;
	} size[] = {
		{ 0, -EINVAL, -EINVAL }, { 1, 0, 0 }, { 3, 0, -EINVAL },
		{ 1000, 0, -EINVAL }, { 32768, 0, 0 }, { 32769, -EINVAL, -EINVAL },
	};
	uint64_t split = FEATURES;

	ASSERT_EQ(0, vmm_stop(self->v));
	for (size_t i = 0; i < ARRAY_SIZE(size); i++) {
		EXPECT_EQ(size[i].packed,
			  vmm_vring_state(self->v, VHOST_SET_VRING_NUM, TX,
					  size[i].num));
	}
	ASSERT_EQ(0, dev_ioctl(self->v->fd, VHOST_SET_FEATURES, &split));
	for (size_t i = 0; i < ARRAY_SIZE(size); i++) {
		EXPECT_EQ(size[i].split,
			  vmm_vring_state(self->v, VHOST_SET_VRING_NUM, TX,
					  size[i].num));
	}
}

/* A size that was set for the one format is not taken for the other. */
TEST_F(packed, size_of_the_other_format)
{
	uint64_t split = FEATURES;

	ASSERT_EQ(0, vmm_stop(self->v));
	ASSERT_EQ(0, dev_ioctl(self->v->fd, VHOST_SET_FEATURES, &split));
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, TX, self->nic.tap));
}

TEST_F(packed, format_of_a_running_ring)
{
	uint64_t split = FEATURES;

	EXPECT_EQ(-EBUSY, dev_ioctl(self->v->fd, VHOST_SET_FEATURES, &split));
	EXPECT_EQ(0, ping(&self->nic, 1));
}

TEST_F(packed, parts_that_are_not_aligned)
{
	struct vq *q = &self->v->vq[TX];
	void *desc = q->desc, *avail = q->avail;

	ASSERT_EQ(0, vmm_stop(self->v));
	q->desc = desc + 8;
	EXPECT_EQ(0, vmm_set_addr(self->v, TX));
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, TX, self->nic.tap));
	q->desc = desc;
	q->avail = avail + 2;
	EXPECT_EQ(0, vmm_set_addr(self->v, TX));
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, TX, self->nic.tap));
	q->avail = avail;
	EXPECT_EQ(0, vmm_setup_vq(self->v, TX, 0));
	EXPECT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, ping(&self->nic, 1));
}

FIXTURE(rings) {
	struct nic nic;
};

FIXTURE_VARIANT(rings) {
	unsigned int num;
	uint64_t features;
};

#define RINGS(num_, name, features_)					\
	FIXTURE_VARIANT_ADD(rings, of_##num_##_##name) {		\
		.num = num_, .features = features_,			\
	}
RINGS(1, flags, 0);
RINGS(1, event_idx, F_EVENT_IDX);
RINGS(2, flags, 0);
RINGS(2, event_idx, F_EVENT_IDX);
RINGS(3, flags, 0);
RINGS(3, event_idx, F_EVENT_IDX);
RINGS(7, in_order, F_EVENT_IDX | F_IN_ORDER);
RINGS(256, in_order, F_IN_ORDER);
RINGS(256, flags, 0);

FIXTURE_SETUP(rings)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX, .num = variant->num, .slot = 8192,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT |
			    variant->features,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(rings)
{
	nic_close(&self->nic);
}

/* Where the least number of frames goes around the ring most often. */
TEST_F(rings, around)
{
	for (int i = 0; i < 300; i++) {
		ASSERT_EQ(0, ping(&self->nic, i)) {
			TH_LOG("round %d", i);
		}
	}
}

/* As many at a time as there is room for, in chains where there is. */
TEST_F(rings, full)
{
	static const uint32_t piece[] = { 12, 40 };
	struct nic_layout l = { .n = 3, .len = piece };
	struct vq *q = &self->nic.vmm.vq[TX];
	uint8_t frame[200];

	for (int round = 0; round < 50; round++) {
		unsigned int n = 0;

		/* The tap's own queue holds no more than 500. */
		for (int head = 0; head >= 0 && n < 200; n += head >= 0) {
			l.indirect = n % 2 || q->num < 3;
			frame_fill(frame, 200, n);
			head = nic_post_tx(&self->nic, &l, NULL, frame, 200);
		}
		ASSERT_LT(0, n);
		vq_kick(q);
		ASSERT_EQ(0, nic_reap_tx(&self->nic, n, NIC_TIMEOUT));
		EXPECT_EQ(q->num, q->num_free);
		for (unsigned int i = 0; i < n; i++) {
			ASSERT_EQ(200, wire_recv(self->nic.wire, NULL, frame,
						 sizeof(frame), NIC_TIMEOUT));
			ASSERT_EQ(-1, frame_check(frame, 200, i));
		}
	}
}

/* In order: one used descriptor for what was done at a time. */
TEST_F(rings, one_used_descriptor_for_many)
{
	struct vq *q = &self->nic.vmm.vq[TX];
	struct vring_packed_desc *desc = (void *)q->desc;
	bool in_order = variant->features & F_IN_ORDER;
	uint8_t frame[60] = {};
	unsigned int i, used = 0;

	if (q->num < 7)
		SKIP(return, "one or two fill the ring");
	vq_mask_call(q);
	/* Awake from the start still, it would take the first of them alone. */
	ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
	for (i = 0; i < 6; i++) {
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
	}
	vq_kick(q);
	ASSERT_EQ(0, vq_wait(q, NIC_TIMEOUT));
	/* It takes the queue's lock, which the worker holds for its run. */
	ASSERT_LE(0, vmm_get_base(&self->nic.vmm, TX));
	for (i = 0; i < 6; i++)
		used += !!(desc[i].flags & (1 << VRING_PACKED_DESC_F_USED));
	EXPECT_EQ(in_order ? 1 : 6, used);
	EXPECT_EQ(0, nic_reap_tx(&self->nic, 6, NIC_TIMEOUT));
}

TEST_HARNESS_MAIN
