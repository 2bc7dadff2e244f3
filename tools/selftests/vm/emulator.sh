# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What an emulated processor does wrong to the guests that run on it, and how that is told
# from what a device can do to them.

# Where KVM tells how guests' processors end.
ends_trace=/sys/kernel/tracing/instances/guests

# From here on it is kept: with each end (exit 0x7f) the register access (0x7c) before.
ends_watch()
{
	[ -e /sys/kernel/tracing/events/kvm/kvm_exit ] || return 0
	mkdir -p "$ends_trace"
	echo 128 >"$ends_trace/buffer_size_kb"
	echo 'exit_reason == 0x7c || exit_reason == 0x7f' >"$ends_trace/events/kvm/kvm_exit/filter"
	echo 1 >"$ends_trace/events/kvm/kvm_exit/enable"
	echo >"$ends_trace/trace"
}

# Leave it in directory $1, where there was any.
ends_record()
{
	[ -e "$ends_trace" ] || return 0
	awk '/ reason msr / { last[$1] = $0 }
		/ reason shutdown / { print last[$1]; print }' "$ends_trace/trace" >"$1/ends"
	[ -s "$1/ends" ] || rm "$1/ends"
}

# A processor that ended, by the record in file $1, did so at the instruction behind one that
# it had just executed, for want of the page (vector 14, a fetch): WRMSR has two bytes.
fetch_failed()
{
	local line before=0

	while read -r line; do
		[[ $line =~ \ reason\ (msr|shutdown)\ rip\ (0x[0-9a-f]+)\  ]] || continue
		if [ "${BASH_REMATCH[1]}" = msr ]; then
			before=${BASH_REMATCH[2]}
		elif [[ $line = *" intr_info 0x80000b0e error_code 0x00000010"* ]] &&
			[ $((BASH_REMATCH[2] - before)) = 2 ]; then
			return 0
		fi
	done <"$1"
	return 1
}

# The two looks at a guest in file $1 (guest_state) show its processor at one instruction, with
# the same registers, as it exits thousands of times: interrupts are on and wait, and none is
# let in.
cpu_stands()
{
	awk '
		/^== /			{ look++; cpu = 0 }
		/^CPU#/			{ cpu++ }
		cpu == 1 && /^R/	{ registers[look] = registers[look] $0 }
		/^RIP=.* RFL=/ && cpu == 1 { flags = substr($0, index($0, "RFL=") + 9, 1) }
		/^IRR/ && !/none/	{ pending[look] = 1 }
		$1 == "exits"		{ exits[look] = $2 }
		$1 == "irq_injections"	{ injections[look] = $2 }
		END {
			exit !(look == 2 && registers[1] != "" && registers[1] == registers[2] &&
			       flags ~ /[2367abefABEF]/ && pending[1] && pending[2] &&
			       injections[1] == injections[2] && exits[2] - exits[1] > 1000)
		}' "$1"
}

# The processor under the guests erred: a guest's first touch of a device is said to be in the
# middle of an interrupt, or it stands still, or what it was executing is gone. $1 is where
# the test's logs are.
emulator_erred()
{
	local state

	grep -q '^model name.*TCG' /proc/cpuinfo || return 1
	grep -qs '^KVM internal error. Suberror: 3$' "$1"/*.qemu && return
	[ ! -e "$1/ends" ] || ! fetch_failed "$1/ends" || return 0
	for state in "$1"/*.state; do
		[ ! -e "$state" ] || ! cpu_stands "$state" || return 0
	done
	return 1
}
