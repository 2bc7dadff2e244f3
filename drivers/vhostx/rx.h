/* SPDX-License-Identifier: GPL-2.0-only */
/* From the socket to the driver. */
#ifndef _VHOSTX_RX_H
#define _VHOSTX_RX_H

struct vhostx_work;

void vhostx_rx_work(struct vhostx_work *work);

#endif
