// SPDX-License-Identifier: GPL-2.0-only
/* Where the trace points stand. */
#include <linux/build_bug.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

/* A new fault needs its word in trace.h too. */
static_assert(VHOSTX_FAULT_MAX == VHOSTX_FAULT_LOG_WRITE);
/* The words for the queues are by these. */
static_assert(VHOSTX_QUEUE_ID_RX == 0 && VHOSTX_QUEUE_ID_TX == 1);
