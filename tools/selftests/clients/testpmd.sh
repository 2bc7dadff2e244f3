#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DPDK's virtio-user port on the vhost device: sends 64-byte and 1500-byte frames, then
# takes what pktgen puts into the tap, then sends that back. The same with packed rings.
set -u
# shellcheck source=tools/selftests/lib/vhost.sh
. "$(dirname "$0")/../lib/vhost.sh"

HUGEPAGES=96
props=
LOG=${VHOSTX_LOGS:-$(mktemp -d /tmp/vhostx-clients.XXXXXX)}
TAP=dtap0

need_device
command -v dpdk-testpmd >/dev/null || ktap_skip_all "no dpdk-testpmd"
enter_netns "$@"
ktap_plan $((20 + 3 * 10))

clean_up()
{
	pmd_stop
	[ -z "${mounted:-}" ] || umount "$mounted"
	[ -z "${pages_before:-}" ] || echo "$pages_before" >/proc/sys/vm/nr_hugepages
}

# Pages for DPDK, given back at the end.
get_hugepages()
{
	pages_before=$(cat /proc/sys/vm/nr_hugepages)
	echo $((pages_before + HUGEPAGES)) >/proc/sys/vm/nr_hugepages
	[ "$(cat /proc/sys/vm/nr_hugepages)" -ge "$HUGEPAGES" ] || return 1
	mounted=$LOG/huge
	mkdir -p "$mounted"
	mount -t hugetlbfs -o pagesize=2M hugetlbfs "$mounted"
}

# pmd_start MODE NAME ARGUMENT...: testpmd, talked to on its standard input. Its device has
# the properties $props as well.
pmd_start()
{
	local mode=$1 name=$2
	shift 2

	rm -f "$LOG/pmd.in"
	mkfifo "$LOG/pmd.in"
	# Open for as long as testpmd runs: the end of its input would end it.
	exec {pmd_in}<>"$LOG/pmd.in"
	stdbuf -oL dpdk-testpmd --lcores 0@0,1@1 --no-pci --no-telemetry -v --huge-dir "$mounted" \
		--file-prefix "$name" -m 128 \
		--vdev="virtio_user0,path=$VHOST_DEV,iface=$TAP,queue_size=1024${props:+,$props}" -- \
		-i --forward-mode="$mode" --total-num-mbufs=4096 "$@" \
		<"$LOG/pmd.in" >"$LOG/$name.out" 2>&1 &
	pmd=$!
	queue_owner_is "$TAP" $pmd
	pmd_out=$LOG/$name.out
}

pmd_ready()
{
	grep -q 'testpmd>' "$pmd_out" && ip link show "$TAP" >/dev/null 2>&1
}

pmd_up()
{
	if ! wait_for 90 pmd_ready; then
		tail -n 20 "$pmd_out"
		return 1
	fi
	ip link set "$TAP" up
}

pmd_say()
{
	echo "$1" >&"$pmd_in"
}

pmd_gone()
{
	! kill -0 "$pmd" 2>/dev/null
}

# The orderly end, and SIGKILL when that takes too long.
pmd_stop()
{
	local status

	[ -n "${pmd:-}" ] || return 0
	pmd_say quit
	wait_for 20 pmd_gone || kill -9 "$pmd"
	wait "$pmd"
	status=$?
	exec {pmd_in}>&-
	pmd=
	return "$status"
}

# link_moved rx|tx NUMBER: the tap's own statistics since mark.
link_moved()
{
	[ $(($(link_counter "$TAP" "$1" packets) - link_before)) -ge "$2" ]
}

# sends FRAMES: testpmd's frames come out of the tap.
sends()
{
	link_before=$(link_counter "$TAP" rx packets)
	pmd_say 'start'
	wait_for 30 link_moved rx "$1" || return 1
	pmd_say 'stop'
}

# Let pktgen put frames into the tap: what the host's stack would send to the port.
inject()
{
	local control=/proc/net/pktgen

	modprobe pktgen
	echo "add_device $TAP" >"$control"/kpktgend_0 || return 1
	{
		echo "count $1" && echo "pkt_size $2" && echo 'delay 20000' &&
		echo 'dst 10.99.0.2' && echo 'dst_mac 52:54:00:00:00:02'
	} | while read -r line; do
		echo "$line" >"$control/$TAP" || return 1
	done
	timeout 60 sh -c "echo start >$control/pgctrl"
	# That comes back early where pktgen's thread is slow to begin.
	wait_for 60 grep -q "^Result: OK: .* usec, $1 " "$control/$TAP" || return 1
	echo rem_device_all >"$control"/kpktgend_0
}

# What testpmd's port took, by its own count.
pmd_received()
{
	pmd_say 'show port stats 0'
	[ "$(awk '/RX-packets:/ { seen = $2 } END { print seen + 0 }' "$pmd_out")" -ge "$1" ]
}

drains()
{
	pmd_say 'start'
	inject "$1" "$2" && wait_for 10 pmd_received "$1"
}

# bounces ROUNDS: testpmd sends back what it takes, 500 frames a time, which the tap can
# hold should testpmd be slow.
bounces()
{
	local i

	link_before=$(link_counter "$TAP" rx packets)
	printf '%s\n' stop 'set fwd macswap' start >&"$pmd_in"
	# Before it says so it throws away what waits.
	wait_for 30 grep -q 'macswap packet forwarding packets/burst' "$pmd_out" || return 1
	for ((i = 1; i <= $1; i++)); do
		inject 500 60 || return 1
		wait_for 30 link_moved rx $((i * 500)) || return 1
	done
}

# As many each way, no more, in every book.
exactly()
{
	local queue

	for queue in rx tx; do
		went_through "$TAP" "$queue" "$1" 0 || return 1
		[ "$(moved "$TAP" "$queue" vhostx)" -eq "$1" ] || return 1
	done
}

trap clean_up EXIT
check "$HUGEPAGES huge pages" get_hugepages || ktap_bail "no memory for DPDK"

for size in 64 1500; do
	pmd_start txonly "tx$size" "--txpkts=$size"
	check "txonly, $size bytes: testpmd starts on $VHOST_DEV" pmd_up ||
		ktap_bail "no port"
	[ "$size" != 64 ] || note "$(grep -m 1 -o "DPDK [0-9.]*" "$pmd_out")"
	mark "$TAP"
	check "txonly, $size bytes: 10000 frames come out of the tap" sends 10000
	check_counters "txonly, $size bytes: through vhostx" \
		went_through "$TAP" tx 10000 $((10000 * size))
	check_counters "txonly, $size bytes: no queue broke, no frame was refused" healthy "$TAP" 2
	check "txonly, $size bytes: testpmd ends well" pmd_stop
done

pmd_start rxonly rx
check "rxonly: testpmd starts" pmd_up || ktap_bail "no port"
mark "$TAP"
check "rxonly: 5000 frames reach the port" drains 5000 60
check_counters "rxonly: through vhostx" went_through "$TAP" rx 5000 $((5000 * 60))
mark "$TAP"
check "rxonly: 2000 frames of 1500 bytes reach the port" drains 2000 1500
check_counters "rxonly: through vhostx" went_through "$TAP" rx 2000 $((2000 * 1500))
mark "$TAP"
check "macswap: 2000 frames reach the port and come back" bounces 4
check_counters "macswap: each of them through vhostx, both ways" exactly 2000
check_counters "rxonly, macswap: no queue broke, no frame was refused" healthy "$TAP" 2
check "macswap: testpmd ends well" pmd_stop

# packed PROPERTIES: sends, takes, and sends back what it takes, with packed rings.
packed()
{
	local what="packed${1:+, $1}"

	props=packed_vq=1${1:+,$1}
	pmd_start txonly packedtx --txpkts=64
	check "$what: testpmd starts" pmd_up || ktap_bail "no port"
	check_counters "$what: both rings are packed" rings "$TAP" packed 2
	mark "$TAP"
	check "$what: 10000 frames come out of the tap" sends 10000
	check_counters "$what: through vhostx" went_through "$TAP" tx 10000 $((10000 * 64))
	check "$what: testpmd ends well" pmd_stop

	pmd_start rxonly packedrx
	check "$what: testpmd starts again" pmd_up || ktap_bail "no port"
	check "$what: 2000 frames of 1500 bytes reach the port" drains 2000 1500
	mark "$TAP"
	check "$what: 1000 frames reach the port and come back" bounces 2
	check_counters "$what: each of them through vhostx, both ways" exactly 1000
	check_counters "$what: no queue broke, no frame was refused" healthy "$TAP" 2
	pmd_stop
}

packed ''
packed in_order=0
packed mrg_rxbuf=0

ktap_finish
