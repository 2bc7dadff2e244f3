/* SPDX-License-Identifier: GPL-2.0-only */
/* A device with a dirty log, for the programs that look at what is in it. */
#ifndef LOGGED_H
#define LOGGED_H

#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "dirty.h"

#define PAGE		4096
#define NUM		64
/* Buffers, in a word of the bitmap of their own. */
#define BUF_SIZE	(64 * PAGE)
/* The bit of this page is the first of a page of an aligned bitmap. */
#define FAR		0x4000000000ULL
#define LOG_END		(FAR + (1ULL << 30))
#define HDR		12

struct run {
	struct nic nic;
	struct vmm *v;
	struct dirty log;
	uint64_t features;	/* without F_LOG_ALL */
	uint64_t gpa;		/* where guest memory is shown */
	size_t buf;		/* where in guest memory the buffers are */
	uint8_t *before;	/* all of it, before the device wrote */
};

static int run_open(struct run *r, const struct nic_opts *opts)
{
	struct nic_opts o = *opts;
	int ret;

	memset(r, 0, sizeof(*r));
	o.features |= F_VERSION_1;
	o.num = o.num ? o.num : NUM;
	o.slot = PAGE;
	ret = nic_open(&r->nic, &o);
	if (!ret)
		ret = link_up(NIC_TAP, 65000);
	if (ret)
		return ret;
	r->v = &r->nic.vmm;
	r->features = o.features;
	r->gpa = VMM_GPA;
	r->buf = vmm_alloc(r->v, BUF_SIZE, BUF_SIZE) - VMM_GPA;
	r->before = malloc(r->v->mem_used);
	if (!r->before)
		return -ENOMEM;
	ret = dirty_open(&r->log, LOG_END, 0);
	if (!ret)
		ret = vmm_set_log(r->v, dirty_base(&r->log));
	return ret ? ret : vmm_set_features(r->v, o.features | F_LOG_ALL);
}

static void run_close(struct run *r)
{
	nic_close(&r->nic);
	dirty_close(&r->log);
	free(r->before);
}

static uint8_t content[HDR + FRAME_MAX];

/* Wait until so many bytes have arrived, and the device has let go. */
static int take(struct run *r, size_t total)
{
	struct vq *q = &r->v->vq[RX];
	uint32_t id, len;

	for (size_t done = 0; done < total; done += len) {
		int ret = vq_wait(q, NIC_TIMEOUT);

		if (ret)
			return ret;
		if (vq_reap(q, &id, &len) != 1)
			return -EPROTO;
	}
	/* It takes the queue's lock, which the worker holds for its run. */
	return vmm_get_base(r->v, RX) < 0 ? -EIO : 0;
}

#endif
