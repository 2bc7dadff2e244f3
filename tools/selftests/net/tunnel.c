// SPDX-License-Identifier: GPL-2.0-only
/* The 24-byte header of drivers that know segments of UDP tunnels. */
#include <string.h>
#include <linux/if_tun.h>

#include "devices.h"

#define HDR_LEN		24
/* In the second word of features. */
#define F_GUEST_TUNNEL	BIT64(65 - 64)
#define F_HOST_TUNNEL	BIT64(67 - 64)

FIXTURE(tunnel) {
	struct nic nic;
	bool offered;
};

ON_BOTH_DEVICES(tunnel);

/* A stopped NIC with the features in the array, or -ENOTTY where there is none. */
static int open_nic(struct nic *n, const char *path, uint64_t first,
		    int tap_hdr_len)
{
	struct nic_opts o = {
		.path = path,
		.features = first,
		.tap = { .hdr_len = tap_hdr_len, .no_vnet_hdr = !tap_hdr_len },
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
			      F_VERSION_1 | F_MRG_RXBUF, HDR_LEN));
	EXPECT_EQ(0, ping(&self->nic, true));
}

/* vhost-net leaves what was in the buffer behind the first ten bytes and the count. */
TEST_F(tunnel, header_of_the_device)
{
	ASSERT_EQ(0, open_nic(&self->nic, variant->path,
			      F_VERSION_1 | F_MRG_RXBUF | F_VNET_HDR, 0));
	EXPECT_EQ(0, ping(&self->nic, variant->vhostx));
}

/* A type of segment that the tap cannot make sense of costs its frame only. */
TEST_F(tunnel, bad_segments)
{
	struct virtio_net_hdr hdr = { .gso_type = 0x20, .gso_size = 100 };
	uint8_t frame[200] = {}, in[200];

	ASSERT_EQ(0, open_nic(&self->nic, variant->path,
			      F_VERSION_1 | F_MRG_RXBUF, HDR_LEN));
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
