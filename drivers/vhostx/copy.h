/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies between the driver's memory and a frame's. copy_from_user() and its like
 * look up what the kernel's side of a copy lies in, each time, lest it leave that.
 * Here the caller knows: who cut or received the frame has checked its bounds.
 */
#ifndef _VHOSTX_COPY_H
#define _VHOSTX_COPY_H

#include <linux/uaccess.h>

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
	return !_copy_from_user(to, from, len);
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
	return !_copy_to_user(to, from, len);
}

#endif
