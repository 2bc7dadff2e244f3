// SPDX-License-Identifier: GPL-2.0-only
/* The kernel device that serves the rings: /dev/vhostx, one for each pair of queues. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel.h"

int kernel_open(void)
{
	int fd = open("/dev/vhostx", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int kernel_call(int fd, unsigned long request, const void *argument)
{
	return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

int kernel_tell(int fd, const struct vhost_iotlb_msg *iotlb)
{
	struct vhost_msg msg = { .type = VHOST_IOTLB_MSG, .iotlb = *iotlb };

	return write(fd, &msg, sizeof(msg)) < 0 ? -errno : 0;
}

int kernel_asks(int fd, struct vhost_iotlb_msg *iotlb)
{
	struct vhost_msg msg;
	ssize_t got = read(fd, &msg, sizeof(msg));

	if (got < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (got != sizeof(msg) || msg.type != VHOST_IOTLB_MSG)
		return 0;
	*iotlb = msg.iotlb;
	return 1;
}
