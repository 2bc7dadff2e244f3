/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text and JSON from the same calls. A name is a word as on the command line; in JSON its
 * hyphens are underscores.
 */
#ifndef VHOSTX_CTL_PRINT_H
#define VHOSTX_CTL_PRINT_H

#include <stdbool.h>
#include <stdint.h>

/* Before anything else. */
void print_start(bool json, bool pretty);
bool print_is_json(void);

/* A list is the whole of what a command prints. */
void print_list(const char *name);
void print_list_end(void);

/* A row of the list; outside of one it is a line of its own, written at once. */
void print_row(void);
void print_row_end(void);

/* An object within a row; in text its parts follow the others. */
void print_nest(const char *name);
void print_nest_end(void);

void print_number(const char *name, int64_t value);
void print_count(const char *name, uint64_t value);
void print_ratio(const char *name, double value);
void print_string(const char *name, const char *value);
void print_bool(const char *name, bool value);

/* Words under one name, with commas between in text. */
void print_words(const char *name);
void print_word(const char *word);
void print_words_end(void);

/* Only in the one or in the other. */
void print_key_number(const char *name, uint64_t value);
void print_key_string(const char *name, const char *value);
void print_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_line(void);
/* From now on text has no further lines. */
void print_one_line(bool on);

/* All is written, or why not: false, with errno. */
bool print_flush(void);

/* value without what a terminal would obey, in a buffer of size. */
const char *print_safe(char *buffer, unsigned int size, const char *value);

#endif
