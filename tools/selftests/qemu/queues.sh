#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Several queue pairs: a vhost device each, traffic on all, fewer, then all again.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

PAIRS=2

guest_test 14 "$@"

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

	for ((cpu = 0; cpu < PAIRS; cpu++)); do
		for way in '' -R; do
			guest_run g1 60 "taskset -c $cpu iperf3 -c 10.99.0.1 -t 1 $way \
				--connect-timeout 9000" | received || return 1
		done
	done
}

# queues_moved rx|tx NUMBER: so many of the tap's queues have moved more than stray packets.
queues_moved()
{
	local busy

	busy=$(queues 'field["queue"] == "'"$1"'" && field["packets"] + 0 > 20' vx0 | wc -l)
	echo "$busy $1 queues moved packets"
	[ "$busy" -eq "$2" ]
}

tap_add vx0 $PAIRS
ip addr add 10.99.0.1/24 dev vx0
guest_start g1 $PAIRS vx0 $PAIRS
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
check_counters "every tx queue had its share" queues_moved tx $PAIRS
check_counters "every rx queue had its share" queues_moved rx $PAIRS

check "the driver goes back to one pair" set_pairs 1
check "traffic goes on" ping -q -i 0.05 -c 20 -W 3 10.99.0.2
check "the driver takes $PAIRS pairs again" set_pairs $PAIRS
check "a connection from each CPU, each way, again" each_cpu
check_counters "no queue broke, no frame was refused" healthy vx0 $((2 * PAIRS))

ktap_finish
