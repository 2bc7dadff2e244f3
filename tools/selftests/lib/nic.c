// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "nic.h"

#define CANARY	0xa5

static uint8_t scratch[FRAME_MAX + 64];

void nic_init(struct nic *n)
{
	memset(n, 0, sizeof(*n));
	n->tap = -1;
	n->wire = -1;
	vmm_init(&n->vmm);
}

int nic_open(struct nic *n, const struct nic_opts *o)
{
	unsigned int num = o->num ? o->num : 128;
	int ret;

	nic_init(n);
	n->rx_segs = 1;
	n->wire_vnet = o->wire_vnet;
	ret = netns_new();
	if (ret)
		return ret;
	n->tap = tap_open(NIC_TAP, &o->tap);
	if (n->tap < 0)
		return n->tap;
	n->wire = wire_open(NIC_TAP, o->wire_vnet);
	if (n->wire < 0)
		return n->wire;
	ret = vmm_open(&n->vmm, o->path);
	if (!ret && o->fork)
		ret = ioctl(n->vmm.fd, VHOST_SET_FORK_FROM_OWNER, o->fork) ?
		      -errno : 0;
	if (!ret)
		ret = vmm_setup_opened(&n->vmm, o->features, num);
	if (ret)
		return ret;
	n->hdr_len = o->features & (F_MRG_RXBUF | F_VERSION_1) ? 12 : 10;
	n->slot = o->slot ? o->slot : NIC_SLOT;
	n->slots[RX] = vmm_alloc(&n->vmm, num * n->slot, 4096);
	n->slots[TX] = vmm_alloc(&n->vmm, num * n->slot, 4096);
	n->rx_size = calloc(num, sizeof(*n->rx_size));
	if (!n->rx_size)
		return -ENOMEM;
	if (o->stopped)
		return 0;
	ret = vmm_start(&n->vmm, n->tap);
	/* Awake still, it could take a test's first frame before the second is posted. */
	return ret ? ret : thread_rests(worker_find(getpid(), 0));
}

void nic_close(struct nic *n)
{
	vmm_close(&n->vmm);
	free(n->rx_size);
	n->rx_size = NULL;
	if (n->wire >= 0)
		close(n->wire);
	if (n->tap >= 0)
		close(n->tap);
	n->wire = -1;
	n->tap = -1;
}

uint64_t nic_slot(const struct nic *n, unsigned int index, unsigned int head)
{
	return n->slots[index] + (uint64_t)head * n->slot;
}

int nic_post_tx(struct nic *n, const struct nic_layout *l,
		const struct virtio_net_hdr *hdr, const void *frame,
		size_t len)
{
	static const struct nic_layout plain = { .n = 1 };
	struct vq *q = &n->vmm.vq[TX];
	uint64_t at = nic_slot(n, TX, q->free_head);
	size_t left = n->hdr_len + len, done = 0;
	struct vq_seg seg[VQ_TABLE];
	unsigned int i;

	if (!l)
		l = &plain;
	if (!q->num_free || l->n > VQ_TABLE)
		return -ENOSPC;
	memset(scratch, 0, n->hdr_len);
	if (hdr)
		memcpy(scratch, hdr, sizeof(*hdr));
	memcpy(scratch + n->hdr_len, frame, len);

	for (i = 0; i < l->n; i++) {
		size_t part = i + 1 < l->n ? l->len[i] : left;

		if (part > left)
			part = left;
		memcpy(vmm_ptr(&n->vmm, at), scratch + done, part);
		seg[i] = (struct vq_seg){ .gpa = at, .len = part };
		at += part + NIC_GAP;
		done += part;
		left -= part;
	}
	return vq_post(q, seg, l->n, l->indirect);
}

int nic_reap_tx(struct nic *n, unsigned int count, int timeout_ms)
{
	long end = now_ms() + timeout_ms;
	uint32_t id, len;

	while (count) {
		int ret = vq_reap(&n->vmm.vq[TX], &id, &len);

		if (ret < 0)
			return ret;
		if (ret == 0) {
			ret = vq_wait(&n->vmm.vq[TX], end - now_ms());
			if (ret)
				return ret;
			continue;
		}
		if (len)
			return -EBADMSG;
		count--;
	}
	return 0;
}

int nic_send(struct nic *n, const struct nic_layout *l,
	     const struct virtio_net_hdr *hdr, const void *frame, size_t len)
{
	int head = nic_post_tx(n, l, hdr, frame, len);

	if (head < 0)
		return head;
	vq_kick(&n->vmm.vq[TX]);
	return nic_reap_tx(n, 1, NIC_TIMEOUT);
}

int nic_fill_rx(struct nic *n, unsigned int count, uint32_t size)
{
	struct vq *q = &n->vmm.vq[RX];
	unsigned int done, i;

	for (done = 0; done < count; done++) {
		uint64_t at = nic_slot(n, RX, q->free_head);
		uint32_t part = size / n->rx_segs;
		struct vq_seg seg[VQ_TABLE];
		int head;

		if (q->num_free < n->rx_segs)
			break;
		/* What the device must not touch shows afterwards. */
		memset(vmm_ptr(&n->vmm, at), CANARY,
		       size + (n->rx_segs + 1) * NIC_GAP);
		for (i = 0; i < n->rx_segs; i++) {
			seg[i] = (struct vq_seg){
				.gpa = at + i * (part + NIC_GAP),
				.len = i + 1 < n->rx_segs ? part :
				       size - i * part,
				.flags = VRING_DESC_F_WRITE,
			};
		}
		head = vq_post(q, seg, n->rx_segs, false);
		if (head < 0)
			break;
		n->rx_size[head] = size;
	}
	if (done)
		vq_kick(q);
	return done;
}

/* Collect len used bytes of a head's buffers; check that no more changed. */
static int gather(struct nic *n, uint32_t head, uint32_t len, uint8_t *to)
{
	uint32_t part = n->rx_size[head] / n->rx_segs;
	const uint8_t *p = vmm_ptr(&n->vmm, nic_slot(n, RX, head));
	unsigned int i, j;

	if (len > n->rx_size[head])
		return -EOVERFLOW;
	for (i = 0; i < n->rx_segs; i++) {
		uint32_t room = i + 1 < n->rx_segs ? part :
				n->rx_size[head] - i * part;
		uint32_t got = len < room ? len : room;

		memcpy(to, p, got);
		to += got;
		len -= got;
		for (j = got; j < room + NIC_GAP; j++)
			if (p[j] != CANARY)
				return -EOVERFLOW;
		p += room + NIC_GAP;
	}
	return 0;
}

int nic_recv(struct nic *n, struct virtio_net_hdr_mrg_rxbuf *hdr, void *frame,
	     size_t size, int timeout_ms)
{
	static uint8_t buf[NIC_SLOT];
	struct virtio_net_hdr_mrg_rxbuf h = {};
	unsigned int want = 1, got;
	bool have = false;
	size_t total = 0;

	for (got = 0; got < want; got++) {
		struct vq *q = &n->vmm.vq[RX];
		uint32_t id, len;
		int ret;

		/* A frame's buffers come all together. */
		ret = got ? 0 : vq_wait(q, timeout_ms);
		if (ret)
			return ret;
		ret = vq_reap(q, &id, &len);
		if (ret != 1)
			return ret ? ret : -EPROTO;
		if (total + len > sizeof(buf))
			return -E2BIG;
		ret = gather(n, id, len, buf + total);
		if (ret)
			return ret;
		total += len;
		/* The header itself may lie in several. */
		if (total < n->hdr_len) {
			want++;
		} else if (!have) {
			have = true;
			memcpy(&h, buf, n->hdr_len < sizeof(h) ? n->hdr_len :
								  sizeof(h));
			want = n->vmm.features & F_MRG_RXBUF ?
			       h.num_buffers : 1;
			if (want <= got || want > q->num)
				return -EPROTO;
		}
	}
	if (total - n->hdr_len > size)
		return -E2BIG;
	memcpy(frame, buf + n->hdr_len, total - n->hdr_len);
	if (hdr)
		*hdr = h;
	return total - n->hdr_len;
}

int nic_ping_tx(struct nic *n, size_t len, uint32_t seed)
{
	static uint8_t out[FRAME_MAX], in[FRAME_MAX + 1];
	struct virtio_net_hdr hdr;
	int ret;

	frame_fill(out, len, seed);
	ret = nic_send(n, NULL, NULL, out, len);
	if (ret)
		return ret;
	ret = wire_recv(n->wire, n->wire_vnet ? &hdr : NULL, in, sizeof(in),
			NIC_TIMEOUT);
	if (ret < 0)
		return ret;
	return (size_t)ret == len && !memcmp(in, out, len) ? 0 : -EBADMSG;
}

int nic_ping_rx(struct nic *n, size_t len, uint32_t seed)
{
	static uint8_t out[FRAME_MAX], in[FRAME_MAX + 1];
	struct virtio_net_hdr hdr = {};
	int ret;

	nic_fill_rx(n, 1, 2048);
	frame_fill(out, len, seed);
	ret = wire_send(n->wire, n->wire_vnet ? &hdr : NULL, out, len);
	if (ret)
		return ret;
	ret = nic_recv(n, NULL, in, sizeof(in), NIC_TIMEOUT);
	if (ret < 0)
		return ret;
	return (size_t)ret == len && !memcmp(in, out, len) ? 0 : -EBADMSG;
}

int nic_stats(unsigned int index, struct stats *s)
{
	return stats_read(s, getpid(), 0, index == RX ? "rx" : "tx");
}
