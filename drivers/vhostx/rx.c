// SPDX-License-Identifier: GPL-2.0-only
/* The RX loop: frames from the socket, buffers of the ring. */
#include <linux/skbuff.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/virtio_net.h>

#include "compat/compat.h"
#include "copy.h"
#include "iotlb.h"
#include "notify.h"
#include "poll.h"
#include "rx.h"

/* Results of rx_gather() other than a number of buffers. */
#define RX_NO_BUFFERS	0
#define RX_BROKEN	-1
#define RX_OVERSIZE	-2
#define RX_BAD_BUFFER	-3
#define RX_MISS		-4

static unsigned int rx_max_chains(const struct vhostx_vq *vq)
{
	return vq->features & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) ?
	       VHOSTX_CHAIN_MAX : 1;
}

static void rx_publish(struct vhostx_vq *vq)
{
	vhostx_sock_count(&vq->sock);
	vhostx_vq_publish(vq);
}

/* Give buffers back empty: they cannot be filled. */
static void rx_return(struct vhostx_vq *vq, unsigned int nr)
{
	while (nr--) {
		vhostx_ring_use(&vq->ring, 0);
		if (vq->ring.nr_used >= vq->tune.batch)
			rx_publish(vq);
	}
}

/*
 * Map as many buffers as a packet of @need bytes takes.
 * Returns how many, with their segments in @segs, or one of RX_*.
 */
static int rx_gather(struct vhostx_vq *vq, size_t need, unsigned int *segs)
{
	struct vhostx_ring *r = &vq->ring;
	struct vhostx_chain *chain;
	unsigned int nr = 0;
	size_t len, room = 0;
	int n;

	*segs = 0;
	while (room < need) {
		if (nr == rx_max_chains(vq))
			return RX_OVERSIZE;
		if (nr == vhostx_ring_cached(r)) {
			if (vhostx_ring_exhausted(r))
				return RX_OVERSIZE;
			n = vhostx_ring_fetch(r);
			/* There is more, but no packet can span it. */
			if (n == -ENOSPC)
				return RX_OVERSIZE;
			if (n < 0)
				return RX_BROKEN;
			if (!n)
				return RX_NO_BUFFERS;
		}

		len = 0;
		chain = vhostx_ring_peek(r, nr);
		n = vhostx_ring_map(r, chain, &vq->view, true, vq->iov + *segs,
				    ARRAY_SIZE(vq->iov) - *segs, &len);
		if (unlikely(!n))
			return RX_BROKEN;
		if (unlikely(n == -VHOSTX_BAD_SIZE && nr))
			return RX_OVERSIZE;
		if (unlikely(n == -VHOSTX_BAD_MISS))
			return RX_MISS;
		if (unlikely(n < 0)) {
			/* Used in order, so those before it go back as well. */
			vhostx_count_bad(vq, -n);
			rx_return(vq, nr + 1);
			return RX_BAD_BUFFER;
		}
		chain->len = min_t(size_t, len, U32_MAX);
		room += len;
		*segs += n;
		nr++;
	}
	return nr;
}

/* Write what the socket does not: our header, or the number of buffers. */
static bool rx_header(struct vhostx_vq *vq, struct iov_iter *to,
		      unsigned int nr)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = {};
	size_t len = min(vq->vhost_hlen, sizeof(hdr));
	size_t rest = vq->vhost_hlen - len;

	hdr.num_buffers = __cpu_to_virtio16(vhostx_ring_le(&vq->ring), nr);
	if (vq->vhost_hlen)
		return copy_to_iter(&hdr, len, to) == len &&
		       iov_iter_zero(rest, to) == rest;

	if (vq->sock_hlen == sizeof(hdr.hdr))
		return true;
	if (likely(vq->iov[0].iov_len >= sizeof(hdr)))
		return !put_user(hdr.num_buffers,
				 (__virtio16 __user *)(vq->iov[0].iov_base +
						       sizeof(hdr.hdr)));
	iov_iter_advance(to, sizeof(hdr.hdr));
	len = sizeof(hdr.num_buffers);
	return copy_to_iter(&hdr.num_buffers, len, to) == len;
}

static void rx_use(struct vhostx_vq *vq, unsigned int nr, size_t len)
{
	while (nr--) {
		size_t part = min_t(size_t, len,
				    vhostx_ring_peek(&vq->ring, 0)->len);

		vhostx_ring_use(&vq->ring, part);
		len -= part;
	}
	if (vq->ring.nr_used >= vq->tune.batch)
		rx_publish(vq);
}

/* Log the first @len bytes of the buffers that were gathered. */
static void rx_log(struct vhostx_vq *vq, size_t len)
{
	const struct iovec *seg = vq->iov;

	for (; len; len -= min(len, seg->iov_len), seg++) {
		if (vhostx_log_owner(&vq->log, seg->iov_base,
				     min(len, seg->iov_len))) {
			vhostx_ring_break(&vq->ring, VHOSTX_FAULT_LOG_WRITE);
			return;
		}
	}
}

/*
 * Write the header and a short frame in one window, which calls nothing: that
 * takes a few stores. Copy a longer frame by the call that is made for it.
 */
static bool rx_write(void __user *to, const void *hdr, size_t hlen,
		     const void *frame, size_t len)
{
	bool is_short = len <= VHOSTX_SHORT;

	if (!user_write_access_begin(to, hlen + len))
		return false;
	unsafe_copy_to_user(to, hdr, hlen, fault);
	if (is_short)
		unsafe_copy_to_user(to + hlen, frame, len, fault);
	user_write_access_end();
	return is_short || vhostx_copy_out(to + hlen, frame, len);
fault:
	user_write_access_end();
	return false;
}

/* The same to several segments, which have the room. */
static noinline bool rx_write_parts(const struct iovec *seg, const void *hdr,
				    size_t hlen, const void *frame, size_t len)
{
	for (; hlen + len; seg++) {
		size_t head = min(hlen, seg->iov_len);
		size_t part = min(len, seg->iov_len - head);

		if (!rx_write(seg->iov_base, hdr, head, frame, part))
			return false;
		hdr += head;
		hlen -= head;
		frame += part;
		len -= part;
	}
	return true;
}

/*
 * Do as the tap would with a frame that takes no more than a copy to the segments of
 * @nr buffers. Where that fails, the tap meets the fault again.
 */
static bool rx_copy(struct vhostx_vq *vq, const struct sk_buff *skb,
		    unsigned int nr)
{
	const struct iovec *seg = vq->iov;
	bool le = vhostx_ring_le(&vq->ring);
	size_t hlen = vq->sock_hlen;
	union {
		struct virtio_net_hdr_mrg_rxbuf mrg;
		u8 longest[VHOSTX_HLEN_TUNNEL];
	} hdr;

	if (unlikely(hlen > sizeof(hdr.mrg)))
		memset(&hdr, 0, sizeof(hdr));
	if (virtio_net_hdr_from_skb(skb, &hdr.mrg.hdr, le, true, 0))
		return false;
	hdr.mrg.num_buffers = __cpu_to_virtio16(le, nr);

	if (likely(seg->iov_len >= hlen + skb->len))
		return rx_write(seg->iov_base, &hdr, hlen, skb->data, skb->len);
	return rx_write_parts(seg, &hdr, hlen, skb->data, skb->len);
}

/* The frame that was peeked at, where it can be copied past the tap. */
static bool rx_take(struct vhostx_vq *vq, unsigned int nr)
{
	struct sk_buff *skb;

	/* Our own header is for those that have none. */
	if (vq->vhost_hlen)
		return false;
	skb = vhostx_sock_plain(&vq->sock);
	if (!skb || !rx_copy(vq, skb, nr))
		return false;
	vhostx_sock_take(&vq->sock);
	return true;
}

/* Count a frame that has arrived whole, and use its buffers. */
static void rx_arrived(struct vhostx_vq *vq, size_t len, unsigned int nr)
{
	vhostx_count(&vq->stats, VHOSTX_PACKETS, 1);
	vhostx_count(&vq->stats, VHOSTX_BYTES, len);
	rx_use(vq, nr, vq->vhost_hlen + vq->sock_hlen + len);
}

/* Have the socket move the frame into the buffers that were gathered. */
static void rx_receive(struct vhostx_vq *vq, size_t len, unsigned int nr,
		       unsigned int segs)
{
	size_t total = vq->vhost_hlen + vq->sock_hlen + len;
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	struct iov_iter start;
	bool whole;
	int ret;

	iov_iter_init(&start, ITER_DEST, vq->iov, segs, total);
	msg.msg_iter = start;
	iov_iter_advance(&msg.msg_iter, vq->vhost_hlen);

	ret = vhostx_sock_recv(&vq->sock, &msg, total - vq->vhost_hlen);
	/* A tap does not say that it could not write a frame's body. */
	whole = ret == total - vq->vhost_hlen &&
		!iov_iter_count(&msg.msg_iter) && rx_header(vq, &start, nr);
	if (unlikely(vq->log.frames))
		rx_log(vq, total);

	if (likely(whole)) {
		rx_arrived(vq, len, nr);
		return;
	}

	if (ret != -EFAULT && ret != total - vq->vhost_hlen) {
		vhostx_count(&vq->stats, VHOSTX_DROP_BACKEND, 1);
		return;
	}
	/* Buffers that cannot be written would stop every later frame too. */
	vhostx_count(&vq->stats, VHOSTX_DROP_FAULT, 1);
	rx_return(vq, nr);
}

/* Move the frame that was peeked at. */
static void rx_move(struct vhostx_vq *vq, size_t len, unsigned int nr,
		    unsigned int segs)
{
	if (unlikely(!rx_take(vq, nr))) {
		rx_receive(vq, len, nr, segs);
		return;
	}
	if (unlikely(vq->log.frames))
		rx_log(vq, vq->sock_hlen + len);
	rx_arrived(vq, len, nr);
}

/* Poll for a frame, and for TX where the worker has that too; false if none came. */
static bool rx_poll(struct vhostx_vq *vq)
{
	struct vhostx_vq *tx = vhostx_poll_watch(vq);
	u64 start = local_clock(), end = vhostx_poll_end(vq, start);
	bool found, other = false;

	do {
		found = vhostx_sock_has_frame(&vq->sock);
		if (tx && !found)
			other = vhostx_ring_has_avail(&tx->ring);
		cpu_relax();
	} while (!found && !other && vhostx_vq_may_poll(vq, end));

	if (tx)
		vhostx_poll_unwatch(tx, other, start);
	/* The one that was found for TX ended it too soon to tell. */
	if (!other)
		vhostx_polled(vq, found, start);
	return found;
}

/* The next frame's length; polls for one if the queue was asked to. */
static bool rx_peek(struct vhostx_vq *vq, size_t *len)
{
	if (vhostx_sock_peek(&vq->sock, len))
		return true;
	if (!vq->poll_now_us)
		return false;
	rx_publish(vq);
	return rx_poll(vq) && vhostx_sock_peek(&vq->sock, len);
}

/* No frame: sleep until one comes, unless it comes meanwhile. */
static bool rx_idle(struct vhostx_vq *vq)
{
	rx_publish(vq);
	vhostx_vq_arm(vq);
	if (!vhostx_sock_has_frame(&vq->sock)) {
		vhostx_poll_rest(vq);
		return true;
	}
	vhostx_vq_disarm(vq);
	return false;
}

/* No buffers: sleep until a kick, unless some come meanwhile. */
static bool rx_starved(struct vhostx_vq *vq)
{
	rx_publish(vq);
	if (!vhostx_vq_kicks_on(vq))
		return false;
	vhostx_count(&vq->stats, VHOSTX_RING_FULL, 1);
	return true;
}

static void rx_run(struct vhostx_vq *vq)
{
	size_t hlen = vq->vhost_hlen + vq->sock_hlen;
	unsigned int packets = 0, segs;
	size_t len, bytes = 0;
	int nr;

	vhostx_vq_disarm(vq);
	vhostx_poll_begin_run(vq);
	if (unlikely(!vq->located) && !vhostx_iotlb_locate(vq))
		return;
	vhostx_vq_look_due(vq);
	vhostx_vq_kicks_off(vq);

	while (!vhostx_ring_broken(&vq->ring)) {
		if (!rx_peek(vq, &len)) {
			if (rx_idle(vq))
				break;
			continue;
		}

		nr = rx_gather(vq, hlen + len, &segs);
		if (nr == RX_BROKEN)
			break;
		if (unlikely(nr == RX_MISS)) {
			vhostx_iotlb_miss(vq);
			break;
		}
		if (nr == RX_NO_BUFFERS) {
			if (rx_starved(vq))
				break;
			continue;
		}
		if (likely(nr > 0)) {
			rx_move(vq, len, nr, segs);
		} else if (nr == RX_OVERSIZE) {
			vhostx_count(&vq->stats, VHOSTX_DROP_SIZE, 1);
			vhostx_sock_discard(&vq->sock);
		}

		bytes += hlen + len;
		if (++packets >= vq->tune.weight ||
		    bytes >= VHOSTX_WEIGHT_BYTES) {
			vhostx_vq_queue(vq);
			break;
		}
	}

	rx_publish(vq);
	vhostx_sock_free(&vq->sock);
	if (unlikely(vhostx_ring_broken(&vq->ring)))
		vhostx_vq_break(vq);
}

/**
 * vhostx_rx_work - run an RX queue
 * @work: the queue's
 *
 * Context: the worker's thread.
 */
void vhostx_rx_work(struct vhostx_work *work)
{
	struct vhostx_vq *vq = container_of(work, struct vhostx_vq, work);

	mutex_lock_nested(&vq->lock, VHOSTX_RX);
	if (vq->sock.sock && !vhostx_ring_broken(&vq->ring))
		rx_run(vq);
	mutex_unlock(&vq->lock);
}
