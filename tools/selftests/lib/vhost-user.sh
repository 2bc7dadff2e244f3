# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The daemon vhostx-user, one for each tap. The names of its socket and of its log have the
# tap's in them.
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "${BASH_SOURCE[0]}")/traffic.sh"

SOCKETS=$(mktemp -d /tmp/vhostx-user.XXXXXX)
declare -A daemon_pid

# user_test POINTS "$@": the start of a test of the daemon, in a namespace of its own.
user_test()
{
	command -v vhostx-user >/dev/null || ktap_skip_all "no vhostx-user"
	guest_test "$@"
	trap user_end EXIT
}

user_end()
{
	local tap

	guest_kill_all
	for tap in "${!daemon_pid[@]}"; do
		kill -9 "${daemon_pid[$tap]}" 2>/dev/null
		wait "${daemon_pid[$tap]}" 2>/dev/null
	done
	[ -z "${serve_pid:-}" ] || kill "$serve_pid" 2>/dev/null
	rm -rf "$SOCKETS"
}

# daemon_start TAP [OPTION...]: on a tap that exists; ready once it listens, or has called.
daemon_start()
{
	vhostx-user --socket-path="$SOCKETS/$1" --tap="$1" "${@:2}" 2>>"$GUEST_DIR/daemon.$1" &
	daemon_pid[$1]=$!
	queue_owner_is "$1" $!
	[[ " $* " = *" --client "* ]] || wait_for 20 [ -S "$SOCKETS/$1" ]
}

# daemon_end TAP SIGNAL: with that signal; its exit status.
daemon_end()
{
	local pid=${daemon_pid[$1]}

	unset "daemon_pid[$1]"
	kill "-$2" "$pid"
	wait "$pid"
}

daemon_said()
{
	grep -cF -- "$2" "$GUEST_DIR/daemon.$1"
}

# What the daemon's own thread did: how often it slept, and what it holds open.
daemon_slept()
{
	awk '/^voluntary_ctxt_switches/ { print $2 }' \
		"/proc/${daemon_pid[$1]}/task/${daemon_pid[$1]}/status"
}

daemon_files()
{
	# What it got from who started it is none of its own.
	find "/proc/${daemon_pid[$1]}/fd" -lname 'socket:*' -o -lname '/memfd:*' \
		-o -lname '/dev/vhostx' -o -lname '/dev/net/tun' -o -lname 'anon_inode:*' | wc -l
}

daemon_has()
{
	[ "$(daemon_files "$1")" -eq "$2" ]
}

# The option by which this QEMU comes back to a socket that went away.
reconnects()
{
	local version

	version=$(qemu-system-x86_64 --version | grep -m 1 -oE '[0-9]+\.[0-9]+' | head -n 1)
	case $version in
	7.* | 8.* | 9.[01]) echo reconnect=1 ;;
	*) echo reconnect-ms=1000 ;;
	esac
}
