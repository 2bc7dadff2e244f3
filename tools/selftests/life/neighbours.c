// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two guests of one host: what is left to one does not depend on whether the other is
 * honest. Both get a processor of their own, worker and process, or share them all. The
 * other is in turn honest and hostile, in short windows, so that whatever else the host
 * does happens to both alike; medians are compared.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "cpus.h"
#include "devices.h"

#define WINDOWS		11
#define WINDOW_MS	250
#define BURST		32
#define FRAME		1000
/*
 * Of what passes beside an honest neighbour, in per cent. Emulated processors that others
 * use as well move medians by more than a tenth; a host of one processor is one that counts
 * instructions for time, and there nothing does.
 */
#define LEFT		90
#define LEFT_NOISY	70

enum mode { HONEST, HOSTILE, END };

/* What both processes see. */
struct common {
	volatile enum mode mode;
	volatile unsigned long bursts[2];
	volatile int ready;
};

static long least(void)
{
	return get_nprocs() == 1 ? LEFT : LEFT_NOISY;
}

static int open_guest(struct nic *n, int cpu)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT,
	};
	int ret = nic_open(n, &o);

	if (ret || cpu < 0)
		return ret;
	return pin(0, cpu) ?: pin(worker_find(getpid(), 0), cpu);
}

/* Some frames out, all taken back: 0 or -errno. */
static int burst(struct nic *n, unsigned int frames)
{
	static uint8_t frame[FRAME], in[FRAME_MAX];

	for (unsigned int i = 0; i < frames; i++)
		nic_post_tx(n, NULL, NULL, frame, FRAME);
	vq_kick(&n->vmm.vq[TX]);
	while (wire_recv(n->wire, NULL, in, sizeof(in), 0) >= 0)
		;
	return nic_reap_tx(n, frames, NIC_TIMEOUT);
}

/* Chains as long as can be that lead nowhere, and kicks for nothing. */
static int bad_burst(struct nic *n)
{
	struct vq *q = &n->vmm.vq[TX];
	struct vq_seg seg[VQ_TABLE];
	int posted = 0;

	for (int i = 0; i < VQ_TABLE; i++)
		seg[i] = (struct vq_seg){ i + 1 < VQ_TABLE ? nic_slot(n, TX, 0) : 1, 16, 0 };
	while (posted < BURST && vq_post(q, seg, VQ_TABLE, true) >= 0) {
		posted++;
		vq_kick_always(q);
		vq_kick_always(&n->vmm.vq[RX]);
	}
	return nic_reap_tx(n, posted, NIC_TIMEOUT);
}

/* An index that jumps: the ring is broken, and its VMM starts it again. */
static int break_ring(struct nic *n)
{
	struct vq *q = &n->vmm.vq[TX];

	q->avail->idx += q->num + 1;
	vq_kick_always(q);
	efd_read(q->err, NIC_TIMEOUT);
	return vmm_backend(&n->vmm, TX, -1) ?: vmm_setup_vq(&n->vmm, TX, 0) ?:
	       vmm_backend(&n->vmm, TX, n->tap);
}

static void neighbour(struct common *c, int cpu)
{
	struct nic n;
	int ret = open_guest(&n, cpu);

	c->ready = ret ? -1 : 1;
	while (!ret && c->mode != END) {
		enum mode mode = c->mode;

		if (mode == HONEST)
			ret = burst(&n, BURST);
		else
			ret = bad_burst(&n) ?: (c->bursts[mode] % 64 ? 0 : break_ring(&n));
		c->bursts[mode]++;
	}
	nic_close(&n);
	_exit(!!ret);
}

/* How often so many frames of ours pass in a window, or -1. */
static long window(struct nic *n, unsigned int frames)
{
	long end = now_ms() + WINDOW_MS, done = 0;

	while (now_ms() < end) {
		if (burst(n, frames))
			return -1;
		done++;
	}
	return done;
}

static int compare(const void *a, const void *b)
{
	return *(const long *)a < *(const long *)b ? -1 : *(const long *)a > *(const long *)b;
}

static long median(long *v)
{
	qsort(v, WINDOWS, sizeof(*v), compare);
	return v[WINDOWS / 2];
}

FIXTURE(neighbours) {
	struct nic nic;
	struct common *c;
	pid_t pid;
};

FIXTURE_VARIANT(neighbours) {
	int cpu[2];
};

FIXTURE_VARIANT_ADD(neighbours, apart) {
	.cpu = { 0, 1 },
};

FIXTURE_VARIANT_ADD(neighbours, on_one_processor) {
	.cpu = { 0, 0 },
};

FIXTURE_VARIANT_ADD(neighbours, anywhere) {
	.cpu = { -1, -1 },
};

FIXTURE_SETUP(neighbours)
{
	nic_init(&self->nic);
	if (variant->cpu[1] == 1)
		NEED_SECOND_CPU();
	self->c = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->c);
	self->pid = fork();
	if (self->pid == 0)
		neighbour(self->c, variant->cpu[1]);
	for (int i = 0; i < 500 && !self->c->ready; i++)
		usleep(10000);
	ASSERT_EQ(1, self->c->ready);
	ASSERT_EQ(0, open_guest(&self->nic, variant->cpu[0]));
}

FIXTURE_TEARDOWN(neighbours)
{
	int status;

	self->c->mode = END;
	EXPECT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_EQ(0, status);
	nic_close(&self->nic);
	munmap(self->c, 4096);
}

/* Per cent of what passes beside an honest neighbour, or below 0. */
static long left(FIXTURE_DATA(neighbours) * self, unsigned int frames, long *median_of)
{
	long rate[2][WINDOWS];

	for (int i = 0; i < 2 * WINDOWS; i++) {
		enum mode mode = i % 2 ? HOSTILE : HONEST;

		self->c->mode = mode;
		/* What it has begun in the other way is not of this window. */
		if (burst(&self->nic, frames))
			return -1;
		rate[mode][i / 2] = window(&self->nic, frames);
		if (rate[mode][i / 2] <= 0)
			return -1;
	}
	for (int i = 0; i < 2; i++)
		median_of[i] = median(rate[i]);
	return 100 * median_of[HOSTILE] / median_of[HONEST];
}

TEST_F_TIMEOUT(neighbours, throughput, 60)
{
	long of[2], percent = left(self, BURST, of);

	TH_LOG("frames in %d ms: %ld beside an honest one, %ld beside a hostile one: %ld %%",
	       WINDOW_MS, BURST * of[HONEST], BURST * of[HOSTILE], percent);
	EXPECT_LT(0, self->c->bursts[HOSTILE]);
	EXPECT_LE(least(), percent);
}

/* One frame at a time. */
TEST_F_TIMEOUT(neighbours, latency, 60)
{
	long of[2], percent = left(self, 1, of);

	ASSERT_LT(0, percent);
	TH_LOG("a frame in %ld us beside an honest one, %ld us beside a hostile one: %ld %%",
	       WINDOW_MS * 1000 / of[HONEST], WINDOW_MS * 1000 / of[HOSTILE],
	       10000 / percent);
	EXPECT_LT(0, self->c->bursts[HOSTILE]);
	EXPECT_LE(least(), percent);
}

TEST_HARNESS_MAIN
