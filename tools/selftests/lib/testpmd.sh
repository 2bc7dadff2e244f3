# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# DPDK's testpmd with one virtio-user port, whose frames go to the tap $TAP.
# shellcheck source=tools/selftests/lib/vhost.sh
. "$(dirname "${BASH_SOURCE[0]}")/vhost.sh"

HUGEPAGES=96
LOG=${VHOSTX_LOGS:-$(mktemp -d /tmp/vhostx-clients.XXXXXX)}
TAP=dtap0
# The port's properties, the first of which are where it finds its back end; and what DPDK
# itself is told.
pmd_port="path=$VHOST_DEV,iface=$TAP"
pmd_eal=()
props=

pmd_clean_up()
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
	pmd_run "$1" "$2" "--vdev=virtio_user0,$pmd_port,queue_size=1024${props:+,$props}" -- \
		--total-num-mbufs=4096 "${@:3}"
	[[ $pmd_port != *iface=* ]] || queue_owner_is "$TAP" $pmd
}

# pmd_run MODE NAME VDEV... -- ARGUMENT...: the same, with these devices.
pmd_run()
{
	local mode=$1 name=$2
	local -a vdev=()

	shift 2
	while [ "$1" != -- ]; do
		vdev+=("$1")
		shift
	done
	rm -f "$LOG/pmd.in"
	mkfifo "$LOG/pmd.in"
	# Open for as long as testpmd runs: the end of its input would end it.
	exec {pmd_in}<>"$LOG/pmd.in"
	stdbuf -oL dpdk-testpmd --lcores 0@0,1@1 --no-pci --no-telemetry -v --huge-dir "$mounted" \
		--file-prefix "$name" -m 128 "${pmd_eal[@]}" "${vdev[@]}" -- \
		-i --forward-mode="$mode" "${@:2}" \
		<"$LOG/pmd.in" >"$LOG/$name.out" 2>&1 &
	pmd=$!
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
