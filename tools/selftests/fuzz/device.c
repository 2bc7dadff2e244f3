// SPDX-License-Identifier: GPL-2.0-only
/* A device with its two queues, without what makes one of them. */
#include "device.h"
#include "event.h"
#include "input.h"
#include "notify.h"

struct device device;
int kernel_pinned;

static struct task_struct owner;
static struct vhostx_pieces pieces[VHOSTX_QUEUES];
static char mm, worker;

struct task_struct *current = &owner;

/* The owner's, in the block that there is. */
void device_begin(void)
{
	u32 i;

	memset(&device, 0, sizeof(device));
	owner.mm = (void *)&mm;
	device.dev.mm = owner.mm;
	for (i = 0; i < VHOSTX_QUEUES; i++) {
		struct vhostx_vq *vq = &device.dev.vq[i];

		vq->dev = &device.dev;
		vq->is_tx = i == VHOSTX_TX;
		vq->worker = (void *)&worker;
		vq->pieces = &pieces[i];
		vq->call = &device.call;
		known_forget(&pieces[i], sizeof(pieces[i]));
		vhostx_notify_init(vq);
		vhostx_ring_reset(&vq->ring);
		forget_caches(&vq->ring);
	}
}

void device_end(void)
{
	u32 i;

	for (i = 0; i < VHOSTX_QUEUES; i++)
		MUST(!device.dev.vq[i].lock.held);
	MUST(!device.dev.lock.held && !device.dev.miss_lock.held);
	MUST(!kernel_pinned);
	MUST_NOT(umem.error);
}

void vhostx_worker_queue(struct vhostx_worker *to, struct vhostx_work *work)
{
	struct vhostx_vq *vq = container_of(work, struct vhostx_vq, work);

	MUST((void *)to == &worker);
	device.runs[vq - device.dev.vq]++;
}

bool vhostx_worker_may_poll(const struct vhostx_worker *of, u64 end)
{
	(void)of;
	(void)end;
	return false;
}

void vhostx_event(unsigned long what, const void *object)
{
	MUST(what == VHOSTX_CMD_QUEUE_BROKEN_NTF && object);
	device.events++;
}
