/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the place of the kernel device and of the tap: what they are told is kept and, as they
 * would, refused where it makes no sense. All memory that the kernel could reach is touched,
 * so that a piece which is not there any more ends the test.
 */
#ifndef VHOST_USER_FAKE_H
#define VHOST_USER_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost.h>

#define FAKE_FEATURES	(UINT64_C(1) << 15 | UINT64_C(1) << 26 | UINT64_C(1) << 27 | \
			 UINT64_C(1) << 28 | UINT64_C(1) << 29 | UINT64_C(1) << 32 | \
			 UINT64_C(1) << 33 | UINT64_C(1) << 34)
#define FAKE_DEVICES	4
#define FAKE_TRANSLATIONS	256

struct fake_ring {
	uint32_t num, base;
	struct vhost_vring_addr addr;
	int kick;			/* the descriptor that was given, or -1 */
	bool running;
	unsigned int starts;
};

struct fake_device {
	int fd;				/* 0 where it is not open */
	bool owned;
	uint64_t features, log;
	unsigned int regions;
	struct vhost_memory_region region[512];
	unsigned int translations;
	struct vhost_iotlb_msg translation[FAKE_TRANSLATIONS];
	struct vhost_iotlb_msg asks;	/* of type 0: nothing */
	struct fake_ring ring[2];
};

struct fake_tap {
	uint64_t features;
	bool attached[FAKE_DEVICES];
	unsigned char announced[6];
};

extern struct fake_device fake_device[FAKE_DEVICES];
extern struct fake_tap fake_tap;
/* Which call is to fail from now on, how often it is done before, and with what. */
extern unsigned long fake_fails;
extern unsigned int fake_fails_after;

/* All is closed. */
void fake_reset(void);
/* Touch what rings that run could: rings, buffers, log. */
void fake_serve(void);

#endif
