#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Documentation/trace/kick-latency.bt, on traffic whose every notification is answered by an
# interrupt before the next one.
set -u
# shellcheck source=tools/selftests/lib/vhost.sh
. "$(dirname "$0")/../lib/vhost.sh"

out=$(mktemp)
trap 'rm "$out"' EXIT

# Trace while the case $1 of the test of notifications runs.
trace()
{
	local others="-V vhostx_event_idx -V vhost_net_event_idx -V vhost_net_flags"

	bpftrace kick-latency.bt -c "./notify $others -t $1" >"$out" 2>&1
}

quiet()
{
	! grep -E 'WARNING|ERROR|Lost' "$out"
}

# The histogram of queue $1 has at least $2 times.
has_times()
{
	cat "$out"
	awk -v queue="$1" -v least="$2" '
		/^@us/ { in_it = $0 ~ ", " queue "\\]:" }
		in_it && /^\[/ {
			gsub(/[][(),|@]/, " ")
			times += $NF
		}
		END { exit !(times >= least) }' "$out"
}

command -v bpftrace >/dev/null || ktap_skip_all "no bpftrace"
[ -d /sys/bus/event_source ] || ktap_skip_all "this kernel has no perf events to trace by"
need_device
cd "$(dirname "$0")" || exit 1
ktap_plan 5
check "it traces a sender that waits for each frame" trace tx_depth_one
check "without a word of warning" quiet
check "TX has a time for each frame" has_times tx 200
check "it traces a receiver that offers one buffer at a time" trace rx_waits_for_buffers
# Of the buffers that the worker had to be told of: on a busy machine it finds most by itself.
check "RX has times of buffers" has_times rx 20
ktap_finish
