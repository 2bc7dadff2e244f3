// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <net/genetlink.h>
#include <uapi/linux/vhostx_netlink.h>

#include "cdev.h"
#include "compat/compat.h"
#include "dev.h"
#include "netdev.h"
#include "nl.h"

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

static struct dentry *vhostx_debugfs;

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

DEFINE_SHOW_ATTRIBUTE(vhostx_devs);

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

static int __init vhostx_init(void)
{
	int ret;

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

	vhostx_debugfs = debugfs_create_dir("vhostx", NULL);
	debugfs_create_file("queues", 0400, vhostx_debugfs, NULL,
			    &vhostx_devs_fops);
	return 0;
err_nl:
	vhostx_nl_stop();
err_netdevs:
	vhostx_netdevs_stop();
	return ret;
}

static void __exit vhostx_exit(void)
{
	debugfs_remove_recursive(vhostx_debugfs);
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
