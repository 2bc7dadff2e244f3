/* SPDX-License-Identifier: GPL-2.0-only */
/* What an operator can set of a queue. */
#ifndef _VHOSTX_TUNE_H
#define _VHOSTX_TUNE_H

#include <linux/types.h>
#include <uapi/linux/vhostx_netlink.h>

/**
 * struct vhostx_tune - how a queue works
 * @poll_mode: enum vhostx_poll_mode: whether it polls before it sleeps
 * @poll_us: for how long at most in modes fixed and adaptive, in microseconds, up
 *	     to VHOSTX_POLL_US_MAX
 * @batch: frames that are moved before the driver is told, 1 to VHOSTX_BATCH_MAX
 * @weight: frames of a run before others get their turn, VHOSTX_WEIGHT_MIN to
 *	    VHOSTX_WEIGHT_MAX
 * @coalesce_us: microseconds that an interrupt may be late, up to
 *		 VHOSTX_COALESCE_US_MAX; 0 for none
 * @coalesce_frames: frames that an interrupt is not late for, 1 to
 *		     VHOSTX_COALESCE_FRAMES_MAX
 */
struct vhostx_tune {
	u32 poll_mode;
	u32 poll_us;
	u32 batch;
	u32 weight;
	u32 coalesce_us;
	u32 coalesce_frames;
};

extern struct vhostx_tune vhostx_tune_default;

#endif
