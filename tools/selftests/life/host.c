// SPDX-License-Identifier: GPL-2.0-only
/* What happens to a host, or to a process of its, while traffic runs. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cpus.h"
#include "devices.h"
#include "drive.h"
#include "file.h"

#define ROUNDS	20
#define CPU1	"/sys/devices/system/cpu/cpu1/online"
#define PM_TEST	"/sys/power/pm_test"
#define DELAY	"/sys/module/suspend/parameters/pm_test_delay"

FIXTURE(host) {
	struct nic nic;
	struct drive drive;
	int worker;
};

/* vhost-net, too, but for what it is known to lose. */
ON_BOTH_DEVICES(host);

FIXTURE_SETUP(host)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->worker = worker_find(getpid(), 0);
	ASSERT_LT(0, self->worker);
}

FIXTURE_TEARDOWN(host)
{
	nic_close(&self->nic);
	EXPECT_EQ(0, workers_left(getpid()));
}

/* Drive a device of its own until a byte comes, then say whether it still works. */
static void vmm_process(const char *path, int ready, int end)
{
	struct nic_opts o = { .path = path, .features = F_VERSION_1 | F_MRG_RXBUF };
	struct drive d;
	struct nic n;
	char c = 0;
	int ret = nic_open(&n, &o) ?: drive_start(&d, &n) ?: drive_on(&d, ROUNDS);

	if (ret || write(ready, &c, 1) != 1 || read(end, &c, 1) != 1)
		_exit(1);
	drive_stop(&d);
	ret = drive_works(&n);
	nic_close(&n);
	_exit(!!ret);
}

TEST_F(host, stops_and_continues_a_vmm)
{
	int ready[2], end[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(end, O_CLOEXEC));
	pid = fork();
	if (pid == 0)
		vmm_process(variant->path, ready[1], end[0]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, kill(pid, SIGSTOP));
		ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		/* Its worker has nothing to spin for. */
		EXPECT_GT(20.0, worker_cpu(worker_find(pid, 0), 20.0, 50));
		ASSERT_EQ(0, kill(pid, SIGCONT));
	}
	ASSERT_EQ(1, write(end[1], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(end[i]);
	}
}

/* Nobody is in the tap's network namespace any more, and no file but the device's. */
TEST_F(host, deletes_a_network_namespace)
{
	struct nic *n = &self->nic;
	uint8_t frame[700];
	int first;

	first = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, first);
	ASSERT_EQ(0, setns(first, CLONE_NEWNET));
	close(first);
	ASSERT_EQ(0, drive_start(&self->drive, n));
	EXPECT_EQ(0, drive_on(&self->drive, ROUNDS));
	drive_stop(&self->drive);
	EXPECT_EQ(0, drive_works(n));
	close(n->wire);
	close(n->tap);
	frame_fill(frame, sizeof(frame), 1);
	for (int i = 0; i < ROUNDS; i++)
		EXPECT_EQ(0, nic_send(n, NULL, NULL, frame, sizeof(frame)));
	EXPECT_EQ(0, vmm_stop(&n->vmm));

	/* It goes with the tap; another begins where nothing is left of it. */
	ASSERT_EQ(0, netns_new());
	n->tap = tap_open(NIC_TAP, &(struct tap_opts){});
	ASSERT_LE(0, n->tap);
	n->wire = wire_open(NIC_TAP, false);
	ASSERT_LE(0, n->wire);
	ASSERT_EQ(0, vmm_start(&n->vmm, n->tap));
	EXPECT_EQ(0, drive_works(n));
}

/* Replace pages by nothing, or by new ones. */
static int replace(void *at, size_t size, int prot)
{
	if (munmap(at, size))
		return -errno;
	if (prot == PROT_NONE)
		return 0;
	return mmap(at, size, prot, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at ?
	       0 : -errno;
}

/* Memory that the table still has is unmapped: frames in it are lost, and no others. */
TEST_F(host, unplugs_memory_under_the_table)
{
	struct nic *n = &self->nic;
	struct vq *q = &n->vmm.vq[TX];
	uint64_t gone = vmm_alloc(&n->vmm, 4096, 4096);
	struct vq_seg seg = { gone, 712, 0 };
	struct stats before = {}, after = {};
	uint32_t id, len;

	if (!variant->vhostx)
		SKIP(return, "vhost-net does not give such a frame back");
	ASSERT_EQ(0, replace(vmm_ptr(&n->vmm, gone), 4096, PROT_NONE));
	ASSERT_EQ(0, nic_stats(TX, &before));
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_LE(0, vq_post(q, &seg, 1, false));
		vq_kick_always(q);
		ASSERT_EQ(0, vq_wait(q, NIC_TIMEOUT));
		ASSERT_EQ(1, vq_reap(q, &id, &len));
		EXPECT_EQ(0, nic_ping_tx(n, 700, i));
	}
	ASSERT_EQ(0, replace(vmm_ptr(&n->vmm, gone), 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, drive_works(n));
	ASSERT_EQ(0, nic_stats(TX, &after));
	EXPECT_EQ(ROUNDS, after.drop_fault - before.drop_fault);
}

/* The ring itself goes: that is said, and nothing spins; then it is there again. */
TEST_F(host, unplugs_a_ring)
{
	struct nic *n = &self->nic;
	struct vq *q = &n->vmm.vq[TX];
	uint8_t frame[100];
	struct stats s = {};

	if (!variant->vhostx)
		SKIP(return, "vhost-net does not say so");
	ASSERT_EQ(0, drive_start(&self->drive, n));
	EXPECT_EQ(0, drive_on(&self->drive, ROUNDS));
	drive_stop(&self->drive);
	EXPECT_EQ(0, drive_works(n));
	frame_fill(frame, sizeof(frame), 1);
	ASSERT_LE(0, nic_post_tx(n, NULL, NULL, frame, sizeof(frame)));
	ASSERT_EQ(0, replace(q->used, 4096, PROT_NONE));
	vq_kick_always(q);
	EXPECT_LT(0, efd_read(q->err, NIC_TIMEOUT));
	EXPECT_GT(5.0, worker_cpu(self->worker, 5.0, 300));
	ASSERT_EQ(0, nic_stats(TX, &s));
	EXPECT_STREQ("broken", s.state);

	ASSERT_EQ(0, replace(q->used, 4096, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, vmm_stop(&n->vmm));
	ASSERT_EQ(0, vmm_setup_vq(&n->vmm, TX, 0));
	ASSERT_EQ(0, vmm_start(&n->vmm, n->tap));
	EXPECT_EQ(0, drive_works(n));
}

/* The processor goes that a worker may run on, and no other. */
TEST_F_TIMEOUT(host, takes_a_processor_away, 60)
{
	if (access(CPU1, W_OK))
		SKIP(return, "there is no second processor that can be taken away");
	ASSERT_EQ(0, drive_start(&self->drive, &self->nic));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, pin(self->worker, 1));
		EXPECT_EQ(0, drive_on(&self->drive, ROUNDS));
		EXPECT_EQ(0, write_file(CPU1, "0"));
		EXPECT_EQ(0, drive_on(&self->drive, ROUNDS));
		EXPECT_EQ(0, write_file(CPU1, "1"));
		EXPECT_EQ(0, drive_on(&self->drive, ROUNDS));
	}
	drive_stop(&self->drive);
	EXPECT_EQ(0, drive_works(&self->nic));
}

/* Suspended to idle as far as the kernel's own test of it goes, and back. */
TEST_F_TIMEOUT(host, suspends, 60)
{
	int ret;

	if (access(PM_TEST, W_OK))
		SKIP(return, "this kernel cannot test how it suspends");
	write_file(DELAY, "1");
	ASSERT_EQ(0, drive_start(&self->drive, &self->nic));
	EXPECT_EQ(0, drive_on(&self->drive, ROUNDS));
	ASSERT_EQ(0, write_file(PM_TEST, "freezer"));
	for (int i = 0; i < 2; i++) {
		ret = write_file("/sys/power/state", "freeze");
		EXPECT_EQ(0, ret);
		EXPECT_EQ(0, drive_on(&self->drive, ROUNDS));
	}
	EXPECT_EQ(0, write_file(PM_TEST, "none"));
	drive_stop(&self->drive);
	EXPECT_EQ(0, drive_works(&self->nic));
}

TEST_HARNESS_MAIN
