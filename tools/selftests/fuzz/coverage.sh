#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Which lines of the code under test the corpus reaches.
# Usage: coverage.sh OUTPUT TARGETS
set -euo pipefail

output=$1
read -ra targets <<<"$2"
here=$(cd "$(dirname "$0")" && pwd)
objects=()

rm -f "$output"/*.profraw
for target in "${targets[@]}"; do
	LLVM_PROFILE_FILE=$output/$target.profraw "$output/cov/$target" \
		-runs=0 -verbosity=0 "$here/corpus/$target" >"$output/cov-$target.log" 2>&1
	objects+=(-object "$output/cov/$target")
done
llvm-profdata merge -o "$output/corpus.profdata" "$output"/*.profraw
llvm-cov report "${objects[@]:1}" -instr-profile="$output/corpus.profdata" \
	-show-region-summary=false -show-branch-summary=true
llvm-cov show "${objects[@]:1}" -instr-profile="$output/corpus.profdata" >"$output/coverage.txt"
echo "each line: $output/coverage.txt"
