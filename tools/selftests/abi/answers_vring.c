// SPDX-License-Identifier: GPL-2.0-only
/* What one queue is told: its ring, how long it may poll. */
#include "answers.h"

#define F_LOG		BIT64(VHOST_VRING_F_LOG)

/* What an address is changed by; a large one replaces it. */
struct change {
	uint64_t flags, desc, avail, used, log;
};

static uint64_t changed(const void *address, uint64_t by)
{
	return by < 4096 ? (uintptr_t)address + by : by;
}

static long ask_addr(struct dev *d, const struct row *r)
{
	static const struct change none;
	const struct change *c = r->data ? r->data : &none;
	const struct vq *q = &d->v.vq[TX];
	struct vhost_vring_addr a = {
		.index = TX,
		.flags = c->flags,
		.desc_user_addr = changed(q->desc, c->desc),
		.avail_user_addr = changed(q->avail, c->avail),
		.used_user_addr = changed(q->used, c->used),
		.log_guest_addr = c->log,
	};

	return ask(d, VHOST_SET_VRING_ADDR, &a);
}

static long ask_addr_then_start(struct dev *d, const struct row *r)
{
	return ask_addr(d, r) ?: vmm_backend(&d->v, TX, answers_tap());
}

/* With a log whose bits lie in the kernel's half. */
static long ask_addr_bad_log(struct dev *d, const struct row *r)
{
	return vmm_set_log(&d->v, KERNEL_ADDR) ?: ask_addr(d, r);
}

/* Each flag but the first; the first answer that is odd. */
static long ask_flags(struct dev *d, const struct row *r)
{
	for (int i = 1; i < 32; i++) {
		struct vhost_vring_addr a = { .index = TX, .flags = 1U << i };
		long ret = ask(d, r->req, &a);

		if (ret != -EOPNOTSUPP)
			return ret;
	}
	return -EOPNOTSUPP;
}

/* The value of TX, after its setter was told the row's argument for the row's queue. */
static long get(struct dev *d, const struct row *r, unsigned long set, unsigned int queue)
{
	struct vhost_vring_state s = { .index = queue, .num = r->arg };
	long ret = ask(d, set, &s);

	s = (struct vhost_vring_state){ .index = TX, .num = 0xee };
	return ret ?: ask(d, r->req, &s) ?: (long)s.num;
}

static long ask_base(struct dev *d, const struct row *r)
{
	return get(d, r, VHOST_SET_VRING_BASE, TX);
}

static long ask_others_base(struct dev *d, const struct row *r)
{
	return get(d, r, VHOST_SET_VRING_BASE, RX);
}

static long ask_base_live(struct dev *d, const struct row *r)
{
	(void)r;
	return vmm_get_base(&d->v, TX);
}

static long ask_busyloop(struct dev *d, const struct row *r)
{
	return get(d, r, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, TX);
}

static long ask_others_busyloop(struct dev *d, const struct row *r)
{
	return get(d, r, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, RX);
}

static long ask_read_only(struct dev *d, const struct row *r)
{
	return ask(d, r->req, answers_read_only());
}

#define CHANGE(...)	.data = &(const struct change){ __VA_ARGS__ }
#define NUM(text, state, num, want)	ROW(VHOST_SET_VRING_NUM, text, state, ask_state, num, want)
#define BASE(text, state, num, want)	ROW(VHOST_SET_VRING_BASE, text, state, ask_state, num, want)
#define ADDR(text, state, want, ...) \
	ROW(VHOST_SET_VRING_ADDR, text, state, ask_addr, 0, want, CHANGE(__VA_ARGS__))
#define START(text, state, want, ...) \
	ROW(VHOST_NET_SET_BACKEND, text, state, ask_addr_then_start, 0, want, CHANGE(__VA_ARGS__))

const struct row vring_rows[] = {
	OF_QUEUE(VHOST_SET_VRING_NUM),
	NUM("0", ready, 0, "EINVAL"),
	NUM("1", ready, 1, "0"),
	NUM("2", ready, 2, "0"),
	NUM("3", ready, 3, "EINVAL"),
	NUM("255", ready, 255, "EINVAL"),
	NUM("256", ready, 256, "0"),
	NUM("32768", ready, 32768, "0"),
	NUM("65535", ready, 65535, "EINVAL"),
	NUM("65536", ready, 65536, "EINVAL"),
	NUM("131072", ready, 131072, "EINVAL"),
	NUM("2^31", ready, 1U << 31, "EINVAL"),
	NUM("2^32 - 1", ready, -1U, "EINVAL"),
	NUM("256, the queue runs", live, 256, "EBUSY"),
	NUM("3, the queue runs", live, 3, "EBUSY"),
	ROW(VHOST_SET_VRING_NUM, "no more than the index can be read, the queue runs", live,
	    ask_half, TX, "EFAULT", .why = COPIES),

	OF_QUEUE(VHOST_SET_VRING_ADDR),
	ADDR("a ring", ready, "0"),
	ADDR("VHOST_VRING_F_LOG", ready, "0", .flags = F_LOG),
	ROW(VHOST_SET_VRING_ADDR, "each other flag", ready, ask_flags, 0, "EOPNOTSUPP"),
	ADDR("descriptors not aligned", ready, "0", .desc = 1),
	ADDR("available ring at an odd address", ready, "EINVAL", .avail = 1),
	ADDR("available ring at an even address", ready, "0", .avail = 2),
	ADDR("used ring at an odd address", ready, "EINVAL", .used = 1),
	ADDR("used ring at an even address", ready, "EINVAL", .used = 2),
	ADDR("used ring at a multiple of 4", ready, "0", .used = 4),
	ADDR("log of the used ring at an even address", ready, "EINVAL", .log = 2),
	ADDR("log of the used ring at an even address, with its flag", ready, "EINVAL",
	     .flags = F_LOG, .log = 2),
	ADDR("log of the used ring at a multiple of 4, with its flag", ready, "0",
	     .flags = F_LOG, .log = 4),
	ADDR("descriptors in the kernel's half", ready, "0", .desc = KERNEL_ADDR),
	ADDR("available ring in the kernel's half", ready, "0", .avail = KERNEL_ADDR),
	ADDR("used ring in the kernel's half", ready, "0", .used = KERNEL_ADDR),
	ROW(VHOST_SET_VRING_ADDR, "log of the used ring in the kernel's half", ready,
	    ask_addr_bad_log, 0, "0", CHANGE(.flags = F_LOG)),
	ADDR("the queue runs", live, "0"),
	ADDR("the queue runs: descriptors in the kernel's half", live, "EINVAL",
	     .desc = KERNEL_ADDR),
	ADDR("the queue runs: available ring in the kernel's half", live, "EINVAL",
	     .avail = KERNEL_ADDR),
	ADDR("the queue runs: used ring in the kernel's half", live, "EINVAL",
	     .used = KERNEL_ADDR),
	ADDR("the queue runs: used ring around the end of the owner's addresses", live,
	     "EINVAL", .used = -16ULL),
	ADDR("the queue runs: another flag", live, "EOPNOTSUPP", .flags = 2),
	ADDR("the queue runs: available ring at an odd address", live, "EINVAL", .avail = 1),
	ROW(VHOST_SET_VRING_ADDR, "the queue runs: log of the used ring in the kernel's half",
	    live, ask_addr_bad_log, 0, "EINVAL", CHANGE(.flags = F_LOG)),
	ADDR("behind an IOMMU, the queue runs: all in the kernel's half", translated_live, "0",
	     .desc = KERNEL_ADDR, .avail = KERNEL_ADDR, .used = KERNEL_ADDR),

	OF_QUEUE(VHOST_SET_VRING_BASE),
	BASE("0", ready, 0, "0"),
	BASE("65535", ready, 65535, "0"),
	BASE("65536", ready, 65536, "EINVAL"),
	BASE("0x80008000, as of a packed ring", ready, 0x80008000, "EINVAL"),
	BASE("2^32 - 1", ready, -1U, "EINVAL"),
	BASE("0, the queue runs", live, 0, "EBUSY"),
	BASE("65536, the queue runs", live, 65536, "EBUSY"),
	ROW(VHOST_SET_VRING_BASE, "no more than the index can be read, the queue runs", live,
	    ask_half, TX, "EFAULT", .why = COPIES),

	OF_QUEUE(VHOST_GET_VRING_BASE),
	ROW(VHOST_GET_VRING_BASE, "set to 77", owned, ask_base, 77, "77"),
	ROW(VHOST_GET_VRING_BASE, "set to 65535", owned, ask_base, 65535, "65535"),
	ROW(VHOST_GET_VRING_BASE, "set to 77 for the other queue", owned, ask_others_base, 77,
	    "0"),
	ROW(VHOST_GET_VRING_BASE, "the queue runs", live, ask_base_live, 0, "0"),
	ROW(VHOST_GET_VRING_BASE, "argument cannot be written", ready, ask_read_only, 0,
	    "EFAULT"),

	OF_QUEUE(VHOST_SET_VRING_BUSYLOOP_TIMEOUT),
	ROW(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, "0", ready, ask_state, 0, "0"),
	ROW(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, "50", ready, ask_state, 50, "0"),
	ROW(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, "2^32 - 1", ready, ask_state, -1U, "0"),
	ROW(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, "50, the queue runs", live, ask_state, 50, "0"),
	OF_QUEUE(VHOST_GET_VRING_BUSYLOOP_TIMEOUT),
	ROW(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, "set to 50", ready, ask_busyloop, 50, "50"),
	ROW(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, "set to 2^32 - 1", ready, ask_busyloop, -1U,
	    "0xffffffff"),
	ROW(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, "set to 50 for the other queue", ready,
	    ask_others_busyloop, 50, "0"),
	ROW(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, "set to 50, the queue runs", live, ask_busyloop,
	    50, "50"),
	ROW(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, "argument cannot be written", ready,
	    ask_read_only, 0, "EFAULT"),

	START("descriptors in the kernel's half", ready, "EFAULT", .desc = KERNEL_ADDR),
	START("available ring in the kernel's half", ready, "EFAULT", .avail = KERNEL_ADDR),
	START("used ring in the kernel's half", ready, "EFAULT", .used = KERNEL_ADDR),
	START("behind an IOMMU: used ring in the kernel's half", translated, "EFAULT",
	      .used = KERNEL_ADDR),
	{}
};
