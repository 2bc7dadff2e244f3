/* SPDX-License-Identifier: GPL-2.0-only */
/* The device IOTLB: translations that the VMM gives, and asking it for them. */
#ifndef _VHOSTX_IOTLB_H
#define _VHOSTX_IOTLB_H

#include "vhostx.h"

struct iov_iter;

int vhostx_iotlb_locate_used(struct vhostx_vq *vq);
bool vhostx_iotlb_locate(struct vhostx_vq *vq);
void vhostx_iotlb_miss(struct vhostx_vq *vq);
void vhostx_iotlb_forget_miss(struct vhostx_vq *vq);
bool vhostx_iotlb_asks(struct vhostx_dev *dev);
ssize_t vhostx_iotlb_read(struct vhostx_dev *dev, struct iov_iter *to,
			  bool nonblock);
ssize_t vhostx_iotlb_write(struct vhostx_dev *dev, struct iov_iter *from);

#endif
