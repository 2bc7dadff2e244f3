// SPDX-License-Identifier: GPL-2.0-only
/* Orders to queues: obeyed at once, whole or not at all, and no frame is lost by one. */
#include <string.h>

#include "devices.h"
#include "netlink.h"

#define FEATURES	(F_VERSION_1 | F_MRG_RXBUF)
#define MOVES		200

FIXTURE(set) {
	struct nl nl;
	struct nic nic;
};

FIXTURE_SETUP(set)
{
	struct nic_opts o = { .path = DEV_VHOSTX, .features = FEATURES };

	ASSERT_EQ(0, nl_open(&self->nl));
	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(set)
{
	nic_close(&self->nic);
	nl_close(&self->nl);
}

/* An order to the TX queue of the only device. */
static struct nlmsghdr *order(struct nl *nl)
{
	struct nlmsghdr *nlh = nl_request(nl, VHOSTX_CMD_QUEUE_SET, 0);

	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, 0);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_ID, VHOSTX_QUEUE_ID_TX);
	return nlh;
}

static int set(struct nl *nl, unsigned int attr, uint32_t value)
{
	struct nlmsghdr *nlh = order(nl);

	mnl_attr_put_u32(nlh, attr, value);
	return nl_talk(nl, nlh, NULL, NULL);
}

static void got_values(const struct nl_object *o, void *data)
{
	uint32_t *value = data;
	struct nl_object stats;

	for (int i = 0; i < VHOSTX_A_QUEUE_STATS; i++)
		value[i] = nl_u32(o, i);
	if (value[VHOSTX_A_QUEUE_POLL_NOW_US] <= value[VHOSTX_A_QUEUE_POLL_US])
		value[VHOSTX_A_QUEUE_POLL_NOW_US] = 0;
	nl_nest(o->attr[VHOSTX_A_QUEUE_STATS], &stats);
	value[VHOSTX_A_QUEUE_STATS] = nl_u64(&stats, VHOSTX_A_STATS_BATCHES);
}

/*
 * All attributes of the TX queue, but for how long it polls, which it finds out itself within
 * its limit; the counted batches in the statistics' place.
 */
static int get(struct nl *nl, uint32_t *value)
{
	struct nlmsghdr *nlh = nl_request(nl, VHOSTX_CMD_QUEUE_GET, 0);

	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, 0);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_ID, VHOSTX_QUEUE_ID_TX);
	return nl_talk(nl, nlh, got_values, value);
}

TEST_F(set, every_tunable)
{
	static const struct {
		unsigned int attr;
		uint32_t least, most;
	} tunable[] = {
		{ VHOSTX_A_QUEUE_POLL_MODE, 0, VHOSTX_POLL_MODE_ADAPTIVE },
		{ VHOSTX_A_QUEUE_POLL_US, 0, VHOSTX_POLL_US_MAX },
		{ VHOSTX_A_QUEUE_BATCH, 1, VHOSTX_BATCH_MAX },
		{ VHOSTX_A_QUEUE_WEIGHT, VHOSTX_WEIGHT_MIN, VHOSTX_WEIGHT_MAX },
		{ VHOSTX_A_QUEUE_COALESCE_US, 0, VHOSTX_COALESCE_US_MAX },
		{ VHOSTX_A_QUEUE_COALESCE_FRAMES, 1, VHOSTX_COALESCE_FRAMES_MAX },
	};
	uint32_t before[VHOSTX_A_QUEUE_MAX + 1], value[VHOSTX_A_QUEUE_MAX + 1];

	for (unsigned int i = 0; i < ARRAY_SIZE(tunable); i++) {
		unsigned int attr = tunable[i].attr;

		ASSERT_EQ(0, set(&self->nl, attr, tunable[i].least));
		ASSERT_EQ(0, get(&self->nl, before));
		EXPECT_EQ(tunable[i].least, before[attr]);
		ASSERT_EQ(0, set(&self->nl, attr, tunable[i].most));
		ASSERT_EQ(0, get(&self->nl, value));
		EXPECT_EQ(tunable[i].most, value[attr]);

		EXPECT_EQ(-ERANGE, set(&self->nl, attr, tunable[i].most + 1));
		EXPECT_STRNE("", self->nl.error);
		EXPECT_EQ(tunable[i].least, self->nl.min);
		EXPECT_EQ(tunable[i].most, self->nl.max);
		if (tunable[i].least) {
			EXPECT_EQ(-ERANGE, set(&self->nl, attr, tunable[i].least - 1));
		}
		/* Nothing else has changed, and no refused one has. */
		ASSERT_EQ(0, get(&self->nl, value));
		before[attr] = tunable[i].most;
		EXPECT_EQ(0, memcmp(before, value, sizeof(value)));
		for (int frame = 0; frame < 20; frame++) {
			ASSERT_EQ(0, nic_ping_tx(&self->nic, 60 + frame, frame));
			ASSERT_EQ(0, nic_ping_rx(&self->nic, 60 + frame, frame));
		}
	}
}

TEST_F(set, whole_or_not_at_all)
{
	uint32_t before[VHOSTX_A_QUEUE_MAX + 1], value[VHOSTX_A_QUEUE_MAX + 1];
	struct nlmsghdr *nlh;

	ASSERT_EQ(0, get(&self->nl, before));
	nlh = order(&self->nl);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_BATCH, 3);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_WEIGHT, 1);
	EXPECT_EQ(-ERANGE, nl_talk(&self->nl, nlh, NULL, NULL));
	nlh = order(&self->nl);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_WORKER, 1);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_BATCH, 3);
	EXPECT_EQ(-ESRCH, nl_talk(&self->nl, nlh, NULL, NULL));
	EXPECT_STREQ("no worker of the device's owner has this thread id", self->nl.error);
	ASSERT_EQ(0, get(&self->nl, value));
	EXPECT_EQ(0, memcmp(before, value, sizeof(value)));
}

TEST_F(set, is_told)
{
	struct nl_object e;
	struct nl ear;

	ASSERT_EQ(0, nl_open(&ear));
	ASSERT_EQ(0, nl_listen(&ear, 0));
	ASSERT_EQ(0, set(&self->nl, VHOSTX_A_QUEUE_BATCH, 7));
	ASSERT_EQ(0, nl_event(&ear, &e, NIC_TIMEOUT));
	EXPECT_EQ(VHOSTX_CMD_QUEUE_CHANGE_NTF, e.cmd);
	EXPECT_EQ(VHOSTX_QUEUE_ID_TX, nl_u32(&e, VHOSTX_A_QUEUE_ID));
	EXPECT_EQ(7, nl_u32(&e, VHOSTX_A_QUEUE_BATCH));
	EXPECT_EQ(-ERANGE, set(&self->nl, VHOSTX_A_QUEUE_BATCH, 65));
	EXPECT_EQ(-ETIMEDOUT, nl_event(&ear, &e, 100));
	nl_close(&ear);
}

/* Six frames that are there at once go in two batches of four at most. */
TEST_F(set, batch_holds)
{
	uint32_t before[VHOSTX_A_QUEUE_MAX + 1], value[VHOSTX_A_QUEUE_MAX + 1];
	uint8_t frame[60] = {};

	ASSERT_EQ(0, set(&self->nl, VHOSTX_A_QUEUE_BATCH, 4));
	ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
	ASSERT_EQ(0, get(&self->nl, before));
	for (int i = 0; i < 6; i++)
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
	vq_kick_always(&self->nic.vmm.vq[TX]);
	ASSERT_EQ(0, nic_reap_tx(&self->nic, 6, NIC_TIMEOUT));
	ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
	ASSERT_EQ(0, get(&self->nl, value));
	EXPECT_EQ(before[VHOSTX_A_QUEUE_STATS] + 2, value[VHOSTX_A_QUEUE_STATS]);
}

/* From one worker to another and back with frames under way: each arrives, once, in order. */
TEST_F(set, queue_moves)
{
	struct vhost_worker_state second = {};
	uint32_t value[VHOSTX_A_QUEUE_MAX + 1];
	struct vq *q = &self->nic.vmm.vq[TX];
	uint32_t sent = 0, got = 0;
	uint8_t frame[200];
	int tid[2];

	ASSERT_EQ(0, dev_ioctl(self->nic.vmm.fd, VHOST_NEW_WORKER, &second));
	tid[0] = worker_find(getpid(), 0);
	tid[1] = worker_find(getpid(), 1);
	ASSERT_LT(0, tid[0]);
	ASSERT_LT(0, tid[1]);
	for (int i = 0; i < MOVES; i++) {
		for (int n = 0; n < 20; n++) {
			frame_fill(frame, 200, sent);
			ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 200));
			sent++;
		}
		vq_kick(q);
		ASSERT_EQ(0, set(&self->nl, VHOSTX_A_QUEUE_WORKER, tid[i % 2]));
		ASSERT_EQ(0, nic_reap_tx(&self->nic, 20, NIC_TIMEOUT));
		for (; got < sent; got++) {
			ASSERT_EQ(200, wire_recv(self->nic.wire, NULL, frame, sizeof(frame),
						 NIC_TIMEOUT));
			ASSERT_EQ(-1, frame_check(frame, 200, got)) {
				TH_LOG("frame %u", got);
			}
		}
	}
	ASSERT_EQ(0, get(&self->nl, value));
	EXPECT_EQ((uint32_t)tid[(MOVES - 1) % 2], value[VHOSTX_A_QUEUE_WORKER]);
}

TEST_HARNESS_MAIN
