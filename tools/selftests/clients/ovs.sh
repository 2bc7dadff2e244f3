#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two guests and the host on one bridge of Open vSwitch, with the kernel's datapath.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

command -v ovs-vswitchd >/dev/null || ktap_skip_all "no ovs-vswitchd"
modprobe openvswitch || ktap_skip_all "no module openvswitch"
guest_test 21 "$@"

# Where its programs find each other.
OVS_RUNDIR=$(mktemp -d /tmp/vhostx-ovs.XXXXXX)
export OVS_RUNDIR
daemons=()

clean_up()
{
	guest_kill_all
	ovs_end >/dev/null 2>&1
	rm -r "$OVS_RUNDIR"
	modprobe -r openvswitch
}

# daemon PROGRAM ARGUMENT...: in the foreground, but behind the test.
daemon()
{
	"$@" >"$GUEST_DIR/$1.out" 2>&1 &
	daemons+=($!)
}

ovs_start()
{
	local db=$OVS_RUNDIR/conf.db

	ovsdb-tool create "$db" /usr/share/openvswitch/vswitch.ovsschema || return 1
	daemon ovsdb-server "$db" --remote="punix:$OVS_RUNDIR/db.sock" --pidfile
	wait_for 20 [ -S "$OVS_RUNDIR/db.sock" ] || return 1
	ovs-vsctl --no-wait init || return 1
	daemon ovs-vswitchd --pidfile
	ovs-vsctl --timeout=60 add-br br0
}

ovs_end()
{
	local pid status=0

	[ ${#daemons[@]} -eq 0 ] || ovs-vsctl --timeout=20 del-br br0 || status=1
	for pid in "${daemons[@]}"; do
		kill "$pid"
		wait "$pid"
	done
	daemons=()
	! ip link show ovs-system && return "$status"
}

# The bridge has seen each guest behind its own tap.
learned()
{
	local i port

	ovs-appctl fdb/show br0
	for i in 1 2; do
		port=$(ovs-vsctl get interface "vx$i" ofport)
		ovs-appctl fdb/show br0 | grep -q "^ *$port .*$(guest_mac "g$i")" || return 1
	done
	ovs-dpctl show
	ovs-dpctl show | grep -q 'port .*: vx2$'
}

trap clean_up EXIT
check "Open vSwitch starts, with a bridge" ovs_start || ktap_bail "no bridge"
note "$(ovs-vswitchd --version | head -n 1)"
ip link set br0 up
ip addr add 10.99.0.100/24 dev br0
for i in 1 2; do
	tap_add "vx$i"
	ovs-vsctl add-port br0 "vx$i"
	guest_start "g$i" 1 "vx$i" 1
done
check "two guests boot" both_up || ktap_bail "no guests"
for i in 1 2; do
	check "QEMU $i uses vhost" used_vhost "g$i"
	mark "vx$i"
done
check "each pings the other and the host" all_ping
check "the kernel's datapath switches between the taps" learned
for i in 1 2; do
	check_counters "guest $i's 15 went through vhostx" both_ways "vx$i" 15
	serve_guest "g$i"
done

for i in 1 2; do
	other=$((3 - i))
	mark vx1
	mark vx2
	check "TCP from guest $i to guest $other" tcp_tx "g$i" "10.99.0.$other"
	traffic_note "guest $i to guest $other"
	check_counters "it left by vhostx" went_through "vx$i" tx 16 "$(received_bytes)"
	check_counters "it arrived by vhostx" went_through "vx$other" rx 16 "$(received_bytes)"
done
mark vx1 g1
check "TCP from the host to guest 1" tcp_rx g1 10.99.0.100 10.99.0.1
traffic_note "host to guest 1"
check_counters "it arrived by vhostx" went_through vx1 rx 64 "$(received_bytes)"

for i in 1 2; do
	check_counters "guest $i: no queue broke, no frame was refused" healthy "vx$i" 2
	check "guest $i leaves" guest_quit "g$i"
done
check "the bridge and the datapath go" ovs_end

ktap_finish
