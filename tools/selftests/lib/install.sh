# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Installing vhostx on a host that has it not, and whether it is gone afterwards.
# shellcheck source=tools/selftests/lib/ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/ktap.sh"

INSTALL_ARCHIVE=/lab/parts/module.tar
INSTALL_RELEASE=$(uname -r)
INSTALL_DIR=$(mktemp -d /tmp/vhostx-install.XXXXXX)

# The lab lays the module over the image before the host boots: take that away again, and
# let packages bring their manuals.
install_begin()
{
	[ -d /opt/vhostx/deb ] || ktap_skip_all "no packages were built"
	trap install_end EXIT
	modprobe -r vhostx
	(
		cd / || exit
		tar -tf "$INSTALL_ARCHIVE" | grep -v '/modules[.][^/]*$' >"$INSTALL_DIR/archive"
		grep -v '/$' "$INSTALL_DIR/archive" | xargs rm -f
		sed -n 's,/$,,p' "$INSTALL_DIR/archive" | sort -r | xargs rmdir
		rmdir usr/src/vhostx-*
	)
	rm -f /dev/vhostx
	# Any host has these, with manuals of others.
	mkdir -p /usr/share/man/man{4,8}
	touch /usr/share/man/man{4,8}/others
	depmod
	udevadm control --reload
	grep -l '^path-exclude' /etc/dpkg/dpkg.cfg.d/* >"$INSTALL_DIR/excluding"
	xargs sed -i 's/^path-exclude/#&/' <"$INSTALL_DIR/excluding"
}

# As it was for the tests that follow.
install_end()
{
	[ ! -e /sys/module/vhostx ] || rmmod vhostx
	xargs sed -i 's/^#path-exclude/path-exclude/' <"$INSTALL_DIR/excluding"
	tar -xf "$INSTALL_ARCHIVE" -C /
	depmod
	udevadm control --reload
	modprobe vhostx
	udevadm settle
	rm -r "$INSTALL_DIR"
}

# Print every file with its mode and owner; those of /etc, and what depmod writes, with
# their content. What package managers and the lab keep for themselves is not looked at,
# nor the key that DKMS makes for the machine when it first builds anything.
install_files()
{
	find / -xdev \( -path /opt/vhostx -o -path /tmp -o -path /lab -o -path /var/log \
		-o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg \
		-o -path '/var/lib/dkms/mok.*' \) -prune \
		-o -printf '%p %y %m %u %g\n'
	find /etc "/usr/lib/modules/$INSTALL_RELEASE" -maxdepth 6 -type f \
		\( -path '/etc/*' -o -name 'modules.*' \) -exec md5sum {} + | awk '{ print $2, $1 }'
	find /var/lib/dpkg -name '*vhostx*'
	ls -l /dev/vhostx 2>/dev/null
}

# Remember how it is, and compare with that.
install_mark()
{
	install_files | sort >"$INSTALL_DIR/before"
	[ "$(wc -l <"$INSTALL_DIR/before")" -gt 1000 ]
}

nothing_is_left()
{
	install_files | sort | diff "$INSTALL_DIR/before" - >"$INSTALL_DIR/difference"
	cat "$INSTALL_DIR/difference"
	[ ! -s "$INSTALL_DIR/difference" ]
}

module_is_absent()
{
	! modinfo vhostx && ! modprobe vhostx && [ ! -e /sys/module/vhostx ]
}

# DKMS has built it, for the kernel that runs.
module_is_built()
{
	dkms status vhostx | tee /dev/stderr | grep -q "$INSTALL_RELEASE.*: installed" &&
		[[ $(modinfo -n vhostx) = */updates/dkms/vhostx.ko* ]]
}

module_loads()
{
	modprobe vhostx && udevadm settle && [ -e /sys/module/vhostx ]
}

node_is_for_kvm()
{
	ls -l /dev/vhostx
	[ "$(stat -c '%A %U %G' /dev/vhostx)" = 'crw-rw---- root kvm' ] && (: <>/dev/vhostx)
}

# What starts at boot, without the boot: the module's list is read, and the events of
# devices come once more.
comes_at_boot()
{
	local load=

	modprobe -r vhostx
	rm -f /dev/vhostx
	for load in /usr/lib/systemd/systemd-modules-load /lib/systemd/systemd-modules-load; do
		[ ! -x $load ] || break
	done
	if [ -x $load ]; then
		$load || return 1
	else
		echo "no systemd here: the list is read by this test"
		cat /etc/modules-load.d/vhostx.conf /usr/lib/modules-load.d/vhostx.conf 2>/dev/null |
			grep -v '^#' | xargs modprobe -a || return 1
	fi
	udevadm trigger --action=add --subsystem-match=misc
	udevadm settle
	node_is_for_kvm
}

# The command is of the version $1, talks to the module, and refuses what it does not know.
command_works()
{
	vhostx -V | tee /dev/stderr | grep -qwF "$1" && vhostx dev show && vhostx -j dev show &&
		! vhostx nonsense
}

# Each manual that there is reads without a word from its formatter.
manuals_read()
{
	local page found=0 said

	for page in /usr/share/man/man[48]/vhostx*; do
		found=$((found + 1))
		said=$(MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
		[ -z "$said" ] || { echo "$page: $said"; return 1; }
	done
	ls /usr/share/man/man[48]/vhostx*
	[ $found -gt 1 ] && man -w 8 vhostx && man -w 4 vhostx
}

completes()
{
	bash -c '. /usr/share/bash-completion/completions/vhostx && complete -p vhostx'
}
