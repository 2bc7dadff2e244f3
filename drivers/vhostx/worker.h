/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread in the owner's address space, and the work it does. */
#ifndef _VHOSTX_WORKER_H
#define _VHOSTX_WORKER_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct cpumask;
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
 * @ref: references to this structure
 * @node: in the list of workers, by @tid; the list's lock
 * @users: places in devices that have it; the thread ends with the last of them,
 *	   which takes it off the list; the list's lock
 * @kthread: its thread where it is the kernel's, else NULL; constant
 * @task: its thread where it is one of the owner's, else NULL; constant
 * @thread: either, with a reference; constant
 * @tid: the thread's id, in the initial namespace; constant
 * @owner: the process id of who has it, in the initial namespace; constant
 * @pooled: devices of the same owner share it; constant
 * @mm: the owner's address space, which it uses; constant, and there for users
 *	only
 * @list: queued work, the newest first
 * @more: work that was queued waits behind the one that runs; its thread's own
 * @lock: keeps flushes and the thread's death apart
 * @killed: the owner was killed and took the thread along; written under @lock
 * @dead: and it has run the last of its work
 * @rcu: readers of a queue's worker may be late
 */
struct vhostx_worker {
	struct kref ref;
	struct list_head node;
	unsigned int users;
	struct task_struct *kthread;
	struct vhost_task *task;
	struct task_struct *thread;
	pid_t tid;
	pid_t owner;
	bool pooled;
	struct mm_struct *mm;
	struct llist_head list;
	bool more;
	struct mutex lock;	/* see @lock */
	bool killed;
	struct completion dead;
	struct rcu_head rcu;
};

/**
 * struct vhostx_owner - who a worker is made for
 * @mm: its address space
 * @task: one of its threads, whose cgroups a kernel thread is put into
 * @fork: the worker is a thread of @task's process, which is the caller
 */
struct vhostx_owner {
	struct mm_struct *mm;
	struct task_struct *task;
	bool fork;
};

struct vhostx_worker *vhostx_worker_create(const struct vhostx_owner *owner);
struct vhostx_worker *vhostx_worker_pool(const struct vhostx_owner *owner,
					 u32 size);
struct vhostx_worker *vhostx_worker_join(pid_t tid, const struct mm_struct *mm);
void vhostx_worker_use(struct vhostx_worker *worker);
void vhostx_worker_leave(struct vhostx_worker *worker);
struct vhostx_worker *vhostx_worker_get(pid_t tid);
struct vhostx_worker *vhostx_worker_next(pid_t after);
void vhostx_worker_put(struct vhostx_worker *worker);
void vhostx_worker_queue(struct vhostx_worker *worker,
			 struct vhostx_work *work);
void vhostx_worker_flush(struct vhostx_worker *worker);
bool vhostx_worker_may_poll(const struct vhostx_worker *worker, u64 end);

/* sched.c */
int vhostx_worker_set_cpus(struct vhostx_worker *worker,
			   const struct cpumask *cpus);
void vhostx_worker_cpus(const struct vhostx_worker *worker,
			struct cpumask *cpus);
int vhostx_worker_set_policy(struct vhostx_worker *worker, u32 policy);
u32 vhostx_worker_policy(const struct vhostx_worker *worker);
int vhostx_worker_set_nice(struct vhostx_worker *worker, s32 nice);
s32 vhostx_worker_nice(const struct vhostx_worker *worker);
u64 vhostx_worker_run_ns(const struct vhostx_worker *worker);

#endif
