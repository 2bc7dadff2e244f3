// SPDX-License-Identifier: GPL-2.0-only
/* Packed ring: indirect tables, whose entries lie in order. */
#include <string.h>

#include "kselftest_harness.h"

#include "rig.h"

#define NUM	250
/* The table, and the buffers its entries point at. */
#define TABLE	rig_gpa(0)
#define BUF(i)	rig_gpa(0x40000 + (i) * 0x10)

FIXTURE(packed_map)
{
	struct rig *rig;
	struct vhostx_ring *r;
	struct iovec iov[1100];
	unsigned int max;
	size_t len;
};

FIXTURE_SETUP(packed_map)
{
	self->rig = rig_packed_new(NUM, false);
	self->r = &self->rig->ring;
	self->max = ARRAY_SIZE(self->iov);
	self->len = 0;
}

FIXTURE_TEARDOWN(packed_map)
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

#define POST(addr, len, flags)						\
	rig_packed_post(self->rig, addr, len, 7, flags)
/* A chain of one indirect table with @nr entries at @table. */
#define POST_TABLE(table, nr)						\
	POST(table, (nr) * sizeof(struct vring_packed_desc), RIG_INDIRECT)
#define ENTRY(i, addr, len, flags)					\
	rig_packed_entry(TABLE, i, addr, len, flags)
#define REGIONS(...) do {						\
	static const u64 cuts[] = { __VA_ARGS__ };			\
									\
	rig_regions(self->rig, cuts, ARRAY_SIZE(cuts));			\
} while (0)

/* Entries 0 to @nr - 1, of one byte each. */
static void fill(u64 table, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		rig_packed_entry(table, i, BUF(i), 1, 0);
}

TEST_F(packed_map, direct)
{
	rig_packed_start(self->rig, NUM - 2);
	POST(BUF(0), 10, RIG_NEXT);
	POST(BUF(9), 20, RIG_NEXT);
	POST(BUF(4), 1, 0);
	ASSERT_EQ(MAP(), 3);
	SEG(0, BUF(0), 10);
	SEG(1, BUF(9), 20);
	SEG(2, BUF(4), 1);
	EXPECT_EQ(self->len, 31);
	ASSERT_EQ(MAP_TO(true), -VHOSTX_BAD_DIR);
}

TEST_F(packed_map, direct_too_long)
{
	u32 i;

	rig_free(self->rig);
	self->rig = rig_packed_new(3000, false);
	self->r = &self->rig->ring;
	for (i = 0; i < 2000; i++)
		POST(BUF(0), 1, i < 1999 ? RIG_NEXT : 0);
	BAD(SIZE);
	vhostx_ring_use(self->r, 0);
	POST(BUF(3), 5, 0);
	ASSERT_EQ(MAP(), 1);
	SEG(0, BUF(3), 5);
}

TEST_F(packed_map, indirect)
{
	ENTRY(0, BUF(0), 10, 0);
	ENTRY(1, BUF(1), 11, 0);
	ENTRY(2, BUF(2), 12, 0);
	/* Behind its end. */
	ENTRY(3, RIG_HOLE, 12, RIG_INDIRECT);
	POST_TABLE(TABLE, 3);
	umem.read_once = true;
	ASSERT_EQ(MAP(), 3);
	SEG(0, BUF(0), 10);
	SEG(1, BUF(1), 11);
	SEG(2, BUF(2), 12);
	EXPECT_EQ(self->len, 33);
	EXPECT_EQ(umem_reads(rig_hva(TABLE + 47)), 1);
	EXPECT_EQ(umem_reads(rig_hva(TABLE + 48)), 0);
}

/* All of the table is the chain: what its flags say beyond that is nothing. */
TEST_F(packed_map, indirect_flags_ignored)
{
	static const u16 flags[] = {
		0, RIG_NEXT, 0x80, 0x8000, 0x8080, (u16)~(RIG_WRITE | RIG_INDIRECT),
	};
	static const u64 cut = RIG_FREE + 0x18;
	u32 regions, i, j;

	for (regions = 1; regions <= 2; regions++) {
		rig_regions(self->rig, &cut, regions - 1);
		for (i = 0; i < ARRAY_SIZE(flags); i++) {
			for (j = 0; j < 3; j++)
				ENTRY(j, BUF(j), 1 + j, flags[i]);
			POST_TABLE(TABLE, 3);
			ASSERT_EQ(MAP(), 3);
			for (j = 0; j < 3; j++)
				SEG(j, BUF(j), 1 + j);
			vhostx_ring_use(self->r, 0);
		}
	}
}

TEST_F(packed_map, indirect_after_direct)
{
	POST(BUF(7), 12, RIG_NEXT);
	POST_TABLE(TABLE, 2);
	fill(TABLE, 2);
	ASSERT_EQ(MAP(), 3);
	SEG(0, BUF(7), 12);
	SEG(1, BUF(0), 1);
	SEG(2, BUF(1), 1);
	EXPECT_EQ(self->len, 14);
	self->max = 2;
	BAD(SIZE);
}

/* The entries' flags say what is done with buffers; the table is only read. */
TEST_F(packed_map, indirect_direction)
{
	ENTRY(0, BUF(0), 10, 0);
	ENTRY(1, BUF(1), 10, 0);
	POST(TABLE, 32, RIG_INDIRECT | RIG_WRITE);
	ASSERT_EQ(MAP(), 2);
	ENTRY(1, BUF(1), 10, RIG_WRITE);
	BAD(DIR);
	ENTRY(0, BUF(0), 10, RIG_WRITE);
	ASSERT_EQ(MAP_TO(true), 2);
}

TEST_F(packed_map, indirect_bad_frames)
{
	POST_TABLE(TABLE, 2);
	ENTRY(0, BUF(0), 0, 0);
	ENTRY(1, BUF(0), 0, 0);
	BAD(EMPTY);
	ENTRY(1, RIG_HOLE, 1, 0);
	BAD(ADDR);
	ENTRY(1, ~0ULL, 2, 0);
	BAD(ADDR);
	ENTRY(1, BUF(0), 1, 0);
	self->max = 0;
	BAD(SIZE);
	self->max = 1;
	ASSERT_EQ(MAP(), 1);
	EXPECT_EQ(self->len, 1);
}

TEST_F(packed_map, indirect_table_address)
{
	static const u64 bad[] = {
		RIG_HOLE, RIG_GPA - 1, RIG_GPA + RIG_SIZE - 31,
		RIG_GPA + RIG_SIZE, ~0ULL - 15, ~0ULL,
	};
	u64 last = RIG_GPA + RIG_SIZE - 32;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		POST_TABLE(bad[i], 2);
		BAD(ADDR);
		vhostx_ring_use(self->r, 0);
	}
	fill(last, 2);
	POST_TABLE(last, 2);
	ASSERT_EQ(MAP(), 2);
	SEG(1, BUF(1), 1);
	vhostx_ring_use(self->r, 0);
	/* No alignment is asked for. */
	fill(TABLE + 3, 5);
	POST_TABLE(TABLE + 3, 5);
	ASSERT_EQ(MAP(), 5);
	SEG(4, BUF(4), 1);
}

TEST_F(packed_map, indirect_table_faults)
{
	int half;

	fill(TABLE, 4);
	POST_TABLE(TABLE, 4);
	for (half = 0; half < 16; half += 8) {
		umem_fail(rig_hva(TABLE + 32 + half), 1);
		BAD(FAULT);
	}
	umem_fail(NULL, 0);
	ASSERT_EQ(MAP(), 4);
}

/* In the first, in the last, and where the table is read in several pieces. */
TEST_F(packed_map, indirect_nested)
{
	static const u32 at[] = { 0, 1, VHOSTX_BATCH - 1, VHOSTX_BATCH, 199 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		rig_packed_start(self->rig, 0);
		fill(TABLE, 200);
		ENTRY(at[i], TABLE, 16, RIG_INDIRECT);
		POST_TABLE(TABLE, 200);
		BREAKS(INDIRECT_NEST);
	}
}

TEST_F(packed_map, indirect_lengths)
{
	static const u32 sizes[] = {
		1, 2, VHOSTX_BATCH - 1, VHOSTX_BATCH, VHOSTX_BATCH + 1,
		2 * VHOSTX_BATCH, 2 * VHOSTX_BATCH + 1, VHOSTX_CHAIN_MAX - 1,
		VHOSTX_CHAIN_MAX,
	};
	unsigned int i, j;

	umem.read_once = true;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(TABLE, sizes[i]);
		POST_TABLE(TABLE, sizes[i]);
		ASSERT_EQ(MAP(), (int)sizes[i]);
		for (j = 0; j < sizes[i]; j++)
			ASSERT_EQ(self->iov[j].iov_base, rig_hva(BUF(j)));
		EXPECT_EQ(self->len, sizes[i]);
		vhostx_ring_use(self->r, sizes[i]);
	}
	/* A piece of a table keeps to its place: what lies behind is intact. */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(self->r->used_cache[i].id, 7);
		EXPECT_EQ(self->r->used_cache[i].place, 0x8000 + i);
		EXPECT_EQ(self->r->used_cache[i].len, sizes[i]);
	}
}

/* However large a table says it is, what is read of it is not. */
TEST_F(packed_map, indirect_too_long)
{
	static const u32 sizes[] = { VHOSTX_CHAIN_MAX + 1, 2000, 0xf000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(TABLE, VHOSTX_CHAIN_MAX + 2 * VHOSTX_BATCH);
		POST_TABLE(TABLE, sizes[i]);
		BAD(SIZE);
		EXPECT_LE(umem.nr_log, 2 * (VHOSTX_CHAIN_MAX + VHOSTX_BATCH));
		vhostx_ring_use(self->r, 0);
	}
}

/* A table in several regions: cut between entries and inside one. */
TEST_F(packed_map, indirect_straddles)
{
	const u32 nr = 2 * VHOSTX_BATCH + 1;
	u32 i;

	REGIONS(RIG_FREE + 0x20, RIG_FREE + 0x48, RIG_FREE + 0x405,
		RIG_FREE + 0x40000);
	umem.read_once = true;
	fill(TABLE, nr);
	POST_TABLE(TABLE, nr);
	ASSERT_EQ(MAP(), (int)nr);
	for (i = 0; i < nr; i++)
		SEG(i, BUF(i), 1);
	EXPECT_EQ(self->len, nr);
	/* To the last entry, which it finds nested. */
	umem.read_once = false;
	ENTRY(nr - 1, TABLE, 16, RIG_INDIRECT);
	BREAKS(INDIRECT_NEST);
}

TEST_F(packed_map, indirect_straddling_bad)
{
	REGIONS(RIG_FREE + 0x18);
	fill(TABLE, 3);
	POST_TABLE(TABLE, 3);
	ASSERT_EQ(MAP(), 3);
	umem_fail(rig_hva(TABLE + 0x17), 1);
	BAD(FAULT);
	umem_fail(rig_hva(TABLE + 0x18), 1);
	BAD(FAULT);
	umem_fail(NULL, 0);
	ENTRY(1, BUF(0), 1, RIG_WRITE);
	BAD(DIR);
	ENTRY(1, BUF(0), 1, RIG_INDIRECT);
	BREAKS(INDIRECT_NEST);
}

TEST_F(packed_map, indirect_straddling_lengths)
{
	u32 i;

	REGIONS(RIG_FREE + 0x18);
	fill(TABLE, VHOSTX_CHAIN_MAX + 1);
	POST_TABLE(TABLE, VHOSTX_CHAIN_MAX);
	ASSERT_EQ(MAP(), VHOSTX_CHAIN_MAX);
	for (i = 0; i < VHOSTX_CHAIN_MAX; i++)
		ASSERT_EQ(self->iov[i].iov_base, rig_hva(BUF(i)));
	vhostx_ring_use(self->r, 0);
	POST_TABLE(TABLE, VHOSTX_CHAIN_MAX + 1);
	BAD(SIZE);
}

/* The table goes on where the memory does not: all of it is the chain. */
TEST_F(packed_map, indirect_straddles_the_end)
{
	u64 table = RIG_GPA + RIG_SIZE - 0x28;

	REGIONS(RIG_SIZE - 0x18);
	fill(table, 2);
	POST_TABLE(table, 3);
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

TEST_F(packed_map, indirect_read_once)
{
	static const u64 cut = RIG_FREE + 0x18;
	const u32 nr = VHOSTX_BATCH + 8;
	u32 i, regions;

	memset(scribble, 0xff, sizeof(scribble));
	scribble_at = TABLE;
	for (regions = 1; regions <= 2; regions++) {
		rig_regions(self->rig, &cut, regions - 1);
		fill(TABLE, nr);
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

/* Little-endian on every host, as the ring. */
TEST_F(packed_map, indirect_big_endian)
{
	static const u64 cut = RIG_FREE + 0x18;
	u32 regions;

	umem_big_endian = true;
	for (regions = 1; regions <= 2; regions++) {
		rig_regions(self->rig, &cut, regions - 1);
		ENTRY(0, BUF(0), 0x123, 0);
		ENTRY(1, BUF(2), 0x45, 0);
		POST_TABLE(TABLE, 2);
		ASSERT_EQ(MAP(), 2);
		SEG(0, BUF(0), 0x123);
		SEG(1, BUF(2), 0x45);
		vhostx_ring_use(self->r, 0);
	}
}

TEST_HARNESS_MAIN
