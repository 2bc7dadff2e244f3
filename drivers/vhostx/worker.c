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
#include <linux/sched/stat.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <uapi/linux/vhostx_netlink.h>

#include "compat/compat.h"
#include "event.h"
#include "worker.h"

#define VHOSTX_WORK_QUEUED	0

/* Protects the list, which is by thread's id, and the workers' users; innermost. */
static DEFINE_SPINLOCK(workers_lock);
static LIST_HEAD(workers);

/* Keeps those apart who make a pool's workers; within a device's lock. */
static DEFINE_MUTEX(pool_lock);

struct worker_flush {
	struct vhostx_work work;
	struct completion done;
	struct task_struct *thread;
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

static int worker_start_kthread(struct vhostx_worker *worker,
				struct task_struct *owner)
{
	struct task_struct *kthread;
	int ret;

	kthread = kthread_create(worker_kthread, worker, "vhost-%d",
				 owner->pid);
	if (IS_ERR(kthread))
		return PTR_ERR(kthread);
	worker->kthread = kthread;
	wake_up_process(kthread);

	ret = cgroup_attach_task_all(owner, kthread);
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
	complete_all(&worker->dead);
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
	struct worker_flush *flush = container_of(work, struct worker_flush,
						  work);

	flush->thread = get_task_struct(current);
	complete(&flush->done);
}

/* Returns the thread that ran what was queued before, or NULL where it is dead. */
static struct task_struct *worker_flush(struct vhostx_worker *worker)
{
	struct worker_flush flush = { .work.fn = worker_flush_fn };

	init_completion(&flush.done);
	mutex_lock(&worker->lock);
	if (worker->killed) {
		mutex_unlock(&worker->lock);
		wait_for_completion(&worker->dead);
		return NULL;
	}
	vhostx_worker_queue(worker, &flush.work);
	mutex_unlock(&worker->lock);
	wait_for_completion(&flush.done);
	return flush.thread;
}

static void worker_stop(struct vhostx_worker *worker)
{
	if (worker->task)
		vhost_task_stop(worker->task);
	else
		kthread_stop(worker->kthread);
}

static void worker_free(struct kref *ref)
{
	struct vhostx_worker *worker = container_of(ref, struct vhostx_worker,
						    ref);

	if (worker->thread)
		put_task_struct(worker->thread);
	mutex_destroy(&worker->lock);
	kfree_rcu(worker, rcu);
}

static void worker_list(struct vhostx_worker *worker)
{
	struct vhostx_worker *next;

	spin_lock(&workers_lock);
	list_for_each_entry(next, &workers, node) {
		if (next->tid > worker->tid)
			break;
	}
	list_add_tail(&worker->node, &next->node);
	spin_unlock(&workers_lock);
}

static struct vhostx_worker *worker_create(const struct vhostx_owner *owner,
					   bool pooled)
{
	struct vhostx_worker *worker;
	int ret;

	worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	if (!worker)
		return ERR_PTR(-ENOMEM);

	kref_init(&worker->ref);
	worker->users = 1;
	worker->mm = owner->mm;
	worker->owner = task_tgid_nr(owner->task);
	worker->pooled = pooled;
	mutex_init(&worker->lock);
	init_completion(&worker->dead);
	init_llist_head(&worker->list);
	ret = owner->fork ? worker_start_task(worker) :
			    worker_start_kthread(worker, owner->task);
	if (ret)
		goto err;
	worker->thread = worker_flush(worker);
	/* Killed as soon as it was born. */
	if (!worker->thread) {
		worker_stop(worker);
		ret = -EINTR;
		goto err;
	}
	worker->tid = task_pid_nr(worker->thread);
	worker_list(worker);
	vhostx_event(VHOSTX_CMD_WORKER_CHANGE_NTF, worker);
	return worker;
err:
	vhostx_worker_put(worker);
	return ERR_PTR(ret);
}

/**
 * vhostx_worker_create - start a worker for one device
 * @owner: who is served; it keeps its address space until vhostx_worker_leave()
 *
 * The thread is named vhost-<pid>, as in-tree vhost names it: tools look for
 * that. It is in the owner's cgroups.
 *
 * Context: sleeps; waits for no VMM.
 * Return: the worker, with one user, or an error pointer: -ENOMEM, -EINTR where the
 * caller is being killed, or why the thread could not start.
 */
struct vhostx_worker *vhostx_worker_create(const struct vhostx_owner *owner)
{
	return worker_create(owner, false);
}

/* The one with the fewest users, with one more, where there are as many as @size. */
static struct vhostx_worker *pool_find(const struct vhostx_owner *owner,
				       u32 size)
{
	struct vhostx_worker *worker, *least = NULL;
	u32 nr = 0;

	spin_lock(&workers_lock);
	list_for_each_entry(worker, &workers, node) {
		if (!worker->pooled || worker->mm != owner->mm ||
		    READ_ONCE(worker->killed))
			continue;
		nr++;
		if (!least || worker->users < least->users)
			least = worker;
	}
	if (nr < size)
		least = NULL;
	if (least)
		least->users++;
	spin_unlock(&workers_lock);
	return least;
}

/**
 * vhostx_worker_pool - take a worker of those that an owner's devices share
 * @owner: see vhostx_worker_create()
 * @size: how many there are to be; as long as there are fewer, one is made
 *
 * Context: sleeps; waits for no VMM.
 * Return: the one with the fewest users, with one more; or as vhostx_worker_create().
 */
struct vhostx_worker *vhostx_worker_pool(const struct vhostx_owner *owner,
					 u32 size)
{
	struct vhostx_worker *worker;

	mutex_lock(&pool_lock);
	worker = pool_find(owner, size) ?: worker_create(owner, true);
	mutex_unlock(&pool_lock);
	return worker;
}

/* The first whose id is @tid at least. */
static struct vhostx_worker *worker_find(pid_t tid)
{
	struct vhostx_worker *worker;

	lockdep_assert_held(&workers_lock);
	list_for_each_entry(worker, &workers, node) {
		if (worker->tid >= tid)
			return worker;
	}
	return NULL;
}

/**
 * vhostx_worker_join - become one more user of a worker
 * @tid: its thread's id, in the initial namespace
 * @mm: the user's owner's address space
 *
 * Context: any but interrupts.
 * Return: the worker; -ESRCH where there is none, or its thread was killed; -EPERM
 * where it is another owner's.
 */
struct vhostx_worker *vhostx_worker_join(pid_t tid, const struct mm_struct *mm)
{
	struct vhostx_worker *worker;

	spin_lock(&workers_lock);
	worker = worker_find(tid);
	if (!worker || worker->tid != tid || READ_ONCE(worker->killed))
		worker = ERR_PTR(-ESRCH);
	else if (worker->mm != mm)
		worker = ERR_PTR(-EPERM);
	else
		worker->users++;
	spin_unlock(&workers_lock);
	return worker;
}

/**
 * vhostx_worker_use - become one more user of a worker
 * @worker: the caller is a user already
 *
 * Context: any but interrupts.
 */
void vhostx_worker_use(struct vhostx_worker *worker)
{
	spin_lock(&workers_lock);
	worker->users++;
	spin_unlock(&workers_lock);
}

/**
 * vhostx_worker_leave - be no user of a worker any more
 * @worker: nothing of the caller's can be queued any more
 *
 * What the caller had queued is done when this returns. Without users the worker
 * ends.
 *
 * Context: sleeps, as long as the worker's work takes; holds no queue's lock.
 */
void vhostx_worker_leave(struct vhostx_worker *worker)
{
	bool last;

	vhostx_worker_flush(worker);
	spin_lock(&workers_lock);
	last = !--worker->users;
	if (last)
		list_del(&worker->node);
	spin_unlock(&workers_lock);
	if (!last)
		return;
	worker_stop(worker);
	vhostx_event(VHOSTX_CMD_WORKER_DEL_NTF, worker);
	vhostx_worker_put(worker);
}

/**
 * vhostx_worker_next - a worker, to show it or to change how it is scheduled
 * @after: a thread's id
 *
 * Its thread may end meanwhile, which those who have the reference need not care
 * about.
 *
 * Context: any but interrupts.
 * Return: the one with the lowest id above that, for vhostx_worker_put(), or NULL.
 */
struct vhostx_worker *vhostx_worker_next(pid_t after)
{
	struct vhostx_worker *worker;

	spin_lock(&workers_lock);
	worker = worker_find(after + 1);
	if (worker)
		kref_get(&worker->ref);
	spin_unlock(&workers_lock);
	return worker;
}

/**
 * vhostx_worker_get - see vhostx_worker_next()
 * @tid: its thread's id, in the initial namespace
 *
 * Context: any but interrupts.
 * Return: the worker, for vhostx_worker_put(), or NULL where there is none.
 */
struct vhostx_worker *vhostx_worker_get(pid_t tid)
{
	struct vhostx_worker *worker = vhostx_worker_next(tid - 1);

	if (!worker || worker->tid == tid)
		return worker;
	vhostx_worker_put(worker);
	return NULL;
}

/**
 * vhostx_worker_put - give up a reference
 * @worker: from vhostx_worker_get() or vhostx_worker_next()
 *
 * Context: any but interrupts.
 */
void vhostx_worker_put(struct vhostx_worker *worker)
{
	kref_put(&worker->ref, worker_free);
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
	struct task_struct *thread = worker_flush(worker);

	if (thread)
		put_task_struct(thread);
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
	return !worker->more && llist_empty(&worker->list) &&
	       single_task_running() && !need_resched() &&
	       !signal_pending(current) && local_clock() < end;
}
