# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Traffic between host and guest; tx and rx are the guest's directions.
# shellcheck source=tools/selftests/lib/guest.sh
. "$(dirname "${BASH_SOURCE[0]}")/guest.sh"

TRAFFIC_TIME=2
# A receiver counts whole blocks: iperf3's own for TCP.
TRAFFIC_BLOCK=128K
TRAFFIC_LIMIT=$((60 * ${VHOSTX_SLOW:-1}))

# iperf3 servers on both ends; they live as long as the guest and the namespace.
serve_host()
{
	iperf3 -s -4 >"$GUEST_DIR/iperf3.host" 2>&1 &
	serve_pid=$!
	# shellcheck disable=SC2064
	trap "kill $serve_pid 2>/dev/null; guest_kill_all" EXIT
	# 1451 is the port, 5201; 0A says listening.
	wait_for 10 grep -q ':1451 .* 0A ' "/proc/$$/net/tcp" || note "no iperf3 server"
}

serve_guest()
{
	guest_run "$1" 20 "iperf3 -s -4 -D; i=0;
		until grep -q ':1451 .* 0A ' /proc/net/tcp; do
			[ \$((i += 1)) -lt 100 ] || exit 1;
			usleep 100000;
		done" || note "no iperf3 server in $1"
}

# Each runs for $TRAFFIC_TIME seconds and leaves iperf3's words in a file.
tcp_tx()
{
	guest_run "$1" $TRAFFIC_LIMIT "iperf3 -c $2 -t $TRAFFIC_TIME -l $TRAFFIC_BLOCK --connect-timeout 9000" |
		received
}

tcp_rx()
{
	timeout $TRAFFIC_LIMIT iperf3 -c "$3" -t $TRAFFIC_TIME -l $TRAFFIC_BLOCK --connect-timeout 9000 | received
}

udp_tx()
{
	guest_run "$1" $TRAFFIC_LIMIT "iperf3 -u -c $2 -b 10M -t $TRAFFIC_TIME -l 1400" |
		received
}

udp_rx()
{
	timeout $TRAFFIC_LIMIT iperf3 -u -c "$3" -b 10M -t $TRAFFIC_TIME -l 1400 | received
}

# Keep iperf3's output; pass when its receiver got something.
received()
{
	tee "$GUEST_DIR/iperf3.last"
	[ "$(received_bytes)" -gt 0 ]
}

# Bytes that the receiver of the last run counted, rounded down.
received_bytes()
{
	awk '
		BEGIN {
			scale["Bytes"] = 1
			scale["KBytes"] = 1024
			scale["MBytes"] = 1048576
			scale["GBytes"] = 1073741824
		}
		/ receiver *$/ {
			# Printed with three digits: take off what rounding may have added.
			for (i = 2; i <= NF; i++)
				if ($i in scale)
					bytes = $(i - 1) * scale[$i] * 0.994
		}
		END { printf "%d\n", bytes }' "$GUEST_DIR/iperf3.last"
}

# What the last run's receiver said, for the reader.
traffic_note()
{
	note "$1: $(grep ' receiver *$' "$GUEST_DIR/iperf3.last" | cut -c6-)"
}

# pktgen GUEST COMMAND SETTING...: 60-byte frames of the guest's, which COMMAND starts by
# pgctrl. They go to an address that is not the host's, so its stack only throws them away.
pktgen()
{
	guest_run "$1" 60 "cd /proc/net/pktgen &&
		{ [ -e eth0 ] || echo add_device eth0 >kpktgend_0; } &&
		for setting in 'pkt_size 60' 'delay 0' 'dst 10.99.0.9'
			'dst_mac 52:54:00:99:99:99' $(printf "'%s' " "${@:3}"); do
			echo \$setting >eth0;
		done;
		$2"
}

# pktgen_for GUEST MILLISECONDS: as many as go in that time. It may begin late, and has to be
# stopped then.
pktgen_for()
{
	pktgen "$1" "{ echo start >pgctrl & } && usleep ${2}000; echo stop >pgctrl; i=0;
		until grep -q usec, eth0 || [ \$((i += 1)) -gt 50 ]; do
			usleep 100000; echo stop >pgctrl;
		done; cat eth0" 'count 0'
}

# ping_sizes GUEST ADDRESS MAX: the guest pings with 20 payload sizes up to MAX, none lost.
ping_sizes()
{
	guest_run "$1" 60 "i=1; while [ \$i -le 20 ]; do
		ping -q -c 1 -W 3 -s \$(($3 * i / 20)) $2 || exit 1; i=\$((i + 1)); done"
}

# both_ways TAP PACKETS: at least that many each way since mark.
both_ways()
{
	went_through "$1" rx "$2" 0 && went_through "$1" tx "$2" 0
}

# in_guest GUEST PROGRAM: the status line that qemu/stream and its like keep in the guest.
in_guest()
{
	guest_run "$1" 10 "cat /tmp/$2"
}

# told STATE COMMAND...: whether that is what it says; what it says shows in any case.
told()
{
	local said

	said=$("${@:2}")
	echo "${*:2}: $said"
	[[ $said = "state=$1 "* ]]
}

# status KEY: from a status line; 0 where it has none.
status()
{
	grep -oE "\<$1=[0-9]+" | cut -d = -f 2 | grep . || echo 0
}

# behind_iommu GUEST: the driver has accepted VIRTIO_F_ACCESS_PLATFORM, and the NIC's addresses are translated.
behind_iommu()
{
	# shellcheck disable=SC2016 # the guest expands it
	guest_run "$1" 10 'dev=$(readlink -f /sys/class/net/eth0/device);
		cut -c 34 "$dev/features"; cat "$dev/../iommu_group/type"' >"$GUEST_DIR/$1.iommu"
	cat "$GUEST_DIR/$1.iommu"
	[ "$(tr '\n' ' ' <"$GUEST_DIR/$1.iommu")" = "1 DMA " ]
}

# Two guests on a bridge on which the host is 10.99.0.100: g1 is 10.99.0.1, g2 the next.
both_up()
{
	guest_wait g1 && guest_wait g2 && guest_net g1 10.99.0.1/24 &&
		guest_net g2 10.99.0.2/24
}

# Each guest pings the other and the host.
all_ping()
{
	guest_run g1 30 "ping -q -c 5 -W 3 10.99.0.2 && ping -q -c 5 -W 3 10.99.0.100" &&
		guest_run g2 30 "ping -q -c 5 -W 3 10.99.0.1 && ping -q -c 5 -W 3 10.99.0.100"
}
