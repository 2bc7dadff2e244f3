// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "module.h"
#include "vmm.h"

int module_reload(const char *parameters)
{
	char command[256];
	int ret;

	snprintf(command, sizeof(command), "rmmod vhostx && modprobe vhostx %s", parameters);
	ret = system(command);
	/* The node comes with the device. */
	for (int i = 0; !ret && i < 100 && access(DEV_VHOSTX, R_OK); i++)
		usleep(20000);
	return ret;
}
