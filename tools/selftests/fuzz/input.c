// SPDX-License-Identifier: GPL-2.0-only
/* The input at hand. */
#include "input.h"

struct input input;
