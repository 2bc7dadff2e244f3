// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process without any privilege can do with a device and a tap that it was handed:
 * use them, and reach nothing else. And what a device writes: no byte that was not meant.
 */
#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "devices.h"
#include "dirty.h"
#include "netlink.h"
#include "pattern.h"

#define NOBODY		65534
#define KERNEL_ADDR	0xffff888000000000ULL
#define FILE_SIZE	4096

/* What the parent hands on: nothing of it was set up. */
struct handed {
	struct vmm v;
	int tap;
	int wire;
	int file;		/* root's, open for reading */
	struct nl nl;		/* opened by root */
};

/* Run as nobody; 0, or the line where it went wrong. */
static int as_nobody(struct handed *h, int (*fn)(struct handed *h))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
			_exit(255);
		_exit(fn(h));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* At most a file's lines from its beginning on: it has to go through an exit status. */
static int first_line;
#define BEGIN()		(first_line = __LINE__)
#define CHECK(x)	do { if (!(x)) return __LINE__ - first_line; } while (0)

FIXTURE(nobody) {
	struct handed h;
	char name[32];
};

FIXTURE_SETUP(nobody)
{
	struct tap_opts o = {};
	struct handed *h = &self->h;
	uint64_t word;

	ASSERT_EQ(0, nl_open(&h->nl));
	ASSERT_EQ(0, netns_new());
	h->tap = tap_open(NIC_TAP, &o);
	ASSERT_LE(0, h->tap);
	h->wire = wire_open(NIC_TAP, false);
	ASSERT_LE(0, h->wire);
	ASSERT_EQ(0, vmm_open(&h->v, DEV_VHOSTX));
	snprintf(self->name, sizeof(self->name), "/tmp/isolation.XXXXXX");
	h->file = mkstemp(self->name);
	ASSERT_LE(0, h->file);
	for (int i = 0; i < FILE_SIZE / 8; i++) {
		word = pattern(1, i);
		ASSERT_EQ((int)sizeof(word), write(h->file, &word, sizeof(word)));
	}
	close(h->file);
	ASSERT_EQ(0, chmod(self->name, 0444));
	h->file = open(self->name, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, h->file);
}

FIXTURE_TEARDOWN(nobody)
{
	uint64_t word;

	/* Whatever was tried. */
	for (int i = 0; i < FILE_SIZE / 8; i++) {
		EXPECT_EQ((int)sizeof(word), pread(self->h.file, &word, sizeof(word), 8 * i));
		EXPECT_EQ(pattern(1, i), word);
	}
	nl_close(&self->h.nl);
	vmm_close(&self->h.v);
	close(self->h.file);
	close(self->h.tap);
	close(self->h.wire);
	unlink(self->name);
}

/* Send a frame of 60 bytes: 0 or -errno. */
static int send_one(struct vmm *v, uint64_t at)
{
	struct vq_seg seg = { at, 72, 0 };
	struct vq *q = &v->vq[TX];
	uint32_t id, len;

	if (vq_post(q, &seg, 1, false) < 0)
		return -ENOSPC;
	vq_kick_always(q);
	return vq_wait(q, NIC_TIMEOUT) ?: vq_reap(q, &id, &len) == 1 ? 0 : -EPROTO;
}

static int uses_it(struct handed *h)
{
	uint8_t frame[100];
	uint64_t at;

	BEGIN();
	CHECK(open(DEV_VHOSTX, O_RDWR) < 0 && errno == EACCES);
	CHECK(!vmm_setup_opened(&h->v, F_VERSION_1 | F_MRG_RXBUF, 16));
	CHECK(!vmm_start(&h->v, h->tap));
	at = vmm_alloc(&h->v, 4096, 4096);
	frame_fill((uint8_t *)vmm_ptr(&h->v, at) + 12, 60, 1);
	CHECK(!send_one(&h->v, at));
	CHECK(wire_recv(h->wire, NULL, frame, sizeof(frame), NIC_TIMEOUT) == 60);
	CHECK(frame_check(frame, 60, 1) < 0);
	CHECK(!vmm_stop(&h->v));
	return 0;
}

TEST_F(nobody, may_use_what_it_was_handed)
{
	EXPECT_EQ(0, as_nobody(&self->h, uses_it));
}

static int starts_at(struct vmm *v, int tap, uint64_t desc, uint64_t avail, uint64_t used)
{
	struct vhost_vring_addr a = {
		.index = TX,
		.desc_user_addr = desc,
		.avail_user_addr = avail,
		.used_user_addr = used,
	};
	int ret = dev_ioctl(v->fd, VHOST_SET_VRING_ADDR, &a);

	return ret ?: vmm_backend(v, TX, tap);
}

static int reaches_for_the_kernel(struct handed *h)
{
	struct vmm *v = &h->v;
	struct vhost_memory_region r = {
		.guest_phys_addr = VMM_GPA,
		.memory_size = 4096,
		.userspace_addr = KERNEL_ADDR,
	};
	uint64_t desc, avail, used;

	BEGIN();
	CHECK(!vmm_setup_opened(v, F_VERSION_1 | F_MRG_RXBUF, 16));
	desc = (uintptr_t)v->vq[TX].desc;
	avail = (uintptr_t)v->vq[TX].avail;
	used = (uintptr_t)v->vq[TX].used;
	CHECK(starts_at(v, h->tap, KERNEL_ADDR, avail, used) == -EFAULT);
	CHECK(starts_at(v, h->tap, desc, KERNEL_ADDR, used) == -EFAULT);
	CHECK(starts_at(v, h->tap, desc, avail, KERNEL_ADDR) == -EFAULT);
	/* Nothing is mapped there; the page that anybody may not map. */
	CHECK(starts_at(v, h->tap, desc, avail, 64) == -EFAULT);
	CHECK(!vmm_set_mem_regions(v, &r, 1));
	CHECK(starts_at(v, h->tap, desc, avail, used) == -EFAULT);
	CHECK(!vmm_set_mem(v));
	CHECK(!vmm_set_log(v, KERNEL_ADDR));
	CHECK(!vmm_set_features(v, v->features | F_LOG_ALL));
	CHECK(starts_at(v, h->tap, desc, avail, used) == -EFAULT);
	CHECK(!vmm_set_features(v, v->features & ~F_LOG_ALL));
	CHECK(!starts_at(v, h->tap, desc, avail, used));
	/* Now that it runs, neither. */
	CHECK(vmm_set_mem_regions(v, &r, 1) == -EFAULT);
	CHECK(vmm_set_features(v, v->features | F_LOG_ALL) == -EFAULT);
	return 0;
}

TEST_F(nobody, cannot_reach_the_kernel)
{
	EXPECT_EQ(0, as_nobody(&self->h, reaches_for_the_kernel));
}

/* Memory that it may read and not write: of a file of root's. */
static int writes_a_file(struct handed *h)
{
	struct vmm *v = &h->v;
	uint8_t *file = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, h->file, 0);
	struct vhost_memory_region r = {
		.guest_phys_addr = 0,
		.memory_size = FILE_SIZE,
		.userspace_addr = (uintptr_t)file,
	};
	struct vq_seg seg = { 0, 2048, VRING_DESC_F_WRITE };
	struct vq *q = &v->vq[RX];
	uint8_t frame[100];
	uint32_t id, len;

	BEGIN();
	CHECK(file != MAP_FAILED);
	CHECK(!vmm_setup_opened(v, F_VERSION_1 | F_MRG_RXBUF, 16));
	CHECK(starts_at(v, h->tap, (uintptr_t)v->vq[TX].desc, (uintptr_t)v->vq[TX].avail,
			(uintptr_t)file) == -EFAULT);
	/* As a buffer it comes back empty. */
	CHECK(!vmm_set_mem_regions(v, &r, 1));
	CHECK(!vmm_backend(v, RX, h->tap));
	CHECK(vq_post(q, &seg, 1, false) >= 0);
	vq_kick_always(q);
	frame_fill(frame, sizeof(frame), 1);
	CHECK(!wire_send(h->wire, NULL, frame, sizeof(frame)));
	CHECK(!vq_wait(q, NIC_TIMEOUT));
	CHECK(vq_reap(q, &id, &len) == 1 && !len);
	/* As a dirty log it breaks its queue. */
	CHECK(!vmm_set_mem(v));
	CHECK(!vmm_set_log(v, (uintptr_t)file - VMM_GPA / DIRTY_PAGE / 8));
	CHECK(!vmm_set_features(v, v->features | F_LOG_ALL));
	seg.gpa = VMM_GPA;
	seg.gpa = vmm_alloc(v, 4096, 4096);
	CHECK(vq_post(q, &seg, 1, false) >= 0);
	vq_kick_always(q);
	CHECK(!wire_send(h->wire, NULL, frame, sizeof(frame)));
	CHECK(efd_read(q->err, NIC_TIMEOUT) > 0);
	return 0;
}

TEST_F(nobody, cannot_write_what_it_may_read)
{
	EXPECT_EQ(0, as_nobody(&self->h, writes_a_file));
}

static int orders(struct handed *h)
{
	const struct sched_param fifo = { .sched_priority = 1 };
	struct nlmsghdr *nlh;
	int worker, udp;

	BEGIN();
	CHECK(!vmm_setup_opened(&h->v, F_VERSION_1 | F_MRG_RXBUF, 16));
	/* A socket of the wrong kind, and one that it cannot have. */
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(udp >= 0 && vmm_backend(&h->v, TX, udp) == -ENOTSOCK);
	CHECK(vmm_backend(&h->v, TX, 999) == -ENOTSOCK);
	CHECK(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM);
	/* Its own worker: not above what it may be itself. */
	worker = worker_find(getpid(), 0);
	CHECK(worker > 0);
	CHECK(sched_setscheduler(worker, SCHED_FIFO, &fifo) < 0 && errno == EPERM);
	CHECK(setpriority(PRIO_PROCESS, worker, -10) < 0);
	CHECK(errno == EACCES || errno == EPERM);
	/* The operator's orders. */
	nlh = nl_request(&h->nl, VHOSTX_CMD_QUEUE_SET, 0);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, 0);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_ID, VHOSTX_QUEUE_ID_TX);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_BATCH, 1);
	CHECK(nl_talk(&h->nl, nlh, NULL, NULL) == -EPERM);
	return 0;
}

TEST_F(nobody, cannot_give_orders)
{
	EXPECT_EQ(0, as_nobody(&self->h, orders));
}

/* Bytes that hold a pattern still; how many of them are there. */
static size_t untouched(const uint8_t *p, size_t from, size_t to, uint64_t seed)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++) {
		uint64_t word = pattern(seed, i / 8);

		n += p[i] == ((uint8_t *)&word)[i % 8];
	}
	return n;
}

static void put_pattern(uint8_t *p, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size; i++) {
		uint64_t word = pattern(seed, i / 8);

		p[i] = ((uint8_t *)&word)[i % 8];
	}
}

#define PATTERN_SIZE	4096

FIXTURE(bytes) {
	struct nic nic;
	uint8_t buf[PATTERN_SIZE];
};

FIXTURE_SETUP(bytes)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.num = 64,
		.stopped = true,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	put_pattern(self->buf, sizeof(self->buf), 2);
}

FIXTURE_TEARDOWN(bytes)
{
	nic_close(&self->nic);
}

/* An answer is as long as its type; the index in it, where it has one, is ours. */
TEST_F(bytes, of_answers)
{
	static const struct {
		unsigned long req;
		size_t in, size;
		uint64_t want;
	} get[] = {
		{ VHOST_GET_BACKEND_FEATURES, 0, 8, BIT64(VHOST_BACKEND_F_IOTLB_MSG_V2) },
		{ VHOST_GET_VRING_BASE, 4, 4, 0 },
		{ VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 4, 4, 0 },
		{ VHOST_GET_VRING_WORKER, 4, 4, 0 },
		{ VHOST_NEW_WORKER, 0, 4, 1 },
		{ VHOST_GET_FEATURES, 0, 8, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(get); i++) {
		size_t end = get[i].in + get[i].size;

		put_pattern(self->buf, sizeof(self->buf), 2);
		memset(self->buf, 0, get[i].in);
		ASSERT_EQ(0, dev_ioctl(self->nic.vmm.fd, get[i].req, self->buf));
		if (get[i].req == VHOST_GET_FEATURES) {
			/* As offered, whatever that is: seen to be whole by abi/answers. */
			EXPECT_NE(8, untouched(self->buf, 0, 8, 2));
		} else {
			EXPECT_EQ(0, memcmp(self->buf + get[i].in, &get[i].want, get[i].size));
		}
		EXPECT_EQ(PATTERN_SIZE - end, untouched(self->buf, end, PATTERN_SIZE, 2)) {
			TH_LOG("ioctl %#lx", get[i].req);
		}
	}
}

/* A used ring has entries where there were frames, and is as it was elsewhere. */
TEST_F(bytes, of_a_used_ring)
{
	struct nic *n = &self->nic;
	struct vq *q = &n->vmm.vq[TX];
	uint8_t *used = (uint8_t *)q->used;
	size_t entries = offsetof(struct vring_used, ring), end;

	/* The page that the used ring has to itself; it begins at 0. */
	put_pattern(used, PATTERN_SIZE, 3);
	q->used->idx = 0;
	ASSERT_EQ(0, vmm_start(&n->vmm, n->tap));
	for (int i = 0; i < 20; i++)
		ASSERT_EQ(0, nic_ping_tx(n, 60 + i, i));
	ASSERT_EQ(0, vmm_stop(&n->vmm));
	EXPECT_EQ(20, q->used->idx);
	EXPECT_EQ(0, q->used->flags & ~VRING_USED_F_NO_NOTIFY);
	for (int i = 0; i < 20; i++) {
		EXPECT_GT(q->num, q->used->ring[i].id);
		EXPECT_EQ(0, q->used->ring[i].len);
	}
	end = entries + 20 * sizeof(struct vring_used_elem);
	EXPECT_EQ(PATTERN_SIZE - end, untouched(used, end, PATTERN_SIZE, 3));
}

/* A header is zero but for what it says; behind the frame nothing is written. */
TEST_F(bytes, of_a_buffer)
{
	struct nic *n = &self->nic;
	struct vq *q = &n->vmm.vq[RX];
	uint64_t at = nic_slot(n, RX, 0);
	uint8_t *p = vmm_ptr(&n->vmm, at), frame[1500];
	const struct virtio_net_hdr_mrg_rxbuf want = { .num_buffers = 1 };
	uint32_t id, len;

	ASSERT_EQ(0, vmm_start(&n->vmm, n->tap));
	for (size_t size = 60; size < 1500; size += 97) {
		struct vq_seg seg = { at, 2048, VRING_DESC_F_WRITE };

		put_pattern(p, PATTERN_SIZE, size);
		ASSERT_LE(0, vq_post(q, &seg, 1, false));
		vq_kick_always(q);
		frame_fill(frame, size, size);
		ASSERT_EQ(0, wire_send(n->wire, NULL, frame, size));
		ASSERT_EQ(0, vq_wait(q, NIC_TIMEOUT));
		ASSERT_EQ(1, vq_reap(q, &id, &len));
		EXPECT_EQ(sizeof(want) + size, len);
		EXPECT_EQ(0, memcmp(p, &want, sizeof(want)));
		EXPECT_EQ(-1, frame_check(p + sizeof(want), size, size));
		EXPECT_EQ(PATTERN_SIZE - len, untouched(p, len, PATTERN_SIZE, size));
	}
}

TEST_HARNESS_MAIN
