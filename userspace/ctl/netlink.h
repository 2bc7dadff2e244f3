/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket to the kernel. Errors are told where they are met; see DONE, WRONG, REFUSED. */
#ifndef VHOSTX_CTL_NETLINK_H
#define VHOSTX_CTL_NETLINK_H

#include "vhostx.h"

typedef void (*record_fn)(const struct record *record, void *data);

/* Find the family. Without telling, silent says only whether it is there. */
int netlink_open(void);
int netlink_open_silent(void);
void netlink_close(void);

/* A request under construction: begin it, add attributes, ask. */
struct nlmsghdr *netlink_request(uint8_t command, bool dump);
/* Send it, and hand on what comes; fn can be NULL. The family has to be known by then. */
int netlink_ask(struct nlmsghdr *request, record_fn fn, void *data);

/* From now on, notifications; then each to fn until it ends or fn says false. */
int netlink_subscribe(bool with_config, bool with_events);
enum news { NEWS_EVENT, NEWS_LOST, NEWS_GONE };
typedef bool (*news_fn)(enum news news, const struct record *record, void *data);
int netlink_listen(news_fn fn, void *data);

#endif
