// SPDX-License-Identifier: GPL-2.0-only
/* What an operator can set of a queue, by the module's parameters. */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "clock.h"
#include "cpus.h"
#include "devices.h"
#include "module.h"
#include "slow.h"

#define ROUNDS	50

FIXTURE(tune) {
	struct nic nic;
};

ON_VHOSTX(tune);

FIXTURE_SETUP(tune)
{
	nic_init(&self->nic);
	NEED_SECOND_CPU();
}

FIXTURE_TEARDOWN(tune)
{
	nic_close(&self->nic);
	EXPECT_EQ(0, module_reload(""));
}

/* Who polls on the processor of whom it waits for has to make way for it. */
static int open_tuned(struct nic *nic, const char *parameters)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
	};

	nic_close(nic);
	return module_reload(parameters) ?: nic_open(nic, &o) ?:
	       pin(0, 0) ?: pin(worker_find(getpid(), 0), 1);
}

static int ping(struct nic *nic, unsigned int n)
{
	int ret = 0;

	for (unsigned int i = 0; i < n && !ret; i++)
		ret = nic_ping_tx(nic, 100 + i, i) ?: nic_ping_rx(nic, 100 + i, i);
	return ret;
}

static uint64_t polls(unsigned int index)
{
	struct stats s = {};

	return nic_stats(index, &s) ? 0 : s.poll_hits + s.poll_misses;
}

TEST_F(tune, never_polls_in_mode_off)
{
	ASSERT_EQ(0, open_tuned(&self->nic, "poll_mode=off poll_us=1000"));
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, RX, 1000));
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, TX, 1000));
	ASSERT_EQ(0, ping(&self->nic, ROUNDS));
	EXPECT_EQ(0, polls(RX));
	EXPECT_EQ(0, polls(TX));
}

TEST_F(tune, polls_as_the_vmm_asks)
{
	ASSERT_EQ(0, open_tuned(&self->nic, ""));
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, RX, 0));
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, TX, 0));
	ASSERT_EQ(0, ping(&self->nic, ROUNDS));
	EXPECT_EQ(0, polls(RX));
	EXPECT_EQ(0, polls(TX));
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, TX, 1000));
	ASSERT_EQ(0, ping(&self->nic, ROUNDS));
	EXPECT_EQ(0, polls(RX));
	EXPECT_LT(0, polls(TX));
}

TEST_F(tune, polls_for_as_long_as_it_pays_when_nobody_asks)
{
	uint64_t before;

	ASSERT_EQ(0, open_tuned(&self->nic, "poll_us=2000"));
	ASSERT_EQ(0, ping(&self->nic, ROUNDS));
	EXPECT_LT(0, polls(TX));
	/* What comes seldom takes it back to nothing. */
	usleep(100000);
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
	usleep(100000);
	before = polls(TX);
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, 2));
	usleep(100000);
	EXPECT_EQ(before, polls(TX));
}

/* Of the one who asked before, nothing is left. */
TEST_F(tune, a_new_owner_has_asked_for_nothing)
{
	ASSERT_EQ(0, open_tuned(&self->nic, "poll_us=2000"));
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, TX, 0));
	ASSERT_EQ(0, dev_ioctl(self->nic.vmm.fd, VHOST_RESET_OWNER, NULL));
	ASSERT_EQ(0, vmm_own(&self->nic.vmm));
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	ASSERT_EQ(0, pin(worker_find(getpid(), 0), 1));
	ASSERT_EQ(0, ping(&self->nic, ROUNDS));
	EXPECT_LT(0, polls(TX));
}

/* Whoever polls meets frames; and who adapts does not poll when none come. */
TEST_F(tune, polling_pays)
{
	static const char * const modes[] = { "fixed", "adaptive" };
	char parameters[64];
	struct stats s;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		snprintf(parameters, sizeof(parameters), "poll_mode=%s poll_us=10000", modes[i]);
		ASSERT_EQ(0, open_tuned(&self->nic, parameters));
		ASSERT_EQ(0, ping(&self->nic, ROUNDS));
		for (int j = 0; j < 100; j++)
			ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, j));
		ASSERT_EQ(0, nic_stats(TX, &s));
		TH_LOG("%s: TX %d hits, %d misses, %d kicks", modes[i], (int)s.poll_hits,
		       (int)s.poll_misses, (int)s.kicks);
		EXPECT_LE(10, s.poll_hits);
		EXPECT_GT(1.0, worker_cpu(s.worker, 1.0, 1000));
	}
}

/* Frames seldom come, so nothing is gained by polling, and it is not done. */
TEST_F(tune, adaptive_polling_ends)
{
	ASSERT_EQ(0, open_tuned(&self->nic, "poll_mode=adaptive poll_us=2000"));
	ASSERT_EQ(0, ping(&self->nic, ROUNDS));
	for (unsigned int i = 0; i < 3; i++) {
		usleep(100000);
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, i));
	}
	usleep(100000);

	uint64_t before = polls(TX);

	for (unsigned int i = 0; i < 10; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, i));
		usleep(100000);
	}
	EXPECT_GE(before + 1, polls(TX));
}

/* Nor while somebody else could use the processor: another frame is not met by polling. */
TEST_F(tune, polling_leaves_the_processor_to_others)
{
	struct stats s = {};
	int ret = 0;
	pid_t pid;

	ASSERT_EQ(0, open_tuned(&self->nic, "poll_mode=fixed poll_us=10000"));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pin(0, 1))
			_exit(1);
		for (;;)
			;
	}
	for (unsigned int i = 0; i < ROUNDS && !ret; i++) {
		usleep(2000);
		ret = nic_ping_tx(&self->nic, 100, i);
	}
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, nic_stats(TX, &s));
	TH_LOG("%d hits, %d misses", (int)s.poll_hits, (int)s.poll_misses);
	EXPECT_GE(ROUNDS / 5, s.poll_hits);
	EXPECT_LE(ROUNDS / 2, s.poll_misses);
}

/* A worker that polls for RX needs no kick for TX. */
TEST_F(tune, rx_polls_for_tx)
{
	uint8_t frame[100] = { 1 };
	unsigned int met = 0;

	ASSERT_EQ(0, open_tuned(&self->nic, "poll_mode=fixed poll_us=10000"));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
		ASSERT_EQ(0, nic_ping_rx(&self->nic, 100, 1));
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, sizeof(frame)));
		met += !vq_kick(&self->nic.vmm.vq[TX]);
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
		ASSERT_EQ(100, wire_recv(self->nic.wire, NULL, frame, sizeof(frame), NIC_TIMEOUT));
	}
	TH_LOG("%u of %u frames needed no kick", met, ROUNDS);
	EXPECT_LE(10, met);
}

TEST_F(tune, batches_are_as_long_as_set)
{
	uint8_t frame[100] = { 1 };
	struct stats s;

	ASSERT_EQ(0, open_tuned(&self->nic, "batch=4"));
	for (int i = 0; i < 64; i++)
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, sizeof(frame)));
	vq_kick(&self->nic.vmm.vq[TX]);
	ASSERT_EQ(0, nic_reap_tx(&self->nic, 64, NIC_TIMEOUT));
	ASSERT_EQ(0, nic_stats(TX, &s));
	EXPECT_EQ(64, s.packets);
	EXPECT_LE(16, s.batches);
}

/* Frames for TX in one burst, which the driver wants interrupts for. */
static int send_all(struct nic *nic, unsigned int n)
{
	uint8_t frame[100] = { 1 };
	int ret = 0;

	for (unsigned int i = 0; i < n && ret >= 0; i++) {
		ret = nic_post_tx(nic, NULL, NULL, frame, sizeof(frame));
		vq_kick(&nic->vmm.vq[TX]);
	}
	return ret < 0 ? ret : 0;
}

/* Wait for a frame's return without an interrupt. */
static int watch_tx(struct nic *nic)
{
	long end = now_ms() + NIC_TIMEOUT;
	uint32_t id, len;
	int ret;

	do
		ret = vq_reap(&nic->vmm.vq[TX], &id, &len);
	while (!ret && now_ms() < end);
	return ret == 1 ? 0 : ret ?: -ETIMEDOUT;
}

/* Frames come one by one to who polls, and are not interrupted for one by one. */
TEST_F(tune, polling_interrupts_for_several)
{
	struct stats s;

	ASSERT_EQ(0, open_tuned(&self->nic, "poll_mode=fixed poll_us=10000"));
	for (unsigned int i = 0; i < 8 * ROUNDS; i++) {
		ASSERT_EQ(0, send_all(&self->nic, 1));
		ASSERT_EQ(0, watch_tx(&self->nic));
	}
	ASSERT_EQ(0, nic_stats(TX, &s));
	EXPECT_EQ(8 * ROUNDS, s.packets);
	TH_LOG("%d batches, %d signals, %d suppressed", (int)s.batches, (int)s.signals,
	       (int)s.suppressed);
	/* Where everything takes longer, hardly two frames come within 50 us. */
	if (slow() == 1)
		EXPECT_GT(s.batches, s.signals + s.suppressed + ROUNDS);
}

/* But the driver, which sleeps until it is told, is told before polling ends: it meets it. */
TEST_F(tune, polling_interrupts_soon)
{
	struct stats s;

	ASSERT_EQ(0, open_tuned(&self->nic, "poll_mode=fixed poll_us=10000"));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, send_all(&self->nic, 1));
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
	}
	ASSERT_EQ(0, nic_stats(TX, &s));
	TH_LOG("%d hits, %d misses", (int)s.poll_hits, (int)s.poll_misses);
	EXPECT_LE(ROUNDS / 3, s.poll_hits);
}

/* No interrupt is lost: each frame is waited for by interrupt. */
TEST_F(tune, late_interrupts_come)
{
	struct stats s;

	ASSERT_EQ(0, open_tuned(&self->nic, "coalesce_us=1000 coalesce_frames=256"));
	for (unsigned int i = 0; i < 5; i++)
		ASSERT_EQ(0, ping(&self->nic, ROUNDS));
	for (unsigned int q = 0; q < 2; q++) {
		ASSERT_EQ(0, nic_stats(q, &s));
		EXPECT_EQ(5 * ROUNDS, s.packets);
		EXPECT_LT(0, s.coalesced);
		TH_LOG("%s: %d signals, %d put off", s.queue, (int)s.signals, (int)s.coalesced);
	}
}

/* Eight frames, and again, an interrupt late for less than so many: TX's counters. */
static int send_late(struct nic *nic, unsigned int frames, struct stats *s)
{
	char parameters[64];
	int ret;

	snprintf(parameters, sizeof(parameters),
		 "coalesce_us=1000 coalesce_frames=%u batch=1", frames);
	ret = open_tuned(nic, parameters);
	for (unsigned int i = 0; i < ROUNDS && !ret; i++)
		ret = send_all(nic, 8) ?: nic_reap_tx(nic, 8, NIC_TIMEOUT);
	return ret ? ret : nic_stats(TX, s);
}

/* As many frames as are not to wait do not, however long that may be. */
TEST_F(tune, interrupts_are_late_for_few_frames_only)
{
	struct stats s;

	ASSERT_EQ(0, send_late(&self->nic, 4, &s));
	EXPECT_EQ(8 * ROUNDS, s.packets);
	EXPECT_LE(8 * ROUNDS / 2, s.coalesced);
	TH_LOG("%d signals, %d put off", (int)s.signals, (int)s.coalesced);
}

TEST_F(tune, interrupts_are_not_late_for_one_frame)
{
	struct stats s;

	ASSERT_EQ(0, send_late(&self->nic, 1, &s));
	EXPECT_EQ(8 * ROUNDS, s.packets);
	EXPECT_EQ(0, s.coalesced);
}

/* What takes the queue away sends what was put off. */
TEST_F(tune, late_interrupts_come_before_the_end)
{
	struct vmm *v = &self->nic.vmm;

	for (unsigned int how = 0; how < 3; how++) {
		ASSERT_EQ(0, open_tuned(&self->nic, "coalesce_us=1000 coalesce_frames=256"));
		for (unsigned int i = 0; i < ROUNDS; i++) {
			ASSERT_EQ(0, send_all(&self->nic, 1));
			if (how == 0) {
				ASSERT_EQ(0, vmm_stop(v));
				ASSERT_EQ(0, vmm_start(v, self->nic.tap));
			} else if (how == 1) {
				ASSERT_LE(0, vmm_get_base(v, TX));
			} else {
				ASSERT_EQ(0, vmm_backend(v, TX, -1));
				ASSERT_EQ(0, vmm_backend(v, TX, self->nic.tap));
			}
			ASSERT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
		}
	}
}

TEST_HARNESS_MAIN
