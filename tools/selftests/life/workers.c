// SPDX-License-Identifier: GPL-2.0-only
/* Queues that change workers under load, and workers that lose their owner. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "devices.h"

#define MOVES	200

FIXTURE(workers) {
	struct nic nic;
	struct vhost_worker_state w;
};

FIXTURE_VARIANT(workers) { uint8_t fork; };
FIXTURE_VARIANT_ADD(workers, kthread) { .fork = 0 };
FIXTURE_VARIANT_ADD(workers, task) { .fork = 1 };

static bool no_tasks(void)
{
	return access("/sys/module/vhostx/parameters/fork_from_owner_default", F_OK);
}

/* As nic_open() has it, but with the kind of worker chosen first. */
static int open_nic(struct nic *nic, uint8_t how)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
		.fork = &how,
	};

	return nic_open(nic, &o);
}

FIXTURE_SETUP(workers)
{
	if (variant->fork && no_tasks())
		SKIP(return, "this kernel has no vhost_task");
	ASSERT_EQ(0, open_nic(&self->nic, variant->fork));
}

FIXTURE_TEARDOWN(workers)
{
	if (self->nic.vmm.mem)
		nic_close(&self->nic);
	EXPECT_EQ(0, workers_left(getpid()));
}

static int attach(int fd, unsigned int index, unsigned int id)
{
	struct vhost_vring_worker v = { .index = index, .worker_id = id };

	return dev_ioctl(fd, VHOST_ATTACH_VRING_WORKER, &v);
}

static int ping(struct nic *nic, int n)
{
	int ret = 0;

	for (int i = 0; i < n && !ret; i++)
		ret = nic_ping_tx(nic, 300 + i, i) ?: nic_ping_rx(nic, 300 + i, i);
	return ret;
}

TEST_F(workers, one_for_each_queue)
{
	int fd = self->nic.vmm.fd;
	struct stats rx, tx;

	ASSERT_EQ(0, dev_ioctl(fd, VHOST_NEW_WORKER, &self->w));
	ASSERT_EQ(0, attach(fd, TX, self->w.worker_id));
	ASSERT_EQ(0, ping(&self->nic, 20));
	ASSERT_EQ(0, nic_stats(RX, &rx));
	ASSERT_EQ(0, nic_stats(TX, &tx));
	EXPECT_LT(0, rx.worker);
	EXPECT_LT(0, tx.worker);
	EXPECT_NE(rx.worker, tx.worker);
	EXPECT_EQ(20, rx.packets);
	EXPECT_EQ(20, tx.packets);
}

struct mover {
	int fd;
	int ret;
	volatile bool stop;
	unsigned int moves;
};

/* Each queue goes to a new worker, and the one that it leaves is freed. */
static void *move(void *arg)
{
	struct mover *m = arg;
	unsigned int has[2] = { 0, 0 };
	struct vhost_worker_state w, old;

	while (!m->stop && !m->ret) {
		unsigned int q = m->moves++ % 2;

		m->ret = dev_ioctl(m->fd, VHOST_NEW_WORKER, &w) ?:
			 attach(m->fd, q, w.worker_id);
		old.worker_id = has[q];
		has[q] = w.worker_id;
		if (!m->ret && old.worker_id != has[!q])
			m->ret = dev_ioctl(m->fd, VHOST_FREE_WORKER, &old);
	}
	return NULL;
}

TEST_F_TIMEOUT(workers, changed_under_load, 60)
{
	struct mover m = { .fd = self->nic.vmm.fd };
	struct stats s;
	pthread_t t;
	int n = 0;

	ASSERT_EQ(0, pthread_create(&t, NULL, move, &m));
	/* No frame is lost, and none waits for another's kick. */
	while (m.moves < MOVES && n < 100000 && !m.ret) {
		ASSERT_EQ(0, ping(&self->nic, 1));
		n++;
	}
	m.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, m.ret);
	EXPECT_LE(MOVES, m.moves);
	TH_LOG("%u moves under %d frames each way", m.moves, n);
	ASSERT_EQ(0, nic_stats(TX, &s));
	EXPECT_EQ((uint64_t)n, s.packets);
	EXPECT_EQ(0, s.broken);
}

TEST_F(workers, idle_ones_use_no_cpu)
{
	struct stats s;

	ASSERT_EQ(0, dev_ioctl(self->nic.vmm.fd, VHOST_NEW_WORKER, &self->w));
	ASSERT_EQ(0, attach(self->nic.vmm.fd, TX, self->w.worker_id));
	ASSERT_EQ(0, ping(&self->nic, 5));
	for (int q = 0; q < 2; q++) {
		ASSERT_EQ(0, nic_stats(q, &s));
		EXPECT_GT(1.0, worker_cpu(s.worker, 1.0, 500));
	}
}

/*
 * The owner is killed while another process has the file, which then closes it: what
 * waits for a worker that went with its owner must not wait for ever.
 */
TEST_F_TIMEOUT(workers, owner_killed_under_load, 60)
{
	for (int i = 0; i < 20; i++) {
		int ready[2], status;
		char byte;
		pid_t pid;

		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_LE(0, pid);
		if (pid == 0) {
			struct nic nic = {};
			int ret = open_nic(&nic, variant->fork);

			if (ret || ping(&nic, 3))
				_exit(1);
			if (write(ready[1], "", 1) != 1)
				_exit(2);
			for (;;)
				ping(&nic, 100);
		}
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		usleep(1000 * i);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		close(ready[0]);
		close(ready[1]);
		for (int j = 0; j < 100 && worker_count(pid); j++)
			usleep(20000);
		EXPECT_EQ(0, workers_left(pid));
	}
	EXPECT_EQ(1, stats_devices());
}

TEST_HARNESS_MAIN
