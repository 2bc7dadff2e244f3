/* SPDX-License-Identifier: GPL-2.0-only */
/* Records, printed. */
#ifndef VHOSTX_CTL_SHOW_H
#define VHOSTX_CTL_SHOW_H

#include "netlink.h"

/* Within a row that is open: a record's name, its counters, or all of it. */
void show_id(const struct record *record);
void show_stats(const struct record *record);
void show_record(const struct record *record, bool with_stats);

/*
 * Ask for the object that argv names, for a device's, or for all: a list with a row
 * each. data of row is the number of rows so far, for it to count on.
 */
int show_each(const struct object *object, char **argv, const char *list, record_fn row);

#endif
