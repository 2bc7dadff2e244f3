#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Queues that stop and start: driver reload, machine reset, stop, QEMU's end.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

guest_test 20 "$@"

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

tap_add vx0
ip addr add 10.99.0.1/24 dev vx0
guest_start g1 1 vx0 1 rx_queue_size=1024
guest_wait g1 || ktap_bail "the guest did not boot"
alive "first boot"

# shellcheck disable=SC2016 # the guest expands it
pci='$(basename $(readlink -f /sys/class/net/eth0/device/..))'
check "the driver lets go of the NIC and takes it back" guest_run g1 20 \
	"pci=$pci; cd /sys/bus/pci/drivers/virtio-pci &&
	 echo \$pci >unbind && test ! -e /sys/class/net/eth0 && echo \$pci >bind &&
	 test -e /sys/class/net/eth0"
alive "driver bound again"

ping -q -f -c 100000 -w 30 10.99.0.2 >/dev/null 2>&1 &
flood=$!
guest_monitor g1 system_reset
check "QEMU resets the machine under a flood" guest_wait g1
kill $flood 2>/dev/null
wait $flood 2>/dev/null
alive "after the machine's reset"

guest_monitor g1 stop
check_counters "QEMU stops the machine: no queue runs" wait_for 10 none_running
guest_monitor g1 cont
alive "stopped and continued"

check "QEMU quits" guest_quit g1
check_counters "its queues are gone" wait_for 5 none_left vx0
guest_start g1 1 vx0 1
guest_wait g1 || ktap_bail "the second guest did not boot"
check "the same tap serves a second QEMU" pings
check "which dies of SIGKILL" killed
check_counters "its queues are gone too" wait_for 5 none_left vx0

ktap_finish
