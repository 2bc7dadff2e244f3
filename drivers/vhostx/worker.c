// SPDX-License-Identifier: GPL-2.0-only
/* Workers: their life, their queue, and how long they may poll. */
#include <linux/bitops.h>
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "worker.h"

#define VHOSTX_WORK_QUEUED	0

struct vhostx_flush {
	struct vhostx_work work;
	struct completion done;
};

static void worker_run(struct llist_node *node)
{
	struct vhostx_work *work, *next;

	node = llist_reverse_order(node);
	/* Off the list before the bit is clear, or it could be added twice. */
	smp_wmb();
	llist_for_each_entry_safe(work, next, node, node) {
		clear_bit(VHOSTX_WORK_QUEUED, &work->queued);
		work->fn(work);
		cond_resched();
	}
}

static int worker_thread(void *data)
{
	struct vhostx_worker *worker = data;
	struct llist_node *node;

	kthread_use_mm(worker->mm);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		node = llist_del_all(&worker->list);
		if (!node) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		worker_run(node);
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(worker->mm);
	return 0;
}

/**
 * vhostx_worker_create - start a worker for the calling process
 * @mm: the caller's address space; the caller keeps it until the worker is
 *	destroyed
 *
 * The thread is named vhost-<pid>, as in-tree vhost names it: tools look for
 * that. It joins the caller's cgroups.
 *
 * Return: the worker, or an error pointer.
 */
struct vhostx_worker *vhostx_worker_create(struct mm_struct *mm)
{
	struct vhostx_worker *worker;
	int ret;

	worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	if (!worker)
		return ERR_PTR(-ENOMEM);

	worker->mm = mm;
	init_llist_head(&worker->list);
	worker->task = kthread_create(worker_thread, worker, "vhost-%d",
				      current->pid);
	if (IS_ERR(worker->task)) {
		ret = PTR_ERR(worker->task);
		goto err_free;
	}
	wake_up_process(worker->task);

	ret = cgroup_attach_task_all(current, worker->task);
	if (ret)
		goto err_stop;
	return worker;

err_stop:
	kthread_stop(worker->task);
err_free:
	kfree(worker);
	return ERR_PTR(ret);
}

/**
 * vhostx_worker_destroy - end a worker
 * @worker: nothing is queued, and nothing can queue any more
 */
void vhostx_worker_destroy(struct vhostx_worker *worker)
{
	kthread_stop(worker->task);
	kfree(worker);
}

/**
 * vhostx_worker_queue - have some work done
 * @worker: who is to do it
 * @work: the work; it is done once however often it was queued
 *
 * Context: any.
 */
void vhostx_worker_queue(struct vhostx_worker *worker, struct vhostx_work *work)
{
	if (test_and_set_bit(VHOSTX_WORK_QUEUED, &work->queued))
		return;
	/* Who finds the list empty wakes; later ones ride on that. */
	if (llist_add(&work->node, &worker->list))
		wake_up_process(worker->task);
}

static void worker_flush_fn(struct vhostx_work *work)
{
	complete(&container_of(work, struct vhostx_flush, work)->done);
}

/**
 * vhostx_worker_flush - wait until all that was queued before has run
 * @worker: the worker
 *
 * Context: sleeps; holds no queue's lock.
 */
void vhostx_worker_flush(struct vhostx_worker *worker)
{
	struct vhostx_flush flush = { .work.fn = worker_flush_fn };

	init_completion(&flush.done);
	vhostx_worker_queue(worker, &flush.work);
	wait_for_completion(&flush.done);
}

/**
 * vhostx_worker_may_poll - whether a worker may go on polling
 * @worker: the worker that asks, on its own thread
 * @end: when it should stop, local_clock() nanoseconds
 *
 * Return: false where others wait for the worker or the processor, or time is up.
 */
bool vhostx_worker_may_poll(const struct vhostx_worker *worker, u64 end)
{
	return llist_empty(&worker->list) && !need_resched() &&
	       !signal_pending(current) && local_clock() < end;
}
