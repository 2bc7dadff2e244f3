/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel answers, taken apart. Nothing in a message is believed before it was
 * looked at: one that is not well-formed is refused, what is only unknown is passed over.
 */
#ifndef VHOSTX_CTL_ANSWER_H
#define VHOSTX_CTL_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "names.h"

/* An object as a message has it; good for as long as the message. */
struct record {
	const struct object *object;
	const struct event *event;	/* NULL in an answer to a request */
	const struct nlattr *attr[FIELDS];
	const struct nlattr *stats[FIELDS];
	const struct nlmsghdr *message;
};

/* A queue's name. */
struct queue_id {
	uint32_t dev;
	uint32_t queue;
};

/* What nlctrl says about a family. */
struct family {
	uint16_t id;
	uint32_t config, events;	/* multicast groups, 0 where there is none */
	uint32_t notify;		/* nlctrl's own */
};

/* Why the kernel refuses. */
struct refusal {
	int error;			/* an errno, 0 where it does not refuse */
	const char *text;		/* good for as long as the message, or NULL */
};

bool record_parse(struct record *record, const struct nlmsghdr *nlh);
bool record_has(const struct record *record, unsigned int attr);
/* Number and text of an attribute; 0 and "" where it is not there. */
uint64_t record_number(const struct record *record, unsigned int attr);
const char *record_text(const struct record *record, unsigned int attr);
uint64_t record_counter(const struct record *record, unsigned int attr);
/* All drops together. */
uint64_t record_drops(const struct record *record);
/* The queues of a worker, one after another; at is 0 to begin with. False: no more. */
bool record_queue(const struct record *record, unsigned int *at, struct queue_id *id);

bool family_parse(struct family *family, const struct nlmsghdr *nlh);
/* Of an NLMSG_ERROR, or the NLMSG_DONE of a dump. */
bool refusal_parse(struct refusal *refusal, const struct nlmsghdr *nlh);

#endif
