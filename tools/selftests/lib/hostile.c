// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostile.h"

static void protect(void *p, size_t size, int prot)
{
	/* Each part of a ring has pages of its own. */
	size = (size + 4095) & ~4095UL;
	if (mprotect(p, size, prot))
		abort();
}

bool hostile_can(enum breakage how)
{
	bool refused;
	int fd[2];
	void *p;

	if (how != BREAK_DESC_UNREADABLE && how != BREAK_AVAIL_UNREADABLE)
		return true;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED || pipe(fd))
		abort();
	protect(p, 4096, PROT_NONE);
	refused = write(fd[1], p, 1) < 0;
	munmap(p, 4096);
	close(fd[0]);
	close(fd[1]);
	return refused;
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

/* Returns what to publish. */
static uint16_t break_split(struct vq *q, uint16_t head, enum breakage how)
{
	struct vring_desc *d = &q->desc[head];
	struct vring_desc *t = &q->table[head * VQ_TABLE];

	switch (how) {
	case BREAK_HEAD_IS_NUM:
		return q->num;
	case BREAK_HEAD_IS_MAX:
		return 0xffff;
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
	return head;
}

static void break_packed(struct vq *q, uint16_t id, enum breakage how)
{
	struct vring_packed_desc *desc = (void *)q->desc;
	struct vring_packed_desc *d = &desc[q->place[id] % VQ_PLACE_FIRST];
	struct vring_packed_desc *t = (void *)&q->table[id * VQ_TABLE];
	unsigned int i;

	switch (how) {
	case BREAK_LOOP:
		for (i = 0; i < q->num; i++)
			if (&desc[i] != d)
				desc[i].flags |= VRING_DESC_F_NEXT;
		q->head_flags[id] |= VRING_DESC_F_NEXT;
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
		q->head_flags[id] |= VRING_DESC_F_NEXT;
		break;
	default:
		break;
	}
}

void hostile_break(struct nic *n, unsigned int index, enum breakage how)
{
	bool indirect = how >= BREAK_INDIRECT_NESTED &&
			how <= BREAK_INDIRECT_LOOP;
	struct vq *q = &n->vmm.vq[index];
	uint16_t head = good_chain(n, index, indirect), publish = head;

	if (q->packed)
		break_packed(q, head, how);
	else
		publish = break_split(q, head, how);
	/* Event suppression is written to where there is no entry. */
	if (!q->packed || how != BREAK_USED_UNWRITABLE)
		vq_publish(q, publish);
	if (how == BREAK_AVAIL_JUMPS)
		q->avail->idx += q->num;
	else if (how == BREAK_AVAIL_GOES_BACK)
		q->avail->idx -= 2;
	else if (how == BREAK_DESC_UNREADABLE)
		protect(q->desc, desc_size(q), PROT_NONE);
	else if (how == BREAK_DESC_UNWRITABLE)
		protect(q->desc, desc_size(q), PROT_READ);
	else if (how == BREAK_AVAIL_UNREADABLE)
		protect(q->avail, avail_size(q), PROT_NONE);
	else if (how == BREAK_USED_UNWRITABLE)
		protect(q->used, used_size(q), PROT_READ);
}

void hostile_mend(struct nic *n, unsigned int index)
{
	struct vq *q = &n->vmm.vq[index];
	uint16_t last = (uint16_t)(q->avail_idx - 1) % q->num;
	struct vring_packed_desc *d = (void *)q->desc;

	if (q->packed)
		d[q->last % VQ_PLACE_FIRST].flags &= ~VRING_DESC_F_NEXT;
	else
		q->desc[q->avail->ring[last]].flags &= ~VRING_DESC_F_NEXT;
}

void hostile_repair(struct nic *n, unsigned int index)
{
	struct vq *q = &n->vmm.vq[index];

	protect(q->desc, desc_size(q), PROT_READ | PROT_WRITE);
	protect(q->avail, avail_size(q), PROT_READ | PROT_WRITE);
	protect(q->used, used_size(q), PROT_READ | PROT_WRITE);
}
