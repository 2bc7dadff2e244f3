// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log under traffic: what is marked, where, and nothing else. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "logged.h"

#define CANARY		0xa5

/* Another bitmap, that many bytes into a page, on the queues as they run. */
static int move_log(struct run *r, size_t skew)
{
	struct dirty old = r->log;
	int ret = dirty_open(&r->log, LOG_END, skew);

	if (!ret)
		ret = vmm_set_log(r->v, dirty_base(&r->log));
	if (!ret)
		dirty_close(&old);
	return ret;
}

/* Show guest memory at another guest address. */
static int show(struct run *r, uint64_t gpa)
{
	struct vhost_memory_region reg = {
		.guest_phys_addr = gpa,
		.memory_size = r->v->mem_size,
		.userspace_addr = (uintptr_t)r->v->mem,
	};

	for (int i = 0; i < 2; i++)
		r->v->vq[i].table_gpa += gpa - r->gpa;
	r->gpa = gpa;
	return vmm_set_mem_regions(r->v, &reg, 1);
}

/* A piece of a buffer: in guest memory after the buffers' begin. */
struct piece {
	uint32_t at;
	uint32_t len;
};

enum how {
	CHAIN,
	INDIRECT,
	MERGED,			/* a head for each piece */
};

struct shape {
	const char *name;
	uint32_t frame;
	enum how how;
	unsigned int n;
	struct piece piece[4];
};

static const struct shape shapes[] = {
	{ "inside a page", 60, CHAIN, 1, { { 100, 1500 } } },
	{ "a page's first byte", 60, CHAIN, 1, { { PAGE, 2048 } } },
	{ "to a page's last byte", 100, CHAIN, 1, { { PAGE - 112, 4000 } } },
	{ "one byte less", 99, CHAIN, 1, { { PAGE - 112, 4000 } } },
	{ "one byte more", 101, CHAIN, 1, { { PAGE - 112, 4000 } } },
	{ "a whole page", PAGE - HDR, CHAIN, 1, { { 2 * PAGE, 60000 } } },
	{ "three pages", 2 * PAGE, CHAIN, 1, { { 3 * PAGE - 200, 60000 } } },
	{ "from a last byte on", 60000, CHAIN, 1, { { PAGE - 1, 62000 } } },
	{ "a header in its own page", 200, CHAIN, 2,
	  { { 5 * PAGE - HDR, HDR }, { 7 * PAGE + 10, 3000 } } },
	{ "a header in two pages", 200, CHAIN, 3,
	  { { PAGE - 4, 4 }, { 9 * PAGE, 8 }, { 3 * PAGE, 3000 } } },
	{ "out of order", 4000, CHAIN, 3,
	  { { 9 * PAGE + 100, 1000 }, { 3 * PAGE + 50, 1000 },
	    { 20 * PAGE - 500, 9000 } } },
	{ "a piece that is not reached", 100, CHAIN, 2,
	  { { 0, 112 }, { 5 * PAGE, 500 } } },
	{ "indirect", 5000, INDIRECT, 3,
	  { { 30 * PAGE - 20, 1000 }, { 8 * PAGE, 3000 }, { 0, 4000 } } },
	{ "merged", 5000, MERGED, 4,
	  { { 2 * PAGE + 5, 1000 }, { 8 * PAGE - 5, 1500 },
	    { 4 * PAGE, 1000 }, { 30 * PAGE + 3000, 6000 } } },
};

/*
 * Fill a shape's buffers with what is not going to be written there, and mark
 * in expect what is.
 */
static void prepare(struct run *r, const struct shape *s, struct dirty *expect)
{
	uint8_t *buf = r->v->mem + r->buf;
	size_t done = 0, total = HDR + s->frame;

	memset(buf, CANARY, BUF_SIZE);
	for (unsigned int i = 0; i < s->n && done < total; i++) {
		const struct piece *p = &s->piece[i];
		size_t part = total - done < p->len ? total - done : p->len;

		for (size_t j = 0; j < part; j++)
			if (done + j >= HDR)
				buf[p->at + j] = ~content[done + j];
		dirty_mark(expect, r->gpa + r->buf + p->at, part);
		done += part;
	}
}

static int post(struct run *r, const struct shape *s)
{
	struct vq *q = &r->v->vq[RX];
	struct vq_seg seg[4];
	int ret = 0;

	for (unsigned int i = 0; i < s->n; i++)
		seg[i] = (struct vq_seg){
			.gpa = r->gpa + r->buf + s->piece[i].at,
			.len = s->piece[i].len,
			.flags = VRING_DESC_F_WRITE,
		};
	if (s->how != MERGED)
		ret = vq_post(q, seg, s->n, s->how == INDIRECT);
	for (unsigned int i = 0; s->how == MERGED && i < s->n && ret >= 0; i++)
		ret = vq_post(q, &seg[i], 1, false);
	return ret < 0 ? ret : 0;
}

/* Whether a page of guest memory belongs to what the driver writes itself. */
static bool is_drivers(const struct run *r, const uint8_t *page)
{
	for (int i = 0; i < 2; i++) {
		const struct vq *q = &r->v->vq[i];
		const uint8_t *from = IS_PACKED ? (void *)q->avail : (void *)q->desc;
		const uint8_t *used = (void *)q->used;
		const uint8_t *table = (void *)q->table;

		if ((page >= from && page < used) ||
		    (page >= table && page < table + q->num * VQ_TABLE *
					     sizeof(struct vring_desc)))
			return true;
	}
	return false;
}

static bool is_used_ring(const struct run *r, const uint8_t *page)
{
	for (int i = 0; i < 2; i++) {
		const struct vq *q = &r->v->vq[i];

		if (page >= (uint8_t *)q->used && page < (uint8_t *)q->table)
			return true;
		if (IS_PACKED && page >= (uint8_t *)q->desc &&
		    page < (uint8_t *)q->avail)
			return true;
	}
	return false;
}

/*
 * Page by page: what has changed is marked, what is marked has changed. Used
 * rings are for those that say so in logged: what is in them need not change.
 */
static const char *compare(const struct run *r, bool logged)
{
	for (size_t at = 0; at < r->v->mem_used; at += PAGE) {
		const uint8_t *page = r->v->mem + at;
		size_t len = r->v->mem_used - at < PAGE ?
			     r->v->mem_used - at : PAGE;
		bool changed = memcmp(page, r->before + at, len);
		bool marked = dirty_has(&r->log, r->gpa + at);

		if (is_drivers(r, page)) {
			if (marked)
				return "what the device only reads is marked";
		} else if (is_used_ring(r, page)) {
			if (marked && !logged)
				return "a used ring is marked";
			if (changed && !marked && logged)
				return "a used ring is not marked";
		} else if (changed && !marked) {
			return "a page that was written is not marked";
		} else if (marked && !changed) {
			return "a page that was not written is marked";
		}
	}
	return NULL;
}

/* One frame into that shape: NULL, or what is wrong. */
static const char *receive(struct run *r, const struct shape *s, uint32_t seed)
{
	static struct dirty expect;
	const char *wrong;

	expect.bits = NULL;
	if (dirty_open(&expect, LOG_END, 0))
		return "no memory";
	frame_fill(content + HDR, s->frame, seed);
	prepare(r, s, &expect);
	dirty_clear(&r->log);
	if (post(r, s))
		return "not posted";
	memcpy(r->before, r->v->mem, r->v->mem_used);
	vq_kick(&r->v->vq[RX]);
	if (wire_send(r->nic.wire, NULL, content + HDR, s->frame) ||
	    take(r, HDR + s->frame))
		return "not received";

	wrong = compare(r, false);
	for (uint64_t gpa = r->gpa; !wrong && gpa < r->gpa + r->v->mem_used;
	     gpa += PAGE)
		if (dirty_has(&expect, gpa) != dirty_has(&r->log, gpa))
			wrong = "not what was expected";
	/* Elsewhere in the bitmap nothing is. */
	if (!wrong && dirty_count(&expect) != dirty_count(&r->log))
		wrong = "marked outside of guest memory";
	dirty_close(&expect);
	return wrong;
}

FIXTURE(log) {
	struct run r;
};

ON_BOTH_DEVICES(log);

FIXTURE_SETUP(log)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_MRG_RXBUF | F_INDIRECT,
	};

	ASSERT_EQ(0, run_open(&self->r, &o));
}

FIXTURE_TEARDOWN(log)
{
	run_close(&self->r);
}

#define RECEIVE(r, s, seed) do {					\
	const char *_wrong = receive(r, s, seed);			\
									\
	EXPECT_EQ(NULL, _wrong) {					\
		TH_LOG("%s, at %llx: %s", (s)->name,			\
		       (unsigned long long)(r)->gpa, _wrong);		\
	}								\
} while (0)

TEST_F(log, rx_marks_what_it_writes)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		RECEIVE(&self->r, &shapes[i], i);
}

/* Bitmaps that begin anywhere, and the edge of a bitmap's page at each bit. */
TEST_F(log, rx_bitmap_anywhere)
{
	static const size_t skews[] = { 0, 1, 123, 2048, 4095 };
	struct run *r = &self->r;

	for (size_t i = 0; i < ARRAY_SIZE(skews); i++) {
		/* The page whose bit is the first of a bitmap's page. */
		uint64_t edge = FAR - skews[i] * 8 * PAGE;

		ASSERT_EQ(0, move_log(r, skews[i]));
		for (int page = 0; page < 20; page++) {
			ASSERT_EQ(0, show(r, edge - r->buf - page * PAGE));
			RECEIVE(r, &shapes[page % ARRAY_SIZE(shapes)], page);
			RECEIVE(r, &shapes[7], page);
		}
		ASSERT_EQ(0, show(r, VMM_GPA));
		for (size_t j = 0; j < ARRAY_SIZE(shapes); j++)
			RECEIVE(r, &shapes[j], i + j);
	}
}

/* The header that the device itself supplies is written, too. */
TEST(rx_own_header)
{
	static const char * const path[] = { DEV_VHOSTX, DEV_VHOST_NET };
	struct run r;

	for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
		struct nic_opts o = {
			.path = path[i],
			.features = F_MRG_RXBUF | F_VNET_HDR | F_INDIRECT,
			.tap.no_vnet_hdr = true,
		};

		ASSERT_EQ(0, run_open(&r, &o));
		for (size_t j = 0; j < ARRAY_SIZE(shapes); j++)
			RECEIVE(&r, &shapes[j], j);
		run_close(&r);
	}
}

/* One buffer over two regions, which are apart on the host. */
TEST_F(log, rx_regions)
{
	struct run *r = &self->r;
	uint8_t *buf = r->v->mem + r->buf;
	/* The second neither begins nor ends where a page does. */
	struct vhost_memory_region reg[] = {
		{ FAR, 2 * PAGE + 100, (uintptr_t)buf, 0 },
		{ FAR + 2 * PAGE + 100, 3000,
		  (uintptr_t)buf + 16 * PAGE - 7, 0 },
		{ FAR + 2 * PAGE + 3100, 8 * PAGE,
		  (uintptr_t)buf + 32 * PAGE, 0 },
	};
	struct vq_seg seg = { FAR + PAGE + 50, 4 * PAGE, VRING_DESC_F_WRITE };
	/* Its last byte in each of the regions, and on the edges of pages. */
	static const uint32_t ends[] = {
		100, PAGE - 50, PAGE + 50, PAGE + 51, PAGE + 52,
		PAGE + 51 + 3000, PAGE + 3050, 2 * PAGE - 50,
		2 * PAGE - 49, 3 * PAGE,
	};

	ASSERT_EQ(0, vmm_set_mem_regions(r->v, reg, 3));
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		uint64_t last = seg.gpa + ends[i] - 1;

		dirty_clear(&r->log);
		ASSERT_LE(0, vq_post(&r->v->vq[RX], &seg, 1, false));
		vq_kick(&r->v->vq[RX]);
		ASSERT_EQ(0, wire_send(r->nic.wire, NULL, content,
				       ends[i] - HDR));
		ASSERT_EQ(0, take(r, ends[i]));
		for (uint64_t gpa = FAR; gpa < FAR + 12 * PAGE; gpa += PAGE) {
			EXPECT_EQ(gpa / PAGE >= seg.gpa / PAGE &&
				  gpa <= last, dirty_has(&r->log, gpa)) {
				TH_LOG("%u bytes, page %llu", ends[i],
				       (gpa - FAR) / PAGE);
			}
		}
		EXPECT_EQ(last / PAGE - seg.gpa / PAGE + 1,
			  dirty_count(&r->log));
	}
}

/*
 * The same memory at two guest addresses: the guest may look at either, so
 * vhostx marks both. vhost-net marks the one that the descriptor names.
 */
TEST_F(log, rx_aliased_regions)
{
	struct run *r = &self->r;
	uint8_t *buf = r->v->mem + r->buf;
	uint64_t at = VMM_GPA + r->buf;
	struct vhost_memory_region reg[] = {
		{ VMM_GPA, r->v->mem_size, (uintptr_t)r->v->mem, 0 },
		/* The second half of page 1, page 2, and a byte of page 3. */
		{ FAR + 2048, 2048 + PAGE + 1, (uintptr_t)buf + PAGE + 2048, 0 },
	};
	struct vq_seg seg = { at + 100, 8 * PAGE, VRING_DESC_F_WRITE };
	static const struct {
		uint32_t end, marked, aliases;
	} cases[] = {
		{ 1000, 1, 0 }, { PAGE + 2048, 2, 0 }, { PAGE + 2049, 2, 1 },
		{ 2 * PAGE, 2, 1 }, { 2 * PAGE + 1, 3, 2 }, { 3 * PAGE, 3, 2 },
		{ 3 * PAGE + 1, 4, 3 }, { 5 * PAGE, 5, 3 },
	};

	ASSERT_EQ(0, vmm_set_mem_regions(r->v, reg, 2));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t total = cases[i].end - 100;
		unsigned int aliases = DIFFERS(cases[i].aliases, 0);

		dirty_clear(&r->log);
		ASSERT_LE(0, vq_post(&r->v->vq[RX], &seg, 1, false));
		vq_kick(&r->v->vq[RX]);
		ASSERT_EQ(0, wire_send(r->nic.wire, NULL, content,
				       total - HDR));
		ASSERT_EQ(0, take(r, total));
		for (unsigned int j = 0; j < 8; j++) {
			EXPECT_EQ(j < cases[i].marked,
				  dirty_has(&r->log, at + j * PAGE)) {
				TH_LOG("case %zu, page %u", i, j);
			}
			EXPECT_EQ(j < aliases,
				  dirty_has(&r->log, FAR + j * PAGE)) {
				TH_LOG("case %zu, alias %u", i, j);
			}
		}
		EXPECT_EQ(cases[i].marked + aliases, dirty_count(&r->log));
	}
}

/* TX reads frames: they are not marked, nor is its used ring unasked. */
TEST_F(log, tx_marks_the_used_ring_alone)
{
	struct run *r = &self->r;
	uint64_t used = VMM_GPA + ((uint8_t *)r->v->vq[TX].used - r->v->mem);
	uint64_t desc = VMM_GPA + ((uint8_t *)r->v->vq[TX].desc - r->v->mem);

	for (int i = 0; i < 2 * NUM; i++) {
		ASSERT_EQ(0, nic_ping_tx(&r->nic, 60 + i * 20, i));
	}
	ASSERT_LE(0, vmm_get_base(r->v, TX));
	EXPECT_EQ(0, dirty_count(&r->log));

	ASSERT_EQ(0, vmm_set_addr_logged(r->v, TX, used));
	for (int i = 0; i < 2 * NUM; i++) {
		ASSERT_EQ(0, nic_ping_tx(&r->nic, 60 + i * 20, i));
	}
	ASSERT_LE(0, vmm_get_base(r->v, TX));
	EXPECT_TRUE(dirty_has(&r->log, used));
	if (IS_PACKED) {
		EXPECT_TRUE(dirty_has(&r->log, desc));
	}
	EXPECT_EQ(IS_PACKED ? 2 : 1, dirty_count(&r->log));
}

/* As in a migration: all that changes is marked, for both queues at once. */
TEST_F(log, all_that_changed)
{
	struct run *r = &self->r;
	unsigned int frames = 0;

	for (int i = 0; i < 2; i++) {
		uint8_t *used = (uint8_t *)r->v->vq[i].used;

		ASSERT_EQ(0, vmm_set_addr_logged(r->v, i, VMM_GPA +
						 (used - r->v->mem)));
	}
	srandom(1);
	for (int round = 0; round < 200; round++) {
		unsigned int n = 1 + random() % 20;

		memset(r->v->mem + r->buf, CANARY, BUF_SIZE);
		for (unsigned int i = 0; i < n; i++) {
			struct shape s = {
				.n = 1,
				.piece = { { i * 3 * PAGE + random() % PAGE,
					     2 * PAGE } },
			};

			ASSERT_EQ(0, post(r, &s));
			ASSERT_LE(0, nic_post_tx(&r->nic, NULL, NULL, content,
						 60 + random() % 2000));
		}
		dirty_clear(&r->log);
		memcpy(r->before, r->v->mem, r->v->mem_used);
		vq_kick(&r->v->vq[RX]);
		vq_kick(&r->v->vq[TX]);
		for (unsigned int i = 0; i < n; i++) {
			size_t len = 60 + random() % (2 * PAGE - 100);

			frame_fill(content, len, frames++);
			ASSERT_EQ(0, wire_send(r->nic.wire, NULL, content,
					       len));
			ASSERT_EQ(0, take(r, HDR + len));
		}
		ASSERT_EQ(0, nic_reap_tx(&r->nic, n, NIC_TIMEOUT));
		ASSERT_LE(0, vmm_get_base(r->v, TX));
		EXPECT_EQ(NULL, compare(r, true)) {
			TH_LOG("round %d: %s", round, compare(r, true));
		}
	}
}

/* What a frame that fails on its way has written is marked. vhostx alone. */
TEST(rx_frame_that_fails)
{
	struct nic_opts o = { .path = DEV_VHOSTX, .features = F_MRG_RXBUF };
	struct shape s = { .n = 1, .piece = { { 3000, 8000 } } };
	struct stats st;
	struct run r;
	uint32_t id, len;

	ASSERT_EQ(0, run_open(&r, &o));
	memset(r.v->mem + r.buf, CANARY, BUF_SIZE);
	ASSERT_EQ(0, mprotect(r.v->mem + r.buf + PAGE, PAGE, PROT_NONE));
	ASSERT_EQ(0, post(&r, &s));
	vq_kick(&r.v->vq[RX]);
	frame_fill(content, 4000, 1);
	ASSERT_EQ(0, wire_send(r.nic.wire, NULL, content, 4000));
	ASSERT_EQ(0, vq_wait(&r.v->vq[RX], NIC_TIMEOUT));
	ASSERT_EQ(1, vq_reap(&r.v->vq[RX], &id, &len));
	EXPECT_EQ(0, len);
	ASSERT_LE(0, vmm_get_base(r.v, RX));
	ASSERT_EQ(0, mprotect(r.v->mem + r.buf + PAGE, PAGE,
			      PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, nic_stats(RX, &st));
	EXPECT_EQ(1, st.drop_fault);
	EXPECT_NE(CANARY, r.v->mem[r.buf + 3000]);
	EXPECT_TRUE(dirty_has(&r.log, VMM_GPA + r.buf));
	run_close(&r);
}

TEST_HARNESS_MAIN
