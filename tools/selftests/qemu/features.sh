#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest's traffic with other features than the usual ones: a driver of before virtio 1.0,
# bare rings, buffers used in order.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

guest_test 18 "$@"

# negotiated BIT 0|1: what driver and device agreed on.
negotiated()
{
	local bits

	bits=$(guest_run g1 10 "cat /sys/class/net/eth0/device/features") || return 1
	echo "bit $1 of $bits"
	[ "${bits:$1:1}" = "$2" ]
}

# agreed BIT=VALUE...: all of them.
agreed()
{
	local bit

	for bit in "$@"; do
		negotiated "${bit%=*}" "${bit#*=}" || return 1
	done
}

# variant NAME PROPERTIES BIT=VALUE...: everyday traffic of a guest with that NIC.
variant()
{
	local name=$1 props=$2 run

	tap_add vx0
	ip addr add 10.99.0.1/24 dev vx0
	guest_start g1 1 vx0 1 "$props"
	guest_wait g1 || ktap_bail "the guest did not boot"
	guest_net g1 10.99.0.2/24
	check "$name: the driver agrees" agreed "${@:3}"
	serve_guest g1
	mark vx0 g1
	check "$name: guest pings host, 20 sizes up to 1472" ping_sizes g1 10.99.0.1 1472
	check_counters "$name: they went through vhostx" both_ways vx0 20
	for run in tcp_tx tcp_rx; do
		mark vx0 g1
		$run g1 10.99.0.1 10.99.0.2 >/dev/null
		traffic_note "$name, $run"
		check_counters "$name: $run went through vhostx" \
			went_through vx0 ${run#*_} 64 "$(received_bytes)"
	done
	check_counters "$name: no queue broke, no frame was refused" healthy vx0 2
	guest_quit g1 || note "QEMU did not quit"
	ip link del vx0
}

TRAFFIC_TIME=1
serve_host
variant "legacy" disable-modern=on,disable-legacy=off 32=0 15=1
variant "bare rings" event_idx=off,indirect_desc=off,mrg_rxbuf=off 28=0 29=0 15=0 32=1
# QEMU offers it from 10.0 on, Linux takes it from 7.0 on.
in_order=35=0
props=mrg_rxbuf=on
if qemu-system-x86_64 -device virtio-net-pci,help | grep -q in_order; then
	props+=,in_order=on
	case $(uname -r) in
	[0-6].*) ;;
	*) in_order=35=1 ;;
	esac
fi
variant "in order" $props $in_order

ktap_finish
