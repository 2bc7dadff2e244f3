// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/mman.h>

#include "dirty.h"

/* Bytes of the largest bitmap. */
#define DIRTY_MAX	(64UL << 20)

int dirty_open(struct dirty *d, uint64_t end, size_t skew)
{
	/* The last byte of a word too: a device may set bits word by word. */
	d->size = (end / DIRTY_PAGE / 8 + skew + 8 + 4095) & ~4095UL;
	if (d->size > DIRTY_MAX)
		return -E2BIG;
	d->map = mmap(NULL, d->size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (d->map == MAP_FAILED) {
		d->map = NULL;
		return -errno;
	}
	/* What one bit touches is to be small. */
	madvise(d->map, d->size, MADV_NOHUGEPAGE);
	d->bits = d->map + skew;
	return 0;
}

void dirty_close(struct dirty *d)
{
	if (d->map)
		munmap(d->map, d->size);
	d->map = NULL;
}

uint64_t dirty_base(const struct dirty *d)
{
	return (uintptr_t)d->bits;
}

bool dirty_has(const struct dirty *d, uint64_t gpa)
{
	uint64_t page = gpa / DIRTY_PAGE;

	return __atomic_load_n(&d->bits[page / 8], __ATOMIC_ACQUIRE) &
	       1u << page % 8;
}

void dirty_mark(struct dirty *d, uint64_t gpa, size_t len)
{
	uint64_t page, last = (gpa + len - 1) / DIRTY_PAGE;

	for (page = gpa / DIRTY_PAGE; page <= last; page++)
		d->bits[page / 8] |= 1u << page % 8;
}

void dirty_clear(struct dirty *d)
{
	/* What was touched goes back: counting stays cheap. */
	madvise(d->map, d->size, MADV_DONTNEED);
}

unsigned int dirty_count(const struct dirty *d)
{
	static unsigned char in_core[DIRTY_MAX / 4096];
	unsigned int n = 0;

	if (mincore(d->map, d->size, in_core))
		return -1;
	for (size_t at = 0; at < d->size; at += 4096) {
		const uint64_t *w = (const uint64_t *)(d->map + at);

		for (int i = 0; in_core[at / 4096] & 1 && i < 512; i++)
			n += __builtin_popcountll(w[i]);
	}
	return n;
}
