// SPDX-License-Identifier: GPL-2.0-only
/* Objects as they are. */
#include <stdio.h>

#include "print.h"
#include "show.h"

static void show_enum(const struct field *field, uint64_t value)
{
	const char *name = names_get(field->names, value);
	char digits[24];

	if (!name) {
		/* A later module's. */
		snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
		name = digits;
	}
	print_string(field->name, name);
}

static void show_flags(const struct field *field, uint64_t value)
{
	char digits[24];

	print_words(field->name);
	for (int bit = 0; bit < 64; bit++) {
		const char *name = names_get(field->names, bit);

		if (!(value >> bit & 1))
			continue;
		if (!name) {
			snprintf(digits, sizeof(digits), "bit-%d", bit);
			name = digits;
		}
		print_word(name);
	}
	print_words_end();
}

static const char *queue_text(const struct queue_id *id, char *text, unsigned int size)
{
	const char *name = names_get(&queue_names, id->queue);

	if (name)
		snprintf(text, size, "%u/%s", id->dev, name);
	else
		snprintf(text, size, "%u/%u", id->dev, id->queue);
	return text;
}

static void show_queues(const struct field *field, const struct record *record)
{
	unsigned int at = 0;
	struct queue_id id;
	char text[32];

	print_words(field->name);
	while (record_queue(record, &at, &id))
		print_word(queue_text(&id, text, sizeof(text)));
	print_words_end();
}

void show_id(const struct record *record)
{
	const struct object *object = record->object;
	struct queue_id id = { .dev = record_number(record, object->key) };
	char text[32];

	if (object->key2) {
		id.queue = record_number(record, object->key2);
		queue_text(&id, text, sizeof(text));
		print_text("%s:", text);
		print_key_number("dev", id.dev);
		/* Behind the device's number. */
		for (const char *at = text; *at; at++)
			if (*at == '/')
				print_key_string("queue", at + 1);
	} else {
		print_text("%u:", id.dev);
		print_key_number(object->fields[object->key].name, id.dev);
	}
}

void show_record(const struct record *record, bool with_stats)
{
	const struct object *object = record->object;

	show_id(record);
	for (unsigned int i = 1; i <= object->last; i++) {
		const struct field *field = &object->fields[i];

		if (i == object->key || i == object->key2)
			continue;
		/* A worker has a list of queues that may be empty. */
		if (!record_has(record, i) && field->kind != KIND_QUEUES)
			continue;
		if (field->line)
			print_line();
		switch (field->kind) {
		case KIND_U32:
		case KIND_S32:
			print_number(field->name, record_number(record, i));
			break;
		case KIND_U64:
			print_count(field->name, record_number(record, i));
			break;
		case KIND_STRING:
			print_string(field->name, record_text(record, i));
			break;
		case KIND_ENUM:
			show_enum(field, record_number(record, i));
			break;
		case KIND_FLAGS:
			show_flags(field, record_number(record, i));
			break;
		case KIND_STATS:
			if (!with_stats)
				break;
			print_nest(field->name);
			print_line();
			show_stats(record);
			print_nest_end();
			break;
		case KIND_QUEUES:
			show_queues(field, record);
			break;
		case KIND_NONE:
			break;
		}
	}
}

static void show_row(const struct record *record, void *data)
{
	++*(unsigned int *)data;
	print_row();
	show_record(record, options.stats);
	print_row_end();
}

static void stats_row(const struct record *record, void *data)
{
	++*(unsigned int *)data;
	print_row();
	show_id(record);
	show_stats(record);
	print_row_end();
}

/*
 * Ask for the object that argv names, for a device's, or for all: a list with a row
 * each. data of row is the number of rows so far, for it to count on.
 */
static int show_each(const struct object *object, char **argv, const char *list, record_fn row)
{
	struct queue_id id = { 0 };
	struct nlmsghdr *request;
	bool has_queue = false;
	unsigned int rows = 0;
	int64_t value;
	int ret;

	if (argv[0] && argv[1])
		return wrong("%s: too much after %s", argv[1], argv[0]);
	if (argv[0] && object->key2) {
		if (!queue_from(argv[0], &id, &has_queue))
			return WRONG;
	} else if (argv[0]) {
		if (!number_from(argv[0], object->name, 0, UINT32_MAX, &value))
			return WRONG;
		id.dev = value;
	}
	ret = netlink_open();
	if (ret != DONE)
		return ret;
	print_list(list);
	/* What names one object is a request for it, else it chooses from all. */
	request = netlink_request(object->get, !argv[0] || (object->key2 && !has_queue));
	if (argv[0])
		mnl_attr_put_u32(request, object->key, id.dev);
	if (has_queue)
		mnl_attr_put_u32(request, object->key2, id.queue);
	ret = netlink_ask(request, row, &rows);
	/* A device has queues as long as it is there. */
	if (ret == DONE && argv[0] && !rows) {
		wrong("there is no device %u; try: vhostx dev", id.dev);
		return REFUSED;
	}
	if (ret == DONE)
		print_list_end();
	return ret;
}

int show_objects(const struct object *object, char **argv)
{
	return show_each(object, argv, object->name, show_row);
}

int stats(char **argv)
{
	return show_each(&object_queue, argv, "stats", stats_row);
}
