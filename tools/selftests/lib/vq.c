// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "vq.h"

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
/* A full fence, between what we write and what we read. */
#define full_fence()		atomic_thread_fence(memory_order_seq_cst)

uint64_t efd_read(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t val = 0;

	if (poll(&p, 1, timeout_ms) == 1 &&
	    read(fd, &val, sizeof(val)) != sizeof(val))
		val = 0;
	return val;
}

void vq_init(struct vq *q, unsigned int index)
{
	memset(q, 0, sizeof(*q));
	q->index = index;
	q->kick = -1;
	q->call = -1;
	q->err = -1;
}

int vq_alloc(struct vq *q, unsigned int num, void *desc, void *avail,
	     void *used, void *table, uint64_t table_gpa)
{
	q->num = num;
	q->desc = desc;
	q->avail = avail;
	q->used = used;
	q->table = table;
	q->table_gpa = table_gpa;
	q->next = calloc(num, sizeof(*q->next));
	q->chain = calloc(num, sizeof(*q->chain));
	q->place = calloc(num, sizeof(*q->place));
	q->head_flags = calloc(num, sizeof(*q->head_flags));
	q->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!q->next || !q->chain || !q->place || !q->head_flags)
		return -ENOMEM;
	if (q->kick < 0 || q->call < 0 || q->err < 0)
		return -errno;
	return 0;
}

void vq_free(struct vq *q)
{
	free(q->next);
	free(q->chain);
	free(q->place);
	free(q->head_flags);
	if (q->kick >= 0)
		close(q->kick);
	if (q->call >= 0)
		close(q->call);
	if (q->err >= 0)
		close(q->err);
	vq_init(q, q->index);
}

static void split_reset(struct vq *q, uint16_t base)
{
	memset(q->desc, 0, q->num * sizeof(*q->desc));
	memset(q->avail, 0, (3 + q->num) * sizeof(uint16_t));
	memset(q->used, 0, 3 * sizeof(uint16_t) +
	       q->num * sizeof(struct vring_used_elem));
	q->avail->idx = base;
	q->used->idx = base;
}

void vq_reset(struct vq *q, uint16_t base)
{
	unsigned int i;

	if (q->packed)
		vq_packed_reset(q, base);
	else
		split_reset(q, base);
	for (i = 0; i < q->num; i++) {
		q->next[i] = i + 1;
		q->chain[i] = 0;
	}
	q->free_head = 0;
	q->num_free = q->num;
	q->avail_idx = base;
	q->kicked_idx = base;
	q->used_idx = base;
	efd_read(q->kick, 0);
	efd_read(q->call, 0);
	efd_read(q->err, 0);
}

static void fill_desc(struct vring_desc *d, const struct vq_seg *seg,
		      uint16_t next, bool more)
{
	d->addr = seg->gpa;
	d->len = seg->len;
	d->flags = seg->flags | (more ? VRING_DESC_F_NEXT : 0);
	d->next = more ? next : 0;
}

int vq_build(struct vq *q, const struct vq_seg *seg, unsigned int n,
	     bool indirect)
{
	unsigned int need = indirect ? 1 : n, i;
	uint16_t head = q->free_head, at = head;

	if (q->packed)
		return vq_packed_build(q, seg, n, indirect);
	if (!n || need > q->num_free || (indirect && n > VQ_TABLE))
		return -ENOSPC;
	if (indirect) {
		struct vring_desc *t = &q->table[head * VQ_TABLE];

		for (i = 0; i < n; i++)
			fill_desc(&t[i], &seg[i], i + 1, i + 1 < n);
		q->desc[head].addr = q->table_gpa +
			(uint64_t)head * VQ_TABLE * sizeof(*t);
		q->desc[head].len = n * sizeof(*t);
		q->desc[head].flags = VRING_DESC_F_INDIRECT;
		q->desc[head].next = 0;
		at = q->next[head];
	} else {
		for (i = 0; i < n; i++) {
			fill_desc(&q->desc[at], &seg[i], q->next[at],
				  i + 1 < n);
			at = q->next[at];
		}
	}
	q->chain[head] = need;
	q->free_head = at;
	q->num_free -= need;
	return head;
}

void vq_publish(struct vq *q, uint16_t head)
{
	if (q->packed) {
		vq_packed_publish(q, head);
		return;
	}
	q->avail->ring[q->avail_idx % q->num] = head;
	atomic_thread_fence(memory_order_release);
	q->avail_idx++;
	WRITE_ONCE(q->avail->idx, q->avail_idx);
}

int vq_post(struct vq *q, const struct vq_seg *seg, unsigned int n,
	    bool indirect)
{
	int head = vq_build(q, seg, n, indirect);

	if (head >= 0)
		vq_publish(q, head);
	return head;
}

void vq_kick_always(struct vq *q)
{
	uint64_t one = 1;

	q->kicked_idx = q->avail_idx;
	if (write(q->kick, &one, sizeof(one)) == sizeof(one))
		q->kicks++;
}

bool vq_kick(struct vq *q)
{
	uint16_t old = q->kicked_idx, new = q->avail_idx;
	bool want;

	full_fence();
	q->kicked_idx = new;
	if (q->packed) {
		want = vq_packed_wants_kick(q, old, new);
	} else if (q->event_idx) {
		uint16_t event = READ_ONCE(q->used->ring[q->num].id);

		want = vring_need_event(event, new, old);
	} else {
		want = !(READ_ONCE(q->used->flags) & VRING_USED_F_NO_NOTIFY);
	}
	if (want)
		vq_kick_always(q);
	return want;
}

int vq_reap(struct vq *q, uint32_t *id, uint32_t *len)
{
	struct vring_used_elem *e;
	uint16_t idx, at, n;

	if (q->packed)
		return vq_packed_reap(q, id, len);
	idx = READ_ONCE(q->used->idx);
	atomic_thread_fence(memory_order_acquire);
	if (idx == q->used_idx)
		return 0;
	if ((uint16_t)(idx - q->used_idx) > q->num)
		return -EPROTO;
	e = &q->used->ring[q->used_idx % q->num];
	*id = e->id;
	*len = e->len;
	if (*id >= q->num || !q->chain[*id])
		return -EPROTO;
	q->used_idx++;

	at = *id;
	for (n = q->chain[*id]; n > 1; n--)
		at = q->next[at];
	q->num_free += q->chain[*id];
	q->chain[*id] = 0;
	q->next[at] = q->free_head;
	q->free_head = *id;
	return 1;
}

void vq_mask_call(struct vq *q)
{
	if (q->packed)
		vq_packed_mask_call(q);
	else if (q->event_idx)
		/* Half the index space behind: never reached in a test. */
		WRITE_ONCE(q->avail->ring[q->num],
			   (uint16_t)(q->used_idx - 0x8000));
	else
		WRITE_ONCE(q->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}

bool vq_has_used(struct vq *q)
{
	return q->packed ? vq_packed_has_used(q) :
			   READ_ONCE(q->used->idx) != q->used_idx;
}

bool vq_all_used(struct vq *q)
{
	return q->packed ? vq_packed_all_used(q) :
			   READ_ONCE(q->used->idx) == q->avail_idx;
}

void vq_call_after(struct vq *q, unsigned int n)
{
	if (q->packed)
		vq_packed_call_after(q, n);
	else if (q->event_idx)
		WRITE_ONCE(q->avail->ring[q->num], q->used_idx + n - 1);
	else
		WRITE_ONCE(q->avail->flags, 0);
}

bool vq_unmask_call(struct vq *q)
{
	vq_call_after(q, 1);
	full_fence();
	return vq_has_used(q);
}

int vq_wait(struct vq *q, int timeout_ms)
{
	long end = now_ms() + timeout_ms;

	for (;;) {
		long left = end - now_ms();

		if (vq_unmask_call(q))
			return 0;
		if (left <= 0 || !efd_read(q->call, left))
			return -ETIMEDOUT;
	}
}
