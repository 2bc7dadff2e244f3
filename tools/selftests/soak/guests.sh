#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016,SC2034,SC2154 # expressions of awk; shared with what it sources
# For VHOSTX_SOAK seconds guests come, move between QEMUs, are reset, stopped and killed; their
# devices take other layouts, workers and tunables; beside them a device is never left alone,
# see churn.c. All under traffic whose every byte is checked. In the end neither memory nor
# latency has grown.
set -u
# shellcheck source=tools/selftests/lib/journey.sh
. "$(dirname "$0")/../lib/journey.sh"
# shellcheck disable=SC1091 # where the lab has it
. /opt/vhostx/vm/runner

guest_test 7 "$@"

soak=${VHOSTX_SOAK:-120}
interval=$((soak / 18 < 60 ? soak / 18 + 1 : 60))
# A life is so many rounds, after which nothing but the churn is there, and is measured.
ROUNDS=2
layouts=(split pool device)
ends=(killed quits reset rebound halted)
# KiB that the kernel may use more in the last third than in the first.
slack=$((${GATE_SLACK:-16384} / 2))
# Bytes each way that a visitor's stream is to carry, beside that of the guest that stays.
ENOUGH=65536
# Too few to compare thirds of.
FEW=6
work=$(mktemp -d)
churn=
progress=
other=
rounds=0
lives=0
erred=0
# Bytes that arrived whole at one end or the other, of streams that have ended.
checked=0

# step NAME COMMAND...: its words show when it fails.
step()
{
	"${@:2}" >"$work/step" 2>&1 && return
	note "$(tail -n 25 "$work/step")"
	note "life $lives, round $rounds, not so: $1"
	return 1
}

finish()
{
	local pid

	for pid in $progress $churn $other; do
		kill -9 "$pid" 2>/dev/null
	done
	journey_end
	rm -rf "$work"
}

count()
{
	checked=$((checked + $1))
	echo "rounds=$rounds lives=$lives checked=$checked" >"$work/count"
}

# order KIND ID SETTING...: what an operator sets.
order()
{
	nsenter --net=/proc/1/ns/net vhostx "$1" set "${@:2}"
}

# devices TAP: their numbers.
devices()
{
	queues 'field["queue"] == "rx"' "$1" | sed -E 's/^dev=([0-9]+) .*/\1/'
}

# ordered TAP LAYOUT: its devices take that layout, and its queues a few tunables.
ordered()
{
	local dev

	for dev in $(devices "$1"); do
		order dev "$dev" layout "$2" &&
			order queue "$dev/tx" batch $((1 + rounds % 64)) weight $((64 + rounds % 512)) &&
			order queue "$dev/rx" poll-mode fixed poll-us $((rounds % 30)) || return 1
	done
}

visitor_streams()
{
	kill -9 "$other" 2>/dev/null && wait "$other" 2>/dev/null
	../qemu/stream listen 10.99.0.1 7001 "$RATE" 0 "$work/visitor" &
	other=$!
	wait_for 10 grep -q ':1B59 .* 0A ' "/proc/$$/net/tcp" || return 1
	guest_net visitor 10.99.0.3/24 &&
		guest_run visitor 10 "killall -9 stream; stream connect 10.99.0.1 7001 $RATE 0 \
			/tmp/stream & sleep 1"
}

visitor_received()
{
	[ "$(in_guest visitor stream | status received)" -ge "$ENOUGH" ] &&
		[ "$(status received <"$work/visitor")" -ge "$ENOUGH" ]
}

# A stream both ways, by vhostx's own counters.
visitor_carries()
{
	local rx tx

	rx=$(counter vm0 rx bytes)
	tx=$(counter vm0 tx bytes)
	visitor_streams || return 1
	wait_for 60 visitor_received
	if ! told running in_guest visitor stream || ! told running cat "$work/visitor" ||
		! visitor_received; then
		all_queues
		return 1
	fi
	rx=$(($(counter vm0 rx bytes) - rx))
	tx=$(($(counter vm0 tx bytes) - tx))
	count $(($(in_guest visitor stream | status received) + $(status received <"$work/visitor")))
	echo "vhostx: rx $rx tx $tx bytes"
	[ "$rx" -ge "$ENOUGH" ] && [ "$tx" -ge "$ENOUGH" ] && healthy vm0 2 && used_vhost visitor
}

killed()
{
	kill -9 "${guest_pid[visitor]}"
	guest_close visitor
}

quits()
{
	guest_quit visitor
}

reset()
{
	guest_monitor visitor system_reset
	guest_wait visitor && visitor_carries && killed
}

rebound()
{
	# shellcheck disable=SC2016 # the guest expands it
	guest_run visitor 20 'pci=$(basename $(readlink -f /sys/class/net/eth0/device/..));
		cd /sys/bus/pci/drivers/virtio-pci && echo $pci >unbind &&
		test ! -e /sys/class/net/eth0 && echo $pci >bind && test -e /sys/class/net/eth0' &&
		visitor_carries && quits
}

none_run()
{
	[ "$(queue_count vm0 running)" -eq 0 ]
}

halted()
{
	guest_monitor visitor stop
	wait_for 10 none_run || return 1
	guest_monitor visitor cont
	visitor_carries && killed
}

# A guest comes, works, and ends in one of the ways.
visit()
{
	local end=${ends[rounds % ${#ends[@]}]} props=

	[ $((rounds % 2)) = 0 ] || props=packed=on
	guest_start visitor 1 vm0 1 "$props"
	step "a visitor comes" guest_wait visitor &&
		step "its stream is whole" visitor_carries &&
		step "its layout changes under the stream" ordered vm0 "${layouts[rounds % 3]}" &&
		step "$end under the stream" "$end" &&
		step "its queues are gone" wait_for 10 none_left vm0 || return 1
	kill -9 "$other" 2>/dev/null
	wait "$other" 2>/dev/null
	other=
	rm -f "$GUEST_DIR"/visitor.*
	echo "$end" >>"$work/ends"
}

settles()
{
	guest_net "$guest" 10.99.0.2/24 && { [ "$pairs" = 1 ] || set_pairs; } && stream_starts
}

moves()
{
	local next

	land /dev/vhostx
	guest_migrate "$guest" "$next" "$HOP_LIMIT" && guest=$next
}

# The guest that stays for some rounds, and moves in each.
live()
{
	local i said

	lives=$((lives + 1))
	pairs=$((1 + lives % 2))
	format="split"
	props=
	if [ $((lives / 2 % 2)) = 1 ]; then
		format="packed"
		props=packed=on
	fi
	hop=0
	for tap in vx1 vx0; do
		tap_add $tap $pairs
		ip link set $tap master br0
	done
	guest=g$((++guests))
	guest_start "$guest" $pairs vx0 $pairs "$props"
	step "a guest comes" guest_wait "$guest" && step "its stream starts" settles || return 1
	for ((i = 0; i < ROUNDS; i++)); do
		visit &&
			step "the guest's layout changes" ordered "$tap" "${layouts[rounds % 3]}" &&
			step "it moves" moves && step "its stream goes on" carries &&
			step "its memory holds" memory_holds || return 1
		rounds=$((rounds + 1))
		count 0
	done
	step "its stream ends, every byte arrived" stream_ends &&
		step "its memory is as it was written" dirty_ends || return 1
	said=$(in_guest "$guest" stream)
	count $(($(status received <<<"$said") + $(status received <"$host_status")))
	status gap <"$host_status" >>"$work/gaps"
	step "it leaves" guest_quit "$guest" && step "its queues are gone" wait_for 10 none_left "$tap"
}

# After a life nothing of a guest is left.
leave()
{
	[ -z "${stream:-}" ] || kill -9 "$stream" 2>/dev/null
	wait "${stream:-}" 2>/dev/null
	stream=
	[ -z "$other" ] || kill -9 "$other" 2>/dev/null
	other=
	guest_kill_all
	ip link del vx0
	ip link del vx1
}

threads()
{
	cat /proc/[0-9]*/task/[0-9]*/comm 2>/dev/null | grep -c '^vhost-'
}

# Have churn say how it is since it last did.
churn_says()
{
	local lines

	lines=$(wc -l <"$work/churn")
	kill -USR1 "$churn" &&
		wait_for 40 more_lines "$work/churn" "$lines"
}

more_lines()
{
	[ "$(wc -l <"$1")" -gt "$2" ]
}

# Of a moment when no guest is there: how long frames took, and the kernel's own KiB, those of
# its slab, free ones, vhost threads, open files.
measure()
{
	gate_nap 3
	churn_says && gate_nap 5
	churn_says && tail -n 1 "$work/churn" >>"$work/quiet"
	gate_files
	awk -v used="$(gate_memory)" -v threads="$(threads)" -v files="$files" '
		/^(Shmem|AnonPages|PageTables):/ { used -= $2 }
		/^(MemAvailable|SUnreclaim):/ { of[$1] = $2 }
		END { print used, of["SUnreclaim:"], of["MemAvailable:"], threads, files }
	' /proc/meminfo >>"$work/measures"
}

# A line a minute, whatever the guests do.
tell()
{
	local minute=0

	while :; do
		gate_nap 60
		minute=$((minute + 1))
		note "minute $minute: $(cat "$work/count") $(tail -n 1 "$work/churn")" \
			"stream=$(status received <"$host_status" 2>/dev/null)" \
			"$(awk '/^(MemAvailable|Slab):/ { printf "%s%d KiB ", $1, $2 }' /proc/meminfo)" \
			"vhost-threads=$(threads) files=$(cut -f 1 /proc/sys/fs/file-nr)"
	done
}

churn_runs()
{
	nice -n 1 ./churn "$interval" >"$work/churn" 2>"$work/churn.err" &
	churn=$!
	wait_for $((2 * interval + 30)) grep -q frames= "$work/churn"
}

churning()
{
	kill -0 "$churn" || cat "$work/churn.err"
	kill -0 "$churn"
}

# Whatever a life did; one that the emulator broke does not count, unless that becomes usual.
all_lives()
{
	local end=$((SECONDS + soak))

	while [ "$SECONDS" -lt "$end" ]; do
		if ! live; then
			ends_record "$GUEST_DIR"
			emulator_erred "$GUEST_DIR" && [ $((++erred * 5)) -le $((lives + 5)) ] || return 1
			note "the emulated processor broke a guest: another one"
		fi
		leave
		rm -f "$GUEST_DIR"/{g[0-9]*,visitor.*,ends}
		ends_watch
		measure
		step "the device beside them is sound" churning &&
			step "no word in the kernel's log" sound || return 1
	done
	[ "$lives" -gt "$erred" ]
}

sound()
{
	local said

	said=$(gate_offences)
	echo "$said"
	[ -z "$said" ]
}

churn_ends()
{
	kill "$churn"
	wait "$churn"
	local status=$?

	churn=
	tail -n 1 "$work/churn"
	cat "$work/churn.err"
	return "$status"
}

nothing_left()
{
	threads
	all_queues
	[ "$(threads)" = 0 ] && [ -z "$(all_queues)" ]
}

# thirds FILE EXPRESSION: the medians of the first third of a file's lines and of the last;
# in the expression field["key"] has the values, $1 and so on the columns.
thirds()
{
	awk "$(cat <<'END'
		function median(from, to,	i, j, n, swap, s) {
			for (i = from; i < to; i++)
				s[n++] = value[i]
			for (i = 0; i < n; i++)
				for (j = i + 1; j < n; j++)
					if (s[j] < s[i]) {
						swap = s[i]; s[i] = s[j]; s[j] = swap
					}
			return s[int((n - 1) / 2)]
		}
		{
			for (i = 1; i <= NF; i++) {
				at = index($i, "=")
				field[substr($i, 1, at - 1)] = substr($i, at + 1)
			}
		}
END
	)"'
		{ value[lines++] = '"$2"' }
		END {
			third = int(lines / 3)
			print median(0, third), median(lines - third, lines)
		}' "$1"
}

# flat WHAT FILE EXPRESSION FACTOR MORE: the last third is at most so many times the first,
# and so much more.
flat()
{
	local first last

	read -r first last < <(thirds "$2" "$3")
	echo "$1: $first at first, $last at last"
	[ -n "$last" ] && awk -v a="$first" -v b="$last" -v factor="$4" -v more="$5" \
		'BEGIN { exit !(b <= a * factor + more) }'
}

memory_is_flat()
{
	cat "$work/measures"
	flat "the kernel's own KiB" "$work/measures" '$1' 1 "$slack" &&
		flat "of its slab" "$work/measures" '$2' 1 $((slack / 2)) &&
		flat "KiB that are not available" "$work/measures" '-$3' 1 $((2 * slack)) &&
		flat "vhost threads" "$work/measures" '$4' 1 2 &&
		flat "open files" "$work/measures" '$5' 1 16
}

# By what two threads take to wake each other, as the machine has other work too.
latency_is_flat()
{
	cat "$work/quiet"
	flat "a frame's median time, in wakes" "$work/quiet" \
		'field["p50"] / (field["wake"] + 1)' 2 0 &&
		flat "the slowest of a hundred, in wakes" "$work/quiet" \
			'field["p99"] / (field["wake"] + 1)' 4 0
}

# check_flat NAME FILE COMMAND
check_flat()
{
	if [ "$(wc -l <"$2")" -lt $FEW ]; then
		skip "$1" "only $(wc -l <"$2") looks"
	else
		check "$1" "$3" && note "$(grep ' at first, ' "$ktap_log")"
	fi
}

trap finish EXIT
: >"$work/ends"
: >"$work/gaps"
: >"$work/measures"
: >"$work/quiet"
count 0
journey_start
tap_add vm0
ip link set vm0 master br0
check "a device that is never left alone" churn_runs || ktap_bail "$(cat "$work/churn.err")"
tell &
progress=$!
check_said=ok
all_lives || check_said=nok
kill "$progress"
wait "$progress" 2>/dev/null
progress=
$check_said "for $soak s guests come, move, are reset and killed, each byte whole"
leave 2>/dev/null
note "rounds $rounds, lives $lives ($erred broken by the emulator), $((checked >> 20)) MiB of" \
	"guests whole; ends: $(sort "$work/ends" | uniq -c | awk '{ printf "%s %d, ", $2, $1 }')"
note "longest silences of a stream, ms: $(sort -n "$work/gaps" | tail -n 3 | tr '\n' ' ')"
note "churn: $(tail -n 1 "$work/churn")"
note "worst frame, us: $(grep -o 'worst=[0-9]*' "$work/churn" | sort -t = -k 2 -n | tail -n 1)"
check "the device beside them lost no frame" churn_ends
check "nothing is left of them" wait_for 10 nothing_left
check_flat "memory, threads and files are flat" "$work/measures" memory_is_flat
check_flat "latency is flat" "$work/quiet" latency_is_flat
check "no word in the kernel's log" sound
ktap_finish
