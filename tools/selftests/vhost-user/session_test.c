// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the daemon vhostx-user makes of a front end's messages, with a kernel and a tap that
 * are not real: in their order, out of it, each one wrong in each way, and many that a seeded
 * generator changed. Whatever the kernel could reach is touched after each.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "fake.h"
#include "front.h"

#define ROUNDS	60000
#define SEED	20240614u

#define PACKED	BIT(34)
#define IOMMU	BIT(33)
#define LOG_ALL	BIT(VHOST_F_LOG_ALL)

static FILE *ktap;
static int points, failures;

static void point(bool good, const char *name)
{
	failures += !good;
	fprintf(ktap, "%sok %d session.%s\n", good ? "" : "not ", ++points, name);
}

/* Say which of many it was. */
static bool told(bool good, const char *what, unsigned int which)
{
	if (!good)
		fprintf(ktap, "# %s: %s (%u)\n", what, message_name(which), which);
	return good;
}

static struct fake_ring *fake_ring(unsigned int index)
{
	return &fake_device[index / 2].ring[index % 2];
}

static void test_answers(void)
{
	uint64_t features, protocol;
	bool good;

	front_open();
	features = ask(REQUEST_GET_FEATURES);
	protocol = ask(REQUEST_GET_PROTOCOL_FEATURES);
	good = protocol == SESSION_PROTOCOL && send_u64(REQUEST_SET_PROTOCOL_FEATURES, protocol);
	/* The kernel's and the tap's, the protocol's own, and what a front end does. */
	good = good && (features & FAKE_FEATURES) == FAKE_FEATURES && features & BIT(30) &&
	       (features & 3) == 3 && features & BIT(22) && features & BIT(17);
	good = good && ask(REQUEST_GET_QUEUE_NUM) == PAIRS &&
	       ask(REQUEST_GET_MAX_MEM_SLOTS) == MEMORY_SLOTS;
	good = good && send_u64(REQUEST_SET_STATUS, 7) && ask(REQUEST_GET_STATUS) == 7;
	point(good, "answers");

	/* That bit says another thing to the kernel; those of the tap are none of its. */
	good = send_plain(REQUEST_SET_OWNER) && send_u64(REQUEST_SET_FEATURES, features);
	point(good && fake_device[1].features == (FAKE_FEATURES & ~BIT(27)) &&
	      fake_tap.features == features, "features");
	point(!send_u64(REQUEST_SET_FEATURES, features | BIT(60)), "features_not_offered");
	front_close();
}

static void test_ring(void)
{
	struct fake_ring *ring = fake_ring(3);
	uint64_t calls = 0;
	bool good;
	int fd;

	front_open();
	good = set_up(0) && set_up_ring(3) && ring->running && ring->num == NUM;
	fake_serve();
	good = good && ring->addr.index == 1 &&
	       ring->addr.used_user_addr - ring->addr.desc_user_addr == 0x2000 &&
	       ring->addr.log_guest_addr == GUEST + 3 * 0x4000 + 0x2000 &&
	       ring->addr.desc_user_addr == fake_device[1].region[0].userspace_addr + 0xc000;
	good = good && fake_tap.attached[1] && !fake_tap.attached[0] && !fake_ring(2)->running;
	point(good, "ring_starts");

	good = send_state(REQUEST_SET_VRING_ENABLE, 3, 0) && !ring->running &&
	       !fake_tap.attached[1] && send_state(REQUEST_SET_VRING_ENABLE, 3, 1) &&
	       ring->running && fake_tap.attached[1];
	point(good, "ring_is_disabled");

	begin(REQUEST_GET_VRING_BASE);
	ring->base = 77;
	message.payload.state.index = 3;
	good = take() == SESSION_ANSWERS && message.payload.state.num == 77 &&
	       message.payload.state.index == 3 && !ring->running && ring->kick == -1;
	/* And does not start without another kick. */
	good = good && send_state(REQUEST_SET_VRING_ENABLE, 3, 1) && !ring->running &&
	       send_eventfd(REQUEST_SET_VRING_KICK, 3) && ring->running;
	point(good, "ring_stops");

	/* That of a packed ring has two places with their laps in it. */
	good = send_state(REQUEST_SET_VRING_BASE, 2, 0x80058007) &&
	       fake_ring(2)->base == 0x80058007;
	begin(REQUEST_GET_VRING_BASE);
	message.payload.state.index = 2;
	good = good && take() == SESSION_ANSWERS && message.payload.state.num == 0x80058007;
	point(good, "ring_base_of_all_bits");

	begin(REQUEST_SET_VRING_CALL);
	with_eventfd();
	message.payload.u64 = 3;
	fd = dup(message.fd[0]);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	good = take() == SESSION_GOES_ON && read(fd, &calls, sizeof(calls)) == sizeof(calls);
	close(fd);
	point(good && calls == 1, "ring_calls_whom_it_may_have_missed");

	good = send_plain(REQUEST_RESET_DEVICE) && !ring->running && !fake_tap.attached[1] &&
	       set_up_ring(3) && ring->running;
	good = good && send_u64(REQUEST_SET_STATUS, 0) && !ring->running;
	point(good, "ring_is_reset");
	front_close();

	/* Without features of the protocol nobody enables. */
	front_open();
	good = send_plain(REQUEST_SET_OWNER) && send_u64(REQUEST_SET_FEATURES, 0) &&
	       send_table(SIZE) && send_state(REQUEST_SET_VRING_NUM, 0, NUM) &&
	       send_addr(0, 0, 0) && send_eventfd(REQUEST_SET_VRING_KICK, 0);
	point(good && fake_ring(0)->running, "ring_of_an_old_front_end");
	front_close();
}

/* A ring has to lie in memory as a whole; where all but the last byte does it must not start. */
static bool ring_at(uint64_t features, uint64_t last)
{
	bool good;

	front_open();
	good = set_up(features) && send_state(REQUEST_SET_VRING_NUM, 0, NUM) &&
	       send_eventfd(REQUEST_SET_VRING_KICK, 0) &&
	       send_state(REQUEST_SET_VRING_ENABLE, 0, 1);
	begin(REQUEST_SET_VRING_ADDR);
	message.payload.addr = (struct vhost_vring_addr){
		.desc_user_addr = USER, .avail_user_addr = USER + 0x1000,
		.used_user_addr = USER + SIZE - last,
	};
	good = good && take() == SESSION_GOES_ON && fake_ring(0)->running;
	fake_serve();
	front_close();
	return good;
}

static void test_ring_at_the_end(void)
{
	point(ring_at(0, 6 + 8 * NUM) && !ring_at(0, 6 + 8 * NUM - 1) && !ring_at(0, 0) &&
	      ring_at(PACKED, 4) && !ring_at(PACKED, 3), "ring_at_the_end_of_memory");
}

static void test_memory(void)
{
	struct fake_ring *ring = fake_ring(0);
	uint64_t before;
	bool good;

	front_open();
	good = set_up(0) && set_up_ring(0) && ring->running;
	before = ring->addr.desc_user_addr;
	/* Another table moves the ring to where its memory is now. */
	good = good && send_table(SIZE * 2) && ring->running && ring->starts == 2 &&
	       ring->addr.desc_user_addr == fake_device[0].region[0].userspace_addr &&
	       ring->addr.desc_user_addr != before && mappings() == 1;
	fake_serve();
	point(good, "memory_is_replaced");

	good = send_slot(REQUEST_ADD_MEM_REG, GUEST + SIZE * 4, USER + SIZE * 4, SIZE) &&
	       ring->running && fake_device[1].regions == 2 && mappings() == 2;
	fake_serve();
	good = good && !send_slot(REQUEST_REM_MEM_REG, GUEST + SIZE * 4, USER, SIZE);
	good = good && send_slot(REQUEST_REM_MEM_REG, GUEST + SIZE * 4, USER + SIZE * 4, SIZE) &&
	       ring->running && fake_device[1].regions == 1 && mappings() == 1;
	point(good, "memory_comes_and_goes");

	/* With its ring in it: the front end does not hear of it in vain. */
	send_slot(REQUEST_REM_MEM_REG, GUEST, USER, SIZE * 2);
	fake_serve();
	point(!ring->running && !fake_device[0].regions && !mappings(), "memory_of_a_ring_goes");
	front_close();

	/* Where one device has new memory and the other has not, neither may go on. */
	front_open();
	good = set_up(0) && set_up_ring(0);
	fake_fails = VHOST_SET_MEM_TABLE;
	fake_fails_after = 1;
	begin(REQUEST_SET_MEM_TABLE);
	message.header.flags |= MESSAGE_NEED_REPLY;
	point(good && take() == SESSION_ENDS && !ring->running, "memory_by_half");
	front_close();
}

static void test_log(void)
{
	struct fake_device *device = fake_device;
	uint64_t enough = (GUEST + SIZE) / 4096 / 8;
	bool good;

	front_open();
	good = set_up(0) && set_up_ring(0) && !send_log(enough - 1) && !device->log &&
	       send_log(enough) && device->log;
	good = good && send_u64(REQUEST_SET_FEATURES, BIT(30) | LOG_ALL) && device->ring[0].running;
	fake_serve();
	/* What the ring itself writes can be far above memory. */
	good = good && send_addr(0, 0, 1) && device->ring[0].addr.flags == 1;
	fake_serve();
	point(good, "log");

	begin(REQUEST_SET_VRING_ADDR);
	message.payload.addr = (struct vhost_vring_addr){
		0, 1, USER, USER + 0x2000, USER + 0x1000, (enough << 15) - 4,
	};
	point(take() == SESSION_ENDS, "log_ends_in_a_ring");
	good = !send_table(SIZE * 16) && device->regions == 1;
	fake_serve();
	point(good, "log_in_use_too_small_for_memory");
	good = send_u64(REQUEST_SET_FEATURES, BIT(30)) && send_addr(0, 0, 0) &&
	       send_table(SIZE * 16) && !device->log;
	fake_serve();
	point(good, "log_of_the_past");
	front_close();
}

/* The channel to the front end, which the other end of is returned. */
static int give_backend(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		exit(1);
	begin(REQUEST_SET_BACKEND_REQ_FD);
	message.fd[message.fds++] = pair[0];
	return take() == SESSION_GOES_ON ? pair[1] : -1;
}

/* The address that a question on the channel is for; ~0 where there is none. */
static uint64_t asked(int fd)
{
	struct {
		struct message_header header;
		struct vhost_iotlb_msg iotlb;
	} __attribute__((packed)) ask;
	ssize_t got = recv(fd, &ask, sizeof(ask), MSG_DONTWAIT);

	return got == sizeof(ask) && ask.header.request == 1 && ask.header.size == 32 &&
	       ask.header.flags == MESSAGE_VERSION && ask.iotlb.type == VHOST_IOTLB_MISS ?
	       ask.iotlb.iova : ~UINT64_C(0);
}

static void test_iotlb(void)
{
	struct fake_device *device = fake_device;
	uint64_t used = USER + 0x2000;
	bool good;
	int fd;

	front_open();
	good = set_up(IOMMU);
	fd = give_backend();
	good = good && set_up_ring(0) && !device->ring[0].running && asked(fd) == used;
	point(good && device->ring[0].addr.used_user_addr == used, "iotlb_ring_waits");
	good = send_iotlb(VHOST_IOTLB_UPDATE, used, 0x1000, USER + 0x5000) &&
	       device->ring[0].running && fake_device[1].translations == 1 &&
	       fake_device[1].translation[0].uaddr ==
		       fake_device[1].region[0].userspace_addr + 0x5000;
	fake_serve();
	point(good && asked(fd) == ~UINT64_C(0), "iotlb_update");

	device->asks = (struct vhost_iotlb_msg){ .iova = 0x1234000, .type = VHOST_IOTLB_MISS };
	point(iotlb_asked(session, 0) && asked(fd) == 0x1234000, "iotlb_miss");

	good = send_iotlb(VHOST_IOTLB_INVALIDATE, 0, UINT64_MAX, 0) && !device->translations;
	good = good && !send_iotlb(VHOST_IOTLB_UPDATE, 0, 0x1001, USER + SIZE - 0x1000) &&
	       !send_iotlb(VHOST_IOTLB_UPDATE, 0, 0x1000, USER - 1) &&
	       !send_iotlb(VHOST_IOTLB_UPDATE, UINT64_MAX, 2, USER) &&
	       !send_iotlb(VHOST_IOTLB_UPDATE, 0, 0, USER) &&
	       !send_iotlb(VHOST_IOTLB_MISS, 0, 0x1000, USER);
	fake_serve();
	point(good, "iotlb_outside_memory");

	good = send_iotlb(VHOST_IOTLB_UPDATE, UINT64_MAX - 0xfff, 0x1000, USER) &&
	       device->translations && send_table(SIZE) && !device->translations;
	fake_serve();
	point(good, "iotlb_forgets_with_memory");

	/* Two regions, one behind the other, are two pieces. */
	good = send_slot(REQUEST_ADD_MEM_REG, GUEST + SIZE, USER + SIZE, SIZE) &&
	       send_iotlb(VHOST_IOTLB_UPDATE, 0x10000, SIZE * 2, USER) && device->translations == 2;
	fake_serve();
	point(good, "iotlb_of_two_regions");
	close(fd);
	front_close();
}

static void test_rarp(void)
{
	static const unsigned char mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
	uint64_t value = 0;

	front_open();
	memcpy(&value, mac, sizeof(mac));
	point(negotiate() && send_u64(REQUEST_SEND_RARP, value) &&
	      !memcmp(fake_tap.announced, mac, sizeof(mac)), "rarp");
	front_close();
}

/* Whatever is wrong with a message, it is answered where that was asked for, and nothing stays. */
static bool refused(void)
{
	unsigned int request = message.header.request;
	enum verdict verdict;

	message.header.flags |= MESSAGE_NEED_REPLY;
	verdict = take();
	fake_serve();
	if (message_answer(request))
		return verdict == SESSION_ENDS;
	return verdict == SESSION_ANSWERS && message.payload.u64;
}

/* So many descriptors too many, or one too few where there are any. */
static bool wrong_fds(enum request request, unsigned int more)
{
	begin(request);
	for (unsigned int i = 0; i < more; i++)
		with_eventfd();
	return told(refused(), "wrong descriptors are taken", request);
}

static bool one_fd(enum request request)
{
	return request == REQUEST_SET_VRING_KICK || request == REQUEST_SET_VRING_CALL ||
	       request == REQUEST_SET_VRING_ERR || request == REQUEST_SET_LOG_BASE ||
	       request == REQUEST_SET_LOG_FD || request == REQUEST_SET_BACKEND_REQ_FD ||
	       request == REQUEST_ADD_MEM_REG;
}

static bool each_wrong(enum request request, size_t right)
{
	bool good = true;

	for (uint32_t size = 0; size <= sizeof(union message_payload) + 1; size++) {
		begin(request);
		if (size == right)
			continue;
		message.header.size = size;
		if (one_fd(request))
			with_eventfd();
		good = told(refused(), "another size is taken", request) && good;
	}
	if (one_fd(request))
		good = wrong_fds(request, 0) && wrong_fds(request, 2) && good;
	else
		good = wrong_fds(request, request == REQUEST_REM_MEM_REG ? 2 : 1) && good;
	good = wrong_fds(request, MESSAGE_FDS) && good;

	begin(request);
	message.header.flags |= MESSAGE_REPLY;
	good = told(refused(), "an answer is taken", request) && good;
	begin(request);
	message.header.flags = 2;
	return told(refused(), "another version is taken", request) && good;
}

static void test_wrong(void)
{
	unsigned int files, maps;
	bool good = true;

	front_open();
	good = set_up(0) && set_up_ring(0);
	files = open_files();
	maps = mappings();
	for (unsigned int request = 0; request < REQUESTS + 2; request++) {
		begin(request);
		if (strstr(message_name(request), "not known"))
			good = told(refused(), "it is taken", request) && good;
		else
			good = each_wrong(request, message.header.size) && good;
	}
	point(good, "wrong_in_each_way");
	point(open_files() == files && mappings() == maps && fake_ring(0)->running,
	      "wrong_changes_nothing");
	front_close();
}

static void test_not_negotiated(void)
{
	static const enum request requests[] = {
		REQUEST_GET_QUEUE_NUM, REQUEST_SEND_RARP, REQUEST_SET_LOG_BASE,
		REQUEST_SET_BACKEND_REQ_FD, REQUEST_RESET_DEVICE, REQUEST_GET_MAX_MEM_SLOTS,
		REQUEST_ADD_MEM_REG, REQUEST_REM_MEM_REG, REQUEST_SET_STATUS, REQUEST_GET_STATUS,
	};
	bool good;

	front_open();
	good = send_plain(REQUEST_SET_OWNER);
	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		begin(requests[i]);
		message.payload.slot.region.size = 4096;
		if (one_fd(requests[i]))
			with_memory(4096);
		good = told(take() == SESSION_ENDS, "taken unasked", requests[i]) && good;
	}
	point(good, "not_negotiated");
	front_close();
}

static void test_no_such_ring(void)
{
	static const enum request states[] = {
		REQUEST_SET_VRING_NUM, REQUEST_SET_VRING_BASE, REQUEST_GET_VRING_BASE,
		REQUEST_SET_VRING_ENABLE,
	};
	static const enum request files[] = {
		REQUEST_SET_VRING_KICK, REQUEST_SET_VRING_CALL, REQUEST_SET_VRING_ERR,
	};
	static const uint32_t indices[] = { 2 * PAIRS, 255 };
	unsigned int before;
	bool good;

	front_open();
	good = set_up(0);
	before = open_files();
	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int k = 0; k < ARRAY_SIZE(states); k++)
			good = told(!send_state(states[k], indices[i], 1), "no ring", states[k]) &&
			       good;
		for (unsigned int k = 0; k < ARRAY_SIZE(files); k++)
			good = told(!send_eventfd(files[k], indices[i]), "no ring", files[k]) &&
			       good;
		good = !send_addr(indices[i], 0, 0) && good;
	}
	good = !send_state(REQUEST_SET_VRING_NUM, UINT32_MAX, 1) && !send_addr(UINT32_MAX, 0, 0) &&
	       good;
	point(good && open_files() == before, "no_such_ring");
	front_close();
}

/* A message of each kind, first of all, and then again. */
static void test_order(void)
{
	unsigned int files = open_files();
	bool good = true;

	for (unsigned int request = 1; request < REQUESTS; request++) {
		front_open();
		for (int twice = 0; twice < 2; twice++) {
			begin(request);
			if (request == REQUEST_SET_LOG_BASE || request == REQUEST_ADD_MEM_REG)
				with_memory(4096);
			else if (one_fd(request))
				with_eventfd();
			take();
			fake_serve();
		}
		front_close();
		good = !mappings() && open_files() == files && good;
		told(good, "something stays", request);
	}
	point(good, "first_and_twice");

	/* The ring's messages in the order that is the wrong way round. */
	front_open();
	good = negotiate() && send_state(REQUEST_SET_VRING_ENABLE, 0, 1) &&
	       send_plain(REQUEST_SET_OWNER) && send_eventfd(REQUEST_SET_VRING_KICK, 0) &&
	       send_addr(0, 0, 0) && send_state(REQUEST_SET_VRING_NUM, 0, NUM) &&
	       !fake_ring(0)->running && send_u64(REQUEST_SET_FEATURES, BIT(30)) &&
	       send_table(SIZE) && fake_ring(0)->running;
	fake_serve();
	point(good, "the_other_way_round");
	front_close();
}

static void test_memory_wrong(void)
{
	unsigned int files;
	bool good;

	front_open();
	good = negotiate() && send_plain(REQUEST_SET_OWNER);
	files = open_files();
	good = good && !send_slot(REQUEST_ADD_MEM_REG, UINT64_MAX - 4095, USER, 8192) &&
	       !send_slot(REQUEST_ADD_MEM_REG, GUEST, UINT64_MAX - 4095, 8192) &&
	       !send_slot(REQUEST_ADD_MEM_REG, GUEST, USER, 0);
	begin(REQUEST_ADD_MEM_REG);
	message.payload.slot.region = (struct message_region){ GUEST, SIZE, USER, 4096 };
	with_memory(SIZE);
	good = good && take() == SESSION_ENDS;
	begin(REQUEST_ADD_MEM_REG);
	message.payload.slot.region = (struct message_region){ GUEST, SIZE, USER, UINT64_MAX };
	with_memory(SIZE);
	good = good && take() == SESSION_ENDS;
	point(good && !mappings() && open_files() == files, "memory_that_is_not_there");

	/* At an offset that is not a page's the bytes are still the right ones. */
	begin(REQUEST_ADD_MEM_REG);
	message.payload.slot.region = (struct message_region){ GUEST, 0x1000, USER, 0x1800 };
	with_memory(0x2800);
	good = pwrite(message.fd[0], "here", 4, 0x1800) == 4 && take() == SESSION_GOES_ON &&
	       !memcmp((void *)(uintptr_t)fake_device[0].region[0].userspace_addr, "here", 4);
	point(good, "memory_at_an_offset");

	for (unsigned int i = 1; good && i < MEMORY_SLOTS; i++)
		good = send_slot(REQUEST_ADD_MEM_REG, GUEST + i * SIZE, USER + i * SIZE, 4096);
	point(good && !send_slot(REQUEST_ADD_MEM_REG, 0, 0, 4096) && mappings() == MEMORY_SLOTS,
	      "memory_of_all_slots");
	front_close();
}

/* Bytes of a message, a few at a time. */
static bool in_pieces(int fd, struct channel *channel, size_t step)
{
	char bytes[12 + 8];
	uint64_t value = 5;

	memcpy(bytes, (uint32_t[]){ REQUEST_SET_FEATURES, 1, 8 }, 12);
	memcpy(bytes + 12, &value, 8);
	for (size_t at = 0; at < sizeof(bytes); at += step) {
		size_t size = sizeof(bytes) - at < step ? sizeof(bytes) - at : step;

		if (at && channel_read(channel))
			return false;
		if (send(fd, bytes + at, size, 0) != (ssize_t)size)
			return false;
	}
	return channel_read(channel) == 1 && channel->message.payload.u64 == 5 &&
	       !channel_read(channel);
}

/* A header, with so many descriptors. */
static void send_header(int fd, uint32_t size, unsigned int fds)
{
	uint32_t header[] = { REQUEST_SET_FEATURES, 1, size };
	struct iovec iov = { header, sizeof(header) };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * 32)];
	} control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = fds ? &control : NULL,
		.msg_controllen = fds ? CMSG_SPACE(sizeof(int) * fds) : 0,
	};
	struct cmsghdr *c = fds ? CMSG_FIRSTHDR(&msg) : NULL;

	if (c) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds);
		for (unsigned int i = 0; i < fds; i++)
			memset(CMSG_DATA(c) + i * sizeof(int), STDIN_FILENO, sizeof(int));
	}
	if (sendmsg(fd, &msg, 0) < 0)
		exit(1);
}

static void test_channel(void)
{
	unsigned int files = open_files();
	struct channel channel;
	bool good = true;
	int pair[2];

	for (unsigned int fds = 0; fds < 12; fds++) {
		bool fit = fds <= MESSAGE_FDS;

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			exit(1);
		channel_open(&channel, pair[0]);
		if (!fds)
			for (size_t step = 1; step < 21; step++)
				good = in_pieces(pair[1], &channel, step) && good;
		/* Then the end, behind a header whose payload does not come. */
		send_header(pair[1], 8, fds);
		good = good && channel_read(&channel) == (fit ? 0 : -EPROTO);
		close(pair[1]);
		if (fit)
			good = good && channel.message.fds == fds &&
			       channel_read(&channel) == -ECONNRESET;
		channel_close(&channel);
		good = good && open_files() == files;
	}
	point(good, "channel");

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		exit(1);
	channel_open(&channel, pair[0]);
	send_header(pair[1], sizeof(union message_payload) + 1, 0);
	point(channel_read(&channel) == -EPROTO, "channel_oversize");
	channel_close(&channel);
	close(pair[1]);

	/* As many as there can be with the header, and one more with what is behind it. */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		exit(1);
	channel_open(&channel, pair[0]);
	send_header(pair[1], 12, MESSAGE_FDS);
	good = !channel_read(&channel);
	send_header(pair[1], 0, 1);
	good = good && channel_read(&channel) == -EPROTO;
	channel_close(&channel);
	close(pair[1]);
	point(good && open_files() == files, "channel_late_descriptor");
}

static uint32_t state = SEED;

static uint32_t any(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* Near edges of what memory and rings have, or anything. */
static uint64_t any_number(void)
{
	static const uint64_t edges[] = {
		0, 1, 2, 3, 4, NUM, 0x1000, 0x2000, SIZE, SIZE / 2, GUEST, USER, USER + SIZE,
		GUEST + SIZE, UINT64_MAX, UINT32_MAX, BIT(30), BIT(33), BIT(34), BIT(26), BIT(63),
	};
	uint64_t value = edges[any(ARRAY_SIZE(edges))];

	switch (any(4)) {
	case 0:
		return value + any(9) - 4;
	case 1:
		return value | edges[any(ARRAY_SIZE(edges))];
	case 2:
		return value + (uint64_t)any(64) * 0x1000;
	}
	return value;
}

/* Words of the payload, at the places where numbers are. */
static void change(void)
{
	for (uint32_t times = any(3); times; times--) {
		uint32_t at = any(8) * 4;
		uint64_t value = any_number();

		memcpy((char *)&message.payload + at, &value, any(2) ? 4 : 8);
	}
	if (!any(16))
		message.header.size = any(300);
	if (!any(16))
		message.fds ? message_close_fds(&message) : with_eventfd();
}

/* One that could be good, or was. */
static void any_message(void)
{
	unsigned int ring = any(2 * PAIRS);

	begin(any(REQUESTS));
	switch (message.header.request) {
	case REQUEST_SET_MEM_TABLE:
		message.payload.table.count = any(3);
		message.header.size = 8 + 32 * message.payload.table.count;
		for (unsigned int i = 0; i < message.payload.table.count; i++) {
			message.payload.table.region[i] = (struct message_region){
				GUEST + i * SIZE, SIZE, USER + i * SIZE, any(3) * 0x800 };
			with_memory(SIZE + any(2) * 0x1000);
		}
		break;
	case REQUEST_ADD_MEM_REG:
		break;
	case REQUEST_REM_MEM_REG:
		message.payload.slot.region = (struct message_region){
			GUEST + any(3) * SIZE, SIZE, USER + any(3) * SIZE, 0 };
		if (message.header.request == REQUEST_ADD_MEM_REG)
			with_memory(SIZE);
		break;
	case REQUEST_SET_VRING_ADDR:
		message.payload.addr = (struct vhost_vring_addr){ ring, any(2), USER,
			USER + any(64) * 0x1000, USER + any(64) * 0x1000, GUEST };
		break;
	case REQUEST_SET_LOG_BASE:
		message.payload.log.size = any(64);
		with_memory(64);
		break;
	case REQUEST_IOTLB_MSG:
		message.payload.iotlb = (struct vhost_iotlb_msg){ any_number(), SIZE / 2,
			USER + any(8) * 0x8000, 3, 2 + any(2) };
		break;
	default:
		message.payload.state = (struct vhost_vring_state){ ring, any(2) ? 1 : NUM };
		if (one_fd(message.header.request)) {
			message.payload.u64 = ring;
			with_eventfd();
		}
	}
	if (any(2))
		message.header.flags |= MESSAGE_NEED_REPLY;
}

static void test_random(void)
{
	static const uint64_t modes[] = { 0, PACKED | BIT(28), IOMMU, PACKED | IOMMU };
	unsigned int files = open_files(), ended = 0, running = 0;

	for (int round = 0; round < ROUNDS; round++) {
		enum verdict verdict;

		if (!session) {
			front_open();
			set_up(modes[any(4)]);
			send_iotlb(VHOST_IOTLB_UPDATE, USER, SIZE, USER);
			for (unsigned int i = 0; i < 2 * PAIRS; i++)
				set_up_ring(i);
		}
		any_message();
		change();
		verdict = take();
		fake_serve();
		for (unsigned int i = 0; i < 2 * PAIRS; i++)
			running += fake_ring(i)->running;
		/* Most of what is refused ends it; a front end that goes on sees more. */
		if (verdict != SESSION_ENDS || (!session->broken && any(8)))
			continue;
		front_close();
		ended++;
	}
	if (session)
		front_close();
	fprintf(ktap, "# seed %u: %d messages, %u sessions ended, %u.%02u rings ran\n",
		SEED, ROUNDS, ended, running / ROUNDS, running * 100 / ROUNDS % 100);
	point(open_files() == files && !mappings() && ended > ROUNDS / 50 && running > ROUNDS,
	      "random");
}

int main(void)
{
	ktap = fdopen(dup(STDOUT_FILENO), "w");
	if (!ktap)
		return 1;
	/* The count must not move when it is used first. */
	open_files();
	setvbuf(ktap, NULL, _IOLBF, BUFSIZ);
	fprintf(ktap, "TAP version 13\n1..39\n");
	test_answers();
	test_ring();
	test_ring_at_the_end();
	test_memory();
	test_log();
	test_iotlb();
	test_rarp();
	test_wrong();
	test_not_negotiated();
	test_no_such_ring();
	test_order();
	test_memory_wrong();
	test_channel();
	test_random();
	fflush(ktap);
	return failures || points != 39;
}
