// SPDX-License-Identifier: GPL-2.0-only
/*
 * How workers are scheduled. All of it is the scheduler's own: it has the locks, so that who
 * only shows it reads what may be written at that moment, which is as good as before or after.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/sched/prio.h>
#include <linux/string.h>
#include <uapi/linux/sched.h>
#include <uapi/linux/vhostx_netlink.h>

#include "worker.h"

/* What SCHED_FIFO gets by sched_set_fifo_low(). */
#define SCHED_LOW	1

/**
 * vhostx_worker_set_cpus - say where a worker may run
 * @worker: the worker, with a reference
 * @cpus: the processors
 *
 * Neither the owner's cpuset nor what the owner has set binds who says so; a later
 * change of the cpuset overrides it.
 *
 * Context: sleeps.
 * Return: 0; -EINVAL where none of them is online.
 */
int vhostx_worker_set_cpus(struct vhostx_worker *worker,
			   const struct cpumask *cpus)
{
	return set_cpus_allowed_ptr(worker->thread, cpus);
}

/**
 * vhostx_worker_cpus - where a worker may run
 * @worker: the worker, with a reference
 * @cpus: where to say so
 *
 * Context: any.
 */
void vhostx_worker_cpus(const struct vhostx_worker *worker,
			struct cpumask *cpus)
{
	/* Not through cpus_ptr, which is one processor while it must not move. */
	data_race(memcpy(cpus, &worker->thread->cpus_mask, cpumask_size()));
}

/**
 * vhostx_worker_set_policy - choose how a worker competes for processors
 * @worker: the worker, with a reference
 * @policy: enum vhostx_policy
 *
 * The nice value stays, for when the policy is normal.
 *
 * Context: sleeps.
 * Return: 0; -EINVAL for a policy that is not known; -EPERM where the scheduler
 * refused.
 */
int vhostx_worker_set_policy(struct vhostx_worker *worker, u32 policy)
{
	switch (policy) {
	case VHOSTX_POLICY_NORMAL:
		sched_set_normal(worker->thread, task_nice(worker->thread));
		break;
	case VHOSTX_POLICY_FIFO:
		sched_set_fifo(worker->thread);
		break;
	case VHOSTX_POLICY_FIFO_LOW:
		sched_set_fifo_low(worker->thread);
		break;
	default:
		return -EINVAL;
	}
	return vhostx_worker_policy(worker) == policy ? 0 : -EPERM;
}

/**
 * vhostx_worker_policy - how a worker competes for processors
 * @worker: the worker, with a reference
 *
 * What somebody else has given to the thread is the nearest of ours.
 *
 * Context: any.
 * Return: enum vhostx_policy.
 */
u32 vhostx_worker_policy(const struct vhostx_worker *worker)
{
	unsigned int policy, priority;

	/* The scheduler writes all of these plainly; each is one value or another. */
	policy = data_race(READ_ONCE(worker->thread->policy));
	/* Likewise. */
	priority = data_race(READ_ONCE(worker->thread->rt_priority));
	if (policy != SCHED_FIFO && policy != SCHED_RR)
		return VHOSTX_POLICY_NORMAL;
	return priority > SCHED_LOW ? VHOSTX_POLICY_FIFO :
				      VHOSTX_POLICY_FIFO_LOW;
}

/**
 * vhostx_worker_set_nice - set a worker's nice value
 * @worker: the worker, with a reference
 * @nice: from -20 to 19; counts while the policy is normal
 *
 * Context: sleeps.
 * Return: 0; -EINVAL for a value out of range.
 */
int vhostx_worker_set_nice(struct vhostx_worker *worker, s32 nice)
{
	if (nice < MIN_NICE || nice > MAX_NICE)
		return -EINVAL;
	set_user_nice(worker->thread, nice);
	return 0;
}

/**
 * vhostx_worker_nice - a worker's nice value
 * @worker: the worker, with a reference
 *
 * Context: any.
 * Return: from -20 to 19.
 */
s32 vhostx_worker_nice(const struct vhostx_worker *worker)
{
	/* The scheduler's, as the policy. */
	return data_race(task_nice(worker->thread));
}

/**
 * vhostx_worker_run_ns - how long a worker has run
 * @worker: the worker, with a reference
 *
 * While it runs that can be a tick old.
 *
 * Context: any.
 * Return: nanoseconds since it was started.
 */
u64 vhostx_worker_run_ns(const struct vhostx_worker *worker)
{
	/* The scheduler's, as the policy. */
	return data_race(READ_ONCE(worker->thread->se.sum_exec_runtime));
}
