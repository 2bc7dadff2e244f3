# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest that moves between QEMUs while it dirties memory and a checked TCP connection carries
# data both ways.
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "${BASH_SOURCE[0]}")/traffic.sh"

RATE=1000000
KEEP=1048576
MORE=262144
HOP_LIMIT=120
# vhost-net of 6.1 has no VIRTIO_F_RING_RESET: a guest that uses it cannot move there.
case $(uname -r) in
6.1.*) props=queue_reset=off ;;
*) props= ;;
esac
host_status=
format="split"
guests=0

# The bridge that the guest's taps are on, and what runs in the guest.
journey_start()
{
	# Rewritten all the time: on the 9p of the logs Linux 6.12 may retry to read it for ever.
	host_status=$(mktemp)
	guest_tools ../qemu/stream ../qemu/dirty
	ip link add br0 type bridge
	ip link set br0 up
	ip addr add 10.99.0.1/24 dev br0
}

journey_end()
{
	[ -z "${stream:-}" ] || kill -9 "$stream" 2>/dev/null
	guest_kill_all
	[ -z "$host_status" ] || mv "$host_status" "$GUEST_DIR/stream"
	rm -rf "${guest_tools:?}"
}

# place DEVICE: the guest that starts next on $tap has it.
place()
{
	VHOST_DEV=$1
}

stream_is()
{
	told "$1" in_guest "$guest" stream && told "$1" cat "$host_status"
}

stream_starts()
{
	../qemu/stream listen 10.99.0.1 7000 "$RATE" 0 "$host_status" &
	stream=$!
	wait_for 10 grep -q ':1B58 .* 0A ' "/proc/$$/net/tcp" || return 1
	guest_run "$guest" 10 "stream connect 10.99.0.1 7000 $RATE $KEEP /tmp/stream &
		dirty 4 1000 /tmp/dirty &" && wait_for 10 stream_is running
}

# received_since GUEST-BYTES HOST-BYTES: each end has received, and checked, as much.
received_since()
{
	[ "$(in_guest "$guest" stream | status received)" -ge "$1" ] &&
		[ "$(status received <"$host_status")" -ge "$2" ]
}

# All that was under way when this began, kept unread in the guest or not, arrives; and more.
stream_goes_on()
{
	local host other

	stream_is running || return 1
	host=$(status sent <"$host_status")
	other=$(in_guest "$guest" stream | status sent)
	wait_for 30 received_since $((host + MORE)) $((other + MORE)) && return
	stream_is running
	return 1
}

dirtied()
{
	[ "$(in_guest "$guest" dirty | status pages)" -ge "$1" ]
}

# A whole round looks at every page.
memory_holds()
{
	local more=$(($(in_guest "$guest" dirty | status pages) + 1024))

	told running in_guest "$guest" dirty && wait_for 30 dirtied "$more" && told running in_guest "$guest" dirty
}

# run_time PID: nanoseconds that the vhost threads of a process ran.
run_time()
{
	local thread

	for thread in $(pgrep -w -x "vhost-$1"); do
		cat "/proc/$thread/schedstat"
	done | awk '{ sum += $1 } END { printf "%d\n", sum }'
}

# The stream's own check, and that it is this device that carries it.
carries()
{
	local pid=${queue_owner[$tap]} rx tx ran

	used_vhost "$guest" || return 1
	rx=$(counter "$tap" rx bytes)
	tx=$(counter "$tap" tx bytes)
	ran=$(run_time "$pid")
	stream_goes_on || return 1
	rx=$(($(counter "$tap" rx bytes) - rx))
	tx=$(($(counter "$tap" tx bytes) - tx))
	ran=$(($(run_time "$pid") - ran))
	echo "vhostx: rx $rx tx $tx bytes; the vhost thread ran $ran ns"
	[ "$ran" -gt 0 ] || return 1
	if has_counters; then
		[ "$rx" -ge "$MORE" ] && [ "$tx" -ge "$MORE" ] && healthy "$tap" $((2 * pairs)) &&
			rings "$tap" "$format" $((2 * pairs))
	else
		[ "$rx" -eq 0 ] && [ "$tx" -eq 0 ] && none_left "$tap"
	fi
}

# The guest sends from each CPU, so on each queue, and is answered there.
every_pair()
{
	local cpu

	for ((cpu = 0; cpu < pairs; cpu++)); do
		guest_run "$guest" 60 "taskset -c $cpu ping -q -c 30 -i 0.05 -W 5 10.99.0.1" ||
			return 1
	done
	has_counters || return 0
	pairs_moved rx && pairs_moved tx
}

pairs_moved()
{
	local busy

	busy=$(queues 'field["queue"] == "'"$1"'" && field["packets"] + 0 >= 20' "$tap" | wc -l)
	echo "$busy $1 queues moved packets"
	[ "$busy" -eq "$pairs" ]
}

# land DEVICE: a new QEMU waits on the other tap, as $next.
land()
{
	device=$1
	next=g$((++guests))
	tap=vx$((++hop % 2))
	place "$device"
	guest_start "$next" "$pairs" "$tap" "$pairs" "$props" "$guest"
}

# hop DEVICE: there.
hop()
{
	local what="$((hop + 1)), ${device#/dev/} to ${1#/dev/}" next

	land "$1"
	check "hop $what: completes" guest_migrate "$guest" "$next" $HOP_LIMIT ||
		ktap_bail "the guest is lost"
	guest=$next
	check "hop $what: the stream goes on, by this device" carries ||
		ktap_bail "the guest is not what it was"
	check "hop $what: memory holds" memory_holds ||
		ktap_bail "the guest is not what it was"
	[ "$pairs" = 1 ] || check "hop $what: every queue pair moves packets" every_pair

	note "$(migrate_figure total) ms, $(migrate_figure down) ms of them down"
}

# Both ends finish, and each received all that the other sent.
stream_ends()
{
	kill "$stream"
	# A guest that hangs never ends its side.
	wait_end 30 "$stream" || return 1
	stream=
	wait_for 10 stream_is "done" &&
		received_since "$(status sent <"$host_status")" \
			"$(in_guest "$guest" stream | status sent)"
}

dirty_ends()
{
	# shellcheck disable=SC2016 # the guest expands it
	guest_run "$guest" 10 'kill $(pidof dirty)' && wait_for 10 told "done" in_guest "$guest" dirty
}

set_pairs()
{
	guest_run "$guest" 10 "ethtool -L eth0 combined $pairs"
}

# journey TIMES BORN PAIRS DEVICE...: the life of a guest, which moves to each of the devices.
journey()
{
	local i next

	device=$2
	pairs=$3
	hop=0
	guest=g$((++guests))
	for tap in vx1 vx0; do
		tap_add $tap "$pairs"
		ip link set $tap master br0
	done
	place "$device"
	guest_start "$guest" "$pairs" vx0 "$pairs" "$props"
	guest_wait "$guest" || ktap_bail "the guest did not boot"
	check "the guest's NIC comes up" guest_net "$guest" 10.99.0.2/24
	[ "$pairs" = 1 ] || check "the driver takes $pairs queue pairs" set_pairs
	check "a stream starts" stream_starts || ktap_bail "no stream"
	check "it goes on, by ${device#/dev/}" carries
	check "memory is dirtied" memory_holds
	[ "$pairs" = 1 ] || check "every queue pair moves packets" every_pair
	for ((i = 0; i < $1; i++)); do
		for next in "${@:4}"; do
			hop "$next"
		done
	done
	check "the stream ends, every byte arrived" stream_ends
	check "every page holds what was written to it" dirty_ends
	note "longest silence at the host: $(status gap <"$host_status") ms"
	! has_counters ||
		check "no queue broke, no frame was refused" healthy "$tap" $((2 * pairs))
	check "QEMU quits" guest_quit "$guest"
	ip link del vx0
	ip link del vx1
}
