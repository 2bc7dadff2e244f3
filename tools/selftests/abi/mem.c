// SPDX-License-Identifier: GPL-2.0-only
/* Memory table: what a refused one leaves. The answers are in answers_memory.c. */
#include "devices.h"

FIXTURE(mem) {
	struct nic nic;
};

ON_BOTH_DEVICES(mem);

FIXTURE_SETUP(mem)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(mem)
{
	nic_close(&self->nic);
}

TEST_F(mem, error_changes_nothing)
{
	struct vhost_memory padded = { .padding = 1 };
	/* A good region before the bad one must not take effect either. */
	const struct vhost_memory_region r[] = {
		{
			.guest_phys_addr = 0,
			.memory_size = 4096,
			.userspace_addr = (uintptr_t)self->nic.vmm.mem,
		}, {
			.guest_phys_addr = VMM_GPA,
			.userspace_addr = (uintptr_t)self->nic.vmm.mem,
		},
	};

	ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
	EXPECT_EQ(-EOPNOTSUPP, dev_ioctl(self->nic.vmm.fd, VHOST_SET_MEM_TABLE, &padded));
	EXPECT_EQ(-EFAULT, vmm_set_mem_regions(&self->nic.vmm, r, 2));
	EXPECT_EQ(-EFAULT, vmm_set_mem_regions(&self->nic.vmm, r + 1, 1));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 100, 2));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 100, 3));
}

TEST_HARNESS_MAIN
