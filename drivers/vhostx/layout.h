/* SPDX-License-Identifier: GPL-2.0-only */
/* Which workers run a device's queues. */
#ifndef _VHOSTX_LAYOUT_H
#define _VHOSTX_LAYOUT_H

#include "vhostx.h"

extern u32 vhostx_layout_default;
extern u32 vhostx_pool_size_default;

int vhostx_dev_set_layout(struct vhostx_dev *dev, u32 layout, u32 pool_size);
int vhostx_dev_move_queue(struct vhostx_dev *dev, struct vhostx_vq *vq,
			  pid_t tid);
void vhostx_dev_no_workers(struct vhostx_dev *dev);
int vhostx_dev_new_worker(struct vhostx_dev *dev);
int vhostx_dev_free_worker(struct vhostx_dev *dev, u32 id);
int vhostx_dev_attach_worker(struct vhostx_dev *dev, struct vhostx_vq *vq,
			     u32 id);
int vhostx_dev_worker_id(const struct vhostx_dev *dev,
			 const struct vhostx_vq *vq);

#endif
