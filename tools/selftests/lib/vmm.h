/* SPDX-License-Identifier: GPL-2.0-only */
/* The VMM side: one vhost device, its guest memory, its two queues. */
#ifndef VMM_H
#define VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/vhost.h>

#include "vq.h"

#define DEV_VHOSTX	"/dev/vhostx"
#define DEV_VHOST_NET	"/dev/vhost-net"

#define RX	0
#define TX	1

/*
 * Not the host's addresses, so that a missing translation shows. I/O virtual
 * ones with F_ACCESS_PLATFORM.
 */
#define VMM_GPA		0x10000000ULL
#define VMM_MEM_SIZE	(96UL << 20)

#define BIT64(n)	(1ULL << (n))
#define F_MRG_RXBUF	BIT64(15)
#define F_NOTIFY_EMPTY	BIT64(24)
#define F_LOG_ALL	BIT64(26)
#define F_VNET_HDR	BIT64(27)
#define F_INDIRECT	BIT64(28)
#define F_EVENT_IDX	BIT64(29)
#define F_VERSION_1	BIT64(32)
#define F_ACCESS_PLATFORM BIT64(33)
#define F_RING_PACKED	BIT64(34)
#define F_IN_ORDER	BIT64(35)
#define F_RING_RESET	BIT64(40)

#ifndef VHOST_GET_FEATURES_ARRAY
#define VHOST_GET_FEATURES_ARRAY _IOR(VHOST_VIRTIO, 0x83, __u64)
#define VHOST_SET_FEATURES_ARRAY _IOW(VHOST_VIRTIO, 0x83, __u64)
#endif

/* Feature bits of the ring's format that every vhostx device gets. */
extern uint64_t vmm_format;

struct vmm {
	int fd;
	uint64_t format;
	uint64_t features;
	uint8_t *mem;
	size_t mem_size;
	size_t mem_used;
	struct vq vq[2];
};

/* Nothing open yet: vmm_close() does nothing. */
void vmm_init(struct vmm *v);
/* Open the device; allocate guest memory. 0 or -errno, as all of these. */
int vmm_open(struct vmm *v, const char *path);
void vmm_close(struct vmm *v);

/* Carve guest memory, zeroed; returns its guest address. */
uint64_t vmm_alloc(struct vmm *v, size_t size, size_t align);
void *vmm_ptr(const struct vmm *v, uint64_t gpa);

/* Memory table with one region that holds all guest memory. */
int vmm_set_mem(struct vmm *v);
int vmm_set_mem_regions(struct vmm *v, const struct vhost_memory_region *r,
			unsigned int n);

/* An ioctl with a vhost_vring_state or vhost_vring_file; 0 or -errno. */
int vmm_vring_state(struct vmm *v, unsigned long req, unsigned int index,
		    unsigned int num);
int vmm_vring_file(struct vmm *v, unsigned long req, unsigned int index,
		   int fd);
int vmm_set_addr(struct vmm *v, unsigned int index);
/* The same with VHOST_VRING_F_LOG: the used ring's place in the log. */
int vmm_set_addr_logged(struct vmm *v, unsigned int index, uint64_t log_gpa);
/* Change features, log, or what is signalled for it; of live queues too. */
int vmm_set_features(struct vmm *v, uint64_t features);
/* How long the queue polls before it sleeps. */
int vmm_set_busyloop(struct vmm *v, unsigned int index, unsigned int us);
int vmm_set_log(struct vmm *v, uint64_t base);
int vmm_set_log_fd(struct vmm *v, int fd);
/* 32 bits, or -errno. */
int64_t vmm_get_base(struct vmm *v, unsigned int index);

/* Open, owner, features, memory table, rings and eventfds; no backend yet. */
int vmm_setup(struct vmm *v, const char *path, uint64_t features,
	      unsigned int num);
/* The same on an open device, and on one that was set up before and has no owner. */
int vmm_setup_opened(struct vmm *v, uint64_t features, unsigned int num);
int vmm_own(struct vmm *v);
/* The ring set-up alone, from base on: in a packed ring the first lap's places come first. */
int vmm_setup_vq(struct vmm *v, unsigned int index, uint16_t base);

int vmm_backend(struct vmm *v, unsigned int index, int fd);
/* Both queues, RX first. */
int vmm_start(struct vmm *v, int fd);
int vmm_stop(struct vmm *v);

#endif
