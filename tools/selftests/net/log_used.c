// SPDX-License-Identifier: GPL-2.0-only
/*
 * The used ring in the log: each part marks its page, and no other is marked.
 * What is logged lies where the VMM says, not where the ring does; but for a
 * packed ring that is said of its event suppression alone.
 */
#include "clock.h"
#include "logged.h"

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
