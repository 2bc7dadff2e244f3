// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write memory page after page, round and round, each after a look whether it still holds
 * what was written the round before.
 *
 *   dirty MIB PAGES-PER-SECOND STATUS
 *
 * SIGTERM ends it after a last look at every page.
 */
#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "pattern.h"
#include "status.h"

#define PAGE	4096
#define WORDS	(PAGE / sizeof(uint64_t))

static volatile sig_atomic_t over;
static const char *status;
static uint64_t *memory;
static uint64_t pages;

static void end(int sig)
{
	(void)sig;
	over = 1;
}

/* The page as its @round left it; before the first it is zero. */
static void look(uint64_t page, uint64_t round)
{
	uint64_t *at = memory + page * WORDS, want, i;

	for (i = 0; i < WORDS; i++) {
		want = round ? pattern(round, page * WORDS + i) : 0;
		if (at[i] == want)
			continue;
		status_say(status, "state=bad page=%llu word=%llu is %#llx, not %#llx, round %llu",
			   (unsigned long long)page, (unsigned long long)i,
			   (unsigned long long)at[i], (unsigned long long)want,
			   (unsigned long long)round);
		exit(1);
	}
}

static void write_page(uint64_t page, uint64_t round)
{
	uint64_t *at = memory + page * WORDS, i;

	for (i = 0; i < WORDS; i++)
		at[i] = pattern(round, page * WORDS + i);
}

int main(int argc, char **argv)
{
	uint64_t done, start, rate;

	if (argc != 4)
		errx(2, "usage: dirty MIB PAGES-PER-SECOND STATUS");
	pages = strtoull(argv[1], NULL, 0) << 20 >> 12;
	rate = strtoull(argv[2], NULL, 0);
	status = argv[3];
	if (!pages || !rate)
		errx(2, "nothing to do");
	memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	signal(SIGTERM, end);

	start = now_ms();
	for (done = 0; !over; done++) {
		look(done % pages, done / pages);
		write_page(done % pages, done / pages + 1);
		if (done % 64)
			continue;
		status_say(status, "state=running pages=%llu", (unsigned long long)done);
		while (!over && done * 1000 > (now_ms() - start) * rate)
			usleep(5000);
	}
	for (start = done; done - start < pages; done++)
		look(done % pages, done / pages);
	status_say(status, "state=done pages=%llu", (unsigned long long)start);
	return 0;
}
