/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for frames on their way to the socket, used again when it comes back. */
#ifndef _VHOSTX_FRAG_H
#define _VHOSTX_FRAG_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct page;

/*
 * Blocks of a queue: a batch of frames of 1500 bytes takes five, and frames of 64 KiB
 * wait where they go, in TCP mostly not more than seven at a time.
 */
#define VHOSTX_BLOCKS	16

/**
 * struct vhostx_block - pages that frames are cut from
 * @page: the first of them, or NULL
 * @size: their bytes
 * @refs: references to @page that are ours; each frame takes one along, which is
 *	  counted when the block is cut from no more
 */
struct vhostx_block {
	struct page *page;
	unsigned int size;
	unsigned int refs;
};

/**
 * struct vhostx_frags - a queue's blocks
 * @trim: gives up what is not needed any more; pending while there is some
 * @spread: when more than one block was last needed, in jiffies
 * @block: the blocks; those with pages have come to be needed together
 * @at: the one that is cut from
 * @cut: frames that were cut from it
 * @pos: where its rest begins
 * @end: and ends
 *
 * All fields are protected by the queue's lock, but for @trim, which has its own.
 */
struct vhostx_frags {
	struct delayed_work trim;
	unsigned long spread;
	struct vhostx_block block[VHOSTX_BLOCKS];
	unsigned int at;
	unsigned int cut;
	void *pos;
	void *end;
};

void vhostx_frags_init(struct vhostx_frags *frags, work_func_t trim);
void vhostx_frags_trim_later(struct vhostx_frags *frags);
void vhostx_frags_trim(struct vhostx_frags *frags);
bool vhostx_frag_next(struct vhostx_frags *frags);
void *vhostx_frag_part(struct vhostx_frags *frags, unsigned int *size);
void vhostx_frag_put(void *frag);
void vhostx_frags_free(struct vhostx_frags *frags);

/**
 * vhostx_frag_get - memory for a frame
 * @frags: the queue's blocks
 * @size: bytes, a multiple of SMP_CACHE_BYTES up to PAGE_SIZE
 *
 * Context: sleeps.
 *
 * Return: the memory, for vhostx_frag_put() or whoever puts a page that a frame
 * lies in; NULL where there is none.
 */
static inline void *vhostx_frag_get(struct vhostx_frags *frags,
				    unsigned int size)
{
	void *frag;

	if (unlikely(frags->end - frags->pos < size) &&
	    !vhostx_frag_next(frags))
		return NULL;
	frag = frags->pos;
	frags->pos += size;
	frags->cut++;
	return frag;
}

#endif
