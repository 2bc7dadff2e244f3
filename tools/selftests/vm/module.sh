#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Install the checkout's module through DKMS, and its tools, in a kernel's tree, as a
# user would, and keep what that made. Usage: module.sh K	prints the archive's name
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# Runs in the tree: install for kernel $1, archive to $2.
if [ "$1" = inside ]; then
	release=$2
	cd "$top"
	# What make takes for granted is the machine's own.
	! grep -qs '^CONFIG_UML=y' "/boot/config-$release" || export ARCH=um
	# The tools are built for this tree, not in the checkout for all of them.
	make --no-print-directory install "KVER=$release" TOOLS_OUTPUT=/tmp/tools
	log=$(echo /var/lib/dkms/vhostx/*/"$release"/*/log/make.log)
	if grep -v 'the compiler differs from the one used' "$log" | grep -i 'warning:'; then
		echo "the module builds with warnings"
		exit 1
	fi
	cd /
	shopt -s nullglob
	# What the running host reads; unpacking more only costs time.
	tar -cf "$3" "usr/lib/modules/$release/updates" \
		"usr/lib/modules/$release"/modules.{*.bin,devname,softdep} \
		etc/*/*vhostx* etc/*/rules.d/*vhostx* usr/src/vhostx-*/userspace \
		usr/bin/vhostx{,-user} usr/share/vhostx usr/share/man/man?/vhostx* \
		usr/share/bash-completion/completions/vhostx*
	exit
fi

k=$1
[ -e "$top/dkms.conf" ] || die "no dkms.conf in $top yet"
image=$("$vm/image.sh" "$k")
cd "$top"
shopt -s nullglob
key=$(digest Makefile Kbuild dkms.conf drivers userspace include*)-$(basename "$image")
archive=$cache/module-$key.tar
exec {lock}>"$cache/module-$k.lock"
flock "$lock"
if [ ! -e "$archive" ]; then
	find "$cache" -maxdepth 1 -name "module-*-image-$k-*" -mmin +600 -delete
	work=$(mktemp -d "$cache/module.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	say "installing the module for $k"
	release=$(<"$image/release")
	if ! "$vm/chroot.sh" -b "$work:/out" "$k" "$vm/module.sh" inside "$release" /out/tar \
		>"$work/log" 2>&1; then
		cat "$work/log" >&2
		die "the module does not install on $k"
	fi
	mv "$work/tar" "$archive"
fi
echo "$archive"
