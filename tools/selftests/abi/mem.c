// SPDX-License-Identifier: GPL-2.0-only
/* Memory table: VHOST_SET_MEM_TABLE. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "devices.h"

#define KERNEL_ADDR	0xffff888000000000ULL

FIXTURE(mem) {
	struct nic nic;
	struct vhost_memory *m;
	unsigned int max;
};

ON_BOTH_DEVICES(mem);

/* One good region, as a base for what each case changes. */
static void one_region(struct vhost_memory *m, const struct vmm *v)
{
	memset(m, 0, sizeof(*m));
	m->nregions = 1;
	m->regions[0] = (struct vhost_memory_region){
		.guest_phys_addr = VMM_GPA,
		.memory_size = v->mem_size,
		.userspace_addr = (uintptr_t)v->mem,
	};
}

FIXTURE_SETUP(mem)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.stopped = true,
	};
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path),
		 "/sys/module/%s/parameters/max_mem_regions",
		 variant->vhostx ? "vhostx" : "vhost");
	f = fopen(path, "re");
	ASSERT_NE(NULL, f);
	ASSERT_EQ(1, fscanf(f, "%u", &self->max));
	fclose(f);
	self->m = calloc(1, sizeof(*self->m) +
			 (self->max + 1) * sizeof(self->m->regions[0]));
	ASSERT_NE(NULL, self->m);
	ASSERT_EQ(0, nic_open(&self->nic, &o));
	one_region(self->m, &self->nic.vmm);
}

FIXTURE_TEARDOWN(mem)
{
	nic_close(&self->nic);
	free(self->m);
}

#define SET_MEM() dev_ioctl(self->nic.vmm.fd, VHOST_SET_MEM_TABLE, self->m)

TEST_F(mem, good)
{
	EXPECT_EQ(0, SET_MEM());
	EXPECT_EQ(0, SET_MEM());
}

TEST_F(mem, empty)
{
	self->m->nregions = 0;
	EXPECT_EQ(0, SET_MEM());
}

TEST_F(mem, padding)
{
	self->m->padding = 1;
	EXPECT_EQ(-EOPNOTSUPP, SET_MEM());
	/* A region's own padding is not looked at. */
	self->m->padding = 0;
	self->m->regions[0].flags_padding = ~0ULL;
	EXPECT_EQ(0, SET_MEM());
}

TEST_F(mem, number_of_regions)
{
	unsigned int i;

	/* QEMU may send as many as this, DPDK more. */
	if (variant->vhostx) {
		ASSERT_LE(509, self->max);
	}
	for (i = 0; i < self->max + 1; i++) {
		self->m->regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = VMM_GPA + i * 8192,
			.memory_size = 4096,
			.userspace_addr = (uintptr_t)self->nic.vmm.mem +
					  i * 4096,
		};
	}
	self->m->nregions = self->max;
	EXPECT_EQ(0, SET_MEM());
	self->m->nregions = self->max + 1;
	EXPECT_EQ(-E2BIG, SET_MEM());
	self->m->nregions = ~0u;
	EXPECT_EQ(-E2BIG, SET_MEM());
}

TEST_F(mem, size_zero)
{
	self->m->regions[0].memory_size = 0;
	EXPECT_EQ(-EFAULT, SET_MEM());
}

TEST_F(mem, end_of_guest_space)
{
	self->m->regions[0].guest_phys_addr = -4096ULL;
	self->m->regions[0].memory_size = 4096;
	EXPECT_EQ(0, SET_MEM());
	self->m->regions[0].memory_size = 4097;
	EXPECT_EQ(-EFAULT, SET_MEM());
	self->m->regions[0].memory_size = ~0ULL;
	EXPECT_EQ(-EFAULT, SET_MEM());
}

TEST_F(mem, overlap_and_alignment_are_the_callers)
{
	self->m->nregions = 2;
	self->m->regions[1] = self->m->regions[0];
	self->m->regions[1].guest_phys_addr += 1;
	self->m->regions[1].userspace_addr += 3;
	self->m->regions[1].memory_size -= 100;
	EXPECT_EQ(0, SET_MEM());
}

TEST_F(mem, bad_pointer)
{
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vhost_memory *m = (void *)(page + 4096 - sizeof(*m));

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(page + 4096, 4096));
	EXPECT_EQ(-EFAULT, dev_ioctl(self->nic.vmm.fd, VHOST_SET_MEM_TABLE,
				     BAD_PTR));
	/* The header can be read, the region cannot. */
	m->nregions = 1;
	m->padding = 0;
	EXPECT_EQ(-EFAULT, dev_ioctl(self->nic.vmm.fd, VHOST_SET_MEM_TABLE,
				     m));
	m->nregions = 0;
	EXPECT_EQ(0, dev_ioctl(self->nic.vmm.fd, VHOST_SET_MEM_TABLE, m));
}

TEST_F(mem, host_address_is_checked_on_a_live_queue)
{
	self->m->regions[0].userspace_addr = KERNEL_ADDR;
	/* No queue runs: there is nothing to protect yet. */
	EXPECT_EQ(0, SET_MEM());
	EXPECT_EQ(-EFAULT, vmm_start(&self->nic.vmm, self->nic.tap));

	one_region(self->m, &self->nic.vmm);
	EXPECT_EQ(0, SET_MEM());
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	self->m->regions[0].userspace_addr = KERNEL_ADDR;
	EXPECT_EQ(-EFAULT, SET_MEM());
	self->m->regions[0].userspace_addr = -4096ULL;
	EXPECT_EQ(-EFAULT, SET_MEM());
}

TEST_F(mem, error_changes_nothing)
{
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, 1));

	self->m->padding = 1;
	self->m->regions[0].guest_phys_addr = 0;
	EXPECT_EQ(-EOPNOTSUPP, SET_MEM());
	self->m->padding = 0;
	self->m->regions[0].memory_size = 0;
	self->m->regions[0].guest_phys_addr = VMM_GPA;
	EXPECT_EQ(-EFAULT, SET_MEM());
	/* A good region before the bad one must not take effect either. */
	self->m->nregions = 2;
	self->m->regions[1] = self->m->regions[0];
	self->m->regions[0].memory_size = 4096;
	self->m->regions[0].guest_phys_addr = 0;
	EXPECT_EQ(-EFAULT, SET_MEM());

	EXPECT_EQ(0, nic_ping_tx(&self->nic, 100, 2));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 100, 3));
}

TEST_HARNESS_MAIN
