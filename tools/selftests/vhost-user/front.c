// SPDX-License-Identifier: GPL-2.0-only
/* A front end of a few lines; see front.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"
#include "front.h"

struct session *session;
struct tap tap;
struct message message;

void front_open(void)
{
	if (!tap.queues)
		tap_open(&tap, "tap0", PAIRS);
	session = session_start("test", &tap);
	if (!session)
		exit(1);
}

void front_close(void)
{
	session_end(session);
	session = NULL;
	fake_reset();
}

static size_t size_of(enum request request)
{
	switch (request) {
	case REQUEST_SET_VRING_NUM:
	case REQUEST_SET_VRING_BASE:
	case REQUEST_GET_VRING_BASE:
	case REQUEST_SET_VRING_ENABLE:
		return sizeof(struct vhost_vring_state);
	case REQUEST_SET_VRING_ADDR:
		return sizeof(struct vhost_vring_addr);
	case REQUEST_SET_MEM_TABLE:
		return 8;
	case REQUEST_ADD_MEM_REG:
	case REQUEST_REM_MEM_REG:
		return 40;
	case REQUEST_SET_LOG_BASE:
		return 16;
	case REQUEST_IOTLB_MSG:
		return 32;
	case REQUEST_SET_FEATURES:
	case REQUEST_SET_PROTOCOL_FEATURES:
	case REQUEST_SET_VRING_KICK:
	case REQUEST_SET_VRING_CALL:
	case REQUEST_SET_VRING_ERR:
	case REQUEST_SEND_RARP:
	case REQUEST_SET_STATUS:
		return 8;
	default:
		return 0;
	}
}

void begin(enum request request)
{
	memset(&message, 0, sizeof(message));
	message.header = (struct message_header){ request, MESSAGE_VERSION, size_of(request) };
}

static void with(int fd)
{
	if (fd < 0)
		exit(1);
	message.fd[message.fds++] = fd;
}

void with_memory(uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size))
		exit(1);
	with(fd);
}

void with_eventfd(void)
{
	with(eventfd(0, EFD_CLOEXEC));
}

enum verdict take(void)
{
	return session_take(session, &message);
}

static bool goes_on(void)
{
	return take() == SESSION_GOES_ON;
}

bool send_plain(enum request request)
{
	begin(request);
	return goes_on();
}

bool send_u64(enum request request, uint64_t value)
{
	begin(request);
	message.payload.u64 = value;
	return goes_on();
}

bool send_state(enum request request, uint32_t index, uint32_t num)
{
	begin(request);
	message.payload.state = (struct vhost_vring_state){ index, num };
	return goes_on();
}

bool send_eventfd(enum request request, uint32_t index)
{
	begin(request);
	message.payload.u64 = index;
	with_eventfd();
	return goes_on();
}

/* Descriptors, then what is available, then what is used, from an offset in memory on. */
bool send_addr(uint32_t index, uint64_t offset, uint32_t flags)
{
	begin(REQUEST_SET_VRING_ADDR);
	message.payload.addr = (struct vhost_vring_addr){
		.index = index,
		.flags = flags,
		.desc_user_addr = USER + offset,
		.avail_user_addr = USER + offset + 0x1000,
		.used_user_addr = USER + offset + 0x2000,
		.log_guest_addr = GUEST + offset + 0x2000,
	};
	return goes_on();
}

bool send_table(uint64_t size)
{
	begin(REQUEST_SET_MEM_TABLE);
	message.header.size = 40;
	message.payload.table.count = 1;
	message.payload.table.region[0] = (struct message_region){ GUEST, size, USER, 0 };
	with_memory(size);
	return goes_on();
}

bool send_log(uint64_t size)
{
	begin(REQUEST_SET_LOG_BASE);
	message.payload.log.size = size;
	with_memory(size);
	return take() == SESSION_ANSWERS && !message.payload.u64;
}

bool send_iotlb(uint8_t type, uint64_t iova, uint64_t size, uint64_t user)
{
	begin(REQUEST_IOTLB_MSG);
	message.payload.iotlb = (struct vhost_iotlb_msg){
		.iova = iova, .size = size, .uaddr = user, .perm = 3, .type = type,
	};
	return goes_on();
}

bool send_slot(enum request request, uint64_t guest, uint64_t user, uint64_t size)
{
	begin(request);
	message.payload.slot.region = (struct message_region){ guest, size, user, 0 };
	if (request == REQUEST_ADD_MEM_REG)
		with_memory(size);
	return goes_on();
}

uint64_t ask(enum request request)
{
	begin(request);
	return take() == SESSION_ANSWERS && message.header.size == 8 &&
	       message.header.flags == (MESSAGE_VERSION | MESSAGE_REPLY) &&
	       message.header.request == request ? message.payload.u64 : ~UINT64_C(0);
}

bool negotiate(void)
{
	uint64_t offered = ask(REQUEST_GET_PROTOCOL_FEATURES);

	return send_u64(REQUEST_SET_PROTOCOL_FEATURES, offered);
}

bool set_up(uint64_t features)
{
	return negotiate() && send_plain(REQUEST_SET_OWNER) &&
	       send_u64(REQUEST_SET_FEATURES, features | BIT(VHOST_USER_F_PROTOCOL_FEATURES)) &&
	       send_table(SIZE);
}

bool set_up_ring(uint32_t index)
{
	return send_state(REQUEST_SET_VRING_NUM, index, NUM) &&
	       send_state(REQUEST_SET_VRING_BASE, index, 0) &&
	       send_addr(index, index * 0x4000, 0) &&
	       send_eventfd(REQUEST_SET_VRING_KICK, index) &&
	       send_eventfd(REQUEST_SET_VRING_CALL, index) &&
	       send_state(REQUEST_SET_VRING_ENABLE, index, 1);
}

unsigned int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

unsigned int mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned int count = 0;
	char line[512];

	while (fgets(line, sizeof(line), maps))
		count += !!strstr(line, "/memfd:guest");
	fclose(maps);
	return count;
}
