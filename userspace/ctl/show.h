/* SPDX-License-Identifier: GPL-2.0-only */
/* Records, printed. */
#ifndef VHOSTX_CTL_SHOW_H
#define VHOSTX_CTL_SHOW_H

#include "netlink.h"

/* Within a row that is open: a record's name, its counters, or all of it. */
void show_id(const struct record *record);
void show_stats(const struct record *record);
void show_record(const struct record *record, bool with_stats);

#endif
