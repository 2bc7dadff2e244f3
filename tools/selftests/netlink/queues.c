// SPDX-License-Identifier: GPL-2.0-only
/* For scripts: every queue of vhostx in a line of "key=value", as stats.h has them. */
#include <err.h>
#include <string.h>

#include "stats.h"

int main(void)
{
	int ret = stats_print();

	if (ret < 0)
		errx(1, "the queues of vhostx: %s", strerror(-ret));
	return 0;
}
