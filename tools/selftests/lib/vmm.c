// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

uint64_t vmm_format;

static int xioctl(int fd, unsigned long req, void *arg)
{
	return ioctl(fd, req, arg) < 0 ? -errno : 0;
}

void vmm_init(struct vmm *v)
{
	memset(v, 0, sizeof(*v));
	for (int i = 0; i < 2; i++)
		vq_init(&v->vq[i], i);
	v->mem = MAP_FAILED;
	v->fd = -1;
}

int vmm_open(struct vmm *v, const char *path)
{
	int memfd;

	vmm_init(v);
	v->format = strcmp(path, DEV_VHOSTX) ? 0 : vmm_format;
	v->fd = open(path, O_RDWR | O_CLOEXEC);
	if (v->fd < 0)
		return -errno;

	memfd = memfd_create("guest", MFD_CLOEXEC);
	if (memfd < 0)
		return -errno;
	if (ftruncate(memfd, VMM_MEM_SIZE) == 0)
		v->mem = mmap(NULL, VMM_MEM_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED, memfd, 0);
	close(memfd);
	if (v->mem == MAP_FAILED)
		return -errno;
	v->mem_size = VMM_MEM_SIZE;
	return 0;
}

void vmm_close(struct vmm *v)
{
	int i;

	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	for (i = 0; i < 2; i++)
		vq_free(&v->vq[i]);
	if (v->mem != MAP_FAILED)
		munmap(v->mem, v->mem_size);
	v->mem = MAP_FAILED;
}

uint64_t vmm_alloc(struct vmm *v, size_t size, size_t align)
{
	size_t at = (v->mem_used + align - 1) & ~(align - 1);

	if (at + size > v->mem_size)
		abort();
	v->mem_used = at + size;
	return VMM_GPA + at;
}

void *vmm_ptr(const struct vmm *v, uint64_t gpa)
{
	if (gpa < VMM_GPA || gpa >= VMM_GPA + v->mem_size)
		abort();
	return v->mem + (gpa - VMM_GPA);
}

int vmm_set_mem_regions(struct vmm *v, const struct vhost_memory_region *r,
			unsigned int n)
{
	struct vhost_memory *m = calloc(1, sizeof(*m) + n * sizeof(*r));
	int ret;

	if (!m)
		return -ENOMEM;
	m->nregions = n;
	memcpy(m->regions, r, n * sizeof(*r));
	ret = xioctl(v->fd, VHOST_SET_MEM_TABLE, m);
	free(m);
	return ret;
}

int vmm_set_mem(struct vmm *v)
{
	struct vhost_memory_region r = {
		.guest_phys_addr = VMM_GPA,
		.memory_size = v->mem_size,
		.userspace_addr = (uintptr_t)v->mem,
	};

	return vmm_set_mem_regions(v, &r, 1);
}

int vmm_vring_state(struct vmm *v, unsigned long req, unsigned int index,
		    unsigned int num)
{
	struct vhost_vring_state s = { .index = index, .num = num };

	return xioctl(v->fd, req, &s);
}

int vmm_vring_file(struct vmm *v, unsigned long req, unsigned int index,
		   int fd)
{
	struct vhost_vring_file f = { .index = index, .fd = fd };

	return xioctl(v->fd, req, &f);
}

static int set_addr(struct vmm *v, unsigned int index, unsigned int flags,
		    uint64_t log_gpa)
{
	struct vq *q = &v->vq[index];
	/* Behind an IOMMU the rings are where the guest's driver has them. */
	uint64_t to_iova = v->features & F_ACCESS_PLATFORM ?
			   VMM_GPA - (uintptr_t)v->mem : 0;
	struct vhost_vring_addr a = {
		.index = index,
		.flags = flags,
		.desc_user_addr = (uintptr_t)q->desc + to_iova,
		.avail_user_addr = (uintptr_t)q->avail + to_iova,
		.used_user_addr = (uintptr_t)q->used + to_iova,
		.log_guest_addr = log_gpa,
	};

	return xioctl(v->fd, VHOST_SET_VRING_ADDR, &a);
}

int vmm_set_addr(struct vmm *v, unsigned int index)
{
	return set_addr(v, index, 0, 0);
}

int vmm_set_addr_logged(struct vmm *v, unsigned int index, uint64_t log_gpa)
{
	return set_addr(v, index, BIT64(VHOST_VRING_F_LOG), log_gpa);
}

int vmm_set_busyloop(struct vmm *v, unsigned int index, unsigned int us)
{
	return vmm_vring_state(v, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, index, us);
}

int vmm_set_features(struct vmm *v, uint64_t features)
{
	int ret;

	features |= v->format;
	ret = xioctl(v->fd, VHOST_SET_FEATURES, &features);

	if (!ret)
		v->features = features;
	return ret;
}

int vmm_set_log(struct vmm *v, uint64_t base)
{
	return xioctl(v->fd, VHOST_SET_LOG_BASE, &base);
}

int vmm_set_log_fd(struct vmm *v, int fd)
{
	return xioctl(v->fd, VHOST_SET_LOG_FD, &fd);
}

int64_t vmm_get_base(struct vmm *v, unsigned int index)
{
	struct vhost_vring_state s = { .index = index };
	int ret = xioctl(v->fd, VHOST_GET_VRING_BASE, &s);

	return ret ? ret : (int64_t)s.num;
}

int vmm_setup_vq(struct vmm *v, unsigned int index, uint16_t base)
{
	struct vq *q = &v->vq[index];
	int ret;

	if (q->packed)
		base ^= VQ_PLACE_FIRST;
	vq_reset(q, base);
	ret = vmm_vring_state(v, VHOST_SET_VRING_NUM, index, q->num);
	if (!ret)
		ret = vmm_vring_state(v, VHOST_SET_VRING_BASE, index,
				      q->packed ? base << 16 | base : base);
	if (!ret)
		ret = vmm_set_addr(v, index);
	if (!ret)
		ret = vmm_vring_file(v, VHOST_SET_VRING_KICK, index, q->kick);
	if (!ret)
		ret = vmm_vring_file(v, VHOST_SET_VRING_CALL, index, q->call);
	if (!ret)
		ret = vmm_vring_file(v, VHOST_SET_VRING_ERR, index, q->err);
	return ret;
}

static int vmm_alloc_vq(struct vmm *v, unsigned int index, unsigned int num)
{
	struct vq *q = &v->vq[index];
	uint64_t desc, avail, used, table;

	/* A page each, so that a test can take one away. */
	desc = vmm_alloc(v, num * sizeof(struct vring_desc), 4096);
	avail = vmm_alloc(v, (3 + num) * sizeof(uint16_t), 4096);
	used = vmm_alloc(v, 3 * sizeof(uint16_t) +
			 num * sizeof(struct vring_used_elem), 4096);
	table = vmm_alloc(v, (size_t)num * VQ_TABLE *
			  sizeof(struct vring_desc), 4096);
	q->event_idx = v->features & F_EVENT_IDX;
	q->packed = v->features & F_RING_PACKED;
	q->in_order = v->features & F_IN_ORDER;
	return vq_alloc(q, num, vmm_ptr(v, desc), vmm_ptr(v, avail),
			vmm_ptr(v, used), vmm_ptr(v, table), table);
}

int vmm_setup(struct vmm *v, const char *path, uint64_t features,
	      unsigned int num)
{
	return vmm_open(v, path) ?: vmm_setup_opened(v, features, num);
}

int vmm_own(struct vmm *v)
{
	int ret = xioctl(v->fd, VHOST_SET_OWNER, NULL);

	if (!ret)
		ret = xioctl(v->fd, VHOST_SET_FEATURES, &v->features);
	if (!ret)
		ret = vmm_set_mem(v);
	for (int i = 0; !ret && i < 2; i++)
		ret = vmm_setup_vq(v, i, 0);
	return ret;
}

int vmm_setup_opened(struct vmm *v, uint64_t features, unsigned int num)
{
	int ret = 0;

	v->features = features | v->format;
	for (int i = 0; !ret && i < 2; i++)
		ret = vmm_alloc_vq(v, i, num);
	return ret ? ret : vmm_own(v);
}

int vmm_backend(struct vmm *v, unsigned int index, int fd)
{
	return vmm_vring_file(v, VHOST_NET_SET_BACKEND, index, fd);
}

int vmm_start(struct vmm *v, int fd)
{
	int ret = vmm_backend(v, RX, fd);

	return ret ? ret : vmm_backend(v, TX, fd);
}

int vmm_stop(struct vmm *v)
{
	int rx = vmm_backend(v, RX, -1);
	int tx = vmm_backend(v, TX, -1);

	return rx ? rx : tx;
}
