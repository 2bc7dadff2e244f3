#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run a command in an image's tree; what it writes there is gone afterwards.
# The checkout is at its own place inside, and so is the working directory.
# Usage: chroot.sh [-b SRC:DST]... K COMMAND...
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

inside=
binds=("$top:$top")
while getopts b:x: option; do
	case $option in
	b) binds+=("$OPTARG") ;;
	x) inside=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

if [ -z "$inside" ]; then
	# Mounts and processes live in namespaces of their own: both go with this shell,
	# however it ends.
	args=()
	for bind in "${binds[@]:1}"; do
		args+=(-b "$bind")
	done
	image=$("$vm/image.sh" "$1")
	scratch=$(mktemp -d "$cache/chroot.XXXXXX")
	trap 'rm -rf --one-file-system "$scratch"' EXIT
	setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child -- \
		"$0" -x "$scratch" "${args[@]}" "$image/root" "${@:2}"
	exit
fi

tree=$1
shift
mount -t tmpfs -o mode=755 tmpfs "$inside"
root=$inside/root
mkdir "$root" "$inside/upper" "$inside/work"
if ! mount -t overlay -o "lowerdir=$tree,upperdir=$inside/upper,workdir=$inside/work" \
	overlay "$root"; then
	say "no overlay file system here, copying $tree"
	umount "$inside"
	mkdir -p "$root"
	cp -a --reflink=auto "$tree/." "$root"
fi
# Before the rest: the checkout can be below it.
mount -t tmpfs tmpfs "$root/tmp"
for bind in /dev:/dev /sys:/sys "${binds[@]}"; do
	mkdir -p "$root${bind#*:}"
	mount --rbind "${bind%%:*}" "$root${bind#*:}"
done
mount -t proc proc "$root/proc"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root
# shellcheck disable=SC2016 # expanded inside
exec chroot "$root" sh -c 'cd "$0" 2>/dev/null || cd /; exec "$@"' "$PWD" "$@"
