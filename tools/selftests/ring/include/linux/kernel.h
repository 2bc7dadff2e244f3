/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _RING_LINUX_KERNEL_H
#define _RING_LINUX_KERNEL_H

#include <linux/types.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define noinline

/* As in the kernel, the types must agree: comparing the pointers says so. */
#define min(a, b)							\
({									\
	__typeof__(a) _a = (a);						\
	__typeof__(b) _b = (b);						\
									\
	(void)(&_a == &_b);						\
	_a < _b ? _a : _b;						\
})
#define min3(a, b, c)							\
({									\
	__typeof__(a) _ab = min(a, b);					\
									\
	min(_ab, c);							\
})

#endif
