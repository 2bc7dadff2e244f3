/* SPDX-License-Identifier: GPL-2.0-only */
/* Which bytes were written to, for a build by MSan; else all count as known. */
#ifndef _RING_KNOWN_H
#define _RING_KNOWN_H

#include <stddef.h>

#ifdef KNOWN_MSAN
#include <sanitizer/msan_interface.h>

/* An error where one of them is not. */
static inline void known_check(const void *at, size_t len)
{
	__msan_check_mem_is_initialized(at, len);
}

/* From now on none of them is. */
static inline void known_forget(void *at, size_t len)
{
	__msan_poison(at, len);
}
#else
static inline void known_check(const void *at, size_t len)
{
	(void)at;
	(void)len;
}

static inline void known_forget(void *at, size_t len)
{
	(void)at;
	(void)len;
}
#endif

#endif
