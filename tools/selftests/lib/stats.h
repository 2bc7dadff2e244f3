/* SPDX-License-Identifier: GPL-2.0-only */
/* vhostx's own counters, and what a worker costs. */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>
#include <sys/types.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define STATS_FILE	"/sys/kernel/debug/vhostx/queues"

struct stats {
	int dev;
	int pid;
	int worker;
	char queue[8];
	char state[16];
	char reason[32];
	uint64_t packets;
	uint64_t bytes;
	uint64_t batches;
	uint64_t kicks;
	uint64_t signals;
	uint64_t suppressed;
	uint64_t coalesced;
	uint64_t poll_hits;
	uint64_t poll_misses;
	uint64_t drop_hdr;
	uint64_t drop_short;
	uint64_t drop_empty;
	uint64_t drop_dir;
	uint64_t drop_addr;
	uint64_t drop_fault;
	uint64_t drop_size;
	uint64_t drop_backend;
	uint64_t broken;
};

/* Counters of one queue ("rx", "tx") of the nth device that pid owns. */
int stats_read(struct stats *s, pid_t pid, unsigned int nth,
	       const char *queue);
/* Lines in the file: two for each open device. */
int stats_lines(void);
uint64_t stats_drops(const struct stats *s);

/* The thread named vhost-<pid>, or -ESRCH; nth of those. */
int worker_find(pid_t pid, unsigned int nth);
/* How many there are. */
unsigned int worker_count(pid_t pid);
/* How many there are as soon as it is so many, or after a second: a thread ends late. */
unsigned int workers_come_to(pid_t pid, unsigned int want);
/* How many there still are after a second. */
unsigned int workers_left(pid_t pid);
/* Nanoseconds that a thread has run; 0 if it cannot be read. */
uint64_t thread_run_ns(int tid);
/* Wait until a thread sleeps, done with what it was woken for: 0 or -ETIMEDOUT. */
int thread_rests(int tid);
/*
 * Per cent of one CPU that a thread used in ms milliseconds, the lowest of up to three
 * times: who spins never comes below the limit, who ends some work does.
 */
double worker_cpu(int tid, double limit, int ms);

/* KiB that the kernel uses itself: neither free, nor any process's, nor a cache. */
long kernel_memory(void);

#endif
