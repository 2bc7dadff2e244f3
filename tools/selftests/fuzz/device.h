/* SPDX-License-Identifier: GPL-2.0-only */
/* A device with its two queues, without what makes one of them. */
#ifndef _FUZZ_DEVICE_H
#define _FUZZ_DEVICE_H

#include "vhostx.h"

/**
 * struct device - the device, and what it told others
 * @dev: the device
 * @runs: how often each queue was handed to its worker
 * @events: how often listeners heard of something
 * @call: the driver's interrupt, of either queue
 */
struct device {
	struct vhostx_dev dev;
	unsigned int runs[VHOSTX_QUEUES];
	unsigned int events;
	struct eventfd_ctx call;
};

extern struct device device;

void device_begin(void);
void device_end(void);

#endif
