// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "netlink.h"
#include "stats.h"

#define DEVICES	128

static const struct {
	const char *key;
	unsigned int attr;
	size_t offset;
} counters[] = {
#define C(name, attr) { #name, VHOSTX_A_STATS_##attr, offsetof(struct stats, name) }
	C(packets, PACKETS), C(bytes, BYTES), C(batches, BATCHES), C(kicks, KICKS),
	C(signals, SIGNALS), C(suppressed, SUPPRESSED), C(coalesced, COALESCED),
	C(poll_hits, POLL_HITS), C(poll_misses, POLL_MISSES), C(ring_full, RING_FULL),
	C(drop_hdr, DROP_HDR), C(drop_short, DROP_SHORT), C(drop_empty, DROP_EMPTY),
	C(drop_dir, DROP_DIR), C(drop_addr, DROP_ADDR), C(drop_fault, DROP_FAULT),
	C(drop_size, DROP_SIZE), C(drop_backend, DROP_BACKEND), C(broken, BROKEN),
	C(batch_1, BATCH_1), C(batch_2, BATCH_2), C(batch_4, BATCH_4), C(batch_8, BATCH_8),
	C(batch_16, BATCH_16), C(batch_32, BATCH_32), C(batch_64, BATCH_64),
#undef C
};

static const char * const queue_names[] = { "rx", "tx" };
static const char * const ring_names[] = { "split", "packed" };
static const char * const state_names[] = { "stopped", "running", "broken" };
static const char * const reason_names[] = {
	"none", "avail-read", "avail-jump", "desc-read", "desc-range", "desc-loop",
	"indirect-len", "indirect-nest", "used-write", "log-write",
};

#define NAME(names, i)	((i) < ARRAY_SIZE(names) ? (names)[i] : "?")

/* The devices there are, as the start of what is said of their queues. */
struct book {
	struct stats dev[DEVICES];
	int devices;
	void (*queue)(const struct stats *s, void *data);
	void *data;
};

static void got_dev(const struct nl_object *o, void *data)
{
	struct book *b = data;
	struct stats *s = &b->dev[b->devices];

	if (b->devices == DEVICES)
		return;
	b->devices++;
	memset(s, 0, sizeof(*s));
	s->dev = nl_u32(o, VHOSTX_A_DEV_ID);
	s->pid = nl_u32(o, VHOSTX_A_DEV_OWNER_PID);
	s->ring = NAME(ring_names, nl_u32(o, VHOSTX_A_DEV_RING_FORMAT));
	snprintf(s->ifname, sizeof(s->ifname), "%s", nl_str(o, VHOSTX_A_DEV_IFNAME));
}

static void got_queue(const struct nl_object *o, void *data)
{
	struct nl_object values = {};
	struct book *b = data;
	struct stats s;
	int i = 0;

	while (i < b->devices && b->dev[i].dev != (int)nl_u32(o, VHOSTX_A_QUEUE_DEV_ID))
		i++;
	/* Of a device that came in between nothing is known. */
	if (i == b->devices)
		return;
	s = b->dev[i];
	s.queue = NAME(queue_names, nl_u32(o, VHOSTX_A_QUEUE_ID));
	s.state = NAME(state_names, nl_u32(o, VHOSTX_A_QUEUE_STATE));
	s.reason = NAME(reason_names, nl_u32(o, VHOSTX_A_QUEUE_FAULT));
	s.worker = nl_u32(o, VHOSTX_A_QUEUE_WORKER);
	if (o->attr[VHOSTX_A_QUEUE_STATS])
		nl_nest(o->attr[VHOSTX_A_QUEUE_STATS], &values);
	for (size_t j = 0; j < ARRAY_SIZE(counters); j++)
		*(uint64_t *)((char *)&s + counters[j].offset) =
			nl_u64(&values, counters[j].attr);
	b->queue(&s, b->data);
}

/* Every queue, if anyone wants to know: the number of devices or -errno. */
static int each_queue(void (*queue)(const struct stats *s, void *data), void *data)
{
	struct book b = { .queue = queue, .data = data };
	struct nl nl;
	int ret = nl_open(&nl);

	if (ret)
		return ret;
	ret = nl_talk(&nl, nl_request(&nl, VHOSTX_CMD_DEV_GET, NLM_F_DUMP), got_dev, &b);
	if (!ret && queue)
		ret = nl_talk(&nl, nl_request(&nl, VHOSTX_CMD_QUEUE_GET, NLM_F_DUMP),
			      got_queue, &b);
	nl_close(&nl);
	return ret ? ret : b.devices;
}

/* What stats_read() looks for. */
struct search {
	struct stats *s;
	pid_t pid;
	unsigned int nth;
	const char *queue;
	bool found;
};

static void compare(const struct stats *s, void *data)
{
	struct search *want = data;

	if (want->found || s->pid != want->pid || strcmp(s->queue, want->queue))
		return;
	if (want->nth--)
		return;
	*want->s = *s;
	want->found = true;
}

int stats_read(struct stats *s, pid_t pid, unsigned int nth,
	       const char *queue)
{
	struct search want = { .s = s, .pid = pid, .nth = nth, .queue = queue };
	int ret = each_queue(compare, &want);

	if (ret < 0)
		return ret;
	return want.found ? 0 : -ENOENT;
}

static void print(const struct stats *s, void *unused)
{
	(void)unused;
	printf("dev=%d pid=%d worker=%d ifname=%s queue=%s state=%s ring=%s reason=%s", s->dev,
	       s->pid, s->worker, s->ifname, s->queue, s->state, s->ring, s->reason);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		printf(" %s=%" PRIu64, counters[i].key,
		       *(const uint64_t *)((const char *)s + counters[i].offset));
	putchar('\n');
}

int stats_print(void)
{
	return each_queue(print, NULL);
}

int stats_devices(void)
{
	return each_queue(NULL, NULL);
}

uint64_t stats_drops(const struct stats *s)
{
	return s->drop_hdr + s->drop_short + s->drop_empty + s->drop_dir +
	       s->drop_addr + s->drop_fault + s->drop_size + s->drop_backend;
}

static bool comm_is(const char *path, const char *want)
{
	char comm[32] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = 0;
	fclose(f);
	comm[strcspn(comm, "\n")] = 0;
	return !strcmp(comm, want);
}

/* Counts matching threads below dir; stores the nth one's id. */
static unsigned int scan(const char *dir, const char *want, unsigned int nth,
			 int *tid)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned int n = 0;

	while (d && (e = readdir(d))) {
		char path[300];

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/%s/comm", dir, e->d_name);
		if (comm_is(path, want) && n++ == nth)
			*tid = atoi(e->d_name);
	}
	if (d)
		closedir(d);
	return n;
}

static unsigned int find(pid_t pid, unsigned int nth, int *tid)
{
	char want[32], dir[32];
	unsigned int n;

	snprintf(want, sizeof(want), "vhost-%d", pid);
	/* A kernel thread, or a thread of the owner. */
	n = scan("/proc", want, nth, tid);
	snprintf(dir, sizeof(dir), "/proc/%d/task", pid);
	return n + scan(dir, want, nth - n, tid);
}

int worker_find(pid_t pid, unsigned int nth)
{
	int tid = -ESRCH;

	find(pid, nth, &tid);
	return tid;
}

unsigned int worker_count(pid_t pid)
{
	int tid;

	return find(pid, -1, &tid);
}

unsigned int workers_come_to(pid_t pid, unsigned int want)
{
	unsigned int n = worker_count(pid);

	for (int i = 0; i < 200 && n != want; i++) {
		usleep(10000);
		n = worker_count(pid);
	}
	return n;
}

unsigned int workers_left(pid_t pid)
{
	return workers_come_to(pid, 0);
}

uint64_t thread_run_ns(int tid)
{
	uint64_t ns;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", tid);
	f = fopen(path, "re");
	if (!f)
		return UINT64_MAX;
	if (fscanf(f, "%" SCNu64, &ns) != 1)
		ns = UINT64_MAX;
	fclose(f);
	return ns;
}

int thread_rests(int tid)
{
	char path[64], state;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	for (int i = 0; i < 5000; i++) {
		FILE *f = fopen(path, "re");
		int n = f ? fscanf(f, "%*d (%*[^)]) %c", &state) : 0;

		if (f)
			fclose(f);
		if (n == 1 && state == 'S')
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

static double cpu_window(int tid, int ms)
{
	uint64_t before = thread_run_ns(tid), after;
	struct timespec t0, t1;
	double wall;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	usleep(ms * 1000);
	after = thread_run_ns(tid);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	/* A thread that cannot be read must not look idle. */
	if (before == UINT64_MAX || after == UINT64_MAX)
		return 100;
	wall = (t1.tv_sec - t0.tv_sec) * 1e9 + (t1.tv_nsec - t0.tv_nsec);
	return 100.0 * (after - before) / wall;
}

double worker_cpu(int tid, double limit, int ms)
{
	double used = 100, now;

	for (int i = 0; i < 3 && used >= limit; i++) {
		now = cpu_window(tid, ms);
		if (now < used)
			used = now;
	}
	return used;
}

/* Sum of a file's numbers that follow one of the words, which start their lines. */
static long sum_after(const char *path, const char * const *words, size_t n)
{
	char line[256], word[64];
	FILE *f = fopen(path, "re");
	long sum = 0, value;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %ld", word, &value) != 2)
			continue;
		for (size_t i = 0; i < n; i++)
			if (!strcmp(word, words[i]))
				sum += value;
	}
	if (f)
		fclose(f);
	return sum;
}

long kernel_memory(void)
{
	static const char * const other[] = {
		"MemFree:", "Buffers:", "Cached:", "SReclaimable:",
		"AnonPages:", "PageTables:",
	};
	static const char * const all[] = { "MemTotal:" };
	/* What idle CPUs keep on lists of their own, in pages. */
	static const char * const count[] = { "count:" };

	return sum_after("/proc/meminfo", all, 1) -
	       sum_after("/proc/meminfo", other, ARRAY_SIZE(other)) -
	       sum_after("/proc/zoneinfo", count, 1) * 4;
}
