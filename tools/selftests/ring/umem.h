/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The owner's memory, as the code under test meets it: one block that can be
 * accessed, everything around it faults. It injects faults, keeps a log of
 * accesses and barriers, and counts reads of each byte. What the kernel would
 * not forgive, such as an access outside its window, counts as an error.
 */
#ifndef _RING_UMEM_H
#define _RING_UMEM_H

#include <linux/types.h>

/* Where the owner's half of the address space ends. */
#define UMEM_LIMIT	0x800000000000ULL
#define UMEM_LOG	8192
#define UMEM_VOUCHED	8

enum umem_window {
	UMEM_CLOSED,
	UMEM_READING,
	UMEM_WRITING,
	UMEM_BOTH,
};

enum umem_op {
	UMEM_READ,
	UMEM_WRITE,
	UMEM_RMB,
	UMEM_WMB,
	UMEM_MB,
};

struct umem_event {
	enum umem_op op;
	u64 addr;
	size_t len;
};

/**
 * struct umem - the state of the test layer; each test process has its own
 * @base: the block
 * @size: its bytes
 * @fault: accesses to [@fault, @fault_end) fail
 * @fault_end: end of the failing part
 * @read_once: a byte that is read twice since umem_mark() is an error
 * @twice: but for these 8, which may be read once more
 * @hook: called after each access and barrier, not from within itself
 * @fail_alloc: allocations that succeed before one fails, below 0 for all
 * @live: allocations not freed
 * @errors: breaches of the rules
 * @error: the first of them, in words
 * @nr_log: accesses and barriers since umem_mark()
 * @log: and what they were
 */
struct umem {
	u8 *base;
	size_t size;
	u64 fault;
	u64 fault_end;
	bool read_once;
	const void *twice;
	void (*hook)(enum umem_op op, void *addr, size_t len);
	int fail_alloc;
	int live;
	unsigned int errors;
	const char *error;
	unsigned int nr_log;
	struct umem_event log[UMEM_LOG];
};

extern struct umem umem;
/* The host is to pass for a big-endian one. */
extern bool umem_big_endian;
/* The block stays from one umem_init() to the next, and what is in it. */
extern bool umem_keep;

void umem_init(size_t size);
void umem_exit(void);
void umem_mark(void);
unsigned int umem_reads(const void *addr);
void umem_fail(const void *addr, size_t len);
int umem_logged(enum umem_op op, const void *addr);

/* What the headers in include/linux turn the kernel's calls into. */
bool umem_access_ok(const void *addr, size_t len);
bool umem_open(const void *addr, size_t len, enum umem_window window);
void umem_close(enum umem_window window);
int umem_read(void *to, const void *from, size_t len, enum umem_window window);
int umem_write(void *to, const void *from, size_t len, enum umem_window window);
unsigned long umem_copy(void *to, const void *from, size_t len);
void umem_barrier(enum umem_op op);
void *umem_calloc(size_t n, size_t size);
void umem_free(void *p);

#endif
