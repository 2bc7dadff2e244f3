// SPDX-License-Identifier: GPL-2.0-only
/* What an operator sees of devices and queues, and hears of them. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/userfaultfd.h>
#include <net/if.h>

#include "devices.h"
#include "hostile.h"
#include "netlink.h"

#define FEATURES	(F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT)
#define DEVICES		70	/* their queues take more than one answer */
#define NOBODY		65534

FIXTURE(read) {
	struct nl nl;
	struct nic nic;
};

FIXTURE_SETUP(read)
{
	struct nic_opts o = { .path = DEV_VHOSTX, .features = FEATURES };

	ASSERT_EQ(0, nl_open(&self->nl));
	ASSERT_EQ(0, nic_open(&self->nic, &o));
}

FIXTURE_TEARDOWN(read)
{
	nic_close(&self->nic);
	nl_close(&self->nl);
}

/* The one device or queue that a test looks at. */
struct look {
	unsigned int n;
	uint32_t id, state, owner, fault, num, worker, regions, ifindex, netns, format;
	uint64_t features;
	uint64_t stats[VHOSTX_A_STATS_MAX + 1];
	char comm[32], ifname[32];
};

static void got_dev(const struct nl_object *o, void *data)
{
	struct look *l = data;

	if (nl_u32(o, VHOSTX_A_DEV_OWNER_PID) != (uint32_t)getpid())
		return;
	l->n++;
	l->id = nl_u32(o, VHOSTX_A_DEV_ID);
	l->state = nl_u32(o, VHOSTX_A_DEV_STATE);
	l->regions = nl_u32(o, VHOSTX_A_DEV_REGIONS);
	l->ifindex = nl_u32(o, VHOSTX_A_DEV_IFINDEX);
	l->netns = nl_u32(o, VHOSTX_A_DEV_NETNS_INODE);
	l->format = nl_u32(o, VHOSTX_A_DEV_RING_FORMAT);
	l->features = nl_u64(o, VHOSTX_A_DEV_FEATURES);
	snprintf(l->comm, sizeof(l->comm), "%s", nl_str(o, VHOSTX_A_DEV_OWNER_COMM));
	snprintf(l->ifname, sizeof(l->ifname), "%s", nl_str(o, VHOSTX_A_DEV_IFNAME));
}

static void got_queue(const struct nl_object *o, void *data)
{
	struct nl_object stats;
	struct look *l = data;

	l->n++;
	l->id = nl_u32(o, VHOSTX_A_QUEUE_ID);
	l->state = nl_u32(o, VHOSTX_A_QUEUE_STATE);
	l->fault = nl_u32(o, VHOSTX_A_QUEUE_FAULT);
	l->num = nl_u32(o, VHOSTX_A_QUEUE_NUM);
	l->worker = nl_u32(o, VHOSTX_A_QUEUE_WORKER);
	if (!o->attr[VHOSTX_A_QUEUE_STATS])
		return;
	nl_nest(o->attr[VHOSTX_A_QUEUE_STATS], &stats);
	for (int i = 0; i <= VHOSTX_A_STATS_MAX; i++)
		l->stats[i] = nl_u64(&stats, i);
}

/* The device of this process. */
static int look_dev(struct nl *nl, struct look *l)
{
	memset(l, 0, sizeof(*l));
	return nl_talk(nl, nl_request(nl, VHOSTX_CMD_DEV_GET, NLM_F_DUMP), got_dev, l);
}

static int look_queue(struct nl *nl, struct look *l, uint32_t dev, uint32_t id)
{
	struct nlmsghdr *nlh = nl_request(nl, VHOSTX_CMD_QUEUE_GET, 0);

	memset(l, 0, sizeof(*l));
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, dev);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_ID, id);
	return nl_talk(nl, nlh, got_queue, l);
}

TEST_F(read, device)
{
	struct stat ns;
	struct look l;

	ASSERT_EQ(0, look_dev(&self->nl, &l));
	ASSERT_EQ(1, l.n);
	EXPECT_EQ(VHOSTX_DEV_STATE_RUNNING, l.state);
	EXPECT_STREQ("read", l.comm);
	EXPECT_EQ(VHOSTX_FEATURE_VERSION_1 | VHOSTX_FEATURE_MRG_RXBUF |
		  VHOSTX_FEATURE_INDIRECT_DESC, l.features);
	EXPECT_EQ(VHOSTX_RING_FORMAT_SPLIT, l.format);
	EXPECT_LT(0, l.regions);
	EXPECT_GT(64, l.regions);
	EXPECT_STREQ(NIC_TAP, l.ifname);
	EXPECT_EQ(if_nametoindex(NIC_TAP), l.ifindex);
	ASSERT_EQ(0, stat("/proc/self/ns/net", &ns));
	EXPECT_EQ(ns.st_ino, l.netns);

	ASSERT_EQ(0, vmm_backend(&self->nic.vmm, TX, -1));
	ASSERT_EQ(0, look_dev(&self->nl, &l));
	EXPECT_EQ(VHOSTX_DEV_STATE_RUNNING, l.state);
	ASSERT_EQ(0, vmm_backend(&self->nic.vmm, RX, -1));
	ASSERT_EQ(0, look_dev(&self->nl, &l));
	EXPECT_EQ(VHOSTX_DEV_STATE_STOPPED, l.state);
	EXPECT_STREQ("", l.ifname);
}

/* To the frame, and in batches as they were. */
TEST_F(read, queue)
{
	struct vq *q = &self->nic.vmm.vq[TX];
	uint8_t frame[60] = {};
	struct look dev, l;

	ASSERT_EQ(0, look_dev(&self->nl, &dev));
	ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
	for (int i = 0; i < 6; i++)
		ASSERT_LE(0, nic_post_tx(&self->nic, NULL, NULL, frame, 60));
	vq_kick_always(q);
	ASSERT_EQ(0, nic_reap_tx(&self->nic, 6, NIC_TIMEOUT));
	ASSERT_EQ(0, thread_rests(worker_find(getpid(), 0)));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, nic_ping_rx(&self->nic, 1000, i));

	ASSERT_EQ(0, look_queue(&self->nl, &l, dev.id, VHOSTX_QUEUE_ID_TX));
	EXPECT_EQ(1, l.n);
	EXPECT_EQ(VHOSTX_QUEUE_ID_TX, l.id);
	EXPECT_EQ(VHOSTX_QUEUE_STATE_RUNNING, l.state);
	EXPECT_EQ(VHOSTX_FAULT_NONE, l.fault);
	EXPECT_EQ(q->num, l.num);
	EXPECT_EQ((uint32_t)worker_find(getpid(), 0), l.worker);
	EXPECT_EQ(6, l.stats[VHOSTX_A_STATS_PACKETS]);
	EXPECT_EQ(360, l.stats[VHOSTX_A_STATS_BYTES]);
	EXPECT_EQ(1, l.stats[VHOSTX_A_STATS_KICKS]);
	EXPECT_EQ(1, l.stats[VHOSTX_A_STATS_BATCHES]);
	EXPECT_EQ(1, l.stats[VHOSTX_A_STATS_BATCH_4]);
	EXPECT_EQ(0, l.stats[VHOSTX_A_STATS_BATCH_8]);
	EXPECT_EQ(1, l.stats[VHOSTX_A_STATS_SIGNALS] + l.stats[VHOSTX_A_STATS_SUPPRESSED]);

	ASSERT_EQ(0, look_queue(&self->nl, &l, dev.id, VHOSTX_QUEUE_ID_RX));
	EXPECT_EQ(VHOSTX_QUEUE_ID_RX, l.id);
	EXPECT_EQ(3, l.stats[VHOSTX_A_STATS_PACKETS]);
	EXPECT_EQ(3000, l.stats[VHOSTX_A_STATS_BYTES]);
	EXPECT_EQ(3, l.stats[VHOSTX_A_STATS_BATCH_1]);
}

/* Frames that wait for buffers, and those dropped, with the reason. */
TEST_F(read, waits_and_drops)
{
	uint8_t frame[60];
	struct look dev, l = {};

	ASSERT_EQ(0, look_dev(&self->nl, &dev));
	frame_fill(frame, 60, 1);
	ASSERT_EQ(0, wire_send(self->nic.wire, NULL, frame, 60));
	for (int i = 0; i < 100 && !l.stats[VHOSTX_A_STATS_RING_FULL]; i++) {
		usleep(10000);
		ASSERT_EQ(0, look_queue(&self->nl, &l, dev.id, VHOSTX_QUEUE_ID_RX));
	}
	EXPECT_LE(1, l.stats[VHOSTX_A_STATS_RING_FULL]);

	ASSERT_EQ(0, nic_send(&self->nic, NULL, NULL, frame, 5));
	ASSERT_EQ(0, look_queue(&self->nl, &l, dev.id, VHOSTX_QUEUE_ID_TX));
	EXPECT_EQ(1, l.stats[VHOSTX_A_STATS_DROP_SHORT]);
	EXPECT_EQ(0, l.stats[VHOSTX_A_STATS_PACKETS]);
}

struct seen {
	unsigned int n;
	int64_t last;
	bool sorted;
};

static void got_any(const struct nl_object *o, void *data)
{
	struct seen *s = data;
	int64_t key = nl_u32(o, VHOSTX_A_QUEUE_DEV_ID) * 2LL + nl_u32(o, VHOSTX_A_QUEUE_ID);

	s->sorted &= key > s->last;
	s->last = key;
	s->n++;
}

TEST_F(read, dump_of_many)
{
	struct seen s = { .last = -1, .sorted = true };
	struct nlmsghdr *nlh;
	int fd[DEVICES];

	for (int i = 0; i < DEVICES; i++) {
		fd[i] = open(DEV_VHOSTX, O_RDWR);
		ASSERT_LE(0, fd[i]);
	}
	/* The ids that become free are taken by later ones. */
	for (int i = 0; i < DEVICES; i += 3) {
		ASSERT_EQ(0, close(fd[i]));
		fd[i] = open(DEV_VHOSTX, O_RDWR);
		ASSERT_LE(0, fd[i]);
	}
	nlh = nl_request(&self->nl, VHOSTX_CMD_QUEUE_GET, NLM_F_DUMP);
	ASSERT_EQ(0, nl_talk(&self->nl, nlh, got_any, &s));
	EXPECT_EQ(2 * (DEVICES + 1), s.n);
	EXPECT_TRUE(s.sorted);

	s = (struct seen){ .last = -1, .sorted = true };
	nlh = nl_request(&self->nl, VHOSTX_CMD_QUEUE_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, 3);
	ASSERT_EQ(0, nl_talk(&self->nl, nlh, got_any, &s));
	EXPECT_EQ(2, s.n);
	EXPECT_EQ(3 * 2 + 1, s.last);

	s = (struct seen){ .last = -1, .sorted = true };
	nlh = nl_request(&self->nl, VHOSTX_CMD_QUEUE_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_ID, VHOSTX_QUEUE_ID_RX);
	ASSERT_EQ(0, nl_talk(&self->nl, nlh, got_any, &s));
	EXPECT_EQ(DEVICES + 1, s.n);
	for (int i = 0; i < DEVICES; i++)
		close(fd[i]);
}

TEST_F(read, says_what_is_wrong)
{
	struct nlmsghdr *nlh;
	struct look l;

	EXPECT_EQ(-ENODEV, look_queue(&self->nl, &l, 12345, 0));
	EXPECT_STREQ("no device has this id", self->nl.error);
	EXPECT_EQ(-ERANGE, look_queue(&self->nl, &l, 0, 2));
	EXPECT_STRNE("", self->nl.error);
	nlh = nl_request(&self->nl, VHOSTX_CMD_DEV_GET, 0);
	EXPECT_EQ(-EINVAL, nl_talk(&self->nl, nlh, NULL, NULL));
	EXPECT_STREQ("which device? its id is missing", self->nl.error);
	nlh = nl_request(&self->nl, VHOSTX_CMD_QUEUE_GET, 0);
	mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, 0);
	EXPECT_EQ(-EINVAL, nl_talk(&self->nl, nlh, NULL, NULL));
	EXPECT_STREQ("which queue? rx or tx is missing", self->nl.error);
	/* What is not asked with is refused, not passed over. */
	nlh = nl_request(&self->nl, VHOSTX_CMD_DEV_GET, 0);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_ID, 0);
	mnl_attr_put_u32(nlh, VHOSTX_A_DEV_POOL_SIZE, 1);
	EXPECT_EQ(-EINVAL, nl_talk(&self->nl, nlh, NULL, NULL));
	nlh = nl_request(&self->nl, VHOSTX_CMD_DEV_GET, 0);
	mnl_attr_put_u16(nlh, VHOSTX_A_DEV_ID, 0);
	EXPECT_EQ(-EINVAL, nl_talk(&self->nl, nlh, NULL, NULL));
}

/* Anyone reads; nobody but an administrator sets. */
TEST_F(read, without_privilege)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct seen s = { .last = -1 };
		struct nlmsghdr *nlh;
		struct nl nl;

		if (setns(open("/proc/1/ns/net", O_RDONLY), CLONE_NEWNET) || setuid(NOBODY) ||
		    nl_open(&nl))
			_exit(1);
		nlh = nl_request(&nl, VHOSTX_CMD_QUEUE_GET, NLM_F_DUMP);
		if (nl_talk(&nl, nlh, got_any, &s) || s.n != 2)
			_exit(2);
		nlh = nl_request(&nl, VHOSTX_CMD_QUEUE_SET, 0);
		mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_DEV_ID, 0);
		mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_ID, 0);
		mnl_attr_put_u32(nlh, VHOSTX_A_QUEUE_BATCH, 1);
		if (nl_talk(&nl, nlh, NULL, NULL) != -EPERM)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Another namespace has no such family: a container does not see the host's guests. */
TEST_F(read, in_another_namespace)
{
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	struct nlmsghdr *nlh = nl_request(&self->nl, VHOSTX_CMD_DEV_GET, NLM_F_DUMP);
	struct nlmsgerr *err;

	/* The test's own is another: its tap is there. */
	ASSERT_NE(NULL, sock);
	ASSERT_LE(0, mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID));
	ASSERT_LE(0, mnl_socket_sendto(sock, nlh, nlh->nlmsg_len));
	ASSERT_LE(0, mnl_socket_recvfrom(sock, self->nl.buf, sizeof(self->nl.buf)));
	nlh = (void *)self->nl.buf;
	ASSERT_EQ(NLMSG_ERROR, nlh->nlmsg_type);
	err = mnl_nlmsg_get_payload(nlh);
	EXPECT_EQ(-ENOENT, err->error);
	mnl_socket_close(sock);
}

/* The next event of a device or a queue that is no change. */
static uint8_t next_event(struct nl *nl, struct nl_object *o)
{
	do {
		if (nl_event(nl, o, NIC_TIMEOUT))
			return 0;
	} while (o->cmd == VHOSTX_CMD_DEV_CHANGE_NTF || o->cmd == VHOSTX_CMD_WORKER_CHANGE_NTF ||
		 o->cmd == VHOSTX_CMD_WORKER_DEL_NTF);
	return o->cmd;
}

TEST_F(read, events)
{
	struct nic_opts o = { .path = DEV_VHOSTX, .features = FEATURES, .stopped = true };
	struct vmm *v = &self->nic.vmm;
	struct nl_object e;

	nic_close(&self->nic);
	ASSERT_EQ(0, nl_listen(&self->nl, 0));
	ASSERT_EQ(0, nl_listen(&self->nl, 1));
	ASSERT_EQ(0, nic_open(&self->nic, &o));
	EXPECT_EQ(VHOSTX_CMD_DEV_ADD_NTF, next_event(&self->nl, &e));
	EXPECT_EQ(0, nl_u32(&e, VHOSTX_A_DEV_ID));
	EXPECT_EQ(VHOSTX_DEV_STATE_UNOWNED, nl_u32(&e, VHOSTX_A_DEV_STATE));

	ASSERT_EQ(0, vmm_backend(v, TX, self->nic.tap));
	EXPECT_EQ(VHOSTX_CMD_QUEUE_START_NTF, next_event(&self->nl, &e));
	EXPECT_EQ(VHOSTX_QUEUE_ID_TX, nl_u32(&e, VHOSTX_A_QUEUE_ID));
	EXPECT_EQ(VHOSTX_QUEUE_STATE_RUNNING, nl_u32(&e, VHOSTX_A_QUEUE_STATE));

	hostile_break(&self->nic, TX, BREAK_INDIRECT_CHAINED);
	vq_kick_always(&v->vq[TX]);
	EXPECT_EQ(VHOSTX_CMD_QUEUE_BROKEN_NTF, next_event(&self->nl, &e));
	EXPECT_EQ(VHOSTX_QUEUE_ID_TX, nl_u32(&e, VHOSTX_A_QUEUE_ID));
	EXPECT_EQ(VHOSTX_QUEUE_STATE_BROKEN, nl_u32(&e, VHOSTX_A_QUEUE_STATE));
	EXPECT_EQ(VHOSTX_FAULT_INDIRECT_NEST, nl_u32(&e, VHOSTX_A_QUEUE_FAULT));

	ASSERT_EQ(0, vmm_backend(v, TX, -1));
	EXPECT_EQ(VHOSTX_CMD_QUEUE_STOP_NTF, next_event(&self->nl, &e));
	nic_close(&self->nic);
	EXPECT_EQ(VHOSTX_CMD_DEV_DEL_NTF, next_event(&self->nl, &e));
	EXPECT_EQ(0, nl_u32(&e, VHOSTX_A_DEV_ID));
}

/* A VMM that does not answer for a page of an ioctl's argument holds its device up. */
struct stuck {
	int fd;
	void *page;
	pthread_t thread;
	int uffd;
};

static void *stuck_ioctl(void *data)
{
	struct stuck *s = data;

	ioctl(s->fd, VHOST_SET_MEM_TABLE, s->page);
	return NULL;
}

static int stick(struct stuck *s, int fd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct pollfd p = { .events = POLLIN };

	s->fd = fd;
	s->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (s->page == MAP_FAILED || s->uffd < 0 || ioctl(s->uffd, UFFDIO_API, &api))
		return -errno;
	reg.range.start = (unsigned long)s->page;
	reg.range.len = 4096;
	if (ioctl(s->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	if (pthread_create(&s->thread, NULL, stuck_ioctl, s))
		return -EAGAIN;
	p.fd = s->uffd;
	return poll(&p, 1, NIC_TIMEOUT) == 1 ? 0 : -ETIMEDOUT;
}

static void unstick(struct stuck *s)
{
	struct uffdio_zeropage zero = { .range = { (unsigned long)s->page, 4096 } };

	ioctl(s->uffd, UFFDIO_ZEROPAGE, &zero);
	pthread_join(s->thread, NULL);
	close(s->uffd);
	munmap(s->page, 4096);
}

TEST_F(read, waits_for_no_vmm)
{
	struct stuck stuck;
	struct look l;

	ASSERT_EQ(0, stick(&stuck, self->nic.vmm.fd));
	/* Where it does wait, the harness ends the test. */
	EXPECT_EQ(0, look_dev(&self->nl, &l));
	EXPECT_EQ(1, l.n);
	EXPECT_EQ(0, look_queue(&self->nl, &l, l.id, 0));
	EXPECT_EQ(1, l.n);
	unstick(&stuck);
}

TEST_HARNESS_MAIN
