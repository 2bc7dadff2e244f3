/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What iotlb.c, log.c and notify.c have from the kernel and from layers that are
 * not compiled here, included before them: one thread, so locks do nothing, and
 * what they would wake or signal is counted.
 */
#ifndef _FUZZ_KERNEL_H
#define _FUZZ_KERNEL_H

#include <string.h>
#include <sys/epoll.h>

#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/uaccess.h>
#include <linux/vhost_iotlb.h>

#include "known.h"
#include "must.h"

/* In their places there are the few things of them that are needed. */
#define _VHOSTX_SOCK_H
#define _VHOSTX_COMPAT_H
#define _VHOSTX_TRACE_H

#define PAGE_SIZE		0x1000UL
#define BITS_PER_BYTE		8
#define BIT_ULL(n)		(1ULL << (n))
#define TASK_COMM_LEN		16
#define NSEC_PER_USEC		1000L
#define ERESTARTSYS		512
#define FOLL_WRITE		1
#define HRTIMER_NORESTART	0
#define HRTIMER_MODE_REL	0

#define __rcu
#define ____cacheline_aligned_in_smp
#define BUILD_BUG_ON(condition)	MUST(!(condition))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define round_down(x, to)	((x) & ~((__typeof__(x))(to) - 1))
#define offset_in_page(at)	((unsigned long)(at) % PAGE_SIZE)
#define ilog2(n)		(31 - __builtin_clz(n))
#define pr_debug(...)		no_message(__VA_ARGS__)
#define container_of(at, type, member)					\
	((type *)((char *)(at) - offsetof(type, member)))
#define lockdep_is_held(lock)	((void)(lock), true)
#define rcu_dereference(p)	(p)
#define rcu_dereference_protected(p, held) ((void)(held), (p))
#define ns_to_ktime(ns)		(ns)
#define key_to_poll(key)	((__poll_t)(unsigned long)(key))
/* Who would wait is interrupted at once. */
#define wait_event_interruptible(wait, condition)			\
	((void)(wait), (condition) ? 0 : -ERESTARTSYS)

typedef unsigned int __poll_t;
typedef int pid_t;
typedef int s32;
typedef long long ktime_t;
typedef struct { int refs; } refcount_t;
typedef struct { int held; } spinlock_t;

struct mm_struct;
struct pid;
struct file;
struct vhostx_worker;
struct vhostx_vq;

struct mutex { int held; };
struct llist_node { struct llist_node *next; };
struct llist_head { struct llist_node *first; };
struct kref { refcount_t refs; };
struct completion { int done; };
struct rcu_head { void *next; };
struct work_struct { int queued; };
struct delayed_work { struct work_struct work; };
typedef void (*work_func_t)(struct work_struct *work);
struct task_struct { struct mm_struct *mm; };
struct eventfd_ctx { unsigned int signals; };
struct xdp_buff { void *data; };
struct vhostx_sock { int none; };

enum hrtimer_restart { HRTIMER_ENDS };

struct hrtimer {
	bool started;
	enum hrtimer_restart (*function)(struct hrtimer *timer);
};

typedef struct wait_queue_entry wait_queue_entry_t;
typedef int (*wait_queue_func_t)(wait_queue_entry_t *wait, unsigned int mode,
				 int sync, void *key);
struct wait_queue_entry { wait_queue_func_t func; };
typedef struct wait_queue_head { unsigned int wakes; } wait_queue_head_t;
typedef struct poll_table {
	void (*proc)(struct file *file, wait_queue_head_t *head,
		     struct poll_table *table);
} poll_table;

/* A message on its way between the VMM and the device. */
struct iov_iter {
	u8 *data;
	size_t count;
	bool fails;
};

/* A page of the owner's. */
struct page { u8 *at; };

extern struct task_struct *current;
/* Pages that are pinned. */
extern int kernel_pinned;

static inline void no_message(const char *format, ...)
{
	(void)format;
}

static inline void nothing(const void *of)
{
	(void)of;
}

#define mutex_lock(lock)	((void)(lock)->held++)
#define mutex_lock_nested(lock, depth) ((void)(depth), (void)(lock)->held++)
#define mutex_unlock(lock)	((void)(lock)->held--)
#define spin_lock(lock)		((void)(lock)->held++)
#define spin_unlock(lock)	((void)(lock)->held--)
#define rcu_read_lock()
#define rcu_read_unlock()
#define INIT_DELAYED_WORK(work, fn) ((void)(work), (void)(fn))
#define to_delayed_work(of)	container_of(of, struct delayed_work, work)
#define vhostx_hrtimer_setup(timer, fn) ((timer)->function = (fn))
#define hrtimer_start(timer, after, mode)				\
	((void)(after), (void)(mode), (timer)->started = true)
#define vhostx_eventfd_signal(ctx) ((void)(ctx)->signals++)
#define wake_up_interruptible_poll(head, events)			\
	((void)(events), (void)(head)->wakes++)
#define init_waitqueue_func_entry(wait, fn) ((wait)->func = (fn))
#define init_poll_funcptr(table, fn) ((table)->proc = (fn))
#define add_wait_queue(head, wait) ((void)(head), (void)(wait))
#define remove_wait_queue(head, wait) ((void)(head), (void)(wait))
#define vfs_poll(file, table)	((void)(file), (void)(table), 0)
#define trace_kick(vq)		nothing(vq)
#define trace_signal(vq, suppressed) ((void)(suppressed), nothing(vq))
#define trace_batch(vq, nr)	((void)(nr), nothing(vq))
#define trace_queue_broken(vq)	nothing(vq)

static inline size_t iov_iter_count(const struct iov_iter *iter)
{
	return iter->count;
}

static inline bool copy_from_iter_full(void *to, size_t len,
				       struct iov_iter *iter)
{
	if (iter->fails || iter->count < len)
		return false;
	memcpy(to, iter->data, len);
	return true;
}

static inline size_t copy_to_iter(const void *from, size_t len,
				  struct iov_iter *iter)
{
	known_check(from, len);
	if (iter->fails || iter->count < len)
		return 0;
	memcpy(iter->data, from, len);
	return len;
}

static inline int pin_user_pages_fast(unsigned long at, int nr, int flags,
				      struct page **page)
{
	static struct page pinned;
	u64 from = at & -PAGE_SIZE;

	(void)flags;
	MUST(nr == 1);
	if (from < (u64)umem.base || from - (u64)umem.base >= umem.size ||
	    (from < umem.fault_end && from + PAGE_SIZE > umem.fault))
		return -EFAULT;
	pinned.at = (u8 *)from;
	*page = &pinned;
	kernel_pinned++;
	return 1;
}

static inline void unpin_user_pages_dirty_lock(struct page **page, int nr,
					       bool dirty)
{
	MUST((*page)->at && nr == 1 && dirty);
	kernel_pinned--;
}

static inline void *kmap_local_page(struct page *page)
{
	return page->at;
}

static inline void kunmap_local(void *map)
{
	(void)map;
}

static inline void set_bit(unsigned long bit, void *map)
{
	MUST(bit < PAGE_SIZE * BITS_PER_BYTE);
	((u8 *)map)[bit / BITS_PER_BYTE] |= 1 << bit % BITS_PER_BYTE;
}

#endif
