// SPDX-License-Identifier: GPL-2.0-only
/* What a process sees of the device: file operations and ioctls. */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "cdev.h"
#include "compat/compat.h"
#include "dev.h"
#include "iotlb.h"
#include "layout.h"
#include "vq.h"

/* Words of a features array that anyone could mean. */
#define CDEV_FEATURE_WORDS	64

#define CDEV_OWNER	BIT(0)	/* for the owner only */
#define CDEV_IN		BIT(1)	/* reads its argument */
#define CDEV_OUT	BIT(2)	/* writes its argument */
#define CDEV_VQ		BIT(3)	/* its argument begins with a queue's index */
#define CDEV_RAW	BIT(4)	/* copies its argument itself */

/* A copy of an ioctl's argument. */
union cdev_arg {
	void __user *user;
	u64 features;
	u64 log_base;
	int fd;
	u8 fork;
	u32 index;
	struct vhost_worker_state worker;
	struct vhost_vring_worker vq_worker;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhost_vring_file file;
};

/**
 * struct cdev_ioctl - an ioctl
 * @cmd: its number
 * @flags: CDEV_*
 * @size: bytes of its argument
 * @fn: does it, under the device's lock; @vq is NULL unless CDEV_VQ is set
 */
struct cdev_ioctl {
	unsigned int cmd;
	unsigned int flags;
	unsigned int size;
	int (*fn)(struct vhostx_dev *dev, struct vhostx_vq *vq,
		  union cdev_arg *arg);
};

static int cdev_set_owner(struct vhostx_dev *dev, struct vhostx_vq *vq,
			  union cdev_arg *arg)
{
	return vhostx_dev_set_owner(dev);
}

static int cdev_reset_owner(struct vhostx_dev *dev, struct vhostx_vq *vq,
			    union cdev_arg *arg)
{
	vhostx_dev_reset(dev);
	return 0;
}

static int cdev_get_features(struct vhostx_dev *dev, struct vhostx_vq *vq,
			     union cdev_arg *arg)
{
	arg->features = vhostx_features[0];
	return 0;
}

static int cdev_set_features(struct vhostx_dev *dev, struct vhostx_vq *vq,
			     union cdev_arg *arg)
{
	u64 features[VHOSTX_FEATURE_WORDS] = { arg->features };

	return vhostx_dev_set_features(dev, features);
}

static int cdev_get_features_array(struct vhostx_dev *dev, struct vhostx_vq *vq,
				   union cdev_arg *arg)
{
	struct vhost_features_array __user *array = arg->user;
	u64 count, known;
	size_t rest;

	if (get_user(count, &array->count))
		return -EFAULT;
	known = min(count, VHOSTX_FEATURE_WORDS);
	if (copy_to_user(array->features, vhostx_features,
			 known * sizeof(u64)))
		return -EFAULT;
	rest = size_mul(count - known, sizeof(u64));
	return clear_user(array->features + known, rest) ? -EFAULT : 0;
}

static int cdev_set_features_array(struct vhostx_dev *dev, struct vhostx_vq *vq,
				   union cdev_arg *arg)
{
	struct vhost_features_array __user *array = arg->user;
	u64 features[VHOSTX_FEATURE_WORDS] = {};
	u64 count, i, word;

	if (get_user(count, &array->count))
		return -EFAULT;
	if (count > CDEV_FEATURE_WORDS)
		return -E2BIG;
	for (i = 0; i < count; i++) {
		if (get_user(word, &array->features[i]))
			return -EFAULT;
		if (i < VHOSTX_FEATURE_WORDS)
			features[i] = word;
		else if (word)
			return -EOPNOTSUPP;
	}
	return vhostx_dev_set_features(dev, features);
}

static int cdev_get_backend_features(struct vhostx_dev *dev,
				     struct vhostx_vq *vq, union cdev_arg *arg)
{
	arg->features = VHOSTX_BACKEND_FEATURES;
	return 0;
}

static int cdev_set_backend_features(struct vhostx_dev *dev,
				     struct vhostx_vq *vq, union cdev_arg *arg)
{
	if (arg->features & ~VHOSTX_BACKEND_FEATURES)
		return -EOPNOTSUPP;
	WRITE_ONCE(dev->backend_features, arg->features);
	return 0;
}

static int cdev_set_fork(struct vhostx_dev *dev, struct vhostx_vq *vq,
			 union cdev_arg *arg)
{
	return vhostx_dev_set_fork(dev, arg->fork);
}

static int cdev_get_fork(struct vhostx_dev *dev, struct vhostx_vq *vq,
			 union cdev_arg *arg)
{
	arg->fork = dev->fork_owner ? VHOST_FORK_OWNER_TASK :
				      VHOST_FORK_OWNER_KTHREAD;
	return 0;
}

static int cdev_new_worker(struct vhostx_dev *dev, struct vhostx_vq *vq,
			   union cdev_arg *arg)
{
	int ret = vhostx_dev_new_worker(dev);

	if (ret < 0)
		return ret;
	arg->worker.worker_id = ret;
	return 0;
}

static int cdev_free_worker(struct vhostx_dev *dev, struct vhostx_vq *vq,
			    union cdev_arg *arg)
{
	return vhostx_dev_free_worker(dev, arg->worker.worker_id);
}

static int cdev_attach_worker(struct vhostx_dev *dev, struct vhostx_vq *vq,
			      union cdev_arg *arg)
{
	return vhostx_dev_attach_worker(dev, vq, arg->vq_worker.worker_id);
}

static int cdev_get_worker(struct vhostx_dev *dev, struct vhostx_vq *vq,
			   union cdev_arg *arg)
{
	arg->vq_worker.worker_id = vhostx_dev_worker_id(dev, vq);
	return 0;
}

static int cdev_set_mem_table(struct vhostx_dev *dev, struct vhostx_vq *vq,
			      union cdev_arg *arg)
{
	return vhostx_dev_set_mem(dev, arg->user);
}

static int cdev_set_log_base(struct vhostx_dev *dev, struct vhostx_vq *vq,
			     union cdev_arg *arg)
{
	return vhostx_dev_set_log_base(dev, arg->log_base);
}

static int cdev_set_log_fd(struct vhostx_dev *dev, struct vhostx_vq *vq,
			   union cdev_arg *arg)
{
	return vhostx_dev_set_log_fd(dev, arg->fd);
}

static int cdev_set_num(struct vhostx_dev *dev, struct vhostx_vq *vq,
			union cdev_arg *arg)
{
	return vhostx_vq_set_num(vq, arg->state.num);
}

static int cdev_set_addr(struct vhostx_dev *dev, struct vhostx_vq *vq,
			 union cdev_arg *arg)
{
	return vhostx_vq_set_addr(vq, &arg->addr);
}

static int cdev_set_base(struct vhostx_dev *dev, struct vhostx_vq *vq,
			 union cdev_arg *arg)
{
	return vhostx_vq_set_base(vq, arg->state.num);
}

static int cdev_get_base(struct vhostx_dev *dev, struct vhostx_vq *vq,
			 union cdev_arg *arg)
{
	arg->state.num = vhostx_vq_base(vq);
	return 0;
}

static int cdev_set_kick(struct vhostx_dev *dev, struct vhostx_vq *vq,
			 union cdev_arg *arg)
{
	return vhostx_vq_set_kick(vq, arg->file.fd);
}

static int cdev_set_call(struct vhostx_dev *dev, struct vhostx_vq *vq,
			 union cdev_arg *arg)
{
	return vhostx_vq_set_eventfd(vq, &vq->call, arg->file.fd);
}

static int cdev_set_err(struct vhostx_dev *dev, struct vhostx_vq *vq,
			union cdev_arg *arg)
{
	return vhostx_vq_set_eventfd(vq, &vq->err, arg->file.fd);
}

static int cdev_set_busyloop(struct vhostx_dev *dev, struct vhostx_vq *vq,
			     union cdev_arg *arg)
{
	vhostx_vq_set_busyloop(vq, arg->state.num);
	return 0;
}

static int cdev_get_busyloop(struct vhostx_dev *dev, struct vhostx_vq *vq,
			     union cdev_arg *arg)
{
	arg->state.num = vq->busyloop_us;
	return 0;
}

static int cdev_set_backend(struct vhostx_dev *dev, struct vhostx_vq *vq,
			    union cdev_arg *arg)
{
	if (arg->file.fd != VHOST_FILE_UNBIND)
		return vhostx_vq_set_backend(vq, arg->file.fd);
	vhostx_vq_stop(vq);
	return 0;
}

#define CDEV_STATE	sizeof(struct vhost_vring_state)
#define CDEV_WORKER	sizeof(struct vhost_worker_state)
#define CDEV_VQ_WORKER	sizeof(struct vhost_vring_worker)
#define CDEV_FILE	sizeof(struct vhost_vring_file)
#define CDEV_VQ_IN	(CDEV_OWNER | CDEV_VQ | CDEV_IN)
#define CDEV_VQ_INOUT	(CDEV_VQ_IN | CDEV_OUT)

static const struct cdev_ioctl cdev_ioctls[] = {
	{ VHOST_SET_OWNER, 0, 0, cdev_set_owner },
	{ VHOST_RESET_OWNER, CDEV_OWNER, 0, cdev_reset_owner },
	{ VHOST_GET_FEATURES, CDEV_OUT, sizeof(u64), cdev_get_features },
	{ VHOST_SET_FEATURES, CDEV_IN, sizeof(u64), cdev_set_features },
	{ VHOST_GET_FEATURES_ARRAY, CDEV_RAW, 0, cdev_get_features_array },
	{ VHOST_SET_FEATURES_ARRAY, CDEV_RAW, 0, cdev_set_features_array },
	{ VHOST_GET_BACKEND_FEATURES, CDEV_OUT, sizeof(u64),
	  cdev_get_backend_features },
	{ VHOST_SET_BACKEND_FEATURES, CDEV_IN, sizeof(u64),
	  cdev_set_backend_features },
	{ VHOST_SET_FORK_FROM_OWNER, CDEV_IN, sizeof(u8), cdev_set_fork },
	{ VHOST_GET_FORK_FROM_OWNER, CDEV_OUT, sizeof(u8), cdev_get_fork },
	{ VHOST_NEW_WORKER, CDEV_OWNER | CDEV_OUT, CDEV_WORKER,
	  cdev_new_worker },
	{ VHOST_FREE_WORKER, CDEV_OWNER | CDEV_IN, CDEV_WORKER,
	  cdev_free_worker },
	{ VHOST_ATTACH_VRING_WORKER, CDEV_VQ_IN, CDEV_VQ_WORKER,
	  cdev_attach_worker },
	{ VHOST_GET_VRING_WORKER, CDEV_VQ_INOUT, CDEV_VQ_WORKER,
	  cdev_get_worker },
	{ VHOST_SET_MEM_TABLE, CDEV_OWNER | CDEV_RAW, 0, cdev_set_mem_table },
	{ VHOST_SET_LOG_BASE, CDEV_OWNER | CDEV_IN, sizeof(u64),
	  cdev_set_log_base },
	{ VHOST_SET_LOG_FD, CDEV_OWNER | CDEV_IN, sizeof(int),
	  cdev_set_log_fd },
	{ VHOST_SET_VRING_NUM, CDEV_VQ_IN, CDEV_STATE, cdev_set_num },
	{ VHOST_SET_VRING_ADDR, CDEV_VQ_IN, sizeof(struct vhost_vring_addr),
	  cdev_set_addr },
	{ VHOST_SET_VRING_BASE, CDEV_VQ_IN, CDEV_STATE, cdev_set_base },
	{ VHOST_GET_VRING_BASE, CDEV_VQ_INOUT, CDEV_STATE, cdev_get_base },
	{ VHOST_SET_VRING_KICK, CDEV_VQ_IN, CDEV_FILE, cdev_set_kick },
	{ VHOST_SET_VRING_CALL, CDEV_VQ_IN, CDEV_FILE, cdev_set_call },
	{ VHOST_SET_VRING_ERR, CDEV_VQ_IN, CDEV_FILE, cdev_set_err },
	{ VHOST_SET_VRING_BUSYLOOP_TIMEOUT, CDEV_VQ_IN, CDEV_STATE,
	  cdev_set_busyloop },
	{ VHOST_GET_VRING_BUSYLOOP_TIMEOUT, CDEV_VQ_INOUT, CDEV_STATE,
	  cdev_get_busyloop },
	{ VHOST_NET_SET_BACKEND, CDEV_VQ_IN, CDEV_FILE, cdev_set_backend },
};

static const struct cdev_ioctl *cdev_find(unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cdev_ioctls); i++) {
		if (cdev_ioctls[i].cmd == cmd)
			return &cdev_ioctls[i];
	}
	return NULL;
}

static int cdev_do(struct vhostx_dev *dev, const struct cdev_ioctl *op,
		   void __user *user)
{
	struct vhostx_vq *vq = NULL;
	union cdev_arg arg = {};
	int ret;

	if (op->flags & CDEV_OWNER) {
		ret = vhostx_dev_check_owner(dev);
		if (ret)
			return ret;
	}
	if (op->flags & CDEV_RAW)
		arg.user = user;
	if (op->flags & CDEV_IN && copy_from_user(&arg, user, op->size))
		return -EFAULT;
	if (op->flags & CDEV_VQ) {
		if (arg.index >= VHOSTX_QUEUES)
			return -ENOBUFS;
		vq = &dev->vq[array_index_nospec(arg.index, VHOSTX_QUEUES)];
	}

	ret = op->fn(dev, vq, &arg);
	if (!ret && op->flags & CDEV_OUT && copy_to_user(user, &arg, op->size))
		return -EFAULT;
	return ret;
}

static long cdev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct cdev_ioctl *op = cdev_find(cmd);
	struct vhostx_dev *dev = file->private_data;
	int ret;

	if (!op)
		return -ENOTTY;
	mutex_lock(&dev->lock);
	ret = cdev_do(dev, op, (void __user *)arg);
	mutex_unlock(&dev->lock);
	return ret;
}

static __poll_t cdev_poll(struct file *file, poll_table *table)
{
	struct vhostx_dev *dev = file->private_data;

	poll_wait(file, &dev->miss_wait, table);
	return vhostx_iotlb_asks(dev) ? EPOLLIN | EPOLLRDNORM : 0;
}

static ssize_t cdev_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;

	return vhostx_iotlb_read(file->private_data, to,
				 file->f_flags & O_NONBLOCK ||
				 iocb->ki_flags & IOCB_NOWAIT);
}

static ssize_t cdev_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	return vhostx_iotlb_write(iocb->ki_filp->private_data, from);
}

static int cdev_open(struct inode *inode, struct file *file)
{
	struct vhostx_dev *dev = vhostx_dev_create();

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	file->private_data = dev;
	return 0;
}

static int cdev_release(struct inode *inode, struct file *file)
{
	vhostx_dev_close(file->private_data);
	return 0;
}

const struct file_operations vhostx_fops = {
	.owner = THIS_MODULE,
	.open = cdev_open,
	.release = cdev_release,
	.unlocked_ioctl = cdev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read_iter = cdev_read_iter,
	.write_iter = cdev_write_iter,
	.poll = cdev_poll,
	.llseek = noop_llseek,
};
