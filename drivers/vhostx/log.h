/* SPDX-License-Identifier: GPL-2.0-only */
/* The dirty log: which pages of the guest the device has written to. */
#ifndef _VHOSTX_LOG_H
#define _VHOSTX_LOG_H

#include <linux/types.h>

struct eventfd_ctx;
struct vhost_iotlb;

/* Bytes of guest memory that a bit stands for, on every architecture. */
#define VHOSTX_LOG_PAGE		0x1000

/**
 * struct vhostx_log - where and what a queue logs
 * @base: the bitmap in the owner's memory; NULL for none, nothing is logged
 * @ctx: signalled when something was logged, or NULL
 * @owners: regions by owner's address, see vhostx_mem_reverse(); the device's
 * @frames: VHOST_F_LOG_ALL, log what is written into buffers
 * @used: VHOST_VRING_F_LOG, log what is written into the used ring
 * @used_addr: the used ring's place in the log, as a guest physical address
 *
 * All fields are protected by the queue's lock.
 */
struct vhostx_log {
	u8 __user *base;
	struct eventfd_ctx *ctx;
	struct vhost_iotlb *owners;
	bool frames;
	bool used;
	u64 used_addr;
};

bool vhostx_log_ok(const u8 __user *base, u64 addr, u64 len);
bool vhostx_log_table_ok(const u8 __user *base, struct vhost_iotlb *table);
int vhostx_log_guest(const struct vhostx_log *log, u64 addr, u64 len);
int vhostx_log_owner(const struct vhostx_log *log, const void __user *addr,
		     u64 len);

#endif
