# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The gate of L1: what a test must not leave behind. Source it, then
#	gate_begin; ...the test...; gate_end && it is clean
# Call both from the same shell, without a pipe: its files count. gate_end leaves a line
# per offence in gate_said.

# Kernel log lines that fail a test.
gate_pattern='WARNING|BUG:|kernel BUG|Oops|general protection|stack-trace|Call Trace'
gate_pattern+='|lockdep|possible (recursive|circular|irq)|inconsistent lock state|lock held'
gate_pattern+='|suspicious RCU|detected stall|soft lockup|hard LOCKUP|blocked for more than'
gate_pattern+='|KASAN|UBSAN|KCSAN|kmemleak|refcount_t|list_(add|del) corruption|Bad page'
gate_pattern+='|double free|scheduling while atomic|unregister_netdevice: waiting'
gate_mark='vhostx-gate: mark'
# Per-CPU lists, slabs and the like come and go by this much, in KiB.
gate_slack=${GATE_SLACK:-16384}
gate_modules=(vhostx tun tap vhost_net vhost vhost_iotlb)

# Let udevd's workers go, which hold files and idle for seconds; it is part of no test.
gate_settle()
{
	local tries

	udevadm settle --timeout=20
	for tries in {1..30}; do
		udevadm control --reload
		pgrep -x '\(udev-worker\)' >/dev/null || break
		sleep 0.2
	done
}

# The state that must be as it was: one "name value" line each.
gate_state()
{
	local module file name value udevd

	# file-nr is right to 32 per CPU only; the slab's count is exact (see boot.sh).
	read -r value _ </sys/kernel/slab/filp/objects
	udevd=(/proc/"$(pgrep -o -x systemd-udevd)"/fd/*)
	echo "files $((value - ${#udevd[@]}))"
	for module in "${gate_modules[@]}"; do
		value=0
		[ ! -e "/sys/module/$module/refcnt" ] || read -r value <"/sys/module/$module/refcnt"
		echo "refcount:$module $value"
	done
	for file in /proc/[0-9]*/comm; do
		{ read -r name <"$file"; } 2>/dev/null || continue
		case $name in vhost-*) echo "thread:$name 1" ;; esac
	done
	for file in /sys/class/net/*; do
		echo "netdev:${file##*/} 1"
	done
}

# Print the KiB that are neither free nor page cache. What idle CPUs keep on lists of
# their own is free too, and can be a lot after a burst.
gate_memory()
{
	echo 1 >/proc/sys/vm/stat_refresh
	awk '/^(MemTotal|Shmem):/ { kib += $2 }
	     /^(MemFree|Buffers|Cached|SReclaimable):/ { kib -= $2 }
	     $1 == "count:" { kib -= $2 * 4 }
	     END { print kib }' /proc/meminfo /proc/zoneinfo
}

# The kernel log since the last mark; all that is left of it where the mark is gone.
gate_log()
{
	dmesg | awk -v mark="$gate_mark" 'index($0, mark) { text = ""; next }
		{ text = text $0 "\n" } END { printf "%s", text }'
}

# Print what the kernel log says since the last mark that no test may cause.
gate_offences()
{
	gate_log | grep -E "$gate_pattern" | head -n 20 | sed 's/^/kernel log: /'
}

gate_begin()
{
	gate_settle
	echo "$gate_mark" >/dev/kmsg
	gate_state_before=$(gate_state)
	gate_memory_before=$(gate_memory)
}

# Print what is more in the state $2 than in the state $1.
gate_compare()
{
	local -A before=()
	local name value

	while read -r name value; do
		before[$name]=$value
	done <<<"$1"
	while read -r name value; do
		if [ "$value" -gt "${before[$name]:-0}" ]; then
			echo "leak: $name is $value, was ${before[$name]:-0}"
		fi
	done <<<"$2"
}

# What is freed late gets a few seconds to be.
gate_end()
{
	local tries state leak growth offences

	gate_settle
	for tries in {1..20}; do
		state=$(gate_state)
		leak=$(gate_compare "$gate_state_before" "$state")
		[ -z "$leak" ] && break
		sleep 0.25
	done
	for tries in {1..12}; do
		growth=$(($(gate_memory) - gate_memory_before))
		[ "$growth" -le "$gate_slack" ] && break
		sleep 0.5
	done
	if [ "$growth" -gt "$gate_slack" ]; then
		leak+=${leak:+$'\n'}"leak: $growth KiB of memory after $tries looks"
	fi
	offences=$(gate_offences)
	gate_said=$leak${leak:+${offences:+$'\n'}}$offences
	[ -z "$gate_said" ]
}
