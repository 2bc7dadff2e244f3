// SPDX-License-Identifier: GPL-2.0-only
/* Features: virtio's, the array of them, the backend's own, and kinds of workers. */
#include <fcntl.h>

#include "answers.h"

struct array {
	uint64_t count;
	uint64_t word[65];
};

#define OFFERS_ALL OFFERS "; " PACKED
#define WORDS	"vhostx takes at most 64 words, where vhost-net's loop has no bound; " ARRAY

static bool no_tunnels(void)
{
	struct array a = { .count = 2 };
	int fd = open(DEV_VHOST_NET, O_RDWR | O_CLOEXEC);
	int ret = ioctl(fd, VHOST_GET_FEATURES_ARRAY, &a);

	close(fd);
	return ret || !a.word[1];
}

static uint64_t offered(struct dev *d)
{
	uint64_t f = 0;

	ask(d, VHOST_GET_FEATURES, &f);
	return f;
}

static long ask_all_offered(struct dev *d, const struct row *r)
{
	uint64_t f = offered(d);

	return ask(d, r->req, &f);
}

/* The answer to each bit that is offered, or is not: one, or the first that is odd. */
static long ask_each(struct dev *d, const struct row *r)
{
	uint64_t f = offered(d);
	long ret = 0, all = r->arg ? 0 : -EOPNOTSUPP;

	for (int i = 0; i < 64 && f; i++) {
		uint64_t bit = BIT64(i);

		if (!(f & bit) != !r->arg)
			continue;
		ret = ask(d, r->req, &bit);
		if (ret != all)
			return ret;
	}
	return ret;
}

static long ask_logging(struct dev *d, const struct row *r)
{
	uint64_t f = F_VERSION_1 | F_LOG_ALL;

	return vmm_set_log(&d->v, r->arg) ?: ask(d, r->req, &f);
}

static long ask_get_word(struct dev *d, const struct row *r)
{
	struct array a = { .count = r->arg >> 8, .word = { 80, 81, 82, 83 } };

	return ask(d, r->req, &a) ?: (long)a.word[r->arg & 0xff];
}

/* That word of the number of words, as the row's data says. */
static long ask_array(struct dev *d, const struct row *r)
{
	const uint64_t *word = r->data;
	struct array a = { .count = r->arg };

	if (word)
		a.word[word[0]] = word[1];
	return ask(d, r->req, &a);
}

/* The count and two words, behind which there is nothing. */
static long ask_edge(struct dev *d, const struct row *r)
{
	uint64_t *a = answers_edge(3 * sizeof(*a));

	a[0] = r->arg;
	return ask(d, r->req, a);
}

static long ask_fork(struct dev *d, const struct row *r)
{
	uint8_t how[64] = { r->arg };

	return ask(d, r->req, how);
}

static long ask_get_fork(struct dev *d, const struct row *r)
{
	uint8_t how[64] = {};

	return ask(d, r->req, how) ?: how[0];
}

static long ask_get_fork_set(struct dev *d, const struct row *r)
{
	uint8_t how[64] = { r->arg };
	long ret = ask(d, VHOST_SET_FORK_FROM_OWNER, how);

	return ret ?: ask_get_fork(d, r);
}

static long ask_get_fork_reset(struct dev *d, const struct row *r)
{
	uint8_t how[64] = { r->arg };

	return ask(d, VHOST_SET_FORK_FROM_OWNER, how) ?: ask(d, VHOST_SET_OWNER, NULL) ?:
	       ask(d, VHOST_RESET_OWNER, NULL) ?: ask_get_fork(d, r);
}

#define WORD(n, bits)	.data = (const uint64_t[]){ n, bits }
#define GET_WORD(words, n)	((words) << 8 | (n))

const struct row features_rows[] = {
	ROW(VHOST_GET_FEATURES, "no owner", opened, ask_get_u64, 0, "0x10f3d008000",
	    .why = OFFERS_ALL),
	ROW(VHOST_GET_FEATURES, "the owner", owned, ask_get_u64, 0, "0x10f3d008000",
	    .why = OFFERS_ALL),
	ROW(VHOST_GET_FEATURES, "another process than the owner", owned, ask_get_u64, 0,
	    "0x10f3d008000", .other = true, .why = OFFERS_ALL),
	ROW(VHOST_GET_FEATURES, "argument cannot be written", opened, ask_bad, 0, "EFAULT"),

	ROW(VHOST_SET_FEATURES, "none, no owner", opened, ask_u64, 0, "0"),
	ROW(VHOST_SET_FEATURES, "all that are offered, no owner", opened, ask_all_offered, 0, "0"),
	ROW(VHOST_SET_FEATURES, "all that are offered", ready, ask_all_offered, 0, "0"),
	ROW(VHOST_SET_FEATURES, "each that is offered", ready, ask_each, true, "0"),
	ROW(VHOST_SET_FEATURES, "each that is not", ready, ask_each, false, "EOPNOTSUPP"),
	ROW(VHOST_SET_FEATURES, "VIRTIO_NET_F_MTU", ready, ask_u64, BIT64(3), "EOPNOTSUPP"),
	ROW(VHOST_SET_FEATURES, "VIRTIO_F_RING_PACKED", ready, ask_u64, F_RING_PACKED,
	    "0", .why = PACKED),
	ROW(VHOST_SET_FEATURES, "VIRTIO_F_IN_ORDER", ready, ask_u64, F_IN_ORDER, "0",
	    .why = OFFERS),
	ROW(VHOST_SET_FEATURES, "VIRTIO_F_NOTIFICATION_DATA", ready, ask_u64, BIT64(38),
	    "EOPNOTSUPP"),
	ROW(VHOST_SET_FEATURES, "VIRTIO_F_RING_RESET", ready, ask_u64, F_RING_RESET, "0",
	    .why = OFFERS),
	ROW(VHOST_SET_FEATURES, "VIRTIO_NET_F_HASH_REPORT", ready, ask_u64, BIT64(57),
	    "EOPNOTSUPP"),
	ROW(VHOST_SET_FEATURES, "another process than the owner", ready, ask_u64,
	    F_VERSION_1, "0", .other = true),
	ROW(VHOST_SET_FEATURES, "argument cannot be read", opened, ask_bad, 0, "EFAULT"),
	ROW(VHOST_SET_FEATURES, "queues run", live, ask_u64, F_VERSION_1, "0"),
	ROW(VHOST_SET_FEATURES, "queues run: one that is not offered", live, ask_u64,
	    BIT64(38), "EOPNOTSUPP"),
	ROW(VHOST_SET_FEATURES, "queues run: VIRTIO_F_RING_PACKED", live, ask_u64,
	    F_VERSION_1 | F_RING_PACKED, "EBUSY", .why = PACKED),
	ROW(VHOST_SET_FEATURES, "VHOST_F_LOG_ALL, no owner", opened, ask_u64, F_LOG_ALL, "0"),
	ROW(VHOST_SET_FEATURES, "VHOST_F_LOG_ALL, a log in the kernel's half", ready,
	    ask_logging, KERNEL_ADDR, "0"),
	ROW(VHOST_SET_FEATURES, "VHOST_F_LOG_ALL, no log, queues run", live, ask_u64,
	    F_VERSION_1 | F_LOG_ALL, "0"),
	ROW(VHOST_SET_FEATURES, "VHOST_F_LOG_ALL, a log, queues run", live, ask_logging,
	    SOMEWHERE, "0"),
	ROW(VHOST_SET_FEATURES, "VHOST_F_LOG_ALL, a log in the kernel's half, queues run",
	    live, ask_logging, KERNEL_ADDR, "EFAULT"),
	ROW(VHOST_SET_FEATURES, "VIRTIO_F_ACCESS_PLATFORM, no owner", opened, ask_u64,
	    F_ACCESS_PLATFORM, "0"),
	ROW(VHOST_SET_FEATURES, "VIRTIO_F_ACCESS_PLATFORM, queues run with it",
	    translated_live, ask_u64, F_VERSION_1 | F_ACCESS_PLATFORM, "0"),
	ROW(VHOST_SET_FEATURES, "VIRTIO_F_ACCESS_PLATFORM, queues run without", live,
	    ask_u64, F_VERSION_1 | F_ACCESS_PLATFORM, "EBUSY", .why = TAKES),
	ROW(VHOST_SET_FEATURES, "no VIRTIO_F_ACCESS_PLATFORM, queues run with it",
	    translated_live, ask_u64, F_VERSION_1, "EBUSY", .why = TAKES),

	ROW(VHOST_GET_FEATURES_ARRAY, "two words: the first", opened, ask_get_word,
	    GET_WORD(2, 0), "0x10f3d008000", .why = ARRAY "; " PACKED),
	ROW(VHOST_GET_FEATURES_ARRAY, "two words: the second", opened, ask_get_word,
	    GET_WORD(2, 1), "10", .why = ARRAY, .odd = no_tunnels, .odd_want = "0"),
	ROW(VHOST_GET_FEATURES_ARRAY, "one word: the second, which was 81", opened,
	    ask_get_word, GET_WORD(1, 1), "81", .why = ARRAY),
	ROW(VHOST_GET_FEATURES_ARRAY, "no word: the first, which was 80", opened,
	    ask_get_word, GET_WORD(0, 0), "80", .why = ARRAY),
	ROW(VHOST_GET_FEATURES_ARRAY, "four words: the fourth", opened, ask_get_word,
	    GET_WORD(4, 3), "0", .why = ARRAY),
	ROW(VHOST_GET_FEATURES_ARRAY, "another process than the owner", owned, ask_get_word,
	    GET_WORD(1, 0), "0x10f3d008000", .other = true, .why = ARRAY "; " PACKED),
	ROW(VHOST_GET_FEATURES_ARRAY, "argument cannot be read", opened, ask_bad, 0, "EFAULT",
	    .why = ARRAY),
	ROW(VHOST_GET_FEATURES_ARRAY, "three words, with room for two", opened, ask_edge, 3,
	    "EFAULT", .why = ARRAY),
	ROW(VHOST_GET_FEATURES_ARRAY, "2^64 - 1 words", opened, ask_edge, -1ULL, "EFAULT",
	    .why = ARRAY),

	ROW(VHOST_SET_FEATURES_ARRAY, "no word", opened, ask_array, 0, "0", .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "VIRTIO_F_VERSION_1", opened, ask_array, 2, "0",
	    WORD(0, F_VERSION_1), .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "bit 63", opened, ask_array, 2, "EOPNOTSUPP",
	    WORD(0, BIT64(63)), .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "bit 127", opened, ask_array, 2, "EOPNOTSUPP",
	    WORD(1, BIT64(63)), .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "bit 128", opened, ask_array, 3, "EOPNOTSUPP",
	    WORD(2, 1), .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "bit 128, not among the words", opened, ask_array, 2,
	    "0", WORD(2, 1), .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "64 words of 0", opened, ask_array, 64, "0",
	    .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "65 words of 0", opened, ask_array, 65, "E2BIG",
	    .why = WORDS),
	ROW(VHOST_SET_FEATURES_ARRAY, "another process than the owner", owned, ask_array, 1,
	    "0", .other = true, .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "argument cannot be read", opened, ask_bad, 0, "EFAULT",
	    .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "three words, of which two can be read", opened,
	    ask_edge, 3, "EFAULT", .why = ARRAY),
	ROW(VHOST_SET_FEATURES_ARRAY, "2^64 - 1 words, of which two can be read", opened,
	    ask_edge, -1ULL, "E2BIG", .why = WORDS),

	ROW(VHOST_GET_BACKEND_FEATURES, "no owner", opened, ask_get_u64, 0, "2"),
	ROW(VHOST_GET_BACKEND_FEATURES, "another process than the owner", owned, ask_get_u64,
	    0, "2", .other = true),
	ROW(VHOST_GET_BACKEND_FEATURES, "argument cannot be written", opened, ask_bad, 0,
	    "EFAULT"),
	ROW(VHOST_SET_BACKEND_FEATURES, "none, no owner", opened, ask_u64, 0, "0"),
	ROW(VHOST_SET_BACKEND_FEATURES, "VHOST_BACKEND_F_IOTLB_MSG_V2", owned, ask_u64, 2, "0"),
	ROW(VHOST_SET_BACKEND_FEATURES, "VHOST_BACKEND_F_IOTLB_MSG_V2, queues run", live,
	    ask_u64, 2, "0"),
	ROW(VHOST_SET_BACKEND_FEATURES, "VHOST_BACKEND_F_IOTLB_BATCH", owned, ask_u64, 4,
	    "EOPNOTSUPP"),
	ROW(VHOST_SET_BACKEND_FEATURES, "VHOST_BACKEND_F_IOTLB_ASID", owned, ask_u64, 8,
	    "EOPNOTSUPP"),
	ROW(VHOST_SET_BACKEND_FEATURES, "bit 0", owned, ask_u64, 1, "EOPNOTSUPP"),
	ROW(VHOST_SET_BACKEND_FEATURES, "bit 63", owned, ask_u64, BIT64(63), "EOPNOTSUPP"),
	ROW(VHOST_SET_BACKEND_FEATURES, "another process than the owner", owned, ask_u64, 2,
	    "0", .other = true),
	ROW(VHOST_SET_BACKEND_FEATURES, "argument cannot be read", opened, ask_bad, 0, "EFAULT"),

	ROW(VHOST_SET_FORK_FROM_OWNER, "VHOST_FORK_OWNER_KTHREAD", opened, ask_fork, 0, "0",
	    .why = FORK),
	ROW(VHOST_SET_FORK_FROM_OWNER, "VHOST_FORK_OWNER_TASK", opened, ask_fork, 1, "0",
	    .odd = no_tasks, .odd_want = "EINVAL", .why = FORK),
	ROW(VHOST_SET_FORK_FROM_OWNER, "2", opened, ask_fork, 2, "EINVAL", .why = FORK),
	ROW(VHOST_SET_FORK_FROM_OWNER, "255", opened, ask_fork, 255, "EINVAL", .why = FORK),
	ROW(VHOST_SET_FORK_FROM_OWNER, "argument cannot be read", opened, ask_bad, 0, "EFAULT",
	    .why = FORK),
	ROW(VHOST_SET_FORK_FROM_OWNER, "with an owner", owned, ask_fork, 0, "EBUSY",
	    .why = FORK),
	ROW(VHOST_SET_FORK_FROM_OWNER, "with an owner: 2", owned, ask_fork, 2, "EBUSY",
	    .why = FORK),
	ROW(VHOST_SET_FORK_FROM_OWNER, "with an owner, argument cannot be read", owned,
	    ask_bad, 0, "EFAULT", .why = COPIES "; " FORK),
	ROW(VHOST_SET_FORK_FROM_OWNER, "with an owner, another process", owned, ask_fork, 0,
	    "EBUSY", .other = true, .why = FORK),
	ROW(VHOST_SET_FORK_FROM_OWNER, "after VHOST_RESET_OWNER", given_up, ask_fork, 0, "0",
	    .why = FORK),
	ROW(VHOST_GET_FORK_FROM_OWNER, "as it comes", opened, ask_get_fork, 0, "1",
	    .odd = no_tasks, .odd_want = "0", .why = FORK),
	ROW(VHOST_GET_FORK_FROM_OWNER, "with an owner", owned, ask_get_fork, 0, "1",
	    .odd = no_tasks, .odd_want = "0", .why = FORK),
	ROW(VHOST_GET_FORK_FROM_OWNER, "another process than the owner", owned, ask_get_fork,
	    0, "1", .other = true, .odd = no_tasks, .odd_want = "0", .why = FORK),
	ROW(VHOST_GET_FORK_FROM_OWNER, "set to 0", opened, ask_get_fork_set, 0, "0",
	    .why = FORK),
	ROW(VHOST_GET_FORK_FROM_OWNER, "set to 0, then VHOST_RESET_OWNER", opened,
	    ask_get_fork_reset, 0, "1", .odd = no_tasks, .odd_want = "0", .why = FORK),
	ROW(VHOST_GET_FORK_FROM_OWNER, "argument cannot be written", opened, ask_bad, 0,
	    "EFAULT", .why = FORK),
	{}
};
