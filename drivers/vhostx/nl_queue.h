/* SPDX-License-Identifier: GPL-2.0-only */
/* Queues as the netlink family shows them. */
#ifndef _VHOSTX_NL_QUEUE_H
#define _VHOSTX_NL_QUEUE_H

struct sk_buff;

int vhostx_nl_put_queue(struct sk_buff *msg, const void *object);

#endif
