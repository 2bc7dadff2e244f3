/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest memory: what the front end shares, mapped here. */
#ifndef VHOSTX_USER_MEMORY_H
#define VHOSTX_USER_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

/* Regions that a front end may add; the kernel device takes 1024 unless told otherwise. */
#define MEMORY_SLOTS	512

/* A piece of a file, mapped. */
struct mapping {
	void *map;
	size_t length;		/* of the mapping */
	uint64_t start;		/* address of the piece */
};

struct region {
	uint64_t guest, size;
	uint64_t user;		/* the front end's address */
	struct mapping here;
};

struct memory {
	unsigned int count;
	struct region region[MEMORY_SLOTS];
};

/* Map size bytes of a file from an offset on, which need not be a page's; 0 or -errno. */
int mapping_make(struct mapping *mapping, int fd, uint64_t offset, uint64_t size);
void mapping_drop(struct mapping *mapping);

/* 0 or -errno; the descriptor stays the caller's. */
int memory_add(struct memory *memory, const struct message_region *region, int fd);
/* The index of a region, or -ENOENT. */
int memory_find(const struct memory *memory, const struct message_region *region);
/* Take a region out of the table; its mapping is the caller's to drop. */
struct mapping memory_take(struct memory *memory, unsigned int index);
/* With all mappings; NULL is fine. */
void memory_free(struct memory *memory);

/*
 * Our address of a piece of the front end's memory. *size is how much of it is wanted, and
 * becomes how much lies there in one region. 0 where none does.
 */
uint64_t memory_piece(const struct memory *memory, uint64_t user, uint64_t *size);
/* The same for a piece that must lie in one region as a whole. */
uint64_t memory_at(const struct memory *memory, uint64_t user, uint64_t size);
/* Behind the last byte that the guest has. */
uint64_t memory_end(const struct memory *memory);

#endif
