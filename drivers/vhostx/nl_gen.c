// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/vhostx.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "nl_gen.h"

#include <uapi/linux/vhostx_netlink.h>

/* VHOSTX_CMD_DEV_GET - do */
const struct nla_policy vhostx_dev_get_nl_policy[VHOSTX_A_DEV_ID + 1] = {
	[VHOSTX_A_DEV_ID] = { .type = NLA_U32, },
};

/* VHOSTX_CMD_DEV_SET - do */
const struct nla_policy vhostx_dev_set_nl_policy[VHOSTX_A_DEV_POOL_SIZE + 1] = {
	[VHOSTX_A_DEV_ID] = { .type = NLA_U32, },
	[VHOSTX_A_DEV_LAYOUT] = NLA_POLICY_MAX(NLA_U32, 2),
	[VHOSTX_A_DEV_POOL_SIZE] = NLA_POLICY_RANGE(NLA_U32, 1, VHOSTX_POOL_SIZE_MAX),
};

/* VHOSTX_CMD_QUEUE_GET - do */
const struct nla_policy vhostx_queue_get_nl_policy[VHOSTX_A_QUEUE_ID + 1] = {
	[VHOSTX_A_QUEUE_DEV_ID] = { .type = NLA_U32, },
	[VHOSTX_A_QUEUE_ID] = NLA_POLICY_MAX(NLA_U32, 1),
};

/* VHOSTX_CMD_QUEUE_SET - do */
const struct nla_policy vhostx_queue_set_nl_policy[VHOSTX_A_QUEUE_COALESCE_FRAMES + 1] = {
	[VHOSTX_A_QUEUE_DEV_ID] = { .type = NLA_U32, },
	[VHOSTX_A_QUEUE_ID] = NLA_POLICY_MAX(NLA_U32, 1),
	[VHOSTX_A_QUEUE_WORKER] = { .type = NLA_U32, },
	[VHOSTX_A_QUEUE_POLL_MODE] = NLA_POLICY_MAX(NLA_U32, 3),
	[VHOSTX_A_QUEUE_POLL_US] = NLA_POLICY_MAX(NLA_U32, VHOSTX_POLL_US_MAX),
	[VHOSTX_A_QUEUE_BATCH] = NLA_POLICY_RANGE(NLA_U32, 1, VHOSTX_BATCH_MAX),
	[VHOSTX_A_QUEUE_WEIGHT] = NLA_POLICY_RANGE(NLA_U32, VHOSTX_WEIGHT_MIN, VHOSTX_WEIGHT_MAX),
	[VHOSTX_A_QUEUE_COALESCE_US] = NLA_POLICY_MAX(NLA_U32, VHOSTX_COALESCE_US_MAX),
	[VHOSTX_A_QUEUE_COALESCE_FRAMES] = NLA_POLICY_RANGE(NLA_U32, 1, VHOSTX_COALESCE_FRAMES_MAX),
};

/* VHOSTX_CMD_WORKER_GET - do */
const struct nla_policy vhostx_worker_get_nl_policy[VHOSTX_A_WORKER_TID + 1] = {
	[VHOSTX_A_WORKER_TID] = { .type = NLA_U32, },
};

/* VHOSTX_CMD_WORKER_SET - do */
const struct nla_policy vhostx_worker_set_nl_policy[VHOSTX_A_WORKER_NICE + 1] = {
	[VHOSTX_A_WORKER_TID] = { .type = NLA_U32, },
	[VHOSTX_A_WORKER_CPUS] = { .type = NLA_NUL_STRING, .len = 1024, },
	[VHOSTX_A_WORKER_POLICY] = NLA_POLICY_MAX(NLA_U32, 2),
	[VHOSTX_A_WORKER_NICE] = { .type = NLA_S32, },
};

/* Ops table for vhostx */
const struct genl_ops vhostx_nl_ops[6] = {
	{
		.cmd		= VHOSTX_CMD_DEV_GET,
		.doit		= vhostx_nl_dev_get_doit,
		.dumpit		= vhostx_nl_dev_get_dumpit,
		.policy		= vhostx_dev_get_nl_policy,
		.maxattr	= VHOSTX_A_DEV_ID,
	},
	{
		.cmd		= VHOSTX_CMD_DEV_SET,
		.doit		= vhostx_nl_dev_set_doit,
		.policy		= vhostx_dev_set_nl_policy,
		.maxattr	= VHOSTX_A_DEV_POOL_SIZE,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= VHOSTX_CMD_QUEUE_GET,
		.doit		= vhostx_nl_queue_get_doit,
		.dumpit		= vhostx_nl_queue_get_dumpit,
		.policy		= vhostx_queue_get_nl_policy,
		.maxattr	= VHOSTX_A_QUEUE_ID,
	},
	{
		.cmd		= VHOSTX_CMD_QUEUE_SET,
		.doit		= vhostx_nl_queue_set_doit,
		.policy		= vhostx_queue_set_nl_policy,
		.maxattr	= VHOSTX_A_QUEUE_COALESCE_FRAMES,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= VHOSTX_CMD_WORKER_GET,
		.doit		= vhostx_nl_worker_get_doit,
		.dumpit		= vhostx_nl_worker_get_dumpit,
		.policy		= vhostx_worker_get_nl_policy,
		.maxattr	= VHOSTX_A_WORKER_TID,
	},
	{
		.cmd		= VHOSTX_CMD_WORKER_SET,
		.doit		= vhostx_nl_worker_set_doit,
		.policy		= vhostx_worker_set_nl_policy,
		.maxattr	= VHOSTX_A_WORKER_NICE,
		.flags		= GENL_ADMIN_PERM,
	},
};

