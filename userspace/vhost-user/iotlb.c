// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device IOTLB: translations come from the front end by messages, with its own addresses,
 * and are asked for on a socket that it gave. Each device of the kernel's has a copy.
 */
#include <errno.h>
#include <sys/socket.h>

#include "kernel.h"
#include "session.h"

static int tell_all(struct session *session, const struct vhost_iotlb_msg *iotlb)
{
	int first = 0;

	for (unsigned int i = 0; i < session->tap->queues; i++) {
		int ret = kernel_tell(session->device[i], iotlb);

		if (!first)
			first = ret;
	}
	return first;
}

/* A translation to memory of several regions becomes as many. */
static int update(struct session *session, struct vhost_iotlb_msg iotlb)
{
	uint64_t left = iotlb.size, user = iotlb.uaddr;

	while (left) {
		uint64_t size = left;
		int ret;

		iotlb.uaddr = memory_piece(session->memory, user, &size);
		if (!iotlb.uaddr)
			return -EFAULT;
		iotlb.size = size;
		ret = tell_all(session, &iotlb);
		if (ret)
			return ret;
		iotlb.iova += size;
		user += size;
		left -= size;
	}
	return 0;
}

int iotlb_take(struct session *session, struct message *message)
{
	const struct vhost_iotlb_msg *iotlb = &message->payload.iotlb;

	if (!session_iommu(session))
		return -EOPNOTSUPP;
	if (!iotlb->size || iotlb->iova + iotlb->size - 1 < iotlb->iova)
		return -EINVAL;
	switch (iotlb->type) {
	case VHOST_IOTLB_UPDATE:
		return update(session, *iotlb);
	case VHOST_IOTLB_INVALIDATE:
		return tell_all(session, iotlb);
	default:
		return -EINVAL;
	}
}

void iotlb_forget(struct session *session)
{
	/* All addresses are one more than a size can say. */
	struct vhost_iotlb_msg all[] = {
		{ .size = UINT64_MAX, .type = VHOST_IOTLB_INVALIDATE },
		{ .iova = UINT64_MAX, .size = 1, .type = VHOST_IOTLB_INVALIDATE },
	};

	if (!session_iommu(session))
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		session->broken |= tell_all(session, &all[i]);
}

int iotlb_ask(struct session *session, const struct vhost_iotlb_msg *iotlb)
{
	struct {
		struct message_header header;
		struct vhost_iotlb_msg iotlb;
	} __attribute__((packed)) ask = {
		.header = {
			.request = BACKEND_REQUEST_IOTLB_MSG,
			.flags = MESSAGE_VERSION,
			.size = sizeof(*iotlb),
		},
		.iotlb = *iotlb,
	};

	/* Some front ends tell all translations without being asked. */
	if (session->backend < 0)
		return 0;
	/* Who does not read there gets no more; nobody waits for it. */
	if (send(session->backend, &ask, sizeof(ask), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

bool iotlb_asked(struct session *session, unsigned int pair)
{
	struct vhost_iotlb_msg iotlb;
	int ret;

	while ((ret = kernel_asks(session->device[pair], &iotlb)) > 0) {
		ret = iotlb_ask(session, &iotlb);
		if (ret)
			break;
	}
	if (ret)
		say(session->name, "IOTLB: error %d", -ret);
	return !ret;
}
