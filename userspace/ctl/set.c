// SPDX-License-Identifier: GPL-2.0-only
/* Orders. */
#include <stdio.h>
#include <string.h>

#include "netlink.h"

/* All words of an enum, for a message. */
static const char *words(const struct names *names, char *text, unsigned int size)
{
	unsigned int used = 0;

	*text = '\0';
	for (unsigned int i = 0; i < names->count && used < size; i++)
		used += snprintf(text + used, size - used, "%s%s", i ? ", " : "",
				 names->name[i]);
	return text;
}

/* One attribute of the order. */
static bool put(struct nlmsghdr *request, const struct field *field, unsigned int attr,
		const char *word)
{
	char text[128];
	int64_t value;

	switch (field->kind) {
	case KIND_STRING:
		if (strlen(word) < (size_t)field->min || strlen(word) > (size_t)field->max) {
			wrong("%s: %zu characters, and %lld to %lld are possible", field->name,
			      strlen(word), (long long)field->min, (long long)field->max);
			return false;
		}
		mnl_attr_put_strz(request, attr, word);
		return true;
	case KIND_ENUM:
		value = names_find(field->names, word);
		if (value < 0) {
			wrong("%s %s: not one of %s", field->name, word,
			      words(field->names, text, sizeof(text)));
			return false;
		}
		break;
	default:
		if (!number_from(word, field->name, field->min, field->max, &value))
			return false;
		break;
	}
	mnl_attr_put_u32(request, attr, value);
	return true;
}

/* The attribute of a name, or 0. */
static unsigned int find(const struct object *object, const char *name)
{
	for (unsigned int i = 1; i <= object->last; i++)
		if (object->fields[i].set && !strcmp(object->fields[i].name, name))
			return i;
	return 0;
}

static int order(struct nlmsghdr *request, const struct object *object, char **argv)
{
	unsigned int attr;
	uint32_t seen = 0;

	for (; *argv; argv += 2) {
		attr = find(object, *argv);
		if (!attr)
			return wrong("%s: nothing that can be set; try: vhostx %s help", *argv,
				     object->name);
		if (seen & 1u << attr)
			return wrong("%s: twice", *argv);
		seen |= 1u << attr;
		if (!argv[1])
			return wrong("%s: the value is missing", *argv);
		if (!put(request, &object->fields[attr], attr, argv[1]))
			return WRONG;
	}
	return DONE;
}

int set_object(const struct object *object, char **argv)
{
	struct nlmsghdr *request;
	struct queue_id id = { 0 };
	bool has_queue;
	int64_t value;
	int ret;

	if (!argv[0])
		return wrong("%s is missing; try: vhostx %s help", object->id, object->name);
	if (object->key2) {
		if (!queue_from(argv[0], &id, &has_queue))
			return WRONG;
		if (!has_queue)
			return wrong("%s: which queue? %s/rx or %s/tx", argv[0], argv[0], argv[0]);
	} else {
		if (!number_from(argv[0], object->name, 0, UINT32_MAX, &value))
			return WRONG;
		id.dev = value;
	}
	if (!argv[1])
		return wrong("what is to be set is missing; try: vhostx %s help", object->name);

	/* A wrong word is told before anything is asked of the kernel. */
	request = netlink_request(object->set, false);
	mnl_attr_put_u32(request, object->key, id.dev);
	if (object->key2)
		mnl_attr_put_u32(request, object->key2, id.queue);
	ret = order(request, object, argv + 1);
	if (ret != DONE)
		return ret;
	ret = netlink_open();
	return ret == DONE ? netlink_ask(request, NULL, NULL) : ret;
}
