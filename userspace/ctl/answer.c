// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "answer.h"

static enum mnl_attr_data_type data_type(enum kind kind)
{
	switch (kind) {
	case KIND_U32:
	case KIND_S32:
	case KIND_ENUM:
		return MNL_TYPE_U32;
	case KIND_U64:
	case KIND_FLAGS:
		return MNL_TYPE_U64;
	case KIND_STRING:
		return MNL_TYPE_NUL_STRING;
	case KIND_STATS:
	case KIND_QUEUES:
		return MNL_TYPE_NESTED;
	case KIND_NONE:
		break;
	}
	return MNL_TYPE_UNSPEC;
}

/* An attribute of a table into the place that is its own; the last of a name counts. */
static bool take(const struct nlattr *attr, const struct field *fields, unsigned int last,
		 const struct nlattr **into)
{
	unsigned int type = mnl_attr_get_type(attr);

	/* A later kernel's, or padding. */
	if (type > last || fields[type].kind == KIND_NONE)
		return true;
	if (mnl_attr_validate(attr, data_type(fields[type].kind)) < 0)
		return false;
	into[type] = attr;
	return true;
}

/* All of a nest is attributes. */
static bool nest_whole(const struct nlattr *nest)
{
	const struct nlattr *attr;
	int left = mnl_attr_get_payload_len(nest);

	mnl_attr_for_each_nested(attr, nest)
		left -= MNL_ALIGN(attr->nla_len);
	return left <= 0;
}

static bool queue_parse(const struct nlattr *nest, struct queue_id *id)
{
	static const struct field fields[] = {
		[VHOSTX_A_WORKER_QUEUE_DEV_ID] = { .kind = KIND_U32 },
		[VHOSTX_A_WORKER_QUEUE_ID] = { .kind = KIND_U32 },
	};
	const struct nlattr *part[FIELDS] = { NULL };
	const struct nlattr *attr;

	if (!nest_whole(nest))
		return false;
	mnl_attr_for_each_nested(attr, nest)
		if (!take(attr, fields, VHOSTX_A_WORKER_QUEUE_MAX, part))
			return false;
	if (!part[VHOSTX_A_WORKER_QUEUE_DEV_ID] || !part[VHOSTX_A_WORKER_QUEUE_ID])
		return false;
	id->dev = mnl_attr_get_u32(part[VHOSTX_A_WORKER_QUEUE_DEV_ID]);
	id->queue = mnl_attr_get_u32(part[VHOSTX_A_WORKER_QUEUE_ID]);
	return true;
}

static bool stats_parse(struct record *record, const struct nlattr *nest)
{
	const struct nlattr *attr;

	if (!nest_whole(nest))
		return false;
	mnl_attr_for_each_nested(attr, nest)
		if (!take(attr, stats_fields, VHOSTX_A_STATS_MAX, record->stats))
			return false;
	return true;
}

/* libmnl looks for attributes up to the next multiple of four, the kernel ends at one. */
static bool aligned(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_len % MNL_ALIGNTO == 0;
}

/* The attributes of a generic netlink message are all of what follows its header. */
static bool attributes_whole(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;
	size_t left;

	if (!aligned(nlh) || mnl_nlmsg_get_payload_len(nlh) < GENL_HDRLEN)
		return false;
	left = mnl_nlmsg_get_payload_len(nlh) - GENL_HDRLEN;
	mnl_attr_for_each(attr, nlh, GENL_HDRLEN) {
		size_t len = MNL_ALIGN(attr->nla_len);

		left -= len < left ? len : left;
	}
	return left == 0;
}

static const struct object *object_of(uint8_t command, const struct event **event)
{
	static const struct object *const objects[] = {
		&object_dev, &object_queue, &object_worker
	};

	*event = NULL;
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		if (objects[i]->get == command)
			return objects[i];
	if (command > VHOSTX_CMD_MAX || !events[command].name)
		return NULL;
	*event = &events[command];
	return events[command].object;
}

bool record_parse(struct record *record, const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct object *object;
	const struct nlattr *attr;

	memset(record, 0, sizeof(*record));
	if (!attributes_whole(nlh))
		return false;
	object = object_of(genl->cmd, &record->event);
	if (!object)
		return false;
	record->object = object;
	record->message = nlh;
	mnl_attr_for_each(attr, nlh, GENL_HDRLEN) {
		unsigned int type = mnl_attr_get_type(attr);
		struct queue_id id;

		if (!take(attr, object->fields, object->last, record->attr))
			return false;
		if (type > object->last)
			continue;
		if (object->fields[type].kind == KIND_STATS && !stats_parse(record, attr))
			return false;
		if (object->fields[type].kind == KIND_QUEUES && !queue_parse(attr, &id))
			return false;
	}
	/* What cannot be named cannot be shown. */
	return record->attr[object->key] && (!object->key2 || record->attr[object->key2]);
}

bool record_has(const struct record *record, unsigned int attr)
{
	return record->attr[attr];
}

static uint64_t number(const struct nlattr *attr, enum kind kind)
{
	if (!attr)
		return 0;
	if (kind == KIND_U64 || kind == KIND_FLAGS)
		return mnl_attr_get_u64(attr);
	if (kind == KIND_S32)
		return (int64_t)(int32_t)mnl_attr_get_u32(attr);
	return mnl_attr_get_u32(attr);
}

uint64_t record_number(const struct record *record, unsigned int attr)
{
	return number(record->attr[attr], record->object->fields[attr].kind);
}

const char *record_text(const struct record *record, unsigned int attr)
{
	return record->attr[attr] ? mnl_attr_get_str(record->attr[attr]) : "";
}

uint64_t record_counter(const struct record *record, unsigned int attr)
{
	return number(record->stats[attr], KIND_U64);
}

uint64_t record_drops(const struct record *record)
{
	uint64_t sum = 0;

	for (int i = VHOSTX_A_STATS_DROP_HDR; i <= VHOSTX_A_STATS_DROP_BACKEND; i++)
		sum += record_counter(record, i);
	return sum;
}

bool record_queue(const struct record *record, unsigned int *at, struct queue_id *id)
{
	const struct nlattr *attr;
	unsigned int i = 0;

	mnl_attr_for_each(attr, record->message, GENL_HDRLEN) {
		unsigned int type = mnl_attr_get_type(attr);

		if (type > record->object->last ||
		    record->object->fields[type].kind != KIND_QUEUES || i++ < *at)
			continue;
		*at = i;
		return queue_parse(attr, id);
	}
	return false;
}

static bool group_parse(struct family *family, const struct nlattr *nest)
{
	const struct nlattr *attr;
	const char *name = NULL;
	uint32_t id = 0;

	mnl_attr_for_each_nested(attr, nest) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME) {
			if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
				return false;
			name = mnl_attr_get_str(attr);
		} else if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID) {
			if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
				return false;
			id = mnl_attr_get_u32(attr);
		}
	}
	if (!name)
		return false;
	if (!strcmp(name, VHOSTX_MCGRP_CONFIG))
		family->config = id;
	else if (!strcmp(name, VHOSTX_MCGRP_EVENTS))
		family->events = id;
	else if (!strcmp(name, "notify"))
		family->notify = id;
	return true;
}

bool family_parse(struct family *family, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr, *group;

	memset(family, 0, sizeof(*family));
	if (!attributes_whole(nlh))
		return false;
	mnl_attr_for_each(attr, nlh, GENL_HDRLEN) {
		switch (mnl_attr_get_type(attr)) {
		case CTRL_ATTR_FAMILY_ID:
			if (mnl_attr_validate(attr, MNL_TYPE_U16) < 0)
				return false;
			family->id = mnl_attr_get_u16(attr);
			break;
		case CTRL_ATTR_MCAST_GROUPS:
			mnl_attr_for_each_nested(group, attr)
				if (!group_parse(family, group))
					return false;
			break;
		}
	}
	return family->id;
}

bool refusal_parse(struct refusal *refusal, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;
	size_t offset = sizeof(int), inner;
	int error;

	memset(refusal, 0, sizeof(*refusal));
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(int))
		return false;
	memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	if (error > 0 || error < -4095)
		return false;
	refusal->error = -error;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return true;
	if (!aligned(nlh))
		return false;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);

		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err))
			return false;
		offset = sizeof(*err);
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) {
			inner = err->msg.nlmsg_len;
			if (inner < sizeof(err->msg) ||
			    inner > mnl_nlmsg_get_payload_len(nlh) - sizeof(int))
				return false;
			offset = sizeof(int) + MNL_ALIGN(inner);
		}
	}
	if (offset >= mnl_nlmsg_get_payload_len(nlh))
		return true;
	mnl_attr_for_each(attr, nlh, offset) {
		if (mnl_attr_get_type(attr) != NLMSGERR_ATTR_MSG)
			continue;
		if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
			return false;
		refusal->text = mnl_attr_get_str(attr);
	}
	return true;
}
