/* SPDX-License-Identifier: GPL-2.0-only */
/* From the driver to the socket. */
#ifndef _VHOSTX_TX_H
#define _VHOSTX_TX_H

struct vhostx_work;
struct vhostx_vq;

void vhostx_tx_init(struct vhostx_vq *vq);
void vhostx_tx_free(struct vhostx_vq *vq);
void vhostx_tx_work(struct vhostx_work *work);

#endif
