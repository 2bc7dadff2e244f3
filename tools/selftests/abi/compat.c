// SPDX-License-Identifier: GPL-2.0-only
/* A 32-bit caller: the set-up through the kernel's 32-bit entry, then traffic. */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices.h"

/* As the 32-bit system call table has it. */
#define NR_IOCTL_32	54

static int ioctl32(int fd, unsigned long req, unsigned long arg)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "a"(NR_IOCTL_32), "b"(fd), "c"(req), "d"(arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

/* Whose entry is not there ends by a signal. */
static bool has_entry(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		ioctl32(-1, 0, 0);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status);
}

FIXTURE(compat) {
	struct nic nic;
	void *low;		/* memory that a 32-bit pointer reaches */
};

ON_BOTH_DEVICES(compat);

FIXTURE_SETUP(compat)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.stopped = true,
	};

	nic_init(&self->nic);
	if (!has_entry())
		SKIP(return, "this kernel takes no 32-bit calls");
	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, self->low);
}

FIXTURE_TEARDOWN(compat)
{
	munmap(self->low, 4096);
	nic_close(&self->nic);
}

/* With a copy of the argument where it can be pointed at; what comes out goes back. */
static int low_ioctl(FIXTURE_DATA(compat) * self, unsigned long req, void *arg,
		     size_t size)
{
	int ret;

	memcpy(self->low, arg, size);
	ret = ioctl32(self->nic.vmm.fd, req, (unsigned long)self->low);
	memcpy(arg, self->low, size);
	return ret;
}

#define DO(req, arg)	low_ioctl(self, req, &(arg), sizeof(arg))

static void set_up_queue(struct __test_metadata *_metadata,
			 FIXTURE_DATA(compat) * self, unsigned int index)
{
	struct vq *q = &self->nic.vmm.vq[index];
	struct vhost_vring_state state = { .index = index, .num = q->num };
	struct vhost_vring_file file = { .index = index, .fd = q->kick };
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = (uintptr_t)q->desc,
		.avail_user_addr = (uintptr_t)q->avail,
		.used_user_addr = (uintptr_t)q->used,
	};

	ASSERT_EQ(0, DO(VHOST_SET_VRING_NUM, state));
	state.num = 0;
	ASSERT_EQ(0, DO(VHOST_SET_VRING_BASE, state));
	ASSERT_EQ(0, DO(VHOST_SET_VRING_ADDR, addr));
	ASSERT_EQ(0, DO(VHOST_SET_VRING_KICK, file));
	file.fd = q->call;
	ASSERT_EQ(0, DO(VHOST_SET_VRING_CALL, file));
	file.fd = self->nic.tap;
	ASSERT_EQ(0, DO(VHOST_NET_SET_BACKEND, file));
}

TEST_F(compat, set_up_and_traffic)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} mem = {
		.head.nregions = 1,
		.region = {
			.guest_phys_addr = VMM_GPA,
			.memory_size = self->nic.vmm.mem_size,
			.userspace_addr = (uintptr_t)self->nic.vmm.mem,
		},
	};
	uint64_t features = 0;

	ASSERT_EQ(0, ioctl32(self->nic.vmm.fd, VHOST_RESET_OWNER, 0));
	ASSERT_EQ(0, ioctl32(self->nic.vmm.fd, VHOST_SET_OWNER, 0));
	ASSERT_EQ(0, DO(VHOST_GET_FEATURES, features));
	EXPECT_NE(0, features & F_VERSION_1);
	features = F_VERSION_1 | F_MRG_RXBUF;
	ASSERT_EQ(0, DO(VHOST_SET_FEATURES, features));
	ASSERT_EQ(0, DO(VHOST_SET_MEM_TABLE, mem));
	set_up_queue(_metadata, self, RX);
	set_up_queue(_metadata, self, TX);
	for (unsigned int i = 0; i < 20; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 60 + i, i));
		ASSERT_EQ(0, nic_ping_rx(&self->nic, 60 + i, i));
	}
}

TEST_F(compat, answers)
{
	struct vhost_vring_state state = { .index = TX };

	EXPECT_EQ(0, DO(VHOST_GET_VRING_BASE, state));
	EXPECT_EQ(0, state.num);
	state.index = 2;
	EXPECT_EQ(-ENOBUFS, DO(VHOST_GET_VRING_BASE, state));
	EXPECT_EQ(-EFAULT, ioctl32(self->nic.vmm.fd, VHOST_GET_FEATURES, 64));
	EXPECT_EQ(-EBUSY, ioctl32(self->nic.vmm.fd, VHOST_SET_OWNER, 0));
	state.index = TX;
	EXPECT_EQ(-ENOTTY, DO(_IO('x', 1), state));
}

TEST_HARNESS_MAIN
