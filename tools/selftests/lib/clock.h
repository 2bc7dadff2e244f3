/* SPDX-License-Identifier: GPL-2.0-only */
/* Time that only goes forward, since the machine started. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static inline double now_us(void)
{
	return now_ns() / 1e3;
}

static inline long now_ms(void)
{
	return now_ns() / 1000000;
}

#endif
