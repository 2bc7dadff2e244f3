// SPDX-License-Identifier: GPL-2.0-only
/*
 * On a debug kernel everything takes several times as long. The harness gives each test a
 * fixed time, by alarm(): the programs are linked so that it calls this in its place.
 */
#include <stdlib.h>

#include "slow.h"

int slow(void)
{
	const char *factor = getenv("VHOSTX_SLOW");

	return factor ? atoi(factor) : 1;
}

unsigned int __wrap_alarm(unsigned int seconds)
{
	return __real_alarm(seconds * slow());
}
