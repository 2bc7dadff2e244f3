// SPDX-License-Identifier: GPL-2.0-only
/* The counters of a queue. */
#include <string.h>

#include "print.h"
#include "show.h"

static void counters(const struct record *record, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i <= to; i++)
		if (record->stats[i])
			print_count(stats_fields[i].name, record_counter(record, i));
}

/* Those with a name of two parts, under the first. */
static void parts(const struct record *record, const char *prefix, unsigned int from,
		  unsigned int to)
{
	for (unsigned int i = from; i <= to; i++)
		if (record->stats[i])
			print_count(stats_fields[i].name + strlen(prefix) + 1,
				    record_counter(record, i));
}

void show_stats(const struct record *record)
{
	uint64_t batches = record_counter(record, VHOSTX_A_STATS_BATCHES);
	uint64_t packets = record_counter(record, VHOSTX_A_STATS_PACKETS);

	counters(record, VHOSTX_A_STATS_PACKETS, VHOSTX_A_STATS_BATCHES);
	print_ratio("average-batch", batches ? (double)packets / batches : 0);
	print_line();
	counters(record, VHOSTX_A_STATS_KICKS, VHOSTX_A_STATS_COALESCED);
	print_line();
	counters(record, VHOSTX_A_STATS_POLL_HITS, VHOSTX_A_STATS_RING_FULL);
	counters(record, VHOSTX_A_STATS_BROKEN, VHOSTX_A_STATS_BROKEN);
	print_line();
	print_count("drops", record_drops(record));
	print_nest("drop");
	print_text(", by reason");
	parts(record, "drop", VHOSTX_A_STATS_DROP_HDR, VHOSTX_A_STATS_DROP_BACKEND);
	print_nest_end();
	print_line();
	print_nest("batch");
	print_text(" batch sizes from");
	parts(record, "batch", VHOSTX_A_STATS_BATCH_1, VHOSTX_A_STATS_BATCH_64);
	print_nest_end();
}
