# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # used by who sources it
# What the lab's scripts on the host share. Source it after `set -euo pipefail`.

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$vm/../../.." && pwd)
cache=${VHOSTX_CACHE:-/var/cache/vhostx}
kernels=(6.1 6.12 7.3)
# Those that debug/ describes, which run the system of the build tree.
debug_kernels=(kasan kcsan um-kasan um-native)
# The tree whose compiler and QEMU serve all the others.
build_kernel=6.12
# More that a script calls: PACKAGE or PACKAGE:COMMAND.
host_packages=()

say()
{
	echo "${0##*/}: $*" >&2
}

die()
{
	say "$@"
	exit 1
}

# Is kernel $1 one of these?
is_debug()
{
	[[ " ${debug_kernels[*]} " = *" $1 "* ]]
}

# Is kernel $1 a process of this machine's, User Mode Linux?
is_um()
{
	[[ $1 = um* ]]
}

# Print a name for the content of the files and directories given, wherever the checkout is.
digest()
{
	find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sed "s|  $top/|  |" |
		sha256sum | cut -c1-12
}

# Copy the files of the checkout to the directory $1, those not yet committed too.
copy_source()
{
	(
		cd "$top" || exit
		if git rev-parse >/dev/null 2>&1; then
			git ls-files -co --exclude-standard -z
		else
			find . \( -name .git -o -path ./build \) -prune -o -type f -print0
		fi | while IFS= read -r -d '' file; do
			[ ! -e "$file" ] || printf '%s\0' "$file"
		done | tar -c --null -T - | tar -x -C "$1"
	)
}

# Become root's business early, and bring the few packages the host needs, and those of
# host_packages.
prepare_host()
{
	local -A package=([mmdebstrap]=mmdebstrap [mke2fs]=e2fsprogs
		[unshare]=util-linux [flock]=util-linux [xz]=xz-utils)
	local command missing=() more

	for more in "${host_packages[@]}"; do
		package[${more#*:}]=${more%:*}
	done
	[ "$(id -u)" = 0 ] || die "needs root: it makes images and chroots (try sudo)"
	for command in "${!package[@]}"; do
		[ -n "$(type -P "$command")" ] || missing+=("${package[$command]}")
	done
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		missing+=(debian-archive-keyring)
	if [ ${#missing[@]} -gt 0 ]; then
		say "installing ${missing[*]}"
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
			--no-install-recommends "${missing[@]}" >&2
	fi
	mkdir -p "$cache"
}
