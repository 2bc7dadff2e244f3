/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VHOSTX_CTL_MONITOR_H
#define VHOSTX_CTL_MONITOR_H

#include "netlink.h"

/* One line about one event; false when it cannot be written. */
bool monitor_news(enum news news, const struct record *record, void *data);

#endif
