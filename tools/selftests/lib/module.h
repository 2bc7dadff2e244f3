/* SPDX-License-Identifier: GPL-2.0-only */
/* vhostx, loaded with other parameters. */
#ifndef MODULE_H
#define MODULE_H

/* Load it afresh, while nobody uses it; "" for the defaults. 0 or not. */
int module_reload(const char *parameters);

#endif
