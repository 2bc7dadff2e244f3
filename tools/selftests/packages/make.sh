#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# From the source: make install on a host without vhostx, and make uninstall.
set -u
# shellcheck source=tools/selftests/lib/install.sh
. "$(dirname "$0")/../lib/install.sh"

# As a user's shell would have it.
unset MAKEFLAGS MFLAGS MAKELEVEL
install_begin
cd /opt/vhostx/source || exit 1
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

ktap_plan 13
check "the host has no vhostx" module_is_absent
check "its files are known" install_mark
start=$SECONDS
check "make installs it" make install || ktap_bail "nothing is installed"
note "which took $((SECONDS - start)) s"
check "and once more, over itself" make install
check "DKMS has built the module" module_is_built
check "modprobe loads it" module_loads
check "the node is kvm's" node_is_for_kvm
check "what starts at boot loads it as well" comes_at_boot
check "the command works" command_works "$version"
check "its manuals read" manuals_read
check "bash completes it" completes

modprobe -r vhostx
rm -f /dev/vhostx
check "make uninstalls it" make uninstall
check "of its files nothing is left" nothing_is_left
ktap_finish
