#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Start L1 and wait for its end. Its console is standard input and output.
# Usage: boot.sh K DIR	DIR becomes /lab in L1: parts/*.tar, mode, ...
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

k=$1
lab=$2
image=$("$vm/image.sh" "$k")

# /dev/kvm alone proves nothing: without these flags a stock kernel hangs under it.
accel=(-accel "tcg,thread=multi" -cpu max)
if [ -w /dev/kvm ] && grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then
	accel=(-accel kvm -cpu host)
fi
smp=${VHOSTX_SMP:-2}
# Time is instructions: what runs costs the same on any machine.
if [ -n "${VHOSTX_ICOUNT:-}" ]; then
	accel=(-accel "tcg,thread=single" -cpu max -icount "shift=0,sleep=off")
	smp=1
fi
# A directory with profile.so, which writes there what the guest's kernel executes.
plugin=()
binds=(-b "$lab:/lab" -b "$image:/image")
if [ -n "${VHOSTX_PLUGIN:-}" ]; then
	binds+=(-b "$VHOSTX_PLUGIN:/plugin")
	plugin=(-plugin "file=/plugin/profile.so,out=/plugin/blocks")
fi
# shellcheck disable=SC2054 # the commas are the kernel's
# With checks on, a slab's count of open files is exact: the gate wants that.
append=(rw log_buf_len=8M net.ifnames=0 slub_debug=F,filp "${VHOSTX_APPEND:-}")
mkdir -p "$lab/tmp"
"$vm/initrd.sh" "$image/root" "$lab/initrd"

# A process: its console is this one's, what it writes to the disk stays beside it, and its
# memory is a file that it executes from. When it panics it ends all processes of its session.
if is_um "$k"; then
	exec "$vm/chroot.sh" "${binds[@]}" "$build_kernel" \
		env TMPDIR=/tmp setsid -w /image/vmlinuz "mem=${VHOSTX_MEM:-3G}" \
		initrd=/lab/initrd ubd0=/lab/disk,/image/root.img root=/dev/ubda \
		con=null con0=fd:0,fd:1 console=tty0 "${append[@]}"
fi
# shellcheck disable=SC2054 # the commas are the kernel's
# Emulated time runs slowly on a busy machine: only a real stall is one.
append+=(root=/dev/vda console=ttyS0 panic=-1 rcupdate.rcu_cpu_stall_timeout=60
	watchdog_thresh=30)
rm -f "$lab"/monitor.{in,out}
mkfifo "$lab"/monitor.{in,out}

exec "$vm/chroot.sh" "${binds[@]}" "$build_kernel" \
	env TMPDIR=/lab/tmp qemu-system-x86_64 -nodefaults -no-user-config -display none \
	-machine q35 "${accel[@]}" "${plugin[@]}" -smp "$smp" -m "${VHOSTX_MEM:-3G}" -no-reboot \
	-kernel /image/vmlinuz -initrd /lab/initrd -append "${append[*]}" \
	-drive file=/image/root.img,format=raw,if=virtio,snapshot=on,cache=unsafe \
	-fsdev local,id=lab,path=/lab,security_model=none \
	-device virtio-9p-pci,fsdev=lab,mount_tag=lab \
	-chardev pipe,id=monitor,path=/lab/monitor -mon monitor \
	-d cpu_reset -D /lab/cpu_reset \
	-device virtio-rng-pci -chardev stdio,id=console,signal=off -serial chardev:console
