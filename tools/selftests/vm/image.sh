#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build, once, the Debian system that L1 runs and that its module is built in.
# Usage: image.sh K...	prints a directory per kernel, or debug kernel:
#	root/ (the tree), root.img (the same as ext4), vmlinuz, release
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# What every L1 has: the module's build, the clients, and what the tests call.
packages=(apt kmod udev mount util-linux procps strace initramfs-tools zstd
	linux-image-amd64 linux-headers-amd64 dkms gcc make libc6-dev
	libmnl-dev libjson-c-dev debhelper dh-dkms
	iproute2 iputils-ping iperf3 ethtool busybox-static
	qemu-system-x86 dpdk-dev openvswitch-switch
	libvirt-clients libvirt-daemon libvirt-daemon-driver-qemu)
hooks=()

# Set what the system of kernel $1 is made of.
describe()
{
	backports=
	made_by=build
	if is_debug "$1"; then
		made_by=build_debug
		base=$("$0" "$build_kernel")
		kernel=$("$vm/kernel.sh" "$1")
		suite=debug
		packages=("$base" "$kernel")
		return
	fi
	case $1 in
	6.1)
		# The others' packages bring it.
		suite=bookworm
		packages+=(systemd) ;;
	6.12)
		suite=trixie
		packages+=(sparse shellcheck libubsan1 python3-yaml python3-jsonschema
			bpftrace bash-completion lintian python3-sphinx graphviz
			clang lld llvm libclang-rt-dev coccinelle libpython3-dev
			flex bison bc libelf-dev libssl-dev cpio)
		hooks+=(--customize-hook="'$vm/source.sh' \"\$1\"") ;;
	7.3)
		suite=trixie
		backports=trixie-backports ;;
	forky)
		# Only compiles the module: no kernel, no clients.
		suite=forky
		packages=(apt linux-headers-amd64 gcc make libc6-dev) ;;
	*)
		die "no such kernel: $1 (have ${kernels[*]}, ${debug_kernels[*]}, forky)" ;;
	esac
	if [ -n "$backports" ]; then
		hooks+=(--essential-hook="printf 'Package: *\nPin: release n=$backports\nPin-Priority: 600\n' >\"\$1/etc/apt/preferences.d/backports\"")
	fi
}

# Print the lines of sources.list, from the archives that the host itself uses.
sources()
{
	local site security

	site=$(archive '-security$' -v)
	security=$(archive '-security$')
	[ -n "$site" ] || die "apt knows no archive of Debian's (run apt-get update?)"
	echo "deb $site $suite main"
	[ "$suite" != forky ] || return 0
	echo "deb $site $suite-updates main"
	[ -z "$security" ] || echo "deb $security $suite-security main"
	[ -z "$backports" ] || echo "deb $site $backports main"
}

# Print the address of the archive the host itself uses; grep's arguments choose which.
archive()
{
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --no-release-info --format '$(SITE) $(COMPONENT) $(RELEASE)' \
		'Created-By: Packages' | grep -E ' main [a-z]+(-security)?$' |
		grep -E "${@:2}" -- "$1" | awk 'NR == 1 { print $1 }'
}

# Carry the host's answer about Release files that have run out.
apt_options()
{
	local option value

	for option in Acquire::Check-Valid-Until Acquire::Check-Date; do
		value=
		eval "$(apt-config shell value "$option")"
		[ -z "$value" ] || printf '%s\n' "--aptopt=$option \"$value\""
	done
}

build()
{
	local k=$1 new=$2 options lines

	lines=$(sources)
	mapfile -t options < <(apt_options)
	mkdir -p "$new"
	mmdebstrap --variant=apt --include="$(IFS=,; echo "${packages[*]}")" \
		--aptopt='APT::Install-Recommends "false"' "${options[@]}" \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"${hooks[@]}" \
		"$suite" "$new/root" - <<<"$lines"
	if [ "$k" = forky ]; then
		return
	fi
	find "$new/root/lib/modules/" -mindepth 1 -maxdepth 1 -printf '%f\n' >"$new/release"
	[ "$(wc -l <"$new/release")" = 1 ] || die "image $k: not one kernel but: $(<"$new/release")"
	case $(<"$new/release") in
	"$k".*) ;;
	*) say "image $k: the archive's kernel is $(<"$new/release") by now" ;;
	esac
	cp -L "$new/root/boot/vmlinuz-$(<"$new/release")" "$new/vmlinuz"
	mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$new/root" \
		"$new/root.img" "$(($(du -sm "$new/root" | cut -f1) + 1536))M"
}

# The build tree's system, with another kernel in the place of its own. Of files that no one
# writes to links are as good as copies.
build_debug()
{
	local new=$2

	mkdir -p "$new"
	cp -al "$base/root" "$new/root"
	rm -r "$new"/root/boot/* "$new"/root/usr/lib/modules/* "$new"/root/usr/src/linux-*
	cp -a "$kernel/root/." "$new/root"
	cp "$kernel"/{vmlinuz,release} "$new"
	mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$new/root" \
		"$new/root.img" "$(($(du -sm "$new/root" | cut -f1) + 1536))M"
}

image()
{
	local k=$1 key dir start=$SECONDS

	describe "$k"
	key=$( (declare -f "$made_by"
		printf '%s\n' "$k" "$suite $backports" "${packages[@]}"
		cat "$vm/source.sh") | sha256sum | cut -c1-12)
	dir=$cache/image-$k-$key
	exec {lock}>"$cache/image-$k.lock"
	flock "$lock"
	if [ ! -d "$dir" ]; then
		# Another checkout may still use one that was made with other packages.
		find "$cache" -maxdepth 1 -name "image-$k-*" -mmin +600 \
			-exec rm -rf --one-file-system {} +
		rm -rf --one-file-system "$dir.new"
		say "image $k: building, some minutes, once"
		# shellcheck disable=SC2064 # the name as it is now
		trap "rm -rf --one-file-system '$dir.new'; say 'image $k: not built'" EXIT
		# What mmdebstrap mounts in the tree must not be there for rm, nor outlive us.
		setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
			"$0" build "$k" "$dir.new" > >(sed -u "s/^/image $k: /" >&2) 2>&1
		trap - EXIT
		mv "$dir.new" "$dir"
		say "image $k: built in $((SECONDS - start)) s"
	fi
	echo "$dir"
}

if [ "$1" = build ]; then
	describe "$2"
	"$made_by" "$2" "$3"
	exit
fi
prepare_host
if [ $# = 1 ]; then
	image "$1"
else
	# Two at a time: half of their time is the network's.
	printf '%s\n' "$@" |
		setpriv --pdeathsig TERM xargs -P 2 -n 1 setpriv --pdeathsig TERM "$0"
fi
