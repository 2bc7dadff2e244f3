/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies between the driver's memory and a frame's. copy_from_user() and its like
 * look up what the kernel's side of a copy lies in, each time, lest it leave that.
 * Here the caller knows: who cut or received the frame has checked its bounds.
 */
#ifndef _VHOSTX_COPY_H
#define _VHOSTX_COPY_H

#include <linux/uaccess.h>

/*
 * Bytes up to which loads or stores are cheaper than a call that copies: none where the
 * architecture has no window for several, and each opens one of its own.
 */
#ifdef unsafe_op_wrap
#define VHOSTX_SHORT	0
#else
#define VHOSTX_SHORT	128
#endif

/* Architectures that have these inline offer none that does not look. */
#ifdef INLINE_COPY_FROM_USER
#define vhostx_copy_from_user	copy_from_user
#else
#define vhostx_copy_from_user	_copy_from_user
#endif
#ifdef INLINE_COPY_TO_USER
#define vhostx_copy_to_user	copy_to_user
#else
#define vhostx_copy_to_user	_copy_to_user
#endif

#define vhostx_load(to, from, type, fault)				\
	unsafe_get_user(*(type *)(to), (const type __user *)(from), fault)

/**
 * vhostx_load_in - copy a few bytes from the driver's memory
 * @to: the frame's; @len bytes are known to be its own
 * @from: the driver's
 * @len: bytes; up to VHOSTX_SHORT it is cheaper than vhostx_copy_in()
 *
 * Each byte is read once.
 *
 * Return: whether all of it could be read.
 */
static inline bool vhostx_load_in(void *to, const void __user *from, size_t len)
{
	if (!user_read_access_begin(from, len))
		return false;
	/* A compiler does not unroll what may fault. */
	for (; len >= 4 * sizeof(u64); len -= 4 * sizeof(u64)) {
		vhostx_load(to, from, u64, fault);
		vhostx_load(to + 8, from + 8, u64, fault);
		vhostx_load(to + 16, from + 16, u64, fault);
		vhostx_load(to + 24, from + 24, u64, fault);
		to += 4 * sizeof(u64);
		from += 4 * sizeof(u64);
	}
	for (; len >= sizeof(u64); len -= sizeof(u64)) {
		vhostx_load(to, from, u64, fault);
		to += sizeof(u64);
		from += sizeof(u64);
	}
	if (len & sizeof(u32)) {
		vhostx_load(to, from, u32, fault);
		to += sizeof(u32);
		from += sizeof(u32);
	}
	if (len & sizeof(u16)) {
		vhostx_load(to, from, u16, fault);
		to += sizeof(u16);
		from += sizeof(u16);
	}
	if (len & sizeof(u8))
		vhostx_load(to, from, u8, fault);
	user_read_access_end();
	return true;
fault:
	user_read_access_end();
	return false;
}

/**
 * vhostx_copy_in - copy from the driver's memory
 * @to: the frame's; @len bytes are known to be its own
 * @from: the driver's
 * @len: bytes
 *
 * Return: whether all of it could be read.
 */
static inline bool vhostx_copy_in(void *to, const void __user *from, size_t len)
{
	return !vhostx_copy_from_user(to, from, len);
}

/**
 * vhostx_copy_out - copy to the driver's memory
 * @to: the driver's
 * @from: the frame's; @len bytes are known to be its own
 * @len: bytes
 *
 * Return: whether all of it could be written.
 */
static inline bool vhostx_copy_out(void __user *to, const void *from,
				   size_t len)
{
	return !vhostx_copy_to_user(to, from, len);
}

#endif
