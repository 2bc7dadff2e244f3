// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network device behind a tap. Who takes a frame past the tap counts it in
 * the tap's place. A frame says what device it came by, but not whether that is
 * still there: a device is counted at only where it was found among the living,
 * and until it is about to go.
 */
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/if_tap.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>
#include <net/sock.h>

#include "netdev.h"

/* Those that have a device. */
static LIST_HEAD(netdevs);
static DEFINE_SPINLOCK(netdevs_lock);

/* With netdevs_lock held. */
static void netdev_clear(struct vhostx_netdev *n)
{
	if (!rcu_access_pointer(n->dev))
		return;
	RCU_INIT_POINTER(n->dev, NULL);
	list_del(&n->node);
}

/*
 * The device can be found no more, and who did find it is done storing it. Who
 * counts at it is waited for before it is freed.
 */
static void netdev_gone(const struct net_device *dev)
{
	struct vhostx_netdev *n, *next;

	spin_lock(&netdevs_lock);
	list_for_each_entry_safe(n, next, &netdevs, node) {
		if (rcu_access_pointer(n->dev) == dev)
			netdev_clear(n);
	}
	spin_unlock(&netdevs_lock);
}

static int netdev_event(struct notifier_block *block, unsigned long event,
			void *info)
{
	struct net_device *dev = netdev_notifier_info_to_dev(info);

	/* One that moves to another namespace stays what it is. */
	if (event == NETDEV_UNREGISTER && dev->reg_state != NETREG_REGISTERED)
		netdev_gone(dev);
	return NOTIFY_DONE;
}

static struct notifier_block netdev_block = {
	.notifier_call = netdev_event,
};

/**
 * vhostx_netdevs_start - begin to hear of devices that go
 *
 * Return: 0 or a negative error.
 */
int vhostx_netdevs_start(void)
{
	return register_netdevice_notifier(&netdev_block);
}

/**
 * vhostx_netdevs_stop - hear of them no more
 */
void vhostx_netdevs_stop(void)
{
	unregister_netdevice_notifier(&netdev_block);
}

/* A tun or tap device: it has the counters that those have. */
static bool netdev_is_tun(const struct net_device *dev)
{
	return dev->rtnl_link_ops && dev->rtnl_link_ops->kind &&
	       !strcmp(dev->rtnl_link_ops->kind, "tun");
}

/* Under RCU. Compares addresses, as there may be nothing at @addr any more. */
static struct net_device *netdev_lookup(const void *addr)
{
	struct net_device *dev;
	struct net *net;

	for_each_net_rcu(net) {
		for_each_netdev_rcu(net, dev) {
			if (dev == addr)
				return netdev_is_tun(dev) ? dev : NULL;
		}
	}
	return NULL;
}

/**
 * vhostx_netdev_find - have a device from now on, if it is there
 * @n: which device; where it has one, it keeps that
 * @addr: the device's address, which may be long gone
 */
void vhostx_netdev_find(struct vhostx_netdev *n, const void *addr)
{
	struct net_device *dev;

	/* Each look is at every device there is. */
	if (rcu_access_pointer(n->dev) || n->failed == VHOSTX_NETDEV_TRIES)
		return;

	/* Until it is stored: who takes it off the lists waits for that. */
	rcu_read_lock();
	dev = netdev_lookup(addr);
	if (dev) {
		spin_lock(&netdevs_lock);
		rcu_assign_pointer(n->dev, dev);
		list_add(&n->node, &netdevs);
		spin_unlock(&netdevs_lock);
	} else {
		n->failed++;
	}
	rcu_read_unlock();
}

/**
 * vhostx_netdev_forget - have no device any more
 * @n: which device, or none
 */
void vhostx_netdev_forget(struct vhostx_netdev *n)
{
	spin_lock(&netdevs_lock);
	netdev_clear(n);
	spin_unlock(&netdevs_lock);
	n->failed = 0;
}

/**
 * vhostx_netdev_count - count frames that the device has sent to its reader
 * @n: which device; where it has gone, nobody asks any more
 * @packets: frames
 * @bytes: their bytes
 */
void vhostx_netdev_count(struct vhostx_netdev *n, unsigned int packets,
			 unsigned int bytes)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = rcu_dereference(n->dev);
	if (dev) {
		preempt_disable();
		dev_sw_netstats_tx_add(dev, packets, bytes);
		preempt_enable();
	}
	rcu_read_unlock();
}

/* A tun or tap says to /proc which device it is. */
static bool netdev_tun_name(struct file *file, char *name)
{
	char line[sizeof("iff:\t\n") + IFNAMSIZ] = "", *end;
	struct seq_file seq = { .buf = line, .size = sizeof(line) - 1 };

	if (!file->f_op->show_fdinfo)
		return false;
	file->f_op->show_fdinfo(&seq, file);
	end = strchr(line, '\n');
	if (strncmp(line, "iff:\t", 5) || !end)
		return false;
	*end = 0;
	return strscpy(name, line + 5, IFNAMSIZ) > 0;
}

static int netdev_packet_index(struct socket *sock)
{
	struct sockaddr_storage addr = {};

	if (sock->sk->sk_family != AF_PACKET ||
	    sock->ops->getname(sock, (struct sockaddr *)&addr, 1) < 0)
		return 0;
	return ((struct sockaddr_ll *)&addr)->sll_ifindex;
}

/* Under the RCU read lock: a macvtap's or ipvtap's knows its device. */
static struct net_device *netdev_of_tap(struct socket *sock)
{
	struct tap_dev *tap;

	if (tap_get_socket(sock->file) != sock)
		return NULL;
	tap = rcu_dereference(container_of(sock, struct tap_queue, sock)->tap);
	return tap ? tap->dev : NULL;
}

/**
 * vhostx_netdev_identify - find out which device a backend is at present
 * @id: where it goes
 * @sock: the backend
 *
 * The index and the namespace of a tap of tun's are known where the device is
 * still in the one that the backend was opened in.
 *
 * Context: takes rtnl.
 */
void vhostx_netdev_identify(struct vhostx_netdev_id *id, struct socket *sock)
{
	struct net *net = sock_net(sock->sk);
	char name[IFNAMSIZ] = "";
	struct net_device *dev;
	bool tun;

	tun = netdev_tun_name(sock->file, name);
	rcu_read_lock();
	if (tun)
		dev = dev_get_by_name_rcu(net, name);
	else
		dev = netdev_of_tap(sock) ?:
		      dev_get_by_index_rcu(net, netdev_packet_index(sock));
	if (dev && tun && !netdev_is_tun(dev))
		dev = NULL;
	if (dev)
		strscpy(name, dev->name, sizeof(name));
	/* Who reads it without a lock finds an end in it at any time. */
	strscpy(id->name, name, sizeof(id->name));
	WRITE_ONCE(id->ifindex, dev ? dev->ifindex : 0);
	WRITE_ONCE(id->netns, dev ? dev_net(dev)->ns.inum : 0);
	rcu_read_unlock();
}
