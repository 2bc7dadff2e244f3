#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Install both packages in the system of a kernel and boot it, by its own init: is vhostx
# there? Usage: reboot.sh K...	KTAP
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# Runs in the tree: install what is in /deb for kernel $2, keep the files in $3.
if [ "$1" = inside ]; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get install -y --no-install-recommends /deb/*.deb
	cd /
	{
		dpkg -L vhostx-dkms vhostx-tools
		find "/usr/lib/modules/$2" -path '*/updates/*' -o -name 'modules.*'
	} | while read -r file; do
		# The system leaves out documents.
		[ ! -f "$file" ] || echo "${file#/}"
	done | tar -cf "$3" -T -
	exit
fi

# Make $lab into what a host of kernel $1 boots with.
prepare()
{
	local k=$1 release

	release=$(<"$("$vm/image.sh" "$k")/release")
	mkdir -p "$lab"/{parts,deb,stage/opt/vhostx/vm,stage/etc/systemd/system}
	"$vm/deb.sh" "$k" | xargs cp -t "$lab/deb"
	say "installing the packages for $k"
	if ! "$vm/chroot.sh" -b "$lab/deb:/deb" -b "$lab/parts:/out" "$k" \
		"$vm/reboot.sh" inside "$release" /out/packages.tar >"$lab/log" 2>&1; then
		cat "$lab/log" >&2
		die "the packages do not install on $k"
	fi
	cp "$vm"/{init,booted} "$lab/stage/opt/vhostx/vm"
	cat >"$lab/stage/etc/systemd/system/lab.service" <<-'END'
	[Unit]
	Requires=sysinit.target
	After=sysinit.target
	SuccessAction=poweroff-force
	FailureAction=poweroff-force
	[Service]
	Type=oneshot
	ExecStartPre=/usr/bin/udevadm settle
	ExecStart=/opt/vhostx/vm/booted
	StandardOutput=file:/lab/ktap
	END
	tar -C "$lab/stage" -cf "$lab/parts/stage.tar" .
	echo boot >"$lab/mode"
}

prepare_host
all=$(mktemp "$cache/reboot.XXXXXX")
lab=
trap 'rm -rf --one-file-system "$all" "$lab"' EXIT
for k in "$@"; do
	lab=$cache/lab-boot-$k.$$
	prepare "$k"
	timeout -k 5 900 "$vm/boot.sh" "$k" "$lab" </dev/null >"$lab/console" 2>&1 || true
	{
		echo "    # Subtest: boot-$k"
		sed 's/^/    /' "$lab/ktap" || true
		if [ "$(grep -c '^ok' "$lab/ktap")" = 6 ]; then
			echo "ok $k boots"
		else
			tail -n 60 "$lab/console" | sed 's/^/# console: /'
			echo "not ok $k boots"
		fi
	} | tee -a "$all"
	rm -rf --one-file-system "$lab"
done
"$vm/ktap.sh" "$all"
