#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest of QEMU's on the daemon vhostx-user, with split and with packed rings, then with two
# queue pairs: the kernel moves its packets, while the daemon sleeps.
set -u
# shellcheck source=tools/selftests/lib/vhost-user.sh
. "$(dirname "$0")/../lib/vhost-user.sh"

HOST=10.99.0.1
GUEST=10.99.0.2

user_test $((2 * 14 + 10)) "$@"

# start FORMAT QUEUES PROPERTIES
start()
{
	tap_add vx0 "$2"
	ip addr add $HOST/24 dev vx0
	check "$1: the daemon listens" daemon_start vx0 --queues="$2" || ktap_bail "no daemon"
	VHOST_DEV=unix:$SOCKETS/vx0
	guest_start g1 "$2" vx0 "$2" "$3"
	guest_wait g1 || ktap_bail "the guest did not boot"
	check "$1: the guest's NIC comes up" guest_net g1 $GUEST/24
	serve_guest g1
}

# The guest goes first, and the daemon then holds what it held before.
finish()
{
	check "$1: QEMU quits" guest_quit g1
	check "$1: no queue is left" wait_for 10 none_left vx0
	check "$1: the daemon ends well" daemon_end vx0 TERM
	ip link del vx0
}

asleep()
{
	local slept

	slept=$(daemon_slept vx0)
	echo "slept $slept times, $1 before"
	[ "$slept" -eq "$1" ]
}

everyday()
{
	local run slept

	start "$1" 1 "$2"
	check "$1: both queues run" healthy vx0 2
	check "$1: with rings of that format" rings vx0 "$1" 2
	slept=$(daemon_slept vx0)
	mark vx0 g1
	check "$1: guest pings host, 20 sizes up to 1472" ping_sizes g1 $HOST 1472
	check "$1: they went through vhostx" both_ways vx0 20
	for run in tcp_tx tcp_rx; do
		mark vx0 g1
		check "$1: $run moves data" $run g1 $HOST $GUEST
		traffic_note $run
		check "$1: $run went through vhostx" \
			went_through vx0 ${run#*_} 64 "$(received_bytes)"
	done
	check "$1: the daemon slept meanwhile" asleep "$slept"
	finish "$1"
}

# A connection from each of the guest's CPUs, which each have a queue.
each_cpu()
{
	local cpu

	for cpu in 0 1; do
		guest_run g1 60 "taskset -c $cpu ping -q -c 30 -i 0.05 -W 5 $HOST" || return 1
	done
	[ "$(queues 'field["queue"] == "tx" && field["packets"] + 0 >= 20' vx0 | wc -l)" -eq 2 ]
}

set_pairs()
{
	guest_run g1 10 "ethtool -L eth0 combined $1"
}

pairs()
{
	start "two pairs" 2 ''
	check "two pairs: the driver takes them" set_pairs 2
	check "two pairs: all queues run" healthy vx0 4
	check "two pairs: each of them sends" each_cpu
	check "two pairs: the driver goes back to one" set_pairs 1
	# The host has nothing to send to where the driver does not look.
	check "two pairs: the host's frames all arrive" ping -q -i 0.02 -c 100 -W 3 $GUEST
	finish "two pairs"
}

serve_host
everyday split ''
everyday packed packed=on
pairs

ktap_finish
