/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames whose every byte is known. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_net.h>

#define FRAME_MAX	65535
#define FRAME_HDRS4	(14 + 20 + 20)	/* Ethernet, IPv4, TCP */
#define FRAME_HDRS6	(14 + 40 + 20)

/* len bytes (>= 14) made from seed; the type is one for local experiments. */
void frame_fill(uint8_t *f, size_t len, uint32_t seed);
/* Offset of the first byte that differs from frame_fill, -1 = none. */
int frame_check(const uint8_t *f, size_t len, uint32_t seed);

/*
 * A TCP segment over IPv4 or IPv6 with the pseudo-header sum in place of the
 * checksum, as a driver leaves it that asks for checksum offload; hdr says so,
 * and asks for segmentation when mss != 0.
 */
void frame_tcp(uint8_t *f, size_t len, int ip, uint16_t mss, uint32_t seed,
	       struct virtio_net_hdr *hdr);
/* Same over UDP and IPv4, without segmentation. */
void frame_udp(uint8_t *f, size_t len, uint32_t seed,
	       struct virtio_net_hdr *hdr);
/* 0 if lengths and all checksums of that IP packet are right. */
int frame_verify(const uint8_t *f, size_t len);
/* TCP sequence number and payload of a frame made by frame_tcp. */
uint32_t frame_tcp_seq(const uint8_t *f);
size_t frame_payload(const uint8_t *f);

#endif
