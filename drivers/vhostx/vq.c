// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a queue. Callers hold the device's lock; everything here that
 * the data path sees changes under the queue's.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>

#include "compat/compat.h"
#include "event.h"
#include "iotlb.h"
#include "notify.h"
#include "poll.h"
#include "rx.h"
#include "trace.h"
#include "tx.h"
#include "vq.h"

static const u64 vq_no_features[VHOSTX_FEATURE_WORDS];

static void vq_lock(struct vhostx_vq *vq)
{
	mutex_lock_nested(&vq->lock, vq->is_tx ? VHOSTX_TX : VHOSTX_RX);
}

static void vq_unlock(struct vhostx_vq *vq)
{
	mutex_unlock(&vq->lock);
}

/* Set up the ring as its addresses say; translated ones come when it runs. */
static void vq_place(struct vhostx_vq *vq)
{
	struct vhostx_ring *r = &vq->ring;

	r->pieces = NULL;
	vq->located = !vq->view.iotlb;
	if (vq->view.iotlb)
		return;
	r->desc = u64_to_user_ptr(vq->addr.desc);
	r->avail = u64_to_user_ptr(vq->addr.avail);
	r->used = u64_to_user_ptr(vq->addr.used);
}

/* Whether the ring can be where it is said to be. */
static bool vq_ring_ok(const struct vhostx_vq *vq)
{
	const struct vhostx_ring *r = &vq->ring;

	/* The size can be set before the format. */
	return (r->packed || is_power_of_2(r->num)) &&
	       (vq->view.iotlb || vhostx_ring_ok(r));
}

/**
 * vhostx_vq_running - whether a queue has a backend
 * @vq: the queue; caller holds the device's lock
 *
 * Return: whether it has.
 */
bool vhostx_vq_running(const struct vhostx_vq *vq)
{
	return vq->sock.sock;
}

/**
 * vhostx_vq_tid - the thread of who runs a queue
 * @vq: the queue; none of its locks is needed
 *
 * Return: its id in the initial namespace; 0 without owner.
 */
pid_t vhostx_vq_tid(const struct vhostx_vq *vq)
{
	const struct vhostx_worker *worker;
	pid_t tid;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	tid = worker ? worker->tid : 0;
	rcu_read_unlock();
	return tid;
}

/**
 * vhostx_vq_init - set up a queue of a new device
 * @vq: the queue, zeroed
 * @dev: its device
 * @is_tx: which queue it is
 */
void vhostx_vq_init(struct vhostx_vq *vq, struct vhostx_dev *dev, bool is_tx)
{
	mutex_init(&vq->lock);
	vq->dev = dev;
	vq->is_tx = is_tx;
	vq->tune = vhostx_tune_default;
	vhostx_poll_set(vq);
	vq->work.fn = is_tx ? vhostx_tx_work : vhostx_rx_work;
	vhostx_frags_init(&vq->tx.frags, vhostx_tx_trim);
	vhostx_notify_init(vq);
	vhostx_ring_reset(&vq->ring);
	vhostx_vq_set_features(vq, vq_no_features);
}

/**
 * vhostx_vq_free - free what a queue holds beyond its reset
 * @vq: the queue, reset, of a device without owner
 */
void vhostx_vq_free(struct vhostx_vq *vq)
{
	kvfree(vq->pieces);
	mutex_destroy(&vq->lock);
}

/**
 * vhostx_vq_reset - back to what vhostx_vq_init() left
 * @vq: the queue, stopped
 *
 * But for the counters, and for @tune: what an operator has set stays as long as
 * the file is open, whoever owns it.
 */
void vhostx_vq_reset(struct vhostx_vq *vq)
{
	vhostx_vq_set_kick(vq, VHOST_FILE_UNBIND);
	vhostx_vq_set_eventfd(vq, &vq->call, VHOST_FILE_UNBIND);
	vhostx_vq_set_eventfd(vq, &vq->err, VHOST_FILE_UNBIND);
	vhostx_vq_set_eventfd(vq, &vq->log.ctx, VHOST_FILE_UNBIND);
	vhostx_vq_set_features(vq, vq_no_features);
	vhostx_vq_set_table(vq, NULL, NULL);
	vhostx_vq_set_log(vq, NULL);

	vq_lock(vq);
	vhostx_ring_reset(&vq->ring);
	memset(&vq->addr, 0, sizeof(vq->addr));
	vq->log.used = false;
	vq->busyloop_us = 0;
	vq->busyloop_asked = false;
	vhostx_poll_set(vq);
	vq_unlock(vq);
}

/* Whether all that is logged has room in the log at @base. */
static bool vq_log_fits(const struct vhostx_vq *vq, const u8 __user *base,
			struct vhost_iotlb *table, bool frames)
{
	if (frames && !vhostx_log_table_ok(base, table))
		return false;
	/* With an IOTLB the used ring is logged where it was found. */
	return !vq->log.used || vq->view.iotlb ||
	       vhostx_log_ok(base, vq->log.used_addr,
			     vhostx_ring_used_size(&vq->ring));
}

/**
 * vhostx_vq_check_features - whether a queue can go on with these features
 * @vq: the queue, running or not
 * @features: a subset of those offered
 *
 * Return: 0; where it runs -EBUSY for another ring format, -EFAULT where its dirty
 * log is too small.
 */
int vhostx_vq_check_features(const struct vhostx_vq *vq, const u64 *features)
{
	bool packed = features[0] & BIT_ULL(VIRTIO_F_RING_PACKED);

	if (!vhostx_vq_running(vq))
		return 0;
	if (packed != vq->ring.packed)
		return -EBUSY;
	return vq_log_fits(vq, vq->log.base, vq->dev->table,
			   features[0] & BIT_ULL(VHOST_F_LOG_ALL)) ? 0 :
	       -EFAULT;
}

/**
 * vhostx_vq_set_features - apply what was negotiated
 * @vq: the queue, running or not
 * @words: a subset of those offered
 */
void vhostx_vq_set_features(struct vhostx_vq *vq, const u64 *words)
{
	bool tunnel = words[1] & VHOSTX_FEATURES_TUNNEL;
	size_t hlen = sizeof(struct virtio_net_hdr);
	u64 features = words[0];

	if (tunnel)
		hlen = VHOSTX_HLEN_TUNNEL;
	else if (features & (BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |
			     BIT_ULL(VIRTIO_F_VERSION_1)))
		hlen = sizeof(struct virtio_net_hdr_mrg_rxbuf);

	vq_lock(vq);
	vq->features = features;
	vq->tunnel = tunnel;
	vq->log.frames = features & BIT_ULL(VHOST_F_LOG_ALL);
	if (features & BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR)) {
		vq->vhost_hlen = hlen;
		vq->sock_hlen = 0;
	} else {
		vq->vhost_hlen = 0;
		vq->sock_hlen = hlen;
	}
	WRITE_ONCE(vq->ring.packed,
		   !!(features & BIT_ULL(VIRTIO_F_RING_PACKED)));
	vq->ring.modern = features & (BIT_ULL(VIRTIO_F_VERSION_1) |
				      BIT_ULL(VIRTIO_F_RING_PACKED));
	vq->ring.event_idx = features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	vq->ring.notify_on_empty =
		features & BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY);
	vq->ring.one_used = vq->is_tx &&
		features & BIT_ULL(VIRTIO_F_IN_ORDER);
	vhostx_sock_doubt(&vq->sock);
	vq_unlock(vq);
}

/**
 * vhostx_vq_table_ok - whether a queue can go on with a memory table
 * @vq: the queue, running or not; one that does not checks when it starts
 * @table: the table
 *
 * Return: true unless it runs, and a region is not the owner's or does not fit
 * the dirty log.
 */
bool vhostx_vq_table_ok(const struct vhostx_vq *vq, struct vhost_iotlb *table)
{
	return !vhostx_vq_running(vq) ||
	       (vhostx_mem_ok(table) &&
		vq_log_fits(vq, vq->log.base, table, vq->log.frames));
}

/**
 * vhostx_vq_set_worker - have another worker run a queue
 * @vq: the queue, running or not
 * @worker: the worker, or NULL for none
 *
 * The old one may still be asked to run it; after a grace period it is not.
 *
 * Return: the old worker, or NULL.
 */
struct vhostx_worker *vhostx_vq_set_worker(struct vhostx_vq *vq,
					   struct vhostx_worker *worker)
{
	vq_lock(vq);
	worker = rcu_replace_pointer(vq->worker, worker,
				     lockdep_is_held(&vq->lock));
	vq_unlock(vq);
	return worker;
}

/**
 * vhostx_vq_set_table - use another memory table
 * @vq: the queue, running or not
 * @table: the table, or NULL for none
 * @owners: the same by owner's address
 *
 * The old table and its memory are not touched after this returns.
 */
void vhostx_vq_set_table(struct vhostx_vq *vq, struct vhost_iotlb *table,
			 struct vhost_iotlb *owners)
{
	vq_lock(vq);
	if (!vq->view.iotlb)
		vhostx_view_set(&vq->view, table, false);
	vq->log.owners = owners;
	vq_unlock(vq);
}

/**
 * vhostx_vq_need_pieces - have room for a scattered ring
 * @vq: the queue
 *
 * Return: 0 or -ENOMEM.
 */
int vhostx_vq_need_pieces(struct vhostx_vq *vq)
{
	if (!vq->pieces)
		vq->pieces = kvzalloc(sizeof(*vq->pieces), GFP_KERNEL_ACCOUNT);
	return vq->pieces ? 0 : -ENOMEM;
}

/**
 * vhostx_vq_set_iotlb - use another IOTLB
 * @vq: the queue, stopped; it has room for a scattered ring if it gets one
 * @iotlb: the IOTLB, or NULL for none: back to the memory table
 */
void vhostx_vq_set_iotlb(struct vhostx_vq *vq, struct vhost_iotlb *iotlb)
{
	vq_lock(vq);
	vhostx_view_set(&vq->view, iotlb ?: vq->dev->table, iotlb);
	vq_place(vq);
	vhostx_iotlb_forget_miss(vq);
	vq_unlock(vq);
}

/**
 * vhostx_vq_log_ok - whether a queue can go on with a dirty log
 * @vq: the queue, running or not
 * @base: the bitmap
 *
 * Return: true unless it runs and the log is too small.
 */
bool vhostx_vq_log_ok(const struct vhostx_vq *vq, const u8 __user *base)
{
	return !vhostx_vq_running(vq) ||
	       vq_log_fits(vq, base, vq->dev->table, vq->log.frames);
}

/**
 * vhostx_vq_set_log - use another dirty log
 * @vq: the queue, running or not
 * @base: the bitmap, or NULL for none
 *
 * The old one is not written after this returns.
 */
void vhostx_vq_set_log(struct vhostx_vq *vq, u8 __user *base)
{
	vq_lock(vq);
	vq->log.base = base;
	vq_unlock(vq);
}

/**
 * vhostx_vq_set_num - set the ring's size
 * @vq: the queue
 * @num: entries
 *
 * Return: 0; -EBUSY while the queue runs; -EINVAL unless @num is from 1 to
 * VHOSTX_RING_MAX, and a power of two where the ring is split.
 */
int vhostx_vq_set_num(struct vhostx_vq *vq, u32 num)
{
	if (vhostx_vq_running(vq))
		return -EBUSY;
	if (!num || num > VHOSTX_RING_MAX ||
	    (!vq->ring.packed && !is_power_of_2(num)))
		return -EINVAL;

	vq_lock(vq);
	WRITE_ONCE(vq->ring.num, num);
	vhostx_ring_forget(&vq->ring);
	vq_unlock(vq);
	return 0;
}

/**
 * vhostx_vq_set_addr - set where the ring is
 * @vq: the queue, running or not
 * @a: addresses in the owner's address space
 *
 * Return: 0; -EOPNOTSUPP for flags that are not known; -EFAULT for an address
 * that is none here; -EINVAL for one that is not aligned or, while the queue
 * runs, not the owner's or outside the dirty log.
 */
int vhostx_vq_set_addr(struct vhostx_vq *vq, const struct vhost_vring_addr *a)
{
	struct vhostx_addr addr = vq->addr;
	struct vhostx_log log = vq->log;
	int ret = 0;

	if (a->flags & ~BIT(VHOST_VRING_F_LOG))
		return -EOPNOTSUPP;
	if (a->desc_user_addr > ULONG_MAX || a->avail_user_addr > ULONG_MAX ||
	    a->used_user_addr > ULONG_MAX)
		return -EFAULT;
	if (a->avail_user_addr % VRING_AVAIL_ALIGN_SIZE ||
	    a->used_user_addr % VRING_USED_ALIGN_SIZE ||
	    a->log_guest_addr % VRING_USED_ALIGN_SIZE)
		return -EINVAL;

	vq_lock(vq);
	vq->addr.desc = a->desc_user_addr;
	vq->addr.avail = a->avail_user_addr;
	vq->addr.used = a->used_user_addr;
	vq->log.used = a->flags & BIT(VHOST_VRING_F_LOG);
	vq->log.used_addr = a->log_guest_addr;
	vq_place(vq);
	if (vhostx_vq_running(vq) &&
	    (!vq_ring_ok(vq) || !vq_log_fits(vq, vq->log.base, NULL, false))) {
		vq->addr = addr;
		vq->log = log;
		vq_place(vq);
		ret = -EINVAL;
	} else {
		vhostx_ring_forget(&vq->ring);
	}
	vq_unlock(vq);
	return ret;
}

/**
 * vhostx_vq_set_base - set the first available entry to serve
 * @vq: the queue
 * @base: see vhostx_ring_set_base()
 *
 * Return: 0; -EBUSY while the queue runs; -EINVAL for more than 16 bits where the
 * ring is split.
 */
int vhostx_vq_set_base(struct vhostx_vq *vq, u32 base)
{
	if (vhostx_vq_running(vq))
		return -EBUSY;
	if (base > U16_MAX && !vq->ring.packed)
		return -EINVAL;

	vq_lock(vq);
	vhostx_ring_set_base(&vq->ring, base);
	vq_unlock(vq);
	return 0;
}

/**
 * vhostx_vq_base - where a queue stands
 * @vq: the queue
 *
 * Return: see vhostx_ring_base().
 */
u32 vhostx_vq_base(struct vhostx_vq *vq)
{
	u32 base;

	vq_lock(vq);
	/* Who asks may be about to move the guest elsewhere. */
	vhostx_vq_signal_late(vq);
	base = vhostx_ring_base(&vq->ring);
	vq_unlock(vq);
	return base;
}

/**
 * vhostx_vq_set_kick - set where kicks come from
 * @vq: the queue, running or not
 * @fd: an eventfd, or VHOST_FILE_UNBIND
 *
 * Return: 0; -EBADF or -EINVAL where @fd is no eventfd or cannot be polled.
 */
int vhostx_vq_set_kick(struct vhostx_vq *vq, int fd)
{
	struct file *old, *file = NULL;
	int ret = 0;

	if (fd != VHOST_FILE_UNBIND) {
		file = eventfd_fget(fd);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}

	vq_lock(vq);
	old = vq->kick;
	if (old != file) {
		vhostx_poll_stop(&vq->kick_poll);
		vq->kick = file;
		if (file)
			ret = vhostx_poll_start(&vq->kick_poll, file);
		if (ret > 0) {
			/* It was kicked before we looked. */
			vhostx_vq_queue(vq);
			ret = 0;
		}
	}
	vq_unlock(vq);

	if (old)
		fput(old);
	return ret;
}

/**
 * vhostx_vq_set_eventfd - set what a queue signals
 * @vq: the queue, running or not
 * @slot: its @call or @err
 * @fd: an eventfd, or VHOST_FILE_UNBIND
 *
 * The old one is not signalled after this returns.
 *
 * Return: 0; -EBADF or -EINVAL where @fd is no eventfd.
 */
int vhostx_vq_set_eventfd(struct vhostx_vq *vq, struct eventfd_ctx **slot,
			  int fd)
{
	struct eventfd_ctx *ctx = NULL;

	if (fd != VHOST_FILE_UNBIND) {
		ctx = eventfd_ctx_fdget(fd);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
	}

	vq_lock(vq);
	/* Whom the old one interrupts may not look at the new one for it. */
	vhostx_vq_signal_late(vq);
	swap(*slot, ctx);
	vq_unlock(vq);

	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}

/**
 * vhostx_vq_set_tune - change how a queue works
 * @vq: the queue, running or not
 * @tune: within the bounds that struct vhostx_tune has
 *
 * Holds from the queue's next run on.
 */
void vhostx_vq_set_tune(struct vhostx_vq *vq, const struct vhostx_tune *tune)
{
	vq_lock(vq);
	WRITE_ONCE(vq->tune.poll_mode, tune->poll_mode);
	WRITE_ONCE(vq->tune.poll_us, tune->poll_us);
	WRITE_ONCE(vq->tune.batch, tune->batch);
	WRITE_ONCE(vq->tune.weight, tune->weight);
	WRITE_ONCE(vq->tune.coalesce_us, tune->coalesce_us);
	WRITE_ONCE(vq->tune.coalesce_frames, tune->coalesce_frames);
	vhostx_poll_set(vq);
	/* Or it would wait for as long as was set before. */
	vhostx_vq_signal_late(vq);
	vq_unlock(vq);
}

/**
 * vhostx_vq_set_busyloop - set how long the VMM wants a queue to poll
 * @vq: the queue, running or not
 * @us: microseconds; 0 for not at all
 *
 * Holds from the next polling on, in mode vmm. Does not wait for one under way that
 * the VMM has asked for, which may be long.
 */
void vhostx_vq_set_busyloop(struct vhostx_vq *vq, u32 us)
{
	bool adapts = vq->poll_adapts;

	if (adapts)
		vq_lock(vq);
	vq->busyloop_us = us;
	vq->busyloop_asked = true;
	if (vq->tune.poll_mode == VHOSTX_POLL_MODE_VMM)
		vhostx_poll_set(vq);
	if (adapts)
		vq_unlock(vq);
}

/* Under the queue's lock. The caller puts the socket. */
static struct socket *vq_detach(struct vhostx_vq *vq)
{
	vhostx_vq_signal_late(vq);
	if (vq->sock.sock)
		trace_queue_stop(vq);
	vhostx_poll_stop(&vq->sock_poll);
	vhostx_vq_disarm(vq);
	vhostx_iotlb_forget_miss(vq);
	vhostx_ring_forget(&vq->ring);
	vhostx_frags_free(&vq->tx.frags);
	return vhostx_sock_detach(&vq->sock);
}

/* Under the queue's lock, with the set-up checked. */
static int vq_attach(struct vhostx_vq *vq, struct socket *sock)
{
	int ret = vhostx_poll_start(&vq->sock_poll, sock->file);

	if (ret < 0)
		return ret;
	vhostx_sock_attach(&vq->sock, sock);
	trace_queue_start(vq);
	/* Whatever came before: kicks, frames. */
	vhostx_vq_queue(vq);
	return 0;
}

static int vq_start(struct vhostx_vq *vq, struct socket *sock,
		    struct socket **old)
{
	struct vhostx_ring *r = &vq->ring;
	int ret;

	/* A running queue that is given the socket it has goes on. */
	if (vq->sock.sock == sock && !vhostx_ring_broken(r)) {
		*old = sock;
		return 0;
	}
	if (vfs_poll(sock->file, NULL) & EPOLLERR)
		return -EINVAL;
	ret = vq->view.iotlb ? vhostx_iotlb_locate_used(vq) : 0;
	ret = ret ?: vhostx_ring_start(r);
	vq->located = !vq->view.iotlb;
	if (ret)
		return ret;
	vhostx_vq_log_used(vq, 0, sizeof(r->used->flags));

	*old = vq_detach(vq);
	ret = vq_attach(vq, sock);
	if (!ret)
		vhostx_event(VHOSTX_CMD_QUEUE_START_NTF, vq);
	/* The worker leaves a broken ring alone, so nobody else would tell. */
	if (!ret && vhostx_ring_broken(r))
		vhostx_vq_break(vq);
	return ret;
}

/**
 * vhostx_vq_set_backend - start a queue, or give it another backend
 * @vq: the queue
 * @fd: see vhostx_sock_get()
 *
 * A broken queue starts afresh.
 *
 * Return: 0; -EFAULT where the memory table, the ring or the dirty log is not
 * set up, or not accessible; -ENOTSOCK; -EINVAL where the tap has no device.
 */
int vhostx_vq_set_backend(struct vhostx_vq *vq, int fd)
{
	struct socket *sock, *old = NULL;
	int ret;

	vq_lock(vq);
	if (!vhostx_mem_ok(vq->dev->table) || !vq_ring_ok(vq) ||
	    !vq_log_fits(vq, vq->log.base, vq->dev->table, vq->log.frames)) {
		vq_unlock(vq);
		return -EFAULT;
	}
	sock = vhostx_sock_get(fd);
	if (IS_ERR(sock)) {
		vq_unlock(vq);
		return PTR_ERR(sock);
	}
	ret = vq_start(vq, sock, &old);
	vq_unlock(vq);

	vhostx_sock_put(old);
	if (ret)
		vhostx_sock_put(sock);
	return ret;
}

/**
 * vhostx_vq_stop - take the backend away
 * @vq: the queue, running or not
 *
 * Ring, memory and socket are not touched after this returns. Cannot fail.
 */
void vhostx_vq_stop(struct vhostx_vq *vq)
{
	struct socket *sock;

	vq_lock(vq);
	sock = vq_detach(vq);
	vq_unlock(vq);

	cancel_delayed_work_sync(&vq->retry);
	cancel_delayed_work_sync(&vq->tx.frags.trim);
	hrtimer_cancel(&vq->late.timer);
	if (sock)
		vhostx_event(VHOSTX_CMD_QUEUE_STOP_NTF, vq);
	vhostx_sock_put(sock);
}
