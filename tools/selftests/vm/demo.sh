#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Show one guest on QEMU's own virtio-net, on vhost-net, on vhostx, on vhostx-user and on DPDK's
# vhost-user, side by side, in an emulated host: nothing of this machine's kernel or network is
# touched.
# Usage: demo.sh [K]
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

k=${1:-$build_kernel}
say "an emulated host with Linux $k, a guest in it; the first run builds images, some minutes"
"$vm/run.sh" -c 'bash /opt/vhostx/selftests/vm/demo-l1.sh' "$k"

cat <<'END'

If this machine has no hardware virtualisation, all of it was emulated: compare the rows
with each other, not with other machines.

The same on a real host:
  sudo apt install dkms linux-headers-$(uname -r) qemu-system-x86
  sudo make install && sudo modprobe vhostx
  sudo ip tuntap add dev tap0 mode tap vnet_hdr && sudo ip link set tap0 up
  sudo sh -c 'exec 3<>/dev/vhostx; exec qemu-system-x86_64 -accel kvm -cpu host -m 1G \
	-drive file=DISK.qcow2,if=virtio \
	-netdev tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=on,vhostfd=3 \
	-device virtio-net-pci,netdev=n0'
  vhostx stats
END
