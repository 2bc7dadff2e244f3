/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls at random, and what a device of either kind answers to each. The call of a
 * number is the seed's alone, whatever was answered before: two devices get the same.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stdint.h>

/* What is given as memory table, ring addresses, file or message. */
enum fuzz_mem { MEM_GOOD, MEM_EMPTY, MEM_KERNEL, MEM_PADDING, MEM_ZERO, MEM_MANY, MEM_NONE };
enum fuzz_addr { ADDR_GOOD, ADDR_LOGGED, ADDR_KERNEL, ADDR_ODD, ADDR_FLAG, ADDR_NONE };
enum fuzz_file { FILE_EVENTFD, FILE_TAP, FILE_WIRE, FILE_UNBIND, FILE_NULL, FILE_CLOSED };
enum fuzz_message {
	MSG_UPDATE, MSG_INVALIDATE, MSG_UPDATE_KERNEL, MSG_UPDATE_ZERO, MSG_TYPE, MSG_SHORT,
};

enum fuzz_arg {
	ARG_NONE, ARG_U64, ARG_U8, ARG_FILE, ARG_WORKER, ARG_VQ_WORKER, ARG_STATE, ARG_ADDR,
	ARG_VQ_FILE, ARG_MEM, ARG_ARRAY, ARG_READ, ARG_WRITE, ARG_POLL, ARG_MMAP,
};

/*
 * A kind of call. @values are what its argument is chosen from, the first one as often
 * as all others; @allowed are the errors that any state can bring.
 */
struct fuzz_op {
	const char *name;
	unsigned long req;
	enum fuzz_arg arg;
	unsigned int weight;
	bool owner;		/* for the owner only */
	bool queue;		/* of a queue */
	bool get;		/* gives a value back */
	unsigned int nr_values;
	uint64_t values[8];
	int allowed[8];
};

struct fuzz_call {
	const struct fuzz_op *op;
	unsigned int queue;	/* 2 is none */
	uint64_t value;
	bool bad;		/* the argument cannot be read or written */
	bool other;		/* by another process than the owner */
};

/* A device, and what it is told of. */
struct fuzz_dev {
	const char *path;
	int fd;
	int file[6];		/* by enum fuzz_file */
	uint8_t *mem;
};

/*
 * So many calls go to a device before there is another. In the first of four there is
 * no IOTLB, in the second there is one for good; in the third it comes and goes, and
 * vhost-net, which then does what only 6.1 can explain, is not asked.
 */
#define FUZZ_LIFE	1024
#define FUZZ_PHASES	4
enum fuzz_phase { PHASE_DIRECT, PHASE_IOTLB, PHASE_MIXED };

#define FUZZ_GPA	0x10000000ULL
#define FUZZ_MEM_SIZE	(4UL << 20)
/* The most workers of a vhostx device. */
#define FUZZ_WORKERS	4

enum fuzz_owner { NOBODY, ME, ANOTHER };

/* What both kinds of devices have; no padding, as it is compared. */
struct fuzz_state {
	uint64_t features;
	uint64_t log[2];
	uint32_t num[2];
	uint32_t base[2];
	uint32_t busyloop[2];
	int32_t socket[2];	/* what a queue runs with, or FILE_UNBIND */
	uint32_t addr[2];	/* enum fuzz_addr */
	uint32_t mem;
	uint32_t owner;
	uint32_t fork;
	uint16_t iotlb;
	uint16_t mapped;
};

struct fuzz_model {
	bool net;		/* vhost-net */
	bool has_array;		/* the ioctls for an array of features */
	bool has_fork;		/* those for kinds of workers, and more than one kind */
	uint64_t offered;
	struct fuzz_state s;
	/* Of vhostx alone. */
	bool worker[FUZZ_WORKERS];
	unsigned int of_queue[2];
	bool has_run[2];	/* with a split ring, since its base was set */
	/* Of vhost-net: there has been an IOTLB; with another the ring may be forgotten. */
	bool asked;
	bool doubt[2];
};

struct fuzz_answer {
	long want;
	long also;		/* the same, but where it is up to a worker */
	const char *why;	/* vhost-net differs: in this answer, or in its state from now on */
};

/* fuzz_call.c */
extern const struct fuzz_op fuzz_ops[];
enum fuzz_phase fuzz_phase(uint64_t number);
void fuzz_choose(struct fuzz_call *c, uint64_t seed, uint64_t number);
long fuzz_do(const struct fuzz_dev *d, const struct fuzz_call *c);
void fuzz_print(const struct fuzz_call *c);
/* Whether any state can bring that answer. */
bool fuzz_allowed(const struct fuzz_call *c, long answer);

/* fuzz_model.c */
void fuzz_print_state(const struct fuzz_state *s);
void fuzz_opened(struct fuzz_model *m);
struct fuzz_answer fuzz_predict(const struct fuzz_model *m, const struct fuzz_call *c);
/* It has answered that. */
void fuzz_answered(struct fuzz_model *m, const struct fuzz_call *c, long answer);

#endif
