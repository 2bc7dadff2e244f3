/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long threads run, by the kernel's trace of its switches: for hosts whose scheduler
 * counts in ticks.
 */
#ifndef RUNS_H
#define RUNS_H

#include <stddef.h>
#include <stdint.h>

/* From here on: 0 or -errno. Needs tracefs; one at a time. */
int runs_begin(const int *tid, size_t nr);
/*
 * Nanoseconds that they ran until now, or 0 if it cannot be said: no trace, or one that
 * was too long for its buffer.
 */
uint64_t runs_end(void);

#endif
