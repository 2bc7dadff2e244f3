/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands share. */
#ifndef VHOSTX_CTL_VHOSTX_H
#define VHOSTX_CTL_VHOSTX_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"

/* How a command ends. */
enum {
	DONE = 0,
	WRONG = 1,		/* the command line is, or something that check found */
	REFUSED = 2,		/* the kernel did not do it */
};

struct options {
	bool json, pretty, stats, time;
};

extern struct options options;

/* Say what went wrong, on standard error; the value is WRONG. */
int wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether word is a beginning of name. */
bool begins(const char *word, const char *name);
/* A decimal number in the range, or an error message about what. */
bool number_from(const char *word, const char *what, int64_t min, int64_t max, int64_t *value);
/* DEV or DEV/QUEUE; queue is -1 where it is not there. */
bool queue_from(const char *word, struct queue_id *id, bool *has_queue);

/* The commands; argv begins behind the object and ends with NULL. */
int show_objects(const struct object *object, char **argv);
int set_object(const struct object *object, char **argv);
int stats(char **argv);
int monitor(char **argv);
int top(char **argv);
int check_host(char **argv);

#endif
