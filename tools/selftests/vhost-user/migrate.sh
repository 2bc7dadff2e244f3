#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest moves between two QEMUs under traffic, from one daemon vhostx-user to another; with
# split rings, then with packed ones.
set -u
# shellcheck source=tools/selftests/lib/vhost-user.sh
. "$(dirname "$0")/../lib/vhost-user.sh"
# shellcheck source=tools/selftests/lib/journey.sh
. "$(dirname "$0")/../lib/journey.sh"

user_test $((2 * (8 + 3 + 1))) "$@"

finish()
{
	journey_end
	user_end
}

# Each tap has a daemon, for each guest that comes.
place()
{
	[ -n "${daemon_pid[$tap]:-}" ] || daemon_start "$tap" --queues="$pairs" ||
		ktap_bail "no daemon"
	queue_owner_is "$tap" "${daemon_pid[$tap]}"
	VHOST_DEV=unix:$SOCKETS/$tap
}

daemons_end()
{
	daemon_end vx0 TERM && daemon_end vx1 TERM
}

moves()
{
	journey 1 daemon 1 daemon
	check "both daemons end well" daemons_end
}

trap finish EXIT
journey_start
moves
format="packed"
props+=${props:+,}packed=on
moves

ktap_finish
