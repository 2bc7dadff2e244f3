#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The demo's part inside L1: the same guest on QEMU's own virtio-net, on in-tree vhost-net, on
# vhostx, on its daemon vhostx-user, and on DPDK's vhost-user back end; a table of what each
# moved, and of the CPU time that it took.
set -u
# shellcheck source=tools/selftests/lib/vhost-user.sh
. /opt/vhostx/selftests/lib/vhost-user.sh
# shellcheck source=tools/selftests/lib/testpmd.sh
. /opt/vhostx/selftests/lib/testpmd.sh

HOST=10.99.0.1
GUEST=10.99.0.2
TRAFFIC_TIME=${DEMO_SECONDS:-5}
TAP=vx0
backends=(none /dev/vhost-net /dev/vhostx vhostx-user dpdk)
declare -A title=([none]="QEMU itself" [/dev/vhost-net]="vhost-net" [/dev/vhostx]="vhostx"
	[vhostx-user]="vhostx-user" [dpdk]="DPDK vhost-user")
declare -A figure

progress()
{
	printf '%4d s  %s\n' $SECONDS "$*"
}

fail()
{
	echo "demo: $*" >&2
	tail -n 5 "$GUEST_DIR"/*.qemu "$GUEST_DIR"/*.console "$GUEST_DIR"/*.last \
		"$GUEST_DIR"/daemon.* "$LOG"/*.out >&2 2>/dev/null
	exit 1
}

# The average of 100 pings, in ms.
ping_average()
{
	ping -q -i 0.02 -c 100 -W 3 $GUEST | awk -F/ '/^rtt/ { print $5 }'
}

# tcp tcp_tx|tcp_rx: Mb/s that arrived.
tcp()
{
	"$1" g1 $HOST $GUEST >/dev/null || return 1
	awk '/ receiver *$/ {
		for (i = 2; i <= NF; i++) {
			if ($i == "Gbits/sec") rate = $(i - 1) * 1000
			if ($i == "Mbits/sec") rate = $(i - 1)
			if ($i == "Kbits/sec") rate = $(i - 1) / 1000
		}
	} END { printf "%.0f\n", rate }' "$GUEST_DIR/iperf3.last"
}

# Small frames that the guest's pktgen gets rid of in a second, in thousands.
small_packets()
{
	pktgen_for g1 "${TRAFFIC_TIME}000" >"$GUEST_DIR/pktgen.last" || return 1
	grep -o '[0-9]*pps' "$GUEST_DIR/pktgen.last" |
		awk '{ sub("pps", ""); printf "%.1f\n", $1 / 1000 }'
}

# The threads of the back end: the VMM's but for the guest's CPUs, the kernel's, the daemon's.
threads()
{
	local pid

	for pid in "${guest_pid[g1]}" ${daemon_pid[$TAP]:-} ${pmd:-}; do
		ls "/proc/$pid/task"
		pgrep -w -x "vhost-$pid"
	done | sort -u | grep -vxF "$vcpus"
}

# Nanoseconds that these have run for.
ran()
{
	local thread

	for thread in $(threads); do
		cat "/proc/$thread/schedstat"
	done 2>/dev/null | awk '{ sum += $1 } END { printf "%d\n", sum }'
}

# used COMMAND...: how much of a CPU the back end takes meanwhile, in percent: $used.
used()
{
	local from=$EPOCHREALTIME ran

	ran=$(ran)
	"$@"
	used=$(awk -v from="$from" -v to="$EPOCHREALTIME" -v ran=$(($(ran) - ran)) \
		'BEGIN { printf "%.0f\n", ran / (to - from) / 1e7 }')
}

# measure KEY COMMAND...
measure()
{
	local key=$1
	shift

	figure[$backend.$key]=$("$@")
	[ -n "${figure[$backend.$key]}" ] || fail "${title[$backend]}: no figure for $key"
	progress "${title[$backend]}: $key ${figure[$backend.$key]}"
}

# testpmd between the socket of a vhost-user back end and a tap of its own. Neither port has
# segmentation offloads, and no checksum is left to the other.
start_dpdk()
{
	get_hugepages || fail "no memory for DPDK"
	pmd_eal=(--single-file-segments)
	pmd_run io dpdk "--vdev=net_vhost0,iface=$SOCKETS/dpdk,queues=1" \
		"--vdev=net_tap0,iface=$TAP" -- --auto-start --disable-link-check \
		--total-num-mbufs=8192
	pmd_up || fail "testpmd did not start"
}

# What the guest is to have in the place of QEMU's own data path; sets VHOST_DEV.
start()
{
	VHOST_DEV=$backend
	properties=
	case $backend in
	vhostx-user)
		daemon_start $TAP || fail "no daemon"
		VHOST_DEV=unix:$SOCKETS/$TAP
		;;
	dpdk)
		VHOST_DEV=unix:$SOCKETS/dpdk
		properties=csum=off,guest_csum=off
		;;
	esac
}

stop()
{
	case $backend in
	vhostx-user) daemon_end $TAP TERM || fail "the daemon did not end well" ;;
	dpdk) pmd_stop ;;
	esac
	[ "$backend" = dpdk ] || ip link del $TAP
}

run()
{
	if [ "$backend" = dpdk ]; then
		start_dpdk
	else
		tap_add $TAP
	fi
	ip addr add $HOST/24 dev $TAP
	start
	progress "${title[$backend]}: the guest boots"
	guest_start g1 1 $TAP 1 "$properties"
	guest_wait g1 || fail "the guest did not boot"
	guest_net g1 $GUEST/24 || fail "the guest's NIC did not come up"
	vcpus=$(guest_ask g1 'info cpus' | sed -n 's/.*thread_id=\([0-9]*\).*/\1/p')
	[ -n "$vcpus" ] || fail "the guest has no CPU"
	serve_guest g1
	measure "ping ms" ping_average
	used sleep "$TRAFFIC_TIME"
	figure[$backend.idle]=$used
	used measure "TCP guest to host Mb/s" tcp tcp_tx
	figure[$backend.busy]=$used
	progress "${title[$backend]}: CPU % ${figure[$backend.idle]} idle, $used busy"
	measure "TCP host to guest Mb/s" tcp tcp_rx
	measure "small packets kpps" small_packets
	[ "$backend" != /dev/vhostx ] || proof
	[ "$backend" != vhostx-user ] || carried
	guest_quit g1 || fail "QEMU did not quit"
	stop
}

# What vhostx counted, beside what the tap counted.
proof()
{
	local queue key

	for queue in rx tx; do
		for key in packets bytes batches kicks signals; do
			figure[$queue.$key]=$(counter $TAP $queue $key)
		done
	done
	figure[rx.tap]=$(link_counter $TAP tx packets)
	figure[tx.tap]=$(link_counter $TAP rx packets)
	carried
}

carried()
{
	if [ "$(counter $TAP tx packets)" -lt 1000 ] || [ "$(counter $TAP rx packets)" -lt 1000 ]; then
		fail "the traffic did not go through vhostx"
	fi
}

row()
{
	printf '%-18s%8s%10s%10s%9s%11s%9s\n' "$@"
}

table()
{
	local key queue

	echo
	printf '%-18s%8s%20s%9s%20s\n' '' ping "TCP Mb/s, guest" small "back end's CPU %"
	row '' ms sends receives kpps idle busy
	for backend in "${backends[@]}"; do
		row "${title[$backend]}" \
			"${figure[$backend.ping ms]}" \
			"${figure[$backend.TCP guest to host Mb/s]}" \
			"${figure[$backend.TCP host to guest Mb/s]}" \
			"${figure[$backend.small packets kpps]}" \
			"${figure[$backend.idle]}" "${figure[$backend.busy]}"
	done
	echo
	echo "CPU is the host's side's, in percent of one; busy is while the guest sends TCP."
	echo "DPDK is testpmd with net_vhost and net_tap, without segmentation offloads."
	echo
	echo "vhostx's own counters in the third run:"
	printf '%-6s%12s%14s%12s%12s%12s%12s\n' queue packets bytes batches kicks interrupts \
		"by the tap"
	for queue in rx tx; do
		printf '%-6s' $queue
		for key in packets bytes batches kicks signals tap; do
			case $key in
			bytes) printf '%14s' "${figure[$queue.$key]}" ;;
			tap) printf '%12s\n' "${figure[$queue.$key]}" ;;
			*) printf '%12s' "${figure[$queue.$key]}" ;;
			esac
		done
	done
}

finish()
{
	pmd_clean_up
	user_end
}

if [ "${VHOSTX_NETNS:-}" != "$$" ]; then
	modprobe -r vhostx
	modprobe vhostx || fail "modprobe vhostx failed"
	echo "L1: kernel $(uname -r), $(qemu-system-x86_64 --version | head -n 1 | cut -d '(' -f 1)"
	echo "L1: modprobe vhostx: $(modinfo -F description vhostx), $(ls -l /dev/vhostx)"
fi
enter_netns "$@"
serve_host
trap finish EXIT
for backend in "${backends[@]}"; do
	run
done
table
