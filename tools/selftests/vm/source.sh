#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Put the kernel's selftest headers, style checker and netlink tools, from Debian's
# source package of it, into a root tree. Usage: source.sh ROOT
set -euo pipefail

root=$1
package=linux-source-6.12
files=(tools/testing/selftests/kselftest.h
	tools/testing/selftests/kselftest_harness.h
	scripts/checkpatch.pl scripts/spelling.txt
	scripts/const_structs.checkpatch scripts/kernel-doc
	scripts/coccinelle scripts/coccicheck
	tools/net/ynl Documentation/netlink/genetlink-legacy.yaml)

cd "$root/tmp"
chroot "$root" sh -c "cd /tmp && apt-get download -qq $package"
mkdir -p "$root/opt/linux-source"
dpkg-deb --fsys-tarfile "$package"_*.deb |
	tar -xO "./usr/src/$package.tar.xz" | xz -dc -T0 |
	tar -x -C "$root/opt/linux-source" --strip-components=1 "${files[@]/#/$package/}"
rm "$package"_*.deb
