/* SPDX-License-Identifier: GPL-2.0-only */
/* How long a queue polls before it sleeps. */
#ifndef _VHOSTX_POLL_H
#define _VHOSTX_POLL_H

#include <linux/sched/clock.h>
#include <linux/time64.h>

#include "vhostx.h"

void vhostx_poll_set(struct vhostx_vq *vq);
void vhostx_polled(struct vhostx_vq *vq, bool found, u64 start);
void vhostx_poll_woke(struct vhostx_vq *vq);
struct vhostx_vq *vhostx_poll_watch(struct vhostx_vq *rx);
void vhostx_poll_unwatch(struct vhostx_vq *tx, bool found, u64 start);

/**
 * vhostx_poll_end - until when a queue that has nothing to do polls
 * @vq: the queue, with its lock held
 * @start: when it begins, local_clock() nanoseconds
 *
 * Return: local_clock() nanoseconds.
 */
static inline u64 vhostx_poll_end(const struct vhostx_vq *vq, u64 start)
{
	return start + (u64)READ_ONCE(vq->poll_now_us) * NSEC_PER_USEC;
}

/**
 * vhostx_poll_rest - a queue has nothing to do, and its run ends
 * @vq: the queue, with its lock held
 */
static inline void vhostx_poll_rest(struct vhostx_vq *vq)
{
	vq->rests = true;
	if (READ_ONCE(vq->poll_adapts))
		vq->rest_since = local_clock();
}

/**
 * vhostx_poll_begin_run - a queue runs
 * @vq: the queue, with its lock held
 */
static inline void vhostx_poll_begin_run(struct vhostx_vq *vq)
{
	vq->rests = false;
	if (vq->rest_since)
		vhostx_poll_woke(vq);
}

#endif
