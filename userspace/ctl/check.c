// SPDX-License-Identifier: GPL-2.0-only
/* Whether a virtual machine that is started here would get vhostx, and what is in its way. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/vhost.h>

#include "netlink.h"
#include "print.h"

#define NODE		"/dev/vhostx"
#define MODULE		"/sys/module/vhostx"
/* Of those for local use; the one that the module asks for. */
#define MINOR		248
/* What QEMU takes for the most where it finds no number. */
#define REGIONS		64

/* Of kernels that have more than 64 features; its size is that of the head. */
#ifndef VHOST_GET_FEATURES_ARRAY
#define VHOST_GET_FEATURES_ARRAY	_IOR(VHOST_VIRTIO, 0x83, uint64_t)
#endif

enum verdict { GOOD, NOTE, BAD };

static bool anything_bad;

/* One row: what was looked at, how it is, and what to do about it, or NULL. */
static void find(const char *what, enum verdict verdict, const char *todo, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void find(const char *what, enum verdict verdict, const char *todo, const char *format, ...)
{
	static const char *const verdicts[] = {
		[GOOD] = "ok",
		[NOTE] = "note",
		[BAD] = "bad",
	};
	va_list arguments;
	char found[1024];

	va_start(arguments, format);
	vsnprintf(found, sizeof(found), format, arguments);
	va_end(arguments);

	print_row();
	print_text("%-4s  %s: %s", verdicts[verdict], what, found);
	if (todo)
		print_text("\n      -> %s", todo);
	print_key_string("check", what);
	print_key_string("verdict", verdicts[verdict]);
	print_key_string("found", found);
	if (todo)
		print_key_string("todo", todo);
	print_row_end();
	anything_bad |= verdict == BAD;
}

/* The first line of a small file; false where it is not there. */
static bool read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");
	bool got;

	if (!file)
		return false;
	got = fgets(line, size, file);
	fclose(file);
	if (!got)
		*line = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static bool check_module(void)
{
	char version[64] = "";

	if (access(MODULE, F_OK)) {
		find("module", BAD,
		     "modprobe vhostx; where it is not found, install it: make install, or dkms status",
		     "it is not loaded");
		return false;
	}
	read_line(MODULE "/version", version, sizeof(version));
	if (!strcmp(version, VHOSTX_VERSION))
		find("module", GOOD, NULL, "version %s is loaded", version);
	else
		find("module", NOTE,
		     "install both from one version, then: modprobe -r vhostx && modprobe vhostx",
		     "version %s is loaded, and this command is of %s",
		     *version ? version : "(none)", VHOSTX_VERSION);
	return true;
}

static void check_netlink(void)
{
	if (netlink_open_silent() == DONE)
		find("netlink", GOOD, NULL, "the module answers");
	else
		find("netlink", BAD,
		     "run it in the host's network namespace: nsenter --net=/proc/1/ns/net vhostx check",
		     "the module does not answer in this network namespace");
}

static void check_signature(void)
{
	char taint[32] = "", enforce[8] = "", lockdown[64] = "";
	bool strict;

	read_line(MODULE "/taint", taint, sizeof(taint));
	read_line("/sys/module/module/parameters/sig_enforce", enforce, sizeof(enforce));
	read_line("/sys/kernel/security/lockdown", lockdown, sizeof(lockdown));
	strict = *enforce == 'Y' ||
		 (*lockdown && !strstr(lockdown, "[none]"));
	if (!strchr(taint, 'E'))
		find("signature", GOOD, NULL, "signed with a key that the kernel knows (taint %s)",
		     *taint ? taint : "none");
	else
		find("signature", NOTE,
		     "with Secure Boot it would not load: mokutil --import /var/lib/dkms/mok.pub",
		     "not signed (taint %s); the kernel %s", taint,
		     strict ? "asks for signatures by now" : "does not ask for signatures");
}

/* Who may open a node, in words. */
static void describe(const struct stat *st, char *text, int size)
{
	const struct group *group = getgrgid(st->st_gid);
	char digits[24];

	snprintf(digits, sizeof(digits), "%u", (unsigned int)st->st_gid);
	snprintf(text, size, "%u:%u, mode %04o, group %s", major(st->st_rdev),
		 minor(st->st_rdev), (unsigned int)(st->st_mode & 07777),
		 group ? group->gr_name : digits);
}

/* The node is there and leads to the module. */
static bool check_node(void)
{
	char device[32] = "", number[32], text[128];
	struct stat st;

	if (!read_line("/sys/class/misc/vhostx/dev", device, sizeof(device))) {
		find("node", BAD, "modprobe -r vhostx && modprobe vhostx; dmesg | grep vhostx",
		     "the module has not registered " NODE);
		return false;
	}
	if (stat(NODE, &st)) {
		find("node", BAD, "udevadm trigger --action=add --subsystem-match=misc",
		     NODE ": %s", strerror(errno));
		return false;
	}
	describe(&st, text, sizeof(text));
	snprintf(number, sizeof(number), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	if (!S_ISCHR(st.st_mode) || strcmp(number, device)) {
		find("node", BAD,
		     "rm " NODE " && udevadm trigger --action=add --subsystem-match=misc",
		     NODE " is not the module's device %s (%s)", device,
		     S_ISCHR(st.st_mode) ? number : "no character device");
		return false;
	}
	find("node", GOOD, NULL, NODE " is %s", text);
	if (minor(st.st_rdev) != MINOR)
		find("minor", NOTE,
		     "load it at boot, by /etc/modules-load.d/vhostx.conf: an open does not load it",
		     "10:%d was taken (see /proc/misc), it has %s", MINOR, number);
	return true;
}

static bool check_access(const char *what, const char *node)
{
	char todo[256], text[128] = "";
	struct group *group;
	struct stat st;

	if (!access(node, R_OK | W_OK)) {
		find(what, GOOD, NULL, "this user may open %s", node);
		return true;
	}
	if (stat(node, &st)) {
		find(what, BAD, "modprobe kvm_intel, or kvm_amd; it has to be on in the firmware",
		     "%s: %s", node, strerror(errno));
		return false;
	}
	group = getgrgid(st.st_gid);
	describe(&st, text, sizeof(text));
	if (group && st.st_gid && (st.st_mode & 0060) == 0060)
		snprintf(todo, sizeof(todo), "adduser %s %s, and log in again",
			 getenv("USER") ? getenv("USER") : "USER", group->gr_name);
	else
		snprintf(todo, sizeof(todo),
			 "install 60-vhostx.rules; udevadm control --reload; udevadm trigger --action=add --subsystem-match=misc");
	find(what, BAD, todo, "this user may not open %s (%s)", node, text);
	return false;
}

/* What a virtual machine is offered. */
static void check_features(void)
{
	char text[512] = "";
	size_t used = 0;
	/* The number of words, and these. */
	uint64_t array[3] = { 2 }, *words = array + 1;
	int fd = open(NODE, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, VHOST_GET_FEATURES, words)) {
		find("features", BAD, "dmesg | grep vhostx", NODE ": %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	/* Where it is not known, there are none above 63. */
	if (ioctl(fd, VHOST_GET_FEATURES_ARRAY, array))
		words[1] = 0;
	close(fd);
	for (unsigned int i = 0; i < feature_names.count && used < sizeof(text); i++)
		if (words[feature_bits[i] / 64] >> feature_bits[i] % 64 & 1)
			used += snprintf(text + used, sizeof(text) - used, "%s%s",
					 used ? "," : "", feature_names.name[i]);
	find("features", GOOD, NULL, "offered are %s", text);
}

/* The options of the running kernel that a host of virtual machines wants. */
static void check_config(void)
{
	static const struct {
		const char *name;
		bool need;
	} options_wanted[] = {
		{ "CONFIG_EVENTFD", true },
		{ "CONFIG_TUN", true },
		{ "CONFIG_TAP", true },
		{ "CONFIG_VHOST_IOTLB", true },
		{ "CONFIG_KVM", true },
		{ "CONFIG_MACVTAP", false },
		{ "CONFIG_VHOST_NET", false },
	};
	enum { WANTED = ARRAY_SIZE(options_wanted) };
	char value[WANTED] = { 0 }, path[512], line[512], text[256] = "";
	struct utsname name;
	bool missing = false;
	size_t used = 0;
	FILE *file;

	uname(&name);
	snprintf(path, sizeof(path), "/boot/config-%s", name.release);
	file = fopen(path, "re");
	if (!file) {
		snprintf(path, sizeof(path), "/lib/modules/%s/config", name.release);
		file = fopen(path, "re");
	}
	if (!file) {
		find("kernel", NOTE, NULL, "%s; its configuration is not in /boot", name.release);
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		char *equals = strchr(line, '=');

		if (!equals)
			continue;
		*equals = '\0';
		for (int i = 0; i < WANTED; i++)
			if (!strcmp(line, options_wanted[i].name))
				value[i] = equals[1];
	}
	fclose(file);
	for (int i = 0; i < WANTED; i++) {
		used += snprintf(text + used, sizeof(text) - used, " %s=%c",
				 options_wanted[i].name + strlen("CONFIG_"),
				 value[i] ? value[i] : 'n');
		missing |= !value[i] && options_wanted[i].need;
	}
	if (missing)
		find("kernel", BAD, "boot a kernel that has those, as Debian's do", "%s has%s",
		     name.release, text);
	else
		find("kernel", GOOD, NULL, "%s has%s", name.release, text);
}

static void check_regions(void)
{
	char line[32] = "";
	long ours, theirs;

	if (!read_line(MODULE "/parameters/max_mem_regions", line, sizeof(line)))
		return;
	ours = atol(line);
	if (!read_line("/sys/module/vhost/parameters/max_mem_regions", line, sizeof(line))) {
		find("regions", GOOD, NULL, "up to %ld of memory, of which QEMU uses %d", ours,
		     REGIONS);
		return;
	}
	theirs = atol(line);
	find("regions", theirs > ours ? BAD : GOOD,
	     theirs > ours ? "load vhostx with max_mem_regions at least that of vhost" : NULL,
	     "up to %ld of memory, of which QEMU uses %ld, as vhost has it", ours, theirs);
}

/* Which of the two is behind /dev/vhost-net. */
static void check_takeover(void)
{
	bool in_tree = !access("/sys/module/vhost_net", F_OK);
	char line[8] = "";

	read_line(MODULE "/parameters/takeover", line, sizeof(line));
	if (*line == 'Y')
		find("takeover", GOOD, NULL,
		     "/dev/vhost-net is vhostx too: every virtual machine with vhost gets it");
	else if (in_tree)
		find("takeover", NOTE,
		     "give virtual machines " NODE " by its path, see vhostx(4)",
		     "off, and vhost_net is loaded: what opens /dev/vhost-net gets that");
	else
		find("takeover", NOTE,
		     "give virtual machines " NODE " by its path, see vhostx(4)",
		     "off: an open of /dev/vhost-net loads vhost_net");
}

int check_host(char **argv)
{
	if (argv[0])
		return wrong("%s: check takes nothing", argv[0]);

	print_list("check");
	if (check_module()) {
		check_signature();
		check_netlink();
		if (check_node() && check_access("permission", NODE))
			check_features();
		check_regions();
		check_takeover();
	}
	check_access("kvm", "/dev/kvm");
	check_config();
	print_list_end();
	return anything_bad ? WRONG : DONE;
}
