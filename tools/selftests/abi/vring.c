// SPDX-License-Identifier: GPL-2.0-only
/* VHOST_{SET,GET}_VRING_*: what one queue is told. */
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>

#include "devices.h"

#define KERNEL_ADDR	0xffff888000000000ULL

FIXTURE(vring) {
	struct nic nic;
	struct vmm *v;
	struct vhost_vring_addr addr;
};

ON_BOTH_DEVICES(vring);

FIXTURE_SETUP(vring)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.stopped = true,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->v = &self->nic.vmm;
	self->addr = (struct vhost_vring_addr){
		.index = TX,
		.desc_user_addr = (uintptr_t)self->v->vq[TX].desc,
		.avail_user_addr = (uintptr_t)self->v->vq[TX].avail,
		.used_user_addr = (uintptr_t)self->v->vq[TX].used,
	};
}

FIXTURE_TEARDOWN(vring)
{
	nic_close(&self->nic);
}

#define STATE(req, num)	vmm_vring_state(self->v, VHOST_##req, TX, num)
#define FILE_(req, fd)	vmm_vring_file(self->v, VHOST_##req, TX, fd)
#define ADDR()	dev_ioctl(self->v->fd, VHOST_SET_VRING_ADDR, &self->addr)

TEST_F(vring, num_error_changes_nothing)
{
	EXPECT_EQ(-EINVAL, STATE(SET_VRING_NUM, 3));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	/* More frames than a ring of any smaller size would take. */
	for (unsigned int i = 0; i < self->v->vq[TX].num + 3; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, i));
	}
}

TEST_F(vring, addr_on_a_live_queue)
{
	struct vhost_vring_addr good = self->addr;

	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, ADDR());
	self->addr.desc_user_addr = KERNEL_ADDR;
	EXPECT_EQ(-EINVAL, ADDR());
	self->addr = good;
	self->addr.used_user_addr = -16ULL;
	EXPECT_EQ(-EINVAL, ADDR());
	self->addr = good;
	self->addr.flags = 2;
	self->addr.desc_user_addr += 64;
	EXPECT_EQ(-EOPNOTSUPP, ADDR());
	/* What was refused changed nothing. */
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
}

TEST_F(vring, addr_moves_a_live_ring)
{
	struct vq *q = &self->v->vq[TX];
	uint64_t desc = vmm_alloc(self->v, 8192, 4096);
	void *new = vmm_ptr(self->v, desc);

	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	self->addr.desc_user_addr = (uintptr_t)new;
	EXPECT_EQ(0, ADDR());
	/* From now on only the new table counts. */
	memset(q->desc, 0xff, q->num * sizeof(*q->desc));
	q->desc = new;
	for (unsigned int i = 0; i < 2 * q->num; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, i));
	}
}

TEST_F(vring, base_on_a_live_queue)
{
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(-EBUSY, STATE(SET_VRING_BASE, 0));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 2));
	EXPECT_EQ(2, vmm_get_base(self->v, TX));
	ASSERT_EQ(0, vmm_stop(self->v));
	EXPECT_EQ(2, vmm_get_base(self->v, TX));
}

TEST_F(vring, base_is_where_the_queue_goes_on)
{
	ASSERT_EQ(0, vmm_setup_vq(self->v, TX, 0xfffe));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, i));
	}
	EXPECT_EQ(3, vmm_get_base(self->v, TX));
	EXPECT_EQ(3, self->v->vq[TX].used->idx);
}

TEST_F(vring, eventfd_error_changes_nothing)
{
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(-EBADF, FILE_(SET_VRING_KICK, 999));
	EXPECT_EQ(-EBADF, FILE_(SET_VRING_CALL, 999));
	EXPECT_EQ(-EINVAL, FILE_(SET_VRING_KICK, self->nic.tap));
	EXPECT_EQ(-EINVAL, FILE_(SET_VRING_CALL, self->nic.tap));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, i));
	}
}

TEST_F(vring, call_is_swapped_on_a_live_queue)
{
	struct vq *q = &self->v->vq[TX];
	int old = q->call, new = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint8_t frame[64];

	frame_fill(frame, 60, 3);
	ASSERT_LE(0, new);
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	efd_read(old, 0);
	ASSERT_EQ(0, FILE_(SET_VRING_CALL, new));
	q->call = new;
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 2));
	EXPECT_EQ(0, efd_read(old, 0));
	/* Without one the queue still works, in silence. */
	ASSERT_EQ(0, FILE_(SET_VRING_CALL, -1));
	efd_read(new, 0);
	ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
	vq_kick(q);
	EXPECT_EQ(60, wire_recv(self->nic.wire, NULL, frame, 64, NIC_TIMEOUT));
	for (int i = 0; i < 500 && *(volatile uint16_t *)&q->used->idx != 3;
	     i++)
		usleep(10000);
	EXPECT_EQ(3, q->used->idx);
	EXPECT_EQ(0, efd_read(new, 0));
	close(old);
}

TEST_F(vring, kick_is_swapped_on_a_live_queue)
{
	struct vq *q = &self->v->vq[TX];
	int old = q->kick, new = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint8_t frame[64];

	ASSERT_LE(0, new);
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	ASSERT_EQ(0, FILE_(SET_VRING_KICK, new));
	q->kick = new;
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 2));

	/* Nobody listens to the old one. */
	q->kick = old;
	frame_fill(frame, 60, 3);
	ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
	vq_kick(q);
	EXPECT_EQ(-ETIMEDOUT, wire_recv(self->nic.wire, NULL, frame, 64, 300));
	q->kick = new;
	vq_kick_always(q);
	EXPECT_EQ(60, wire_recv(self->nic.wire, NULL, frame, 64, NIC_TIMEOUT));
	close(old);
}

TEST_F(vring, kick_that_came_before_the_eventfd_counts)
{
	struct vq *q = &self->v->vq[TX];
	uint8_t frame[64];

	ASSERT_EQ(0, FILE_(SET_VRING_KICK, -1));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	frame_fill(frame, 60, 1);
	ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
	vq_kick_always(q);
	ASSERT_EQ(0, FILE_(SET_VRING_KICK, q->kick));
	EXPECT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
	EXPECT_EQ(60, wire_recv(self->nic.wire, NULL, frame, 64, NIC_TIMEOUT));
}

TEST_F(vring, busyloop_on_a_live_queue)
{
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, STATE(SET_VRING_BUSYLOOP_TIMEOUT, 200));
	EXPECT_EQ(0, vmm_vring_state(self->v, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
				     RX, 200));
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, i));
		EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, i));
	}
}

TEST_HARNESS_MAIN
