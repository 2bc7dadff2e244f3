// SPDX-License-Identifier: GPL-2.0-only
/* Trace points: each is passed as often as the counters say, and says whose it is. */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpus.h"
#include "devices.h"
#include "file.h"
#include "hostile.h"

#define TRACEFS	"/sys/kernel/tracing"
#define FRAMES	100
#define BURST	64

FIXTURE(trace) {
	struct nic nic;
	char dir[64];		/* buffers of our own, which nobody else traces into */
	char events[128];	/* where the system's events are in there */
	unsigned int dev;
};

ON_VHOSTX(trace);

static int trace_write(FIXTURE_DATA(trace) * self, const char *file,
		       const char *s)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", self->events, file);
	return write_file(path, s);
}

/* Trace what the device does, whose queues are stopped. */
FIXTURE_SETUP(trace)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT,
		.stopped = true,
	};
	char filter[32];
	struct stats s;

	self->dir[0] = 0;
	nic_init(&self->nic);
	if (access(TRACEFS "/events", F_OK))
		SKIP(return, "no tracefs");
	ASSERT_EQ(0, nic_open(&self->nic, &o));
	ASSERT_EQ(0, nic_stats(TX, &s));
	self->dev = s.dev;

	snprintf(self->dir, sizeof(self->dir), TRACEFS "/instances/vhostx-%d",
		 getpid());
	ASSERT_EQ(0, mkdir(self->dir, 0700));
	snprintf(self->events, sizeof(self->events), "%s/events/vhostx",
		 self->dir);
	snprintf(filter, sizeof(filter), "dev == %u", self->dev);
	ASSERT_EQ(0, trace_write(self, "filter", filter));
	ASSERT_EQ(0, trace_write(self, "enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	nic_close(&self->nic);
	if (!self->dir[0])
		return;
	EXPECT_EQ(0, trace_write(self, "enable", "0"));
	EXPECT_EQ(0, rmdir(self->dir));
}

static const char *queue_name(unsigned int index)
{
	return index == RX ? "rx" : "tx";
}

/*
 * How often an event was traced for a queue with these fields behind the common ones;
 * sum, unless NULL, gets the numbers that follow.
 */
static int traced(FIXTURE_DATA(trace) * self, unsigned int index,
		  const char *event, const char *fields, uint64_t *sum)
{
	char path[128], want[128], line[512];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace", self->dir);
	snprintf(want, sizeof(want), ": %s: dev=%u queue=%s owner=%d%s", event,
		 self->dev, queue_name(index), getpid(), fields);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (sum)
		*sum = 0;
	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, want);

		n += !!at;
		if (at && sum)
			*sum += strtoull(at + strlen(want), NULL, 10);
	}
	fclose(f);
	return n;
}

/* Trace from here on, and say where the counters stand. */
static int begin(FIXTURE_DATA(trace) * self, struct stats *s)
{
	char path[128];
	int ret;

	/* Nothing is under way. */
	ret = thread_rests(worker_find(getpid(), 0));
	snprintf(path, sizeof(path), "%s/trace", self->dir);
	ret = ret ?: truncate(path, 0) ? -errno : 0;
	return ret ?: nic_stats(RX, &s[RX]) ?: nic_stats(TX, &s[TX]);
}

/* A burst with one kick, whose sender wants no interrupt. */
static int send_masked(struct nic *n, unsigned int count)
{
	struct vq *q = &n->vmm.vq[TX];
	uint8_t frame[100] = { 1 };
	uint32_t id, len;

	vq_mask_call(q);
	while (count--)
		if (nic_post_tx(n, NULL, NULL, frame, sizeof(frame)) < 0)
			return -ENOSPC;
	vq_kick_always(q);
	for (int i = 0; i < NIC_TIMEOUT && !vq_all_used(q); i++)
		usleep(1000);
	if (!vq_all_used(q))
		return -ETIMEDOUT;
	while (vq_reap(q, &id, &len) == 1)
		;
	while (wire_recv(n->wire, NULL, frame, sizeof(frame), 100) >= 0)
		;
	return 0;
}

TEST_F(trace, agrees_with_the_counters)
{
	struct stats before[2], s;
	uint64_t chains;

	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	ASSERT_EQ(0, begin(self, before));
	for (unsigned int i = 0; i < FRAMES; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 60 + i, i));
		ASSERT_EQ(0, nic_ping_rx(&self->nic, 60 + i, i));
		/* It has buffers to spare, so nobody has asked for this. */
		vq_kick_always(&self->nic.vmm.vq[RX]);
	}
	ASSERT_EQ(0, send_masked(&self->nic, BURST));
	ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));

	for (unsigned int i = RX; i <= TX; i++) {
		ASSERT_EQ(0, nic_stats(i, &s));
		EXPECT_EQ(i == RX ? FRAMES : FRAMES + BURST,
			  s.packets - before[i].packets);
		EXPECT_LT(0, s.kicks - before[i].kicks);
		EXPECT_EQ((int)(s.kicks - before[i].kicks),
			  traced(self, i, "kick", "\n", NULL));
		EXPECT_LT(0, s.batches - before[i].batches);
		EXPECT_EQ((int)(s.batches - before[i].batches),
			  traced(self, i, "batch", " chains=", &chains));
		/* Each frame has a chain of its own. */
		EXPECT_EQ(s.packets - before[i].packets, chains);
		EXPECT_LT(0, s.signals - before[i].signals);
		EXPECT_EQ((int)(s.signals - before[i].signals),
			  traced(self, i, "signal", " suppressed=0\n", NULL));
		EXPECT_EQ((int)(s.suppressed - before[i].suppressed),
			  traced(self, i, "signal", " suppressed=1\n", NULL));
	}
	EXPECT_LT(0, s.suppressed - before[TX].suppressed);
}

TEST_F(trace, each_point_can_be_off)
{
	struct stats s[2];

	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	ASSERT_EQ(0, trace_write(self, "batch/enable", "0"));
	ASSERT_EQ(0, begin(self, s));
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
	ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
	EXPECT_EQ(0, traced(self, TX, "batch", "", NULL));
	EXPECT_LT(0, traced(self, TX, "kick", "", NULL));
}

/* A queue that has a backend gets it once and loses it once. */
TEST_F(trace, starts_and_stops)
{
	const struct tap_opts o = {};
	struct vmm *v = &self->nic.vmm;
	int other;

#define EXPECT_TRACED(index, starts, stops) do {				\
	EXPECT_EQ(starts, traced(self, index, "queue_start", "\n", NULL));	\
	EXPECT_EQ(stops, traced(self, index, "queue_stop", "\n", NULL));	\
} while (0)

	EXPECT_TRACED(TX, 0, 0);
	ASSERT_EQ(0, vmm_stop(v));
	EXPECT_TRACED(TX, 0, 0);
	ASSERT_EQ(0, vmm_start(v, self->nic.tap));
	EXPECT_TRACED(RX, 1, 0);
	EXPECT_TRACED(TX, 1, 0);
	/* It has that one. */
	ASSERT_EQ(0, vmm_backend(v, TX, self->nic.tap));
	EXPECT_TRACED(TX, 1, 0);
	other = tap_open("tap1", &o);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, vmm_backend(v, TX, other));
	EXPECT_TRACED(TX, 2, 1);
	ASSERT_EQ(0, vmm_backend(v, TX, -1));
	EXPECT_TRACED(TX, 2, 2);
	EXPECT_TRACED(RX, 1, 0);
	nic_close(&self->nic);
	EXPECT_TRACED(RX, 1, 1);
	EXPECT_TRACED(TX, 2, 2);
	close(other);
}

TEST_F(trace, says_what_broke)
{
	static const struct {
		enum breakage how;
		const char *fault;
	} faults[] = {
		{ BREAK_AVAIL_UNREADABLE, "avail-read" },
		{ BREAK_AVAIL_JUMPS, "avail-jump" },
		{ BREAK_DESC_UNREADABLE, "desc-read" },
		{ BREAK_HEAD_IS_NUM, "desc-range" },
		{ BREAK_LOOP, "desc-loop" },
		{ BREAK_INDIRECT_ODD, "indirect-len" },
		{ BREAK_INDIRECT_NESTED, "indirect-nest" },
		{ BREAK_USED_UNWRITABLE, "used-write" },
	};
	struct nic *n = &self->nic;
	struct vq *q = &n->vmm.vq[TX];
	char fields[64];
	struct stats s;

	ASSERT_EQ(0, vmm_start(&n->vmm, n->tap));
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!hostile_can(faults[i].how))
			continue;
		/* An entry that it still saw to would be one short of a jump. */
		ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
		hostile_break(n, TX, faults[i].how);
		vq_kick_always(q);
		ASSERT_EQ(1, efd_read(q->err, NIC_TIMEOUT));
		ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
		ASSERT_EQ(0, nic_stats(TX, &s));
		EXPECT_STREQ(faults[i].fault, s.reason);
		snprintf(fields, sizeof(fields), " fault=%s\n", s.reason);
		EXPECT_EQ(1, traced(self, TX, "queue_broken", fields, NULL));
		EXPECT_EQ((int)s.broken, traced(self, TX, "queue_broken", "", NULL));

		ASSERT_EQ(0, vmm_backend(&n->vmm, TX, -1));
		hostile_repair(n, TX);
		ASSERT_EQ(0, vmm_setup_vq(&n->vmm, TX, 0));
		ASSERT_EQ(0, vmm_backend(&n->vmm, TX, n->tap));
	}
	EXPECT_EQ(0, traced(self, RX, "queue_broken", "", NULL));
}

/* Polling ends with something or without, after a time that can be. */
static void polled(struct __test_metadata *_metadata,
		   FIXTURE_DATA(trace) * self, unsigned int index)
{
	uint64_t hit_ns, miss_ns;
	int hits = traced(self, index, "poll", " hit=1 ns=", &hit_ns);
	int misses = traced(self, index, "poll", " hit=0 ns=", &miss_ns);
	struct stats s;

	TH_LOG("%s: %d hits, %" PRIu64 " us, %d misses, %" PRIu64 " us",
	       queue_name(index), hits, hit_ns / 1000, misses, miss_ns / 1000);
	ASSERT_EQ(0, nic_stats(index, &s));
	EXPECT_EQ((int)s.poll_hits, hits);
	EXPECT_EQ((int)s.poll_misses, misses);
	EXPECT_LT(0, misses);
	/* On the only processor it makes way at once. */
	if (get_nprocs() > 1) {
		EXPECT_LT(0, hits);
		EXPECT_LT(0, hit_ns);
		EXPECT_LT(0, miss_ns);
	}
	EXPECT_GT(NIC_TIMEOUT * 1000000ULL, hit_ns + miss_ns);
}

/* How long it polls, in us: until the next frame comes, unless somebody wants the CPU. */
#define POLL_US	20000

TEST_F(trace, polling)
{
	uint8_t frame[100] = { 1 };
	struct vmm *v = &self->nic.vmm;

	ASSERT_EQ(0, vmm_set_busyloop(v, TX, POLL_US));
	ASSERT_EQ(0, vmm_start(v, self->nic.tap));
	/* Nobody is in the other's way. */
	if (get_nprocs() > 1) {
		ASSERT_EQ(0, pin(0, 0));
		ASSERT_EQ(0, pin(worker_find(getpid(), 0), 1));
	}
	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, i));
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame,
					 sizeof(frame)));
		if (nic_reap_tx(&self->nic, 1, 2 * POLL_US / 1000)) {
			vq_kick(&v->vq[TX]);
			ASSERT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
		}
		ASSERT_EQ(100, wire_recv(self->nic.wire, NULL, frame,
					 sizeof(frame), NIC_TIMEOUT));
	}
	ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
	polled(_metadata, self, TX);

	ASSERT_EQ(0, vmm_set_busyloop(v, TX, 0));
	ASSERT_EQ(0, vmm_set_busyloop(v, RX, POLL_US));
	for (int i = 0; i < 50; i++)
		ASSERT_EQ(0, nic_ping_rx(&self->nic, 100, i));
	ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
	polled(_metadata, self, RX);
}

TEST_HARNESS_MAIN
