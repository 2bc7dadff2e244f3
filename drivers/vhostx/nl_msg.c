// SPDX-License-Identifier: GPL-2.0-only
/* The netlink family's messages, an object each. */
#include "nl_msg.h"

/**
 * vhostx_nl_message - add an object's message
 * @msg: where to; it is as it was where this fails
 * @portid: to whom
 * @seq: the request's number
 * @flags: NLM_F_*
 * @cmd: VHOSTX_CMD_*
 * @object: the object
 * @put: adds its attributes, or returns a negative error
 *
 * Return: 0 or -EMSGSIZE.
 */
int vhostx_nl_message(struct sk_buff *msg, u32 portid, u32 seq, int flags,
		      u8 cmd, const void *object,
		      int (*put)(struct sk_buff *msg, const void *object))
{
	void *hdr = genlmsg_put(msg, portid, seq, &vhostx_nl_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (put(msg, object)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/**
 * vhostx_nl_reply - answer a request with an object
 * @info: the request
 * @cmd: VHOSTX_CMD_*
 * @object: the object
 * @put: see vhostx_nl_message()
 *
 * Return: 0 or a negative error.
 */
int vhostx_nl_reply(struct genl_info *info, u8 cmd, const void *object,
		    int (*put)(struct sk_buff *msg, const void *object))
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	int ret;

	if (!msg)
		return -ENOMEM;
	ret = vhostx_nl_message(msg, info->snd_portid, info->snd_seq, 0, cmd,
				object, put);
	if (ret) {
		nlmsg_free(msg);
		return ret;
	}
	return genlmsg_reply(msg, info);
}

/**
 * vhostx_nl_dump - add an object's message to a dump
 * @msg: where to
 * @cb: the dump
 * @cmd: VHOSTX_CMD_*
 * @object: the object
 * @put: see vhostx_nl_message()
 *
 * Return: 0; -EMSGSIZE where it has no room, and the next message goes on.
 */
int vhostx_nl_dump(struct sk_buff *msg, struct netlink_callback *cb, u8 cmd,
		   const void *object,
		   int (*put)(struct sk_buff *msg, const void *object))
{
	return vhostx_nl_message(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  NLM_F_MULTI, cmd, object, put);
}
