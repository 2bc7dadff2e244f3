/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of a queue. */
#ifndef _VHOSTX_STATS_H
#define _VHOSTX_STATS_H

#include <linux/compiler.h>
#include <linux/types.h>

/**
 * enum vhostx_counter - what a queue counts
 * @VHOSTX_PACKETS: frames moved
 * @VHOSTX_BYTES: their bytes, without virtio-net header
 * @VHOSTX_BATCHES: times that used entries were published
 * @VHOSTX_KICKS: kicks that came
 * @VHOSTX_SIGNALS: interrupts that went out
 * @VHOSTX_SUPPRESSED: interrupts that the driver did not want
 * @VHOSTX_COALESCED: interrupts that were put off
 * @VHOSTX_POLL_HITS: times that polling found something
 * @VHOSTX_POLL_MISSES: times that it did not
 * @VHOSTX_RING_FULL: times that frames had to wait for buffers or for room
 * @VHOSTX_DROP_HDR: virtio-net header that does not fit its frame
 * @VHOSTX_DROP_SHORT: shorter than its headers
 * @VHOSTX_DROP_EMPTY: chain without a byte
 * @VHOSTX_DROP_DIR: descriptor of the wrong direction
 * @VHOSTX_DROP_ADDR: address outside the memory table
 * @VHOSTX_DROP_FAULT: memory that the owner does not have
 * @VHOSTX_DROP_SIZE: longer than a frame or its buffers can be
 * @VHOSTX_DROP_BACKEND: the socket refused it
 * @VHOSTX_BROKEN: times that the ring broke
 * @VHOSTX_BATCH_1: batches of one frame
 * @VHOSTX_BATCH_2: of 2 or 3
 * @VHOSTX_BATCH_4: of 4 to 7
 * @VHOSTX_BATCH_8: of 8 to 15
 * @VHOSTX_BATCH_16: of 16 to 31
 * @VHOSTX_BATCH_32: of 32 to 63
 * @VHOSTX_BATCH_64: of 64 and more
 * @VHOSTX_COUNTERS: how many there are
 *
 * A drop is a frame that was lost, or a buffer that came back empty. They are in
 * the order of the netlink family's, VHOSTX_A_STATS_PACKETS and what follows.
 */
enum vhostx_counter {
	VHOSTX_PACKETS,
	VHOSTX_BYTES,
	VHOSTX_BATCHES,
	VHOSTX_KICKS,
	VHOSTX_SIGNALS,
	VHOSTX_SUPPRESSED,
	VHOSTX_COALESCED,
	VHOSTX_POLL_HITS,
	VHOSTX_POLL_MISSES,
	VHOSTX_RING_FULL,
	VHOSTX_DROP_HDR,
	VHOSTX_DROP_SHORT,
	VHOSTX_DROP_EMPTY,
	VHOSTX_DROP_DIR,
	VHOSTX_DROP_ADDR,
	VHOSTX_DROP_FAULT,
	VHOSTX_DROP_SIZE,
	VHOSTX_DROP_BACKEND,
	VHOSTX_BROKEN,
	VHOSTX_BATCH_1,
	VHOSTX_BATCH_2,
	VHOSTX_BATCH_4,
	VHOSTX_BATCH_8,
	VHOSTX_BATCH_16,
	VHOSTX_BATCH_32,
	VHOSTX_BATCH_64,
	VHOSTX_COUNTERS
};

/**
 * struct vhostx_stats - the counters of a queue
 * @value: each is written by one context at a time and read without a lock:
 *	   VHOSTX_KICKS under the kick's wait queue lock, all others under the
 *	   queue's lock
 */
struct vhostx_stats {
	u64 value[VHOSTX_COUNTERS];
};

static inline void vhostx_count(struct vhostx_stats *stats,
				enum vhostx_counter counter, u64 n)
{
	WRITE_ONCE(stats->value[counter], stats->value[counter] + n);
}

#endif
