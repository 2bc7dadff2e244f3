#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest behind an IOMMU on the daemon vhostx-user, with split and with packed rings: what the
# kernel asks its IOTLB for goes to QEMU by the daemon, and each buffer's translation is taken
# back at once.
set -u
# shellcheck source=tools/selftests/lib/vhost-user.sh
. "$(dirname "$0")/../lib/vhost-user.sh"

# Slow: each buffer takes messages to QEMU and back.
TRAFFIC_TIME=8
TRAFFIC_BLOCK=4K
PACKETS=16
NIC=disable-legacy=on,iommu_platform=on,ats=on
GUEST_IOMMU=1

user_test $((2 * 14)) "$@"

# through FORMAT PROPERTIES
through()
{
	user_start "$1" 1 "$2"
	check "$1: the NIC is behind the IOMMU" behind_iommu g1
	user_moves "$1" $PACKETS
	user_finish "$1"
}

serve_host
through split $NIC
through packed $NIC,packed=on

ktap_finish
