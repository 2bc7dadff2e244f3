/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for frames on their way to the socket, used again when it comes back. */
#ifndef _VHOSTX_FRAG_H
#define _VHOSTX_FRAG_H

#include <linux/types.h>

struct page;

/* Blocks of a queue: a batch of frames of 1500 bytes takes five. */
#define VHOSTX_BLOCKS	8

/**
 * struct vhostx_block - pages that frames are cut from
 * @page: the first of them, or NULL
 * @size: their bytes
 * @refs: references to @page that are ours; each frame takes one along
 */
struct vhostx_block {
	struct page *page;
	unsigned int size;
	unsigned int refs;
};

/**
 * struct vhostx_frags - a queue's blocks
 * @block: the blocks; those with pages have come to be needed together
 * @at: the one that is cut from
 * @offset: where its rest begins, in bytes
 *
 * All fields are protected by the queue's lock.
 */
struct vhostx_frags {
	struct vhostx_block block[VHOSTX_BLOCKS];
	unsigned int at;
	unsigned int offset;
};

void *vhostx_frag_get(struct vhostx_frags *frags, unsigned int size);
void vhostx_frag_put(void *frag);
void vhostx_frags_free(struct vhostx_frags *frags);

#endif
