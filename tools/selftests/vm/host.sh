#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What an installed module must have made of the host, before any test touched it.
set -uo pipefail
. ../lib/ktap.sh

modules_came()
{
	local module

	for module in vhostx tun tap vhost_iotlb; do
		grep "^$module " /run/vhostx/modules || return 1
	done
}

# The runner looked before it wrote its first mark.
boot_is_clean()
{
	[ -e /run/vhostx/offences ] && ! grep . /run/vhostx/offences
}

node_is_for_kvm()
{
	ls -l /dev/vhostx
	[ "$(stat -c '%A %U %G' /dev/vhostx)" = 'crw-rw---- root kvm' ]
}

is_dkms_module()
{
	modinfo -n vhostx
	[[ $(modinfo -n vhostx) = */updates/dkms/* ]]
}

# An open device holds the module.
busy_while_open()
{
	exec 4<>/dev/vhostx || return 1
	if rmmod vhostx; then
		return 1
	fi
	exec 4>&-
}

goes()
{
	modprobe -r vhostx && [ ! -e /sys/module/vhostx ]
}

# The node outlives the module; opening it is enough.
comes_when_opened()
{
	exec 4<>/dev/vhostx || return 1
	[ -e /sys/module/vhostx ] && udevadm settle && node_is_for_kvm
}

ktap_plan 7
check "the kernel log is clean from boot on" boot_is_clean
check "modprobe brought what vhostx depends on" modules_came
check "it is the module that DKMS built" is_dkms_module
check "udev gave /dev/vhostx to kvm" node_is_for_kvm
check "the module stays while the device is open" busy_while_open
check "the module goes" goes
check "opening the device brings it back" comes_when_opened
ktap_finish
