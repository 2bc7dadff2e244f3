/* SPDX-License-Identifier: GPL-2.0-only */
/* Workers as the netlink family shows them. */
#ifndef _VHOSTX_NL_WORKER_H
#define _VHOSTX_NL_WORKER_H

struct sk_buff;

int vhostx_nl_put_worker(struct sk_buff *msg, const void *object);

#endif
