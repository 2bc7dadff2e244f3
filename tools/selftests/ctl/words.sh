#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The command line of vhostx where it needs no module: what it takes and what it refuses.
# Usage: words.sh PROGRAM	prints KTAP
set -u
# shellcheck source=tools/selftests/lib/words.sh
. "$(dirname "$0")/../lib/words.sh"

program=$1

helps()
{
	local object

	for object in dev queue worker stats monitor top check; do
		ends 0 "$object" help && ends 0 "$object" -h && grep -q "^Usage: vhostx $object" "$out/out" ||
			return 1
	done
}

abbreviations()
{
	ends 0 d help && grep -q 'vhostx dev' "$out/out" && ends 0 wo he &&
		grep -q 'vhostx worker' "$out/out" && ends 0 -V && ends 0 --Version
}

full()
{
	! "$program" help >/dev/full 2>"$out/err" && grep -q 'not all could be written' "$out/err"
}

# What is wrong on the command line is said before the module is missed.
ktap_plan 20
check "words.help_is_not_an_error" ends 0 help
check "words.help_of_each_object" helps
check "words.abbreviations" abbreviations
check "words.nothing_is_an_error" ends 1
check "words.a_full_disk_is_an_error" full
check "words.no_such_object" refuses "device: no such object" device
check "words.no_such_option" refuses "-q: no such option" -q dev
check "words.no_such_command" refuses "dev add: no such command" dev add
check "words.too_much" refuses "2: too much after 1" dev show 1 2
check "words.no_number" refuses "dev x: not a number" dev show x
check "words.no_queue" refuses "queue ctrl: not rx or tx, as in 0/rx" queue show 0/ctrl
check "words.set_of_what" refuses "ID is missing" dev set
check "words.set_which_queue" refuses "which queue? 0/rx or 0/tx" queue set 0 batch 1
check "words.set_what" refuses "what is to be set is missing" queue set 0/rx
check "words.set_no_value" refuses "batch: the value is missing" queue set 0/rx batch
check "words.set_twice" refuses "batch: twice" queue set 0/rx batch 1 batch 2
check "words.set_too_much" refuses "poll-us 10001: not a number from 0 to 10000" \
	queue set 0/rx poll-us 10001
check "words.set_too_little" refuses "weight 63: not a number from 64 to 4096" \
	queue set 0/rx weight 63
check "words.set_no_word" refuses "layout mesh: not one of device, split, pool" \
	dev set 0 layout mesh
check "words.set_negative" refuses "nice -21: not a number from -20 to 19" worker set 1 nice -21
ktap_finish
