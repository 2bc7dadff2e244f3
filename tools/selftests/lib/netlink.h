/* SPDX-License-Identifier: GPL-2.0-only */
/* The netlink family, as an operator's program speaks to it. */
#ifndef NETLINK_H
#define NETLINK_H

#include <stdbool.h>
#include <stdint.h>
#include <libmnl/libmnl.h>
#include <linux/vhostx_netlink.h>

#define NL_ATTRS	64	/* more than any of its objects has */

struct nl {
	struct mnl_socket *sock;
	uint16_t family;
	uint32_t group[2];	/* config, events */
	uint32_t seq;
	char error[256];	/* what the kernel said of the last request, or "" */
	uint64_t min, max;	/* the bounds that it named, or UINT64_MAX */
	char buf[32768];
};

/* An object that came, and its attributes by their numbers. */
struct nl_object {
	uint8_t cmd;
	const struct nlattr *attr[NL_ATTRS];
};

/* A request of numbers alone, in a table of them. */
struct nl_order {
	uint8_t cmd;
	uint16_t flags;
	struct {
		unsigned int type;	/* 0 ends them */
		uint32_t value;
	} attr[3];
};

/* In the initial network namespace whatever the caller's: 0 or -errno. */
int nl_open(struct nl *nl);
void nl_close(struct nl *nl);
/* A request to add attributes to, in nl->buf. */
struct nlmsghdr *nl_request(struct nl *nl, uint8_t cmd, uint16_t flags);
struct nlmsghdr *nl_order(struct nl *nl, const struct nl_order *o);
/* Send it; call got for each object that comes: 0 or -errno as the kernel has it. */
int nl_talk(struct nl *nl, struct nlmsghdr *nlh,
	    void (*got)(const struct nl_object *o, void *data), void *data);
/* Hear of groups of events from now on. */
int nl_listen(struct nl *nl, unsigned int group);
/* The next event, or -ETIMEDOUT; it is good until the next call. */
int nl_event(struct nl *nl, struct nl_object *o, int timeout_ms);

uint32_t nl_u32(const struct nl_object *o, unsigned int attr);
uint64_t nl_u64(const struct nl_object *o, unsigned int attr);
const char *nl_str(const struct nl_object *o, unsigned int attr);
/* Parse what a nest holds. */
void nl_nest(const struct nlattr *nest, struct nl_object *o);

#endif
