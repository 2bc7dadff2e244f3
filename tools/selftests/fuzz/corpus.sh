#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Make the corpus anew, of it and of what fuzzing left in OUTPUT: few inputs that go
# wherever all of them do. Usage: corpus.sh OUTPUT TARGETS
set -euo pipefail

output=$1
read -ra targets <<<"$2"
here=$(cd "$(dirname "$0")" && pwd)

for target in "${targets[@]}"; do
	made=$(mktemp -d)
	mkdir -p "$here/corpus/$target" "$output/corpus/$target"
	# Places, not how often each: that would be some thousands.
	"$output/asan/$target" -set_cover_merge=1 -use_counters=0 -verbosity=0 \
		"$made" "$here/corpus/$target" "$output/corpus/$target" >"$output/merge.log" 2>&1
	# Those that failed once stay.
	find "$here/corpus/$target" -type f ! -name 'found-*' -delete
	find "$made" -type f -exec mv -t "$here/corpus/$target" {} +
	rm -r "$made"
	echo "$target: $(find "$here/corpus/$target" -type f | wc -l) inputs"
done
