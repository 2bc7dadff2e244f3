// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include "netlink.h"
#include "print.h"

/* Messages of a dump come in pages, and an answer is shorter than that. */
#define BUFFER		32768
/* For notifications that come faster than they are read. */
#define BACKLOG		(1024 * 1024)

static struct mnl_socket *sock;
static struct family family;
static unsigned int sequence;
static char buffer[BUFFER] __attribute__((aligned(8)));
/* Of a request's few numbers and one string. */
static char request_buffer[4096] __attribute__((aligned(8)));

static int failed(const char *what)
{
	wrong("%s: %s", what, strerror(errno));
	return REFUSED;
}

static int malformed(void)
{
	wrong("the kernel's answer is not well-formed\n"
	      "are the module and this command of one version? try: vhostx check");
	return REFUSED;
}

static int not_there(void)
{
	if (access("/sys/module/vhostx", F_OK))
		wrong("the module is not loaded; try: modprobe vhostx");
	else
		wrong("the module is loaded, but answers in the host's network namespace only\n"
		      "try: nsenter --net=/proc/1/ns/net vhostx ...");
	return REFUSED;
}

static int refused(const struct refusal *refusal)
{
	char text[1024];

	if (refusal->error == EPERM)
		wrong("not permitted: it needs CAP_NET_ADMIN in the host's network namespace\n"
		      "try: sudo vhostx ...");
	else if (refusal->text)
		wrong("the kernel refuses: %s (%s)",
		      print_safe(text, sizeof(text), refusal->text), strerror(refusal->error));
	else
		wrong("the kernel refuses: %s", strerror(refusal->error));
	return REFUSED;
}

/* Read what is there; the number of bytes, or -1 with errno. */
static ssize_t receive(void)
{
	ssize_t len;

	do
		len = mnl_socket_recvfrom(sock, buffer, sizeof(buffer));
	while (len < 0 && errno == EINTR);
	return len;
}

static struct nlmsghdr *request_begin(void *at, uint16_t type, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = VHOSTX_FAMILY_VERSION;
	return nlh;
}

/* Ask nlctrl for a family. 0, or a negative errno. */
static int family_find(const char *name, struct family *found)
{
	struct nlmsghdr *nlh = request_begin(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	bool seen = false;
	ssize_t len;
	int left;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		len = receive();
		if (len < 0)
			return -errno;
		left = len;
		for (nlh = (void *)buffer; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			struct refusal refusal;

			if (nlh->nlmsg_type == NLMSG_ERROR) {
				if (!refusal_parse(&refusal, nlh))
					return -EBADMSG;
				return refusal.error || seen ? -refusal.error : -EBADMSG;
			}
			if (!family_parse(found, nlh))
				return -EBADMSG;
			seen = true;
		}
	}
}

/* 0, or a negative errno. */
static int socket_open(void)
{
	int on = 1;

	sock = mnl_socket_open(NETLINK_GENERIC);
	if (!sock)
		return -errno;
	/* Older kernels lack some; they only make for better messages. */
	mnl_socket_setsockopt(sock, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(sock, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(sock, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return family_find(VHOSTX_FAMILY_NAME, &family);
}

int netlink_open_silent(void)
{
	return socket_open() ? REFUSED : DONE;
}

int netlink_open(void)
{
	errno = -socket_open();
	switch (errno) {
	case 0:
		return DONE;
	case ENOENT:
		return not_there();
	case EBADMSG:
		return malformed();
	}
	return failed("netlink socket");
}

void netlink_close(void)
{
	if (sock)
		mnl_socket_close(sock);
	sock = NULL;
}

struct nlmsghdr *netlink_request(uint8_t command, bool dump)
{
	return request_begin(request_buffer, 0, command, dump ? NLM_F_DUMP : NLM_F_ACK);
}

/* One message of an answer. -1: go on. */
static int answer(const struct nlmsghdr *nlh, record_fn fn, void *data)
{
	struct refusal refusal;
	struct record record;

	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
		return -1;
	case NLMSG_ERROR:
	case NLMSG_DONE:
		if (!refusal_parse(&refusal, nlh))
			return malformed();
		return refusal.error ? refused(&refusal) : DONE;
	}
	if (nlh->nlmsg_type != family.id || !record_parse(&record, nlh))
		return malformed();
	if (fn)
		fn(&record, data);
	return -1;
}

int netlink_ask(struct nlmsghdr *request, record_fn fn, void *data)
{
	unsigned int portid = mnl_socket_get_portid(sock);
	bool torn = false;
	ssize_t len;
	int left, ret;

	request->nlmsg_type = family.id;
	request->nlmsg_seq = ++sequence;
	if (mnl_socket_sendto(sock, request, request->nlmsg_len) < 0)
		return failed("netlink send");
	for (;;) {
		const struct nlmsghdr *nlh = (void *)buffer;

		len = receive();
		if (len < 0)
			return failed("netlink receive");
		for (left = len; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			if (!mnl_nlmsg_portid_ok(nlh, portid) ||
			    !mnl_nlmsg_seq_ok(nlh, sequence))
				continue;
			torn |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
			ret = answer(nlh, fn, data);
			if (ret < 0)
				continue;
			if (torn)
				wrong("the list changed while it was read; try again");
			return ret;
		}
	}
}

static int join(uint32_t group, const char *name)
{
	if (!group) {
		wrong("the module has no notifications of the group %s", name);
		return REFUSED;
	}
	if (mnl_socket_setsockopt(sock, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return failed(name);
	return DONE;
}

int netlink_subscribe(bool with_config, bool with_events)
{
	int backlog = BACKLOG, ret = DONE;
	struct family nlctrl;

	/* Before there are notifications, which would come between its answer. */
	if (family_find("nlctrl", &nlctrl))
		nlctrl.notify = 0;
	setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUF, &backlog, sizeof(backlog));
	if (ret == DONE && with_config)
		ret = join(family.config, VHOSTX_MCGRP_CONFIG);
	if (ret == DONE && with_events)
		ret = join(family.events, VHOSTX_MCGRP_EVENTS);
	/* nlctrl's own notifications say when the module goes. */
	if (ret == DONE && nlctrl.notify)
		ret = join(nlctrl.notify, "notify");
	return ret;
}

/* Whether a word of nlctrl's is that the module goes. */
static bool is_end(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct family gone;

	return family_parse(&gone, nlh) && genl->cmd == CTRL_CMD_DELFAMILY &&
	       gone.id == family.id;
}

int netlink_listen(news_fn fn, void *data)
{
	struct record record;
	ssize_t len;
	int left;

	for (;;) {
		const struct nlmsghdr *nlh = (void *)buffer;

		len = receive();
		if (len < 0 && errno == ENOBUFS) {
			if (!fn(NEWS_LOST, NULL, data))
				return DONE;
			continue;
		}
		if (len < 0)
			return failed("netlink receive");
		for (left = len; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_type == GENL_ID_CTRL) {
				if (!is_end(nlh))
					continue;
				fn(NEWS_GONE, NULL, data);
				return DONE;
			}
			if (nlh->nlmsg_type != family.id)
				continue;
			if (!record_parse(&record, nlh))
				return malformed();
			if (record.event && !fn(NEWS_EVENT, &record, data))
				return DONE;
		}
	}
}
