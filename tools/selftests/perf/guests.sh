#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Wall clock, in L1: guests that differ in their back end alone run side by side, and take
# turns, sample by sample. Prints a line of JSON for each sample; progress on standard error.
# Usage: guests.sh [-q] [-n HOST] {packets | streams | latency}...
#	-q: the short run, without peers
#	-n: the host's number, by which its samples are told from other hosts'
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. /opt/vhostx/selftests/lib/traffic.sh

PORT=7001
# Of a sample; iperf3 knows seconds only.
MS=500
IDLE_SECONDS=10
# The most that an operator can set: an emulated guest takes milliseconds to answer.
POLL_US=10000
# Those that are compared; peers come beside them.
mine=(vhost-net vhostx)
peers=()
quick=
failed=
bad=0
pmd=
declare -A device=([vhost-net]=/dev/vhost-net [vhostx]=/dev/vhostx [qemu]=none
	[vhostx-packed]=/dev/vhostx [dpdk]=unix:/tmp/dpdk.sock)
# By guest.
declare -A threads
declare -A subnet=([vhost-net]=10.99.1 [vhostx]=10.99.2 [qemu]=10.99.3
	[dpdk]=10.99.4 [vhostx-packed]=10.99.5)
declare -A properties=([vhostx-packed]=packed=on)

progress()
{
	printf '%4d s  %s\n' $SECONDS "$*" >&2
}

fail()
{
	echo "guests: $*" >&2
	tail -n 5 "$GUEST_DIR"/*.qemu "$GUEST_DIR"/*.console "$GUEST_DIR"/*.last >&2 2>/dev/null
	exit 1
}

# A sample that was none: what is compared with it is left out.
bad()
{
	progress "$*"
	bad=$((bad + 1))
	return 1
}

# say WHAT UNIT GUEST ROUND VALUE
say()
{
	if [ -z "$5" ]; then
		bad "$3: no figure for $1"
		return
	fi
	printf '{"kind":"guest","what":"%s","unit":"%s","device":"%s","round":%d,"value":%s}\n' "$@"
}

# Everything between two samples is emulated, too: what a shell can read itself starts no
# process.

# Threads that carry a guest's packets: the worker, QEMU's main loop, or all of testpmd's.
find_threads()
{
	local pid=${guest_pid[$1]}

	case $1 in
	qemu) threads[$1]=$pid ;;
	dpdk) threads[$1]=$(ls "/proc/$pmd/task") ;;
	*) threads[$1]=$(pgrep -w -x "vhost-$pid") ;;
	esac || fail "$1: no worker"
}

# Nanoseconds that they ran, in ran.
run_time()
{
	local thread ns

	ran=0
	for thread in ${threads[$1]}; do
		read -r ns _ <"/proc/$thread/schedstat" || fail "$1: its worker is gone"
		ran=$((ran + ns))
	done
}

# Times that they went to sleep or had to let others run, in switched.
switches()
{
	local thread key number

	switched=0
	for thread in ${threads[$1]}; do
		while read -r key number; do
			[[ $key != *ctxt_switches: ]] || switched=$((switched + number))
		done <"/proc/$thread/status"
	done
}

# What the tap has counted of the guest's tx or rx, in packets and bytes.
tap_counted()
{
	local name rx_bytes rx_packets tx_bytes tx_packets

	while read -r name rx_bytes rx_packets _ _ _ _ _ _ tx_bytes tx_packets _; do
		[ "$name" = "t-$1:" ] || continue
		if [ "$2" = tx ]; then
			packets=$rx_packets bytes=$rx_bytes
		else
			packets=$tx_packets bytes=$tx_bytes
		fi
	done <"/proc/$$/net/dev"
}

# The same by vhostx itself, in counted.
vhostx_counted()
{
	local line

	counted=0
	while read -r line; do
		[[ $line = *"pid=${guest_pid[$1]} "*"queue=$2 "* && $line =~ \ packets=([0-9]+) ]] ||
			continue
		counted=${BASH_REMATCH[1]}
	done < <(all_queues)
}

# QEMU falls back to its own virtio in silence: vhostx has counted all that the tap has since
# the books were opened, and vhost-net's worker ran.
open_books()
{
	vhostx_counted "$1" "$2"
	tap_counted "$1" "$2"
	run_time "$1"
	opened=("$ran" "$packets" "$bytes" "$counted")
}

# Leaves what ran and what passed in ran, packets and bytes.
close_books()
{
	run_time "$1"
	tap_counted "$1" "$2"
	vhostx_counted "$1" "$2"
	ran=$((ran - opened[0])) packets=$((packets - opened[1])) bytes=$((bytes - opened[2]))
	counted=$((counted - opened[3]))
	if [ "$packets" -lt 10 ]; then
		bad "$1: $packets packets by the tap"
		return
	fi
	[ "$ran" -gt 0 ] || fail "$1: nothing that carries its packets ran"
	[ "${device[$1]}" = /dev/vhostx ] || return 0
	# Some pass between the two looks, and a batch counts when the tap has all of it.
	[ "$counted" -gt 0 ] && [ $(((counted + 64) * 100)) -ge $((packets * 99)) ] && return
	fail "$1: the tap counted $packets packets, vhostx $counted"
}

# pktgen_rate GUEST ROUND NAME: small frames that a guest's gets rid of, and what they cost the host.
pktgen_rate()
{
	open_books "$1" tx
	pktgen_for "$1" "$MS" >"$GUEST_DIR/pktgen.last" || bad "$1: pktgen" || return
	close_books "$1" tx || return
	say "$3" "packets/s" "$1" "$2" \
		"$(grep -o '[0-9]*pps' "$GUEST_DIR/pktgen.last" | tr -d ps)"
	say "CPU of $3" us/packet "$1" "$2" "$((ran / packets))e-3"
}

sample_pktgen()
{
	pktgen_rate "$1" "$2" "pktgen, 60 bytes"
}

sample_pktgen_no_polling()
{
	pktgen_rate "$1" "$2" "pktgen, 60 bytes, no polling"
}

# Of iperf3, what its receiver says, in Mb/s.
received_rate()
{
	awk '/ receiver *$/ {
		for (i = 2; i <= NF; i++)
			if ($i == "Mbits/sec")
				rate = $(i - 1)
	} END { print rate }' "$GUEST_DIR/iperf3.last"
}

# stream GUEST ROUND NAME tx|rx ARGUMENT...: one connection, and what it cost the host.
stream()
{
	local guest=$1 round=$2 name=$3 way=$4 net=${subnet[$1]}
	local -a iperf=(iperf3 -f m -t 1 --connect-timeout 9000 "${@:5}")

	open_books "$guest" "$way"
	if [ "$way" = tx ]; then
		guest_run "$guest" $TRAFFIC_LIMIT "${iperf[*]} -c $net.1"
	else
		timeout $TRAFFIC_LIMIT "${iperf[@]}" -c "$net.2"
	fi >"$GUEST_DIR/iperf3.last" || bad "$guest: $name $way" || return
	close_books "$guest" "$way" || return
	name+=", guest $([ "$way" = tx ] && echo "to host" || echo "from host")"
	say "$name" Mb/s "$guest" "$round" "$(received_rate)"
	say "CPU of $name" ms/Gb "$guest" "$round" \
		"$((ran * 1000 / (bytes * 8 / 1000)))e-3"
}

sample_tcp_tx()
{
	stream "$1" "$2" TCP tx
}

sample_tcp_rx()
{
	stream "$1" "$2" TCP rx
}

sample_udp_tx()
{
	stream "$1" "$2" UDP tx -u -b 0 -l 1400
}

sample_udp_rx()
{
	stream "$1" "$2" UDP rx -u -b 0 -l 1400
}

# latency GUEST ROUND NAME
latency()
{
	local said

	open_books "$1" rx
	said=$(timeout 30 /opt/vhostx/selftests/perf/latency ask "${subnet[$1]}.2" $PORT $((2 * MS))) ||
		bad "$1: no answers" || return
	close_books "$1" rx || return
	say "$3, p50" us "$1" "$2" "$(grep -oE 'p50=[0-9.]+' <<<"$said" | cut -c5-)"
	say "$3, p99" us "$1" "$2" "$(grep -oE 'p99=[0-9.]+' <<<"$said" | cut -c5-)"
	say "CPU of $3" us/request "$1" "$2" "$((ran / packets))e-3"
}

# Whether a guest is there still: the emulator loses one now and then, whatever its back end is.
answers()
{
	timeout 30 /opt/vhostx/selftests/perf/latency ask "${subnet[$1]}.2" $PORT 100 >/dev/null
}

sample_latency()
{
	latency "$1" "$2" request/response
}

sample_latency_no_polling()
{
	latency "$1" "$2" "request/response, no polling"
}

sample_latency_polling()
{
	latency "$1" "$2" "request/response, adaptive polling"
}

# poll MODE [ARGUMENT...]: all queues of vhostx, which else are as they come; vhost-net's never do.
poll()
{
	local line

	while read -r line; do
		[[ $line =~ dev=([0-9]+)\ .*queue=([rt]x)\  ]] || fail "no queue: $line"
		nsenter --net=/proc/1/ns/net vhostx queue set \
			"${BASH_REMATCH[1]}/${BASH_REMATCH[2]}" poll-mode "$@" ||
			fail "no polling: $line"
	done < <(all_queues)
}

# All are idle at once.
sample_idle()
{
	local guest
	local -A before run

	for guest in "${mine[@]}" "${peers[@]}"; do
		run_time "$guest"
		switches "$guest"
		run[$guest]=$ran before[$guest]=$switched
	done
	sleep $IDLE_SECONDS
	for guest in "${mine[@]}" "${peers[@]}"; do
		run_time "$guest"
		switches "$guest"
		say "idle guest, wake-ups" "in $IDLE_SECONDS s" "$guest" "$1" \
			$((switched - before[$guest]))
		say "idle guest, CPU" "us in $IDLE_SECONDS s" "$guest" "$1" \
			$(((ran - run[$guest]) / 1000))
	done
}

# series ROUNDS NAME: the guests by turns, the other way round each second time; peers have each
# fourth turn.
series()
{
	local round guest order before bad=0

	progress "$2, $1 samples by each of ${mine[*]}"
	for ((round = first; round < first + $1; round++)); do
		order=("${mine[@]}")
		[ $((round % 4)) != 0 ] || order+=("${peers[@]}")
		if [ $(((round + round / 4) % 2)) = 1 ]; then
			mapfile -t order < <(printf '%s\n' "${order[@]}" | tac)
		fi
		for guest in "${order[@]}"; do
			pmd_only_for "$guest"
			before=$bad
			"sample_$2" "$guest" "$round"
			[ "$bad" = "$before" ] || answers "$guest" ||
				fail "$guest: it answers no more"
		done
	done
	if [ "$bad" -gt $(($1 / 4)) ]; then
		progress "$2: $bad samples were none"
		failed=yes
	fi
}

pmd_ready()
{
	[ -S "${device[dpdk]#unix:}" ] && ip link show t-dpdk >/dev/null 2>&1
}

# DPDK's vhost-user back end, and its own way to a tap.
start_pmd()
{
	# Open for as long as testpmd runs: the end of its input would end it.
	mkfifo "$GUEST_DIR/dpdk.in"
	exec {pmd_in}<>"$GUEST_DIR/dpdk.in"
	dpdk-testpmd --lcores 0@0,1@1 --no-pci --no-telemetry --no-shconf --no-huge -m 128 \
		--vdev="net_vhost0,iface=${device[dpdk]#unix:}" --vdev="net_tap0,iface=t-dpdk" -- \
		-i --auto-start --forward-mode=io --total-num-mbufs=8192 \
		<&"$pmd_in" >"$GUEST_DIR/dpdk.last" 2>&1 &
	pmd=$!
	wait_for 60 pmd_ready || fail "testpmd does not start"
	ip link set t-dpdk up
}

# It polls, so it stands still while another guest is measured.
pmd_only_for()
{
	[ -n "$pmd" ] || return 0
	if [ "$1" = dpdk ]; then
		kill -CONT "$pmd"
	else
		kill -STOP "$pmd"
	fi
}

start()
{
	VHOST_DEV=${device[$1]}
	case $1 in
	dpdk) start_pmd ;;
	*) tap_add "t-$1" ;;
	esac
	ip addr add "${subnet[$1]}.1/24" dev "t-$1"
	guest_start "$1" 1 "t-$1" 1 "${properties[$1]:-}"
	guest_wait "$1" || fail "$1: the guest did not boot"
	guest_net "$1" "${subnet[$1]}.2/24" || fail "$1: the guest's NIC did not come up"
	# No question for an address while others are measured.
	ip neigh replace "${subnet[$1]}.2" lladdr "$(guest_mac "$1")" dev "t-$1"
	[ ! -c "$VHOST_DEV" ] || used_vhost "$1" || fail "$1: QEMU goes without vhost"
	serve_guest "$1"
	[ "$1" != vhostx-packed ] || rings "t-$1" packed 2 >/dev/null || fail "$1: the rings are not"
	find_threads "$1"
	guest_run "$1" 10 "latency serve $PORT </dev/null >/dev/null 2>&1 & sleep 1"
	progress "the guest on $1 is up"
}

finish()
{
	kill "$serve_pid" 2>/dev/null
	guest_kill_all
	[ -z "$pmd" ] || kill -9 "$pmd"
	rm -rf "${guest_tools:?}"
}

measure_packets()
{
	local round

	for ((round = first; round < first + idle; round++)); do
		sample_idle "$round"
	done
	series "$many" pktgen
	peers=()
	poll off
	series "$many" pktgen_no_polling
}

measure_streams()
{
	series "$some" tcp_tx
	series "$some" tcp_rx
	[ -z "$quick" ] || return 0
	series "$some" udp_tx
	series "$some" udp_rx
}

measure_latency()
{
	[ -n "$quick" ] || series "$some" latency
	peers=()
	poll off
	series "$some" latency_no_polling
	poll adaptive poll-us $POLL_US
	series "$some" latency_polling
}

idle=1 many=8 some=5 first=0
while getopts qn: option; do
	case $option in
	q) quick=yes many=16 some=12 ;;
	n) first=$((OPTARG * 100)) ;;
	*) exit 2 ;;
	esac
done
enter_netns "$@"
shift $((OPTIND - 1))
guest_tools /opt/vhostx/selftests/perf/latency
serve_host
trap finish EXIT
if [ -z "$quick" ]; then
	mine+=(vhostx-packed)
	peers=(qemu dpdk)
fi
for guest in "${mine[@]}" "${peers[@]}"; do
	start "$guest"
done
sleep 3
for what; do
	[ $# = 1 ] || poll vmm
	"measure_$what"
done
progress "done"
[ -z "$failed" ]
