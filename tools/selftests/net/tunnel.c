// SPDX-License-Identifier: GPL-2.0-only
/* The 24-byte header of drivers that know segments of UDP tunnels. */
#include <stdlib.h>
#include <string.h>
#include <linux/if_tun.h>

#include "devices.h"

#define HDR_LEN		24
/* In the second word of features. */
#define F_GUEST_TUNNEL	BIT64(65 - 64)
#define F_HOST_TUNNEL	BIT64(67 - 64)

#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO		0x080
#define TUN_F_UDP_TUNNEL_GSO_CSUM	0x100
#define VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM	8
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4	0x20
#endif

FIXTURE(tunnel) {
	struct nic nic;
	bool offered;
};

ON_BOTH_DEVICES(tunnel);

/* A stopped NIC with the features in the array, or -ENOTTY where there is none. */
static int open_nic(struct nic *n, const char *path, uint64_t first,
		    unsigned int offloads)
{
	bool ours = first & F_VNET_HDR;
	struct nic_opts o = {
		.path = path,
		.features = first,
		.tap = {
			.hdr_len = HDR_LEN, .no_vnet_hdr = ours,
			.offloads = offloads,
		},
		.stopped = true,
	};
	uint64_t array[3] = { 2, first, F_GUEST_TUNNEL | F_HOST_TUNNEL };
	int ret = nic_open(n, &o);

	n->hdr_len = HDR_LEN;
	return ret ?: dev_ioctl(n->vmm.fd, VHOST_SET_FEATURES_ARRAY, array) ?:
	       vmm_start(&n->vmm, n->tap);
}

FIXTURE_SETUP(tunnel)
{
	uint64_t array[3] = { 2 };
	struct vmm v;

	self->nic.vmm.fd = -1;
	ASSERT_EQ(0, vmm_open(&v, variant->path));
	self->offered = !dev_ioctl(v.fd, VHOST_GET_FEATURES_ARRAY, array) &&
			array[2] == (F_GUEST_TUNNEL | F_HOST_TUNNEL);
	vmm_close(&v);
	if (!self->offered)
		SKIP(return, "this kernel's taps know no tunnels");
}

FIXTURE_TEARDOWN(tunnel)
{
	if (self->nic.vmm.fd >= 0)
		nic_close(&self->nic);
}

/* Frames of many lengths both ways; the header's tail is zero, or not looked at. */
static int ping(struct nic *n, bool tail)
{
	static const uint8_t zero[HDR_LEN];
	const uint8_t *hdr;
	int ret = 0;

	for (unsigned int len = 14; len <= 1514 && !ret; len += 7) {
		hdr = vmm_ptr(&n->vmm,
			      nic_slot(n, RX, n->vmm.vq[RX].free_head));
		ret = nic_ping_tx(n, len, len) ?: nic_ping_rx(n, len, len);
		if (!ret && tail && memcmp(hdr + 12, zero, HDR_LEN - 12))
			ret = -EBADMSG;
	}
	return ret;
}

TEST_F(tunnel, header_of_the_tap)
{
	ASSERT_EQ(0, open_nic(&self->nic, variant->path,
			      F_VERSION_1 | F_MRG_RXBUF, 0));
	EXPECT_EQ(0, ping(&self->nic, true));
}

/* vhost-net leaves what was in the buffer behind the first ten bytes and the count. */
TEST_F(tunnel, header_of_the_device)
{
	ASSERT_EQ(0, open_nic(&self->nic, variant->path,
			      F_VERSION_1 | F_MRG_RXBUF | F_VNET_HDR, 0));
	EXPECT_EQ(0, ping(&self->nic, variant->vhostx));
}

/* What a VXLAN puts before a frame: Ethernet, IPv4, UDP and its own. */
#define OUTER	(14 + 20 + 8 + 8)

/* A VXLAN of the host's over the tap, in the place of what was the wire. */
static int open_vxlan(struct nic *n, const char *checksum)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ip link add vx0 type vxlan id 42 local 10.1.0.1 remote 10.1.0.2 dstport 4789 dev "
		 NIC_TAP " %s", checksum);
	if (system("ip link set " NIC_TAP " address 02:00:00:aa:00:01") ||
	    system("ip addr add 10.1.0.1/24 dev " NIC_TAP) ||
	    system("ip neigh replace 10.1.0.2 lladdr 02:00:00:bb:00:02 dev "
		   NIC_TAP) || system(command) || link_up("vx0", 0))
		return -EIO;
	close(n->wire);
	n->wire = wire_open("vx0", true);
	return n->wire < 0 ? n->wire : 0;
}

/* The header of a frame of frame_tcp's in the tunnel. */
static int check_header(const uint8_t *raw, uint16_t mss, bool checksum)
{
	struct virtio_net_hdr hdr;
	uint16_t offset[2];

	memcpy(&hdr, raw, sizeof(hdr));
	memcpy(offset, raw + HDR_LEN - sizeof(offset), sizeof(offset));
	if (!(hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	    hdr.csum_start != OUTER + 34 || hdr.csum_offset != 16)
		return -EPROTO;
	if (!mss)
		return hdr.gso_type || offset[0] || offset[1] ? -EINVAL : 0;
	if (hdr.gso_size != mss ||
	    hdr.gso_type != (VIRTIO_NET_HDR_GSO_TCPV4 |
			     VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4) ||
	    !!(hdr.flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM) != checksum)
		return -EINVAL;
	/* Where the outer transport and the inner network header are. */
	return offset[0] == 34 && offset[1] == OUTER + 14 ? 0 : -ERANGE;
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
	for (; len--; a++, b++) {
		uint8_t was = *a;

		*a = *b;
		*b = was;
	}
}

/* A frame from the host's VXLAN goes back to where it came from, header and all. */
static int echo(struct nic *n, size_t len, uint16_t mss, bool checksum)
{
	static uint8_t inner[FRAME_MAX], outer[FRAME_MAX], back[FRAME_MAX];
	struct virtio_net_hdr hdr, got;
	struct vq *tx = &n->vmm.vq[TX];
	const uint8_t *raw;
	int ret;

	frame_tcp(inner, len, 4, mss, len, &hdr);
	raw = vmm_ptr(&n->vmm, nic_slot(n, RX, n->vmm.vq[RX].free_head));
	nic_fill_rx(n, 1, FRAME_MAX);
	ret = wire_send(n->wire, &hdr, inner, len) ?:
	      nic_recv(n, NULL, outer, sizeof(outer), NIC_TIMEOUT);
	if (ret < 0)
		return ret;
	if ((size_t)ret != OUTER + len || memcmp(outer + OUTER, inner, len))
		return -EBADMSG;
	ret = check_header(raw, mss, checksum);
	if (ret)
		return ret;

	swap(outer, outer + 6, 6);
	swap(outer + 26, outer + 30, 4);
	ret = nic_post_tx(n, NULL, NULL, outer, OUTER + len);
	if (ret < 0)
		return ret;
	memcpy(vmm_ptr(&n->vmm, nic_slot(n, TX, ret)), raw, HDR_LEN);
	vq_kick(tx);
	ret = nic_reap_tx(n, 1, NIC_TIMEOUT) ?:
	      wire_recv(n->wire, &got, back, sizeof(back), NIC_TIMEOUT);
	if (ret < 0)
		return ret;
	return (size_t)ret == len && !memcmp(back, inner, len) &&
	       got.gso_type == hdr.gso_type && got.gso_size == hdr.gso_size ?
	       0 : -EILSEQ;
}

/* Segments of what a tunnel carries: the host's VXLAN and the driver's exchange them. */
static int vxlan(struct nic *n, const char *path, bool checksum)
{
	unsigned int offloads = TAP_OFFLOADS | TUN_F_UDP_TUNNEL_GSO |
				TUN_F_UDP_TUNNEL_GSO_CSUM;
	int ret = open_nic(n, path, F_VERSION_1 | F_MRG_RXBUF, offloads) ?:
		  open_vxlan(n, checksum ? "udpcsum" : "noudpcsum");

	/* Of one segment, in a page with others, and by themselves. */
	for (size_t len = 100; len < 60000 && !ret; len += 1000)
		ret = echo(n, len, len > 1400 ? 1300 : 0, checksum);
	return ret;
}

TEST_F(tunnel, vxlan)
{
	EXPECT_EQ(0, vxlan(&self->nic, variant->path, false));
}

TEST_F(tunnel, vxlan_with_checksum)
{
	EXPECT_EQ(0, vxlan(&self->nic, variant->path, true));
}

/* A type of segment that the tap cannot make sense of costs its frame only. */
TEST_F(tunnel, bad_segments)
{
	struct virtio_net_hdr hdr = { .gso_type = 0x20, .gso_size = 100 };
	uint8_t frame[200] = {}, in[200];

	ASSERT_EQ(0, open_nic(&self->nic, variant->path,
			      F_VERSION_1 | F_MRG_RXBUF, 0));
	for (unsigned int type = 0; type < 256; type++) {
		hdr.gso_type = type;
		hdr.flags = type & 1 ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0;
		ASSERT_EQ(0, nic_send(&self->nic, NULL, &hdr, frame,
				      sizeof(frame)));
	}
	while (wire_recv(self->nic.wire, NULL, in, sizeof(in), 200) >= 0)
		;
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
}

TEST_HARNESS_MAIN
