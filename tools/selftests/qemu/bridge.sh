#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two guests and the host on one bridge talk to each other; one leaves, the other goes on.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

guest_test 16 "$@"

ip link add br0 type bridge
ip link set br0 up
ip addr add 10.99.0.100/24 dev br0
for i in 1 2; do
	tap_add "vx$i"
	ip link set "vx$i" master br0
	guest_start "g$i" 1 "vx$i" 1
done
check "two guests boot" both_up || ktap_bail "no guests"
for i in 1 2; do
	check "QEMU $i uses vhost" used_vhost "g$i"
done

for i in 1 2; do
	mark "vx$i"
done
check "each pings the other and the host" all_ping
for i in 1 2; do
	check_counters "guest $i's 15 went through vhostx" both_ways "vx$i" 15
done

serve_guest g2
for run in tcp_tx udp_tx; do
	mark vx1
	mark vx2
	check "$run from guest 1 to guest 2" $run g1 10.99.0.2
	traffic_note "$run"
	check_counters "$run left by vhostx" went_through vx1 tx 16 "$(received_bytes)"
	check_counters "$run arrived by vhostx" went_through vx2 rx 16 "$(received_bytes)"
done

check "guest 2 leaves" guest_quit g2
check_counters "its queues are gone" wait_for 5 none_left vx2
check "guest 1 still reaches the host" guest_run g1 30 "ping -q -c 5 -W 3 10.99.0.100"
check_counters "guest 1: no queue broke, no frame was refused" healthy vx1 2

ktap_finish
