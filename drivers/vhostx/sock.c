// SPDX-License-Identifier: GPL-2.0-only
/* Backends: fd to socket, and moving frames over it. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/skb_array.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/sock.h>
#include <net/xdp.h>

#include "compat/compat.h"
#include "sock.h"

static struct socket *sock_get_packet(int fd)
{
	struct socket *sock;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return NULL;
	if (sock->sk->sk_type == SOCK_RAW && sock->sk->sk_family == AF_PACKET)
		return sock;
	sockfd_put(sock);
	return NULL;
}

/* The file's reference stands for the socket, which has none of its own. */
static struct socket *sock_get_tap(int fd)
{
	struct file *file = fget(fd);
	struct socket *sock;

	if (!file)
		return NULL;
	sock = tun_get_socket(file);
	if (IS_ERR(sock))
		sock = tap_get_socket(file);
	if (!IS_ERR(sock))
		return sock;
	fput(file);
	return NULL;
}

/**
 * vhostx_sock_get - the backend behind a file descriptor
 * @fd: a tun, tap, macvtap or ipvtap file, or a raw packet socket
 *
 * Return: the socket, for vhostx_sock_put(); -ENOTSOCK for anything else.
 */
struct socket *vhostx_sock_get(int fd)
{
	struct socket *sock = sock_get_packet(fd) ?: sock_get_tap(fd);

	return sock ?: ERR_PTR(-ENOTSOCK);
}

/**
 * vhostx_sock_put - give up a reference
 * @sock: from vhostx_sock_get() or vhostx_sock_detach(), or NULL
 */
void vhostx_sock_put(struct socket *sock)
{
	if (sock)
		sockfd_put(sock);
}

/**
 * vhostx_sock_attach - use a socket from now on
 * @s: the backend, detached
 * @sock: the socket, whose reference passes over
 */
void vhostx_sock_attach(struct vhostx_sock *s, struct socket *sock)
{
	struct ptr_ring *ring = tun_get_tx_ring(sock->file);

	if (IS_ERR(ring))
		ring = tap_get_ptr_ring(sock->file);
	s->ring = IS_ERR(ring) ? NULL : ring;
	s->nr_read = 0;
	s->next_read = 0;
	WRITE_ONCE(s->sock, sock);
}

/**
 * vhostx_sock_detach - use the socket no more
 * @s: the backend
 *
 * Frames that were read and not received go back to the tap, in order.
 *
 * Return: the socket, for vhostx_sock_put(), or NULL.
 */
struct socket *vhostx_sock_detach(struct vhostx_sock *s)
{
	struct socket *sock = s->sock;

	if (s->next_read != s->nr_read)
		ptr_ring_unconsume(s->ring, s->read + s->next_read,
				   s->nr_read - s->next_read, tun_ptr_free);
	s->nr_read = 0;
	s->next_read = 0;
	s->ring = NULL;
	WRITE_ONCE(s->sock, NULL);
	return sock;
}

/**
 * vhostx_sock_ready - whether the socket would take a frame
 * @s: the backend, attached
 *
 * Where it would not, it is made to wake its waiters when it will.
 *
 * Return: true where it would, or where it is gone.
 */
bool vhostx_sock_ready(const struct vhostx_sock *s)
{
	return vfs_poll(s->sock->file, NULL) & (EPOLLOUT | EPOLLERR);
}

/**
 * vhostx_sock_has_frame - whether a frame waits at the socket
 * @s: the backend, attached
 *
 * Return: true where one does.
 */
bool vhostx_sock_has_frame(const struct vhostx_sock *s)
{
	if (s->next_read != s->nr_read)
		return true;
	if (s->ring)
		return !ptr_ring_empty(s->ring);
	return !skb_queue_empty_lockless(&s->sock->sk->sk_receive_queue);
}

static bool sock_peek_queue(struct sk_buff_head *queue, size_t *len)
{
	struct sk_buff *skb;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	skb = skb_peek(queue);
	if (skb)
		*len = skb->len + (skb_vlan_tag_present(skb) ? VLAN_HLEN : 0);
	spin_unlock_irqrestore(&queue->lock, flags);
	return skb;
}

/**
 * vhostx_sock_peek - the length of the next frame
 * @s: the backend, attached
 * @len: where it goes, in bytes without virtio-net header
 *
 * Return: whether there is a frame.
 */
bool vhostx_sock_peek(struct vhostx_sock *s, size_t *len)
{
	void *ptr;

	if (!s->ring)
		return sock_peek_queue(&s->sock->sk->sk_receive_queue, len);

	if (s->next_read == s->nr_read) {
		s->next_read = 0;
		s->nr_read = vhostx_tap_consume(s->ring, s->sock->file, s->read,
						ARRAY_SIZE(s->read));
		if (!s->nr_read)
			return false;
	}

	ptr = s->read[s->next_read];
	if (tun_is_xdp_frame(ptr))
		*len = tun_ptr_to_xdp(ptr)->len;
	else
		*len = __skb_array_len_with_tag(ptr);
	return true;
}

/**
 * vhostx_sock_recv - receive the frame that was peeked at
 * @s: the backend
 * @msg: where it goes
 * @len: its bytes, with the virtio-net header that the socket adds
 *
 * The frame is gone, whatever the result.
 *
 * Return: bytes received, or a negative error.
 */
int vhostx_sock_recv(struct vhostx_sock *s, struct msghdr *msg, size_t len)
{
	if (s->ring)
		msg->msg_control = s->read[s->next_read++];
	return s->sock->ops->recvmsg(s->sock, msg, len,
				     MSG_DONTWAIT | MSG_TRUNC);
}

/**
 * vhostx_sock_discard - throw the frame away that was peeked at
 * @s: the backend
 */
void vhostx_sock_discard(struct vhostx_sock *s)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	struct kvec vec;
	u8 byte;

	if (s->ring) {
		tun_ptr_free(s->read[s->next_read++]);
		return;
	}

	vec.iov_base = &byte;
	vec.iov_len = sizeof(byte);
	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &vec, 1, sizeof(byte));
	s->sock->ops->recvmsg(s->sock, &msg, sizeof(byte),
			      MSG_DONTWAIT | MSG_TRUNC);
}

/**
 * vhostx_sock_headroom - bytes that an XDP program wants before a frame
 * @s: the backend, attached
 *
 * Return: the bytes; 0 where there is no program.
 */
unsigned int vhostx_sock_headroom(const struct vhostx_sock *s)
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
bool vhostx_sock_can_batch(const struct vhostx_sock *s)
{
	return s->ring && READ_ONCE(s->sock->sk->sk_sndbuf) == INT_MAX;
}

/**
 * vhostx_sock_send_batch - send frames that lie in pages of ours
 * @s: the backend, for which vhostx_sock_can_batch() holds
 * @xdp: the frames
 * @nr: how many, up to VHOSTX_BATCH
 *
 * Return: 0 where the pages passed over, whatever becomes of each frame; a
 * negative error where they did not.
 */
int vhostx_sock_send_batch(struct vhostx_sock *s, struct xdp_buff *xdp,
			   unsigned int nr)
{
	struct tun_msg_ctl ctl = { .type = TUN_MSG_PTR, .num = nr, .ptr = xdp };
	struct msghdr msg = {
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
		.msg_flags = MSG_DONTWAIT,
	};
	int ret = s->sock->ops->sendmsg(s->sock, &msg, 0);

	return min(ret, 0);
}

/**
 * vhostx_sock_send - send one frame
 * @s: the backend, attached
 * @msg: the frame, with its virtio-net header if the socket expects one
 * @len: its bytes
 *
 * Return: 0, or a negative error.
 */
int vhostx_sock_send(struct vhostx_sock *s, struct msghdr *msg, size_t len)
{
	int ret = s->sock->ops->sendmsg(s->sock, msg, len);

	return min(ret, 0);
}
