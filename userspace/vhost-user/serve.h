/* SPDX-License-Identifier: GPL-2.0-only */
/* Places where front ends are met, each with a tap; one front end at a time in each. */
#ifndef VHOSTX_USER_SERVE_H
#define VHOSTX_USER_SERVE_H

#include <stdbool.h>

#include "channel.h"
#include "session.h"
#include "tap.h"

struct place {
	const char *path;	/* of the socket; NULL where it came open */
	const char *name;	/* the path, or the descriptor */
	bool client;		/* connect, and again when that ends; else wait for front ends */
	bool ours;		/* the socket in the file system is */
	int listener;		/* or -1 */
	struct tap tap;
	struct channel channel;
	struct session *session;	/* NULL while nobody is there */
};

/* Make the socket ready; false, with a word about it, where that cannot be. */
bool place_open(struct place *place, int fd);
/* Take the next front end, if there is one. */
void place_meet(struct place *place);
/* Let the front end go. */
void place_part(struct place *place);
void place_close(struct place *place);

/* Serve all until a signal ends it, or no more front ends can come; the exit status. */
int serve(struct place *places, unsigned int count);

#endif
