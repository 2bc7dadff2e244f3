// SPDX-License-Identifier: GPL-2.0-only
/* Workers: what an operator sees of them, and orders to them under traffic. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cpus.h"
#include "devices.h"
#include "netlink.h"

#define FEATURES	(F_VERSION_1 | F_MRG_RXBUF)
#define MOVES		200	/* a hundred a second */
#define MOVE_US		10000

FIXTURE(worker) {
	struct nl nl;
	struct nic nic;
	int tid;
};

FIXTURE_SETUP(worker)
{
	struct nic_opts o = { .path = DEV_VHOSTX, .features = FEATURES };

	ASSERT_EQ(0, nl_open(&self->nl));
	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->tid = worker_find(getpid(), 0);
	ASSERT_LT(0, self->tid);
}

FIXTURE_TEARDOWN(worker)
{
	nic_close(&self->nic);
	nl_close(&self->nl);
}

/* The one with @tid, or the last there is, and how many there are. */
struct look {
	uint32_t want, tid, owner, kind, policy, nice, queues;
	unsigned int n;
	uint64_t run_ns;
	char cpus[64];
};

static void got_worker(const struct nl_object *o, void *data)
{
	struct look *l = data;

	l->n++;
	if (l->want && l->want != nl_u32(o, VHOSTX_A_WORKER_TID))
		return;
	l->tid = nl_u32(o, VHOSTX_A_WORKER_TID);
	l->owner = nl_u32(o, VHOSTX_A_WORKER_OWNER_PID);
	l->kind = nl_u32(o, VHOSTX_A_WORKER_KIND);
	l->policy = nl_u32(o, VHOSTX_A_WORKER_POLICY);
	l->nice = nl_u32(o, VHOSTX_A_WORKER_NICE);
	l->run_ns = nl_u64(o, VHOSTX_A_WORKER_RUN_NS);
	snprintf(l->cpus, sizeof(l->cpus), "%s", nl_str(o, VHOSTX_A_WORKER_CPUS));
}

static int look(struct nl *nl, struct look *l, int tid)
{
	memset(l, 0, sizeof(*l));
	l->want = tid;
	return nl_talk(nl, nl_request(nl, VHOSTX_CMD_WORKER_GET, NLM_F_DUMP), got_worker, l);
}

static struct nlmsghdr *order(struct nl *nl, int tid)
{
	struct nlmsghdr *nlh = nl_request(nl, VHOSTX_CMD_WORKER_SET, 0);

	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_TID, tid);
	return nlh;
}

static int set_cpus(struct nl *nl, int tid, const char *cpus)
{
	struct nlmsghdr *nlh = order(nl, tid);

	mnl_attr_put_strz(nlh, VHOSTX_A_WORKER_CPUS, cpus);
	return nl_talk(nl, nlh, NULL, NULL);
}

static int set_number(struct nl *nl, int tid, unsigned int attr, uint32_t value)
{
	struct nlmsghdr *nlh = order(nl, tid);

	mnl_attr_put_u32(nlh, attr, value);
	return nl_talk(nl, nlh, NULL, NULL);
}

static int set_layout(struct nl *nl, uint32_t dev, uint32_t layout, uint32_t pool_size)
{
	struct nlmsghdr *nlh = nl_request(nl, VHOSTX_CMD_DEV_SET, 0);

	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_ID, dev);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_LAYOUT, layout);
	if (pool_size)
		mnl_attr_put_u32(nlh, VHOSTX_A_DEV_POOL_SIZE, pool_size);
	return nl_talk(nl, nlh, NULL, NULL);
}

static int ping(struct nic *n, unsigned int rounds)
{
	int ret = 0;

	for (unsigned int i = 0; i < rounds && !ret; i++)
		ret = nic_ping_tx(n, 60 + i, i) ?: nic_ping_rx(n, 60 + i, i);
	return ret;
}

TEST_F(worker, is_shown)
{
	char cpus[16] = "0";
	struct look l = {};

	/* A kernel may count its run time by ticks. */
	for (int i = 0; i < 50 && !l.run_ns; i++) {
		ASSERT_EQ(0, ping(&self->nic, 20));
		ASSERT_EQ(0, look(&self->nl, &l, 0));
	}
	EXPECT_EQ(1, l.n);
	EXPECT_EQ((uint32_t)self->tid, l.tid);
	EXPECT_EQ((uint32_t)getpid(), l.owner);
	EXPECT_EQ(VHOSTX_POLICY_NORMAL, l.policy);
	EXPECT_EQ(0, l.nice);
	EXPECT_LT(0, l.run_ns);
	if (get_nprocs() > 1)
		snprintf(cpus, sizeof(cpus), "0-%d", get_nprocs() - 1);
	EXPECT_STREQ(cpus, l.cpus);
}

TEST_F(worker, is_placed)
{
	struct look l;
	cpu_set_t set;

	NEED_SECOND_CPU();
	ASSERT_EQ(0, set_cpus(&self->nl, self->tid, "1"));
	ASSERT_EQ(0, sched_getaffinity(self->tid, sizeof(set), &set));
	EXPECT_EQ(1, CPU_COUNT(&set));
	EXPECT_TRUE(CPU_ISSET(1, &set));
	ASSERT_EQ(0, ping(&self->nic, 20));

	EXPECT_EQ(-EINVAL, set_cpus(&self->nl, self->tid, "x"));
	EXPECT_NE(NULL, strstr(self->nl.error, "such as 0-3,8"));
	EXPECT_NE(0, set_cpus(&self->nl, self->tid, "0-999999"));
	EXPECT_NE(NULL, strstr(self->nl.error, "such as 0-3,8"));
	EXPECT_EQ(-EINVAL, set_cpus(&self->nl, self->tid, ""));
	EXPECT_STREQ("none of these CPUs is online", self->nl.error);
	EXPECT_EQ(-ESRCH, set_cpus(&self->nl, 1, "0"));
	EXPECT_STREQ("no worker has this thread id", self->nl.error);
	ASSERT_EQ(0, look(&self->nl, &l, self->tid));
	EXPECT_STREQ("1", l.cpus);
}

TEST_F(worker, is_scheduled)
{
	struct nlmsghdr *nlh;
	struct look l;

	ASSERT_EQ(0, set_number(&self->nl, self->tid, VHOSTX_A_WORKER_NICE, -7));
	EXPECT_EQ(-7, getpriority(PRIO_PROCESS, self->tid));
	EXPECT_EQ(-ERANGE, set_number(&self->nl, self->tid, VHOSTX_A_WORKER_NICE, 20));
	EXPECT_STREQ("nice is from -20 to 19", self->nl.error);
	ASSERT_EQ(0, set_number(&self->nl, self->tid, VHOSTX_A_WORKER_POLICY, VHOSTX_POLICY_FIFO));
	EXPECT_EQ(SCHED_FIFO, sched_getscheduler(self->tid));
	ASSERT_EQ(0, ping(&self->nic, 20));
	ASSERT_EQ(0, set_number(&self->nl, self->tid, VHOSTX_A_WORKER_POLICY,
				VHOSTX_POLICY_FIFO_LOW));
	ASSERT_EQ(0, look(&self->nl, &l, self->tid));
	EXPECT_EQ(VHOSTX_POLICY_FIFO_LOW, l.policy);
	ASSERT_EQ(0, set_number(&self->nl, self->tid, VHOSTX_A_WORKER_POLICY,
				VHOSTX_POLICY_NORMAL));
	EXPECT_EQ(SCHED_OTHER, sched_getscheduler(self->tid));
	EXPECT_EQ(-7, getpriority(PRIO_PROCESS, self->tid));

	/* One part is refused, and none is obeyed. */
	nlh = order(&self->nl, self->tid);
	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_POLICY, VHOSTX_POLICY_FIFO);
	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_NICE, 3);
	mnl_attr_put_strz(nlh, VHOSTX_A_WORKER_CPUS, "63");
	EXPECT_NE(0, nl_talk(&self->nl, nlh, NULL, NULL));
	EXPECT_EQ(SCHED_OTHER, sched_getscheduler(self->tid));
	EXPECT_EQ(-7, getpriority(PRIO_PROCESS, self->tid));
}

struct mover {
	struct nl nl;
	int tid;
	int error;
	unsigned int moves;
};

static void *move(void *data)
{
	struct mover *m = data;

	for (m->moves = 0; m->moves < MOVES && !m->error; m->moves++) {
		m->error = set_cpus(&m->nl, m->tid, m->moves % 2 ? "1" : "0");
		usleep(MOVE_US);
	}
	return NULL;
}

/* Frames go both ways the whole time, and each comes whole, once and in order. */
TEST_F(worker, moves_between_cpus)
{
	struct mover m = { .tid = self->tid };
	unsigned int rounds = 0;
	pthread_t thread;

	NEED_SECOND_CPU();
	ASSERT_EQ(0, nl_open(&m.nl));
	ASSERT_EQ(0, pthread_create(&thread, NULL, move, &m));
	while (pthread_tryjoin_np(thread, NULL)) {
		ASSERT_EQ(0, ping(&self->nic, 10));
		rounds++;
	}
	EXPECT_EQ(0, m.error);
	EXPECT_EQ(MOVES, m.moves);
	TH_LOG("%u frames each way", 10 * rounds);
	EXPECT_LT(0, rounds);
	nl_close(&m.nl);
}

TEST_F(worker, layouts_change_under_traffic)
{
	static const uint32_t layout[] = {
		VHOSTX_LAYOUT_SPLIT, VHOSTX_LAYOUT_POOL, VHOSTX_LAYOUT_DEVICE, VHOSTX_LAYOUT_POOL,
		VHOSTX_LAYOUT_SPLIT, VHOSTX_LAYOUT_SPLIT, VHOSTX_LAYOUT_DEVICE,
		VHOSTX_LAYOUT_DEVICE,
	};
	uint8_t frame[300];
	struct look l;

	for (unsigned int i = 0; i < ARRAY_SIZE(layout); i++) {
		for (int n = 0; n < 20; n++) {
			frame_fill(frame, 300, n);
			ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 300));
		}
		vq_kick(&self->nic.vmm.vq[TX]);
		ASSERT_EQ(0, set_layout(&self->nl, 0, layout[i], 1));
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 20, NIC_TIMEOUT));
		for (int n = 0; n < 20; n++) {
			ASSERT_EQ(300, wire_recv(self->nic.wire, NULL, frame, sizeof(frame),
						 NIC_TIMEOUT));
			ASSERT_EQ(-1, frame_check(frame, 300, n));
		}
		ASSERT_EQ(0, ping(&self->nic, 10));
		ASSERT_EQ(0, look(&self->nl, &l, 0));
		EXPECT_EQ(layout[i] == VHOSTX_LAYOUT_SPLIT ? 2 : 1, l.n) {
			TH_LOG("layout %u", layout[i]);
		}
	}
}

/* A guest's devices share what a pool has; another guest's do not come near it. */
TEST_F(worker, pool_is_one_owners)
{
	struct vmm second = {}, third = {};
	struct look l;
	int pipe_fd[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, vmm_open(&second, DEV_VHOSTX));
	ASSERT_EQ(0, vmm_open(&third, DEV_VHOSTX));
	ASSERT_EQ(0, dev_ioctl(second.fd, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(0, dev_ioctl(third.fd, VHOST_SET_OWNER, NULL));
	for (uint32_t dev = 0; dev < 3; dev++)
		ASSERT_EQ(0, set_layout(&self->nl, dev, VHOSTX_LAYOUT_POOL, 2));
	ASSERT_EQ(0, look(&self->nl, &l, 0));
	EXPECT_EQ(2, l.n);

	ASSERT_EQ(0, pipe(pipe_fd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd = open(DEV_VHOSTX, O_RDWR);

		if (fd < 0 || ioctl(fd, VHOST_SET_OWNER) || write(pipe_fd[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	ASSERT_EQ(1, read(pipe_fd[0], &c, 1));
	ASSERT_EQ(0, set_layout(&self->nl, 3, VHOSTX_LAYOUT_POOL, 2));
	ASSERT_EQ(0, look(&self->nl, &l, 0));
	EXPECT_EQ(3, l.n);
	ASSERT_EQ(0, ping(&self->nic, 20));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));

	vmm_close(&second);
	vmm_close(&third);
	ASSERT_EQ(0, ping(&self->nic, 20));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

TEST_F(worker, needs_an_owner)
{
	int fd = open(DEV_VHOSTX, O_RDWR);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOTCONN, set_layout(&self->nl, 1, VHOSTX_LAYOUT_SPLIT, 0));
	EXPECT_STREQ("no process owns the device, so it has no workers", self->nl.error);
	close(fd);
}

TEST_F(worker, is_told)
{
	struct nl_object e;
	struct nl ear;

	ASSERT_EQ(0, nl_open(&ear));
	ASSERT_EQ(0, nl_listen(&ear, 0));
	ASSERT_EQ(0, set_cpus(&self->nl, self->tid, "0"));
	ASSERT_EQ(0, nl_event(&ear, &e, NIC_TIMEOUT));
	EXPECT_EQ(VHOSTX_CMD_WORKER_CHANGE_NTF, e.cmd);
	EXPECT_EQ((uint32_t)self->tid, nl_u32(&e, VHOSTX_A_WORKER_TID));
	EXPECT_STREQ("0", nl_str(&e, VHOSTX_A_WORKER_CPUS));
	ASSERT_EQ(0, set_layout(&self->nl, 0, VHOSTX_LAYOUT_SPLIT, 0));
	ASSERT_EQ(0, nl_event(&ear, &e, NIC_TIMEOUT));
	EXPECT_EQ(VHOSTX_CMD_WORKER_CHANGE_NTF, e.cmd);
	EXPECT_NE((uint32_t)self->tid, nl_u32(&e, VHOSTX_A_WORKER_TID));
	ASSERT_EQ(0, nl_event(&ear, &e, NIC_TIMEOUT));
	EXPECT_EQ(VHOSTX_CMD_DEV_CHANGE_NTF, e.cmd);
	EXPECT_EQ(VHOSTX_LAYOUT_SPLIT, nl_u32(&e, VHOSTX_A_DEV_LAYOUT));
	ASSERT_EQ(0, set_layout(&self->nl, 0, VHOSTX_LAYOUT_DEVICE, 0));
	ASSERT_EQ(0, nl_event(&ear, &e, NIC_TIMEOUT));
	EXPECT_EQ(VHOSTX_CMD_WORKER_DEL_NTF, e.cmd);
	nl_close(&ear);
}

TEST_HARNESS_MAIN
