// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device IOTLB: any message, as the VMM writes them, against a list of what
 * they should have led to; and what queues find by it.
 */
#include <linux/slab.h>
#include <linux/vhost.h>

#include "device.h"
#include "input.h"
#include "iotlb.h"
#include "table.h"

#define ENTRIES		12
#define BLOCK		0x20000
#define PAGES		32
#define MESSAGE		sizeof(struct vhost_msg_v2)

struct entry {
	u64 start;
	u64 last;
	u64 addr;
	u32 perm;
};

/* What the table must have. */
static struct entry entries[ENTRIES];
static u32 nr_entries;

static u64 any_iova(void)
{
	u64 at = input_roll(8) ? 0x10000 : -0x8000ULL;

	return at + input_roll(PAGES) * 0x1000 +
	       (input_roll(8) ? 0 : input_roll(0x1000));
}

static u64 any_uaddr(void)
{
	if (!input_roll(16))
		return UMEM_LIMIT - input_roll(4) * 0x1000;
	if (!input_roll(16))
		return -(u64)input_roll(0x8000);
	return (u64)umem.base + input_roll(BLOCK / 0x1000) * 0x1000;
}

static u64 any_size(void)
{
	switch (input_roll(16)) {
	case 0:
		return input_roll(3);
	case 1:
		return -(u64)input_roll(0x8000);
	case 2:
		return input_roll(0x3000);
	default:
		return (1 + input_roll(4)) * 0x1000;
	}
}

static bool meets(const struct entry *e, u64 start, u64 last)
{
	return e->start <= last && e->last >= start;
}

static void forget_range(u64 start, u64 last)
{
	u32 i = 0;

	while (i < nr_entries) {
		if (meets(&entries[i], start, last))
			entries[i] = entries[--nr_entries];
		else
			i++;
	}
}

/* Do by the list what the message says; its errno, as the device sees it. */
static int expect_change(const struct vhost_iotlb_msg *msg)
{
	u64 last = msg->iova + msg->size - 1;

	if (!device.dev.iotlb || !msg->size || last < msg->iova)
		return -EFAULT;
	if (msg->type == VHOST_IOTLB_INVALIDATE) {
		forget_range(msg->iova, last);
		return 0;
	}
	if (msg->type != VHOST_IOTLB_UPDATE || msg->size > UMEM_LIMIT ||
	    msg->uaddr > UMEM_LIMIT - msg->size)
		return -EFAULT;
	forget_range(msg->iova, last);
	if (nr_entries == ENTRIES)
		return -EFAULT;
	entries[nr_entries++] = (struct entry){ msg->iova, last, msg->uaddr,
						msg->perm };
	return 0;
}

static void check_table(void)
{
	u32 i;

	if (!device.dev.iotlb)
		return;
	MUST(device.dev.iotlb->nmaps == nr_entries);
	for (i = 0; i < nr_entries; i++)
		MUST(table_has(device.dev.iotlb, entries[i].start,
			       entries[i].last, entries[i].addr,
			       entries[i].perm));
}

/* Who waited for what came is run, and asks no more; nothing old is known. */
static void check_queues(const struct vhost_iotlb_msg *msg, bool answered,
			 const struct vhostx_miss *before,
			 const unsigned int *runs)
{
	u64 last = msg->iova + msg->size - 1;
	u32 i;

	for (i = 0; i < VHOSTX_QUEUES; i++) {
		struct vhostx_vq *vq = &device.dev.vq[i];
		bool woken = answered && before[i].state != VHOSTX_MISS_NONE &&
			     before[i].iova >= msg->iova &&
			     before[i].iova <= last;

		MUST(!vq->view.hit && !vq->located);
		MUST(device.runs[i] == runs[i] + woken);
		MUST(vq->miss.state ==
		     (woken ? VHOSTX_MISS_NONE : before[i].state));
	}
}

static void write_message(void)
{
	struct vhost_msg_v2 msg = {};
	struct iov_iter from = { .data = (u8 *)&msg, .count = MESSAGE };
	struct vhostx_miss before[] = { device.dev.vq[0].miss,
					device.dev.vq[1].miss };
	unsigned int runs[] = { device.runs[0], device.runs[1] };
	int want, ret;

	msg.type = input_roll(16) ? VHOST_IOTLB_MSG_V2 - input_roll(2) :
				    input_roll(256);
	msg.iotlb.type = input_roll(8) ? VHOST_IOTLB_UPDATE + input_roll(2) :
					 input_roll(8);
	msg.iotlb.iova = any_iova();
	msg.iotlb.size = any_size();
	msg.iotlb.uaddr = any_uaddr();
	msg.iotlb.perm = input_roll(4) ? VHOST_ACCESS_RW : input_roll(4);
	if (!input_roll(32))
		from.count = input_roll(MESSAGE);
	ret = vhostx_iotlb_write(&device.dev, &from);
	if (from.count < offsetof(struct vhost_msg_v2, iotlb) + sizeof(msg.iotlb) ||
	    (msg.type != VHOST_IOTLB_MSG && msg.type != VHOST_IOTLB_MSG_V2) ||
	    (msg.iotlb.type == VHOST_IOTLB_UPDATE && !msg.iotlb.size)) {
		MUST(ret == -EINVAL);
		return;
	}
	if (current->mm != device.dev.mm) {
		MUST(ret == -EPERM);
		return;
	}
	want = expect_change(&msg.iotlb);
	MUST(ret == (want ? want : (int)MESSAGE));
	check_table();
	if (!want)
		check_queues(&msg.iotlb, msg.iotlb.type == VHOST_IOTLB_UPDATE,
			     before, runs);
}

/* A question comes once, in full, and of the version that was agreed on. */
static void read_message(void)
{
	u8 bytes[MESSAGE], want[MESSAGE] = {};
	struct iov_iter to = { .data = bytes, .count = MESSAGE };
	struct vhost_msg_v2 *msg = (void *)want;
	struct vhostx_miss *asked = NULL;
	ssize_t ret;
	u32 i;

	if (!input_roll(16))
		to.count = input_roll(MESSAGE);
	to.fails = !input_roll(16);
	for (i = VHOSTX_QUEUES; i--;)
		if (device.dev.vq[i].miss.state == VHOSTX_MISS_NEW)
			asked = &device.dev.vq[i].miss;
	ret = vhostx_iotlb_read(&device.dev, &to, input_roll(2));
	if (to.count < MESSAGE) {
		MUST(!ret);
		return;
	}
	if (ret == -EAGAIN || ret == -EBADFD || ret == -ERESTARTSYS) {
		MUST(!vhostx_iotlb_asks(&device.dev));
		MUST(ret != -EBADFD || !device.dev.iotlb);
		return;
	}
	if (to.fails) {
		MUST(ret == -EFAULT && vhostx_iotlb_asks(&device.dev));
		return;
	}
	MUST(ret == MESSAGE);
	msg->type = device.dev.backend_features ? VHOST_IOTLB_MSG_V2 :
						  VHOST_IOTLB_MSG;
	memcpy(&msg->iotlb, bytes + offsetof(struct vhost_msg_v2, iotlb),
	       sizeof(msg->iotlb));
	MUST(msg->iotlb.type == VHOST_IOTLB_MISS);
	MUST(!msg->iotlb.size && !msg->iotlb.uaddr);
	MUST(asked && asked->state == VHOSTX_MISS_ASKED);
	MUST(asked->iova == msg->iotlb.iova && asked->perm == msg->iotlb.perm);
	/* The version's type takes four bytes, and nothing follows it. */
	MUST(!memcmp(bytes, want, MESSAGE));
}

/* The owner's address of a byte that a queue may use so, 0 for none. */
static u64 translated(u64 iova, u32 perm)
{
	u32 i;

	for (i = 0; i < nr_entries; i++)
		if (meets(&entries[i], iova, iova) &&
		    (entries[i].perm & perm) == perm)
			return entries[i].addr + (iova - entries[i].start);
	return 0;
}

/* Each word of a part lies where the table puts it. */
static void check_part(void *part, const unsigned long *piece, u64 iova,
		       size_t size, u32 perm)
{
	size_t at;

	for (at = 0; at < size; at += at + 2 < size ? 2 : 1)
		MUST((u64)vhostx_ring_at(part, piece, at) ==
		     translated(iova + at, perm));
}

static void check_located(struct vhostx_vq *vq)
{
	const struct vhostx_pieces *p = vq->ring.pieces;
	struct vhostx_ring *r = &vq->ring;

	MUST(vq->located);
	check_part(r->desc, p ? p->desc : NULL, vq->addr.desc, r->num * 16,
		   r->packed ? VHOST_ACCESS_RW : VHOST_ACCESS_RO);
	check_part(r->avail, p ? p->avail : NULL, vq->addr.avail,
		   vhostx_ring_avail_size(r), VHOST_ACCESS_RO);
	check_part(r->used, p ? p->used : NULL, vq->addr.used,
		   vhostx_ring_used_size(r), VHOST_ACCESS_WO);
}

static void locate(struct vhostx_vq *vq)
{
	static const u32 sizes[] = { 1, 2, 8, 64, 256, 512 };
	struct vhostx_ring *r = &vq->ring;

	r->num = sizes[input_roll(ARRAY_SIZE(sizes))];
	r->packed = input_roll(2);
	r->event_idx = input_roll(2);
	vq->addr.desc = any_iova() & (input_roll(8) ? ~15ULL : ~0ULL);
	vq->addr.avail = any_iova() & ~3ULL;
	vq->addr.used = any_iova() & ~3ULL;
	vq->located = false;
	if (vhostx_iotlb_locate(vq)) {
		check_located(vq);
	} else if (vhostx_ring_broken(r)) {
		/* Told once. */
		MUST(device.events == 1);
		device.events = 0;
		r->fault = VHOSTX_FAULT_NONE;
	} else {
		MUST(vq->miss.state == VHOSTX_MISS_NEW);
		MUST(!vq->located && vhostx_iotlb_asks(&device.dev));
		MUST(!translated(vq->miss.iova, 0));
	}
	if (!vhostx_iotlb_locate_used(vq))
		check_part(r->used, vq->pieces->used, vq->addr.used, 4,
			   VHOST_ACCESS_WO);
}

static void step(struct vhostx_vq *vq)
{
	switch (input_roll(8)) {
	case 0:
	case 1:
	case 2:
		write_message();
		break;
	case 3:
		read_message();
		break;
	case 4:
	case 5:
		locate(vq);
		break;
	case 6:
		table_check_translate(&vq->view, any_iova(),
				      1 + input_roll(0x8000));
		break;
	case 7:
		vhostx_iotlb_forget_miss(vq);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct vhostx_dev *dev = &device.dev;
	u32 how, i;

	input_open(data, size);
	how = input_roll(256);
	umem_init(BLOCK);
	device_begin();
	nr_entries = 0;
	if (how % 16)
		dev->iotlb = vhost_iotlb_alloc(ENTRIES, 0);
	for (i = 0; i < VHOSTX_QUEUES; i++)
		vhostx_view_set(&dev->vq[i].view, dev->iotlb, true);
	if (how & 16)
		dev->backend_features = BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2);
	if (how >= 240)
		current->mm = NULL;
	while (input.left) {
		step(&dev->vq[input_roll(2)]);
		device_end();
	}
	if (dev->iotlb)
		vhost_iotlb_free(dev->iotlb);
	MUST(!umem.live);
	umem_exit();
	return 0;
}
