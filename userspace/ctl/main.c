// SPDX-License-Identifier: GPL-2.0-only
/* vhostx: what the kernel module of that name does, and orders to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"
#include "print.h"

static const char usage[] =
	"Usage: vhostx [OPTIONS] OBJECT {COMMAND | help}\n"
	"where  OBJECT := {dev | queue | worker | stats | monitor | top | check}\n"
	"       OPTIONS := {-j[son] | -p[retty] | -s[tatistics] | -t[imestamp] |\n"
	"                   -V[ersion] | -h[elp]}\n";

struct command {
	const char *name;
	const char *usage;
	const struct object *object;		/* has show, and set */
	int (*run)(char **argv);		/* else this runs, */
	bool shows;				/* as the command show */
};

static const struct command commands[] = {
	{
		.name = "dev",
		.usage = "Usage: vhostx dev [show [ID]]\n"
			 "       vhostx dev set ID [layout {device | split | pool}] [pool-size N]\n",
		.object = &object_dev,
	},
	{
		.name = "queue",
		.usage = "Usage: vhostx queue [show [DEV[/{rx | tx}]]]\n"
			 "       vhostx queue set DEV/{rx | tx} [worker TID]\n"
			 "              [poll-mode {vmm | off | fixed | adaptive}] [poll-us N]\n"
			 "              [batch N] [weight N] [coalesce-us N] [coalesce-frames N]\n",
		.object = &object_queue,
	},
	{
		.name = "worker",
		.usage = "Usage: vhostx worker [show [TID]]\n"
			 "       vhostx worker set TID [cpus LIST]\n"
			 "              [policy {normal | fifo | fifo-low}] [nice N]\n",
		.object = &object_worker,
	},
	{
		.name = "stats",
		.usage = "Usage: vhostx stats [show [DEV[/{rx | tx}]]]\n",
		.run = stats,
		.shows = true,
	},
	{
		.name = "monitor",
		.usage = "Usage: vhostx monitor [all | config | events]\n",
		.run = monitor,
	},
	{
		.name = "top",
		.usage = "Usage: vhostx top [-b] [-n COUNT] [-d SECONDS] [-o ORDER]\n"
			 "where  ORDER := {queue | pps | mbps | drops | cpu}\n",
		.run = top,
	},
	{
		.name = "check",
		.usage = "Usage: vhostx check\n",
		.run = check_host,
	},
};

/* The end, unless what was printed did not get out. */
static int finish(int ret)
{
	if (!print_flush() && ret == DONE)
		ret = wrong("not all could be written");
	return ret;
}

static int help(const char *text)
{
	fputs(text, stdout);
	return DONE;
}

/* Several in one word, as -jp. */
static bool letters(const char *word)
{
	if (strspn(word, "jpst") != strlen(word))
		return false;
	for (; *word; word++) {
		options.json |= *word == 'j';
		options.pretty |= *word == 'p';
		options.stats |= *word == 's';
		options.time |= *word == 't';
	}
	return true;
}

/* Options stand anywhere; what they are not stays in argv, in its order. */
static int take_options(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool *set;
	} list[] = {
		{ "json", &options.json },
		{ "pretty", &options.pretty },
		{ "statistics", &options.stats },
		{ "timestamp", &options.time },
	};
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i] + 1;
		bool found = false;

		if (argv[i][0] != '-' || !*word) {
			argv[kept++] = argv[i];
			continue;
		}
		if (*word == '-')
			word++;
		if (begins(word, "Version") || begins(word, "version")) {
			printf("vhostx %s\n", VHOSTX_VERSION);
			exit(finish(DONE));
		}
		for (unsigned int k = 0; k < ARRAY_SIZE(list); k++) {
			if (!begins(word, list[k].name))
				continue;
			*list[k].set = true;
			found = true;
		}
		if (found || letters(word))
			continue;
		/* Those of a command, a negative number, or nothing that we know. */
		if (kept > 1) {
			argv[kept++] = begins(word, "help") ? (char *)"help" : argv[i];
			continue;
		}
		if (begins(word, "help"))
			exit(finish(help(usage)));
		wrong("%s: no such option", argv[i]);
		fputs(usage, stderr);
		exit(WRONG);
	}
	argv[kept] = NULL;
	return kept;
}

static int run(const struct command *command, char **argv)
{
	const char *word = argv[0];

	for (char **at = argv; *at; at++)
		if (at == argv ? begins(*at, "help") : !strcmp(*at, "help"))
			return help(command->usage);
	if (!command->object && !command->shows)
		return command->run(argv);
	if (!word || begins(word, "show") || begins(word, "list"))
		return command->object ? show_objects(command->object, argv + !!word) :
					 command->run(argv + !!word);
	if (command->object && begins(word, "set"))
		return set_object(command->object, argv + 1);
	wrong("%s %s: no such command", command->name, word);
	fputs(command->usage, stderr);
	return WRONG;
}

int main(int argc, char **argv)
{
	const struct command *command = NULL;
	int ret;

	take_options(argc, argv);
	if (!argv[1]) {
		fputs(usage, stderr);
		return WRONG;
	}
	if (begins(argv[1], "help"))
		return finish(help(usage));
	for (unsigned int i = 0; !command && i < ARRAY_SIZE(commands); i++)
		if (begins(argv[1], commands[i].name))
			command = &commands[i];
	if (!command) {
		wrong("%s: no such object", argv[1]);
		fputs(usage, stderr);
		return WRONG;
	}
	print_start(options.json, options.pretty);
	ret = run(command, argv + 2);
	netlink_close();
	return finish(ret);
}
