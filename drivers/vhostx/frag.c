// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for frames. A batch needs more than one block, and gives all of them back
 * soon after: so a few blocks are kept and cut anew, where the kernel's page_frag_cache
 * would give each up and have the next one cleared.
 */
#include <linux/align.h>
#include <linux/cache.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/page_ref.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "frag.h"

#define FRAG_ORDER	get_order(32768)
/* References taken at a time, and how few of them are left when more are taken. */
#define FRAG_REFS	65536
#define FRAG_REFS_LOW	1024
/* Blocks that were not needed together for so long are given up, in jiffies. */
#define FRAG_KEEP	HZ

/*
 * All its frames came back. Who gave the last one back is done with the pages: that
 * was an atomic operation, and ours of writing to them depends on its result.
 */
static bool frag_idle(const struct vhostx_block *b)
{
	return b->page && page_ref_count(b->page) == b->refs &&
	       page_to_nid(b->page) == numa_mem_id();
}

static void frag_release(struct vhostx_block *b)
{
	if (!b->page)
		return;
	page_ref_sub(b->page, b->refs - 1);
	put_page(b->page);
	memset(b, 0, sizeof(*b));
}

static bool frag_fill(struct vhostx_block *b)
{
	unsigned int order = FRAG_ORDER;

	b->page = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_NOWARN |
			      __GFP_NORETRY | __GFP_NOMEMALLOC, order);
	if (!b->page) {
		order = 0;
		b->page = alloc_page(GFP_KERNEL | __GFP_NOMEMALLOC);
	}
	if (!b->page)
		return false;
	b->size = PAGE_SIZE << order;
	b->refs = 1;
	return true;
}

/* Cut no more from the block at hand. */
static void frag_leave(struct vhostx_frags *frags)
{
	frags->block[frags->at].refs -= frags->cut;
	frags->cut = 0;
	frags->pos = NULL;
	frags->end = NULL;
}

/**
 * vhostx_frag_next - go on to a block whose frames are back, else to a fresh one
 * @frags: the queue's blocks
 *
 * Context: sleeps.
 *
 * Return: whether there is one.
 */
bool vhostx_frag_next(struct vhostx_frags *frags)
{
	struct vhostx_block *b = frags->block;
	unsigned int i;

	frag_leave(frags);
	/* From the first on: what is not needed stays without pages. */
	for (i = 0; i < VHOSTX_BLOCKS && b[i].page && !frag_idle(&b[i]);)
		i++;
	if (i == VHOSTX_BLOCKS)
		i = (frags->at + 1) % VHOSTX_BLOCKS;
	b += i;
	if (i)
		frags->spread = jiffies;
	if (!frag_idle(b)) {
		frag_release(b);
		if (!frag_fill(b))
			return false;
		if (i)
			vhostx_frags_trim_later(frags);
	}
	if (b->refs < FRAG_REFS_LOW) {
		page_ref_add(b->page, FRAG_REFS);
		b->refs += FRAG_REFS;
	}
	frags->at = i;
	frags->pos = page_address(b->page);
	frags->end = frags->pos + b->size;
	return true;
}

/**
 * vhostx_frag_part - memory for a part of a frame
 * @frags: the queue's blocks
 * @size: bytes wanted, above 0; becomes those that there are: all, or a page at least
 *
 * A part that ends a block is followed by one that begins with a page.
 *
 * Context: sleeps.
 *
 * Return: as vhostx_frag_get().
 */
void *vhostx_frag_part(struct vhostx_frags *frags, unsigned int *size)
{
	unsigned int room = frags->end - frags->pos;
	void *part;

	if (room < min_t(size_t, *size, PAGE_SIZE)) {
		if (!vhostx_frag_next(frags))
			return NULL;
		room = frags->end - frags->pos;
	}
	*size = min(*size, room);
	part = frags->pos;
	frags->pos += ALIGN(*size, SMP_CACHE_BYTES);
	frags->cut++;
	return part;
}

/**
 * vhostx_frag_put - give a frame's memory back
 * @frag: from vhostx_frag_get()
 */
void vhostx_frag_put(void *frag)
{
	put_page(virt_to_head_page(frag));
}

/**
 * vhostx_frags_trim_later - see to it that the blocks are looked at in a while
 * @frags: the queue's blocks
 */
void vhostx_frags_trim_later(struct vhostx_frags *frags)
{
	schedule_delayed_work(&frags->trim, FRAG_KEEP);
}

/**
 * vhostx_frags_init - set up a queue's blocks
 * @frags: the blocks, zeroed
 * @trim: calls vhostx_frags_trim() under the queue's lock; it wakes no idle processor
 */
void vhostx_frags_init(struct vhostx_frags *frags, work_func_t trim)
{
	INIT_DEFERRABLE_WORK(&frags->trim, trim);
}

/**
 * vhostx_frags_trim - give up all blocks but one, unless they are in use
 * @frags: the queue's blocks
 */
void vhostx_frags_trim(struct vhostx_frags *frags)
{
	unsigned int i;

	if (time_before(jiffies, frags->spread + FRAG_KEEP)) {
		vhostx_frags_trim_later(frags);
		return;
	}
	swap(frags->block[0], frags->block[frags->at]);
	frags->at = 0;
	for (i = 1; i < VHOSTX_BLOCKS; i++)
		frag_release(&frags->block[i]);
}

/**
 * vhostx_frags_free - give the blocks up
 * @frags: the queue's blocks; frames that are on their way stay valid
 *
 * Leaves @frags->trim as it is.
 */
void vhostx_frags_free(struct vhostx_frags *frags)
{
	unsigned int i;

	frag_leave(frags);
	for (i = 0; i < VHOSTX_BLOCKS; i++)
		frag_release(&frags->block[i]);
}
