#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Three guests on one bridge talk to each other; one leaves, the others go on.
# shellcheck disable=SC2317 # check calls them
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/selftests/lib/ktap.sh
. "$here/../lib/ktap.sh"
# shellcheck source=tools/selftests/lib/vhost.sh
. "$here/../lib/vhost.sh"
# shellcheck source=tools/selftests/lib/guest.sh
. "$here/../lib/guest.sh"
# shellcheck source=tools/selftests/lib/traffic.sh
. "$here/../lib/traffic.sh"

need_device
need_kvm
enter_netns "$@"
trap guest_kill_all EXIT
ktap_plan 19

three_up()
{
	local i

	for i in 1 2 3; do
		guest_wait "g$i" && guest_net "g$i" "10.99.0.$i/24" || return 1
	done
}

# Each guest pings the two others.
all_ping()
{
	local i

	for i in 1 2 3; do
		guest_run "g$i" 30 "ping -q -c 5 -W 3 10.99.0.$((i % 3 + 1)) &&
			ping -q -c 5 -W 3 10.99.0.$(((i + 1) % 3 + 1))" || return 1
	done
}

ip link add br0 type bridge
ip link set br0 up
for i in 1 2 3; do
	tap_add "vx$i"
	ip link set "vx$i" master br0
	guest_start "g$i" 1 "vx$i" 1
done
check "three guests boot" three_up || ktap_bail "no guests"
for i in 1 2 3; do
	check "QEMU $i uses vhost" used_vhost "g$i"
done

for i in 1 2 3; do
	mark "vx$i"
done
check "each guest pings the others" all_ping
for i in 1 2 3; do
	check_counters "guest $i's 20 went through vhostx" both_ways "vx$i" 20
done

serve_guest g2
mark vx2
check "guest 1 sends to guest 2 by TCP" tcp_tx g1 10.99.0.2
traffic_note "guest to guest"
check_counters "it arrived through vhostx" went_through vx2 rx 64 "$(received_bytes)"
mark vx2
check "guest 3 sends to guest 2 by UDP" udp_tx g3 10.99.0.2
traffic_note "guest to guest"
check_counters "it arrived through vhostx" went_through vx2 rx 64 "$(received_bytes)"
for i in 1 2 3; do
	check_counters "guest $i: no queue broke, no frame was refused" healthy "vx$i" 2
done

check "guest 3 leaves" guest_quit g3
check "guest 1 still reaches guest 2" guest_run g1 30 "ping -q -c 5 -W 3 10.99.0.2"
check_counters "guest 3's queues are gone" wait_for 5 none_left vx3
check_counters "guest 1's run" healthy vx1 2

ktap_finish
