/* SPDX-License-Identifier: GPL-2.0-only */
/* What a packet's cost is measured of: one case is one point of the matrix. */
#ifndef CASE_H
#define CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CASES_MAX	160
#define PAIRS_MAX	8
#define PARTS_MAX	4
/* A segment of 64 KiB, its headers and what a tap adds within that. */
#define GSO_LEN		65000

/* Bits of a ring's format. */
#define SPLIT		0u
#define IN_ORDER	1u
#define PACKED		2u

struct cost_case {
	unsigned int index;	/* RX or TX */
	unsigned int len;	/* bytes of a frame; GSO_LEN is one to be segmented */
	unsigned int burst;	/* frames made available at once, on each queue */
	bool drop;		/* TX: XDP throws it away; the stack does otherwise */
	unsigned int format;
	unsigned int parts;	/* descriptors of a chain */
	bool indirect;
	unsigned int buffers;	/* RX: that a frame needs */
	unsigned int regions;	/* of the memory table */
	bool scattered;		/* over those regions; all in the last one otherwise */
	unsigned int pairs;	/* of queues, a device each */
	bool iotlb;
	bool quick;		/* part of the short run */
	char name[64];
};

/* Fill out; how many there are. */
size_t cases_make(struct cost_case *out);
const char *format_name(unsigned int format);

#endif
