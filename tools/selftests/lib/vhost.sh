# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The vhost device under test, its counters, and the tap's own.
# VHOST_DEV=/dev/vhost-net runs a test on the in-tree device, which has no counters.
# shellcheck source=tools/selftests/lib/ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/ktap.sh"

VHOST_DEV=${VHOST_DEV:-/dev/vhostx}

# Every queue of vhostx, a line each: key=value key=value...
all_queues()
{
	"$(dirname "${BASH_SOURCE[0]}")/../netlink/queues"
}

has_counters()
{
	[ "$VHOST_DEV" != /dev/vhost-net ]
}

# Move the test into a network namespace of its own: it can reach only what it makes.
enter_netns()
{
	if [ "${VHOSTX_NETNS:-}" != "$$" ]; then
		export VHOSTX_NETNS=$$
		exec unshare --net -- bash "$0" "$@"
	fi
	ip link set lo up
	sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 ||
		true
}

need_device()
{
	[ -c "$VHOST_DEV" ] || ktap_skip_all "no $VHOST_DEV"
}

# The process that owns a tap's vhost devices, set by who starts it.
declare -A queue_owner

queue_owner_is()
{
	queue_owner[$1]=$2
}

# queues AWK-CONDITION TAP: the lines of that tap's queues for which it holds; inside,
# field["key"] has the values.
queues()
{
	all_queues | awk -v pid="${queue_owner[$2]:-none}" '
		{
			split("", field)
			for (i = 1; i <= NF; i++) {
				at = index($i, "=")
				field[substr($i, 1, at - 1)] = substr($i, at + 1)
			}
		}
		field["pid"] == pid && ('"$1"')'
}

# counter TAP rx|tx KEY: the sum over that tap's queues.
counter()
{
	queues 'field["queue"] == "'"$2"'"' "$1" |
		grep -o "\<$3=[0-9]*" | awk -F= '{ sum += $2 } END { printf "%d\n", sum }'
}

# queue_count TAP STATE: how many of that tap's queues are in a state.
queue_count()
{
	queues 'field["state"] == "'"$2"'"' "$1" | wc -l
}

# link_counter LINK rx|tx bytes|packets: as the host sees it (the guest's tx is the tap's rx).
link_counter()
{
	tr ":" " " <"/proc/$$/net/dev" | awk -v link="$1" -v what="$2$3" '
		BEGIN {
			column["rxbytes"] = 2
			column["rxpackets"] = 3
			column["rxdropped"] = 5
			column["txbytes"] = 10
			column["txpackets"] = 11
			column["txdropped"] = 13
		}
		$1 == link { print $column[what] }'
}

# Where the three books stood before a piece of traffic: vhostx's counters, the tap's
# statistics and, when a guest is named, those of its NIC.
declare -A mark_book

# book TAP rx|tx BOOK: packets so far, in the guest's sense of the direction.
book()
{
	local other

	case $3 in
	vhostx) counter "$1" "$2" packets ;;
	tap)
		other=$([ "$2" = rx ] && echo tx || echo rx)
		link_counter "$1" "$other" packets
		;;
	*) guest_run "$3" 10 "cat /sys/class/net/eth0/statistics/$2_packets" ;;
	esac
}

# mark TAP [GUEST]: remember the books, at a moment when nothing moves.
mark()
{
	marked_guest=${2:-}
	has_counters || return 0
	wait_for 20 mark_still "$1" || note "$1 is never quiet"
}

# Read every book; fails when a packet passed meanwhile.
mark_still()
{
	local tap=$1 queue name

	for queue in rx tx; do
		for name in vhostx tap $marked_guest; do
			mark_book[$tap.$queue.$name]=$(book "$tap" $queue "$name")
		done
		mark_book[$tap.$queue.bytes]=$(counter "$tap" $queue bytes)
	done
	[ "$(moved "$tap" rx vhostx)$(moved "$tap" tx vhostx)" = 00 ]
}

# moved TAP rx|tx BOOK: packets since mark.
moved()
{
	echo $(($(book "$1" "$2" "$3") - mark_book[$1.$2.$3]))
}

# All books say the same; the guest counts a sent packet once it is reclaimed, so some lag.
books_agree()
{
	local tap=$1 queue=$2 packets guest

	packets=$(moved "$tap" "$queue" vhostx)
	[ "$packets" -eq "$(moved "$tap" "$queue" tap)" ] || return 1
	[ -n "$marked_guest" ] || return 0
	guest=$(moved "$tap" "$queue" "$marked_guest")
	if [ "$queue" = rx ]; then
		[ "$packets" -eq "$guest" ]
	else
		[ "$packets" -ge "$guest" ] && [ "$packets" -le $((guest + 256)) ]
	fi
}

# went_through TAP rx|tx PACKETS BYTES: vhostx moved at least that since mark, and the tap
# and the guest say so too.
went_through()
{
	local tap=$1 queue=$2 packets bytes name

	# A busy guest takes what waits in the tap long after its sender has ended.
	if ! wait_for 20 books_agree "$tap" "$queue"; then
		for name in vhostx tap $marked_guest; do
			echo "$queue packets since mark by $name: $(moved "$tap" "$queue" "$name")"
		done
		queues 1 "$tap"
		return 1
	fi
	packets=$(moved "$tap" "$queue" vhostx)
	bytes=$(($(counter "$tap" "$queue" bytes) - mark_book[$tap.$queue.bytes]))
	echo "$queue: $packets packets, $bytes bytes; wanted $3 packets, $4 bytes"
	[ "$packets" -ge "$3" ] && [ "$bytes" -ge "$4" ]
}

# rings TAP FORMAT QUEUES: so many of that tap's queues run with rings of that format.
rings()
{
	local running='field["state"] == "running"' found

	found=$(queues "$running && field[\"ring\"] == \"$2\"" "$1" | wc -l)
	echo "$found queues have $2 rings"
	[ "$found" -eq "$3" ]
}

# healthy TAP QUEUES: so many queues run, none is broken, nothing was dropped for a bad frame.
healthy()
{
	local key queue bad=0

	for queue in rx tx; do
		for key in drop_hdr drop_short drop_empty drop_dir drop_addr drop_fault \
			   drop_size broken; do
			if [ "$(counter "$1" $queue $key)" -ne 0 ]; then
				echo "$queue $key=$(counter "$1" $queue $key)"
				bad=1
			fi
		done
	done
	if [ "$(queue_count "$1" running)" -ne "$2" ]; then
		echo "$(queue_count "$1" running) queues run, not $2:"
		all_queues
		bad=1
	fi
	return $bad
}

# A point that only vhostx can pass or fail.
check_counters()
{
	if has_counters; then
		check "$@"
	else
		skip "$1" "$VHOST_DEV has no counters"
	fi
}

# none_left TAP: the devices behind that tap are closed.
none_left()
{
	[ "$(queues 1 "$1" | wc -l)" -eq 0 ]
}
