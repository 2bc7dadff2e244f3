// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "names.h"

#define ENTRIES(scope, symbol, of, ...)					\
	static const char *const symbol##_list[] = { __VA_ARGS__ };	\
	scope const struct names symbol##_names = {			\
		.title = of,						\
		.name = symbol##_list,					\
		.count = ARRAY_SIZE(symbol##_list),				\
	}

ENTRIES(static, dev_state, "dev-state", "unowned", "stopped", "running", "broken");
ENTRIES(static, ring_format, "ring-format", "split", "packed");
ENTRIES(static, layout, "layout", "device", "split", "pool");
ENTRIES(, feature, "feature",
	"mrg-rxbuf", "notify-on-empty", "log-all", "vhost-net-hdr", "indirect-desc", "event-idx",
	"version-1", "access-platform", "packed", "in-order", "ring-reset",
	"guest-udp-tunnel-gso", "host-udp-tunnel-gso");
ENTRIES(, queue, "queue-id", "rx", "tx");
ENTRIES(static, queue_state, "queue-state", "stopped", "running", "broken");
ENTRIES(static, fault, "fault", "none", "avail-read", "avail-jump", "desc-read", "desc-range",
	"desc-loop", "indirect-len", "indirect-nest", "used-write", "log-write");
ENTRIES(static, poll_mode, "poll-mode", "vmm", "off", "fixed", "adaptive");
ENTRIES(static, worker_kind, "worker-kind", "kthread", "task");
ENTRIES(static, policy, "policy", "normal", "fifo", "fifo-low");

const struct names *const all_names[] = {
	&dev_state_names, &ring_format_names, &layout_names, &feature_names, &queue_names,
	&queue_state_names, &fault_names, &poll_mode_names, &worker_kind_names,
	&policy_names, NULL
};

const unsigned char feature_bits[ARRAY_SIZE(feature_list)] = {
	15, 24, 26, 27, 28, 29, 32, 33, 34, 35, 40, 65, 67
};

/* An attribute that is a number, an enum of those above, and what can be set. */
#define U32(word)		.name = (word), .kind = KIND_U32
#define ENUM(word, of)		.name = (word), .kind = KIND_ENUM, .names = &of##_names
#define RANGE(low, high)	.set = true, .min = (low), .max = (high)
#define LINE			.line = true

static const struct field dev_fields[VHOSTX_A_DEV_MAX + 1] = {
	[VHOSTX_A_DEV_ID] = { U32("id") },
	[VHOSTX_A_DEV_STATE] = { ENUM("state", dev_state) },
	[VHOSTX_A_DEV_OWNER_PID] = { U32("owner-pid") },
	[VHOSTX_A_DEV_OWNER_COMM] = { .name = "owner-comm", .kind = KIND_STRING },
	[VHOSTX_A_DEV_IFINDEX] = { U32("ifindex"), LINE },
	[VHOSTX_A_DEV_IFNAME] = { .name = "ifname", .kind = KIND_STRING },
	[VHOSTX_A_DEV_NETNS_INODE] = { U32("netns-inode") },
	[VHOSTX_A_DEV_FEATURES] = { .name = "features", .kind = KIND_FLAGS,
				    .names = &feature_names, LINE },
	[VHOSTX_A_DEV_RING_FORMAT] = { ENUM("ring-format", ring_format), LINE },
	[VHOSTX_A_DEV_REGIONS] = { U32("regions") },
	[VHOSTX_A_DEV_IOTLB_ENTRIES] = { U32("iotlb-entries") },
	[VHOSTX_A_DEV_LAYOUT] = { ENUM("layout", layout), .set = true },
	[VHOSTX_A_DEV_POOL_SIZE] = { U32("pool-size"), RANGE(1, VHOSTX_POOL_SIZE_MAX) },
};

static const struct field queue_fields[VHOSTX_A_QUEUE_MAX + 1] = {
	[VHOSTX_A_QUEUE_DEV_ID] = { U32("dev-id") },
	[VHOSTX_A_QUEUE_ID] = { ENUM("id", queue) },
	[VHOSTX_A_QUEUE_STATE] = { ENUM("state", queue_state) },
	[VHOSTX_A_QUEUE_FAULT] = { ENUM("fault", fault) },
	[VHOSTX_A_QUEUE_NUM] = { U32("num") },
	[VHOSTX_A_QUEUE_WORKER] = { U32("worker"), RANGE(1, INT32_MAX) },
	[VHOSTX_A_QUEUE_POLL_MODE] = { ENUM("poll-mode", poll_mode), .set = true, LINE },
	[VHOSTX_A_QUEUE_POLL_US] = { U32("poll-us"), RANGE(0, VHOSTX_POLL_US_MAX) },
	[VHOSTX_A_QUEUE_POLL_NOW_US] = { U32("poll-now-us") },
	[VHOSTX_A_QUEUE_BATCH] = { U32("batch"), RANGE(1, VHOSTX_BATCH_MAX) },
	[VHOSTX_A_QUEUE_WEIGHT] = { U32("weight"), RANGE(VHOSTX_WEIGHT_MIN, VHOSTX_WEIGHT_MAX) },
	[VHOSTX_A_QUEUE_COALESCE_US] = { U32("coalesce-us"), LINE,
					 RANGE(0, VHOSTX_COALESCE_US_MAX) },
	[VHOSTX_A_QUEUE_COALESCE_FRAMES] = { U32("coalesce-frames"),
					     RANGE(1, VHOSTX_COALESCE_FRAMES_MAX) },
	[VHOSTX_A_QUEUE_STATS] = { .name = "stats", .kind = KIND_STATS },
};

static const struct field worker_fields[VHOSTX_A_WORKER_MAX + 1] = {
	[VHOSTX_A_WORKER_TID] = { U32("tid") },
	[VHOSTX_A_WORKER_OWNER_PID] = { U32("owner-pid") },
	[VHOSTX_A_WORKER_KIND] = { ENUM("kind", worker_kind) },
	[VHOSTX_A_WORKER_CPUS] = { .name = "cpus", .kind = KIND_STRING, RANGE(1, 1024) },
	[VHOSTX_A_WORKER_POLICY] = { ENUM("policy", policy), .set = true },
	[VHOSTX_A_WORKER_NICE] = { .name = "nice", .kind = KIND_S32, RANGE(-20, 19) },
	[VHOSTX_A_WORKER_RUN_NS] = { .name = "run-ns", .kind = KIND_U64, LINE },
	[VHOSTX_A_WORKER_QUEUE] = { .name = "queue", .kind = KIND_QUEUES, LINE },
};

#define COUNTER(word)	{ .name = (word), .kind = KIND_U64 }

const struct field stats_fields[VHOSTX_A_STATS_MAX + 1] = {
	[VHOSTX_A_STATS_PACKETS] = COUNTER("packets"),
	[VHOSTX_A_STATS_BYTES] = COUNTER("bytes"),
	[VHOSTX_A_STATS_BATCHES] = COUNTER("batches"),
	[VHOSTX_A_STATS_KICKS] = COUNTER("kicks"),
	[VHOSTX_A_STATS_SIGNALS] = COUNTER("signals"),
	[VHOSTX_A_STATS_SUPPRESSED] = COUNTER("suppressed"),
	[VHOSTX_A_STATS_COALESCED] = COUNTER("coalesced"),
	[VHOSTX_A_STATS_POLL_HITS] = COUNTER("poll-hits"),
	[VHOSTX_A_STATS_POLL_MISSES] = COUNTER("poll-misses"),
	[VHOSTX_A_STATS_RING_FULL] = COUNTER("ring-full"),
	[VHOSTX_A_STATS_DROP_HDR] = COUNTER("drop-hdr"),
	[VHOSTX_A_STATS_DROP_SHORT] = COUNTER("drop-short"),
	[VHOSTX_A_STATS_DROP_EMPTY] = COUNTER("drop-empty"),
	[VHOSTX_A_STATS_DROP_DIR] = COUNTER("drop-dir"),
	[VHOSTX_A_STATS_DROP_ADDR] = COUNTER("drop-addr"),
	[VHOSTX_A_STATS_DROP_FAULT] = COUNTER("drop-fault"),
	[VHOSTX_A_STATS_DROP_SIZE] = COUNTER("drop-size"),
	[VHOSTX_A_STATS_DROP_BACKEND] = COUNTER("drop-backend"),
	[VHOSTX_A_STATS_BROKEN] = COUNTER("broken"),
	[VHOSTX_A_STATS_BATCH_1] = COUNTER("batch-1"),
	[VHOSTX_A_STATS_BATCH_2] = COUNTER("batch-2"),
	[VHOSTX_A_STATS_BATCH_4] = COUNTER("batch-4"),
	[VHOSTX_A_STATS_BATCH_8] = COUNTER("batch-8"),
	[VHOSTX_A_STATS_BATCH_16] = COUNTER("batch-16"),
	[VHOSTX_A_STATS_BATCH_32] = COUNTER("batch-32"),
	[VHOSTX_A_STATS_BATCH_64] = COUNTER("batch-64"),
};

const struct object object_dev = {
	.name = "dev",
	.fields = dev_fields,
	.last = VHOSTX_A_DEV_MAX,
	.key = VHOSTX_A_DEV_ID,
	.get = VHOSTX_CMD_DEV_GET,
	.set = VHOSTX_CMD_DEV_SET,
	.id = "ID",
};

const struct object object_queue = {
	.name = "queue",
	.fields = queue_fields,
	.last = VHOSTX_A_QUEUE_MAX,
	.key = VHOSTX_A_QUEUE_DEV_ID,
	.key2 = VHOSTX_A_QUEUE_ID,
	.get = VHOSTX_CMD_QUEUE_GET,
	.set = VHOSTX_CMD_QUEUE_SET,
	.id = "DEV/{rx|tx}",
};

const struct object object_worker = {
	.name = "worker",
	.fields = worker_fields,
	.last = VHOSTX_A_WORKER_MAX,
	.key = VHOSTX_A_WORKER_TID,
	.get = VHOSTX_CMD_WORKER_GET,
	.set = VHOSTX_CMD_WORKER_SET,
	.id = "TID",
};

const struct event events[VHOSTX_CMD_MAX + 1] = {
	[VHOSTX_CMD_DEV_ADD_NTF] = { "dev-add", &object_dev },
	[VHOSTX_CMD_DEV_DEL_NTF] = { "dev-del", &object_dev },
	[VHOSTX_CMD_DEV_CHANGE_NTF] = { "dev-change", &object_dev },
	[VHOSTX_CMD_QUEUE_CHANGE_NTF] = { "queue-change", &object_queue },
	[VHOSTX_CMD_WORKER_CHANGE_NTF] = { "worker-change", &object_worker },
	[VHOSTX_CMD_WORKER_DEL_NTF] = { "worker-del", &object_worker },
	[VHOSTX_CMD_QUEUE_START_NTF] = { "queue-start", &object_queue },
	[VHOSTX_CMD_QUEUE_STOP_NTF] = { "queue-stop", &object_queue },
	[VHOSTX_CMD_QUEUE_BROKEN_NTF] = { "queue-broken", &object_queue },
};

const char *names_get(const struct names *names, uint64_t value)
{
	return value < names->count ? names->name[value] : NULL;
}

int names_find(const struct names *names, const char *name)
{
	for (unsigned int i = 0; i < names->count; i++)
		if (!strcmp(names->name[i], name))
			return i;
	return -1;
}
