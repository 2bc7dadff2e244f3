// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iotlb.h"

#define FREE	(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

int iotlb_write(int fd, bool v2, const struct vhost_iotlb_msg *m)
{
	struct vhost_msg_v2 two = { .type = VHOST_IOTLB_MSG_V2, .iotlb = *m };
	struct vhost_msg one = { .type = VHOST_IOTLB_MSG, .iotlb = *m };
	ssize_t n = v2 ? write(fd, &two, sizeof(two)) :
			 write(fd, &one, sizeof(one));

	return n < 0 ? -errno : n;
}

int iotlb_update(int fd, uint64_t iova, uint64_t size, const void *to,
		 uint8_t perm)
{
	struct vhost_iotlb_msg m = {
		.iova = iova,
		.size = size,
		.uaddr = (uintptr_t)to,
		.perm = perm,
		.type = VHOST_IOTLB_UPDATE,
	};
	int ret = iotlb_write(fd, true, &m);

	return ret < 0 ? ret : 0;
}

int iotlb_invalidate(int fd, uint64_t iova, uint64_t size)
{
	struct vhost_iotlb_msg m = {
		.iova = iova,
		.size = size,
		.type = VHOST_IOTLB_INVALIDATE,
	};
	int ret = iotlb_write(fd, true, &m);

	return ret < 0 ? ret : 0;
}

int iotlb_use_v2(int fd, bool v2)
{
	uint64_t f = v2 ? BIT64(VHOST_BACKEND_F_IOTLB_MSG_V2) : 0;

	return ioctl(fd, VHOST_SET_BACKEND_FEATURES, &f) ? -errno : 0;
}

int iotlb_nonblock(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

int iotlb_read(int fd, bool v2, struct vhost_iotlb_msg *m, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	union {
		struct vhost_msg one;
		struct vhost_msg_v2 two;
		uint8_t bytes[sizeof(struct vhost_msg)];
	} msg;
	const size_t end = offsetof(struct vhost_msg, iotlb.type) + 1;
	size_t i;

	if (poll(&p, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	memset(&msg, 0xff, sizeof(msg));
	if (read(fd, &msg, sizeof(msg)) != sizeof(msg))
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	*m = msg.two.iotlb;
	if (msg.two.type != (v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG) ||
	    m->type != VHOST_IOTLB_MISS || (v2 && msg.two.asid))
		return -EPROTO;
	/* Nothing of the kernel's own comes along. */
	for (i = end; i < sizeof(msg); i++)
		if (msg.bytes[i])
			return -EBADMSG;
	return 0;
}

static unsigned int page_of(const struct iotlb *t, uint64_t iova)
{
	uint64_t page = (iova - VMM_GPA) / IOTLB_PAGE;

	if (iova < VMM_GPA || page >= t->pages)
		abort();
	return page;
}

/* Show a page of the driver's at another address, too. */
static int show(const struct iotlb *t, unsigned int page, uint8_t *at)
{
	return mremap(t->v->mem + (size_t)page * IOTLB_PAGE, 0, IOTLB_PAGE,
		      MREMAP_MAYMOVE | MREMAP_FIXED, at) == at ? 0 : -errno;
}

int iotlb_open(struct iotlb *t, struct vmm *v, bool v2)
{
	unsigned int pages = (v->mem_used + IOTLB_PAGE - 1) / IOTLB_PAGE, i;
	struct vhost_memory_region r;
	int ret = 0;

	/* Prime to what they are scattered by. */
	while (pages % 7 == 0)
		pages++;
	memset(t, 0, sizeof(*t));
	t->v = v;
	t->v2 = v2;
	t->pages = pages;
	/* The same again is room to move pages to. */
	t->size = 2 * (size_t)pages * IOTLB_PAGE;
	pthread_mutex_init(&t->lock, NULL);
	t->at = calloc(pages, sizeof(*t->at));
	t->perm = malloc(pages);
	t->ram = mmap(NULL, t->size, PROT_NONE, FREE, -1, 0);
	if (!t->at || !t->perm || t->ram == MAP_FAILED)
		return -ENOMEM;
	memset(t->perm, VHOST_ACCESS_RW, pages);
	for (i = 0; i < pages && !ret; i++) {
		t->at[i] = (i * 7 + 3) % pages;
		ret = show(t, i, t->ram + (size_t)t->at[i] * IOTLB_PAGE);
	}
	r = (struct vhost_memory_region){
		.guest_phys_addr = IOTLB_GPA,
		.memory_size = t->size,
		.userspace_addr = (uintptr_t)t->ram,
	};
	if (!ret)
		ret = vmm_set_mem_regions(v, &r, 1);
	return ret ? ret : iotlb_use_v2(v->fd, v2);
}

void iotlb_close(struct iotlb *t)
{
	iotlb_rest(t);
	if (t->ram && t->ram != MAP_FAILED)
		munmap(t->ram, t->size);
	free(t->at);
	free(t->perm);
	t->ram = NULL;
	t->at = NULL;
	t->perm = NULL;
}

uint8_t *iotlb_owner(const struct iotlb *t, uint64_t iova)
{
	return t->ram + (size_t)t->at[page_of(t, iova)] * IOTLB_PAGE +
	       iova % IOTLB_PAGE;
}

uint64_t iotlb_gpa(const struct iotlb *t, uint64_t iova)
{
	return IOTLB_GPA + (iotlb_owner(t, iova) - t->ram);
}

static int map_page(struct iotlb *t, uint64_t iova)
{
	unsigned int page = page_of(t, iova);
	struct vhost_iotlb_msg m = {
		.iova = VMM_GPA + (uint64_t)page * IOTLB_PAGE,
		.size = IOTLB_PAGE,
		.uaddr = (uintptr_t)t->ram + (size_t)t->at[page] * IOTLB_PAGE,
		.perm = t->perm[page],
		.type = VHOST_IOTLB_UPDATE,
	};
	int ret = iotlb_write(t->v->fd, t->v2, &m);

	return ret < 0 ? ret : 0;
}

int iotlb_map(struct iotlb *t, uint64_t iova, size_t len)
{
	uint64_t page = iova & ~(uint64_t)(IOTLB_PAGE - 1);
	int ret = 0;

	pthread_mutex_lock(&t->lock);
	for (; page < iova + len && !ret; page += IOTLB_PAGE)
		ret = map_page(t, page);
	pthread_mutex_unlock(&t->lock);
	return ret;
}

uint64_t iotlb_iova(const struct iotlb *t, const void *ptr)
{
	return VMM_GPA + ((const uint8_t *)ptr - t->v->mem);
}

int iotlb_map_used(struct iotlb *t)
{
	int i, ret = 0;

	for (i = 0; i < 2 && !ret; i++)
		ret = iotlb_map(t, iotlb_iova(t, t->v->vq[i].used), 1);
	return ret;
}

int iotlb_map_rings(struct iotlb *t)
{
	int i, ret = 0;

	for (i = 0; i < 2 && !ret; i++) {
		const struct vq *q = &t->v->vq[i];
		const void *end = &q->used->ring[q->num + 1];

		/* All three, one behind the other. */
		ret = iotlb_map(t, iotlb_iova(t, q->desc),
				(uint8_t *)end - (uint8_t *)q->desc);
	}
	return ret;
}

int iotlb_protect(struct iotlb *t, uint64_t iova, uint8_t perm)
{
	int ret;

	pthread_mutex_lock(&t->lock);
	t->perm[page_of(t, iova)] = perm;
	ret = iotlb_invalidate(t->v->fd, iova, 1);
	pthread_mutex_unlock(&t->lock);
	return ret;
}

int iotlb_move(struct iotlb *t, uint64_t iova)
{
	unsigned int page = page_of(t, iova);
	uint8_t *old, *new;
	int ret;

	pthread_mutex_lock(&t->lock);
	old = t->ram + (size_t)t->at[page] * IOTLB_PAGE;
	/* Its own place in the other half. */
	t->at[page] = (t->at[page] + t->pages) % (2 * t->pages);
	new = t->ram + (size_t)t->at[page] * IOTLB_PAGE;
	ret = show(t, page, new);
	if (!ret)
		ret = iotlb_invalidate(t->v->fd, VMM_GPA + (uint64_t)page *
				       IOTLB_PAGE, IOTLB_PAGE);
	/* At once: the device may not touch it any more. */
	if (mmap(old, IOTLB_PAGE, PROT_NONE, FREE | MAP_FIXED, -1, 0) != old)
		ret = -errno;
	pthread_mutex_unlock(&t->lock);
	return ret;
}

static void *serve(void *arg)
{
	struct iotlb *t = arg;
	struct vhost_iotlb_msg m;

	while (!t->stop && !t->error) {
		int ret = iotlb_read(t->v->fd, t->v2, &m, 20);

		if (ret == -ETIMEDOUT)
			continue;
		if (!ret && (m.iova < VMM_GPA ||
			     (m.iova - VMM_GPA) / IOTLB_PAGE >= t->pages))
			ret = -ERANGE;
		if (!ret) {
			t->miss[t->misses % IOTLB_MISSES] = m;
			t->misses++;
			ret = iotlb_map(t, m.iova, 1);
		}
		t->error = ret;
	}
	return NULL;
}

int iotlb_serve(struct iotlb *t)
{
	int ret = iotlb_nonblock(t->v->fd);

	if (ret)
		return ret;
	t->stop = false;
	t->error = 0;
	t->misses = 0;
	if (pthread_create(&t->thread, NULL, serve, t))
		return -EAGAIN;
	t->serving = true;
	return 0;
}

int iotlb_rest(struct iotlb *t)
{
	if (t->serving) {
		t->stop = true;
		pthread_join(t->thread, NULL);
		t->serving = false;
	}
	return t->error;
}

unsigned int iotlb_asked(const struct iotlb *t, uint64_t iova)
{
	unsigned int i, n = 0;

	for (i = 0; i < t->misses && i < IOTLB_MISSES; i++)
		n += t->miss[i].iova / IOTLB_PAGE == iova / IOTLB_PAGE;
	return n;
}
