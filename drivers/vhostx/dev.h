/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of a device, and the list of all. */
#ifndef _VHOSTX_DEV_H
#define _VHOSTX_DEV_H

#include "vhostx.h"

struct vhost_memory;

#define VHOSTX_BACKEND_FEATURES	BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2)

/* libvirt and QEMU take 64 for granted; rust-vmm and DPDK want more. */
#define VHOSTX_REGIONS_MIN	64
/* A ring of the usual size and one packet have room in that many. */
#define VHOSTX_IOTLB_MIN	64

extern const u64 vhostx_features[VHOSTX_FEATURE_WORDS];
extern unsigned short vhostx_max_mem_regions;
extern bool vhostx_fork_default;
extern int vhostx_max_iotlb_entries;

struct vhostx_dev *vhostx_dev_create(void);
void vhostx_dev_close(struct vhostx_dev *dev);
struct vhostx_dev *vhostx_dev_next(unsigned int id);
void vhostx_dev_put(struct vhostx_dev *dev);
int vhostx_dev_check_owner(const struct vhostx_dev *dev);
int vhostx_dev_set_owner(struct vhostx_dev *dev);
void vhostx_dev_reset(struct vhostx_dev *dev);
int vhostx_dev_set_features(struct vhostx_dev *dev, const u64 *features);
int vhostx_dev_set_mem(struct vhostx_dev *dev,
		       const struct vhost_memory __user *arg);
int vhostx_dev_set_log_base(struct vhostx_dev *dev, u64 base);
int vhostx_dev_set_log_fd(struct vhostx_dev *dev, int fd);
int vhostx_dev_set_fork(struct vhostx_dev *dev, u8 how);

#endif
