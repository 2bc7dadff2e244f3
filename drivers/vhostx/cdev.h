/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _VHOSTX_CDEV_H
#define _VHOSTX_CDEV_H

#include <linux/fs.h>

extern const struct file_operations vhostx_fops;

#endif
