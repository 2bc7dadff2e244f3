// SPDX-License-Identifier: GPL-2.0-only
/* The counters' names, which operators and scripts rely on. */
#include "stats.h"

const char * const vhostx_counter_names[VHOSTX_COUNTERS] = {
	[VHOSTX_PACKETS] = "packets",
	[VHOSTX_BYTES] = "bytes",
	[VHOSTX_BATCHES] = "batches",
	[VHOSTX_KICKS] = "kicks",
	[VHOSTX_SIGNALS] = "signals",
	[VHOSTX_SUPPRESSED] = "suppressed",
	[VHOSTX_COALESCED] = "coalesced",
	[VHOSTX_POLL_HITS] = "poll_hits",
	[VHOSTX_POLL_MISSES] = "poll_misses",
	[VHOSTX_RING_FULL] = "ring_full",
	[VHOSTX_DROP_HDR] = "drop_hdr",
	[VHOSTX_DROP_SHORT] = "drop_short",
	[VHOSTX_DROP_EMPTY] = "drop_empty",
	[VHOSTX_DROP_DIR] = "drop_dir",
	[VHOSTX_DROP_ADDR] = "drop_addr",
	[VHOSTX_DROP_FAULT] = "drop_fault",
	[VHOSTX_DROP_SIZE] = "drop_size",
	[VHOSTX_DROP_BACKEND] = "drop_backend",
	[VHOSTX_BROKEN] = "broken",
	[VHOSTX_BATCH_1] = "batch_1",
	[VHOSTX_BATCH_2] = "batch_2",
	[VHOSTX_BATCH_4] = "batch_4",
	[VHOSTX_BATCH_8] = "batch_8",
	[VHOSTX_BATCH_16] = "batch_16",
	[VHOSTX_BATCH_32] = "batch_32",
	[VHOSTX_BATCH_64] = "batch_64",
};
