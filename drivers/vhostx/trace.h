/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace points, tracefs's events/vhostx. None is passed more often than once a batch.
 * Each says which device and queue, and whose; while none is on they cost a branch
 * that is not taken.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vhostx

#if !defined(_VHOSTX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VHOSTX_TRACE_H

#include <linux/sched/clock.h>
#include <linux/tracepoint.h>

#include "vhostx.h"

/* As vhostx_fault_name() has them, for those that read records and not text. */
#define VHOSTX_TRACE_FAULTS						\
	FAULT(NONE, "none")						\
	FAULT(AVAIL_READ, "avail-read")					\
	FAULT(AVAIL_JUMP, "avail-jump")					\
	FAULT(DESC_READ, "desc-read")					\
	FAULT(DESC_RANGE, "desc-range")					\
	FAULT(DESC_LOOP, "desc-loop")					\
	FAULT(INDIRECT_LEN, "indirect-len")				\
	FAULT(INDIRECT_NEST, "indirect-nest")				\
	FAULT(USED_WRITE, "used-write")					\
	FAULT_LAST(LOG_WRITE, "log-write")

#undef FAULT
#undef FAULT_LAST
#define FAULT(name, word)	TRACE_DEFINE_ENUM(VHOSTX_FAULT_##name);
#define FAULT_LAST(name, word)	TRACE_DEFINE_ENUM(VHOSTX_FAULT_##name);

VHOSTX_TRACE_FAULTS

#undef FAULT
#undef FAULT_LAST
#define FAULT(name, word)	{ VHOSTX_FAULT_##name, word },
#define FAULT_LAST(name, word)	{ VHOSTX_FAULT_##name, word }

/* The fields that every event begins with. */
#define VHOSTX_TRACE_FIELDS						\
	__field(u32, dev)						\
	__field(u32, queue)						\
	__field(pid_t, owner)

#define VHOSTX_TRACE_ASSIGN						\
	do {								\
		__entry->dev = vq->dev->id;				\
		__entry->queue = vq->is_tx;				\
		__entry->owner = READ_ONCE(vq->dev->owner);		\
	} while (0)

#define VHOSTX_TRACE_FMT	"dev=%u queue=%s owner=%d"
#define VHOSTX_TRACE_ARGS						\
	__entry->dev,							\
	__print_symbolic(__entry->queue, { 0, "rx" }, { 1, "tx" }),	\
	__entry->owner

DECLARE_EVENT_CLASS(vhostx_queue,
	TP_PROTO(const struct vhostx_vq *vq),
	TP_ARGS(vq),
	TP_STRUCT__entry(VHOSTX_TRACE_FIELDS),
	TP_fast_assign(VHOSTX_TRACE_ASSIGN;),
	TP_printk(VHOSTX_TRACE_FMT, VHOSTX_TRACE_ARGS)
);

/* A queue has got a backend. */
DEFINE_EVENT(vhostx_queue, queue_start,
	TP_PROTO(const struct vhostx_vq *vq),
	TP_ARGS(vq)
);

/* It has lost it, to be stopped or to get another. */
DEFINE_EVENT(vhostx_queue, queue_stop,
	TP_PROTO(const struct vhostx_vq *vq),
	TP_ARGS(vq)
);

/* A notification of the driver's has come. */
DEFINE_EVENT(vhostx_queue, kick,
	TP_PROTO(const struct vhostx_vq *vq),
	TP_ARGS(vq)
);

/* A ring broke; its queue rests until it is set up again. */
TRACE_EVENT(queue_broken,
	TP_PROTO(const struct vhostx_vq *vq),
	TP_ARGS(vq),
	TP_STRUCT__entry(
		VHOSTX_TRACE_FIELDS
		__field(u32, fault)
	),
	TP_fast_assign(
		VHOSTX_TRACE_ASSIGN;
		__entry->fault = vq->ring.fault;
	),
	TP_printk(VHOSTX_TRACE_FMT " fault=%s", VHOSTX_TRACE_ARGS,
		  __print_symbolic(__entry->fault, VHOSTX_TRACE_FAULTS))
);

/* Used entries are with the driver: was it interrupted, or did it not want to be? */
TRACE_EVENT(signal,
	TP_PROTO(const struct vhostx_vq *vq, bool suppressed),
	TP_ARGS(vq, suppressed),
	TP_STRUCT__entry(
		VHOSTX_TRACE_FIELDS
		__field(bool, suppressed)
	),
	TP_fast_assign(
		VHOSTX_TRACE_ASSIGN;
		__entry->suppressed = suppressed;
	),
	TP_printk(VHOSTX_TRACE_FMT " suppressed=%d", VHOSTX_TRACE_ARGS,
		  __entry->suppressed)
);

/* Chains were handed back to the driver; of RX a frame can take several. */
TRACE_EVENT(batch,
	TP_PROTO(const struct vhostx_vq *vq, unsigned int chains),
	TP_ARGS(vq, chains),
	TP_STRUCT__entry(
		VHOSTX_TRACE_FIELDS
		__field(unsigned int, chains)
	),
	TP_fast_assign(
		VHOSTX_TRACE_ASSIGN;
		__entry->chains = chains;
	),
	TP_printk(VHOSTX_TRACE_FMT " chains=%u", VHOSTX_TRACE_ARGS,
		  __entry->chains)
);

/* Busy polling has ended, which began at @start of local_clock(). */
TRACE_EVENT(poll,
	TP_PROTO(const struct vhostx_vq *vq, bool hit, u64 start),
	TP_ARGS(vq, hit, start),
	TP_STRUCT__entry(
		VHOSTX_TRACE_FIELDS
		__field(bool, hit)
		__field(u64, ns)
	),
	TP_fast_assign(
		VHOSTX_TRACE_ASSIGN;
		__entry->hit = hit;
		__entry->ns = local_clock() - start;
	),
	TP_printk(VHOSTX_TRACE_FMT " hit=%d ns=%llu", VHOSTX_TRACE_ARGS,
		  __entry->hit, __entry->ns)
);

#endif

/* Beside this file: trace.c is compiled with that directory in its path. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
