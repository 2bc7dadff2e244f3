#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build the L2 guest of an L1 root tree: its own kernel and an initramfs.
# Usage: guest.sh ROOT	(writes ROOT/opt/vhostx/l2/{vmlinuz,initramfs})
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=${1:?usage: guest.sh ROOT}
root=$(cd "$root" && pwd)
release=$(basename "$(readlink -f "$root"/boot/vmlinuz-* | sort -V | tail -n 1)")
release=${release#vmlinuz-}
out=$root/opt/vhostx/l2
# Order matters: a module comes after those it needs.
modules=(virtio_pci virtio_net pktgen)
programs=(/usr/bin/iperf3 /usr/sbin/ethtool)
# Opened at run time, by pthread_cancel().
libraries=(libgcc_s.so.1)

die()
{
	echo "guest.sh: $*" >&2
	exit 1
}

# Print the module files behind the names, in load order, relative to the root.
module_files()
{
	local name

	for name in "${modules[@]}"; do
		chroot "$root" modprobe --show-depends -S "$release" "$name" ||
			die "no module $name for $release"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

add_modules()
{
	local file base

	mkdir -p "$tree/modules"
	module_files | while read -r file; do
		base=$(basename "$file")
		case $file in
		*.xz) chroot "$root" xz -dc "$file" >"$tree/modules/${base%.xz}" ;;
		*.zst) chroot "$root" zstd -dc "$file" >"$tree/modules/${base%.zst}" ;;
		*) cp "$root$file" "$tree/modules/$base" ;;
		esac
		base=${base%.xz}
		echo "${base%.zst}" >>"$tree/modules/order"
	done
	grep -q virtio_net "$tree/modules/order" || die "virtio_net is missing"
}

add_programs()
{
	local program file

	for program in "${programs[@]}"; do
		cp -L "$root$program" "$tree/bin/"
		chroot "$root" ldd "$program" | grep -o '/[^ ]*' |
		while read -r file; do
			mkdir -p "$tree$(dirname "$file")"
			cp -L "$root$file" "$tree$file"
		done
	done
	for file in "${libraries[@]}"; do
		file=$(chroot "$root" ldconfig -p | awk -v name="$file" '$1 == name && !n++ { print $NF }')
		cp -L "$root$file" "$tree$file"
	done
}

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,dev,etc,proc,sys,tmp}
cp -L "$root/bin/busybox" "$tree/bin/busybox"
install -m 0755 "$here/guest-init" "$tree/init"
echo 'root:x:0:0:root:/:/bin/sh' >"$tree/etc/passwd"
add_modules
add_programs

mkdir -p "$out"
# Not compressed: the guest unpacks it under nested emulation, loading is cheap.
(cd "$tree" && find . | "$root/bin/busybox" cpio -o -H newc 2>/dev/null) >"$out/initramfs.new"
mv "$out/initramfs.new" "$out/initramfs"
cp -L "$root/boot/vmlinuz-$release" "$out/vmlinuz"
echo "L2 guest: $release, $(($(stat -c %s "$out/initramfs") >> 20)) MiB initramfs"
