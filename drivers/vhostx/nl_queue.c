// SPDX-License-Identifier: GPL-2.0-only
/* Queues as the netlink family shows and changes them. Reading takes no lock of theirs. */
#include "compat/compat.h"
#include "dev.h"
#include "event.h"
#include "layout.h"
#include "nl_dev.h"
#include "nl_gen.h"
#include "nl_msg.h"
#include "nl_queue.h"
#include "vq.h"

/* Where an attribute is kept. The policy holds it within its bounds. */
static const struct {
	int attr;
	size_t offset;
} nl_tune[] = {
	{ VHOSTX_A_QUEUE_POLL_MODE, offsetof(struct vhostx_tune, poll_mode) },
	{ VHOSTX_A_QUEUE_POLL_US, offsetof(struct vhostx_tune, poll_us) },
	{ VHOSTX_A_QUEUE_BATCH, offsetof(struct vhostx_tune, batch) },
	{ VHOSTX_A_QUEUE_WEIGHT, offsetof(struct vhostx_tune, weight) },
	{ VHOSTX_A_QUEUE_COALESCE_US,
	  offsetof(struct vhostx_tune, coalesce_us) },
	{ VHOSTX_A_QUEUE_COALESCE_FRAMES,
	  offsetof(struct vhostx_tune, coalesce_frames) },
};

static int nl_put_stats(struct sk_buff *msg, const struct vhostx_stats *stats)
{
	struct nlattr *nest = nla_nest_start(msg, VHOSTX_A_QUEUE_STATS);
	int i;

	BUILD_BUG_ON(VHOSTX_COUNTERS !=
		     VHOSTX_A_STATS_MAX - VHOSTX_A_STATS_PACKETS + 1);
	BUILD_BUG_ON(VHOSTX_DROP_HDR !=
		     VHOSTX_A_STATS_DROP_HDR - VHOSTX_A_STATS_PACKETS);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < VHOSTX_COUNTERS; i++) {
		if (nla_put_u64_64bit(msg, VHOSTX_A_STATS_PACKETS + i,
				      READ_ONCE(stats->value[i]),
				      VHOSTX_A_STATS_PAD))
			return -EMSGSIZE;
	}
	nla_nest_end(msg, nest);
	return 0;
}

static int nl_put_tune(struct sk_buff *msg, const struct vhostx_tune *tune)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(nl_tune); i++) {
		if (nla_put_u32(msg, nl_tune[i].attr,
				READ_ONCE(*(u32 *)((void *)tune +
						   nl_tune[i].offset))))
			return -EMSGSIZE;
	}
	return 0;
}

/**
 * vhostx_nl_put_queue - add a queue's attributes
 * @msg: where to
 * @object: a struct vhostx_vq; none of its locks is needed
 *
 * Return: 0 or -EMSGSIZE.
 */
int vhostx_nl_put_queue(struct sk_buff *msg, const void *object)
{
	const struct vhostx_vq *vq = object;
	pid_t tid = vhostx_vq_tid(vq);

	if (nla_put_u32(msg, VHOSTX_A_QUEUE_DEV_ID, vq->dev->id) ||
	    nla_put_u32(msg, VHOSTX_A_QUEUE_ID,
			vq->is_tx ? VHOSTX_QUEUE_ID_TX : VHOSTX_QUEUE_ID_RX) ||
	    nla_put_u32(msg, VHOSTX_A_QUEUE_STATE, vhostx_nl_queue_state(vq)) ||
	    nla_put_u32(msg, VHOSTX_A_QUEUE_FAULT, READ_ONCE(vq->ring.fault)) ||
	    nla_put_u32(msg, VHOSTX_A_QUEUE_NUM, READ_ONCE(vq->ring.num)) ||
	    nl_put_tune(msg, &vq->tune) ||
	    nla_put_u32(msg, VHOSTX_A_QUEUE_POLL_NOW_US,
			READ_ONCE(vq->poll_now_us)) || nl_put_stats(msg, &vq->stats))
		return -EMSGSIZE;
	return tid ? nla_put_u32(msg, VHOSTX_A_QUEUE_WORKER, tid) : 0;
}

/* The queue that the attributes name, for vhostx_dev_put() of its device. */
static struct vhostx_vq *nl_find_queue(struct genl_info *info)
{
	struct vhostx_dev *dev;

	if (GENL_REQ_ATTR_CHECK(info, VHOSTX_A_QUEUE_ID)) {
		NL_SET_ERR_MSG(info->extack, "which queue? rx or tx is missing");
		return ERR_PTR(-EINVAL);
	}
	dev = vhostx_nl_find_dev(info, VHOSTX_A_QUEUE_DEV_ID);
	if (IS_ERR(dev))
		return ERR_CAST(dev);
	return nla_get_u32(info->attrs[VHOSTX_A_QUEUE_ID]) ==
	       VHOSTX_QUEUE_ID_TX ? &dev->vq[VHOSTX_TX] : &dev->vq[VHOSTX_RX];
}

int vhostx_nl_queue_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vhostx_vq *vq = nl_find_queue(info);
	int ret;

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	ret = vhostx_nl_reply(info, VHOSTX_CMD_QUEUE_GET, vq, vhostx_nl_put_queue);
	vhostx_dev_put(vq->dev);
	return ret;
}

/* Whether a dump was asked for others than the one with this number. */
static bool nl_dump_skips(const struct nlattr *attr, u32 number)
{
	return attr && nla_get_u32(attr) != number;
}

/* A device's queues from cb->args[1] on, as far as there is room. */
static int nl_dump_queues(struct sk_buff *skb, struct netlink_callback *cb,
			  const struct vhostx_dev *dev)
{
	struct nlattr **attrs = vhostx_genl_dump_attrs(cb);
	int ret;

	if (nl_dump_skips(attrs[VHOSTX_A_QUEUE_DEV_ID], dev->id))
		return 0;
	for (; cb->args[1] < VHOSTX_QUEUES; cb->args[1]++) {
		if (nl_dump_skips(attrs[VHOSTX_A_QUEUE_ID], cb->args[1]))
			continue;
		ret = vhostx_nl_dump(skb, cb, VHOSTX_CMD_QUEUE_GET,
				     &dev->vq[cb->args[1]], vhostx_nl_put_queue);
		if (ret)
			return ret;
	}
	return 0;
}

int vhostx_nl_queue_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vhostx_dev *dev;
	int ret = 0;

	BUILD_BUG_ON(VHOSTX_RX - VHOSTX_QUEUE_ID_RX ||
		     VHOSTX_TX - VHOSTX_QUEUE_ID_TX);
	while (!ret && (dev = vhostx_dev_next(cb->args[0]))) {
		/* The one that the dump stopped at may be gone. */
		if (dev->id != cb->args[0])
			cb->args[1] = 0;
		cb->args[0] = dev->id;
		ret = nl_dump_queues(skb, cb, dev);
		if (!ret) {
			cb->args[0] = dev->id + 1;
			cb->args[1] = 0;
		}
		vhostx_dev_put(dev);
	}
	return skb->len ?: ret;
}

/* Under the device's lock. All of it, or nothing. */
static int nl_set_queue(struct vhostx_vq *vq, struct genl_info *info)
{
	const struct nlattr *worker = info->attrs[VHOSTX_A_QUEUE_WORKER];
	struct vhostx_tune tune = vq->tune;
	int i, ret;

	/* What can fail goes first. */
	if (worker) {
		ret = vhostx_dev_move_queue(vq->dev, vq, nla_get_u32(worker));
		if (ret) {
			NL_SET_ERR_MSG_ATTR(info->extack, worker,
					    "no worker of the device's owner has this thread id");
			return ret;
		}
	}
	for (i = 0; i < ARRAY_SIZE(nl_tune); i++) {
		const struct nlattr *attr = info->attrs[nl_tune[i].attr];

		if (attr)
			*(u32 *)((void *)&tune + nl_tune[i].offset) =
				nla_get_u32(attr);
	}
	vhostx_vq_set_tune(vq, &tune);
	return 0;
}

int vhostx_nl_queue_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vhostx_vq *vq = nl_find_queue(info);
	struct vhostx_dev *dev;
	int ret;

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	dev = vq->dev;
	/* A VMM can hold it for as long as it likes. */
	ret = mutex_lock_killable(&dev->lock);
	if (!ret) {
		ret = nl_set_queue(vq, info);
		mutex_unlock(&dev->lock);
	}
	if (!ret)
		vhostx_event(VHOSTX_CMD_QUEUE_CHANGE_NTF, vq);
	vhostx_dev_put(dev);
	return ret;
}
