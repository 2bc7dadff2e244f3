// SPDX-License-Identifier: GPL-2.0-only
/* The memory table, and the log of what was written to guest memory. */
#include <errno.h>
#include <stdlib.h>

#include "kernel.h"
#include "session.h"

/* A log that does not cover all memory would have the kernel write behind it. */
static bool log_covers(const struct memory *memory, uint64_t log_size)
{
	uint64_t end = memory_end(memory);

	return !end || (end - 1) / VHOST_PAGE_SIZE / 8 < log_size;
}

static void forget_log(struct session *session)
{
	uint64_t none = 0;

	session_call(session, VHOST_SET_LOG_BASE, &none);
	mapping_drop(&session->log);
	session->log_size = 0;
}

/* Tell the kernel, by addresses of our own. */
static int tell(struct session *session, const struct memory *memory)
{
	struct vhost_memory *table;
	int ret;

	table = calloc(1, sizeof(*table) + memory->count * sizeof(table->regions[0]));
	if (!table)
		return -ENOMEM;
	table->nregions = memory->count;
	for (unsigned int i = 0; i < memory->count; i++)
		table->regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = memory->region[i].guest,
			.memory_size = memory->region[i].size,
			.userspace_addr = memory->region[i].here.start,
		};
	ret = session_call(session, VHOST_SET_MEM_TABLE, table);
	free(table);
	return ret;
}

/* Whether the log may be too small by now: one that is in use may not. */
static int check_log(struct session *session, const struct memory *memory)
{
	if (!session->log_size || log_covers(memory, session->log_size))
		return 0;
	if (session->features & BIT(VHOST_F_LOG_ALL))
		return -EINVAL;
	forget_log(session);
	return 0;
}

/*
 * Rings do not run while their memory changes; the kernel has let go of the old afterwards.
 * Where only some of the devices have taken the new, there is no way back.
 */
static int change(struct session *session, const struct memory *memory)
{
	int ret;

	vring_pause(session);
	iotlb_forget(session);
	ret = tell(session, memory);
	session->broken |= ret;
	return ret;
}

int table_set(struct session *session, struct message *message)
{
	const struct message_table *table = &message->payload.table;
	struct memory *old = session->memory, *new = calloc(1, sizeof(*new));
	int ret = new ? 0 : -ENOMEM;

	for (unsigned int i = 0; !ret && i < table->count; i++)
		ret = memory_add(new, &table->region[i], message->fd[i]);
	if (!ret)
		ret = check_log(session, new);
	if (!ret)
		ret = change(session, new);
	if (ret) {
		memory_free(new);
		return ret;
	}
	session->memory = new;
	memory_free(old);
	return vring_update(session);
}

int table_add(struct session *session, struct message *message)
{
	struct memory *memory = session->memory;
	int ret;

	ret = memory_add(memory, &message->payload.slot.region, message->fd[0]);
	if (ret)
		return ret;
	ret = check_log(session, memory);
	if (ret) {
		struct mapping here = memory_take(memory, memory->count - 1);

		mapping_drop(&here);
		return ret;
	}
	ret = change(session, memory);
	return ret ? ret : vring_update(session);
}

int table_remove(struct session *session, struct message *message)
{
	int index = memory_find(session->memory, &message->payload.slot.region);
	struct mapping here;
	int ret;

	if (index < 0)
		return index;
	here = memory_take(session->memory, index);
	ret = change(session, session->memory);
	mapping_drop(&here);
	return ret ? ret : vring_update(session);
}

int table_set_log(struct session *session, struct message *message)
{
	const struct message_log *log = &message->payload.log;
	struct mapping new = { 0 };
	int ret;

	if (!log_covers(session->memory, log->size) || !vring_log_fits(session, log->size))
		return -EINVAL;
	ret = mapping_make(&new, message->fd[0], log->offset, log->size);
	if (ret)
		return ret;
	ret = session_call(session, VHOST_SET_LOG_BASE, &new.start);
	if (ret) {
		/* Some of the devices may have taken it. */
		forget_log(session);
		mapping_drop(&new);
		return ret;
	}
	mapping_drop(&session->log);
	session->log = new;
	session->log_size = log->size;
	return 0;
}

int table_set_log_fd(struct session *session, struct message *message)
{
	return session_call(session, VHOST_SET_LOG_FD, &message->fd[0]);
}
