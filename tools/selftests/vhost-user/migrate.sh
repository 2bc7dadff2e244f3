#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest moves between two QEMUs under traffic, from one daemon vhostx-user to another.
set -u
# shellcheck source=tools/selftests/lib/vhost-user.sh
. "$(dirname "$0")/../lib/vhost-user.sh"
# shellcheck source=tools/selftests/lib/journey.sh
. "$(dirname "$0")/../lib/journey.sh"

user_test $((8 + 3)) "$@"

finish()
{
	journey_end
	user_end
}

# Each tap has a daemon, for each guest that comes.
place()
{
	daemon_start "$tap" --queues="$pairs" || ktap_bail "no daemon"
	VHOST_DEV=unix:$SOCKETS/$tap
}

trap finish EXIT
journey_start
journey 1 daemon 1 daemon

ktap_finish
