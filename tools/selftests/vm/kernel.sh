#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Compile, once, a kernel of the lab's own: Debian's source of the build tree's kernel, with
# debug/base.config, that of its architecture, and one for each word of the name.
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

# Set what kernel $1 is made from and by.
describe()
{
	local word

	make=(make --no-print-directory O=/run/compile/build KBUILD_BUILD_USER=vhostx KBUILD_BUILD_HOST=lab)
	fragments=("$vm/debug/base.config")
	if is_um "$1"; then
		make+=(ARCH=um)
		target=linux
		binary=/run/compile/build/linux
	else
		fragments+=("$vm/debug/x86.config")
		target=bzImage
		binary=/run/compile/build/arch/x86/boot/bzImage
	fi
	for word in ${1//-/ }; do
		[ -e "$vm/debug/$word.config" ] || die "no such kernel: $1"
		fragments+=("$vm/debug/$word.config")
	done
}

# What is asked for and depends on what is not there is not taken, in silence.
configure()
{
	local missing

	echo "CONFIG_LOCALVERSION=\"-$1\"" >/run/compile/name.config
	fragments+=(/run/compile/name.config)
	cat "${fragments[@]}" >/run/compile/build/.config
	"${make[@]}" olddefconfig
	missing=$(grep -h '^CONFIG_' "${fragments[@]}" | grep -vxFf /run/compile/build/.config) || true
	[ -z "$missing" ] || die "kernel $1 does not get: ${missing//$'\n'/ }"
}

# The script takes one architecture's headers; User Mode Linux has most of the other's. To $1.
install_x86()
{
	find arch/x86/Makefile* arch/x86/include arch/x86/um -name 'Makefile*' -o -name '*.h' |
		tar -c -T - | tar -x -C "$1"
	tar -C /run/compile/build -c arch/x86/include/generated | tar -x -C "$1"
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
	[ "$target" != linux ] || install_x86 "$root/$headers"
	cp /run/compile/build/.config "$root/$headers"
	ln -sfn "/$headers" "$root/usr/lib/modules/$release/build"
	cp /run/compile/build/.config "$root/boot/config-$release"
	cp /run/compile/build/System.map "$root/boot/System.map-$release"
	cp "$binary" "$root/boot/vmlinuz-$release"
	cp "$root/boot/vmlinuz-$release" /run/compile/new/vmlinuz
	echo "$release" >/run/compile/new/release
}

# Print each so many lines of what make says how many there were.
progress()
{
	awk -v say="${0##*/}: kernel $k:" 'NR % 500 == 0 { print say, NR, "lines of make"; fflush() }' >&2
}

# Runs in the tree: compile kernel $2 in /run/compile.
if [ "$1" = inside ]; then
	describe "$2"
	unpack
	cd /run/compile/source
	configure "$2"
	"${make[@]}" -j"$(nproc)" "$target" modules
	install_kernel
	exit
fi

k=$1
describe "$k"
# The script itself with what it is to make.
key=$(digest "$vm/kernel.sh" "${fragments[@]}")
dir=$cache/kernel-$k-$key
exec {lock}>"$cache/kernel-$k.lock"
flock "$lock"
if [ ! -d "$dir" ]; then
	find "$cache" -maxdepth 1 -name "kernel-$k-*" -mmin +600 -exec rm -rf {} +
	work=$(mktemp -d "$cache/compile-$k.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	say "kernel $k: compiling, up to half an hour on two processors, once"
	if ! "$vm/chroot.sh" -b "$work:/run/compile" "$build_kernel" nice -n 5 \
		"$vm/kernel.sh" inside "$k" > >(tee "$work/log" | progress) 2>&1; then
		tail -n 40 "$work/log" >&2
		die "kernel $k: not built"
	fi
	mv "$work/new" "$dir"
	say "kernel $k: built in $SECONDS s"
fi
echo "$dir"
