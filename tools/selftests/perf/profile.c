// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU's emulator: which of the guest kernel's instructions run between two
 * marks of a program (mark.h), and on which stack. Writes to "out=" a line for each block of
 * instructions: "section stack address instructions executions", after a line for each
 * section: "section what".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "plugin.h"

#define SECTIONS	16
#define STACKS		64
#define STACK_SHIFT	14	/* of a kernel thread's stack on x86-64 */
#define BUCKETS		65536

int qemu_plugin_version = PLUGIN_API;

struct block {
	struct block *next;
	uint64_t address;
	unsigned int instructions;
	uint64_t runs[SECTIONS][STACKS];
};

static struct block *blocks[BUCKETS];
static uint64_t stacks[STACKS];
static unsigned int nr_stacks;
static unsigned int what[SECTIONS];	/* of each section */
static unsigned int nr_sections;
static int section = -1;		/* that runs */
static struct reg *stack_pointer;
static struct bytes *value;
static const char *out = "profile";

static void on_cpu(plugin_id id, unsigned int cpu)
{
	struct reg_list *list = qemu_plugin_get_registers();

	(void)id;
	(void)cpu;
	for (unsigned int i = 0; i < list->len; i++)
		if (!strcmp(list->data[i].name, "rsp"))
			stack_pointer = list->data[i].handle;
	value = g_byte_array_new();
}

/* The number of the stack in use, or -1. */
static int stack(void)
{
	uint64_t at;
	unsigned int i;

	g_byte_array_set_size(value, 0);
	if (qemu_plugin_read_register(stack_pointer, value) != sizeof(at))
		return -1;
	memcpy(&at, value->data, sizeof(at));
	at >>= STACK_SHIFT;
	for (i = 0; i < nr_stacks && stacks[i] != at; i++)
		;
	if (i == STACKS)
		return -1;
	if (i == nr_stacks)
		stacks[nr_stacks++] = at;
	return i;
}

static void on_block(unsigned int cpu, void *data)
{
	struct block *b = data;
	int s;

	(void)cpu;
	if (section < 0)
		return;
	s = stack();
	if (s >= 0)
		b->runs[section][s]++;
}

static void on_mark(unsigned int cpu, void *data)
{
	uintptr_t mark = (uintptr_t)data;

	(void)cpu;
	section = -1;
	if (mark == MARK_END || nr_sections == SECTIONS)
		return;
	section = nr_sections++;
	what[section] = mark;
}

static struct block *find_block(uint64_t address, unsigned int instructions)
{
	struct block **at = &blocks[(address ^ address >> 16) % BUCKETS], *b;

	for (b = *at; b; b = b->next)
		if (b->address == address && b->instructions == instructions)
			return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->address = address;
	b->instructions = instructions;
	b->next = *at;
	*at = b;
	return b;
}

static void on_translation(plugin_id id, struct tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (address >> 63) {
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, READS_REGISTERS,
						     find_block(address, n));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint8_t bytes[16];
		uint32_t mark;

		if (qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) != 5 ||
		    bytes[0] != MARK_OPCODE)
			continue;
		memcpy(&mark, bytes + 1, sizeof(mark));
		if (mark - MARK <= MARK_MOST)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, 0,
							       (void *)(uintptr_t)(mark - MARK));
	}
}

static void on_end(plugin_id id, void *data)
{
	FILE *f = fopen(out, "w");

	(void)id;
	(void)data;
	if (!f)
		return;
	for (unsigned int i = 0; i < nr_sections; i++)
		fprintf(f, "section %u\n", what[i]);
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *b = blocks[i]; b; b = b->next)
			for (unsigned int s = 0; s < nr_sections; s++)
				for (unsigned int t = 0; t < nr_stacks; t++)
					if (b->runs[s][t])
						fprintf(f, "%u %u %lx %u %lu\n", s, t, b->address,
							b->instructions, b->runs[s][t]);
	fclose(f);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	qemu_plugin_register_vcpu_init_cb(id, on_cpu);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_end, NULL);
	return 0;
}
