#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The command vhostx beside a guest: what it counts is what the tap counts, to the packet;
# it hears queues start and stop; an order changes a queue while packets flow.
set -u
# shellcheck source=tools/selftests/lib/ctl.sh
. "$(dirname "$0")/../lib/ctl.sh"

type -P vhostx >/dev/null || ktap_skip_all "no vhostx"
guest_test 16 "$@"

# The device of the guest's QEMU.
guest_dev()
{
	value '[d["id"] for d in v["dev"] if d.get("owner_pid") == '"${guest_pid[g1]}"'][0]' dev show
}

described()
{
	ctl dev show "$id"
	value_is "running vx0 qemu-system-x86 $(stat -Lc %i "/proc/$$/ns/net") True" \
		'" ".join(str(v["dev"][0][k]) for k in ("state", "ifname", "owner_comm", "netns_inode"))
		+ " " + str("version-1" in v["dev"][0]["features"])' dev show "$id"
}

# agrees rx|tx: the command and the tap, since the marks, and not by having seen nothing.
agrees()
{
	local other ctl tap

	[ "$1" = rx ] && other=tx || other=rx
	ctl=$(value 'v["queue"][0]["stats"]["packets"]' -s queue show "$id/$1")
	tap=$(link_counter vx0 "$other" packets)
	echo "$1: $((ctl - ctl_mark[$1])) by vhostx, $((tap - tap_mark[$1])) by the tap"
	[ $((ctl - ctl_mark[$1])) -gt 64 ] &&
		[ $((ctl - ctl_mark[$1])) -eq $((tap - tap_mark[$1])) ]
}

both_agree()
{
	wait_for 20 agrees rx && wait_for 20 agrees tx
}

declare -A ctl_mark tap_mark
set_marks()
{
	mark vx0 g1
	for queue in rx tx; do
		ctl_mark[$queue]=$(value 'v["queue"][0]["stats"]["packets"]' -s queue show "$id/$queue")
	done
	tap_mark[rx]=$(link_counter vx0 tx packets)
	tap_mark[tx]=$(link_counter vx0 rx packets)
}

# The histogram's batches are the counter's, and average-batch is of both.
batches_agree()
{
	value_is True 'all(sum(s["batch"].values()) == s["batches"] and
		abs(s["average_batch"] - s["packets"] / s["batches"]) < 0.06 for s in v["stats"])' \
		stats show "$id"
}

# While packets flow: no frame is lost by it, and the order holds.
ordered()
{
	tcp_tx g1 10.99.0.1 &
	local traffic=$! status=0

	for batch in 1 64 3; do
		ctl queue set "$id/tx" batch "$batch" weight 64 || status=1
		sleep 0.3
	done
	wait "$traffic" || status=1
	value_is "3 64" '"%d %d" % (v["queue"][0]["batch"], v["queue"][0]["weight"])' \
		queue show "$id/tx" && [ "$status" = 0 ]
}

# The one worker of a device runs both of its queues, and has a wish or two.
worker_ordered()
{
	local tid

	tid=$(value 'v["queue"][0]["worker"]' queue show "$id/tx")
	ctl worker show "$tid"
	value_is "$id/rx $id/tx" '" ".join(sorted(v["worker"][0]["queue"]))' worker show "$tid" &&
		value_is "${guest_pid[g1]}" 'v["worker"][0]["owner_pid"]' worker show "$tid" &&
		ctl worker set "$tid" nice -5 cpus 0 &&
		value_is "0 -5" '"%s %d" % (v["worker"][0]["cpus"], v["worker"][0]["nice"])' \
			worker show "$tid"
}

# Who runs the queues changes, and they with it.
layout_ordered()
{
	ctl dev set "$id" layout split || return 1
	value_is split 'v["dev"][0]["layout"]' dev show "$id" &&
		value_is 2 'len({q["worker"] for q in v["queue"]})' queue show "$id"
}

# Each end has all that the other sent, and every byte of it was right.
stream_whole()
{
	told "done" in_guest g1 stream && told "done" cat "$CTL_OUT/stream" &&
		[ "$(status received <"$CTL_OUT/stream")" = "$(in_guest g1 stream | status sent)" ] &&
		[ "$(in_guest g1 stream | status received)" = "$(status sent <"$CTL_OUT/stream")" ] &&
		[ "$(status sent <"$CTL_OUT/stream")" -gt 1000000 ]
}

# A TCP stream whose bytes are checked goes both ways while the worker changes its CPU.
worker_moves()
{
	local tid stream moves ms

	../qemu/stream listen 10.99.0.1 7000 2000000 0 "$CTL_OUT/stream" &
	stream=$!
	wait_for 10 grep -q ':1B58 .* 0A ' "/proc/$$/net/tcp" || return 1
	guest_run g1 10 "stream connect 10.99.0.1 7000 2000000 0 /tmp/stream & sleep 1"
	tid=$(value 'v["queue"][0]["worker"]' queue show "$id/tx")
	moves=0 ms=1
	read -r moves ms < <(../netlink/move "$tid" 5)
	echo "$moves moves in $ms ms"
	kill "$stream"
	wait_end 30 "$stream" || return 1
	wait_for 10 stream_whole && [ "$moves" -ge $((ms * 9 / 100)) ]
}

# What top says of a queue that works.
rates()
{
	tcp_rx g1 10.99.0.1 10.99.0.2 >/dev/null &
	local traffic=$!

	ctl -j top -n 2 >"$CTL_OUT/top"
	ctl top -b -n 1
	wait "$traffic"
	python3 -c '
import json, sys
rates = [r for line in sys.stdin for r in json.loads(line)["top"]
         if r["dev"] == int(sys.argv[1]) and r["queue"] == "rx"]
print(rates)
sys.exit(not any(r["pps"] > 10 and r["mbps"] > 0 and r["ifname"] == "vx0" and
                 r["cpu"] > 0 for r in rates))' "$id" <"$CTL_OUT/top"
}

guest_tools ../qemu/stream
tap_add vx0
ip addr add 10.99.0.1/24 dev vx0
serve_host
check "the monitor listens" listen
guest_start g1 1 vx0 1
guest_wait g1 || ktap_bail "the guest did not boot"
check "the guest's NIC comes up" guest_net g1 10.99.0.2/24
check "the monitor heard the device and its queues start" \
	wait_for 10 heard dev-add queue-start queue-start
id=$(guest_dev)
check "the device is described" described
serve_guest g1
set_marks
check "the guest sends" tcp_tx g1 10.99.0.1
traffic_note tcp_tx
check "command and tap agree" both_agree
set_marks
check "the guest receives" tcp_rx g1 10.99.0.1 10.99.0.2
traffic_note tcp_rx
check "command and tap agree once more" both_agree
check "batches add up" batches_agree
check "a worker takes orders" worker_ordered
check "a device takes another layout" layout_ordered
name="a stream loses nothing while the worker moves 100 times a second"
if [ "$(nproc)" -gt 1 ]; then
	check "$name" worker_moves
else
	skip "$name" "there is no second processor"
fi
set_marks
check "a queue takes orders while it works" ordered
check "and no packet is miscounted by it" both_agree
check "top sees a queue work" rates
guest_quit g1 || note "QEMU did not quit"
check "the monitor heard them stop" listen_end queue-stop queue-stop dev-del
rm -rf "$CTL_OUT" "${guest_tools:?}"
ktap_finish
