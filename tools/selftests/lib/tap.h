/* SPDX-License-Identifier: GPL-2.0-only */
/* A tap in a network namespace of its own, and a packet socket on it. */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_net.h>

#define TAP_OFFLOADS	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)

struct tap_opts {
	bool no_vnet_hdr;
	bool multi_queue;
	unsigned short flags;	/* more of IFF_* */
	int hdr_len;		/* 0 = 12 */
	unsigned int offloads;	/* TUN_F_* */
	int mtu;		/* 0 = leave */
};

/* Move the calling process into an empty network namespace. */
int netns_new(void);
/* Create or join the tap `name`: a file, or -errno. */
int tap_open(const char *name, const struct tap_opts *o);
/* Bring any device up, with that MTU unless 0. */
int link_up(const char *name, int mtu);
/* Delete a device as `ip link del` does. */
int link_del(const char *name);
/* Make a bridge over two devices. */
int bridge_two(const char *br, const char *a, const char *b);
/* Make a device over another for a VLAN of its; its name is name.id. */
int vlan_add(const char *name, unsigned int id);
/* What a device has sent, as `ip -s link` counts: 0 or -errno. */
int link_sent(const char *name, uint64_t *packets, uint64_t *bytes);

/*
 * A packet socket bound to a device: sees what comes out of the device and
 * injects what goes into it. With vnet, virtio-net headers pass too.
 */
int wire_open(const char *name, bool vnet);
/* 0 or -errno; hdr is NULL unless the socket was opened with vnet. */
int wire_send(int fd, const struct virtio_net_hdr *hdr, const void *frame,
	      size_t len);
/* The same frame so many times, by as few calls as can be. */
#define WIRE_MOST	128
int wire_send_many(int fd, const struct virtio_net_hdr *hdr, const void *frame, size_t len,
		   unsigned int n);
/* Length of the frame or -ETIMEDOUT. */
int wire_recv(int fd, struct virtio_net_hdr *hdr, void *frame, size_t size,
	      int timeout_ms);

#endif
