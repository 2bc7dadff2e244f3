#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest moves between two QEMUs under traffic: from vhostx to vhostx, with split and with
# packed rings; and one of two queue pairs that was born on vhost-net, to vhostx and back. With
# VHOSTX_HOPS=N the first goes N times to vhost-net and back as well.
set -u
# shellcheck source=tools/selftests/lib/journey.sh
. "$(dirname "$0")/../lib/journey.sh"

HOPS=${VHOSTX_HOPS:-1}
hops=(/dev/vhostx)
if [ "$HOPS" -gt 1 ]; then
	hops+=(/dev/vhost-net /dev/vhostx)
fi
guest_test $((3 * ${#hops[@]} * HOPS + 8 + 4 * 2 + 9 + 3 + 8)) "$@"
[ -c /dev/vhost-net ] || ktap_skip_all "no /dev/vhost-net"

trap journey_end EXIT
journey_start
journey "$HOPS" /dev/vhostx 1 "${hops[@]}"
journey 1 /dev/vhost-net 2 /dev/vhostx /dev/vhost-net
format="packed"
props+=${props:+,}packed=on
journey 1 /dev/vhostx 1 /dev/vhostx

ktap_finish
