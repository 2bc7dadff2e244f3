// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a packed ring stands, by its descriptors. A front end whose back end died knows no
 * more than where it began: unlike a split ring a packed one has no index to go by.
 */
#include <endian.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "session.h"

#define LAP	BIT(VRING_PACKED_EVENT_F_WRAP_CTR)

/* The driver may write meanwhile: that was a moment only if it holds still for one of these. */
#define LOOKS	16

static bool flag(const struct vring_packed_desc *desc, unsigned int bit)
{
	return le16toh(desc->flags) >> bit & 1;
}

static bool available(const struct vring_packed_desc *desc)
{
	return flag(desc, VRING_PACKED_DESC_F_AVAIL) != flag(desc, VRING_PACKED_DESC_F_USED);
}

/*
 * The flag for "used" is one lap's up to where the device is, and the other's from there on;
 * what is available begins there, in one piece. True of chains of one descriptor each, which
 * leave none in between that still looks available.
 */
static bool find(const struct vring_packed_desc *desc, uint32_t num, uint32_t *place)
{
	bool lap = flag(&desc[0], VRING_PACKED_DESC_F_USED), used = false;
	uint32_t at = 0;

	while (at < num && flag(&desc[at], VRING_PACKED_DESC_F_USED) == lap)
		at++;
	for (uint32_t i = at; i < num; i++)
		if (flag(&desc[i], VRING_PACKED_DESC_F_USED) == lap)
			return false;
	if (at == num) {
		/* The lap is done. */
		at = 0;
		lap = !lap;
	}
	for (uint32_t i = 0; i < num; i++) {
		bool avail = available(&desc[(at + i) % num]);

		if (used && avail)
			return false;
		used |= !avail;
	}
	*place = at | (lap ? LAP : 0);
	return true;
}

bool packed_find(uint64_t here, uint32_t num, uint32_t *base)
{
	size_t size = num * sizeof(struct vring_packed_desc);
	struct vring_packed_desc *copy = malloc(size);
	struct iovec to = { copy, size }, from = { (void *)(uintptr_t)here, size };
	bool found = false;
	uint32_t place;

	/* The front end can take away what is mapped here: that must be no fault of ours. */
	for (int i = 0; copy && !found && i < LOOKS; i++)
		found = process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)size &&
			find(copy, num, &place);
	free(copy);
	if (found)
		*base = place << 16 | place;
	return found;
}
