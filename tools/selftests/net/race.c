// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that rewrites its rings, tables and headers while the device reads them. The
 * device may give up a queue; it writes nowhere but to the guest, it does not spin, and
 * once it is started afresh it moves frames as ever.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "clock.h"
#include "devices.h"
#include "dirty.h"
#include "hostile.h"
#include "iotlb.h"
#include "pattern.h"

#define NUM		64
#define SLOT		4096
/* Milliseconds that a combination of features gets. */
#define TIME		150
/* Times that the queues are kicked between two starts. */
#define KICKS		12
/* Times that a start is tried again. */
#define STARTS		10
#define CANARY		0x5a
#define CANARY_SIZE	(256UL << 10)
#define FRAME		700
/* Frames that are sent while all is rewritten are made of it. */
#define OLD		1

/* What the device and who rewrites it have in common. */
struct race {
	struct nic nic;
	struct iotlb t;
	struct dirty log;
	bool iommu;
	uint8_t *canary;	/* between two regions: guest memory for nobody */
	uint64_t hole;		/* its guest address */
	uint64_t behind;	/* the second region */
	pthread_t thread[2];
	atomic_bool stop;
	atomic_bool gentle;	/* nothing that makes a ring bad */
};

#define WRITE_ONCE(x, v)	(*(volatile typeof(x) *)&(x) = (v))

/* An address that a descriptor can have: of a buffer, of a ring, at an edge, nowhere. */
static uint64_t any_address(const struct race *r, uint64_t random)
{
	const uint64_t place[] = {
		r->nic.slots[RX], r->nic.slots[TX], r->hole, VMM_GPA, r->hole - 64,
		r->behind, r->behind + CANARY_SIZE - 64, 0, -64ULL, VMM_GPA - 64,
		r->nic.vmm.vq[RX].table_gpa, r->nic.vmm.vq[TX].table_gpa,
	};
	uint64_t at = random % 3 ? place[random / 3 % 3] :
				   place[random / 3 % ARRAY_SIZE(place)];

	return at + (random >> 32) % (NUM * SLOT / 2);
}

static uint32_t any_length(uint64_t random)
{
	static const uint32_t length[] = { 0, 1, 12, 2048, 65536, 1 << 20, 0x80000000, -1U };

	return random % 4 ? random % 1600 : length[random / 4 % ARRAY_SIZE(length)];
}

static void rewrite_desc(const struct race *r, struct vring_desc *d, uint64_t random,
			 uint16_t flags)
{
	switch (random >> 60 & 3) {
	case 0:
		WRITE_ONCE(d->addr, any_address(r, random));
		break;
	case 1:
		WRITE_ONCE(d->len, any_length(random));
		break;
	case 2:
		/* Of a packed ring, both: its flags are where a split ring has next. */
		WRITE_ONCE(d->flags, random & flags);
		break;
	default:
		if (!r->gentle)
			WRITE_ONCE(d->next, random >> 16);
	}
}

static void rewrite_events(struct vq *q, uint64_t random)
{
	/* Of a packed ring: both areas for events. */
	WRITE_ONCE(q->avail->flags, random);
	WRITE_ONCE(q->used->flags, random >> 8);
	if (q->packed) {
		WRITE_ONCE(q->avail->idx, random >> 16 & 3);
		WRITE_ONCE(q->used->idx, random >> 18 & 3);
		return;
	}
	WRITE_ONCE(q->avail->ring[q->num], random >> 16);
	WRITE_ONCE(q->used->ring[q->num].id, random >> 32);
}

static void rewrite_ring(struct vq *q, uint64_t random)
{
	if (q->packed) {
		struct vring_packed_desc *d = (void *)q->desc;

		WRITE_ONCE(d[random % NUM].flags, random >> 16);
		WRITE_ONCE(d[random / NUM % NUM].id, random >> 32);
		return;
	}
	WRITE_ONCE(q->avail->ring[random % NUM], random >> 16 & (random & 1 ? -1 : NUM - 1));
	if (random >> 56 == 0)
		WRITE_ONCE(q->avail->idx, random >> 32);
	WRITE_ONCE(q->used->idx, random >> 24);
	WRITE_ONCE(q->used->ring[random / NUM % NUM].id, random >> 8);
}

static void rewrite(struct race *r, struct vq *q, uint64_t random)
{
	const uint16_t gentle = VRING_DESC_F_WRITE, rough = 0xffff;
	uint64_t more = random * 0x9e3779b97f4a7c15;

	rewrite_desc(r, &q->table[more % (NUM * VQ_TABLE)], random,
		     r->gentle ? gentle | VRING_DESC_F_NEXT : rough);
	if (!q->packed)
		rewrite_desc(r, &q->desc[more % NUM], more, r->gentle ? gentle : rough);
	rewrite_events(q, more);
	/* A header that asks for offloads, or a frame's first bytes. */
	WRITE_ONCE(*(uint64_t *)vmm_ptr(&r->nic.vmm, nic_slot(&r->nic, TX, more % NUM)),
		   random);
	if (!r->gentle)
		rewrite_ring(q, more);
}

static void *rewriter(void *arg)
{
	struct race *r = arg;

	for (uint64_t n = 0; !r->stop; n++)
		rewrite(r, &r->nic.vmm.vq[n / 64 % 2], pattern(77, n));
	return NULL;
}

/* Answers what can be answered, and forgets it again. */
static void *translator(void *arg)
{
	struct race *r = arg;
	struct vhost_iotlb_msg m;

	for (uint64_t n = 0; !r->stop; n++) {
		int ret = iotlb_read(r->nic.vmm.fd, true, &m, 5);
		uint64_t at = VMM_GPA + pattern(78, n) % (r->hole - VMM_GPA);

		if (!ret && m.iova >= VMM_GPA && (m.iova - VMM_GPA) / IOTLB_PAGE < r->t.pages)
			iotlb_map(&r->t, m.iova, 1);
		if (n % 8 == 0)
			iotlb_invalidate(r->nic.vmm.fd, at, 1);
	}
	return NULL;
}

/* Guest memory with a hole that the device may not reach: in a table, or an IOTLB. */
static int lay_out(struct race *r)
{
	struct vmm *v = &r->nic.vmm;
	struct vhost_memory_region m[2];
	int ret = 0;

	r->hole = vmm_alloc(v, CANARY_SIZE, 4096);
	r->behind = vmm_alloc(v, CANARY_SIZE, 4096);
	r->canary = vmm_ptr(v, r->hole);
	memset(r->canary, CANARY, CANARY_SIZE);
	if (r->iommu) {
		ret = iotlb_open(&r->t, v, true) ?: iotlb_nonblock(v->fd);
		for (uint64_t at = 0; at < CANARY_SIZE && !ret; at += IOTLB_PAGE)
			ret = iotlb_protect(&r->t, r->hole + at, VHOST_ACCESS_RO);
		return ret;
	}
	m[0] = (struct vhost_memory_region){
		.guest_phys_addr = VMM_GPA,
		.memory_size = r->hole - VMM_GPA,
		.userspace_addr = (uintptr_t)v->mem,
	};
	m[1] = (struct vhost_memory_region){
		.guest_phys_addr = r->behind,
		.memory_size = CANARY_SIZE,
		.userspace_addr = (uintptr_t)vmm_ptr(v, r->behind),
	};
	return vmm_set_mem_regions(v, m, 2);
}

static int open_race(struct race *r, uint64_t features)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = features & ~F_LOG_ALL,
		.num = NUM,
		.slot = SLOT,
		.stopped = true,
	};
	int ret;

	memset(r, 0, sizeof(*r));
	r->iommu = features & F_ACCESS_PLATFORM;
	ret = nic_open(&r->nic, &o) ?: lay_out(r);
	if (!ret && features & F_LOG_ALL)
		ret = dirty_open(&r->log, r->iommu ? IOTLB_GPA + r->t.size :
				 VMM_GPA + VMM_MEM_SIZE, 0) ?:
		      vmm_set_log(&r->nic.vmm, dirty_base(&r->log)) ?:
		      vmm_set_features(&r->nic.vmm, features);
	/* It may be read, and stays: what is tried is to write there. */
	return ret ?: r->iommu ? iotlb_map(&r->t, r->hole, CANARY_SIZE) : 0;
}

static void close_race(struct race *r)
{
	iotlb_close(&r->t);
	nic_close(&r->nic);
	dirty_close(&r->log);
}

static int start_once(struct race *r)
{
	struct vmm *v = &r->nic.vmm;

	return vmm_stop(v) ?: vmm_setup_vq(v, RX, 0) ?: vmm_setup_vq(v, TX, 0) ?:
	       (r->iommu ? iotlb_map_used(&r->t) : 0) ?: vmm_start(v, r->nic.tap);
}

/* Empty rings, and both queues running. */
static int start(struct race *r)
{
	int ret = start_once(r);

	/* The translator may have taken a used ring's away before it was looked for. */
	for (int i = 0; i < STARTS && r->iommu && ret == -EFAULT; i++)
		ret = start_once(r);
	return ret;
}

/* As many chains as a ring takes, in a table or not; whether they come back is open. */
static void post(struct race *r, unsigned int index, bool indirect)
{
	struct vq *q = &r->nic.vmm.vq[index];
	uint16_t flags = index == RX ? VRING_DESC_F_WRITE : 0;

	for (unsigned int i = 0; i < NUM / 4; i++) {
		uint64_t at = nic_slot(&r->nic, index, q->free_head % NUM);
		struct vq_seg seg[] = { { at, 1024, flags }, { at + 1024, 600, flags } };

		if (vq_post(q, seg, 2, indirect) < 0)
			break;
	}
	vq_kick_always(q);
}

/* Start, be busy for a while, and be rewritten: 0 or -errno. */
static int round_of(struct race *r, uint64_t features)
{
	static uint8_t frame[FRAME], in[FRAME_MAX];
	int ret = start(r);

	frame_fill(frame, FRAME, OLD);
	for (int i = 0; i < KICKS && !ret; i++) {
		post(r, TX, features & F_INDIRECT && i % 2);
		post(r, RX, features & F_INDIRECT && i % 2);
		for (int j = 0; j < 2; j++)
			wire_send(r->nic.wire, NULL, frame, FRAME);
		while (wire_recv(r->nic.wire, NULL, in, sizeof(in), 0) >= 0)
			;
	}
	return ret;
}

/* What all the rounds came to. */
struct sum {
	uint64_t rounds, packets, drops, broken;
};

static int rounds(struct race *r, uint64_t features, struct sum *sum)
{
	long end = now_ms() + TIME;
	struct stats rx = {}, tx = {};
	int ret = 0;

	while (now_ms() < end && !ret) {
		r->gentle = sum->rounds++ % 2;
		ret = round_of(r, features);
	}
	ret = ret ?: nic_stats(RX, &rx) ?: nic_stats(TX, &tx);
	sum->packets += rx.packets + tx.packets;
	sum->drops += stats_drops(&rx) + stats_drops(&tx);
	sum->broken += rx.broken + tx.broken;
	return ret;
}

/* A frame there and one back, behind what was under way: that is any of one kind. */
static int ping_tx(struct race *r, uint32_t seed)
{
	static uint8_t out[FRAME], in[FRAME_MAX];
	int ret;

	frame_fill(out, FRAME, seed);
	ret = nic_send(&r->nic, NULL, NULL, out, FRAME);
	while (!ret) {
		ret = wire_recv(r->nic.wire, NULL, in, sizeof(in), NIC_TIMEOUT);
		if (ret == FRAME && !memcmp(in, out, FRAME))
			return 0;
		ret = ret < 0 ? ret : 0;
	}
	return ret;
}

static int ping_rx(struct race *r, uint32_t seed)
{
	static uint8_t out[FRAME], in[FRAME_MAX];
	int ret;

	frame_fill(out, FRAME, seed);
	ret = wire_send(r->nic.wire, NULL, out, FRAME);
	while (!ret) {
		nic_fill_rx(&r->nic, 1, 1526);
		ret = nic_recv(&r->nic, NULL, in, sizeof(in), NIC_TIMEOUT);
		if (ret == FRAME && !memcmp(in, out, FRAME))
			return 0;
		if (ret == FRAME && frame_check(in, FRAME, OLD) < 0)
			ret = 0;
		else if (ret >= 0)
			ret = -EBADMSG;
	}
	return ret;
}

static int honest(struct race *r)
{
	int ret = start(r);

	/* What waits at the tap is much, and comes through all of them at once. */
	nic_fill_rx(&r->nic, NUM / 2, 1526);
	for (unsigned int i = 0; i < 4 && !ret; i++)
		ret = ping_tx(r, OLD + 1 + i) ?: ping_rx(r, OLD + 1 + i);
	return ret;
}

static bool canary_lives(const struct race *r)
{
	for (size_t i = 0; i < CANARY_SIZE; i++)
		if (r->canary[i] != CANARY)
			return false;
	return true;
}

FIXTURE(race) {
	struct race r;
	struct sum sum;
};

FIXTURE_VARIANT(race) {
	uint64_t features;
};

#define RACE(name, bits)						\
	FIXTURE_VARIANT_ADD(race, name) { .features = F_VERSION_1 | (bits) }
RACE(plain, 0);
RACE(logged, F_LOG_ALL);
RACE(iommu, F_ACCESS_PLATFORM);
RACE(iommu_logged, F_ACCESS_PLATFORM | F_LOG_ALL);

FIXTURE_SETUP(race)
{
	memset(&self->sum, 0, sizeof(self->sum));
}

FIXTURE_TEARDOWN(race)
{
}

/* Of the other features, which may come in any combination. */
static uint64_t combination(unsigned int n)
{
	static const uint64_t feature[] = { F_MRG_RXBUF, F_EVENT_IDX, F_INDIRECT, F_IN_ORDER };
	uint64_t f = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(feature); i++)
		f |= n >> i & 1 ? feature[i] : 0;
	return f;
}

TEST_F_TIMEOUT(race, rewritten_as_it_is_read, 180)
{
	struct race *r = &self->r;

	for (unsigned int n = 0; n < 16; n++) {
		uint64_t features = variant->features | combination(n);
		int worker;

		ASSERT_EQ(0, open_race(r, features));
		worker = worker_find(getpid(), 0);
		ASSERT_EQ(0, pthread_create(&r->thread[0], NULL, rewriter, r));
		if (r->iommu)
			ASSERT_EQ(0, pthread_create(&r->thread[1], NULL, translator, r));
		EXPECT_EQ(0, rounds(r, features, &self->sum)) {
			TH_LOG("features %#llx", (unsigned long long)features);
		}
		r->stop = true;
		pthread_join(r->thread[0], NULL);
		if (r->iommu)
			pthread_join(r->thread[1], NULL);

		EXPECT_EQ(worker, worker_find(getpid(), 0));
		EXPECT_GT(HOSTILE_CPU, worker_cpu(worker, HOSTILE_CPU, 100)) {
			TH_LOG("it spins, with features %#llx", (unsigned long long)features);
		}
		EXPECT_TRUE(canary_lives(r));
		/* What the last round still asks for, nobody could answer. */
		ASSERT_EQ(0, vmm_stop(&r->nic.vmm));
		if (r->iommu)
			ASSERT_EQ(0, iotlb_serve(&r->t));
		EXPECT_EQ(0, honest(r)) {
			TH_LOG("features %#llx, translations: %d", (unsigned long long)features,
			       r->t.error);
		}
		EXPECT_TRUE(canary_lives(r));
		close_race(r);
	}
	TH_LOG("%llu starts: %llu frames, %llu dropped, %llu times broken",
	       (unsigned long long)self->sum.rounds, (unsigned long long)self->sum.packets,
	       (unsigned long long)self->sum.drops, (unsigned long long)self->sum.broken);
	/* Or nothing was read while it was rewritten. */
	EXPECT_LT(0, self->sum.packets);
	EXPECT_LT(0, self->sum.drops);
	EXPECT_LT(0, self->sum.broken);
}

TEST_HARNESS_MAIN
