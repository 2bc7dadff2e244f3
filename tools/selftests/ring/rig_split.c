// SPDX-License-Identifier: GPL-2.0-only
/* The driver's end of a split ring, for the unit tests. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

static u32 align_up(u32 at, u32 to)
{
	return (at + to - 1) / to * to;
}

static bool rig_le(const struct rig *rig)
{
	return !umem_big_endian || rig->ring.modern;
}

struct rig *rig_new(u32 num, bool event_idx)
{
	struct rig *rig = rig_alloc(num, event_idx);
	struct vhostx_ring *r = &rig->ring;
	u32 at = num * sizeof(struct vring_desc);

	r->avail = (void *)(umem.base + at);
	at = align_up(at + (3 + num) * 2, 4);
	r->used = (void *)(umem.base + at);
	at += 6 + num * 8;
	if (at > RIG_FREE || !vhostx_ring_ok(r))
		abort();

	rig_start(rig, 0, 0);
	return rig;
}

/* Start with these indices in the driver's memory. */
void rig_start(struct rig *rig, u16 avail, u16 used)
{
	rig->avail = avail;
	rig_put16(rig, &rig->ring.avail->idx, avail);
	rig_put16(rig, &rig->ring.used->idx, used);
	rig->ring.last_avail = avail;
	if (vhostx_ring_start(&rig->ring))
		abort();
	umem_mark();
}

void rig_put16(struct rig *rig, void *to, u16 v)
{
	v = rig_le(rig) ? htole16(v) : htobe16(v);
	memcpy(to, &v, sizeof(v));
}

u16 rig_get16(struct rig *rig, const void *from)
{
	u16 v;

	memcpy(&v, from, sizeof(v));
	return rig_le(rig) ? le16toh(v) : be16toh(v);
}

u32 rig_get32(struct rig *rig, const void *from)
{
	u32 v;

	memcpy(&v, from, sizeof(v));
	return rig_le(rig) ? le32toh(v) : be32toh(v);
}

static void put_desc(struct rig *rig, void *to, u64 addr, u32 len, u16 flags,
		     u16 next)
{
	struct vring_desc desc;

	desc.addr = rig_le(rig) ? htole64(addr) : htobe64(addr);
	desc.len = rig_le(rig) ? htole32(len) : htobe32(len);
	rig_put16(rig, &desc.flags, flags);
	rig_put16(rig, &desc.next, next);
	memcpy(to, &desc, sizeof(desc));
}

void rig_desc(struct rig *rig, u32 i, u64 addr, u32 len, u16 flags, u16 next)
{
	put_desc(rig, &rig->ring.desc[i], addr, len, flags, next);
}

/* Entry of an indirect table at guest physical address @table. */
void rig_entry(struct rig *rig, u64 table, u32 i, u64 addr, u32 len, u16 flags,
	       u16 next)
{
	put_desc(rig, rig_hva(table + i * sizeof(struct vring_desc)), addr, len,
		 flags, next);
}

/* Make the chain that starts at @head available. */
void rig_post(struct rig *rig, u16 head)
{
	struct vhostx_ring *r = &rig->ring;

	rig_put16(rig, &r->avail->ring[rig->avail & (r->num - 1)], head);
	rig_avail_idx(rig, rig->avail + 1);
}

/* Make one descriptor of 100 bytes available, for the device to read. */
void rig_post_simple(struct rig *rig, u16 head)
{
	rig_desc(rig, head, rig_gpa(head * 128), 100, 0, 0);
	rig_post(rig, head);
}

void rig_avail_idx(struct rig *rig, u16 idx)
{
	rig->avail = idx;
	rig_put16(rig, &rig->ring.avail->idx, idx);
}

void rig_used_event(struct rig *rig, u16 idx)
{
	rig_put16(rig, &rig->ring.avail->ring[rig->ring.num], idx);
}

u16 rig_avail_event(struct rig *rig)
{
	return rig_get16(rig, &rig->ring.used->ring[rig->ring.num]);
}

u16 rig_used_idx(struct rig *rig)
{
	return rig_get16(rig, &rig->ring.used->idx);
}

struct rig_used rig_used(struct rig *rig, u16 idx)
{
	void *at = &rig->ring.used->ring[idx & (rig->ring.num - 1)];

	return (struct rig_used){
		.id = rig_get32(rig, at), .len = rig_get32(rig, (u8 *)at + 4),
	};
}
