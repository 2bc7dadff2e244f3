/* SPDX-License-Identifier: GPL-2.0-only */
/* struct iovec is the C library's. */
#ifndef _RING_LINUX_UIO_H
#define _RING_LINUX_UIO_H

#include <sys/uio.h>

#endif
