// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which workers run a device's queues: as its layout says, as the VMM says by ioctl,
 * or as an operator says for one queue; whoever was last. A device uses each worker
 * that one of its places holds; see struct vhostx_dev.
 */
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/sched/task.h>

#include "layout.h"
#include "vq.h"

u32 vhostx_layout_default = VHOSTX_LAYOUT_DEVICE;
u32 vhostx_pool_size_default = 4;

static struct vhostx_worker *layout_worker(const struct vhostx_vq *vq)
{
	return rcu_dereference_protected(vq->worker,
					 lockdep_is_held(&vq->dev->lock));
}

/* The place of a worker that a queue has to itself, but for the VMM's. */
static struct vhostx_worker **layout_place(struct vhostx_vq *vq)
{
	return &vq->dev->workers[VHOSTX_WORKERS +
				 (vq->is_tx ? VHOSTX_TX : VHOSTX_RX)];
}

static void layout_leave(struct vhostx_worker *worker)
{
	if (worker)
		vhostx_worker_leave(worker);
}

/*
 * Whom workers are made for, for layout_put_owner(). An operator's process cannot
 * make threads of the owner's, so the kernel's have to do.
 */
static int layout_get_owner(const struct vhostx_dev *dev,
			    struct vhostx_owner *owner)
{
	bool is_owner = current->mm == dev->mm;

	owner->mm = dev->mm;
	owner->fork = is_owner && dev->fork_owner;
	owner->task = is_owner ? get_task_struct(current) :
				 get_pid_task(dev->pid, PIDTYPE_TGID);
	return owner->task ? 0 : -ESRCH;
}

static void layout_put_owner(struct vhostx_owner *owner)
{
	put_task_struct(owner->task);
}

/* The worker of the device's first place, where it can stay, or another. */
static struct vhostx_worker *layout_first(struct vhostx_dev *dev,
					  const struct vhostx_owner *owner,
					  u32 layout, u32 pool_size)
{
	struct vhostx_worker *worker = dev->workers[0];

	if (layout == VHOSTX_LAYOUT_POOL)
		return vhostx_worker_pool(owner, pool_size);
	if (!worker || worker->pooled)
		return vhostx_worker_create(owner);
	vhostx_worker_use(worker);
	return worker;
}

/* Have RX run by @rx, and TX by @tx, or by @rx as well without. */
static void layout_apply(struct vhostx_dev *dev, struct vhostx_worker *rx,
			 struct vhostx_worker *tx)
{
	struct vhostx_vq *vq = dev->vq;
	struct vhostx_worker *was_rx, *was_tx;
	struct vhostx_worker *first = dev->workers[0];
	struct vhostx_worker *own_rx = *layout_place(&vq[VHOSTX_RX]);
	struct vhostx_worker *own_tx = *layout_place(&vq[VHOSTX_TX]);

	dev->workers[0] = rx;
	*layout_place(&vq[VHOSTX_RX]) = NULL;
	*layout_place(&vq[VHOSTX_TX]) = tx;
	was_rx = vhostx_vq_set_worker(&vq[VHOSTX_RX], rx);
	was_tx = vhostx_vq_set_worker(&vq[VHOSTX_TX], tx ?: rx);

	if (was_rx || was_tx) {
		/* Whoever still saw the old ones has asked them. */
		synchronize_rcu();
		if (was_rx && was_rx != rx)
			vhostx_worker_flush(was_rx);
		if (was_tx && was_tx != was_rx && was_tx != (tx ?: rx))
			vhostx_worker_flush(was_tx);
	}
	layout_leave(first);
	layout_leave(own_rx);
	layout_leave(own_tx);
}

/**
 * vhostx_dev_set_layout - have a device's queues run as a layout says
 * @dev: the device, with running queues or without; its lock is held
 * @layout: enum vhostx_layout
 * @pool_size: workers that the owner's devices are to share, 1 to
 *	       VHOSTX_POOL_SIZE_MAX; for layout pool. A pool that is larger shrinks as
 *	       its devices leave.
 *
 * Holds for as long as the file is open, for later owners too. Queues that the VMM
 * or an operator has given to other workers come back. No frame is lost, and the old
 * workers do not run the queues any more after this returns.
 *
 * Return: 0, or, with nothing changed: -ENOTCONN without owner; -ESRCH where the
 * owner's process is gone; why a worker could not start.
 */
int vhostx_dev_set_layout(struct vhostx_dev *dev, u32 layout, u32 pool_size)
{
	struct vhostx_worker *rx, *tx = NULL;
	struct vhostx_owner owner;
	int ret;

	if (!dev->mm)
		return -ENOTCONN;
	ret = layout_get_owner(dev, &owner);
	if (ret)
		return ret;

	rx = layout_first(dev, &owner, layout, pool_size);
	if (!IS_ERR(rx) && layout == VHOSTX_LAYOUT_SPLIT) {
		tx = vhostx_worker_create(&owner);
		if (IS_ERR(tx)) {
			vhostx_worker_leave(rx);
			rx = tx;
		}
	}
	layout_put_owner(&owner);
	if (IS_ERR(rx))
		return PTR_ERR(rx);

	WRITE_ONCE(dev->layout, layout);
	WRITE_ONCE(dev->pool_size, pool_size);
	layout_apply(dev, rx, tx);
	return 0;
}

/* Have @worker run a queue, which uses it at @place, or NULL for one of the VMM's. */
static void layout_move(struct vhostx_vq *vq, struct vhostx_worker *worker,
			struct vhostx_worker *place)
{
	struct vhostx_worker *own = *layout_place(vq);
	struct vhostx_worker *old;

	*layout_place(vq) = place;
	old = vhostx_vq_set_worker(vq, worker);
	if (old != worker) {
		/* Whoever still saw the old one has asked it; then it has run. */
		synchronize_rcu();
		vhostx_worker_flush(old);
	}
	layout_leave(own);
}

/**
 * vhostx_dev_move_queue - have a queue run by a worker that an operator names
 * @dev: the device; its lock is held
 * @vq: one of its queues, running or not
 * @tid: the id of the worker's thread, in the initial namespace; it may be another
 *	 device's of the same owner
 *
 * The old worker does not run the queue any more after this returns.
 *
 * Return: 0; -ENOTCONN without owner; -ESRCH where there is no such worker; -EPERM
 * where it is another owner's.
 */
int vhostx_dev_move_queue(struct vhostx_dev *dev, struct vhostx_vq *vq,
			  pid_t tid)
{
	struct vhostx_worker *worker;

	if (!dev->mm)
		return -ENOTCONN;
	worker = vhostx_worker_join(tid, dev->mm);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	layout_move(vq, worker, worker);
	return 0;
}

/**
 * vhostx_dev_no_workers - give up a device's workers
 * @dev: the device, its queues stopped; its lock is held
 */
void vhostx_dev_no_workers(struct vhostx_dev *dev)
{
	int i;

	for (i = 0; i < VHOSTX_QUEUES; i++)
		vhostx_vq_set_worker(&dev->vq[i], NULL);
	for (i = 0; i < VHOSTX_PLACES; i++) {
		layout_leave(dev->workers[i]);
		dev->workers[i] = NULL;
	}
}

/**
 * vhostx_dev_new_worker - start another worker
 * @dev: the device, with an owner
 *
 * Return: its id; -ENOSPC for more than VHOSTX_WORKERS; why it could not start.
 */
int vhostx_dev_new_worker(struct vhostx_dev *dev)
{
	struct vhostx_worker *worker;
	struct vhostx_owner owner;
	int id, ret;

	for (id = 0; id < VHOSTX_WORKERS && dev->workers[id];)
		id++;
	if (id == VHOSTX_WORKERS)
		return -ENOSPC;

	ret = layout_get_owner(dev, &owner);
	if (ret)
		return ret;
	worker = vhostx_worker_create(&owner);
	layout_put_owner(&owner);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	dev->workers[id] = worker;
	return id;
}

/* Those of the VMM's. */
static struct vhostx_worker *layout_find(const struct vhostx_dev *dev, u32 id)
{
	if (id >= VHOSTX_WORKERS)
		return NULL;
	return dev->workers[array_index_nospec(id, VHOSTX_WORKERS)];
}

/**
 * vhostx_dev_free_worker - end a worker
 * @dev: the device, with an owner
 * @id: the worker's id
 *
 * Return: 0; -ENODEV where there is none; -EBUSY while it runs a queue.
 */
int vhostx_dev_free_worker(struct vhostx_dev *dev, u32 id)
{
	struct vhostx_worker *worker = layout_find(dev, id);
	int i;

	if (!worker)
		return -ENODEV;
	for (i = 0; i < VHOSTX_QUEUES; i++) {
		if (layout_worker(&dev->vq[i]) == worker)
			return -EBUSY;
	}
	dev->workers[id] = NULL;
	vhostx_worker_leave(worker);
	return 0;
}

/**
 * vhostx_dev_attach_worker - have a queue run by a worker that the VMM names
 * @dev: the device, with an owner
 * @vq: the queue, running or not
 * @id: the worker's id
 *
 * The old worker does not run the queue any more after this returns.
 *
 * Return: 0; -ENODEV where there is no such worker.
 */
int vhostx_dev_attach_worker(struct vhostx_dev *dev, struct vhostx_vq *vq,
			     u32 id)
{
	struct vhostx_worker *worker = layout_find(dev, id);

	if (!worker)
		return -ENODEV;
	layout_move(vq, worker, NULL);
	return 0;
}

/**
 * vhostx_dev_worker_id - which worker runs a queue
 * @dev: the device, with an owner
 * @vq: the queue
 *
 * Return: its id; VHOSTX_WORKERS and the queue's index for one that the queue has by
 * the layout or an operator's order, which the VMM can neither free nor attach.
 */
int vhostx_dev_worker_id(const struct vhostx_dev *dev,
			 const struct vhostx_vq *vq)
{
	int id = 0;

	while (dev->workers[id] != layout_worker(vq))
		id++;
	return id;
}
