// SPDX-License-Identifier: GPL-2.0-only
/* VHOST_{SET,GET}_VRING_*: what one queue is told. */
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

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

TEST_F(vring, index_and_pointer)
{
	static const unsigned long req[] = {
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
	};
	static const unsigned int index[] = { 2, 3, 0x80000000, 0xffffffff };

	for (size_t i = 0; i < ARRAY_SIZE(req); i++) {
		struct vhost_vring_addr a = {};

		for (size_t j = 0; j < 4; j++) {
			a.index = index[j];
			EXPECT_EQ(-ENOBUFS,
				  dev_ioctl(self->v->fd, req[i], &a)) {
				TH_LOG("ioctl %lx index %x", req[i], index[j]);
			}
		}
		EXPECT_EQ(-EFAULT, dev_ioctl(self->v->fd, req[i], BAD_PTR)) {
			TH_LOG("ioctl %lx", req[i]);
		}
	}
}

TEST_F(vring, num)
{
	static const unsigned int good[] = { 1, 2, 256, 1024, 32768 };
	static const unsigned int bad[] = {
		0, 3, 255, 32767, 65535, 65536, 0x20000, 0x80000000,
		0xffffffff,
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, STATE(SET_VRING_NUM, good[i])) {
			TH_LOG("%u", good[i]);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, STATE(SET_VRING_NUM, bad[i])) {
			TH_LOG("%u", bad[i]);
		}
	}
}

TEST_F(vring, num_on_a_live_queue)
{
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(-EBUSY, STATE(SET_VRING_NUM, 64));
	/* Live comes before good or bad. */
	EXPECT_EQ(-EBUSY, STATE(SET_VRING_NUM, 3));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	ASSERT_EQ(0, vmm_stop(self->v));
	EXPECT_EQ(0, STATE(SET_VRING_NUM, 64));
}

TEST_F(vring, num_error_changes_nothing)
{
	EXPECT_EQ(-EINVAL, STATE(SET_VRING_NUM, 3));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	/* More frames than a ring of any smaller size would take. */
	for (unsigned int i = 0; i < self->v->vq[TX].num + 3; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, i));
	}
}

TEST_F(vring, addr_flags)
{
	for (int i = 1; i < 32; i++) {
		self->addr.flags = 1u << i;
		EXPECT_EQ(-EOPNOTSUPP, ADDR()) {
			TH_LOG("flag %d", i);
		}
	}
	self->addr.flags = 0;
	EXPECT_EQ(0, ADDR());
}

TEST_F(vring, addr_alignment)
{
	struct vhost_vring_addr good = self->addr;

	self->addr.avail_user_addr++;
	EXPECT_EQ(-EINVAL, ADDR());
	self->addr = good;
	self->addr.used_user_addr += 2;
	EXPECT_EQ(-EINVAL, ADDR());
	self->addr = good;
	self->addr.log_guest_addr = 2;
	EXPECT_EQ(-EINVAL, ADDR());
	/* Two bytes are enough for avail, and desc has no alignment. */
	self->addr = good;
	self->addr.avail_user_addr += 2;
	self->addr.desc_user_addr += 1;
	EXPECT_EQ(0, ADDR());
}

TEST_F(vring, addr_is_checked_at_the_start)
{
	self->addr.used_user_addr = KERNEL_ADDR;
	EXPECT_EQ(0, ADDR());
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, TX, self->nic.tap));
	self->addr.used_user_addr = (uintptr_t)self->v->vq[TX].used;
	self->addr.desc_user_addr = KERNEL_ADDR;
	EXPECT_EQ(0, ADDR());
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, TX, self->nic.tap));
	self->addr.desc_user_addr = (uintptr_t)self->v->vq[TX].desc;
	self->addr.avail_user_addr = KERNEL_ADDR;
	EXPECT_EQ(0, ADDR());
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, TX, self->nic.tap));
	self->addr.avail_user_addr = (uintptr_t)self->v->vq[TX].avail;
	EXPECT_EQ(0, ADDR());
	EXPECT_EQ(0, vmm_backend(self->v, TX, self->nic.tap));
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

TEST_F(vring, base)
{
	static const unsigned int good[] = { 0, 1, 77, 0x7fff, 0xffff };
	static const unsigned int bad[] = { 0x10000, 0x80008000, 0xffffffff };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, STATE(SET_VRING_BASE, good[i]));
		EXPECT_EQ((int)good[i], vmm_get_base(self->v, TX));
		/* The other queue's is its own. */
		EXPECT_EQ(0, vmm_get_base(self->v, RX));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, STATE(SET_VRING_BASE, bad[i]));
	}
	EXPECT_EQ(0xffff, vmm_get_base(self->v, TX));
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

TEST_F(vring, eventfds)
{
	static const unsigned long req[] = {
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR,
	};
	int efd = eventfd(0, EFD_CLOEXEC);
	int file = open("/dev/null", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, efd);
	ASSERT_LE(0, file);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, vmm_vring_file(self->v, req[i], TX, efd));
		EXPECT_EQ(0, vmm_vring_file(self->v, req[i], TX, efd));
		EXPECT_EQ(-EINVAL, vmm_vring_file(self->v, req[i], TX, file));
		EXPECT_EQ(-EBADF, vmm_vring_file(self->v, req[i], TX, 999));
		EXPECT_EQ(-EBADF, vmm_vring_file(self->v, req[i], TX, -2));
		EXPECT_EQ(0, vmm_vring_file(self->v, req[i], TX, -1));
		EXPECT_EQ(0, vmm_vring_file(self->v, req[i], TX, -1));
	}
	close(file);
	close(efd);
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

TEST_F(vring, busyloop_timeout)
{
	static const unsigned int us[] = { 0, 1, 50, 100000, 0xffffffff };
	struct vhost_vring_state s = { .index = TX };

	for (size_t i = 0; i < ARRAY_SIZE(us); i++) {
		EXPECT_EQ(0, STATE(SET_VRING_BUSYLOOP_TIMEOUT, us[i]));
		EXPECT_EQ(0, dev_ioctl(self->v->fd,
				       VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s));
		EXPECT_EQ(us[i], s.num);
	}
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
