/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Of the API that QEMU's documentation calls that of TCG plugins, and of GLib's arrays in it,
 * what profile.c calls. Debian has no header for it.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define PLUGIN_API	4	/* that it is of */
#define READS_REGISTERS	1

typedef uint64_t plugin_id;
struct tb;
struct insn;
struct reg;

struct bytes {
	uint8_t *data;
	unsigned int len;
};

struct reg_info {
	struct reg *handle;
	const char *name;
	const char *feature;
};

struct reg_list {
	struct reg_info *data;
	unsigned int len;
};

struct bytes *g_byte_array_new(void);
struct bytes *g_byte_array_set_size(struct bytes *b, unsigned int size);
struct reg_list *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(struct reg *handle, struct bytes *b);
void qemu_plugin_register_vcpu_init_cb(plugin_id id, void (*fn)(plugin_id id, unsigned int cpu));
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*fn)(plugin_id id, struct tb *tb));
void qemu_plugin_register_atexit_cb(plugin_id id, void (*fn)(plugin_id id, void *data), void *data);
size_t qemu_plugin_tb_n_insns(const struct tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct tb *tb);
struct insn *qemu_plugin_tb_get_insn(const struct tb *tb, size_t n);
size_t qemu_plugin_insn_data(const struct insn *insn, void *to, size_t len);
void qemu_plugin_register_vcpu_tb_exec_cb(struct tb *tb, void (*fn)(unsigned int cpu, void *data),
					  int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct insn *insn,
					    void (*fn)(unsigned int cpu, void *data), int flags,
					    void *data);

extern int qemu_plugin_version;
int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

#endif
