// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: what the front end shares, mapped here. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "memory.h"

static bool wraps(uint64_t start, uint64_t size)
{
	return start + size < start;
}

int mapping_make(struct mapping *mapping, int fd, uint64_t offset, uint64_t size)
{
	uint64_t from, length, page;
	struct stat stat;

	if (!size || wraps(offset, size))
		return -EINVAL;
	if (fstat(fd, &stat))
		return -errno;
	/* What is behind a file's end would be found out by a fault of the kernel's. */
	if (S_ISREG(stat.st_mode) && offset + size > (uint64_t)stat.st_size)
		return -EINVAL;

	/* Of a file of huge pages whole ones are mapped. */
	page = stat.st_blksize;
	if (page < 4096 || page & (page - 1))
		page = 4096;
	from = offset & ~(page - 1);
	length = offset - from + size;
	if (wraps(length, page - 1) || from > INT64_MAX)
		return -EINVAL;
	length = (length + page - 1) & ~(page - 1);
	if (length > SIZE_MAX)
		return -EINVAL;

	mapping->map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
			    from);
	if (mapping->map == MAP_FAILED) {
		mapping->map = NULL;
		return -errno;
	}
	/* A core of this process is to be no copy of the guest's secrets. */
	madvise(mapping->map, length, MADV_DONTDUMP);
	mapping->length = length;
	mapping->start = (uintptr_t)mapping->map + (offset - from);
	return 0;
}

void mapping_drop(struct mapping *mapping)
{
	if (mapping->map)
		munmap(mapping->map, mapping->length);
	*mapping = (struct mapping){ 0 };
}

int memory_add(struct memory *memory, const struct message_region *region, int fd)
{
	struct region *new = &memory->region[memory->count];
	int ret;

	if (memory->count == MEMORY_SLOTS)
		return -ENOSPC;
	if (wraps(region->guest, region->size) || wraps(region->user, region->size))
		return -EINVAL;
	ret = mapping_make(&new->here, fd, region->offset, region->size);
	if (ret)
		return ret;
	new->guest = region->guest;
	new->size = region->size;
	new->user = region->user;
	memory->count++;
	return 0;
}

int memory_find(const struct memory *memory, const struct message_region *region)
{
	for (unsigned int i = 0; i < memory->count; i++) {
		const struct region *at = &memory->region[i];

		if (at->guest == region->guest && at->user == region->user &&
		    at->size == region->size)
			return i;
	}
	return -ENOENT;
}

struct mapping memory_take(struct memory *memory, unsigned int index)
{
	struct mapping here = memory->region[index].here;

	memory->region[index] = memory->region[--memory->count];
	return here;
}

void memory_free(struct memory *memory)
{
	while (memory && memory->count)
		mapping_drop(&memory->region[--memory->count].here);
	free(memory);
}

uint64_t memory_piece(const struct memory *memory, uint64_t user, uint64_t *size)
{
	for (unsigned int i = 0; i < memory->count; i++) {
		const struct region *at = &memory->region[i];
		uint64_t into = user - at->user;

		if (user < at->user || into >= at->size)
			continue;
		if (*size > at->size - into)
			*size = at->size - into;
		return at->here.start + into;
	}
	return 0;
}

uint64_t memory_at(const struct memory *memory, uint64_t user, uint64_t size)
{
	uint64_t found = size, here = memory_piece(memory, user, &found);

	return found == size ? here : 0;
}

uint64_t memory_end(const struct memory *memory)
{
	uint64_t end = 0;

	for (unsigned int i = 0; i < memory->count; i++) {
		const struct region *at = &memory->region[i];

		if (at->guest + at->size > end)
			end = at->guest + at->size;
	}
	return end;
}
