/* SPDX-License-Identifier: GPL-2.0-only */
/* A case set up on a device: a driver on each queue, the tap, and who puts frames in. */
#ifndef RIG_H
#define RIG_H

#include "case.h"
#include "frame.h"
#include "in_order.h"
#include "iotlb.h"
#include "vmm.h"

/* What belongs to one pair of queues. */
struct rig_port {
	struct vmm v;
	struct vq *q;		/* the one that is measured */
	struct in_order order;
	struct iotlb tlb;
	int tap;
	int worker;
	uint64_t slots;		/* guest memory that frames go from or to */
};

struct rig {
	const struct cost_case *t;
	unsigned int format;	/* what the device has of what the case asks */
	struct rig_port port[PAIRS_MAX];
	int wire;
	uint32_t slot;
	unsigned int per_region;	/* slots */
	struct virtio_net_hdr hdr;
	uint8_t frame[FRAME_MAX];
};

/* These end the program where they fail; so does the rig. */
void rig_open(struct rig *r, const struct cost_case *t, const char *path);
/* A burst: all of it is there before the worker runs, and one interrupt ends it. */
void rig_burst(struct rig *r);
/* From here on runs_end() says how long its workers run. */
void rig_trace(const struct rig *r);
/* Nanoseconds that its workers have run, as the scheduler counts. */
uint64_t rig_run_ns(const struct rig *r);

#endif
