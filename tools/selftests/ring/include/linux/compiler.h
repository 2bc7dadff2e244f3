/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _RING_LINUX_COMPILER_H
#define _RING_LINUX_COMPILER_H

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, val)	(*(volatile __typeof__(x) *)&(x) = (val))

#endif
