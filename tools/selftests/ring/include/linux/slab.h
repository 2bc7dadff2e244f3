/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _RING_LINUX_SLAB_H
#define _RING_LINUX_SLAB_H

#include "umem.h"

#define GFP_KERNEL_ACCOUNT	0

#define kvcalloc(n, size, gfp)	((void)(gfp), umem_calloc(n, size))
#define kvfree(p)		umem_free(p)

static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *p)
{
	return (long)p;
}

static inline bool IS_ERR(const void *p)
{
	return (unsigned long)p >= -4095UL;
}

#endif
