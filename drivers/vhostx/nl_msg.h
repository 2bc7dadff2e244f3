/* SPDX-License-Identifier: GPL-2.0-only */
/* The netlink family's messages, an object each. */
#ifndef _VHOSTX_NL_MSG_H
#define _VHOSTX_NL_MSG_H

#include <net/genetlink.h>

extern struct genl_family vhostx_nl_family;

int vhostx_nl_message(struct sk_buff *msg, u32 portid, u32 seq, int flags,
		      u8 cmd, const void *object,
		      int (*put)(struct sk_buff *msg, const void *object));
int vhostx_nl_reply(struct genl_info *info, u8 cmd, const void *object,
		    int (*put)(struct sk_buff *msg, const void *object));
int vhostx_nl_dump(struct sk_buff *msg, struct netlink_callback *cb, u8 cmd,
		   const void *object,
		   int (*put)(struct sk_buff *msg, const void *object));

#endif
