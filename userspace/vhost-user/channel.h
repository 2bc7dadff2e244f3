/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection to a front end: messages on a stream socket, which can stop in their middle. */
#ifndef VHOSTX_USER_CHANNEL_H
#define VHOSTX_USER_CHANNEL_H

#include "message.h"

struct channel {
	int fd;
	size_t have;		/* bytes of the message */
	struct message message;
};

void channel_open(struct channel *channel, int fd);
void channel_close(struct channel *channel);
/*
 * 1 where a whole message is there, whose descriptors are the caller's then; 0 where more of
 * it must come; or -errno: -ECONNRESET at the end.
 */
int channel_read(struct channel *channel);
/* 0 or -errno; a front end that does not read its answers is not waited for. */
int channel_write(struct channel *channel, const struct message *message);

#endif
