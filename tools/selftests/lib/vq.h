/* SPDX-License-Identifier: GPL-2.0-only */
/* The driver side of one virtqueue, split or packed. */
#ifndef VQ_H
#define VQ_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/virtio_ring.h>

/* Descriptors in the indirect table that belongs to each head. */
#define VQ_TABLE	64
/* In a packed ring a place is a position, and the wrap counter in the top bit. */
#define VQ_PLACE_FIRST	0x8000
#define VQ_NONE		0xffff

struct vq_seg {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags;		/* VRING_DESC_F_WRITE or 0 */
};

struct vq {
	unsigned int index;
	unsigned int num;
	bool event_idx;
	bool packed;
	bool in_order;		/* one used descriptor may stand for several */
	/* Of a packed ring: the ring, and the two event suppression areas. */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_desc *table;
	uint64_t table_gpa;

	/* Indices of the two rings; places where it is packed. */
	uint16_t avail_idx;	/* what the next publication starts from */
	uint16_t kicked_idx;	/* avail_idx at the last kick decision */
	uint16_t used_idx;
	/* The driver's own notes: the device may not be believed. */
	uint16_t *next;
	uint16_t *chain;	/* descriptors of this head, 0 = not posted */
	uint16_t *place;	/* packed: where this id's chain begins */
	uint16_t *head_flags;	/* packed: what makes it available */
	uint16_t last;		/* packed: where the last published chain begins */
	uint16_t skip_to;	/* packed: id that the last used one stands for */
	uint32_t skip_len;
	uint16_t free_head;
	unsigned int num_free;

	int kick;
	int call;
	int err;
	uint64_t kicks;		/* kicks that were written */
};

void vq_init(struct vq *q, unsigned int index);
int vq_alloc(struct vq *q, unsigned int num, void *desc, void *avail,
	     void *used, void *table, uint64_t table_gpa);
void vq_free(struct vq *q);
/* Empty ring that stands at base, an index or a place; also drains the eventfds. */
void vq_reset(struct vq *q, uint16_t base);

/* Post one chain; its head, or -ENOSPC. */
int vq_post(struct vq *q, const struct vq_seg *seg, unsigned int n,
	    bool indirect);
/* Fill descriptors but publish nothing; its head. */
int vq_build(struct vq *q, const struct vq_seg *seg, unsigned int n,
	     bool indirect);
void vq_publish(struct vq *q, uint16_t head);

/* Kick if the device wants it; true if it did. */
bool vq_kick(struct vq *q);
void vq_kick_always(struct vq *q);

/* One used element: 1, 0 if there is none, -EPROTO if it makes no sense. */
int vq_reap(struct vq *q, uint32_t *id, uint32_t *len);
/* Whether there is something to reap. */
bool vq_has_used(struct vq *q);
/* Whether all that was published was used. */
bool vq_all_used(struct vq *q);
/* Sleep on the call eventfd until there is one: 0 or -ETIMEDOUT. */
int vq_wait(struct vq *q, int timeout_ms);
void vq_mask_call(struct vq *q);
/* Ask for an interrupt at the next used entry; true if there is one already. */
bool vq_unmask_call(struct vq *q);
/* The same at the n-th from now, of entries or of a packed ring's descriptors. */
void vq_call_after(struct vq *q, unsigned int n);

/* Value of an eventfd, which is emptied; waits that long for the first. */
uint64_t efd_read(int fd, int timeout_ms);

/* vq_packed.c, for vq.c: the same of a packed ring. */
void vq_packed_reset(struct vq *q, uint16_t base);
int vq_packed_build(struct vq *q, const struct vq_seg *seg, unsigned int n,
		    bool indirect);
void vq_packed_publish(struct vq *q, uint16_t id);
bool vq_packed_wants_kick(struct vq *q, uint16_t old, uint16_t new);
int vq_packed_reap(struct vq *q, uint32_t *id, uint32_t *len);
void vq_packed_mask_call(struct vq *q);
void vq_packed_call_after(struct vq *q, unsigned int n);
bool vq_packed_has_used(struct vq *q);
bool vq_packed_all_used(struct vq *q);

#endif
