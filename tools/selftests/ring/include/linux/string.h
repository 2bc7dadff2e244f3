/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _RING_LINUX_STRING_H
#define _RING_LINUX_STRING_H

#include <string.h>

#endif
