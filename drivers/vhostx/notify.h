/* SPDX-License-Identifier: GPL-2.0-only */
/* Kicks in, interrupts and errors out. */
#ifndef _VHOSTX_NOTIFY_H
#define _VHOSTX_NOTIFY_H

#include "vhostx.h"

void vhostx_notify_init(struct vhostx_vq *vq);
int vhostx_poll_start(struct vhostx_poll *poll, struct file *file);
void vhostx_poll_stop(struct vhostx_poll *poll);
void vhostx_vq_queue(struct vhostx_vq *vq);
bool vhostx_vq_may_poll(const struct vhostx_vq *vq, u64 end);
void vhostx_vq_publish(struct vhostx_vq *vq);
bool vhostx_vq_publish_mute(struct vhostx_vq *vq);
void vhostx_vq_signal(struct vhostx_vq *vq);
void vhostx_vq_signal_due(struct vhostx_vq *vq);
void vhostx_vq_signal_late(struct vhostx_vq *vq);
void vhostx_vq_kicks_mute(struct vhostx_vq *vq);
void vhostx_vq_log_used(struct vhostx_vq *vq, size_t offset, size_t len);
void vhostx_vq_log_wish(struct vhostx_vq *vq);
void vhostx_vq_break(struct vhostx_vq *vq);
void vhostx_vq_arm(struct vhostx_vq *vq);

/**
 * vhostx_vq_disarm - ignore the socket's events: the queue is running
 * @vq: the queue
 */
static inline void vhostx_vq_disarm(struct vhostx_vq *vq)
{
	WRITE_ONCE(vq->sock_armed, false);
}

/**
 * vhostx_vq_kicks_off - tell the driver that nobody waits for kicks
 * @vq: the queue
 */
static inline void vhostx_vq_kicks_off(struct vhostx_vq *vq)
{
	if (!vhostx_ring_kicks_off(&vq->ring) && unlikely(!vq->ring.event_idx))
		vhostx_vq_log_wish(vq);
}

/**
 * vhostx_vq_kicks_on - ask the driver to kick
 * @vq: the queue
 *
 * Return: true where the queue can sleep until a kick, or is broken; false
 * where something came meanwhile, and kicks are off again.
 */
static inline bool vhostx_vq_kicks_on(struct vhostx_vq *vq)
{
	int more = vhostx_ring_kicks_on(&vq->ring);

	if (unlikely(vq->log.used))
		vhostx_vq_log_wish(vq);
	if (likely(more <= 0))
		return true;
	vhostx_vq_kicks_off(vq);
	return false;
}

/**
 * vhostx_vq_look_due - signal what was put off and is due; a run begins with that
 * @vq: the queue, its ring located
 */
static inline void vhostx_vq_look_due(struct vhostx_vq *vq)
{
	if (unlikely(READ_ONCE(vq->late.due)))
		vhostx_vq_signal_due(vq);
}

#endif
