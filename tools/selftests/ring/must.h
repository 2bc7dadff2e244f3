/* SPDX-License-Identifier: GPL-2.0-only */
/* What must hold, in code that has no test's names: else the process ends. */
#ifndef _RING_MUST_H
#define _RING_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition) do {						\
	if (!(condition))						\
		must_fail(__FILE__, __LINE__, #condition);		\
} while (0)

/* Nothing is wrong, else what is. */
#define MUST_NOT(wrong) do {						\
	const char *_wrong = (wrong);					\
									\
	if (_wrong)							\
		must_fail(__FILE__, __LINE__, _wrong);			\
} while (0)

static inline _Noreturn void must_fail(const char *file, int line,
				       const char *what)
{
	fprintf(stderr, "# %s:%d: %s\n", file, line, what);
	abort();
}

#endif
