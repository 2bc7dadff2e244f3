// SPDX-License-Identifier: GPL-2.0-only
/* What every ring format shares: the cache of chains and their mapping. */
#include <linux/string.h>
#include <linux/uaccess.h>

#include "ring.h"

static const char * const fault_names[__VHOSTX_FAULT_MAX] = {
	[VHOSTX_FAULT_NONE] = "none",
	[VHOSTX_FAULT_AVAIL_READ] = "avail-read",
	[VHOSTX_FAULT_AVAIL_JUMP] = "avail-jump",
	[VHOSTX_FAULT_DESC_READ] = "desc-read",
	[VHOSTX_FAULT_DESC_RANGE] = "desc-range",
	[VHOSTX_FAULT_DESC_LOOP] = "desc-loop",
	[VHOSTX_FAULT_INDIRECT_LEN] = "indirect-len",
	[VHOSTX_FAULT_INDIRECT_NEST] = "indirect-nest",
	[VHOSTX_FAULT_USED_WRITE] = "used-write",
	[VHOSTX_FAULT_LOG_WRITE] = "log-write",
};

/**
 * vhostx_fault_name - the word that operators see for a fault
 * @fault: the fault
 *
 * Return: the word.
 */
const char *vhostx_fault_name(enum vhostx_fault fault)
{
	return fault < __VHOSTX_FAULT_MAX ? fault_names[fault] : "unknown";
}

/**
 * vhostx_ring_reset - back to the state of a ring nobody has set up
 * @r: the ring
 */
void vhostx_ring_reset(struct vhostx_ring *r)
{
	r->desc = NULL;
	r->avail = NULL;
	r->used = NULL;
	r->pieces = NULL;
	WRITE_ONCE(r->num, 1);
	WRITE_ONCE(r->packed, false);
	r->modern = false;
	r->event_idx = false;
	r->notify_on_empty = false;
	r->one_used = false;
	r->signalled = 0;
	vhostx_ring_set_base(r, 0);
	vhostx_ring_begin(r);
}

/**
 * vhostx_ring_set_base - set where to begin
 * @r: the ring, not started
 * @base: the first available entry to serve; in a packed ring its place, and
 *	  above it, in the upper 16 bits, that of the first used descriptor
 */
void vhostx_ring_set_base(struct vhostx_ring *r, u32 base)
{
	r->last_avail = base;
	r->last_used = base >> 16;
	vhostx_ring_forget(r);
}

/**
 * vhostx_ring_base - where the ring stands
 * @r: the ring
 *
 * Return: as of vhostx_ring_set_base().
 */
u32 vhostx_ring_base(const struct vhostx_ring *r)
{
	return r->packed ? (u32)r->last_used << 16 | r->last_avail :
			   r->last_avail;
}

/**
 * vhostx_ring_ok - whether a ring can be where it is said to be
 * @r: the ring
 *
 * Context: runs in the owner's address space.
 *
 * Return: true where its parts lie in the owner's half, and aligned as its
 * format needs it.
 */
bool vhostx_ring_ok(const struct vhostx_ring *r)
{
	if (r->packed &&
	    ((unsigned long)r->desc % sizeof(struct vring_packed_desc) ||
	     (unsigned long)r->avail % sizeof(struct vring_packed_desc_event) ||
	     (unsigned long)r->used % sizeof(struct vring_packed_desc_event)))
		return false;
	return access_ok(r->desc, r->num * sizeof(*r->desc)) &&
	       access_ok(r->avail, vhostx_ring_avail_size(r)) &&
	       access_ok(r->used, vhostx_ring_used_size(r));
}

/**
 * vhostx_ring_forget - give up what was fetched and not consumed
 * @r: the ring
 *
 * Whatever was cached is read afresh the next time.
 */
void vhostx_ring_forget(struct vhostx_ring *r)
{
	r->head = 0;
	r->tail = 0;
	r->nr_desc = 0;
	r->next = r->last_avail;
	r->avail_idx = r->last_avail;
}

/**
 * vhostx_ring_begin - nothing is fetched, nothing waits, nothing is wrong
 * @r: the ring; where it begins is set up
 */
void vhostx_ring_begin(struct vhostx_ring *r)
{
	r->signalled_valid = false;
	r->kicks_off = false;
	r->nr_used = 0;
	WRITE_ONCE(r->fault, VHOSTX_FAULT_NONE);
	vhostx_ring_forget(r);
}

/**
 * vhostx_ring_to_front - move what was not consumed yet to the cache's front
 * @r: the ring
 */
void vhostx_ring_to_front(struct vhostx_ring *r)
{
	unsigned int cached = vhostx_ring_cached(r);
	unsigned int base = r->chain[r->head].first;
	unsigned int i;

	memmove(r->desc_cache, r->desc_cache + base,
		(r->nr_desc - base) * sizeof(*r->desc_cache));
	memmove(r->chain, r->chain + r->head, cached * sizeof(*r->chain));
	for (i = 0; i < cached; i++)
		r->chain[i].first -= base;
	r->head = 0;
	r->tail = cached;
	r->nr_desc -= base;
}

/**
 * vhostx_ring_map_desc - translate a descriptor that is no table
 * @desc: the descriptor
 * @view: the queue's memory table
 * @write: whether the device is to write or to read
 * @iov: where the segments go
 * @max: how many fit there
 * @len: its bytes are added to this
 *
 * Return: segments, 0 where it has no byte; the negative of an enum vhostx_bad.
 */
int vhostx_ring_map_desc(const struct vhostx_desc *desc,
			 struct vhostx_view *view, bool write,
			 struct iovec *iov, unsigned int max, size_t *len)
{
	int n;

	if (!!(desc->flags & VRING_DESC_F_WRITE) != write)
		return -VHOSTX_BAD_DIR;
	if (!desc->len)
		return 0;

	n = vhostx_mem_translate(view, desc->addr, desc->len,
				 write ? VHOST_MAP_WO : VHOST_MAP_RO, iov, max);
	if (n < 0)
		return -vhostx_ring_bad(n);

	*len += desc->len;
	return n;
}

static __always_inline int ring_map_desc(const struct vhostx_desc *desc,
					 struct vhostx_view *view, bool write,
					 struct iovec *iov, unsigned int max,
					 size_t *len)
{
	if (unlikely(!max || !vhostx_desc_plain(desc, write) ||
		     !vhostx_mem_hit(view, desc->addr, desc->len,
				     write ? VHOST_MAP_WO : VHOST_MAP_RO, iov)))
		return vhostx_ring_map_desc(desc, view, write, iov, max, len);

	*len += desc->len;
	return 1;
}

static int ring_map_indirect(struct vhostx_ring *r,
			     const struct vhostx_desc *table,
			     struct vhostx_view *view, bool write,
			     struct iovec *iov, unsigned int max, size_t *len)
{
	struct vhostx_cursor cur = {};
	unsigned int segs = 0;
	int i, n, nr;

	while (!cur.done) {
		nr = vhostx_indirect_read(r, view, table, &cur);
		if (nr < 0 || vhostx_ring_broken(r))
			return nr;
		for (i = 0; i < nr; i++) {
			n = ring_map_desc(&r->indirect[i], view, write,
					  iov + segs, max - segs, len);
			if (n < 0)
				return n;
			segs += n;
		}
	}
	return segs;
}

/**
 * vhostx_ring_map_any - vhostx_ring_map() for any chain
 * @r: the ring
 * @chain: a chain of its cache
 * @view: the queue's memory table
 * @write: whether the device is to write (RX) or to read (TX) it
 * @iov: where the segments go
 * @max: how many fit there
 * @len: bytes in the chain are added to this
 *
 * Return: as vhostx_ring_map().
 */
int vhostx_ring_map_any(struct vhostx_ring *r, const struct vhostx_chain *chain,
			struct vhostx_view *view, bool write, struct iovec *iov,
			unsigned int max, size_t *len)
{
	const struct vhostx_desc *desc = &r->desc_cache[chain->first];
	unsigned int segs = 0;
	int i, n;

	if (unlikely(chain->bad))
		return -chain->bad;

	for (i = 0; i < chain->nr; i++, desc++) {
		if (desc->flags & VRING_DESC_F_INDIRECT)
			n = ring_map_indirect(r, desc, view, write, iov + segs,
					      max - segs, len);
		else
			n = ring_map_desc(desc, view, write, iov + segs,
					  max - segs, len);
		if (unlikely(n < 0))
			return n;
		segs += n;
	}

	if (unlikely(vhostx_ring_broken(r)))
		return 0;
	return segs ?: -VHOSTX_BAD_EMPTY;
}
