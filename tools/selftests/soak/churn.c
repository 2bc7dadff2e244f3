// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that is never left alone. While frames go both ways, every byte compared, another
 * thread changes its memory table, tunables, layout and worker's processors, and stops its
 * queues; now and then a queue begins anew, or the device closes and another comes, with other
 * rings.
 *
 *   churn SECONDS	a line at the end of every so many, and at SIGUSR1; SIGTERM ends it
 *
 * How long a frame takes is beside how long two threads take to wake each other, which is the
 * machine's and not the device's.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "clock.h"
#include "netlink.h"
#include "nic.h"

#define PAGE		4096
#define PATIENCE	(30000 * slow())	/* ms; a host full of guests is busy */
#define SINGLES		4
#define BURST		16
#define PAUSE_US	5000
#define ROUNDS_A_RESET	40
#define ROUNDS_A_DEVICE	240
#define ORDER_US	20000
#define REGIONS		6
#define SAMPLES_MAX	100000

static const uint64_t kinds[] = {
	F_VERSION_1 | F_MRG_RXBUF,
	F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX | F_INDIRECT,
	F_VERSION_1 | F_MRG_RXBUF | F_RING_PACKED,
	F_VERSION_1 | F_MRG_RXBUF | F_RING_PACKED | F_EVENT_IDX | F_INDIRECT,
};

/* Microseconds of one interval. */
struct times {
	uint32_t us[SAMPLES_MAX];
	unsigned int n;
};

static atomic_bool over;
static sigset_t signals;
/* Orders are given to a device that is there, with its queues as they should be. */
static pthread_mutex_t there = PTHREAD_MUTEX_INITIALIZER;
static const char *_Atomic failure;
static atomic_int failure_errno;
static struct nic nic;
static struct nl nl;
static uint8_t *alias;
static struct times frames, wakes;
static int ask, answer;
static uint64_t passed[2], bytes, on_device[2];
static unsigned long devices, resets, tables, orders, stops;

/* The signal that has come, or -1: between rounds, as a wait that one ends has no frame. */
static int signal_came(void)
{
	static const struct timespec now;

	return sigtimedwait(&signals, NULL, &now);
}

/* What is to be 0, or the program ends with these words. */
static bool good(const char *what, int ret)
{
	if (!ret)
		return true;
	failure_errno = ret;
	failure = what;
	return false;
}

static void took(struct times *t, double begin)
{
	if (t->n < SAMPLES_MAX)
		t->us[t->n++] = now_us() - begin;
}

/* The same memory in several regions, sometimes at another place, and the old place gone. */
static int change_table(void)
{
	struct vhost_memory_region r[REGIONS];
	unsigned int n = 1 + rand() % REGIONS;
	uint64_t at = 0, size = nic.vmm.mem_size;
	uint8_t *host = nic.vmm.mem, *new = NULL;
	int ret;

	if (rand() % 2) {
		new = mremap(nic.vmm.mem, 0, size, MREMAP_MAYMOVE);
		if (new == MAP_FAILED)
			return -errno;
		host = new;
	}
	for (unsigned int i = 0; i < n; i++) {
		uint64_t to = i + 1 < n ? at + (1 + rand() % (size / n / PAGE - 1)) * PAGE : size;

		r[i] = (struct vhost_memory_region){
			.guest_phys_addr = VMM_GPA + at,
			.memory_size = to - at,
			.userspace_addr = (uintptr_t)host + at,
		};
		at = to;
	}
	ret = vmm_set_mem_regions(&nic.vmm, r, n);
	if (alias)
		munmap(alias, size);
	alias = new;
	tables++;
	return ret;
}

static int device_id(void)
{
	struct stats s;

	return nic_stats(RX, &s) ?: s.dev;
}

static int set_queue(void)
{
	static const struct {
		unsigned int attr;
		uint32_t least, most;
	} tunable[] = {
		{ VHOSTX_A_QUEUE_POLL_MODE, 0, VHOSTX_POLL_MODE_ADAPTIVE },
		{ VHOSTX_A_QUEUE_POLL_US, 0, 50 },
		{ VHOSTX_A_QUEUE_BATCH, 1, VHOSTX_BATCH_MAX },
		{ VHOSTX_A_QUEUE_WEIGHT, VHOSTX_WEIGHT_MIN, VHOSTX_WEIGHT_MAX },
		{ VHOSTX_A_QUEUE_COALESCE_US, 0, 200 },
		{ VHOSTX_A_QUEUE_COALESCE_FRAMES, 1, 16 },
	};
	struct nlmsghdr *nlh = nl_request(&nl, VHOSTX_CMD_QUEUE_SET, 0);

	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, device_id());
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_ID,
			 rand() % 2 ? VHOSTX_QUEUE_ID_TX : VHOSTX_QUEUE_ID_RX);
	for (unsigned int i = 0; i < ARRAY_SIZE(tunable); i++) {
		uint32_t span = tunable[i].most - tunable[i].least + 1;

		mnl_attr_put_u32(nlh, tunable[i].attr, tunable[i].least + rand() % span);
	}
	orders++;
	return nl_talk(&nl, nlh, NULL, NULL);
}

static int set_layout(void)
{
	struct nlmsghdr *nlh = nl_request(&nl, VHOSTX_CMD_DEV_SET, 0);

	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_ID, device_id());
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_LAYOUT, rand() % (VHOSTX_LAYOUT_POOL + 1));
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_POOL_SIZE, 1 + rand() % 4);
	orders++;
	return nl_talk(&nl, nlh, NULL, NULL);
}

static int move_worker(void)
{
	unsigned int n = get_nprocs(), first = rand() % n;
	struct nlmsghdr *nlh;
	char cpus[24];
	struct stats s;
	int ret = nic_stats(rand() % 2 ? RX : TX, &s);

	if (ret)
		return ret;
	nlh = nl_request(&nl, VHOSTX_CMD_WORKER_SET, 0);
	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_TID, s.worker);
	snprintf(cpus, sizeof(cpus), "%u-%u", first, first + rand() % (n - first));
	mnl_attr_put_strz(nlh, VHOSTX_A_WORKER_CPUS, cpus);
	orders++;
	return nl_talk(&nl, nlh, NULL, NULL);
}

/* A queue stands for a moment, with what is under way in it, and goes on. */
static int stop_and_go(void)
{
	unsigned int index = rand() % 2;
	uint64_t one = 1;
	int ret = vmm_backend(&nic.vmm, index, -1);

	usleep(rand() % 2000);
	ret = ret ?: vmm_backend(&nic.vmm, index, nic.tap);
	if (write(nic.vmm.vq[index].kick, &one, sizeof(one)) != sizeof(one))
		return -errno;
	stops++;
	return ret;
}

static void *give_orders(void *arg)
{
	(void)arg;
	while (!over && !failure) {
		pthread_mutex_lock(&there);
		switch (rand() % 8) {
		case 0: case 1:
			good("memory table", change_table());
			break;
		case 2: case 3: case 4:
			good("queue's tunables", set_queue());
			break;
		case 5:
			good("layout", set_layout());
			break;
		case 6:
			good("worker's processors", move_worker());
			break;
		case 7:
			good("stop and go", stop_and_go());
			break;
		}
		pthread_mutex_unlock(&there);
		usleep(ORDER_US);
	}
	return NULL;
}

static void *echo(void *arg)
{
	uint64_t word;

	(void)arg;
	for (;;)
		if (read(ask, &word, sizeof(word)) != sizeof(word) ||
		    write(answer, &word, sizeof(word)) != sizeof(word))
			err(1, "echo");
	return NULL;
}

static void wake(void)
{
	double begin = now_us();
	uint64_t word = 1;

	if (write(ask, &word, sizeof(word)) != sizeof(word) ||
	    read(answer, &word, sizeof(word)) != sizeof(word))
		err(1, "wake");
	took(&wakes, begin);
}

static size_t length(uint32_t seed)
{
	return 60 + seed * 131 % 1440;
}

static int post(uint32_t seed)
{
	static const uint32_t parts[] = { 12, 20 };
	struct nic_layout l = {
		.n = 1 + seed % 3,
		.len = parts,
		.indirect = nic.vmm.features & F_INDIRECT && seed % 4 == 0,
	};
	uint8_t frame[1500];

	frame_fill(frame, length(seed), seed);
	return nic_post_tx(&nic, &l, NULL, frame, length(seed)) < 0 ? -ENOSPC : 0;
}

static int sent(uint32_t seed)
{
	uint8_t frame[2048];
	int n = wire_recv(nic.wire, NULL, frame, sizeof(frame), PATIENCE);

	if (n < 0)
		return n;
	if (n != (int)length(seed) || frame_check(frame, n, seed) >= 0)
		return -EBADMSG;
	passed[TX]++;
	on_device[TX]++;
	bytes += n;
	return 0;
}

static int received(uint32_t seed)
{
	uint8_t frame[2048];
	int n = nic_recv(&nic, NULL, frame, sizeof(frame), PATIENCE);

	if (n < 0)
		return n;
	if (n != (int)length(seed) || frame_check(frame, n, seed) >= 0)
		return -EBADMSG;
	passed[RX]++;
	on_device[RX]++;
	bytes += n;
	return 0;
}

static int put(uint32_t seed)
{
	uint8_t frame[1500];

	frame_fill(frame, length(seed), seed);
	return wire_send(nic.wire, NULL, frame, length(seed));
}

/* One frame each way, and how long each took. */
static bool single(uint32_t seed)
{
	double begin = now_us();

	if (!good("post", post(seed)))
		return false;
	vq_kick(&nic.vmm.vq[TX]);
	if (!good("one frame sent", sent(seed)))
		return false;
	took(&frames, begin);
	if (!good("its buffer", nic_reap_tx(&nic, 1, PATIENCE)))
		return false;
	nic_fill_rx(&nic, 1, 2048);
	begin = now_us();
	if (!good("to the tap", put(seed)) || !good("one frame received", received(seed)))
		return false;
	took(&frames, begin);
	return true;
}

/* Many each way at once. */
static bool burst(uint32_t seed)
{
	unsigned int n = 1 + rand() % BURST, i;
	bool ok = nic_fill_rx(&nic, n, 2048) == (int)n;

	for (i = 0; ok && i < n; i++)
		ok = good("post", post(seed + i)) && good("to the tap", put(seed + i));
	vq_kick(&nic.vmm.vq[TX]);
	for (i = 0; ok && i < n; i++)
		ok = good("a frame sent", sent(seed + i));
	for (i = 0; ok && i < n; i++)
		ok = good("a frame received", received(seed + i));
	return ok && good("their buffers", nic_reap_tx(&nic, n, PATIENCE));
}

/* Both queues begin with empty rings, as after a reset of theirs. */
static bool reset(void)
{
	int ret = vmm_stop(&nic.vmm);

	for (unsigned int i = 0; !ret && i < 2; i++)
		ret = vmm_setup_vq(&nic.vmm, i, 0);
	resets++;
	return good("reset", ret ?: vmm_start(&nic.vmm, nic.tap));
}

static bool come(void)
{
	struct nic_opts o = {
		.path = DEV_VHOSTX,
		.features = kinds[devices % ARRAY_SIZE(kinds)],
	};

	memset(on_device, 0, sizeof(on_device));
	devices++;
	return good("open", nic_open(&nic, &o));
}

/* Its own counters have each frame, no other, and no drop. */
static bool counts(unsigned int index)
{
	struct stats s;

	if (!good("counters", nic_stats(index, &s)))
		return false;
	if (s.packets == on_device[index] && !stats_drops(&s) && !s.broken)
		return true;
	warnx("%s has %llu packets of %llu, %llu drops, broken %llu times", s.queue,
	      (unsigned long long)s.packets, (unsigned long long)on_device[index],
	      (unsigned long long)stats_drops(&s), (unsigned long long)s.broken);
	return good("what is counted", -ERANGE);
}

static bool go(void)
{
	bool ok = counts(RX) && counts(TX);
	size_t size = nic.vmm.mem_size;

	nic_close(&nic);
	if (alias)
		munmap(alias, size);
	alias = NULL;
	return ok;
}

static int by_value(const void *a, const void *b)
{
	return (*(const uint32_t *)a > *(const uint32_t *)b) -
	       (*(const uint32_t *)a < *(const uint32_t *)b);
}

static uint32_t of(const struct times *t, double part)
{
	return t->n ? t->us[(unsigned int)((t->n - 1) * part)] : 0;
}

static void say(void)
{
	qsort(frames.us, frames.n, sizeof(*frames.us), by_value);
	qsort(wakes.us, wakes.n, sizeof(*wakes.us), by_value);
	printf("frames=%llu bytes=%llu p50=%u p99=%u worst=%u wake=%u",
	       (unsigned long long)(passed[RX] + passed[TX]), (unsigned long long)bytes,
	       of(&frames, 0.5), of(&frames, 0.99), of(&frames, 1), of(&wakes, 0.5));
	printf(" devices=%lu resets=%lu stops=%lu tables=%lu orders=%lu\n",
	       devices, resets, stops, tables, orders);
	fflush(stdout);
	frames.n = 0;
	wakes.n = 0;
}

static bool one_round(unsigned long number)
{
	static uint32_t seed;
	bool ok = true;

	for (int i = 0; ok && i < SINGLES; i++) {
		ok = single(seed++);
		wake();
	}
	ok = ok && burst(seed);
	seed += BURST;
	if (!ok || number % ROUNDS_A_RESET)
		return ok;
	pthread_mutex_lock(&there);
	ok = number % ROUNDS_A_DEVICE ? reset() : go() && come();
	pthread_mutex_unlock(&there);
	return ok;
}

int main(int argc, char **argv)
{
	long interval = argc == 2 ? atol(argv[1]) * 1000 : 0, said;
	unsigned long number = 0;
	pthread_t thread[2];
	int ret;

	if (interval <= 0)
		errx(2, "usage: churn SECONDS");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	srand(1);
	ask = eventfd(0, EFD_CLOEXEC);
	answer = eventfd(0, EFD_CLOEXEC);
	ret = nl_open(&nl);
	if (ret || ask < 0 || answer < 0)
		errx(1, "netlink: %s", strerror(-ret));
	if (!come())
		errx(1, "%s: %s", failure, strerror(-failure_errno));
	if (pthread_create(&thread[0], NULL, give_orders, NULL) ||
	    pthread_create(&thread[1], NULL, echo, NULL))
		errx(1, "no thread");
	for (said = now_ms(); !over && !failure; usleep(PAUSE_US)) {
		int came;

		if (!one_round(++number))
			break;
		came = signal_came();
		over = came == SIGTERM;
		if (came == SIGUSR1 || now_ms() - said >= interval) {
			said = now_ms();
			say();
		}
	}
	pthread_join(thread[0], NULL);
	if (!failure)
		go();
	say();
	if (failure)
		errx(1, "round %lu, features %#llx: %s: %s", number,
		     (unsigned long long)nic.vmm.features, failure, strerror(-failure_errno));
	return 0;
}
