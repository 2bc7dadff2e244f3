// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "in_order.h"

#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))

void in_order_init(struct in_order *o, struct vq *q)
{
	if (q->num > IN_ORDER_MAX)
		abort();
	memset(o, 0, sizeof(*o));
	o->q = q;
	o->free = q->num;
}

int in_order_post(struct in_order *o, const struct vq_seg *seg, unsigned int n)
{
	unsigned int at = o->q->avail_idx % o->q->num;

	if (n > o->free)
		return -ENOSPC;
	o->head[at] = o->desc;
	o->chain[at] = n;
	o->free -= n;
	for (unsigned int i = 0; i < n; i++) {
		struct vring_desc *d = &o->q->desc[o->desc];

		o->desc = (o->desc + 1) % o->q->num;
		d->addr = seg[i].gpa;
		d->len = seg[i].len;
		d->flags = seg[i].flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0);
		d->next = i + 1 < n ? o->desc : 0;
	}
	vq_publish(o->q, o->head[at]);
	return 0;
}

int in_order_reap(struct in_order *o)
{
	struct vq *q = o->q;
	uint16_t idx = READ_ONCE(q->used->idx);
	int n = 0;

	while (q->used_idx != idx) {
		uint32_t id = READ_ONCE(q->used->ring[q->used_idx % q->num].id);
		unsigned int at;

		do {
			if (q->used_idx == idx)
				return -EPROTO;
			at = q->used_idx++ % q->num;
			o->free += o->chain[at];
			n++;
		} while (o->head[at] != id);
	}
	return n;
}
