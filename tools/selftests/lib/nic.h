/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtio-net driver on a vmm, with the tap and the wire behind it. */
#ifndef NIC_H
#define NIC_H

#include "frame.h"
#include "slow.h"
#include "stats.h"
#include "tap.h"
#include "vmm.h"

#define NIC_TAP		"tap0"
#define NIC_SLOT	(128 << 10)	/* default guest memory for each head */
#define NIC_GAP		72		/* between the pieces of one frame */
#define NIC_TIMEOUT	(5000 * slow())

struct nic_opts {
	const char *path;
	uint64_t features;
	unsigned int num;	/* ring size, 0 = 128 */
	size_t slot;		/* 0 = NIC_SLOT */
	struct tap_opts tap;
	bool wire_vnet;
	const uint8_t *fork;	/* kind of worker, NULL = as it comes */
	bool stopped;		/* do not set the backend */
};

struct nic {
	struct vmm vmm;
	int tap;
	int wire;
	bool wire_vnet;
	size_t hdr_len;		/* in front of a frame in guest memory */
	size_t slot;
	uint64_t slots[2];	/* num slots for each queue */
	uint32_t *rx_size;	/* bytes posted behind each RX head */
	unsigned int rx_segs;
};

/* How a frame lies in descriptors; the last piece takes the rest. */
struct nic_layout {
	unsigned int n;		/* pieces, header included, >= 1 */
	const uint32_t *len;	/* of the first n - 1 */
	bool indirect;
};

/* Nothing open yet: nic_close() does nothing. */
void nic_init(struct nic *n);
int nic_open(struct nic *n, const struct nic_opts *o);
void nic_close(struct nic *n);

/* Where head's slot begins in guest memory. */
uint64_t nic_slot(const struct nic *n, unsigned int index, unsigned int head);

/* Post header and frame without a kick; the head or -ENOSPC. */
int nic_post_tx(struct nic *n, const struct nic_layout *l,
		const struct virtio_net_hdr *hdr, const void *frame,
		size_t len);
/* Post, kick and wait until the device gives it back: 0 or -errno. */
int nic_send(struct nic *n, const struct nic_layout *l,
	     const struct virtio_net_hdr *hdr, const void *frame, size_t len);
/* Take back count TX buffers, in order and with length 0: 0 or -errno. */
int nic_reap_tx(struct nic *n, unsigned int count, int timeout_ms);

/* Post up to count RX buffers of that many bytes each and kick; how many. */
int nic_fill_rx(struct nic *n, unsigned int count, uint32_t size);
/*
 * Next frame, merged if it came in several buffers; its length or -errno,
 * -EOVERFLOW if the device wrote where it should not. The header's
 * num_buffers is left as the device wrote it.
 */
int nic_recv(struct nic *n, struct virtio_net_hdr_mrg_rxbuf *hdr, void *frame,
	     size_t size, int timeout_ms);
/* One plain frame each way, every byte compared: 0 or where it failed. */
int nic_ping_tx(struct nic *n, size_t len, uint32_t seed);
int nic_ping_rx(struct nic *n, size_t len, uint32_t seed);

/* Counters of this process's first device. */
int nic_stats(unsigned int index, struct stats *s);

#endif
