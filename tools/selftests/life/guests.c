// SPDX-License-Identifier: GPL-2.0-only
/* Many guests at once, and what a device costs. */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "devices.h"

#define GUESTS	32
#define ROUNDS	25
#define CYCLES	5
/* As the gate has it: what comes and goes by itself, in KiB. A device each is more. */
#define SLACK	16384

/* A step that the parent and all guests take together. */
struct step {
	int done[2];
	int go[2];
};

static int step_open(struct step *s)
{
	return pipe(s->done) || pipe(s->go) ? -errno : 0;
}

/* A guest is done, and sleeps until all are; or it has failed, and ends. */
static void step_guest(const struct step *s, char failed)
{
	char c;

	if (write(s->done[1], &failed, 1) != 1 || failed ||
	    read(s->go[0], &c, 1) != 1)
		_exit(1);
}

static int step_wait(const struct step *s)
{
	char failed;

	for (int i = 0; i < GUESTS; i++)
		if (read(s->done[0], &failed, 1) != 1 || failed)
			return -EPIPE;
	return 0;
}

static int step_go(const struct step *s)
{
	static const char go[GUESTS];

	return write(s->go[1], go, GUESTS) == GUESTS ? 0 : -EPIPE;
}

static void step_close(struct step *s)
{
	for (int i = 0; i < 2; i++) {
		close(s->done[i]);
		close(s->go[i]);
	}
}

/* A guest: its own process, namespace, tap and device. */
static void guest(const struct step *up, const struct step *moved)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
		.num = 256,
		.slot = 4096,
	};
	struct nic n;
	int ret = 0;

	step_guest(up, !!nic_open(&n, &o));
	for (unsigned int i = 0; i < ROUNDS && !ret; i++)
		ret = nic_ping_tx(&n, 60 + i * 14, getpid() + i) ||
		      nic_ping_rx(&n, 60 + i * 14, getpid() - i);
	step_guest(moved, ret);
	nic_close(&n);
	_exit(0);
}

FIXTURE(guests) {
	pid_t pid[GUESTS];
	int devices;
};

FIXTURE_SETUP(guests)
{
	self->devices = stats_devices();
	ASSERT_LE(0, self->devices);
}

FIXTURE_TEARDOWN(guests)
{
}

/* While all of them have moved their frames and none has ended. */
static int counted(const FIXTURE_DATA(guests) * self)
{
	struct stats rx, tx;

	if (stats_devices() != self->devices + GUESTS)
		return -1;
	for (int i = 0; i < GUESTS; i++) {
		if (stats_read(&rx, self->pid[i], 0, "rx") ||
		    stats_read(&tx, self->pid[i], 0, "tx") ||
		    rx.packets != ROUNDS || tx.packets != ROUNDS ||
		    stats_drops(&rx) || stats_drops(&tx))
			return -2;
	}
	return 0;
}

/* All start, all move frames at once, all end: 0, or below where it went wrong. */
static int cycle(FIXTURE_DATA(guests) * self)
{
	struct step up, moved;
	int status, ret = step_open(&up) ?: step_open(&moved);

	if (ret)
		return ret;
	for (int i = 0; i < GUESTS; i++) {
		self->pid[i] = fork();
		if (self->pid[i] == 0)
			guest(&up, &moved);
	}
	ret = step_wait(&up) ?: step_go(&up) ?: step_wait(&moved) ?:
	      counted(self) ?: step_go(&moved);
	for (int i = 0; i < GUESTS; i++) {
		if (ret)
			kill(self->pid[i], SIGKILL);
		if (waitpid(self->pid[i], &status, 0) != self->pid[i] || status)
			ret = ret ?: -ECHILD;
	}
	step_close(&up);
	step_close(&moved);
	return ret;
}

/* What is freed late gets ten seconds to be. */
static long settled(long limit)
{
	long used = kernel_memory();

	for (int i = 0; i < 50 && used > limit; i++) {
		usleep(200000);
		used = kernel_memory();
	}
	return used;
}

TEST_F_TIMEOUT(guests, all_at_once, 120)
{
	long first = 0, used;

	for (int i = 0; i < CYCLES; i++) {
		ASSERT_EQ(0, cycle(self));
		EXPECT_EQ(self->devices, stats_devices());
		if (!i) {
			sleep(2);
			first = kernel_memory();
		}
	}
	used = settled(first + SLACK);
	EXPECT_GE(SLACK, used - first);
	TH_LOG("%d guests: the kernel's memory grew by %ld KiB in %d cycles",
	       GUESTS, used - first, CYCLES - 1);
}

#define DEVICES	64
/* KiB for a device that has moved a frame, with its worker and eventfds. */
#define COST	256

static struct vmm device[DEVICES];

FIXTURE(cost) {
	struct nic nic;
	unsigned int devices;
	long before;
};

ON_BOTH_DEVICES(cost);

FIXTURE_SETUP(cost)
{
	struct nic_opts o = { .path = variant->path, .stopped = true };
	struct rlimit files = { 4096, 4096 };

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->before = kernel_memory();
}

FIXTURE_TEARDOWN(cost)
{
	while (self->devices)
		vmm_close(&device[--self->devices]);
	nic_close(&self->nic);
}

/* A burst of frames to the tap. */
static int send_frames(struct vmm *v, uint32_t size, unsigned int n)
{
	struct vq_seg seg = { .gpa = vmm_alloc(v, size, 4096), .len = size };
	uint32_t id, len;

	for (unsigned int i = 0; i < n; i++)
		if (vq_post(&v->vq[TX], &seg, 1, false) < 0)
			return -ENOSPC;
	vq_kick(&v->vq[TX]);
	for (unsigned int i = 0; i < n; i++)
		if (vq_wait(&v->vq[TX], NIC_TIMEOUT) ||
		    vq_reap(&v->vq[TX], &id, &len) != 1)
			return -ETIMEDOUT;
	return 0;
}

/* Open a device on the tap, and send a frame, so that it has memory for some. */
static int add_device(struct vmm *v, struct nic *n, const char *path)
{
	return vmm_setup(v, path, F_VERSION_1 | F_MRG_RXBUF, 256) ?:
	       vmm_start(v, n->tap) ?: send_frames(v, 112, 1);
}

TEST_F(cost, of_a_device)
{
	long cost;

	while (self->devices < DEVICES)
		ASSERT_EQ(0, add_device(&device[self->devices++], &self->nic,
					variant->path));
	cost = (kernel_memory() - self->before) / DEVICES;
	TH_LOG("a device takes %ld KiB", cost);
	if (variant->vhostx) {
		EXPECT_LT(0, cost);
		EXPECT_GE(COST, cost);
	}
}

#define LONG_FRAMES	20
/* Some 60 KiB more, whichever device it is: what sending and reading them leaves behind. */
#define COST_AT_REST	(COST + 64)

/*
 * Frames that wait where they went, so that none of their memory can be used again, until all
 * are read.
 */
static int send_long_frames(struct vmm *v, struct nic *n)
{
	static unsigned char frame[65536];
	int ret = send_frames(v, 60000, LONG_FRAMES);

	if (ret)
		return ret;
	for (int i = 0; i < LONG_FRAMES; i++)
		if (wire_recv(n->wire, NULL, frame, sizeof(frame), NIC_TIMEOUT) < 0)
			return -ENODATA;
	return 0;
}

TEST_F(cost, after_long_frames)
{
	long cost;

	while (self->devices < DEVICES) {
		struct vmm *v = &device[self->devices++];

		ASSERT_EQ(0, add_device(v, &self->nic, variant->path));
		ASSERT_EQ(0, send_long_frames(v, &self->nic));
	}
	cost = (settled(self->before + DEVICES * COST_AT_REST) - self->before) / DEVICES;
	TH_LOG("a device at rest takes %ld KiB", cost);
	if (variant->vhostx)
		EXPECT_GE(COST_AT_REST, cost);
}

TEST_HARNESS_MAIN
