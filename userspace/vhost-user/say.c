// SPDX-License-Identifier: GPL-2.0-only
/* Lines for who runs this. */
#include <stdarg.h>
#include <stdio.h>

#include "session.h"

void say(const char *name, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "vhostx-user: %s: ", name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}
