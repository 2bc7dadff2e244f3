#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Count the points in KTAP files: "N passed, N failed, N skipped"; status 1 when one failed.
# With -l the failed ones first, each once more in a line of its own.
# A test with points of its own counts by them, and once more where it alone says "not ok".
set -euo pipefail

list=0
if [ "${1:-}" = -l ]; then
	list=1
	shift
fi

awk -v list="$list" '
FNR == 1 {
	file = FILENAME
	sub(/.*\//, "", file)
}
/^ *# Subtest: / {
	test = $NF
}
/^ +(not )?ok / {
	inner++
	bad += /^ +not ok /
	count($0, test)
	next
}
/^(not )?ok / {
	if (!inner || (/^not ok / && !bad))
		count($0, "")
	inner = bad = 0
	test = ""
}
function count(line, where) {
	sub(/^ +/, "", line)
	if (line ~ /^not ok /) {
		failed++
		if (list && failed <= 60)
			printf "# failed: %s: %s%s\n", file, where ? where ": " : "", substr(line, 8)
	} else if (line ~ /# *SKIP/)
		skipped++
	else
		passed++
}
END {
	printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit failed > 0
}' "$@"
