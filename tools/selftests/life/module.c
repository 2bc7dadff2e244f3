// SPDX-License-Identifier: GPL-2.0-only
/* The module comes and goes, but not while somebody uses it. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "devices.h"

static int rmmod(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static int load(void)
{
	int ret = system("modprobe vhostx");

	/* The node comes with the device. */
	for (int i = 0; !ret && i < 100 && access(DEV_VHOSTX, R_OK); i++)
		usleep(20000);
	return ret;
}

static int users(void)
{
	FILE *f = fopen("/sys/module/vhostx/refcnt", "re");
	int n = -1;

	if (!f)
		return -errno;
	if (fscanf(f, "%d", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

FIXTURE(module) {
	struct nic nic;
};

FIXTURE_SETUP(module)
{
	ASSERT_EQ(0, load());
	ASSERT_EQ(0, users());
}

FIXTURE_TEARDOWN(module)
{
	EXPECT_EQ(0, load());
	EXPECT_EQ(0, users());
}

TEST_F(module, stays_while_a_file_is_open)
{
	int fd = open(DEV_VHOSTX, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(1, users());
	EXPECT_EQ(-EWOULDBLOCK, rmmod("vhostx"));
	/* Having tried changes nothing. */
	EXPECT_EQ(0, dev_ioctl(fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(-EWOULDBLOCK, rmmod("vhostx"));
	close(fd);
	EXPECT_EQ(0, users());
}

TEST_F(module, stays_under_load)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(0, nic_ping_tx(&self->nic, 300, i));
		EXPECT_EQ(-EWOULDBLOCK, rmmod("vhostx"));
		EXPECT_EQ(0, nic_ping_rx(&self->nic, 300, i));
	}
	nic_close(&self->nic);
}

TEST_F(module, goes_and_comes_back)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF,
	};

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, nic_open(&self->nic, &o));
		EXPECT_EQ(0, nic_ping_tx(&self->nic, 300, 1));
		EXPECT_EQ(0, nic_ping_rx(&self->nic, 300, 2));
		nic_close(&self->nic);
		ASSERT_EQ(0, rmmod("vhostx"));
		EXPECT_NE(0, access("/sys/module/vhostx", F_OK));
		ASSERT_EQ(0, load());
	}
}

/* Bad values are refused; what hosts have set for vhost_net is taken. */
TEST_F(module, parameters)
{
	static const char * const bad[] = {
		"max_mem_regions=63", "max_iotlb_entries=63", "poll_mode=on",
		"poll_us=10001", "batch=0", "batch=65", "weight=63", "weight=4097",
		"coalesce_us=1001", "coalesce_frames=0", "coalesce_frames=257",
		"layout=one", "pool_size=0", "pool_size=65",
	};

	ASSERT_EQ(0, rmmod("vhostx"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char command[64];

		snprintf(command, sizeof(command), "modprobe -q vhostx %s", bad[i]);
		EXPECT_NE(0, system(command)) {
			TH_LOG("%s is taken", bad[i]);
		}
	}
	EXPECT_NE(0, access("/sys/module/vhostx", F_OK));
	ASSERT_EQ(0, system("modprobe vhostx experimental_zcopytx=1"));
	EXPECT_EQ(0, system("dmesg | grep -q 'experimental_zcopytx=1 has no effect'"));
	ASSERT_EQ(0, rmmod("vhostx"));
}

/* Its minor has an alias, so a node that is there brings the module in. */
TEST_F(module, is_loaded_by_an_open)
{
	char path[64];
	struct stat st;
	int fd;

	ASSERT_EQ(0, stat(DEV_VHOSTX, &st));
	/* The one that is its own; another means that somebody else had it. */
	ASSERT_EQ(248, minor(st.st_rdev));
	snprintf(path, sizeof(path), "/tmp/vhostx.%d", getpid());
	ASSERT_EQ(0, mknod(path, S_IFCHR | 0600, st.st_rdev));
	ASSERT_EQ(0, rmmod("vhostx"));
	fd = open(path, O_RDWR | O_CLOEXEC);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, access("/sys/module/vhostx", F_OK));
	EXPECT_EQ(0, dev_ioctl(fd, VHOST_SET_OWNER, NULL));
	close(fd);
	unlink(path);
}

TEST_HARNESS_MAIN
