// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sample.h"

/* Room for one more of size behind n; it grows by doubling. */
static void *room(void *array, size_t n, size_t size)
{
	if (n & (n - 1) || n < 1)
		return n ? array : malloc(size);
	return realloc(array, 2 * n * size);
}

static void out_of_memory(void)
{
	wrong("out of memory");
	exit(REFUSED);
}

static void take_queue(const struct record *record, void *data)
{
	struct sample *sample = data;
	struct sample_queue *queue;

	queue = room(sample->queues, sample->n_queues, sizeof(*queue));
	if (!queue)
		out_of_memory();
	sample->queues = queue;
	queue += sample->n_queues++;
	memset(queue, 0, sizeof(*queue));
	queue->id.dev = record_number(record, VHOSTX_A_QUEUE_DEV_ID);
	queue->id.queue = record_number(record, VHOSTX_A_QUEUE_ID);
	queue->worker = record_number(record, VHOSTX_A_QUEUE_WORKER);
	queue->broken = record_number(record, VHOSTX_A_QUEUE_STATE) == VHOSTX_QUEUE_STATE_BROKEN;
	for (int i = 1; i <= VHOSTX_A_STATS_MAX; i++)
		queue->counter[i] = record_counter(record, i);
	queue->drops = record_drops(record);
}

static void take_worker(const struct record *record, void *data)
{
	struct sample *sample = data;
	struct sample_worker *worker;

	worker = room(sample->workers, sample->n_workers, sizeof(*worker));
	if (!worker)
		out_of_memory();
	sample->workers = worker;
	worker += sample->n_workers++;
	worker->tid = record_number(record, VHOSTX_A_WORKER_TID);
	worker->run_ns = record_number(record, VHOSTX_A_WORKER_RUN_NS);
}

/* Give a device's queues the name of what is behind them. */
static void take_dev(const struct record *record, void *data)
{
	struct sample *sample = data;

	for (size_t i = 0; i < sample->n_queues; i++) {
		struct sample_queue *queue = &sample->queues[i];

		if (queue->id.dev == record_number(record, VHOSTX_A_DEV_ID))
			snprintf(queue->ifname, sizeof(queue->ifname), "%s",
				 record_text(record, VHOSTX_A_DEV_IFNAME));
	}
}

int sample_take(struct sample *sample)
{
	struct timespec now;
	int ret;

	memset(sample, 0, sizeof(*sample));
	clock_gettime(CLOCK_MONOTONIC, &now);
	sample->time = now.tv_sec + now.tv_nsec / 1e9;
	ret = netlink_ask(netlink_request(VHOSTX_CMD_QUEUE_GET, true), take_queue, sample);
	if (ret == DONE)
		ret = netlink_ask(netlink_request(VHOSTX_CMD_WORKER_GET, true), take_worker,
				  sample);
	if (ret == DONE)
		ret = netlink_ask(netlink_request(VHOSTX_CMD_DEV_GET, true), take_dev, sample);
	return ret;
}

void sample_free(struct sample *sample)
{
	free(sample->queues);
	free(sample->workers);
	memset(sample, 0, sizeof(*sample));
}

static const struct sample_queue *queue_before(const struct sample *before,
					       const struct sample_queue *now)
{
	for (size_t i = 0; i < before->n_queues; i++) {
		const struct sample_queue *old = &before->queues[i];

		if (old->id.dev != now->id.dev || old->id.queue != now->id.queue)
			continue;
		/* A number can be given again: counters that go back are another device's. */
		for (int k = 1; k <= VHOSTX_A_STATS_MAX; k++)
			if (old->counter[k] > now->counter[k])
				return NULL;
		return old;
	}
	return NULL;
}

static double cpu(const struct sample *before, const struct sample *now, uint32_t tid,
		  double seconds)
{
	for (size_t i = 0; i < now->n_workers; i++) {
		if (now->workers[i].tid != tid)
			continue;
		for (size_t k = 0; k < before->n_workers; k++)
			if (before->workers[k].tid == tid &&
			    before->workers[k].run_ns <= now->workers[i].run_ns)
				return (now->workers[i].run_ns - before->workers[k].run_ns) /
				       1e7 / seconds;
	}
	return 0;
}

struct rate *sample_rates(const struct sample *before, const struct sample *now)
{
	struct rate *rates = calloc(now->n_queues + 1, sizeof(*rates));
	double seconds = now->time - before->time;

	if (!rates)
		return NULL;
	for (size_t i = 0; i < now->n_queues; i++) {
		const struct sample_queue *queue = &now->queues[i];
		const struct sample_queue *old = queue_before(before, queue);
		struct rate *rate = &rates[i];
		double packets, batches;

		rate->queue = queue;
		if (!old || seconds <= 0)
			continue;
#define DELTA(name)	((double)(queue->counter[VHOSTX_A_STATS_##name] -	\
				  old->counter[VHOSTX_A_STATS_##name]))
		packets = DELTA(PACKETS);
		batches = DELTA(BATCHES);
		rate->pps = packets / seconds;
		rate->mbps = DELTA(BYTES) * 8 / 1e6 / seconds;
		rate->kicks = DELTA(KICKS) / seconds;
		rate->signals = DELTA(SIGNALS) / seconds;
		rate->batch = batches > 0 ? packets / batches : 0;
		rate->drops = (double)(queue->drops - old->drops) / seconds;
		rate->cpu = queue->worker ? cpu(before, now, queue->worker, seconds) : 0;
	}
	return rates;
}
