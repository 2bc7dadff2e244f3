#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The daemon dies under a guest, the guest under the daemon, and front ends that are none come:
# what is left goes on, with split and with packed rings.
set -u
# shellcheck source=tools/selftests/lib/vhost-user.sh
. "$(dirname "$0")/../lib/vhost-user.sh"

HOST=10.99.0.1
GUEST=10.99.0.2

user_test $((3 + 2 * 20 + 4)) "$@"

pings()
{
	ping -q -i 0.05 -c 20 -W 3 "$GUEST"
}

answers()
{
	ping -q -c 1 -W 1 "$GUEST" >/dev/null
}

# goes_on WHAT: packets pass, by vhostx.
goes_on()
{
	check "$1: packets pass again" wait_for 30 answers
	mark vx0
	check "$1: and others" pings
	check "$1: through vhostx" both_ways vx0 20
}

killed()
{
	daemon_end vx0 KILL
	[ $? = 137 ] && wait_for 10 none_left vx0
}

# While packets wait on both sides, and after more than a ring has places.
killed_at_work()
{
	local work status=0

	ping -q -i 0.005 -W 1 "$GUEST" &
	work=$!
	guest_run g1 60 "ping -q -i 0.005 -c 600 -W 1 $HOST"
	killed || status=1
	kill -INT "$work"
	wait "$work"
	return "$status"
}

# Whatever they say or do not say; each is closed, and nothing of it stays.
strangers()
{
	python3 -B - "$SOCKETS/vx0" <<'END'
import array, os, socket, struct, sys

def meet(data, fds=0, closes=True):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sys.argv[1])
        s.settimeout(20)
        files = [os.memfd_create('stranger') for i in range(fds)]
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', files))] if fds else []
        if data:
            s.sendmsg([data], rights)
        for file in files:
            os.close(file)
        try:
            if closes and s.recv(1):
                sys.exit('an answer to %r' % data)
        except ConnectionResetError:
            pass

def message(request, payload=b'', flags=1, size=None):
    return struct.pack('=III', request, flags, len(payload) if size is None else size) + payload

meet(b'', closes=False)
for length in (1, 11, 12, 13, 19):
    meet(message(2, bytes(8))[:length], closes=False)
meet(b'GET / HTTP/1.0\r\n\r\n')
meet(message(2, flags=5))
meet(message(2, size=0xffffffff))
meet(message(99))
meet(message(5, struct.pack('=II', 8, 0) + bytes(32 * 8)), fds=7)
meet(message(5, struct.pack('=II', 8, 0) + bytes(32 * 8)), fds=9)
meet(message(5, struct.pack('=II', 1, 0) + struct.pack('=QQQQ', 0, 4096, 0, 0)), fds=1)
meet(message(11, struct.pack('=II', 200, 0)))
meet(message(12, struct.pack('=Q', 0)), fds=1)
meet(message(14, struct.pack('=Q', 0)))
END
}

tap_add vx0
ip addr add $HOST/24 dev vx0
check "the daemon listens" daemon_start vx0 || ktap_bail "no daemon"
held=$(daemon_files vx0)
check "strangers are sent away" strangers
check "nothing of them stays" wait_for 10 daemon_has vx0 "$held"

# outlives FORMAT PROPERTIES: a guest and two daemons; then the third, and the guest.
outlives()
{
	local end

	[ -n "${daemon_pid[vx0]:-}" ] || daemon_start vx0 || ktap_bail "no daemon"
	VHOST_DEV=unix:$SOCKETS/vx0,$(reconnects)
	guest_start g1 1 vx0 1 "$2"
	guest_wait g1 || ktap_bail "the guest did not boot"
	check "$1: the guest's NIC comes up" guest_net g1 $GUEST/24
	goes_on "$1, first"
	check "$1: rings are of that format" rings vx0 "$1" 2
	for end in killed killed_at_work; do
		check "$1: the daemon is $end" $end
		check "$1: another takes its place" daemon_start vx0
		goes_on "$1, $end"
	done
	check "$1: it is the same guest" guest_alive g1
	check "$1: the guest is killed" kill -9 "${guest_pid[g1]}"
	guest_close g1
	check "$1: its queues are gone, and its memory" wait_for 10 none_left vx0
	check "$1: nothing of it stays" wait_for 10 daemon_has vx0 "$held"
	check "$1: the daemon ends well" daemon_end vx0 TERM
}

outlives split ''
outlives packed packed=on

# The other way round: QEMU listens, and the daemon comes again whenever there is one.
daemon_start vx0 --client
VHOST_DEV=unix:$SOCKETS/vx0,server=on,wait=on
guest_start g2 1 vx0 1
guest_wait g2 || ktap_bail "the second guest did not boot"
check "a client serves a guest" guest_net g2 $GUEST/24
goes_on "by a client"
ktap_finish
