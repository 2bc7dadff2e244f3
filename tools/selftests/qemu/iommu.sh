#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest behind an IOMMU: its NIC's rings and buffers are at I/O virtual addresses, which the
# device learns from QEMU through its IOTLB. Every buffer's translation is taken back at once.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

# Rings of several pages, which lie scattered in guest memory.
NIC=disable-legacy=on,iommu_platform=on,ats=on,rx_queue_size=1024
GUEST_IOMMU=1

guest_test 29 "$@"

pings()
{
	guest_net g1 10.99.0.2/24 && ping -q -i 0.05 -c 20 -W 3 10.99.0.2
}

# alive WHAT: packets pass, and vhostx carries them.
alive()
{
	mark vx0 g1
	check "$1: ping passes" pings
	check_counters "$1: through vhostx" both_ways vx0 20
	check_counters "$1: both queues run, none broke" healthy vx0 2
}

# connections FORMAT: one each way; each goes through vhostx, over rings of that format.
connections()
{
	local run

	check_counters "$1: rings of that format" rings vx0 "$1" 2
	for run in tcp_tx tcp_rx; do
		mark vx0 g1
		check "$1: $run moves data" $run g1 10.99.0.1 10.99.0.2
		traffic_note "${VHOST_DEV#/dev/}, $1, $run"
		check_counters "$1: $run went through vhostx" \
			went_through vx0 ${run#*_} 64 "$(received_bytes)"
	done
}

boot()
{
	guest_start g1 1 vx0 1 $NIC
	guest_wait g1 || ktap_bail "the guest did not boot"
}

tap_add vx0
ip addr add 10.99.0.1/24 dev vx0
serve_host

boot
check "the NIC is behind the IOMMU" behind_iommu g1
alive "first boot"
check "QEMU uses vhost" used_vhost g1 || ktap_bail "the rest would be QEMU's own"
serve_guest g1
connections split
check_counters "no queue broke, no frame was refused" healthy vx0 2

# shellcheck disable=SC2016 # the guest expands it
pci='$(basename $(readlink -f /sys/class/net/eth0/device/..))'
check "the driver lets go of the NIC and takes it back" guest_run g1 20 \
	"pci=$pci; cd /sys/bus/pci/drivers/virtio-pci &&
	 echo \$pci >unbind && test ! -e /sys/class/net/eth0 && echo \$pci >bind &&
	 test -e /sys/class/net/eth0"
alive "driver bound again"
guest_monitor g1 system_reset
check "QEMU resets the machine" guest_wait g1
alive "after the machine's reset"
check "QEMU quits" guest_quit g1

split=$NIC
NIC+=,packed=on
boot
alive "packed rings"
serve_guest g1
connections packed
check "QEMU quits again" guest_quit g1
NIC=$split

# Beside it, the same on vhost-net.
if has_counters && [ -c /dev/vhost-net ]; then
	VHOST_DEV=/dev/vhost-net
	boot
	guest_net g1 10.99.0.2/24
	serve_guest g1
	for run in tcp_tx tcp_rx; do
		$run g1 10.99.0.1 10.99.0.2 >/dev/null && traffic_note "vhost-net, $run"
	done
	guest_quit g1
fi

ktap_finish
