// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a command with the queues of a tap and one vhost device for each already open.
 *
 *   tapexec TAP QUEUES VHOST COMMAND [ARGUMENT...]
 *
 * In the arguments, @TAPS@ and @VHOSTS@ stand for the lists of descriptors (3:4:5), as
 * QEMU's fds= and vhostfds= want them. VHOST "none" opens no device.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_QUEUES	64

static int open_tap(const char *name, int queues)
{
	struct ifreq ifr = { 0 };
	int fd;

	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (fd < 0)
		err(1, "/dev/net/tun");

	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr))
		err(1, "TUNSETIFF %s", name);
	return fd;
}

static void append(char *list, size_t size, int fd)
{
	size_t used = strlen(list);

	snprintf(list + used, size - used, "%s%d", used ? ":" : "", fd);
}

/* A copy of the argument with each placeholder replaced. */
static char *expand(const char *arg, const char *taps, const char *vhosts)
{
	char *out = NULL;
	size_t size = 0;
	FILE *stream;

	stream = open_memstream(&out, &size);
	if (!stream)
		err(1, "open_memstream");
	while (*arg) {
		if (!strncmp(arg, "@TAPS@", 6)) {
			fputs(taps, stream);
			arg += 6;
		} else if (!strncmp(arg, "@VHOSTS@", 8)) {
			fputs(vhosts, stream);
			arg += 8;
		} else {
			fputc(*arg++, stream);
		}
	}
	if (fclose(stream))
		err(1, "expand");
	return out;
}

int main(int argc, char **argv)
{
	char taps[MAX_QUEUES * 8] = "", vhosts[MAX_QUEUES * 8] = "";
	int queues, fd, i;

	if (argc < 5)
		errx(2, "usage: tapexec TAP QUEUES VHOST COMMAND [ARGUMENT...]");
	queues = atoi(argv[2]);
	if (queues < 1 || queues > MAX_QUEUES)
		errx(2, "%s queues", argv[2]);

	for (i = 0; i < queues; i++) {
		append(taps, sizeof(taps), open_tap(argv[1], queues));
		if (!strcmp(argv[3], "none"))
			continue;
		fd = open(argv[3], O_RDWR);
		if (fd < 0)
			err(1, "%s", argv[3]);
		append(vhosts, sizeof(vhosts), fd);
	}

	for (i = 4; i < argc; i++)
		argv[i] = expand(argv[i], taps, vhosts);
	execvp(argv[4], argv + 4);
	err(1, "%s", argv[4]);
}
