/* SPDX-License-Identifier: GPL-2.0-only */
/* The words for what the netlink family has, those of its specification. */
#ifndef VHOSTX_CTL_NAMES_H
#define VHOSTX_CTL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vhostx_netlink.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* More than the highest attribute of any object. */
#define FIELDS	32

struct names {
	const char *title;
	const char *const *name;
	unsigned int count;
};

enum kind {
	KIND_NONE,		/* there is no such attribute, or it only pads */
	KIND_U32,
	KIND_S32,
	KIND_U64,
	KIND_STRING,
	KIND_ENUM,
	KIND_FLAGS,
	KIND_STATS,		/* the counters, nested */
	KIND_QUEUES,		/* queues, nested, as often as there are any */
};

struct field {
	const char *name;
	enum kind kind;
	const struct names *names;
	/* What it can be set to: a number from min to max, a word, a string up to max long. */
	bool set;
	int64_t min, max;
	/* Text goes on in a new line before it. */
	bool line;
};

struct object {
	const char *name;
	const struct field *fields;
	unsigned int last;		/* the highest attribute */
	unsigned int key, key2;		/* what names one; key2 is 0 where key is enough */
	uint8_t get, set;		/* commands */
	/* What its name is on the command line. */
	const char *id;
};

/* A notification. */
struct event {
	const char *name;
	const struct object *object;
};

extern const struct object object_dev, object_queue, object_worker;
extern const struct field stats_fields[VHOSTX_A_STATS_MAX + 1];
/* By command; those that are no notifications have no name. */
extern const struct event events[VHOSTX_CMD_MAX + 1];
/* All enums, up to one without a title. */
extern const struct names *const all_names[];

extern const struct names feature_names, queue_names;

/* The bit of virtio's that stands behind one of VHOSTX_FEATURE_*'s bits. */
extern const unsigned char feature_bits[];

/* The name of a value, or NULL. */
const char *names_get(const struct names *names, uint64_t value);

/* The value of a name, or -1. */
int names_find(const struct names *names, const char *name);

#endif
