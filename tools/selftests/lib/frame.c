// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <string.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "frame.h"

/* Locally administered, and no device's: the stack takes no interest. */
static const uint8_t mac_dst[6] = { 0x02, 0, 0, 0xaa, 0, 0x01 };
static const uint8_t mac_src[6] = { 0x02, 0, 0, 0xbb, 0, 0x02 };

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void pattern(uint8_t *p, size_t len, uint32_t seed)
{
	uint32_t x = seed * 2654435761u + 12345;

	while (len--) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		*p++ = x;
	}
}

static void ether(uint8_t *f, uint16_t type)
{
	memcpy(f, mac_dst, 6);
	memcpy(f + 6, mac_src, 6);
	put16(f + 12, type);
}

void frame_fill(uint8_t *f, size_t len, uint32_t seed)
{
	ether(f, 0x88b5);
	pattern(f + ETH_HLEN, len - ETH_HLEN, seed + 1);
}

int frame_check(const uint8_t *f, size_t len, uint32_t seed)
{
	static _Thread_local uint8_t want[FRAME_MAX + 1];
	size_t i;

	frame_fill(want, len, seed);
	if (!memcmp(f, want, len))
		return -1;
	for (i = 0; f[i] == want[i]; i++)
		;
	return i;
}

static uint32_t sum(const uint8_t *p, size_t len, uint32_t acc)
{
	for (; len > 1; p += 2, len -= 2)
		acc += get16(p);
	if (len)
		acc += *p << 8;
	return acc;
}

static uint16_t fold(uint32_t acc)
{
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return acc;
}

static uint32_t pseudo(const uint8_t *f, size_t l4_len, uint8_t proto)
{
	if (get16(f + 12) == ETH_P_IP)
		return sum(f + 26, 8, proto + l4_len);
	return sum(f + 22, 32, proto + l4_len);
}

/* IP header; returns where the next one starts. */
static size_t ip_header(uint8_t *f, size_t len, int ip, uint8_t proto)
{
	if (ip == 6) {
		ether(f, ETH_P_IPV6);
		memset(f + 14, 0, 40);
		f[14] = 0x60;
		put16(f + 18, len - 54);
		f[20] = proto;
		f[21] = 64;
		f[22] = 0xfd;
		f[37] = 1;
		f[38] = 0xfd;
		f[53] = 2;
		return 54;
	}
	ether(f, ETH_P_IP);
	memset(f + 14, 0, 20);
	f[14] = 0x45;
	put16(f + 16, len - 14);
	put16(f + 18, 0x1234);
	put16(f + 20, 0x4000);
	f[22] = 64;
	f[23] = proto;
	memcpy(f + 26, "\x0a\x01\x00\x01\x0a\x01\x00\x02", 8);
	put16(f + 24, ~fold(sum(f + 14, 20, 0)));
	return 34;
}

void frame_tcp(uint8_t *f, size_t len, int ip, uint16_t mss, uint32_t seed,
	       struct virtio_net_hdr *hdr)
{
	size_t l4 = ip_header(f, len, ip, IPPROTO_TCP);

	memset(f + l4, 0, 20);
	put16(f + l4, 1000);
	put16(f + l4 + 2, 2000);
	f[l4 + 12] = 5 << 4;
	f[l4 + 13] = 0x10;
	put16(f + l4 + 14, 0xffff);
	put16(f + l4 + 16, fold(pseudo(f, len - l4, IPPROTO_TCP)));
	pattern(f + l4 + 20, len - l4 - 20, seed);

	memset(hdr, 0, sizeof(*hdr));
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = l4;
	hdr->csum_offset = 16;
	if (mss) {
		hdr->gso_type = ip == 6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
					  VIRTIO_NET_HDR_GSO_TCPV4;
		hdr->gso_size = mss;
		hdr->hdr_len = l4 + 20;
	}
}

void frame_udp(uint8_t *f, size_t len, uint32_t seed,
	       struct virtio_net_hdr *hdr)
{
	size_t l4 = ip_header(f, len, 4, IPPROTO_UDP);

	put16(f + l4, 1000);
	put16(f + l4 + 2, 2000);
	put16(f + l4 + 4, len - l4);
	put16(f + l4 + 6, fold(pseudo(f, len - l4, IPPROTO_UDP)));
	pattern(f + l4 + 8, len - l4 - 8, seed);

	memset(hdr, 0, sizeof(*hdr));
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = l4;
	hdr->csum_offset = 6;
}

int frame_verify(const uint8_t *f, size_t len)
{
	size_t l4;
	uint8_t proto;

	if (get16(f + 12) == ETH_P_IP) {
		if (get16(f + 16) != len - 14)
			return -1;
		if (fold(sum(f + 14, 20, 0)) != 0xffff)
			return -2;
		proto = f[23];
		l4 = 34;
	} else {
		if (get16(f + 18) != len - 54)
			return -1;
		proto = f[20];
		l4 = 54;
	}
	if (proto == IPPROTO_UDP && get16(f + l4 + 4) != len - l4)
		return -3;
	return fold(sum(f + l4, len - l4, pseudo(f, len - l4, proto))) ==
	       0xffff ? 0 : -4;
}

size_t frame_payload(const uint8_t *f)
{
	return get16(f + 12) == ETH_P_IP ? FRAME_HDRS4 : FRAME_HDRS6;
}

uint32_t frame_tcp_seq(const uint8_t *f)
{
	const uint8_t *tcp = f + frame_payload(f) - 20;

	return (uint32_t)get16(tcp + 4) << 16 | get16(tcp + 6);
}
