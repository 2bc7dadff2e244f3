/* SPDX-License-Identifier: GPL-2.0-only */
/* Data that both ends of a proof can make up again. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdint.h>

/* The word number @n of a seed's pattern: no word tells the next. */
static inline uint64_t pattern(uint64_t seed, uint64_t n)
{
	uint64_t x = (seed << 48) + (n + 1) * 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

#endif
