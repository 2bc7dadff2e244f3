#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest's everyday traffic through vhost, with split and with packed rings: ping, TCP and
# UDP, both ways.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

guest_test $((2 * 18)) "$@"

# everyday FORMAT PROPERTIES: the life of a guest whose rings are of that format.
everyday()
{
	local run

	guest_start g1 1 vx0 1 "$2"
	guest_wait g1 || ktap_bail "the guest did not boot"
	check "$1: the guest's NIC comes up" guest_net g1 10.99.0.2/24
	check "$1: QEMU uses vhost" used_vhost g1
	check_counters "$1: both queues run" healthy vx0 2
	check_counters "$1: with rings of that format" rings vx0 "$1" 2

	mark vx0 g1
	check "$1: host pings guest" ping -q -i 0.05 -c 40 -W 2 10.99.0.2
	check_counters "$1: the echo requests and replies went through vhostx" both_ways vx0 40
	mark vx0 g1
	check "$1: guest pings host, 20 sizes up to 1472" ping_sizes g1 10.99.0.1 1472
	check_counters "$1: they went through vhostx" both_ways vx0 20

	serve_guest g1
	for run in tcp_tx tcp_rx udp_tx udp_rx; do
		mark vx0 g1
		check "$1: $run moves data" $run g1 10.99.0.1 10.99.0.2
		traffic_note $run
		check_counters "$1: $run went through vhostx" \
			went_through vx0 ${run#*_} 64 "$(received_bytes)"
	done
	check_counters "$1: no queue broke, no frame was refused" healthy vx0 2
	check "$1: QEMU quits" guest_quit g1
}

tap_add vx0
ip addr add 10.99.0.1/24 dev vx0
serve_host
everyday split ''
note "QEMU $(qemu-system-x86_64 --version | grep -m 1 -oE '[0-9.]+')"
everyday packed packed=on

ktap_finish
