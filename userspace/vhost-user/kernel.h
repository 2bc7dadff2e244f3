/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel device that serves the rings: /dev/vhostx, one for each pair of queues. */
#ifndef VHOSTX_USER_KERNEL_H
#define VHOSTX_USER_KERNEL_H

#include <linux/vhost.h>

/* A descriptor or -errno. */
int kernel_open(void);
/* 0 or -errno. */
int kernel_call(int fd, unsigned long request, const void *argument);
/* Tell the device IOTLB; 0 or -errno. */
int kernel_tell(int fd, const struct vhost_iotlb_msg *iotlb);
/* What the device IOTLB asks for: 1, 0 where it asks for nothing, or -errno. */
int kernel_asks(int fd, struct vhost_iotlb_msg *iotlb);

#endif
