// SPDX-License-Identifier: GPL-2.0-only
/* Rates, on a screen that is kept up to date, or one after another. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "print.h"
#include "sample.h"

enum order { BY_QUEUE, BY_PPS, BY_MBPS, BY_DROPS, BY_CPU, ORDERS };

static const char *const order_list[ORDERS] = { "queue", "pps", "mbps", "drops", "cpu" };
static const struct names order_names = { .name = order_list, .count = ORDERS };

static enum order order;
static bool batch;
static int64_t rounds, delay = 1;
/* The terminal as it was. */
static struct termios before_raw;
static bool raw;
static volatile sig_atomic_t resized, ended;

static double rank(const struct rate *rate)
{
	switch (order) {
	case BY_PPS:
		return rate->pps;
	case BY_MBPS:
		return rate->mbps;
	case BY_DROPS:
		return rate->drops;
	case BY_CPU:
		return rate->cpu;
	default:
		return 0;
	}
}

static int compare(const void *one, const void *other)
{
	const struct rate *a = one, *b = other;

	if (rank(a) != rank(b))
		return rank(a) < rank(b) ? 1 : -1;
	if (a->queue->id.dev != b->queue->id.dev)
		return a->queue->id.dev < b->queue->id.dev ? -1 : 1;
	return (int)a->queue->id.queue - (int)b->queue->id.queue;
}

/* A figure in a column of a screen: what is too wide for it gets a unit. */
static void figure(int width, double value)
{
	static const char units[] = " kMGT";
	char digits[32];
	int unit = 0;

	snprintf(digits, sizeof(digits), "%.*f", value < 9.95 && value > 0 ? 1 : 0, value);
	while ((int)strlen(digits) > width && units[unit + 1]) {
		value /= 1000;
		unit++;
		snprintf(digits, sizeof(digits), "%.*f%c", value < 9.95 ? 1 : 0, value,
			 units[unit]);
	}
	print_text(" %*s", width, digits);
}

static void line(const struct rate *rate)
{
	const struct sample_queue *queue = rate->queue;
	const char *name = names_get(&queue_names, queue->id.queue);
	char id[32], ifname[80];

	if (!name)
		name = "?";
	print_safe(ifname, sizeof(ifname), queue->ifname);
	print_row();
	print_key_number("dev", queue->id.dev);
	print_key_string("queue", name);
	print_key_string("ifname", ifname);
	print_key_number("worker", queue->worker);
	if (print_is_json()) {
		print_bool("broken", queue->broken);
		print_ratio("pps", rate->pps);
		print_ratio("mbps", rate->mbps);
		print_ratio("kicks", rate->kicks);
		print_ratio("signals", rate->signals);
		print_ratio("batch", rate->batch);
		print_ratio("drops", rate->drops);
		print_ratio("cpu", rate->cpu);
	}
	snprintf(id, sizeof(id), "%u/%s", queue->id.dev, name);
	print_text("%-8s %-13.13s", id, queue->broken ? "(broken)" : *ifname ? ifname : "-");
	figure(8, rate->pps);
	figure(8, rate->mbps);
	figure(7, rate->kicks);
	figure(7, rate->signals);
	figure(5, rate->batch);
	figure(6, rate->drops);
	figure(5, rate->cpu);
	print_row_end();
}

static void screen(const struct sample *now, struct rate *rates, double seconds, int rows)
{
	char clock[16];
	time_t t = time(NULL);
	struct tm parts;
	size_t shown = now->n_queues;

	qsort(rates, now->n_queues, sizeof(*rates), compare);
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&t, &parts));
	if (raw)
		print_text("\033[H\033[J");
	print_text("vhostx top %s, %zu queues, %zu workers, %.1f s, by %s%s\n", clock,
		   now->n_queues, now->n_workers, seconds, order_list[order],
		   raw ? "  (q quit, s sort)" : "");
	print_text("%s%-8s %-13s %8s %8s %7s %7s %5s %6s %5s%s\n", raw ? "\033[7m" : "", "QUEUE",
		   "NETDEV", "PPS", "MBIT/S", "KICK/S", "SIG/S", "BATCH", "DROP/S", "CPU%",
		   raw ? "\033[m" : "");
	/* Two lines are above, and the cursor stands below. */
	if (raw && shown + 3 > (size_t)rows)
		shown = rows > 4 ? rows - 4 : 0;
	print_list("top");
	for (size_t i = 0; i < shown; i++)
		line(&rates[i]);
	print_list_end();
	if (shown < now->n_queues)
		print_text("and %zu more\n", now->n_queues - shown);
	if (!raw)
		print_text("\n");
	fflush(stdout);
}

static void on_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

static void raw_end(void)
{
	if (!raw)
		return;
	raw = false;
	/* The cursor back, and the screen that was there before. */
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &before_raw);
}

static int raw_begin(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct termios now;

	if (tcgetattr(STDIN_FILENO, &before_raw) || !isatty(STDOUT_FILENO))
		return wrong("top needs a terminal; without one: vhostx top -b");
	now = before_raw;
	now.c_lflag &= ~(ICANON | ECHO);
	now.c_cc[VMIN] = 0;
	now.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &now);
	raw = true;
	atexit(raw_end);
	sigaction(SIGWINCH, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	fputs("\033[?1049h\033[?25l", stdout);
	return DONE;
}

static int screen_rows(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		return 24;
	return size.ws_row;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Until that time, or a key that wants the screen drawn anew: then true. */
static bool wait_until(double end)
{
	struct pollfd terminal = { .fd = raw ? STDIN_FILENO : -1, .events = POLLIN };
	double left;
	char key;

	while (!ended) {
		left = end - seconds_now();
		if (left <= 0)
			return false;
		if (poll(&terminal, 1, left * 1000 + 1) < 0 && errno != EINTR)
			break;
		if (resized) {
			resized = 0;
			return true;
		}
		if (!(terminal.revents & (POLLIN | POLLHUP)))
			continue;
		if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q')
			break;
		if (key == 's') {
			order = (order + 1) % ORDERS;
			return true;
		}
	}
	ended = 1;
	return false;
}

static int run(void)
{
	struct sample before, now;
	struct rate *rates;
	int ret;

	ret = sample_take(&before);
	if (ret != DONE)
		return ret;
	/* Rates need two moments: something is on the screen after a short one already. */
	wait_until(before.time + (raw && delay > 1 ? 1 : delay));
	for (int64_t round = 1; !ended; round++) {
		ret = sample_take(&now);
		if (ret != DONE)
			break;
		rates = sample_rates(&before, &now);
		if (!rates) {
			sample_free(&now);
			ret = wrong("out of memory");
			break;
		}
		screen(&now, rates, now.time - before.time, screen_rows());
		if (!rounds || round < rounds)
			while (wait_until(now.time + delay))
				screen(&now, rates, now.time - before.time, screen_rows());
		else
			ended = 1;
		free(rates);
		sample_free(&before);
		before = now;
	}
	sample_free(&before);
	return ret;
}

static int arguments(char **argv)
{
	int64_t value;
	int found;

	for (; *argv; argv++) {
		if (!strcmp(*argv, "-b")) {
			batch = true;
			continue;
		}
		if (strcmp(*argv, "-n") && strcmp(*argv, "-d") && strcmp(*argv, "-o"))
			return wrong("%s: top has -b, -n, -d and -o", *argv);
		if (!argv[1])
			return wrong("%s: the value is missing", *argv);
		if (!strcmp(*argv, "-o")) {
			found = names_find(&order_names, argv[1]);
			if (found < 0)
				return wrong("-o %s: not one of queue, pps, mbps, drops, cpu",
					     argv[1]);
			order = found;
		} else if (!strcmp(*argv, "-n")) {
			if (!number_from(argv[1], "-n", 1, INT32_MAX, &rounds))
				return WRONG;
		} else {
			if (!number_from(argv[1], "-d", 1, 3600, &value))
				return WRONG;
			delay = value;
		}
		argv++;
	}
	return DONE;
}

int top(char **argv)
{
	int ret = arguments(argv);

	if (ret == DONE)
		ret = netlink_open();
	if (ret != DONE)
		return ret;
	if (!batch && !options.json) {
		ret = raw_begin();
		if (ret != DONE)
			return ret;
	}
	ret = run();
	raw_end();
	return ret;
}
