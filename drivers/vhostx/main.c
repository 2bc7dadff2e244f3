// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/string.h>
#include <net/genetlink.h>
#include <uapi/linux/vhostx_netlink.h>

#include "cdev.h"
#include "compat/compat.h"
#include "dev.h"
#include "layout.h"
#include "netdev.h"
#include "nl.h"
#include "tune.h"

/* Of those for local use (Documentation/admin-guide/devices.txt). */
#define VHOSTX_MINOR	248

module_param_named(max_mem_regions, vhostx_max_mem_regions, ushort, 0444);
MODULE_PARM_DESC(max_mem_regions,
		 "Most regions of a memory table, at least 64 (default: 1024)");

module_param_named(max_iotlb_entries, vhostx_max_iotlb_entries, int, 0444);
MODULE_PARM_DESC(max_iotlb_entries,
		 "Most translations of a device IOTLB, at least 64 (default: 2048)");

#if VHOSTX_CAN_FORK
module_param_named(fork_from_owner_default, vhostx_fork_default, bool, 0444);
MODULE_PARM_DESC(fork_from_owner_default,
		 "Workers are threads of the VMM's, not of the kernel's (default: on)");
#endif

static bool vhostx_zerocopy;
module_param_named(experimental_zcopytx, vhostx_zerocopy, bool, 0444);
MODULE_PARM_DESC(experimental_zcopytx,
		 "Taken for vhost_net's sake, without effect: TX always copies (default: off)");

static bool vhostx_takeover;
module_param_named(takeover, vhostx_takeover, bool, 0444);
MODULE_PARM_DESC(takeover,
		 "Be /dev/vhost-net as well, in the place of vhost_net (default: off)");

static char *vhostx_poll_mode = "vmm";
module_param_named(poll_mode, vhostx_poll_mode, charp, 0444);
MODULE_PARM_DESC(poll_mode,
		 "Whether queues poll before they sleep: vmm, off, fixed or adaptive (default: vmm, which is adaptive where the VMM asks for nothing)");

module_param_named(poll_us, vhostx_tune_default.poll_us, uint, 0444);
MODULE_PARM_DESC(poll_us,
		 "Microseconds to poll at most, where that is fixed or adaptive, 0 to 10000 (default: 100)");

module_param_named(batch, vhostx_tune_default.batch, uint, 0444);
MODULE_PARM_DESC(batch,
		 "Frames that are moved before the driver is told, 1 to 64 (default: 64)");

module_param_named(weight, vhostx_tune_default.weight, uint, 0444);
MODULE_PARM_DESC(weight,
		 "Frames of a run before another queue gets its turn, 64 to 4096 (default: 256)");

module_param_named(coalesce_us, vhostx_tune_default.coalesce_us, uint, 0444);
MODULE_PARM_DESC(coalesce_us,
		 "Microseconds that an interrupt may be late, 0 to 1000 (default: 0)");

module_param_named(coalesce_frames, vhostx_tune_default.coalesce_frames, uint,
		   0444);
MODULE_PARM_DESC(coalesce_frames,
		 "Frames that an interrupt is not late for, 1 to 256 (default: 64)");

static char *vhostx_layout = "device";
module_param_named(layout, vhostx_layout, charp, 0444);
MODULE_PARM_DESC(layout,
		 "Workers: device (one for both queues), split (one each) or pool (shared by the VMM's devices; default: device)");

module_param_named(pool_size, vhostx_pool_size_default, uint, 0444);
MODULE_PARM_DESC(pool_size,
		 "Workers that a VMM's devices share in layout pool, 1 to 64 (default: 4)");

static const char * const vhostx_layouts[] = {
	[VHOSTX_LAYOUT_DEVICE] = "device",
	[VHOSTX_LAYOUT_SPLIT] = "split",
	[VHOSTX_LAYOUT_POOL] = "pool",
};

static const char * const vhostx_poll_modes[] = {
	[VHOSTX_POLL_MODE_VMM] = "vmm",
	[VHOSTX_POLL_MODE_OFF] = "off",
	[VHOSTX_POLL_MODE_FIXED] = "fixed",
	[VHOSTX_POLL_MODE_ADAPTIVE] = "adaptive",
};

/* What a parameter may be. */
static const struct {
	const char *name;
	const unsigned int *value;
	unsigned int min;
	unsigned int max;
} vhostx_bounds[] = {
	{ "poll_us", &vhostx_tune_default.poll_us, 0, VHOSTX_POLL_US_MAX },
	{ "batch", &vhostx_tune_default.batch, 1, VHOSTX_BATCH_MAX },
	{ "weight", &vhostx_tune_default.weight, VHOSTX_WEIGHT_MIN,
	  VHOSTX_WEIGHT_MAX },
	{ "coalesce_us", &vhostx_tune_default.coalesce_us, 0,
	  VHOSTX_COALESCE_US_MAX },
	{ "coalesce_frames", &vhostx_tune_default.coalesce_frames, 1,
	  VHOSTX_COALESCE_FRAMES_MAX },
	{ "pool_size", &vhostx_pool_size_default, 1, VHOSTX_POOL_SIZE_MAX },
};

static struct miscdevice vhostx_misc = {
	.minor = VHOSTX_MINOR,
	.name = "vhostx",
	.fops = &vhostx_fops,
	.mode = 0660,
};

/* For clients that have the path fixed in them. */
static struct miscdevice vhostx_vhost_net = {
	.minor = VHOST_NET_MINOR,
	.name = "vhost-net",
	.fops = &vhostx_fops,
	.mode = 0660,
};

static int __init vhostx_register(void)
{
	int ret;

	ret = misc_register(&vhostx_misc);
	if (ret == -EBUSY) {
		pr_info("minor %d is taken, using another\n", VHOSTX_MINOR);
		vhostx_misc.minor = MISC_DYNAMIC_MINOR;
		ret = misc_register(&vhostx_misc);
	}
	if (ret) {
		pr_err("cannot register /dev/vhostx: error %d\n", ret);
		return ret;
	}
	if (!vhostx_takeover)
		return 0;

	ret = misc_register(&vhostx_vhost_net);
	if (ret) {
		if (ret == -EBUSY)
			pr_err("takeover=1: vhost_net is loaded; unload it first, or load vhostx without takeover\n");
		else
			pr_err("cannot register /dev/vhost-net: error %d\n",
			       ret);
		misc_deregister(&vhostx_misc);
	}
	return ret;
}

static int __init vhostx_check_parameters(void)
{
	unsigned int i;
	int mode, layout;

	mode = match_string(vhostx_poll_modes, ARRAY_SIZE(vhostx_poll_modes),
			    vhostx_poll_mode);
	if (mode < 0) {
		pr_err("poll_mode=%s: it is vmm, off, fixed or adaptive\n",
		       vhostx_poll_mode);
		return -EINVAL;
	}
	vhostx_tune_default.poll_mode = mode;

	layout = match_string(vhostx_layouts, ARRAY_SIZE(vhostx_layouts),
			      vhostx_layout);
	if (layout < 0) {
		pr_err("layout=%s: it is device, split or pool\n",
		       vhostx_layout);
		return -EINVAL;
	}
	vhostx_layout_default = layout;

	for (i = 0; i < ARRAY_SIZE(vhostx_bounds); i++) {
		if (*vhostx_bounds[i].value >= vhostx_bounds[i].min &&
		    *vhostx_bounds[i].value <= vhostx_bounds[i].max)
			continue;
		pr_err("%s=%u: it is from %u to %u\n", vhostx_bounds[i].name,
		       *vhostx_bounds[i].value, vhostx_bounds[i].min,
		       vhostx_bounds[i].max);
		return -EINVAL;
	}
	return 0;
}

static int __init vhostx_init(void)
{
	int ret;

	ret = vhostx_check_parameters();
	if (ret)
		return ret;

	if (vhostx_max_mem_regions < VHOSTX_REGIONS_MIN) {
		pr_err("max_mem_regions=%u: clients rely on %u at least\n",
		       vhostx_max_mem_regions, VHOSTX_REGIONS_MIN);
		return -EINVAL;
	}

	if (vhostx_max_iotlb_entries < VHOSTX_IOTLB_MIN) {
		pr_err("max_iotlb_entries=%d: a queue needs %d at least\n",
		       vhostx_max_iotlb_entries, VHOSTX_IOTLB_MIN);
		return -EINVAL;
	}

	ret = vhostx_netdevs_start();
	if (ret)
		return ret;
	ret = vhostx_nl_start();
	if (ret)
		goto err_netdevs;
	ret = vhostx_register();
	if (ret)
		goto err_nl;
	if (vhostx_zerocopy)
		pr_info("experimental_zcopytx=1 has no effect: TX always copies\n");
	return 0;
err_nl:
	vhostx_nl_stop();
err_netdevs:
	vhostx_netdevs_stop();
	return ret;
}

static void __exit vhostx_exit(void)
{
	if (vhostx_takeover)
		misc_deregister(&vhostx_vhost_net);
	misc_deregister(&vhostx_misc);
	vhostx_nl_stop();
	vhostx_netdevs_stop();
}

module_init(vhostx_init);
module_exit(vhostx_exit);

MODULE_VERSION(VHOSTX_VERSION);
MODULE_LICENSE("GPL");
MODULE_AUTHOR("The vhostx authors");
MODULE_DESCRIPTION("In-kernel virtio-net device back end for virtual machines");
MODULE_ALIAS_MISCDEV(VHOSTX_MINOR);
MODULE_ALIAS("devname:vhostx");
MODULE_ALIAS_GENL_FAMILY(VHOSTX_FAMILY_NAME);
