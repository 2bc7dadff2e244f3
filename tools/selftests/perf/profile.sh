#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Where the worker's instructions go, of vhost-net's and of vhostx's: what both do alike, and
# what each does besides. Writes Documentation/performance/profile.csv.
# Usage: profile.sh [CASE...]	whole names of cost's cases; those in which each frame is a burst
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/../vm/lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
packets=1024
csv=$top/Documentation/performance/profile.csv
[ $# -gt 0 ] || set -- "tx 64 burst 1 drop" "tx 64 burst 1 stack"

prepare_host
work=$(mktemp -d "$cache/profile.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$vm/chroot.sh" -b "$work:/plugin" "$build_kernel" gcc -std=gnu11 -O2 -Wall -Wextra -Werror \
	-shared -fPIC -o /plugin/profile.so "$here/profile.c"

# On a host that does not clear the memory it hands out, as performance.rst says of it.
command='cd /opt/vhostx/selftests/perf && . ./regions.sh && modprobe vhostx || exit 1
sysctl -q kernel.kptr_restrict=0'
for case in "$@"; do
	command+="; ./cost -n $packets -r 1 -t '$case' >&2 || exit 1"
done
command+='; cat /proc/kallsyms'
VHOSTX_ICOUNT=1 VHOSTX_PLUGIN=$work VHOSTX_APPEND="nokaslr init_on_alloc=0" \
	"$vm/run.sh" -c "$command" "$build_kernel" >"$work/output"
# Symbols of modules end with the module's name in brackets.
awk '$2 ~ /^[tTwW]$/ { gsub(/[][]/, "", $4); print $1, $3, $4 }' \
	"$work/output" | sort >"$work/symbols"
[ -s "$work/symbols" ] || die "the host's kernel has no symbols"
# More than was asked for may have been measured, whose names have that in them.
cases=$(sed -n 's/  *vhost-net .*  vhostx .*//p' "$work/output" | paste -s -d ';')
[ -n "$cases" ] || die "nothing was measured of: $*"
awk -v packets="$packets" -v cases="$cases" -f "$here/profile.awk" \
	"$work/symbols" "$work/blocks" | grep -F "$(printf '"%s",\n' "$@")" | tee "$work/csv"
mv "$work/csv" "$csv"
say "written to $csv"
