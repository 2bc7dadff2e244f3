/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VMM with an IOMMU does: messages to the device IOTLB, and answers to
 * its questions. Guest memory, whose I/O virtual addresses begin at VMM_GPA, is
 * scattered: no two of its pages are neighbours in the owner's memory.
 */
#ifndef IOTLB_H
#define IOTLB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/vhost_types.h>

#include "vmm.h"

#define IOTLB_PAGE	4096
/* Where guest memory is in guest physical memory. */
#define IOTLB_GPA	0x4000000000ULL
/* Questions that are remembered. */
#define IOTLB_MISSES	8192

/* Bytes written, or -errno. */
int iotlb_write(int fd, bool v2, const struct vhost_iotlb_msg *m);
int iotlb_update(int fd, uint64_t iova, uint64_t size, const void *to,
		 uint8_t perm);
int iotlb_invalidate(int fd, uint64_t iova, uint64_t size);
/* Backend features: with VHOST_BACKEND_F_IOTLB_MSG_V2 or without. */
int iotlb_use_v2(int fd, bool v2);

/* A reader waits for a question in poll() alone: what was one is none once a queue stops. */
int iotlb_nonblock(int fd);

/* The next question, of the expected version; 0 or -errno. Waits that long. */
int iotlb_read(int fd, bool v2, struct vhost_iotlb_msg *m, int timeout_ms);

struct iotlb {
	struct vmm *v;
	bool v2;
	uint8_t *ram;		/* guest memory, in the owner's order */
	size_t size;
	unsigned int pages;
	uint32_t *at;		/* where each page is in it */
	uint8_t *perm;		/* of each page */
	pthread_mutex_t lock;	/* protects at, perm and what was answered */
	pthread_t thread;
	bool serving;
	atomic_bool stop;
	atomic_int error;
	atomic_uint misses;
	struct vhost_iotlb_msg miss[IOTLB_MISSES];
};

/* Scatter all guest memory that was carved, and set the memory table. */
int iotlb_open(struct iotlb *t, struct vmm *v, bool v2);
void iotlb_close(struct iotlb *t);

/* The I/O virtual address of what the driver has there. */
uint64_t iotlb_iova(const struct iotlb *t, const void *ptr);
/* The owner's and the guest's physical address behind it. */
uint8_t *iotlb_owner(const struct iotlb *t, uint64_t iova);
uint64_t iotlb_gpa(const struct iotlb *t, uint64_t iova);

/* Tell the device of each page of a range, unasked: 0 or -errno. */
int iotlb_map(struct iotlb *t, uint64_t iova, size_t len);
/* Of the page of each used ring that the start needs, as QEMU does. */
int iotlb_map_used(struct iotlb *t);
/* Of all of both rings. */
int iotlb_map_rings(struct iotlb *t);
/* From now on a page may be used so; the device forgets what it knew. */
int iotlb_protect(struct iotlb *t, uint64_t iova, uint8_t perm);
/* Move a page elsewhere; where it was, nothing is from then on. */
int iotlb_move(struct iotlb *t, uint64_t iova);

/* Have a thread answer all questions, or no more. */
int iotlb_serve(struct iotlb *t);
int iotlb_rest(struct iotlb *t);

/* How often a page was asked for. */
unsigned int iotlb_asked(const struct iotlb *t, uint64_t iova);

#endif
