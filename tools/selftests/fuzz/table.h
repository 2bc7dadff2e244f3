/* SPDX-License-Identifier: GPL-2.0-only */
/* What a table of regions must answer, found by looking at each of them. */
#ifndef _FUZZ_TABLE_H
#define _FUZZ_TABLE_H

#include "mem.h"

bool table_has(struct vhost_iotlb *table, u64 start, u64 last, u64 addr,
	       u32 perm);
void table_check_translate(struct vhostx_view *view, u64 addr, u32 len);

#endif
