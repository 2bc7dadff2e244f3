#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Write performance.rst, and in performance/ its plots and the figures themselves.
# Usage: report.sh RESULTS DIRECTORY
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
results=$1
document=$2/performance.rst
plots=$2/performance
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

value()
{
	jq -r "$1" "$results"
}

# csv_table WIDTHS TITLES: standard input as a table.
csv_table()
{
	printf '\n.. csv-table::\n   :header: %s\n   :widths: %s\n\n' "$2" "$1"
	sed 's/^/   /'
	echo
}

table()
{
	jq -r -L "$here" --arg table "$1" -f "$here/tables.jq" "$results"
}

points()
{
	jq -r --arg plot "$1" --arg case "$2" -f "$here/points.jq" "$results"
}

# plot NAME AXIS SETTING CASE...: cost over what the axis is; each case on both devices.
plot()
{
	local name=$1 axis=$2 setting=$3 curve lines=() color=0
	shift 3

	for curve in "$@"; do
		points "${curve%%:*}" "${curve#*:}" >"$work/$name.$color"
		color=$((color + 1))
		lines+=("'$work/$name.$((color - 1))' using 1:2 with linespoints lc $color dt 2 pt 6
			title 'vhost-net, ${curve#*:}${scattered[${curve%%:*}]:-}'"
			"'$work/$name.$((color - 1))' using 1:3 with linespoints lc $color dt 1 pt 7
			title 'vhostx, ${curve#*:}${scattered[${curve%%:*}]:-}'")
	done
	gnuplot <<-END
		set terminal svg size 760,480 font "sans,12" background rgb "white"
		set output "$plots/$name.svg"
		set xlabel "$axis"
		set ylabel "instructions of the worker per packet"
		set yrange [0:*]
		set grid ytics
		set key below
		$setting
		plot $(IFS=,; echo "${lines[*]}" | tr '\n' ' ')
	END
}

declare -A scattered=([scattered]=", scattered")

plot_ratios()
{
	local number

	points ratios "" >"$work/ratios"
	number=$(wc -l <"$work/ratios")
	gnuplot <<-END
		set terminal svg size 760,$((number * 16 + 80)) font "sans,11" background rgb "white"
		set output "$plots/ratios.svg"
		set datafile separator "\t"
		set xlabel "vhostx to vhost-net"
		set xrange [0:1.2]
		set yrange [-1:$number]
		set grid xtics ytics
		set arrow from 1, graph 0 to 1, graph 1 nohead lw 2
		unset key
		plot "$work/ratios" using 2:0:ytic(1) with points pt 7 ps 0.7 title "ratios"
	END
}

instructions_table()
{
	table "$1" | csv_table "34, 11, 9, 16, 11, 9, 16" \
		"case, vhost-net, vhostx, ratio, \"vhost-net, no init\", \"vhostx, no init\", \"ratio, no init\""
}

# repeats SHARE: so many of the ratios of instructions spread no further, in per cent.
repeats()
{
	jq -r --argjson share "$1" '[.instructions[].ratio.vhostx | (.high / .low - 1) * 100] |
		sort | .[length * $share | floor] * 10 | ceil / 10' "$results"
}

losing()
{
	jq -r -L "$here" -f "$here/goals.jq" "$results" | awk -F '\t' '$1 == "  loses" { print "* " $3 }'
}

# Percent of the time that the worker of $1 runs while $2 is measured.
share()
{
	value "def of(\$what): .guests[] | select(.what == \$what).devices[\"$1\"].median;
		of(\"$2\") * of(\"CPU of $2\") / 10000 | round"
}

# figure DEVICE WHAT: its median in guests.
figure()
{
	value ".guests[] | select(.what == \"$2\").devices[\"$1\"].median | round"
}

write_document()
{
	cat <<-END
	.. SPDX-License-Identifier: GPL-2.0-only
	.. Made by "make bench".

	===========
	Performance
	===========

	vhostx $(value .version) beside the in-tree vhost-net of Linux $(value .kernel). \`\`make bench\`\` measures
	it all afresh, \`\`make bench QUICK=1\`\` what the goals ask for. The figures themselves are in
	\`\`performance/results.json\`\`.

	How it is measured
	==================

	A ratio is vhostx's figure to vhost-net's, of the same kernel and the same run: below 1
	vhostx is better where the figure is a cost, above 1 where it is a rate. The two take
	turns, sample by sample, and each sample is compared with the other's of the same turn. The
	ratio is the median of those; in parentheses are the quartiles, of three samples or less the
	lowest and the highest.

	*Instructions.* A host in QEMU that counts each instruction as a nanosecond: the run time of
	the worker, divided by its packets, is its instructions per packet. Here half of the ratios
	repeat within $(repeats 0.5) %, nine of ten within $(repeats 0.9) %. A driver of a few hundred lines
	posts a burst, kicks and sleeps; the worker then finds all of it, and does not poll.
	Instructions are not time: caches and branches cost nothing here, and each byte that is
	copied or cleared by a string instruction costs one, far more than on hardware. So a frame of
	65000 bytes is all copy, and a kernel that clears what it allocates (\`\`init_on_alloc\`\`,
	Debian's default) makes a larger difference than it would: "no init" is the same with
	\`\`init_on_alloc=0\`\`.

	*Native.* User Mode Linux, in which a host is a process and executes at the machine's own
	speed, with its caches and branches. It has one processor, does not clear the memory it
	hands out, and reaches a user's memory by walking the page table, at each access. Run time is
	what the kernel's trace of its switches says of a quarter of a second of bursts. The machine's
	speed changes by as much as a factor of two from one minute to the next, for both: hence the
	turns.

	*Wall clock.* Guests that differ in their back end alone run side by side in an emulated
	host of two processors. Emulation makes such figures noise: one sample can be several times
	the next, and those of one host are closer to each other than to another's. So there are many
	short ones by turns, and only a ratio whose quartiles are both on the same side of 1 says
	anything. Each sample asserts that vhostx has counted the packets that the tap has.
$(value 'if .guests_older then
	"The wall-clock figures are of an earlier state of vhostx than the instructions." else "" end')

	Goals
	=====

	By wall clock a goal is reached by the median; "unclear" says that its limit lies between the
	quartiles.
	END
	jq -r -L "$here" -f "$here/goals.jq" "$results" | jq -rR '. / "\t" | select(.[0] != "  loses") | @csv' |
		csv_table "30, 16, 40, 14" "goal, limit, measured,"
	cat <<-END
	Where vhostx loses
	------------------

	END
	losing | grep . || echo "Nowhere in what was measured."
	cat <<-END

	Instructions per packet
	=======================

	A case is named by direction, bytes of a frame, burst; for TX by what becomes of the frame,
	which an XDP program drops or the stack takes; and by all in which it is not as usual: one
	descriptor in a direct chain, one memory region, one queue pair, a split ring with event
	index. 65000 bytes are one frame to be segmented.

	.. image:: performance/ratios.svg
	   :alt: all ratios

	TX
	--
	END
	instructions_table tx
	echo "RX"
	echo "--"
	instructions_table rx
	cat <<-END
	Chains, regions, queues, IOTLB, order
	-------------------------------------

	"N regions" alone are those of a guest whose memory is all in the last; "scattered" has
	each frame in another region than the one before it. Each queue pair has a worker; the
	cost is that of all, by packet.
	END
	instructions_table more
	cat <<-END
	.. [#plain] vhost-net of this kernel has no such rings: beside it stands its split ring.

	Cost against burst
	------------------

	.. image:: performance/burst.svg
	   :alt: cost over the frames of a burst

	Cost against queue pairs
	------------------------

	.. image:: performance/queues.svg
	   :alt: cost over the queue pairs

	Cost against memory regions
	---------------------------

	.. image:: performance/regions.svg
	   :alt: cost over the regions of the memory table

	Nanoseconds per packet
	======================

	The same at the machine's own speed, in the same words.
	END
	table native | csv_table "40, 14, 14, 26" "case, \"vhost-net, ns\", \"vhostx, ns\", ratio"
	cat <<-END
	An access to a user's memory is a call here, of the same cost for two bytes or sixty. vhostx
	makes more of them than vhost-net, which copies: two for a descriptor, two for an entry of
	the used ring. On x86 these are an instruction each, within one window for a batch. So this
	instrument is to vhostx's disadvantage, most where chains are long: the tables of four
	descriptors, which cost it less than vhost-net by instructions.

	Guests, by wall clock
	=====================
	END
	table guests | csv_table "28, 8, 10, 10, 20, 10, 20" \
		"figure, samples, vhost-net, vhostx, ratio, \"vhostx, packed\", ratio"
	cat <<-END
	CPU is the run time of what carries the packets, for a gigabit of frames, for a frame of
	pktgen's or for a request and its answer: the worker's, QEMU's main thread's or testpmd's.

	vhostx polls as it does by default, adaptively for 100 us at most, but for the figures with
	"no polling", and with "adaptive polling", which is for 10 ms at most.

	pktgen's rate is the guest's: vhost-net's worker runs for $(share vhost-net "pktgen, 60 bytes") % of that time, vhostx's for
	$(share vhostx "pktgen, 60 bytes") %. The guest's processor is emulated, and pays for each kick and each interrupt by an
	exit. Without polling a worker that is done sooner sleeps sooner and is kicked more often,
	so vhostx loses there. A worker that polls is seldom kicked, and TX then puts interrupts off.

	So is TCP's to the host: the guest's processor runs nearly all the time, vhost-net's worker for
	$(share vhost-net "TCP, guest to host") %, vhostx's for $(share vhostx "TCP, guest to host") %. Frames of 64 KiB cost vhostx half, and again it is done sooner:
	of 7450 frames of 46 KiB on average the guest had 4830 kicks and 9260 interrupts on
	vhostx, and 1590 to 2370 kicks and 3800 to 5210 interrupts on vhost-net. Tried, and left out:

	* To interrupt 50 us late after long frames: half of TX's interrupts are gone, and the rate was
	  1.04, 1.09 and 0.95 for 0.92 to 1.03. But a timer for each such frame costs 4100
	  instructions, which on a host that does not clear memory is more than vhostx gains.
	* To poll on and let others run meanwhile, instead of making way for them: 1.14 to the host
	  with polling for 1 ms, but 0.96 from it, with 12 % more of the worker's time.

	Of TCP from the host both back ends' time is copying, $(share vhost-net "TCP, guest from host") % and $(share vhostx "TCP, guest from host") % of the time.

	Of a request and its answer the worker's is $(figure vhost-net "CPU of request/response, no polling") us with vhost-net and $(figure vhostx "CPU of request/response, no polling") us with vhostx, both
	ways, of $(figure vhost-net "request/response, no polling, p50") us in all: the rest is the guest, KVM, the scheduler and the one that asks. Of
	vhostx's, four fifths are the scheduler's, the tap's and the network stack's, as the last
	table here says. So what vhostx saves is less than the spread.

	The three threads have two processors: polling makes way for whoever could use its own, but
	not for who waits for the other, and nothing is gained by it; it costs $(figure vhostx "CPU of request/response, adaptive polling") us of the worker's time.

	UDP from the host is a flood, of which the guest takes little: its processor is busy taking
	frames in, and the socket's reader gets less of it the faster they come. QEMU and DPDK, which
	are slower, give it more.

	Others beside vhost-net
	-----------------------

	QEMU is its own virtio-net. DPDK is testpmd between its vhost-user and tap ports, without
	segmentation offload: it polls on one of the host's two processors, and stands still while
	others are measured. Both have a fourth of the samples.
	END
	table peers | csv_table "28, 8, 10, 10, 20, 10, 20" \
		"figure, samples, vhost-net, QEMU, ratio, DPDK, ratio"
	cat <<-END
	Idle
	====
	END
	table idle | csv_table "50, 20, 20" "figure, vhost-net, vhostx"
	cat <<-END
	Of memory each figure is the kernel's growth by 64 devices with two queues of 256 each,
	their workers and eventfds included, divided by 64.

	Polling
	=======

	A driver in a process of the host posts a frame of 100 bytes, waits for it by looking, and
	does something else for 100 us; then nothing at all for 3 s. The worker has a processor
	to itself, and may poll for 1000 us. "fixed" and "adaptive" are modes of its queues.
	END
	table polling | csv_table "30, 10, 10, 20, 10, 20" \
		"figure, off, fixed, ratio, adaptive, ratio"
	cat <<-END
	Counting
	========

	With what counts left out of the module, the worker takes 0.1 % fewer instructions per
	packet in bursts of 64 frames and more, and 0.4 to 0.6 % where each frame is a burst (TX
	64 bytes, drop: 3694 for 3716; RX: 3592 for 3610).

	Where a packet's instructions go
	================================

	Each packet's, on a host that does not clear the memory it hands out (\`\`make profile\`\`): those
	that both workers execute in functions that both call, which are the scheduler's, the tap's,
	the network stack's and the allocator's; and what each executes besides, in itself and in
	functions that the other calls less or not at all. All that ran on the
	worker's stack is counted, also what its run time leaves out of a switch, so the ratios are
	somewhat above those of the tables.

	.. csv-table::
	   :file: performance/profile.csv
	   :widths: 34, 16, 18, 16, 16
	   :header: case, "both alike", "vhost-net besides", "vhostx besides", ratio of all

	Where each frame is a burst, most of it wakes and schedules two threads. Thought of, and left
	out: to turn kicks on as soon as what was fetched is sent, without another look at the ring,
	which is some 70 instructions. Frames that come while one is sent would then go one by one,
	each with a flush and a signal of its own.

	Not measured
	============

	* Bursts of one frame at the machine's own speed: User Mode Linux takes tens of
	  microseconds for a system call or a switch of threads, beside which a packet is little.
	* Guests on hardware that has KVM.
	END
}

mkdir -p "$plots"
cp "$results" "$plots/results.json"
plot burst "frames of a burst" "set logscale x 2" "burst:tx drop" "burst:tx stack" "burst:rx ring"
plot queues "queue pairs" "set xrange [0:9]" "queues:tx drop" "queues:rx ring"
plot regions "memory regions" "set logscale x 2; set xrange [0.8:800]; set xtics (1, 16, 509)" \
	"regions:tx drop" "scattered:tx drop" "regions:rx ring" "scattered:rx ring"
plot_ratios
write_document >"$document.new"
mv "$document.new" "$document"
