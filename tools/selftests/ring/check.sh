#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build and run the ring tests: here where a compiler with the sanitizers and
# kselftest's harness are, else in the lab's image. Usage: check.sh OUTPUT
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../vm
output=$1
mkdir -p "$output"
output=$(cd "$output" && pwd)

# Whether this host can build the tests without the image.
able()
{
	[ -n "$(make -s --no-print-directory -C "$here" harness)" ] &&
		echo 'int main(void) { return 0; }' |
		${CC:-cc} -fsanitize=address,undefined -o "$output/able" -xc - 2>/dev/null
}

run=(make -s --no-print-directory -C "$here" -j2)
if able; then
	run+=("OUTPUT=$output")
else
	unset CC
	run=("$vm/chroot.sh" -b "$output:/out" 6.12 "${run[@]}" OUTPUT=/out/image)
fi

status=0
"${run[@]}" all
"${run[@]}" run 2>&1 | tee "$output/ktap" || status=$?
"$vm/ktap.sh" "$output/ktap" || status=$?
exit "$status"
