#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Large frames: MTU 9000 both ways, in one buffer and over mergeable ones, and fragments.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

guest_test 18 "$@"

# jumbo GUEST TAP NET PROPERTIES: a guest with MTU 9000 moves every size.
jumbo()
{
	local name=$1 tap=$2 net=$3 props=$4

	tap_add "$tap"
	ip link set "$tap" mtu 9000
	ip addr add "$net.1/24" dev "$tap"
	guest_start "$name" 1 "$tap" 1 "$props"
	guest_wait "$name" || ktap_bail "the guest did not boot"
	guest_run "$name" 10 'ip link set eth0 mtu 9000'
	check "$props: the NIC comes up" guest_net "$name" "$net.2/24"
	mark "$tap" "$name"
	check "$props: guest pings host, 20 sizes up to 8972" ping_sizes "$name" "$net.1" 8972
	check_counters "$props: they went through vhostx" both_ways "$tap" 20
	mark "$tap" "$name"
	check "$props: host pings guest with 8972 bytes" \
		ping -q -M "do" -s 8972 -i 0.05 -c 20 -W 3 "$net.2"
	check_counters "$props: in whole frames, both ways" whole_frames "$tap" 20 9014
	mark "$tap" "$name"
	check "$props: host pings guest with 60000 bytes, in fragments" \
		ping -q -s 60000 -i 0.1 -c 5 -W 3 "$net.2"
	check_counters "$props: 7 fragments each, both ways" fragments "$tap"
	check "$props: QEMU uses vhost" used_vhost "$name"
	check_counters "$props: no queue broke, no frame was refused" healthy "$tap" 2
	guest_quit "$name" || note "QEMU did not quit"
}

# All requests came, and whole replies went; a busy guest can leave a request unanswered.
fragments()
{
	went_through "$1" rx 35 $((35 * 8500)) && went_through "$1" tx 21 $((21 * 8500))
}

# whole_frames TAP COUNT BYTES: so many frames of that size both ways since mark.
whole_frames()
{
	went_through "$1" rx "$2" $(($2 * $3)) && went_through "$1" tx "$2" $(($2 * $3))
}

jumbo g1 vx0 10.99.0 mrg_rxbuf=on,host_mtu=9000
jumbo g2 vx1 10.99.1 mrg_rxbuf=off

ktap_finish
