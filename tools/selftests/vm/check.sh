#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything the project is judged by; the last lines say what failed and count all points.
# Usage: check.sh [-l | -d]
#	-l: every test on every kernel, the repeated ones ten times
#	-d: the tests on the debug kernels instead
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# Long tests of what does not depend on the kernel: on one each, unless -l is given; the
# longest, in which the emulated host compiles the module, on none.
declare -A only_on=(
	[vm/selfcheck]=6.12
	[net/in_order]=7.3
	[net/kick_latency]=6.12
	[netlink/ynl]=6.12
	[net/race]=6.12
	[net/race_packed]=7.3
	[life/neighbours]=none
	[life/host]=7.3
	[life/inject]=kasan
	[net/counters_packed]=7.3
	[net/hostile_tx]=6.1
	[net/hostile_tx_packed]=7.3
	[net/hostile_rx]=6.12
	[net/hostile_rx_packed]=7.3
	[net/iotlb_live]=6.1
	[net/iotlb_live_packed]=6.12
	[net/log_live]=6.12
	[net/log_live_packed]=6.1
	[net/log_packed]=6.12
	[net/log_used]=7.3
	[net/log_used_packed]=6.1
	[net/memory_packed]=7.3
	[net/notify_packed]=7.3
	[net/polling_packed]=6.1
	[net/pressure_packed]=6.1
	[net/tune_packed]=6.12
	[qemu/jumbo]=6.1
	[qemu/queues]=6.1
	[qemu/bridge]=7.3
	[qemu/reset]=7.3
	[qemu/iommu]=6.1
	[qemu/features]=7.3
	[qemu/migrate]=6.12
	[ctl/traffic]=7.3
	[clients/takeover]=6.1
	[clients/libvirt]=6.12
	[clients/ovs]=7.3
	[vhost-user/traffic]=6.12
	[vhost-user/reconnect]=none
	[vhost-user/testpmd]=6.12
	[vhost-user/migrate]=none
	[vhost-user/iommu]=6.12
	[packages/deb]=none
	[packages/make]=none
	[soak/guests]=none
)
long=
debug=
while getopts ld option; do
	case $option in
	l) long=yes ;;
	d) debug=yes ;;
	*) exit 2 ;;
	esac
done

prepare_host
results=$(mktemp -d "$cache/check.XXXXXX")
trap 'rm -rf "$results"' EXIT
if [ -n "$long" ]; then
	only_on=([vm/selfcheck]=6.12 [life/inject]=kasan)
	export VHOSTX_HOPS=10 VHOSTX_RUN_LIMIT=7200
elif [ -n "$debug" ]; then
	# User Mode Linux itself dies of an allocation that fails under a copy from a user, has
	# neither calls of 32-bit programs nor huge pages, and pads messages in a way that one
	# program does not know.
	only_on=([packages/deb]=none [packages/make]=none [life/inject]=kasan [netlink/ynl]=kasan
		[abi/compat]=kasan [clients/testpmd]=kasan [vhost-user/testpmd]=kasan)
fi

# Run the stage $1, the rest of the arguments; what it counts goes to the total. A stage
# that fails without saying in what is one failed point.
stage()
{
	local name=$1 start=$SECONDS status=0
	shift

	echo "# $name"
	"$@" 2>&1 | tee "$results/$name" || status=$?
	echo "# $name: $((SECONDS - start)) s"
	if [ "$status" != 0 ] && ! grep -q '^ *not ok' "$results/$name"; then
		echo "not ok 1 $name ended with status $status" | tee -a "$results/$name"
	fi
}

# Its tests with guests have a host of their own, or half of the machine would idle at the end.
apart=7.3
[ -z "$debug" ] || apart=um-kasan

# In which threads meet: of the module's, of the kernel's that call it, of its callers'; and what
# User Mode Linux cannot run.
stress='^(life|netlink)/|^net/(frames|notify|memory|log_live|iotlb|iotlb_live|polling|pressure'
stress+='|backpressure|tune|faults)$|^abi/compat$|/testpmd$'

# Print the tests that run on kernel $1: all, those with guests or without, those of stress.
tests_on()
{
	local name which=${2:-all} guests='^qemu/|^ctl/|^clients/|^vhost-user/|^soak/'

	make -s --no-print-directory -C "$top/tools/selftests" list | sed 's/\.sh$//' |
		while read -r name; do
			[ "${only_on[$name]:-$1}" != "$1" ] || echo "$name"
		done | case $which in
		guests) grep -E "$guests" ;;
		programs) grep -vE "$guests" ;;
		stress) grep -E "$stress" ;;
		*) cat ;;
		esac
}

# The stage $1: what tests_on prints for the rest of the arguments, on the kernel $2.
run_on()
{
	local tests

	mapfile -t tests < <(tests_on "${@:2}")
	stage "$1" "$vm/run.sh" "$2" "${tests[@]}"
}

# What runs beside each other.
job()
{
	case $1 in
	images)
		stage images "$vm/image.sh" "${kernels[@]}" forky
		;;
	lint)
		stage lint make -s --no-print-directory -C "$top" lint
		stage check-fast make -s --no-print-directory -C "$top" check-fast
		;;
	guests) run_on "guests-$apart" "$apart" guests ;;
	"$apart") run_on "vm-$apart" "$apart" programs ;;
	kasan | kcsan) run_on "vm-$1" "$1" stress ;;
	*) run_on "vm-$1" "$1" ;;
	esac
}

# Wait for one; what it found wrong it has said, unless it died.
job_end()
{
	wait -n || echo "not ok 1 a job ended with status $?" | tee -a "$results/jobs"
}

# An emulated host keeps less than one CPU busy: two jobs at a time, their lines marked.
# A job whose image is not there yet waits for it.
work=(images "$build_kernel" 6.1 guests "$apart" lint)
[ -z "$debug" ] || work=(guests "$apart" kasan kcsan)
for name in "${work[@]}"; do
	[ "$(jobs -rp | wc -l)" -lt 2 ] || job_end
	job "$name" | sed -u "s/^/$name: /" &
done
while [ -n "$(jobs -rp)" ]; do
	job_end
done
if [ -n "$long" ]; then
	# Once more where time is counted, and the limits are what is promised.
	VHOSTX_ICOUNT=1 stage neighbours "$vm/run.sh" "$build_kernel" life/neighbours
	stage reboot "$vm/reboot.sh" "${kernels[@]}"
fi
[ -n "$debug" ] || stage abi-doc "$vm/abi-doc.sh" "$results"/vm-*
echo "# check: $SECONDS s"
"$vm/ktap.sh" -l "$results"/*
