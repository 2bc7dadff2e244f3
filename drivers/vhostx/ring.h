/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtqueue formats. Pure code: it reads and writes the driver's memory, and
 * neither sleeps on anything else, allocates, nor knows about networking.
 * It compiles in userspace too (tools/selftests/ring).
 */
#ifndef _VHOSTX_RING_H
#define _VHOSTX_RING_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_ring.h>
#include <uapi/linux/vhostx_netlink.h>

#include "mem.h"

/* Chains fetched at a time, and used entries published at a time. */
#define VHOSTX_BATCH		64
/* Descriptors in a chain, chains in a packet, segments in a packet. */
#define VHOSTX_CHAIN_MAX	1024
/* The largest ring that the specification allows (virtio 1.2, 2.7). */
#define VHOSTX_RING_MAX		32768

/*
 * A place in a packed ring: the descriptor's number, and above it the wrap
 * counter (virtio 1.2, 2.8.1), as event suppression and the base have them.
 */
#define VHOSTX_PLACE_WRAP	0x8000
/* The first descriptor of the first lap. */
#define VHOSTX_PLACE_FIRST	VHOSTX_PLACE_WRAP

/* Pieces that the parts of a ring are looked up in when they lie scattered. */
#define VHOSTX_PIECE		0x1000
#define VHOSTX_PIECES(size)	((size) / VHOSTX_PIECE + 2)

/**
 * enum vhostx_bad - why one chain cannot carry a frame
 * @VHOSTX_BAD_EMPTY: no byte in it
 * @VHOSTX_BAD_DIR: a descriptor of the wrong direction
 * @VHOSTX_BAD_ADDR: address outside the memory table
 * @VHOSTX_BAD_FAULT: in the table, but not accessible
 * @VHOSTX_BAD_SIZE: more descriptors or bytes than a frame
 * @VHOSTX_BAD_MISS: not bad, but its address has no translation yet, see
 *		     &struct vhostx_view.miss
 */
enum vhostx_bad {
	VHOSTX_BAD_EMPTY = 1,
	VHOSTX_BAD_DIR,
	VHOSTX_BAD_ADDR,
	VHOSTX_BAD_FAULT,
	VHOSTX_BAD_SIZE,
	VHOSTX_BAD_MISS,
};

/**
 * struct vhostx_pieces - where the parts of a scattered ring are
 * @desc: owner's addresses of the descriptor table's pieces
 * @avail: of the available ring's
 * @used: of the used ring's
 */
struct vhostx_pieces {
	unsigned long desc[VHOSTX_PIECES(VHOSTX_RING_MAX *
					 sizeof(struct vring_desc))];
	unsigned long avail[VHOSTX_PIECES(VHOSTX_RING_MAX *
					  sizeof(__virtio16))];
	unsigned long used[VHOSTX_PIECES(VHOSTX_RING_MAX *
					 sizeof(struct vring_used_elem))];
};

/**
 * struct vhostx_desc - a descriptor, copied once and in host byte order
 * @addr: guest physical address
 * @len: bytes
 * @flags: VRING_DESC_F_*
 * @next: the entry that follows, in an indirect table
 */
struct vhostx_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

/**
 * struct vhostx_chain - a descriptor chain that was fetched
 * @id: what the used entry will carry
 * @place: of its first descriptor in a packed ring
 * @end: what &vhostx_ring.last_avail is when it is consumed
 * @first: its first descriptor, index into &vhostx_ring.desc_cache
 * @nr: its descriptors there
 * @bad: enum vhostx_bad found while fetching, or 0
 * @len: bytes it can carry; for the caller of vhostx_ring_map() to keep
 */
struct vhostx_chain {
	u16 id;
	u16 place;
	u16 end;
	u16 first;
	u16 nr;
	u16 bad;
	u32 len;
};

/**
 * struct vhostx_used - a used entry that waits to be published
 * @id: the chain's
 * @place: where it goes in a packed ring
 * @len: bytes that the device wrote into it
 */
struct vhostx_used {
	u16 id;
	u16 place;
	u32 len;
};

/**
 * struct vhostx_ring - a virtqueue as the device sees it
 * @desc: descriptor table, owner's address; with @pieces, its place in the
 *	  first of them; the whole ring where it is packed
 * @avail: available ring, or the driver's event suppression; likewise
 * @used: used ring, or the device's event suppression; likewise
 * @pieces: where the parts are, if they are scattered; else NULL
 * @num: entries, from 1 to VHOSTX_RING_MAX; a power of two where it is split
 * @packed: VIRTIO_F_RING_PACKED, the format
 * @modern: VIRTIO_F_VERSION_1 or @packed, so little-endian on every host
 * @event_idx: VIRTIO_RING_F_EVENT_IDX
 * @notify_on_empty: VIRTIO_F_NOTIFY_ON_EMPTY
 * @one_used: one used entry stands for a batch (VIRTIO_F_IN_ORDER)
 * @kicks_off: the driver was asked not to kick
 * @signalled_valid: @signalled means something
 * @last_avail: first entry not yet consumed; GET_VRING_BASE answers this
 * @next: first entry not yet fetched; ahead of @last_avail by the cache
 * @avail_idx: the driver's index when last read
 * @last_used: entries published
 * @signalled: @last_used at the last signal decision
 * @fault: why the ring broke; VHOSTX_FAULT_NONE while it is sound
 * @nr_used: used entries that wait for vhostx_ring_publish()
 * @head: first chain of the cache not yet consumed
 * @tail: end of the chains in the cache
 * @nr_desc: descriptors in the cache
 * @chain: the cache of chains
 * @desc_cache: their descriptors
 * @indirect: scratch for a piece of an indirect table
 * @used_cache: used entries that wait
 *
 * All fields are protected by the queue's lock. Descriptors are cached in
 * guest addresses, never in translated ones, so a new memory table leaves
 * nothing stale in here. In a packed ring @last_avail, @next, @last_used and
 * @signalled are places as in VHOSTX_PLACE_WRAP, and @avail_idx has no meaning.
 */
struct vhostx_ring {
	struct vring_desc __user *desc;
	struct vring_avail __user *avail;
	struct vring_used __user *used;
	const struct vhostx_pieces *pieces;
	u32 num;
	bool packed;
	bool modern;
	bool event_idx;
	bool notify_on_empty;
	bool one_used;
	bool kicks_off;
	bool signalled_valid;
	u16 last_avail;
	u16 next;
	u16 avail_idx;
	u16 last_used;
	u16 signalled;
	enum vhostx_fault fault;
	unsigned int nr_used;
	unsigned int head;
	unsigned int tail;
	unsigned int nr_desc;
	struct vhostx_chain chain[VHOSTX_CHAIN_MAX];
	struct vhostx_desc desc_cache[VHOSTX_CHAIN_MAX];
	struct vhostx_desc indirect[VHOSTX_BATCH];
	struct vhostx_used used_cache[VHOSTX_CHAIN_MAX + VHOSTX_BATCH];
};

/**
 * struct vhostx_cursor - a place in an indirect table
 * @pos: next entry to read
 * @read: entries that were read
 * @done: the chain has ended
 */
struct vhostx_cursor {
	u32 pos;
	u32 read;
	bool done;
};

/* ring.c: what no format differs in */
void vhostx_ring_reset(struct vhostx_ring *r);
void vhostx_ring_forget(struct vhostx_ring *r);
void vhostx_ring_begin(struct vhostx_ring *r);
void vhostx_ring_to_front(struct vhostx_ring *r);
void vhostx_ring_set_base(struct vhostx_ring *r, u32 base);
u32 vhostx_ring_base(const struct vhostx_ring *r);
bool vhostx_ring_ok(const struct vhostx_ring *r);
const char *vhostx_fault_name(enum vhostx_fault fault);
int vhostx_ring_map_desc(const struct vhostx_desc *desc,
			 struct vhostx_view *view, bool write,
			 struct iovec *iov, unsigned int max, size_t *len);
int vhostx_ring_map_any(struct vhostx_ring *r, const struct vhostx_chain *chain,
			struct vhostx_view *view, bool write, struct iovec *iov,
			unsigned int max, size_t *len);

/**
 * vhostx_ring_at - a place in a part of a ring
 * @part: the part
 * @pieces: its pieces, or NULL where it is whole
 * @offset: bytes from its beginning
 *
 * Return: the place, in the owner's memory.
 */
static __always_inline void __user *vhostx_ring_at(void __user *part,
						   const unsigned long *pieces,
						   size_t offset)
{
	if (likely(!pieces))
		return part + offset;
	offset += (unsigned long)part;
	return (void __user *)(pieces[offset / VHOSTX_PIECE] +
			       offset % VHOSTX_PIECE);
}

/* ring_indirect.c */
int vhostx_indirect_read(struct vhostx_ring *r, struct vhostx_view *view,
			 const struct vhostx_desc *table,
			 struct vhostx_cursor *cur);

/* ring_split.c */
size_t vhostx_split_avail_size(const struct vhostx_ring *r);
size_t vhostx_split_used_size(const struct vhostx_ring *r);
int vhostx_split_start(struct vhostx_ring *r);
int vhostx_split_fetch(struct vhostx_ring *r);
int vhostx_split_publish(struct vhostx_ring *r);
int vhostx_split_want_signal(struct vhostx_ring *r);
int vhostx_split_kicks_on(struct vhostx_ring *r);
int vhostx_split_kicks_off(struct vhostx_ring *r);
int vhostx_split_kicks_mute(struct vhostx_ring *r);
int vhostx_split_has_avail(struct vhostx_ring *r);

/* ring_packed.c */
int vhostx_packed_start(struct vhostx_ring *r);
int vhostx_packed_fetch(struct vhostx_ring *r);
int vhostx_packed_publish(struct vhostx_ring *r);
int vhostx_packed_want_signal(struct vhostx_ring *r);
int vhostx_packed_kicks_on(struct vhostx_ring *r);
int vhostx_packed_kicks_off(struct vhostx_ring *r);
int vhostx_packed_has_avail(struct vhostx_ring *r);

/**
 * vhostx_ring_break - the ring's structure cannot be trusted any more
 * @r: the ring
 * @fault: why
 *
 * Return: -EIO, for the caller to pass on.
 */
static inline int vhostx_ring_break(struct vhostx_ring *r,
				    enum vhostx_fault fault)
{
	WRITE_ONCE(r->fault, fault);
	return -EIO;
}

/**
 * vhostx_ring_bad - why a chain's address was of no use
 * @err: what vhostx_mem_translate() said, below 0
 *
 * Return: an enum vhostx_bad.
 */
static inline enum vhostx_bad vhostx_ring_bad(int err)
{
	switch (err) {
	case -ENOBUFS:
		return VHOSTX_BAD_SIZE;
	case -EAGAIN:
		return VHOSTX_BAD_MISS;
	default:
		return VHOSTX_BAD_ADDR;
	}
}

/**
 * vhostx_ring_le - the byte order of the ring and of its frames' headers
 * @r: the ring
 *
 * Return: true for little-endian.
 */
static inline bool vhostx_ring_le(const struct vhostx_ring *r)
{
	return virtio_legacy_is_little_endian() || r->modern;
}

/**
 * vhostx_ring_cached - chains that were fetched and not yet consumed
 * @r: the ring
 *
 * Return: how many.
 */
static inline unsigned int vhostx_ring_cached(const struct vhostx_ring *r)
{
	return r->tail - r->head;
}

/**
 * vhostx_ring_compact - make room at the end of the cache
 * @r: the ring
 */
static __always_inline void vhostx_ring_compact(struct vhostx_ring *r)
{
	if (likely(!vhostx_ring_cached(r))) {
		r->head = 0;
		r->tail = 0;
		r->nr_desc = 0;
	} else if (r->head) {
		vhostx_ring_to_front(r);
	}
}

/**
 * vhostx_ring_peek - a chain of the cache
 * @r: the ring
 * @i: position from the first not consumed, below vhostx_ring_cached()
 *
 * Return: the chain, which stays until it is consumed or forgotten.
 */
static inline struct vhostx_chain *vhostx_ring_peek(struct vhostx_ring *r,
						    unsigned int i)
{
	return &r->chain[r->head + i];
}

/**
 * vhostx_ring_used_at - a place in the part that the device writes
 * @r: the ring
 * @offset: bytes from the part's beginning
 *
 * Return: the place, in the owner's memory.
 */
static inline void __user *vhostx_ring_used_at(const struct vhostx_ring *r,
					       size_t offset)
{
	return vhostx_ring_at(r->used, r->pieces ? r->pieces->used : NULL,
			      offset);
}

/**
 * vhostx_ring_desc_at - a descriptor in the owner's memory
 * @r: the ring
 * @i: which one, below @r->num
 *
 * Return: its place.
 */
static __always_inline void __user *
vhostx_ring_desc_at(const struct vhostx_ring *r, u32 i)
{
	return vhostx_ring_at(r->desc, r->pieces ? r->pieces->desc : NULL,
			      i * sizeof(*r->desc));
}

/**
 * vhostx_ring_read_begin - open a window to read descriptors and what the driver says
 * @r: the ring
 *
 * All parts, or their pieces, were checked when they were located: a byte stands for
 * them, as the window is to be somewhere.
 *
 * Return: whether it is open, for user_read_access_end().
 */
static __always_inline bool vhostx_ring_read_begin(const struct vhostx_ring *r)
{
	return user_read_access_begin(r->desc, 1);
}

/**
 * vhostx_ring_avail_size - the size of the part that the driver writes
 * @r: the ring
 *
 * Return: its bytes.
 */
static inline size_t vhostx_ring_avail_size(const struct vhostx_ring *r)
{
	return r->packed ? sizeof(struct vring_packed_desc_event) :
			   vhostx_split_avail_size(r);
}

/**
 * vhostx_ring_used_size - the size of the part that the device writes
 * @r: the ring
 *
 * Return: its bytes.
 */
static inline size_t vhostx_ring_used_size(const struct vhostx_ring *r)
{
	return r->packed ? sizeof(struct vring_packed_desc_event) :
			   vhostx_split_used_size(r);
}

/**
 * vhostx_place_pos - a place's descriptor in a packed ring
 * @place: the place
 *
 * Return: the number of the descriptor.
 */
static __always_inline u32 vhostx_place_pos(u16 place)
{
	return place & ~VHOSTX_PLACE_WRAP;
}

/**
 * vhostx_place_after - a later place in a packed ring
 * @r: the ring
 * @place: a place in it
 * @nr: descriptors to go on, up to @r->num
 *
 * Return: the place.
 */
static __always_inline u16 vhostx_place_after(const struct vhostx_ring *r,
					      u16 place, u32 nr)
{
	u32 pos = vhostx_place_pos(place) + nr;
	u16 wrap = place & VHOSTX_PLACE_WRAP;

	if (pos < r->num)
		return pos | wrap;
	return (pos - r->num) | (wrap ^ VHOSTX_PLACE_WRAP);
}

/**
 * vhostx_place_distance - descriptors between two places in a packed ring
 * @r: the ring
 * @from: the one
 * @to: the other
 *
 * Return: how many from @from on to @to, which two laps apart are the same; any
 * other number where one of them is not in the ring.
 */
static inline u32 vhostx_place_distance(const struct vhostx_ring *r, u16 from,
					u16 to)
{
	int d = vhostx_place_pos(to) - vhostx_place_pos(from);

	if ((from ^ to) & VHOSTX_PLACE_WRAP)
		d += r->num;
	if (d < 0)
		d += 2 * r->num;
	return d;
}

/**
 * vhostx_ring_use - consume the first chain of the cache
 * @r: the ring; its cache is not empty, and fewer than
 *     VHOSTX_CHAIN_MAX + VHOSTX_BATCH used entries wait
 * @len: bytes that the device wrote into it
 *
 * The driver sees it after vhostx_ring_publish().
 */
static inline void vhostx_ring_use(struct vhostx_ring *r, u32 len)
{
	struct vhostx_used *used = &r->used_cache[r->nr_used++];
	const struct vhostx_chain *chain = &r->chain[r->head++];

	used->id = chain->id;
	used->place = chain->place;
	used->len = len;
	r->last_avail = chain->end;
}

/**
 * vhostx_ring_exhausted - whether the driver can have no more than is cached
 * @r: the ring
 *
 * Return: true where it is of no use to wait for more.
 */
static inline bool vhostx_ring_exhausted(const struct vhostx_ring *r)
{
	unsigned int cached = vhostx_ring_cached(r);

	return cached == VHOSTX_CHAIN_MAX ||
	       (cached && r->nr_desc - r->chain[r->head].first >= r->num);
}

/**
 * vhostx_ring_broken - whether the ring waits to be set up again
 * @r: the ring
 *
 * Return: true where it does.
 */
static inline bool vhostx_ring_broken(const struct vhostx_ring *r)
{
	return READ_ONCE(r->fault) != VHOSTX_FAULT_NONE;
}

/**
 * vhostx_ring_start - begin to serve a ring
 * @r: the ring; its parts, size, features and base are set up
 *
 * Return: 0; -EFAULT where the part that the device writes is not accessible,
 * or -EINVAL where the base lies outside the ring or its two halves differ: both
 * leave it as it was.
 */
static inline int vhostx_ring_start(struct vhostx_ring *r)
{
	return r->packed ? vhostx_packed_start(r) : vhostx_split_start(r);
}

/**
 * vhostx_ring_fetch - copy available chains into the cache
 * @r: the ring
 *
 * Fetches up to VHOSTX_BATCH chains in one user access window. Each byte that
 * the driver controls is copied once and used from the copy.
 *
 * Return: chains fetched; 0 where there are none; -ENOSPC where the cache has no
 * room for the next one; -EIO where the ring broke before the first one.
 */
static inline int vhostx_ring_fetch(struct vhostx_ring *r)
{
	return r->packed ? vhostx_packed_fetch(r) : vhostx_split_fetch(r);
}

/**
 * vhostx_ring_publish - hand the waiting used entries to the driver
 * @r: the ring
 *
 * All of them become visible at once. Where one stands for all, the driver takes
 * the others for used completely, so this is for chains that the device only
 * reads.
 *
 * Return: 0, or -EIO where the ring broke.
 */
static inline int vhostx_ring_publish(struct vhostx_ring *r)
{
	return r->packed ? vhostx_packed_publish(r) : vhostx_split_publish(r);
}

/**
 * vhostx_ring_want_signal - whether the driver wants an interrupt now
 * @r: the ring, after each vhostx_ring_publish()
 *
 * Return: 1, 0, or -EIO where the ring broke.
 */
static inline int vhostx_ring_want_signal(struct vhostx_ring *r)
{
	return r->packed ? vhostx_packed_want_signal(r) : vhostx_split_want_signal(r);
}

/**
 * vhostx_ring_kicks_on - ask the driver to kick
 * @r: the ring
 *
 * Return: as vhostx_ring_has_avail(): 1 means that something came meanwhile,
 * for which no kick need come.
 */
static inline int vhostx_ring_kicks_on(struct vhostx_ring *r)
{
	return r->packed ? vhostx_packed_kicks_on(r) : vhostx_split_kicks_on(r);
}

/**
 * vhostx_ring_kicks_off - tell the driver that nobody waits for kicks
 * @r: the ring
 *
 * With VIRTIO_RING_F_EVENT_IDX there is nothing to write: the entry that was
 * asked for last lies behind.
 *
 * Return: 0, or -EIO where the ring broke.
 */
static inline int vhostx_ring_kicks_off(struct vhostx_ring *r)
{
	if (r->kicks_off)
		return 0;
	r->kicks_off = true;
	if (r->event_idx)
		return 0;
	return r->packed ? vhostx_packed_kicks_off(r) : vhostx_split_kicks_off(r);
}

/**
 * vhostx_ring_kicks_mute - have a driver that was asked to kick not do so
 * @r: the ring
 *
 * With VIRTIO_RING_F_EVENT_IDX it would otherwise kick once more, for the entry
 * that was asked for last.
 *
 * Return: 0, or -EIO where the ring broke.
 */
static inline int vhostx_ring_kicks_mute(struct vhostx_ring *r)
{
	r->kicks_off = true;
	return r->packed ? vhostx_packed_kicks_off(r) : vhostx_split_kicks_mute(r);
}

/**
 * vhostx_ring_has_avail - whether the driver has made more available
 * @r: the ring
 *
 * Return: 1 where there is something to fetch, 0, or -EIO where the ring broke.
 */
static inline int vhostx_ring_has_avail(struct vhostx_ring *r)
{
	return r->packed ? vhostx_packed_has_avail(r) : vhostx_split_has_avail(r);
}

/* A descriptor with bytes, of the right direction, that is no table. */
static __always_inline bool vhostx_desc_plain(const struct vhostx_desc *desc,
					      bool write)
{
	u16 kind = desc->flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT);

	return kind == (write ? VRING_DESC_F_WRITE : 0) && desc->len;
}

/**
 * vhostx_ring_map - translate a chain into segments of the owner's memory
 * @r: the ring
 * @chain: a chain of its cache
 * @view: the queue's memory table
 * @write: whether the device is to write (RX) or to read (TX) it
 * @iov: where the segments go
 * @max: how many fit there
 * @len: bytes in the chain are added to this
 *
 * The usual chain is one descriptor in the region that answered last, and takes
 * no call.
 *
 * Return: segments, above 0; the negative of an enum vhostx_bad where the
 * chain cannot carry a frame; 0 where the ring broke, see &vhostx_ring.fault.
 */
static __always_inline int vhostx_ring_map(struct vhostx_ring *r,
					   const struct vhostx_chain *chain,
					   struct vhostx_view *view, bool write,
					   struct iovec *iov, unsigned int max,
					   size_t *len)
{
	const struct vhostx_desc *desc = &r->desc_cache[chain->first];

	if (unlikely(chain->nr != 1 || chain->bad || vhostx_ring_broken(r) ||
		     !max || !vhostx_desc_plain(desc, write)))
		return vhostx_ring_map_any(r, chain, view, write, iov, max, len);
	if (unlikely(!vhostx_mem_hit(view, desc->addr, desc->len,
				     write ? VHOST_MAP_WO : VHOST_MAP_RO, iov)))
		return vhostx_ring_map_desc(desc, view, write, iov, max, len);

	*len += desc->len;
	return 1;
}

#endif
