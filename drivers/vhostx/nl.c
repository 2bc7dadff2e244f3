// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family: shows devices, queues and workers, takes orders to them, and
 * tells what happens to them. Documentation/netlink/specs/vhostx.yaml specifies it.
 * Who only reads waits for no VMM: nothing here takes a device's or a queue's lock
 * but to change it.
 */
#include <linux/notifier.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <net/genetlink.h>

#include "compat/compat.h"
#include "dev.h"
#include "event.h"
#include "nl.h"
#include "nl_gen.h"

/* Which bit of the features' words a VHOSTX_FEATURE_* is. */
static const struct {
	unsigned int word;
	u64 bit;
	u64 feature;
} nl_features[] = {
	{ 0, BIT_ULL(VIRTIO_NET_F_MRG_RXBUF), VHOSTX_FEATURE_MRG_RXBUF },
	{ 0, BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY),
	  VHOSTX_FEATURE_NOTIFY_ON_EMPTY },
	{ 0, BIT_ULL(VHOST_F_LOG_ALL), VHOSTX_FEATURE_LOG_ALL },
	{ 0, BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR),
	  VHOSTX_FEATURE_VHOST_NET_HDR },
	{ 0, BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC),
	  VHOSTX_FEATURE_INDIRECT_DESC },
	{ 0, BIT_ULL(VIRTIO_RING_F_EVENT_IDX), VHOSTX_FEATURE_EVENT_IDX },
	{ 0, BIT_ULL(VIRTIO_F_VERSION_1), VHOSTX_FEATURE_VERSION_1 },
	{ 0, BIT_ULL(VIRTIO_F_ACCESS_PLATFORM),
	  VHOSTX_FEATURE_ACCESS_PLATFORM },
	{ 0, BIT_ULL(VIRTIO_F_RING_PACKED), VHOSTX_FEATURE_PACKED },
	{ 0, BIT_ULL(VIRTIO_F_IN_ORDER), VHOSTX_FEATURE_IN_ORDER },
	{ 0, BIT_ULL(VIRTIO_F_RING_RESET), VHOSTX_FEATURE_RING_RESET },
#ifdef VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO
	{ 1, BIT_ULL(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO - 64),
	  VHOSTX_FEATURE_GUEST_UDP_TUNNEL_GSO },
	{ 1, BIT_ULL(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO - 64),
	  VHOSTX_FEATURE_HOST_UDP_TUNNEL_GSO },
#endif
};

static u64 nl_dev_features(const struct vhostx_dev *dev)
{
	u64 features = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nl_features); i++) {
		if (READ_ONCE(dev->features[nl_features[i].word]) &
		    nl_features[i].bit)
			features |= nl_features[i].feature;
	}
	return features;
}

static enum vhostx_queue_state nl_queue_state(const struct vhostx_vq *vq)
{
	if (!READ_ONCE(vq->sock.sock))
		return VHOSTX_QUEUE_STATE_STOPPED;
	return READ_ONCE(vq->ring.fault) ? VHOSTX_QUEUE_STATE_BROKEN :
					   VHOSTX_QUEUE_STATE_RUNNING;
}

static enum vhostx_dev_state nl_dev_state(const struct vhostx_dev *dev)
{
	enum vhostx_queue_state state = VHOSTX_QUEUE_STATE_STOPPED;
	int i;

	BUILD_BUG_ON(VHOSTX_DEV_STATE_BROKEN - VHOSTX_DEV_STATE_STOPPED !=
		     VHOSTX_QUEUE_STATE_BROKEN - VHOSTX_QUEUE_STATE_STOPPED);
	if (!READ_ONCE(dev->owner))
		return VHOSTX_DEV_STATE_UNOWNED;
	for (i = 0; i < VHOSTX_QUEUES; i++)
		state = max(state, nl_queue_state(&dev->vq[i]));
	return VHOSTX_DEV_STATE_STOPPED + state;
}

static int nl_put_owner(struct sk_buff *msg, const struct vhostx_dev *dev)
{
	/* Pairs with vhostx_dev_set_owner(): the name is that of an owner. */
	pid_t owner = smp_load_acquire(&dev->owner);
	char comm[TASK_COMM_LEN];

	if (!owner)
		return 0;
	/* Another owner may be moving in: the name has an end at any time. */
	strscpy(comm, dev->comm, sizeof(comm));
	return nla_put_u32(msg, VHOSTX_A_DEV_OWNER_PID, owner) ?:
	       nla_put_string(msg, VHOSTX_A_DEV_OWNER_COMM, comm);
}

/* Of the first queue that has a backend. */
static int nl_put_netdev(struct sk_buff *msg, const struct vhostx_dev *dev)
{
	const struct vhostx_netdev_id *id;
	char name[IFNAMSIZ];
	int i, ifindex;

	for (i = 0; i < VHOSTX_QUEUES; i++) {
		id = &dev->vq[i].sock.id;
		strscpy(name, id->name, sizeof(name));
		if (!READ_ONCE(dev->vq[i].sock.sock) || !*name)
			continue;
		if (nla_put_string(msg, VHOSTX_A_DEV_IFNAME, name))
			return -EMSGSIZE;
		ifindex = READ_ONCE(id->ifindex);
		if (!ifindex)
			return 0;
		return nla_put_u32(msg, VHOSTX_A_DEV_IFINDEX, ifindex) ?:
		       nla_put_u32(msg, VHOSTX_A_DEV_NETNS_INODE,
				   READ_ONCE(id->netns));
	}
	return 0;
}

static int nl_put_dev(struct sk_buff *msg, const void *object)
{
	const struct vhostx_dev *dev = object;
	bool packed = READ_ONCE(dev->features[0]) &
		      BIT_ULL(VIRTIO_F_RING_PACKED);

	if (nla_put_u32(msg, VHOSTX_A_DEV_ID, dev->id) ||
	    nla_put_u32(msg, VHOSTX_A_DEV_STATE, nl_dev_state(dev)) ||
	    nl_put_owner(msg, dev) || nl_put_netdev(msg, dev) ||
	    nla_put_u64_64bit(msg, VHOSTX_A_DEV_FEATURES, nl_dev_features(dev),
			      VHOSTX_A_DEV_PAD) ||
	    nla_put_u32(msg, VHOSTX_A_DEV_RING_FORMAT,
			packed ? VHOSTX_RING_FORMAT_PACKED :
				 VHOSTX_RING_FORMAT_SPLIT) ||
	    nla_put_u32(msg, VHOSTX_A_DEV_REGIONS, READ_ONCE(dev->regions)))
		return -EMSGSIZE;
	if (READ_ONCE(dev->iotlb) &&
	    nla_put_u32(msg, VHOSTX_A_DEV_IOTLB_ENTRIES,
			READ_ONCE(dev->iotlb_entries)))
		return -EMSGSIZE;
	return 0;
}

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

static pid_t nl_queue_tid(const struct vhostx_vq *vq)
{
	const struct vhostx_worker *worker;
	pid_t tid;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	tid = worker ? worker->tid : 0;
	rcu_read_unlock();
	return tid;
}

static int nl_put_queue(struct sk_buff *msg, const void *object)
{
	const struct vhostx_vq *vq = object;
	pid_t tid = nl_queue_tid(vq);

	if (nla_put_u32(msg, VHOSTX_A_QUEUE_DEV_ID, vq->dev->id) ||
	    nla_put_u32(msg, VHOSTX_A_QUEUE_ID,
			vq->is_tx ? VHOSTX_QUEUE_ID_TX : VHOSTX_QUEUE_ID_RX) ||
	    nla_put_u32(msg, VHOSTX_A_QUEUE_STATE, nl_queue_state(vq)) ||
	    nla_put_u32(msg, VHOSTX_A_QUEUE_FAULT, READ_ONCE(vq->ring.fault)) ||
	    nla_put_u32(msg, VHOSTX_A_QUEUE_NUM, READ_ONCE(vq->ring.num)) ||
	    nl_put_stats(msg, &vq->stats))
		return -EMSGSIZE;
	return tid ? nla_put_u32(msg, VHOSTX_A_QUEUE_WORKER, tid) : 0;
}

static struct genl_family nl_family;

/* An object's message is whole, or taken back. */
static int nl_message(struct sk_buff *msg, u32 portid, u32 seq, int flags,
		      u8 cmd, const void *object,
		      int (*put)(struct sk_buff *msg, const void *object))
{
	void *hdr = genlmsg_put(msg, portid, seq, &nl_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (put(msg, object)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

static int nl_reply(struct genl_info *info, u8 cmd, const void *object,
		    int (*put)(struct sk_buff *msg, const void *object))
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	int ret;

	if (!msg)
		return -ENOMEM;
	ret = nl_message(msg, info->snd_portid, info->snd_seq, 0, cmd, object,
			 put);
	if (ret) {
		nlmsg_free(msg);
		return ret;
	}
	return genlmsg_reply(msg, info);
}

static int nl_dump(struct sk_buff *msg, struct netlink_callback *cb, u8 cmd,
		   const void *object,
		   int (*put)(struct sk_buff *msg, const void *object))
{
	return nl_message(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  NLM_F_MULTI, cmd, object, put);
}

/* The device that an attribute names, for vhostx_dev_put(). */
static struct vhostx_dev *nl_find_dev(struct genl_info *info, int attr)
{
	struct vhostx_dev *dev;
	u32 id;

	if (GENL_REQ_ATTR_CHECK(info, attr)) {
		NL_SET_ERR_MSG(info->extack, "which device? its id is missing");
		return ERR_PTR(-EINVAL);
	}
	id = nla_get_u32(info->attrs[attr]);
	dev = vhostx_dev_next(id);
	if (dev && dev->id == id)
		return dev;
	vhostx_dev_put(dev);
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[attr],
			    "no device has this id");
	return ERR_PTR(-ENODEV);
}

/* The queue that the attributes name, for vhostx_dev_put() of its device. */
static struct vhostx_vq *nl_find_queue(struct genl_info *info)
{
	struct vhostx_dev *dev;

	if (GENL_REQ_ATTR_CHECK(info, VHOSTX_A_QUEUE_ID)) {
		NL_SET_ERR_MSG(info->extack, "which queue? rx or tx is missing");
		return ERR_PTR(-EINVAL);
	}
	dev = nl_find_dev(info, VHOSTX_A_QUEUE_DEV_ID);
	if (IS_ERR(dev))
		return ERR_CAST(dev);
	return nla_get_u32(info->attrs[VHOSTX_A_QUEUE_ID]) ==
	       VHOSTX_QUEUE_ID_TX ? &dev->vq[VHOSTX_TX] : &dev->vq[VHOSTX_RX];
}

int vhostx_nl_dev_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vhostx_dev *dev = nl_find_dev(info, VHOSTX_A_DEV_ID);
	int ret;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	ret = nl_reply(info, VHOSTX_CMD_DEV_GET, dev, nl_put_dev);
	vhostx_dev_put(dev);
	return ret;
}

int vhostx_nl_dev_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vhostx_dev *dev;
	int ret = 0;

	while (!ret && (dev = vhostx_dev_next(cb->args[0]))) {
		ret = nl_dump(skb, cb, VHOSTX_CMD_DEV_GET, dev, nl_put_dev);
		if (!ret)
			cb->args[0] = dev->id + 1;
		vhostx_dev_put(dev);
	}
	return skb->len ?: ret;
}

int vhostx_nl_queue_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vhostx_vq *vq = nl_find_queue(info);
	int ret;

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	ret = nl_reply(info, VHOSTX_CMD_QUEUE_GET, vq, nl_put_queue);
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
		ret = nl_dump(skb, cb, VHOSTX_CMD_QUEUE_GET,
			      &dev->vq[cb->args[1]], nl_put_queue);
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

int vhostx_nl_dev_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return -EOPNOTSUPP;
}

int vhostx_nl_queue_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return -EOPNOTSUPP;
}

int vhostx_nl_worker_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return -EOPNOTSUPP;
}

int vhostx_nl_worker_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return -EOPNOTSUPP;
}

int vhostx_nl_worker_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return -EOPNOTSUPP;
}

/* Tell group @group of an object. Where that fails, its listeners know. */
static void nl_notify(u8 cmd, unsigned int group, const void *object,
		      int (*put)(struct sk_buff *msg, const void *object))
{
	struct sk_buff *msg;

	if (!genl_has_listeners(&nl_family, &init_net, group))
		return;
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!msg || nl_message(msg, 0, 0, 0, cmd, object, put)) {
		nlmsg_free(msg);
		genl_set_err(&nl_family, &init_net, 0, group, -ENOBUFS);
		return;
	}
	genlmsg_multicast(&nl_family, msg, 0, group, GFP_KERNEL);
}

static int nl_event(struct notifier_block *block, unsigned long what,
		    void *object)
{
	switch (what) {
	case VHOSTX_CMD_DEV_ADD_NTF:
	case VHOSTX_CMD_DEV_DEL_NTF:
	case VHOSTX_CMD_DEV_CHANGE_NTF:
		nl_notify(what, VHOSTX_NLGRP_CONFIG, object, nl_put_dev);
		break;
	case VHOSTX_CMD_QUEUE_CHANGE_NTF:
		nl_notify(what, VHOSTX_NLGRP_CONFIG, object, nl_put_queue);
		break;
	case VHOSTX_CMD_QUEUE_START_NTF:
	case VHOSTX_CMD_QUEUE_STOP_NTF:
	case VHOSTX_CMD_QUEUE_BROKEN_NTF:
		nl_notify(what, VHOSTX_NLGRP_EVENTS, object, nl_put_queue);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block nl_listener = {
	.notifier_call = nl_event,
};

static const struct genl_multicast_group nl_groups[] = {
	[VHOSTX_NLGRP_CONFIG] = { .name = "config" },
	[VHOSTX_NLGRP_EVENTS] = { .name = "events" },
};

/* Devices belong to no network namespace: whose they are is for the host to see. */
static struct genl_family nl_family __ro_after_init = {
	.name = VHOSTX_FAMILY_NAME,
	.version = VHOSTX_FAMILY_VERSION,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = vhostx_nl_ops,
	.n_ops = ARRAY_SIZE(vhostx_nl_ops),
	.resv_start_op = VHOSTX_CMD_MAX + 1,
	.mcgrps = nl_groups,
	.n_mcgrps = ARRAY_SIZE(nl_groups),
};

/**
 * vhostx_nl_start - answer operators from now on
 *
 * Return: 0 or a negative error.
 */
int __init vhostx_nl_start(void)
{
	int ret = genl_register_family(&nl_family);

	return ret ?: vhostx_event_listen(&nl_listener);
}

/**
 * vhostx_nl_stop - answer operators no more
 */
void vhostx_nl_stop(void)
{
	vhostx_event_deafen(&nl_listener);
	genl_unregister_family(&nl_family);
}
