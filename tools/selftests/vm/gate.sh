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
# Where debug kernels look for memory that nothing points to.
gate_kmemleak=/sys/kernel/debug/kmemleak
# Nothing is ever written to it: reading it with a time limit sleeps without a fork.
gate_fifo=$(mktemp -u)
mkfifo "$gate_fifo"
exec {gate_never}<>"$gate_fifo"
rm "$gate_fifo"
gate_modules=(vhostx tun tap vhost_net vhost vhost_iotlb)

gate_nap()
{
	read -r -t "$1" -u "$gate_never"
}

# Let udevd's workers go, which hold files and idle for seconds; it is part of no test.
# Sets udevd to its pid, once nothing of it moves.
gate_settle()
{
	local tries file name workers

	for tries in {1..60}; do
		workers=
		for file in /proc/[0-9]*/comm; do
			{ read -r name <"$file"; } 2>/dev/null || continue
			case $name in
			systemd-udevd) udevd=${file//[!0-9]/} ;;
			'(udev-worker)') workers=1 ;;
			esac
		done
		[ -n "$workers" ] || [ -e /run/udev/queue ] || return 0
		[ -e /run/udev/queue ] || udevadm control --reload
		gate_nap 0.2
	done
}

# Sets files to how many the slab has. Shrinking it takes those back that KASAN, where there
# is one, keeps after they were freed.
gate_files()
{
	echo 1 >/sys/kernel/slab/filp/shrink
	read -r files _ </sys/kernel/slab/filp/objects
}

# The state that must be as it was: one "name value" line each.
gate_state()
{
	local module file name value files udevd_files

	udevd_files=(/proc/"$udevd"/fd/*)
	# file-nr is right to 32 per CPU only; the slab's count is exact (see boot.sh),
	# once grace periods have passed over the files just closed.
	gate_files
	value=$files
	for _ in {1..8}; do
		gate_nap 0.3
		gate_files
		[ "$files" -lt "$value" ] || break
		value=$files
	done
	echo "files $((value - ${#udevd_files[@]}))"
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
	# A kernel for one processor has no lists of others to look at.
	[ ! -e /proc/sys/vm/stat_refresh ] || echo 1 >/proc/sys/vm/stat_refresh
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

# Leave out the reports of races between accesses neither of which vhostx made or asked for, as
# it does not for faults and interrupts that it meets; what the checkers say of themselves at
# boot and kmemleak at a look, as gate_leaks asks it; and, on a kernel in which tests can make
# allocations fail, where one has failed.
gate_ours()
{
	local injects=0

	[ ! -e /proc/self/fail-nth ] || injects=1
	awk -v injects="$injects" '/BUG: KCSAN: / { race = 1 }
	     injects && /vmalloc error: size|page allocation failure: order/ { failed = 1 }
	     failed { failed = !/<\/TASK>/; next }
	     /kmemleak: Cannot allocate/ { next }
	     /kmemleak: (Kernel memory leak detector|[0-9]+ new suspected)/ { next }
	     /RCU lockdep checking is enabled/ { next }
	     race { text = text $0 "\n" }
	     race && / by (task|interrupt) / { met = 0 }
	     race && / asm_[a-z_]+\+0x/ { met = 1 }
	     race && /\[vhostx\]/ && !met { ours = 1 }
	     race && /={60}/ {
		if (ours && text !~ /data-race in .*pollwake/)
			printf "%s", text
		race = ours = met = 0
		text = ""
		next
	     }
	     !race'
}

# Print what the kernel log says since the last mark that no test may cause.
gate_offences()
{
	gate_log | gate_ours | grep -E "$gate_pattern" | head -n 20 | sed 's/^/kernel log: /'
}

# Print what vhostx has allocated and nothing points to, by kmemleak: most of a minute. It
# names what two looks found, the second of them seconds after it was made. Where the module
# has gone since, its functions have no names.
gate_leaks()
{
	echo scan >"$gate_kmemleak"
	gate_nap 6
	echo scan >"$gate_kmemleak"
	awk -v RS='unreferenced object ' '/\[vhostx\]|\] 0x[0-9a-f]+\n/ {
		sub(/\n$/, "")
		print "leak: " $0
	}' "$gate_kmemleak"
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

# What is freed late gets a few seconds to be. Per-CPU lists, slabs and the like come and go
# by GATE_SLACK KiB.
gate_end()
{
	local tries state leak growth offences slack=${GATE_SLACK:-16384}

	gate_settle
	for tries in {1..15}; do
		state=$(gate_state)
		leak=$(gate_compare "$gate_state_before" "$state")
		[ -z "$leak" ] && break
	done
	for tries in {1..12}; do
		growth=$(($(gate_memory) - gate_memory_before))
		[ "$growth" -le "$slack" ] && break
		gate_nap 0.5
	done
	if [ "$growth" -gt "$slack" ]; then
		leak+=${leak:+$'\n'}"leak: $growth KiB of memory after $tries looks"
	fi
	offences=$(gate_offences)
	gate_said=$leak${leak:+${offences:+$'\n'}}$offences
	[ -z "$gate_said" ]
}
