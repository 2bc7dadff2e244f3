// SPDX-License-Identifier: GPL-2.0-only
/* Which workers run a device's queues, by the module's parameters. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "devices.h"
#include "module.h"

#define NICS	4
#define ROUNDS	20

FIXTURE(layout) {
	struct nic nic[NICS];
};

FIXTURE_VARIANT(layout) { const char *kind; };
FIXTURE_VARIANT_ADD(layout, kthread) { .kind = "fork_from_owner_default=0" };
FIXTURE_VARIANT_ADD(layout, task) { .kind = "fork_from_owner_default=1" };

static bool no_tasks(void)
{
	return access("/sys/module/vhostx/parameters/fork_from_owner_default", F_OK);
}

FIXTURE_SETUP(layout)
{
	for (int i = 0; i < NICS; i++)
		nic_init(&self->nic[i]);
	if (strstr(variant->kind, "=1") && no_tasks())
		SKIP(return, "this kernel has no vhost_task");
}

FIXTURE_TEARDOWN(layout)
{
	for (int i = 0; i < NICS; i++)
		nic_close(&self->nic[i]);
	EXPECT_EQ(0, workers_left(getpid()));
	EXPECT_EQ(0, module_reload(""));
}

static int load(const char *kind, const char *parameters)
{
	char all[128];

	snprintf(all, sizeof(all), "%s %s", no_tasks() ? "" : kind, parameters);
	return module_reload(all);
}

static int open_nic(struct nic *nic)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX,
	};

	return nic_open(nic, &o);
}

static int ping(struct nic *nic, int n)
{
	int ret = 0;

	for (int i = 0; i < n && !ret; i++)
		ret = nic_ping_tx(nic, 300 + i, i) ?: nic_ping_rx(nic, 300 + i, i);
	return ret;
}

static int worker_of(unsigned int nth, const char *queue)
{
	struct stats s;

	return stats_read(&s, getpid(), nth, queue) ? -1 : s.worker;
}

static int queue_worker(int fd, unsigned int index)
{
	struct vhost_vring_worker w = { .index = index };

	return dev_ioctl(fd, VHOST_GET_VRING_WORKER, &w) ?: (int)w.worker_id;
}

TEST_F(layout, device)
{
	ASSERT_EQ(0, load(variant->kind, "layout=device"));
	ASSERT_EQ(0, open_nic(&self->nic[0]));
	ASSERT_EQ(0, ping(&self->nic[0], ROUNDS));
	EXPECT_EQ(1, workers_come_to(getpid(), 1));
	EXPECT_EQ(worker_of(0, "rx"), worker_of(0, "tx"));
}

TEST_F(layout, split)
{
	struct vhost_vring_worker v = { .index = TX };
	struct vhost_worker_state w;
	int fd;

	ASSERT_EQ(0, load(variant->kind, "layout=split"));
	ASSERT_EQ(0, open_nic(&self->nic[0]));
	fd = self->nic[0].vmm.fd;
	ASSERT_EQ(0, ping(&self->nic[0], ROUNDS));
	EXPECT_EQ(2, workers_come_to(getpid(), 2));
	EXPECT_NE(worker_of(0, "rx"), worker_of(0, "tx"));

	/* The VMM's workers are as they are otherwise; the second is not one of them. */
	EXPECT_EQ(0, queue_worker(fd, RX));
	EXPECT_EQ(5, queue_worker(fd, TX));
	w.worker_id = 5;
	EXPECT_EQ(-ENODEV, dev_ioctl(fd, VHOST_FREE_WORKER, &w));
	v.worker_id = 5;
	EXPECT_EQ(-ENODEV, dev_ioctl(fd, VHOST_ATTACH_VRING_WORKER, &v));
	ASSERT_EQ(0, dev_ioctl(fd, VHOST_NEW_WORKER, &w));
	EXPECT_EQ(1, w.worker_id);
	v.worker_id = w.worker_id;
	EXPECT_EQ(3, workers_come_to(getpid(), 3));
	ASSERT_EQ(0, dev_ioctl(fd, VHOST_ATTACH_VRING_WORKER, &v));
	ASSERT_EQ(0, ping(&self->nic[0], ROUNDS));
	/* The one that nobody uses any more ends. */
	EXPECT_EQ(2, workers_come_to(getpid(), 2));
	EXPECT_EQ(1, queue_worker(fd, TX));
}

TEST_F(layout, pool)
{
	int tid[NICS];

	ASSERT_EQ(0, load(variant->kind, "layout=pool pool_size=2"));
	for (int i = 0; i < NICS; i++) {
		ASSERT_EQ(0, open_nic(&self->nic[i]));
		EXPECT_EQ(i ? 2 : 1, workers_come_to(getpid(), i ? 2 : 1));
	}
	for (int i = 0; i < NICS; i++) {
		ASSERT_EQ(0, ping(&self->nic[i], ROUNDS));
		tid[i] = worker_of(i, "rx");
		EXPECT_EQ(tid[i], worker_of(i, "tx"));
	}
	EXPECT_NE(tid[0], tid[1]);
	/* Two for each. */
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(2, (tid[i] == tid[0]) + (tid[i] == tid[1]) +
			     (tid[i] == tid[2]) + (tid[i] == tid[3]));

	/* Those that stay go on, and the worker goes with the last. */
	for (int i = 0; i < NICS - 1; i++) {
		nic_close(&self->nic[i]);
		ASSERT_EQ(0, ping(&self->nic[NICS - 1], ROUNDS));
	}
	EXPECT_EQ(1, workers_come_to(getpid(), 1));
}

/* Another process's devices have workers of their own. */
TEST_F(layout, pool_of_one_owner)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, load(variant->kind, "layout=pool pool_size=1"));
	ASSERT_EQ(0, open_nic(&self->nic[0]));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		struct nic nic;

		if (open_nic(&nic) || ping(&nic, ROUNDS))
			_exit(1);
		_exit(worker_count(getpid()) == 1 ? 0 : 2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, workers_come_to(getpid(), 1));
	ASSERT_EQ(0, ping(&self->nic[0], ROUNDS));
}

struct churn {
	volatile bool stop;
	int ret;
	unsigned int rounds;
};

static void *churn(void *arg)
{
	struct churn *c = arg;
	struct vmm v;

	while (!c->stop && !c->ret) {
		vmm_init(&v);
		c->ret = vmm_open(&v, DEV_VHOSTX) ?:
			 vmm_setup_opened(&v, F_VERSION_1 | F_MRG_RXBUF, 128);
		for (int q = 0; q < 2; q++)
			vq_kick_always(&v.vq[q]);
		vmm_close(&v);
		c->rounds++;
	}
	return NULL;
}

/* Devices come and go on a worker that is busy with another. */
TEST_F_TIMEOUT(layout, pool_under_load, 60)
{
	struct churn c = {};
	pthread_t t;

	ASSERT_EQ(0, load(variant->kind, "layout=pool pool_size=1"));
	ASSERT_EQ(0, open_nic(&self->nic[0]));
	ASSERT_EQ(0, pthread_create(&t, NULL, churn, &c));
	for (int i = 0; i < 100 && (c.rounds < 100 || i < 10) && !c.ret; i++)
		ASSERT_EQ(0, ping(&self->nic[0], ROUNDS));
	c.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, c.ret);
	TH_LOG("%u devices came and went", c.rounds);
	EXPECT_LT(5, c.rounds);
	EXPECT_EQ(1, workers_come_to(getpid(), 1));
}

/* The owner of several is killed; somebody else closes them, in any order. */
TEST_F_TIMEOUT(layout, owner_killed, 60)
{
	ASSERT_EQ(0, load(variant->kind, "layout=pool pool_size=1"));
	for (int i = 0; i < 10; i++) {
		int ready[2], status;
		char byte;
		pid_t pid;

		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_LE(0, pid);
		if (pid == 0) {
			struct nic nic[2];

			if (open_nic(&nic[0]) || open_nic(&nic[1]) || ping(&nic[0], 3) ||
			    ping(&nic[1], 3) || write(ready[1], "", 1) != 1)
				_exit(1);
			for (;;)
				ping(&nic[i % 2], 100);
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
	EXPECT_EQ(0, stats_devices());
}

TEST_HARNESS_MAIN
