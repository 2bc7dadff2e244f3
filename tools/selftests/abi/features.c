// SPDX-License-Identifier: GPL-2.0-only
/* Feature words: virtio, the array of them, and the backend's own. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "devices.h"

/* What vhostx offers, on every kernel. */
#define OFFERED	(F_MRG_RXBUF | F_NOTIFY_EMPTY | F_LOG_ALL | F_VNET_HDR | \
		 F_INDIRECT | F_EVENT_IDX | F_VERSION_1 | F_ACCESS_PLATFORM | \
		 F_IN_ORDER | F_RING_RESET)
/* What any vhost-net has had since 6.1. */
#define ORACLE	(F_MRG_RXBUF | F_NOTIFY_EMPTY | F_LOG_ALL | F_VNET_HDR | \
		 F_INDIRECT | F_EVENT_IDX | F_VERSION_1 | F_ACCESS_PLATFORM)

struct array {
	uint64_t count;
	uint64_t word[4];
};

/* UDP tunnels, where the kernel's taps know them: vhost-net says so. */
static uint64_t oracles_second_word(void)
{
	struct array a = { .count = 2 };
	int fd = open(DEV_VHOST_NET, O_RDWR | O_CLOEXEC);

	if (dev_ioctl(fd, VHOST_GET_FEATURES_ARRAY, &a))
		a.word[1] = 0;
	close(fd);
	return a.word[1];
}

FIXTURE(features) {
	int fd;
	bool has_array;
};

ON_BOTH_DEVICES(features);

FIXTURE_SETUP(features)
{
	struct array a = { .count = 2 };

	self->fd = open(variant->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	/* The in-tree device has the array from 6.18 on. */
	self->has_array = variant->vhostx ||
			  !dev_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, &a);
}

FIXTURE_TEARDOWN(features)
{
	close(self->fd);
}

TEST_F(features, get)
{
	uint64_t f = 0;

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_FEATURES, &f));
	if (variant->vhostx) {
		EXPECT_EQ(OFFERED, f);
	} else {
		EXPECT_EQ(ORACLE, f & ORACLE);
	}
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_GET_FEATURES, BAD_PTR));
}

TEST_F(features, get_needs_no_owner_and_survives_it)
{
	uint64_t before = 0, after = 0;

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_FEATURES, &before));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_FEATURES, &after));
	EXPECT_EQ(before, after);
}

TEST_F(features, set_each_offered_bit)
{
	uint64_t offered = 0, all;

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_FEATURES, &offered));
	for (int i = 0; i < 64; i++) {
		uint64_t f = BIT64(i);

		if (offered & f) {
			EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_FEATURES,
					       &f)) TH_LOG("bit %d", i);
		}
	}
	all = offered;
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_FEATURES, &all));
	all = 0;
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_FEATURES, &all));
}

TEST_F(features, set_refuses_each_other_bit)
{
	uint64_t offered = 0;

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_FEATURES, &offered));
	for (int i = 0; i < 64; i++) {
		uint64_t f = BIT64(i) | F_VERSION_1;

		if (!(offered & BIT64(i))) {
			EXPECT_EQ(-EOPNOTSUPP,
				  dev_ioctl(self->fd, VHOST_SET_FEATURES, &f))
				TH_LOG("bit %d", i);
		}
	}
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_SET_FEATURES, BAD_PTR));
}

TEST_F(features, array_get)
{
	struct array a = { .count = 4, .word = { 1, 2, 3, 4 } };
	uint64_t f = 0;

	if (!self->has_array)
		SKIP(return, "this vhost-net has no features array");
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_FEATURES, &f));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, &a));
	EXPECT_EQ(f, a.word[0]);
	if (variant->vhostx) {
		EXPECT_EQ(oracles_second_word(), a.word[1]);
	}
	/* Words beyond what the device has read as zero. */
	EXPECT_EQ(0, a.word[2]);
	EXPECT_EQ(0, a.word[3]);
	EXPECT_EQ(4, a.count);
}

TEST_F(features, array_get_short)
{
	struct array a = { .count = 1, .word = { 0, 0x55, 0x66, 0x77 } };

	if (!self->has_array)
		SKIP(return, "this vhost-net has no features array");
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, &a));
	EXPECT_NE(0, a.word[0]);
	EXPECT_EQ(0x55, a.word[1]);
	a.count = 0;
	a.word[0] = 0x44;
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, &a));
	EXPECT_EQ(0x44, a.word[0]);
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY,
				     BAD_PTR));
}

TEST_F(features, array_set)
{
	struct array a = { .count = 4, .word = { F_VERSION_1 } };

	if (!self->has_array)
		SKIP(return, "this vhost-net has no features array");
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, &a));
	a.word[3] = 1;
	EXPECT_EQ(-EOPNOTSUPP,
		  dev_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, &a));
	a.word[3] = 0;
	a.word[1] = BIT64(63);
	EXPECT_EQ(-EOPNOTSUPP,
		  dev_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, &a));
	a.word[1] = 0;
	a.word[0] = BIT64(63);
	EXPECT_EQ(-EOPNOTSUPP,
		  dev_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, &a));
	a.count = 0;
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, &a));
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY,
				     BAD_PTR));
}

TEST_F(features, array_crosses_into_nothing)
{
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *a = (uint64_t *)(page + 4096 - 16);

	if (!self->has_array)
		SKIP(return, "this vhost-net has no features array");
	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(page + 4096, 4096));
	a[0] = 3;
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, a));
	a[0] = 3;
	a[1] = 0;
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, a));
}

TEST_F(features, backend)
{
	uint64_t f = 0;

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_BACKEND_FEATURES, &f));
	EXPECT_EQ(BIT64(VHOST_BACKEND_F_IOTLB_MSG_V2), f);
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_BACKEND_FEATURES, &f));
	f = 0;
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_BACKEND_FEATURES, &f));
	f = BIT64(63);
	EXPECT_EQ(-EOPNOTSUPP,
		  dev_ioctl(self->fd, VHOST_SET_BACKEND_FEATURES, &f));
	EXPECT_EQ(-EFAULT,
		  dev_ioctl(self->fd, VHOST_SET_BACKEND_FEATURES, BAD_PTR));
	EXPECT_EQ(-EFAULT,
		  dev_ioctl(self->fd, VHOST_GET_BACKEND_FEATURES, BAD_PTR));
}

/* On vhostx alone: the in-tree loop over the count has no bound. */
TEST(array_huge_count_ends)
{
	struct array a = { .count = UINT64_MAX, .word = { F_VERSION_1 } };
	int fd = open(DEV_VHOSTX, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	/* It runs off mapped memory, or is refused; it does not hang. */
	EXPECT_NE(0, dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, &a));
	EXPECT_NE(0, dev_ioctl(fd, VHOST_GET_FEATURES_ARRAY, &a));
	close(fd);
}

TEST_HARNESS_MAIN
