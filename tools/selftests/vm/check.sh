#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything the project is judged by; the last lines say what failed and count all points.
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

# What runs beside each other; each brings the images that it needs.
job()
{
	case $1 in
	lint)
		stage images "$vm/image.sh" "${kernels[@]}" forky
		stage lint make -s --no-print-directory -C "$top" lint
		stage check-fast make -s --no-print-directory -C "$top" check-fast
		;;
	"$build_kernel")
		stage "vm-$1" "$vm/run.sh" "$1"
		;;
	*)
		stage "image-$1" "$vm/image.sh" "$1"
		# The gate is the same script on every kernel: once is enough to check it.
		stage "vm-$1" "$vm/run.sh" "$1" "${others[@]}"
		;;
	esac
}

# Wait for one; what it found wrong it has said, unless it died.
job_end()
{
	wait -n || echo "not ok 1 a job ended with status $?" | tee -a "$results/jobs"
}

stage "image-$build_kernel" "$vm/image.sh" "$build_kernel"
mapfile -t others < <(make -s --no-print-directory -C "$top/tools/selftests" list |
	sed 's/\.sh$//' | grep -vx vm/selfcheck)
# An emulated host keeps less than one CPU busy: two jobs at a time, their lines marked.
for name in "$build_kernel" 6.1 7.3 lint; do
	[ "$(jobs -rp | wc -l)" -lt 2 ] || job_end
	job "$name" | sed -u "s/^/$name: /" &
done
while [ -n "$(jobs -rp)" ]; do
	job_end
done
echo "# check: $SECONDS s"
"$vm/ktap.sh" -l "$results"/*
