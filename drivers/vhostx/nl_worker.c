// SPDX-License-Identifier: GPL-2.0-only
/* Workers as the netlink family shows and changes them. */
#include <linux/cpumask.h>
#include <linux/sched/prio.h>

#include "dev.h"
#include "event.h"
#include "nl_gen.h"
#include "nl_msg.h"
#include "nl_worker.h"

static int nl_put_cpus(struct sk_buff *msg, const struct vhostx_worker *worker)
{
	cpumask_var_t mask;
	char *cpus;
	int ret;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	vhostx_worker_cpus(worker, mask);
	cpus = kasprintf(GFP_KERNEL, "%*pbl", cpumask_pr_args(mask));
	ret = cpus ? nla_put_string(msg, VHOSTX_A_WORKER_CPUS, cpus) : -ENOMEM;
	kfree(cpus);
	free_cpumask_var(mask);
	return ret;
}

static int nl_put_worker_queue(struct sk_buff *msg, const struct vhostx_vq *vq)
{
	struct nlattr *nest = nla_nest_start(msg, VHOSTX_A_WORKER_QUEUE);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u32(msg, VHOSTX_A_WORKER_QUEUE_DEV_ID, vq->dev->id) ||
	    nla_put_u32(msg, VHOSTX_A_WORKER_QUEUE_ID,
			vq->is_tx ? VHOSTX_QUEUE_ID_TX : VHOSTX_QUEUE_ID_RX)) {
		nla_nest_cancel(msg, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, nest);
	return 0;
}

static int nl_put_worker_queues(struct sk_buff *msg,
				const struct vhostx_worker *worker)
{
	struct vhostx_dev *dev;
	unsigned int id = 0;
	int i, ret = 0;

	while (!ret && (dev = vhostx_dev_next(id))) {
		for (i = 0; i < VHOSTX_QUEUES && !ret; i++) {
			if (rcu_access_pointer(dev->vq[i].worker) == worker)
				ret = nl_put_worker_queue(msg, &dev->vq[i]);
		}
		id = dev->id + 1;
		vhostx_dev_put(dev);
	}
	return ret;
}

/**
 * vhostx_nl_put_worker - add a worker's attributes
 * @msg: where to; one that has room for nothing else gets as many of its queues as
 *	 there is room for, since each queue says who runs it
 * @object: a struct vhostx_worker
 *
 * Return: 0, -ENOMEM or -EMSGSIZE.
 */
int vhostx_nl_put_worker(struct sk_buff *msg, const void *object)
{
	bool alone = msg->len == nlmsg_total_size(GENL_HDRLEN);
	const struct vhostx_worker *worker = object;

	if (nla_put_u32(msg, VHOSTX_A_WORKER_TID, worker->tid) ||
	    nla_put_u32(msg, VHOSTX_A_WORKER_OWNER_PID, worker->owner) ||
	    nla_put_u32(msg, VHOSTX_A_WORKER_KIND,
			worker->task ? VHOSTX_WORKER_KIND_TASK :
				       VHOSTX_WORKER_KIND_KTHREAD) ||
	    nl_put_cpus(msg, worker) ||
	    nla_put_u32(msg, VHOSTX_A_WORKER_POLICY,
			vhostx_worker_policy(worker)) ||
	    nla_put_s32(msg, VHOSTX_A_WORKER_NICE,
			vhostx_worker_nice(worker)) ||
	    nla_put_u64_64bit(msg, VHOSTX_A_WORKER_RUN_NS,
			      vhostx_worker_run_ns(worker),
			      VHOSTX_A_WORKER_PAD))
		return -EMSGSIZE;
	return nl_put_worker_queues(msg, worker) && !alone ? -EMSGSIZE : 0;
}

/* The worker that a request names, for vhostx_worker_put(). */
static struct vhostx_worker *nl_find_worker(struct genl_info *info)
{
	struct vhostx_worker *worker;

	if (GENL_REQ_ATTR_CHECK(info, VHOSTX_A_WORKER_TID)) {
		NL_SET_ERR_MSG(info->extack,
			       "which worker? its thread id is missing");
		return ERR_PTR(-EINVAL);
	}
	worker = vhostx_worker_get(nla_get_u32(info->attrs[VHOSTX_A_WORKER_TID]));
	if (worker)
		return worker;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[VHOSTX_A_WORKER_TID],
			    "no worker has this thread id");
	return ERR_PTR(-ESRCH);
}

int vhostx_nl_worker_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vhostx_worker *worker = nl_find_worker(info);
	int ret;

	if (IS_ERR(worker))
		return PTR_ERR(worker);
	ret = vhostx_nl_reply(info, VHOSTX_CMD_WORKER_GET, worker,
			      vhostx_nl_put_worker);
	vhostx_worker_put(worker);
	return ret;
}

int vhostx_nl_worker_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct vhostx_worker *worker;
	int ret = 0;

	while (!ret && (worker = vhostx_worker_next(cb->args[0]))) {
		ret = vhostx_nl_dump(skb, cb, VHOSTX_CMD_WORKER_GET, worker,
				     vhostx_nl_put_worker);
		if (!ret)
			cb->args[0] = worker->tid;
		vhostx_worker_put(worker);
	}
	return skb->len ?: ret;
}

/* CPUs by their list; some of them can be used. */
static int nl_parse_cpus(struct genl_info *info, struct cpumask *mask)
{
	const struct nlattr *attr = info->attrs[VHOSTX_A_WORKER_CPUS];
	int ret = cpulist_parse(nla_data(attr), mask);

	if (ret) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "cpus is a list of numbers and ranges below the number of CPUs, such as 0-3,8");
		return ret;
	}
	if (cpumask_intersects(mask, cpu_online_mask))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attr, "none of these CPUs is online");
	return -EINVAL;
}

static int nl_check_nice(struct genl_info *info)
{
	const struct nlattr *attr = info->attrs[VHOSTX_A_WORKER_NICE];

	if (!attr || (nla_get_s32(attr) >= MIN_NICE &&
		      nla_get_s32(attr) <= MAX_NICE))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attr, "nice is from -20 to 19");
	return -ERANGE;
}

static int nl_set_cpus(struct vhostx_worker *worker, struct genl_info *info)
{
	cpumask_var_t mask;
	int ret;

	if (!info->attrs[VHOSTX_A_WORKER_CPUS])
		return 0;
	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	ret = nl_parse_cpus(info, mask);
	if (!ret) {
		ret = vhostx_worker_set_cpus(worker, mask);
		if (ret)
			NL_SET_ERR_MSG(info->extack,
				       "the scheduler refuses these CPUs");
	}
	free_cpumask_var(mask);
	return ret;
}

static int nl_set_policy(struct vhostx_worker *worker, struct genl_info *info)
{
	int ret;

	if (!info->attrs[VHOSTX_A_WORKER_POLICY])
		return 0;
	ret = vhostx_worker_set_policy(worker,
				       nla_get_u32(info->attrs[VHOSTX_A_WORKER_POLICY]));
	if (ret)
		NL_SET_ERR_MSG(info->extack,
			       "the scheduler refuses this policy: do the owner's cgroups allow real time?");
	return ret;
}

/* All of it, or nothing: what can fail goes first, and is taken back. */
static int nl_set_worker(struct vhostx_worker *worker, struct genl_info *info)
{
	u32 policy = vhostx_worker_policy(worker);
	int ret;

	ret = nl_check_nice(info);
	ret = ret ?: nl_set_policy(worker, info);
	if (ret)
		return ret;
	ret = nl_set_cpus(worker, info);
	if (ret) {
		vhostx_worker_set_policy(worker, policy);
		return ret;
	}
	if (info->attrs[VHOSTX_A_WORKER_NICE])
		vhostx_worker_set_nice(worker,
				       nla_get_s32(info->attrs[VHOSTX_A_WORKER_NICE]));
	return 0;
}

int vhostx_nl_worker_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vhostx_worker *worker = nl_find_worker(info);
	int ret;

	if (IS_ERR(worker))
		return PTR_ERR(worker);
	ret = nl_set_worker(worker, info);
	if (!ret)
		vhostx_event(VHOSTX_CMD_WORKER_CHANGE_NTF, worker);
	vhostx_worker_put(worker);
	return ret;
}
