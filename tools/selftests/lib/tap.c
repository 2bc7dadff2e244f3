// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "file.h"
#include "tap.h"

#define WIRE_BUF	(64 << 20)

int netns_new(void)
{
	int ret;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	/* No frame may pass that the test did not send. */
	ret = write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	if (ret == -ENOENT)
		ret = 0;
	return ret;
}

static int if_ioctl(const char *name, unsigned long req, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;

	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	if (ioctl(fd, req, ifr) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int link_up(const char *name, int mtu)
{
	struct ifreq ifr = { .ifr_mtu = mtu };
	int ret = 0;

	if (mtu)
		ret = if_ioctl(name, SIOCSIFMTU, &ifr);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP;
	return ret ? ret : if_ioctl(name, SIOCSIFFLAGS, &ifr);
}

int tap_open(const char *name, const struct tap_opts *o)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | o->flags };
	int fd, ret, hdr_len = o->hdr_len ? o->hdr_len : 12;

	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!o->no_vnet_hdr)
		ifr.ifr_flags |= IFF_VNET_HDR;
	if (o->multi_queue)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		goto err;
	if (!o->no_vnet_hdr && ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) < 0)
		goto err;
	if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)o->offloads) < 0)
		goto err;
	ret = link_up(name, o->mtu);
	if (!ret)
		return fd;
	errno = -ret;
err:
	ret = -errno;
	close(fd);
	return ret;
}

int link_del(const char *name)
{
	struct {
		struct nlmsghdr nh;
		struct ifinfomsg ifi;
	} req = {
		.nh.nlmsg_len = sizeof(req),
		.nh.nlmsg_type = RTM_DELLINK,
		.nh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
	};
	struct {
		struct nlmsghdr nh;
		struct nlmsgerr err;
		char rest[256];
	} ack;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int ret = 0;

	if (fd < 0)
		return -errno;
	req.ifi.ifi_index = if_nametoindex(name);
	if (!req.ifi.ifi_index ||
	    send(fd, &req, sizeof(req), 0) < 0 ||
	    recv(fd, &ack, sizeof(ack), 0) < (ssize_t)sizeof(ack.nh) + 4)
		ret = -errno;
	else
		ret = ack.err.error;
	close(fd);
	return ret;
}

int bridge_two(const char *br, const char *a, const char *b)
{
	const char * const port[] = { a, b };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0, i;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCBRADDBR, br) < 0)
		ret = -errno;
	close(fd);
	for (i = 0; !ret && i < 2; i++) {
		struct ifreq ifr = { .ifr_ifindex = if_nametoindex(port[i]) };

		ret = if_ioctl(br, SIOCBRADDIF, &ifr);
	}
	return ret ? ret : link_up(br, 0);
}

int vlan_add(const char *name, unsigned int id)
{
	struct vlan_ioctl_args args = { .cmd = ADD_VLAN_CMD, .u.VID = id };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;

	if (fd < 0)
		return -errno;
	snprintf(args.device1, sizeof(args.device1), "%s", name);
	if (ioctl(fd, SIOCSIFVLAN, &args) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int link_sent(const char *name, uint64_t *packets, uint64_t *bytes)
{
	/* That of this process's network namespace. */
	FILE *f = fopen("/proc/thread-self/net/dev", "re");
	int ret = -ENODEV;
	char line[512];

	if (!f)
		return -errno;
	while (ret && fgets(line, sizeof(line), f)) {
		unsigned long long b, p;
		char dev[64];

		if (sscanf(line, " %63[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %llu %llu",
			   dev, &b, &p) != 3 || strcmp(dev, name))
			continue;
		*packets = p;
		*bytes = b;
		ret = 0;
	}
	fclose(f);
	return ret;
}

int wire_open(const char *name, bool vnet)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(name),
	};
	int fd, one = 1, buf = WIRE_BUF, ret;

	/* Protocol 0 until bound, so that no other device's frames come. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if ((vnet && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one,
				sizeof(one)) < 0) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
		       sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buf,
		       sizeof(buf)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buf,
		       sizeof(buf)) < 0 ||
	    bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

int wire_send(int fd, const struct virtio_net_hdr *hdr, const void *frame,
	      size_t len)
{
	struct iovec iov[2] = {
		{ (void *)hdr, hdr ? sizeof(*hdr) : 0 },
		{ (void *)frame, len },
	};
	ssize_t n = writev(fd, iov, 2);

	if (n < 0)
		return -errno;
	return (size_t)n == len + iov[0].iov_len ? 0 : -EIO;
}

int wire_send_many(int fd, const struct virtio_net_hdr *hdr, const void *frame, size_t len,
		   unsigned int n)
{
	struct iovec iov[2] = {
		{ (void *)hdr, hdr ? sizeof(*hdr) : 0 },
		{ (void *)frame, len },
	};
	struct mmsghdr msg[WIRE_MOST];
	int sent;

	for (unsigned int i = 0; i < WIRE_MOST; i++)
		msg[i].msg_hdr = (struct msghdr){ .msg_iov = iov, .msg_iovlen = 2 };
	for (; n; n -= sent) {
		sent = sendmmsg(fd, msg, n < WIRE_MOST ? n : WIRE_MOST, 0);
		if (sent < 0)
			return -errno;
	}
	return 0;
}

int wire_recv(int fd, struct virtio_net_hdr *hdr, void *frame, size_t size,
	      int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct iovec iov[2] = {
		{ hdr, hdr ? sizeof(*hdr) : 0 },
		{ frame, size },
	};
	ssize_t n;

	n = readv(fd, iov, 2);
	if (n < 0 && errno == EAGAIN && timeout_ms &&
	    poll(&p, 1, timeout_ms) == 1)
		n = readv(fd, iov, 2);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n - iov[0].iov_len;
}
