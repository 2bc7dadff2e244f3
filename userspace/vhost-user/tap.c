// SPDX-License-Identifier: GPL-2.0-only
/* The tap that the frames of a front end go to, with a descriptor for each pair of queues. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "message.h"
#include "names.h"
#include "tap.h"

/* What the tap may hand to a driver, by what the driver says that it takes. */
static const struct {
	uint64_t features;
	unsigned int offload;
} takes[] = {
	{ BIT(VIRTIO_NET_F_GUEST_CSUM), TUN_F_CSUM },
	{ BIT(VIRTIO_NET_F_GUEST_TSO4), TUN_F_TSO4 },
	{ BIT(VIRTIO_NET_F_GUEST_TSO6), TUN_F_TSO6 },
	{ BIT(VIRTIO_NET_F_GUEST_ECN), TUN_F_TSO_ECN },
	{ BIT(VIRTIO_NET_F_GUEST_UFO), TUN_F_UFO },
	{ BIT(VIRTIO_NET_F_GUEST_USO4) | BIT(VIRTIO_NET_F_GUEST_USO6), TUN_F_USO4 | TUN_F_USO6 },
};

/* What a tap takes from a driver, whatever it hands to it. */
#define GIVES	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GSO) | \
		 BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) | \
		 BIT(VIRTIO_NET_F_HOST_ECN) | BIT(VIRTIO_NET_F_HOST_UFO))

static unsigned int offloads(uint64_t features)
{
	unsigned int flags = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(takes); i++)
		if ((features & takes[i].features) == takes[i].features)
			flags |= takes[i].offload;
	/* The kernel takes no other without it, and ECN only with TSO. */
	if (!(flags & TUN_F_CSUM))
		return 0;
	if (!(flags & (TUN_F_TSO4 | TUN_F_TSO6)))
		flags &= ~TUN_F_TSO_ECN;
	return flags;
}

/* What the kernel does not know it refuses as a whole. */
static bool offers(int fd, unsigned int flags)
{
	return !ioctl(fd, TUNSETOFFLOAD, (unsigned long)(flags | TUN_F_CSUM));
}

static int probe(struct tap *tap)
{
	int fd = tap->queue[0].fd;

	tap->features = GIVES;
	for (unsigned int i = 0; i < ARRAY_SIZE(takes); i++) {
		unsigned int with = takes[i].offload == TUN_F_TSO_ECN ? TUN_F_TSO4 : 0;

		if (offers(fd, takes[i].offload | with))
			tap->features |= takes[i].features;
	}
	if (tap->features & BIT(VIRTIO_NET_F_GUEST_USO4))
		tap->features |= BIT(VIRTIO_NET_F_HOST_USO);
	return tap_apply(tap, 0);
}

static int open_queue(struct tap *tap, short flags)
{
	struct ifreq ifr = { .ifr_flags = flags };
	int fd, ret;

	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, tap->name, sizeof(ifr.ifr_name));
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	memcpy(tap->name, ifr.ifr_name, sizeof(tap->name));
	return fd;
}

int tap_open(struct tap *tap, const char *name, unsigned int queues)
{
	short flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

	if (strlen(name) >= sizeof(tap->name))
		return -EINVAL;
	*tap = (struct tap){ .multi = queues > 1 };
	memcpy(tap->name, name, strlen(name));
	if (tap->multi)
		flags |= IFF_MULTI_QUEUE;
	while (tap->queues < queues) {
		int fd = open_queue(tap, flags);

		if (fd < 0) {
			tap_close(tap);
			return fd;
		}
		tap->queue[tap->queues].fd = fd;
		tap->queue[tap->queues++].attached = true;
	}
	return probe(tap);
}

int tap_adopt(struct tap *tap)
{
	for (unsigned int i = 0; i < tap->queues; i++) {
		struct ifreq ifr = { 0 };

		if (ioctl(tap->queue[i].fd, TUNGETIFF, &ifr))
			return -errno;
		if ((ifr.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)) !=
		    (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
			return -EINVAL;
		if (i && strncmp(ifr.ifr_name, tap->name, sizeof(tap->name)))
			return -EINVAL;
		memcpy(tap->name, ifr.ifr_name, sizeof(tap->name));
		tap->multi = ifr.ifr_flags & IFF_MULTI_QUEUE;
		tap->queue[i].attached = true;
	}
	return probe(tap);
}

void tap_close(struct tap *tap)
{
	while (tap->queues)
		close(tap->queue[--tap->queues].fd);
}

int tap_apply(struct tap *tap, uint64_t features)
{
	bool modern = features & (BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_F_VERSION_1));
	int header = modern ? sizeof(struct virtio_net_hdr_mrg_rxbuf) :
			      sizeof(struct virtio_net_hdr);
	int fd = tap->queue[0].fd;

	/* Both are the whole tap's, not a queue's. */
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) ||
	    ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads(features)))
		return -errno;
	return 0;
}

int tap_attach(struct tap *tap, unsigned int queue, bool on)
{
	struct ifreq ifr = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	if (!tap->multi || tap->queue[queue].attached == on)
		return 0;
	if (ioctl(tap->queue[queue].fd, TUNSETQUEUE, &ifr))
		return -errno;
	tap->queue[queue].attached = on;
	return 0;
}

/* RARP's "request reverse", from and for the guest itself: switches learn its port by it. */
int tap_announce(struct tap *tap, const unsigned char *mac)
{
	struct {
		struct ethhdr eth;
		struct arphdr arp;
		unsigned char sender[ETH_ALEN], sender_ip[4], target[ETH_ALEN], target_ip[4];
		unsigned char padding[ETH_ZLEN - ETH_HLEN - sizeof(struct arphdr) - 20];
	} __attribute__((packed)) frame = {
		.eth.h_proto = htons(ETH_P_RARP),
		.arp.ar_hrd = htons(ARPHRD_ETHER),
		.arp.ar_pro = htons(ETH_P_IP),
		.arp.ar_hln = ETH_ALEN,
		.arp.ar_pln = 4,
		.arp.ar_op = htons(ARPOP_RREQUEST),
	};
	struct virtio_net_hdr_mrg_rxbuf header = { 0 };
	struct iovec iov[] = {
		{ .iov_base = &header },
		{ .iov_base = &frame, .iov_len = sizeof(frame) },
	};
	unsigned int queue = 0;
	int length;

	while (queue < tap->queues && !tap->queue[queue].attached)
		queue++;
	if (queue == tap->queues)
		return -ENETDOWN;
	memset(frame.eth.h_dest, 0xff, ETH_ALEN);
	memcpy(frame.eth.h_source, mac, ETH_ALEN);
	memcpy(frame.sender, mac, ETH_ALEN);
	memcpy(frame.target, mac, ETH_ALEN);
	if (ioctl(tap->queue[0].fd, TUNGETVNETHDRSZ, &length))
		return -errno;
	iov[0].iov_len = length;
	return writev(tap->queue[queue].fd, iov, 2) < 0 ? -errno : 0;
}
