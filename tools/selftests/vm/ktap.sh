#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Count the points in KTAP files: "N passed, N failed, N skipped"; status 1 when one failed.
# With -l the failed ones first, each once more in a line of its own.
# A test with points of its own counts by them, and once more where it alone says "not ok"; one
# that began again by its last try.
set -euo pipefail

list=0
if [ "${1:-}" = -l ]; then
	list=1
	shift
fi

awk -v list="$list" '
FNR == 1 {
	settle()
	file = FILENAME
	sub(/.*\//, "", file)
}
# Whatever it said before is said again.
/^ *# Subtest: / {
	test = $NF
	forget()
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
	settle()
}
function settle() {
	for (kind in points)
		total[kind] += points[kind]
	for (i = 1; i <= said; i++)
		if (list && ++listed <= 60)
			print "# failed: " file ": " failure[i]
	forget()
	test = ""
}
function forget() {
	inner = bad = said = 0
	delete points
}
function count(line, where) {
	sub(/^ +/, "", line)
	if (line ~ /^not ok /) {
		points["failed"]++
		failure[++said] = (where ? where ": " : "") substr(line, 8)
	} else if (line ~ /# *SKIP/)
		points["skipped"]++
	else
		points["passed"]++
}
END {
	settle()
	printf "%d passed, %d failed, %d skipped\n", total["passed"], total["failed"], total["skipped"]
	exit total["failed"] > 0
}' "$@"
