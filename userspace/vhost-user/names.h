/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's headers of Debian 12 do not have yet. */
#ifndef VHOSTX_USER_NAMES_H
#define VHOSTX_USER_NAMES_H

#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4	54
#define VIRTIO_NET_F_GUEST_USO6	55
#define VIRTIO_NET_F_HOST_USO	56
#endif

#ifndef TUN_F_USO4
#define TUN_F_USO4		0x20
#define TUN_F_USO6		0x40
#endif

#endif
