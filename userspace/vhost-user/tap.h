/* SPDX-License-Identifier: GPL-2.0-only */
/* The tap that the frames of a front end go to, with a descriptor for each pair of queues. */
#ifndef VHOSTX_USER_TAP_H
#define VHOSTX_USER_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/if.h>

/* A message names a ring by 8 bits. */
#define TAP_QUEUES	128

struct tap {
	char name[IFNAMSIZ];
	unsigned int queues;
	bool multi;			/* its queues come and go */
	uint64_t features;		/* of virtio_net, those that it serves */
	struct {
		int fd;
		bool attached;
	} queue[TAP_QUEUES];
};

/* Open a tap that exists, or make one, with so many queues; 0 or -errno. */
int tap_open(struct tap *tap, const char *name, unsigned int queues);
/* One whose queues somebody else opened; 0, or -EINVAL where they are of no use here. */
int tap_adopt(struct tap *tap);
void tap_close(struct tap *tap);

/* Have frames as a driver with these features reads and writes them; 0 or -errno. */
int tap_apply(struct tap *tap, uint64_t features);
/* Whether the host may send frames to a queue; 0 or -errno. */
int tap_attach(struct tap *tap, unsigned int queue, bool on);
/* Tell the host's network where this address is by now; 0 or -errno. */
int tap_announce(struct tap *tap, const unsigned char *mac);

#endif
