/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices as the netlink family shows them. */
#ifndef _VHOSTX_NL_DEV_H
#define _VHOSTX_NL_DEV_H

#include <uapi/linux/vhostx_netlink.h>

struct genl_info;
struct sk_buff;
struct vhostx_dev;
struct vhostx_vq;

enum vhostx_queue_state vhostx_nl_queue_state(const struct vhostx_vq *vq);
int vhostx_nl_put_dev(struct sk_buff *msg, const void *object);
struct vhostx_dev *vhostx_nl_find_dev(struct genl_info *info, int attr);

#endif
