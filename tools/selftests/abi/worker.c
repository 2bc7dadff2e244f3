// SPDX-License-Identifier: GPL-2.0-only
/* What runs the queues, and what the ioctls for it make of it. */
#include <fcntl.h>

#include "devices.h"

/* This kernel can make threads of the owner's: since 6.4. */
#define HAS_TASKS	(!access("/sys/module/vhostx/parameters/fork_from_owner_default", F_OK))
/* Most workers of a vhostx device. */
#define WORKERS		4

FIXTURE(worker) {
	int fd;
	struct vhost_worker_state w;
	struct vhost_vring_worker v;
};

ON_BOTH_DEVICES(worker);

FIXTURE_SETUP(worker)
{
	self->fd = open(variant->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(worker)
{
	close(self->fd);
	EXPECT_EQ(0, workers_left(getpid()));
}

#define DO(req, arg)	dev_ioctl(self->fd, req, arg)
#define OWN()		ASSERT_EQ(0, DO(VHOST_SET_OWNER, NULL))

static int set_fork(int fd, uint8_t how)
{
	return dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &how);
}

static int get_fork(int fd)
{
	uint8_t how = 0xee;
	int ret = dev_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, &how);

	return ret ?: how;
}

/* Whether the worker is one of this process's threads. */
static bool is_thread(int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", getpid(), tid);
	return !access(path, F_OK);
}

TEST_F(worker, fork_default)
{
	if (!HAS_TASKS && !variant->vhostx)
		SKIP(return, "this vhost-net has no fork ioctls");
	EXPECT_EQ(HAS_TASKS, get_fork(self->fd));
	OWN();
	EXPECT_EQ(HAS_TASKS, get_fork(self->fd));
	EXPECT_EQ(HAS_TASKS, is_thread(worker_find(getpid(), 0)));
}

TEST_F(worker, fork_both_ways)
{
	if (!HAS_TASKS)
		SKIP(return, "this kernel has no vhost_task");
	for (int how = 0; how < 2; how++) {
		ASSERT_EQ(0, set_fork(self->fd, how));
		EXPECT_EQ(how, get_fork(self->fd));
		OWN();
		EXPECT_EQ(how, is_thread(worker_find(getpid(), 0)));
		/* Not any more. */
		EXPECT_EQ(-EBUSY, set_fork(self->fd, !how));
		EXPECT_EQ(how, get_fork(self->fd));
		ASSERT_EQ(0, DO(VHOST_RESET_OWNER, NULL));
		EXPECT_EQ(1, get_fork(self->fd));
		/* A kernel thread that is stopped has its name for a moment more. */
		EXPECT_EQ(0, workers_left(getpid()));
	}
}

TEST_F(worker, new_attach_free)
{
	struct stats rx, tx;

	if (!variant->vhostx)
		SKIP(return, "vhost-net does not have it");
	OWN();
	ASSERT_EQ(0, DO(VHOST_NEW_WORKER, &self->w));
	EXPECT_EQ(1, self->w.worker_id);
	EXPECT_EQ(2, workers_come_to(getpid(), 2));

	self->v.index = TX;
	self->v.worker_id = 1;
	ASSERT_EQ(0, DO(VHOST_ATTACH_VRING_WORKER, &self->v));
	self->v.worker_id = 77;
	EXPECT_EQ(0, DO(VHOST_GET_VRING_WORKER, &self->v));
	EXPECT_EQ(1, self->v.worker_id);
	ASSERT_EQ(0, stats_read(&rx, getpid(), 0, "rx"));
	ASSERT_EQ(0, stats_read(&tx, getpid(), 0, "tx"));
	EXPECT_NE(rx.worker, tx.worker);

	/* Neither goes while it has a queue; the first is like any other. */
	self->w.worker_id = 0;
	EXPECT_EQ(-EBUSY, DO(VHOST_FREE_WORKER, &self->w));
	self->w.worker_id = 1;
	EXPECT_EQ(-EBUSY, DO(VHOST_FREE_WORKER, &self->w));
	self->v.index = RX;
	self->v.worker_id = 1;
	ASSERT_EQ(0, DO(VHOST_ATTACH_VRING_WORKER, &self->v));
	self->w.worker_id = 0;
	EXPECT_EQ(0, DO(VHOST_FREE_WORKER, &self->w));
	EXPECT_EQ(-ENODEV, DO(VHOST_FREE_WORKER, &self->w));
	EXPECT_EQ(1, workers_come_to(getpid(), 1));
	self->v.worker_id = 0;
	EXPECT_EQ(-ENODEV, DO(VHOST_ATTACH_VRING_WORKER, &self->v));
}

TEST_F(worker, as_many_as_there_may_be)
{
	if (!variant->vhostx)
		SKIP(return, "vhost-net does not have it");
	OWN();
	for (unsigned int i = 1; i < WORKERS; i++) {
		ASSERT_EQ(0, DO(VHOST_NEW_WORKER, &self->w));
		EXPECT_EQ(i, self->w.worker_id);
	}
	EXPECT_EQ(-ENOSPC, DO(VHOST_NEW_WORKER, &self->w));
	EXPECT_EQ(WORKERS, workers_come_to(getpid(), WORKERS));
	/* An id that is free is used again. */
	self->w.worker_id = 2;
	ASSERT_EQ(0, DO(VHOST_FREE_WORKER, &self->w));
	ASSERT_EQ(0, DO(VHOST_NEW_WORKER, &self->w));
	EXPECT_EQ(2, self->w.worker_id);
	/* Without a queue they go with the owner. */
	ASSERT_EQ(0, DO(VHOST_RESET_OWNER, NULL));
	EXPECT_EQ(0, workers_left(getpid()));
	OWN();
	EXPECT_EQ(1, workers_come_to(getpid(), 1));
}

TEST_HARNESS_MAIN
