// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>

#include "case.h"
#include "stats.h"
#include "vmm.h"

static const unsigned int lens[] = { 64, 512, 1500, GSO_LEN };
static const unsigned int bursts[] = { 1, 8, 64, 256 };

/* Points beside the cross of sizes and bursts; what is 0 here is as usual. */
static const struct cost_case more[] = {
	{ .index = RX, .len = 64, .burst = 128, .quick = true },
	{ .index = RX, .len = 1500, .burst = 128, .quick = true },
	{ .index = RX, .len = GSO_LEN, .burst = 4, .buffers = 43 },

	{ .index = TX, .len = 64, .burst = 64, .drop = true, .parts = 4 },
	{ .index = TX, .len = 64, .burst = 256, .drop = true, .parts = 4, .indirect = true },
	{ .index = TX, .len = 64, .burst = 1, .drop = true, .parts = 4, .indirect = true },
	{ .index = RX, .len = 64, .burst = 64, .parts = 4 },
	{ .index = RX, .len = 64, .burst = 128, .parts = 4, .indirect = true },

	{ .index = TX, .len = 64, .burst = 256, .drop = true, .regions = 16, .quick = true },
	{ .index = TX, .len = 64, .burst = 256, .drop = true, .regions = 509, .quick = true },
	{ .index = RX, .len = 64, .burst = 128, .regions = 16, .quick = true },
	{ .index = RX, .len = 64, .burst = 128, .regions = 509, .quick = true },
	{ .index = TX, .len = 64, .burst = 256, .drop = true, .regions = 16, .scattered = true },
	{ .index = TX, .len = 64, .burst = 256, .drop = true, .regions = 509, .scattered = true },
	{ .index = RX, .len = 64, .burst = 128, .regions = 16, .scattered = true },
	{ .index = RX, .len = 64, .burst = 128, .regions = 509, .scattered = true },

	{ .index = TX, .len = 64, .burst = 256, .drop = true, .pairs = 2 },
	{ .index = TX, .len = 64, .burst = 256, .drop = true, .pairs = 4 },
	{ .index = TX, .len = 64, .burst = 256, .drop = true, .pairs = 8 },
	{ .index = RX, .len = 64, .burst = 128, .pairs = 2 },
	{ .index = RX, .len = 64, .burst = 128, .pairs = 4 },
	{ .index = RX, .len = 64, .burst = 128, .pairs = 8 },

	{ .index = TX, .len = 64, .burst = 256, .drop = true, .iotlb = true },
	{ .index = TX, .len = 64, .burst = 1, .drop = true, .iotlb = true },
	{ .index = TX, .len = 1500, .burst = 256, .drop = true, .iotlb = true },
	{ .index = RX, .len = 64, .burst = 128, .iotlb = true },
	{ .index = RX, .len = 64, .burst = 1, .iotlb = true },

	{ .index = TX, .len = 64, .burst = 256, .drop = true, .format = IN_ORDER },
	{ .index = TX, .len = 64, .burst = 1, .drop = true, .format = IN_ORDER },
	{ .index = TX, .len = 1500, .burst = 256, .drop = true, .format = IN_ORDER },
	{ .index = RX, .len = 64, .burst = 128, .format = IN_ORDER },
	{ .index = RX, .len = 64, .burst = 1, .format = IN_ORDER },

	{ .index = TX, .len = 64, .burst = 256, .drop = true, .format = PACKED },
	{ .index = TX, .len = 64, .burst = 8, .drop = true, .format = PACKED },
	{ .index = TX, .len = 64, .burst = 1, .drop = true, .format = PACKED },
	{ .index = TX, .len = 64, .burst = 256, .format = PACKED },
	{ .index = TX, .len = 1500, .burst = 256, .drop = true, .format = PACKED },
	{ .index = TX, .len = 64, .burst = 64, .drop = true, .format = PACKED, .parts = 4 },
	{ .index = TX, .len = 64, .burst = 256, .drop = true, .format = PACKED, .parts = 4,
	  .indirect = true },
	{ .index = TX, .len = 64, .burst = 256, .drop = true, .format = PACKED, .iotlb = true },
	{ .index = TX, .len = 64, .burst = 256, .drop = true, .format = PACKED | IN_ORDER },
	{ .index = TX, .len = 64, .burst = 1, .drop = true, .format = PACKED | IN_ORDER },
	{ .index = RX, .len = 64, .burst = 128, .format = PACKED },
	{ .index = RX, .len = 64, .burst = 1, .format = PACKED },
	{ .index = RX, .len = 1500, .burst = 128, .format = PACKED },
	{ .index = RX, .len = GSO_LEN, .burst = 4, .format = PACKED, .buffers = 43 },
	{ .index = RX, .len = 64, .burst = 128, .format = PACKED | IN_ORDER },
	{ .index = RX, .len = 64, .burst = 1, .format = PACKED | IN_ORDER },
};

const char *format_name(unsigned int format)
{
	static const char * const name[] = {
		[SPLIT] = "split", [IN_ORDER] = "split in order",
		[PACKED] = "packed", [PACKED | IN_ORDER] = "packed in order",
	};

	return name[format];
}

static size_t add_word(struct cost_case *t, size_t at, const char *word, unsigned int n)
{
	size_t room = sizeof(t->name) - at;
	int len = n ? snprintf(t->name + at, room, " %u %s", n, word) :
		      snprintf(t->name + at, room, " %s", word);

	if (len < 0 || (size_t)len >= room)
		abort();
	return at + len;
}

/* Named by all in which it is not as usual. */
static void name_case(struct cost_case *t)
{
	size_t at = snprintf(t->name, sizeof(t->name), "%s %u burst %u",
			     t->index == TX ? "tx" : "rx", t->len, t->burst);

	if (t->index == TX)
		at = add_word(t, at, t->drop ? "drop" : "stack", 0);
	if (t->format != SPLIT)
		at = add_word(t, at, format_name(t->format), 0);
	if (t->parts > 1)
		at = add_word(t, at, "parts", t->parts);
	if (t->indirect)
		at = add_word(t, at, "indirect", 0);
	if (t->buffers > 1)
		at = add_word(t, at, "buffers", t->buffers);
	if (t->regions > 1)
		at = add_word(t, at, "regions", t->regions);
	if (t->scattered)
		at = add_word(t, at, "scattered", 0);
	if (t->pairs > 1)
		at = add_word(t, at, "pairs", t->pairs);
	if (t->iotlb)
		add_word(t, at, "iotlb", 0);
}

static void add(struct cost_case *out, size_t *nr, struct cost_case t)
{
	unsigned int * const one[] = { &t.parts, &t.buffers, &t.regions, &t.pairs };

	if (*nr == CASES_MAX)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(one); i++)
		if (!*one[i])
			*one[i] = 1;
	name_case(&t);
	out[(*nr)++] = t;
}

static bool is_quick(unsigned int index, unsigned int len, unsigned int burst)
{
	return (len == 64 && burst == 1) ||
	       (index == TX && burst == 256 && (len == 64 || len == 1500));
}

size_t cases_make(struct cost_case *out)
{
	size_t nr = 0, i, j;

	for (int index = TX; index >= RX; index--) {
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			for (j = 0; j < ARRAY_SIZE(bursts); j++) {
				struct cost_case t = {
					.index = index, .len = lens[i], .burst = bursts[j],
					.quick = is_quick(index, lens[i], bursts[j]),
				};

				/* What is to be segmented is too large for XDP. */
				t.drop = index == TX && t.len < GSO_LEN;
				add(out, &nr, t);
				if (t.drop) {
					t.drop = false;
					add(out, &nr, t);
				}
			}
		}
	}
	for (i = 0; i < ARRAY_SIZE(more); i++)
		add(out, &nr, more[i]);
	return nr;
}
