#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build the Debian packages in the systems of kernels: 6.1 is Debian 12; 6.12 and 7.3
# are Debian 13, whose packages are the same.
# Usage: deb.sh K...	leaves them in build/deb/NAME, of Debian's release; prints them
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# Runs in the tree: build from the copy in /src, which nothing has been built in yet.
if [ "$1" = inside ]; then
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
	source=/tmp/vhostx-$version
	cp -r /src "$source"
	cd "$source"
	# The release's, so that a package of the next one is newer.
	# shellcheck source=/dev/null
	. /etc/os-release
	cat >debian/changelog <<-END
	vhostx ($version~deb$VERSION_ID) $VERSION_CODENAME; urgency=medium

	  * Version $version.

	 -- $(sed -n 's/^Maintainer: //p' debian/control)  $(date -uR -d "@$2")
	END
	export DEB_BUILD_OPTIONS=noautodbgsym
	# Of what Debian takes for granted, the C++ compiler is not there.
	dpkg-buildpackage -b -uc -us --ignore-builtin-builddeps
	if [ -x /usr/bin/lintian ]; then
		lintian --fail-on error,warning --suppress-tags bad-distribution-in-changes-file \
			../vhostx_*.changes
	fi
	mkdir "/out/$VERSION_CODENAME"
	cp ../vhostx-*.deb "/out/$VERSION_CODENAME"
	exit
fi

prepare_host
out=$top/build/deb
mkdir -p "$out"
work=$(mktemp -d "$cache/deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/src" "$work/out"
copy_source "$work/src"
when=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct 2>/dev/null || stat -c %Y "$top/dkms.conf")}
for k in "$@"; do
	say "building in the system of $k"
	if ! "$vm/chroot.sh" -b "$work/src:/src" -b "$work/out:/out" "$k" \
		"$vm/deb.sh" inside "$when" >"$work/log" 2>&1; then
		cat "$work/log" >&2
		die "the packages do not build in the system of $k"
	fi
	for made in "$work/out"/*; do
		rm -rf "${out:?}/${made##*/}"
		mv "$made" "$out"
		ls "$out/${made##*/}"/*.deb
	done
done
