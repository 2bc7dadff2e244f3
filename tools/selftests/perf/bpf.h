/* SPDX-License-Identifier: GPL-2.0-only */
/* Small programs for a tap. 0 or -errno. */
#ifndef TAP_BPF_H
#define TAP_BPF_H

/* Have a device throw away what comes in, before there is an sk_buff. */
int bpf_drop(const char *name);
/* Have a tap give a frame to the queue that the last byte of its destination names. */
int bpf_steer(int tap);

#endif
