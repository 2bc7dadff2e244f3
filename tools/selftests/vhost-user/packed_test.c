// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a packed ring stands, found by its descriptors: at each place, with any number of
 * them available; what does not say so is not guessed at, and what went is no fault.
 */
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "fake.h"
#include "front.h"

#define AVAIL		BIT(VRING_PACKED_DESC_F_AVAIL)
#define USED		BIT(VRING_PACKED_DESC_F_USED)
#define LAP		0x8000u
#define PACKED		BIT(34)
#define INDIRECT	BIT(28)

static int points, failures;

static void point(bool good, const char *name)
{
	failures += !good;
	printf("%sok %d packed.%s\n", good ? "" : "not ", ++points, name);
}

/* A driver and a device, each at a place; all chains are of one descriptor. */
struct model {
	uint32_t num, driver, device;	/* places with their laps */
	struct vring_packed_desc desc[NUM];
};

static void begin_ring(struct model *model, uint32_t num)
{
	*model = (struct model){ .num = num, .driver = LAP, .device = LAP };
}

static void step(const struct model *model, uint32_t *place)
{
	if ((++*place & ~LAP) == model->num)
		*place = (*place & LAP) ^ LAP;
}

static void post(struct model *model)
{
	uint16_t flags = model->driver & LAP ? AVAIL : USED;

	model->desc[model->driver & ~LAP].flags = htole16(flags | VRING_DESC_F_WRITE);
	step(model, &model->driver);
}

static void use(struct model *model)
{
	uint16_t flags = model->device & LAP ? AVAIL | USED : 0;

	model->desc[model->device & ~LAP].flags = htole16(flags);
	step(model, &model->device);
}

static uint32_t found(const struct model *model)
{
	uint32_t base = 0;

	return packed_find((uintptr_t)model->desc, model->num, &base) ? base : 0;
}

static uint32_t wanted(const struct model *model)
{
	return model->device << 16 | model->device;
}

/* So many are used at one time or another, while so many are available. */
static bool each_place(uint32_t num, uint32_t ahead)
{
	struct model model;

	begin_ring(&model, num);
	for (uint32_t i = 0; i < ahead; i++)
		post(&model);
	for (uint32_t i = 0; i < 4 * num; i++) {
		if (found(&model) != wanted(&model)) {
			printf("# %u of %u available: found %#x, not %#x\n", ahead, num,
			       found(&model), wanted(&model));
			return false;
		}
		if (!ahead)
			post(&model);
		use(&model);
		if (ahead)
			post(&model);
	}
	return true;
}

static void test_places(void)
{
	static const uint32_t sizes[] = { 1, 2, 3, 16, NUM };
	bool good = true;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint32_t ahead = 0; ahead <= sizes[i]; ahead++)
			good = each_place(sizes[i], ahead) && good;
	point(good, "each_place");
}

/* Half a ring that was used, and one descriptor that looks available. */
static bool guesses(uint32_t at)
{
	struct model model;

	begin_ring(&model, 16);
	for (int i = 0; i < 8; i++) {
		post(&model);
		use(&model);
	}
	model.desc[at].flags = htole16(AVAIL);
	return found(&model);
}

/* Of a chain that was used only the first descriptor says so. */
static void test_chains(void)
{
	bool good = true;

	for (uint32_t at = 0; at < 7; at++)
		good = good && !guesses(at);
	point(good, "chains_are_not_guessed_at");
	good = guesses(8);
	for (uint32_t at = 9; at < 16; at++)
		good = good && !guesses(at);
	point(good, "holes_are_not_guessed_at");
}

/* A session whose ring 0 lies where it left off; the base that the kernel gets. */
static uint32_t base_of(uint64_t features, struct model *model, bool gone)
{
	struct fake_ring *ring = &fake_device[0].ring[0];
	void *here;
	int fd;

	begin_ring(model, NUM);
	for (int i = 0; i < 700; i++) {
		post(model);
		use(model);
	}
	front_open();
	if (!set_up(features | PACKED))
		return 0;
	begin(REQUEST_SET_MEM_TABLE);
	message.header.size = 40;
	message.payload.table.count = 1;
	message.payload.table.region[0] = (struct message_region){ GUEST, SIZE, USER, 0 };
	with_memory(SIZE);
	fd = dup(message.fd[0]);
	if (take() != SESSION_GOES_ON)
		return 0;
	here = (void *)(uintptr_t)fake_device[0].region[0].userspace_addr;
	memcpy(here, model->desc, sizeof(model->desc));
	if (gone && ftruncate(fd, 0))
		return 0;
	close(fd);
	return set_up_ring(0) && ring->running ? ring->base : ~0u;
}

static void test_session(void)
{
	struct fake_ring *ring = &fake_device[0].ring[0];
	struct model model;
	bool good;

	good = base_of(INDIRECT, &model, false) == wanted(&model);
	point(good, "ring_goes_on_where_it_was");

	/* Once it has begun here the kernel knows. */
	ring->base = 5;
	good = good && send_state(REQUEST_SET_VRING_ENABLE, 0, 0) &&
	       send_state(REQUEST_SET_VRING_ENABLE, 0, 1) && ring->running && ring->base == 5;
	point(good, "ring_is_moved_once");
	front_close();

	good = !base_of(0, &model, false);
	front_close();
	point(good, "drivers_of_long_chains_are_believed");
	good = !base_of(INDIRECT, &model, true);
	front_close();
	point(good, "memory_that_went_is_no_fault");
}

int main(void)
{
	printf("TAP version 13\n1..7\n");
	test_places();
	test_chains();
	test_session();
	return failures || points != 7;
}
