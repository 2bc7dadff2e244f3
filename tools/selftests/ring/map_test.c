// SPDX-License-Identifier: GPL-2.0-only
/* Chains to segments of memory: direct ones, and indirect tables. */
#include <string.h>

#include "kselftest_harness.h"

#include "rig.h"

#define NUM	256
/* The table, and the buffers its entries point at. */
#define TABLE	rig_gpa(0)
#define BUF(i)	rig_gpa(0x40000 + (i) * 0x10)

FIXTURE(map)
{
	struct rig *rig;
	struct vhostx_ring *r;
	struct iovec iov[1100];
	unsigned int max;
	size_t len;
};

FIXTURE_SETUP(map)
{
	self->rig = rig_new(NUM, false);
	self->r = &self->rig->ring;
	self->max = ARRAY_SIZE(self->iov);
	self->len = 0;
}

FIXTURE_TEARDOWN(map)
{
	EXPECT_EQ(umem.errors, 0) TH_LOG("%s", umem.error);
	rig_free(self->rig);
	EXPECT_EQ(umem.live, 0);
}

/* Fetch one chain, if none is there, and map it. */
static int map(struct __test_metadata *_metadata, struct vhostx_ring *r,
	       struct vhostx_view *view, bool write, struct iovec *iov,
	       unsigned int max, size_t *len)
{
	ASSERT_TRUE(vhostx_ring_cached(r) || vhostx_ring_fetch(r) == 1);
	*len = 0;
	umem_mark();
	return vhostx_ring_map(r, vhostx_ring_peek(r, 0), view, write, iov, max,
			       len);
}

#define MAP_TO(write) map(_metadata, self->r, &self->rig->view, write,	\
			  self->iov, self->max, &self->len)
#define MAP()	MAP_TO(false)
#define BAD(why) do {							\
	ASSERT_EQ(MAP(), -VHOSTX_BAD_##why);				\
	ASSERT_FALSE(vhostx_ring_broken(self->r));			\
} while (0)
#define BREAKS(why) do {						\
	ASSERT_EQ(MAP(), 0);						\
	ASSERT_EQ(self->r->fault, VHOSTX_FAULT_##why);			\
} while (0)
#define SEG(i, gpa, bytes) do {						\
	EXPECT_EQ(self->iov[i].iov_base, rig_hva(gpa));			\
	EXPECT_EQ(self->iov[i].iov_len, bytes);				\
} while (0)

/* A chain of one direct descriptor. */
#define POST(addr, len, flags) do {					\
	rig_desc(self->rig, 0, addr, len, flags, 0);			\
	rig_post(self->rig, 0);						\
} while (0)
/* A chain of one indirect table with @nr entries at @table. */
#define POST_TABLE(table, nr)						\
	POST(table, (nr) * sizeof(struct vring_desc), RIG_INDIRECT)
#define ENTRY(i, addr, len, flags, next)				\
	rig_entry(self->rig, TABLE, i, addr, len, flags, next)
#define REGIONS(...) do {						\
	static const u64 cuts[] = { __VA_ARGS__ };			\
									\
	rig_regions(self->rig, cuts, ARRAY_SIZE(cuts));			\
} while (0)

/* Entries 0 to @nr - 1, in order, of one byte each. */
static void fill(struct rig *rig, u64 table, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		rig_entry(rig, table, i, BUF(i), 1, i + 1 < nr ? RIG_NEXT : 0,
			  i + 1);
}

TEST_F(map, direct)
{
	rig_desc(self->rig, 0, BUF(0), 10, RIG_NEXT, 1);
	rig_desc(self->rig, 1, BUF(9), 20, RIG_NEXT, 2);
	rig_desc(self->rig, 2, BUF(4), 1, 0, 0);
	rig_post(self->rig, 0);
	ASSERT_EQ(MAP(), 3);
	SEG(0, BUF(0), 10);
	SEG(1, BUF(9), 20);
	SEG(2, BUF(4), 1);
	EXPECT_EQ(self->len, 31);
}

TEST_F(map, len_is_added_to)
{
	size_t len = 100;

	POST(BUF(0), 10, 0);
	ASSERT_EQ(MAP(), 1);
	ASSERT_EQ(vhostx_ring_map(self->r, vhostx_ring_peek(self->r, 0),
				  &self->rig->view, false, self->iov, 1, &len),
		  1);
	EXPECT_EQ(len, 110);
}

TEST_F(map, other_than_the_first)
{
	size_t len = 0;

	POST(BUF(0), 10, 0);
	rig_desc(self->rig, 1, BUF(3), 7, 0, 0);
	rig_post(self->rig, 1);
	ASSERT_EQ(vhostx_ring_fetch(self->r), 2);
	ASSERT_EQ(vhostx_ring_map(self->r, vhostx_ring_peek(self->r, 1),
				  &self->rig->view, false, self->iov, 1, &len),
		  1);
	SEG(0, BUF(3), 7);
	EXPECT_EQ(len, 7);
}

TEST_F(map, direction)
{
	POST(BUF(0), 10, RIG_WRITE);
	BAD(DIR);
	ASSERT_EQ(MAP_TO(true), 1);
	SEG(0, BUF(0), 10);
	vhostx_ring_use(self->r, 0);
	POST(BUF(0), 10, 0);
	ASSERT_EQ(MAP(), 1);
	ASSERT_EQ(MAP_TO(true), -VHOSTX_BAD_DIR);
}

TEST_F(map, direction_of_a_later_one)
{
	rig_desc(self->rig, 0, BUF(0), 10, RIG_NEXT, 1);
	rig_desc(self->rig, 1, BUF(9), 20, RIG_WRITE, 0);
	rig_post(self->rig, 0);
	BAD(DIR);
	ASSERT_EQ(MAP_TO(true), -VHOSTX_BAD_DIR);
}

TEST_F(map, empty)
{
	POST(BUF(0), 0, 0);
	BAD(EMPTY);
	vhostx_ring_use(self->r, 0);
	rig_desc(self->rig, 0, BUF(0), 0, RIG_NEXT, 1);
	rig_desc(self->rig, 1, RIG_HOLE, 0, 0, 0);
	rig_post(self->rig, 0);
	BAD(EMPTY);
}

TEST_F(map, empty_among_others)
{
	rig_desc(self->rig, 0, RIG_HOLE, 0, RIG_NEXT, 1);
	rig_desc(self->rig, 1, BUF(5), 3, RIG_NEXT, 2);
	rig_desc(self->rig, 2, 0, 0, 0, 0);
	rig_post(self->rig, 0);
	ASSERT_EQ(MAP(), 1);
	SEG(0, BUF(5), 3);
	EXPECT_EQ(self->len, 3);
}

TEST_F(map, empty_of_the_wrong_direction)
{
	POST(BUF(0), 0, RIG_WRITE);
	BAD(DIR);
}

TEST_F(map, address)
{
	static const struct {
		u64 addr;
		u32 len;
	} bad[] = {
		{ RIG_HOLE, 1 }, { RIG_GPA - 1, 2 }, { RIG_GPA + RIG_SIZE, 1 },
		{ RIG_GPA + RIG_SIZE - 1, 2 }, { RIG_GPA, 0x80000000 },
		{ ~0ULL, 1 }, { ~0ULL, 2 }, { ~0ULL - 9, 0xffffffff },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		POST(bad[i].addr, bad[i].len, 0);
		BAD(ADDR);
		vhostx_ring_use(self->r, 0);
	}
	POST(RIG_GPA + RIG_SIZE - 1, 1, 0);
	ASSERT_EQ(MAP(), 1);
	vhostx_view_set(&self->rig->view, NULL, false);
	BAD(ADDR);
}

TEST_F(map, spans_regions)
{
	REGIONS(RIG_FREE + 0x40010, RIG_FREE + 0x40020);
	rig_desc(self->rig, 0, BUF(0), 0x20, RIG_NEXT, 1);
	rig_desc(self->rig, 1, BUF(0) + 1, 0x1000, 0, 0);
	rig_post(self->rig, 0);
	ASSERT_EQ(MAP(), 5);
	SEG(0, BUF(0), 0x10);
	SEG(1, BUF(1), 0x10);
	SEG(2, BUF(0) + 1, 0xf);
	SEG(3, BUF(1), 0x10);
	SEG(4, BUF(2), 0xfe1);
	EXPECT_EQ(self->len, 0x1020);
	self->max = 5;
	ASSERT_EQ(MAP(), 5);
	self->max = 4;
	BAD(SIZE);
	self->max = 2;
	BAD(SIZE);
	self->max = 0;
	BAD(SIZE);
}

TEST_F(map, chain_too_long)
{
	u32 i;

	rig_free(self->rig);
	self->rig = rig_new(2048, false);
	self->r = &self->rig->ring;
	for (i = 0; i <= VHOSTX_CHAIN_MAX; i++)
		rig_desc(self->rig, i, BUF(0), 1,
			 i < VHOSTX_CHAIN_MAX ? RIG_NEXT : 0, i + 1);
	rig_post(self->rig, 0);
	BAD(SIZE);
	/* One less is a chain like any other. */
	vhostx_ring_use(self->r, 0);
	rig_post(self->rig, 1);
	ASSERT_EQ(MAP(), VHOSTX_CHAIN_MAX);
	EXPECT_EQ(self->len, VHOSTX_CHAIN_MAX);
}

TEST_F(map, indirect)
{
	ENTRY(0, BUF(0), 10, RIG_NEXT, 3);
	ENTRY(3, BUF(1), 11, RIG_NEXT, 1);
	ENTRY(1, BUF(2), 12, 0, 77);
	/* Not in the chain, so not looked at. */
	ENTRY(2, RIG_HOLE, 12, RIG_INDIRECT, 99);
	POST_TABLE(TABLE, 4);
	umem.read_once = true;
	ASSERT_EQ(MAP(), 3);
	SEG(0, BUF(0), 10);
	SEG(1, BUF(1), 11);
	SEG(2, BUF(2), 12);
	EXPECT_EQ(self->len, 33);
	EXPECT_EQ(umem_reads(rig_hva(TABLE + 16)), 1);
	EXPECT_EQ(umem_reads(rig_hva(TABLE + 32)), 0);
}

TEST_F(map, indirect_of_one)
{
	ENTRY(0, BUF(0), 10, 0, 0);
	POST_TABLE(TABLE, 1);
	ASSERT_EQ(MAP(), 1);
	SEG(0, BUF(0), 10);
}

TEST_F(map, indirect_after_direct)
{
	rig_desc(self->rig, 0, BUF(7), 12, RIG_NEXT, 1);
	rig_desc(self->rig, 1, TABLE, 32, RIG_INDIRECT, 0);
	rig_post(self->rig, 0);
	ENTRY(0, BUF(0), 10, RIG_NEXT, 1);
	ENTRY(1, BUF(1), 11, 0, 0);
	ASSERT_EQ(MAP(), 3);
	SEG(0, BUF(7), 12);
	SEG(1, BUF(0), 10);
	SEG(2, BUF(1), 11);
	EXPECT_EQ(self->len, 33);
	self->max = 2;
	BAD(SIZE);
	self->max = 1;
	BAD(SIZE);
}

/* The flag says what is done with buffers, and the table is only read. */
TEST_F(map, indirect_write_flag_of_the_table)
{
	ENTRY(0, BUF(0), 10, 0, 0);
	POST(TABLE, 16, RIG_INDIRECT | RIG_WRITE);
	ASSERT_EQ(MAP(), 1);
	ENTRY(0, BUF(0), 10, RIG_WRITE, 0);
	BAD(DIR);
	ASSERT_EQ(MAP_TO(true), 1);
}

TEST_F(map, indirect_bad_frames)
{
	POST_TABLE(TABLE, 2);
	ENTRY(0, BUF(0), 0, RIG_NEXT, 1);
	ENTRY(1, BUF(0), 0, 0, 0);
	BAD(EMPTY);
	ENTRY(1, BUF(0), 1, RIG_WRITE, 0);
	BAD(DIR);
	ENTRY(1, RIG_HOLE, 1, 0, 0);
	BAD(ADDR);
	ENTRY(1, ~0ULL, 2, 0, 0);
	BAD(ADDR);
	ENTRY(1, BUF(0), 1, 0, 0);
	self->max = 0;
	BAD(SIZE);
	self->max = 1;
	ASSERT_EQ(MAP(), 1);
	EXPECT_EQ(self->len, 1);
}

TEST_F(map, indirect_table_address)
{
	static const u64 bad[] = {
		RIG_HOLE, RIG_GPA - 1, RIG_GPA + RIG_SIZE - 31,
		RIG_GPA + RIG_SIZE, ~0ULL - 15, ~0ULL,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		POST_TABLE(bad[i], 2);
		BAD(ADDR);
		vhostx_ring_use(self->r, 0);
	}
	vhostx_view_set(&self->rig->view, NULL, false);
	POST_TABLE(TABLE, 2);
	BAD(ADDR);
}

TEST_F(map, indirect_table_up_to_the_end)
{
	u64 table = RIG_GPA + RIG_SIZE - 32;

	fill(self->rig, table, 2);
	POST_TABLE(table, 2);
	ASSERT_EQ(MAP(), 2);
	SEG(1, BUF(1), 1);
}

/* The specification asks for no alignment of a table. */
TEST_F(map, indirect_table_unaligned)
{
	fill(self->rig, TABLE + 3, 5);
	POST_TABLE(TABLE + 3, 5);
	ASSERT_EQ(MAP(), 5);
	SEG(4, BUF(4), 1);
}

TEST_F(map, indirect_table_faults)
{
	int half;

	fill(self->rig, TABLE, 4);
	POST_TABLE(TABLE, 4);
	for (half = 0; half < 16; half += 8) {
		umem_fail(rig_hva(TABLE + 32 + half), 1);
		BAD(FAULT);
	}
	umem_fail(NULL, 0);
	ASSERT_EQ(MAP(), 4);
}

TEST_F(map, indirect_table_beyond_the_limit)
{
	struct vhost_iotlb *table = vhost_iotlb_alloc(1, 0);

	ASSERT_EQ(vhost_iotlb_add_range(table, 0, 0xffff, UMEM_LIMIT,
					VHOST_MAP_RW), 0);
	vhostx_view_set(&self->rig->view, table, false);
	POST_TABLE(0, 2);
	BAD(FAULT);
	vhost_iotlb_free(table);
}

TEST_F(map, indirect_next_range)
{
	ENTRY(0, BUF(0), 1, RIG_NEXT, 2);
	ENTRY(2, BUF(0), 1, 0, 0);
	POST_TABLE(TABLE, 2);
	BREAKS(DESC_RANGE);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ENTRY(0, BUF(0), 1, RIG_NEXT, 0xffff);
	BREAKS(DESC_RANGE);
}

TEST_F(map, indirect_loop)
{
	ENTRY(0, BUF(0), 1, RIG_NEXT, 1);
	ENTRY(1, BUF(1), 1, RIG_NEXT, 2);
	ENTRY(2, BUF(1), 1, RIG_NEXT, 1);
	POST_TABLE(TABLE, 3);
	BREAKS(DESC_LOOP);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ENTRY(0, BUF(0), 1, RIG_NEXT, 0);
	BREAKS(DESC_LOOP);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	rig_desc(self->rig, 0, TABLE, 16, RIG_INDIRECT, 0);
	BREAKS(DESC_LOOP);
}

TEST_F(map, indirect_nested)
{
	ENTRY(0, BUF(0), 1, RIG_NEXT, 1);
	ENTRY(1, TABLE, 16, RIG_INDIRECT, 0);
	POST_TABLE(TABLE, 2);
	BREAKS(INDIRECT_NEST);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ENTRY(0, TABLE, 16, RIG_INDIRECT | RIG_NEXT, 1);
	BREAKS(INDIRECT_NEST);
}

TEST_F(map, indirect_lengths)
{
	static const u32 sizes[] = {
		VHOSTX_BATCH - 1, VHOSTX_BATCH, VHOSTX_BATCH + 1,
		2 * VHOSTX_BATCH, 2 * VHOSTX_BATCH + 1, VHOSTX_CHAIN_MAX - 1,
		VHOSTX_CHAIN_MAX,
	};
	unsigned int i, j;

	umem.read_once = true;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(self->rig, TABLE, sizes[i]);
		POST_TABLE(TABLE, sizes[i]);
		ASSERT_EQ(MAP(), (int)sizes[i]);
		for (j = 0; j < sizes[i]; j++)
			ASSERT_EQ(self->iov[j].iov_base, rig_hva(BUF(j)));
		EXPECT_EQ(self->len, sizes[i]);
		vhostx_ring_use(self->r, sizes[i]);
	}
	/* A piece of a table keeps to its place: what lies behind is intact. */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(self->r->used_cache[i].id, 0);
		EXPECT_EQ(self->r->used_cache[i].len, sizes[i]);
	}
}

TEST_F(map, indirect_backwards)
{
	const u32 nr = 3 * VHOSTX_BATCH + 1;
	u32 i;

	ENTRY(0, BUF(0), 1, RIG_NEXT, nr - 1);
	for (i = nr - 1; i; i--)
		ENTRY(i, BUF(i), 1, i > 1 ? RIG_NEXT : 0, i - 1);
	POST_TABLE(TABLE, nr);
	ASSERT_EQ(MAP(), (int)nr);
	for (i = 1; i < nr; i++)
		ASSERT_EQ(self->iov[i].iov_base, rig_hva(BUF(nr - i)));
}

TEST_F(map, indirect_too_long)
{
	fill(self->rig, TABLE, VHOSTX_CHAIN_MAX + 1);
	POST_TABLE(TABLE, VHOSTX_CHAIN_MAX + 1);
	BAD(SIZE);
	/* A large table with a short chain in it is fine. */
	ENTRY(1, BUF(1), 1, RIG_NEXT, VHOSTX_CHAIN_MAX);
	ASSERT_EQ(MAP(), 3);
}

TEST_F(map, indirect_loop_in_a_large_table)
{
	ENTRY(0, BUF(0), 1, RIG_NEXT, 1);
	ENTRY(1, BUF(1), 1, RIG_NEXT, 0);
	POST_TABLE(TABLE, 0x10000);
	BAD(SIZE);
	EXPECT_LE(umem.nr_log, 2 * (VHOSTX_CHAIN_MAX + VHOSTX_BATCH));
}

/* Faults of the ring in the second piece of a long table. */
TEST_F(map, indirect_later_faults)
{
	const u32 nr = 2 * VHOSTX_BATCH;

	fill(self->rig, TABLE, nr);
	POST_TABLE(TABLE, nr);
	ENTRY(100, BUF(0), 1, RIG_NEXT, nr);
	BREAKS(DESC_RANGE);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ENTRY(100, BUF(0), 16, RIG_INDIRECT, 0);
	BREAKS(INDIRECT_NEST);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ENTRY(100, BUF(0), 1, RIG_NEXT, 0);
	BREAKS(DESC_LOOP);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ENTRY(100, RIG_HOLE, 1, 0, 0);
	BAD(ADDR);
}

/* A table in several regions: cut between entries and inside one. */
TEST_F(map, indirect_straddles)
{
	const u32 nr = 2 * VHOSTX_BATCH + 1;
	u32 i;

	REGIONS(RIG_FREE + 0x20, RIG_FREE + 0x48, RIG_FREE + 0x405,
		RIG_FREE + 0x40000);
	umem.read_once = true;
	fill(self->rig, TABLE, nr);
	POST_TABLE(TABLE, nr);
	ASSERT_EQ(MAP(), (int)nr);
	for (i = 0; i < nr; i++)
		SEG(i, BUF(i), 1);
	EXPECT_EQ(self->len, nr);

	/* The table's last entry is cut off by one byte. */
	umem.read_once = false;
	vhostx_ring_use(self->r, 0);
	REGIONS(RIG_FREE + 0x2f, RIG_FREE + 0x30);
	fill(self->rig, TABLE, 3);
	POST_TABLE(TABLE, 3);
	ASSERT_EQ(MAP(), 3);
}

TEST_F(map, indirect_straddling_bad)
{
	REGIONS(RIG_FREE + 0x18);
	fill(self->rig, TABLE, 3);
	POST_TABLE(TABLE, 3);
	ASSERT_EQ(MAP(), 3);
	umem_fail(rig_hva(TABLE + 0x17), 1);
	BAD(FAULT);
	umem_fail(rig_hva(TABLE + 0x18), 1);
	BAD(FAULT);
	umem_fail(NULL, 0);
	ENTRY(1, BUF(0), 1, RIG_WRITE, 0);
	BAD(DIR);
	ENTRY(1, BUF(0), 1, RIG_NEXT, 3);
	BREAKS(DESC_RANGE);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ENTRY(1, BUF(0), 1, RIG_NEXT, 0);
	BREAKS(DESC_LOOP);
	ASSERT_EQ(vhostx_ring_start(self->r), 0);
	ENTRY(1, BUF(0), 1, RIG_INDIRECT, 0);
	BREAKS(INDIRECT_NEST);
}

TEST_F(map, indirect_straddling_lengths)
{
	u32 i;

	REGIONS(RIG_FREE + 0x18);
	fill(self->rig, TABLE, VHOSTX_CHAIN_MAX);
	POST_TABLE(TABLE, VHOSTX_CHAIN_MAX);
	ASSERT_EQ(MAP(), VHOSTX_CHAIN_MAX);
	for (i = 0; i < VHOSTX_CHAIN_MAX; i++)
		ASSERT_EQ(self->iov[i].iov_base, rig_hva(BUF(i)));
	vhostx_ring_use(self->r, 0);
	fill(self->rig, TABLE, VHOSTX_CHAIN_MAX + 1);
	POST_TABLE(TABLE, VHOSTX_CHAIN_MAX + 1);
	BAD(SIZE);
}

/* The table goes on where the memory does not. */
TEST_F(map, indirect_straddles_the_end)
{
	u64 table = RIG_GPA + RIG_SIZE - 0x28;

	REGIONS(RIG_SIZE - 0x18);
	rig_entry(self->rig, table, 0, BUF(0), 1, RIG_NEXT, 1);
	rig_entry(self->rig, table, 1, BUF(1), 1, 0, 0);
	POST_TABLE(table, 3);
	/* What is in the chain can be read, in part: either answer will do. */
	ASSERT_TRUE(MAP() == 2 || MAP() == -VHOSTX_BAD_ADDR);
	rig_entry(self->rig, table, 1, BUF(1), 1, RIG_NEXT, 2);
	BAD(ADDR);
}

TEST_F(map, indirect_entry_in_three_regions)
{
	REGIONS(RIG_FREE + 0x12, RIG_FREE + 0x16);
	fill(self->rig, TABLE, 2);
	POST_TABLE(TABLE, 2);
	BAD(ADDR);
}

static u64 scribble_at;
static u8 scribble[16];

/* A driver that overwrites whatever has just been read of a table. */
static void scribble_after_read(enum umem_op op, void *addr, size_t len)
{
	if (op == UMEM_READ && addr >= rig_hva(scribble_at))
		memcpy(addr, scribble, len);
}

TEST_F(map, indirect_read_once)
{
	static const u64 cut = RIG_FREE + 0x18;
	const u32 nr = VHOSTX_BATCH + 8;
	u32 i, regions;

	memset(scribble, 0xff, sizeof(scribble));
	scribble_at = TABLE;
	for (regions = 1; regions <= 2; regions++) {
		rig_regions(self->rig, &cut, regions - 1);
		fill(self->rig, TABLE, nr);
		POST_TABLE(TABLE, nr);
		ASSERT_EQ(vhostx_ring_fetch(self->r), 1);
		umem.hook = scribble_after_read;
		ASSERT_EQ(MAP(), (int)nr);
		umem.hook = NULL;
		for (i = 0; i < nr; i++)
			SEG(i, BUF(i), 1);
		vhostx_ring_use(self->r, 0);
	}
}

TEST_F(map, indirect_big_endian)
{
	static const u64 cut = RIG_FREE + 0x18;
	u32 regions;

	umem_big_endian = true;
	self->r->modern = false;
	rig_start(self->rig, 0, 0);
	for (regions = 1; regions <= 2; regions++) {
		rig_regions(self->rig, &cut, regions - 1);
		ENTRY(0, BUF(0), 0x123, RIG_NEXT, 2);
		ENTRY(2, BUF(2), 0x45, 0, 0);
		POST_TABLE(TABLE, 3);
		ASSERT_EQ(MAP(), 2);
		SEG(0, BUF(0), 0x123);
		SEG(1, BUF(2), 0x45);
		vhostx_ring_use(self->r, 0);
	}
}

TEST_HARNESS_MAIN
