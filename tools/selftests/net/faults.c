// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults that in-kernel vhosts have had, where no other test would meet them.
 * Documentation/testing.rst has the list of them all.
 */
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "clock.h"
#include "devices.h"
#include "dirty.h"
#include "drive.h"

#define HDR		12
#define MODERN		(F_VERSION_1 | F_MRG_RXBUF)

/* Somebody else writes it. */
#define READ_ONCE(x)	(*(volatile typeof(x) *)&(x))

FIXTURE(fault) {
	struct nic nic;
	struct vq *tx;
	struct vq *rx;
};

ON_BOTH_DEVICES(fault);

FIXTURE_SETUP(fault)
{
	nic_init(&self->nic);
	self->tx = &self->nic.vmm.vq[TX];
	self->rx = &self->nic.vmm.vq[RX];
}

FIXTURE_TEARDOWN(fault)
{
	nic_close(&self->nic);
}

#define OPEN(f, ...) do {						\
	struct nic_opts _o = {						\
		.path = variant->path, .features = (f), ##__VA_ARGS__	\
	};								\
									\
	nic_close(&self->nic);						\
	ASSERT_EQ(0, nic_open(&self->nic, &_o));			\
} while (0)

/* Once it has no backend a queue gives nothing back (CVE-2013-4127). */
TEST_F_TIMEOUT(fault, backend_changes_under_traffic, 60)
{
	struct drive t;
	uint16_t rx, tx;

	OPEN(MODERN);
	srandom(1);
	ASSERT_EQ(0, drive_start(&t, &self->nic));
	for (int i = 0; i < DIFFERS(150, 30); i++) {
		usleep(random() % 5000);
		EXPECT_EQ(0, vmm_stop(&self->nic.vmm));
		rx = READ_ONCE(self->rx->used->idx);
		tx = READ_ONCE(self->tx->used->idx);
		usleep(random() % 5000);
		EXPECT_EQ(rx, READ_ONCE(self->rx->used->idx));
		EXPECT_EQ(tx, READ_ONCE(self->tx->used->idx));
		EXPECT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	}
	drive_stop(&t);
	EXPECT_EQ(0, drive_works(&self->nic));
}

struct swapper {
	int fd;
	int other[3];
	atomic_bool stop;
};

static void *swap(void *arg)
{
	struct swapper *s = arg;

	for (int i = 0; !s->stop; i++)
		dup2(s->other[i % 3], s->fd);
	return NULL;
}

/* The descriptor becomes another file as it is looked up (CVE-2023-1838). */
TEST_F(fault, descriptor_becomes_another)
{
	struct swapper s = {};
	unsigned int taken = 0, refused = 0;
	pthread_t thread;

	OPEN(MODERN, .stopped = true);
	s.other[0] = self->nic.tap;
	s.other[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	s.other[2] = wire_open(NIC_TAP, false);
	s.fd = dup(self->nic.tap);
	ASSERT_LE(0, s.other[1]);
	ASSERT_LE(0, s.other[2]);
	ASSERT_LE(0, s.fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, swap, &s));
	for (int i = 0; i < 3000; i++) {
		int ret = vmm_backend(&self->nic.vmm, i % 2, s.fd);

		EXPECT_TRUE(ret == 0 || ret == -ENOTSOCK) TH_LOG("%d", ret);
		taken += !ret;
		refused += ret == -ENOTSOCK;
	}
	s.stop = true;
	pthread_join(thread, NULL);
	TH_LOG("%u taken, %u refused", taken, refused);
	EXPECT_EQ(0, vmm_stop(&self->nic.vmm));
	ASSERT_EQ(0, vmm_start(&self->nic.vmm, self->nic.tap));
	EXPECT_EQ(0, drive_works(&self->nic));

	/* No file is held too often, so the tap goes with its last one. */
	EXPECT_EQ(0, vmm_stop(&self->nic.vmm));
	close(s.fd);
	close(s.other[1]);
	close(s.other[2]);
	close(self->nic.tap);
	self->nic.tap = -1;
	for (int i = 0; i < 100 && if_nametoindex(NIC_TAP); i++)
		usleep(20000);
	EXPECT_EQ(0, if_nametoindex(NIC_TAP));
}

/* The kernel gives the lowest number that is free: it tells how many are left. */
static int eventfd_number(void)
{
	int fd = eventfd(0, EFD_CLOEXEC), n = -1;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "eventfd-id: %d", &n);
	if (f)
		fclose(f);
	close(fd);
	return n;
}

#define EVENTFDS	1000

/* An eventfd for everything: 0 or the first error. */
static int set_eventfds(struct vmm *v, int fd)
{
	static const unsigned long req[] = {
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	};
	int ret = vmm_set_log_fd(v, fd);

	for (size_t i = 0; i < 2 * ARRAY_SIZE(req) && !ret; i++)
		ret = vmm_vring_file(v, req[i / 2], i % 2, fd);
	return ret;
}

/* Each is let go of for the next, and by a reset (CVE-2015-6252). */
TEST_F(fault, eventfds_are_given_back)
{
	int before = eventfd_number(), fd;

	ASSERT_LE(0, before);
	for (int how = 0; how < 2; how++) {
		OPEN(MODERN);
		for (int i = 0; i < EVENTFDS; i++) {
			fd = eventfd(0, EFD_CLOEXEC);
			ASSERT_LE(0, fd);
			ASSERT_EQ(0, set_eventfds(&self->nic.vmm, fd));
			close(fd);
		}
		if (how == 0) {
			ASSERT_EQ(0, set_eventfds(&self->nic.vmm, -1));
		} else {
			ASSERT_EQ(0, dev_ioctl(self->nic.vmm.fd,
					       VHOST_RESET_OWNER, NULL));
		}
		/* Others may have a few, too. */
		EXPECT_GT(before + EVENTFDS / 10, eventfd_number());
	}
}

/* All of a large TX ring at once; how much was done when a frame had come in. */
static int race_rx(struct nic *n, bool bad)
{
	struct vq *tx = &n->vmm.vq[TX], *rx = &n->vmm.vq[RX];
	struct vq_seg none[VQ_TABLE] = {};
	uint8_t frame[60];
	long end;

	frame_fill(frame, sizeof(frame), 1);
	while (tx->num_free) {
		int ret = bad ? vq_post(tx, none, VQ_TABLE, true) :
			  nic_post_tx(n, NULL, NULL, frame, sizeof(frame));

		if (ret < 0)
			return ret;
	}
	nic_fill_rx(n, 1, 200);
	vq_kick_always(tx);
	if (wire_send(n->wire, NULL, frame, sizeof(frame)))
		return -EIO;
	end = now_ms() + NIC_TIMEOUT;
	while (READ_ONCE(rx->used->idx) == rx->used_idx) {
		if (now_ms() > end)
			return -ETIMEDOUT;
	}
	return READ_ONCE(tx->used->idx);
}

#define LARGE	8192

/* Good frames or bad, a queue lets the other have its turn (CVE-2019-3900). */
TEST_F(fault, each_queue_has_its_turn)
{
	for (int bad = 0; bad < DIFFERS(2, 1); bad++) {
		int done = LARGE;

		/* Who looks may come late. */
		for (int i = 0; i < DIFFERS(8, 1) && done == LARGE; i++) {
			OPEN(MODERN | F_INDIRECT, .num = LARGE, .slot = 512);
			done = race_rx(&self->nic, bad);
			ASSERT_LE(0, done);
		}
		TH_LOG("%d of %d %s frames before the other queue's turn", done,
		       LARGE, bad ? "bad" : "good");
		if (variant->vhostx) {
			EXPECT_GT(LARGE, done);
		}
	}
}

/* A frame that more buffers would have to hold than there can be (CVE-2018-16880). */
TEST_F(fault, more_buffers_than_can_be)
{
	static uint8_t frame[FRAME_MAX];
	struct nic *n = &self->nic;
	struct stats s;

	OPEN(MODERN, .num = 4096, .slot = 256, .tap.mtu = 65000);
	ASSERT_EQ(4000, nic_fill_rx(n, 4000, 1));
	for (int i = 0; i < 3; i++) {
		frame_fill(frame, 60000, i);
		ASSERT_EQ(0, wire_send(n->wire, NULL, frame, 60000));
	}
	frame_fill(frame, 40, 9);
	ASSERT_EQ(0, wire_send(n->wire, NULL, frame, 40));
	ASSERT_EQ(40, nic_recv(n, NULL, frame, sizeof(frame), NIC_TIMEOUT));
	EXPECT_EQ(-1, frame_check(frame, 40, 9));
	if (variant->vhostx) {
		ASSERT_EQ(0, nic_stats(RX, &s));
		EXPECT_EQ(3, s.drop_size);
		EXPECT_STREQ("running", s.state);
	}
}

/* Descriptors without a byte take no room in what is logged (CVE-2019-14835). */
TEST_F(fault, logged_buffer_of_empty_pieces)
{
	struct nic *n = &self->nic;
	struct vq_seg seg[VQ_TABLE];
	uint8_t frame[1000];
	struct dirty log;
	uint64_t buf;
	uint32_t id, len;

	OPEN(MODERN | F_INDIRECT);
	ASSERT_EQ(0, dirty_open(&log, VMM_GPA + VMM_MEM_SIZE, 0));
	ASSERT_EQ(0, vmm_set_log(&n->vmm, dirty_base(&log)));
	ASSERT_EQ(0, vmm_set_features(&n->vmm, MODERN | F_INDIRECT | F_LOG_ALL));
	buf = vmm_alloc(&n->vmm, 4096, 4096);
	for (int i = 0; i < VQ_TABLE; i++)
		seg[i] = (struct vq_seg){
			buf, i == VQ_TABLE / 2 ? 2048 : 0, VRING_DESC_F_WRITE,
		};
	for (int i = 0; i < 20; i++) {
		ASSERT_LE(0, vq_post(self->rx, seg, VQ_TABLE, true));
		vq_kick_always(self->rx);
		frame_fill(frame, sizeof(frame), i);
		ASSERT_EQ(0, wire_send(n->wire, NULL, frame, sizeof(frame)));
		ASSERT_EQ(0, vq_wait(self->rx, NIC_TIMEOUT));
		ASSERT_EQ(1, vq_reap(self->rx, &id, &len));
		EXPECT_EQ(HDR + sizeof(frame), len);
		EXPECT_EQ(-1, frame_check(vmm_ptr(&n->vmm, buf + HDR),
					  sizeof(frame), i));
	}
	ASSERT_LE(0, vmm_get_base(&n->vmm, RX));
	EXPECT_TRUE(dirty_has(&log, buf));
	EXPECT_EQ(1, dirty_count(&log));
	dirty_close(&log);
}

TEST_HARNESS_MAIN
