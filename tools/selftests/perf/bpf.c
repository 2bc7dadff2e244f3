// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <net/if.h>

#include "bpf.h"
#include "stats.h"

static int bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

static int load(enum bpf_prog_type type, const struct bpf_insn *insns, unsigned int nr)
{
	union bpf_attr attr = {
		.prog_type = type,
		.insns = (uintptr_t)insns,
		.insn_cnt = nr,
		.license = (uintptr_t)"GPL",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

int bpf_drop(const char *name)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr link = {};
	int prog = load(BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns));

	if (prog < 0)
		return prog;
	link.link_create.prog_fd = prog;
	link.link_create.target_ifindex = if_nametoindex(name);
	link.link_create.attach_type = BPF_XDP;
	prog = bpf(BPF_LINK_CREATE, &link);
	return prog < 0 ? prog : 0;
}

int bpf_steer(int tap)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_LD | BPF_ABS | BPF_B, .imm = 5 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int prog = load(BPF_PROG_TYPE_SOCKET_FILTER, insns, ARRAY_SIZE(insns));

	if (prog < 0)
		return prog;
	return ioctl(tap, TUNSETSTEERINGEBPF, &prog) < 0 ? -errno : 0;
}
