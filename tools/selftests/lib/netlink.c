// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/genetlink.h>

#include "netlink.h"

/* What a callback of nl_talk() is called with. */
struct talk {
	void (*got)(const struct nl_object *o, void *data);
	void *data;
};

static int keep_attr(const struct nlattr *attr, void *data)
{
	struct nl_object *o = data;

	if (mnl_attr_get_type(attr) < NL_ATTRS)
		o->attr[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static void parse(const struct nlmsghdr *nlh, struct nl_object *o)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	memset(o, 0, sizeof(*o));
	o->cmd = genl->cmd;
	mnl_attr_parse(nlh, sizeof(*genl), keep_attr, o);
}

void nl_nest(const struct nlattr *nest, struct nl_object *o)
{
	memset(o, 0, sizeof(*o));
	mnl_attr_parse_nested(nest, keep_attr, o);
}

static void got_group(struct nl *nl, const struct nlattr *group)
{
	const char *name;
	struct nl_object o;
	uint32_t id;

	nl_nest(group, &o);
	name = nl_str(&o, CTRL_ATTR_MCAST_GRP_NAME);
	id = nl_u32(&o, CTRL_ATTR_MCAST_GRP_ID);
	if (!strcmp(name, "config"))
		nl->group[0] = id;
	else if (!strcmp(name, "events"))
		nl->group[1] = id;
}

static void got_family(const struct nl_object *o, void *data)
{
	const struct nlattr *group;
	struct nl *nl = data;

	nl->family = mnl_attr_get_u16(o->attr[CTRL_ATTR_FAMILY_ID]);
	mnl_attr_for_each_nested(group, o->attr[CTRL_ATTR_MCAST_GROUPS])
		got_group(nl, group);
}

/* A socket stays in the namespace that it was made in. */
static struct mnl_socket *open_in_init_net(void)
{
	int mine = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int init = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	struct mnl_socket *sock = NULL;

	/* Who may not enter is there already. */
	if (mine >= 0 && (init < 0 || !setns(init, CLONE_NEWNET))) {
		sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
		if (init >= 0 && setns(mine, CLONE_NEWNET) && sock) {
			mnl_socket_close(sock);
			sock = NULL;
		}
	}
	if (mine >= 0)
		close(mine);
	if (init >= 0)
		close(init);
	return sock;
}

int nl_open(struct nl *nl)
{
	struct nlmsghdr *nlh;
	int one = 1, ret;

	memset(nl, 0, sizeof(*nl));
	nl->sock = open_in_init_net();
	if (!nl->sock)
		return -errno;
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &one, sizeof(one)) < 0 ||
	    mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &one, sizeof(one)) < 0 ||
	    mnl_socket_setsockopt(nl->sock, NETLINK_GET_STRICT_CHK, &one, sizeof(one)) < 0) {
		ret = -errno;
		nl_close(nl);
		return ret;
	}
	nl->family = GENL_ID_CTRL;
	nlh = nl_request(nl, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, VHOSTX_FAMILY_NAME);
	ret = nl_talk(nl, nlh, got_family, nl);
	if (ret)
		nl_close(nl);
	return ret;
}

void nl_close(struct nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

struct nlmsghdr *nl_request(struct nl *nl, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = nl->family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++nl->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

static int talk_data(const struct nlmsghdr *nlh, void *data)
{
	struct talk *talk = data;
	struct nl_object o;

	parse(nlh, &o);
	if (talk->got)
		talk->got(&o, talk->data);
	return MNL_CB_OK;
}

/* The words that come with an answer. */
static void keep_error(struct nl *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	size_t len = sizeof(*err);
	struct nl_object o = {};

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		len += err->msg.nlmsg_len - sizeof(err->msg);
	mnl_attr_parse(nlh, len, keep_attr, &o);
	if (o.attr[NLMSGERR_ATTR_POLICY]) {
		struct nl_object policy;

		nl_nest(o.attr[NLMSGERR_ATTR_POLICY], &policy);
		nl->min = nl_u64(&policy, NL_POLICY_TYPE_ATTR_MIN_VALUE_U);
		nl->max = nl_u64(&policy, NL_POLICY_TYPE_ATTR_MAX_VALUE_U);
	}
	if (o.attr[NLMSGERR_ATTR_MSG])
		snprintf(nl->error, sizeof(nl->error), "%s",
			 mnl_attr_get_str(o.attr[NLMSGERR_ATTR_MSG]));
}

struct nlmsghdr *nl_order(struct nl *nl, const struct nl_order *o)
{
	struct nlmsghdr *nlh = nl_request(nl, o->cmd, o->flags);

	for (unsigned int i = 0; i < MNL_ARRAY_SIZE(o->attr) && o->attr[i].type; i++)
		mnl_attr_put_u32(nlh, o->attr[i].type, o->attr[i].value);
	return nlh;
}

int nl_talk(struct nl *nl, struct nlmsghdr *nlh,
	    void (*got)(const struct nl_object *o, void *data), void *data)
{
	struct talk talk = { .got = got, .data = data };
	unsigned int port = mnl_socket_get_portid(nl->sock);
	uint32_t seq = nlh->nlmsg_seq;
	int ret = MNL_CB_OK;

	nl->error[0] = 0;
	nl->min = UINT64_MAX;
	nl->max = UINT64_MAX;
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf));

		if (n < 0)
			return -errno;
		nlh = (void *)nl->buf;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			keep_error(nl, nlh);
		ret = mnl_cb_run(nl->buf, n, seq, port, talk_data, &talk);
		if (ret < 0)
			return -errno;
	}
	return 0;
}

int nl_listen(struct nl *nl, unsigned int group)
{
	return mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP, &nl->group[group],
				     sizeof(nl->group[group])) < 0 ? -errno : 0;
}

int nl_event(struct nl *nl, struct nl_object *o, int timeout_ms)
{
	struct pollfd p = { .fd = mnl_socket_get_fd(nl->sock), .events = POLLIN };

	if (poll(&p, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	if (mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf)) < 0)
		return -errno;
	parse((void *)nl->buf, o);
	return 0;
}

uint32_t nl_u32(const struct nl_object *o, unsigned int attr)
{
	return o->attr[attr] ? mnl_attr_get_u32(o->attr[attr]) : UINT32_MAX;
}

uint64_t nl_u64(const struct nl_object *o, unsigned int attr)
{
	return o->attr[attr] ? mnl_attr_get_u64(o->attr[attr]) : UINT64_MAX;
}

const char *nl_str(const struct nl_object *o, unsigned int attr)
{
	return o->attr[attr] ? mnl_attr_get_str(o->attr[attr]) : "";
}
