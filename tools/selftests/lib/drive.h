/* SPDX-License-Identifier: GPL-2.0-only */
/* Traffic both ways by a thread, while something happens to it. */
#ifndef DRIVE_H
#define DRIVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "nic.h"

struct drive {
	struct nic *n;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint rounds;
};

/* Frames both ways, whether or not anybody takes them. */
int drive_start(struct drive *d, struct nic *n);
/* Wait until so many more rounds of it have passed: 0 or -ETIMEDOUT. */
int drive_on(struct drive *d, unsigned int rounds);
void drive_stop(struct drive *d);
/* Whatever is under way arrives; then each queue works: 0 or what failed. */
int drive_works(struct nic *n);

#endif
