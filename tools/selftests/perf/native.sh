#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a packet of a long burst costs the worker, in L1 that runs at the machine's own speed:
# nanoseconds. Prints lines of JSON; progress on standard error.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/selftests/perf/regions.sh
. "$here/regions.sh"
failed=0
for burst in 256 128; do
	"$here/cost" -j -s 0.25 -r 7 -t "burst $burst" || failed=1
done
exit $failed
