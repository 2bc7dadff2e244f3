// SPDX-License-Identifier: GPL-2.0-only
/* What happens to devices, queues and workers, for whoever listens. */
#include <linux/notifier.h>

#include "event.h"

static BLOCKING_NOTIFIER_HEAD(event_chain);

/**
 * vhostx_event_listen - hear of events from now on
 * @block: called with VHOSTX_CMD_*_NTF and the object: a const struct vhostx_dev,
 *	   vhostx_vq or vhostx_worker, by the command's name; it may sleep, with
 *	   the locks of whoever tells held
 *
 * Return: 0.
 */
int vhostx_event_listen(struct notifier_block *block)
{
	return blocking_notifier_chain_register(&event_chain, block);
}

/**
 * vhostx_event_deafen - hear of events no more
 * @block: the listener; it is not called any more when this returns
 */
void vhostx_event_deafen(struct notifier_block *block)
{
	blocking_notifier_chain_unregister(&event_chain, block);
}

/**
 * vhostx_event - tell who listens
 * @what: VHOSTX_CMD_*_NTF
 * @object: whom it happened to
 *
 * Context: sleeps; any of the module's mutexes may be held.
 */
void vhostx_event(unsigned long what, const void *object)
{
	blocking_notifier_call_chain(&event_chain, what, (void *)object);
}
