// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings: what a front end says of them goes to the kernel one to one, but for their
 * addresses. Those are the front end's; ours are looked up when a ring starts, so that the
 * kernel never has one that does not lie in guest memory as a whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "kernel.h"
#include "session.h"

#define UNBOUND	-1	/* as a descriptor: none any more */

/* The device of a ring, and its number there. */
static int device_of(struct session *session, unsigned int index)
{
	return session->device[index / 2];
}

/* Sizes of a ring's areas, with the words of VIRTIO_RING_F_EVENT_IDX in any case. */
struct areas {
	uint64_t desc, avail, used;
};

static struct areas areas_of(const struct session *session, const struct ring *ring)
{
	const size_t event = sizeof(struct vring_packed_desc_event);
	const uint64_t num = ring->num;
	struct areas areas;

	areas.desc = num * sizeof(struct vring_desc);
	if (session->features & BIT(VIRTIO_F_RING_PACKED)) {
		areas.avail = event;
		areas.used = event;
		return areas;
	}
	areas.avail = sizeof(struct vring_avail) + (num + 1) * sizeof(uint16_t);
	areas.used = num * sizeof(struct vring_used_elem) + sizeof(struct vring_used) +
		     sizeof(uint16_t);
	return areas;
}

static bool log_fits(const struct session *session, const struct ring *ring, uint64_t log_size)
{
	uint64_t last;

	/* With an IOMMU the kernel goes by where the ring is found to be. */
	if (!(ring->addr.flags & BIT(VHOST_VRING_F_LOG)) || session_iommu(session))
		return true;
	last = ring->addr.log_guest_addr + areas_of(session, ring).used - 1;
	return last >= ring->addr.log_guest_addr && last / VHOST_PAGE_SIZE / 8 < log_size;
}

bool vring_log_fits(struct session *session, uint64_t size)
{
	for (unsigned int i = 0; i < session_rings(session); i++)
		if (session->ring[i].running && !log_fits(session, &session->ring[i], size))
			return false;
	return true;
}

/* Have the kernel look for the ring where we have it mapped. */
static int locate(struct session *session, unsigned int index, const struct ring *ring)
{
	struct vhost_vring_addr addr = ring->addr;
	struct areas areas = areas_of(session, ring);
	const struct memory *memory = session->memory;

	addr.index = index % 2;
	if (session->log_size && !log_fits(session, ring, session->log_size))
		return -EINVAL;
	if (!session_iommu(session)) {
		addr.desc_user_addr = memory_at(memory, addr.desc_user_addr, areas.desc);
		addr.avail_user_addr = memory_at(memory, addr.avail_user_addr, areas.avail);
		addr.used_user_addr = memory_at(memory, addr.used_user_addr, areas.used);
		if (!addr.desc_user_addr || !addr.avail_user_addr || !addr.used_user_addr)
			return -EFAULT;
	}
	return kernel_call(device_of(session, index), VHOST_SET_VRING_ADDR, &addr);
}

static int state_call(struct session *session, struct vhost_vring_state *state,
		      unsigned long request)
{
	struct vhost_vring_state here = { .index = state->index % 2, .num = state->num };
	int ret = kernel_call(device_of(session, state->index), request, &here);

	state->num = here.num;
	return ret;
}

/* A queue of the tap's is for its pair of rings; the host sends to it while one runs. */
static int attach(struct session *session, unsigned int index)
{
	const struct ring *pair = &session->ring[index & ~1u];

	return tap_attach(session->tap, index / 2, pair[0].running || pair[1].running);
}

static void stop(struct session *session, unsigned int index)
{
	struct vhost_vring_file file = { .index = index % 2, .fd = UNBOUND };

	session->ring[index].running = false;
	kernel_call(device_of(session, index), VHOST_NET_SET_BACKEND, &file);
	attach(session, index);
}

/*
 * A ring that starts for the first time here may have run elsewhere, up to where nobody could
 * ask any more. What is in flight was not used, and what was used is marked: it goes on there.
 */
static int resume(struct session *session, unsigned int index)
{
	const uint64_t single = BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_INDIRECT_DESC);
	const uint64_t sorts = single | BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_F_ACCESS_PLATFORM);
	struct ring *ring = &session->ring[index];
	struct vhost_vring_state state = { .index = index };
	uint64_t here;

	/* Drivers with indirect descriptors use one of the ring's for each chain. */
	if (ring->begun || (session->features & sorts) != single)
		return 0;
	here = memory_at(session->memory, ring->addr.desc_user_addr, areas_of(session, ring).desc);
	if (!here || !packed_find(here, ring->num, &state.num) ||
	    (uint16_t)state.num == (uint16_t)ring->base)
		return 0;
	say(session->name, "ring %u goes on at %#x, not at %#x", index, state.num, ring->base);
	return state_call(session, &state, VHOST_SET_VRING_BASE);
}

static int start(struct session *session, unsigned int index)
{
	struct vhost_vring_file file = {
		.index = index % 2,
		.fd = session->tap->queue[index / 2].fd,
	};
	struct ring *ring = &session->ring[index];
	int ret = locate(session, index, ring);

	if (!ret)
		ret = resume(session, index);
	if (ret)
		return ret;
	ring->running = true;
	ret = attach(session, index);
	if (!ret)
		ret = kernel_call(device_of(session, index), VHOST_NET_SET_BACKEND, &file);
	if (!ret) {
		ring->begun = true;
		return 0;
	}
	stop(session, index);
	/* Its used ring must be found first: ask for it, and start once it is. */
	if (ret == -EFAULT && session_iommu(session))
		return iotlb_ask(session, &(struct vhost_iotlb_msg){
			.iova = ring->addr.used_user_addr,
			.perm = VHOST_ACCESS_WO,
			.type = VHOST_IOTLB_MISS,
		});
	return ret;
}

/* Without features of the protocol nobody would ever enable a ring. */
static bool wanted(const struct session *session, const struct ring *ring)
{
	bool enabled = ring->enabled ||
		       !(session->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES));

	return enabled && ring->addressed && ring->kicked && ring->num && session->memory->count;
}

static int update(struct session *session, unsigned int index)
{
	struct ring *ring = &session->ring[index];
	bool want = wanted(session, ring);

	if (want == ring->running)
		return 0;
	if (want)
		return start(session, index);
	stop(session, index);
	return 0;
}

int vring_update(struct session *session)
{
	int first = 0;

	for (unsigned int i = 0; i < session_rings(session); i++) {
		int ret = update(session, i);

		if (!first)
			first = ret;
	}
	return first;
}

void vring_pause(struct session *session)
{
	for (unsigned int i = 0; i < session_rings(session); i++)
		if (session->ring[i].running)
			stop(session, i);
}

/* The ring that is meant; NULL for one that is not there. */
static struct ring *ring_of(struct session *session, uint64_t index)
{
	return index < session_rings(session) ? &session->ring[index] : NULL;
}

int vring_set_num(struct session *session, struct message *message)
{
	struct vhost_vring_state *state = &message->payload.state;
	struct ring *ring = ring_of(session, state->index);
	int ret;

	if (!ring)
		return -ENOENT;
	ret = state_call(session, state, VHOST_SET_VRING_NUM);
	if (ret)
		return ret;
	ring->num = state->num;
	return update(session, state->index);
}

int vring_set_base(struct session *session, struct message *message)
{
	struct vhost_vring_state *state = &message->payload.state;
	struct ring *ring = ring_of(session, state->index);

	if (!ring)
		return -ENOENT;
	ring->base = state->num;
	return state_call(session, state, VHOST_SET_VRING_BASE);
}

int vring_set_addr(struct session *session, struct message *message)
{
	const struct vhost_vring_addr *addr = &message->payload.addr;
	struct ring *ring = ring_of(session, addr->index);
	struct ring moved;
	int ret;

	if (!ring)
		return -ENOENT;
	if (!ring->running) {
		ring->addr = *addr;
		ring->addressed = true;
		return update(session, addr->index);
	}
	moved = *ring;
	moved.addr = *addr;
	ret = locate(session, addr->index, &moved);
	if (!ret)
		*ring = moved;
	return ret;
}

/* A front end that asks for this has stopped the ring. */
int vring_get_base(struct session *session, struct message *message)
{
	struct vhost_vring_state *state = &message->payload.state;
	struct vhost_vring_file kick = { .index = state->index % 2, .fd = UNBOUND };
	struct ring *ring = ring_of(session, state->index);

	if (!ring)
		return -ENOENT;
	if (ring->running)
		stop(session, state->index);
	ring->kicked = false;
	kernel_call(device_of(session, state->index), VHOST_SET_VRING_KICK, &kick);
	return state_call(session, state, VHOST_GET_VRING_BASE);
}

/* The kernel keeps the eventfd, whose descriptor here is closed with the message. */
static int set_eventfd(struct session *session, const struct message *message,
		       unsigned long request)
{
	unsigned int index = message->payload.u64 & MESSAGE_RING_MASK;
	struct vhost_vring_file file = {
		.index = index % 2,
		.fd = message->fds ? message->fd[0] : UNBOUND,
	};

	if (!ring_of(session, index))
		return -ENOENT;
	return kernel_call(device_of(session, index), request, &file);
}

int vring_set_kick(struct session *session, struct message *message)
{
	unsigned int index = message->payload.u64 & MESSAGE_RING_MASK;
	int ret;

	/* That would ask for a ring that is polled for ever. */
	if (!message->fds)
		return -EOPNOTSUPP;
	ret = set_eventfd(session, message, VHOST_SET_VRING_KICK);
	if (ret)
		return ret;
	session->ring[index].kicked = true;
	return update(session, index);
}

/*
 * A ring can have run before, and called an eventfd that the front end then threw away: a
 * driver who waits for that call would wait for ever. One too many does no harm.
 */
static void call_once(int fd)
{
	uint64_t one = 1;

	/* A front end's own may be one that blocks. */
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) || write(fd, &one, sizeof(one)) < 0)
		return;
}

int vring_set_call(struct session *session, struct message *message)
{
	int ret = set_eventfd(session, message, VHOST_SET_VRING_CALL);

	if (!ret && message->fds)
		call_once(message->fd[0]);
	return ret;
}

int vring_set_err(struct session *session, struct message *message)
{
	return set_eventfd(session, message, VHOST_SET_VRING_ERR);
}

int vring_set_enable(struct session *session, struct message *message)
{
	const struct vhost_vring_state *state = &message->payload.state;
	struct ring *ring = ring_of(session, state->index);

	if (!ring)
		return -ENOENT;
	if (state->num > 1)
		return -EINVAL;
	ring->enabled = state->num;
	return update(session, state->index);
}

void vring_reset(struct session *session)
{
	for (unsigned int i = 0; i < session_rings(session); i++) {
		struct vhost_vring_file file = { .index = i % 2, .fd = UNBOUND };
		struct ring *ring = &session->ring[i];

		if (ring->running)
			stop(session, i);
		if (ring->kicked)
			kernel_call(device_of(session, i), VHOST_SET_VRING_KICK, &file);
		*ring = (struct ring){ 0 };
	}
}
