// SPDX-License-Identifier: GPL-2.0-only
/* Owner: VHOST_SET_OWNER, VHOST_RESET_OWNER, and who may do what without. */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "devices.h"

FIXTURE(owner) {
	int fd;
};

ON_BOTH_DEVICES(owner);

FIXTURE_SETUP(owner)
{
	self->fd = open(variant->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(owner)
{
	close(self->fd);
}

static union {
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhost_vring_file file;
	struct vhost_memory mem;
	uint64_t base;
	int fd;
} zero, unbind = { .file.fd = -1 },
	no_fd = { .fd = -1 };

/* Every ioctl that only the owner may use, with a harmless argument. */
static const struct {
	const char *name;
	unsigned long req;
	const void *arg;
} owned[] = {
#define OWNED(req, arg) { #req, req, arg }
	OWNED(VHOST_SET_MEM_TABLE, &zero.mem),
	OWNED(VHOST_SET_LOG_BASE, &zero.base),
	OWNED(VHOST_SET_LOG_FD, &no_fd.fd),
	OWNED(VHOST_SET_VRING_NUM, &zero.state),
	OWNED(VHOST_SET_VRING_ADDR, &zero.addr),
	OWNED(VHOST_SET_VRING_BASE, &zero.state),
	OWNED(VHOST_GET_VRING_BASE, &zero.state),
	OWNED(VHOST_SET_VRING_KICK, &unbind.file),
	OWNED(VHOST_SET_VRING_CALL, &unbind.file),
	OWNED(VHOST_SET_VRING_ERR, &unbind.file),
	OWNED(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &zero.state),
	OWNED(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &zero.state),
	OWNED(VHOST_NET_SET_BACKEND, &unbind.file),
	OWNED(VHOST_RESET_OWNER, NULL),
};

#define N_OWNED ARRAY_SIZE(owned)

/* How many owned ioctls another process does not get EPERM from. */
static int child_not_refused(int fd)
{
	int status, bad = 0;
	pid_t pid = fork();

	if (pid == 0) {
		for (size_t i = 0; i < N_OWNED; i++)
			bad += dev_ioctl(fd, owned[i].req, owned[i].arg) !=
			       -EPERM;
		_exit(bad);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(owner, set_once)
{
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(-EBUSY, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
}

TEST_F(owner, argument_is_ignored)
{
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, BAD_PTR));
}

TEST_F(owner, nothing_without_owner)
{
	for (size_t i = 0; i < N_OWNED; i++) {
		EXPECT_EQ(-EPERM, dev_ioctl(self->fd, owned[i].req,
					    owned[i].arg))
			TH_LOG("%s", owned[i].name);
	}
}

TEST_F(owner, other_process_is_refused)
{
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(0, child_not_refused(self->fd));
	/* And the owner still is. */
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_GET_VRING_BASE, &zero));
}

TEST_F(owner, other_process_cannot_take_it)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0)
		_exit(-dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EBUSY, WEXITSTATUS(status));
}

TEST_F(owner, reset_gives_it_up)
{
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_RESET_OWNER, NULL));
	EXPECT_EQ(-EPERM, dev_ioctl(self->fd, VHOST_RESET_OWNER, NULL));
	for (size_t i = 0; i < N_OWNED; i++) {
		EXPECT_EQ(-EPERM, dev_ioctl(self->fd, owned[i].req,
					    owned[i].arg))
			TH_LOG("%s", owned[i].name);
	}
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
}

TEST_F(owner, reset_forgets_the_set_up)
{
	struct vhost_vring_state s = { .index = 1, .num = 77 };

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_VRING_BASE, &s));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
			       &s));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_RESET_OWNER, NULL));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_GET_VRING_BASE, &s));
	EXPECT_EQ(0, s.num);
	s.num = 5;
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
			       &s));
	EXPECT_EQ(0, s.num);
}

TEST_F(owner, reset_then_another_process)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_RESET_OWNER, NULL));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		int ret = dev_ioctl(self->fd, VHOST_SET_OWNER, NULL);

		if (!ret)
			ret = dev_ioctl(self->fd, VHOST_GET_VRING_BASE, &zero);
		if (!ret)
			ret = dev_ioctl(self->fd, VHOST_RESET_OWNER, NULL);
		_exit(-ret);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
}

TEST_F(owner, unknown_ioctl)
{
	struct vhost_vring_state s = { .index = 0 };
	unsigned long req = _IOW(VHOST_VIRTIO, 0xee, struct vhost_vring_state);

	/*
	 * vhost-net looks at owner and queue index first; vhostx knows at
	 * once that it does not know.
	 */
	EXPECT_EQ(DIFFERS(-ENOTTY, -EPERM), dev_ioctl(self->fd, req, &s));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(-ENOTTY, dev_ioctl(self->fd, req, &s));
	s.index = 2;
	EXPECT_EQ(DIFFERS(-ENOTTY, -ENOBUFS), dev_ioctl(self->fd, req, &s));
	EXPECT_EQ(DIFFERS(-ENOTTY, -EFAULT),
		  dev_ioctl(self->fd, req, BAD_PTR));
}

TEST_F(owner, other_type_of_ioctl)
{
	struct vhost_vring_state s = { .index = 0 };

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(-ENOTTY, dev_ioctl(self->fd, _IO('x', 1), &s));
}

/* Ioctls of other vhost devices and of features that are not offered. */
TEST_F(owner, not_offered)
{
	struct vhost_vring_state s = { .index = 0 };
	static const unsigned long req[] = {
		VHOST_SET_VRING_ENDIAN, VHOST_GET_VRING_ENDIAN,
		VHOST_SCSI_SET_ENDPOINT, VHOST_VSOCK_SET_GUEST_CID,
		VHOST_VDPA_GET_DEVICE_ID,
	};

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(req); i++) {
		EXPECT_EQ(-ENOTTY, dev_ioctl(self->fd, req[i], &s))
			TH_LOG("ioctl %lx", req[i]);
	}
}

TEST_HARNESS_MAIN
