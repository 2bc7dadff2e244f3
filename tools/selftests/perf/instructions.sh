#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Instructions of the worker, in L1, which counts them for time. Prints lines of JSON: what
# the host is, then the measurements; progress on standard error.
# Usage: instructions.sh [-q]	-q: the cases of the goals alone, more often
set -u

here=$(cd "$(dirname "$0")" && pwd)
quick=()
rounds=3
while getopts q option; do
	case $option in
	q) quick=(-q) rounds=5 ;;
	*) exit 2 ;;
	esac
done

# shellcheck source=tools/selftests/perf/regions.sh
. "$here/regions.sh"
init=false
if dmesg | grep -q 'mem auto-init:.*heap alloc:on'; then
	init=true
fi
printf '{"kind":"host","kernel":"%s","init_on_alloc":%s}\n' "$(uname -r)" $init
failed=0
"$here/cost" -j -r "$rounds" "${quick[@]}" || failed=1
"$here/idle" -r "$rounds" || failed=1
exit $failed
