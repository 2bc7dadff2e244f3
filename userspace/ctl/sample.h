/* SPDX-License-Identifier: GPL-2.0-only */
/* All queues and workers at one moment, and what changed between two. */
#ifndef VHOSTX_CTL_SAMPLE_H
#define VHOSTX_CTL_SAMPLE_H

#include <stddef.h>

#include "netlink.h"

struct sample_queue {
	struct queue_id id;
	uint32_t worker;
	bool broken;
	char ifname[17];
	uint64_t counter[FIELDS];
	uint64_t drops;
};

struct sample_worker {
	uint32_t tid;
	uint64_t run_ns;
};

struct sample {
	double time;
	struct sample_queue *queues;
	struct sample_worker *workers;
	size_t n_queues, n_workers;
};

/* What a queue did per second. */
struct rate {
	const struct sample_queue *queue;
	double pps, mbps, kicks, signals, batch, drops, cpu;
};

int sample_take(struct sample *sample);
void sample_free(struct sample *sample);
/* An array of now's queues, or NULL for want of memory. */
struct rate *sample_rates(const struct sample *before, const struct sample *now);

#endif
