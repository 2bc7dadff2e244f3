// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log under traffic: what is marked, where, and nothing else. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "devices.h"
#include "dirty.h"

#define PAGE		4096
#define NUM		64
/* Buffers, in a word of the bitmap of their own. */
#define BUF_SIZE	(64 * PAGE)
#define CANARY		0xa5
/* The bit of this page is the first of a page of an aligned bitmap. */
#define FAR		0x4000000000ULL
#define LOG_END		(FAR + (1ULL << 30))
#define HDR		12

struct run {
	struct nic nic;
	struct vmm *v;
	struct dirty log;
	uint64_t features;	/* without F_LOG_ALL */
	uint64_t gpa;		/* where guest memory is shown */
	size_t buf;		/* where in guest memory the buffers are */
	uint8_t *before;	/* all of it, before the device wrote */
};

static int run_open(struct run *r, const struct nic_opts *opts)
{
	struct nic_opts o = *opts;
	int ret;

	memset(r, 0, sizeof(*r));
	o.features |= F_VERSION_1;
	o.num = o.num ? o.num : NUM;
	o.slot = PAGE;
	ret = nic_open(&r->nic, &o);
	if (!ret)
		ret = link_up(NIC_TAP, 65000);
	if (ret)
		return ret;
	r->v = &r->nic.vmm;
	r->features = o.features;
	r->gpa = VMM_GPA;
	r->buf = vmm_alloc(r->v, BUF_SIZE, BUF_SIZE) - VMM_GPA;
	r->before = malloc(r->v->mem_used);
	if (!r->before)
		return -ENOMEM;
	ret = dirty_open(&r->log, LOG_END, 0);
	if (!ret)
		ret = vmm_set_log(r->v, dirty_base(&r->log));
	return ret ? ret : vmm_set_features(r->v, o.features | F_LOG_ALL);
}

static void run_close(struct run *r)
{
	nic_close(&r->nic);
	dirty_close(&r->log);
	free(r->before);
}

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

static uint8_t content[HDR + FRAME_MAX];

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

/* Wait until so many bytes have arrived, and the device has let go. */
static int take(struct run *r, size_t total)
{
	struct vq *q = &r->v->vq[RX];
	uint32_t id, len;

	for (size_t done = 0; done < total; done += len) {
		int ret = vq_wait(q, NIC_TIMEOUT);

		if (ret)
			return ret;
		if (vq_reap(q, &id, &len) != 1)
			return -EPROTO;
	}
	/* It takes the queue's lock, which the worker holds for its run. */
	return vmm_get_base(r->v, RX) < 0 ? -EIO : 0;
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

/*
 * The used ring in the log: each part marks its page, and no other is marked.
 * What is logged lies where the VMM says, not where the ring does; but for a
 * packed ring that is said of its event suppression alone.
 */
FIXTURE(used) {
	struct run r;
};

FIXTURE_VARIANT(used) {
	const char *path;
	uint64_t features;
	unsigned int index;
};

#define USED(name, path_, features_, index_)				\
	FIXTURE_VARIANT_ADD(used, name) {				\
		.path = path_, .features = features_, .index = index_,	\
	}
USED(vhostx_rx, DEV_VHOSTX, 0, RX);
USED(vhostx_tx, DEV_VHOSTX, 0, TX);
USED(vhostx_event_idx_rx, DEV_VHOSTX, F_EVENT_IDX, RX);
USED(vhostx_event_idx_tx, DEV_VHOSTX, F_EVENT_IDX, TX);
#ifndef PACKED
USED(vhost_net_rx, DEV_VHOST_NET, 0, RX);
USED(vhost_net_tx, DEV_VHOST_NET, 0, TX);
USED(vhost_net_event_idx_rx, DEV_VHOST_NET, F_EVENT_IDX, RX);
USED(vhost_net_event_idx_tx, DEV_VHOST_NET, F_EVENT_IDX, TX);
#endif

#define USED_NUM	1024
/* Flags and index | one half of the entries | the other | event. */
#define USED_APART	(FAR + PAGE - 4)
/* An entry lies on each edge, far from the index. */
#define USED_ASTRIDE	(FAR + PAGE / 2 - 8)

FIXTURE_SETUP(used)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_MRG_RXBUF | variant->features,
		.num = USED_NUM,
	};

	ASSERT_EQ(0, run_open(&self->r, &o));
	ASSERT_EQ(0, vmm_set_features(self->r.v, self->r.features));
}

FIXTURE_TEARDOWN(used)
{
	run_close(&self->r);
}

/* Four pages: of the used ring, or of a packed ring's descriptors. */
#define USED_PAGES	4
/* And the page of a packed ring's event suppression. */
#define USED_EVENT	USED_PAGES

struct used_pages {
	bool must[USED_PAGES + 1];
	bool may[USED_PAGES + 1];
};

static uint64_t used_page(const struct run *r, const struct vq *q, int i)
{
	if (!IS_PACKED || i == USED_EVENT)
		return FAR + i % USED_EVENT * PAGE;
	return VMM_GPA + ((uint8_t *)q->desc - r->v->mem) + i * PAGE;
}

static void used_range(bool *page, uint64_t base, size_t offset, size_t len)
{
	uint64_t first = base - FAR + offset;

	for (uint64_t i = first / PAGE; i <= (first + len - 1) / PAGE; i++)
		page[i] = true;
}

/* What n used entries from slot on must have marked, and what else may be. */
static void used_expect(struct used_pages *p, const struct vq *q, uint64_t base,
			unsigned int slot, unsigned int n, bool wish)
{
	size_t event = q->event_idx ? 4 + 8 * (size_t)q->num : 0;

	memset(p, 0, sizeof(*p));
	if (IS_PACKED) {
		for (unsigned int i = 0; i < n; i++)
			p->must[(slot + i) % q->num * 16 / PAGE] = true;
		*(wish ? &p->must[USED_EVENT] : &p->may[USED_EVENT]) = true;
		return;
	}
	if (n)
		used_range(p->must, base, 2, 2);
	for (unsigned int i = 0; i < n; i++)
		used_range(p->must, base, 4 + 8 * ((slot + i) % q->num), 8);
	used_range(wish ? p->must : p->may, base, event, 2);
}

static const char *used_check(struct run *r, const struct vq *q,
			      const struct used_pages *p)
{
	unsigned int n = 0;

	for (int i = 0; i < USED_PAGES + IS_PACKED; i++) {
		bool has = dirty_has(&r->log, used_page(r, q, i));

		n += has;
		if (p->must[i] && !has)
			return "a page is missing";
		if (has && !p->must[i] && !p->may[i])
			return "a page too many";
	}
	return n == dirty_count(&r->log) ? NULL : "elsewhere";
}

/* The same where nothing says when the device is done. */
static const char *used_wait(struct run *r, const struct vq *q,
			     const struct used_pages *p)
{
	long end = now_ms() + NIC_TIMEOUT;
	const char *wrong;

	do {
		usleep(1000);
		wrong = used_check(r, q, p);
	} while (wrong && now_ms() < end);
	return wrong;
}

static int used_ping(struct run *r, unsigned int index, uint32_t seed)
{
	return index == RX ? nic_ping_rx(&r->nic, 60, seed) :
			     nic_ping_tx(&r->nic, 60, seed);
}

/* So many at once: entries that are published together. */
static int used_batch(struct run *r, unsigned int index, unsigned int n)
{
	uint8_t frame[64];
	int ret = 0;

	if (index == TX) {
		for (unsigned int i = 0; i < n; i++)
			if (nic_post_tx(&r->nic, NULL, NULL, content, 60) < 0)
				return -ENOSPC;
		vq_kick(&r->v->vq[TX]);
		for (unsigned int i = 0; i < n && ret >= 0; i++)
			ret = wire_recv(r->nic.wire, NULL, frame, 64,
					NIC_TIMEOUT);
		return ret < 0 ? ret : nic_reap_tx(&r->nic, n, NIC_TIMEOUT);
	}
	/* A frame in as many buffers. */
	nic_fill_rx(&r->nic, n, 64);
	if (wire_send(r->nic.wire, NULL, content, n * 64 - HDR))
		return -EIO;
	return take(r, n * 64);
}

TEST_F(used, each_entry)
{
	static const uint64_t bases[] = { USED_APART, USED_ASTRIDE };
	unsigned int index = variant->index;
	struct run *r = &self->r;
	struct vq *q = &r->v->vq[index];
	bool wish = index == TX && q->event_idx;
	struct used_pages p;

	for (unsigned int i = 0; i < 2 * USED_NUM + 2; i++) {
		uint64_t base = bases[i >= USED_NUM];
		const char *wrong;

		if (i % USED_NUM == 0) {
			ASSERT_EQ(0, vmm_set_addr_logged(r->v, index, base));
		}
		ASSERT_LE(0, vmm_get_base(r->v, index));
		dirty_clear(&r->log);
		ASSERT_EQ(0, used_ping(r, index, i));
		ASSERT_LE(0, vmm_get_base(r->v, index));
		used_expect(&p, q, base, i % USED_NUM, 1, wish);
		wrong = used_check(r, q, &p);
		ASSERT_EQ(NULL, wrong) {
			TH_LOG("entry %u: %s", i, wrong);
		}
	}
}

TEST_F(used, wraps)
{
	unsigned int index = variant->index;
	struct run *r = &self->r;
	struct vq *q = &r->v->vq[index];

	/* Up to the end, from the end, over it at each place. */
	for (unsigned int before = 0; before <= 8; before++) {
		struct used_pages p;
		const char *wrong;

		ASSERT_EQ(0, vmm_backend(r->v, index, -1));
		ASSERT_EQ(0, vmm_setup_vq(r->v, index, USED_NUM - before - 1));
		ASSERT_EQ(0, vmm_set_addr_logged(r->v, index, USED_APART));
		ASSERT_EQ(0, vmm_backend(r->v, index, r->nic.tap));
		/* It has started when this is through. */
		ASSERT_EQ(0, used_ping(r, index, 1));
		ASSERT_LE(0, vmm_get_base(r->v, index));
		dirty_clear(&r->log);
		ASSERT_EQ(0, used_batch(r, index, 8));
		ASSERT_LE(0, vmm_get_base(r->v, index));
		used_expect(&p, q, USED_APART, USED_NUM - before, 8, false);
		wrong = used_check(r, q, &p);
		EXPECT_EQ(NULL, wrong) {
			TH_LOG("%u before the end: %s", before, wrong);
		}
	}
}

/* Flags or event are written without an entry: by a kick for nothing. */
TEST_F(used, wish_alone)
{
	unsigned int index = variant->index;
	struct run *r = &self->r;
	struct vq *q = &r->v->vq[index];
	struct used_pages p;
	const char *wrong;

	ASSERT_EQ(0, used_ping(r, index, 1));
	ASSERT_EQ(0, vmm_set_addr_logged(r->v, index, USED_APART));
	ASSERT_LE(0, vmm_get_base(r->v, index));
	dirty_clear(&r->log);
	/* RX asks for kicks when a frame finds no buffer. */
	if (index == RX) {
		ASSERT_EQ(0, wire_send(r->nic.wire, NULL, content, 60));
	} else {
		vq_kick_always(q);
	}
	used_expect(&p, q, USED_APART, 0, 0, true);
	wrong = used_wait(r, q, &p);
	EXPECT_EQ(NULL, wrong) {
		TH_LOG("%s", wrong);
	}
}

/* Whoever starts a queue writes its flags. */
TEST_F(used, start)
{
	struct run *r = &self->r;
	struct vq *q = &r->v->vq[variant->index];
	struct used_pages p;

	ASSERT_EQ(0, vmm_stop(r->v));
	ASSERT_EQ(0, vmm_set_addr_logged(r->v, variant->index, USED_APART));
	dirty_clear(&r->log);
	ASSERT_EQ(0, vmm_backend(r->v, variant->index, r->nic.tap));
	/* And may ask for kicks at once. */
	used_expect(&p, q, USED_APART, 0, 0, false);
	if (IS_PACKED)
		p.must[USED_EVENT] = true;
	else
		used_range(p.must, USED_APART, 0, 2);
	EXPECT_EQ(NULL, used_wait(r, q, &p));
}

TEST_HARNESS_MAIN
