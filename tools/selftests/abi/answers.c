// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ask both devices every case, and hold the answers against what is wanted. A point's
 * name is the ioctl, the case, vhost-net's answer, vhostx's and, where they differ on
 * some kernel, the reason.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "answers.h"
#include "kselftest.h"

#define TEXT	32
/* A call that does not return by then is interrupted. */
#define LIMIT	30

static const struct {
	const char *title;
	const struct row *rows;
} tables[] = {
	{ "Owner", owner_rows },
	{ "Features, and kinds of workers", features_rows },
	{ "Memory table and dirty log", memory_rows },
	{ "Rings", vring_rows },
	{ "Eventfds", fd_rows },
	{ "Backends", backend_rows },
	{ "Workers", worker_rows },
	{ "The file", file_rows },
	{ "Messages to the IOTLB", message_rows },
};

static uint8_t *edge;
static struct vhost_vring_addr *read_only;
static long *told;
static int tap;

int opened(struct dev *d)
{
	return vmm_open(&d->v, d->path);
}

int owned(struct dev *d)
{
	return opened(d) ?: ask(d, VHOST_SET_OWNER, NULL);
}

int given_up(struct dev *d)
{
	return owned(d) ?: ask(d, VHOST_RESET_OWNER, NULL);
}

int ready(struct dev *d)
{
	return vmm_setup(&d->v, d->path, F_VERSION_1 | F_MRG_RXBUF, 16);
}

int live(struct dev *d)
{
	return ready(d) ?: vmm_start(&d->v, tap);
}

int translated(struct dev *d)
{
	return vmm_setup(&d->v, d->path, F_VERSION_1 | F_MRG_RXBUF | F_ACCESS_PLATFORM,
			 16) ?: iotlb_open(&d->t, &d->v, true);
}

/* TX alone, so that nobody else asks for translations. */
int translated_live(struct dev *d)
{
	return translated(d) ?: iotlb_map_used(&d->t) ?: vmm_backend(&d->v, TX, tap);
}

bool no_tasks(void)
{
	return access("/sys/module/vhostx/parameters/fork_from_owner_default", F_OK);
}

long ask_zero(struct dev *d, const struct row *r)
{
	static uint64_t zero[8];

	return ask(d, r->req, zero);
}

long ask_bad(struct dev *d, const struct row *r)
{
	return ask(d, r->req, BAD_PTR);
}

long ask_u64(struct dev *d, const struct row *r)
{
	uint64_t arg[8] = { r->arg };

	return ask(d, r->req, arg);
}

long ask_get_u64(struct dev *d, const struct row *r)
{
	uint64_t arg[8] = {};

	return ask(d, r->req, arg) ?: (long)arg[0];
}

long ask_state(struct dev *d, const struct row *r)
{
	return vmm_vring_state(&d->v, r->req, TX, r->arg);
}

long ask_index(struct dev *d, const struct row *r)
{
	struct vhost_vring_addr arg = { .index = r->arg };

	return ask(d, r->req, &arg);
}

long ask_half(struct dev *d, const struct row *r)
{
	unsigned int *index = answers_edge(sizeof(*index));

	*index = r->arg;
	return ask(d, r->req, index);
}

void *answers_edge(size_t bytes)
{
	return memset(edge + 4096 - bytes, 0, bytes);
}

void *answers_read_only(void)
{
	return read_only;
}

int answers_tap(void)
{
	return tap;
}

int answers_keep(struct dev *d, int fd)
{
	if (fd < 0 || d->nr_files == ARRAY_SIZE(d->files))
		err(1, "a file for a test");
	d->files[d->nr_files++] = fd;
	return fd;
}

static void set_up(void)
{
	const struct tap_opts o = {};
	int ret = netns_new();

	tap = ret ? ret : tap_open("tap0", &o);
	if (tap < 0)
		errx(1, "tap: %s", strerror(-tap));
	edge = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (edge == MAP_FAILED)
		err(1, "mmap");
	read_only = (void *)(edge + 2 * 4096);
	read_only->index = TX;
	told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED || mprotect(edge + 4096, 4096, PROT_NONE) ||
	    mprotect(read_only, 4096, PROT_READ))
		err(1, "mmap");
}

static long ask_as_another(struct dev *d, const struct row *r)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		*told = r->ask(d, r);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		errx(1, "%s: %s: another process", r->call, r->what);
	return *told;
}

/* A name of errno's, or the value. */
static void to_text(long answer, char *text)
{
	if (answer < 0)
		snprintf(text, TEXT, "%s", strerrorname_np(-answer));
	else
		snprintf(text, TEXT, answer < 0x10000 ? "%ld" : "%#lx", answer);
}

static void ask_one(const struct row *r, const char *path, char *text)
{
	struct dev d = { .path = path, .v.fd = -1, .v.mem = MAP_FAILED };
	int ret = r->state(&d);

	if (ret)
		snprintf(text, TEXT, "not asked: %s", strerrorname_np(-ret));
	else
		to_text(r->other ? ask_as_another(&d, r) : r->ask(&d, r), text);
	iotlb_close(&d.t);
	vmm_close(&d.v);
	while (d.nr_files)
		close(d.files[--d.nr_files]);
}

static bool test(const struct row *r, unsigned int number)
{
	const char *want = r->odd && r->odd() ? r->odd_want : r->want;
	char net[TEXT], x[TEXT];
	bool ok;

	ask_one(r, DEV_VHOST_NET, net);
	ask_one(r, DEV_VHOSTX, x);
	ok = !strcmp(x, want) && (!strcmp(x, net) || r->why) &&
	     strncmp(net, "not asked", 9);
	if (strcmp(x, want))
		printf("# vhostx should answer %s\n", want);
	printf("%s %u %s | %s | %s | %s | %s\n", ok ? "ok" : "not ok", number, r->call,
	       r->what, net, x, r->why ? r->why : "");
	return ok;
}

static void on_alarm(int sig)
{
	(void)sig;
}

int main(void)
{
	const struct itimerval limit = { { LIMIT, 0 }, { LIMIT, 0 } };
	const struct sigaction sa = { .sa_handler = on_alarm };
	unsigned int number = 0, failed = 0;
	const struct row *r;
	struct utsname host;

	/* vhost_net is there once someone has opened it. */
	close(open(DEV_VHOST_NET, O_RDWR | O_CLOEXEC));
	setvbuf(stdout, NULL, _IOLBF, 0);
	set_up();
	uname(&host);
	sigaction(SIGALRM, &sa, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (r = tables[i].rows; r->call; r++)
			number++;
	printf("TAP version 13\n1..%u\n# kernel %s\n", number, host.release);
	number = 0;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		printf("# section %s\n", tables[i].title);
		for (r = tables[i].rows; r->call; r++) {
			setitimer(ITIMER_REAL, &limit, NULL);
			failed += !test(r, ++number);
		}
	}
	return failed > 0;
}
