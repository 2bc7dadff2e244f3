/* SPDX-License-Identifier: GPL-2.0-only */
/* A line in a file that says how far a program is, for others to read meanwhile. */
#ifndef STATUS_H
#define STATUS_H

/* Replace the line; whoever reads sees the old one or the new one. */
[[gnu::format(printf, 2, 3)]]
void status_say(const char *path, const char *format, ...);

#endif
