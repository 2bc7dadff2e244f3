#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DPDK's virtio-user port on the vhost device: sends 64-byte and 1500-byte frames, then
# takes what pktgen puts into the tap, then sends that back. The same with packed rings.
set -u
# shellcheck source=tools/selftests/lib/testpmd.sh
. "$(dirname "$0")/../lib/testpmd.sh"

need_device
command -v dpdk-testpmd >/dev/null || ktap_skip_all "no dpdk-testpmd"
enter_netns "$@"
ktap_plan $((20 + 3 * 10))

trap pmd_clean_up EXIT
check "$HUGEPAGES huge pages" get_hugepages || ktap_bail "no memory for DPDK"

for size in 64 1500; do
	pmd_start txonly "tx$size" "--txpkts=$size"
	check "txonly, $size bytes: testpmd starts on $VHOST_DEV" pmd_up ||
		ktap_bail "no port"
	[ "$size" != 64 ] || note "$(grep -m 1 -o "DPDK [0-9.]*" "$pmd_out")"
	mark "$TAP"
	check "txonly, $size bytes: 10000 frames come out of the tap" sends 10000
	check_counters "txonly, $size bytes: through vhostx" \
		went_through "$TAP" tx 10000 $((10000 * size))
	check_counters "txonly, $size bytes: no queue broke, no frame was refused" healthy "$TAP" 2
	check "txonly, $size bytes: testpmd ends well" pmd_stop
done

pmd_start rxonly rx
check "rxonly: testpmd starts" pmd_up || ktap_bail "no port"
mark "$TAP"
check "rxonly: 5000 frames reach the port" drains 5000 60
check_counters "rxonly: through vhostx" went_through "$TAP" rx 5000 $((5000 * 60))
mark "$TAP"
check "rxonly: 2000 frames of 1500 bytes reach the port" drains 2000 1500
check_counters "rxonly: through vhostx" went_through "$TAP" rx 2000 $((2000 * 1500))
mark "$TAP"
check "macswap: 2000 frames reach the port and come back" bounces 4
check_counters "macswap: each of them through vhostx, both ways" exactly 2000
check_counters "rxonly, macswap: no queue broke, no frame was refused" healthy "$TAP" 2
check "macswap: testpmd ends well" pmd_stop

# packed PROPERTIES: sends, takes, and sends back what it takes, with packed rings.
packed()
{
	local what="packed${1:+, $1}"

	props=packed_vq=1${1:+,$1}
	pmd_start txonly packedtx --txpkts=64
	check "$what: testpmd starts" pmd_up || ktap_bail "no port"
	check_counters "$what: both rings are packed" rings "$TAP" packed 2
	mark "$TAP"
	check "$what: 10000 frames come out of the tap" sends 10000
	check_counters "$what: through vhostx" went_through "$TAP" tx 10000 $((10000 * 64))
	check "$what: testpmd ends well" pmd_stop

	pmd_start rxonly packedrx
	check "$what: testpmd starts again" pmd_up || ktap_bail "no port"
	check "$what: 2000 frames of 1500 bytes reach the port" drains 2000 1500
	mark "$TAP"
	check "$what: 1000 frames reach the port and come back" bounces 2
	check_counters "$what: each of them through vhostx, both ways" exactly 1000
	check_counters "$what: no queue broke, no frame was refused" healthy "$TAP" 2
	pmd_stop
}

packed ''
packed in_order=0
packed mrg_rxbuf=0

ktap_finish
