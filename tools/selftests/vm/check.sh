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

stage images "$vm/image.sh" "$build_kernel" 6.1 7.3 forky
stage lint make -s --no-print-directory -C "$top" lint
stage check-fast make -s --no-print-directory -C "$top" check-fast
# The gate is the same script on every kernel: once is enough to check it.
mapfile -t others < <(make -s --no-print-directory -C "$top/tools/selftests" list |
	sed 's/\.sh$//' | grep -vx vm/selfcheck)
for k in "${kernels[@]}"; do
	if [ "$k" = "$build_kernel" ]; then
		stage "vm-$k" "$vm/run.sh" "$k"
	else
		stage "vm-$k" "$vm/run.sh" "$k" "${others[@]}"
	fi
done
echo "# check: $SECONDS s"
"$vm/ktap.sh" "$results"/*
