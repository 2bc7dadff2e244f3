# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The command vhostx, as it is installed.
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "${BASH_SOURCE[0]}")/traffic.sh"

CTL_SCHEMAS=/usr/share/vhostx/schema
CTL_OUT=$(mktemp -d /tmp/vhostx-ctl.XXXXXX)
CTL_SPEC=$(dirname "${BASH_SOURCE[0]}")/../ctl/spec.py

# The module answers in the first network namespace, where tests with guests are not.
ctl()
{
	nsenter --net=/proc/1/ns/net vhostx "$@"
}

# ctl_as_nobody ARGUMENT...
ctl_as_nobody()
{
	nsenter --net=/proc/1/ns/net \
		setpriv --reuid 65534 --regid 65534 --clear-groups vhostx "$@"
}

# value EXPRESSION ARGUMENT...: that of the JSON that the command prints, in Python, as
# of v["dev"][0]["state"].
value()
{
	local expression=$1
	shift

	ctl -j "$@" | python3 -c '
import json, sys
v = json.load(sys.stdin)
print(eval("(" + sys.argv[1] + ")"))' "$expression"
}

# value_is WANTED EXPRESSION ARGUMENT...
value_is()
{
	local found

	found=$(value "${@:2}")
	echo "$2 is $found, wanted $1"
	[ "$found" = "$1" ]
}

# refused STATUS WORDS COMMAND...: it ends with that status and says the words.
refused()
{
	local wanted=$1 words=$2 status=0
	shift 2

	"$@" >"$CTL_OUT/out" 2>"$CTL_OUT/err" || status=$?
	echo "$*: status $status"
	cat "$CTL_OUT/out" "$CTL_OUT/err"
	[ "$status" = "$wanted" ] && grep -qF -- "$words" "$CTL_OUT/err"
}

# Whether JSON can be held against the schemas here.
has_schemas()
{
	python3 -c 'import jsonschema' 2>/dev/null
}

# fits SCHEMA ARGUMENT...: what the command prints is what the schema says.
fits()
{
	local schema=$1
	shift

	# The status of check says what it found.
	ctl -j "$@" >"$CTL_OUT/json" || [ "$1" = check ] || return 1
	python3 -B "$CTL_SPEC" "$CTL_SCHEMAS" "$schema" <"$CTL_OUT/json" && return
	head -n 20 "$CTL_OUT/json"
	return 1
}

# check_schema SCHEMA ARGUMENT...: a point.
check_schema()
{
	if has_schemas; then
		check "vhostx -j ${*:2} is what $1.json says" fits "$@"
	else
		skip "vhostx -j ${*:2} is what $1.json says" "no python3-jsonschema"
	fi
}

# listen [ARGUMENT...]: a monitor that has begun to listen. Its lines go to $CTL_OUT/heard.
listen()
{
	: >"$CTL_OUT/heard"
	nsenter --net=/proc/1/ns/net vhostx -jt monitor "$@" >"$CTL_OUT/heard" 2>&1 &
	listener=$!
	# The group that it joins last is nlctrl's, 16: the bit 8000 of the column.
	wait_for 10 listens && return
	cat "$CTL_OUT/heard" /proc/1/net/netlink
	listen_end nothing
	return 1
}

listens()
{
	awk -v pid="$listener" '$2 == 16 && $3 == pid && $4 ~ /^....[89a-f]/ { found = 1 }
		END { exit !found }' /proc/1/net/netlink
}

# heard EVENT...: the monitor has said these, in this order, with others between them.
heard()
{
	local said event

	said=$(grep -o '"event":"[a-z-]*"' "$CTL_OUT/heard" | cut -d '"' -f 4 | tr '\n' ' ')
	echo "heard: $said"
	for event in "$@"; do
		[[ " $said" = *" $event "* ]] || return 1
		said=${said#*"$event "}
	done
}

# listen_end EVENT...: when they are heard the monitor ends; fails when they are not.
listen_end()
{
	local status=0

	wait_for 5 heard "$@" || status=1
	kill "$listener" 2>/dev/null
	wait "$listener" 2>/dev/null
	return $status
}
