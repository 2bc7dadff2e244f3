// SPDX-License-Identifier: GPL-2.0-only
/* What an operator can set of a queue. */
#include "tune.h"

/* What a queue of a new device has; the module's parameters change it on loading. */
struct vhostx_tune vhostx_tune_default = {
	.poll_mode = VHOSTX_POLL_MODE_VMM,
	.poll_us = 100,
	.batch = VHOSTX_BATCH_MAX,
	.weight = 256,
	.coalesce_us = 0,
	.coalesce_frames = 64,
};
