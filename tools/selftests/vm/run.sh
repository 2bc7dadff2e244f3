#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Boot L1 with the checkout's module and tests in it.
# Usage: run.sh K [TEST...]	run these (group, or group/name), or all; KTAP
#	 run.sh -s K		a shell on its console
#	 run.sh -c COMMAND K	run a shell command there, print what it says
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

mode="test"
command=
while getopts sc: option; do
	case $option in
	s) mode=shell ;;
	c) mode=command command=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
k=${1:?usage: run.sh K [TEST...]}
shift
# A debug kernel takes several times as long, and memory is in its quarantine for a while. So
# does any on a machine that has other work.
slow=${VHOSTX_SLOW:-1}
slack=${GATE_SLACK:-16384}
guest_kernel=$k
if is_debug "$k"; then
	slow=${VHOSTX_SLOW:-5}
	slack=${GATE_SLACK:-131072}
	guest_kernel=$build_kernel
fi
# No output for this long beyond a test's own limit, or no end after that, is a hang.
boot_limit=$((180 * slow))
# Nor may its heart stand still: time enough for its kernel's watchdogs to say why.
heart_limit=${VHOSTX_HEART_LIMIT:-$((150 * slow))}
soak=${VHOSTX_SOAK:-120}
run_limit=${VHOSTX_RUN_LIMIT:-$((2400 * slow + soak))}

# Print the tests that the arguments choose.
choose()
{
	local all wanted chosen

	all=$(make -s --no-print-directory -C "$top/tools/selftests" list)
	if [ $# = 0 ]; then
		echo "$all"
		return
	fi
	for wanted in "$@"; do
		chosen=$(grep -E "^$wanted(/|\.sh|\$)" <<<"$all") || die "no test $wanted"
		echo "$chosen"
	done
}

# Compile the tests in the build tree, against its static C library.
build_selftests()
{
	local out

	out=$cache/selftests-$(cksum <<<"$top" | cut -d' ' -f1)
	mkdir -p "$out" "$lab/stage/opt/vhostx/selftests"
	exec {lock}>"$out/lock"
	flock "$lock"
	"$vm/chroot.sh" -b "$out:/out" -b "$lab/stage:/stage" "$build_kernel" \
		make -s --no-print-directory -j2 -C "$top/tools/selftests" OUTPUT=/out \
		KSELFTEST=/opt/linux-source/tools/testing/selftests \
		INSTALL_PATH=/stage/opt/vhostx/selftests install >&2
	exec {lock}>&-
}

# The kernel and initramfs of the guests that L1 starts.
build_guest()
{
	local image out

	image=$("$vm/image.sh" "$guest_kernel")
	out=$cache/guest-$(digest "$vm/guest.sh" "$vm/guest-init")-$(basename "$image")
	exec {lock}>"$cache/guest-$guest_kernel.lock"
	flock "$lock"
	if [ ! -d "$out" ]; then
		mkdir -p "$out.new"
		"$vm/chroot.sh" -b "$out.new:/opt/vhostx/l2" "$guest_kernel" "$vm/guest.sh" / >&2
		mv "$out.new" "$out"
	fi
	exec {lock}>&-
	mkdir -p "$lab/stage/opt/vhostx/l2"
	cp "$out"/* "$lab/stage/opt/vhostx/l2"
}

# The packages and the source, for tests that install them.
build_packages()
{
	if ! "$vm/deb.sh" "$k" >"$lab/packages"; then
		say "L1 boots without the packages"
		return
	fi
	mkdir -p "$lab/stage/opt/vhostx/deb" "$lab/stage/opt/vhostx/source"
	xargs cp -t "$lab/stage/opt/vhostx/deb" <"$lab/packages"
	copy_source "$lab/stage/opt/vhostx/source"
}

# Everything L1 gets, as archives that its first program unpacks.
prepare()
{
	# Without these nothing else goes, and it would say so less clearly.
	"$vm/image.sh" "$build_kernel" >/dev/null
	"$vm/image.sh" "$k" >/dev/null
	mkdir -p "$lab/parts" "$lab/logs" "$lab/stage/opt/vhostx/vm"
	if module=$("$vm/module.sh" "$k"); then
		ln -f "$module" "$lab/parts/module.tar"
		echo "ok 1 DKMS installs the module for $k"
	else
		# Whatever does not need it can still be run.
		say "L1 boots without vhostx"
		echo "not ok 1 DKMS installs the module for $k"
	fi >"$lab/module"
	build_selftests
	build_guest
	if grep -qs '^packages/' "$lab/tests"; then
		build_packages
	fi
	cp "$vm/init" "$vm/runner" "$vm/gate.sh" "$vm/emulator.sh" "$lab/stage/opt/vhostx/vm"
	tar -C "$lab/stage" -cf "$lab/parts/stage.tar" .
	rm -rf "$lab/stage"
}

# Print for how many seconds that CPU of L1 has not beaten which has not for longest.
heart_still()
{
	local file beat now oldest

	now=$(date +%s)
	oldest=$now
	for file in "$lab"/heart.*; do
		beat=$(stat -c %Y "$file" 2>/dev/null) || continue
		[ "$beat" -ge "$oldest" ] || oldest=$beat
	done
	echo $((now - oldest))
}

# Ask the emulator for the registers of each CPU, three times.
look_at_cpus()
{
	for _ in 1 2 3; do
		echo "info registers -a" 1<>"$lab/monitor.in"
		timeout 2 cat "$lab/monitor.out" || true
	done >"$lab/registers"
}

# Print where they stood: the function as L1 calls it, which is another in a guest.
cpus_stand()
{
	local rip halted

	grep -aoE 'RIP=[0-9a-f]+|HLT=[01]' "$lab/registers" | cut -d = -f 2 | paste - - |
		while read -r rip halted; do
			awk -v rip="$rip" -v halted="$halted" '
				($1 "") <= rip && ($1 "") > best { best = $1 ""; name = $3 " " $4 }
				END { print "# a CPU at " rip ": " name (halted ? ", halted" : "") }
				' "$lab/kallsyms"
		done
}

# Wait for L1's end, passing its results on; stop it when it hangs, and set silent when
# that was for want of a word, not because its time was up.
watch()
{
	local limit=$boot_limit tail_pid quiet still

	silent=
	tail -n "+$(($(wc -l <"$lab/ktap") + 1))" -s 0.2 -f --pid="$l1" "$lab/ktap" &
	tail_pid=$!
	while kill -0 "$l1" 2>/dev/null; do
		sleep 0.5
		[ ! -e "$lab/current" ] || read -r _ limit <"$lab/current" || continue
		quiet=$(($(date +%s) - $(stat -c %Y "$lab/ktap")))
		still=$(heart_still)
		if [ "$quiet" -gt $((limit + 90)) ] || [ "$still" -gt "$heart_limit" ] ||
			[ $((SECONDS - begin)) -gt "$run_limit" ]; then
			say "L1 hangs ($quiet s without a word, $still s without a beat of a CPU," \
				"$((SECONDS - begin)) s in all): stopping it"
			look_at_cpus
			# A host that has not come as far as its tests has told no names.
			cpus_stand || true
			[ $((SECONDS - begin)) -gt "$run_limit" ] || silent=yes
			kill "$l1"
			break
		fi
	done
	wait "$l1" || true
	wait "$tail_pid"
}

# Boot L1 and let it run its tests.
run_l1()
{
	begin=$SECONDS
	setpriv --pdeathsig TERM "$vm/boot.sh" "$k" "$lab" </dev/null >"$lab/console" 2>&1 &
	l1=$!
	watch
	l1=
}

# Emulated processors with nested guests can spin for ever without a step: then nothing
# comes, from the kernel's watchdogs neither. A kernel that hangs says so, one that dies
# does not have to be stopped, and real processors do not spin so. One that spins in the
# module or for a lock, where no watchdog sees it, may be the module's fault.
emulator_hung()
{
	[ -n "$silent" ] && [ "$(tests_done)" -gt 0 ] && kernel_is_silent &&
		! cpus_stand | grep -qE 'vhostx|spin_lock|rwlock'
}

# They can lose their way, too: what they execute is gone, and so are the handlers of that.
emulator_fell()
{
	grep -qsx 'Triple fault' "$lab/cpu_reset" && kernel_is_silent
}

# On emulated processors a kernel has said nothing of what is wrong.
kernel_is_silent()
{
	! grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo &&
		! tail -n 50 "$lab/console" | grep -qE \
			'(soft|hard) (lockup|LOCKUP)|self-detected stall|detected stalls|blocked for more|BUG: |Oops|WARNING: |Kernel panic'
}

# Print how its emulator ended L1, where it was that.
emulator_ended()
{
	if emulator_hung; then
		echo "hung"
	elif emulator_fell; then
		echo "ended by a triple fault"
	fi
}

tests_done()
{
	grep -cE '^(not )?ok ' "$lab/ktap" || true
}

# Leave what is done, and begin again with the test that hung.
go_on()
{
	local done=$(($(tests_done) + 1))

	cp "$lab/console" "$lab/console.hung"
	cp "$lab/ktap" "$lab/ktap.hung"
	touch "$lab/keep"
	tail -n "+$done" "$lab/tests" >"$lab/tests.left"
	mv "$lab/tests.left" "$lab/tests"
	say "L1 $1 without a word from its kernel: once more from $(head -n 1 "$lab/tests") on"
	awk '{ held = held $0 "\n" } /^(not )?ok / { printf "%s", held; held = "" }' "$lab/ktap" >"$lab/ktap.done"
	mv "$lab/ktap.done" "$lab/ktap"
	rm -f "$lab/current" "$lab/cpu_reset" "$lab"/heart.*
}

prepare_host
lab=$cache/lab-$k-$(date +%H%M%S).$$
mkdir -p "$lab"
l1=
finish()
{
	[ -z "$l1" ] || kill "$l1" 2>/dev/null || true
	[ ! -t 0 ] || stty sane
	[ -e "$lab/keep" ] || rm -rf "$lab"
}
trap finish EXIT
trap 'exit 130' INT TERM

begin=$SECONDS
case $mode in
shell)
	prepare
	read -r rows columns < <(stty size 2>/dev/null || echo 24 80)
	echo "shell $rows $columns ${TERM:-linux}" >"$lab/mode"
	[ ! -t 0 ] || stty raw -echo
	setpriv --pdeathsig TERM "$vm/boot.sh" "$k" "$lab"
	;;
command)
	prepare
	echo command >"$lab/mode"
	echo "$command" >"$lab/command"
	: >"$lab/output"
	setpriv --pdeathsig TERM "$vm/boot.sh" "$k" "$lab" </dev/null >"$lab/console" 2>&1 &
	l1=$!
	# Waited for, as a shell hears no signal while a program runs in front.
	timeout "$run_limit" tail -n +1 -s 0.2 -f --pid="$l1" "$lab/output" &
	wait "$!" || true
	if [ ! -e "$lab/status" ]; then
		touch "$lab/keep"
		die "L1 did not finish; its console is $lab/console"
	fi
	wait "$l1" || true
	l1=
	exit "$(<"$lab/status")"
	;;
test)
	choose "$@" >"$lab/tests"
	echo "export VHOSTX_HOPS=${VHOSTX_HOPS:-1} VHOSTX_SLOW=$slow GATE_SLACK=$slack VHOSTX_SOAK=$soak" >"$lab/environment"
	cp "$lab/tests" "$lab/tests.all"
	prepare
	say "L1 with $k starts, $((SECONDS - begin)) s after the command"
	echo test >"$lab/mode"
	: >"$lab/ktap"
	run_l1
	how=$(emulator_ended)
	if [ -n "$how" ]; then
		go_on "$how"
		run_l1
	fi
	if ! grep -q '^# done$' "$lab/ktap"; then
		# The first of these is what it died of.
		tail -n "+$(($(tests_done) + 1))" "$lab/tests.all" |
			sed 's/.*/not ok - & # L1 did not get to its end/' | tee -a "$lab/ktap"
		tail -n 40 "$lab/console" | sed 's/^/# console: /'
	fi
	cat "$lab/module"
	if grep -q '^ *not ok' "$lab/ktap" "$lab/module"; then
		touch "$lab/keep"
		echo "# consoles and logs: $lab"
	fi
	"$vm/ktap.sh" "$lab/module" "$lab/ktap"
	;;
esac
