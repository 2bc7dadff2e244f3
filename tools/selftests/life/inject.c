// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations and copies that fail, one after the other: the nth of a system call, or of a
 * worker. Needs a kernel with fault injection. Linked so that this is called in place of
 * ioctl() and write().
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices.h"
#include "drive.h"
#include "file.h"
#include "inject.h"
#include "iotlb.h"
#include "netlink.h"

#define FEATURES	(F_VERSION_1 | F_MRG_RXBUF)
#define MOST		2000	/* places in one call; a fork has hundreds */
#define WORKER_FAULTS	60
#define PRINTK		"/proc/sys/kernel/printk"

/* A call fails at every place where it can before it is let through. */
static bool armed;
static unsigned int injected, tolerated;

/* Let the nth place from now on fail in a thread; 0 ends it. */
static void fail_nth(int fd, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n), tries = 2;

	/* This very call may meet the last one. */
	while (tries-- && pwrite(fd, text, len, 0) != len)
		if (errno != EFAULT || !tries)
			abort();
}

/* Whether that place was met since: where it was not, this look may meet it. */
static bool has_failed(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0) {
		if (errno != EFAULT)
			abort();
		return false;
	}
	return !atoi(text);
}

static int open_fail_nth(int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", tid);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* The fault that the next call arms itself with: what it does before meets none. */
static struct {
	int fd;
	unsigned int nth;
} next_fault;

static void arm(void)
{
	if (next_fault.nth)
		fail_nth(next_fault.fd, next_fault.nth);
}

/* What a fault may look like to the caller; EINVAL where a message is cut short. */
static bool is_honest(int error)
{
	return error == ENOMEM || error == EFAULT || error == ENOBUFS || error == EAGAIN ||
	       error == EINVAL;
}

/*
 * With the faults of one call: its answer as soon as it meets none, or succeeds in spite
 * of one and would not a second time.
 */
static long with_faults(long (*call)(const void *arg), const void *arg, bool once)
{
	int fd = open_fail_nth(gettid());
	unsigned int n;
	long ret = -1;

	if (fd < 0)
		abort();
	for (n = 1; n < MOST; n++) {
		int error;

		next_fault.fd = fd;
		next_fault.nth = n;
		ret = call(arg);
		error = errno;
		next_fault.nth = 0;
		if (!has_failed(fd)) {
			fail_nth(fd, 0);
			errno = error;
			break;
		}
		injected++;
		errno = error;
		tolerated += ret >= 0;
		if (ret >= 0 ? once : !is_honest(error))
			break;
	}
	close(fd);
	return n < MOST ? ret : -1;
}

struct ioctl_args {
	int fd;
	unsigned long req;
	void *arg;
};

static long do_ioctl(const void *arg)
{
	const struct ioctl_args *a = arg;

	arm();
	return __real_ioctl(a->fd, a->req, a->arg);
}

int __wrap_ioctl(int fd, unsigned long req, ...)
{
	struct ioctl_args a = { .fd = fd, .req = req };
	va_list list;

	va_start(list, req);
	a.arg = va_arg(list, void *);
	va_end(list);
	if (!armed || _IOC_TYPE(req) != VHOST_VIRTIO)
		return do_ioctl(&a);
	return with_faults(do_ioctl, &a, req == VHOST_SET_OWNER || req == VHOST_NEW_WORKER);
}

struct write_args {
	int fd;
	const void *buf;
	size_t len;
};

static long do_write(const void *arg)
{
	const struct write_args *a = arg;

	arm();
	return __real_write(a->fd, a->buf, a->len);
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	struct write_args a = { .fd = fd, .buf = buf, .len = len };

	return armed ? with_faults(do_write, &a, false) : do_write(&a);
}

FIXTURE(inject) {
	struct nic nic;
	struct iotlb iotlb;
	struct drive drive;
	char levels[64];	/* what the console is told */
};

/*
 * kmemleak tells of its own allocations that fail under a lock which, by lockdep's rules, a
 * console must not be written under: so the log alone is told, until the end.
 */
static int console_hush(char *levels, size_t size)
{
	int fd = open(PRINTK, O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, levels, size - 1);

	close(fd);
	if (len <= 0)
		return -1;
	levels[len] = 0;
	return write_file(PRINTK, "1");
}

FIXTURE_SETUP(inject)
{
	static const char * const where[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char path[80];

	armed = false;
	injected = 0;
	tolerated = 0;
	nic_init(&self->nic);
	if (access("/proc/self/fail-nth", F_OK))
		SKIP(return, "this kernel has no fault injection");
	for (unsigned int i = 0; i < ARRAY_SIZE(where); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/verbose", where[i]);
		ASSERT_EQ(0, write_file(path, "0"));
		/* Allocations that may wait fail as well. */
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/ignore-gfp-wait", where[i]);
		ASSERT_TRUE(!write_file(path, "N") || i == 2);
	}
	ASSERT_EQ(0, write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0"));
	ASSERT_EQ(0, console_hush(self->levels, sizeof(self->levels)));
}

FIXTURE_TEARDOWN(inject)
{
	armed = false;
	nic_close(&self->nic);
	EXPECT_TRUE(!self->levels[0] || !write_file(PRINTK, self->levels));
	EXPECT_EQ(0, workers_left(getpid()));
}

/* Each call of a device's life leaves nothing behind when it fails. */
TEST_F_TIMEOUT(inject, set_up, 300)
{
	struct nic_opts o = { .path = DEV_VHOSTX, .features = FEATURES, .stopped = true };
	struct nic *n = &self->nic;
	struct vhost_vring_worker v = { .index = TX };
	struct vhost_worker_state w = {};

	armed = true;
	ASSERT_EQ(0, nic_open(n, &o));
	ASSERT_EQ(0, dev_ioctl(n->vmm.fd, VHOST_NEW_WORKER, &w));
	/* Those that failed have taken no number, and no thread stays. */
	EXPECT_EQ(1, w.worker_id);
	EXPECT_EQ(2, workers_come_to(getpid(), 2));
	v.worker_id = w.worker_id;
	ASSERT_EQ(0, dev_ioctl(n->vmm.fd, VHOST_ATTACH_VRING_WORKER, &v));
	ASSERT_EQ(0, vmm_start(&n->vmm, n->tap));
	armed = false;
	EXPECT_EQ(0, drive_works(n));

	armed = true;
	EXPECT_EQ(0, vmm_set_mem(&n->vmm));
	EXPECT_EQ(0, vmm_stop(&n->vmm));
	EXPECT_LE(0, vmm_get_base(&n->vmm, TX));
	EXPECT_EQ(0, vmm_start(&n->vmm, n->tap));
	armed = false;
	EXPECT_EQ(0, drive_works(n));
	TH_LOG("%u faults, %u of them tolerated", injected, tolerated);
	EXPECT_LT(30, injected);
}

/* A device that cannot be opened whole is not there. */
TEST_F(inject, opening)
{
	int fail = open_fail_nth(gettid()), fd = -1;

	ASSERT_LE(0, fail);
	for (unsigned int n = 1; n < MOST; n++) {
		fail_nth(fail, n);
		fd = open(DEV_VHOSTX, O_RDWR | O_CLOEXEC);
		if (!has_failed(fail))
			break;
		injected++;
		EXPECT_TRUE(fd >= 0 || is_honest(errno)) {
			TH_LOG("fault %u: %s", n, strerror(errno));
		}
		EXPECT_EQ(fd >= 0, stats_devices());
		if (fd >= 0)
			close(fd);
	}
	fail_nth(fail, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, stats_devices());
	TH_LOG("%u faults", injected);
	EXPECT_LT(3, injected);
	close(fd);
	close(fail);
}

/* Messages to the IOTLB, and a device that is served by one. */
TEST_F_TIMEOUT(inject, iotlb, 300)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = FEATURES | F_ACCESS_PLATFORM,
		.stopped = true,
	};
	struct nic *n = &self->nic;

	ASSERT_EQ(0, nic_open(n, &o));
	ASSERT_EQ(0, iotlb_use_v2(n->vmm.fd, true));
	ASSERT_EQ(0, iotlb_open(&self->iotlb, &n->vmm, true));
	armed = true;
	ASSERT_EQ(0, iotlb_map_rings(&self->iotlb));
	ASSERT_EQ(0, vmm_start(&n->vmm, n->tap));
	armed = false;
	ASSERT_EQ(0, iotlb_serve(&self->iotlb));
	EXPECT_EQ(0, drive_works(n));
	EXPECT_EQ(0, iotlb_rest(&self->iotlb));
	EXPECT_EQ(0, vmm_stop(&n->vmm));
	iotlb_close(&self->iotlb);
	TH_LOG("%u faults, %u of them tolerated", injected, tolerated);
	EXPECT_LT(10, injected);
}

static const struct nl_order orders[] = {
	{ VHOSTX_CMD_DEV_GET, 0, { { VHOSTX_A_DEV_ID, 0 } } },
	{ VHOSTX_CMD_DEV_GET, NLM_F_DUMP, { { 0 } } },
	{ VHOSTX_CMD_DEV_SET, 0,
	  { { VHOSTX_A_DEV_ID, 0 }, { VHOSTX_A_DEV_LAYOUT, VHOSTX_LAYOUT_SPLIT } } },
	{ VHOSTX_CMD_DEV_SET, 0,
	  { { VHOSTX_A_DEV_ID, 0 }, { VHOSTX_A_DEV_LAYOUT, VHOSTX_LAYOUT_POOL },
	    { VHOSTX_A_DEV_POOL_SIZE, 3 } } },
	{ VHOSTX_CMD_QUEUE_GET, NLM_F_DUMP, { { 0 } } },
	{ VHOSTX_CMD_QUEUE_SET, 0,
	  { { VHOSTX_A_QUEUE_DEV_ID, 0 }, { VHOSTX_A_QUEUE_ID, VHOSTX_QUEUE_ID_TX },
	    { VHOSTX_A_QUEUE_BATCH, 7 } } },
	{ VHOSTX_CMD_WORKER_GET, NLM_F_DUMP, { { 0 } } },
};

static long give_order(const void *arg)
{
	struct nlmsghdr *nlh;
	struct nl nl;
	int ret = nl_open(&nl);

	if (!ret) {
		nlh = nl_order(&nl, arg);
		arm();
		ret = nl_talk(&nl, nlh, NULL, NULL);
		nl_close(&nl);
	}
	errno = -ret;
	return ret ? -1 : 0;
}

TEST_F_TIMEOUT(inject, orders, 300)
{
	struct nic_opts o = { .path = DEV_VHOSTX, .features = FEATURES };

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		EXPECT_EQ(0, with_faults(give_order, &orders[i], false)) {
			TH_LOG("order %u: %s", i, strerror(errno));
		}
		EXPECT_EQ(0, give_order(&orders[i]));
		EXPECT_EQ(0, drive_works(&self->nic));
	}
	TH_LOG("%u faults, %u of them tolerated", injected, tolerated);
	EXPECT_LT(50, injected);
}

/* From the beginning again, after it broke. */
static int restart(struct nic *n)
{
	int ret = vmm_stop(&n->vmm);

	for (int i = 0; !ret && i < 2; i++)
		ret = vmm_setup_vq(&n->vmm, i, 0);
	return ret ?: vmm_start(&n->vmm, n->tap);
}

/* Under traffic: a frame is dropped, or the queue says that it is broken. */
TEST_F_TIMEOUT(inject, worker, 600)
{
	struct nic_opts o = { .path = DEV_VHOSTX, .features = FEATURES };
	unsigned int broken = 0, dropped = 0;
	struct nic *n = &self->nic;
	struct stats rx, tx;
	int fail;

	ASSERT_EQ(0, nic_open(n, &o));
	fail = open_fail_nth(worker_find(getpid(), 0));
	ASSERT_LE(0, fail);
	for (unsigned int i = 1; i <= WORKER_FAULTS; i++) {
		ASSERT_EQ(0, drive_start(&self->drive, n));
		fail_nth(fail, i);
		for (int ms = 0; ms < 1000 && !has_failed(fail); ms++)
			usleep(1000);
		injected += has_failed(fail);
		fail_nth(fail, 0);
		drive_stop(&self->drive);
		ASSERT_EQ(0, nic_stats(RX, &rx));
		ASSERT_EQ(0, nic_stats(TX, &tx));
		if (!strcmp(rx.state, "broken") || !strcmp(tx.state, "broken")) {
			broken++;
			ASSERT_EQ(0, restart(n));
		}
		ASSERT_EQ(0, drive_works(n)) {
			TH_LOG("fault %u, rx %s %s, tx %s %s", i, rx.state, rx.reason, tx.state,
			       tx.reason);
		}
	}
	ASSERT_EQ(0, nic_stats(RX, &rx));
	ASSERT_EQ(0, nic_stats(TX, &tx));
	dropped = stats_drops(&rx) + stats_drops(&tx);
	TH_LOG("%u faults: %u dropped, %u times broken", injected, dropped, broken);
	EXPECT_LT(WORKER_FAULTS / 2, injected);
	close(fail);
}

TEST_HARNESS_MAIN
