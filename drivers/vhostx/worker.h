/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread in the owner's address space, and the work it does. */
#ifndef _VHOSTX_WORKER_H
#define _VHOSTX_WORKER_H

#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct mm_struct;
struct task_struct;
struct vhost_task;

/**
 * struct vhostx_work - something a worker is to do
 * @node: in the worker's list while queued
 * @queued: bit 0 is set while it is in the list
 * @fn: called by the worker; it may queue the work again
 */
struct vhostx_work {
	struct llist_node node;
	unsigned long queued;
	void (*fn)(struct vhostx_work *work);
};

/**
 * struct vhostx_worker - a worker
 * @kthread: its thread where it is the kernel's, else NULL; constant
 * @task: its thread where it is one of the owner's, else NULL; constant
 * @tid: the thread's id, in the initial namespace; constant
 * @mm: the owner's address space, which it uses; constant
 * @list: queued work, the newest first
 * @more: work that was queued waits behind the one that runs; its thread's own
 * @lock: keeps flushes and the thread's death apart
 * @killed: the owner was killed and took the thread along; written under @lock
 * @queues: how many queues it runs; the device's lock
 * @rcu: readers of a queue's worker may be late
 */
struct vhostx_worker {
	struct task_struct *kthread;
	struct vhost_task *task;
	pid_t tid;
	struct mm_struct *mm;
	struct llist_head list;
	bool more;
	struct mutex lock;	/* see @lock */
	bool killed;
	unsigned int queues;
	struct rcu_head rcu;
};

struct vhostx_worker *vhostx_worker_create(struct mm_struct *mm, bool fork);
void vhostx_worker_destroy(struct vhostx_worker *worker);
void vhostx_worker_queue(struct vhostx_worker *worker,
			 struct vhostx_work *work);
void vhostx_worker_flush(struct vhostx_worker *worker);
bool vhostx_worker_may_poll(const struct vhostx_worker *worker, u64 end);

#endif
