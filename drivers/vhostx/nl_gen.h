/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/vhostx.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_VHOSTX_GEN_H
#define _LINUX_VHOSTX_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/vhostx_netlink.h>

extern const struct nla_policy vhostx_dev_get_nl_policy[VHOSTX_A_DEV_ID + 1];

extern const struct nla_policy vhostx_dev_set_nl_policy[VHOSTX_A_DEV_POOL_SIZE + 1];

extern const struct nla_policy vhostx_queue_get_nl_policy[VHOSTX_A_QUEUE_ID + 1];

extern const struct nla_policy vhostx_queue_set_nl_policy[VHOSTX_A_QUEUE_COALESCE_FRAMES + 1];

extern const struct nla_policy vhostx_worker_get_nl_policy[VHOSTX_A_WORKER_TID + 1];

extern const struct nla_policy vhostx_worker_set_nl_policy[VHOSTX_A_WORKER_NICE + 1];

/* Ops table for vhostx */
extern const struct genl_ops vhostx_nl_ops[6];

int vhostx_nl_dev_get_doit(struct sk_buff *skb, struct genl_info *info);
int vhostx_nl_dev_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int vhostx_nl_dev_set_doit(struct sk_buff *skb, struct genl_info *info);
int vhostx_nl_queue_get_doit(struct sk_buff *skb, struct genl_info *info);
int vhostx_nl_queue_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int vhostx_nl_queue_set_doit(struct sk_buff *skb, struct genl_info *info);
int vhostx_nl_worker_get_doit(struct sk_buff *skb, struct genl_info *info);
int vhostx_nl_worker_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int vhostx_nl_worker_set_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	VHOSTX_NLGRP_CONFIG,
	VHOSTX_NLGRP_EVENTS,
};

#endif /* _LINUX_VHOSTX_GEN_H */
