// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <sys/mman.h>

#include "hostile.h"

static void protect(void *p, size_t size, int prot)
{
	/* Each part of a ring has pages of its own. */
	size = (size + 4095) & ~4095UL;
	if (mprotect(p, size, prot))
		abort();
}

static size_t desc_size(const struct vq *q)
{
	return q->num * sizeof(*q->desc);
}

static size_t avail_size(const struct vq *q)
{
	return (3 + q->num) * sizeof(uint16_t);
}

static size_t used_size(const struct vq *q)
{
	return 3 * sizeof(uint16_t) + q->num * sizeof(struct vring_used_elem);
}

/* A chain that would be good; its first descriptor. */
static uint16_t good_chain(struct nic *n, unsigned int index, bool indirect)
{
	struct vq *q = &n->vmm.vq[index];
	uint64_t at = nic_slot(n, index, q->free_head);
	uint16_t flags = index == RX ? VRING_DESC_F_WRITE : 0;
	struct vq_seg seg[2] = {
		{ .gpa = at, .len = 1024, .flags = flags },
		{ .gpa = at + 1024, .len = 1024, .flags = flags },
	};
	int head = vq_build(q, seg, 2, indirect);

	if (head < 0)
		abort();
	return head;
}

void hostile_break(struct nic *n, unsigned int index, enum breakage how)
{
	bool indirect = how >= BREAK_INDIRECT_NESTED &&
			how <= BREAK_INDIRECT_LOOP;
	struct vq *q = &n->vmm.vq[index];
	uint16_t head = good_chain(n, index, indirect), publish = head;
	struct vring_desc *d = &q->desc[head];
	struct vring_desc *t = &q->table[head * VQ_TABLE];

	switch (how) {
	case BREAK_HEAD_IS_NUM:
		publish = q->num;
		break;
	case BREAK_HEAD_IS_MAX:
		publish = 0xffff;
		break;
	case BREAK_NEXT_IS_NUM:
		d->next = q->num;
		break;
	case BREAK_NEXT_IS_ITSELF:
		d->next = head;
		break;
	case BREAK_LOOP:
		q->desc[d->next].flags |= VRING_DESC_F_NEXT;
		q->desc[d->next].next = head;
		break;
	case BREAK_INDIRECT_NESTED:
		t[1].flags |= VRING_DESC_F_INDIRECT;
		break;
	case BREAK_INDIRECT_ODD:
		d->len = 24;
		break;
	case BREAK_INDIRECT_EMPTY:
		d->len = 0;
		break;
	case BREAK_INDIRECT_CHAINED:
		d->flags |= VRING_DESC_F_NEXT;
		d->next = q->free_head;
		break;
	case BREAK_INDIRECT_NEXT:
		t[0].next = 2;
		break;
	case BREAK_INDIRECT_LOOP:
		t[1].flags |= VRING_DESC_F_NEXT;
		t[1].next = 0;
		break;
	default:
		break;
	}

	vq_publish(q, publish);
	if (how == BREAK_AVAIL_JUMPS)
		q->avail->idx += q->num;
	else if (how == BREAK_AVAIL_GOES_BACK)
		q->avail->idx -= 2;
	else if (how == BREAK_DESC_UNREADABLE)
		protect(q->desc, desc_size(q), PROT_NONE);
	else if (how == BREAK_AVAIL_UNREADABLE)
		protect(q->avail, avail_size(q), PROT_NONE);
	else if (how == BREAK_USED_UNWRITABLE)
		protect(q->used, used_size(q), PROT_READ);
}

void hostile_repair(struct nic *n, unsigned int index)
{
	struct vq *q = &n->vmm.vq[index];

	protect(q->desc, desc_size(q), PROT_READ | PROT_WRITE);
	protect(q->avail, avail_size(q), PROT_READ | PROT_WRITE);
	protect(q->used, used_size(q), PROT_READ | PROT_WRITE);
}
