/* SPDX-License-Identifier: GPL-2.0-only */
/* The driver side of a split virtqueue with VIRTIO_F_IN_ORDER. */
#ifndef IN_ORDER_H
#define IN_ORDER_H

#include "vq.h"

#define IN_ORDER_MAX	256	/* entries of such a ring */

/* Descriptors are taken in the ring's order, always. */
struct in_order {
	struct vq *q;
	uint16_t desc;		/* next to take */
	uint16_t free;
	uint16_t head[IN_ORDER_MAX];	/* by place in the available ring */
	uint16_t chain[IN_ORDER_MAX];	/* descriptors, likewise */
};

/* On a ring that was just reset. */
void in_order_init(struct in_order *o, struct vq *q);

/* Post one chain; 0 or -ENOSPC. */
int in_order_post(struct in_order *o, const struct vq_seg *seg, unsigned int n);

/*
 * Take back all that was used. An entry may stand for those before it, so each has to
 * be a head that is still out; how many, or -EPROTO.
 */
int in_order_reap(struct in_order *o);

#endif
