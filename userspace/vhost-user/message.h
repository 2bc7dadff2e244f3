/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of the vhost-user protocol: how they look, and which are well-formed. */
#ifndef VHOSTX_USER_MESSAGE_H
#define VHOSTX_USER_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/vhost.h>

#define BIT(n)			(UINT64_C(1) << (n))
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Of the header's flags; its lowest two bits are the protocol's version. */
#define MESSAGE_VERSION_MASK	0x3u
#define MESSAGE_VERSION		0x1u
#define MESSAGE_REPLY		0x4u
#define MESSAGE_NEED_REPLY	0x8u

/* Regions of one SET_MEM_TABLE, and so descriptors of one message. */
#define MESSAGE_FDS		8

/* Of the u64 of SET_VRING_KICK, SET_VRING_CALL and SET_VRING_ERR. */
#define MESSAGE_RING_MASK	0xffu
#define MESSAGE_NO_FD		BIT(8)

/* A feature bit that no virtio device has: the protocol has features of its own. */
#define VHOST_USER_F_PROTOCOL_FEATURES	30

enum protocol_feature {
	PROTOCOL_MQ = 0,
	PROTOCOL_LOG_SHMFD = 1,
	PROTOCOL_RARP = 2,
	PROTOCOL_REPLY_ACK = 3,
	PROTOCOL_BACKEND_REQ = 5,
	PROTOCOL_RESET_DEVICE = 13,
	PROTOCOL_CONFIGURE_MEM_SLOTS = 15,
	PROTOCOL_STATUS = 16,
};

enum request {
	REQUEST_GET_FEATURES = 1,
	REQUEST_SET_FEATURES = 2,
	REQUEST_SET_OWNER = 3,
	REQUEST_RESET_OWNER = 4,
	REQUEST_SET_MEM_TABLE = 5,
	REQUEST_SET_LOG_BASE = 6,
	REQUEST_SET_LOG_FD = 7,
	REQUEST_SET_VRING_NUM = 8,
	REQUEST_SET_VRING_ADDR = 9,
	REQUEST_SET_VRING_BASE = 10,
	REQUEST_GET_VRING_BASE = 11,
	REQUEST_SET_VRING_KICK = 12,
	REQUEST_SET_VRING_CALL = 13,
	REQUEST_SET_VRING_ERR = 14,
	REQUEST_GET_PROTOCOL_FEATURES = 15,
	REQUEST_SET_PROTOCOL_FEATURES = 16,
	REQUEST_GET_QUEUE_NUM = 17,
	REQUEST_SET_VRING_ENABLE = 18,
	REQUEST_SEND_RARP = 19,
	REQUEST_SET_BACKEND_REQ_FD = 21,
	REQUEST_IOTLB_MSG = 22,
	REQUEST_RESET_DEVICE = 34,
	REQUEST_GET_MAX_MEM_SLOTS = 36,
	REQUEST_ADD_MEM_REG = 37,
	REQUEST_REM_MEM_REG = 38,
	REQUEST_SET_STATUS = 39,
	REQUEST_GET_STATUS = 40,
	REQUESTS
};

/* The one message that goes the other way, on a socket of its own. */
#define BACKEND_REQUEST_IOTLB_MSG	1

struct message_header {
	uint32_t request, flags, size;
};

struct message_region {
	uint64_t guest, size, user, offset;
};

struct message_table {
	uint32_t count, padding;
	struct message_region region[MESSAGE_FDS];
};

struct message_slot {
	uint64_t padding;
	struct message_region region;
};

struct message_log {
	uint64_t size, offset;
};

union message_payload {
	uint64_t u64;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct message_table table;
	struct message_slot slot;
	struct message_log log;
	struct vhost_iotlb_msg iotlb;
};

/* A message, with the descriptors that came with it. */
struct message {
	struct message_header header;
	union message_payload payload;
	int fd[MESSAGE_FDS];
	unsigned int fds;
};

/* What of a header shows that a payload can be read; NULL, or what is wrong. */
const char *message_wrong_header(const struct message_header *header);
/*
 * Whether all of a message is as the protocol has it where these features of the protocol
 * were negotiated; NULL, or what is wrong.
 */
const char *message_wrong(const struct message *message, uint64_t protocol);

const char *message_name(uint32_t request);
/* Bytes of the answer that a request has in any case; 0 where it has none. */
size_t message_answer(uint32_t request);

/* The descriptor that came along, now the caller's; -1 where there is none. */
int message_take_fd(struct message *message);
/* Close those that nobody took. */
void message_close_fds(struct message *message);

#endif
