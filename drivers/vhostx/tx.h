/* SPDX-License-Identifier: GPL-2.0-only */
/* From the driver to the socket. */
#ifndef _VHOSTX_TX_H
#define _VHOSTX_TX_H

struct vhostx_work;

void vhostx_tx_work(struct vhostx_work *work);

#endif
