// SPDX-License-Identifier: GPL-2.0-only
/* The life of a device: owner, memory table, features, reset. */
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "compat/compat.h"
#include "dev.h"
#include "event.h"
#include "layout.h"
#include "vq.h"

/* Offered; the first word on every kernel. */
const u64 vhostx_features[VHOSTX_FEATURE_WORDS] = {
	BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |
	BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) |
	BIT_ULL(VHOST_F_LOG_ALL) |
	BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR) |
	BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |
	BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
	BIT_ULL(VIRTIO_F_VERSION_1) |
	BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
	BIT_ULL(VIRTIO_F_IN_ORDER) |
	BIT_ULL(VIRTIO_F_RING_RESET) |
	(IS_ENABLED(CONFIG_64BIT) ? BIT_ULL(VIRTIO_F_RING_PACKED) : 0),
	VHOSTX_FEATURES_TUNNEL,
};

unsigned short vhostx_max_mem_regions = 1024;
int vhostx_max_iotlb_entries = 2048;
bool vhostx_fork_default = VHOSTX_CAN_FORK;

static DEFINE_MUTEX(vhostx_devs_lock);
static LIST_HEAD(vhostx_devs);
static DEFINE_IDA(vhostx_ids);

/* By id: a dump of all goes on after the last one it has shown. */
static void devs_add(struct vhostx_dev *dev)
{
	struct vhostx_dev *next;

	mutex_lock(&vhostx_devs_lock);
	list_for_each_entry(next, &vhostx_devs, node) {
		if (next->id > dev->id)
			break;
	}
	list_add_tail(&dev->node, &next->node);
	mutex_unlock(&vhostx_devs_lock);
}

/**
 * vhostx_dev_next - a device, to show it
 * @id: its id at least
 *
 * Return: the open one with the lowest such id, for vhostx_dev_put(), or NULL.
 */
struct vhostx_dev *vhostx_dev_next(unsigned int id)
{
	struct vhostx_dev *dev, *found = NULL;

	mutex_lock(&vhostx_devs_lock);
	list_for_each_entry(dev, &vhostx_devs, node) {
		if (dev->id >= id) {
			refcount_inc(&dev->refs);
			found = dev;
			break;
		}
	}
	mutex_unlock(&vhostx_devs_lock);
	return found;
}

/**
 * vhostx_dev_put - give up a reference
 * @dev: from vhostx_dev_next(); NULL is fine
 */
void vhostx_dev_put(struct vhostx_dev *dev)
{
	int i;

	if (!dev || !refcount_dec_and_test(&dev->refs))
		return;
	for (i = 0; i < VHOSTX_QUEUES; i++)
		vhostx_vq_free(&dev->vq[i]);
	mutex_destroy(&dev->lock);
	kvfree(dev);
}

/**
 * vhostx_dev_create - a device for a file that was opened
 *
 * Return: the device, or -ENOMEM.
 */
struct vhostx_dev *vhostx_dev_create(void)
{
	struct vhostx_dev *dev;
	int id;

	/* Of a larger one the allocator would make twice as much. */
	BUILD_BUG_ON(sizeof(*dev) > SZ_128K);
	dev = kvzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	id = ida_alloc(&vhostx_ids, GFP_KERNEL);
	if (id < 0) {
		kvfree(dev);
		return ERR_PTR(id);
	}

	dev->id = id;
	refcount_set(&dev->refs, 1);
	dev->fork_owner = vhostx_fork_default;
	dev->layout = vhostx_layout_default;
	dev->pool_size = vhostx_pool_size_default;
	mutex_init(&dev->lock);
	spin_lock_init(&dev->miss_lock);
	init_waitqueue_head(&dev->miss_wait);
	vhostx_vq_init(&dev->vq[VHOSTX_RX], dev, false);
	vhostx_vq_init(&dev->vq[VHOSTX_TX], dev, true);

	devs_add(dev);
	vhostx_event(VHOSTX_CMD_DEV_ADD_NTF, dev);
	return dev;
}

/**
 * vhostx_dev_close - end a device whose file is gone
 * @dev: the device
 */
void vhostx_dev_close(struct vhostx_dev *dev)
{
	mutex_lock(&vhostx_devs_lock);
	list_del(&dev->node);
	mutex_unlock(&vhostx_devs_lock);

	mutex_lock(&dev->lock);
	vhostx_dev_reset(dev);
	mutex_unlock(&dev->lock);

	vhostx_event(VHOSTX_CMD_DEV_DEL_NTF, dev);
	ida_free(&vhostx_ids, dev->id);
	vhostx_dev_put(dev);
}

/**
 * vhostx_dev_check_owner - whether the caller may set the device up
 * @dev: the device
 *
 * Return: 0, or -EPERM for anyone but the owner's threads, and for everyone
 * while there is no owner.
 */
int vhostx_dev_check_owner(const struct vhostx_dev *dev)
{
	return dev->mm && dev->mm == current->mm ? 0 : -EPERM;
}

static void dev_forget_owner(struct vhostx_dev *dev)
{
	put_pid(dev->pid);
	dev->pid = NULL;
	mmput(dev->mm);
	dev->mm = NULL;
}

/**
 * vhostx_dev_set_owner - make the caller the owner
 * @dev: the device
 *
 * Return: 0; -EBUSY where there is an owner; -ENOMEM, or why the worker could
 * not start.
 */
int vhostx_dev_set_owner(struct vhostx_dev *dev)
{
	struct mm_struct *mm;
	int ret;

	if (dev->mm)
		return -EBUSY;
	mm = get_task_mm(current);
	if (!mm)
		return -EINVAL;

	dev->mm = mm;
	dev->pid = get_task_pid(current, PIDTYPE_TGID);
	ret = vhostx_dev_set_layout(dev, dev->layout, dev->pool_size);
	if (ret) {
		dev_forget_owner(dev);
		return ret;
	}
	get_task_comm(dev->comm, current->group_leader);
	/* Who finds the owner finds its name. */
	smp_store_release(&dev->owner, task_tgid_nr(current));
	vhostx_event(VHOSTX_CMD_DEV_CHANGE_NTF, dev);
	return 0;
}

/* Takes the tables over; the queues have been given them. */
static void dev_set_table(struct vhostx_dev *dev, struct vhost_iotlb *table,
			  struct vhost_iotlb *owners)
{
	if (dev->table) {
		vhost_iotlb_free(dev->table);
		vhost_iotlb_free(dev->owners);
	}
	dev->table = table;
	dev->owners = owners;
	WRITE_ONCE(dev->regions, table ? table->nmaps : 0);
}

/* Takes it over; the queues use it from now on, or the memory table without. */
static void dev_set_iotlb(struct vhostx_dev *dev, struct vhost_iotlb *iotlb)
{
	struct vhost_iotlb *old = dev->iotlb;
	int i;

	WRITE_ONCE(dev->iotlb_entries, 0);
	WRITE_ONCE(dev->iotlb, iotlb);
	for (i = 0; i < VHOSTX_QUEUES; i++)
		vhostx_vq_set_iotlb(&dev->vq[i], iotlb);
	if (old)
		vhost_iotlb_free(old);
	/* Whoever reads messages looks whether there is an IOTLB. */
	wake_up_interruptible_poll(&dev->miss_wait, EPOLLIN | EPOLLRDNORM);
}

static void dev_store_features(struct vhostx_dev *dev, const u64 *features)
{
	int i;

	for (i = 0; i < VHOSTX_FEATURE_WORDS; i++)
		WRITE_ONCE(dev->features[i], features[i]);
}

/**
 * vhostx_dev_reset - stop the queues, forget the owner and all it set up
 * @dev: the device
 */
void vhostx_dev_reset(struct vhostx_dev *dev)
{
	static const u64 none[VHOSTX_FEATURE_WORDS];
	int i;

	for (i = 0; i < VHOSTX_QUEUES; i++) {
		vhostx_vq_stop(&dev->vq[i]);
		vhostx_vq_reset(&dev->vq[i]);
	}
	/* Nothing wakes the queues any more: their workers are not asked late. */
	vhostx_dev_no_workers(dev);
	dev_set_table(dev, NULL, NULL);
	dev_set_iotlb(dev, NULL);
	dev_store_features(dev, none);
	WRITE_ONCE(dev->backend_features, 0);

	if (!dev->mm)
		return;
	dev->fork_owner = vhostx_fork_default;
	WRITE_ONCE(dev->owner, 0);
	dev_forget_owner(dev);
	vhostx_event(VHOSTX_CMD_DEV_CHANGE_NTF, dev);
}

static int dev_new_iotlb(struct vhostx_dev *dev, bool want)
{
	struct vhost_iotlb *iotlb = NULL;
	int i, ret;

	if (want) {
		iotlb = vhost_iotlb_alloc(vhostx_max_iotlb_entries,
					  VHOST_IOTLB_FLAG_RETIRE);
		if (!iotlb)
			return -ENOMEM;
		for (i = 0; i < VHOSTX_QUEUES; i++) {
			ret = vhostx_vq_need_pieces(&dev->vq[i]);
			if (ret) {
				vhost_iotlb_free(iotlb);
				return ret;
			}
		}
	}
	dev_set_iotlb(dev, iotlb);
	return 0;
}

/**
 * vhostx_dev_set_features - apply what was negotiated
 * @dev: the device, with running queues or without
 * @features: VHOSTX_FEATURE_WORDS words
 *
 * With VIRTIO_F_ACCESS_PLATFORM a device gets an empty IOTLB each time, but for
 * one whose queues run with one already: it goes on.
 *
 * Return: 0; -EOPNOTSUPP where one was not offered; -EFAULT where a queue runs
 * and the dirty log has no room for its memory; -EBUSY where a queue runs and
 * would get or lose its IOTLB, or its ring be of another format; -ENOMEM.
 */
int vhostx_dev_set_features(struct vhostx_dev *dev, const u64 *features)
{
	bool want = features[0] & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	bool running = false;
	int i, ret;

	for (i = 0; i < VHOSTX_FEATURE_WORDS; i++) {
		if (features[i] & ~vhostx_features[i])
			return -EOPNOTSUPP;
	}
	for (i = 0; i < VHOSTX_QUEUES; i++) {
		ret = vhostx_vq_check_features(&dev->vq[i], features);
		if (ret)
			return ret;
		running |= vhostx_vq_running(&dev->vq[i]);
	}
	if (running && want != !!dev->iotlb)
		return -EBUSY;
	if (!running) {
		ret = dev_new_iotlb(dev, want);
		if (ret)
			return ret;
	}
	for (i = 0; i < VHOSTX_QUEUES; i++)
		vhostx_vq_set_features(&dev->vq[i], features);
	dev_store_features(dev, features);
	vhostx_event(VHOSTX_CMD_DEV_CHANGE_NTF, dev);
	return 0;
}

/**
 * vhostx_dev_set_mem - use another memory table
 * @dev: the device, with running queues or without
 * @arg: VHOST_SET_MEM_TABLE's argument
 *
 * The old memory is not touched after this returns.
 *
 * Return: 0, or why vhostx_mem_read() failed; -EFAULT where a queue runs and a
 * region is not the owner's, or does not fit the dirty log.
 */
int vhostx_dev_set_mem(struct vhostx_dev *dev,
		       const struct vhost_memory __user *arg)
{
	struct vhost_iotlb *table, *owners;
	int i, ret;

	table = vhostx_mem_read(arg, vhostx_max_mem_regions);
	if (IS_ERR(table))
		return PTR_ERR(table);

	ret = -EFAULT;
	for (i = 0; i < VHOSTX_QUEUES; i++) {
		if (!vhostx_vq_table_ok(&dev->vq[i], table))
			goto err;
	}
	owners = vhostx_mem_reverse(table);
	if (IS_ERR(owners)) {
		ret = PTR_ERR(owners);
		goto err;
	}

	for (i = 0; i < VHOSTX_QUEUES; i++)
		vhostx_vq_set_table(&dev->vq[i], table, owners);
	dev_set_table(dev, table, owners);
	return 0;
err:
	vhost_iotlb_free(table);
	return ret;
}

/**
 * vhostx_dev_set_log_base - use another dirty log
 * @dev: the device, with running queues or without
 * @base: the bitmap's address in the owner's address space; 0 for none
 *
 * The old one is not written after this returns.
 *
 * Return: 0; -EFAULT where it is no address here or, while a queue runs, the
 * log has no room for its memory. Then none has changed.
 */
int vhostx_dev_set_log_base(struct vhostx_dev *dev, u64 base)
{
	u8 __user *log = u64_to_user_ptr(base);
	int i;

	if (base > ULONG_MAX)
		return -EFAULT;
	for (i = 0; i < VHOSTX_QUEUES; i++) {
		if (!vhostx_vq_log_ok(&dev->vq[i], log))
			return -EFAULT;
	}
	for (i = 0; i < VHOSTX_QUEUES; i++)
		vhostx_vq_set_log(&dev->vq[i], log);
	return 0;
}

/**
 * vhostx_dev_set_log_fd - set what is signalled when something was logged
 * @dev: the device
 * @fd: an eventfd, or VHOST_FILE_UNBIND
 *
 * Return: 0; -EBADF or -EINVAL where @fd is no eventfd.
 */
int vhostx_dev_set_log_fd(struct vhostx_dev *dev, int fd)
{
	int i, ret = 0;

	for (i = 0; i < VHOSTX_QUEUES && !ret; i++)
		ret = vhostx_vq_set_eventfd(&dev->vq[i], &dev->vq[i].log.ctx,
					    fd);
	return ret;
}

/**
 * vhostx_dev_set_fork - choose what workers are
 * @dev: the device, without owner
 * @how: VHOST_FORK_OWNER_TASK, threads of the owner's, or
 *	 VHOST_FORK_OWNER_KTHREAD, of the kernel's
 *
 * Return: 0; -EBUSY where there is an owner; -EINVAL for anything else, or for
 * tasks where the kernel cannot make them.
 */
int vhostx_dev_set_fork(struct vhostx_dev *dev, u8 how)
{
	if (dev->mm)
		return -EBUSY;
	if (how != VHOST_FORK_OWNER_KTHREAD &&
	    (how != VHOST_FORK_OWNER_TASK || !VHOSTX_CAN_FORK))
		return -EINVAL;
	dev->fork_owner = how == VHOST_FORK_OWNER_TASK;
	return 0;
}
