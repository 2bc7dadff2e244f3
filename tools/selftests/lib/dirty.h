/* SPDX-License-Identifier: GPL-2.0-only */
/* A dirty log: the bitmap that a device marks guest pages in. */
#ifndef DIRTY_H
#define DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of guest memory that a bit stands for. */
#define DIRTY_PAGE	4096

struct dirty {
	uint8_t *map;
	size_t size;
	uint8_t *bits;		/* the bitmap's address for the device */
};

/* Room for all guest addresses below end; skew bytes into a page. */
int dirty_open(struct dirty *d, uint64_t end, size_t skew);
void dirty_close(struct dirty *d);

uint64_t dirty_base(const struct dirty *d);
bool dirty_has(const struct dirty *d, uint64_t gpa);
/* Mark what holds a range. */
void dirty_mark(struct dirty *d, uint64_t gpa, size_t len);
void dirty_clear(struct dirty *d);
/* Pages that are marked, wherever. */
unsigned int dirty_count(const struct dirty *d);

#endif
