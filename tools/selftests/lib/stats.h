/* SPDX-License-Identifier: GPL-2.0-only */
/* vhostx's own counters, by netlink; and what a worker costs. */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>
#include <sys/types.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

/* A queue, and of its device what a test asks for. */
struct stats {
	int dev;
	int pid;
	int worker;
	char ifname[16];
	const char *queue;
	const char *state;
	const char *ring;
	const char *reason;
	uint64_t packets;
	uint64_t bytes;
	uint64_t batches;
	uint64_t kicks;
	uint64_t signals;
	uint64_t suppressed;
	uint64_t coalesced;
	uint64_t poll_hits;
	uint64_t poll_misses;
	uint64_t ring_full;
	uint64_t drop_hdr;
	uint64_t drop_short;
	uint64_t drop_empty;
	uint64_t drop_dir;
	uint64_t drop_addr;
	uint64_t drop_fault;
	uint64_t drop_size;
	uint64_t drop_backend;
	uint64_t broken;
	uint64_t batch_1;
	uint64_t batch_2;
	uint64_t batch_4;
	uint64_t batch_8;
	uint64_t batch_16;
	uint64_t batch_32;
	uint64_t batch_64;
};

/* Counters of one queue ("rx", "tx") of the nth device that pid owns. */
int stats_read(struct stats *s, pid_t pid, unsigned int nth,
	       const char *queue);
/* A line for each queue, "key=value key=value..." */
int stats_print(void);
/* How many devices are open, or -errno. */
int stats_devices(void);
uint64_t stats_drops(const struct stats *s);

/* The thread named vhost-<pid>, or -ESRCH; nth of those. */
int worker_find(pid_t pid, unsigned int nth);
/* How many there are. */
unsigned int worker_count(pid_t pid);
/* How many there are as soon as it is so many, or after two seconds: a thread ends late. */
unsigned int workers_come_to(pid_t pid, unsigned int want);
/* How many there still are after two seconds. */
unsigned int workers_left(pid_t pid);
/* Nanoseconds that a thread has run; UINT64_MAX if it cannot be read. */
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
