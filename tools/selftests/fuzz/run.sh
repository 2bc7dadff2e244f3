#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Replay the corpus, then fuzz for a while: each target, under each sanitizer.
# Usage: run.sh OUTPUT KINDS TARGETS	prints KTAP
# FUZZ_TIME: seconds for each (1), or FUZZ_RUNS: executions. What is found goes to OUTPUT.
set -euo pipefail

output=$1
read -ra kinds <<<"$2"
read -ra targets <<<"$3"
here=$(cd "$(dirname "$0")" && pwd)
longest=256

# A new block of memory for each input would cost more than what is tried in it.
export ASAN_OPTIONS=quarantine_size_mb=1:malloc_context_size=2
bound=(-max_total_time="${FUZZ_TIME:-1}")
[ -z "${FUZZ_RUNS:-}" ] || bound=(-runs="$FUZZ_RUNS")

echo "KTAP version 1"
echo "1..$((${#kinds[@]} * ${#targets[@]}))"
number=0
failed=0
for kind in "${kinds[@]}"; do
	for target in "${targets[@]}"; do
		number=$((number + 1))
		mkdir -p "$output/corpus/$target"
		log=$output/$kind-$target.log
		if "$output/$kind/$target" "${bound[@]}" -max_len="$longest" -timeout=20 \
			-print_final_stats=1 -verbosity=0 -artifact_prefix="$output/$kind-$target-" \
			"$output/corpus/$target" "$here/corpus/$target" >"$log" 2>&1; then
			echo "ok $number $kind.$target"
		else
			grep -vE '^INFO|Uses:' "$log" | head -n 60 | sed 's/^/# /'
			echo "not ok $number $kind.$target"
			failed=1
		fi
		sed -n 's/^stat::number_of_executed_units: */# executions: /p' "$log"
	done
done
exit "$failed"
