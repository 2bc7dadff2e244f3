// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls at random. First by one thread, on vhostx and vhost-net in step: a model knows
 * what each answers, and why where they differ. Then by threads of several processes
 * that share a file of vhostx: what an answer can be is known, and that all comes to an
 * end.
 * Usage: fuzz [-s SEED] [-n CALLS] [-x]	the seed is 1; -x: vhostx alone
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "answers.h"
#include "clock.h"
#include "fuzz.h"
#include "nic.h"

/* Of both devices together; the crowd makes twice as many. */
#define CALLS		120000
/* Calls that are shown in front of the one that failed. */
#define SHOWN		16
#define PROCESSES	3
#define THREADS		3
/* Calls of each thread for one file. */
#define CROWD_LIFE	512
/* Seconds that nothing may hang for. */
#define LIMIT		60

struct pair {
	struct fuzz_dev dev;
	struct fuzz_model model;
	uint64_t calls;
};

static struct pair x = { .dev.path = DEV_VHOSTX }, net = { .dev.path = DEV_VHOST_NET };
static uint64_t seed = 1, count = CALLS;
static unsigned int point;

static bool say(bool ok, const char *what)
{
	printf("%s %u fuzz.%s\n", ok ? "ok" : "not ok", ++point, what);
	return ok;
}

static void reopen(struct pair *p)
{
	if (p->dev.fd >= 0)
		close(p->dev.fd);
	p->dev.fd = open(p->dev.path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (p->dev.fd < 0)
		err(1, "%s", p->dev.path);
	fuzz_opened(&p->model);
}

static void show_last(uint64_t number)
{
	uint64_t first = number < SHOWN ? 0 : number - SHOWN;
	struct fuzz_call c;

	printf("# again: fuzz -s %llu -n %llu; the last calls of this file:\n",
	       (unsigned long long)seed, (unsigned long long)number + 1);
	if (first < number / FUZZ_LIFE * FUZZ_LIFE)
		first = number / FUZZ_LIFE * FUZZ_LIFE;
	for (; first <= number; first++) {
		fuzz_choose(&c, seed, first);
		printf("# %llu: ", (unsigned long long)first);
		fuzz_print(&c);
		printf("\n");
	}
}

/* Make a call: 0, or it was not answered as it should be. */
static int call(struct pair *p, const struct fuzz_call *c, struct fuzz_answer *a,
		long *answer)
{
	*a = fuzz_predict(&p->model, c);
	*answer = fuzz_do(&p->dev, c);
	p->calls++;
	if (*answer != a->want && *answer != a->also) {
		printf("# %s answers %ld, not %ld\n", p->dev.path, *answer, a->want);
		fuzz_print_state(&p->model.s);
		return -EPROTO;
	}
	fuzz_answered(&p->model, c, *answer);
	return 0;
}

struct reason {
	const char *why;
	unsigned int times;
};

static void count_reason(struct reason *r, const char *why)
{
	while (r->why && strcmp(r->why, why))
		r++;
	r->why = why;
	r->times++;
}

/*
 * The two have answered. A difference has a reason of its own, or that of a difference
 * before, from which on their states are not the same.
 */
static int compare(const struct fuzz_answer *a, const struct fuzz_answer *b, bool differ,
		   const char **since, struct reason *reasons)
{
	bool apart = memcmp(&x.model.s, &net.model.s, sizeof(x.model.s));
	const char *why = b->why ?: *since;

	/* Who asked meanwhile is a matter of time. */
	if (a->want == a->also && b->want == b->also && differ) {
		if (!why) {
			printf("# they differ, and nothing says why\n");
			return -EPROTO;
		}
		count_reason(reasons, why);
	}
	if (apart && !*since && !b->why) {
		printf("# their states differ, and nothing says why\n");
		return -EPROTO;
	}
	*since = apart ? why : NULL;
	return 0;
}

/* All calls, one by one: 0 or -EPROTO. */
static int in_step(bool alone, struct reason *reasons)
{
	const char *since = NULL;
	uint64_t number;
	int ret = 0;

	for (number = 0; x.calls + net.calls < count && !ret; number++) {
		bool both = !alone && fuzz_phase(number) != PHASE_MIXED;
		struct fuzz_answer a, b;
		long one, two;
		struct fuzz_call c;

		/* Nothing more can be done with what an owner left that has ended. */
		if (number % FUZZ_LIFE == 0 || x.model.s.owner == ANOTHER) {
			reopen(&x);
			reopen(&net);
			since = NULL;
		}
		fuzz_choose(&c, seed, number);
		ret = call(&x, &c, &a, &one);
		if (!ret && both)
			ret = call(&net, &c, &b, &two) ?:
			      compare(&a, &b, one != two, &since, reasons);
		if (ret)
			show_last(number);
	}
	return ret;
}

static void one_by_one(bool alone)
{
	struct reason reasons[32] = {};
	int ret = in_step(alone, reasons);

	for (const struct reason *r = reasons; r->why; r++)
		printf("# %u differences: %s\n", r->times, r->why);
	printf("# %llu calls to vhostx and %llu to vhost-net\n",
	       (unsigned long long)x.calls, (unsigned long long)net.calls);
	say(!ret, "one_by_one");
}

/* What all processes of the crowd see. */
static struct {
	atomic_ullong calls;
	atomic_uint odd;
} *crowd;

struct member {
	unsigned int number;
	unsigned int round;
};

static void *member(void *arg)
{
	const struct member *m = arg;
	/* Each phase in turn, and no sequence twice. */
	uint64_t first = ((uint64_t)m->round * PROCESSES * THREADS + m->number) * FUZZ_LIFE;

	for (unsigned int i = 0; i < CROWD_LIFE; i++) {
		struct fuzz_call c;
		long answer;

		fuzz_choose(&c, seed ^ 0x8000, first + i);
		c.other = false;
		answer = fuzz_do(&x.dev, &c);
		crowd->calls++;
		if (fuzz_allowed(&c, answer))
			continue;
		crowd->odd++;
		printf("# no state answers %ld: ", answer);
		fuzz_print(&c);
		printf("\n");
	}
	return NULL;
}

/* Threads of one process. */
static void process(unsigned int number, unsigned int round)
{
	struct member m[THREADS];
	pthread_t thread[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		m[i] = (struct member){ number * THREADS + i, round };
		if (pthread_create(&thread[i], NULL, member, &m[i]))
			errx(1, "a thread");
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

/* Wait for a process that has to end: whether it did, and well. */
static bool ends(pid_t pid, long limit)
{
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (now_ms() > limit) {
			printf("# a process hangs\n");
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return false;
		}
		/* Operators look meanwhile. */
		stats_devices();
		usleep(1000);
	}
	return !status;
}

/* All processes and threads at one file. The opener is none of them. */
static bool together(unsigned int round)
{
	long limit = now_ms() + LIMIT * 1000;
	pid_t pid[PROCESSES];
	bool ok = true;

	reopen(&x);
	fflush(stdout);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			process(i, round);
			fflush(stdout);
			_exit(0);
		}
	}
	for (unsigned int i = 0; i < PROCESSES; i++)
		ok &= ends(pid[i], limit);
	return ok;
}

static bool honest(void)
{
	const struct nic_opts o = { .path = DEV_VHOSTX, .features = F_VERSION_1 | F_MRG_RXBUF };
	struct nic n;
	int ret = nic_open(&n, &o) ?: nic_ping_tx(&n, 1000, 1) ?: nic_ping_rx(&n, 1000, 2);

	nic_close(&n);
	return !ret;
}

static void all_at_once(void)
{
	bool ok = true;

	crowd = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (unsigned int round = 0; ok && crowd->calls < 2 * count; round++)
		ok = together(round);
	close(x.dev.fd);
	printf("# %llu calls to vhostx by %d threads of %d processes\n",
	       (unsigned long long)crowd->calls, PROCESSES * THREADS, PROCESSES);
	say(ok && !crowd->odd, "all_at_once");
	say(honest(), "honest_traffic_afterwards");
}

/* Whether vhost-net knows an ioctl, whatever it makes of it. */
static bool knows(unsigned long req)
{
	uint64_t arg[4] = {};
	int fd = open(DEV_VHOST_NET, O_RDWR | O_CLOEXEC), ret;

	ret = ioctl(fd, VHOST_SET_OWNER, NULL) ?: ioctl(fd, req, arg);
	close(fd);
	return !ret;
}

static void set_up(struct pair *p, const char *name)
{
	const struct tap_opts o = {};
	const int files[] = {
		[FILE_EVENTFD] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		[FILE_TAP] = tap_open(name, &o),
		[FILE_WIRE] = wire_open(name, false),
		[FILE_UNBIND] = -1,
		[FILE_NULL] = open("/dev/null", O_RDWR | O_CLOEXEC),
		[FILE_CLOSED] = 999,
	};
	struct dev d = { .path = p->dev.path };

	memcpy(p->dev.file, files, sizeof(files));
	p->dev.mem = mmap(NULL, FUZZ_MEM_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->dev.mem == MAP_FAILED || p->dev.file[FILE_TAP] < 0)
		errx(1, "memory and a tap");
	d.v.fd = open(d.path, O_RDWR | O_CLOEXEC);
	if (ask(&d, VHOST_GET_FEATURES, &p->model.offered))
		err(1, "%s", d.path);
	close(d.v.fd);
	p->dev.fd = -1;
}

int main(int argc, char **argv)
{
	bool alone = false;
	int option;

	while ((option = getopt(argc, argv, "s:n:x")) != -1) {
		switch (option) {
		case 's':
			seed = strtoull(optarg, NULL, 0) & 0x7fff;
			break;
		case 'n':
			count = strtoull(optarg, NULL, 0);
			break;
		case 'x':
			alone = true;
			break;
		default:
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (netns_new())
		errx(1, "a network namespace");
	set_up(&x, "tap1");
	set_up(&net, "tap2");
	net.model.net = true;
	net.model.has_array = knows(VHOST_GET_FEATURES_ARRAY);
	net.model.has_fork = knows(VHOST_GET_FORK_FROM_OWNER);
	x.model.has_fork = !access("/sys/module/vhostx/parameters/fork_from_owner_default", F_OK);
	printf("TAP version 13\n1..3\n# seed %llu\n", (unsigned long long)seed);
	one_by_one(alone);
	close(net.dev.fd);
	all_at_once();
	return 0;
}
