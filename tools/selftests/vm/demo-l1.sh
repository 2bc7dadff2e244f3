#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The demo's part inside L1: the same guest on QEMU's own virtio-net, on in-tree vhost-net
# and on vhostx; a table of what each moved.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. /opt/vhostx/selftests/lib/traffic.sh

HOST=10.99.0.1
GUEST=10.99.0.2
TRAFFIC_TIME=${DEMO_SECONDS:-5}
backends=(none /dev/vhost-net /dev/vhostx)
declare -A title=([none]="QEMU itself" [/dev/vhost-net]="vhost-net" [/dev/vhostx]="vhostx")
declare -A figure

progress()
{
	printf '%4d s  %s\n' $SECONDS "$*"
}

fail()
{
	echo "demo: $*" >&2
	tail -n 5 "$GUEST_DIR"/*.qemu "$GUEST_DIR"/*.console "$GUEST_DIR"/*.last >&2 2>/dev/null
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
	pktgen g1 "(sleep $TRAFFIC_TIME; echo stop >pgctrl) & echo start >pgctrl; cat eth0" \
		'count 0' >"$GUEST_DIR/pktgen.last" || return 1
	grep -o '[0-9]*pps' "$GUEST_DIR/pktgen.last" |
		awk '{ sub("pps", ""); printf "%.1f\n", $1 / 1000 }'
}

# measure BACKEND KEY COMMAND...
measure()
{
	local backend=$1 key=$2
	shift 2

	figure[$backend.$key]=$("$@")
	[ -n "${figure[$backend.$key]}" ] || fail "${title[$backend]}: no figure for $key"
	progress "${title[$backend]}: $key ${figure[$backend.$key]}"
}

run()
{
	local backend=$1

	VHOST_DEV=$backend
	tap_add vx0
	ip addr add $HOST/24 dev vx0
	progress "${title[$backend]}: the guest boots"
	guest_start g1 1 vx0 1
	guest_wait g1 || fail "the guest did not boot"
	guest_net g1 $GUEST/24 || fail "the guest's NIC did not come up"
	serve_guest g1
	measure "$backend" "ping ms" ping_average
	measure "$backend" "TCP guest to host Mb/s" tcp tcp_tx
	measure "$backend" "TCP host to guest Mb/s" tcp tcp_rx
	measure "$backend" "small packets kpps" small_packets
	[ "$backend" != /dev/vhostx ] || proof
	guest_quit g1 || fail "QEMU did not quit"
	ip link del vx0
}

# What vhostx counted, beside what the tap counted.
proof()
{
	local queue key

	for queue in rx tx; do
		for key in packets bytes batches kicks signals; do
			figure[$queue.$key]=$(counter vx0 $queue $key)
		done
	done
	figure[rx.tap]=$(link_counter vx0 tx packets)
	figure[tx.tap]=$(link_counter vx0 rx packets)
	if [ "${figure[tx.packets]}" -lt 1000 ] || [ "${figure[rx.packets]}" -lt 1000 ]; then
		fail "the traffic did not go through vhostx"
	fi
}

table()
{
	local key backend queue

	echo
	printf '%-26s' ''
	for backend in "${backends[@]}"; do
		printf '%14s' "${title[$backend]}"
	done
	echo
	for key in "ping ms" "TCP guest to host Mb/s" "TCP host to guest Mb/s" \
		   "small packets kpps"; do
		printf '%-26s' "$key"
		for backend in "${backends[@]}"; do
			printf '%14s' "${figure[$backend.$key]}"
		done
		echo
	done
	echo
	echo "vhostx's own counters in the third run:"
	printf '%-6s%12s%14s%12s%12s%12s%20s\n' queue packets bytes batches kicks interrupts \
		"packets by the tap"
	for queue in rx tx; do
		printf '%-6s' $queue
		for key in packets bytes batches kicks signals tap; do
			case $key in
			bytes) printf '%14s' "${figure[$queue.$key]}" ;;
			tap) printf '%20s\n' "${figure[$queue.$key]}" ;;
			*) printf '%12s' "${figure[$queue.$key]}" ;;
			esac
		done
	done
}

if [ "${VHOSTX_NETNS:-}" != "$$" ]; then
	modprobe -r vhostx
	modprobe vhostx || fail "modprobe vhostx failed"
	echo "L1: kernel $(uname -r), $(qemu-system-x86_64 --version | head -n 1 | cut -d '(' -f 1)"
	echo "L1: modprobe vhostx: $(modinfo -F description vhostx), $(ls -l /dev/vhostx)"
fi
enter_netns "$@"
trap guest_kill_all EXIT
serve_host
for backend in "${backends[@]}"; do
	run "$backend"
done
table
