#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Debian's way: both packages are installed by apt on a host without vhostx, and purged.
set -u
# shellcheck source=tools/selftests/lib/install.sh
. "$(dirname "$0")/../lib/install.sh"

DOC=/usr/share/doc/vhostx-dkms
export DEBIAN_FRONTEND=noninteractive

packages_install()
{
	apt-get install -y --no-install-recommends /opt/vhostx/deb/*.deb
}

packages_go()
{
	apt-get purge -y vhostx-dkms vhostx-tools && ! dpkg-query -W 'vhostx*'
}

documents_are_there()
{
	ls "$DOC" && [ -s "$DOC/examples/vhostx-takeover.conf" ] && [ -s "$DOC/copyright" ]
}

packages_are_sound()
{
	[ -z "$(dpkg --verify vhostx-dkms vhostx-tools | tee /dev/stderr)" ] &&
		! dpkg-query -W -f '${Conffiles}' vhostx-dkms vhostx-tools | grep .
}

install_begin
ktap_plan 16
check "the host has no vhostx" module_is_absent
check "its files are known" install_mark
start=$SECONDS
check "apt installs both packages" packages_install || ktap_bail "nothing is installed"
note "which took $((SECONDS - start)) s: $(cd /opt/vhostx/deb && echo ./*)"
check "they are as they were packed, without configuration" packages_are_sound
check "DKMS has built the module" module_is_built
check "modprobe loads it" module_loads
check "the node is kvm's" node_is_for_kvm
check "what starts at boot loads it as well" comes_at_boot
check "the command works" command_works "$(modinfo -F version vhostx)"
check "its manuals read" manuals_read
check "bash completes it" completes
check "the documents are there" documents_are_there

check "apt purges both" packages_go
check "the module that is loaded stays, and opens" node_is_for_kvm
rmmod vhostx
rm -f /dev/vhostx
check "of their files nothing is left" nothing_is_left
check "nor can it be loaded" module_is_absent
ktap_finish
