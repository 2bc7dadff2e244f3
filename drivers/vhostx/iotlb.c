// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device IOTLB (VIRTIO_F_ACCESS_PLATFORM): rings and buffers lie at I/O
 * virtual addresses, whose translations the VMM writes to the device. One that
 * is missing is asked for by a message that the VMM reads; the queue stops until
 * it comes. Each queue has one such question at a time.
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vhost.h>
#include <linux/vhost_iotlb.h>

#include "iotlb.h"
#include "notify.h"

/* A message, of either version. The payload is at the same place in both. */
union iotlb_msg {
	struct vhost_msg v1;
	struct vhost_msg_v2 v2;
};

/*
 * Look up the @size bytes at @addr, piece by piece. Returns whether they are in
 * one, 0 or 1, or why they are not there.
 */
static int iotlb_pieces(struct vhostx_vq *vq, u64 addr, size_t size,
			unsigned int perm, unsigned long *piece)
{
	unsigned long *first = piece;
	bool whole = true;

	while (size) {
		u32 into = addr % VHOSTX_PIECE;
		u32 part = min_t(size_t, size, VHOSTX_PIECE - into);
		struct iovec iov;
		int n;

		n = vhostx_mem_translate(&vq->view, addr, part, perm, &iov, 1);
		if (n < 0)
			return n;
		*piece = (unsigned long)iov.iov_base - into;
		whole &= piece == first ||
			 *piece == piece[-1] + VHOSTX_PIECE;
		piece++;
		addr += part;
		size -= part;
	}
	return whole;
}

/**
 * vhostx_iotlb_locate_used - find the used ring's flags and index
 * @vq: the queue; its features have VIRTIO_F_ACCESS_PLATFORM
 *
 * A start needs no more, and QEMU gives no more before it.
 *
 * Return: 0, or -EFAULT where there is no translation.
 */
int vhostx_iotlb_locate_used(struct vhostx_vq *vq)
{
	struct vhostx_ring *r = &vq->ring;
	int ret;

	ret = iotlb_pieces(vq, vq->addr.used,
			   offsetof(struct vring_used, ring), VHOST_MAP_WO,
			   vq->pieces->used);
	if (ret < 0)
		return -EFAULT;
	r->pieces = vq->pieces;
	r->used = (void __user *)(vq->addr.used % VHOSTX_PIECE);
	return 0;
}

static void iotlb_break(struct vhostx_vq *vq, enum vhostx_fault fault)
{
	vhostx_ring_break(&vq->ring, fault);
	vhostx_vq_break(vq);
}

/**
 * vhostx_iotlb_locate - find the ring in the owner's memory
 * @vq: the queue, running
 *
 * Where a translation is missing it is asked for; where one forbids the access
 * the ring is broken.
 *
 * Return: whether it is there.
 */
bool vhostx_iotlb_locate(struct vhostx_vq *vq)
{
	struct vhostx_pieces *p = vq->pieces;
	struct vhostx_ring *r = &vq->ring;
	const struct {
		u64 addr;
		size_t size;
		unsigned int perm;
		unsigned long *piece;
		enum vhostx_fault fault;
	} part[] = {
		{ vq->addr.desc, r->num * sizeof(*r->desc),
		  r->packed ? VHOST_MAP_RW : VHOST_MAP_RO,
		  p->desc, VHOSTX_FAULT_DESC_READ },
		{ vq->addr.avail, vhostx_ring_avail_size(r), VHOST_MAP_RO,
		  p->avail, VHOSTX_FAULT_AVAIL_READ },
		{ vq->addr.used, vhostx_ring_used_size(r), VHOST_MAP_WO,
		  p->used, VHOSTX_FAULT_USED_WRITE },
	};
	bool whole = true;
	int i, ret;

	/* An entry must not lie across two pieces. */
	if (vq->addr.desc % sizeof(*r->desc) ||
	    (r->packed && vq->addr.avail % sizeof(struct vring_packed_desc_event))) {
		iotlb_break(vq, VHOSTX_FAULT_DESC_READ);
		return false;
	}
	for (i = 0; i < ARRAY_SIZE(part); i++) {
		ret = iotlb_pieces(vq, part[i].addr, part[i].size,
				   part[i].perm, part[i].piece);
		if (ret == -EAGAIN) {
			vhostx_iotlb_miss(vq);
			return false;
		}
		if (ret < 0) {
			iotlb_break(vq, part[i].fault);
			return false;
		}
		whole &= ret;
	}

	r->pieces = whole ? NULL : p;
	r->desc = (void __user *)((whole ? p->desc[0] : 0) +
				  vq->addr.desc % VHOSTX_PIECE);
	r->avail = (void __user *)((whole ? p->avail[0] : 0) +
				   vq->addr.avail % VHOSTX_PIECE);
	r->used = (void __user *)((whole ? p->used[0] : 0) +
				  vq->addr.used % VHOSTX_PIECE);
	vq->located = true;
	return true;
}

/**
 * vhostx_iotlb_miss - ask for the translation that was missing last
 * @vq: the queue; it is run again when the translation has come
 *
 * A VMM that cannot translate says nothing, so each run asks afresh: the next
 * kick is the queue's next chance, and what it misses by then may be another.
 */
void vhostx_iotlb_miss(struct vhostx_vq *vq)
{
	struct vhostx_dev *dev = vq->dev;

	spin_lock(&dev->miss_lock);
	vq->miss.iova = vq->view.miss;
	vq->miss.perm = vq->view.miss_perm;
	WRITE_ONCE(vq->miss.state, VHOSTX_MISS_NEW);
	spin_unlock(&dev->miss_lock);
	wake_up_interruptible_poll(&dev->miss_wait, EPOLLIN | EPOLLRDNORM);
}

/**
 * vhostx_iotlb_forget_miss - want the translation no more
 * @vq: the queue
 */
void vhostx_iotlb_forget_miss(struct vhostx_vq *vq)
{
	spin_lock(&vq->dev->miss_lock);
	WRITE_ONCE(vq->miss.state, VHOSTX_MISS_NONE);
	spin_unlock(&vq->dev->miss_lock);
}

/**
 * vhostx_iotlb_asks - whether there is a message to read
 * @dev: the device
 *
 * Return: whether a queue has asked for what was not read yet.
 */
bool vhostx_iotlb_asks(struct vhostx_dev *dev)
{
	int i;

	for (i = 0; i < VHOSTX_QUEUES; i++) {
		if (READ_ONCE(dev->vq[i].miss.state) == VHOSTX_MISS_NEW)
			return true;
	}
	return false;
}

/* Take the next question; NULL where there is none. */
static struct vhostx_miss *iotlb_next_miss(struct vhostx_dev *dev,
					   struct vhost_iotlb_msg *msg)
{
	struct vhostx_miss *found = NULL;
	int i;

	spin_lock(&dev->miss_lock);
	for (i = 0; i < VHOSTX_QUEUES && !found; i++) {
		struct vhostx_miss *miss = &dev->vq[i].miss;

		if (miss->state != VHOSTX_MISS_NEW)
			continue;
		msg->type = VHOST_IOTLB_MISS;
		msg->iova = miss->iova;
		msg->perm = miss->perm;
		WRITE_ONCE(miss->state, VHOSTX_MISS_ASKED);
		found = miss;
	}
	spin_unlock(&dev->miss_lock);
	return found;
}

/* It could not be handed over: ask again, unless it was answered meanwhile. */
static void iotlb_ask_again(struct vhostx_dev *dev, struct vhostx_miss *miss)
{
	spin_lock(&dev->miss_lock);
	if (miss->state == VHOSTX_MISS_ASKED)
		WRITE_ONCE(miss->state, VHOSTX_MISS_NEW);
	spin_unlock(&dev->miss_lock);
}

/**
 * vhostx_iotlb_read - read the next message
 * @dev: the device
 * @to: where it goes
 * @nonblock: do not wait for one
 *
 * Return: its bytes; 0 where @to is too short for one; -EAGAIN where there is
 * none; -EBADFD where there is no IOTLB to wait for; -ERESTARTSYS; -EFAULT, and
 * the message can be read again.
 */
ssize_t vhostx_iotlb_read(struct vhostx_dev *dev, struct iov_iter *to,
			  bool nonblock)
{
	union iotlb_msg msg = {};
	struct vhostx_miss *miss;
	int ret;

	if (iov_iter_count(to) < sizeof(msg))
		return 0;
	while (!(miss = iotlb_next_miss(dev, &msg.v2.iotlb))) {
		if (nonblock)
			return -EAGAIN;
		if (!READ_ONCE(dev->iotlb))
			return -EBADFD;
		ret = wait_event_interruptible(dev->miss_wait,
					       vhostx_iotlb_asks(dev) ||
					       !READ_ONCE(dev->iotlb));
		if (ret)
			return ret;
	}
	if (READ_ONCE(dev->backend_features) &
	    BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2))
		msg.v2.type = VHOST_IOTLB_MSG_V2;
	else
		msg.v1.type = VHOST_IOTLB_MSG;
	if (copy_to_iter(&msg, sizeof(msg), to) == sizeof(msg))
		return sizeof(msg);
	iotlb_ask_again(dev, miss);
	return -EFAULT;
}

/* What a queue found through the IOTLB is found afresh. */
static void iotlb_changed(struct vhostx_dev *dev)
{
	int i;

	for (i = 0; i < VHOSTX_QUEUES; i++) {
		dev->vq[i].view.hit = NULL;
		dev->vq[i].located = false;
	}
}

/* Run the queues whose question was answered. */
static void iotlb_answered(struct vhostx_dev *dev, u64 first, u64 last)
{
	int i;

	for (i = 0; i < VHOSTX_QUEUES; i++) {
		struct vhostx_vq *vq = &dev->vq[i];

		/* The VMM may be reading of it. */
		if (READ_ONCE(vq->miss.state) == VHOSTX_MISS_NONE ||
		    vq->miss.iova < first || vq->miss.iova > last)
			continue;
		vhostx_iotlb_forget_miss(vq);
		vhostx_vq_queue(vq);
	}
}

/* Under the locks of the device and of all queues. */
static int iotlb_change(struct vhostx_dev *dev, const struct vhost_iotlb_msg *msg)
{
	u64 last = msg->iova + msg->size - 1;
	int ret = 0;

	if (!dev->iotlb || !msg->size || last < msg->iova)
		return -EFAULT;

	switch (msg->type) {
	case VHOST_IOTLB_UPDATE:
		if (msg->uaddr > ULONG_MAX || msg->size > ULONG_MAX ||
		    msg->uaddr + msg->size < msg->uaddr ||
		    !access_ok((void __user *)(unsigned long)msg->uaddr,
			       msg->size))
			return -EFAULT;
		/* The last one counts, and none is there twice. */
		iotlb_changed(dev);
		vhost_iotlb_del_range(dev->iotlb, msg->iova, last);
		ret = vhost_iotlb_add_range(dev->iotlb, msg->iova, last,
					    msg->uaddr, msg->perm);
		if (!ret)
			iotlb_answered(dev, msg->iova, last);
		return ret;
	case VHOST_IOTLB_INVALIDATE:
		iotlb_changed(dev);
		vhost_iotlb_del_range(dev->iotlb, msg->iova, last);
		return 0;
	default:
		return -EFAULT;
	}
}

static int iotlb_do(struct vhostx_dev *dev, const struct vhost_iotlb_msg *msg)
{
	int ret = iotlb_change(dev, msg);

	if (dev->iotlb)
		WRITE_ONCE(dev->iotlb_entries, dev->iotlb->nmaps);
	return ret;
}

/**
 * vhostx_iotlb_write - take a message
 * @dev: the device
 * @from: the message, of either version
 *
 * What a translation led to before is not touched after this returns.
 *
 * Return: the bytes of a whole message; -EINVAL where it is too short, unknown
 * or an update of no bytes; -EPERM for anyone but the owner; -EFAULT where
 * there is no IOTLB, or the message makes no sense to it.
 */
ssize_t vhostx_iotlb_write(struct vhostx_dev *dev, struct iov_iter *from)
{
	const size_t head = offsetof(struct vhost_msg_v2, iotlb);
	struct vhost_msg_v2 msg;
	int i, ret = -EPERM;

	BUILD_BUG_ON(offsetof(struct vhost_msg, iotlb) != head);
	BUILD_BUG_ON(sizeof(struct vhost_msg) != sizeof(msg));
	if (!copy_from_iter_full(&msg, head + sizeof(msg.iotlb), from))
		return -EINVAL;
	if (msg.type != VHOST_IOTLB_MSG && msg.type != VHOST_IOTLB_MSG_V2)
		return -EINVAL;
	if (msg.iotlb.type == VHOST_IOTLB_UPDATE && !msg.iotlb.size)
		return -EINVAL;

	mutex_lock(&dev->lock);
	if (dev->mm && dev->mm == current->mm) {
		for (i = 0; i < VHOSTX_QUEUES; i++)
			mutex_lock_nested(&dev->vq[i].lock, i);
		ret = iotlb_do(dev, &msg.iotlb) ? -EFAULT : 0;
		for (i = VHOSTX_QUEUES - 1; i >= 0; i--)
			mutex_unlock(&dev->vq[i].lock);
	}
	mutex_unlock(&dev->lock);
	return ret ?: sizeof(msg);
}
