# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# KTAP output for tests written in bash. Source it, call ktap_plan, then check.

KTAP_SKIP=4
ktap_planned=0
ktap_done=0
ktap_failed=0
ktap_log=$(mktemp "${VHOSTX_LOGS:-/tmp}/check.XXXXXX")

ktap_plan()
{
	ktap_planned=$1
	echo "TAP version 13"
	echo "1..$1"
}

# The whole test cannot run here.
ktap_skip_all()
{
	echo "1..0 # SKIP $*"
	exit $KTAP_SKIP
}

note()
{
	local line

	while IFS= read -r line; do
		echo "# $line"
	done <<<"$*"
}

ok()
{
	ktap_done=$((ktap_done + 1))
	echo "ok $ktap_done $*"
}

nok()
{
	ktap_done=$((ktap_done + 1))
	ktap_failed=$((ktap_failed + 1))
	echo "not ok $ktap_done $*"
}

skip()
{
	ktap_done=$((ktap_done + 1))
	echo "ok $ktap_done $1 # SKIP $2"
}

# check NAME COMMAND...: one point. The command runs in this shell, what it sets stays; the
# end of its output shows as comments when it fails.
check()
{
	local name=$1
	shift

	if "$@" >"$ktap_log" 2>&1; then
		ok "$name"
	else
		[ ! -s "$ktap_log" ] || note "$(tail -n 25 "$ktap_log")"
		nok "$name"
		return 1
	fi
}

# Nothing more can be told: fail the rest of the plan and leave.
ktap_bail()
{
	note "$*"
	while [ "$ktap_done" -lt "$ktap_planned" ]; do
		nok "not reached"
	done
	exit 1
}

# Status of the whole test; a point too many or too few is a failure.
ktap_finish()
{
	if [ "$ktap_done" -ne "$ktap_planned" ]; then
		note "planned $ktap_planned points, ran $ktap_done"
		exit 1
	fi
	[ "$ktap_failed" -eq 0 ] || exit 1
	rm -f "$ktap_log"
	exit 0
}

# wait_for SECONDS COMMAND...: poll until the command succeeds.
wait_for()
{
	local end=$((SECONDS + $1 * ${VHOSTX_SLOW:-1}))
	shift

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

child_gone()
{
	! kill -0 "$1" 2>/dev/null
}

# wait_end SECONDS PID: the status of a child that ends in time.
wait_end()
{
	wait_for "$1" child_gone "$2" && wait "$2"
}
