/* SPDX-License-Identifier: GPL-2.0-only */
/* Byte order of the ring; a test may pretend that the host is big-endian. */
#ifndef _RING_LINUX_VIRTIO_BYTEORDER_H
#define _RING_LINUX_VIRTIO_BYTEORDER_H

#include <endian.h>
#include <linux/types.h>
#include <linux/virtio_types.h>

#include "umem.h"

static inline bool virtio_legacy_is_little_endian(void)
{
	return !umem_big_endian;
}

static inline u16 __virtio16_to_cpu(bool le, __virtio16 v)
{
	return le ? le16toh(v) : be16toh(v);
}

static inline u32 __virtio32_to_cpu(bool le, __virtio32 v)
{
	return le ? le32toh(v) : be32toh(v);
}

static inline u64 __virtio64_to_cpu(bool le, __virtio64 v)
{
	return le ? le64toh(v) : be64toh(v);
}

static inline __virtio16 __cpu_to_virtio16(bool le, u16 v)
{
	return le ? htole16(v) : htobe16(v);
}

static inline __virtio32 __cpu_to_virtio32(bool le, u32 v)
{
	return le ? htole32(v) : htobe32(v);
}

static inline __virtio64 __cpu_to_virtio64(bool le, u64 v)
{
	return le ? htole64(v) : htobe64(v);
}

#endif
