# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The daemon vhostx-user, one for each tap. The names of its socket and of its log have the
# tap's in them.
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "${BASH_SOURCE[0]}")/traffic.sh"

USER_HOST=10.99.0.1
USER_GUEST=10.99.0.2
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

# user_start WHAT QUEUES PROPERTIES: the guest g1 on a daemon of the tap vx0; two points.
user_start()
{
	tap_add vx0 "$2"
	ip addr add $USER_HOST/24 dev vx0
	check "$1: the daemon listens" daemon_start vx0 --queues="$2" || ktap_bail "no daemon"
	VHOST_DEV=unix:$SOCKETS/vx0
	guest_start g1 "$2" vx0 "$2" "$3"
	guest_wait g1 || ktap_bail "the guest did not boot"
	check "$1: the guest's NIC comes up" guest_net g1 $USER_GUEST/24
	serve_guest g1
}

# user_moves FORMAT [PACKETS]: its two queues have rings of that format, and move what is sent
# both ways, of a connection so many packets at least; eight points.
user_moves()
{
	local run

	check "$1: both queues run" healthy vx0 2
	check "$1: with rings of that format" rings vx0 "$1" 2
	mark vx0 g1
	check "$1: guest pings host, 20 sizes up to 1472" ping_sizes g1 $USER_HOST 1472
	check "$1: they went through vhostx" both_ways vx0 20
	for run in tcp_tx tcp_rx; do
		mark vx0 g1
		check "$1: $run moves data" $run g1 $USER_HOST $USER_GUEST
		traffic_note $run
		check "$1: $run went through vhostx" \
			went_through vx0 ${run#*_} "${2:-64}" "$(received_bytes)"
	done
}

# user_finish WHAT: the guest goes first, and the daemon then holds what it held before; three
# points.
user_finish()
{
	check "$1: QEMU quits" guest_quit g1
	check "$1: no queue is left" wait_for 10 none_left vx0
	check "$1: the daemon ends well" daemon_end vx0 TERM
	ip link del vx0
}
