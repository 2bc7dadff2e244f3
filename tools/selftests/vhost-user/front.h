/* SPDX-License-Identifier: GPL-2.0-only */
/* A front end of a few lines: messages for a session, with memory and descriptors of its own. */
#ifndef VHOST_USER_FRONT_H
#define VHOST_USER_FRONT_H

#include <stdbool.h>

#include "session.h"

#define PAIRS	2
/* Where its memory is, by the guest and by itself; bytes. */
#define GUEST	UINT64_C(0x100000)
#define USER	UINT64_C(0x7f0000000000)
#define SIZE	UINT64_C(0x40000)
#define NUM	256

extern struct session *session;
extern struct tap tap;
extern struct message message;

void front_open(void);
void front_close(void);

/* The message, with a payload of zeros of the right size and no descriptor. */
void begin(enum request request);
/* A new descriptor to go along: of memory, a file of that many bytes; or an eventfd. */
void with_memory(uint64_t size);
void with_eventfd(void);
/* Let the session have it. */
enum verdict take(void);

/* Whole messages; whether the session goes on. */
bool send_plain(enum request request);
bool send_u64(enum request request, uint64_t value);
bool send_state(enum request request, uint32_t index, uint32_t num);
bool send_eventfd(enum request request, uint32_t index);
bool send_addr(uint32_t index, uint64_t offset, uint32_t flags);
bool send_table(uint64_t size);
bool send_log(uint64_t size);
bool send_iotlb(uint8_t type, uint64_t iova, uint64_t size, uint64_t user);
bool send_slot(enum request request, uint64_t guest, uint64_t user, uint64_t size);
/* The u64 that a request answers; ~0 where it does not. */
uint64_t ask(enum request request);

/* Owner, features and memory; and a ring that runs. */
bool set_up(uint64_t features);
bool set_up_ring(uint32_t index);
/* All features of the protocol that are offered. */
bool negotiate(void);

/* Descriptors and mappings of this process. */
unsigned int open_files(void);
unsigned int mappings(void);

#endif
