// SPDX-License-Identifier: GPL-2.0-only
/* The memory table and the dirty log. */
#include <stdlib.h>
#include <string.h>

#include "answers.h"

#define MOST	"vhostx takes 1024 regions (its max_mem_regions), vhost-net 64"

/* A region of the guest's memory, but for what the row's data says. */
static struct vhost_memory_region region_of(struct dev *d, const struct row *r)
{
	const struct vhost_memory_region *other = r->data;
	struct vhost_memory_region m = {
		.guest_phys_addr = VMM_GPA,
		.memory_size = d->v.mem_size,
	};

	if (other)
		m = *other;
	if (!m.userspace_addr)
		m.userspace_addr = (uintptr_t)d->v.mem;
	return m;
}

static long ask_region(struct dev *d, const struct row *r)
{
	struct vhost_memory_region m = region_of(d, r);

	return vmm_set_mem_regions(&d->v, &m, 1);
}

static long ask_region_then_start(struct dev *d, const struct row *r)
{
	return ask_region(d, r) ?: vmm_backend(&d->v, TX, answers_tap());
}

/* So many, or that number alone where they would be too many for any. */
static long ask_regions(struct dev *d, const struct row *r)
{
	const unsigned int most = 2048, n = r->arg < most ? r->arg : 0;
	struct vhost_memory *m = calloc(1, sizeof(*m) + n * sizeof(m->regions[0]));
	long ret;

	m->nregions = r->arg;
	for (unsigned int i = 0; i < n; i++) {
		m->regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = VMM_GPA + i * 8192,
			.memory_size = 4096,
			.userspace_addr = (uintptr_t)d->v.mem + i * 4096,
		};
	}
	ret = ask(d, r->req, m);
	free(m);
	return ret;
}

static long ask_padding(struct dev *d, const struct row *r)
{
	struct vhost_memory m = { .padding = r->arg };

	return ask(d, r->req, &m);
}

/* The same memory twice, at addresses that are no multiple of anything. */
static long ask_overlap(struct dev *d, const struct row *r)
{
	struct vhost_memory_region m[2] = { region_of(d, r), region_of(d, r) };

	m[1].guest_phys_addr += 1;
	m[1].userspace_addr += 3;
	m[1].memory_size -= 100;
	return vmm_set_mem_regions(&d->v, m, 2);
}

/* The head can be read, and no region. */
static long ask_edge(struct dev *d, const struct row *r)
{
	struct vhost_memory *m = answers_edge(sizeof(*m));

	m->nregions = r->arg;
	return ask(d, r->req, m);
}

static long ask_log(struct dev *d, const struct row *r)
{
	return vmm_set_log(&d->v, r->arg);
}

/* The same while something is logged. */
static long ask_log_anew(struct dev *d, const struct row *r)
{
	return vmm_set_log(&d->v, SOMEWHERE) ?:
	       vmm_set_features(&d->v, d->v.features | F_LOG_ALL) ?:
	       vmm_set_log(&d->v, r->arg);
}

static long ask_log_anew_used(struct dev *d, const struct row *r)
{
	return vmm_set_log(&d->v, SOMEWHERE) ?: vmm_set_addr_logged(&d->v, TX, VMM_GPA) ?:
	       vmm_set_log(&d->v, r->arg);
}

#define REGION(gpa, size, hva)						\
	.data = &(const struct vhost_memory_region){			\
		.guest_phys_addr = gpa,					\
		.memory_size = size,					\
		.userspace_addr = hva,					\
	}

const struct row memory_rows[] = {
	OWNED(VHOST_SET_MEM_TABLE),
	ROW(VHOST_SET_MEM_TABLE, "argument cannot be read", ready, ask_bad, 0, "EFAULT"),
	ROW(VHOST_SET_MEM_TABLE, "a region cannot be read", ready, ask_edge, 1, "EFAULT"),
	ROW(VHOST_SET_MEM_TABLE, "no region, behind which nothing can be read", ready,
	    ask_edge, 0, "0"),
	ROW(VHOST_SET_MEM_TABLE, "padding of 1", ready, ask_padding, 1, "EOPNOTSUPP"),
	ROW(VHOST_SET_MEM_TABLE, "a region's flags_padding of 2^64 - 1", ready, ask_region, 0,
	    "0", .data = &(const struct vhost_memory_region){
		.guest_phys_addr = VMM_GPA,
		.memory_size = 4096,
		.flags_padding = -1ULL,
	    }),
	ROW(VHOST_SET_MEM_TABLE, "1 region", ready, ask_regions, 1, "0"),
	ROW(VHOST_SET_MEM_TABLE, "64 regions", ready, ask_regions, 64, "0"),
	ROW(VHOST_SET_MEM_TABLE, "65 regions", ready, ask_regions, 65, "0", .why = MOST),
	ROW(VHOST_SET_MEM_TABLE, "1024 regions", ready, ask_regions, 1024, "0", .why = MOST),
	ROW(VHOST_SET_MEM_TABLE, "1025 regions", ready, ask_regions, 1025, "E2BIG"),
	ROW(VHOST_SET_MEM_TABLE, "2^32 - 1 regions", ready, ask_regions, -1U, "E2BIG"),
	ROW(VHOST_SET_MEM_TABLE, "size 0", ready, ask_region, 0, "EFAULT",
	    REGION(VMM_GPA, 0, 0)),
	ROW(VHOST_SET_MEM_TABLE, "size 0 at address 0: all of the space", ready, ask_region,
	    0, "0", REGION(0, 0, 0)),
	ROW(VHOST_SET_MEM_TABLE, "to the end of the space", ready, ask_region, 0, "0",
	    REGION(-4096ULL, 4096, 0)),
	ROW(VHOST_SET_MEM_TABLE, "past the end of the space", ready, ask_region, 0, "EFAULT",
	    REGION(-4096ULL, 4097, 0)),
	ROW(VHOST_SET_MEM_TABLE, "size 2^64 - 1", ready, ask_region, 0, "EFAULT",
	    REGION(VMM_GPA, -1ULL, 0)),
	ROW(VHOST_SET_MEM_TABLE, "overlapping, not aligned", ready, ask_overlap, 0, "0"),
	ROW(VHOST_SET_MEM_TABLE, "in the kernel's half", ready, ask_region, 0, "0",
	    REGION(VMM_GPA, 4096, KERNEL_ADDR)),
	ROW(VHOST_NET_SET_BACKEND, "memory in the kernel's half", ready,
	    ask_region_then_start, 0, "EFAULT", REGION(VMM_GPA, 4096, KERNEL_ADDR)),
	ROW(VHOST_SET_MEM_TABLE, "queues run", live, ask_region, 0, "0"),
	ROW(VHOST_SET_MEM_TABLE, "queues run: no region", live, ask_padding, 0, "0"),
	ROW(VHOST_SET_MEM_TABLE, "queues run: padding of 1", live, ask_padding, 1,
	    "EOPNOTSUPP"),
	ROW(VHOST_SET_MEM_TABLE, "queues run: in the kernel's half", live, ask_region, 0,
	    "EFAULT", REGION(VMM_GPA, 4096, KERNEL_ADDR)),
	ROW(VHOST_SET_MEM_TABLE, "queues run: around the end of the owner's addresses", live,
	    ask_region, 0, "EFAULT", REGION(VMM_GPA, 8192, -4096ULL)),

	OWNED(VHOST_SET_LOG_BASE),
	ROW(VHOST_SET_LOG_BASE, "argument cannot be read", ready, ask_bad, 0, "EFAULT"),
	ROW(VHOST_SET_LOG_BASE, "0", ready, ask_log, 0, "0"),
	ROW(VHOST_SET_LOG_BASE, "1", ready, ask_log, 1, "0"),
	ROW(VHOST_SET_LOG_BASE, "in the kernel's half", ready, ask_log, KERNEL_ADDR, "0"),
	ROW(VHOST_SET_LOG_BASE, "2^64 - 1", ready, ask_log, -1ULL, "0"),
	ROW(VHOST_SET_LOG_BASE, "queues run, nothing is logged: in the kernel's half", live,
	    ask_log, KERNEL_ADDR, "0"),
	ROW(VHOST_SET_LOG_BASE, "queues run with VHOST_F_LOG_ALL: 0", live, ask_log_anew, 0,
	    "0"),
	ROW(VHOST_SET_LOG_BASE, "queues run with VHOST_F_LOG_ALL: in the kernel's half", live,
	    ask_log_anew, KERNEL_ADDR, "EFAULT"),
	ROW(VHOST_SET_LOG_BASE, "queues run with VHOST_F_LOG_ALL: 2^64 - 1", live,
	    ask_log_anew, -1ULL, "EFAULT"),
	ROW(VHOST_SET_LOG_BASE, "queues run with VHOST_VRING_F_LOG: in the kernel's half",
	    live, ask_log_anew_used, KERNEL_ADDR, "EFAULT"),
	{}
};
