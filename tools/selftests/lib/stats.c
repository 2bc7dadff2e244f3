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

#include "stats.h"

static const struct {
	const char *key;
	size_t offset;
} counters[] = {
#define C(name) { #name, offsetof(struct stats, name) }
	C(packets), C(bytes), C(batches), C(kicks), C(signals),
	C(suppressed), C(coalesced), C(poll_hits), C(poll_misses),
	C(drop_hdr), C(drop_short), C(drop_empty),
	C(drop_dir), C(drop_addr), C(drop_fault), C(drop_size),
	C(drop_backend), C(broken),
#undef C
};

static void parse_word(struct stats *s, const char *key, const char *val)
{
	size_t i;

	if (!strcmp(key, "dev"))
		s->dev = atoi(val);
	else if (!strcmp(key, "pid"))
		s->pid = atoi(val);
	else if (!strcmp(key, "worker"))
		s->worker = atoi(val);
	else if (!strcmp(key, "queue"))
		snprintf(s->queue, sizeof(s->queue), "%s", val);
	else if (!strcmp(key, "state"))
		snprintf(s->state, sizeof(s->state), "%s", val);
	else if (!strcmp(key, "reason"))
		snprintf(s->reason, sizeof(s->reason), "%s", val);
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		if (!strcmp(key, counters[i].key))
			*(uint64_t *)((char *)s + counters[i].offset) =
				strtoull(val, NULL, 10);
}

static void parse_line(struct stats *s, char *line)
{
	static const char blank[] = { ' ', '\n', 0 };
	char *save, *word;

	memset(s, 0, sizeof(*s));
	for (word = strtok_r(line, blank, &save); word;
	     word = strtok_r(NULL, blank, &save)) {
		char *val = strchr(word, '=');

		if (!val)
			continue;
		*val++ = 0;
		parse_word(s, word, val);
	}
}

int stats_read(struct stats *s, pid_t pid, unsigned int nth,
	       const char *queue)
{
	FILE *f = fopen(STATS_FILE, "re");
	char line[1024];
	int ret = -ENOENT;

	if (!f)
		return -errno;
	while (ret && fgets(line, sizeof(line), f)) {
		parse_line(s, line);
		if (s->pid == pid && !strcmp(s->queue, queue) && !nth--)
			ret = 0;
	}
	fclose(f);
	return ret;
}

int stats_lines(void)
{
	FILE *f = fopen(STATS_FILE, "re");
	char line[1024];
	int n = 0;

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		n += !strncmp(line, "dev=", 4);
	fclose(f);
	return n;
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

	for (int i = 0; i < 100 && n != want; i++) {
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
	uint64_t ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", tid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &ns) != 1)
		ns = 0;
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
	if (!before || !after)
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
