#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vhostx under the name /dev/vhost-net: a client with that path fixed in it, the refusal
# beside vhost_net, the shipped configuration, and the way back.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

CONF=/etc/modprobe.d/vhostx-takeover.conf
SHIPPED=$(ls -d /usr/src/vhostx-*/userspace/sysconf/vhostx-takeover.conf)
NODE=/tmp/vhost-net.$$

need_device
[ -d /sys/module/vhost_net ] || ktap_skip_all "no vhost_net"

clean_up()
{
	guest_kill_all
	rm -f "$CONF" "$NODE"
	modprobe -r vhostx
	modprobe vhost_net
	modprobe vhostx
	udevadm settle
}

# On a file system, so that it stays when the module goes.
node_opens()
{
	[ -c "$NODE" ] || mknod -m 0600 "$NODE" c 10 238
	(: <>"$NODE")
}

refused()
{
	! modprobe vhostx takeover=1 2>/tmp/takeover.err &&
		grep -q 'resource busy' /tmp/takeover.err &&
		dmesg | tail -n 20 | grep -q 'vhostx: takeover=1: vhost_net is loaded'
}

nothing_left()
{
	[ ! -e /sys/class/misc/vhostx ] && [ ! -d /sys/module/vhostx ] && [ -d /sys/module/vhost_net ]
}

taken_over()
{
	udevadm settle
	[ "$(stat -c %t:%T /dev/vhost-net)" = a:ee ] && [ -c /dev/vhostx ] &&
		[ ! -d /sys/module/vhost_net ] &&
		[ "$(</sys/module/vhostx/parameters/takeover)" = Y ]
}

stays_out()
{
	! modprobe vhost_net 2>/dev/null && taken_over
}

# As its other commands, in a network namespace, but the modules are everyone's.
enter_netns "$@"
trap clean_up EXIT
ktap_plan 13

modprobe -r vhostx
check "takeover=1 is refused while vhost_net is loaded" refused
check "nothing of vhostx stays" nothing_left
modprobe -r vhost_net
check "takeover=1 loads where it is not" modprobe vhostx takeover=1
check "/dev/vhost-net is there, with its own number" taken_over
check "vhost_net cannot come beside it" stays_out

tap_add vx0
ip addr add 10.99.0.1/24 dev vx0
VHOST_DEV=fixed guest_start g1 1 vx0 1
guest_wait g1 || ktap_bail "the guest did not boot"
check "QEMU opens /dev/vhost-net by itself" guest_net g1 10.99.0.2/24
mark vx0 g1
check "the guest pings the host" ping_sizes g1 10.99.0.1 1472
check "through vhostx" both_ways vx0 20
check "QEMU uses vhost" used_vhost g1
guest_quit g1 || note "QEMU did not quit"

modprobe -r vhostx
cp "$SHIPPED" "$CONF"
check "with the shipped configuration, an open loads vhostx" node_opens
check "in the place of vhost_net" taken_over
check "and so does modprobe vhost_net" modprobe vhost_net
rm "$CONF"
modprobe -r vhostx
check "without it, an open loads vhost_net again" node_opens

ktap_finish
