/* SPDX-License-Identifier: GPL-2.0-only */
/* What the linker makes of ioctl() and write(), and what they were. */
#ifndef INJECT_H
#define INJECT_H

#include <sys/types.h>

ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
int __real_ioctl(int fd, unsigned long req, ...);
int __wrap_ioctl(int fd, unsigned long req, ...);

#endif
