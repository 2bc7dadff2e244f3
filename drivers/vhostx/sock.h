/* SPDX-License-Identifier: GPL-2.0-only */
/* Backends: the socket of a tun, a tap or a packet socket. */
#ifndef _VHOSTX_SOCK_H
#define _VHOSTX_SOCK_H

#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/sock.h>
#include <net/xdp.h>

#include "netdev.h"
#include "ring.h"

struct bio_vec;
struct file;
struct ptr_ring;

/* Parts of a frame in pages of ours: see vhostx_sock_send_pages(). */
#define VHOSTX_SOCK_PARTS	(MAX_SKB_FRAGS + 2)

/**
 * struct vhostx_sock - a backend
 * @sock: the socket; NULL without backend
 * @ring: the tap's ring of received frames; NULL for a packet socket
 * @counts: the tap counts what it hands out, at @netdev
 * @agreed: the tap's virtio-net header is as long as the queue's
 * @takes_pages: a tap has not yet refused a frame in pages of ours
 * @nr_read: frames in @read
 * @next_read: first of them not yet received
 * @next_free: first of them not yet freed
 * @taken: frames taken past the tap that were not yet counted at @netdev
 * @taken_bytes: their bytes
 * @netdev: the tap's device
 * @id: the same for people, as it was when the socket was attached
 * @batch: what a batch is
 * @batch_msg: what it is sent with; points at @batch
 * @read: frames taken off @ring; NULL for one that the tap has freed
 *
 * All fields are protected by the queue's lock, and @netdev by more than that.
 */
struct vhostx_sock {
	struct socket *sock;
	struct ptr_ring *ring;
	bool counts;
	bool agreed;
	bool takes_pages;
	unsigned int nr_read;
	unsigned int next_read;
	unsigned int next_free;
	unsigned int taken;
	unsigned int taken_bytes;
	struct vhostx_netdev netdev;
	struct vhostx_netdev_id id;
	struct tun_msg_ctl batch;
	struct msghdr batch_msg;
	void *read[VHOSTX_BATCH];
};

struct socket *vhostx_sock_get(int fd);
void vhostx_sock_put(struct socket *sock);
void vhostx_sock_attach(struct vhostx_sock *s, struct socket *sock);
struct socket *vhostx_sock_detach(struct vhostx_sock *s);
bool vhostx_sock_ready(const struct vhostx_sock *s);
bool vhostx_sock_has_frame(const struct vhostx_sock *s);
bool vhostx_sock_peek(struct vhostx_sock *s, size_t *len);
struct sk_buff *vhostx_sock_plain(const struct vhostx_sock *s);
void vhostx_sock_take(struct vhostx_sock *s);
void vhostx_sock_count(struct vhostx_sock *s);
void vhostx_sock_free(struct vhostx_sock *s);
void vhostx_sock_doubt(struct vhostx_sock *s);
int vhostx_sock_recv(struct vhostx_sock *s, struct msghdr *msg, size_t len);
void vhostx_sock_discard(struct vhostx_sock *s);
int vhostx_sock_send_batch(struct vhostx_sock *s, struct xdp_buff *xdp,
			   unsigned int nr);
int vhostx_sock_send_pages(struct vhostx_sock *s, const struct bio_vec *bvec,
			   size_t len);
int vhostx_sock_send(struct vhostx_sock *s, struct msghdr *msg, size_t len);

/**
 * vhostx_sock_headroom - bytes that an XDP program wants before a frame
 * @s: the backend, attached
 *
 * Return: the bytes; 0 where there is no program.
 */
static inline unsigned int
vhostx_sock_headroom(const struct vhostx_sock *s)
{
	return sock_flag(s->sock->sk, SOCK_XDP) ? XDP_PACKET_HEADROOM : 0;
}

/**
 * vhostx_sock_can_batch - whether the socket takes frames by the batch
 * @s: the backend, attached
 *
 * A tap does; but one with a limited send buffer has to account each frame.
 *
 * Return: true where it does.
 */
static inline bool vhostx_sock_can_batch(const struct vhostx_sock *s)
{
	return s->ring && READ_ONCE(s->sock->sk->sk_sndbuf) == INT_MAX;
}

#endif
