#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything the project is judged by; the last line counts all points.
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_host
results=$(mktemp -d "$cache/check.XXXXXX")
trap 'rm -rf "$results"' EXIT

# Run the stage $1, the rest of the arguments; what it counts goes to the total. A stage
# that fails without saying in what is one failed point.
stage()
{
	local name=$1 start=$SECONDS status=0
	shift

	echo "# $name"
	"$@" 2>&1 | tee "$results/$name" || status=$?
	echo "# $name: $((SECONDS - start)) s"
	if [ "$status" != 0 ] && ! grep -q '^ *not ok' "$results/$name"; then
		echo "not ok 1 $name ended with status $status" | tee -a "$results/$name"
	fi
}

# The tests in a kernel; the gate is the same script on each, once is enough to check it.
kernel()
{
	if [ "$1" = "$build_kernel" ]; then
		stage "vm-$1" "$vm/run.sh" "$1"
	else
		stage "vm-$1" "$vm/run.sh" "$1" "${others[@]}"
	fi
}

stage images "$vm/image.sh" "$build_kernel" 6.1 7.3 forky
stage lint make -s --no-print-directory -C "$top" lint
stage check-fast make -s --no-print-directory -C "$top" check-fast
mapfile -t others < <(make -s --no-print-directory -C "$top/tools/selftests" list |
	sed 's/\.sh$//' | grep -vx vm/selfcheck)
# An emulated host keeps less than one CPU busy: two at a time, their lines marked.
for k in "${kernels[@]}"; do
	[ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n
	kernel "$k" | sed -u "s/^/$k: /" &
done
wait
echo "# check: $SECONDS s"
"$vm/ktap.sh" "$results"/*
