/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What both devices answer: a row for each case. Documentation/abi.rst is made of what
 * they answered.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "iotlb.h"
#include "tap.h"

/* Nothing is mapped there, or it is not the owner's. */
#define BAD_PTR		((void *)64)
#define KERNEL_ADDR	0xffff888000000000ULL
/* A place for a log that nothing is written to. */
#define SOMEWHERE	0x100000000ULL

/* The device that is asked, fresh for each row. */
struct dev {
	const char *path;
	struct vmm v;
	struct iotlb t;
	int files[4];		/* closed after the device */
	unsigned int nr_files;
};

/*
 * A case. The state is what the device is brought to, unheard; then it is asked, by its
 * owner or by another process, and answers 0, a value, or -errno.
 */
struct row {
	const char *call;
	const char *what;
	int (*state)(struct dev *d);
	long (*ask)(struct dev *d, const struct row *r);
	unsigned long req;
	uint64_t arg;
	const void *data;
	bool other;
	const char *want;	/* vhostx's answer */
	bool (*odd)(void);	/* kernels where it is another */
	const char *odd_want;
	const char *why;	/* the reason, where vhost-net of any kernel differs */
};

#define CASE(name, ioctl, text, from, how, with, answer, ...)		\
	{ .call = name, .req = ioctl, .what = text, .state = from,	\
	  .ask = how, .arg = with, .want = answer, __VA_ARGS__ }
#define ROW(ioctl, ...)	CASE(#ioctl, ioctl, __VA_ARGS__)

/* Those that only the owner may use. */
#define OWNED_AS(name, ioctl)						\
	CASE(name, ioctl, "no owner", opened, ask_zero, 0, "EPERM"),	\
	CASE(name, ioctl, "another process than the owner", ready,	\
	     ask_zero, 0, "EPERM", .other = true)
#define OWNED(ioctl)	OWNED_AS(#ioctl, ioctl)

/* Those whose argument begins with a queue's index. */
#define OF_QUEUE_AS(name, ioctl, half, half_of_2)			\
	OWNED_AS(name, ioctl),						\
	CASE(name, ioctl, "argument cannot be read", ready, ask_bad, 0,	\
	     "EFAULT"),							\
	CASE(name, ioctl, "queue 2", ready, ask_index, 2, "ENOBUFS"),	\
	CASE(name, ioctl, "queue 2^32 - 1", ready, ask_index, -1U,	\
	     "ENOBUFS"),						\
	CASE(name, ioctl, "no more than the index can be read", ready,	\
	     ask_half, TX, "EFAULT", .why = half),			\
	CASE(name, ioctl, "no more than the index can be read, which is 2", \
	     ready, ask_half, 2, "EFAULT", .why = half_of_2)
#define OF_QUEUE(ioctl)	OF_QUEUE_AS(#ioctl, ioctl, NULL, COPIES)

/* Why vhost-net differs, where several ask. */
#define KEEPS	"vhost-net of 6.1 keeps the IOTLB that it had"
#define COPIES	"vhostx copies the whole argument before it looks at anything"
#define COPIED	"vhostx looks for the owner before it copies the argument"
#define DETACH	"QEMU asserts that a detach works, so with vhostx it does, whatever is set"
#define BOTH	"VHOST_SET_LOG_BASE of vhostx changes both queues or, where it fails, none"
#define EMPTY	"VHOST_RESET_OWNER of vhost-net leaves an empty memory table, that of vhostx none"
#define KNOWS	"vhost-net looks for the owner and a queue's index first"
#define NOT_THERE "vhost-net has it in its header only"
#define OFFERS	"vhostx offers VIRTIO_F_IN_ORDER and VIRTIO_F_RING_RESET on every kernel"
#define PACKED	"vhost-net has no packed rings"
#define ARRAY	"vhost-net of 6.1 and 6.12 does not have it"
#define FORK	"vhost-net of 6.1 does not have it"
#define TAKES	"a queue of vhostx does not get or lose its IOTLB as it runs"
#define FORGETS	"vhost-net forgets the ring with the IOTLB"
#define EMPTIES	"vhost-net empties the IOTLB of a queue that runs, vhostx does not"
#define OWN	"only the owner may write to vhostx"

/* Each ends with an empty row. */
extern const struct row owner_rows[], features_rows[], memory_rows[], vring_rows[],
			fd_rows[], backend_rows[], worker_rows[], file_rows[],
			message_rows[];

/* States: opened, with an owner, set up, running, behind an IOMMU as far as that. */
int opened(struct dev *d);
int owned(struct dev *d);
int given_up(struct dev *d);
int ready(struct dev *d);
int live(struct dev *d);
int translated(struct dev *d);
int translated_live(struct dev *d);

/* The kernel cannot make threads of the owner's: before 6.4. */
bool no_tasks(void);

/* The ioctl with an argument that is nothing but a number, or cannot be used. */
long ask_zero(struct dev *d, const struct row *r);
long ask_bad(struct dev *d, const struct row *r);
long ask_u64(struct dev *d, const struct row *r);
long ask_get_u64(struct dev *d, const struct row *r);
/* Of a queue: TX and a number, another index, no more than the index. */
long ask_state(struct dev *d, const struct row *r);
long ask_index(struct dev *d, const struct row *r);
long ask_half(struct dev *d, const struct row *r);

/* Memory whose last bytes those are; behind it is nothing. Zeroed. */
void *answers_edge(size_t bytes);
/* An argument that cannot be written: of queue TX, all else zero. */
void *answers_read_only(void);
/* A tap, in a namespace of the test's own. */
int answers_tap(void);
/* Have a file closed after the device. */
int answers_keep(struct dev *d, int fd);

static inline long ask(struct dev *d, unsigned long req, const void *arg)
{
	return ioctl(d->v.fd, req, arg) < 0 ? -errno : 0;
}

#endif
