// SPDX-License-Identifier: GPL-2.0-only
/* The worker ioctls, which vhost-net has in its headers and does not answer. */
#include "answers.h"

/* Most workers of a vhostx device. */
#define WORKERS		4

/* The last of so many more. */
static long ask_new(struct dev *d, const struct row *r)
{
	struct vhost_worker_state w = {};
	long ret = 0;

	for (unsigned int i = 0; i < r->arg && !ret; i++)
		ret = ask(d, VHOST_NEW_WORKER, &w);
	return ret ?: (long)w.worker_id;
}

static long ask_free(struct dev *d, const struct row *r)
{
	struct vhost_worker_state w = { .worker_id = r->arg };

	return ask(d, VHOST_FREE_WORKER, &w);
}

static long ask_free_new(struct dev *d, const struct row *r)
{
	struct vhost_worker_state w = {};

	return ask(d, VHOST_NEW_WORKER, &w) ?: ask_free(d, r);
}

static long ask_free_twice(struct dev *d, const struct row *r)
{
	return ask_free_new(d, r) ?: ask_free(d, r);
}

static long ask_attach(struct dev *d, const struct row *r)
{
	struct vhost_vring_worker w = { .index = TX, .worker_id = r->arg };

	return ask(d, VHOST_ATTACH_VRING_WORKER, &w);
}

static long ask_attach_new(struct dev *d, const struct row *r)
{
	struct vhost_worker_state w = {};

	return ask(d, VHOST_NEW_WORKER, &w) ?: ask_attach(d, r);
}

/* It has a queue again. */
static long ask_free_attached(struct dev *d, const struct row *r)
{
	return ask_attach_new(d, r) ?: ask_free(d, r);
}

static long ask_get(struct dev *d, const struct row *r)
{
	struct vhost_vring_worker w = { .index = TX, .worker_id = 77 };

	return ask(d, r->req, &w) ?: (long)w.worker_id;
}

static long ask_get_attached(struct dev *d, const struct row *r)
{
	return ask_attach_new(d, r) ?: ask_get(d, r);
}

static long ask_read_only(struct dev *d, const struct row *r)
{
	return ask(d, r->req, answers_read_only());
}

#define WORKER(ioctl, ...)	CASE(#ioctl, ioctl, __VA_ARGS__, .why = NOT_THERE)

const struct row worker_rows[] = {
	OWNED(VHOST_NEW_WORKER),
	WORKER(VHOST_NEW_WORKER, "one", owned, ask_new, 1, "1"),
	WORKER(VHOST_NEW_WORKER, "one, queues run", live, ask_new, 1, "1"),
	WORKER(VHOST_NEW_WORKER, "one after the other, to the most there are", owned, ask_new,
	       WORKERS - 1, "3"),
	WORKER(VHOST_NEW_WORKER, "one more than that", owned, ask_new, WORKERS, "ENOSPC"),
	ROW(VHOST_NEW_WORKER, "argument cannot be written", owned, ask_bad, 0, "EFAULT"),

	OWNED(VHOST_FREE_WORKER),
	WORKER(VHOST_FREE_WORKER, "one that runs queues", owned, ask_free, 0, "EBUSY"),
	WORKER(VHOST_FREE_WORKER, "one that has none", owned, ask_free_new, 1, "0"),
	WORKER(VHOST_FREE_WORKER, "one that was given a queue", owned, ask_free_attached, 1,
	       "EBUSY"),
	WORKER(VHOST_FREE_WORKER, "again", owned, ask_free_twice, 1, "ENODEV"),
	WORKER(VHOST_FREE_WORKER, "1, which there is not", owned, ask_free, 1, "ENODEV"),
	WORKER(VHOST_FREE_WORKER, "4, which there cannot be", owned, ask_free, WORKERS,
	       "ENODEV"),
	WORKER(VHOST_FREE_WORKER, "2^32 - 1", owned, ask_free, -1U, "ENODEV"),
	ROW(VHOST_FREE_WORKER, "argument cannot be read", owned, ask_bad, 0, "EFAULT"),

	OF_QUEUE_AS("VHOST_ATTACH_VRING_WORKER", VHOST_ATTACH_VRING_WORKER, NOT_THERE, COPIES),
	WORKER(VHOST_ATTACH_VRING_WORKER, "the one that the queue has", owned, ask_attach, 0,
	       "0"),
	WORKER(VHOST_ATTACH_VRING_WORKER, "another", owned, ask_attach_new, 1, "0"),
	WORKER(VHOST_ATTACH_VRING_WORKER, "another, the queue runs", live, ask_attach_new, 1,
	       "0"),
	WORKER(VHOST_ATTACH_VRING_WORKER, "1, which there is not", owned, ask_attach, 1,
	       "ENODEV"),
	WORKER(VHOST_ATTACH_VRING_WORKER, "2^32 - 1", owned, ask_attach, -1U, "ENODEV"),

	OF_QUEUE_AS("VHOST_GET_VRING_WORKER", VHOST_GET_VRING_WORKER, NOT_THERE, COPIES),
	WORKER(VHOST_GET_VRING_WORKER, "as it comes", owned, ask_get, 0, "0"),
	WORKER(VHOST_GET_VRING_WORKER, "after another was attached", owned, ask_get_attached,
	       1, "1"),
	WORKER(VHOST_GET_VRING_WORKER, "argument cannot be written", owned, ask_read_only, 0,
	       "EFAULT"),
	{}
};
