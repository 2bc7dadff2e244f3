// SPDX-License-Identifier: GPL-2.0-only
/* Notifications, one line each. */
#include <stdio.h>
#include <time.h>

#include "monitor.h"
#include "print.h"
#include "show.h"

static void print_time(void)
{
	struct timespec now;
	struct tm parts;
	char date[32], text[64];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, sizeof(text), "%s.%06ldZ", date, now.tv_nsec / 1000);
	print_text("%s ", text);
	print_key_string("time", text);
}

bool monitor_news(enum news news, const struct record *record, void *data)
{
	static const char *const names[] = {
		[NEWS_LOST] = "lost",
		[NEWS_GONE] = "gone",
	};
	static const char *const meaning[] = {
		[NEWS_LOST] = "events came faster than they were read; ask with show",
		[NEWS_GONE] = "the module was unloaded",
	};
	const char *name = news == NEWS_EVENT ? record->event->name : names[news];

	(void)data;
	print_row();
	if (options.time)
		print_time();
	print_text("%s ", name);
	print_key_string("event", name);
	if (news == NEWS_EVENT) {
		print_nest(record->object->name);
		print_one_line(true);
		show_record(record, options.stats);
		print_one_line(false);
		print_nest_end();
	} else {
		print_text("%s", meaning[news]);
		print_key_string("meaning", meaning[news]);
	}
	print_row_end();
	return print_flush();
}

int monitor(char **argv)
{
	bool with_config = true, with_events = true;
	int ret;

	if (argv[0] && begins(argv[0], "all"))
		;
	else if (argv[0] && begins(argv[0], VHOSTX_MCGRP_CONFIG))
		with_events = false;
	else if (argv[0] && begins(argv[0], VHOSTX_MCGRP_EVENTS))
		with_config = false;
	else if (argv[0])
		return wrong("%s: not one of all, config, events", argv[0]);
	if (argv[0] && argv[1])
		return wrong("%s: too much after %s", argv[1], argv[0]);

	ret = netlink_open();
	if (ret == DONE)
		ret = netlink_subscribe(with_config, with_events);
	if (ret == DONE)
		ret = netlink_listen(monitor_news, NULL);
	return ret;
}
