// SPDX-License-Identifier: GPL-2.0-only
/* The driver's end of a packed ring, for the unit tests. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

#define AVAIL	0x0080
#define USED	0x8000

struct rig *rig_packed_new(u32 num, bool event_idx)
{
	struct rig *rig = rig_alloc(num, event_idx);
	struct vhostx_ring *r = &rig->ring;

	r->packed = true;
	r->avail = (void *)(umem.base + num * sizeof(struct vring_packed_desc));
	r->used = (void *)((u8 *)r->avail +
			   sizeof(struct vring_packed_desc_event));
	if (!vhostx_ring_ok(r))
		abort();

	rig_packed_start(rig, 0);
	return rig;
}

static bool first_lap(const struct rig *rig, u64 at)
{
	return at / rig->ring.num % 2 == 0;
}

/* As suppression and the base have it. */
u16 rig_packed_place(const struct rig *rig, u64 at)
{
	return at % rig->ring.num | (first_lap(rig, at) ? 0x8000 : 0);
}

/* What makes a descriptor available. */
u16 rig_packed_avail_flags(const struct rig *rig, u64 at)
{
	return first_lap(rig, at) ? AVAIL : USED;
}

/* What makes it used. */
u16 rig_packed_used_flags(const struct rig *rig, u64 at)
{
	return first_lap(rig, at) ? AVAIL | USED : 0;
}

struct vring_packed_desc *rig_packed_at(const struct rig *rig, u64 at)
{
	return (struct vring_packed_desc *)rig->ring.desc + at % rig->ring.num;
}

/* With these flags and no others. */
void rig_packed_put(struct rig *rig, u64 at, u64 addr, u32 len, u16 id,
		    u16 flags)
{
	*rig_packed_at(rig, at) = (struct vring_packed_desc){
		.addr = htole64(addr), .len = htole32(len), .id = htole16(id),
		.flags = htole16(flags),
	};
}

struct rig_packed rig_packed_get(const struct rig *rig, u64 at)
{
	const struct vring_packed_desc *desc = rig_packed_at(rig, at);

	return (struct rig_packed){
		.addr = le64toh(desc->addr), .len = le32toh(desc->len),
		.id = le16toh(desc->id), .flags = le16toh(desc->flags),
	};
}

/* Start there, with the laps before gone by. */
void rig_packed_start(struct rig *rig, u64 to)
{
	struct vhostx_ring *r = &rig->ring;
	u64 at;

	rig->at = to;
	/* Two laps on is the same. */
	for (at = to + r->num; at < to + 2 * r->num; at++)
		rig_packed_put(rig, at, 0, 0, 0,
			       rig_packed_used_flags(rig, at));
	rig_packed_wish(rig, VRING_PACKED_EVENT_FLAG_ENABLE, 0);
	vhostx_ring_set_base(r, (u32)rig_packed_place(rig, to) << 16 |
			     rig_packed_place(rig, to));
	if (vhostx_ring_start(r))
		abort();
	umem_mark();
}

/* One more descriptor, available. */
void rig_packed_post(struct rig *rig, u64 addr, u32 len, u16 id, u16 flags)
{
	rig_packed_put(rig, rig->at, addr, len, id,
		       flags | rig_packed_avail_flags(rig, rig->at));
	rig->at++;
}

/* A chain of one that the device can read 100 bytes of. */
void rig_packed_post_simple(struct rig *rig, u16 id)
{
	rig_packed_post(rig, rig_gpa(id % 1024 * 128), 100, id, 0);
}

/* Entry of an indirect table at guest physical address @table. */
void rig_packed_entry(u64 table, u32 i, u64 addr, u32 len, u16 flags)
{
	struct vring_packed_desc desc = {
		.addr = htole64(addr), .len = htole32(len), .id = 0xeeee,
		.flags = htole16(flags),
	};

	memcpy(rig_hva(table + i * sizeof(desc)), &desc, sizeof(desc));
}

/* The driver's event suppression. */
void rig_packed_wish(struct rig *rig, u16 flags, u16 place)
{
	struct vring_packed_desc_event *event = (void *)rig->ring.avail;

	event->off_wrap = htole16(place);
	event->flags = htole16(flags);
}

/* The device's. */
struct rig_event rig_packed_event(const struct rig *rig)
{
	const struct vring_packed_desc_event *event = (void *)rig->ring.used;

	return (struct rig_event){
		.place = le16toh(event->off_wrap), .flags = le16toh(event->flags),
	};
}
