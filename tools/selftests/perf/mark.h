/* SPDX-License-Identifier: GPL-2.0-only */
/* An instruction of no effect that an emulator's plugin knows: profile.c. */
#ifndef MARK_H
#define MARK_H

#define MARK		0x56485800u
#define MARK_END	0	/* ends what began */
#define MARK_MOST	7
#define MARK_OPCODE	0xbb	/* mov $MARK, %ebx */

#define mark(n) ({							\
	__asm__ volatile("movl %0, %%ebx" :: "i"(MARK + (n)) : "ebx");	\
})

#endif
