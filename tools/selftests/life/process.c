// SPDX-License-Identifier: GPL-2.0-only
/* The processes that hold a device, and how they end. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "devices.h"
#include "file.h"

#define HELPER	"LIFE_HELPER_FD"

/*
 * The image that a test execs is this program again: it tries to use the
 * device it was left and says what it got.
 */
__attribute__((constructor(101))) static void helper(void)
{
	const char *fd = getenv(HELPER);
	struct vhost_vring_state s = {};

	if (fd)
		_exit(-dev_ioctl(atoi(fd), VHOST_GET_VRING_BASE, &s));
}

FIXTURE(process) {
	struct nic nic;
	int devices;
};

ON_BOTH_DEVICES(process);

static int open_nic(struct nic *n, const char *path)
{
	struct nic_opts o = {
		.path = path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};

	return nic_open(n, &o);
}

FIXTURE_SETUP(process)
{
	nic_init(&self->nic);
	self->devices = variant->vhostx ? stats_devices() : 0;
	ASSERT_LE(0, self->devices);
}

FIXTURE_TEARDOWN(process)
{
	nic_close(&self->nic);
	EXPECT_EQ(0, workers_left(getpid()));
	if (variant->vhostx) {
		EXPECT_EQ(self->devices, stats_devices());
	}
}

/* Both queues as full as can be, so that the device is at work. */
static void load(struct nic *n)
{
	uint8_t frame[1000];

	frame_fill(frame, sizeof(frame), 1);
	nic_fill_rx(n, 128, 1526);
	for (int i = 0; i < 128; i++) {
		nic_post_tx(n, NULL, NULL, frame, sizeof(frame));
		wire_send(n->wire, NULL, frame, sizeof(frame));
		if (i % 16 == 0)
			vq_kick_always(&n->vmm.vq[TX]);
	}
	vq_kick_always(&n->vmm.vq[TX]);
}

/* Wait until nothing is named after that process: 0 or -ETIMEDOUT. */
static int no_worker(pid_t pid)
{
	for (int i = 0; i < 100; i++) {
		if (!worker_count(pid))
			return 0;
		usleep(20000);
	}
	return -ETIMEDOUT;
}

TEST_F(process, close_under_load)
{
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, open_nic(&self->nic, variant->path));
		load(&self->nic);
		close(self->nic.vmm.fd);
		self->nic.vmm.fd = -1;
		ASSERT_EQ(0, workers_left(getpid()));
		nic_close(&self->nic);
	}
}

TEST_F(process, killed_under_load)
{
	for (int i = 0; i < 5; i++) {
		uint8_t frame[1600];
		int status, ready[2];
		char c;
		pid_t pid;

		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_LE(0, pid);
		if (pid == 0) {
			if (open_nic(&self->nic, variant->path))
				_exit(1);
			for (int round = 0;; round++) {
				load(&self->nic);
				if (round == 3 && write(ready[1], "", 1) != 1)
					_exit(1);
				nic_reap_tx(&self->nic, 128, 100);
				while (nic_recv(&self->nic, NULL, frame,
						sizeof(frame), 0) >= 0)
					;
			}
		}
		close(ready[1]);
		EXPECT_EQ(1, read(ready[0], &c, 1));
		EXPECT_LT(0, worker_find(pid, 0));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(0, no_worker(pid));
		close(ready[0]);
	}
}

TEST_F(process, child_is_not_the_owner)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, open_nic(&self->nic, variant->path));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0)
		_exit(-vmm_backend(&self->nic.vmm, TX, -1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EPERM, WEXITSTATUS(status));
	/* Nor does its end disturb the owner's traffic. */
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
	EXPECT_EQ(0, nic_ping_rx(&self->nic, 100, 2));
}

/* The file lives on in a child, the owner's memory does with it. */
TEST_F(process, owner_ends_before_its_child)
{
	int status, go[2], done[2];
	pid_t owner;
	char c;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(done));
	owner = fork();
	ASSERT_LE(0, owner);
	if (owner == 0) {
		if (open_nic(&self->nic, variant->path))
			_exit(1);
		load(&self->nic);
		if (fork() == 0) {
			struct vhost_vring_state s = {};
			int ret;

			/* Until the owner is gone. */
			if (read(go[0], &c, 1) != 1)
				_exit(1);
			ret = dev_ioctl(self->nic.vmm.fd,
					VHOST_GET_VRING_BASE, &s);
			c = -ret;
			if (write(done[1], &c, 1) != 1)
				_exit(1);
			_exit(0);
		}
		_exit(0);
	}
	ASSERT_EQ(owner, waitpid(owner, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	ASSERT_EQ(1, write(go[1], "", 1));
	ASSERT_EQ(1, read(done[0], &c, 1));
	EXPECT_EQ(EPERM, c);
	EXPECT_EQ(0, no_worker(owner));
	for (int i = 0; variant->vhostx && i < 100; i++) {
		if (stats_devices() == self->devices)
			break;
		usleep(20000);
	}
}

static int run_helper(int fd, bool keep)
{
	char env[32], *envp[2] = { env, NULL };
	char name[] = "helper", *argv[2] = { name, NULL };
	int status;
	pid_t pid;

	snprintf(env, sizeof(env), HELPER "=%d", fd);
	pid = fork();
	if (pid == 0) {
		/* Owner and exec are the same process. */
		if (dev_ioctl(fd, VHOST_SET_OWNER, NULL))
			_exit(100);
		if (keep)
			fcntl(fd, F_SETFD, 0);
		execve("/proc/self/exe", argv, envp);
		_exit(101);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(process, exec_keeps_the_file_but_not_the_ownership)
{
	int fd = open(variant->path, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(EPERM, run_helper(fd, true));
	close(fd);
}

TEST_F(process, exec_closes_the_file)
{
	int fd = open(variant->path, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(EBADF, run_helper(fd, false));
	close(fd);
}

/* The process lives on under its number, the device does not. */
TEST_F(process, exec_ends_the_worker)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (pid == 0) {
		if (open_nic(&self->nic, variant->path))
			_exit(1);
		load(&self->nic);
		execl("/bin/sleep", "sleep", "20", NULL);
		_exit(1);
	}
	for (int i = 0; i < 200; i++) {
		char comm[32] = "", path[64];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		f = fopen(path, "re");
		if (f && fgets(comm, sizeof(comm), f)) {
			/* Nothing to do but look again. */
		}
		if (f)
			fclose(f);
		if (!strcmp(comm, "sleep\n"))
			break;
		usleep(20000);
	}
	EXPECT_EQ(0, no_worker(pid));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

/* The worker neither keeps the dump waiting nor outlives it. */
TEST_F(process, dumps_core_under_load)
{
	char dir[] = "/tmp/core.XXXXXX", core[32];
	int status;
	pid_t pid;

	ASSERT_NE(NULL, mkdtemp(dir));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

		/* All but the memory itself. */
		if (chdir(dir) || setrlimit(RLIMIT_CORE, &all) ||
		    write_file("/proc/self/coredump_filter", "0") ||
		    open_nic(&self->nic, variant->path))
			_exit(1);
		signal(SIGSEGV, SIG_DFL);
		load(&self->nic);
		raise(SIGSEGV);
		_exit(2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status)) TH_LOG("status %x", status);
	EXPECT_TRUE(WCOREDUMP(status));
	EXPECT_EQ(0, no_worker(pid));
	for (int i = 0; i < 2; i++) {
		snprintf(core, sizeof(core), "%s/core", dir);
		if (i)
			snprintf(core, sizeof(core), "%s/core.%d", dir, pid);
		unlink(core);
	}
	EXPECT_EQ(0, rmdir(dir));
}

#define CGROUP	"/sys/fs/cgroup/vhostx-freeze"

static bool cgroup_frozen(void)
{
	FILE *f = fopen(CGROUP "/cgroup.events", "re");
	char line[64];
	int frozen = 0;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "frozen %d", &frozen);
	if (f)
		fclose(f);
	return frozen;
}

/*
 * The whole process stops for the freezer, and goes on. A worker that is the kernel's
 * own goes on meanwhile, so that the cgroup never counts as frozen.
 */
TEST_F(process, frozen_and_thawed)
{
	bool tasks = !access("/sys/module/vhostx/parameters/fork_from_owner_default",
			     F_OK);
	int ready[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		if (write_file(CGROUP "/cgroup.procs", "0") ||
		    open_nic(&self->nic, variant->path))
			_exit(1);
		for (int i = 0;; i++) {
			if (nic_ping_tx(&self->nic, 300, i) ||
			    nic_ping_rx(&self->nic, 300, i))
				_exit(2);
			if (write(ready[1], "", 1) != 1)
				_exit(3);
		}
	}
	for (int i = 0; i < 5; i++) {
		for (int j = 0; j < 5; j++)
			ASSERT_EQ(1, read(ready[0], &c, 1));
		ASSERT_EQ(0, write_file(CGROUP "/cgroup.freeze", "1"));
		for (int j = 0; j < 250 && tasks && !cgroup_frozen(); j++)
			usleep(20000);
		EXPECT_EQ(tasks, cgroup_frozen());
		usleep(100000);
		ASSERT_EQ(0, write_file(CGROUP "/cgroup.freeze", "0"));
	}
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG)) TH_LOG("status %x", status);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, no_worker(pid));
	for (int i = 0; i < 100 && rmdir(CGROUP); i++)
		usleep(20000);
	EXPECT_NE(0, access(CGROUP, F_OK));
	close(ready[0]);
	close(ready[1]);
}

static int send_fd(int sock, int fd)
{
	char buf[CMSG_SPACE(sizeof(int))] = {}, c = 0;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = buf, .msg_controllen = sizeof(buf),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

static int recv_fd(int sock)
{
	char buf[CMSG_SPACE(sizeof(int))] = {}, c;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = buf, .msg_controllen = sizeof(buf),
	};
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* In another process: take the device over, move a frame each way. */
static int take_over(FIXTURE_DATA(process) * self, int fd)
{
	struct nic *n = &self->nic;
	int ret;

	/* Everything but the device itself is this process's own. */
	ret = open_nic(n, "/dev/vhost-net");
	if (ret)
		return 2;
	close(n->vmm.fd);
	n->vmm.fd = fd;
	if (vmm_own(&n->vmm) || vmm_start(&n->vmm, n->tap))
		return 3;
	if (worker_count(getpid()) != 1)
		return 4;
	if (nic_ping_tx(n, 100, 1) || nic_ping_rx(n, 100, 2))
		return 5;
	return 0;
}

TEST_F(process, file_passed_to_another_process)
{
	int sock[2], status, fd;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		fd = recv_fd(sock[1]);
		_exit(fd < 0 ? 1 : take_over(self, fd));
	}
	fd = open(variant->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, send_fd(sock[0], fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(-EPERM, dev_ioctl(fd, VHOST_RESET_OWNER, NULL));
	close(fd);
}

TEST_F(process, owned_file_passed_on_is_refused)
{
	int sock[2], status;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		struct vhost_vring_state s = {};
		int fd = recv_fd(sock[1]);

		_exit(fd < 0 ? 1 : -dev_ioctl(fd, VHOST_GET_VRING_BASE, &s));
	}
	ASSERT_EQ(0, open_nic(&self->nic, variant->path));
	EXPECT_EQ(0, send_fd(sock[0], self->nic.vmm.fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EPERM, WEXITSTATUS(status));
	EXPECT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
}

/* RESET_OWNER under load, then somebody else's from nothing. */
TEST_F(process, reset_and_taken_over)
{
	int status, fd;
	pid_t pid;

	ASSERT_EQ(0, open_nic(&self->nic, variant->path));
	load(&self->nic);
	ASSERT_EQ(0, dev_ioctl(self->nic.vmm.fd, VHOST_RESET_OWNER, NULL));
	EXPECT_EQ(0, no_worker(getpid()));
	fd = self->nic.vmm.fd;
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0)
		_exit(take_over(self, fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* Traffic that goes on, whoever the device is; once it is not ours, kicks and frames. */
struct pump {
	struct nic *nic;
	atomic_bool ours;
	atomic_bool stop;
	atomic_uint moved;
};

static void *pump(void *arg)
{
	struct pump *p = arg;
	uint8_t frame[1000], in[1000];
	uint32_t id, len;

	frame_fill(frame, sizeof(frame), 1);
	while (!p->stop) {
		if (p->ours) {
			nic_fill_rx(p->nic, 128, 1526);
			while (nic_post_tx(p->nic, NULL, NULL, frame,
					   sizeof(frame)) >= 0)
				;
			for (int i = 0; i < 2; i++)
				while (vq_reap(&p->nic->vmm.vq[i], &id,
					       &len) == 1)
					p->moved++;
		}
		for (int i = 0; i < 2; i++)
			vq_kick_always(&p->nic->vmm.vq[i]);
		for (int i = 0; i < 32; i++)
			wire_send(p->nic->wire, NULL, frame, sizeof(frame));
		while (wire_recv(p->nic->wire, NULL, in, sizeof(in), 1) >= 0)
			;
	}
	return NULL;
}

/* What the device had written: the used rings, and the buffers of RX. */
static bool untouched(struct nic *n, uint8_t was)
{
	for (int i = 0; i < 2; i++) {
		const uint8_t *used = (void *)n->vmm.vq[i].used;

		for (int j = 0; j < 4096; j++)
			if (used[j] != was)
				return false;
	}
	for (int i = 0; i < 128; i++) {
		const uint8_t *slot = vmm_ptr(&n->vmm, nic_slot(n, RX, i));

		for (int j = 0; j < 2048; j++)
			if (slot[j] != was)
				return false;
	}
	return !efd_read(n->vmm.vq[RX].call, 0) &&
	       !efd_read(n->vmm.vq[TX].call, 0);
}

static void poison(struct nic *n, uint8_t with)
{
	for (int i = 0; i < 2; i++) {
		memset(n->vmm.vq[i].used, with, 4096);
		efd_read(n->vmm.vq[i].call, 0);
	}
	for (int i = 0; i < 128; i++)
		memset(vmm_ptr(&n->vmm, nic_slot(n, RX, i)), with, 2048);
}

/* In another process: own it, under load from beginning to end, and give it up. */
static int borrow(FIXTURE_DATA(process) * self, int fd)
{
	int ret = take_over(self, fd);

	for (int i = 0; i < 50 && !ret; i++)
		ret = nic_ping_tx(&self->nic, 500, i) ||
		      nic_ping_rx(&self->nic, 500, i) ? 6 : 0;
	if (ret)
		return ret;
	load(&self->nic);
	return dev_ioctl(fd, VHOST_RESET_OWNER, NULL) ? 7 : 0;
}

/*
 * The owner's traffic does not stop for RESET_OWNER, nor while another process owns the
 * device: then what was the first one's is not touched. It gets it back afterwards.
 */
TEST_F_TIMEOUT(process, borrowed_under_traffic, 60)
{
	struct nic *n = &self->nic;
	struct pump p = { .nic = n };
	pthread_t thread;
	int status;
	pid_t pid;

	ASSERT_EQ(0, open_nic(n, variant->path));
	for (int i = 0; i < 5; i++) {
		unsigned int moved = p.moved;

		p.ours = true;
		p.stop = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, pump, &p));
		for (int j = 0; j < 1000 && p.moved - moved < 500; j++)
			usleep(5000);
		EXPECT_LE(500, p.moved - moved);
		ASSERT_EQ(0, dev_ioctl(n->vmm.fd, VHOST_RESET_OWNER, NULL));
		p.stop = true;
		pthread_join(thread, NULL);
		poison(n, 0x66);

		p.ours = false;
		p.stop = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, pump, &p));
		pid = fork();
		ASSERT_LE(0, pid);
		if (pid == 0)
			_exit(borrow(self, n->vmm.fd));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, WEXITSTATUS(status));
		p.stop = true;
		pthread_join(thread, NULL);
		EXPECT_TRUE(untouched(n, 0x66));
		ASSERT_EQ(0, vmm_own(&n->vmm));
		ASSERT_EQ(0, vmm_start(&n->vmm, n->tap));
	}
	EXPECT_EQ(0, nic_ping_tx(n, 100, 1));
}

/* A leak of one file or thread at a time would show. */
TEST_F_TIMEOUT(process, many_times, 60)
{
	int fd, before = dup(0), after;

	close(before);
	for (int i = 0; i < (variant->vhostx ? 300 : 50); i++) {
		fd = open(variant->path, O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, dev_ioctl(fd, VHOST_SET_OWNER, NULL));
		if (i % 25 == 0) {
			ASSERT_EQ(1, workers_come_to(getpid(), 1));
		}
		close(fd);
	}
	EXPECT_EQ(0, workers_left(getpid()));
	after = dup(0);
	close(after);
	EXPECT_EQ(before, after);
}

TEST_F(process, two_devices)
{
	struct nic *n = &self->nic;
	struct tap_opts o = {};
	struct vmm v;
	int tap;

	ASSERT_EQ(0, open_nic(n, variant->path));
	tap = tap_open("tap1", &o);
	ASSERT_LE(0, tap);
	ASSERT_EQ(0, vmm_setup(&v, variant->path, F_VERSION_1, 64));
	ASSERT_EQ(0, vmm_start(&v, tap));
	EXPECT_EQ(2, workers_come_to(getpid(), 2));
	EXPECT_EQ(0, nic_ping_tx(n, 100, 1));
	EXPECT_EQ(0, nic_ping_rx(n, 100, 2));
	vmm_close(&v);
	EXPECT_EQ(1, workers_come_to(getpid(), 1));
	EXPECT_EQ(0, nic_ping_tx(n, 100, 3));
	EXPECT_EQ(0, nic_ping_rx(n, 100, 4));
	close(tap);
}

TEST_HARNESS_MAIN
