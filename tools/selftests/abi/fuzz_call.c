// SPDX-License-Identifier: GPL-2.0-only
/* The calls: which there are, how one is chosen, and how it is made. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "answers.h"
#include "fuzz.h"
#include "pattern.h"
#include "stats.h"

#define UNKNOWN		_IOW(VHOST_VIRTIO, 0xee, struct vhost_vring_state)
#define MODERN		(F_VERSION_1 | F_MRG_RXBUF)
/* Where each part of a queue's ring is; the largest ring fits. */
#define RING_SIZE	0x100000UL
#define AVAIL		0x90000
#define USED		0xb0000

#define OP(ioctl, kind, often, ...)	{ #ioctl, ioctl, kind, often, __VA_ARGS__ }
#define FROM(...)							\
	.nr_values = sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t),	\
	.values = { __VA_ARGS__ }
#define MAY(...)	.allowed = { __VA_ARGS__ }
#define OF_QUEUE_OP	.owner = true, .queue = true
#define EVENTFDS	FROM(FILE_EVENTFD, FILE_UNBIND, FILE_TAP, FILE_NULL, FILE_CLOSED), \
			MAY(EPERM, EFAULT, ENOBUFS, EBADF, EINVAL)
#define FEATURES	FROM(MODERN, MODERN | F_ACCESS_PLATFORM, MODERN | F_LOG_ALL,	\
			     MODERN | F_RING_PACKED, MODERN | F_IN_ORDER, BIT64(63), 0,	\
			     MODERN | F_ACCESS_PLATFORM | F_LOG_ALL)

const struct fuzz_op fuzz_ops[] = {
	OP(VHOST_SET_OWNER, ARG_NONE, 24, MAY(EBUSY, ENOMEM, EAGAIN, EINTR, EINVAL, 513)),
	OP(VHOST_RESET_OWNER, ARG_NONE, 2, .owner = true, MAY(EPERM)),
	OP(VHOST_GET_FEATURES, ARG_U64, 16, .get = true, MAY(EFAULT)),
	OP(VHOST_SET_FEATURES, ARG_U64, 32, FEATURES, MAY(EFAULT, EOPNOTSUPP, EBUSY, ENOMEM)),
	OP(VHOST_GET_FEATURES_ARRAY, ARG_ARRAY, 8, FROM(0, 1, 2), MAY(EFAULT)),
	OP(VHOST_SET_FEATURES_ARRAY, ARG_ARRAY, 8, FEATURES,
	   MAY(EFAULT, EOPNOTSUPP, EBUSY, ENOMEM)),
	OP(VHOST_GET_BACKEND_FEATURES, ARG_U64, 8, .get = true, MAY(EFAULT)),
	OP(VHOST_SET_BACKEND_FEATURES, ARG_U64, 8, FROM(2, 0, 1, 4, BIT64(63)),
	   MAY(EFAULT, EOPNOTSUPP)),
	OP(VHOST_GET_FORK_FROM_OWNER, ARG_U8, 8, .get = true, MAY(EFAULT)),
	OP(VHOST_SET_FORK_FROM_OWNER, ARG_U8, 8, FROM(0, 1, 2, 255), MAY(EFAULT, EBUSY, EINVAL)),
	OP(VHOST_NEW_WORKER, ARG_WORKER, 4, .owner = true, .get = true,
	   MAY(EPERM, EFAULT, ENOSPC, ENOMEM, ESRCH, EAGAIN, EINTR, 513)),
	OP(VHOST_FREE_WORKER, ARG_WORKER, 8, .owner = true, FROM(1, 0, 2, 3, 4, -1U),
	   MAY(EPERM, EFAULT, ENODEV, EBUSY)),
	OP(VHOST_ATTACH_VRING_WORKER, ARG_VQ_WORKER, 4, OF_QUEUE_OP, FROM(1, 0, 2, 3, 4, -1U),
	   MAY(EPERM, EFAULT, ENOBUFS, ENODEV)),
	OP(VHOST_GET_VRING_WORKER, ARG_VQ_WORKER, 16, OF_QUEUE_OP, .get = true,
	   MAY(EPERM, EFAULT, ENOBUFS)),
	OP(VHOST_SET_MEM_TABLE, ARG_MEM, 48, .owner = true,
	   FROM(MEM_GOOD, MEM_EMPTY, MEM_KERNEL, MEM_PADDING, MEM_ZERO, MEM_MANY),
	   MAY(EPERM, EFAULT, EOPNOTSUPP, E2BIG, ENOMEM)),
	OP(VHOST_SET_LOG_BASE, ARG_U64, 24, .owner = true, FROM(SOMEWHERE, 0, KERNEL_ADDR),
	   MAY(EPERM, EFAULT)),
	OP(VHOST_SET_LOG_FD, ARG_FILE, 24, .owner = true, EVENTFDS),
	OP(VHOST_SET_VRING_NUM, ARG_STATE, 64, OF_QUEUE_OP,
	   FROM(256, 16, 1, 0, 3, 32768, 65536, -1U), MAY(EPERM, EFAULT, ENOBUFS, EBUSY, EINVAL)),
	OP(VHOST_SET_VRING_ADDR, ARG_ADDR, 96, OF_QUEUE_OP,
	   FROM(ADDR_GOOD, ADDR_LOGGED, ADDR_KERNEL, ADDR_ODD, ADDR_FLAG),
	   MAY(EPERM, EFAULT, ENOBUFS, EINVAL, EOPNOTSUPP)),
	OP(VHOST_SET_VRING_BASE, ARG_STATE, 48, OF_QUEUE_OP,
	   FROM(0, 5, 65535, 65536, 0x80008000, -1U), MAY(EPERM, EFAULT, ENOBUFS, EBUSY, EINVAL)),
	OP(VHOST_GET_VRING_BASE, ARG_STATE, 48, OF_QUEUE_OP, MAY(EPERM, EFAULT, ENOBUFS)),
	OP(VHOST_SET_VRING_KICK, ARG_VQ_FILE, 48, OF_QUEUE_OP, EVENTFDS),
	OP(VHOST_SET_VRING_CALL, ARG_VQ_FILE, 48, OF_QUEUE_OP, EVENTFDS),
	OP(VHOST_SET_VRING_ERR, ARG_VQ_FILE, 32, OF_QUEUE_OP, EVENTFDS),
	OP(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, ARG_STATE, 24, OF_QUEUE_OP, FROM(0, 1, 50),
	   MAY(EPERM, EFAULT, ENOBUFS)),
	OP(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, ARG_STATE, 24, OF_QUEUE_OP, .get = true,
	   MAY(EPERM, EFAULT, ENOBUFS)),
	OP(VHOST_NET_SET_BACKEND, ARG_VQ_FILE, 96, OF_QUEUE_OP,
	   FROM(FILE_TAP, FILE_UNBIND, FILE_WIRE, FILE_EVENTFD, FILE_NULL, FILE_CLOSED),
	   MAY(EPERM, EFAULT, ENOBUFS, ENOTSOCK, EINVAL)),
	OP(UNKNOWN, ARG_STATE, 8, MAY(ENOTTY)),
	{ "read", 0, ARG_READ, 24, FROM(72, 71), MAY(EAGAIN, EFAULT) },
	{ "write", 0, ARG_WRITE, 96,
	  FROM(MSG_UPDATE, MSG_INVALIDATE, MSG_UPDATE_KERNEL, MSG_UPDATE_ZERO, MSG_TYPE,
	       MSG_SHORT),
	  MAY(EPERM, EFAULT, EINVAL) },
	{ "poll", 0, ARG_POLL, 16, .get = true },
	{ "mmap", 0, ARG_MMAP, 4, MAY(ENODEV) },
	{}
};

static unsigned int weights(void)
{
	static unsigned int sum;

	if (!sum)
		for (const struct fuzz_op *op = fuzz_ops; op->name; op++)
			sum += op->weight;
	return sum;
}

/* Some bits of a random word, which then has others. */
static unsigned int draw(uint64_t *random, unsigned int below)
{
	unsigned int n = *random % below;

	*random /= below;
	return n;
}

enum fuzz_phase fuzz_phase(uint64_t number)
{
	return number / FUZZ_LIFE % FUZZ_PHASES % 3;
}

/* Features as there may be any in that phase. */
static uint64_t phased(uint64_t f, enum fuzz_phase phase)
{
	if (phase == PHASE_DIRECT)
		return f & ~F_ACCESS_PLATFORM;
	return phase == PHASE_IOTLB ? f | F_ACCESS_PLATFORM : f;
}

void fuzz_choose(struct fuzz_call *c, uint64_t seed, uint64_t number)
{
	uint64_t random = pattern(seed, number);
	unsigned int at = draw(&random, weights());
	const struct fuzz_op *op = fuzz_ops;

	while (at >= op->weight)
		at -= op++->weight;
	*c = (struct fuzz_call){
		.op = op,
		.queue = draw(&random, 32) / 15,
		.bad = !draw(&random, 48) && op->arg != ARG_NONE && op->arg < ARG_READ,
		.other = !draw(&random, 256),
	};
	if (op->nr_values)
		c->value = op->values[draw(&random, 2) * draw(&random, op->nr_values)];
	if (op->req == VHOST_SET_FEATURES || op->req == VHOST_SET_FEATURES_ARRAY)
		c->value = phased(c->value, fuzz_phase(number));
}

void fuzz_print(const struct fuzz_call *c)
{
	printf("%s queue %u value %#llx%s%s", c->op->name, c->queue,
	       (unsigned long long)c->value, c->bad ? ", bad address" : "",
	       c->other ? ", another process" : "");
}

bool fuzz_allowed(const struct fuzz_call *c, long answer)
{
	if (answer >= 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(c->op->allowed) && c->op->allowed[i]; i++)
		if (answer == -c->op->allowed[i])
			return true;
	return false;
}

union argument {
	uint8_t byte;
	int fd;
	uint64_t words[4];
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhost_vring_file file;
	struct vhost_worker_state worker;
	struct vhost_vring_worker vq_worker;
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} mem;
};

static void fill_addr(struct vhost_vring_addr *a, const struct fuzz_dev *d,
		      const struct fuzz_call *c)
{
	uint64_t ring = (uintptr_t)d->mem + c->queue % 2 * RING_SIZE;

	if (c->value == ADDR_KERNEL)
		ring = KERNEL_ADDR;
	*a = (struct vhost_vring_addr){
		.index = c->queue,
		.flags = c->value == ADDR_LOGGED ? BIT64(VHOST_VRING_F_LOG) :
			 c->value == ADDR_FLAG ? 2 : 0,
		.desc_user_addr = ring,
		.avail_user_addr = ring + AVAIL + (c->value == ADDR_ODD),
		.used_user_addr = ring + USED,
		.log_guest_addr = FUZZ_GPA,
	};
}

static void fill_mem(union argument *a, const struct fuzz_dev *d, enum fuzz_mem how)
{
	a->mem.head.nregions = how == MEM_EMPTY ? 0 : how == MEM_MANY ? 1025 : 1;
	a->mem.head.padding = how == MEM_PADDING;
	a->mem.region = (struct vhost_memory_region){
		.guest_phys_addr = FUZZ_GPA,
		.memory_size = how == MEM_ZERO ? 0 : FUZZ_MEM_SIZE,
		.userspace_addr = how == MEM_KERNEL ? KERNEL_ADDR : (uintptr_t)d->mem,
	};
}

static void fill(union argument *a, const struct fuzz_dev *d, const struct fuzz_call *c)
{
	switch (c->op->arg) {
	case ARG_U64:
		a->words[0] = c->value;
		break;
	case ARG_ARRAY:
		a->words[0] = c->op->req == VHOST_GET_FEATURES_ARRAY ? c->value : 1;
		a->words[1] = c->value;
		break;
	case ARG_U8:
		a->byte = c->value;
		break;
	case ARG_FILE:
		a->fd = d->file[c->value];
		break;
	case ARG_WORKER:
		a->worker.worker_id = c->value;
		break;
	case ARG_VQ_WORKER:
		a->vq_worker.index = c->queue;
		a->vq_worker.worker_id = c->value;
		break;
	case ARG_STATE:
		a->state.index = c->queue;
		a->state.num = c->value;
		break;
	case ARG_ADDR:
		fill_addr(&a->addr, d, c);
		break;
	case ARG_VQ_FILE:
		a->file.index = c->queue;
		a->file.fd = d->file[c->value];
		break;
	case ARG_MEM:
		fill_mem(a, d, c->value);
		break;
	default:
		break;
	}
}

static long given_back(const union argument *a, const struct fuzz_op *op)
{
	switch (op->arg) {
	case ARG_U64:
		return a->words[0];
	case ARG_U8:
		return a->byte;
	case ARG_WORKER:
		return a->worker.worker_id;
	case ARG_VQ_WORKER:
		return a->vq_worker.worker_id;
	case ARG_STATE:
		return a->state.num;
	default:
		return 0;
	}
}

static long do_write(const struct fuzz_dev *d, const struct fuzz_call *c)
{
	struct vhost_msg_v2 msg = {
		.type = c->value == MSG_TYPE ? 77 : VHOST_IOTLB_MSG_V2,
		.iotlb = {
			/* Each address stands for itself. */
			.iova = (uintptr_t)d->mem,
			.size = c->value == MSG_UPDATE_ZERO ? 0 : FUZZ_MEM_SIZE,
			.uaddr = c->value == MSG_UPDATE_KERNEL ? KERNEL_ADDR : (uintptr_t)d->mem,
			.perm = VHOST_ACCESS_RW,
			.type = c->value == MSG_INVALIDATE ? VHOST_IOTLB_INVALIDATE :
							     VHOST_IOTLB_UPDATE,
		},
	};
	ssize_t n = write(d->fd, &msg, c->value == MSG_SHORT ? 39 : sizeof(msg));

	return n < 0 ? -errno : n;
}

static long do_read(const struct fuzz_dev *d, const struct fuzz_call *c)
{
	struct vhost_msg_v2 msg;
	ssize_t n = read(d->fd, &msg, c->value);

	return n < 0 ? -errno : n;
}

static long do_poll(const struct fuzz_dev *d)
{
	struct pollfd p = { .fd = d->fd, .events = POLLIN };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

static long do_mmap(const struct fuzz_dev *d)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, d->fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, 4096);
	return 0;
}

static long do_here(const struct fuzz_dev *d, const struct fuzz_call *c)
{
	/* All that vhost-net copies for any ioctl can be read. */
	union argument a = {};
	void *arg = c->bad ? BAD_PTR : &a;

	switch (c->op->arg) {
	case ARG_READ:
		return do_read(d, c);
	case ARG_WRITE:
		return do_write(d, c);
	case ARG_POLL:
		return do_poll(d);
	case ARG_MMAP:
		return do_mmap(d);
	default:
		fill(&a, d, c);
		if (ioctl(d->fd, c->op->req, arg) < 0)
			return -errno;
		return c->op->get ? given_back(&a, c->op) : 0;
	}
}

long fuzz_do(const struct fuzz_dev *d, const struct fuzz_call *c)
{
	static long *told;
	int status;
	pid_t pid;

	if (!c->other)
		return do_here(d, c);
	if (!told)
		told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (pid == 0) {
		*told = do_here(d, c);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		abort();
	return *told;
}
