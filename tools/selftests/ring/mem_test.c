// SPDX-License-Identifier: GPL-2.0-only
/* The memory table: reading it, checking it, translating through it. */
#include <stdlib.h>

#include <linux/slab.h>
#include <linux/vhost.h>

#include "kselftest_harness.h"

#include "mem.h"
#include "umem.h"

#define MAX_REGIONS	16
#define ALL	(~0ULL)

static void seg(struct __test_metadata *_metadata, const struct iovec *iov,
		u64 base, u64 len)
{
	EXPECT_EQ((u64)iov->iov_base, base);
	EXPECT_EQ(iov->iov_len, len);
}

FIXTURE(read)
{
	struct vhost_memory *arg;
	struct vhost_iotlb *table;
};

FIXTURE_SETUP(read)
{
	umem_init(1 << 16);
	self->arg = (void *)umem.base;
	self->table = NULL;
}

FIXTURE_TEARDOWN(read)
{
	if (self->table)
		vhost_iotlb_free(self->table);
	EXPECT_EQ(umem.live, 0);
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	umem_exit();
}

static void region(struct vhost_memory *arg, u64 gpa, u64 size, u64 hva)
{
	struct vhost_memory_region *r = &arg->regions[arg->nregions++];

	r->guest_phys_addr = gpa;
	r->memory_size = size;
	r->userspace_addr = hva;
}

#define READ_OK() do {							\
	self->table = vhostx_mem_read(self->arg, MAX_REGIONS);		\
	ASSERT_FALSE(IS_ERR(self->table));				\
} while (0)
#define READ_FAILS(error)						\
	ASSERT_EQ(PTR_ERR(vhostx_mem_read(self->arg, MAX_REGIONS)), -(error))

TEST_F(read, regions_arrive)
{
	struct vhost_iotlb_map *map;

	region(self->arg, 0, 0xa0000, 0x10000);
	region(self->arg, 0x100000, 0x1000, 0x7f0000);
	self->arg->regions[1].flags_padding = 5;
	READ_OK();
	ASSERT_EQ(self->table->nmaps, 2);

	map = vhost_iotlb_itree_first(self->table, 0x9ffff, 0x9ffff);
	ASSERT_NE(map, NULL);
	EXPECT_EQ(map->start, 0);
	EXPECT_EQ(map->addr, 0x10000);
	EXPECT_EQ(map->perm, VHOST_MAP_RW);
	EXPECT_EQ(vhost_iotlb_itree_first(self->table, 0xa0000, 0xfffff), NULL);
	map = vhost_iotlb_itree_first(self->table, 0x100000, 0x100000);
	ASSERT_NE(map, NULL);
	EXPECT_EQ(map->last, 0x100fff);
	EXPECT_EQ(map->addr, 0x7f0000);
}

TEST_F(read, no_regions)
{
	READ_OK();
	EXPECT_EQ(self->table->nmaps, 0);
}

TEST_F(read, header_unreadable)
{
	umem_fail(self->arg, 1);
	READ_FAILS(EFAULT);
}

TEST_F(read, regions_unreadable)
{
	region(self->arg, 0, 0x1000, 0x10000);
	region(self->arg, 0x1000, 0x1000, 0x10000);
	umem_fail(&self->arg->regions[1], 1);
	READ_FAILS(EFAULT);
}

TEST_F(read, padding)
{
	self->arg->padding = 1;
	READ_FAILS(EOPNOTSUPP);
}

TEST_F(read, most_regions)
{
	while (self->arg->nregions < MAX_REGIONS)
		region(self->arg, self->arg->nregions * 0x1000ULL, 0x1000, 0x10000);
	READ_OK();
	EXPECT_EQ(self->table->nmaps, MAX_REGIONS);
}

TEST_F(read, too_many_regions)
{
	while (self->arg->nregions < MAX_REGIONS + 1)
		region(self->arg, self->arg->nregions * 0x1000ULL, 0x1000, 0x10000);
	READ_FAILS(E2BIG);
	self->arg->nregions = ~0U;
	READ_FAILS(E2BIG);
}

TEST_F(read, empty_region)
{
	region(self->arg, 0x1000, 0, 0x10000);
	READ_FAILS(EFAULT);
}

TEST_F(read, wrapping_region)
{
	region(self->arg, 0, 0x1000, 0x10000);
	region(self->arg, ALL - 0xfff, 0x1001, 0x10000);
	READ_FAILS(EFAULT);
}

TEST_F(read, region_up_to_the_last_byte)
{
	region(self->arg, ALL - 0xfff, 0x1000, 0x10000);
	READ_OK();
	EXPECT_NE(vhost_iotlb_itree_first(self->table, ALL, ALL), NULL);
}

/* Nothing tells 2^64 bytes from none; in-tree vhost takes it for the former. */
TEST_F(read, whole_space_among_the_most)
{
	region(self->arg, 0, 0, 0);
	while (self->arg->nregions < MAX_REGIONS)
		region(self->arg, self->arg->nregions * 0x1000ULL, 0x1000, 0x10000);
	READ_OK();
	EXPECT_EQ(self->table->nmaps, MAX_REGIONS + 1);
	EXPECT_FALSE(vhostx_mem_ok(self->table));
}

TEST_F(read, no_memory)
{
	struct vhost_iotlb *table;
	int i;

	region(self->arg, 0, 0x1000, 0x10000);
	region(self->arg, 0x1000, 0x1000, 0x10000);
	for (i = 0; i < 4; i++) {
		umem.fail_alloc = i;
		table = vhostx_mem_read(self->arg, MAX_REGIONS);
		ASSERT_TRUE(IS_ERR(table));
		ASSERT_TRUE(i >= 2 || PTR_ERR(table) == -ENOMEM);
		ASSERT_EQ(umem.live, 0);
	}
	umem.fail_alloc = -1;
	READ_OK();
}

/* A second look could find other numbers than those that were checked. */
TEST_F(read, once)
{
	region(self->arg, 0, 0x1000, 0x10000);
	region(self->arg, 0x1000, 0x1000, 0x10000);
	umem.read_once = true;
	READ_OK();
}

FIXTURE(table)
{
	struct vhost_iotlb *table;
	struct vhostx_view view;
	struct iovec iov[4];
};

FIXTURE_SETUP(table)
{
	umem_init(4096);
	self->table = vhost_iotlb_alloc(2048, 0);
	vhostx_view_set(&self->view, self->table, false);
}

FIXTURE_TEARDOWN(table)
{
	vhost_iotlb_free(self->table);
	EXPECT_EQ(umem.live, 0);
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	umem_exit();
}

#define ADD(start, last, addr)						\
	ASSERT_EQ(vhost_iotlb_add_range(self->table, start, last, addr,	\
					VHOST_MAP_RW), 0)
#define OK()	vhostx_mem_ok(self->table)
#define TRANSLATE(addr, len)						\
	vhostx_mem_translate(&self->view, addr, len, VHOST_MAP_RO,	\
			     self->iov, ARRAY_SIZE(self->iov))
#define SEG(i, base, len)	seg(_metadata, &self->iov[i], base, len)

TEST_F(table, ok_none)
{
	EXPECT_FALSE(vhostx_mem_ok(NULL));
	EXPECT_TRUE(OK());
}

TEST_F(table, ok_up_to_the_limit)
{
	ADD(0, 0xfff, 0x1000);
	ADD(0x1000, 0x1fff, UMEM_LIMIT - 0x1000);
	EXPECT_TRUE(OK());
}

TEST_F(table, ok_one_byte_beyond)
{
	ADD(0, 0xfff, 0x1000);
	ADD(0x1000, 0x2000, UMEM_LIMIT - 0x1000);
	EXPECT_FALSE(OK());
}

TEST_F(table, ok_kernel_address)
{
	ADD(0, 0xfff, 0xffff888000000000);
	EXPECT_FALSE(OK());
}

TEST_F(table, ok_address_wraps)
{
	ADD(0, 0xffff, ALL - 0xff);
	EXPECT_FALSE(OK());
}

TEST_F(table, ok_whole_space)
{
	ADD(0, ALL, 0);
	EXPECT_FALSE(OK());
}

TEST_F(table, translate_inside)
{
	ADD(0x1000, 0x1fff, 0x50000);
	ASSERT_EQ(TRANSLATE(0x1000, 1), 1);
	SEG(0, 0x50000, 1);
	ASSERT_EQ(TRANSLATE(0x1000, 0x1000), 1);
	SEG(0, 0x50000, 0x1000);
	ASSERT_EQ(TRANSLATE(0x1234, 0x100), 1);
	SEG(0, 0x50234, 0x100);
	ASSERT_EQ(TRANSLATE(0x1fff, 1), 1);
	SEG(0, 0x50fff, 1);
}

TEST_F(table, translate_outside)
{
	ADD(0x1000, 0x1fff, 0x50000);
	EXPECT_EQ(TRANSLATE(0xfff, 1), -EFAULT);
	EXPECT_EQ(TRANSLATE(0xfff, 2), -EFAULT);
	EXPECT_EQ(TRANSLATE(0x2000, 1), -EFAULT);
	EXPECT_EQ(TRANSLATE(0x1fff, 2), -EFAULT);
	EXPECT_EQ(TRANSLATE(0x1000, 0x1001), -EFAULT);
	EXPECT_EQ(TRANSLATE(0x1000, ~0U), -EFAULT);
}

TEST_F(table, translate_no_table)
{
	vhostx_view_set(&self->view, NULL, false);
	EXPECT_EQ(TRANSLATE(0x1000, 1), -EFAULT);
}

TEST_F(table, translate_spans)
{
	ADD(0x1000, 0x1fff, 0x50000);
	ADD(0x2000, 0x2000, 0x90000);
	ADD(0x2001, 0x2fff, 0x20001);
	ASSERT_EQ(TRANSLATE(0x1ff0, 0x10), 1);
	SEG(0, 0x50ff0, 0x10);
	ASSERT_EQ(TRANSLATE(0x1ff0, 0x11), 2);
	SEG(0, 0x50ff0, 0x10);
	SEG(1, 0x90000, 1);
	ASSERT_EQ(TRANSLATE(0x1fff, 0x1001), 3);
	SEG(0, 0x50fff, 1);
	SEG(1, 0x90000, 1);
	SEG(2, 0x20001, 0xfff);
	EXPECT_EQ(TRANSLATE(0x1fff, 0x1002), -EFAULT);
}

TEST_F(table, translate_hole)
{
	ADD(0x1000, 0x1fff, 0x50000);
	ADD(0x2001, 0x2fff, 0x60000);
	EXPECT_EQ(TRANSLATE(0x1ff0, 0x11), -EFAULT);
	EXPECT_EQ(TRANSLATE(0x1ff0, 0x100), -EFAULT);
}

TEST_F(table, translate_wraps)
{
	ADD(0, 0xffff, 0x50000);
	ADD(ALL - 0xff, ALL, 0x70000);
	ASSERT_EQ(TRANSLATE(ALL, 1), 1);
	SEG(0, 0x700ff, 1);
	ASSERT_EQ(TRANSLATE(ALL - 0xff, 0x100), 1);
	SEG(0, 0x70000, 0x100);
	EXPECT_EQ(TRANSLATE(ALL, 2), -EFAULT);
	EXPECT_EQ(TRANSLATE(ALL - 0xff, 0x101), -EFAULT);
	EXPECT_EQ(TRANSLATE(ALL - 0xff, ~0U), -EFAULT);
}

TEST_F(table, translate_whole_space)
{
	ADD(0, ALL, 0);
	ASSERT_EQ(TRANSLATE(0x1234, ~0U), 1);
	SEG(0, 0x1234, ~0U);
	ASSERT_EQ(TRANSLATE(ALL, 1), 1);
	SEG(0, ALL, 1);
	ASSERT_EQ(TRANSLATE(ALL / 2, 2), 2);
	SEG(0, ALL / 2, 1);
	SEG(1, ALL / 2 + 1, 1);
}

TEST_F(table, translate_large_region)
{
	ADD(0x100000000, ALL - 1, 0x1000);
	ASSERT_EQ(TRANSLATE(0x100000000, ~0U), 1);
	SEG(0, 0x1000, ~0U);
	EXPECT_EQ(TRANSLATE(ALL - 1, 2), -EFAULT);
	EXPECT_EQ(TRANSLATE(0xffffffff, 2), -EFAULT);
}

TEST_F(table, translate_no_room)
{
	u64 i;

	for (i = 0; i < 5; i++)
		ADD(0x1000 + i, 0x1000 + i, 0x50000 - i * 0x100);
	EXPECT_EQ(TRANSLATE(0x1000, 4), 4);
	EXPECT_EQ(TRANSLATE(0x1000, 5), -ENOBUFS);
	EXPECT_EQ(vhostx_mem_translate(&self->view, 0x1000, 1, VHOST_MAP_RO,
				       self->iov, 0), -ENOBUFS);
}

TEST_F(table, translate_permission)
{
	ASSERT_EQ(vhost_iotlb_add_range(self->table, 0, 0xff, 0x1000,
					VHOST_MAP_RO), 0);
	ASSERT_EQ(vhost_iotlb_add_range(self->table, 0x100, 0x1ff, 0x2000,
					VHOST_MAP_WO), 0);
	EXPECT_EQ(vhostx_mem_translate(&self->view, 0, 1, VHOST_MAP_RO,
				       self->iov, 1), 1);
	EXPECT_EQ(vhostx_mem_translate(&self->view, 0, 1, VHOST_MAP_WO,
				       self->iov, 1), -EPERM);
	EXPECT_EQ(vhostx_mem_translate(&self->view, 0x100, 1, VHOST_MAP_WO,
				       self->iov, 1), 1);
	EXPECT_EQ(vhostx_mem_translate(&self->view, 0x80, 0x100, VHOST_MAP_RO,
				       self->iov, 2), -EPERM);
	/* Both, where a part of it is read and written. */
	ASSERT_EQ(vhost_iotlb_add_range(self->table, 0x200, 0x2ff, 0x3000,
					VHOST_MAP_RW), 0);
	EXPECT_EQ(vhostx_mem_translate(&self->view, 0x200, 1, VHOST_MAP_RW,
				       self->iov, 1), 1);
	EXPECT_EQ(vhostx_mem_translate(&self->view, 0, 1, VHOST_MAP_RW,
				       self->iov, 1), -EPERM);
	EXPECT_EQ(vhostx_mem_translate(&self->view, 0x100, 1, VHOST_MAP_RW,
				       self->iov, 1), -EPERM);
}

/* Which of two regions answers is open, that one of them does is not. */
TEST_F(table, translate_overlap)
{
	int i;

	ADD(0x1000, 0x2fff, 0x50000);
	ADD(0x2000, 0x3fff, 0x70000);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(TRANSLATE(0x3000, 1), 1);
		SEG(0, 0x71000, 1);
		ASSERT_EQ(TRANSLATE(0x2800, 1), 1);
		EXPECT_TRUE((u64)self->iov[0].iov_base == 0x51800 ||
			    (u64)self->iov[0].iov_base == 0x70800);
		ASSERT_EQ(TRANSLATE(0x1000, 0x3000), 2);
		SEG(0, 0x50000, 0x2000);
		SEG(1, 0x71000, 0x1000);
	}
}

TEST_F(table, hit_saves_the_lookup)
{
	ADD(0x1000, 0x1fff, 0x50000);
	ADD(0x8000, 0x8fff, 0x60000);
	ASSERT_EQ(TRANSLATE(0x1000, 1), 1);
	ASSERT_EQ(TRANSLATE(0x1fff, 1), 1);
	EXPECT_EQ(self->table->lookups, 1);
	ASSERT_EQ(TRANSLATE(0x8000, 1), 1);
	EXPECT_EQ(self->table->lookups, 2);
	ASSERT_EQ(TRANSLATE(0x8fff, 1), 1);
	EXPECT_EQ(self->table->lookups, 2);
	EXPECT_EQ(TRANSLATE(0x2000, 1), -EFAULT);
	ASSERT_EQ(TRANSLATE(0x8000, 1), 1);
	SEG(0, 0x60000, 1);
}

TEST_F(table, new_table_forgets_the_hit)
{
	struct vhost_iotlb *other = vhost_iotlb_alloc(4, 0);

	ADD(0x1000, 0x1fff, 0x50000);
	ASSERT_EQ(vhost_iotlb_add_range(other, 0x1000, 0x1fff, 0x90000,
					VHOST_MAP_RW), 0);
	ASSERT_EQ(TRANSLATE(0x1000, 1), 1);
	SEG(0, 0x50000, 1);
	vhostx_view_set(&self->view, other, false);
	ASSERT_EQ(TRANSLATE(0x1000, 1), 1);
	SEG(0, 0x90000, 1);
	vhostx_view_set(&self->view, NULL, false);
	EXPECT_EQ(TRANSLATE(0x1000, 1), -EFAULT);
	vhost_iotlb_free(other);
}

/* Random ranges of a random table, against a walk over every byte. */
TEST_F(table, translate_random)
{
	static u64 hva[1 << 16];
	u64 gpa = 0, byte;
	struct iovec iov[64];
	int step, i, n;

	srandom(1);
	while (gpa < ARRAY_SIZE(hva)) {
		u64 size = 1 + random() % 600;
		u64 base = 0x10000 + random() % 0x10000000;

		if (size > ARRAY_SIZE(hva) - gpa)
			size = ARRAY_SIZE(hva) - gpa;
		if (random() % 8) {
			ADD(gpa, gpa + size - 1, base);
			for (byte = 0; byte < size; byte++)
				hva[gpa + byte] = base + byte;
		}
		gpa += size;
	}

	for (step = 0; step < 200000; step++) {
		u32 len = 1 + random() % (random() % 4 ? 300 : 3000);
		bool whole = true;

		gpa = random() % ARRAY_SIZE(hva);
		for (i = 0; i < (int)len && whole; i++)
			whole = gpa + i < ARRAY_SIZE(hva) && hva[gpa + i];
		n = vhostx_mem_translate(&self->view, gpa, len, VHOST_MAP_WO,
					 iov, ARRAY_SIZE(iov));
		if (!whole) {
			ASSERT_EQ(n, -EFAULT);
			continue;
		}
		ASSERT_GT(n, 0);
		for (i = 0; i < n; i++) {
			ASSERT_GT(iov[i].iov_len, 0);
			for (byte = 0; byte < iov[i].iov_len; byte++)
				if (hva[gpa++] != (u64)iov[i].iov_base + byte)
					break;
			ASSERT_EQ(byte, iov[i].iov_len);
			len -= byte;
		}
		ASSERT_EQ(len, 0);
	}
}

FIXTURE(reverse)
{
	struct vhost_iotlb *table;
	struct vhost_iotlb *owners;
};

FIXTURE_SETUP(reverse)
{
	umem_init(4096);
	self->table = vhost_iotlb_alloc(2048, 0);
	self->owners = NULL;
}

FIXTURE_TEARDOWN(reverse)
{
	if (self->owners)
		vhost_iotlb_free(self->owners);
	vhost_iotlb_free(self->table);
	EXPECT_EQ(umem.live, 0);
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	umem_exit();
}

#define REVERSE() do {							\
	self->owners = vhostx_mem_reverse(self->table);			\
	ASSERT_FALSE(IS_ERR(self->owners));				\
} while (0)

/* The nth that shows a part of the owner's range, lowest first; or NULL. */
static const struct vhost_iotlb_map *shown(struct vhost_iotlb *owners, int n,
					   u64 start, u64 last)
{
	struct vhost_iotlb_map *map;

	map = vhost_iotlb_itree_first(owners, start, last);
	while (map && n--)
		map = vhost_iotlb_itree_next(map, start, last);
	return map;
}

static void owns(struct __test_metadata *_metadata,
		 const struct vhost_iotlb_map *map, u64 start, u64 last,
		 u64 gpa)
{
	ASSERT_NE(map, NULL);
	EXPECT_EQ(map->start, start);
	EXPECT_EQ(map->last, last);
	EXPECT_EQ(map->size, last - start + 1);
	EXPECT_EQ(map->addr, gpa);
}

#define SHOWN(n, start, last)	shown(self->owners, n, start, last)
#define OWNS(map, start, last, gpa) owns(_metadata, map, start, last, gpa)

TEST_F(reverse, none)
{
	REVERSE();
	EXPECT_EQ(self->owners->nmaps, 0);
}

TEST_F(reverse, regions)
{
	ADD(0x1000, 0x1fff, 0x50000);
	ADD(0x2000, 0x2000, 0x30000);
	ASSERT_EQ(vhost_iotlb_add_range(self->table, 0x8000, 0x80ff, 0x40000,
					VHOST_MAP_WO), 0);
	REVERSE();
	ASSERT_EQ(self->owners->nmaps, 3);
	OWNS(SHOWN(0, 0x50000, 0x50000), 0x50000, 0x50fff, 0x1000);
	OWNS(SHOWN(0, 0x50fff, 0x50fff), 0x50000, 0x50fff, 0x1000);
	EXPECT_EQ(SHOWN(1, 0x50000, 0x50fff), NULL);
	EXPECT_EQ(SHOWN(0, 0x51000, 0x51000), NULL);
	EXPECT_EQ(SHOWN(0, 0x4ffff, 0x4ffff), NULL);
	OWNS(SHOWN(0, 0x30000, 0x30000), 0x30000, 0x30000, 0x2000);
	EXPECT_EQ(SHOWN(0, 0x30001, 0x30001), NULL);
	OWNS(SHOWN(0, 0x40010, 0x40010), 0x40000, 0x400ff, 0x8000);
	EXPECT_EQ(SHOWN(0, 0x40010, 0x40010)->perm, VHOST_MAP_WO);
	EXPECT_EQ(SHOWN(0, 0x50000, 0x50000)->perm, VHOST_MAP_RW);
}

/* Memory that the guest sees more than once is there as often. */
TEST_F(reverse, aliases)
{
	ADD(0x1000, 0x2fff, 0x50000);
	ADD(0x9000, 0xafff, 0x50000);
	ADD(0x5000, 0x5fff, 0x51000);
	REVERSE();
	ASSERT_EQ(self->owners->nmaps, 3);
	EXPECT_NE(SHOWN(0, 0x50000, 0x50000)->addr,
		  SHOWN(1, 0x50000, 0x50000)->addr);
	EXPECT_EQ(SHOWN(2, 0x50000, 0x50fff), NULL);
	EXPECT_NE(SHOWN(1, 0x50fff, 0x51000), NULL);
	OWNS(SHOWN(2, 0x50fff, 0x51000), 0x51000, 0x51fff, 0x5000);
	EXPECT_EQ(SHOWN(3, 0, ALL), NULL);
}

TEST_F(reverse, up_to_the_last_byte)
{
	ADD(0x1000, 0x10ff, ALL - 0xff);
	ADD(ALL - 0xfff, ALL, 0x50000);
	REVERSE();
	ASSERT_EQ(self->owners->nmaps, 2);
	OWNS(SHOWN(0, ALL, ALL), ALL - 0xff, ALL, 0x1000);
	OWNS(SHOWN(0, 0x50000, 0x50000), 0x50000, 0x50fff, ALL - 0xfff);
}

/* Nothing runs with such a table, but it may be set while nothing does. */
TEST_F(reverse, address_wraps)
{
	ADD(0x1000, 0x1fff, 0x50000);
	ADD(0x2000, 0x20ff, ALL - 0xfe);
	ADD(0x3000, 0x3fff, 0x60000);
	REVERSE();
	ASSERT_EQ(self->owners->nmaps, 2);
	OWNS(SHOWN(0, 0x60000, 0x60000), 0x60000, 0x60fff, 0x3000);
	EXPECT_EQ(SHOWN(0, 0, 0xff), NULL);
	EXPECT_EQ(SHOWN(0, ALL, ALL), NULL);
}

TEST_F(reverse, whole_space)
{
	ADD(0, ALL, 0);
	REVERSE();
	EXPECT_EQ(self->owners->nmaps, 2);
	OWNS(SHOWN(0, 0x1234, 0x1234), 0, ALL / 2, 0);
	OWNS(SHOWN(0, ALL, ALL), ALL / 2 + 1, ALL, ALL / 2 + 1);
}

TEST_F(reverse, many)
{
	u64 i;

	for (i = 0; i < 1024; i++)
		ADD(i * 0x1000, i * 0x1000 + 0xfff,
		    0x10000000 + (i * 7 + 3) % 1024 * 0x2000);
	REVERSE();
	ASSERT_EQ(self->owners->nmaps, 1024);
	for (i = 0; i < 1024; i++) {
		u64 at = 0x10000000 + (i * 7 + 3) % 1024 * 0x2000;

		OWNS(SHOWN(0, at + 5, at + 5), at, at + 0xfff, i * 0x1000);
	}
}

TEST_F(reverse, no_memory)
{
	struct vhost_iotlb *owners;
	int i, live;

	ADD(0x1000, 0x1fff, 0x50000);
	ADD(0x2000, 0x2fff, 0x60000);
	live = umem.live;
	for (i = 0; i < 3; i++) {
		umem.fail_alloc = i;
		owners = vhostx_mem_reverse(self->table);
		ASSERT_TRUE(IS_ERR(owners));
		EXPECT_EQ(PTR_ERR(owners), -ENOMEM);
		ASSERT_EQ(umem.live, live);
	}
	umem.fail_alloc = -1;
	REVERSE();
}

TEST_HARNESS_MAIN
