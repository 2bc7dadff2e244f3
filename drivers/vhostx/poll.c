// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a queue polls before it sleeps. Unless somebody has said how long, that grows
 * while it pays, or would: what wakes the queue comes sooner than the longest polling
 * would end. An idle queue does not poll at all.
 */
#include "notify.h"
#include "poll.h"
#include "trace.h"

/* What adaptive polling begins with, in microseconds. */
#define POLL_START_US	8

static void poll_grow(struct vhostx_vq *vq)
{
	u32 us = max_t(u32, 2 * vq->poll_now_us, POLL_START_US);

	WRITE_ONCE(vq->poll_now_us, min(us, vq->tune.poll_us));
}

/**
 * vhostx_poll_set - poll as long as was asked for
 * @vq: the queue; caller holds the device's lock, and the queue's where its polling
 *	adapts or is to
 */
void vhostx_poll_set(struct vhostx_vq *vq)
{
	bool adapts = false;
	u32 us = 0;

	switch (vq->tune.poll_mode) {
	case VHOSTX_POLL_MODE_VMM:
		us = vq->busyloop_us;
		adapts = !vq->busyloop_asked;
		break;
	case VHOSTX_POLL_MODE_FIXED:
		us = vq->tune.poll_us;
		break;
	case VHOSTX_POLL_MODE_ADAPTIVE:
		adapts = true;
		break;
	}
	WRITE_ONCE(vq->poll_adapts, adapts);
	WRITE_ONCE(vq->poll_now_us, us);
}

/**
 * vhostx_polled - polling has ended
 * @vq: the queue, with its lock held
 * @found: whether it found something
 * @start: when it began, local_clock() nanoseconds
 */
void vhostx_polled(struct vhostx_vq *vq, bool found, u64 start)
{
	trace_poll(vq, found, start);
	vhostx_count(&vq->stats, found ? VHOSTX_POLL_HITS : VHOSTX_POLL_MISSES,
		     1);
	if (found && READ_ONCE(vq->poll_adapts))
		poll_grow(vq);
}

/**
 * vhostx_poll_woke - a queue that came to rest has something to do
 * @vq: the queue, with its lock held and a rest_since
 */
void vhostx_poll_woke(struct vhostx_vq *vq)
{
	s64 ns = local_clock() - vq->rest_since;

	vq->rest_since = 0;
	if (!READ_ONCE(vq->poll_adapts))
		return;
	/* Clocks of two processors can be a little apart. */
	if (ns < (s64)vq->tune.poll_us * NSEC_PER_USEC)
		poll_grow(vq);
	else
		WRITE_ONCE(vq->poll_now_us, 0);
}

/**
 * vhostx_poll_watch - look after the TX queue while RX polls
 * @rx: the RX queue, with its lock held
 *
 * A worker that polls for one of its queues would be kicked for the other, which
 * costs the guest an exit. TX needs nothing like that: a frame for RX queues its
 * work, and that costs the guest nothing.
 *
 * Return: the TX queue, with its lock held and kicks off, for vhostx_poll_unwatch();
 * NULL where it has another worker, does not poll itself, or is not at rest.
 */
struct vhostx_vq *vhostx_poll_watch(struct vhostx_vq *rx)
{
	struct vhostx_vq *tx = &rx->dev->vq[VHOSTX_TX];

	if (!READ_ONCE(tx->poll_now_us) || !mutex_trylock(&tx->lock))
		return NULL;
	if (tx->rests && tx->sock.sock && tx->located &&
	    !vhostx_ring_broken(&tx->ring) &&
	    rcu_access_pointer(tx->worker) == rcu_access_pointer(rx->worker)) {
		vhostx_vq_kicks_mute(tx);
		return tx;
	}
	mutex_unlock(&tx->lock);
	return NULL;
}

/**
 * vhostx_poll_unwatch - leave the TX queue to itself again
 * @tx: from vhostx_poll_watch()
 * @found: whether it has something to do
 * @start: when that began, local_clock() nanoseconds
 */
void vhostx_poll_unwatch(struct vhostx_vq *tx, bool found, u64 start)
{
	if (found)
		vhostx_polled(tx, true, start);
	if (found || !vhostx_vq_kicks_on(tx))
		vhostx_vq_queue(tx);
	if (unlikely(vhostx_ring_broken(&tx->ring)))
		vhostx_vq_break(tx);
	mutex_unlock(&tx->lock);
}
