// SPDX-License-Identifier: GPL-2.0-only
/* Words of the command line. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vhostx.h"

struct options options;

int wrong(const char *format, ...)
{
	va_list arguments;

	/* What was said before comes before it. */
	fflush(stdout);
	fputs("vhostx: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return WRONG;
}

bool begins(const char *word, const char *name)
{
	return *word && !strncmp(word, name, strlen(word));
}

bool number_from(const char *word, const char *what, int64_t min, int64_t max, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(word, &end, 10);
	if (end == word || *end || errno || *value < min || *value > max) {
		wrong("%s %s: not a number from %lld to %lld", what, word, (long long)min,
		      (long long)max);
		return false;
	}
	return true;
}

bool queue_from(const char *word, struct queue_id *id, bool *has_queue)
{
	const char *slash = strchr(word, '/');
	int queue;
	int64_t dev;
	char first[16];

	*has_queue = slash;
	snprintf(first, sizeof(first), "%.*s",
		 slash ? (int)(slash - word) : (int)strlen(word), word);
	if (!number_from(first, "device", 0, UINT32_MAX, &dev))
		return false;
	id->dev = dev;
	if (!slash)
		return true;
	queue = names_find(&queue_names, slash + 1);
	if (queue < 0) {
		wrong("queue %s: not rx or tx, as in %s/rx", slash + 1, first);
		return false;
	}
	id->queue = queue;
	return true;
}
