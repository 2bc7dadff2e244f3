// SPDX-License-Identifier: GPL-2.0-only
/* Busy polling: VHOST_SET_VRING_BUSYLOOP_TIMEOUT, and who it must make way for. */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "cpus.h"
#include "devices.h"

/* Long enough that nobody mistakes it for anything else, in us. */
#define LONG	2000000
#define SHORT	200

FIXTURE(polling) {
	struct nic nic;
};

ON_BOTH_DEVICES(polling);

FIXTURE_SETUP(polling)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(polling)
{
	nic_close(&self->nic);
}

TEST_F(polling, traffic)
{
	static const unsigned int us[] = { 1, SHORT, 50000 };

	for (size_t i = 0; i < ARRAY_SIZE(us); i++) {
		ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, RX, us[i]));
		ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, TX, us[i]));
		for (unsigned int j = 0; j < 100; j++) {
			ASSERT_EQ(0, nic_ping_tx(&self->nic, 60 + j, j));
			ASSERT_EQ(0, nic_ping_rx(&self->nic, 60 + j, j));
		}
	}
}

/*
 * A frame that comes while the queue polls needs no kick. Whenever somebody else wants the
 * processor polling ends, so not all of them meet it.
 */
TEST_F(polling, it_polls)
{
	unsigned int met = 0;
	struct stats s;
	uint8_t frame[100];

	/* On the only one vhostx makes way for the driver. */
	if (variant->vhostx)
		NEED_SECOND_CPU();
	memset(frame, 1, sizeof(frame));
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, TX, LONG));
	for (unsigned int i = 0; i < 50; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame,
					 sizeof(frame)));
		if (!nic_reap_tx(&self->nic, 1, 50)) {
			met++;
		} else {
			vq_kick(&self->nic.vmm.vq[TX]);
			ASSERT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
		}
		ASSERT_EQ(100, wire_recv(self->nic.wire, NULL, frame,
					 sizeof(frame), NIC_TIMEOUT));
	}
	TH_LOG("%u of 50 frames needed no kick", met);
	EXPECT_LE(10, met);
	if (variant->vhostx) {
		ASSERT_EQ(0, nic_stats(TX, &s));
		EXPECT_EQ(100, s.packets);
	}

	/* And one that comes when it does not, does: the polling under way ends first. */
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, TX, 0));
	usleep(LONG + 200000);
	ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, sizeof(frame)));
	EXPECT_EQ(-ETIMEDOUT, nic_reap_tx(&self->nic, 1, 500));
}

TEST_F(polling, ends)
{
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, RX, SHORT));
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, TX, SHORT));
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
	ASSERT_EQ(0, nic_ping_rx(&self->nic, 100, 1));
	EXPECT_GT(1.0, worker_cpu(worker_find(getpid(), 0), 1.0, 1000));
}

/* One queue's polling does not keep the other's work waiting. */
TEST_F(polling, makes_way_for_the_other_queue)
{
	/* Longer than a frame is waited for. */
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, RX, 4000 * NIC_TIMEOUT));
	ASSERT_EQ(0, nic_ping_rx(&self->nic, 100, 1));
	for (unsigned int i = 0; i < 10; i++) {
		EXPECT_EQ(0, nic_ping_tx(&self->nic, 100, i));
	}
	/* Or closing would have to wait for it. */
	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, RX, 0));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 100, 2));
}

/* Nor when both came at once, the one that polls first. */
TEST_F(polling, makes_way_for_what_came_with_it)
{
	const struct sched_param first = { .sched_priority = 2 };
	const struct sched_param second = { .sched_priority = 1 };
	int tid = worker_find(getpid(), 0);
	uint8_t frame[100] = { 1 };

	ASSERT_EQ(0, vmm_set_busyloop(&self->nic.vmm, RX, LONG));
	ASSERT_EQ(0, thread_rests(tid));
	ASSERT_EQ(0, pin(0, 0));
	ASSERT_EQ(0, pin(tid, 0));
	/* The worker gets to run when this one sleeps, and then nobody else does. */
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));
	ASSERT_EQ(0, sched_setscheduler(tid, SCHED_FIFO, &second));
	for (unsigned int i = 0; i < 10; i++) {
		double start;

		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame,
					 sizeof(frame)));
		start = now_ms();
		vq_kick_always(&self->nic.vmm.vq[RX]);
		vq_kick_always(&self->nic.vmm.vq[TX]);
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
		/* Even without making way: the kernel bounds what such a thread gets. */
		EXPECT_GT(400, now_ms() - start);
		ASSERT_EQ((int)sizeof(frame),
			  wire_recv(self->nic.wire, NULL, frame, sizeof(frame),
				    NIC_TIMEOUT));
		ASSERT_EQ(0, thread_rests(tid));
	}
}

/* The owner can die while its worker polls. */
TEST_F(polling, makes_way_for_a_kill)
{
	long start = now_ms();
	int status, up[2];
	char byte;
	pid_t pid;

	nic_close(&self->nic);
	ASSERT_EQ(0, pipe(up));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		struct nic_opts o = {
			.path = variant->path,
			.features = F_VERSION_1 | F_MRG_RXBUF,
		};
		struct nic nic;

		if (nic_open(&nic, &o) || vmm_set_busyloop(&nic.vmm, TX, 20000000) ||
		    nic_ping_tx(&nic, 100, 1) || write(up[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	close(up[1]);
	ASSERT_EQ(1, read(up[0], &byte, 1));
	close(up[0]);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	for (int i = 0; i < 500 && worker_count(pid); i++)
		usleep(10000);
	EXPECT_EQ(0, workers_left(pid));
	EXPECT_GT(5000, now_ms() - start);
}

TEST_HARNESS_MAIN
