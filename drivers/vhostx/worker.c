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

#include "compat/compat.h"
#include "worker.h"

#define VHOSTX_WORK_QUEUED	0

struct vhostx_flush {
	struct vhostx_work work;
	struct completion done;
	pid_t tid;
};

/* Returns whether there was work; where not, the thread's state is as it was. */
static bool worker_run(void *data)
{
	struct vhostx_worker *worker = data;
	struct vhostx_work *work, *next;
	struct llist_node *node;

	node = llist_del_all(&worker->list);
	if (!node)
		return false;

	__set_current_state(TASK_RUNNING);
	if (node->next)
		node = llist_reverse_order(node);
	llist_for_each_entry_safe(work, next, node, node) {
		worker->more = work->node.next;
		/* Its node was read before others may add it again. */
		clear_bit_unlock(VHOSTX_WORK_QUEUED, &work->queued);
		/* Who found the bit set is seen: pairs with test_and_set_bit(). */
		smp_mb__after_atomic();
		work->fn(work);
		cond_resched();
	}
	return true;
}

static int worker_kthread(void *data)
{
	struct vhostx_worker *worker = data;

	kthread_use_mm(worker->mm);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (worker_run(worker))
			continue;
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(worker->mm);
	return 0;
}

static int worker_start_kthread(struct vhostx_worker *worker)
{
	struct task_struct *kthread;
	int ret;

	kthread = kthread_create(worker_kthread, worker, "vhost-%d",
				 current->pid);
	if (IS_ERR(kthread))
		return PTR_ERR(kthread);
	worker->kthread = kthread;
	wake_up_process(kthread);

	ret = cgroup_attach_task_all(current, kthread);
	if (ret)
		kthread_stop(kthread);
	return ret;
}

/* On the thread of a worker whose owner was killed, before it exits. */
static void worker_killed(void *data)
{
	struct vhostx_worker *worker = data;

	mutex_lock(&worker->lock);
	WRITE_ONCE(worker->killed, true);
	mutex_unlock(&worker->lock);

	/* Nobody queues or wakes any more; somebody may wait for a flush. */
	synchronize_rcu();
	worker_run(worker);
}

static int worker_start_task(struct vhostx_worker *worker)
{
	char name[TASK_COMM_LEN];
	struct vhost_task *task;

	snprintf(name, sizeof(name), "vhost-%d", current->pid);
	task = vhost_task_create(worker_run, worker_killed, worker, name);
	if (IS_ERR_OR_NULL(task))
		return task ? PTR_ERR(task) : -ENOMEM;
	worker->task = task;
	vhost_task_start(task);
	return 0;
}

static void worker_flush_fn(struct vhostx_work *work)
{
	struct vhostx_flush *flush = container_of(work, struct vhostx_flush,
						  work);

	flush->tid = task_pid_nr(current);
	complete(&flush->done);
}

/* Returns the id of the thread that ran what was queued before. */
static pid_t worker_flush(struct vhostx_worker *worker)
{
	struct vhostx_flush flush = { .work.fn = worker_flush_fn };

	init_completion(&flush.done);
	mutex_lock(&worker->lock);
	if (worker->killed) {
		mutex_unlock(&worker->lock);
		return 0;
	}
	vhostx_worker_queue(worker, &flush.work);
	mutex_unlock(&worker->lock);
	wait_for_completion(&flush.done);
	return flush.tid;
}

/**
 * vhostx_worker_create - start a worker for the calling process
 * @mm: the caller's address space; the caller keeps it until the worker is
 *	destroyed
 * @fork: make it a thread of the caller's, not of the kernel's
 *
 * The thread is named vhost-<pid>, as in-tree vhost names it: tools look for
 * that. It is in the caller's cgroups.
 *
 * Return: the worker, or an error pointer.
 */
struct vhostx_worker *vhostx_worker_create(struct mm_struct *mm, bool fork)
{
	struct vhostx_worker *worker;
	int ret;

	worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	if (!worker)
		return ERR_PTR(-ENOMEM);

	worker->mm = mm;
	mutex_init(&worker->lock);
	init_llist_head(&worker->list);
	ret = fork ? worker_start_task(worker) : worker_start_kthread(worker);
	if (ret) {
		kfree(worker);
		return ERR_PTR(ret);
	}
	worker->tid = worker_flush(worker);
	return worker;
}

/**
 * vhostx_worker_destroy - end a worker
 * @worker: nothing can queue any more; what was queued is done
 */
void vhostx_worker_destroy(struct vhostx_worker *worker)
{
	worker_flush(worker);
	if (worker->task)
		vhost_task_stop(worker->task);
	else
		kthread_stop(worker->kthread);
	mutex_destroy(&worker->lock);
	kfree_rcu(worker, rcu);
}

/**
 * vhostx_worker_queue - have some work done
 * @worker: who is to do it; where its thread was killed, nobody does
 * @work: the work; it is done once however often it was queued
 *
 * Context: any.
 */
void vhostx_worker_queue(struct vhostx_worker *worker, struct vhostx_work *work)
{
	rcu_read_lock();
	if (READ_ONCE(worker->killed) ||
	    test_and_set_bit(VHOSTX_WORK_QUEUED, &work->queued))
		goto out;
	/* Who finds the list empty wakes; later ones ride on that. */
	if (!llist_add(&work->node, &worker->list))
		goto out;
	if (worker->task)
		vhost_task_wake(worker->task);
	else
		wake_up_process(worker->kthread);
out:
	rcu_read_unlock();
}

/**
 * vhostx_worker_flush - wait until all that was queued before has run
 * @worker: the worker
 *
 * Context: sleeps; holds no queue's lock.
 */
void vhostx_worker_flush(struct vhostx_worker *worker)
{
	worker_flush(worker);
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
	return !worker->more && llist_empty(&worker->list) && !need_resched() &&
	       !signal_pending(current) && local_clock() < end;
}
