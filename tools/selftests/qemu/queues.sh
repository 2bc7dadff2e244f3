#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Sixteen queue pairs: a vhost device each, traffic on all, one, then all again.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

CPUS=2
PAIRS=16
# Frames for each queue of the guest's; of the host's, on an average.
BURST=100
FLOWS=40

guest_test 19 "$@"

# set_pairs NUMBER: the guest's driver uses so many queue pairs.
set_pairs()
{
	guest_run g1 10 "ethtool -L eth0 combined $1"
}

# A connection from each of the guest's CPUs, each way: the guest picks the tx queue by
# CPU, and the tap answers a flow on the queue it came from.
each_cpu()
{
	local cpu way

	for ((cpu = 0; cpu < CPUS; cpu++)); do
		for way in '' -R; do
			guest_run g1 60 "taskset -c $cpu iperf3 -c 10.99.0.1 -t 1 $way \
				--connect-timeout 9000" | received || return 1
		done
	done
}

# To each queue by its number.
burst_tx()
{
	pktgen g1 "echo start >pgctrl; grep Result eth0" "count $((BURST * PAIRS))" \
		"queue_map_min 0" "queue_map_max $((PAIRS - 1))"
}

# The tap spreads flows that it has not seen by their hash.
burst_rx()
{
	local port

	for ((port = 1000; port < 1000 + FLOWS * PAIRS; port++)); do
		echo >"/dev/udp/10.99.0.2/$port" || return 1
	done
}

declare -A seen

# queues_moved rx|tx: every queue has moved more than stray packets since this was last asked.
queues_moved()
{
	local dev packets busy=0

	while read -r dev packets; do
		[ $((packets - ${seen[$1.$dev]:-0})) -le 10 ] || busy=$((busy + 1))
		seen[$1.$dev]=$packets
	done < <(queues 'field["queue"] == "'"$1"'"' vx0 |
		sed -E 's/^dev=([0-9]+) .* packets=([0-9]+) .*/\1 \2/')
	echo "$busy $1 queues moved packets"
	[ "$busy" -eq "$PAIRS" ]
}

# bursts WHEN: on every queue, and nowhere but through vhostx.
bursts()
{
	mark vx0
	check "the guest sends on each queue$1" burst_tx
	check_counters "every tx queue had its share$1" moved_all tx $((BURST * PAIRS))
	check "the host sends many flows$1" burst_rx
	check_counters "every rx queue had its share$1" moved_all rx $((FLOWS * PAIRS))
}

moved_all()
{
	went_through vx0 "$1" "$2" 0 && queues_moved "$1"
}

tap_add vx0 $PAIRS
ip addr add 10.99.0.1/24 dev vx0
guest_start g1 $CPUS vx0 $PAIRS
guest_wait g1 || ktap_bail "the guest did not boot"
check "the guest's NIC comes up" guest_net g1 10.99.0.2/24
check "the driver takes $PAIRS queue pairs" set_pairs $PAIRS
check "QEMU uses vhost" used_vhost g1
check_counters "all queues run" healthy vx0 $((2 * PAIRS))
serve_host

mark vx0 g1
check "a connection from each CPU, each way" each_cpu
check_counters "they went through vhostx, tx" went_through vx0 tx 100 0
check_counters "they went through vhostx, rx" went_through vx0 rx 100 0
bursts ""

check "the driver goes back to one pair" set_pairs 1
check "traffic goes on" ping -q -i 0.05 -c 20 -W 3 10.99.0.2
check "the driver takes $PAIRS pairs again" set_pairs $PAIRS
bursts ", again"
check_counters "no queue broke, no frame was refused" healthy vx0 $((2 * PAIRS))

ktap_finish
