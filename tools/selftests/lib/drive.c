// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <unistd.h>

#include "clock.h"
#include "drive.h"

static void *drive(void *arg)
{
	static uint8_t frame[FRAME_MAX];
	struct drive *d = arg;
	uint32_t id, len;

	while (!d->stop) {
		frame_fill(frame, 700, 1);
		nic_post_tx(d->n, NULL, NULL, frame, 700);
		vq_kick(&d->n->vmm.vq[TX]);
		while (vq_reap(&d->n->vmm.vq[TX], &id, &len) == 1)
			;
		wire_send(d->n->wire, NULL, frame, 700);
		nic_fill_rx(d->n, 2, 1526);
		nic_recv(d->n, NULL, frame, sizeof(frame), 0);
		wire_recv(d->n->wire, NULL, frame, sizeof(frame), 0);
		d->rounds++;
	}
	return NULL;
}

int drive_start(struct drive *d, struct nic *n)
{
	d->n = n;
	d->stop = false;
	d->rounds = 0;
	return -pthread_create(&d->thread, NULL, drive, d);
}

int drive_on(struct drive *d, unsigned int rounds)
{
	unsigned int from = d->rounds;

	for (long end = now_ms() + NIC_TIMEOUT; now_ms() < end; usleep(1000))
		if (d->rounds - from >= rounds)
			return 0;
	return -ETIMEDOUT;
}

void drive_stop(struct drive *d)
{
	d->stop = true;
	pthread_join(d->thread, NULL);
}

int drive_works(struct nic *n)
{
	static uint8_t frame[FRAME_MAX];
	uint32_t id, len;

	vq_kick_always(&n->vmm.vq[TX]);
	for (int i = 0; i < 500 && n->vmm.vq[TX].num_free < n->vmm.vq[TX].num; i++) {
		while (vq_reap(&n->vmm.vq[TX], &id, &len) == 1)
			;
		usleep(10000);
	}
	do {
		nic_fill_rx(n, 32, 1526);
	} while (nic_recv(n, NULL, frame, sizeof(frame), 200) >= 0);
	while (wire_recv(n->wire, NULL, frame, sizeof(frame), 200) >= 0)
		;
	return nic_ping_tx(n, 300, 1) ?: nic_ping_rx(n, 300, 2);
}
