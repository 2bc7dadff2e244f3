// SPDX-License-Identifier: GPL-2.0-only
/* Every kind of backend, both ways, on both devices. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "devices.h"

#define ROUNDS	100

FIXTURE(backends) {
	struct nic nic;
};

ON_BOTH_DEVICES(backends);

FIXTURE_SETUP(backends)
{
	nic_init(&self->nic);
}

FIXTURE_TEARDOWN(backends)
{
	nic_close(&self->nic);
}

/* A stopped NIC in a namespace with a veth pair, v0 and v1. */
static int open_nic(struct nic *n, const char *path, uint64_t features)
{
	struct nic_opts o = {
		.path = path,
		.features = features,
		.stopped = true,
	};
	int ret = nic_open(n, &o);

	if (ret)
		return ret;
	if (system("ip link add v0 type veth peer name v1"))
		return -EIO;
	return link_up("v0", 0) ?: link_up("v1", 0);
}

/* Take another backend than the tap, and what is behind it. */
static int use(struct nic *n, int fd, const char *wire)
{
	close(n->tap);
	close(n->wire);
	n->tap = fd;
	n->wire = wire_open(wire, false);
	return fd < 0 ? fd : n->wire < 0 ? n->wire : vmm_start(&n->vmm, fd);
}

static int ping(struct nic *n)
{
	int ret = 0;

	/* More than one page, so that not only batches are tried. */
	for (unsigned int i = 0; i < ROUNDS && !ret; i++)
		ret = nic_ping_tx(n, 60 + i * 14, i) ?:
		      nic_ping_rx(n, 60 + i * 14, i);
	return ret;
}

static int counted(void)
{
	struct stats rx, tx;

	if (nic_stats(RX, &rx) || nic_stats(TX, &tx))
		return -1;
	if (stats_drops(&rx) || stats_drops(&tx))
		return -2;
	return rx.packets == ROUNDS && tx.packets == ROUNDS ? 0 : -3;
}

/* The character device that a tap has besides its link; open, or -errno. */
static int open_tap_node(const char *link, const char *type)
{
	char sys[64], path[160], node[64];
	unsigned int ma, mi;
	int fd = -ENOENT;
	FILE *f;

	/* The mounted one shows the links of another namespace. */
	snprintf(sys, sizeof(sys), "/tmp/sys.%d", getpid());
	if (mkdir(sys, 0700) || mount("sysfs", sys, "sysfs", 0, NULL))
		return -errno;
	snprintf(path, sizeof(path), "%s/class/net/%s/%s/tap%u/dev", sys, link,
		 type, if_nametoindex(link));
	f = fopen(path, "re");
	if (f) {
		snprintf(node, sizeof(node), "/tmp/tap.%d", getpid());
		if (fscanf(f, "%u:%u", &ma, &mi) == 2 &&
		    !mknod(node, S_IFCHR | 0600, makedev(ma, mi))) {
			fd = open(node, O_RDWR | O_NONBLOCK | O_CLOEXEC);
			if (fd < 0)
				fd = -errno;
			unlink(node);
		}
		fclose(f);
	}
	umount(sys);
	rmdir(sys);
	return fd;
}

/* A tap on top of v0. */
static int open_tap_link(const char *type, const char *mode, int hdr_len)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	char command[96];
	int fd;

	snprintf(command, sizeof(command),
		 "ip link add link v0 name m0 type %s mode %s", type, mode);
	if (system(command) || link_up("m0", 0))
		return -EIO;
	fd = open_tap_node("m0", type);
	if (fd < 0)
		return fd;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "m0");
	if (ioctl(fd, TUNSETIFF, &ifr) ||
	    ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) ||
	    ioctl(fd, TUNSETOFFLOAD, 0)) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* An operator is told the tap's device. */
static int named(const char *want)
{
	struct stats s;
	int ret = nic_stats(RX, &s);

	if (!ret && strcmp(s.ifname, want)) {
		ksft_print_msg("the device is \"%s\", not \"%s\"\n", s.ifname, want);
		ret = -ENODEV;
	}
	return ret;
}

TEST_F(backends, macvtap)
{
	struct nic *n = &self->nic;
	int fd;

	ASSERT_EQ(0, open_nic(n, variant->path, F_VERSION_1 | F_MRG_RXBUF));
	fd = open_tap_link("macvtap", "passthru", 12);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(n, fd, "v1"));
	EXPECT_EQ(0, ping(n));
	if (variant->vhostx) {
		EXPECT_EQ(0, counted());
		EXPECT_EQ(0, named("m0"));
	}
}

/* It gets what is for its address, whoever the frame is for. */
static int ping_rx_ip(struct nic *n, size_t len, uint32_t seed)
{
	static uint8_t out[FRAME_MAX], in[FRAME_MAX];
	struct virtio_net_hdr hdr;
	int ret;

	nic_fill_rx(n, 1, 2048);
	frame_udp(out, len, seed, &hdr);
	ret = wire_send(n->wire, NULL, out, len) ?:
	      nic_recv(n, NULL, in, sizeof(in), NIC_TIMEOUT);
	if (ret < 0)
		return ret;
	return (size_t)ret == len && !memcmp(in, out, len) ? 0 : -EBADMSG;
}

TEST_F(backends, ipvtap)
{
	struct nic *n = &self->nic;
	int fd;

	ASSERT_EQ(0, open_nic(n, variant->path, F_VERSION_1 | F_MRG_RXBUF));
	fd = open_tap_link("ipvtap", "l2", 12);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, system("ip addr add 10.1.0.2/24 dev m0"));
	ASSERT_EQ(0, use(n, fd, "v1"));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, nic_ping_tx(n, 60 + i * 14, i));
		ASSERT_EQ(0, ping_rx_ip(n, 60 + i * 14, i));
	}
	if (variant->vhostx) {
		EXPECT_EQ(0, counted());
		EXPECT_EQ(0, named("m0"));
	}
}

static int open_packet(bool vnet)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex("v0"),
	};
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if ((vnet && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one,
				sizeof(one))) ||
	    bind(fd, (struct sockaddr *)&sll, sizeof(sll))) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* The socket takes and gives headers, of ten bytes. */
TEST_F(backends, packet_with_headers)
{
	struct nic *n = &self->nic;

	ASSERT_EQ(0, open_nic(n, variant->path, F_INDIRECT));
	ASSERT_EQ(0, use(n, open_packet(true), "v1"));
	EXPECT_EQ(0, ping(n));
	if (variant->vhostx) {
		EXPECT_EQ(0, counted());
	}
}

/* It knows none: the device makes them and takes them off. */
TEST_F(backends, packet_without_headers)
{
	struct nic *n = &self->nic;

	ASSERT_EQ(0, open_nic(n, variant->path, F_VNET_HDR | F_MRG_RXBUF));
	ASSERT_EQ(0, use(n, open_packet(false), "v1"));
	EXPECT_EQ(0, ping(n));
	if (variant->vhostx) {
		EXPECT_EQ(0, counted());
	}
}

/* Other sockets are none. */
TEST_F(backends, other_sockets)
{
	static const struct { int family, type, protocol; } other[] = {
		{ AF_INET, SOCK_DGRAM, 0 }, { AF_INET, SOCK_STREAM, 0 },
		{ AF_INET, SOCK_RAW, IPPROTO_RAW }, { AF_UNIX, SOCK_DGRAM, 0 },
		{ AF_UNIX, SOCK_STREAM, 0 }, { AF_PACKET, SOCK_DGRAM, 0 },
		{ AF_NETLINK, SOCK_RAW, 0 }, { AF_INET6, SOCK_DGRAM, 0 },
	};
	struct nic *n = &self->nic;

	ASSERT_EQ(0, open_nic(n, variant->path, F_VERSION_1));
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		int fd = socket(other[i].family, other[i].type,
				other[i].protocol);

		ASSERT_LE(0, fd);
		EXPECT_EQ(-ENOTSOCK, vmm_backend(&n->vmm, RX, fd)) {
			TH_LOG("socket %zu", i);
		}
		close(fd);
	}
}

TEST_F(backends, one_way_only)
{
	struct nic *n = &self->nic;

	ASSERT_EQ(0, open_nic(n, variant->path, F_VERSION_1 | F_MRG_RXBUF));
	ASSERT_EQ(0, vmm_backend(&n->vmm, TX, n->tap));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, nic_ping_tx(n, 100, i));
	}
	ASSERT_EQ(0, vmm_backend(&n->vmm, TX, -1));
	ASSERT_EQ(0, vmm_backend(&n->vmm, RX, n->tap));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, nic_ping_rx(n, 100, i));
	}
}

/* A live queue goes from one backend to another. */
TEST_F(backends, changed_under_a_live_queue)
{
	struct nic *n = &self->nic;
	int tap, packet;

	ASSERT_EQ(0, open_nic(n, variant->path, F_VNET_HDR | F_MRG_RXBUF));
	packet = open_packet(false);
	ASSERT_LE(0, packet);
	tap = dup(n->tap);
	ASSERT_EQ(0, use(n, packet, "v1"));
	for (unsigned int i = 0; i < 10; i++) {
		ASSERT_EQ(0, nic_ping_tx(n, 100, i));
		ASSERT_EQ(0, nic_ping_rx(n, 100, i));
		ASSERT_EQ(0, vmm_start(&n->vmm, tap));
		ASSERT_EQ(0, vmm_start(&n->vmm, packet));
	}
	close(tap);
}

TEST_HARNESS_MAIN
