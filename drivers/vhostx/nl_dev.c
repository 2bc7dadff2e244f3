// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices as the netlink family shows them. Who only reads waits for no VMM: no lock of
 * a device's or a queue's is taken but to change it.
 */
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "compat/compat.h"
#include "dev.h"
#include "event.h"
#include "layout.h"
#include "nl_dev.h"
#include "nl_gen.h"
#include "nl_msg.h"

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

/**
 * vhostx_nl_queue_state - the state of a queue
 * @vq: the queue
 *
 * Return: the state as it was a moment ago.
 */
enum vhostx_queue_state vhostx_nl_queue_state(const struct vhostx_vq *vq)
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
		state = max(state, vhostx_nl_queue_state(&dev->vq[i]));
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
	data_race(strscpy(comm, dev->comm, sizeof(comm)));
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
		/* Old or new or in between, it has an end at any time. */
		data_race(strscpy(name, id->name, sizeof(name)));
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

/**
 * vhostx_nl_put_dev - add a device's attributes
 * @msg: where to
 * @object: a struct vhostx_dev; none of its locks is needed
 *
 * Return: 0 or -EMSGSIZE.
 */
int vhostx_nl_put_dev(struct sk_buff *msg, const void *object)
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
	    nla_put_u32(msg, VHOSTX_A_DEV_REGIONS, READ_ONCE(dev->regions)) ||
	    nla_put_u32(msg, VHOSTX_A_DEV_LAYOUT, READ_ONCE(dev->layout)) ||
	    nla_put_u32(msg, VHOSTX_A_DEV_POOL_SIZE,
			READ_ONCE(dev->pool_size)))
		return -EMSGSIZE;
	if (READ_ONCE(dev->iotlb) &&
	    nla_put_u32(msg, VHOSTX_A_DEV_IOTLB_ENTRIES,
			READ_ONCE(dev->iotlb_entries)))
		return -EMSGSIZE;
	return 0;
}

/**
 * vhostx_nl_find_dev - the device that a request names
 * @info: the request
 * @attr: its attribute that does
 *
 * Return: the device, for vhostx_dev_put(); -EINVAL or -ENODEV, with the words.
 */
struct vhostx_dev *vhostx_nl_find_dev(struct genl_info *info, int attr)
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

int vhostx_nl_dev_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vhostx_dev *dev = vhostx_nl_find_dev(info, VHOSTX_A_DEV_ID);
	int ret;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	ret = vhostx_nl_reply(info, VHOSTX_CMD_DEV_GET, dev, vhostx_nl_put_dev);
	vhostx_dev_put(dev);
	return ret;
}

int vhostx_nl_dev_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vhostx_dev *dev;
	int ret = 0;

	while (!ret && (dev = vhostx_dev_next(cb->args[0]))) {
		ret = vhostx_nl_dump(skb, cb, VHOSTX_CMD_DEV_GET, dev, vhostx_nl_put_dev);
		if (!ret)
			cb->args[0] = dev->id + 1;
		vhostx_dev_put(dev);
	}
	return skb->len ?: ret;
}

/* Under the device's lock. */
static int nl_set_layout(struct vhostx_dev *dev, struct genl_info *info)
{
	u32 layout = dev->layout, pool_size = dev->pool_size;
	int ret;

	if (info->attrs[VHOSTX_A_DEV_LAYOUT])
		layout = nla_get_u32(info->attrs[VHOSTX_A_DEV_LAYOUT]);
	if (info->attrs[VHOSTX_A_DEV_POOL_SIZE])
		pool_size = nla_get_u32(info->attrs[VHOSTX_A_DEV_POOL_SIZE]);
	ret = vhostx_dev_set_layout(dev, layout, pool_size);
	if (ret == -ENOTCONN)
		NL_SET_ERR_MSG(info->extack,
			       "no process owns the device, so it has no workers");
	else if (ret == -ESRCH)
		NL_SET_ERR_MSG(info->extack,
			       "the owner's process is gone, and nobody else can have its workers");
	else if (ret)
		NL_SET_ERR_MSG(info->extack, "a worker could not be started");
	return ret;
}

int vhostx_nl_dev_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct vhostx_dev *dev = vhostx_nl_find_dev(info, VHOSTX_A_DEV_ID);
	int ret;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	/* A VMM can hold it for as long as it likes. */
	ret = mutex_lock_killable(&dev->lock);
	if (!ret) {
		ret = nl_set_layout(dev, info);
		mutex_unlock(&dev->lock);
	}
	if (!ret)
		vhostx_event(VHOSTX_CMD_DEV_CHANGE_NTF, dev);
	vhostx_dev_put(dev);
	return ret;
}
