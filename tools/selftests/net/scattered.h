/* SPDX-License-Identifier: GPL-2.0-only */
/* A NIC behind an IOMMU: rings, tables and buffers whose pages lie scattered. */
#ifndef SCATTERED_H
#define SCATTERED_H

#include <stdio.h>
#include <string.h>

#include "devices.h"
#include "iotlb.h"

#define PAGE		IOTLB_PAGE
#define HDR		12
/* Before a page's end: the third entry of a table lies in two pages. */
#define TABLE_SKEW	(PAGE - 40)

struct run {
	struct nic nic;
	struct iotlb t;
	struct vmm *v;
	uint64_t features;
	size_t most;		/* bytes of the largest frame */
};

struct run_opts {
	const char *path;
	uint64_t features;
	unsigned int num;	/* 0 = 128 */
	bool v1;
};

static inline int run_open(struct run *r, const struct run_opts *o)
{
	struct nic_opts no = {
		.path = o->path,
		.features = o->features | F_VERSION_1 | F_ACCESS_PLATFORM,
		.num = o->num,
		.slot = o->num > 256 ? 16384 : NIC_SLOT,
		.stopped = true,
	};
	int ret;

	memset(r, 0, sizeof(*r));
	ret = nic_open(&r->nic, &no);
	if (!ret)
		ret = link_up(NIC_TAP, 65000);
	if (ret)
		return ret;
	r->v = &r->nic.vmm;
	r->features = no.features;
	r->most = no.slot / 2 - 1000;
	for (int i = 0; i < 2; i++) {
		struct vq *q = &r->v->vq[i];

		q->table_gpa = TABLE_SKEW +
			vmm_alloc(r->v, q->num * VQ_TABLE *
				  sizeof(struct vring_desc) + PAGE, PAGE);
		q->table = vmm_ptr(r->v, q->table_gpa);
	}
	return iotlb_open(&r->t, r->v, !o->v1);
}

static inline int run_start(struct run *r)
{
	return iotlb_map_used(&r->t) ?: vmm_start(r->v, r->nic.tap);
}

static inline void run_close(struct run *r)
{
	iotlb_close(&r->t);
	nic_close(&r->nic);
}

/* Nothing was refused, and both queues run. */
static inline const char *unwell(void)
{
	static char why[128];
	struct stats st;

	for (int i = 0; i < 2; i++) {
		if (nic_stats(i, &st))
			return "no counters";
		if (!stats_drops(&st) && !st.broken &&
		    !strcmp(st.state, "running"))
			continue;
		snprintf(why, sizeof(why), "%s %s %s: addr %d fault %d size %d",
			 st.queue, st.state, st.reason, (int)st.drop_addr,
			 (int)st.drop_fault, (int)st.drop_size);
		return why;
	}
	return NULL;
}

#define EXPECT_WELL() do {						\
	const char *_why = variant->vhostx ? unwell() : NULL;		\
									\
	EXPECT_EQ(NULL, _why) TH_LOG("%s", _why);			\
} while (0)

/* n frames out at once, of these sizes, each compared: 0 or what failed. */
static inline int burst_tx(struct run *r, unsigned int n, const size_t *len,
			   const struct nic_layout *l, uint32_t seed)
{
	static uint8_t frame[FRAME_MAX + 1];
	int ret;

	for (unsigned int i = 0; i < n; i++) {
		frame_fill(frame, len[i], seed + i);
		ret = nic_post_tx(&r->nic, l, NULL, frame, len[i]);
		if (ret < 0)
			return ret;
	}
	vq_kick(&r->v->vq[TX]);
	for (unsigned int i = 0; i < n; i++) {
		ret = wire_recv(r->nic.wire, NULL, frame, sizeof(frame),
				NIC_TIMEOUT);
		if (ret != (int)len[i])
			return ret < 0 ? ret : -EMSGSIZE;
		if (frame_check(frame, len[i], seed + i) >= 0)
			return -EBADMSG;
	}
	return nic_reap_tx(&r->nic, n, NIC_TIMEOUT);
}

/* The same in, merged from buffers of that size; 0 for what holds a frame. */
static inline int burst_rx(struct run *r, unsigned int n, const size_t *len,
			   uint32_t buffer, uint32_t seed)
{
	static uint8_t frame[FRAME_MAX + 1];
	int ret;

	for (unsigned int i = 0; i < n; i++) {
		/* Always enough for the next one. */
		nic_fill_rx(&r->nic, buffer ? len[i] / buffer + 2 : 1,
			    buffer ? buffer : r->most + HDR);
		frame_fill(frame, len[i], seed + i);
		ret = wire_send(r->nic.wire, NULL, frame, len[i]);
		if (ret)
			return ret;
	}
	for (unsigned int i = 0; i < n; i++) {
		ret = nic_recv(&r->nic, NULL, frame, sizeof(frame),
			       NIC_TIMEOUT);
		if (ret != (int)len[i])
			return ret < 0 ? ret : -EMSGSIZE;
		if (frame_check(frame, len[i], seed + i) >= 0)
			return -EBADMSG;
	}
	return 0;
}

static const size_t small[] = {
	60, 1514, 61, 2000, 100, 1000, 64, 3000, 999, 63, 4000, 1200, 77, 65,
	500, 1400,
};

#define SMALL	ARRAY_SIZE(small)

#endif
