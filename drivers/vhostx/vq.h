/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of a queue: set-up, start, stop. */
#ifndef _VHOSTX_VQ_H
#define _VHOSTX_VQ_H

#include "vhostx.h"

struct vhost_vring_addr;

void vhostx_vq_init(struct vhostx_vq *vq, struct vhostx_dev *dev, bool is_tx);
void vhostx_vq_free(struct vhostx_vq *vq);
void vhostx_vq_reset(struct vhostx_vq *vq);
void vhostx_vq_set_features(struct vhostx_vq *vq, const u64 *features);
int vhostx_vq_check_features(const struct vhostx_vq *vq, const u64 *features);
bool vhostx_vq_table_ok(const struct vhostx_vq *vq, struct vhost_iotlb *table);
void vhostx_vq_set_table(struct vhostx_vq *vq, struct vhost_iotlb *table,
			 struct vhost_iotlb *owners);
bool vhostx_vq_log_ok(const struct vhostx_vq *vq, const u8 __user *base);
void vhostx_vq_set_log(struct vhostx_vq *vq, u8 __user *base);
struct vhostx_worker *vhostx_vq_set_worker(struct vhostx_vq *vq,
					   struct vhostx_worker *worker);
pid_t vhostx_vq_tid(const struct vhostx_vq *vq);
bool vhostx_vq_running(const struct vhostx_vq *vq);
int vhostx_vq_need_pieces(struct vhostx_vq *vq);
void vhostx_vq_set_iotlb(struct vhostx_vq *vq, struct vhost_iotlb *iotlb);
int vhostx_vq_set_num(struct vhostx_vq *vq, u32 num);
int vhostx_vq_set_addr(struct vhostx_vq *vq, const struct vhost_vring_addr *a);
int vhostx_vq_set_base(struct vhostx_vq *vq, u32 base);
u32 vhostx_vq_base(struct vhostx_vq *vq);
int vhostx_vq_set_kick(struct vhostx_vq *vq, int fd);
int vhostx_vq_set_eventfd(struct vhostx_vq *vq, struct eventfd_ctx **slot,
			  int fd);
int vhostx_vq_set_backend(struct vhostx_vq *vq, int fd);
void vhostx_vq_set_tune(struct vhostx_vq *vq, const struct vhostx_tune *tune);
void vhostx_vq_set_busyloop(struct vhostx_vq *vq, u32 us);
void vhostx_vq_stop(struct vhostx_vq *vq);

#endif
