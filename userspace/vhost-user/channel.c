// SPDX-License-Identifier: GPL-2.0-only
/* A connection to a front end: messages on a stream socket, which can stop in their middle. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "channel.h"

#define HEADER	sizeof(struct message_header)

void channel_open(struct channel *channel, int fd)
{
	*channel = (struct channel){ .fd = fd };
}

void channel_close(struct channel *channel)
{
	message_close_fds(&channel->message);
	close(channel->fd);
	channel->fd = -1;
}

/* Keep what came along; false where it is more than a message can have. */
static bool keep_fds(struct message *message, struct msghdr *msg)
{
	bool fit = !(msg->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		unsigned char *data = CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, data + at - CMSG_LEN(0), sizeof(fd));
			if (message->fds < MESSAGE_FDS) {
				message->fd[message->fds++] = fd;
			} else {
				close(fd);
				fit = false;
			}
		}
	}
	return fit;
}

/* Up to so many bytes; as many as came, or -errno. */
static ssize_t receive(struct channel *channel, void *to, size_t size)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
	} control;
	struct iovec iov = { .iov_base = to, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (!keep_fds(&channel->message, &msg))
		return -EPROTO;
	return got ? got : -ECONNRESET;
}

/* Bytes of the message, as far as it is known. */
static size_t wanted(const struct channel *channel)
{
	return channel->have < HEADER ? HEADER : HEADER + channel->message.header.size;
}

int channel_read(struct channel *channel)
{
	struct message *message = &channel->message;

	do {
		size_t have = channel->have;
		char *to = have < HEADER ? (char *)&message->header + have :
					   (char *)&message->payload + have - HEADER;
		ssize_t got = receive(channel, to, wanted(channel) - have);

		if (got < 0)
			return got == -EAGAIN ? 0 : got;
		channel->have += got;
		if (channel->have == HEADER && message_wrong_header(&message->header))
			return -EPROTO;
	} while (channel->have < wanted(channel));

	channel->have = 0;
	return 1;
}

int channel_write(struct channel *channel, const struct message *message)
{
	struct iovec iov[] = {
		{ .iov_base = (void *)&message->header, .iov_len = HEADER },
		{ .iov_base = (void *)&message->payload, .iov_len = message->header.size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	ssize_t sent = sendmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return -errno;
	return (size_t)sent == HEADER + message->header.size ? 0 : -EAGAIN;
}
