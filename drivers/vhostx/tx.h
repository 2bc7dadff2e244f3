/* SPDX-License-Identifier: GPL-2.0-only */
/* From the driver to the socket. */
#ifndef _VHOSTX_TX_H
#define _VHOSTX_TX_H

struct vhostx_work;
struct work_struct;

void vhostx_tx_work(struct vhostx_work *work);
void vhostx_tx_trim(struct work_struct *work);

#endif
