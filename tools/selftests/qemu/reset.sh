#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Queues that stop and start, with split and with packed rings: driver reload, machine reset,
# stop, QEMU's end.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

guest_test $((2 * 18 + 3)) "$@"

pings()
{
	guest_net g1 10.99.0.2/24 && ping -q -i 0.05 -c 20 -W 3 10.99.0.2
}

none_running()
{
	[ "$(queue_count vx0 running)" -eq 0 ]
}

killed()
{
	kill -9 "${guest_pid[g1]}" && ! wait "${guest_pid[g1]}"
}

# alive WHAT: after it, packets pass again and vhostx carries them.
alive()
{
	mark vx0
	check "$1: ping passes" pings
	check_counters "$1: through vhostx" both_ways vx0 20
	check_counters "$1: both queues run, none broke" healthy vx0 2
}

# resets FORMAT PROPERTIES: a guest whose rings of that format stop and start.
resets()
{
	local pci flood

	guest_start g1 1 vx0 1 "$2"
	guest_wait g1 || ktap_bail "the guest did not boot"
	alive "$1, first boot"
	check_counters "$1: with rings of that format" rings vx0 "$1" 2

	# shellcheck disable=SC2016 # the guest expands it
	pci='$(basename $(readlink -f /sys/class/net/eth0/device/..))'
	check "$1: the driver lets go of the NIC and takes it back" guest_run g1 20 \
		"pci=$pci; cd /sys/bus/pci/drivers/virtio-pci &&
		 echo \$pci >unbind && test ! -e /sys/class/net/eth0 && echo \$pci >bind &&
		 test -e /sys/class/net/eth0"
	alive "$1, driver bound again"

	ping -q -f -c 100000 -w 30 10.99.0.2 >/dev/null 2>&1 &
	flood=$!
	guest_monitor g1 system_reset
	check "$1: QEMU resets the machine under a flood" guest_wait g1
	kill $flood 2>/dev/null
	wait $flood 2>/dev/null
	alive "$1, after the machine's reset"

	guest_monitor g1 stop
	check_counters "$1: QEMU stops the machine: no queue runs" wait_for 10 none_running
	guest_monitor g1 cont
	alive "$1, stopped and continued"

	check "$1: QEMU quits" guest_quit g1
	check_counters "$1: its queues are gone" wait_for 5 none_left vx0
}

tap_add vx0
ip addr add 10.99.0.1/24 dev vx0
resets split rx_queue_size=1024
resets packed rx_queue_size=1024,packed=on

guest_start g1 1 vx0 1
guest_wait g1 || ktap_bail "the third guest did not boot"
check "the same tap serves another QEMU" pings
check "which dies of SIGKILL" killed
check_counters "its queues are gone too" wait_for 5 none_left vx0

ktap_finish
