/* SPDX-License-Identifier: GPL-2.0-only */
/* The netlink family, which operators see and steer devices by. */
#ifndef _VHOSTX_NL_H
#define _VHOSTX_NL_H

int vhostx_nl_start(void);
void vhostx_nl_stop(void);

#endif
