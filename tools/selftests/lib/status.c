// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <stdarg.h>
#include <stdio.h>

#include "status.h"

void status_say(const char *path, const char *format, ...)
{
	char new[256];
	va_list args;
	FILE *f;

	snprintf(new, sizeof(new), "%s.new", path);
	f = fopen(new, "we");
	if (!f)
		err(1, "%s", new);
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	fputc('\n', f);
	if (fclose(f) || rename(new, path))
		err(1, "%s", path);
}
