#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Count the points in KTAP files: "N passed, N failed, N skipped"; status 1 when one failed.
# A test with points of its own counts by them, and once more where it alone says "not ok".
set -euo pipefail

awk '
/^ +(not )?ok / {
	inner++
	bad += /^ +not ok /
	count($0)
	next
}
/^(not )?ok / {
	if (!inner || (/^not ok / && !bad))
		count($0)
	inner = bad = 0
}
function count(line) {
	sub(/^ +/, "", line)
	if (line ~ /^not ok /)
		failed++
	else if (line ~ /# *SKIP/)
		skipped++
	else
		passed++
}
END {
	printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit failed > 0
}' "$@"
