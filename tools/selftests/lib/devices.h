/* SPDX-License-Identifier: GPL-2.0-only */
/* Each case runs on vhostx and on the in-tree device, which is the oracle. */
#ifndef DEVICES_H
#define DEVICES_H

#include <errno.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "nic.h"

#define ON_VHOSTX(fixture)						\
	FIXTURE_VARIANT(fixture) { const char *path; bool vhostx; };	\
	FIXTURE_VARIANT_ADD(fixture, vhostx)				\
	{								\
		.path = DEV_VHOSTX, .vhostx = true,			\
	}

/* Built with PACKED a program is the same once more for packed rings. */
#ifdef PACKED

#define IS_PACKED	true
/* It has none, so there is nothing to compare with. */
#define ON_BOTH_DEVICES(fixture) ON_VHOSTX(fixture)

static void __attribute__((constructor)) devices_packed(void)
{
	vmm_format = F_RING_PACKED;
}

#else

#define IS_PACKED	false
#define ON_BOTH_DEVICES(fixture)					\
	ON_VHOSTX(fixture);						\
	FIXTURE_VARIANT_ADD(fixture, vhost_net)				\
	{								\
		.path = DEV_VHOST_NET, .vhostx = false,			\
	}

#endif

/* Where vhostx differs on purpose; each use says why. */
#define DIFFERS(vhostx_answer, vhost_net_answer) \
	(variant->vhostx ? (vhostx_answer) : (vhost_net_answer))

/* 0 or -errno, as the kernel has it. */
static inline int dev_ioctl(int fd, unsigned long req, const void *arg)
{
	return ioctl(fd, req, arg) < 0 ? -errno : 0;
}

/* Nothing is mapped there. */
#define BAD_PTR	((void *)64)

#endif
