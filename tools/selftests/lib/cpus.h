/* SPDX-License-Identifier: GPL-2.0-only */
/* Processors of the host, and who runs on which. */
#ifndef CPUS_H
#define CPUS_H

#include <errno.h>
#include <sched.h>
#include <sys/sysinfo.h>

/* In a test or its fixture, for what needs more than the first. */
#define NEED_SECOND_CPU() do {						\
	if (get_nprocs() < 2)						\
		SKIP(return, "there is no second processor");		\
} while (0)

/* 0 is the thread that calls. Returns 0 or -errno. */
static inline int pin(int tid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(tid, sizeof(set), &set) ? -errno : 0;
}

#endif
