#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's own client, which knows the family by its specification alone.
set -u
# shellcheck source=tools/selftests/lib/vhost.sh
. "$(dirname "$0")/../lib/vhost.sh"

ynl=/opt/linux-source/tools/net/ynl/cli.py
spec=$(dirname "$0")/vhostx.yaml
[ -e "$ynl" ] || ktap_skip_all "no YNL client"
need_device

# answers WORDS ARGUMENT...: it prints the words.
answers()
{
	local words=$1 said
	shift

	said=$(python3 "$ynl" --spec "$spec" --no-schema "$@" 2>&1)
	echo "$said"
	grep -qF -- "$words" <<<"$said"
}

ktap_plan 7
# A device that nobody has made his own yet.
exec 3<>/dev/vhostx
check "a device is shown" answers "'state': 'unowned'" --do dev-get --json '{"id": 0}'
check "devices are dumped" answers "'layout': 'device'" --dump dev-get
check "queues are dumped, with their counters" answers "'drop-backend': 0" --dump queue-get
check "a queue is shown by its name" answers "'id': 'tx'" \
	--do queue-get --json '{"dev-id": 0, "id": "tx"}'
check "an order is obeyed" answers None \
	--do queue-set --json '{"dev-id": 0, "id": "tx", "batch": 7, "poll-mode": "adaptive"}'
check "and shown" answers "'batch': 7" --do queue-get --json '{"dev-id": 0, "id": "tx"}'
check "a refused one says why" answers "no process owns the device" \
	--do dev-set --json '{"id": 0, "layout": "split"}'
exec 3>&-
ktap_finish
