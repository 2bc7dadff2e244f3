/* SPDX-License-Identifier: GPL-2.0-only */
/* Backends: the socket of a tun, a tap or a packet socket. */
#ifndef _VHOSTX_SOCK_H
#define _VHOSTX_SOCK_H

#include <linux/socket.h>
#include <linux/types.h>

#include "ring.h"

struct file;
struct ptr_ring;
struct socket;
struct xdp_buff;

/**
 * struct vhostx_sock - a backend
 * @sock: the socket; NULL without backend
 * @ring: the tap's ring of received frames; NULL for a packet socket
 * @nr_read: frames in @read
 * @next_read: first of them not yet received
 * @read: frames taken off @ring
 *
 * All fields are protected by the queue's lock.
 */
struct vhostx_sock {
	struct socket *sock;
	struct ptr_ring *ring;
	unsigned int nr_read;
	unsigned int next_read;
	void *read[VHOSTX_BATCH];
};

struct socket *vhostx_sock_get(int fd);
void vhostx_sock_put(struct socket *sock);
void vhostx_sock_attach(struct vhostx_sock *s, struct socket *sock);
struct socket *vhostx_sock_detach(struct vhostx_sock *s);
bool vhostx_sock_ready(const struct vhostx_sock *s);
bool vhostx_sock_has_frame(const struct vhostx_sock *s);
bool vhostx_sock_peek(struct vhostx_sock *s, size_t *len);
int vhostx_sock_recv(struct vhostx_sock *s, struct msghdr *msg, size_t len);
void vhostx_sock_discard(struct vhostx_sock *s);
unsigned int vhostx_sock_headroom(const struct vhostx_sock *s);
bool vhostx_sock_can_batch(const struct vhostx_sock *s);
int vhostx_sock_send_batch(struct vhostx_sock *s, struct xdp_buff *xdp,
			   unsigned int nr);
int vhostx_sock_send(struct vhostx_sock *s, struct msghdr *msg, size_t len);

#endif
