/* SPDX-License-Identifier: GPL-2.0-only */
/* The network device behind a tap, for its counters. */
#ifndef _VHOSTX_NETDEV_H
#define _VHOSTX_NETDEV_H

#include <linux/if.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct net_device;
struct socket;

/* Lookups that may fail before no more are made. */
#define VHOSTX_NETDEV_TRIES	4

/**
 * struct vhostx_netdev - a tap's device, as long as it is there
 * @dev: the device, or NULL; cleared before it goes; read under RCU
 * @node: in the list of those with a device
 * @failed: lookups that found none; the owner's
 *
 * Zeroed, it has no device. @dev and @node are written under netdevs_lock.
 */
struct vhostx_netdev {
	struct net_device __rcu *dev;
	struct list_head node;
	unsigned int failed;
};

/**
 * struct vhostx_netdev_id - which device a backend is, for people
 * @name: its name; empty where that is not known
 * @ifindex: its index, or 0
 * @netns: the inode of its namespace, or 0
 */
struct vhostx_netdev_id {
	char name[IFNAMSIZ];
	int ifindex;
	unsigned int netns;
};

int vhostx_netdevs_start(void);
void vhostx_netdevs_stop(void);
void vhostx_netdev_find(struct vhostx_netdev *n, const void *addr);
void vhostx_netdev_forget(struct vhostx_netdev *n);
void vhostx_netdev_identify(struct vhostx_netdev_id *id, struct socket *sock);
void vhostx_netdev_count(struct vhostx_netdev *n, unsigned int packets,
			 unsigned int bytes);

/**
 * vhostx_netdev_is - whether this is the device
 * @n: which device
 * @addr: a device's address, which may be long gone
 *
 * Return: whether it is; never for NULL.
 */
static inline bool vhostx_netdev_is(const struct vhostx_netdev *n,
				    const void *addr)
{
	return addr && rcu_access_pointer(n->dev) == addr;
}

#endif
