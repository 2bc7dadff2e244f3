/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that the kernel reads a word from. */
#ifndef FILE_H
#define FILE_H

/* Write a string into a file that is there: 0 or -errno. */
int write_file(const char *path, const char *s);

#endif
