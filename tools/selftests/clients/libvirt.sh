#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A domain of libvirt's, on a bridge, whose interface names the vhost device as its back
# end: libvirtd opens it and hands it to a QEMU of another user.
set -u
# shellcheck source=tools/selftests/lib/traffic.sh
. "$(dirname "$0")/../lib/traffic.sh"

command -v libvirtd >/dev/null || ktap_skip_all "no libvirtd"
[ -c /dev/kvm ] || ktap_skip_all "no /dev/kvm"
# What libvirtd keeps is in mounts that go with the test.
if [ "${VHOSTX_MOUNTS:-}" != "$$" ]; then
	export VHOSTX_MOUNTS=$$
	exec unshare --mount -- bash "$0" "$@"
fi
guest_test 16 "$@"

clean_up()
{
	guest_kill_all
	[ -z "${serve_pid:-}" ] || kill "$serve_pid"
	libvirtd_end >/dev/null 2>&1
}

# The user that a QEMU of libvirt's is; up to Debian 12 a package of much else makes it.
qemu_user()
{
	local file

	id libvirt-qemu && return
	for file in passwd group; do
		cp "/etc/$file" /etc/libvirt || return 1
		mount --bind "/etc/libvirt/$file" "/etc/$file" || return 1
	done
	echo 'libvirt-qemu:x:64055:' >>/etc/group
	echo "libvirt-qemu:x:64055:$(stat -c %g /dev/kvm)::/:/bin/false" >>/etc/passwd
}

libvirtd_start()
{
	local dir

	for dir in /etc/libvirt /run/libvirt /var/{lib,cache,log}/libvirt; do
		mkdir -p "$dir"
		mount -t tmpfs -o mode=755 libvirt "$dir" || return 1
	done
	echo 'auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
	qemu_user || return 1
	cat >/etc/libvirt/qemu.conf <<-END
		namespaces = []
		security_driver = "none"
		cgroup_controllers = []
		stdio_handler = "file"
	END
	libvirtd >"$GUEST_DIR/libvirtd.out" 2>&1 &
	libvirtd=$!
	wait_for 60 virsh -q -c qemu:///system list >/dev/null 2>&1
}

libvirtd_end()
{
	[ -n "${libvirtd:-}" ] || return 0
	kill "$libvirtd"
	wait "$libvirtd"
	libvirtd=
	! ip link show vx0
}

domain_xml()
{
	cat <<-END
	<domain type='kvm'>
	  <name>g1</name>
	  <memory unit='MiB'>160</memory>
	  <vcpu>1</vcpu>
	  <os>
	    <type arch='x86_64' machine='q35'>hvm</type>
	    <kernel>$L2_DIR/vmlinuz</kernel>
	    <initrd>$L2_DIR/initramfs</initrd>
	    <cmdline>console=ttyS0 quiet loglevel=4 mitigations=off ipv6.disable=1 panic=-1</cmdline>
	  </os>
	  <features><acpi/><apic/></features>
	  <cpu mode='host-passthrough'/>
	  <clock offset='utc'><timer name='hpet' present='no'/></clock>
	  <devices>
	    <emulator>$(type -P qemu-system-x86_64)</emulator>
	    <controller type='usb' model='none'/>
	    <memballoon model='none'/>
	    <serial type='file'><source path='$GUEST_DIR/g1.console'/></serial>
	    <serial type='pipe'><source path='$GUEST_DIR/g1.ctl'/></serial>
	    <interface type='bridge'>
	      <mac address='$(guest_mac g1)'/>
	      <source bridge='br0'/>
	      <target dev='vx0'/>
	      <model type='virtio'/>
	      <driver name='vhost'/>
	      <backend vhost='$VHOST_DEV'/>
	    </interface>
	  </devices>
	</domain>
	END
}

# Let the domain be a guest as any other, but for its monitor.
domain_start()
{
	local fd

	rm -f "$GUEST_DIR/g1".{ctl.in,ctl.out,console}
	mkfifo "$GUEST_DIR/g1".ctl.{in,out}
	domain_xml >"$GUEST_DIR/g1.xml"
	virsh -q -c qemu:///system create "$GUEST_DIR/g1.xml" || return 1
	guest_pid[g1]=$(</run/libvirt/qemu/g1.pid)
	guest_origin[g1]=g1
	queue_owner_is vx0 "${guest_pid[g1]}"
	exec {fd}<>"$GUEST_DIR/g1.ctl.in"
	guest_in[g1]=$fd
	exec {fd}<>"$GUEST_DIR/g1.ctl.out"
	guest_out[g1]=$fd
	exec {fd}<>/dev/null
	guest_mon[g1]=$fd
}

# See guest_wait.
domain_wait()
{
	guest_read g1 "$GUEST_BOOT" @@ready >/dev/null && return
	guest_unborn g1 || return 1
	note "the guest hangs before it has touched its NIC: starting it again"
	domain_end && domain_start && guest_read g1 "$GUEST_BOOT" @@ready >/dev/null
}

domain_end()
{
	virsh -q -c qemu:///system destroy g1 || return 1
	wait_for 10 guest_gone g1 && guest_close g1
}

# libvirt's own view of the interface, and QEMU's user.
kept_backend()
{
	virsh -c qemu:///system dumpxml g1 | tee "$GUEST_DIR/g1.live.xml" |
		sed -n '/<interface/,/<.interface/p'
	grep -q "<backend vhost='$VHOST_DEV'/>" "$GUEST_DIR/g1.live.xml"
}

is_unprivileged()
{
	stat -c %U "/proc/${guest_pid[g1]}"
	[ "$(stat -c %U "/proc/${guest_pid[g1]}")" = libvirt-qemu ]
}

trap clean_up EXIT
ip link add br0 type bridge
ip link set br0 up
ip addr add 10.99.0.1/24 dev br0
# QEMU runs as a user that has no business in a test's directory.
chmod go+x "$GUEST_DIR"
check "libvirtd starts" libvirtd_start || ktap_bail "no libvirtd"
check "libvirt takes the domain" domain_start || ktap_bail "$(tail -n 20 "$GUEST_DIR/libvirtd.out")"
note "$(virsh -c qemu:///system version | grep -E '^(Using library|Running)')"
domain_wait || ktap_bail "the domain did not boot"
check "its interface keeps the back end" kept_backend
check "its QEMU is not root's" is_unprivileged
check "the guest's NIC comes up" guest_net g1 10.99.0.2/24
check_counters "its QEMU has two running queues" healthy vx0 2

mark vx0 g1
check "host pings guest" ping -q -i 0.05 -c 20 -W 2 10.99.0.2
check_counters "through vhostx" both_ways vx0 20
serve_host
trap clean_up EXIT
serve_guest g1
for run in tcp_tx tcp_rx; do
	mark vx0 g1
	check "$run moves data" $run g1 10.99.0.1 10.99.0.2
	traffic_note $run
	check_counters "$run went through vhostx" went_through vx0 ${run#*_} 64 "$(received_bytes)"
done
check_counters "no queue broke, no frame was refused" healthy vx0 2

check "virsh destroys the domain" domain_end
check_counters "its queues are gone" wait_for 5 none_left vx0
check "libvirtd ends, the tap is gone" libvirtd_end

ktap_finish
