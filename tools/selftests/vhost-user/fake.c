// SPDX-License-Identifier: GPL-2.0-only
/* In the place of the kernel device and of the tap; see fake.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "fake.h"
#include "kernel.h"
#include "session.h"

struct fake_device fake_device[FAKE_DEVICES];
struct fake_tap fake_tap;
unsigned long fake_fails;
unsigned int fake_fails_after;

void fake_reset(void)
{
	memset(fake_device, 0, sizeof(fake_device));
	memset(&fake_tap, 0, sizeof(fake_tap));
	fake_fails = 0;
}

int kernel_open(void)
{
	for (unsigned int i = 0; i < FAKE_DEVICES; i++) {
		struct fake_device *device = &fake_device[i];

		if (device->fd)
			continue;
		device->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		for (unsigned int k = 0; k < 2; k++)
			device->ring[k].kick = -1;
		return device->fd;
	}
	return -EMFILE;
}

static struct fake_device *device_of(int fd)
{
	for (unsigned int i = 0; i < FAKE_DEVICES; i++)
		if (fake_device[i].fd == fd)
			return &fake_device[i];
	return NULL;
}

static bool runs(const struct fake_device *device)
{
	return device->ring[0].running || device->ring[1].running;
}

static void touch(uint64_t at, uint64_t size)
{
	volatile char *bytes = (char *)(uintptr_t)at;

	bytes[0] ^= 1;
	bytes[0] ^= 1;
	bytes[size - 1] ^= 1;
	bytes[size - 1] ^= 1;
}

static void touch_log(const struct fake_device *device, uint64_t guest, uint64_t size)
{
	if (device->log)
		touch(device->log + guest / 4096 / 8,
		      (guest + size - 1) / 4096 / 8 - guest / 4096 / 8 + 1);
}

static void serve_ring(const struct fake_device *device, const struct fake_ring *ring)
{
	bool packed = device->features & BIT(34);
	uint64_t used = packed ? 4 : 6 + 8 * (uint64_t)ring->num;

	/* Elsewhere through translations, which are touched as they are. */
	if (!(device->features & BIT(33))) {
		touch(ring->addr.desc_user_addr, 16 * (uint64_t)ring->num);
		touch(ring->addr.avail_user_addr, packed ? 4 : 6 + 2 * (uint64_t)ring->num);
		touch(ring->addr.used_user_addr, used);
		if (ring->addr.flags & BIT(VHOST_VRING_F_LOG))
			touch_log(device, ring->addr.log_guest_addr, used);
	}
}

static void serve(const struct fake_device *device)
{
	for (unsigned int k = 0; k < 2; k++)
		if (device->ring[k].running)
			serve_ring(device, &device->ring[k]);
	if (!runs(device))
		return;
	for (unsigned int i = 0; i < device->regions; i++) {
		const struct vhost_memory_region *region = &device->region[i];

		touch(region->userspace_addr, region->memory_size);
		if (device->features & BIT(VHOST_F_LOG_ALL))
			touch_log(device, region->guest_phys_addr, region->memory_size);
	}
	for (unsigned int i = 0; i < device->translations; i++)
		touch(device->translation[i].uaddr, device->translation[i].size);
}

void fake_serve(void)
{
	for (unsigned int i = 0; i < FAKE_DEVICES; i++)
		serve(&fake_device[i]);
}

static bool translated(const struct fake_device *device, uint64_t iova)
{
	for (unsigned int i = 0; i < device->translations; i++)
		if (iova - device->translation[i].iova < device->translation[i].size)
			return true;
	return false;
}

static int set_backend(struct fake_device *device, struct fake_ring *ring, int fd)
{
	if (fd < 0) {
		ring->running = false;
		return 0;
	}
	if (!device->regions || !ring->num)
		return -EFAULT;
	if (device->features & BIT(33) && !translated(device, ring->addr.used_user_addr))
		return -EFAULT;
	ring->running = true;
	ring->starts++;
	return 0;
}

static int ring_call(struct fake_device *device, unsigned long request, const void *argument)
{
	struct vhost_vring_state *state = (void *)argument;
	const struct vhost_vring_file *file = argument;
	struct fake_ring *ring;

	if (state->index > 1)
		return -ENOBUFS;
	ring = &device->ring[state->index];
	switch (request) {
	case VHOST_SET_VRING_NUM:
		if (ring->running)
			return -EBUSY;
		if (!state->num || state->num > 32768)
			return -EINVAL;
		ring->num = state->num;
		return 0;
	case VHOST_SET_VRING_BASE:
		if (ring->running)
			return -EBUSY;
		ring->base = state->num;
		return 0;
	case VHOST_GET_VRING_BASE:
		state->num = ring->base;
		return 0;
	case VHOST_SET_VRING_ADDR:
		ring->addr = *(const struct vhost_vring_addr *)argument;
		return 0;
	case VHOST_SET_VRING_KICK:
		ring->kick = file->fd;
		return 0;
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
		return 0;
	case VHOST_NET_SET_BACKEND:
		return set_backend(device, ring, file->fd);
	}
	return -ENOTTY;
}

static int set_features(struct fake_device *device, uint64_t features)
{
	uint64_t changed = device->features ^ features;

	if (features & ~FAKE_FEATURES)
		return -EOPNOTSUPP;
	if (runs(device) && changed & (BIT(33) | BIT(34)))
		return -EBUSY;
	if (!runs(device))
		device->translations = 0;
	device->features = features;
	return 0;
}

static int set_table(struct fake_device *device, const struct vhost_memory *table)
{
	device->regions = table->nregions;
	memcpy(device->region, table->regions, table->nregions * sizeof(table->regions[0]));
	/* Running rings would go on with it at once. */
	serve(device);
	return 0;
}

int kernel_call(int fd, unsigned long request, const void *argument)
{
	struct fake_device *device = device_of(fd);

	if (request == fake_fails && !fake_fails_after--)
		return -ENOMEM;
	if (request == VHOST_GET_FEATURES) {
		*(uint64_t *)argument = FAKE_FEATURES;
		return 0;
	}
	if (request == VHOST_SET_FEATURES)
		return set_features(device, *(const uint64_t *)argument);
	if (request == VHOST_SET_OWNER) {
		if (device->owned)
			return -EBUSY;
		device->owned = true;
		return 0;
	}
	if (!device->owned)
		return -EPERM;
	if (request == VHOST_SET_MEM_TABLE)
		return set_table(device, argument);
	if (request == VHOST_SET_LOG_BASE) {
		device->log = *(const uint64_t *)argument;
		return 0;
	}
	if (request == VHOST_SET_LOG_FD)
		return 0;
	return ring_call(device, request, argument);
}

/* Translations are whole or gone: that is enough for what is tested. */
int kernel_tell(int fd, const struct vhost_iotlb_msg *iotlb)
{
	struct fake_device *device = device_of(fd);
	uint64_t last = iotlb->iova + iotlb->size - 1;

	if (!(device->features & BIT(33)) || !iotlb->size || last < iotlb->iova)
		return -EFAULT;
	for (unsigned int i = 0; i < device->translations; i++) {
		const struct vhost_iotlb_msg *at = &device->translation[i];

		if (at->iova <= last && iotlb->iova <= at->iova + at->size - 1)
			device->translation[i--] = device->translation[--device->translations];
	}
	if (iotlb->type != VHOST_IOTLB_UPDATE)
		return 0;
	if (device->translations == FAKE_TRANSLATIONS)
		return -ENOMEM;
	device->translation[device->translations++] = *iotlb;
	return 0;
}

int kernel_asks(int fd, struct vhost_iotlb_msg *iotlb)
{
	struct fake_device *device = device_of(fd);

	*iotlb = device->asks;
	device->asks.type = 0;
	return !!iotlb->type;
}

/* Of what is refused on purpose. */
void say(const char *name, const char *format, ...)
{
	(void)name;
	(void)format;
}

int tap_open(struct tap *tap, const char *name, unsigned int queues)
{
	*tap = (struct tap){ .queues = queues, .multi = true, .features = BIT(0) | BIT(1) };
	snprintf(tap->name, sizeof(tap->name), "%s", name);
	return 0;
}

int tap_adopt(struct tap *tap)
{
	(void)tap;
	return -EINVAL;
}

void tap_close(struct tap *tap)
{
	tap->queues = 0;
}

int tap_apply(struct tap *tap, uint64_t features)
{
	(void)tap;
	fake_tap.features = features;
	return 0;
}

int tap_attach(struct tap *tap, unsigned int queue, bool on)
{
	(void)tap;
	fake_tap.attached[queue] = on;
	return 0;
}

int tap_announce(struct tap *tap, const unsigned char *mac)
{
	(void)tap;
	memcpy(fake_tap.announced, mac, sizeof(fake_tap.announced));
	return 0;
}
