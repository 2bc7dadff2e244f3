// SPDX-License-Identifier: GPL-2.0-only
/* Who may do what: owner, unknown ioctls. */
#include <sys/resource.h>

#include "answers.h"

#define UNKNOWN		_IOW(VHOST_VIRTIO, 0xee, struct vhost_vring_state)
#define OTHER_TYPE	_IO('x', 1)
#define OTHER_WAY	_IOR(VHOST_VIRTIO, 0x10, struct vhost_vring_state)

#define TELLS	"vhostx tells why the worker could not start"

static long ask_own_and_leave(struct dev *d, const struct row *r)
{
	return ask(d, r->req, NULL) ?: ask(d, VHOST_RESET_OWNER, NULL);
}

/* As somebody who may not have another thread. */
static long ask_alone(struct dev *d, const struct row *r)
{
	const struct rlimit none = {};

	if (setrlimit(RLIMIT_NPROC, &none) || setuid(65534))
		return -errno;
	return ask_own_and_leave(d, r);
}

/* What it was told before it changed hands. */
static long ask_after_reset(struct dev *d, const struct row *r)
{
	struct vhost_vring_state s = { .index = TX, .num = 77 };

	return ask(d, r->arg, &s) ?: ask(d, VHOST_RESET_OWNER, NULL) ?:
	       ask(d, VHOST_SET_OWNER, NULL) ?: ask(d, r->req, &s) ?: (long)s.num;
}

/* Of no vhost, of other vhosts, and of what a kernel may be built without. */
#define UNHEARD_AS(name, ioctl)						\
	CASE(GROUP, ioctl, name ", no owner", opened, ask_zero, 0,	\
	     "ENOTTY", .why = KNOWS),					\
	CASE(GROUP, ioctl, name, owned, ask_zero, 0, "ENOTTY")
#define UNHEARD(ioctl)	UNHEARD_AS(#ioctl, ioctl)
#define GROUP	"Ioctls that are not there"

const struct row owner_rows[] = {
	ROW(VHOST_SET_OWNER, "no owner", opened, ask_zero, 0, "0"),
	ROW(VHOST_SET_OWNER, "argument cannot be read: it has none", opened, ask_bad, 0, "0"),
	ROW(VHOST_SET_OWNER, "the owner again", owned, ask_zero, 0, "EBUSY"),
	ROW(VHOST_SET_OWNER, "another process than the owner", owned, ask_zero, 0, "EBUSY",
	    .other = true),
	ROW(VHOST_SET_OWNER, "after VHOST_RESET_OWNER", given_up, ask_zero, 0, "0"),
	ROW(VHOST_SET_OWNER, "after VHOST_RESET_OWNER, another process", given_up,
	    ask_own_and_leave, 0, "0", .other = true),
	ROW(VHOST_SET_OWNER, "by a process that may have no other thread", opened, ask_alone, 0,
	    "EAGAIN", .other = true, .odd = no_tasks, .odd_want = "0", .why = TELLS),

	OWNED(VHOST_RESET_OWNER),
	ROW(VHOST_RESET_OWNER, "the owner", owned, ask_zero, 0, "0"),
	ROW(VHOST_RESET_OWNER, "argument cannot be read: it has none", owned, ask_bad, 0, "0"),
	ROW(VHOST_RESET_OWNER, "queues run", live, ask_zero, 0, "0"),
	ROW(VHOST_RESET_OWNER, "queues run behind an IOMMU", translated_live, ask_zero, 0, "0"),
	ROW(VHOST_RESET_OWNER, "again", given_up, ask_zero, 0, "EPERM"),
	ROW(VHOST_GET_VRING_BASE, "after VHOST_RESET_OWNER", given_up, ask_zero, 0, "EPERM"),
	ROW(VHOST_GET_VRING_BASE, "77 before another owner", owned, ask_after_reset,
	    VHOST_SET_VRING_BASE, "0"),
	ROW(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, "77 before another owner", owned,
	    ask_after_reset, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, "0"),

	UNHEARD_AS("number 0xee", UNKNOWN),
	CASE(GROUP, UNKNOWN, "number 0xee, its first word is 2", owned, ask_index, 2,
	     "ENOTTY", .why = KNOWS),
	CASE(GROUP, UNKNOWN, "number 0xee, argument cannot be read", owned, ask_bad, 0,
	     "ENOTTY", .why = KNOWS),
	UNHEARD_AS("type 'x'", OTHER_TYPE),
	UNHEARD_AS("VHOST_SET_VRING_NUM's number, to read", OTHER_WAY),
	UNHEARD(VHOST_SET_VRING_ENDIAN),
	UNHEARD(VHOST_GET_VRING_ENDIAN),
	UNHEARD(VHOST_SCSI_SET_ENDPOINT),
	UNHEARD(VHOST_VSOCK_SET_GUEST_CID),
	UNHEARD(VHOST_VDPA_GET_DEVICE_ID),
	{}
};
