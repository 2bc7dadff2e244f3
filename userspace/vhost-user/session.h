/* SPDX-License-Identifier: GPL-2.0-only */
/* What a front end has set up over one connection. Ends with it. */
#ifndef VHOSTX_USER_SESSION_H
#define VHOSTX_USER_SESSION_H

#include <stdbool.h>

#include <linux/virtio_config.h>

#include "memory.h"
#include "message.h"
#include "tap.h"

struct ring {
	bool addressed;			/* addr is what the front end said */
	bool kicked;			/* the kernel has an eventfd to be kicked by */
	bool enabled;
	bool running;			/* the kernel serves it */
	bool begun;			/* it did once */
	uint32_t num;
	uint32_t base;			/* as the front end said, if it did */
	struct vhost_vring_addr addr;	/* as the front end sees it */
};

struct session {
	const char *name;		/* for who reads our messages */
	struct tap *tap;
	uint64_t offered;		/* features of virtio and vhost */
	uint64_t kernel_offers;
	uint64_t features;
	uint64_t protocol;		/* features of the protocol */
	uint8_t status;
	bool owned;
	int backend;			/* socket of requests to the front end, or -1 */
	struct mapping log;
	uint64_t log_size;
	struct memory *memory;
	bool broken;			/* cannot go on, whatever its front end says */
	int device[TAP_QUEUES];		/* of the kernel's, one for each pair of rings */
	struct ring ring[2 * TAP_QUEUES];
};

enum verdict {
	SESSION_GOES_ON,
	SESSION_ANSWERS,		/* the message has become the answer */
	SESSION_ENDS,
};

/* The features of the protocol that are offered. */
#define SESSION_PROTOCOL	(BIT(PROTOCOL_MQ) | BIT(PROTOCOL_LOG_SHMFD) | \
				 BIT(PROTOCOL_RARP) | BIT(PROTOCOL_REPLY_ACK) | \
				 BIT(PROTOCOL_BACKEND_REQ) | BIT(PROTOCOL_RESET_DEVICE) | \
				 BIT(PROTOCOL_CONFIGURE_MEM_SLOTS) | BIT(PROTOCOL_STATUS))

/* A front end came; NULL, with a word about it, where it cannot be served. */
struct session *session_start(const char *name, struct tap *tap);
void session_end(struct session *session);
/* Do what a message says. */
enum verdict session_take(struct session *session, struct message *message);

/* Whether rings and buffers lie at I/O virtual addresses. */
static inline bool session_iommu(const struct session *session)
{
	return session->features & BIT(VIRTIO_F_ACCESS_PLATFORM);
}

static inline unsigned int session_rings(const struct session *session)
{
	return 2 * session->tap->queues;
}

/* The same call for the device of each pair; 0, or the first -errno. */
int session_call(struct session *session, unsigned long request, const void *argument);

/* vring.c: each a request, 0 or -errno. */
int vring_set_num(struct session *session, struct message *message);
int vring_set_addr(struct session *session, struct message *message);
int vring_set_base(struct session *session, struct message *message);
int vring_get_base(struct session *session, struct message *message);
int vring_set_kick(struct session *session, struct message *message);
int vring_set_call(struct session *session, struct message *message);
int vring_set_err(struct session *session, struct message *message);
int vring_set_enable(struct session *session, struct message *message);
/* Start what can be started and stop what must be; 0, or the first -errno. */
int vring_update(struct session *session);
/* Stop all for a moment; vring_update() goes on. */
void vring_pause(struct session *session);
/* As after a reset of the device. */
void vring_reset(struct session *session);
/* Whether a log of that size has room for what a ring that wants it writes. */
bool vring_log_fits(struct session *session, uint64_t size);

/* packed.c: whether a ring's descriptors, which are here, say where it stands; sets its base. */
bool packed_find(uint64_t here, uint32_t num, uint32_t *base);

/* table.c: the same about memory, and the log of what was written to it. */
int table_set(struct session *session, struct message *message);
int table_add(struct session *session, struct message *message);
int table_remove(struct session *session, struct message *message);
int table_set_log(struct session *session, struct message *message);
int table_set_log_fd(struct session *session, struct message *message);

/* iotlb.c */
int iotlb_take(struct session *session, struct message *message);
/* Forget all translations, which could lead to memory that goes away. */
void iotlb_forget(struct session *session);
/* Ask the front end for a translation; 0 or -errno. */
int iotlb_ask(struct session *session, const struct vhost_iotlb_msg *iotlb);
/* The device of a pair asks for one; false where the session cannot go on. */
bool iotlb_asked(struct session *session, unsigned int pair);

/* say.c: a line for who runs this. */
void say(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
