#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measure vhostx beside vhost-net in hosts of the lab, and say which goals are reached. The
# status says whether the measuring worked, not what came out.
# Usage: bench.sh [-q | -i | -n | -p | -g] [K]	all; writes Documentation/performance.rst and what is with it
#	 -q: the cases of the goals alone, in some minutes; writes no documentation
#	 -p: polling alone; the documentation keeps all other figures
#	 -g: guests alone, likewise
#	 -n: the machine's own speed alone, likewise
#	 -i: instructions alone; the documentation keeps its wall-clock figures, as older ones
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/../vm/lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
l1=/opt/vhostx/selftests/perf
quick=
only=
while getopts qinpg option; do
	case $option in
	q) quick=yes ;;
	i) only=instructions ;;
	n) only=native ;;
	p) only=polling ;;
	g) only=guests ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
k=${1:-$build_kernel}
failed=

# Is the part $1 wanted?
wanted()
{
	[ -z "$only" ] || [ "$only" = "$1" ]
}

# part NAME KERNEL COMMAND [VARIABLE=VALUE...]: a host that runs COMMAND; what it measures
# goes to a file, what else it says to whoever waits.
part()
{
	local name=$1 kernel=$2 command=$3 line
	shift 3

	say "$name: a host with Linux $kernel starts, $SECONDS s after the command"
	if ! env "$@" "$vm/run.sh" -c "$command" "$kernel" | while IFS= read -r line; do
		case $line in
		'{'*) echo "$line" >>"$work/$name" ;;
		*) echo "$name: $line" ;;
		esac
	done; then
		say "$name: not all of it could be measured"
		return 1
	fi
}

# guests HOST WHAT...: in a host of their own; once more where that fails. The emulator of a host
# with many guests falls now and then, whatever carries their packets.
guests()
{
	local name=guests-$2-$1
	local command="bash $l1/guests.sh ${quick:+-q} -n $*"

	part "$name" "$k" "$command" && return
	say "$name: once more"
	rm -f "$work/$name"
	part "$name" "$k" "$command" || failed=yes
}

table()
{
	local goal limit measured verdict

	printf '\n%-63s%-20s%-13s%s\n' goal limit '' measured
	while IFS=$'\t' read -r goal limit measured verdict; do
		printf '%-63s%-20s%-13s%s\n' "$goal" "$limit" "$verdict" "$measured"
	done < <(jq -r -L "$here" -f "$here/goals.jq" "$1")
}

host_packages=(jq gnuplot-nox:gnuplot)
prepare_host
work=$(mktemp -d "$cache/bench.XXXXXX")
compiler=
trap '[ -z "$compiler" ] || kill -- -"$compiler"; rm -rf "$work"' EXIT
# The other processor compiles meanwhile: a count of instructions does not change by that.
if [ -z "$quick$only" ]; then
	"$vm/image.sh" "$k" >/dev/null
	setsid "$vm/image.sh" um-native >/dev/null &
	compiler=$!
fi
export VHOSTX_RUN_LIMIT=${VHOSTX_RUN_LIMIT:-3000}
if wanted instructions; then
	part instructions "$k" "bash $l1/instructions.sh ${quick:+-q}" VHOSTX_ICOUNT=1 ||
		failed=yes
	part instructions-no-init "$k" "bash $l1/instructions.sh ${quick:+-q}" VHOSTX_ICOUNT=1 \
		"VHOSTX_APPEND=init_on_alloc=0 ${VHOSTX_APPEND:-}" || failed=yes
fi
[ -z "$compiler" ] || wait "$compiler" || say "no kernel of the machine's own speed"
compiler=
[ -n "$quick" ] || ! wanted native || part native um-native "bash $l1/native.sh" || failed=yes
! wanted polling || part polling "$k" "$l1/poll" || failed=yes
if wanted guests; then
	if [ -n "$quick" ]; then
		guests 0 packets streams latency
	else
		# One host's samples are closer to each other than to another host's.
		for host in 0 1 2; do
			for what in packets streams latency; do
				guests "$host" "$what"
			done
		done
	fi
fi

results=$cache/bench-$k${quick:+-quick}.json
jq -s --arg version "$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")" \
	--arg quick "$quick" -f "$here/results.jq" "$work"/* >"$work/results"
old=(--slurpfile old "$top/Documentation/performance/results.json")
case $only in
instructions)
	jq "${old[@]}" '.guests = $old[0].guests | .polling = $old[0].polling |
		.native = $old[0].native | .guests_older = true' "$work/results" ;;
native) jq "${old[@]}" '.native as $new | $old[0] | .native = $new' "$work/results" ;;
polling) jq "${old[@]}" '.polling as $new | $old[0] | .polling = $new' "$work/results" ;;
guests)
	jq "${old[@]}" '.guests as $new | $old[0] | .guests = $new | .guests_older = false' \
		"$work/results" ;;
*) cat "$work/results" ;;
esac >"$results"
[ -n "$quick$failed" ] || "$here/report.sh" "$results" "$top/Documentation"
table "$results"
say "figures: $results; $SECONDS s in all"
[ -z "$failed" ]
