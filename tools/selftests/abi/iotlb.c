// SPDX-License-Identifier: GPL-2.0-only
/* The device IOTLB: what becomes of messages, and what the ioctls make of it. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices.h"
#include "iotlb.h"

#define KERNEL_ADDR	0xffff888000000000ULL
#define MSG_SIZE	((int)sizeof(struct vhost_msg))
/* Where nothing of the guest's is. */
#define ELSEWHERE	0x7000000000ULL
#define WITH		(F_VERSION_1 | F_MRG_RXBUF | F_ACCESS_PLATFORM)
#define WITHOUT		(F_VERSION_1 | F_MRG_RXBUF)

FIXTURE(msg) {
	struct nic nic;
	struct iotlb t;
	struct vmm *v;
	int fd;
};

ON_BOTH_DEVICES(msg);

FIXTURE_SETUP(msg)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = WITH,
		.slot = IOTLB_PAGE,
		.stopped = true,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->v = &self->nic.vmm;
	self->fd = self->v->fd;
	ASSERT_EQ(0, iotlb_open(&self->t, self->v, true));
}

FIXTURE_TEARDOWN(msg)
{
	iotlb_close(&self->t);
	nic_close(&self->nic);
}

#define FEATURES(f)	vmm_set_features(self->v, f)

static int start(struct nic *n, struct iotlb *t)
{
	return iotlb_map_used(t) ?: vmm_start(&n->vmm, n->tap);
}

#define START()		start(&self->nic, &self->t)
/* TX alone, so that nobody else asks. */
#define START_TX()	(iotlb_map_used(&self->t) ?:			\
			 vmm_backend(self->v, TX, self->nic.tap))

/* Bytes, or -errno. */
static int try_read(int fd, void *to, size_t size)
{
	/* The compiler knows a bad address when it sees one. */
	void *volatile at = to;
	ssize_t n = read(fd, at, size);

	return n < 0 ? -errno : n;
}

static short events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDNORM };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static struct vhost_iotlb_msg update_of(uint64_t iova, uint64_t size,
					const void *to)
{
	return (struct vhost_iotlb_msg){
		.iova = iova,
		.size = size,
		.uaddr = (uintptr_t)to,
		.perm = VHOST_ACCESS_RW,
		.type = VHOST_IOTLB_UPDATE,
	};
}

#define UPDATE(iova, size, to) ({					\
	struct vhost_iotlb_msg _m = update_of(iova, size, to);		\
									\
	iotlb_write(self->fd, true, &_m);				\
})

/* Have TX ask for something: its ring's translation is not there. */
#define ASK_TX() do {							\
	uint8_t _frame[60];						\
									\
	frame_fill(_frame, sizeof(_frame), 0);				\
	ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, _frame,	\
				 sizeof(_frame)));			\
	vq_kick_always(&self->v->vq[TX]);				\
} while (0)

/* How many questions there are, until none comes for a while; takes them. */
static int questions(int fd)
{
	struct vhost_iotlb_msg m;
	int n = 0;

	/* A run that is still to come would ask once more. */
	usleep(200000);
	while (n < 100 && !iotlb_read(fd, true, &m, 200))
		n++;
	return n;
}

struct reader {
	int fd;
	int ret;
	uint8_t buf[256];
};

static void *reader(void *arg)
{
	struct reader *r = arg;

	r->ret = try_read(r->fd, r->buf, sizeof(r->buf));
	return NULL;
}

TEST_F(msg, read_waits)
{
	struct reader r = { .fd = self->fd };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, reader, &r));
	usleep(200000);
	ASSERT_EQ(0, START());
	ASK_TX();
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(MSG_SIZE, r.ret);
}

/* A reader learns that there is nothing to wait for. vhostx alone. */
TEST(read_ends_with_the_iotlb)
{
	struct reader r = { .fd = open(DEV_VHOSTX, O_RDWR | O_CLOEXEC) };
	uint64_t f = WITH;
	pthread_t thread;

	ASSERT_LE(0, r.fd);
	ASSERT_EQ(0, dev_ioctl(r.fd, VHOST_SET_OWNER, NULL));
	for (int i = 0; i < 2; i++) {
		f = WITH;
		ASSERT_EQ(0, dev_ioctl(r.fd, VHOST_SET_FEATURES, &f));
		ASSERT_EQ(0, pthread_create(&thread, NULL, reader, &r));
		usleep(100000);
		f = WITHOUT;
		ASSERT_EQ(0, i ? dev_ioctl(r.fd, VHOST_RESET_OWNER, NULL) :
				 dev_ioctl(r.fd, VHOST_SET_FEATURES, &f));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(-EBADFD, r.ret);
	}
	close(r.fd);
}

/*
 * A queue has one question to read at a time, however often it is kicked;
 * vhost-net had any number of them up to 7.2.
 */
TEST_F(msg, one_question)
{
	ASSERT_EQ(0, START_TX());
	for (int i = 0; i < 20; i++) {
		ASK_TX();
		usleep(5000);
	}
	if (!variant->vhostx) {
		EXPECT_LE(1, questions(self->fd));
	} else {
		EXPECT_EQ(1, questions(self->fd));
		/* Read and not answered: the next kick asks again. */
		for (int i = 0; i < 20; i++) {
			ASK_TX();
			usleep(5000);
		}
		EXPECT_EQ(1, questions(self->fd));
	}
	EXPECT_EQ(0, events(self->fd));
}

TEST_F(msg, one_question_each)
{
	ASSERT_EQ(0, START());
	ASK_TX();
	nic_fill_rx(&self->nic, 1, 2048);
	if (!variant->vhostx) {
		EXPECT_LE(2, questions(self->fd));
	} else {
		EXPECT_EQ(2, questions(self->fd));
		EXPECT_EQ(0, questions(self->fd));
		ASK_TX();
		vq_kick_always(&self->v->vq[RX]);
		EXPECT_EQ(2, questions(self->fd));
	}
}

/* What could not be handed over is lost, or stays: the queue does not hang. */
TEST_F(msg, read_to_nowhere)
{
	ASSERT_EQ(0, START());
	ASK_TX();
	for (int i = 0; i < 100 && !events(self->fd); i++)
		usleep(20000);
	/* vhost-net counts what it copied, which is nothing. */
	EXPECT_EQ(DIFFERS(-EFAULT, 0),
		  try_read(self->fd, BAD_PTR, MSG_SIZE));
	EXPECT_EQ(0, iotlb_serve(&self->t));
	EXPECT_EQ(0, iotlb_map_rings(&self->t));
	vq_kick_always(&self->v->vq[TX]);
	EXPECT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
	EXPECT_EQ(0, iotlb_rest(&self->t));
}

TEST_F(msg, both_versions)
{
	for (int i = 0; i < 4; i++) {
		struct vhost_iotlb_msg m, next;
		bool v2 = i % 2;

		ASSERT_EQ(0, iotlb_use_v2(self->fd, v2));
		ASSERT_EQ(0, START_TX());
		ASK_TX();
		/* Its padding is checked, too. */
		ASSERT_EQ(0, iotlb_read(self->fd, v2, &m, NIC_TIMEOUT));
		EXPECT_EQ(VHOST_IOTLB_MISS, m.type);
		EXPECT_EQ(0, m.uaddr);
		/* Either version answers, whatever was agreed. */
		next = update_of(m.iova & -IOTLB_PAGE, IOTLB_PAGE,
				 iotlb_owner(&self->t, m.iova & -IOTLB_PAGE));
		EXPECT_EQ(MSG_SIZE, iotlb_write(self->fd, i < 2, &next));
		/* It has come: something else is asked for. */
		for (int j = 0; j < 50; j++) {
			next = m;
			if (iotlb_read(self->fd, v2, &next, NIC_TIMEOUT) ||
			    next.iova / IOTLB_PAGE != m.iova / IOTLB_PAGE)
				break;
		}
		EXPECT_NE(m.iova / IOTLB_PAGE, next.iova / IOTLB_PAGE);
		ASSERT_EQ(0, vmm_stop(self->v));
		ASSERT_EQ(0, FEATURES(WITH));
	}
}

/* A ring is looked for when it runs; the used index, when it starts. */
TEST_F(msg, ring_addresses)
{
	struct vhost_vring_addr a = {
		.index = TX,
		.desc_user_addr = KERNEL_ADDR,
		.avail_user_addr = -4096ULL,
		.used_user_addr = KERNEL_ADDR,
	};

	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &a));
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, TX, self->nic.tap));
	EXPECT_EQ(MSG_SIZE, UPDATE(KERNEL_ADDR, 4096,
				   self->t.ram + self->t.size - 4096));
	/* There is no memory. */
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, TX, self->nic.tap));
	EXPECT_EQ(0, iotlb_invalidate(self->fd, KERNEL_ADDR, 4096));
	EXPECT_EQ(MSG_SIZE, UPDATE(KERNEL_ADDR, 4096,
				   iotlb_owner(&self->t, VMM_GPA)));
	EXPECT_EQ(0, vmm_backend(self->v, TX, self->nic.tap));
	/* While it runs, likewise. */
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &a));
	EXPECT_EQ(0, vmm_set_addr(self->v, TX));
}

/* Features again, on a device that stands still: an empty IOTLB. */
TEST_F(msg, features_empty_it)
{
	ASSERT_EQ(0, iotlb_map_used(&self->t));
	ASSERT_EQ(0, FEATURES(WITH));
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, RX, self->nic.tap));
	ASSERT_EQ(0, iotlb_map_used(&self->t));
	ASSERT_EQ(0, FEATURES(WITHOUT));
	ASSERT_EQ(0, FEATURES(WITH));
	ASSERT_EQ(0, vmm_set_addr(self->v, RX));
	EXPECT_EQ(-EFAULT, vmm_backend(self->v, RX, self->nic.tap));
}

/* How often vhost-net has asked, which asks twice when kicked before an answer. */
static unsigned int settled(const struct iotlb *t)
{
	unsigned int misses;

	do {
		misses = t->misses;
		usleep(100000);
	} while (misses != t->misses);
	return misses;
}

/*
 * QEMU sets them on running queues when migration starts. vhostx goes on with
 * the IOTLB that it has, vhost-net with an empty one: it asks again.
 */
TEST_F(msg, features_on_running_queues)
{
	ASSERT_EQ(0, START());
	ASSERT_EQ(0, iotlb_serve(&self->t));
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, 1));
	ASSERT_EQ(0, nic_ping_rx(&self->nic, 60, 1));
	/* The same buffers again: there is nothing to ask for. */
	for (int i = 0; i < 2; i++) {
		unsigned int before = variant->vhostx ? self->t.misses : settled(&self->t);

		ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, 2));
		ASSERT_EQ(0, nic_ping_rx(&self->nic, 60, 2));
		if (!i) {
			EXPECT_EQ(before, atomic_load(&self->t.misses));
			ASSERT_EQ(0, FEATURES(WITH));
		} else if (variant->vhostx) {
			EXPECT_EQ(before, atomic_load(&self->t.misses));
		} else {
			EXPECT_LT(before, atomic_load(&self->t.misses));
		}
	}
	EXPECT_EQ(0, iotlb_rest(&self->t));
}

/* A queue does not get or lose its IOTLB as it runs; vhost-net's do. */
TEST_F(msg, features_busy)
{
	ASSERT_EQ(0, START());
	EXPECT_EQ(DIFFERS(-EBUSY, 0), FEATURES(WITHOUT));
	if (!variant->vhostx)
		return;
	ASSERT_EQ(0, vmm_stop(self->v));
	ASSERT_EQ(0, FEATURES(WITHOUT));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, vmm_setup_vq(self->v, i, 0));
	ASSERT_EQ(0, vmm_backend(self->v, TX, self->nic.tap));
	EXPECT_EQ(-EBUSY, FEATURES(WITH));
	EXPECT_EQ(0, FEATURES(WITHOUT));
	/* What was refused changed nothing. */
	EXPECT_EQ(-EFAULT, UPDATE(ELSEWHERE, 4096, self->t.ram));
}

TEST_F(msg, reset_forgets_it)
{
	uint8_t buf[256];
	uint64_t f = WITH;

	ASSERT_EQ(0, START());
	ASK_TX();
	for (int i = 0; i < 100 && !events(self->fd); i++)
		usleep(20000);
	ASSERT_NE(0, events(self->fd));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_RESET_OWNER, NULL));
	EXPECT_EQ(0, events(self->fd));
	EXPECT_EQ(-EBADFD, try_read(self->fd, buf, sizeof(buf)));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_OWNER, NULL));
	EXPECT_EQ(-EFAULT, UPDATE(ELSEWHERE, 4096, self->t.ram));
	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_SET_FEATURES, &f));
	EXPECT_EQ(MSG_SIZE, UPDATE(ELSEWHERE, 4096, self->t.ram));
}

/* The last of two translations counts; vhost-net keeps to the first. */
TEST_F(msg, update_replaces)
{
	uint64_t iova = nic_slot(&self->nic, TX, 0);
	uint8_t *mem = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), got[64];

	ASSERT_NE(MAP_FAILED, mem);
	for (int i = 0; i < 2; i++)
		frame_fill(mem + 4096 * i + 12, 60, i);
	ASSERT_EQ(0, START());
	ASSERT_EQ(0, iotlb_map_rings(&self->t));
	EXPECT_EQ(MSG_SIZE, UPDATE(iova, 4096, mem));
	EXPECT_EQ(MSG_SIZE, UPDATE(iova, 4096, mem + 4096));
	ASK_TX();
	EXPECT_EQ(0, nic_reap_tx(&self->nic, 1, NIC_TIMEOUT));
	ASSERT_EQ(60, wire_recv(self->nic.wire, NULL, got, 64, NIC_TIMEOUT));
	EXPECT_EQ(-1, frame_check(got, 60, DIFFERS(1, 0)));
}

/* Where nobody is served any more nothing is asked. */
TEST_F(msg, stop_forgets_the_question)
{
	uint8_t buf[256];

	ASSERT_EQ(0, START());
	ASK_TX();
	for (int i = 0; i < 100 && !events(self->fd); i++)
		usleep(20000);
	ASSERT_NE(0, events(self->fd));
	ASSERT_EQ(0, vmm_stop(self->v));
	EXPECT_EQ(0, events(self->fd));
	ASSERT_EQ(0, iotlb_nonblock(self->fd));
	EXPECT_EQ(-EAGAIN, try_read(self->fd, buf, sizeof(buf)));
}

TEST_HARNESS_MAIN
