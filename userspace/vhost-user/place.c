// SPDX-License-Identifier: GPL-2.0-only
/* Sockets of the places where front ends are met. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve.h"

static int new_socket(const char *path, struct sockaddr_un *address)
{
	if (strlen(path) >= sizeof(address->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, strlen(path));
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* A descriptor, or -1. */
static int connect_to(const char *path)
{
	struct sockaddr_un address;
	int fd = new_socket(path, &address);

	if (fd < 0 || !connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

/* One that a killed daemon left behind is in the way; one that somebody listens on is not ours. */
static void clear_way(const char *path)
{
	int fd = connect_to(path);

	if (fd >= 0)
		close(fd);
	else if (errno == ECONNREFUSED)
		unlink(path);
}

static bool listen_at(struct place *place)
{
	struct sockaddr_un address;

	clear_way(place->path);
	place->listener = new_socket(place->path, &address);
	if (place->listener < 0)
		return false;
	if (bind(place->listener, (struct sockaddr *)&address, sizeof(address)))
		return false;
	place->ours = true;
	return !listen(place->listener, 8);
}

/* An open socket is one that listens, or a front end already. */
static bool adopt(struct place *place, int fd)
{
	socklen_t size = sizeof(int);
	int listens;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK))
		return false;
	if (listens) {
		place->listener = fd;
		return true;
	}
	place->session = session_start(place->name, &place->tap);
	if (place->session)
		channel_open(&place->channel, fd);
	return place->session;
}

bool place_open(struct place *place, int fd)
{
	bool good = true;

	place->listener = -1;
	if (!place->path)
		good = adopt(place, fd);
	else if (!place->client)
		good = listen_at(place);
	if (!good)
		say(place->name, "%s", strerror(errno));
	return good;
}

void place_meet(struct place *place)
{
	int fd = place->client ? connect_to(place->path) :
		 accept4(place->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	place->session = session_start(place->name, &place->tap);
	if (!place->session) {
		close(fd);
		return;
	}
	say(place->name, "a front end is here");
	channel_open(&place->channel, fd);
}

void place_part(struct place *place)
{
	say(place->name, "the front end is gone");
	session_end(place->session);
	place->session = NULL;
	channel_close(&place->channel);
}

void place_close(struct place *place)
{
	if (place->session)
		place_part(place);
	if (place->listener >= 0)
		close(place->listener);
	if (place->ours)
		unlink(place->path);
	tap_close(&place->tap);
}
