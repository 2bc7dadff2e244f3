#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Compile, once, a debug kernel: Debian's source of the build tree's own kernel, with
# debug/base.config and debug/NAME.config.
# Usage: kernel.sh NAME	prints a directory:
#	root/ (to lay over a system's tree), vmlinuz, release
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

source_package=linux-source-$build_kernel

# Put the source into /run/compile/source.
unpack()
{
	mkdir -p /run/compile/source /run/compile/build
	cd /run/compile
	apt-get update -qq
	apt-get download -qq -o APT::Sandbox::User=root "$source_package"
	dpkg-deb --fsys-tarfile "$source_package"_*.deb |
		tar -xO "./usr/src/$source_package.tar.xz" | xz -dc -T0 |
		tar -x -C source --strip-components=1
	rm "$source_package"_*.deb
}

# What is asked for and depends on what is not there is not taken, in silence.
configure()
{
	local fragments=("$vm/debug/base.config" "$vm/debug/$1.config") missing

	scripts/kconfig/merge_config.sh -O /run/compile/build "${fragments[@]}"
	missing=$(grep -h '^CONFIG_' "${fragments[@]}" | grep -vxFf /run/compile/build/.config) || true
	[ -z "$missing" ] || die "kernel $1 does not get: ${missing//$'\n'/ }"
}

# Leave in /run/compile/new what was built in /run/compile/build.
install_kernel()
{
	local root=/run/compile/new/root release headers

	release=$("${make[@]}" -s kernelrelease)
	headers=usr/src/linux-headers-$release
	mkdir -p "$root/boot"
	"${make[@]}" INSTALL_MOD_PATH="$root/usr" modules_install
	# shellcheck disable=SC2016 # make's own variable
	"${make[@]}" run-command \
		KBUILD_RUN_COMMAND="\$(srctree)/scripts/package/install-extmod-build $root/$headers"
	cp /run/compile/build/.config "$root/$headers"
	ln -sfn "/$headers" "$root/usr/lib/modules/$release/build"
	cp /run/compile/build/.config "$root/boot/config-$release"
	cp /run/compile/build/System.map "$root/boot/System.map-$release"
	cp /run/compile/build/arch/x86/boot/bzImage "$root/boot/vmlinuz-$release"
	cp "$root/boot/vmlinuz-$release" /run/compile/new/vmlinuz
	echo "$release" >/run/compile/new/release
}

# Print each so many lines of what make says how many there were.
progress()
{
	awk -v say="${0##*/}: kernel $k:" 'NR % 500 == 0 { print say, NR, "lines of make" }' >&2
}

# Runs in the tree: compile kernel $2 in /run/compile.
if [ "$1" = inside ]; then
	make=(make --no-print-directory O=/run/compile/build KBUILD_BUILD_USER=vhostx KBUILD_BUILD_HOST=lab)
	unpack
	cd /run/compile/source
	configure "$2"
	"${make[@]}" -j"$(nproc)" bzImage modules
	install_kernel
	exit
fi

k=$1
[ -e "$vm/debug/$k.config" ] || die "no such kernel: $k"
# The script itself with what it is to make.
key=$(digest "$vm/kernel.sh" "$vm/debug/base.config" "$vm/debug/$k.config")
dir=$cache/kernel-$k-$key
exec {lock}>"$cache/kernel-$k.lock"
flock "$lock"
if [ ! -d "$dir" ]; then
	find "$cache" -maxdepth 1 -name "kernel-$k-*" -mmin +600 -exec rm -rf {} +
	work=$(mktemp -d "$cache/compile-$k.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	say "kernel $k: compiling, half an hour on two processors, once"
	if ! "$vm/chroot.sh" -b "$work:/run/compile" "$build_kernel" nice -n 5 \
		"$vm/kernel.sh" inside "$k" > >(tee "$work/log" | progress) 2>&1; then
		tail -n 40 "$work/log" >&2
		die "kernel $k: not built"
	fi
	mv "$work/new" "$dir"
	say "kernel $k: built in $SECONDS s"
fi
echo "$dir"
