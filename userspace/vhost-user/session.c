// SPDX-License-Identifier: GPL-2.0-only
/* What a front end has set up over one connection. Ends with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "kernel.h"
#include "names.h"
#include "session.h"

/*
 * What a front end does by itself, and asks of a back end only whether it minds. The number
 * of VIRTIO_F_ANY_LAYOUT is that of a feature which the kernel is not to be told of.
 */
#define FRONT_END	(BIT(VIRTIO_F_ANY_LAYOUT) | BIT(VIRTIO_NET_F_STATUS) | \
			 BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | \
			 BIT(VIRTIO_NET_F_CTRL_VLAN) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | \
			 BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | \
			 BIT(VIRTIO_NET_F_MQ))

int session_call(struct session *session, unsigned long request, const void *argument)
{
	int first = 0;

	for (unsigned int i = 0; i < session->tap->queues; i++) {
		int ret = kernel_call(session->device[i], request, argument);

		if (!first)
			first = ret;
	}
	return first;
}

static int open_devices(struct session *session)
{
	for (unsigned int i = 0; i < session->tap->queues; i++) {
		session->device[i] = kernel_open();
		if (session->device[i] < 0)
			return session->device[i];
	}
	return 0;
}

struct session *session_start(const char *name, struct tap *tap)
{
	struct session *session = calloc(1, sizeof(*session));
	int ret;

	if (!session)
		return NULL;
	session->name = name;
	session->tap = tap;
	session->backend = -1;
	memset(session->device, 0xff, sizeof(session->device));
	session->memory = calloc(1, sizeof(*session->memory));
	ret = session->memory ? open_devices(session) : -ENOMEM;
	if (!ret)
		ret = kernel_call(session->device[0], VHOST_GET_FEATURES, &session->kernel_offers);
	/* As if none was negotiated, whatever was before. */
	if (!ret)
		ret = tap_apply(tap, 0);
	if (ret) {
		say(name, "%s and /dev/vhostx: %s", tap->name, strerror(-ret));
		session_end(session);
		return NULL;
	}
	session->kernel_offers &= ~BIT(VHOST_NET_F_VIRTIO_NET_HDR);
	session->offered = session->kernel_offers | tap->features | FRONT_END |
			   BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	/* The host sends nothing to where nobody listens. */
	for (unsigned int i = 0; i < tap->queues; i++)
		tap_attach(tap, i, false);
	return session;
}

void session_end(struct session *session)
{
	/* The kernel lets go of memory and of the tap before they are. */
	for (unsigned int i = 0; i < session->tap->queues; i++)
		if (session->device[i] >= 0)
			close(session->device[i]);
	if (session->backend >= 0)
		close(session->backend);
	mapping_drop(&session->log);
	memory_free(session->memory);
	free(session);
}

static int get_features(struct session *session, struct message *message)
{
	message->payload.u64 = session->offered;
	return 0;
}

static int set_features(struct session *session, struct message *message)
{
	uint64_t features = message->payload.u64, kernel, changed;
	int ret;

	if (features & ~session->offered)
		return -EOPNOTSUPP;
	kernel = features & session->kernel_offers;
	ret = session_call(session, VHOST_SET_FEATURES, &kernel);
	if (ret)
		return ret;
	changed = session->features ^ features;
	session->features = features;
	/* Not the tap as well where all that changes is whether writes are logged. */
	if (changed & ~BIT(VHOST_F_LOG_ALL))
		ret = tap_apply(session->tap, features);
	return ret ? ret : vring_update(session);
}

static int get_protocol_features(struct session *session, struct message *message)
{
	(void)session;
	message->payload.u64 = SESSION_PROTOCOL;
	return 0;
}

static int set_protocol_features(struct session *session, struct message *message)
{
	if (message->payload.u64 & ~SESSION_PROTOCOL)
		return -EOPNOTSUPP;
	session->protocol = message->payload.u64;
	return 0;
}

static int set_owner(struct session *session, struct message *message)
{
	int ret;

	(void)message;
	if (session->owned)
		return 0;
	ret = session_call(session, VHOST_SET_OWNER, NULL);
	session->owned = !ret;
	session->broken |= ret;
	return ret;
}

static int get_queue_num(struct session *session, struct message *message)
{
	message->payload.u64 = session->tap->queues;
	return 0;
}

static int get_max_mem_slots(struct session *session, struct message *message)
{
	(void)session;
	message->payload.u64 = MEMORY_SLOTS;
	return 0;
}

static int reset(struct session *session, struct message *message)
{
	(void)message;
	vring_reset(session);
	session->status = 0;
	return 0;
}

static int set_status(struct session *session, struct message *message)
{
	if (message->payload.u64 > UINT8_MAX)
		return -EINVAL;
	if (!message->payload.u64)
		return reset(session, message);
	session->status = message->payload.u64;
	return 0;
}

static int get_status(struct session *session, struct message *message)
{
	message->payload.u64 = session->status;
	return 0;
}

static int send_rarp(struct session *session, struct message *message)
{
	return tap_announce(session->tap, (const unsigned char *)&message->payload.u64);
}

static int set_backend_req_fd(struct session *session, struct message *message)
{
	if (session->backend >= 0)
		close(session->backend);
	session->backend = message_take_fd(message);
	return 0;
}

/* A ring may have waited for it. */
static int iotlb_msg(struct session *session, struct message *message)
{
	int ret = iotlb_take(session, message);

	if (ret || message->payload.iotlb.type != VHOST_IOTLB_UPDATE)
		return ret;
	return vring_update(session);
}

static int (*const handlers[REQUESTS])(struct session *session, struct message *message) = {
	[REQUEST_GET_FEATURES] = get_features,
	[REQUEST_SET_FEATURES] = set_features,
	[REQUEST_SET_OWNER] = set_owner,
	[REQUEST_RESET_OWNER] = reset,
	[REQUEST_SET_MEM_TABLE] = table_set,
	[REQUEST_SET_LOG_BASE] = table_set_log,
	[REQUEST_SET_LOG_FD] = table_set_log_fd,
	[REQUEST_SET_VRING_NUM] = vring_set_num,
	[REQUEST_SET_VRING_ADDR] = vring_set_addr,
	[REQUEST_SET_VRING_BASE] = vring_set_base,
	[REQUEST_GET_VRING_BASE] = vring_get_base,
	[REQUEST_SET_VRING_KICK] = vring_set_kick,
	[REQUEST_SET_VRING_CALL] = vring_set_call,
	[REQUEST_SET_VRING_ERR] = vring_set_err,
	[REQUEST_GET_PROTOCOL_FEATURES] = get_protocol_features,
	[REQUEST_SET_PROTOCOL_FEATURES] = set_protocol_features,
	[REQUEST_GET_QUEUE_NUM] = get_queue_num,
	[REQUEST_SET_VRING_ENABLE] = vring_set_enable,
	[REQUEST_SEND_RARP] = send_rarp,
	[REQUEST_SET_BACKEND_REQ_FD] = set_backend_req_fd,
	[REQUEST_IOTLB_MSG] = iotlb_msg,
	[REQUEST_RESET_DEVICE] = reset,
	[REQUEST_GET_MAX_MEM_SLOTS] = get_max_mem_slots,
	[REQUEST_ADD_MEM_REG] = table_add,
	[REQUEST_REM_MEM_REG] = table_remove,
	[REQUEST_SET_STATUS] = set_status,
	[REQUEST_GET_STATUS] = get_status,
};

static enum verdict answer(struct message *message, size_t size)
{
	message->header.flags = MESSAGE_VERSION | MESSAGE_REPLY;
	message->header.size = size;
	return SESSION_ANSWERS;
}

/* Who does not want to know of a failure would go on as if all was well. */
enum verdict session_take(struct session *session, struct message *message)
{
	uint32_t request = message->header.request;
	bool acked = message->header.flags & MESSAGE_NEED_REPLY &&
		     session->protocol & BIT(PROTOCOL_REPLY_ACK);
	const char *why = message_wrong(message, session->protocol);
	size_t size = message_answer(request);
	int ret;

	if (why) {
		say(session->name, "%s (%u): %s", message_name(request), request, why);
		ret = -EPROTO;
	} else {
		ret = handlers[request](session, message);
		if (ret)
			say(session->name, "%s: %s", message_name(request), strerror(-ret));
	}
	message_close_fds(message);
	if (session->broken || (ret && (size || !acked)))
		return SESSION_ENDS;
	if (request == REQUEST_SET_LOG_BASE || !size) {
		message->payload.u64 = !!ret;
		size = acked || size ? sizeof(uint64_t) : 0;
	}
	return size ? answer(message, size) : SESSION_GOES_ON;
}
