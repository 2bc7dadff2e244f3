#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2034,SC2154,SC1091 # shared with what it sources
# Does the gate catch what it is there for? Each case offends on purpose, in L1.
set -uo pipefail
. /opt/vhostx/vm/runner

work=$(mktemp -d)
points=0
failed=0
# Offenders that must outlive a case: ended by undo.
offender=
held=

undo()
{
	[ -z "$offender" ] || kill "$offender" 2>/dev/null
	[ -z "$offender" ] || wait "$offender" 2>/dev/null
	[ -z "$held" ] || exec {held}<&-
	offender=
	held=
}

# Report the case $1: good when the text $2 has a line that matches $3.
expect()
{
	points=$((points + 1))
	if grep -qE "$3" <<<"$2"; then
		echo "ok $points $1"
	else
		echo "# wanted /$3/, got: ${2:-nothing}"
		echo "not ok $points $1"
		failed=$((failed + 1))
	fi
}

# The case $1 is none here, as $2.
cannot()
{
	points=$((points + 1))
	echo "ok $points $1 # SKIP $2"
}

# Run the case $1: the function $2 offends, the gate must say what matches $3.
gate_case()
{
	gate_begin
	"$2"
	gate_end
	expect "$1" "$gate_said" "$3"
	undo
}

# Run the case $1: the runner has a test of body $2, and must say what matches $3.
runner_case()
{
	local said status limit=$((2 * ${VHOSTX_SLOW:-1}))

	mkdir -p "$work/group"
	printf '#!/bin/bash\n%s\n' "$2" >"$work/group/case.sh"
	chmod +x "$work/group/case.sh"
	said=$(
		tests=$work cgroup=/sys/fs/cgroup/selfcheck VHOSTX_LOGS=$work
		stands_at $((limit / 2)) >/dev/null 2>&1 &
		run group/case.sh $limit >"$work/output" 3>/dev/null
		status=$?
		kill $! 2>/dev/null
		judge "$work/output" "$status" $limit
	)
	expect "$1" "${said:-clean}" "$3"
}

hold_tun()
{
	exec {held}<>/dev/net/tun
}

hold_file()
{
	exec {held}</dev/null
}

name_thread()
{
	cp "$(readlink -f /bin/sleep)" "$work/vhost-1"
	"$work/vhost-1" 60 &
	offender=$!
}

add_netdev()
{
	ip link add gate0 type bridge
}

warn()
{
	echo "vhostx-gate: pretend: WARNING: CPU: 0" >/dev/kmsg
}

take_pages()
{
	echo $((${GATE_SLACK:-16384} / 2048 + 24)) >/proc/sys/vm/nr_hugepages
}

# A report of KCSAN's on functions $1, with a stack of the other arguments.
race()
{
	local line bar

	bar=$(printf '=%.0s' {1..66})
	for line in "$bar" "BUG: KCSAN: data-race in $1" "read to 0x1 of 8 bytes by task 1 on cpu 0:" \
		"${@:2}" "$bar"; do
		echo "pretend: $line" >/dev/kmsg
	done
}

our_race()
{
	race "f / g" " f+0x1/0x2 [vhostx]"
}

interrupts_race()
{
	race "f / g" " f+0x1/0x2 [vhostx]" " asm_sysvec_apic_timer_interrupt+0x1/0x2" " h+0x1/0x2"
}

other_race()
{
	race "f / g" " f+0x1/0x2 [vhost]"
}

faults_race()
{
	race "f / g" " f+0x1/0x2" " asm_exc_page_fault+0x1/0x2" " h+0x1/0x2 [vhostx]"
}

polls_race()
{
	race "poll_schedule_timeout / pollwake" " f+0x1/0x2 [vhostx]"
}

say_nothing()
{
	:
}

echo "KTAP version 1"
echo "1..42"

gate_case "a clean test passes" say_nothing '^$'
gate_case "a line in the kernel log" warn '^kernel log: .*WARNING'
while read -r line; do
	echo "$gate_mark" >/dev/kmsg
	echo "vhostx-gate: pretend: $line" >/dev/kmsg
	expect "kernel log: $line" "$(gate_offences)" '^kernel log: '
done <<'END'
WARNING: CPU: 0 PID: 1 at net/core/dev.c:1 f+0x1/0x2
BUG: kernel NULL pointer dereference, address: 0000000000000000
kernel BUG at mm/slub.c:1!
Oops: 0000 [#1] PREEMPT SMP
general protection fault, probably for non-canonical address
WARNING: possible circular locking dependency detected
INFO: possible recursive locking detected
WARNING: suspicious RCU usage
rcu: INFO: rcu_preempt self-detected stall on CPU
watchdog: BUG: soft lockup - CPU#1 stuck for 22s!
INFO: task vhost-1:2 blocked for more than 120 seconds.
BUG: KASAN: slab-use-after-free in f+0x1/0x2
UBSAN: array-index-out-of-bounds in f.c:1:2
refcount_t: underflow; use-after-free.
unregister_netdevice: waiting for tap0 to become free. Usage count = 1
END
gate_case "a data race in vhostx" our_race '^kernel log: .*KCSAN'
gate_case "one in an interrupt of vhostx's" interrupts_race '^kernel log: .*KCSAN'
gate_case "one elsewhere passes" other_race '^$'
gate_case "one of a fault that vhostx meets passes" faults_race '^$'
gate_case "one of poll's, that a signal meets, passes" polls_race '^$'
gate_case "an open file" hold_file '^leak: files '
gate_case "a reference on a module" hold_tun '^leak: refcount:tun is '
gate_case "a worker thread" name_thread '^leak: thread:vhost-1 '
gate_case "a network device" add_netdev '^leak: netdev:gate0 '
ip link del gate0
if [ -e /proc/sys/vm/nr_hugepages ]; then
	gate_case "48 MiB of pages more than may be" take_pages '^leak: [0-9]+ KiB of memory'
	echo 0 >/proc/sys/vm/nr_hugepages
else
	cannot "48 MiB of pages more than may be" "this kernel has no huge pages"
fi

runner_case "a good test passes" 'echo 1..1; echo ok 1' '^clean$'
runner_case "a hanging test is ended" 'echo 1..1; sleep 60' '^timed out'
if grep -q . /proc/1/stack; then
	runner_case "and where it stood is told" 'echo 1..1; sleep 60' \
		'^(\[<0>\] )?hrtimer_nanosleep'
else
	cannot "and where it stood is told" "this kernel shows no stacks"
fi
runner_case "a point that is missing" 'echo 1..2; echo ok 1' '^planned 2 points, 1 seen$'
runner_case "no points at all" 'true' '^planned no points, 0 seen$'
runner_case "a silent bad end" 'echo 1..1; echo ok 1; exit 3' '^exit status 3$'
runner_case "a process left behind" \
	"echo 1..1; echo ok 1; setsid sleep 60 >/dev/null & echo \$! >$work/survivor" \
	'^left processes behind: sleep'
points=$((points + 1))
if kill -0 "$(<"$work/survivor")" 2>/dev/null; then
	echo "not ok $points and it is ended"
	failed=$((failed + 1))
else
	echo "ok $points and it is ended"
fi

# Where it is emulated, a guest that its processor broke gets another try; no other does.
mkdir "$work/logs"
for said in 'KVM internal error. Suberror: 1' 'KVM internal error. Suberror: 3'; do
	want=again
	[[ $said = *3 ]] && grep -q 'TCG' /proc/cpuinfo || want=once
	echo "$said" >"$work/logs/g1.qemu"
	expect "$said" "$(emulator_erred "$work/logs" && echo again || echo once)" "^$want$"
done
rm "$work/logs"/*
for said in stands moves; do
	want=once
	[ "$said" = moves ] || ! grep -q 'TCG' /proc/cpuinfo || want=again
	for round in 1 2; do
		rip=1
		[ "$said" = stands ] || rip=$round
		printf '== g1, round %s\nCPU#0\nRIP=%s RFL=00010246\nIRR\t 36\nexits %s000\nirq_injections 7\n' \
			$round $rip $((round * 9))
	done >"$work/logs/g1.state"
	expect "a processor that $said" \
		"$(emulator_erred "$work/logs" && echo again || echo once)" "^$want$"
done
rm "$work/logs"/*
# One that ends behind what it executed, one that ends elsewhere, one that ends by what it reads.
for said in "00a2fa 10" "00b2fa 10" "00a2fa 00"; do
	want=once
	[ "$said" != "00a2fa 10" ] || ! grep -q 'TCG' /proc/cpuinfo || want=again
	printf ' qemu-7 [1] d: 1: kvm_exit: vcpu 1 reason %s rip 0xffffffffa1%s info1 0x0 %s\n' \
		msr 00a2f8 'intr_info 0x000000ec error_code 0x00000000' \
		shutdown "${said% *}" "intr_info 0x80000b0e error_code 0x000000${said#* }" >"$work/logs/ends"
	expect "a processor that ended at ${said/ /, error }" \
		"$(emulator_erred "$work/logs" && echo again || echo once)" "^$want$"
done

rm -r "$work"
# What was written above is no offence of this test.
echo "$gate_mark" >/dev/kmsg
[ "$failed" = 0 ]
