#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Compile the module for each kernel with every warning on, and with sparse where the
# image has it; any word from them fails. Usage: build.sh [K...]	prints KTAP
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# Runs in the tree.
if [ "${1:-}" = inside ]; then
	mkdir /tmp/build
	cp -r "$top/Kbuild" "$top/drivers" "$top/userspace" /tmp/build
	[ ! -e "$top/include" ] || cp -r "$top/include" /tmp/build
	sparse=()
	[ -z "$(type -P sparse)" ] || sparse=(C=1)
	make -j2 -C /usr/src/linux-headers-*-amd64 M=/tmp/build W=1 "${sparse[@]}" modules
	exit
fi

[ $# -gt 0 ] || set -- "${kernels[@]}" forky
prepare_host
echo "KTAP version 1"
echo "1..$#"
number=0
failed=0
for k in "$@"; do
	number=$((number + 1))
	status=0
	log=$("$vm/chroot.sh" "$k" "$vm/build.sh" inside 2>&1) || status=$?
	words=$(grep -iE 'warning|error' <<<"$log" |
		grep -v 'the compiler differs from the one used' || true)
	if [ "$status" = 0 ] && [ -z "$words" ]; then
		echo "ok $number the module builds for $k without a warning"
	else
		echo "# ${log//$'\n'/$'\n'# }"
		echo "not ok $number the module builds for $k without a warning"
		failed=1
	fi
done
exit "$failed"
