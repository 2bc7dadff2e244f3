// SPDX-License-Identifier: GPL-2.0-only
/*
 * The harness gives each test a fixed time, by alarm(). On a debug kernel everything takes
 * several times as long: the programs are linked so that it calls this in alarm()'s place.
 */
#include <stdlib.h>
#include <unistd.h>

#include "slow.h"

unsigned int __wrap_alarm(unsigned int seconds)
{
	const char *slow = getenv("VHOSTX_SLOW");

	return __real_alarm(slow ? seconds * atoi(slow) : seconds);
}
