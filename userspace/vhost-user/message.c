// SPDX-License-Identifier: GPL-2.0-only
/* Messages of the vhost-user protocol: how they look, and which are well-formed. */
#include <stdbool.h>
#include <unistd.h>

#include "message.h"

/* How many descriptors come with a request. */
enum fds {
	FDS_NONE,
	FDS_ONE,
	FDS_MAY,	/* one is not looked at */
	FDS_FLAG,	/* as a bit of the payload has it */
	FDS_TABLE,	/* one for each region */
};

struct kind {
	const char *name;
	size_t size;		/* of the payload; the most where there is a table in it */
	size_t answer;
	enum fds fds;
	uint64_t needs;		/* features of the protocol */
};

#define U64	sizeof(uint64_t)
#define STATE	sizeof(struct vhost_vring_state)
#define SLOT	sizeof(struct message_slot)

static const struct kind kinds[REQUESTS] = {
	[REQUEST_GET_FEATURES] = { "GET_FEATURES", 0, U64 },
	[REQUEST_SET_FEATURES] = { "SET_FEATURES", U64 },
	[REQUEST_SET_OWNER] = { "SET_OWNER" },
	[REQUEST_RESET_OWNER] = { "RESET_OWNER" },
	[REQUEST_SET_MEM_TABLE] = { "SET_MEM_TABLE", sizeof(struct message_table), 0, FDS_TABLE },
	[REQUEST_SET_LOG_BASE] = { "SET_LOG_BASE", sizeof(struct message_log), U64, FDS_ONE,
				   BIT(PROTOCOL_LOG_SHMFD) },
	[REQUEST_SET_LOG_FD] = { "SET_LOG_FD", 0, 0, FDS_ONE },
	[REQUEST_SET_VRING_NUM] = { "SET_VRING_NUM", STATE },
	[REQUEST_SET_VRING_ADDR] = { "SET_VRING_ADDR", sizeof(struct vhost_vring_addr) },
	[REQUEST_SET_VRING_BASE] = { "SET_VRING_BASE", STATE },
	[REQUEST_GET_VRING_BASE] = { "GET_VRING_BASE", STATE, STATE },
	[REQUEST_SET_VRING_KICK] = { "SET_VRING_KICK", U64, 0, FDS_FLAG },
	[REQUEST_SET_VRING_CALL] = { "SET_VRING_CALL", U64, 0, FDS_FLAG },
	[REQUEST_SET_VRING_ERR] = { "SET_VRING_ERR", U64, 0, FDS_FLAG },
	[REQUEST_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", 0, U64 },
	[REQUEST_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", U64 },
	[REQUEST_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", 0, U64, FDS_NONE, BIT(PROTOCOL_MQ) },
	[REQUEST_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", STATE },
	[REQUEST_SEND_RARP] = { "SEND_RARP", U64, 0, FDS_NONE, BIT(PROTOCOL_RARP) },
	[REQUEST_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", 0, 0, FDS_ONE,
					 BIT(PROTOCOL_BACKEND_REQ) },
	[REQUEST_IOTLB_MSG] = { "IOTLB_MSG", sizeof(struct vhost_iotlb_msg) },
	[REQUEST_RESET_DEVICE] = { "RESET_DEVICE", 0, 0, FDS_NONE, BIT(PROTOCOL_RESET_DEVICE) },
	[REQUEST_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", 0, U64, FDS_NONE,
					BIT(PROTOCOL_CONFIGURE_MEM_SLOTS) },
	[REQUEST_ADD_MEM_REG] = { "ADD_MEM_REG", SLOT, 0, FDS_ONE,
				  BIT(PROTOCOL_CONFIGURE_MEM_SLOTS) },
	[REQUEST_REM_MEM_REG] = { "REM_MEM_REG", SLOT, 0, FDS_MAY,
				  BIT(PROTOCOL_CONFIGURE_MEM_SLOTS) },
	[REQUEST_SET_STATUS] = { "SET_STATUS", U64, 0, FDS_NONE, BIT(PROTOCOL_STATUS) },
	[REQUEST_GET_STATUS] = { "GET_STATUS", 0, U64, FDS_NONE, BIT(PROTOCOL_STATUS) },
};

static const struct kind *kind_of(uint32_t request)
{
	return request < REQUESTS && kinds[request].name ? &kinds[request] : NULL;
}

const char *message_name(uint32_t request)
{
	const struct kind *kind = kind_of(request);

	return kind ? kind->name : "a request that is not known";
}

size_t message_answer(uint32_t request)
{
	const struct kind *kind = kind_of(request);

	return kind ? kind->answer : 0;
}

const char *message_wrong_header(const struct message_header *header)
{
	if ((header->flags & MESSAGE_VERSION_MASK) != MESSAGE_VERSION)
		return "of another version";
	if (header->flags & MESSAGE_REPLY)
		return "an answer to no question";
	if (header->size > sizeof(union message_payload))
		return "longer than any";
	return NULL;
}

/* A table has as many regions as it says. */
static bool size_fits(const struct message *message, const struct kind *kind)
{
	const struct message_table *table = &message->payload.table;
	size_t size = message->header.size;

	if (kind->fds != FDS_TABLE)
		return size == kind->size;
	return size >= offsetof(struct message_table, region) &&
	       size == offsetof(struct message_table, region) +
		       (uint64_t)table->count * sizeof(table->region[0]);
}

static bool fds_fit(const struct message *message, const struct kind *kind)
{
	switch (kind->fds) {
	case FDS_NONE:
		return !message->fds;
	case FDS_ONE:
		return message->fds == 1;
	case FDS_MAY:
		return message->fds <= 1;
	case FDS_FLAG:
		return message->fds == !(message->payload.u64 & MESSAGE_NO_FD);
	case FDS_TABLE:
		return message->fds == message->payload.table.count;
	}
	return false;
}

const char *message_wrong(const struct message *message, uint64_t protocol)
{
	const struct kind *kind = kind_of(message->header.request);
	const char *why = message_wrong_header(&message->header);

	if (why)
		return why;
	if (!kind)
		return "not known";
	if (kind->needs & ~protocol)
		return "not negotiated";
	if (!size_fits(message, kind))
		return "not as long as it must be";
	if (!fds_fit(message, kind))
		return "with too few descriptors, or too many";
	return NULL;
}

int message_take_fd(struct message *message)
{
	int fd;

	if (!message->fds)
		return -1;
	fd = message->fd[0];
	message->fd[0] = message->fd[--message->fds];
	return fd;
}

void message_close_fds(struct message *message)
{
	while (message->fds)
		close(message->fd[--message->fds]);
}
