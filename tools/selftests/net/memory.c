// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory in many regions, and memory that changes under traffic. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "devices.h"
#include "slow.h"

#define PAGE		4096
/* As many as the module takes; the in-tree device takes 64. */
#define MANY		1024

FIXTURE(memory) {
	struct nic nic;
	struct vq *tx;
	struct vq *rx;
};

ON_BOTH_DEVICES(memory);

FIXTURE_SETUP(memory)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->tx = &self->nic.vmm.vq[TX];
	self->rx = &self->nic.vmm.vq[RX];
}

FIXTURE_TEARDOWN(memory)
{
	nic_close(&self->nic);
}

/*
 * n regions of a page each, neighbours in guest memory and apart on the host:
 * page i is kept at host page perm(i), so that nothing fits by chance.
 */
struct scattered {
	uint8_t *host;
	unsigned int n;
	struct vhost_memory_region r[MANY];
};

static uint8_t *scattered_page(const struct scattered *s, unsigned int i)
{
	return s->host + (size_t)((i * 7 + 3) % s->n) * 2 * PAGE;
}

static int scatter(struct scattered *s, unsigned int n, uint64_t gpa)
{
	memset(s, 0, sizeof(*s));
	s->n = n;
	s->host = mmap(NULL, (size_t)n * 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->host == MAP_FAILED)
		return -errno;
	for (unsigned int i = 0; i < n; i++) {
		s->r[i] = (struct vhost_memory_region){
			.guest_phys_addr = gpa + (uint64_t)i * PAGE,
			.memory_size = PAGE,
			.userspace_addr = (uintptr_t)scattered_page(s, i),
		};
	}
	return 0;
}

static void scattered_copy(const struct scattered *s, size_t at, uint8_t *buf,
			   size_t len, bool to_guest)
{
	while (len) {
		size_t part = PAGE - at % PAGE;
		uint8_t *p = scattered_page(s, at / PAGE) + at % PAGE;

		if (part > len)
			part = len;
		memcpy(to_guest ? p : buf, to_guest ? buf : p, part);
		at += part;
		buf += part;
		len -= part;
	}
}

static uint8_t out[FRAME_MAX + 12], in[FRAME_MAX + 12];

/* One descriptor somewhere in the regions, a frame each way through it. */
static int through(struct nic *n, const struct scattered *s, uint64_t gpa,
		   size_t at, size_t len, uint32_t seed)
{
	struct vq *tx = &n->vmm.vq[TX], *rx = &n->vmm.vq[RX];
	struct vq_seg seg = { .gpa = gpa + at, .len = 12 + len };
	uint32_t id, used;
	int ret;

	memset(out, 0, 12);
	frame_fill(out + 12, len, seed);
	scattered_copy(s, at, out, 12 + len, true);
	if (vq_post(tx, &seg, 1, false) < 0)
		return -ENOSPC;
	vq_kick(tx);
	ret = nic_reap_tx(n, 1, NIC_TIMEOUT);
	if (ret)
		return ret;
	ret = wire_recv(n->wire, NULL, in, sizeof(in), NIC_TIMEOUT);
	if (ret != (int)len)
		return ret < 0 ? ret : -EMSGSIZE;
	if (frame_check(in, len, seed) >= 0)
		return -EBADMSG;

	memset(in, 0, sizeof(in));
	scattered_copy(s, at, in, 12 + len, true);
	seg.flags = VRING_DESC_F_WRITE;
	if (vq_post(rx, &seg, 1, false) < 0)
		return -ENOSPC;
	vq_kick(rx);
	ret = wire_send(n->wire, NULL, out + 12, len);
	if (ret)
		return ret;
	ret = vq_wait(rx, NIC_TIMEOUT);
	if (ret)
		return ret;
	if (vq_reap(rx, &id, &used) != 1 || used != 12 + len)
		return -EPROTO;
	scattered_copy(s, at, in, 12 + len, false);
	return frame_check(in + 12, len, seed) < 0 ? 0 : -EILSEQ;
}

static int through_all(struct nic *n, unsigned int regions)
{
	static struct scattered s;
	uint64_t gpa = 0x4000000000ULL;
	int ret = scatter(&s, regions, gpa);

	if (!ret)
		ret = vmm_set_mem_regions(&n->vmm, s.r, regions);
	/* Every region, in one piece and over its edge. */
	for (unsigned int i = 0; !ret && i < regions; i++)
		ret = through(n, &s, gpa, (size_t)i * PAGE, 1000, i);
	for (unsigned int i = 0; !ret && i + 1 < regions; i++)
		ret = through(n, &s, gpa, (size_t)i * PAGE + 3500, 1400, i);
	/* And over several. */
	for (unsigned int i = 0; !ret && i + 17 < regions; i += 16)
		ret = through(n, &s, gpa, (size_t)i * PAGE + 100, 60000, i);
	munmap(s.host, (size_t)regions * 2 * PAGE);
	return ret;
}

TEST_F(memory, two_regions)
{
	EXPECT_EQ(0, through_all(&self->nic, 2));
}

TEST_F_TIMEOUT(memory, many_regions, 60)
{
	ASSERT_EQ(0, link_up(NIC_TAP, 65000));
	EXPECT_EQ(0, through_all(&self->nic, DIFFERS(MANY, 64)));
}

TEST_F(memory, to_the_last_byte)
{
	struct vhost_memory_region r = {
		.guest_phys_addr = -(uint64_t)PAGE,
		.memory_size = PAGE,
		.userspace_addr = (uintptr_t)self->nic.vmm.mem,
	};
	struct vq_seg seg = { .gpa = -112ULL, .len = 112 };

	/* The end of a region that is also the end of all addresses. */
	ASSERT_EQ(0, vmm_set_mem_regions(&self->nic.vmm, &r, 1));
	memset(self->nic.vmm.mem + PAGE - 112, 0, 12);
	frame_fill(self->nic.vmm.mem + PAGE - 100, 100, 1);
	ASSERT_LE(0, vq_post(self->tx, &seg, 1, false));
	vq_kick(self->tx);
	EXPECT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
	EXPECT_EQ(100, wire_recv(self->nic.wire, NULL, in, sizeof(in),
				 NIC_TIMEOUT));
	EXPECT_EQ(-1, frame_check(in, 100, 1));
}

/* The table is replaced under traffic; the old memory must be left alone. */
#define SWAPS		1000
#define SWAPS_PER_SEC	1000
#define SWAP_GPA	0x5000000000ULL
/* What is sent, and what is received into. */
#define SWAP_TX		0
#define SWAP_RX		PAGE
#define SWAP_SIZE	(2 * PAGE)

/* What the frames of each memory carry, and what no frame may carry. */
#define STAMP(side)	((uint8_t)(0xa0 + (side)))
#define POISON		0x66

struct swap {
	struct nic *nic;
	atomic_bool stop;
	atomic_uint sent;
	atomic_uint received;
	atomic_int error;
};

static void *swap_tx(void *arg)
{
	struct swap *s = arg;
	struct vq *q = &s->nic->vmm.vq[TX];
	uint32_t id, len;

	while (!s->stop) {
		struct vq_seg seg = {
			.gpa = SWAP_GPA + SWAP_TX, .len = 12 + 200,
		};

		while (vq_post(q, &seg, 1, false) >= 0)
			;
		vq_kick(q);
		if (vq_wait(q, NIC_TIMEOUT)) {
			s->error = 1;
			break;
		}
		while (vq_reap(q, &id, &len) == 1)
			s->sent++;
	}
	return NULL;
}

static void *swap_rx(void *arg)
{
	struct swap *s = arg;
	struct vq *q = &s->nic->vmm.vq[RX];
	uint8_t frame[200];
	uint32_t id, len;

	memset(frame, 0x11, sizeof(frame));
	while (!s->stop) {
		struct vq_seg seg = {
			.gpa = SWAP_GPA + SWAP_RX, .len = 2048,
			.flags = VRING_DESC_F_WRITE,
		};

		while (vq_post(q, &seg, 1, false) >= 0)
			;
		vq_kick(q);
		for (int i = 0; i < 16; i++)
			wire_send(s->nic->wire, NULL, frame, sizeof(frame));
		if (vq_wait(q, NIC_TIMEOUT)) {
			s->error = 2;
			break;
		}
		while (vq_reap(q, &id, &len) == 1)
			s->received++;
	}
	return NULL;
}

/* Looks at every frame that arrives: none may carry poison. */
static void *swap_watch(void *arg)
{
	struct swap *s = arg;
	static uint8_t frame[2048];

	while (!s->stop) {
		int n = wire_recv(s->nic->wire, NULL, frame, sizeof(frame),
				  20);

		for (int i = 14; n == 200 && i < n; i++)
			if (frame[i] == POISON)
				s->error = 3;
	}
	return NULL;
}

static void stamp(uint8_t *mem, int side)
{
	memset(mem + SWAP_TX, 0, 12);
	frame_fill(mem + SWAP_TX + 12, 200, 0);
	memset(mem + SWAP_TX + 12 + 14, STAMP(side), 200 - 14);
	memset(mem + SWAP_RX, POISON, 2048);
}

static bool poisoned(const uint8_t *mem)
{
	return mem[0] == POISON && !memcmp(mem, mem + 1, SWAP_SIZE - 1);
}

/* Until it is time for the next one; at once when it is late. */
static void swap_pace(long start, unsigned int done)
{
	long due = start + done * 1000L / SWAPS_PER_SEC, now = now_ms();

	if (now < due)
		usleep((due - now) * 1000);
}

TEST_F_TIMEOUT(memory, table_is_swapped_under_traffic, 60)
{
	struct swap s = { .nic = &self->nic };
	pthread_t tx, rx, watch;
	uint8_t *mem[2];
	struct vhost_memory_region r = {
		.guest_phys_addr = SWAP_GPA,
		.memory_size = SWAP_SIZE,
	};
	unsigned int touched = 0, enough = SWAPS / slow();
	long start, took;

	for (int i = 0; i < 2; i++) {
		mem[i] = mmap(NULL, SWAP_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, mem[i]);
	}
	stamp(mem[0], 0);
	r.userspace_addr = (uintptr_t)mem[0];
	ASSERT_EQ(0, vmm_set_mem_regions(&self->nic.vmm, &r, 1));
	ASSERT_EQ(0, pthread_create(&tx, NULL, swap_tx, &s));
	ASSERT_EQ(0, pthread_create(&rx, NULL, swap_rx, &s));
	ASSERT_EQ(0, pthread_create(&watch, NULL, swap_watch, &s));

	start = now_ms();
	for (int i = 1; i <= SWAPS && !s.error; i++) {
		uint8_t *old = mem[(i - 1) % 2], *new = mem[i % 2];

		stamp(new, i % 2);
		r.userspace_addr = (uintptr_t)new;
		if (vmm_set_mem_regions(&self->nic.vmm, &r, 1)) {
			s.error = 4;
			break;
		}
		/* From here on the old one is nobody's but ours. */
		memset(old, POISON, SWAP_SIZE);
		swap_pace(start, i);
		touched += !poisoned(old);
	}
	took = now_ms() - start;
	s.stop = true;
	pthread_join(tx, NULL);
	pthread_join(rx, NULL);
	pthread_join(watch, NULL);
	EXPECT_EQ(0, atomic_load(&s.error));
	EXPECT_EQ(0, touched);
	EXPECT_LT(enough, atomic_load(&s.sent));
	EXPECT_LT(enough, atomic_load(&s.received));
	TH_LOG("%u sent, %u received, table changed %u times in %ld ms",
	       s.sent, s.received, SWAPS, took);
	/* A busy machine may be slower, the device alone is not. */
	if (variant->vhostx) {
		EXPECT_GT(5 * slow() * SWAPS * 1000 / SWAPS_PER_SEC, took);
	}
}

/* Old memory may even go away: it is never read either. */
TEST_F(memory, old_memory_is_unmapped)
{
	struct vhost_memory_region r = {
		.guest_phys_addr = VMM_GPA,
		.memory_size = self->nic.vmm.mem_size,
	};
	struct stats st;
	uint8_t *new;

	ASSERT_EQ(0, nic_ping_tx(&self->nic, 300, 1));
	new = mmap(NULL, r.memory_size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, new);
	r.userspace_addr = (uintptr_t)new;
	ASSERT_EQ(0, vmm_set_mem_regions(&self->nic.vmm, &r, 1));
	/* The rings stay where they are; what buffers pointed to goes. */
	ASSERT_EQ(0, mprotect(vmm_ptr(&self->nic.vmm, self->nic.slots[TX]),
			      64 * NIC_SLOT, PROT_NONE));
	for (int i = 0; i < 20; i++) {
		uint64_t at = nic_slot(&self->nic, TX, self->tx->free_head);
		struct vq_seg seg = { .gpa = at, .len = 112 };

		memset(new + (at - VMM_GPA), 0, 12);
		frame_fill(new + (at - VMM_GPA) + 12, 100, i);
		ASSERT_LE(0, vq_post(self->tx, &seg, 1, false));
		vq_kick(self->tx);
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
		ASSERT_EQ(100, wire_recv(self->nic.wire, NULL, in, sizeof(in),
					 NIC_TIMEOUT));
		ASSERT_EQ(-1, frame_check(in, 100, i));
	}
	if (variant->vhostx) {
		ASSERT_EQ(0, nic_stats(TX, &st));
		EXPECT_EQ(0, stats_drops(&st));
	}
}

TEST_HARNESS_MAIN
