#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build and run the tests of a directory without a kernel: here where a compiler with the
# sanitizers and what its make harness looks for are, else in the lab's image.
# Usage: check.sh OUTPUT [DIRECTORY [GOAL]]	DIRECTORY is this one unless said otherwise;
# another GOAL than its tests is only made
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../vm
output=$1
tests=${2:-$here}
mkdir -p "$output"
output=$(cd "$output" && pwd)

# Whether this host can build the tests without the image.
able()
{
	[ -n "$(make -s --no-print-directory -C "$tests" harness)" ] &&
		echo 'int main(void) { return 0; }' |
		${CC:-cc} -fsanitize=address,undefined -o "$output/able" -xc - 2>/dev/null
}

run=(make -s --no-print-directory -C "$tests" -j2)
if able; then
	run+=("OUTPUT=$output")
else
	unset CC
	run=("$vm/chroot.sh" -b "$output:/out" 6.12 "${run[@]}" OUTPUT=/out/image)
fi

if [ $# -gt 2 ]; then
	"${run[@]}" "$3"
	exit
fi
status=0
"${run[@]}" all
"${run[@]}" run 2>&1 | tee "$output/ktap" || status=$?
"$vm/ktap.sh" "$output/ktap" || status=$?
exit "$status"
