#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest moves between two QEMUs: vhostx to vhostx, to vhost-net and back, VHOSTX_HOPS times
# each, while it dirties memory and a checked TCP connection carries data both ways.
set -u
# shellcheck source=tools/selftests/lib/guest.sh
. "$(dirname "$0")/../lib/guest.sh"

HOPS=${VHOSTX_HOPS:-1}
RATE=1000000
KEEP=1048576
MORE=262144
HOP_LIMIT=60
# vhost-net of 6.1 has no VIRTIO_F_RING_RESET: a guest that uses it cannot move there.
case $(uname -r) in
6.1.*) props=queue_reset=off ;;
*) props= ;;
esac
host_status=$GUEST_DIR/stream

guest_test $((9 * HOPS + 8)) "$@"
[ -c /dev/vhost-net ] || ktap_skip_all "no /dev/vhost-net"

finish()
{
	[ -z "${stream:-}" ] || kill -9 "$stream" 2>/dev/null
	guest_kill_all
	rm -rf "${guest_tools:?}"
}

# value KEY: from a status line; 0 where it has none.
value()
{
	grep -oE "\<$1=[0-9]+" | cut -d = -f 2 | grep . || echo 0
}

in_guest()
{
	guest_run "$guest" 10 "cat /tmp/$1"
}

# told STATE COMMAND...: whether that is what it says; what it says shows in any case.
told()
{
	local said

	said=$("${@:2}")
	echo "${*:2}: $said"
	[[ $said = "state=$1 "* ]]
}

stream_is()
{
	told "$1" in_guest stream && told "$1" cat "$host_status"
}

stream_starts()
{
	../qemu/stream listen 10.99.0.1 7000 "$RATE" 0 "$host_status" &
	stream=$!
	wait_for 10 grep -q ':1B58 .* 0A ' "/proc/$$/net/tcp" || return 1
	guest_run "$guest" 10 "stream connect 10.99.0.1 7000 $RATE $KEEP /tmp/stream &
		dirty 4 1000 /tmp/dirty & sleep 1" && stream_is running
}

# received_since GUEST-BYTES HOST-BYTES: each end has received, and checked, as much.
received_since()
{
	[ "$(in_guest stream | value received)" -ge "$1" ] &&
		[ "$(value received <"$host_status")" -ge "$2" ]
}

# All that was under way when this began, kept unread in the guest or not, arrives; and more.
stream_goes_on()
{
	local host other

	stream_is running || return 1
	host=$(value sent <"$host_status")
	other=$(in_guest stream | value sent)
	wait_for 30 received_since $((host + MORE)) $((other + MORE)) && return
	stream_is running
	return 1
}

dirtied()
{
	[ "$(in_guest dirty | value pages)" -ge "$1" ]
}

# A whole round looks at every page.
memory_holds()
{
	local more=$(($(in_guest dirty | value pages) + 1024))

	told running in_guest dirty && wait_for 30 dirtied "$more" && told running in_guest dirty
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
	local pid=${guest_pid[$guest]} rx tx ran

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
		[ "$rx" -ge "$MORE" ] && [ "$tx" -ge "$MORE" ]
	else
		[ "$rx" -eq 0 ] && [ "$tx" -eq 0 ] && none_left "$tap"
	fi
}

# hop DEVICE: to a new QEMU on the other tap.
hop()
{
	local what="$((++hops)), ${VHOST_DEV#/dev/} to ${1#/dev/}" next

	VHOST_DEV=$1
	next=g$((hops + 1))
	tap=vx$((hops % 2))
	guest_start "$next" 1 "$tap" 1 "$props" "$guest"
	check "hop $what: completes" guest_migrate "$guest" "$next" $HOP_LIMIT ||
		ktap_bail "the guest is lost"
	guest=$next
	check "hop $what: the stream goes on, by this device" carries ||
		ktap_bail "the guest is not what it was"
	check "hop $what: memory holds" memory_holds

	note "$(migrate_figure total) ms, $(migrate_figure down) ms of them down"
}

# Both ends finish, and each received all that the other sent.
stream_ends()
{
	kill "$stream"
	wait "$stream" || return 1
	stream=
	wait_for 10 stream_is "done" &&
		received_since "$(value sent <"$host_status")" \
			"$(in_guest stream | value sent)"
}

dirty_ends()
{
	# shellcheck disable=SC2016 # the guest expands it
	guest_run "$guest" 10 'kill $(pidof dirty)' && wait_for 10 told "done" in_guest dirty
}

trap finish EXIT
guest_tools ../qemu/stream ../qemu/dirty
ip link add br0 type bridge
ip link set br0 up
ip addr add 10.99.0.1/24 dev br0
for tap in vx1 vx0; do
	tap_add $tap
	ip link set $tap master br0
done

hops=0
guest=g1
guest_start g1 1 vx0 1 "$props"
guest_wait g1 || ktap_bail "the guest did not boot"
check "the guest's NIC comes up" guest_net g1 10.99.0.2/24
check "a stream starts" stream_starts || ktap_bail "no stream"
check "it goes on, by vhostx" carries
check "memory is dirtied" memory_holds
for ((i = 0; i < HOPS; i++)); do
	hop /dev/vhostx
	hop /dev/vhost-net
	hop /dev/vhostx
done
check "the stream ends, every byte arrived" stream_ends
check "every page holds what was written to it" dirty_ends
note "longest silence at the host: $(value gap <"$host_status") ms"
check "no queue broke, no frame was refused" healthy "$tap" 2
check "QEMU quits" guest_quit "$guest"

ktap_finish
