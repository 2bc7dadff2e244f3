// SPDX-License-Identifier: GPL-2.0-only
/* The loop: front ends that come and go, their messages, and what the kernel asks them. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "serve.h"

/* How long a client waits before it tries again. */
#define RETRY_MS	1000

/* What is waited for: a socket, or the device of a pair. */
enum { SOCKET = -1 };

struct wait {
	struct place *place;
	int pair;
};

struct waits {
	unsigned int count;
	struct pollfd *fd;
	struct wait *what;
};

static void waits_add(struct waits *waits, struct place *place, int pair, int fd)
{
	waits->fd[waits->count] = (struct pollfd){ .fd = fd, .events = POLLIN };
	waits->what[waits->count++] = (struct wait){ place, pair };
}

/* A second front end waits until the first one is gone. */
static void waits_for(struct waits *waits, struct place *place)
{
	struct session *session = place->session;

	if (!session) {
		if (place->listener >= 0)
			waits_add(waits, place, SOCKET, place->listener);
		return;
	}
	waits_add(waits, place, SOCKET, place->channel.fd);
	for (unsigned int i = 0; session_iommu(session) && i < place->tap.queues; i++)
		waits_add(waits, place, i, session->device[i]);
}

/* The next message, if all of it is there; false at the end. */
static bool hear(struct place *place)
{
	struct channel *channel = &place->channel;
	int ret = channel_read(channel);

	if (ret > 0) {
		switch (session_take(place->session, &channel->message)) {
		case SESSION_GOES_ON:
			return true;
		case SESSION_ANSWERS:
			ret = channel_write(channel, &channel->message);
			break;
		case SESSION_ENDS:
			return false;
		}
	}
	if (ret && ret != -ECONNRESET)
		say(place->name, "%s", strerror(-ret));
	return !ret;
}

static void handle(const struct wait *what)
{
	struct place *place = what->place;
	bool good;

	if (!place->session) {
		/* Unless it went a moment ago. */
		if (place->listener >= 0)
			place_meet(place);
		return;
	}
	good = what->pair == SOCKET ? hear(place) : iotlb_asked(place->session, what->pair);
	if (!good)
		place_part(place);
}

/* Clients without a server try again; whether there are any. */
static bool call_again(struct place *places, unsigned int count)
{
	bool waiting = false;

	for (unsigned int i = 0; i < count; i++) {
		if (places[i].client && !places[i].session)
			place_meet(&places[i]);
		waiting |= places[i].client && !places[i].session;
	}
	return waiting;
}

static int end_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void loop(struct waits *waits, struct place *places, unsigned int count, int signals)
{
	for (;;) {
		bool waiting = call_again(places, count);

		waits->count = 0;
		waits_add(waits, NULL, SOCKET, signals);
		for (unsigned int i = 0; i < count; i++)
			waits_for(waits, &places[i]);
		if (waits->count == 1 && !waiting)
			return;
		if (poll(waits->fd, waits->count, waiting ? RETRY_MS : -1) < 0)
			continue;
		if (waits->fd[0].revents)
			return;
		for (unsigned int i = 1; i < waits->count; i++)
			if (waits->fd[i].revents)
				handle(&waits->what[i]);
	}
}

int serve(struct place *places, unsigned int count)
{
	unsigned int most = 1 + count * (1 + TAP_QUEUES);
	struct waits waits = {
		.fd = calloc(most, sizeof(*waits.fd)),
		.what = calloc(most, sizeof(*waits.what)),
	};
	int signals = end_signals(), status = 1;

	if (waits.fd && waits.what && signals >= 0) {
		loop(&waits, places, count, signals);
		status = 0;
	}
	if (signals >= 0)
		close(signals);
	free(waits.fd);
	free(waits.what);
	return status;
}
