// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log: VHOST_SET_LOG_BASE, _LOG_FD, F_LOG_ALL, VHOST_VRING_F_LOG. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "devices.h"
#include "dirty.h"

/* Not the owner's, nor is any bit behind it. */
#define KERNEL_ADDR	0xffff888000000000ULL
/* The bit of this page lies outside of the owner's half, see high_log(). */
#define TOP_GPA		(-4096ULL)
/* Where the used ring is logged. */
#define USED_GPA	(VMM_GPA + (1ULL << 30))
#define LOG_END		(VMM_GPA + (2ULL << 30))

FIXTURE(log) {
	struct nic nic;
	struct vmm *v;
	struct dirty log;
	uint64_t base;
	uint64_t with;
	uint64_t without;
};

ON_BOTH_DEVICES(log);

FIXTURE_SETUP(log)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.stopped = true,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->v = &self->nic.vmm;
	self->without = o.features;
	self->with = o.features | F_LOG_ALL;
	ASSERT_EQ(0, dirty_open(&self->log, LOG_END, 0));
	self->base = dirty_base(&self->log);
}

FIXTURE_TEARDOWN(log)
{
	nic_close(&self->nic);
	dirty_close(&self->log);
}

#define SET_LOG(base)	vmm_set_log(self->v, base)
#define FEATURES(f)	vmm_set_features(self->v, f)
#define BACKEND(index)	vmm_backend(self->v, index, self->nic.tap)
#define F_LOG(index, gpa) vmm_set_addr_logged(self->v, index, gpa)

/* Where the owner's half ends, which depends on the levels of paging. */
static uint64_t owner_end(int flags)
{
	static const unsigned int bits[] = { 56, 47, 39 };

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		void *probe = mmap((void *)(1UL << (bits[i] - 1)), 4096, PROT_NONE, flags, -1, 0);

		if (probe != MAP_FAILED)
			munmap(probe, 4096);
		if (probe != MAP_FAILED || errno == EEXIST)
			return 1ULL << bits[i];
	}
	return 0;
}

/* A log just below that. */
static int high_log(struct dirty *d)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			  MAP_FIXED_NOREPLACE;
	uint64_t end = owner_end(flags);

	/* The stack may be there. */
	for (uint64_t i = 1; i < 1024; i++) {
		uint8_t *p = mmap((void *)(end - (i << 28)), d->size,
				  PROT_READ | PROT_WRITE, flags, -1, 0);

		if (p != MAP_FAILED) {
			dirty_close(d);
			d->map = p;
			d->bits = p;
			return 0;
		}
	}
	return -ENOMEM;
}

/*
 * Pages that an RX frame marks; -1 if it did not arrive. The TX queue may still say that
 * it waits for kicks, so the places of its used ring do not count.
 */
static int marked_by_rx(struct nic *n, struct dirty *d)
{
	dirty_clear(d);
	if (nic_ping_rx(n, 60, 1) || vmm_get_base(&n->vmm, RX) < 0)
		return -1;
	return dirty_count(d) - dirty_has(d, USED_GPA) -
	       dirty_has(d, USED_GPA + 4096) - dirty_has(d, USED_GPA + 8192);
}

/* The same for a TX frame; first after a start, which marks its used ring. */
static int marked_by_tx(struct nic *n, struct dirty *d)
{
	dirty_clear(d);
	if (nic_ping_tx(n, 60, 1) || vmm_get_base(&n->vmm, TX) < 0)
		return -1;
	return dirty_count(d);
}

#define RX_MARKS()	marked_by_rx(&self->nic, &self->log)
#define TX_MARKS()	marked_by_tx(&self->nic, &self->log)

/* Another process is refused whatever it asks for, and changes nothing. */
TEST_F(log, owner)
{
	int status, efd = eventfd(0, EFD_CLOEXEC);
	uint64_t bad = KERNEL_ADDR;
	pid_t pid;

	ASSERT_LE(0, efd);
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, vmm_set_log_fd(self->v, efd));
	ASSERT_EQ(0, FEATURES(self->with));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		int none = -1, fd = self->v->fd, ok;

		ok = dev_ioctl(fd, VHOST_SET_LOG_BASE, &bad) == -EPERM &&
		     dev_ioctl(fd, VHOST_SET_LOG_BASE, BAD_PTR) == -EPERM &&
		     dev_ioctl(fd, VHOST_SET_LOG_FD, &none) == -EPERM &&
		     dev_ioctl(fd, VHOST_SET_LOG_FD, BAD_PTR) == -EPERM;
		_exit(ok ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, RX_MARKS());
	EXPECT_LT(0, efd_read(efd, 0));
	close(efd);
}

TEST_F(log, base_is_checked_at_the_start)
{
	static const uint64_t any[] = { 0, 1, 4095, KERNEL_ADDR, -1ULL };

	/* No queue runs: there is nothing to protect yet. */
	for (size_t i = 0; i < ARRAY_SIZE(any); i++) {
		EXPECT_EQ(0, SET_LOG(any[i])) {
			TH_LOG("%llx", (unsigned long long)any[i]);
		}
	}
	/* Nor is there while nothing is logged. */
	EXPECT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, 1));
	EXPECT_EQ(0, vmm_stop(self->v));

	EXPECT_EQ(0, FEATURES(self->with));
	EXPECT_EQ(-EFAULT, BACKEND(RX));
	EXPECT_EQ(-EFAULT, BACKEND(TX));
	EXPECT_EQ(0, SET_LOG(KERNEL_ADDR));
	EXPECT_EQ(-EFAULT, BACKEND(RX));
	EXPECT_EQ(0, SET_LOG(self->base));
	EXPECT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(1, RX_MARKS());
}

TEST_F(log, base_is_checked_for_the_used_ring)
{
	ASSERT_EQ(0, SET_LOG(KERNEL_ADDR));
	ASSERT_EQ(0, F_LOG(TX, USED_GPA));
	EXPECT_EQ(-EFAULT, BACKEND(TX));
	/* Each queue for itself. */
	EXPECT_EQ(0, BACKEND(RX));
	ASSERT_EQ(0, SET_LOG(self->base));
	EXPECT_EQ(0, BACKEND(TX));
	EXPECT_EQ(1, TX_MARKS());
	EXPECT_TRUE(dirty_has(&self->log, USED_GPA));
}

TEST_F(log, base_on_live_queues)
{
	static const uint64_t bad[] = { KERNEL_ADDR, -1ULL, -4096ULL };
	struct dirty other;

	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, FEATURES(self->with));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, SET_LOG(bad[i])) {
			TH_LOG("%llx", (unsigned long long)bad[i]);
		}
	}
	/* What was refused changed nothing. */
	EXPECT_EQ(1, RX_MARKS());

	/* No alignment is asked for. */
	for (size_t skew = 0; skew < 9; skew += 1 + skew) {
		ASSERT_EQ(0, dirty_open(&other, LOG_END, skew));
		EXPECT_EQ(0, SET_LOG(dirty_base(&other)));
		EXPECT_EQ(1, marked_by_rx(&self->nic, &other));
		EXPECT_EQ(1, (int)dirty_count(&self->log));
		EXPECT_EQ(0, SET_LOG(self->base));
		dirty_close(&other);
	}
	EXPECT_EQ(1, RX_MARKS());
}

/* QEMU takes its log away so, after it has ended logging. */
TEST_F(log, base_zero)
{
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, FEATURES(self->with));
	ASSERT_EQ(0, F_LOG(TX, USED_GPA));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(1, TX_MARKS());
	EXPECT_EQ(1, RX_MARKS());
	EXPECT_EQ(0, SET_LOG(0));
	EXPECT_EQ(0, TX_MARKS());
	EXPECT_EQ(0, RX_MARKS());
	EXPECT_EQ(0, SET_LOG(self->base));
	EXPECT_EQ(1, TX_MARKS());
	EXPECT_EQ(1, RX_MARKS());
}

/*
 * RX runs and cannot take the base, TX does not run and could. vhostx changes
 * both queues or none, so that one log is never in two places; vhost-net
 * leaves TX with the bad one.
 */
TEST_F(log, base_changes_both_or_none)
{
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, FEATURES(self->with));
	ASSERT_EQ(0, BACKEND(RX));
	EXPECT_EQ(-EFAULT, SET_LOG(KERNEL_ADDR));
	EXPECT_EQ(1, RX_MARKS());
	EXPECT_EQ(DIFFERS(0, -EFAULT), BACKEND(TX));
	EXPECT_EQ(0, SET_LOG(self->base));
	EXPECT_EQ(0, BACKEND(TX));
}

/* The other way round: the first queue could, the second cannot. */
TEST_F(log, base_changes_both_or_none_2)
{
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, F_LOG(TX, USED_GPA));
	ASSERT_EQ(0, BACKEND(TX));
	EXPECT_EQ(-EFAULT, SET_LOG(KERNEL_ADDR));
	EXPECT_EQ(1, TX_MARKS());
	ASSERT_EQ(0, FEATURES(self->with));
	EXPECT_EQ(DIFFERS(0, -EFAULT), BACKEND(RX));
}

TEST_F(log, all_on_live_queues)
{
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, RX_MARKS());
		EXPECT_EQ(0, FEATURES(self->with));
		EXPECT_EQ(1, RX_MARKS());
		EXPECT_EQ(0, TX_MARKS());
		EXPECT_EQ(0, FEATURES(self->without));
	}
	EXPECT_EQ(0, RX_MARKS());
}

TEST_F(log, all_needs_a_log_on_live_queues)
{
	ASSERT_EQ(0, SET_LOG(KERNEL_ADDR));
	/* Not while nothing runs. */
	EXPECT_EQ(0, FEATURES(self->with));
	EXPECT_EQ(0, FEATURES(self->without));
	ASSERT_EQ(0, BACKEND(TX));
	EXPECT_EQ(-EFAULT, FEATURES(self->with));
	ASSERT_EQ(0, BACKEND(RX));
	EXPECT_EQ(-EFAULT, FEATURES(self->with));
	/* What was refused changed nothing: the base could still be any. */
	EXPECT_EQ(0, SET_LOG(-1ULL));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 60, 1));
	EXPECT_EQ(0, SET_LOG(self->base));
	EXPECT_EQ(0, RX_MARKS());
	EXPECT_EQ(0, FEATURES(self->with));
	EXPECT_EQ(1, RX_MARKS());
}

/* The log must have room for every region, used or not. */
TEST_F(log, room_for_all_memory)
{
	struct vhost_memory_region r[] = {
		{
			.guest_phys_addr = VMM_GPA,
			.memory_size = self->v->mem_size,
			.userspace_addr = (uintptr_t)self->v->mem,
		}, {
			.guest_phys_addr = TOP_GPA,
			.memory_size = 4096,
			.userspace_addr = (uintptr_t)self->v->mem,
		},
	};

	ASSERT_EQ(0, high_log(&self->log));
	self->base = dirty_base(&self->log);
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, vmm_set_mem_regions(self->v, r, 2));
	ASSERT_EQ(0, FEATURES(self->with));
	EXPECT_EQ(-EFAULT, BACKEND(RX));
	ASSERT_EQ(0, FEATURES(self->without));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(-EFAULT, FEATURES(self->with));
	EXPECT_EQ(0, RX_MARKS());

	ASSERT_EQ(0, vmm_set_mem_regions(self->v, r, 1));
	EXPECT_EQ(0, FEATURES(self->with));
	EXPECT_EQ(-EFAULT, vmm_set_mem_regions(self->v, r, 2));
	EXPECT_EQ(1, RX_MARKS());
	ASSERT_EQ(0, FEATURES(self->without));
	EXPECT_EQ(0, vmm_set_mem_regions(self->v, r, 2));
	EXPECT_EQ(0, RX_MARKS());
}

TEST_F(log, used_on_live_queues)
{
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT_EQ(0, TX_MARKS());
		EXPECT_EQ(0, F_LOG(TX, USED_GPA + i * 4096));
		EXPECT_EQ(1, TX_MARKS());
		EXPECT_TRUE(dirty_has(&self->log, USED_GPA + i * 4096));
		EXPECT_EQ(0, RX_MARKS());
		EXPECT_EQ(0, vmm_set_addr(self->v, TX));
	}
	EXPECT_EQ(0, TX_MARKS());
	EXPECT_EQ(0, F_LOG(RX, USED_GPA + 3 * 4096));
	EXPECT_EQ(1, RX_MARKS());
	EXPECT_TRUE(dirty_has(&self->log, USED_GPA + 3 * 4096));
}

TEST_F(log, used_outside_the_log)
{
	ASSERT_EQ(0, high_log(&self->log));
	self->base = dirty_base(&self->log);
	ASSERT_EQ(0, SET_LOG(self->base));
	/* As with the base: checked while the queue runs, or when it starts. */
	EXPECT_EQ(0, F_LOG(TX, TOP_GPA));
	EXPECT_EQ(-EFAULT, BACKEND(TX));
	EXPECT_EQ(0, F_LOG(TX, -4ULL));
	EXPECT_EQ(-EFAULT, BACKEND(TX));
	EXPECT_EQ(0, F_LOG(TX, USED_GPA));
	ASSERT_EQ(0, BACKEND(TX));
	EXPECT_EQ(-EINVAL, F_LOG(TX, TOP_GPA));
	EXPECT_EQ(-EINVAL, F_LOG(TX, -4ULL));
	/* What was refused changed nothing. */
	EXPECT_EQ(1, TX_MARKS());
	EXPECT_TRUE(dirty_has(&self->log, USED_GPA));
	ASSERT_EQ(0, vmm_set_addr(self->v, TX));
	EXPECT_EQ(-EINVAL, F_LOG(TX, TOP_GPA));
	EXPECT_EQ(0, TX_MARKS());
}

TEST_F(log, fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int efd = eventfd(0, EFD_CLOEXEC);

	ASSERT_LE(0, null);
	ASSERT_LE(0, efd);
	for (int live = 0; live < 2; live++) {
		EXPECT_EQ(0, vmm_set_log_fd(self->v, -1));
		EXPECT_EQ(0, vmm_set_log_fd(self->v, efd));
		EXPECT_EQ(0, vmm_set_log_fd(self->v, efd));
		EXPECT_EQ(-EBADF, vmm_set_log_fd(self->v, 999));
		EXPECT_EQ(-EBADF, vmm_set_log_fd(self->v, -2));
		EXPECT_EQ(-EINVAL, vmm_set_log_fd(self->v, null));
		EXPECT_EQ(-EINVAL, vmm_set_log_fd(self->v, self->v->fd));
		ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	}
	/* The errors took nothing away. */
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, FEATURES(self->with));
	EXPECT_EQ(1, RX_MARKS());
	EXPECT_LT(0, efd_read(efd, NIC_TIMEOUT));
	/* -1 does. */
	EXPECT_EQ(0, vmm_set_log_fd(self->v, -1));
	EXPECT_EQ(1, RX_MARKS());
	EXPECT_EQ(0, efd_read(efd, 0));
	close(null);
	close(efd);
}

/* The device holds the file: the number may go. */
TEST_F(log, fd_is_closed)
{
	int efd = eventfd(0, EFD_CLOEXEC), dup_fd = dup(efd);

	ASSERT_LE(0, dup_fd);
	ASSERT_EQ(0, vmm_set_log_fd(self->v, dup_fd));
	ASSERT_EQ(0, close(dup_fd));
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, FEATURES(self->with));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(1, RX_MARKS());
	EXPECT_LT(0, efd_read(efd, NIC_TIMEOUT));
	close(efd);
}

TEST_F(log, reset_forgets_it)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, vmm_set_log_fd(self->v, efd));
	ASSERT_EQ(0, FEATURES(self->with));
	ASSERT_EQ(0, F_LOG(TX, USED_GPA));
	ASSERT_EQ(0, dev_ioctl(self->v->fd, VHOST_RESET_OWNER, NULL));
	ASSERT_EQ(0, dev_ioctl(self->v->fd, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(0, FEATURES(self->with));
	ASSERT_EQ(0, vmm_set_mem(self->v));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, vmm_setup_vq(self->v, i, 0));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	/* The old base is not used any more, nor is the eventfd. */
	EXPECT_EQ(0, RX_MARKS());
	EXPECT_EQ(0, TX_MARKS());
	EXPECT_EQ(0, SET_LOG(self->base));
	EXPECT_EQ(1, RX_MARKS());
	EXPECT_EQ(0, TX_MARKS());
	EXPECT_EQ(0, efd_read(efd, 0));
	close(efd);
}

/* In any order: set up on a stopped device, then with queues that run. */
TEST_F(log, order)
{
	ASSERT_EQ(0, FEATURES(self->with));
	ASSERT_EQ(0, F_LOG(TX, USED_GPA));
	ASSERT_EQ(0, SET_LOG(self->base));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(1, TX_MARKS());
	EXPECT_EQ(1, RX_MARKS());

	/* Away and back on live queues, the log being the last. */
	ASSERT_EQ(0, SET_LOG(0));
	ASSERT_EQ(0, FEATURES(self->without));
	ASSERT_EQ(0, vmm_set_addr(self->v, TX));
	ASSERT_EQ(0, F_LOG(TX, USED_GPA));
	ASSERT_EQ(0, FEATURES(self->with));
	EXPECT_EQ(0, RX_MARKS());
	ASSERT_EQ(0, SET_LOG(self->base));
	EXPECT_EQ(1, TX_MARKS());
	EXPECT_EQ(1, RX_MARKS());

	/* It outlives a stop. */
	ASSERT_EQ(0, vmm_stop(self->v));
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
	EXPECT_EQ(1, TX_MARKS());
	EXPECT_EQ(1, RX_MARKS());
}

TEST_HARNESS_MAIN
