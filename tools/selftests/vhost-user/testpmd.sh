#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DPDK's virtio-user port as the front end of the daemon vhostx-user: what it sends comes out
# of the tap, what pktgen puts there reaches it and is sent back. Then with packed rings.
set -u
# shellcheck source=tools/selftests/lib/vhost-user.sh
. "$(dirname "$0")/../lib/vhost-user.sh"
# shellcheck source=tools/selftests/lib/testpmd.sh
. "$(dirname "$0")/../lib/testpmd.sh"

command -v dpdk-testpmd >/dev/null || ktap_skip_all "no dpdk-testpmd"
user_test $((2 + 2 * 10)) "$@"

finish()
{
	pmd_clean_up
	user_end
}

# port FORMAT [PROPERTIES]
port()
{
	props=${2:-}
	pmd_start txonly "$1tx" --txpkts=64
	check "$1: testpmd starts on the daemon" pmd_up || ktap_bail "no port"
	check "$1: both rings are of that format" wait_for 10 rings "$TAP" "$1" 2
	mark "$TAP"
	check "$1: 10000 frames come out of the tap" sends 10000
	check "$1: through vhostx" went_through "$TAP" tx 10000 $((10000 * 64))
	check "$1: testpmd ends well" pmd_stop

	pmd_start rxonly "$1rx"
	check "$1: testpmd starts again" pmd_up || ktap_bail "no port"
	check "$1: 2000 frames of 1500 bytes reach the port" drains 2000 1500
	mark "$TAP"
	check "$1: 1000 frames reach the port and come back" bounces 2
	check "$1: each of them through vhostx, both ways" exactly 1000
	check "$1: no queue broke, no frame was refused" healthy "$TAP" 2
	pmd_stop
}

trap finish EXIT
check "$HUGEPAGES huge pages" get_hugepages || ktap_bail "no memory for DPDK"
tap_add "$TAP"
check "the daemon listens" daemon_start "$TAP" || ktap_bail "no daemon"
pmd_port=path=$SOCKETS/$TAP
# Few regions, as a message has room for eight.
pmd_eal=(--single-file-segments)
port split
port packed packed_vq=1

ktap_finish
