// SPDX-License-Identifier: GPL-2.0-only
/* The memory table: any argument, and translation through what came of it. */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/vhost.h>

#include "input.h"
#include "table.h"

#define MAX_REGIONS	8
#define BLOCK		0x1000

/* Few addresses, so that regions meet: at both ends of the space, and in it. */
static u64 any_addr(void)
{
	static const u64 near[] = {
		0, 0x1000, 0x100000000, UMEM_LIMIT, ULONG_MAX / 2, -0x4000ULL,
	};

	return near[input_roll(ARRAY_SIZE(near))] +
	       input_roll(16) * 0x400 - input_roll(4);
}

static u64 any_size(void)
{
	switch (input_roll(8)) {
	case 0:
		return input_roll(4);
	case 1:
		return -(u64)input_roll(4);
	case 2:
		return ULONG_MAX / 2 + input_roll(4);
	default:
		return input_roll(16) * 0x400 + input_roll(4);
	}
}

static struct vhost_memory *any_argument(void)
{
	struct vhost_memory *arg = (void *)umem.base;
	u32 i;

	arg->nregions = input_roll(MAX_REGIONS + 2);
	arg->padding = !input_roll(64);
	for (i = 0; i < arg->nregions; i++) {
		arg->regions[i].guest_phys_addr = any_addr();
		arg->regions[i].memory_size = any_size();
		arg->regions[i].userspace_addr = any_addr();
		arg->regions[i].flags_padding = input_roll(2);
	}
	if (!input_roll(32))
		umem_fail(umem.base + input_roll(300), 1);
	if (!input_roll(16))
		umem.fail_alloc = input_roll(12);
	return arg;
}

/* Why the argument is refused, 0 if it is not. */
static int expect_refusal(const struct vhost_memory *arg)
{
	size_t size = sizeof(*arg);
	u64 fault = umem.fault - (u64)umem.base;
	bool faults = umem.fault_end;
	u32 i;

	if (faults && fault < size)
		return -EFAULT;
	if (arg->padding)
		return -EOPNOTSUPP;
	if (arg->nregions > MAX_REGIONS)
		return -E2BIG;
	size += arg->nregions * sizeof(arg->regions[0]);
	if (faults && fault < size)
		return -EFAULT;
	for (i = 0; i < arg->nregions; i++) {
		const struct vhost_memory_region *r = &arg->regions[i];

		if (r->guest_phys_addr + r->memory_size - 1 < r->guest_phys_addr)
			return -EFAULT;
	}
	return 0;
}

static bool has_whole(const struct vhost_memory *arg)
{
	u32 i;

	for (i = 0; i < arg->nregions; i++)
		if (!arg->regions[i].guest_phys_addr && !arg->regions[i].memory_size)
			return true;
	return false;
}

/* Every region is there, as it was given. */
static void check_read(const struct vhost_memory *arg, struct vhost_iotlb *table)
{
	u32 nr = 0, i;

	for (i = 0; i < arg->nregions; i++) {
		const struct vhost_memory_region *r = &arg->regions[i];
		u64 last = r->guest_phys_addr + r->memory_size - 1;

		/* The whole space is kept in two halves. */
		if (!r->guest_phys_addr && last == ULONG_MAX) {
			MUST(table_has(table, 0, last / 2, r->userspace_addr,
				       VHOST_MAP_RW));
			MUST(table_has(table, last / 2 + 1, last,
				       r->userspace_addr + last / 2 + 1,
				       VHOST_MAP_RW));
			nr += 2;
			continue;
		}
		MUST(table_has(table, r->guest_phys_addr, last,
			       r->userspace_addr, VHOST_MAP_RW));
		nr++;
	}
	MUST(table->nmaps == nr);
}

static struct vhost_iotlb *read_table(void)
{
	struct vhost_memory *arg = any_argument();
	bool starved = umem.fail_alloc >= 0;
	struct vhost_iotlb *table = vhostx_mem_read(arg, MAX_REGIONS);
	int want = expect_refusal(arg);

	umem_fail(NULL, 0);
	umem.fail_alloc = -1;
	if (!IS_ERR(table)) {
		MUST(!want);
		check_read(arg, table);
		return table;
	}
	/* Regions of the whole space take two entries each, of which there are few. */
	MUST(PTR_ERR(table) == want || (starved && PTR_ERR(table) == -ENOMEM) ||
	     (has_whole(arg) && PTR_ERR(table) == -ENOSPC));
	return NULL;
}

static void check_reverse(struct vhost_iotlb *table)
{
	bool starved = !input_roll(8);
	struct vhost_iotlb *reverse;
	struct vhost_iotlb_map *map;
	u32 nr = 0;

	umem.fail_alloc = starved ? (int)input_roll(4) : -1;
	reverse = vhostx_mem_reverse(table);
	umem.fail_alloc = -1;
	if (IS_ERR(reverse)) {
		MUST((starved && PTR_ERR(reverse) == -ENOMEM) ||
		     PTR_ERR(reverse) == -ENOSPC);
		return;
	}
	list_for_each_entry(map, &table->list, link) {
		u64 last = map->addr + map->size - 1;

		if (last < map->addr || (!map->addr && last == ULONG_MAX))
			continue;
		MUST(table_has(reverse, map->addr, last, map->start, map->perm));
		nr++;
	}
	MUST(reverse->nmaps >= nr);
	vhost_iotlb_free(reverse);
}

static void check_ok(struct vhost_iotlb *table)
{
	struct vhost_iotlb_map *map;
	bool ok = true;

	list_for_each_entry(map, &table->list, link)
		ok &= map->size <= UMEM_LIMIT &&
		      map->addr <= UMEM_LIMIT - map->size;
	MUST(vhostx_mem_ok(table) == ok);
	MUST(!vhostx_mem_ok(NULL));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct vhostx_view view = {};
	struct vhost_iotlb *table;

	input_open(data, size);
	umem_init(BLOCK);
	table = read_table();
	if (table) {
		check_reverse(table);
		check_ok(table);
		/* Some that forbid what others allow. */
		while (table->nmaps < MAX_REGIONS && input_roll(2))
			vhost_iotlb_add_range(table, any_addr(), any_addr(),
					      any_addr(), 1 + input_roll(3));
	}
	vhostx_view_set(&view, table, input_roll(2));
	while (input.left)
		table_check_translate(&view, any_addr(),
				      1 + (u32)(any_size() - 1) % 0xffffffff);
	if (table)
		vhost_iotlb_free(table);
	MUST_NOT(umem.error);
	MUST(!umem.live);
	umem_exit();
	return 0;
}
