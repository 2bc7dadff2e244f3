#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Make L1's initrd: just the disk, the file systems and bootstrap, as udev's look at
# every device takes longer than the rest of the boot.
# Usage: initrd.sh ROOT OUT
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$1
out=$2
modules=(virtio_pci virtio_blk ext4 9pnet_virtio 9p)

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,dev,proc,sys,root,modules}
cp -L "$root/bin/busybox" "$tree/bin/busybox"
install -m 0755 "$here/bootstrap" "$tree/init"
release=$(ls "$root/lib/modules")
# One that is a process has none of these devices.
! grep -qs '^CONFIG_UML=y' "$root/boot/config-$release" || modules=()
# A kernel may have all of them built in.
: >"$tree/modules/order"
for module in "${modules[@]}"; do
	chroot "$root" modprobe --show-depends -S "$release" "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
	name=$(basename "$file" .xz)
	case $file in
	*.xz) xz -dc "$root$file" >"$tree/modules/$name" ;;
	*) cp "$root$file" "$tree/modules/$name" ;;
	esac
	echo "$name" >>"$tree/modules/order"
done
(cd "$tree" && find . | "$root/bin/busybox" cpio -o -H newc 2>/dev/null) >"$out"
