// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "runs.h"

#define TRACE		"/sys/kernel/tracing/instances/runs"
#define SWITCH		TRACE "/events/sched/sched_switch"
#define KIB		"65536"
#define THREADS_MAX	8

static int threads[THREADS_MAX];
static size_t threads_nr;

/* Only their switches, or all others would fill the buffer. */
static void make_filter(char *filter, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < threads_nr; i++)
		at += snprintf(filter + at, size - at, "%sprev_pid == %d || next_pid == %d",
			       i ? " || " : "", threads[i], threads[i]);
}

int runs_begin(const int *tid, size_t nr)
{
	char filter[64 * THREADS_MAX];

	if (nr > THREADS_MAX)
		return -E2BIG;
	memcpy(threads, tid, nr * sizeof(*tid));
	threads_nr = nr;
	make_filter(filter, sizeof(filter));
	/* Of one that was killed. */
	rmdir(TRACE);
	if (mkdir(TRACE, 0700))
		return -errno;
	return write_file(TRACE "/trace_clock", "mono") ?:
	       write_file(TRACE "/buffer_size_kb", KIB) ?:
	       write_file(SWITCH "/filter", filter) ?:
	       write_file(SWITCH "/enable", "1");
}

/* Microseconds of a line, and who went and who came; false where it is no switch. */
static bool parse(const char *line, uint64_t *us, int *from, int *to)
{
	const char *what = strstr(line, ": sched_switch: "), *at = what;
	const char *prev = strstr(line, " prev_pid="), *next = strstr(line, " next_pid=");
	unsigned long long seconds, fraction;

	if (!what || !prev || !next)
		return false;
	while (at > line && at[-1] != ' ')
		at--;
	if (sscanf(at, "%llu.%6llu", &seconds, &fraction) != 2)
		return false;
	*us = seconds * 1000000 + fraction;
	*from = atoi(prev + strlen(" prev_pid="));
	*to = atoi(next + strlen(" next_pid="));
	return true;
}

/* What is in the trace, or 0 where some of it is not. */
static uint64_t sum(FILE *trace)
{
	unsigned long long kept, written = 0, nr = 0;
	uint64_t us, since[THREADS_MAX] = {}, total = 0;
	char line[512];
	int from, to;

	while (fgets(line, sizeof(line), trace)) {
		if (sscanf(line, "# entries-in-buffer/entries-written: %llu/%llu", &kept,
			   &written) == 2 && kept != written)
			return 0;
		if (!parse(line, &us, &from, &to))
			continue;
		nr++;
		for (size_t i = 0; i < threads_nr; i++) {
			if (from == threads[i] && since[i])
				total += us - since[i];
			if (from == threads[i] || to == threads[i])
				since[i] = to == threads[i] ? us : 0;
		}
	}
	return nr == written ? total * 1000 : 0;
}

uint64_t runs_end(void)
{
	uint64_t ns = 0;
	FILE *trace;

	if (write_file(SWITCH "/enable", "0"))
		return 0;
	trace = fopen(TRACE "/trace", "re");
	if (trace) {
		ns = sum(trace);
		fclose(trace);
	}
	rmdir(TRACE);
	return ns;
}
