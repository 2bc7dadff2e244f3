/* SPDX-License-Identifier: GPL-2.0-only */
/* Time limits on a slow kernel. */
#ifndef _SLOW_H
#define _SLOW_H

/* How many times as long as elsewhere things may take here. */
int slow(void);
unsigned int __real_alarm(unsigned int seconds);
unsigned int __wrap_alarm(unsigned int seconds);

#endif
