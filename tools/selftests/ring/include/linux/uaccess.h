/* SPDX-License-Identifier: GPL-2.0-only */
/* Every access to the owner's memory and every barrier goes through umem.c. */
#ifndef _RING_LINUX_UACCESS_H
#define _RING_LINUX_UACCESS_H

#include <assert.h>

#include "umem.h"

#define access_ok(ptr, size)	umem_access_ok(ptr, size)
#define copy_from_user(to, from, size) umem_copy(to, from, size)

#define get_user(x, ptr)						\
({									\
	__typeof__(x) _v = 0;						\
	int _ret;							\
									\
	static_assert(sizeof(_v) == sizeof(*(ptr)), "size");		\
	_ret = umem_read(&_v, ptr, sizeof(_v), UMEM_CLOSED);		\
	(x) = _v;							\
	_ret;								\
})

#define put_user(x, ptr)						\
({									\
	__typeof__(*(ptr)) _v = (x);					\
									\
	umem_write(ptr, &_v, sizeof(_v), UMEM_CLOSED);			\
})

#define user_read_access_begin(ptr, size) umem_open(ptr, size, UMEM_READING)
#define user_read_access_end()	umem_close(UMEM_READING)
#define user_write_access_begin(ptr, size) umem_open(ptr, size, UMEM_WRITING)
#define user_write_access_end()	umem_close(UMEM_WRITING)
#define user_access_begin(ptr, size) umem_open(ptr, size, UMEM_BOTH)
#define user_access_end()	umem_close(UMEM_BOTH)

#define unsafe_get_user(x, ptr, label)					\
do {									\
	__typeof__(x) _v;						\
									\
	static_assert(sizeof(_v) == sizeof(*(ptr)), "size");		\
	if (umem_read(&_v, ptr, sizeof(_v), UMEM_READING))		\
		goto label;						\
	(x) = _v;							\
} while (0)

#define unsafe_put_user(x, ptr, label)					\
do {									\
	__typeof__(*(ptr)) _v = (x);					\
									\
	if (umem_write(ptr, &_v, sizeof(_v), UMEM_WRITING))		\
		goto label;						\
} while (0)

/* Nothing to wait for in one thread; the log shows that they were there. */
#define smp_rmb()	umem_barrier(UMEM_RMB)
/* The same. */
#define smp_wmb()	umem_barrier(UMEM_WMB)
/* The same. */
#define smp_mb()	umem_barrier(UMEM_MB)

#endif
