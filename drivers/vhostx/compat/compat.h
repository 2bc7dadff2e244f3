/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel differences, 6.1 to 7.3. Kbuild.probe defines the VHOSTX_* symbols
 * from the kernel's own headers.
 */
#ifndef _VHOSTX_COMPAT_H
#define _VHOSTX_COMPAT_H

#include <linux/eventfd.h>
#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/if_tun.h>
#include <linux/mm.h>
#include <linux/ptr_ring.h>
#include <linux/skbuff.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>
#include <net/genetlink.h>
#include <net/xdp.h>

#ifndef VHOST_GET_FEATURES_ARRAY
struct vhost_features_array {
	__u64 count;
	__u64 features[];
};

#define VHOST_GET_FEATURES_ARRAY \
	_IOR(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#define VHOST_SET_FEATURES_ARRAY \
	_IOW(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#endif

#ifndef VHOST_NEW_WORKER
struct vhost_worker_state {
	unsigned int worker_id;
};

struct vhost_vring_worker {
	unsigned int index;
	unsigned int worker_id;
};

#define VHOST_NEW_WORKER	_IOR(VHOST_VIRTIO, 0x8, struct vhost_worker_state)
#define VHOST_FREE_WORKER	_IOW(VHOST_VIRTIO, 0x9, struct vhost_worker_state)
#define VHOST_ATTACH_VRING_WORKER \
	_IOW(VHOST_VIRTIO, 0x15, struct vhost_vring_worker)
#define VHOST_GET_VRING_WORKER \
	_IOWR(VHOST_VIRTIO, 0x16, struct vhost_vring_worker)
#endif

#ifndef VHOST_SET_FORK_FROM_OWNER
#define VHOST_FORK_OWNER_KTHREAD	0
#define VHOST_FORK_OWNER_TASK		1
#define VHOST_SET_FORK_FROM_OWNER	_IOW(VHOST_VIRTIO, 0x84, __u8)
#define VHOST_GET_FORK_FROM_OWNER	_IOR(VHOST_VIRTIO, 0x85, __u8)
#endif

#ifdef VHOSTX_VHOST_TASK
#include <linux/sched/vhost_task.h>

#define VHOSTX_CAN_FORK	1
#else
#define VHOSTX_CAN_FORK	0

struct vhost_task;

static inline struct vhost_task *vhost_task_create(bool (*fn)(void *),
						   void (*killed)(void *),
						   void *arg, const char *name)
{
	return NULL;
}

static inline void vhost_task_start(struct vhost_task *task)
{
}

static inline void vhost_task_stop(struct vhost_task *task)
{
}

static inline void vhost_task_wake(struct vhost_task *task)
{
}
#endif

/* Segments of what a UDP tunnel carries: in the second word of features. */
#ifdef VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO
#define VHOSTX_FEATURES_TUNNEL						\
	(BIT_ULL(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO - 64) |		\
	 BIT_ULL(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO - 64))
#define VHOSTX_HLEN_TUNNEL	sizeof(struct virtio_net_hdr_v1_hash_tunnel)
#define VHOSTX_GSO_TUNNEL	VIRTIO_NET_HDR_GSO_UDP_TUNNEL
#else
#define VHOSTX_FEATURES_TUNNEL	0ULL
#define VHOSTX_HLEN_TUNNEL	sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define VHOSTX_GSO_TUNNEL	0
#endif

/* Kinds of segmentation that this kernel's taps know beside TCP and UFO. */
static inline bool vhostx_gso_is_uso(u8 type)
{
#ifdef VIRTIO_NET_HDR_GSO_UDP_L4
	return type == VIRTIO_NET_HDR_GSO_UDP_L4;
#else
	return false;
#endif
}

static inline void vhostx_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef VHOSTX_EVENTFD_SIGNAL_COUNT
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

static inline void vhostx_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*fn)(struct hrtimer *))
{
#ifdef VHOSTX_HRTIMER_SETUP
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->function = fn;
#endif
}

/* Where tun and tap look for the virtio-net header of a frame in a batch. */
static inline void *vhostx_xdp_vnet_hdr(void *buf)
{
#ifdef VHOSTX_TUN_XDP_HDR
	/* The header can be longer than that field. */
	return buf + offsetof(struct tun_xdp_hdr, gso);
#else
	return buf;
#endif
}

static inline void vhostx_xdp_set_size(void *buf, unsigned int size)
{
#ifdef VHOSTX_TUN_XDP_HDR
	((struct tun_xdp_hdr *)buf)->buflen = size;
#endif
}

/* Whom a socket tells that it is done with pages that are not of its own. */
#ifdef VHOSTX_UBUF_INFO_OPS
#define VHOSTX_UBUF_INFO(name, done)					\
	static const struct ubuf_info_ops name##_ops = { .complete = done };	\
	static struct ubuf_info name = { .ops = &name##_ops }
#else
#define VHOSTX_UBUF_INFO(name, done)					\
	static struct ubuf_info name = { .callback = done }
#endif

/* What a dump was asked with. */
static inline struct nlattr **vhostx_genl_dump_attrs(struct netlink_callback *cb)
{
#ifdef VHOSTX_GENL_INFO_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

/* A tap that stops its queue when the ring is full is told of the room. */
static inline int vhostx_tap_consume(struct ptr_ring *ring, struct file *file,
				     void **batch, int max)
{
	int n;

	spin_lock(&ring->consumer_lock);
	n = __ptr_ring_consume_batched(ring, batch, max);
#ifdef VHOSTX_TUN_WAKE_QUEUE
	if (n)
		tun_wake_queue(file, n);
#endif
	spin_unlock(&ring->consumer_lock);
	return n;
}

#endif
