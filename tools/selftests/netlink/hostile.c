// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages that no honest sender sends, from a privileged and an unprivileged one. None
 * crashes, leaks or is half obeyed; the host's log and its memory are looked at after each
 * program. Give another seed as VHOSTX_SEED.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <linux/genetlink.h>

#include "devices.h"
#include "netlink.h"

#define FEATURES	(F_VERSION_1 | F_MRG_RXBUF)
#define MESSAGES	20000
#define NOBODY		65534
/* More than there are, and with both ends of what a type can be. */
#define COMMANDS	(VHOSTX_CMD_MAX + 6)
#define ATTRS		40
/* One lost reference to each is more memory than the host's watch lets pass. */
#define DEVICES		400

FIXTURE(hostile) {
	struct nl nl;
	struct nic nic;
	unsigned int seed;
};

FIXTURE_SETUP(hostile)
{
	struct nic_opts o = { .path = DEV_VHOSTX, .features = FEATURES };
	const char *seed = getenv("VHOSTX_SEED");

	self->seed = seed ? strtoul(seed, NULL, 0) : 1;
	srandom(self->seed);
	ASSERT_EQ(0, nl_open(&self->nl));
	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(hostile)
{
	nic_close(&self->nic);
	nl_close(&self->nl);
}

static unsigned int below(unsigned int n)
{
	return random() % n;
}

static uint32_t number(void)
{
	static const uint32_t edges[] = { 0, 1, 2, 3, 63, 64, 65, 4096, 4097, 10001, 0x7fffffff,
					  0x80000000, 0xffffffff };

	return below(4) ? edges[below(ARRAY_SIZE(edges))] : (uint32_t)random();
}

static void put_number(struct nlmsghdr *nlh, unsigned int type)
{
	mnl_attr_put_u32(nlh, type, number());
}

static void put_odd(struct nlmsghdr *nlh, unsigned int type)
{
	uint8_t bytes[300];
	unsigned int len = below(sizeof(bytes));

	for (unsigned int i = 0; i < len; i++)
		bytes[i] = random();
	mnl_attr_put(nlh, type, len, bytes);
}

static void put_text(struct nlmsghdr *nlh, unsigned int type)
{
	static const char * const text[] = {
		"", "0", "0-", "-1", "0-99999999", "4294967296", "0,,1", "all", "0-1:1/0", "\x80",
		"1023-0", "0-0,0-0,0-0",
	};

	mnl_attr_put_strz(nlh, type, text[below(ARRAY_SIZE(text))]);
}

static void put_nest(struct nlmsghdr *nlh, unsigned int type)
{
	struct nlattr *nest[6];
	unsigned int n = 1 + below(ARRAY_SIZE(nest));

	for (unsigned int i = 0; i < n; i++)
		nest[i] = mnl_attr_nest_start(nlh, type);
	put_number(nlh, below(ATTRS));
	while (n--)
		mnl_attr_nest_end(nlh, nest[n]);
}

/* A request of up to eight attributes, of the right kind or not, twice or not. */
static struct nlmsghdr *odd_request(struct nl *nl)
{
	static void (* const put[])(struct nlmsghdr *nlh, unsigned int type) = {
		put_number, put_number, put_number, put_odd, put_text, put_nest,
	};
	struct nlmsghdr *nlh = nl_request(nl, below(COMMANDS), below(8) ? 0 : NLM_F_DUMP);
	unsigned int n = below(8);

	/* Half of them are about something that is there. */
	if (below(2)) {
		mnl_attr_put_u32(nlh, 1 + below(2), 0);
		mnl_attr_put_u32(nlh, 2, below(2));
	}
	while (n--)
		put[below(ARRAY_SIZE(put))](nlh, below(ATTRS));
	/* Cut short, or with a length that is not its own. */
	if (!below(16) && nlh->nlmsg_len > sizeof(*nlh))
		nlh->nlmsg_len -= below(nlh->nlmsg_len - sizeof(*nlh));
	if (!below(16)) {
		struct nlattr *first = (void *)((char *)nlh + sizeof(*nlh) +
						sizeof(struct genlmsghdr));

		first->nla_len = random();
	}
	return nlh;
}

/* Everything is answered, one way or the other, and the family stays in step. */
static int send_odd(struct nl *nl, unsigned int messages)
{
	for (unsigned int i = 0; i < messages; i++) {
		struct nlmsghdr *nlh = odd_request(nl);
		int ret;

		/* Shorter than its header, it is for nobody. */
		if (nlh->nlmsg_len < sizeof(*nlh) + sizeof(struct genlmsghdr))
			continue;
		ret = nl_talk(nl, nlh, NULL, NULL);
		if (ret == -EAGAIN || ret == -ENOBUFS)
			return ret;
	}
	return 0;
}

TEST_F(hostile, privileged)
{
	ASSERT_EQ(0, send_odd(&self->nl, MESSAGES)) {
		TH_LOG("seed %u", self->seed);
	}
	/* Orders may have been obeyed, and its frames pass all the same. */
	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(0, nic_ping_tx(&self->nic, 60 + i, i));
		ASSERT_EQ(0, nic_ping_rx(&self->nic, 60 + i, i));
	}
}

struct request {
	struct nl_order order;
	int answer;
};

/* Obeyed, and refused after the device was found; all of the second one. */
static const struct request requests[] = {
	{ { VHOSTX_CMD_DEV_GET, 0, { { VHOSTX_A_DEV_ID, 1 } } }, 0 },
	{ { VHOSTX_CMD_DEV_GET, 0, { { VHOSTX_A_DEV_ID, 2 } } }, -ENODEV },
	{ { VHOSTX_CMD_DEV_GET, NLM_F_DUMP, { { 0 } } }, 0 },
	{ { VHOSTX_CMD_DEV_SET, 0,
	    { { VHOSTX_A_DEV_ID, 1 }, { VHOSTX_A_DEV_LAYOUT, VHOSTX_LAYOUT_SPLIT } } }, 0 },
	{ { VHOSTX_CMD_DEV_SET, 0,
	    { { VHOSTX_A_DEV_ID, 1 }, { VHOSTX_A_DEV_LAYOUT, 99 } } }, -ERANGE },
	{ { VHOSTX_CMD_QUEUE_GET, 0,
	    { { VHOSTX_A_QUEUE_DEV_ID, 1 }, { VHOSTX_A_QUEUE_ID, VHOSTX_QUEUE_ID_TX } } }, 0 },
	{ { VHOSTX_CMD_QUEUE_GET, NLM_F_DUMP, { { VHOSTX_A_QUEUE_DEV_ID, 1 } } }, 0 },
	{ { VHOSTX_CMD_QUEUE_SET, 0,
	    { { VHOSTX_A_QUEUE_DEV_ID, 1 }, { VHOSTX_A_QUEUE_ID, VHOSTX_QUEUE_ID_TX },
	      { VHOSTX_A_QUEUE_BATCH, 7 } } }, 0 },
	{ { VHOSTX_CMD_QUEUE_SET, 0,
	    { { VHOSTX_A_QUEUE_DEV_ID, 1 }, { VHOSTX_A_QUEUE_ID, VHOSTX_QUEUE_ID_RX },
	      { VHOSTX_A_QUEUE_POLL_MODE, 99 } } }, -ERANGE },
	{ { VHOSTX_CMD_WORKER_GET, NLM_F_DUMP, { { 0 } } }, 0 },
};

/* Whoever asks keeps no device: looked at by what is left of hundreds. */
TEST_F(hostile, no_device_stays)
{
	for (int i = 0; i < DEVICES; i++) {
		int fd = open(DEV_VHOSTX, O_RDWR | O_CLOEXEC);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, dev_ioctl(fd, VHOST_SET_OWNER, NULL));
		for (unsigned int n = 0; n < ARRAY_SIZE(requests); n++) {
			const struct request *r = &requests[n];

			EXPECT_EQ(r->answer, nl_talk(&self->nl, nl_order(&self->nl, &r->order),
						     NULL, NULL)) {
				TH_LOG("request %u: %s", n, self->nl.error);
			}
		}
		close(fd);
	}
}

struct kept {
	unsigned int len;
	uint8_t bytes[2048];
};

/* A queue but for its counters, byte by byte. */
static void keep_queue(const struct nl_object *o, void *data)
{
	struct kept *k = data;

	for (int i = 0; i < NL_ATTRS; i++) {
		const struct nlattr *a = o->attr[i];

		if (!a || i == VHOSTX_A_QUEUE_STATS || k->len + a->nla_len > sizeof(k->bytes))
			continue;
		memcpy(k->bytes + k->len, a, a->nla_len);
		k->len += a->nla_len;
	}
}

static int keep(struct nl *nl, struct kept *k)
{
	k->len = 0;
	return nl_talk(nl, nl_request(nl, VHOSTX_CMD_QUEUE_GET, NLM_F_DUMP), keep_queue, k);
}

TEST_F(hostile, unprivileged)
{
	struct kept before, after;
	int status;
	pid_t pid;

	ASSERT_EQ(0, keep(&self->nl, &before));
	ASSERT_LT(60, before.len);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct nl nl;

		if (setns(open("/proc/1/ns/net", O_RDONLY), CLONE_NEWNET) || setuid(NOBODY) ||
		    nl_open(&nl))
			_exit(1);
		_exit(send_odd(&nl, MESSAGES) ? 2 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, keep(&self->nl, &after));
	EXPECT_EQ(before.len, after.len);
	EXPECT_EQ(0, memcmp(before.bytes, after.bytes, before.len));
	ASSERT_EQ(0, nic_ping_tx(&self->nic, 100, 1));
	ASSERT_EQ(0, nic_ping_rx(&self->nic, 100, 2));
}

TEST_HARNESS_MAIN
