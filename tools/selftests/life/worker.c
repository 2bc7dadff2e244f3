// SPDX-License-Identifier: GPL-2.0-only
/* The thread that does the work: its name, its cgroups, its end. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "devices.h"
#include "file.h"

FIXTURE(worker) {
	int fd;
	char root[64];		/* where cgroup v2 is mounted */
	char group[128];
};

ON_BOTH_DEVICES(worker);

/* Move the calling process into a cgroup. */
static int join(const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	return write_file(path, "0");
}

/* The cgroup v2 line of a thread. */
static int cgroup_of(int tid, char *line, int size)
{
	char path[64];
	int ret = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", tid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (ret && fgets(line, size, f))
		if (!strncmp(line, "0::", 3))
			ret = 0;
	fclose(f);
	return ret;
}

FIXTURE_SETUP(worker)
{
	self->fd = open(variant->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	snprintf(self->root, sizeof(self->root), "/tmp/cgroup.%d", getpid());
	ASSERT_EQ(0, mkdir(self->root, 0700));
	ASSERT_EQ(0, mount("cgroup2", self->root, "cgroup2", 0, NULL));
	snprintf(self->group, sizeof(self->group), "%s/vhostx-test-%d",
		 self->root, getpid());
	ASSERT_EQ(0, mkdir(self->group, 0755));
}

FIXTURE_TEARDOWN(worker)
{
	if (self->fd >= 0)
		close(self->fd);
	join(self->root);
	/* A thread that has ended leaves its cgroup a little later. */
	for (int i = 0; i < 100 && rmdir(self->group) && errno == EBUSY; i++)
		usleep(10000);
	EXPECT_NE(0, access(self->group, F_OK));
	EXPECT_EQ(0, umount(self->root));
	EXPECT_EQ(0, rmdir(self->root));
}

TEST_F(worker, is_named_after_its_owner)
{
	struct stats s;
	int tid;

	EXPECT_EQ(0, workers_left(getpid()));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(1, workers_come_to(getpid(), 1));
	tid = worker_find(getpid(), 0);
	ASSERT_LT(0, tid);
	if (variant->vhostx) {
		ASSERT_EQ(0, stats_read(&s, getpid(), 0, "rx"));
		EXPECT_EQ(tid, s.worker);
		ASSERT_EQ(0, stats_read(&s, getpid(), 0, "tx"));
		EXPECT_EQ(tid, s.worker);
	}
}

TEST_F(worker, is_in_its_owners_cgroup)
{
	char own[PATH_MAX], its[PATH_MAX];
	int tid;

	ASSERT_EQ(0, join(self->group));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	tid = worker_find(getpid(), 0);
	ASSERT_LT(0, tid);
	ASSERT_EQ(0, cgroup_of(getpid(), own, sizeof(own)));
	ASSERT_EQ(0, cgroup_of(tid, its, sizeof(its)));
	EXPECT_STREQ(own, its);
	EXPECT_NE(NULL, strstr(its, "vhostx-test-"));
}

TEST_F(worker, ends_with_the_file)
{
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(1, workers_come_to(getpid(), 1));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, workers_left(getpid()));
}

TEST_F(worker, ends_with_the_ownership)
{
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
		ASSERT_EQ(1, workers_come_to(getpid(), 1));
		ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_RESET_OWNER, NULL));
		ASSERT_EQ(0, workers_left(getpid()));
	}
}

static void ignore(int sig)
{
	(void)sig;
}

/* A thread cannot be made while a signal is pending: the ioctl is done again. */
TEST_F(worker, starts_under_signals)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = {};
	struct sigaction act = { .sa_handler = ignore };
	int failed = 0, ret = 0;

	ASSERT_EQ(0, sigaction(SIGALRM, &act, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	for (int i = 0; i < 500; i++) {
		int now = dev_ioctl(self->fd, VHOST_SET_OWNER, NULL);

		if (now) {
			failed++;
			ret = now;
			continue;
		}
		dev_ioctl(self->fd, VHOST_RESET_OWNER, NULL);
	}
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	if (variant->vhostx) {
		EXPECT_EQ(0, failed) TH_LOG("%d", ret);
	} else if (failed) {
		TH_LOG("vhost-net: %d of 500 starts failed, %d", failed, ret);
	}
}

TEST_F(worker, is_idle_when_there_is_nothing_to_do)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};
	struct nic nic;
	int tid;

	ASSERT_EQ(0, nic_open(&nic, &o));
	EXPECT_EQ(0, nic_ping_tx(&nic, 100, 1));
	EXPECT_EQ(0, nic_ping_rx(&nic, 100, 2));
	tid = worker_find(getpid(), 0);
	ASSERT_LT(0, tid);
	EXPECT_GT(1.0, worker_cpu(tid, 1.0, 1000));
	nic_close(&nic);
}

TEST_HARNESS_MAIN
