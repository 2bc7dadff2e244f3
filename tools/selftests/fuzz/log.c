// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log: what a queue writes into its ring, wherever that lies, has its
 * pages marked, and no other page is; and any range that is logged by itself.
 */
#include <linux/slab.h>

#include "device.h"
#include "input.h"
#include "notify.h"

#define PAGE		0x1000
/* Pages of the block that parts of a ring lie in, and those of the bitmap. */
#define PART_PAGES	24
#define LOG_PAGES	3
#define BLOCK		((PART_PAGES + LOG_PAGES + 1) * PAGE)
#define LOG_BYTES	(LOG_PAGES * PAGE)
/* The guest's bytes that a page of the bitmap stands for. */
#define LOG_SPAN	((u64)PAGE * 8 * PAGE)
#define MAX_PAGES	5

enum part { DESC, AVAIL, USED, PARTS };

static struct vhostx_vq *vq;
static struct vhostx_ring *r;
/* Bits that must be set, and that may be. */
static u8 must[LOG_BYTES], may[LOG_BYTES];
static u32 posted, fetched;

static u8 *at(enum part part, size_t offset)
{
	void *of[] = { r->desc, r->avail, r->used };
	const unsigned long *pieces[] = { NULL, NULL, NULL };

	if (r->pieces) {
		pieces[DESC] = r->pieces->desc;
		pieces[AVAIL] = r->pieces->avail;
		pieces[USED] = r->pieces->used;
	}
	return vhostx_ring_at(of[part], pieces[part], offset);
}

static size_t size_of(enum part part)
{
	return part == DESC ? r->num * 16 : part == AVAIL ?
	       vhostx_ring_avail_size(r) : vhostx_ring_used_size(r);
}

static void mark(u8 *bits, u64 gpa, u64 len)
{
	u64 page;

	for (page = gpa / PAGE; page <= (gpa + len - 1) / PAGE; page++)
		bits[page / 8] |= 1 << page % 8;
}

/* Wherever the guest sees these bytes of the owner's. */
static void mark_owner(u8 *bits, u64 hva, u64 len)
{
	struct vhost_iotlb_map *map;

	list_for_each_entry(map, &vq->log.owners->list, link) {
		u64 from = hva > map->start ? hva : map->start;
		u64 to = hva + len - 1 < map->last ? hva + len - 1 : map->last;

		if (from <= to)
			mark(bits, map->addr + (from - map->start), to - from + 1);
	}
}

/* What the device wrote, where the VMM finds it. */
static void mark_part(u8 *bits, enum part part, size_t offset, u64 hva, u64 len)
{
	if (part == USED && !vq->view.iotlb)
		mark(bits, vq->log.used_addr + offset, len);
	else
		mark_owner(bits, hva, len);
}

/* How many bytes of a part lie in one with the one at @offset. */
static size_t run_of(enum part part, size_t offset)
{
	size_t left = size_of(part) - offset;
	size_t room = PAGE - (u64)at(part, offset) % PAGE;

	return left < room ? left : room;
}

/* Where in a part the device wrote; it may write to two of them. */
static void mark_write(u64 hva, size_t len)
{
	enum part part;
	size_t offset, run;

	for (part = DESC; part < PARTS; part++)
		for (offset = 0; offset < size_of(part); offset += run) {
			u64 into = hva - (u64)at(part, offset);

			run = run_of(part, offset);
			if (into >= run)
				continue;
			MUST(part == USED || (part == DESC && r->packed));
			mark_part(must, part, offset + into, hva, len);
			return;
		}
	MUST(!"a write that is in no part");
}

static void mark_writes(void)
{
	u32 i;

	for (i = 0; vq->log.used && i < umem.nr_log; i++)
		if (umem.log[i].op == UMEM_WRITE)
			mark_write(umem.log[i].addr, umem.log[i].len);
}

static void put(enum part part, size_t offset, u64 v, size_t len)
{
	while (len--) {
		*at(part, offset++) = v;
		v >>= 8;
	}
}

static void put_desc(u32 i, u64 v)
{
	put(DESC, i * 16, 0x1000, 8);
	put(DESC, i * 16 + 8, v, 8);
}

/* One chain of one descriptor, where there is room. */
static void post(void)
{
	u32 i = posted % r->num;
	u64 flags = posted / r->num % 2 ? 0x8000 : 0x0080;

	if (posted - (fetched - r->nr_used) == r->num)
		return;
	if (r->packed) {
		put_desc(i, flags << 48 | (u64)i << 32 | 100);
	} else {
		put_desc(i, 100);
		put(AVAIL, 4 + i * 2, i, 2);
		put(AVAIL, 2, posted + 1, 2);
	}
	posted++;
}

static void serve(void)
{
	int n = vhostx_ring_fetch(r);

	MUST(n >= 0 && (u32)n <= posted - fetched);
	while (n--) {
		MUST(vhostx_ring_peek(r, 0)->id == fetched % r->num);
		vhostx_ring_use(r, input_roll(2));
		fetched++;
	}
}

static bool faults(const u8 *bits)
{
	u64 fault = umem.fault & -PAGE, i;

	for (i = 0; umem.fault_end && i < LOG_BYTES; i++)
		if (bits[i] && (((u64)vq->log.base + i) & -PAGE) == fault)
			return true;
	return false;
}

/* A range by itself: all of its pages, or none that is known where one faults. */
static void log_range(bool by_owner)
{
	u64 hva = (u64)umem.base + input_roll(PART_PAGES * PAGE);
	u64 gpa = LOG_SPAN * input_roll(2) + input_roll(8) * LOG_SPAN / 8 +
		  input_roll(16) * PAGE + input_roll(PAGE);
	u64 len = input_roll(8) ? input_roll(4 * PAGE) : input_roll(LOG_SPAN);
	static u8 want[LOG_BYTES];
	unsigned int signals = device.call.signals;
	u8 told = 0;
	u32 i;
	int ret;

	memset(want, 0, sizeof(want));
	if (by_owner) {
		len = len % PAGE;
		if (len && vq->log.base)
			mark_owner(want, hva, len);
		ret = vhostx_log_owner(&vq->log, (void *)hva, len);
	} else {
		if (len && vq->log.base)
			mark(want, gpa, len);
		ret = vhostx_log_guest(&vq->log, gpa, len);
	}
	MUST(ret == (faults(want) ? -EFAULT : 0));
	for (i = 0; i < LOG_BYTES; i++) {
		may[i] |= want[i];
		if (!ret)
			must[i] |= want[i];
		told |= want[i];
	}
	MUST(ret || !told == (device.call.signals == signals));
}

/* Whether a bitmap would do, for a range anywhere. */
static void check_room(void)
{
	u64 addr = (input_roll(2) ? 0 : -0x10000ULL) + input_roll(0x10000) +
		   ((u64)input_roll(0x10000) << 40);
	u64 len = input_roll(2) ? input_roll(0x20000) : -(u64)input_roll(0x10000);
	u64 base = UMEM_LIMIT - input_roll(0x10000);
	u64 last = (addr + len - 1) / PAGE / 8;
	struct vhost_iotlb *table;
	bool ok = !len || (addr + len - 1 >= addr && last < UMEM_LIMIT &&
			   base + last < UMEM_LIMIT);

	MUST(vhostx_log_ok((void *)base, addr, len) == ok);
	if (!len || addr + len - 1 < addr)
		return;
	table = vhost_iotlb_alloc(2, 0);
	if (vhost_iotlb_add_range(table, addr, addr + len - 1, 0, VHOST_MAP_RW) ||
	    vhost_iotlb_add_range(table, 0, 0, 0, VHOST_MAP_RW))
		abort();
	MUST(vhostx_log_table_ok((void *)base, table) == ok);
	vhost_iotlb_free(table);
}

static void step(void)
{
	u32 nr = 1;

	umem_mark();
	/* As when the ring was set up, or the IOTLB's messages came. */
	umem_access_ok(umem.base, PART_PAGES * PAGE);
	switch (input_roll(10)) {
	case 0:
	case 1:
		for (nr += input_roll(64); nr; nr--)
			post();
		break;
	case 2:
		serve();
		break;
	case 3:
		/* Interrupts wait for a few frames, now and then. */
		vq->tune.coalesce_us = input_roll(2);
		vq->tune.coalesce_frames = input_roll(4);
		vhostx_vq_publish(vq);
		vhostx_count(&vq->stats, VHOSTX_PACKETS, 1);
		if (input_roll(2))
			vhostx_vq_signal_due(vq);
		else
			vhostx_vq_signal_late(vq);
		MUST(!vq->late.waits);
		break;
	case 4:
		vhostx_vq_kicks_on(vq);
		break;
	case 5:
		if (input_roll(2))
			vhostx_vq_kicks_off(vq);
		else
			vhostx_vq_kicks_mute(vq);
		break;
	case 6:
		log_range(input_roll(2));
		break;
	case 7:
		check_room();
		break;
	case 8:
		/* The VMM takes what is there, and wants the next writes afresh. */
		memset(vq->log.base, 0, LOG_BYTES);
		memset(must, 0, sizeof(must));
		break;
	case 9:
		/* Now and then the bitmap cannot be written. */
		if (input_roll(4))
			umem_fail(NULL, 0);
		else
			umem_fail(vq->log.base + input_roll(LOG_BYTES), 1);
		break;
	}
	mark_writes();
}

/* A region of the owner's that the guest sees at @gpa, ever the same page twice too. */
static void map_owner(u64 page, u64 nr, u64 gpa)
{
	u64 hva = (u64)umem.base + page * PAGE;

	if (vhost_iotlb_add_range(vq->log.owners, hva, hva + nr * PAGE - 1, gpa,
				  VHOST_MAP_RW))
		abort();
}

static void lay_out(bool scattered)
{
	static const size_t most[] = { 4 * PAGE, PAGE, 3 * PAGE };
	unsigned long *pieces[] = { vq->pieces->desc, vq->pieces->avail,
				    vq->pieces->used };
	u64 offset[PARTS], place = (u64)umem.base;
	u32 i, k, page = 0;

	for (i = 0; i < PARTS; i++) {
		/* Half of them have their beginning at the end of a page. */
		offset[i] = input_roll(2) ? PAGE - 16 * (1 + input_roll(4)) :
					    input_roll(PAGE / 16) * 16;
		for (k = 0; k < MAX_PAGES; k++, page++)
			pieces[i][k] = (u64)umem.base +
				       page * 7 % PART_PAGES * PAGE;
		if (!scattered)
			offset[i] += place;
		place += most[i] + PAGE;
	}
	r->pieces = scattered ? vq->pieces : NULL;
	r->desc = (void *)offset[DESC];
	r->avail = (void *)offset[AVAIL];
	r->used = (void *)offset[USED];
}

static void set_up(u32 how)
{
	static const u32 sizes[] = { 1, 8, 64, 1024 };
	u32 start, from = input_roll(PART_PAGES / 2), i, part;
	u16 place;

	vq = &device.dev.vq[how & 1];
	r = &vq->ring;
	r->packed = how & 2;
	r->event_idx = how & 4;
	r->modern = true;
	r->num = sizes[how >> 3 & 3];
	if (r->packed && r->num > 1)
		r->num -= 1 + input_roll(r->num / 4);
	vq->view.iotlb = how & 32;
	lay_out(vq->view.iotlb);
	vq->log.base = umem.base + PART_PAGES * PAGE + input_roll(PAGE);
	vq->log.used = how & 64;
	vq->log.ctx = &device.call;
	vq->log.used_addr = LOG_SPAN - input_roll(4 * PAGE) / 4 * 4;
	vq->log.owners = vhost_iotlb_alloc(4, 0);
	map_owner(0, PART_PAGES, LOG_SPAN * input_roll(2) + PAGE * input_roll(64));
	map_owner(from, 2, LOG_SPAN - PAGE);
	/* Not far from where it goes around, or at the beginning. */
	start = input_roll(2) * (r->num - r->num / 8);
	if (r->packed) {
		place = VHOSTX_PLACE_FIRST | start;
		if (start == r->num)
			place = 0;
	} else {
		put(AVAIL, 2, start, 2);
		put(USED, 2, start, 2);
		place = start;
	}
	vhostx_ring_set_base(r, r->packed ? (u32)place << 16 | place : place);
	if (vhostx_ring_start(r))
		abort();
	posted = start;
	fetched = start;
	memset(must, 0, sizeof(must));
	memset(may, 0, sizeof(may));
	for (part = DESC; part < PARTS; part++)
		for (i = 0; i < size_of(part); i += run_of(part, i))
			mark_part(may, part, i, (u64)at(part, i),
				  run_of(part, i));
}

static void check_bits(void)
{
	const u8 *log = vq->log.base;
	u32 i;

	for (i = 0; i < LOG_BYTES; i++) {
		MUST(!(must[i] & ~log[i]));
		MUST(!(log[i] & ~may[i]));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	input_open(data, size);
	if (umem.base)
		memset(umem.base, 0, BLOCK);
	umem_init(BLOCK);
	device_begin();
	set_up(input_roll(256));
	/* A ring breaks where its log does, and nothing is known from there on. */
	while (input.left && !vhostx_ring_broken(r))
		step();
	if (vhostx_ring_broken(r))
		MUST(r->fault == VHOSTX_FAULT_LOG_WRITE && umem.fault_end);
	else
		check_bits();
	vhost_iotlb_free(vq->log.owners);
	device_end();
	MUST(!umem.live);
	umem_exit();
	return 0;
}
