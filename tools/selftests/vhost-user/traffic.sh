#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest of QEMU's on the daemon vhostx-user, with split and with packed rings, then with two
# queue pairs: the kernel moves its packets, while the daemon sleeps.
set -u
# shellcheck source=tools/selftests/lib/vhost-user.sh
. "$(dirname "$0")/../lib/vhost-user.sh"

user_test $((2 * 14 + 10)) "$@"

asleep()
{
	local slept

	slept=$(daemon_slept vx0)
	echo "slept $slept times, $1 before"
	[ "$slept" -eq "$1" ]
}

everyday()
{
	local slept

	user_start "$1" 1 "$2"
	slept=$(daemon_slept vx0)
	user_moves "$1"
	check "$1: the daemon slept meanwhile" asleep "$slept"
	user_finish "$1"
}

# A connection from each of the guest's CPUs, which each have a queue.
each_cpu()
{
	local cpu

	for cpu in 0 1; do
		guest_run g1 60 "taskset -c $cpu ping -q -c 30 -i 0.05 -W 5 $USER_HOST" || return 1
	done
	[ "$(queues 'field["queue"] == "tx" && field["packets"] + 0 >= 20' vx0 | wc -l)" -eq 2 ]
}

set_pairs()
{
	guest_run g1 10 "ethtool -L eth0 combined $1"
}

pairs()
{
	user_start "two pairs" 2 ''
	check "two pairs: the driver takes them" set_pairs 2
	check "two pairs: all queues run" healthy vx0 4
	check "two pairs: each of them sends" each_cpu
	check "two pairs: the driver goes back to one" set_pairs 1
	# The host has nothing to send to where the driver does not look.
	check "two pairs: the host's frames all arrive" ping -q -i 0.02 -c 100 -W 3 $USER_GUEST
	user_finish "two pairs"
}

serve_host
everyday split ''
everyday packed packed=on
pairs

ktap_finish
