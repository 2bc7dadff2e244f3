// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for kicks and sockets; telling the driver and the VMM. */
#include <linux/file.h>
#include <linux/log2.h>

#include "compat/compat.h"
#include "event.h"
#include "notify.h"
#include "trace.h"

/**
 * vhostx_vq_queue - have the worker run a queue
 * @vq: the queue
 *
 * Context: any.
 */
void vhostx_vq_queue(struct vhostx_vq *vq)
{
	struct vhostx_worker *worker;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	if (worker)
		vhostx_worker_queue(worker, &vq->work);
	rcu_read_unlock();
}

static int notify_kick(wait_queue_entry_t *wait, unsigned int mode, int sync,
		       void *key)
{
	struct vhostx_poll *poll = container_of(wait, struct vhostx_poll, wait);

	if (key_to_poll(key) & EPOLLIN) {
		vhostx_count(&poll->vq->stats, VHOSTX_KICKS, 1);
		trace_kick(poll->vq);
		vhostx_vq_queue(poll->vq);
	}
	return 0;
}

static int notify_sock(wait_queue_entry_t *wait, unsigned int mode, int sync,
		       void *key)
{
	struct vhostx_poll *poll = container_of(wait, struct vhostx_poll, wait);
	struct vhostx_vq *vq = poll->vq;
	__poll_t mask = vq->is_tx ? EPOLLOUT : EPOLLIN;

	if ((key_to_poll(key) & (mask | EPOLLERR)) && READ_ONCE(vq->sock_armed))
		vhostx_vq_queue(vq);
	return 0;
}

static void notify_retry(struct work_struct *work)
{
	vhostx_vq_queue(container_of(to_delayed_work(work), struct vhostx_vq,
				     retry));
}

static enum hrtimer_restart notify_due(struct hrtimer *timer)
{
	struct vhostx_vq *vq = container_of(timer, struct vhostx_vq,
					    late.timer);

	/* One that was sent meanwhile leaves the timer as it is. */
	if (READ_ONCE(vq->late.waits)) {
		WRITE_ONCE(vq->late.due, true);
		vhostx_vq_queue(vq);
	}
	return HRTIMER_NORESTART;
}

static void poll_add(struct file *file, wait_queue_head_t *head,
		     poll_table *table)
{
	struct vhostx_poll *poll = container_of(table, struct vhostx_poll,
						table);

	if (poll->head)
		return;
	poll->head = head;
	add_wait_queue(head, &poll->wait);
}

static void poll_init(struct vhostx_poll *poll, struct vhostx_vq *vq,
		      wait_queue_func_t fn)
{
	init_waitqueue_func_entry(&poll->wait, fn);
	init_poll_funcptr(&poll->table, poll_add);
	poll->vq = vq;
}

/**
 * vhostx_notify_init - set up a queue's waiting
 * @vq: the queue, zeroed
 */
void vhostx_notify_init(struct vhostx_vq *vq)
{
	INIT_DELAYED_WORK(&vq->retry, notify_retry);
	vhostx_hrtimer_setup(&vq->late.timer, notify_due);
	poll_init(&vq->kick_poll, vq, notify_kick);
	poll_init(&vq->sock_poll, vq, notify_sock);
}

/**
 * vhostx_poll_start - wait for events of a file
 * @poll: not waiting for anything
 * @file: the file; the caller keeps it until vhostx_poll_stop()
 *
 * Return: 0; 1 where the file has an event already; -EINVAL where it cannot
 * have any, which leaves @poll as it was.
 */
int vhostx_poll_start(struct vhostx_poll *poll, struct file *file)
{
	__poll_t mask = vfs_poll(file, &poll->table);

	if (mask & EPOLLERR) {
		vhostx_poll_stop(poll);
		return -EINVAL;
	}
	return !!(mask & EPOLLIN);
}

/**
 * vhostx_poll_stop - wait for events no more
 * @poll: need not be waiting
 */
void vhostx_poll_stop(struct vhostx_poll *poll)
{
	if (!poll->head)
		return;
	remove_wait_queue(poll->head, &poll->wait);
	poll->head = NULL;
}

/**
 * vhostx_vq_may_poll - whether a queue's run may go on polling
 * @vq: the queue
 * @end: when it should stop, local_clock() nanoseconds
 *
 * Return: false where others wait for the worker or the processor, or time is up.
 */
bool vhostx_vq_may_poll(const struct vhostx_vq *vq, u64 end)
{
	return vhostx_worker_may_poll(rcu_dereference_protected(vq->worker,
								lockdep_is_held(&vq->lock)),
				      end);
}

/**
 * vhostx_vq_arm - have the socket's events queue the work
 * @vq: the queue; the caller looks once more for what it waits for
 */
void vhostx_vq_arm(struct vhostx_vq *vq)
{
	WRITE_ONCE(vq->sock_armed, true);
	/* Pairs with the barrier of whoever wakes the socket's waiters. */
	smp_mb();
}

static int notify_log_used(struct vhostx_vq *vq, size_t offset, size_t len)
{
	const void __user *at;
	size_t part;
	int ret = 0;

	if (!vq->view.iotlb)
		return vhostx_log_guest(&vq->log, vq->log.used_addr + offset,
					len);
	while (len && !ret) {
		at = vhostx_ring_used_at(&vq->ring, offset);
		part = min(len, VHOSTX_PIECE -
				(unsigned long)at % VHOSTX_PIECE);
		ret = vhostx_log_owner(&vq->log, at, part);
		offset += part;
		len -= part;
	}
	return ret;
}

/**
 * vhostx_vq_log_used - log what was written into the used ring
 * @vq: the queue
 * @offset: where, from the ring's beginning
 * @len: bytes
 */
void vhostx_vq_log_used(struct vhostx_vq *vq, size_t offset, size_t len)
{
	if (likely(!vq->log.used))
		return;
	if (notify_log_used(vq, offset, len))
		vhostx_ring_break(&vq->ring, VHOSTX_FAULT_LOG_WRITE);
}

/*
 * Log the descriptors of a packed ring from the place @from on to @to. The VMM says
 * where event suppression is logged, but not where the ring is: it is looked up.
 */
static void notify_log_descs(struct vhostx_vq *vq, u16 from, u16 to)
{
	const size_t size = sizeof(struct vring_packed_desc);
	struct vhostx_ring *r = &vq->ring;
	u32 nr = vhostx_place_distance(r, from, to);

	while (nr) {
		u32 pos = vhostx_place_pos(from);
		const void __user *at = vhostx_ring_desc_at(r, pos);
		u32 room = (VHOSTX_PIECE - (unsigned long)at % VHOSTX_PIECE) /
			   size;
		u32 part = min3(nr, room, r->num - pos);

		if (vhostx_log_owner(&vq->log, at, part * size)) {
			vhostx_ring_break(r, VHOSTX_FAULT_LOG_WRITE);
			return;
		}
		from = vhostx_place_after(r, from, part);
		nr -= part;
	}
}

/* Log @nr used entries from the one that the index @first is for. */
static void notify_log_entries(struct vhostx_vq *vq, u16 first, unsigned int nr)
{
	const size_t ring = offsetof(struct vring_used, ring);
	const size_t size = sizeof(struct vring_used_elem);
	u32 num = vq->ring.num, at = first & (num - 1);
	unsigned int part = min(nr, num - at);

	vhostx_vq_log_used(vq, ring + at * size, part * size);
	vhostx_vq_log_used(vq, ring, (nr - part) * size);
	vhostx_vq_log_used(vq, offsetof(struct vring_used, idx),
			   sizeof(__virtio16));
}

/* Hand over the waiting used entries, and log where they went. */
static noinline int notify_publish_logged(struct vhostx_vq *vq)
{
	unsigned int nr = vq->ring.nr_used;
	u16 first = vq->ring.last_used;

	if (vhostx_ring_publish(&vq->ring))
		return -EIO;
	if (vq->ring.packed)
		notify_log_descs(vq, first, vq->ring.last_used);
	else
		notify_log_entries(vq, first, nr);
	return 0;
}

/**
 * vhostx_vq_log_wish - log where the device says whether it wants kicks
 * @vq: the queue
 */
void vhostx_vq_log_wish(struct vhostx_vq *vq)
{
	size_t at = 0;

	if (vq->ring.packed) {
		vhostx_vq_log_used(vq, 0,
				   sizeof(struct vring_packed_desc_event));
		return;
	}
	if (vq->ring.event_idx)
		at = offsetof(struct vring_used, ring) +
		     vq->ring.num * sizeof(struct vring_used_elem);
	vhostx_vq_log_used(vq, at, sizeof(__virtio16));
}

/**
 * vhostx_vq_kicks_mute - have a driver that was asked to kick not do so
 * @vq: the queue
 */
void vhostx_vq_kicks_mute(struct vhostx_vq *vq)
{
	if (!vhostx_ring_kicks_mute(&vq->ring))
		vhostx_vq_log_wish(vq);
}

/* The rest of a batch's end, and no call of its own there. */
static __always_inline void notify_signal(struct vhostx_vq *vq)
{
	int want = vhostx_ring_want_signal(&vq->ring);

	if (want > 0 && vq->call) {
		vhostx_count(&vq->stats, VHOSTX_SIGNALS, 1);
		trace_signal(vq, false);
		vhostx_eventfd_signal(vq->call);
	} else if (!want) {
		vhostx_count(&vq->stats, VHOSTX_SUPPRESSED, 1);
		trace_signal(vq, true);
	}
}

/* No interrupt waits any more: returns whether one did. */
static bool notify_end_late(struct vhostx_vq *vq)
{
	bool waited = vq->late.waits;

	WRITE_ONCE(vq->late.waits, false);
	WRITE_ONCE(vq->late.due, false);
	vq->late.packets = vq->stats.value[VHOSTX_PACKETS];
	return waited;
}

/*
 * Whether the interrupt waits for more frames. The driver's wish is read when it does
 * not: what it is compared with stays as it was until then.
 */
static noinline bool notify_put_off(struct vhostx_vq *vq)
{
	u64 frames = vq->stats.value[VHOSTX_PACKETS] - vq->late.packets;

	if (READ_ONCE(vq->late.due) || frames >= vq->tune.coalesce_frames) {
		notify_end_late(vq);
		return false;
	}
	vhostx_count(&vq->stats, VHOSTX_COALESCED, 1);
	if (!vq->late.waits) {
		WRITE_ONCE(vq->late.waits, true);
		hrtimer_start(&vq->late.timer,
			      ns_to_ktime((u64)vq->tune.coalesce_us *
					  NSEC_PER_USEC), HRTIMER_MODE_REL);
	}
	return true;
}

/**
 * vhostx_vq_signal_due - interrupt if wanted, where that was put off
 * @vq: the queue
 *
 * Context: the worker's thread, under the queue's lock.
 */
void vhostx_vq_signal_due(struct vhostx_vq *vq)
{
	if (notify_end_late(vq))
		notify_signal(vq);
}

/**
 * vhostx_vq_signal_late - interrupt at once, where that was put off
 * @vq: the queue
 *
 * Does not ask whether the driver wants it, as nobody but the worker can: a driver
 * may be interrupted for nothing, but not be left waiting.
 *
 * Context: any thread, under the queue's lock.
 */
void vhostx_vq_signal_late(struct vhostx_vq *vq)
{
	if (!notify_end_late(vq) || !vq->call)
		return;
	vhostx_count(&vq->stats, VHOSTX_SIGNALS, 1);
	trace_signal(vq, false);
	vhostx_eventfd_signal(vq->call);
}

/* Returns whether there was something to hand over, and it was. */
static __always_inline bool notify_hand_over(struct vhostx_vq *vq)
{
	unsigned int nr = vq->ring.nr_used;

	if (!nr)
		return false;
	if (unlikely(likely(!vq->log.used) ? vhostx_ring_publish(&vq->ring) :
					     notify_publish_logged(vq)))
		return false;
	vhostx_count(&vq->stats, VHOSTX_BATCHES, 1);
	vhostx_count(&vq->stats, VHOSTX_BATCH_1 + min(ilog2(nr), 6), 1);
	trace_batch(vq, nr);
	return true;
}

static __always_inline void notify_tell(struct vhostx_vq *vq)
{
	if (unlikely(vq->tune.coalesce_us) && notify_put_off(vq))
		return;
	notify_signal(vq);
}

/**
 * vhostx_vq_signal - interrupt if wanted
 * @vq: the queue
 *
 * The interrupt can be put off, as its tunables say.
 */
void vhostx_vq_signal(struct vhostx_vq *vq)
{
	notify_tell(vq);
}

/**
 * vhostx_vq_publish - hand over the waiting used entries, interrupt if wanted
 * @vq: the queue
 *
 * The interrupt can be put off, as its tunables say.
 */
void vhostx_vq_publish(struct vhostx_vq *vq)
{
	if (notify_hand_over(vq))
		notify_tell(vq);
}

/**
 * vhostx_vq_publish_mute - hand over the waiting used entries
 * @vq: the queue; the caller calls vhostx_vq_signal() before its run ends
 *
 * Return: whether it has to.
 */
bool vhostx_vq_publish_mute(struct vhostx_vq *vq)
{
	return notify_hand_over(vq);
}

/**
 * vhostx_vq_break - tell that the ring broke
 * @vq: the queue; its work does nothing from now on
 */
void vhostx_vq_break(struct vhostx_vq *vq)
{
	vhostx_vq_signal_late(vq);
	vhostx_count(&vq->stats, VHOSTX_BROKEN, 1);
	trace_queue_broken(vq);
	pr_debug("device %u: %s queue broken: %s\n", vq->dev->id,
		 vq->is_tx ? "tx" : "rx", vhostx_fault_name(vq->ring.fault));
	if (vq->err)
		vhostx_eventfd_signal(vq->err);
	vhostx_event(VHOSTX_CMD_QUEUE_BROKEN_NTF, vq);
}
