// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family, as Documentation/netlink/specs/vhostx.yaml specifies it, and the
 * news that it tells.
 */
#include <linux/module.h>
#include <linux/notifier.h>

#include "event.h"
#include "nl.h"
#include "nl_dev.h"
#include "nl_gen.h"
#include "nl_msg.h"
#include "nl_queue.h"
#include "nl_worker.h"

/* Tell group @group of an object. Where that fails, its listeners know. */
static void nl_notify(u8 cmd, unsigned int group, const void *object,
		      int (*put)(struct sk_buff *msg, const void *object))
{
	struct sk_buff *msg;

	if (!genl_has_listeners(&vhostx_nl_family, &init_net, group))
		return;
	msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!msg || vhostx_nl_message(msg, 0, 0, 0, cmd, object, put)) {
		nlmsg_free(msg);
		genl_set_err(&vhostx_nl_family, &init_net, 0, group, -ENOBUFS);
		return;
	}
	genlmsg_multicast(&vhostx_nl_family, msg, 0, group, GFP_KERNEL);
}

static int nl_event(struct notifier_block *block, unsigned long what,
		    void *object)
{
	switch (what) {
	case VHOSTX_CMD_DEV_ADD_NTF:
	case VHOSTX_CMD_DEV_DEL_NTF:
	case VHOSTX_CMD_DEV_CHANGE_NTF:
		nl_notify(what, VHOSTX_NLGRP_CONFIG, object, vhostx_nl_put_dev);
		break;
	case VHOSTX_CMD_QUEUE_CHANGE_NTF:
		nl_notify(what, VHOSTX_NLGRP_CONFIG, object, vhostx_nl_put_queue);
		break;
	case VHOSTX_CMD_WORKER_CHANGE_NTF:
	case VHOSTX_CMD_WORKER_DEL_NTF:
		nl_notify(what, VHOSTX_NLGRP_CONFIG, object,
			  vhostx_nl_put_worker);
		break;
	case VHOSTX_CMD_QUEUE_START_NTF:
	case VHOSTX_CMD_QUEUE_STOP_NTF:
	case VHOSTX_CMD_QUEUE_BROKEN_NTF:
		nl_notify(what, VHOSTX_NLGRP_EVENTS, object, vhostx_nl_put_queue);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block nl_listener = {
	.notifier_call = nl_event,
};

static const struct genl_multicast_group nl_groups[] = {
	[VHOSTX_NLGRP_CONFIG] = { .name = "config" },
	[VHOSTX_NLGRP_EVENTS] = { .name = "events" },
};

/* Devices belong to no network namespace: whose they are is for the host to see. */
struct genl_family vhostx_nl_family __ro_after_init = {
	.name = VHOSTX_FAMILY_NAME,
	.version = VHOSTX_FAMILY_VERSION,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = vhostx_nl_ops,
	.n_ops = ARRAY_SIZE(vhostx_nl_ops),
	.resv_start_op = VHOSTX_CMD_MAX + 1,
	.mcgrps = nl_groups,
	.n_mcgrps = ARRAY_SIZE(nl_groups),
};

/**
 * vhostx_nl_start - answer operators from now on
 *
 * Return: 0 or a negative error.
 */
int __init vhostx_nl_start(void)
{
	int ret = genl_register_family(&vhostx_nl_family);

	return ret ?: vhostx_event_listen(&nl_listener);
}

/**
 * vhostx_nl_stop - answer operators no more
 */
void vhostx_nl_stop(void)
{
	vhostx_event_deafen(&nl_listener);
	genl_unregister_family(&vhostx_nl_family);
}
