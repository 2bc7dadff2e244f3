#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The command line of vhostx-user where it needs no module and no tap: what it refuses, and
# what it says of itself. Usage: words.sh PROGRAM	prints KTAP
set -u
# shellcheck source=tools/selftests/lib/words.sh
. "$(dirname "$0")/../lib/words.sh"

program=$1
# 2 for the words, 1 where they are in order.
refusal="1|2"

capabilities()
{
	says '"type": "net"' --nothing-else --print-capabilities --counts=1 counts &&
		python3 -c 'import json, sys; assert json.load(sys.stdin) == {"type": "net"}' <"$out/out"
}

socket=$out/socket
ktap_plan 13
check "words.help_is_not_an_error" says "Usage: vhostx-user" -h
check "words.version" says "vhostx-user test" -V
check "words.capabilities" capabilities
check "words.nothing_is_an_error" refuses "Usage: vhostx-user"
check "words.no_such_option" refuses "Usage: vhostx-user" --polling
check "words.too_much" refuses "tap1: no option" --socket-path="$socket" --tap=tap0 tap1
check "words.tap_of_no_socket" refuses "of which socket?" --tap=tap0
check "words.no_tap" refuses "wants one of --tap and --tap-fds" --socket-path="$socket"
check "words.two_taps" refuses "wants one of --tap and --tap-fds" --socket-path="$socket" \
	--tap=tap0 --tap-fds=5
check "words.no_number_of_queues" refuses "129: no number of queues here" \
	--socket-path="$socket" --tap=tap0 --queues=129
check "words.no_descriptor" refuses "x: no descriptor of a socket" --fd=x --tap=tap0
check "words.no_descriptors" refuses "3:x: no descriptors" --socket-path="$socket" --tap-fds=3:x
check "words.name_too_long" refuses "cannot be used as a tap: Invalid argument" \
	--socket-path="$socket" --tap=a-name-of-sixteen
ktap_finish
