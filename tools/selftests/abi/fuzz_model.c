// SPDX-License-Identifier: GPL-2.0-only
/* What each kind of device answers, as Documentation/abi.rst has it. */
#include <stdio.h>
#include <string.h>

#include "answers.h"
#include "fuzz.h"

#define ANSWER(n)	((struct fuzz_answer){ .want = (n), .also = (n) })
#define EITHER(n, m)	((struct fuzz_answer){ .want = (n), .also = (m) })
#define DIFFERS(n, reason) ((struct fuzz_answer){ .want = (n), .also = (n), .why = (reason) })

void fuzz_opened(struct fuzz_model *m)
{
	memset(&m->s, 0, sizeof(m->s));
	memset(m->worker, 0, sizeof(m->worker));
	memset(m->of_queue, 0, sizeof(m->of_queue));
	memset(m->has_run, 0, sizeof(m->has_run));
	memset(m->doubt, 0, sizeof(m->doubt));
	m->s.mem = MEM_NONE;
	m->s.fork = m->has_fork;
	for (int i = 0; i < 2; i++) {
		m->s.num[i] = 1;
		m->s.addr[i] = ADDR_NONE;
		m->s.socket[i] = FILE_UNBIND;
	}
	m->asked = false;
}

void fuzz_print_state(const struct fuzz_state *s)
{
	printf("# owner %u features %#llx memory %u IOTLB %u mapped %u\n", s->owner,
	       (unsigned long long)s->features, s->mem, s->iotlb, s->mapped);
	for (int i = 0; i < 2; i++)
		printf("# queue %d: socket %d num %u base %#x addresses %u log %#llx\n", i,
		       s->socket[i], s->num[i], s->base[i], s->addr[i],
		       (unsigned long long)s->log[i]);
}

static bool is(const struct fuzz_call *c, unsigned long req)
{
	return c->op->req == req && c->op->arg < ARG_READ;
}

static bool runs(const struct fuzz_model *m, unsigned int queue)
{
	return m->s.socket[queue] != FILE_UNBIND;
}

static bool any_runs(const struct fuzz_model *m)
{
	return runs(m, 0) || runs(m, 1);
}

static bool by_owner(const struct fuzz_model *m, const struct fuzz_call *c)
{
	return m->s.owner == ME && !c->other;
}

static bool packed(const struct fuzz_model *m)
{
	return m->s.features & F_RING_PACKED;
}

/* Whether the dirty log would have no room for what a queue has to log. */
static bool log_bad(const struct fuzz_model *m, unsigned int queue, uint64_t base,
		    bool frames, uint32_t mem)
{
	if (base != KERNEL_ADDR)
		return false;
	return (frames && mem == MEM_GOOD) ||
	       (m->s.addr[queue] == ADDR_LOGGED && !m->s.iotlb);
}

static bool logs(const struct fuzz_model *m)
{
	return m->s.features & F_LOG_ALL;
}

/* What vhost-net takes for a queue's ioctl that it does not know. */
static struct fuzz_answer net_unknown(const struct fuzz_model *m, const struct fuzz_call *c,
				      const char *why)
{
	uint32_t first = c->op->arg == ARG_STATE || c->op->arg == ARG_VQ_WORKER ? c->queue :
			 is(c, VHOST_SET_FEATURES_ARRAY) ? 1 : c->value;

	if (!by_owner(m, c))
		return DIFFERS(-EPERM, why);
	if (c->bad)
		return DIFFERS(-EFAULT, why);
	return DIFFERS(first >= 2 ? -ENOBUFS : -ENOTTY, why);
}

/* Why vhost-net does not have an ioctl, or NULL. */
static const char *net_lacks(const struct fuzz_model *m, const struct fuzz_call *c)
{
	switch (c->op->req) {
	case VHOST_NEW_WORKER:
	case VHOST_FREE_WORKER:
	case VHOST_ATTACH_VRING_WORKER:
	case VHOST_GET_VRING_WORKER:
		return NOT_THERE;
	case VHOST_GET_FEATURES_ARRAY:
	case VHOST_SET_FEATURES_ARRAY:
		return m->has_array ? NULL : ARRAY;
	case VHOST_GET_FORK_FROM_OWNER:
	case VHOST_SET_FORK_FROM_OWNER:
		return m->has_fork ? NULL : FORK;
	}
	return NULL;
}

static struct fuzz_answer x_features(const struct fuzz_model *m, uint64_t f)
{
	if (f & ~m->offered)
		return ANSWER(-EOPNOTSUPP);
	for (int i = 0; i < 2; i++) {
		if (!runs(m, i))
			continue;
		if (!(f & F_RING_PACKED) != !packed(m))
			return ANSWER(-EBUSY);
		if (log_bad(m, i, m->s.log[i], f & F_LOG_ALL, m->s.mem))
			return ANSWER(-EFAULT);
	}
	if (any_runs(m) && !(f & F_ACCESS_PLATFORM) != !m->s.iotlb)
		return ANSWER(-EBUSY);
	return ANSWER(0);
}

static struct fuzz_answer net_features(const struct fuzz_model *m, uint64_t f)
{
	bool iotlb = f & F_ACCESS_PLATFORM;

	if (f & ~m->offered)
		return DIFFERS(-EOPNOTSUPP, f & F_RING_PACKED ? PACKED : OFFERS);
	for (int i = 0; i < 2 && f & F_LOG_ALL; i++)
		if (runs(m, i) && m->s.mem == MEM_GOOD && m->s.log[i] == KERNEL_ADDR)
			return ANSWER(-EFAULT);
	if (any_runs(m))
		return DIFFERS(0, iotlb && m->s.iotlb ? EMPTIES : TAKES);
	return ANSWER(0);
}

static struct fuzz_answer set_features(const struct fuzz_model *m, uint64_t f)
{
	return m->net ? net_features(m, f) : x_features(m, f);
}

static struct fuzz_answer set_fork(const struct fuzz_model *m, uint64_t how)
{
	if (m->s.owner != NOBODY)
		return ANSWER(-EBUSY);
	return ANSWER(how > 1 || (how && !m->has_fork) ? -EINVAL : 0);
}

static struct fuzz_answer new_worker(const struct fuzz_model *m)
{
	for (int i = 0; i < FUZZ_WORKERS; i++)
		if (!m->worker[i])
			return ANSWER(i);
	return ANSWER(-ENOSPC);
}

static bool there(const struct fuzz_model *m, uint64_t id)
{
	return id < FUZZ_WORKERS && m->worker[id];
}

static struct fuzz_answer free_worker(const struct fuzz_model *m, uint64_t id)
{
	if (!there(m, id))
		return ANSWER(-ENODEV);
	return ANSWER(m->of_queue[0] == id || m->of_queue[1] == id ? -EBUSY : 0);
}

static struct fuzz_answer set_mem(const struct fuzz_model *m, uint64_t how)
{
	switch (how) {
	case MEM_PADDING:
		return ANSWER(-EOPNOTSUPP);
	case MEM_MANY:
		return ANSWER(-E2BIG);
	case MEM_ZERO:
		return ANSWER(-EFAULT);
	}
	for (int i = 0; i < 2; i++)
		if (runs(m, i) && (how == MEM_KERNEL ||
				   (how == MEM_GOOD && logs(m) && m->s.log[i] == KERNEL_ADDR)))
			return ANSWER(-EFAULT);
	return ANSWER(0);
}

static bool log_refused(const struct fuzz_model *m, unsigned int queue, uint64_t base)
{
	return runs(m, queue) && log_bad(m, queue, base, logs(m), m->s.mem);
}

static struct fuzz_answer set_log(const struct fuzz_model *m, uint64_t base)
{
	bool no[2] = { log_refused(m, 0, base), log_refused(m, 1, base) };

	/* vhost-net has changed the one of them that may be. */
	return DIFFERS(no[0] || no[1] ? -EFAULT : 0, no[0] != no[1] ? BOTH : NULL);
}

static struct fuzz_answer set_num(const struct fuzz_model *m, const struct fuzz_call *c)
{
	if (runs(m, c->queue))
		return ANSWER(-EBUSY);
	if (!c->value || c->value > 32768 || (!packed(m) && c->value & (c->value - 1)))
		return ANSWER(-EINVAL);
	return ANSWER(0);
}

static struct fuzz_answer set_base(const struct fuzz_model *m, const struct fuzz_call *c)
{
	if (runs(m, c->queue))
		return ANSWER(-EBUSY);
	return ANSWER(c->value > 65535 && !packed(m) ? -EINVAL : 0);
}

static struct fuzz_answer set_addr(const struct fuzz_model *m, const struct fuzz_call *c)
{
	if (c->value == ADDR_FLAG)
		return ANSWER(-EOPNOTSUPP);
	if (c->value == ADDR_ODD)
		return ANSWER(-EINVAL);
	if (!runs(m, c->queue))
		return ANSWER(0);
	if (!m->s.iotlb && (c->value == ADDR_KERNEL ||
			    (c->value == ADDR_LOGGED && m->s.log[c->queue] == KERNEL_ADDR)))
		return ANSWER(-EINVAL);
	return ANSWER(0);
}

static struct fuzz_answer set_eventfd(const struct fuzz_call *c)
{
	switch (c->value) {
	case FILE_EVENTFD:
	case FILE_UNBIND:
		return ANSWER(0);
	case FILE_CLOSED:
		return ANSWER(-EBADF);
	default:
		return ANSWER(-EINVAL);
	}
}

/* Whether a queue is set up as far as can be seen without looking at the ring. */
static bool may_start(const struct fuzz_model *m, unsigned int queue)
{
	uint32_t num = m->s.num[queue];

	return (m->s.mem == MEM_GOOD || m->s.mem == MEM_EMPTY) &&
	       (packed(m) || !(num & (num - 1))) &&
	       (m->s.iotlb || m->s.addr[queue] != ADDR_KERNEL) &&
	       !log_bad(m, queue, m->s.log[queue], logs(m), m->s.mem);
}

static bool ring_is_there(const struct fuzz_model *m, unsigned int queue)
{
	return m->s.addr[queue] <= ADDR_LOGGED && (!m->s.iotlb || m->s.mapped);
}

/* Whether nothing is in flight in a packed ring, and its first place is in the ring. */
static bool base_is_good(const struct fuzz_model *m, unsigned int queue)
{
	uint16_t avail = m->s.base[queue], used = m->s.base[queue] >> 16;

	/* DPDK sets half of the base of a new ring. */
	return avail % 0x8000 < m->s.num[queue] && (used == avail || (avail == 0x8000 && !used));
}

static struct fuzz_answer start(const struct fuzz_model *m, unsigned int queue)
{
	bool is_there = ring_is_there(m, queue);

	if (m->s.iotlb && !is_there)
		return ANSWER(-EFAULT);
	if (m->doubt[queue])
		return (struct fuzz_answer){ .want = 0, .also = -EFAULT, .why = FORGETS };
	/* Where a split ring stood is no good base for a packed one. */
	if (packed(m) && m->has_run[queue])
		return EITHER(is_there ? 0 : -EFAULT, -EINVAL);
	if (packed(m) && !base_is_good(m, queue))
		return ANSWER(-EINVAL);
	return DIFFERS(is_there ? 0 : -EFAULT, m->s.mem == MEM_EMPTY ? EMPTY : NULL);
}

static struct fuzz_answer set_backend(const struct fuzz_model *m, const struct fuzz_call *c)
{
	bool ok = may_start(m, c->queue);

	if (c->value == FILE_UNBIND)
		return DIFFERS(m->net && !ok ? -EFAULT : 0, DETACH);
	if (!ok)
		return ANSWER(-EFAULT);
	if (c->value != FILE_TAP && c->value != FILE_WIRE)
		return ANSWER(-ENOTSOCK);
	if ((uint64_t)m->s.socket[c->queue] != c->value)
		return start(m, c->queue);
	/* A broken queue starts afresh, with the socket that it has, too. */
	return m->net || ring_is_there(m, c->queue) ? ANSWER(0) : EITHER(0, -EFAULT);
}

static struct fuzz_answer do_read(const struct fuzz_model *m, const struct fuzz_call *c)
{
	if (c->value == 71)
		return ANSWER(0);
	if (m->net ? m->asked : m->s.iotlb && any_runs(m))
		return EITHER(-EAGAIN, 72);
	return ANSWER(-EAGAIN);
}

static struct fuzz_answer do_poll(const struct fuzz_model *m)
{
	if (m->net ? m->asked : m->s.iotlb && any_runs(m))
		return EITHER(0, 1);
	return ANSWER(0);
}

static struct fuzz_answer do_write(const struct fuzz_model *m, const struct fuzz_call *c)
{
	const char *why = by_owner(m, c) ? NULL : OWN;

	if (c->value >= MSG_UPDATE_ZERO)
		return ANSWER(-EINVAL);
	if (!m->net && !by_owner(m, c))
		return ANSWER(-EPERM);
	if (!m->s.iotlb || c->value == MSG_UPDATE_KERNEL)
		return DIFFERS(-EFAULT, why);
	return DIFFERS(72, why);
}

/* By who may, with an argument that can be read, for a queue that there is. */
static struct fuzz_answer predict(const struct fuzz_model *m, const struct fuzz_call *c)
{
	switch (c->op->req) {
	case VHOST_SET_OWNER:
		return ANSWER(m->s.owner == NOBODY ? 0 : -EBUSY);
	case VHOST_RESET_OWNER:
		return DIFFERS(0, EMPTY);
	case VHOST_GET_FEATURES:
		return DIFFERS(m->offered, OFFERS "; " PACKED);
	case VHOST_SET_FEATURES:
	case VHOST_SET_FEATURES_ARRAY:
		return set_features(m, c->value);
	case VHOST_GET_BACKEND_FEATURES:
		return ANSWER(BIT64(VHOST_BACKEND_F_IOTLB_MSG_V2));
	case VHOST_SET_BACKEND_FEATURES:
		return ANSWER(c->value & ~BIT64(VHOST_BACKEND_F_IOTLB_MSG_V2) ? -EOPNOTSUPP : 0);
	case VHOST_GET_FORK_FROM_OWNER:
		return ANSWER(m->s.fork);
	case VHOST_SET_FORK_FROM_OWNER:
		return set_fork(m, c->value);
	case VHOST_NEW_WORKER:
		return new_worker(m);
	case VHOST_FREE_WORKER:
		return free_worker(m, c->value);
	case VHOST_ATTACH_VRING_WORKER:
		return ANSWER(there(m, c->value) ? 0 : -ENODEV);
	case VHOST_GET_VRING_WORKER:
		return ANSWER(m->of_queue[c->queue]);
	case VHOST_SET_MEM_TABLE:
		return set_mem(m, c->value);
	case VHOST_SET_LOG_BASE:
		return set_log(m, c->value);
	case VHOST_SET_VRING_NUM:
		return set_num(m, c);
	case VHOST_SET_VRING_ADDR:
		return set_addr(m, c);
	case VHOST_SET_VRING_BASE:
		return set_base(m, c);
	case VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
		return ANSWER(m->s.busyloop[c->queue]);
	case VHOST_SET_LOG_FD:
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
		return set_eventfd(c);
	case VHOST_NET_SET_BACKEND:
		return set_backend(m, c);
	default:
		return ANSWER(0);
	}
}

struct fuzz_answer fuzz_predict(const struct fuzz_model *m, const struct fuzz_call *c)
{
	const char *lacks = m->net ? net_lacks(m, c) : NULL;

	switch (c->op->arg) {
	case ARG_READ:
		return do_read(m, c);
	case ARG_WRITE:
		return do_write(m, c);
	case ARG_POLL:
		return do_poll(m);
	case ARG_MMAP:
		return ANSWER(-ENODEV);
	default:
		break;
	}
	if (lacks)
		return net_unknown(m, c, lacks);
	if (c->op->arg == ARG_STATE && !c->op->owner)
		return m->net ? net_unknown(m, c, KNOWS) : ANSWER(-ENOTTY);
	if (m->net && c->bad && is(c, VHOST_NET_SET_BACKEND))
		return DIFFERS(-EFAULT, COPIED);
	if (c->op->owner && !by_owner(m, c))
		return ANSWER(-EPERM);
	if (m->net && is(c, VHOST_SET_FORK_FROM_OWNER) && m->s.owner != NOBODY)
		return DIFFERS(-EBUSY, COPIES);
	/* It looks for room before it finds that it cannot say where. */
	if (is(c, VHOST_NEW_WORKER) && new_worker(m).want < 0)
		return new_worker(m);
	if (c->bad)
		return ANSWER(-EFAULT);
	if (c->op->queue && c->queue > 1)
		return ANSWER(-ENOBUFS);
	return predict(m, c);
}

static void features_are(struct fuzz_model *m, uint64_t f)
{
	bool iotlb = f & F_ACCESS_PLATFORM;

	for (int i = 0; i < 2 && m->net && (iotlb || m->s.iotlb); i++)
		m->doubt[i] = true;
	/* That of a queue of vhostx goes on. */
	if (m->net || !any_runs(m)) {
		m->s.iotlb = iotlb;
		m->s.mapped = false;
	}
	m->s.features = f;
	m->asked |= iotlb;
}

static void log_is(struct fuzz_model *m, uint64_t base, bool refused)
{
	for (int i = 0; i < 2; i++)
		if (!refused || (m->net && !log_refused(m, i, base)))
			m->s.log[i] = base;
}

static void has_owner(struct fuzz_model *m, bool other)
{
	m->s.owner = other ? ANOTHER : ME;
	m->worker[0] = true;
}

/* Nothing is left, but for what vhost-net puts in place of the memory table. */
static void was_reset(struct fuzz_model *m)
{
	fuzz_opened(m);
	if (m->net)
		m->s.mem = MEM_EMPTY;
}

static void succeeded(struct fuzz_model *m, const struct fuzz_call *c, long answer)
{
	switch (c->op->req) {
	case VHOST_SET_OWNER:
		has_owner(m, c->other);
		break;
	case VHOST_RESET_OWNER:
		was_reset(m);
		break;
	case VHOST_SET_FEATURES:
	case VHOST_SET_FEATURES_ARRAY:
		features_are(m, c->value);
		break;
	case VHOST_SET_FORK_FROM_OWNER:
		m->s.fork = c->value;
		break;
	case VHOST_NEW_WORKER:
		m->worker[answer] = true;
		break;
	case VHOST_FREE_WORKER:
		m->worker[c->value] = false;
		break;
	case VHOST_ATTACH_VRING_WORKER:
		m->of_queue[c->queue] = c->value;
		break;
	case VHOST_SET_MEM_TABLE:
		m->s.mem = c->value;
		break;
	case VHOST_SET_VRING_NUM:
		m->s.num[c->queue] = c->value;
		break;
	case VHOST_SET_VRING_BASE:
		m->s.base[c->queue] = c->value;
		m->has_run[c->queue] = false;
		break;
	case VHOST_SET_VRING_ADDR:
		m->s.addr[c->queue] = c->value;
		m->doubt[c->queue] = false;
		break;
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
		m->s.busyloop[c->queue] = c->value;
		break;
	case VHOST_NET_SET_BACKEND:
		m->s.socket[c->queue] = c->value;
		m->has_run[c->queue] |= !packed(m) && c->value != FILE_UNBIND;
		break;
	}
}

void fuzz_answered(struct fuzz_model *m, const struct fuzz_call *c, long answer)
{
	if (c->op->arg == ARG_WRITE && answer == 72 && m->s.iotlb)
		m->s.mapped = c->value == MSG_UPDATE;
	if (c->op->arg >= ARG_READ)
		return;
	if (is(c, VHOST_SET_LOG_BASE) && (!answer || answer == -EFAULT) && !c->bad)
		log_is(m, c->value, answer);
	/* The worker is there, though nobody was told which. */
	else if (is(c, VHOST_NEW_WORKER) && answer == -EFAULT && !m->net)
		m->worker[new_worker(m).want] = true;
	else if (answer >= 0)
		succeeded(m, c, answer);
}
