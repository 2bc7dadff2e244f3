// SPDX-License-Identifier: GPL-2.0-only
/* Backends: fd to socket, and moving frames over it. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/prefetch.h>
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

static void sock_read_nothing(struct vhostx_sock *s)
{
	s->nr_read = 0;
	s->next_read = 0;
	s->next_free = 0;
}

/**
 * vhostx_sock_attach - use a socket from now on
 * @s: the backend, detached
 * @sock: the socket, whose reference passes over
 */
void vhostx_sock_attach(struct vhostx_sock *s, struct socket *sock)
{
	struct ptr_ring *ring = tun_get_tx_ring(sock->file);

	s->counts = !IS_ERR(ring);
	if (IS_ERR(ring))
		ring = tap_get_ptr_ring(sock->file);
	s->ring = IS_ERR(ring) ? NULL : ring;
	s->agreed = false;
	s->takes_pages = true;
	memset(&s->batch_msg, 0, sizeof(s->batch_msg));
	s->batch.type = TUN_MSG_PTR;
	s->batch_msg.msg_control = &s->batch;
	s->batch_msg.msg_controllen = sizeof(s->batch);
	s->batch_msg.msg_flags = MSG_DONTWAIT;
	sock_read_nothing(s);
	vhostx_netdev_identify(&s->id, sock);
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

	vhostx_sock_count(s);
	vhostx_sock_free(s);
	if (s->next_read != s->nr_read)
		ptr_ring_unconsume(s->ring, s->read + s->next_read,
				   s->nr_read - s->next_read, tun_ptr_free);
	sock_read_nothing(s);
	vhostx_netdev_forget(&s->netdev);
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
	if (s->ring) {
		/* A slot is compared to NULL; who misses a frame is woken. */
		return !data_race(ptr_ring_empty(s->ring));
	}
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

/* Take more frames off the tap's ring, beside those that wait to be freed. */
static bool sock_read(struct vhostx_sock *s)
{
	int n;

	if (s->nr_read == ARRAY_SIZE(s->read))
		vhostx_sock_free(s);
	n = vhostx_tap_consume(s->ring, s->sock->file, s->read + s->nr_read,
			       ARRAY_SIZE(s->read) - s->nr_read);
	s->nr_read += n;
	return n;
}

/* The next frame's length and place are asked for soon. */
static void sock_prefetch(const struct vhostx_sock *s)
{
	const struct sk_buff *skb;

	if (s->next_read + 1 >= s->nr_read)
		return;
	/* Where it is no sk_buff, nothing comes of it. */
	skb = s->read[s->next_read + 1];
	prefetch(&skb->len);
	prefetch(&skb->head);
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

	if (s->next_read == s->nr_read && !sock_read(s))
		return false;

	sock_prefetch(s);
	ptr = s->read[s->next_read];
	if (tun_is_xdp_frame(ptr))
		*len = tun_ptr_to_xdp(ptr)->len;
	else
		*len = __skb_array_len_with_tag(ptr);
	return true;
}

/**
 * vhostx_sock_plain - the frame that was peeked at, if all of it is plain to see
 * @s: the backend, attached
 *
 * It is where the tap would put its bytes out as they lie there, behind a
 * header of the length that the queue expects, and where we can count it.
 *
 * Return: the frame, for vhostx_sock_take(); or NULL, for vhostx_sock_recv().
 */
struct sk_buff *vhostx_sock_plain(const struct vhostx_sock *s)
{
	void *ptr = s->agreed ? s->read[s->next_read] : NULL;
	struct sk_buff *skb = ptr;

	if (!ptr || tun_is_xdp_frame(ptr))
		return NULL;
	if (skb_is_nonlinear(skb) || skb_vlan_tag_present(skb) ||
	    skb_is_gso(skb))
		return NULL;
	if (s->counts && !vhostx_netdev_is(&s->netdev, skb->dev))
		return NULL;
	return skb;
}

/**
 * vhostx_sock_take - be done with a plain frame, past the tap
 * @s: the backend
 *
 * It is freed later.
 */
void vhostx_sock_take(struct vhostx_sock *s)
{
	const struct sk_buff *skb = s->read[s->next_read++];

	s->taken++;
	s->taken_bytes += skb->len;
}

/**
 * vhostx_sock_count - count what was taken at the tap's device
 * @s: the backend, or one that is detached
 *
 * Before the driver sees the frames: who knows of them finds them counted.
 */
void vhostx_sock_count(struct vhostx_sock *s)
{
	if (!s->taken)
		return;
	if (s->counts)
		vhostx_netdev_count(&s->netdev, s->taken, s->taken_bytes);
	s->taken = 0;
	s->taken_bytes = 0;
}

/**
 * vhostx_sock_free - free what was taken
 * @s: the backend, or one that is detached
 */
void vhostx_sock_free(struct vhostx_sock *s)
{
	if (s->next_free == s->next_read)
		return;
	/* As NAPI frees them: many together cost less. */
	local_bh_disable();
	for (; s->next_free < s->next_read; s->next_free++) {
		if (s->read[s->next_free])
			napi_consume_skb(s->read[s->next_free], VHOSTX_BATCH);
	}
	local_bh_enable();
	if (s->next_read == s->nr_read)
		sock_read_nothing(s);
}

/**
 * vhostx_sock_doubt - the queue's virtio-net header may not be the tap's
 * @s: the backend
 */
void vhostx_sock_doubt(struct vhostx_sock *s)
{
	s->agreed = false;
}

/* The next frame is for the tap to free. */
static void *sock_hand_over(struct vhostx_sock *s)
{
	void *ptr = s->read[s->next_read];

	s->read[s->next_read++] = NULL;
	return ptr;
}

static int sock_recv(struct vhostx_sock *s, struct msghdr *msg, size_t len)
{
	return s->sock->ops->recvmsg(s->sock, msg, len,
				     MSG_DONTWAIT | MSG_TRUNC);
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
	const void *dev = NULL;
	int ret;

	if (!s->ring)
		return sock_recv(s, msg, len);

	msg->msg_control = sock_hand_over(s);
	if (!tun_is_xdp_frame(msg->msg_control))
		dev = ((struct sk_buff *)msg->msg_control)->dev;
	ret = sock_recv(s, msg, len);

	/* What the tap did with this one, it would do with the next. */
	s->agreed = ret == len;
	if (s->agreed && s->counts && dev)
		vhostx_netdev_find(&s->netdev, dev);
	return ret;
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
		tun_ptr_free(sock_hand_over(s));
		return;
	}

	vec.iov_base = &byte;
	vec.iov_len = sizeof(byte);
	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &vec, 1, sizeof(byte));
	s->sock->ops->recvmsg(s->sock, &msg, sizeof(byte),
			      MSG_DONTWAIT | MSG_TRUNC);
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
	int ret;

	s->batch.num = nr;
	s->batch.ptr = xdp;
	ret = s->sock->ops->sendmsg(s->sock, &s->batch_msg, 0);
	return min(ret, 0);
}

static void sock_pages_done(struct sk_buff *skb, struct ubuf_info *ubuf,
			    bool zerocopy)
{
}

/* Without flags: to the network the pages are an sk_buff's like any other. */
VHOSTX_UBUF_INFO(sock_pages, sock_pages_done);

/**
 * vhostx_sock_send_pages - send one frame that lies in pages of ours
 * @s: the backend, for which vhostx_sock_can_batch() holds, and which @takes_pages
 * @bvec: VHOSTX_SOCK_PARTS of them; those used have all of it, from the virtio-net
 *	  header on that the socket expects, and the first has more than that header
 * @len: their bytes
 *
 * The frame takes references to the pages along, and the caller keeps its own.
 *
 * Return: 0, or a negative error; -EMSGSIZE where the socket takes none, now or ever.
 */
int vhostx_sock_send_pages(struct vhostx_sock *s, const struct bio_vec *bvec,
			   size_t len)
{
	struct tun_msg_ctl ctl = { .type = TUN_MSG_UBUF, .ptr = &sock_pages };
	struct msghdr msg = {
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
		.msg_flags = MSG_DONTWAIT,
	};
	int ret;

	/*
	 * A tap with IFF_NAPI_FRAGS would take them for an iovec, and get their lengths
	 * wrong; but it takes no more parts than an sk_buff has, used or not.
	 */
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bvec, VHOSTX_SOCK_PARTS, len);
	ret = vhostx_sock_send(s, &msg, len);
	if (ret == -EMSGSIZE)
		s->takes_pages = false;
	return ret;
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
