// SPDX-License-Identifier: GPL-2.0-only
/* Files: what a queue listens to, signals and is connected to. */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "answers.h"

#define RO_USED	"vhostx asks that the used ring may be written, vhost-net that it may be read"
#define DROPS	FORGETS "; " KEEPS

enum kind {
	EVENTFD, FULL, DEV_NULL, REGULAR, DIRECTORY, PIPE, EPOLL, UDP, TCP, ICMP, UNIX,
	NETLINK, COOKED, PACKET, TUN, TAP, TAP_GONE,
};

/* An eventfd that a kernel's signal filled to the brim: polling it is an error. */
static int full_eventfd(void)
{
	static char byte;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), in = open("/dev/zero", O_RDONLY);
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = in,
		.aio_buf = (uintptr_t)&byte,
		.aio_nbytes = 1,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = fd,
	}, *list[] = { &cb };
	uint64_t most = -2ULL;
	aio_context_t ctx = 0;

	if (write(fd, &most, sizeof(most)) != sizeof(most) ||
	    syscall(SYS_io_setup, 1, &ctx) || syscall(SYS_io_submit, ctx, 1, list) != 1)
		err(1, "an eventfd that is full");
	syscall(SYS_io_destroy, ctx);
	close(in);
	return fd;
}

static int deleted_tap(void)
{
	const struct tap_opts o = {};
	int fd = tap_open("tap1", &o);

	link_del("tap1");
	return fd;
}

static int pipe_end(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	close(ends[1]);
	return ends[0];
}

static int open_kind(enum kind kind)
{
	const struct tap_opts o = {};

	switch (kind) {
	case EVENTFD:
		return eventfd(0, EFD_CLOEXEC);
	case FULL:
		return full_eventfd();
	case DEV_NULL:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case REGULAR:
		return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	case DIRECTORY:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case PIPE:
		return pipe_end();
	case EPOLL:
		return epoll_create1(EPOLL_CLOEXEC);
	case UDP:
		return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case TCP:
		return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case ICMP:
		return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	case UNIX:
		return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case NETLINK:
		return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	case COOKED:
		return socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case PACKET:
		return wire_open("tap0", false);
	case TUN:
		return open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	case TAP:
		return tap_open("tap1", &o);
	case TAP_GONE:
		return deleted_tap();
	}
	return -1;
}

static long give(struct dev *d, const struct row *r, int fd)
{
	return r->req == VHOST_SET_LOG_FD ? vmm_set_log_fd(&d->v, fd) :
					    vmm_vring_file(&d->v, r->req, TX, fd);
}

/* A number, for which there may be no file. */
static long ask_number(struct dev *d, const struct row *r)
{
	return give(d, r, r->arg);
}

static long ask_kind(struct dev *d, const struct row *r)
{
	return give(d, r, answers_keep(d, open_kind(r->arg)));
}

static long ask_kind_twice(struct dev *d, const struct row *r)
{
	int fd = answers_keep(d, open_kind(r->arg));

	return give(d, r, fd) ?: give(d, r, fd);
}

static long ask_itself(struct dev *d, const struct row *r)
{
	return give(d, r, d->v.fd);
}

static long ask_tap(struct dev *d, const struct row *r)
{
	return give(d, r, answers_tap());
}

static long ask_tap_queue(struct dev *d, const struct row *r)
{
	return vmm_backend(&d->v, r->arg, answers_tap());
}

/* With the eventfd taken away that the row's argument is for. */
static long ask_tap_without_kick(struct dev *d, const struct row *r)
{
	return vmm_vring_file(&d->v, r->arg, TX, -1) ?: ask_tap(d, r);
}

static int no_ring(struct dev *d)
{
	return owned(d) ?: vmm_set_mem(&d->v);
}

static int no_memory(struct dev *d)
{
	int ret = owned(d);
	struct vhost_vring_addr a = {
		.index = TX,
		.desc_user_addr = (uintptr_t)d->v.mem,
		.avail_user_addr = (uintptr_t)d->v.mem + 4096,
		.used_user_addr = (uintptr_t)d->v.mem + 8192,
	};

	return ret ?: ask(d, VHOST_SET_VRING_ADDR, &a);
}

static int memory_reset(struct dev *d)
{
	return ready(d) ?: ask(d, VHOST_RESET_OWNER, NULL) ?:
	       ask(d, VHOST_SET_OWNER, NULL) ?: vmm_setup_vq(&d->v, TX, 0);
}

static int protect_used(struct dev *d, int prot)
{
	return mprotect(d->v.vq[TX].used, 4096, prot) ? -errno : 0;
}

static int used_unreadable(struct dev *d)
{
	return ready(d) ?: protect_used(d, PROT_NONE);
}

static int used_read_only(struct dev *d)
{
	return ready(d) ?: protect_used(d, PROT_READ);
}

/* VHOST_F_LOG_ALL, and no place for the log. */
static int log_of_kernel(struct dev *d)
{
	return ready(d) ?: vmm_set_log(&d->v, KERNEL_ADDR) ?:
	       vmm_set_features(&d->v, d->v.features | F_LOG_ALL);
}

/* The same for TX's used ring alone. */
static int used_log_of_kernel(struct dev *d)
{
	return ready(d) ?: vmm_set_log(&d->v, KERNEL_ADDR) ?:
	       vmm_set_addr_logged(&d->v, TX, VMM_GPA);
}

/* RX runs and refused another log; TX does not. */
static int log_refused(struct dev *d)
{
	return ready(d) ?: vmm_set_features(&d->v, d->v.features | F_LOG_ALL) ?:
	       vmm_set_log(&d->v, SOMEWHERE) ?:
	       vmm_backend(&d->v, RX, answers_tap()) ?:
	       (vmm_set_log(&d->v, KERNEL_ADDR) == -EFAULT ? 0 : -EPROTO);
}

static int used_translated(struct dev *d)
{
	return translated(d) ?: iotlb_map_used(&d->t);
}

static int used_translated_read_only(struct dev *d)
{
	int ret = translated(d);
	uint64_t used;

	if (ret)
		return ret;
	used = iotlb_iova(&d->t, d->v.vq[TX].used);
	return iotlb_protect(&d->t, used, VHOST_ACCESS_RO) ?: iotlb_map(&d->t, used, 1);
}

/* Features are set again as the queue runs. */
static int emptied_live(struct dev *d)
{
	return translated_live(d) ?: vmm_set_features(&d->v, d->v.features);
}

/* Features are set again, or taken back, once all is set up. */
static int emptied(struct dev *d)
{
	return used_translated(d) ?: vmm_set_features(&d->v, d->v.features);
}

static int taken_back(struct dev *d)
{
	return used_translated(d) ?: vmm_set_features(&d->v, F_VERSION_1);
}

/* The same with rings at the owner's addresses, which need not be set again. */
static int taken_back_there(struct dev *d)
{
	int ret = translated(d);

	d->v.features = F_VERSION_1;
	return ret ?: vmm_set_addr(&d->v, TX) ?: vmm_set_features(&d->v, F_VERSION_1);
}

#define SIGNAL_AS(name, ioctl)							\
	CASE(name, ioctl, "-1", ready, ask_number, -1, "0"),			\
	CASE(name, ioctl, "-1, where none was set", owned, ask_number, -1, "0"),		\
	CASE(name, ioctl, "an eventfd", ready, ask_kind, EVENTFD, "0"),		\
	CASE(name, ioctl, "an eventfd twice", ready, ask_kind_twice, EVENTFD, "0"), \
	CASE(name, ioctl, "no open file", ready, ask_number, 999, "EBADF"),	\
	CASE(name, ioctl, "-2", ready, ask_number, -2, "EBADF"),		\
	CASE(name, ioctl, "/dev/null", ready, ask_kind, DEV_NULL, "EINVAL"),	\
	CASE(name, ioctl, "a pipe", ready, ask_kind, PIPE, "EINVAL"),		\
	CASE(name, ioctl, "a tap", ready, ask_tap, 0, "EINVAL"),		\
	CASE(name, ioctl, "the device itself", ready, ask_itself, 0, "EINVAL"),	\
	CASE(name, ioctl, "queues run: -1", live, ask_number, -1, "0"),		\
	CASE(name, ioctl, "queues run: an eventfd", live, ask_kind, EVENTFD, "0"), \
	CASE(name, ioctl, "queues run: no open file", live, ask_number, 999, "EBADF"), \
	CASE(name, ioctl, "queues run: /dev/null", live, ask_kind, DEV_NULL, "EINVAL")
#define SIGNAL(ioctl)	SIGNAL_AS(#ioctl, ioctl)

const struct row fd_rows[] = {
	OF_QUEUE(VHOST_SET_VRING_KICK),
	SIGNAL(VHOST_SET_VRING_KICK),
	ROW(VHOST_SET_VRING_KICK, "an eventfd whose counter ran over", ready, ask_kind, FULL,
	    "EINVAL"),
	ROW(VHOST_SET_VRING_KICK, "queues run: an eventfd whose counter ran over", live,
	    ask_kind, FULL, "EINVAL"),
	OF_QUEUE(VHOST_SET_VRING_CALL),
	SIGNAL(VHOST_SET_VRING_CALL),
	ROW(VHOST_SET_VRING_CALL, "an eventfd whose counter ran over", ready, ask_kind, FULL,
	    "0"),
	OF_QUEUE(VHOST_SET_VRING_ERR),
	SIGNAL(VHOST_SET_VRING_ERR),
	OWNED(VHOST_SET_LOG_FD),
	ROW(VHOST_SET_LOG_FD, "argument cannot be read", ready, ask_bad, 0, "EFAULT"),
	SIGNAL(VHOST_SET_LOG_FD),
	{}
};

#define BACKEND(text, state, how, with, ...) \
	ROW(VHOST_NET_SET_BACKEND, text, state, how, with, __VA_ARGS__)

const struct row backend_rows[] = {
	/* vhost-net, too, copies this one whole. */
	OF_QUEUE_AS("VHOST_NET_SET_BACKEND", VHOST_NET_SET_BACKEND, NULL, NULL),
	BACKEND("no owner, argument cannot be read", opened, ask_bad, 0, "EPERM", .why = COPIED),
	BACKEND("no owner: -1", opened, ask_number, -1, "EPERM"),
	BACKEND("no owner: a tap", opened, ask_tap, 0, "EPERM"),
	BACKEND("queue 0: a tap", ready, ask_tap_queue, RX, "0"),
	BACKEND("queue 1: a tap", ready, ask_tap_queue, TX, "0"),
	BACKEND("queue 2: a tap", ready, ask_tap_queue, 2, "ENOBUFS"),
	BACKEND("no kick eventfd", ready, ask_tap_without_kick, VHOST_SET_VRING_KICK, "0"),
	BACKEND("no call eventfd", ready, ask_tap_without_kick, VHOST_SET_VRING_CALL, "0"),
	BACKEND("nothing but an owner: a tap", owned, ask_tap, 0, "EFAULT"),
	BACKEND("nothing but an owner: no open file", owned, ask_number, 999, "EFAULT"),
	BACKEND("nothing but an owner: -1", owned, ask_number, -1, "0", .why = DETACH),
	BACKEND("no ring", no_ring, ask_tap, 0, "EFAULT"),
	BACKEND("no memory table", no_memory, ask_tap, 0, "EFAULT"),
	BACKEND("no memory table since VHOST_RESET_OWNER", memory_reset, ask_tap, 0, "EFAULT",
		.why = EMPTY),
	BACKEND("no memory table: -1", no_memory, ask_number, -1, "0", .why = DETACH),

	BACKEND("-1", ready, ask_number, -1, "0"),
	BACKEND("no open file", ready, ask_number, 999, "ENOTSOCK"),
	BACKEND("-2", ready, ask_number, -2, "ENOTSOCK"),
	BACKEND("a regular file", ready, ask_kind, REGULAR, "ENOTSOCK"),
	BACKEND("a directory", ready, ask_kind, DIRECTORY, "ENOTSOCK"),
	BACKEND("/dev/null", ready, ask_kind, DEV_NULL, "ENOTSOCK"),
	BACKEND("an eventfd", ready, ask_kind, EVENTFD, "ENOTSOCK"),
	BACKEND("an epoll file", ready, ask_kind, EPOLL, "ENOTSOCK"),
	BACKEND("a pipe", ready, ask_kind, PIPE, "ENOTSOCK"),
	BACKEND("a UDP socket", ready, ask_kind, UDP, "ENOTSOCK"),
	BACKEND("a TCP socket", ready, ask_kind, TCP, "ENOTSOCK"),
	BACKEND("a raw ICMP socket", ready, ask_kind, ICMP, "ENOTSOCK"),
	BACKEND("a Unix socket", ready, ask_kind, UNIX, "ENOTSOCK"),
	BACKEND("a netlink socket", ready, ask_kind, NETLINK, "ENOTSOCK"),
	BACKEND("a packet socket of type SOCK_DGRAM", ready, ask_kind, COOKED, "ENOTSOCK"),
	BACKEND("the device itself", ready, ask_itself, 0, "ENOTSOCK"),
	BACKEND("a raw packet socket", ready, ask_kind, PACKET, "0"),
	BACKEND("/dev/net/tun without a device", ready, ask_kind, TUN, "EINVAL"),
	BACKEND("a tap that was deleted", ready, ask_kind, TAP_GONE, "EINVAL"),
	BACKEND("a tap twice", ready, ask_kind_twice, TAP, "0"),

	BACKEND("the queue runs: the same tap", live, ask_tap, 0, "0"),
	BACKEND("the queue runs: another tap", live, ask_kind, TAP, "0"),
	BACKEND("the queue runs: a raw packet socket", live, ask_kind, PACKET, "0"),
	BACKEND("the queue runs: -1", live, ask_number, -1, "0"),
	BACKEND("the queue runs: no open file", live, ask_number, 999, "ENOTSOCK"),
	BACKEND("the queue runs: a UDP socket", live, ask_kind, UDP, "ENOTSOCK"),
	BACKEND("the queue runs: /dev/net/tun without a device", live, ask_kind, TUN, "EINVAL"),

	BACKEND("used ring cannot be read", used_unreadable, ask_tap, 0, "EFAULT"),
	BACKEND("used ring cannot be read: -1", used_unreadable, ask_number, -1, "0"),
	BACKEND("used ring cannot be written", used_read_only, ask_tap, 0, "EFAULT"),
	BACKEND("VHOST_F_LOG_ALL, a log in the kernel's half", log_of_kernel, ask_tap, 0,
		"EFAULT"),
	BACKEND("VHOST_F_LOG_ALL, a log in the kernel's half: -1", log_of_kernel, ask_number,
		-1, "0", .why = DETACH),
	BACKEND("log of the used ring in the kernel's half", used_log_of_kernel, ask_tap, 0,
		"EFAULT"),
	BACKEND("log of the other used ring in the kernel's half", used_log_of_kernel,
		ask_tap_queue, RX, "0"),
	BACKEND("VHOST_SET_LOG_BASE failed as the other queue runs", log_refused, ask_tap, 0,
		"0", .why = BOTH),

	BACKEND("behind an IOMMU: no translation", translated, ask_tap, 0, "EFAULT"),
	BACKEND("behind an IOMMU: no translation: -1", translated, ask_number, -1, "0"),
	BACKEND("behind an IOMMU: a translation of the used index", used_translated, ask_tap, 0,
		"0"),
	BACKEND("behind an IOMMU: one that allows to read it", used_translated_read_only,
		ask_tap, 0, "EFAULT", .why = RO_USED),
	BACKEND("behind an IOMMU: VHOST_SET_FEATURES again after the translations", emptied,
		ask_tap, 0, "EFAULT"),
	BACKEND("behind an IOMMU, the queue runs, VHOST_SET_FEATURES again: another tap",
		emptied_live, ask_kind, TAP, "0", .why = EMPTIES),
	BACKEND("no more behind an IOMMU, the ring's addresses not set again", taken_back,
		ask_tap, 0, "EFAULT", .why = KEEPS),
	BACKEND("no more behind an IOMMU, the ring where the owner has it", taken_back_there,
		ask_tap, 0, "0", .why = DROPS),
	{}
};
