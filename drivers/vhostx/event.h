/* SPDX-License-Identifier: GPL-2.0-only */
/* What happens to devices, queues and workers, for whoever listens. */
#ifndef _VHOSTX_EVENT_H
#define _VHOSTX_EVENT_H

struct notifier_block;

int vhostx_event_listen(struct notifier_block *block);
void vhostx_event_deafen(struct notifier_block *block);
void vhostx_event(unsigned long what, const void *object);

#endif
