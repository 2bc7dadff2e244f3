// SPDX-License-Identifier: GPL-2.0-only
/* The TX loop: chains from the ring, frames to the socket. */
#include <linux/bvec.h>
#include <linux/etherdevice.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <linux/virtio_net.h>

#include "compat/compat.h"
#include "copy.h"
#include "iotlb.h"
#include "notify.h"
#include "poll.h"
#include "tx.h"

/* More than any frame with offloads can have. */
#define VHOSTX_TX_MAX		SZ_128K
/* A shortage of memory is looked at again after this, in ms. */
#define VHOSTX_TX_RETRY_MS	10
/* While polling the driver is told of chains after so many, or so long, in ns. */
#define VHOSTX_TX_HOLD		64
#define VHOSTX_TX_HOLD_NS	(50 * NSEC_PER_USEC)

/* What became of a chain. */
enum tx_result {
	TX_DONE,	/* gone: sent, in the batch, or dropped and counted */
	TX_WAIT,	/* the socket has no room */
	TX_RETRY,	/* the host has no memory */
	TX_MISS,	/* an address has no translation yet */
	TX_BROKEN,	/* the ring broke */
};

static u16 tx_host16(const struct vhostx_vq *vq, __virtio16 v)
{
	return __virtio16_to_cpu(vhostx_ring_le(&vq->ring), v);
}

static enum tx_result tx_drop(struct vhostx_vq *vq, enum vhostx_counter why)
{
	vhostx_count(&vq->stats, why, 1);
	return TX_DONE;
}

/* A header that the socket would refuse, or that lies about its frame. */
static bool tx_header_ok(const struct vhostx_vq *vq,
			 struct virtio_net_hdr *hdr, size_t len)
{
	u8 type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	if (vq->tunnel)
		type &= ~VHOSTX_GSO_TUNNEL;
	if (type != VIRTIO_NET_HDR_GSO_NONE) {
		if (type != VIRTIO_NET_HDR_GSO_TCPV4 &&
		    type != VIRTIO_NET_HDR_GSO_TCPV6 &&
		    type != VIRTIO_NET_HDR_GSO_UDP && !vhostx_gso_is_uso(type))
			return false;
		if (!hdr->gso_size)
			return false;
	}

	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		u32 end = tx_host16(vq, hdr->csum_start) +
			  tx_host16(vq, hdr->csum_offset) + sizeof(__sum16);

		if (end > len)
			return false;
		if (end > tx_host16(vq, hdr->hdr_len))
			hdr->hdr_len =
				__cpu_to_virtio16(vhostx_ring_le(&vq->ring),
						  end);
	}
	return true;
}

static __always_inline void tx_send_batch(struct vhostx_vq *vq)
{
	struct vhostx_tx *tx = &vq->tx;
	unsigned int i;

	if (!tx->nr)
		return;
	if (likely(!vhostx_sock_send_batch(&vq->sock, tx->xdp, tx->nr))) {
		vhostx_count(&vq->stats, VHOSTX_PACKETS, tx->nr);
		vhostx_count(&vq->stats, VHOSTX_BYTES, tx->bytes);
	} else {
		for (i = 0; i < tx->nr; i++)
			vhostx_frag_put(tx->xdp[i].data_hard_start);
		vhostx_count(&vq->stats, VHOSTX_DROP_BACKEND, tx->nr);
	}
	tx->nr = 0;
	tx->bytes = 0;
}

/* Send the batch, and give back the chains that were done so far. */
static void tx_flush(struct vhostx_vq *vq)
{
	tx_send_batch(vq);
	vhostx_vq_publish(vq);
}

/*
 * The same before polling, and the driver is told later: most frames come one by one
 * then, and an interrupt for each would cost the guest what it saves in kicks.
 */
static void tx_flush_mute(struct vhostx_vq *vq)
{
	struct vhostx_tx *tx = &vq->tx;
	unsigned int nr = vq->ring.nr_used;

	tx_send_batch(vq);
	if (!vhostx_vq_publish_mute(vq))
		return;
	if (!tx->held)
		tx->held_since = local_clock();
	tx->held += nr;
}

static void tx_signal_held(struct vhostx_vq *vq)
{
	vq->tx.held = 0;
	vhostx_vq_signal(vq);
}

static bool tx_held_enough(const struct vhostx_vq *vq)
{
	return vq->tx.held >= VHOSTX_TX_HOLD ||
	       (vq->tx.held &&
		local_clock() - vq->tx.held_since >= VHOSTX_TX_HOLD_NS);
}

static __always_inline bool tx_copy_part(void *to, const void __user *from,
					 size_t len)
{
	return len <= VHOSTX_SHORT ? vhostx_load_in(to, from, len) :
				     vhostx_copy_in(to, from, len);
}

/* Copy all but the first @skip bytes of a chain in several pieces. */
static noinline bool tx_copy_parts(const struct iovec *seg, int segs,
				   size_t skip, void *to)
{
	for (; segs; segs--, seg++) {
		size_t over = min(skip, seg->iov_len);
		size_t len = seg->iov_len - over;

		if (unlikely(!tx_copy_part(to, seg->iov_base + over, len)))
			return false;
		to += len;
		skip -= over;
	}
	return true;
}

/*
 * Copy what a chain holds to @frame, and its header to the room before that, which
 * takes it; from there to @hdr.
 */
static bool tx_copy(struct vhostx_vq *vq, int segs, void *hdr, void *frame,
		    size_t len)
{
	size_t skip = vq->vhost_hlen, hlen = vq->sock_hlen;
	void *to = frame - hlen;

	if (unlikely(!(likely(segs == 1) ?
		       tx_copy_part(to, vq->iov[0].iov_base + skip, hlen + len) :
		       tx_copy_parts(vq->iov, segs, skip, to))))
		return false;
	/* The usual length, which takes two moves where it is known. */
	if (likely(hlen == sizeof(struct virtio_net_hdr_mrg_rxbuf)))
		memcpy(hdr, to, sizeof(struct virtio_net_hdr_mrg_rxbuf));
	else
		memcpy(hdr, to, hlen);
	return true;
}

/* Copy a frame of @len bytes into memory of ours and add it to the batch. */
static enum tx_result tx_add(struct vhostx_vq *vq, int segs, size_t len,
			     unsigned int size)
{
	size_t hlen = vq->sock_hlen;
	struct vhostx_tx *tx = &vq->tx;
	unsigned int pad = tx->pad;
	struct xdp_buff *xdp = &tx->xdp[tx->nr];
	struct virtio_net_hdr *hdr;
	enum vhostx_counter why;
	void *buf;

	buf = vhostx_frag_get(&tx->frags, size);
	if (unlikely(!buf))
		return TX_RETRY;

	hdr = vhostx_xdp_vnet_hdr(buf);
	if (!hlen)
		memset(hdr, 0, sizeof(*hdr));

	why = VHOSTX_DROP_FAULT;
	if (unlikely(!tx_copy(vq, segs, hdr, buf + pad, len)))
		goto drop;
	why = VHOSTX_DROP_HDR;
	if (unlikely(!tx_header_ok(vq, hdr, len)))
		goto drop;

	xdp_init_buff(xdp, size, NULL);
	xdp_prepare_buff(xdp, buf, pad, len, true);
	vhostx_xdp_set_size(buf, size);
	tx->nr++;
	tx->bytes += len;
	return TX_DONE;
drop:
	vhostx_frag_put(buf);
	return tx_drop(vq, why);
}

/*
 * Copy a frame into pages of ours, which the socket then need not have cleared first,
 * and send those.
 */
static int tx_send_pages(struct vhostx_vq *vq, struct iov_iter from, size_t len)
{
	struct bio_vec bvec[VHOSTX_SOCK_PARTS] = {};
	unsigned int size, nr = 0;
	size_t left = len;
	int err = 0;
	void *part;

	while (left) {
		size = left;
		part = vhostx_frag_part(&vq->tx.frags, &size);
		if (!part) {
			err = -ENOMEM;
			break;
		}
		bvec[nr].bv_page = virt_to_page(part);
		bvec[nr].bv_offset = offset_in_page(part);
		bvec[nr++].bv_len = size;
		left -= size;
		if (!copy_from_iter_full(part, size, &from)) {
			err = -EFAULT;
			break;
		}
	}
	if (!err)
		err = vhostx_sock_send_pages(&vq->sock, bvec, len);
	while (nr--)
		vhostx_frag_put(bvec_virt(&bvec[nr]));
	return err;
}

/* Send a frame that is too long for the batch. */
static enum tx_result tx_send(struct vhostx_vq *vq, int segs, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	int err = -EMSGSIZE;

	/* Frames leave in the order in which they came. */
	tx_send_batch(vq);

	iov_iter_init(&msg.msg_iter, ITER_SOURCE, vq->iov, segs,
		      vq->vhost_hlen + len);
	iov_iter_advance(&msg.msg_iter, vq->vhost_hlen);
	if (vq->tx.batches && vq->sock.takes_pages &&
	    len <= MAX_SKB_FRAGS * PAGE_SIZE)
		err = tx_send_pages(vq, msg.msg_iter, len);
	if (err == -EMSGSIZE || err == -ENOMEM)
		err = vhostx_sock_send(&vq->sock, &msg, len);
	switch (err) {
	case 0:
		vhostx_count(&vq->stats, VHOSTX_PACKETS, 1);
		vhostx_count(&vq->stats, VHOSTX_BYTES, len - vq->sock_hlen);
		return TX_DONE;
	case -EAGAIN:
		return TX_WAIT;
	case -ENOMEM:
	case -ENOBUFS:
		return TX_RETRY;
	case -EINVAL:
		return tx_drop(vq, VHOSTX_DROP_HDR);
	case -EFAULT:
		return tx_drop(vq, VHOSTX_DROP_FAULT);
	case -EMSGSIZE:
		return tx_drop(vq, VHOSTX_DROP_SIZE);
	default:
		return tx_drop(vq, VHOSTX_DROP_BACKEND);
	}
}

static enum tx_result tx_chain(struct vhostx_vq *vq, size_t *bytes)
{
	unsigned int size;
	size_t len;
	int segs;

	vq->iov_bytes = 0;
	segs = vhostx_ring_map(&vq->ring, vhostx_ring_peek(&vq->ring, 0),
			       &vq->view, false, vq->iov, ARRAY_SIZE(vq->iov),
			       &vq->iov_bytes);
	if (unlikely(!segs))
		return TX_BROKEN;
	if (unlikely(segs == -VHOSTX_BAD_MISS))
		return TX_MISS;
	if (unlikely(segs < 0)) {
		vhostx_count_bad(vq, -segs);
		return TX_DONE;
	}
	len = vq->iov_bytes;
	if (unlikely(len < vq->vhost_hlen + vq->sock_hlen + ETH_HLEN))
		return tx_drop(vq, VHOSTX_DROP_SHORT);
	if (unlikely(len > VHOSTX_TX_MAX))
		return tx_drop(vq, VHOSTX_DROP_SIZE);

	len -= vq->vhost_hlen;
	*bytes += len;

	size = SKB_DATA_ALIGN(vq->tx.pad + len) +
	       SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	if (size <= PAGE_SIZE && vq->tx.batches)
		return tx_add(vq, segs, len - vq->sock_hlen, size);
	return tx_send(vq, segs, len);
}

/* The first chain there is: 1; 0 where there is none; below 0 it broke. */
static int tx_fetch(struct vhostx_vq *vq)
{
	u64 start, end;
	int n;

	if (vhostx_ring_cached(&vq->ring))
		return 1;
	n = vhostx_ring_fetch(&vq->ring);
	if (n || !vq->poll_now_us)
		return n;

	tx_flush_mute(vq);
	start = local_clock();
	end = vhostx_poll_end(vq, start);
	do {
		if (tx_held_enough(vq))
			tx_signal_held(vq);
		n = vhostx_ring_has_avail(&vq->ring);
		cpu_relax();
	} while (!n && vhostx_vq_may_poll(vq, end));
	vhostx_polled(vq, n > 0, start);
	return n > 0 ? vhostx_ring_fetch(&vq->ring) : n;
}

/* Nothing to do: sleep until a kick, unless something comes meanwhile. */
static bool tx_idle(struct vhostx_vq *vq)
{
	/* Before kicks are on, or each of them would find a batch half sent. */
	tx_flush(vq);
	if (!vhostx_vq_kicks_on(vq))
		return false;
	vhostx_poll_rest(vq);
	return true;
}

/* Wait for what stopped the queue. */
static void tx_wait(struct vhostx_vq *vq, enum tx_result why)
{
	if (why == TX_MISS) {
		vhostx_iotlb_miss(vq);
		return;
	}
	if (why == TX_RETRY) {
		schedule_delayed_work(&vq->retry,
				      msecs_to_jiffies(VHOSTX_TX_RETRY_MS));
		return;
	}
	vhostx_count(&vq->stats, VHOSTX_RING_FULL, 1);
	vhostx_vq_arm(vq);
	if (vhostx_sock_ready(&vq->sock))
		vhostx_vq_queue(vq);
}

/* What the socket wants may change at any time: a run goes by what it was at first. */
static void tx_ask_sock(struct vhostx_vq *vq)
{
	vq->tx.batches = vhostx_sock_can_batch(&vq->sock);
	vq->tx.pad = SKB_DATA_ALIGN(NET_SKB_PAD + NET_IP_ALIGN + vq->sock_hlen +
				    vhostx_sock_headroom(&vq->sock));
}

static void tx_run(struct vhostx_vq *vq)
{
	enum tx_result result = TX_DONE;
	unsigned int packets = 0;
	size_t bytes = 0;
	int n;

	vhostx_vq_disarm(vq);
	vhostx_poll_begin_run(vq);
	if (unlikely(!vq->located) && !vhostx_iotlb_locate(vq))
		return;
	tx_ask_sock(vq);
	vhostx_vq_look_due(vq);
	vhostx_vq_kicks_off(vq);

	while (!vhostx_ring_broken(&vq->ring)) {
		n = tx_fetch(vq);
		if (n < 0)
			break;
		if (!n) {
			if (tx_idle(vq))
				break;
			continue;
		}

		result = tx_chain(vq, &bytes);
		if (unlikely(result != TX_DONE))
			break;
		vhostx_ring_use(&vq->ring, 0);
		if (vq->ring.nr_used >= vq->tune.batch)
			tx_flush(vq);

		if (++packets >= vq->tune.weight ||
		    bytes >= VHOSTX_WEIGHT_BYTES) {
			vhostx_vq_queue(vq);
			break;
		}
	}

	/* Whatever ended the run; who came to rest has nothing left. */
	if (vq->ring.nr_used || vq->tx.nr)
		tx_flush(vq);
	if (unlikely(vq->tx.held))
		tx_signal_held(vq);
	if (unlikely(vhostx_ring_broken(&vq->ring)))
		vhostx_vq_break(vq);
	else if (unlikely(result != TX_DONE))
		tx_wait(vq, result);
}

/**
 * vhostx_tx_work - run a TX queue
 * @work: the queue's
 *
 * Context: the worker's thread.
 */
void vhostx_tx_work(struct vhostx_work *work)
{
	struct vhostx_vq *vq = container_of(work, struct vhostx_vq, work);

	mutex_lock_nested(&vq->lock, VHOSTX_TX);
	if (vq->sock.sock && !vhostx_ring_broken(&vq->ring))
		tx_run(vq);
	mutex_unlock(&vq->lock);
}

/**
 * vhostx_tx_trim - give up memory that frames needed once
 * @work: the queue's
 */
void vhostx_tx_trim(struct work_struct *work)
{
	struct vhostx_vq *vq = container_of(to_delayed_work(work),
					    struct vhostx_vq, tx.frags.trim);

	/* One that polls has its lock for as long as the VMM likes. */
	if (!mutex_trylock(&vq->lock)) {
		vhostx_frags_trim_later(&vq->tx.frags);
		return;
	}
	vhostx_frags_trim(&vq->tx.frags);
	mutex_unlock(&vq->lock);
}
