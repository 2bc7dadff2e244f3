// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the command vhostx makes of the kernel's answers: well-formed ones, those that are
 * wrong in one place, and many that a seeded generator has changed at random. Each message
 * is in memory of exactly its own size, so that a sanitizer sees a read behind it.
 *
 * answer_test		the test; KTAP
 * answer_test names	the tables of names as JSON
 * answer_test LIST	what vhostx -j prints for well-formed messages: dev, queue,
 *			worker, stats, or monitor
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include "answer.h"
#include "monitor.h"
#include "print.h"
#include "show.h"

#define ROUNDS	100000
#define SEED	20240607u
#define ROOM	4096

static FILE *ktap;
static int points, failures;

static void point(bool good, const char *name)
{
	failures += !good;
	fprintf(ktap, "%sok %d answer.%s\n", good ? "" : "not ", ++points, name);
}

static char room[ROOM] __attribute__((aligned(8)));

static struct nlmsghdr *begin(uint16_t type, uint8_t command)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	return nlh;
}

static struct nlmsghdr *dev(uint8_t command)
{
	struct nlmsghdr *nlh = begin(40, command);

	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_ID, 7);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_STATE, VHOSTX_DEV_STATE_RUNNING);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_OWNER_PID, 1234);
	mnl_attr_put_strz(nlh, VHOSTX_A_DEV_OWNER_COMM, "qemu \033[2J\"\\\xff");
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_IFINDEX, 3);
	mnl_attr_put_strz(nlh, VHOSTX_A_DEV_IFNAME, "tap0");
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_NETNS_INODE, 4026531840u);
	mnl_attr_put_u64(nlh, VHOSTX_A_DEV_FEATURES, 0x1fffu);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_RING_FORMAT, VHOSTX_RING_FORMAT_PACKED);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_REGIONS, 2);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_IOTLB_ENTRIES, 0);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_LAYOUT, VHOSTX_LAYOUT_POOL);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_POOL_SIZE, 4);
	/* Of a later module's. */
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_MAX + 1, 1);
	return nlh;
}

static struct nlmsghdr *queue(uint8_t command)
{
	struct nlmsghdr *nlh = begin(40, command);
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, 7);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_ID, VHOSTX_QUEUE_ID_TX);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_STATE, VHOSTX_QUEUE_STATE_BROKEN);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_FAULT, VHOSTX_FAULT_DESC_LOOP);
	for (int i = VHOSTX_A_QUEUE_NUM; i <= VHOSTX_A_QUEUE_COALESCE_FRAMES; i++)
		mnl_attr_put_u32(nlh, i, i == VHOSTX_A_QUEUE_POLL_MODE ?
				 VHOSTX_POLL_MODE_ADAPTIVE : 100 + i);
	nest = mnl_attr_nest_start(nlh, VHOSTX_A_QUEUE_STATS);
	mnl_attr_put(nlh, VHOSTX_A_STATS_PAD, 0, NULL);
	for (int i = VHOSTX_A_STATS_PACKETS; i <= VHOSTX_A_STATS_MAX; i++)
		mnl_attr_put_u64(nlh, i, UINT64_C(1) << i);
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}

static struct nlmsghdr *worker(uint8_t command)
{
	struct nlmsghdr *nlh = begin(40, command);

	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_TID, 1240);
	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_OWNER_PID, 1234);
	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_KIND, VHOSTX_WORKER_KIND_TASK);
	mnl_attr_put_strz(nlh, VHOSTX_A_WORKER_CPUS, "0-3,8");
	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_POLICY, VHOSTX_POLICY_FIFO_LOW);
	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_NICE, (uint32_t)-20);
	mnl_attr_put_u64(nlh, VHOSTX_A_WORKER_RUN_NS, UINT64_MAX);
	for (int i = 0; i < 4; i++) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, VHOSTX_A_WORKER_QUEUE);

		mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_QUEUE_DEV_ID, i / 2);
		mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_QUEUE_ID, i % 2);
		mnl_attr_nest_end(nlh, nest);
	}
	return nlh;
}

static struct nlmsghdr *nlctrl(void)
{
	static const char *const groups[] = { "config", "events", "notify" };
	struct nlmsghdr *nlh = begin(GENL_ID_CTRL, CTRL_CMD_NEWFAMILY);
	struct nlattr *list, *nest;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, "vhostx");
	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, 40);
	list = mnl_attr_nest_start(nlh, CTRL_ATTR_MCAST_GROUPS);
	for (int i = 0; i < 3; i++) {
		nest = mnl_attr_nest_start(nlh, i + 1);
		mnl_attr_put_strz(nlh, CTRL_ATTR_MCAST_GRP_NAME, groups[i]);
		mnl_attr_put_u32(nlh, CTRL_ATTR_MCAST_GRP_ID, 10 + i);
		mnl_attr_nest_end(nlh, nest);
	}
	mnl_attr_nest_end(nlh, list);
	return nlh;
}

/* A refusal with a text; whole has the request in it, as without NETLINK_CAP_ACK. */
static struct nlmsghdr *ack(uint16_t type, bool whole)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_ACK_TLVS | (whole ? 0 : NLM_F_CAPPED);
	if (type == NLMSG_ERROR) {
		struct nlmsgerr *err = mnl_nlmsg_put_extra_header(nlh, sizeof(*err));

		err->error = -ENODEV;
		err->msg.nlmsg_len = sizeof(err->msg) + (whole ? 24 : 0);
		if (whole)
			mnl_nlmsg_put_extra_header(nlh, 24);
	} else {
		*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = -ENODEV;
	}
	mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, "no such device");
	return nlh;
}

/* All kinds of messages, by number; NULL behind the last. */
static struct nlmsghdr *message(unsigned int kind)
{
	switch (kind) {
	case 0:
		return dev(VHOSTX_CMD_DEV_GET);
	case 1:
		return queue(VHOSTX_CMD_QUEUE_GET);
	case 2:
		return worker(VHOSTX_CMD_WORKER_GET);
	case 3:
		return queue(VHOSTX_CMD_QUEUE_BROKEN_NTF);
	case 4:
		return nlctrl();
	case 5:
		return ack(NLMSG_ERROR, false);
	case 6:
		return ack(NLMSG_ERROR, true);
	case 7:
		return ack(NLMSG_DONE, false);
	}
	return NULL;
}

/* Take a message apart and print it, as the command would; whether it was well-formed. */
static bool swallow(const struct nlmsghdr *nlh, unsigned int kind)
{
	struct refusal refusal;
	struct record record;
	struct family family;

	if (kind > 4) {
		if (!refusal_parse(&refusal, nlh))
			return false;
		if (refusal.text)
			print_text("%s", refusal.text);
		return true;
	}
	if (kind == 4)
		return family_parse(&family, nlh);
	if (!record_parse(&record, nlh))
		return false;
	for (int json = 0; json < 2; json++) {
		print_start(json, true);
		print_list("list");
		print_row();
		show_record(&record, true);
		print_row_end();
		print_list_end();
		if (record.event)
			monitor_news(NEWS_EVENT, &record, NULL);
	}
	return true;
}

/* The same, from memory of its own; what mnl_nlmsg_ok refuses never gets further. */
static bool swallow_copy(const void *bytes, size_t len, unsigned int kind)
{
	struct nlmsghdr *copy = malloc(len);
	bool good = false;

	memcpy(copy, bytes, len);
	if (mnl_nlmsg_ok(copy, len))
		good = swallow(copy, kind);
	free(copy);
	return good;
}

static uint32_t state = SEED;

static uint32_t any(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* Change a message in a few places; its length may shrink. */
static size_t mutate(char *bytes, size_t len)
{
	static const uint16_t edges[] = { 0, 1, 3, 4, 5, 8, 0x7fff, 0x8000, 0xfffc, 0xffff };

	for (uint32_t times = 1 + any(4); times; times--) {
		uint32_t at = any(len);

		switch (any(4)) {
		case 0:
			bytes[at] ^= 1 << any(8);
			break;
		case 1:
			bytes[at] = any(256);
			break;
		case 2:
			/* Where lengths and types are. */
			at &= ~1u;
			if (at + 2 <= len)
				memcpy(bytes + at, &edges[any(sizeof(edges) / 2)], 2);
			break;
		case 3:
			len = sizeof(struct nlmsghdr) + any(len - sizeof(struct nlmsghdr) + 1);
			memcpy(bytes, &(uint32_t){ len }, 4);
			break;
		}
		/* Else most would end at the first look. */
		if (any(8))
			memcpy(bytes, &(uint32_t){ len }, 4);
	}
	return len;
}

static void test_random(void)
{
	unsigned int kinds = 0, good = 0;

	while (message(kinds))
		kinds++;
	for (int round = 0; round < ROUNDS; round++) {
		struct nlmsghdr *nlh = message(round % kinds);

		good += swallow_copy(room, mutate(room, nlh->nlmsg_len), round % kinds);
	}
	fprintf(ktap, "# seed %u: of %d changed messages %u were still well-formed\n", SEED,
		ROUNDS, good);
	point(good > ROUNDS / 100 && good < ROUNDS / 2, "random");
}

static void test_good(void)
{
	bool good = true;

	for (unsigned int kind = 0; message(kind); kind++) {
		struct nlmsghdr *nlh = message(kind);

		if (swallow_copy(nlh, nlh->nlmsg_len, kind))
			continue;
		fprintf(ktap, "# message %u is refused\n", kind);
		good = false;
	}
	point(good, "well_formed");
}

/* A message cut anywhere but between two attributes is refused. */
static void test_cut(void)
{
	struct nlmsghdr *nlh = queue(VHOSTX_CMD_QUEUE_GET);
	uint32_t whole = nlh->nlmsg_len;
	int taken = 0;

	for (uint32_t len = sizeof(*nlh); len < whole; len++) {
		nlh->nlmsg_len = len;
		taken += swallow_copy(nlh, len, 1);
	}
	fprintf(ktap, "# %d beginnings of %u bytes are taken\n", taken, whole);
	/* With both of its keys, before each of the other attributes. */
	point(taken == VHOSTX_A_QUEUE_MAX - VHOSTX_A_QUEUE_ID, "cut");
}

static void refuse(const char *name, struct nlmsghdr *nlh, unsigned int kind)
{
	point(!swallow_copy(nlh, nlh->nlmsg_len, kind), name);
}

/* Wrong in one place each. */
static void test_wrong(void)
{
	struct nlmsghdr *nlh;
	struct nlattr *nest;

	nlh = begin(40, VHOSTX_CMD_DEV_GET);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_STATE, 0);
	refuse("no_key", nlh, 0);

	nlh = begin(40, VHOSTX_CMD_QUEUE_GET);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, 0);
	refuse("half_a_key", nlh, 1);

	nlh = dev(VHOSTX_CMD_DEV_GET);
	mnl_attr_put(nlh, VHOSTX_A_DEV_IFNAME, 4, "tap0");
	refuse("string_without_end", nlh, 0);

	nlh = dev(VHOSTX_CMD_DEV_GET);
	mnl_attr_put_u16(nlh, VHOSTX_A_DEV_STATE, 0);
	refuse("short_number", nlh, 0);

	nlh = worker(VHOSTX_CMD_WORKER_GET);
	nest = mnl_attr_nest_start(nlh, VHOSTX_A_WORKER_QUEUE);
	mnl_attr_put_u32(nlh, VHOSTX_A_WORKER_QUEUE_DEV_ID, 1);
	mnl_attr_nest_end(nlh, nest);
	refuse("half_a_queue", nlh, 2);

	nlh = queue(VHOSTX_CMD_QUEUE_GET);
	nest = mnl_attr_nest_start(nlh, VHOSTX_A_QUEUE_STATS);
	mnl_attr_put_u32(nlh, VHOSTX_A_STATS_PACKETS, 1);
	mnl_attr_nest_end(nlh, nest);
	refuse("short_counter", nlh, 1);

	nlh = queue(VHOSTX_CMD_QUEUE_GET);
	nest = mnl_attr_nest_start(nlh, VHOSTX_A_QUEUE_STATS);
	mnl_attr_put_u64(nlh, VHOSTX_A_STATS_PACKETS, 1);
	mnl_attr_nest_end(nlh, nest);
	((struct nlattr *)mnl_attr_get_payload(nest))->nla_len += MNL_ALIGNTO;
	refuse("nest_that_ends_early", nlh, 1);

	refuse("no_answer", dev(VHOSTX_CMD_DEV_SET), 0);
	refuse("unknown_command", dev(VHOSTX_CMD_MAX + 1), 0);
}

static void test_refusal(void)
{
	struct refusal refusal;
	bool good = true;

	for (unsigned int kind = 5; kind < 8; kind++)
		good = refusal_parse(&refusal, message(kind)) && refusal.error == ENODEV &&
		       refusal.text && !strcmp(refusal.text, "no such device") && good;
	point(good, "refusal");
}

/* What a process calls itself does not reach the terminal as it is. */
static void test_safe(void)
{
	char text[64], small[8];

	point(!strcmp(print_safe(text, sizeof(text), "q \033[2J\xff\\"), "q \\x1b[2J\\xff\\x5c") &&
	      strlen(print_safe(small, sizeof(small), "\033\033\033")) < sizeof(small), "safe");
}

static void sample_row(struct nlmsghdr *nlh, const char *list)
{
	struct record record;

	if (!record_parse(&record, nlh))
		exit(1);
	if (!strcmp(list, "monitor")) {
		monitor_news(NEWS_EVENT, &record, NULL);
		return;
	}
	print_row();
	if (!strcmp(list, "stats")) {
		show_id(&record);
		show_stats(&record);
	} else {
		show_record(&record, true);
	}
	print_row_end();
}

static int sample(const char *list)
{
	print_start(true, false);
	options.time = true;
	if (!strcmp(list, "monitor")) {
		sample_row(dev(VHOSTX_CMD_DEV_ADD_NTF), list);
		sample_row(queue(VHOSTX_CMD_QUEUE_BROKEN_NTF), list);
		sample_row(worker(VHOSTX_CMD_WORKER_DEL_NTF), list);
		monitor_news(NEWS_LOST, NULL, NULL);
		monitor_news(NEWS_GONE, NULL, NULL);
		return 0;
	}
	print_list(list);
	if (!strcmp(list, "dev"))
		sample_row(dev(VHOSTX_CMD_DEV_GET), list);
	else if (!strcmp(list, "worker"))
		sample_row(worker(VHOSTX_CMD_WORKER_GET), list);
	else
		sample_row(queue(VHOSTX_CMD_QUEUE_GET), list);
	print_list_end();
	return 0;
}

static void fields(const char *set, const struct field *list, unsigned int last)
{
	print_nest(set);
	for (unsigned int i = 1; i <= last; i++) {
		const struct field *field = &list[i];

		if (field->kind == KIND_NONE)
			continue;
		/* Hyphens are underscores in keys, so the name is once more a value. */
		print_nest(field->name);
		print_string("name", field->name);
		print_number("number", i);
		print_number("kind", field->kind);
		print_string("enum", field->names ? field->names->title : "");
		print_bool("set", field->set);
		print_number("min", field->min);
		print_number("max", field->max);
		print_nest_end();
	}
	print_nest_end();
}

static int names(void)
{
	print_start(true, true);
	print_list("names");
	print_row();
	print_nest("enums");
	for (const struct names *const *of = all_names; *of; of++) {
		print_words((*of)->title);
		for (unsigned int i = 0; i < (*of)->count; i++)
			print_word((*of)->name[i]);
		print_words_end();
	}
	print_nest_end();
	fields("dev", object_dev.fields, object_dev.last);
	fields("queue", object_queue.fields, object_queue.last);
	fields("worker", object_worker.fields, object_worker.last);
	fields("stats", stats_fields, VHOSTX_A_STATS_MAX);
	print_nest("events");
	for (unsigned int i = 0; i <= VHOSTX_CMD_MAX; i++)
		if (events[i].name)
			print_string(events[i].name, events[i].object->name);
	print_nest_end();
	print_row_end();
	print_list_end();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return strcmp(argv[1], "names") ? sample(argv[1]) : names();

	ktap = fdopen(dup(STDOUT_FILENO), "w");
	if (!ktap || !freopen("/dev/null", "w", stdout))
		return 1;
	options.time = true;
	fprintf(ktap, "TAP version 13\n1..14\n");
	test_good();
	test_cut();
	test_wrong();
	test_refusal();
	test_safe();
	test_random();
	fclose(ktap);
	return failures || points != 14;
}
