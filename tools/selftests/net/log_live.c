// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log while frames flow: switched, moved, read, and taken away. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "clock.h"
#include "cpus.h"
#include "devices.h"
#include "dirty.h"

#define PAGE		4096
#define LOG_END		(VMM_GPA + VMM_MEM_SIZE)
#define ROUNDS		100
/* How long a log must stay clean that is not in use any more. */
#define CLEAN_US	1000

FIXTURE(live) {
	struct nic nic;
	struct vmm *v;
	struct dirty log;
	uint64_t features;
};

ON_BOTH_DEVICES(live);

FIXTURE_SETUP(live)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF,
		.slot = PAGE,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->v = &self->nic.vmm;
	self->features = o.features;
	ASSERT_EQ(0, dirty_open(&self->log, LOG_END, 0));
	ASSERT_EQ(0, vmm_set_log(self->v, dirty_base(&self->log)));
}

FIXTURE_TEARDOWN(live)
{
	nic_close(&self->nic);
	dirty_close(&self->log);
}

static uint64_t used_gpa(const struct vmm *v, unsigned int index)
{
	return VMM_GPA + ((uint8_t *)v->vq[index].used - v->mem);
}

/* All that a migration switches on, or off again. */
static int log_all(struct vmm *v, uint64_t features, bool on)
{
	int ret = vmm_set_features(v, features | (on ? F_LOG_ALL : 0));

	for (int i = 0; i < 2 && !ret; i++)
		ret = on ? vmm_set_addr_logged(v, i, used_gpa(v, i)) :
			   vmm_set_addr(v, i);
	return ret;
}

struct traffic {
	struct nic *nic;
	atomic_bool stop;
	atomic_uint sent;
	atomic_uint received;
	atomic_int error;
	pthread_t tx;
	pthread_t rx;
};

static void *traffic_tx(void *arg)
{
	struct traffic *t = arg;
	uint8_t frame[200];

	frame_fill(frame, sizeof(frame), 1);
	while (!t->stop && !t->error) {
		if (nic_send(t->nic, NULL, NULL, frame, sizeof(frame)))
			t->error = 1;
		t->sent++;
	}
	return NULL;
}

static void *traffic_rx(void *arg)
{
	struct traffic *t = arg;
	uint8_t frame[200], in[2048];

	frame_fill(frame, sizeof(frame), 2);
	while (!t->stop && !t->error) {
		nic_fill_rx(t->nic, 1, 2048);
		wire_send(t->nic->wire, NULL, frame, sizeof(frame));
		if (nic_recv(t->nic, NULL, in, sizeof(in), NIC_TIMEOUT) !=
		    sizeof(frame))
			t->error = 2;
		t->received++;
	}
	return NULL;
}

static int traffic_start(struct traffic *t)
{
	return pthread_create(&t->tx, NULL, traffic_tx, t) ||
	       pthread_create(&t->rx, NULL, traffic_rx, t);
}

static void traffic_stop(struct traffic *t)
{
	t->stop = true;
	pthread_join(t->tx, NULL);
	pthread_join(t->rx, NULL);
}

/* Wait until both queues use the log, and frames have flowed through both. */
static bool is_used(const struct dirty *d, const struct traffic *t)
{
	unsigned int sent = t->sent, received = t->received;
	long end = now_ms() + NIC_TIMEOUT;

	while (!dirty_has(d, used_gpa(&t->nic->vmm, RX)) ||
	       !dirty_has(d, used_gpa(&t->nic->vmm, TX)) ||
	       t->sent == sent || t->received == received) {
		if (now_ms() > end)
			return false;
		usleep(100);
	}
	return true;
}

/* Whether nothing is written to a log that was given up just now. */
static bool is_left_alone(struct dirty *d, const struct vmm *v)
{
	/* At once: a device that is late is so by microseconds. */
	memset(d->bits + VMM_GPA / PAGE / 8, 0, v->mem_used / PAGE / 8 + 1);
	usleep(CLEAN_US);
	return !dirty_count(d);
}

/* QEMU does so when memory is plugged in during a migration. */
TEST_F_TIMEOUT(live, log_moves, 60)
{
	struct traffic t = { .nic = &self->nic };
	struct dirty old = {}, new;
	struct stats st;

	ASSERT_EQ(0, log_all(self->v, self->features, true));
	ASSERT_EQ(0, traffic_start(&t));
	for (int i = 0; i < ROUNDS && !t.error; i++) {
		if (!is_used(&self->log, &t))
			t.error = 3;
		if (dirty_open(&new, LOG_END, i % 7) ||
		    vmm_set_log(self->v, dirty_base(&new)))
			t.error = 4;
		if (!is_left_alone(&self->log, self->v))
			t.error = 5;
		/* It may go now; it stays for a round, as nobody's memory. */
		mprotect(self->log.map, self->log.size, PROT_NONE);
		dirty_close(&old);
		old = self->log;
		self->log = new;
	}
	traffic_stop(&t);
	dirty_close(&old);
	EXPECT_EQ(0, atomic_load(&t.error));
	EXPECT_LE(ROUNDS, atomic_load(&t.sent));
	EXPECT_LE(ROUNDS, atomic_load(&t.received));
	for (int i = 0; variant->vhostx && i < 2; i++) {
		ASSERT_EQ(0, nic_stats(i, &st));
		EXPECT_STREQ("running", st.state);
		EXPECT_EQ(0, st.broken);
	}
	TH_LOG("%u sent, %u received", t.sent, t.received);
}

TEST_F_TIMEOUT(live, log_is_switched, 60)
{
	struct traffic t = { .nic = &self->nic };
	uint64_t base = dirty_base(&self->log);

	ASSERT_EQ(0, traffic_start(&t));
	for (int i = 0; i < ROUNDS && !t.error; i++) {
		if (!is_left_alone(&self->log, self->v))
			t.error = 3;
		if (log_all(self->v, self->features, true))
			t.error = 4;
		if (!is_used(&self->log, &t))
			t.error = 5;
		/* Either end of it: all off, or none to write to. */
		if (i % 2 ? log_all(self->v, self->features, false) :
			    vmm_set_log(self->v, 0))
			t.error = 6;
		if (!is_left_alone(&self->log, self->v))
			t.error = 7;
		if (log_all(self->v, self->features, false) ||
		    vmm_set_log(self->v, base))
			t.error = 8;
	}
	traffic_stop(&t);
	EXPECT_EQ(0, atomic_load(&t.error));
	EXPECT_LE(ROUNDS, atomic_load(&t.sent));
	EXPECT_LE(ROUNDS, atomic_load(&t.received));
}

/*
 * The VMM takes bits away, and sets its own, in the word that the device sets
 * bits in: neither side may undo what the other did.
 */
#define READ_PAGES	32
#define READ_FRAMES	40000
#define READ_OWN(turn)	BIT64(62 + (turn) % 2)

struct reader {
	uint64_t *word;
	atomic_bool stop;
	atomic_uint lost;
	atomic_uint back;
	atomic_uint seen[READ_PAGES];
};

static void *reader_run(void *arg)
{
	struct reader *r = arg;

	pin(0, 1);
	for (unsigned int turn = 0; !r->stop; turn++) {
		uint64_t got;

		__atomic_fetch_or(r->word, READ_OWN(turn), __ATOMIC_SEQ_CST);
		got = __atomic_exchange_n(r->word, 0, __ATOMIC_SEQ_CST);
		r->lost += !(got & READ_OWN(turn));
		r->back += !!(got & READ_OWN(turn + 1));
		got &= BIT64(READ_PAGES) - 1;
		for (; got; got &= got - 1)
			r->seen[__builtin_ctzll(got)]++;
	}
	return NULL;
}

static int post_page(struct vmm *v, uint64_t buf, unsigned int page)
{
	struct vq_seg seg = {
		.gpa = buf + page * PAGE, .len = 2048,
		.flags = VRING_DESC_F_WRITE,
	};

	return vq_post(&v->vq[RX], &seg, 1, false);
}

TEST_F_TIMEOUT(live, log_is_read, 60)
{
	uint64_t buf = vmm_alloc(self->v, 64 * PAGE, 64 * PAGE);
	struct vq *q = &self->v->vq[RX];
	struct reader r = {
		.word = (uint64_t *)(self->log.bits + buf / PAGE / 8),
	};
	unsigned int written[READ_PAGES] = {}, missed = 0, frames = 0;
	unsigned int page_of[128];
	uint8_t frame[60];
	pthread_t thread;

	ASSERT_EQ(128, q->num);
	frame_fill(frame, sizeof(frame), 1);
	ASSERT_EQ(0, vmm_set_features(self->v, self->features | F_LOG_ALL));
	/* The reader reads while the device writes, not in turns with it. */
	pin(0, 0);
	pin(worker_find(getpid(), 0), 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, reader_run, &r));
	while (frames < READ_FRAMES && !missed) {
		for (unsigned int i = 0; i < READ_PAGES; i++) {
			int head = post_page(self->v, buf, i);

			ASSERT_LE(0, head);
			page_of[head] = i;
		}
		vq_kick(q);
		for (unsigned int i = 0; i < READ_PAGES; i++) {
			ASSERT_EQ(0, wire_send(self->nic.wire, NULL, frame,
					       sizeof(frame)));
		}
		for (unsigned int i = 0; i < READ_PAGES; i++) {
			long end = now_ms() + NIC_TIMEOUT;
			unsigned int page;
			uint32_t id, len;

			ASSERT_EQ(0, vq_wait(q, NIC_TIMEOUT));
			ASSERT_EQ(1, vq_reap(q, &id, &len));
			page = page_of[id];
			written[page]++;
			frames++;
			while (r.seen[page] < written[page] && now_ms() < end)
				;
			missed += r.seen[page] < written[page];
		}
	}
	r.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, missed);
	EXPECT_EQ(0, atomic_load(&r.lost));
	/* Nor did a bit come back that had been taken. */
	EXPECT_EQ(0, atomic_load(&r.back));
	for (unsigned int i = 0; i < READ_PAGES; i++) {
		EXPECT_EQ(written[i], atomic_load(&r.seen[i]));
	}
}

TEST_F(live, eventfd)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT_LE(0, efd);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, vmm_set_log_fd(self->v, efd));
	ASSERT_EQ(0, nic_ping_rx(&self->nic, 60, 1));
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, 2));
	EXPECT_EQ(0, efd_read(efd, 50));

	ASSERT_EQ(0, vmm_set_features(self->v, self->features | F_LOG_ALL));
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, 3));
	EXPECT_EQ(0, efd_read(efd, 50));
	ASSERT_EQ(0, nic_ping_rx(&self->nic, 60, 4));
	EXPECT_LT(0, efd_read(efd, NIC_TIMEOUT));

	ASSERT_EQ(0, vmm_set_features(self->v, self->features));
	ASSERT_EQ(0, vmm_set_addr_logged(self->v, TX, used_gpa(self->v, TX)));
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, 5));
	EXPECT_LT(0, efd_read(efd, NIC_TIMEOUT));

	/* Another one on live queues: the first hears no more. */
	ASSERT_EQ(0, vmm_set_log_fd(self->v, other));
	efd_read(efd, 0);
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, 6));
	EXPECT_LT(0, efd_read(other, NIC_TIMEOUT));
	EXPECT_EQ(0, efd_read(efd, 0));

	/* Without a log nothing is logged. */
	ASSERT_EQ(0, vmm_set_log(self->v, 0));
	efd_read(other, 0);
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 60, 7));
	ASSERT_LE(0, vmm_get_base(self->v, TX));
	if (variant->vhostx) {
		EXPECT_EQ(0, efd_read(other, 0));
	}
	close(efd);
	close(other);
}

/*
 * A log that cannot be written. vhost-net goes on and says nothing, so that
 * the migration loses pages; vhostx breaks the queue, as for a bad ring.
 */
FIXTURE(dead) {
	struct nic nic;
	struct vmm *v;
	struct dirty log;
};

FIXTURE_VARIANT(dead) {
	const char *path;
	bool vhostx;
	unsigned int index;
	bool used;		/* the used ring is logged, not frames */
	bool read_only;		/* instead of not mapped */
};

#define DEAD(name, path_, vhostx_, index_, used_, read_only_)		\
	FIXTURE_VARIANT_ADD(dead, name) {				\
		.path = path_, .vhostx = vhostx_, .index = index_,	\
		.used = used_, .read_only = read_only_,			\
	}
DEAD(vhostx_rx_frames, DEV_VHOSTX, true, RX, false, false);
DEAD(vhostx_rx_frames_read_only, DEV_VHOSTX, true, RX, false, true);
DEAD(vhostx_rx_used, DEV_VHOSTX, true, RX, true, false);
DEAD(vhostx_tx_used, DEV_VHOSTX, true, TX, true, false);
DEAD(vhostx_tx_used_read_only, DEV_VHOSTX, true, TX, true, true);
DEAD(vhost_net_rx_frames, DEV_VHOST_NET, false, RX, false, false);
DEAD(vhost_net_tx_used, DEV_VHOST_NET, false, TX, true, false);

FIXTURE_SETUP(dead)
{
	struct nic_opts o = {
		.path = variant->path,
		.features = F_VERSION_1 | F_MRG_RXBUF |
			    (variant->used ? 0 : F_LOG_ALL),
		.slot = PAGE,
		.stopped = true,
	};

	ASSERT_EQ(0, nic_open(&self->nic, &o));
	self->v = &self->nic.vmm;
	ASSERT_EQ(0, dirty_open(&self->log, LOG_END, 0));
	ASSERT_EQ(0, vmm_set_log(self->v, dirty_base(&self->log)));
	if (variant->used) {
		ASSERT_EQ(0, vmm_set_addr_logged(self->v, variant->index,
						 used_gpa(self->v,
							  variant->index)));
	}
	ASSERT_EQ(0, vmm_start(self->v, self->nic.tap));
}

FIXTURE_TEARDOWN(dead)
{
	nic_close(&self->nic);
	dirty_close(&self->log);
}

static int dead_ping(struct nic *n, unsigned int index, uint32_t seed)
{
	return index == RX ? nic_ping_rx(n, 60, seed) :
			     nic_ping_tx(n, 60, seed);
}

/* A frame on its way, and its end. */
static int dead_begin(struct nic *n, unsigned int index)
{
	uint8_t frame[60];
	int ret;

	frame_fill(frame, sizeof(frame), 1);
	if (index == RX) {
		nic_fill_rx(n, 1, 2048);
		return wire_send(n->wire, NULL, frame, sizeof(frame));
	}
	ret = nic_post_tx(n, NULL, NULL, frame, sizeof(frame));
	vq_kick(&n->vmm.vq[TX]);
	return ret < 0 ? ret : 0;
}

static int dead_end(struct nic *n, unsigned int index)
{
	uint8_t frame[2048];
	int ret = 0;

	if (index == TX)
		ret = nic_reap_tx(n, 1, NIC_TIMEOUT);
	if (ret)
		return ret;
	ret = index == RX ? nic_recv(n, NULL, frame, 2048, NIC_TIMEOUT) :
			    wire_recv(n->wire, NULL, frame, 2048, NIC_TIMEOUT);
	return ret == 60 ? 0 : -EBADMSG;
}

static int kill_log(struct dirty *d, bool read_only)
{
	return mprotect(d->map, d->size, read_only ? PROT_READ : PROT_NONE);
}

static int revive_log(struct dirty *d)
{
	return mprotect(d->map, d->size, PROT_READ | PROT_WRITE);
}

TEST_F(dead, breaks_its_queue)
{
	unsigned int index = variant->index;
	struct nic *n = &self->nic;
	struct vq *q = &self->v->vq[index];
	struct stats st;

	ASSERT_EQ(0, dead_ping(n, index, 1));
	ASSERT_EQ(0, dead_ping(n, !index, 2));
	ASSERT_LE(0, vmm_get_base(self->v, index));
	ASSERT_EQ(0, kill_log(&self->log, variant->read_only));
	ASSERT_EQ(0, dead_begin(n, index));
	if (!variant->vhostx) {
		EXPECT_EQ(0, dead_end(n, index));
		EXPECT_EQ(0, dead_ping(n, index, 3));
		EXPECT_EQ(0, efd_read(q->err, 0));
		return;
	}
	EXPECT_EQ(1, efd_read(q->err, NIC_TIMEOUT));
	ASSERT_EQ(0, nic_stats(index, &st));
	EXPECT_STREQ("broken", st.state);
	EXPECT_STREQ("log-write", st.reason);
	EXPECT_EQ(1, st.broken);
	/* It says so once, rests, and takes nobody with it. */
	vq_kick_always(q);
	EXPECT_GT(5.0, worker_cpu(worker_find(getpid(), 0), 5.0, 200));
	EXPECT_EQ(0, efd_read(q->err, 0));
	EXPECT_EQ(0, dead_ping(n, !index, 4));

	/* The frame is not lost, and is logged, when there is a log again. */
	ASSERT_EQ(0, revive_log(&self->log));
	dirty_clear(&self->log);
	ASSERT_EQ(0, vmm_backend(self->v, index, n->tap));
	EXPECT_EQ(0, dead_end(n, index));
	EXPECT_EQ(0, dead_ping(n, index, 5));
	ASSERT_LE(0, vmm_get_base(self->v, index));
	EXPECT_LT(0, dirty_count(&self->log));
	ASSERT_EQ(0, nic_stats(index, &st));
	EXPECT_STREQ("running", st.state);
	EXPECT_STREQ("none", st.reason);
	EXPECT_EQ(1, st.broken);
}

/* Taken away from a queue that is stopped: it does not start in silence. */
TEST_F(dead, at_the_start)
{
	unsigned int index = variant->index;
	struct nic *n = &self->nic;
	int ret;

	ASSERT_EQ(0, dead_ping(n, index, 1));
	ASSERT_EQ(0, vmm_backend(self->v, index, -1));
	ASSERT_EQ(0, kill_log(&self->log, variant->read_only));
	ret = vmm_backend(self->v, index, n->tap);
	if (variant->vhostx) {
		ASSERT_EQ(0, ret ? 0 : dead_begin(n, index));
		EXPECT_TRUE(ret == -EFAULT ||
			    efd_read(self->v->vq[index].err, NIC_TIMEOUT) == 1);
		ASSERT_EQ(0, revive_log(&self->log));
		ASSERT_EQ(0, vmm_backend(self->v, index, n->tap));
		EXPECT_EQ(0, ret ? 0 : dead_end(n, index));
	} else {
		EXPECT_EQ(0, ret);
	}
	EXPECT_EQ(0, dead_ping(n, index, 2));
}

TEST_HARNESS_MAIN
