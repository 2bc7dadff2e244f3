/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device and its queues are made of.
 *
 * Lock order, outermost first:
 *   vhostx_dev.lock		set-up: owner, memory table, features, eventfds
 *   vhostx_vq.lock		a queue's state and its data path; RX before TX
 *   pool_lock (worker.c)	the making of workers that devices share
 *   rtnl			taken to name a queue's network device
 *   netdevs_lock (netdev.c)	whose tap's device is known; also taken under rtnl
 *   vhostx_devs_lock (dev.c)	the list of devices
 *   workers_lock (worker.c)	the list of workers, and their users; spins
 * The worker takes a queue's lock only, and holds it while it touches the
 * driver's memory, the ring or the socket: who holds that lock can change them,
 * and nothing old is touched afterwards.
 */
#ifndef _VHOSTX_H
#define _VHOSTX_H

#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/poll.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/xdp.h>

#include "frag.h"
#include "log.h"
#include "ring.h"
#include "sock.h"
#include "stats.h"
#include "tune.h"
#include "worker.h"

struct eventfd_ctx;
struct vhostx_vq;

/* Words of the features array that have features. */
#define VHOSTX_FEATURE_WORDS	2

/* Queues by their index in the ioctls. */
#define VHOSTX_RX	0
#define VHOSTX_TX	1
#define VHOSTX_QUEUES	2

/* Most workers that the VMM makes: one for each queue, and as many to change to. */
#define VHOSTX_WORKERS	4
/* And one for each queue by the layout or an operator's order. */
#define VHOSTX_PLACES	(VHOSTX_WORKERS + VHOSTX_QUEUES)

/* Bytes that a queue may move in one run before others get their turn. */
#define VHOSTX_WEIGHT_BYTES	0x80000

/**
 * struct vhostx_poll - a queue's place in a file's wait queue
 * @wait: the entry
 * @head: the wait queue it is in, or NULL
 * @table: for vfs_poll()
 * @vq: the queue
 */
struct vhostx_poll {
	wait_queue_entry_t wait;
	wait_queue_head_t *head;
	poll_table table;
	struct vhostx_vq *vq;
};

/**
 * struct vhostx_addr - where the VMM says the ring is
 * @desc: the descriptor table
 * @avail: the available ring
 * @used: the used ring
 *
 * In the owner's address space, or I/O virtual where there is an IOTLB.
 */
struct vhostx_addr {
	u64 desc;
	u64 avail;
	u64 used;
};

/* How far the VMM is with a translation that a queue has asked for. */
enum vhostx_miss_state {
	VHOSTX_MISS_NONE,
	VHOSTX_MISS_NEW,
	VHOSTX_MISS_ASKED,
};

/**
 * struct vhostx_miss - a translation that a queue waits for
 * @iova: the address
 * @perm: VHOST_ACCESS_*, what it is wanted for
 * @state: whether the VMM has read of it
 *
 * All fields are protected by the device's miss_lock, and are written under the
 * queue's lock but by the VMM's reading.
 */
struct vhostx_miss {
	u64 iova;
	u8 perm;
	enum vhostx_miss_state state;
};

/**
 * struct vhostx_tx - frames on their way to the socket
 * @frags: what they are copied into
 * @batches: the socket takes frames by the batch
 * @pad: bytes before a frame
 * @nr: frames in @xdp
 * @bytes: their bytes
 * @held: chains handed over while polling, of which the driver was not told
 * @held_since: when the first was, local_clock() nanoseconds
 * @xdp: the frames
 */
struct vhostx_tx {
	struct vhostx_frags frags;
	bool batches;
	unsigned int pad;
	unsigned int nr;
	unsigned int bytes;
	unsigned int held;
	u64 held_since;
	struct xdp_buff xdp[VHOSTX_BATCH];
};

/**
 * struct vhostx_late - an interrupt that waits for more frames
 * @timer: ends the waiting
 * @waits: there is one
 * @due: its time has come; set by @timer, which then queues the work
 * @packets: VHOSTX_PACKETS when the driver was last thought to have been told
 */
struct vhostx_late {
	struct hrtimer timer;
	bool waits;
	bool due;
	u64 packets;
};

/**
 * struct vhostx_vq - a virtqueue
 * @lock: protects all fields but those said to be otherwise
 * @dev: its device; constant
 * @is_tx: VHOSTX_TX; constant
 * @worker: who runs the queue; NULL without owner; read under RCU, written
 *	    under the device's lock and @lock
 * @work: runs the queue; the worker's
 * @retry: queues @work after a shortage that no event will end
 * @kick_poll: waits for kicks
 * @sock_poll: waits for frames (RX) or for room (TX) at the socket
 * @sock_armed: whether @sock_poll is to queue @work; written under @lock
 * @sock: the backend
 * @view: the memory table, or the IOTLB
 * @addr: where the ring is; also under the device's lock
 * @located: the ring's addresses in the owner's memory are known
 * @pieces: room for those of a scattered ring, or NULL without IOTLB
 * @miss: the translation that the queue waits for
 * @log: the dirty log
 * @features: the first word of those negotiated
 * @tunnel: frames may be segments of a UDP tunnel's
 * @vhost_hlen: bytes of virtio-net header that we supply or strip
 * @sock_hlen: bytes of it that the socket does
 * @busyloop_us: how long the VMM wants it to poll before it sleeps; the device's
 *		 lock
 * @busyloop_asked: it has said so; likewise
 * @tune: what the operator has set; written under the device's lock and @lock,
 *	  each field can be read without
 * @poll_adapts: how long it polls is for it to find out; written under the
 *		 device's lock, and @lock where it is or was true; can be read
 *		 without
 * @poll_now_us: how long it polls at present; written under @lock where that
 *		 adapts, else under the device's; can be read without
 * @rests: its last run found nothing more to do
 * @rest_since: since when, local_clock() nanoseconds, where polling adapts; else 0
 * @late: an interrupt that is put off
 * @kick: file that the driver's kicks come from, or NULL
 * @call: signalled to interrupt the driver, or NULL
 * @err: signalled when the ring breaks, or NULL
 * @tx: TX only
 * @stats: see struct vhostx_stats
 * @iov: segments of the packet in hand
 * @iov_bytes: of a frame to send, their bytes
 * @ring: the ring
 */
struct vhostx_vq {
	struct mutex lock;	/* see "Lock order" */
	struct vhostx_dev *dev;
	bool is_tx;
	struct vhostx_worker __rcu *worker;
	struct vhostx_work work;
	struct delayed_work retry;
	struct vhostx_poll kick_poll;
	struct vhostx_poll sock_poll;
	bool sock_armed;
	struct vhostx_sock sock;
	struct vhostx_view view;
	struct vhostx_addr addr;
	bool located;
	struct vhostx_pieces *pieces;
	struct vhostx_miss miss;
	struct vhostx_log log;
	u64 features;
	bool tunnel;
	size_t vhost_hlen;
	size_t sock_hlen;
	u32 busyloop_us;
	bool busyloop_asked;
	struct vhostx_tune tune;
	bool poll_adapts;
	u32 poll_now_us;
	bool rests;
	u64 rest_since;
	struct vhostx_late late;
	struct file *kick;
	struct eventfd_ctx *call;
	struct eventfd_ctx *err;
	struct vhostx_tx tx;
	struct vhostx_stats stats;
	struct iovec iov[VHOSTX_CHAIN_MAX];
	size_t iov_bytes;
	struct vhostx_ring ring;
} ____cacheline_aligned_in_smp;

/**
 * struct vhostx_dev - an open /dev/vhostx
 * @lock: protects all fields but those said to be otherwise
 * @refs: the file's, and those of who shows it to an operator
 * @node: in the list of devices, by @id; vhostx_devs_lock
 * @id: number for operators; constant
 * @mm: the owner's address space; NULL without owner
 * @owner: the owner's process id, in the initial namespace; 0 without
 * @comm: its command
 * @features: negotiated
 * @fork_owner: workers are threads of the owner's, not of the kernel's
 * @pid: the owner's process; NULL without
 * @layout: enum vhostx_layout; can be read without @lock
 * @pool_size: workers that the owner's devices share in layout pool; can be read
 *	       without @lock
 * @workers: those it uses. By their ids in the ioctls: the first comes with the owner,
 *	     and more as the VMM makes them. Then one for each queue, which has it by
 *	     the layout or an operator's order; the VMM can neither free nor attach it.
 * @table: the memory table, or NULL
 * @owners: its regions by owner's address, or NULL
 * @regions: how many @table has
 * @iotlb: the device IOTLB, or NULL; written under all queues' locks as well
 * @iotlb_entries: how many it has
 * @miss_lock: protects the queues' questions; innermost
 * @miss_wait: who waits to read one
 * @backend_features: acknowledged
 * @vq: the queues
 *
 * A VMM can have @lock and the queues' locks held for as long as it likes, by not
 * answering for a page. Who only shows the device takes neither: @owner, @comm,
 * @features, @regions, @iotlb_entries and whether there is an @iotlb can be read
 * without, each by itself.
 */
struct vhostx_dev {
	struct mutex lock;	/* see "Lock order" */
	refcount_t refs;
	struct list_head node;
	unsigned int id;
	struct mm_struct *mm;
	pid_t owner;
	char comm[TASK_COMM_LEN];
	u64 features[VHOSTX_FEATURE_WORDS];
	bool fork_owner;
	struct pid *pid;
	u32 layout;
	u32 pool_size;
	struct vhostx_worker *workers[VHOSTX_PLACES];
	struct vhost_iotlb *table;
	struct vhost_iotlb *owners;
	unsigned int regions;
	struct vhost_iotlb *iotlb;
	unsigned int iotlb_entries;
	spinlock_t miss_lock;	/* see @miss_lock */
	wait_queue_head_t miss_wait;
	u64 backend_features;
	struct vhostx_vq vq[VHOSTX_QUEUES];
};

/**
 * vhostx_count_bad - count a chain that cannot carry a frame
 * @vq: its queue
 * @bad: why
 */
static inline void vhostx_count_bad(struct vhostx_vq *vq, enum vhostx_bad bad)
{
	BUILD_BUG_ON(VHOSTX_DROP_SIZE - VHOSTX_DROP_EMPTY !=
		     VHOSTX_BAD_SIZE - VHOSTX_BAD_EMPTY);
	vhostx_count(&vq->stats, VHOSTX_DROP_EMPTY + (bad - VHOSTX_BAD_EMPTY),
		     1);
}

#endif
