// SPDX-License-Identifier: GPL-2.0-only
/* The owner's memory with faults, counters and a log; and vhost_iotlb. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vhost_iotlb.h>

#include "known.h"
#include "umem.h"

struct umem umem = { .fail_alloc = -1 };
bool umem_big_endian;
bool umem_keep;

static u8 *reads;
static u64 *touched;
static size_t nr_touched;
static enum umem_window open_window;
static bool in_hook;
/* Ranges that access_ok() has approved, the newest ones; [0] is the window's. */
static struct {
	u64 start;
	u64 end;
} vouched[1 + UMEM_VOUCHED];
static unsigned int nr_vouched;

static void breach(const char *what)
{
	if (!umem.errors++)
		umem.error = what;
}

void umem_init(size_t size)
{
	u8 *base = umem.base;

	memset(&umem, 0, offsetof(struct umem, log));
	umem.fail_alloc = -1;
	umem.size = size;
	umem_mark();
	memset(vouched, 0, sizeof(vouched));
	open_window = UMEM_CLOSED;
	if (umem_keep && base) {
		umem.base = base;
		return;
	}
	umem.base = aligned_alloc(4096, size);
	reads = calloc(1, size);
	touched = calloc(size, sizeof(*touched));
	if (!umem.base || !reads || !touched)
		abort();
	memset(umem.base, 0, size);
}

void umem_exit(void)
{
	if (umem_keep)
		return;
	free(umem.base);
	free(reads);
	free(touched);
	umem.base = NULL;
}

/* Begin to count and log afresh. */
void umem_mark(void)
{
	while (nr_touched)
		reads[touched[--nr_touched]] = 0;
	umem.nr_log = 0;
}

/* How often the byte was read since umem_mark(). */
unsigned int umem_reads(const void *addr)
{
	return reads[(const u8 *)addr - umem.base];
}

/* Let accesses to a range fail; an empty range ends that. */
void umem_fail(const void *addr, size_t len)
{
	umem.fault = (u64)addr;
	umem.fault_end = (u64)addr + len;
}

/* Position in the log of the first such event, -1 for none; NULL is any. */
int umem_logged(enum umem_op op, const void *addr)
{
	unsigned int i;

	for (i = 0; i < umem.nr_log; i++)
		if (umem.log[i].op == op &&
		    (!addr || umem.log[i].addr == (u64)addr))
			return i;
	return -1;
}

static void note(enum umem_op op, const void *addr, size_t len)
{
	if (umem.nr_log < UMEM_LOG)
		umem.log[umem.nr_log++] =
			(struct umem_event){ op, (u64)addr, len };
	if (!umem.hook || in_hook)
		return;
	in_hook = true;
	umem.hook(op, (void *)addr, len);
	in_hook = false;
}

static bool below_limit(u64 addr, size_t len)
{
	return len <= UMEM_LIMIT && addr <= UMEM_LIMIT - len;
}

static void vouch(unsigned int i, u64 addr, size_t len)
{
	vouched[i].start = addr;
	vouched[i].end = addr + len;
}

bool umem_access_ok(const void *addr, size_t len)
{
	if (!below_limit((u64)addr, len))
		return false;
	vouch(1 + nr_vouched++ % UMEM_VOUCHED, (u64)addr, len);
	return true;
}

bool umem_open(const void *addr, size_t len, enum umem_window window)
{
	if (open_window != UMEM_CLOSED)
		breach("a window inside a window");
	if (!below_limit((u64)addr, len))
		return false;
	vouch(0, (u64)addr, len);
	open_window = window;
	return true;
}

void umem_close(enum umem_window window)
{
	if (open_window != window)
		breach("closed another window than was opened");
	open_window = UMEM_CLOSED;
	vouch(0, 0, 0);
}

static bool is_vouched(u64 addr, size_t len)
{
	unsigned int i;

	for (i = 0; i < 1 + UMEM_VOUCHED; i++)
		if (addr >= vouched[i].start && addr + len <= vouched[i].end)
			return true;
	return false;
}

static bool faults(u64 addr, size_t len)
{
	u64 base = (u64)umem.base;

	return addr < base || len > umem.size ||
	       addr - base > umem.size - len ||
	       (addr < umem.fault_end && addr + len > umem.fault);
}

static int check(u64 addr, size_t len, enum umem_window window)
{
	if (open_window != window &&
	    (open_window != UMEM_BOTH || window == UMEM_CLOSED))
		breach(window == UMEM_CLOSED ? "a call inside a window" :
		       "an access outside its window");
	if (window == UMEM_CLOSED ? !below_limit(addr, len) :
	    !is_vouched(addr, len)) {
		if (window != UMEM_CLOSED)
			breach("an access that nobody checked");
		return -EFAULT;
	}
	return faults(addr, len) ? -EFAULT : 0;
}

static bool may_read_again(u64 at)
{
	u64 twice = (u64)umem.twice - (u64)umem.base;

	return umem.twice && at - twice < 8 && reads[at] == 1;
}

static void count(u64 addr, size_t len)
{
	u64 at = addr - (u64)umem.base;

	for (; len; len--, at++) {
		if (!reads[at])
			touched[nr_touched++] = at;
		else if (umem.read_once && !may_read_again(at))
			breach("a byte read twice");
		if (reads[at] < UCHAR_MAX)
			reads[at]++;
	}
}

int umem_read(void *to, const void *from, size_t len, enum umem_window window)
{
	int ret = check((u64)from, len, window);

	if (ret)
		return ret;
	memcpy(to, from, len);
	count((u64)from, len);
	note(UMEM_READ, from, len);
	return 0;
}

int umem_write(void *to, const void *from, size_t len, enum umem_window window)
{
	int ret = check((u64)to, len, window);

	if (ret)
		return ret;
	/* The guest is told nothing of what was never written. */
	known_check(from, len);
	memcpy(to, from, len);
	note(UMEM_WRITE, to, len);
	return 0;
}

/* Returns how many bytes were not copied, as copy_from_user() does. */
unsigned long umem_copy(void *to, const void *from, size_t len)
{
	return len && umem_read(to, from, len, UMEM_CLOSED) ? len : 0;
}

void umem_barrier(enum umem_op op)
{
	note(op, NULL, 0);
}

void *umem_calloc(size_t n, size_t size)
{
	void *p;

	if (umem.fail_alloc >= 0 && !umem.fail_alloc--)
		return NULL;
	p = calloc(n ?: 1, size);
	if (!p)
		abort();
	umem.live++;
	return p;
}

void umem_free(void *p)
{
	if (p)
		umem.live--;
	free(p);
}

struct vhost_iotlb *vhost_iotlb_alloc(unsigned int limit, unsigned int flags)
{
	struct vhost_iotlb *iotlb = umem_calloc(1, sizeof(*iotlb));

	if (flags)
		abort();
	if (!iotlb)
		return NULL;
	iotlb->list.next = &iotlb->list;
	iotlb->list.prev = &iotlb->list;
	iotlb->limit = limit;
	return iotlb;
}

void vhost_iotlb_free(struct vhost_iotlb *iotlb)
{
	struct list_head *at, *next;

	for (at = iotlb->list.next; at != &iotlb->list; at = next) {
		next = at->next;
		umem_free(list_to_map(at));
	}
	umem_free(iotlb);
}

int vhost_iotlb_add_range(struct vhost_iotlb *iotlb, u64 start, u64 last,
			  u64 addr, unsigned int perm)
{
	struct vhost_iotlb_map *map;
	int ret;

	if (last < start)
		return -EFAULT;
	/* The kernel halves a region of 2^64 bytes: its size has no number. */
	if (start == 0 && last == ULONG_MAX) {
		if (iotlb->nmaps + 2 > iotlb->limit)
			return -ENOSPC;
		ret = vhost_iotlb_add_range(iotlb, 0, last / 2, addr, perm);
		if (ret)
			return ret;
		start = last / 2 + 1;
		addr += start;
	}
	if (iotlb->nmaps >= iotlb->limit)
		return -ENOSPC;

	map = umem_calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	map->start = start;
	map->last = last;
	map->size = last - start + 1;
	map->addr = addr;
	map->perm = perm;
	map->iotlb = iotlb;
	map->link.next = &iotlb->list;
	map->link.prev = iotlb->list.prev;
	iotlb->list.prev->next = &map->link;
	iotlb->list.prev = &map->link;
	iotlb->nmaps++;
	return 0;
}

/*
 * The lowest one that meets the range, as the kernel's tree finds; of those
 * that come after prev, if that is not NULL.
 */
static struct vhost_iotlb_map *lowest(struct vhost_iotlb *iotlb,
				      const struct vhost_iotlb_map *prev,
				      u64 start, u64 last)
{
	struct vhost_iotlb_map *map, *first = NULL;
	bool behind = !prev;

	list_for_each_entry(map, &iotlb->list, link) {
		if (map == prev) {
			behind = true;
			continue;
		}
		if (prev && (map->start < prev->start ||
			     (map->start == prev->start && !behind)))
			continue;
		if (map->start <= last && map->last >= start &&
		    (!first || map->start < first->start))
			first = map;
	}
	return first;
}

struct vhost_iotlb_map *vhost_iotlb_itree_first(struct vhost_iotlb *iotlb,
						u64 start, u64 last)
{
	iotlb->lookups++;
	return lowest(iotlb, NULL, start, last);
}

struct vhost_iotlb_map *vhost_iotlb_itree_next(struct vhost_iotlb_map *map,
					       u64 start, u64 last)
{
	return lowest(map->iotlb, map, start, last);
}

/* As the kernel's: whatever meets the range goes as a whole. */
void vhost_iotlb_del_range(struct vhost_iotlb *iotlb, u64 start, u64 last)
{
	struct vhost_iotlb_map *map;

	while ((map = lowest(iotlb, NULL, start, last))) {
		map->link.prev->next = map->link.next;
		map->link.next->prev = map->link.prev;
		iotlb->nmaps--;
		umem_free(map);
	}
}
