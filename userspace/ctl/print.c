// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "print.h"

#define DEPTH	8

static bool as_json, with_pretty, one_line;
/* The objects and arrays that are open, the innermost last. */
static struct json_object *open[DEPTH];
static int depth;
static unsigned int words;

void print_start(bool json, bool pretty)
{
	as_json = json;
	with_pretty = pretty;
	depth = 0;
}

bool print_is_json(void)
{
	return as_json;
}

static void push(struct json_object *object)
{
	if (!object || depth == DEPTH)
		abort();
	open[depth++] = object;
}

/* Under its name into the object that is open, or into the array. */
static void add(const char *name, struct json_object *value)
{
	struct json_object *into = open[depth - 1];
	char key[64];

	if (json_object_is_type(into, json_type_array)) {
		json_object_array_add(into, value);
		return;
	}
	snprintf(key, sizeof(key), "%s", name);
	for (char *at = key; *at; at++)
		if (*at == '-')
			*at = '_';
	json_object_object_add(into, key, value);
}

/* The outermost is complete. */
static void write_out(bool pretty)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

	flags |= pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED :
			  JSON_C_TO_STRING_PLAIN;
	puts(json_object_to_json_string_ext(open[0], flags));
	json_object_put(open[0]);
}

void print_list(const char *name)
{
	struct json_object *list;

	if (!as_json)
		return;
	push(json_object_new_object());
	list = json_object_new_array();
	add(name, list);
	push(list);
}

void print_list_end(void)
{
	if (!as_json)
		return;
	depth -= 2;
	write_out(with_pretty);
}

void print_row(void)
{
	struct json_object *row;

	if (!as_json)
		return;
	row = json_object_new_object();
	if (depth)
		add(NULL, row);
	push(row);
}

void print_row_end(void)
{
	if (!as_json) {
		putchar('\n');
	} else if (!--depth) {
		write_out(false);
		fflush(stdout);
	}
}

void print_nest(const char *name)
{
	struct json_object *nest;

	if (!as_json)
		return;
	nest = json_object_new_object();
	add(name, nest);
	push(nest);
}

void print_nest_end(void)
{
	if (as_json)
		depth--;
}

void print_number(const char *name, int64_t value)
{
	if (as_json)
		add(name, json_object_new_int64(value));
	else
		printf(" %s %lld", name, (long long)value);
}

void print_count(const char *name, uint64_t value)
{
	if (as_json)
		add(name, json_object_new_uint64(value));
	else
		printf(" %s %llu", name, (unsigned long long)value);
}

void print_ratio(const char *name, double value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%.1f", value);
	if (as_json)
		add(name, json_object_new_double_s(value, digits));
	else
		printf(" %s %s", name, digits);
}

const char *print_safe(char *buffer, unsigned int size, const char *value)
{
	unsigned int used = 0;

	for (; *value && used + 5 <= size; value++) {
		unsigned char c = *value;

		if (c >= ' ' && c < 0x7f && c != '\\')
			buffer[used++] = c;
		else
			used += sprintf(buffer + used, "\\x%02x", c);
	}
	buffer[used] = '\0';
	return buffer;
}

void print_string(const char *name, const char *value)
{
	char safe[4 * 1024 + 8];

	print_safe(safe, sizeof(safe), value);
	if (as_json)
		add(name, json_object_new_string(safe));
	else
		printf(" %s %s", name, safe);
}

void print_bool(const char *name, bool value)
{
	if (as_json)
		add(name, json_object_new_boolean(value));
	else
		printf(" %s %s", name, value ? "yes" : "no");
}

void print_words(const char *name)
{
	struct json_object *list;

	words = 0;
	if (!as_json) {
		printf(" %s ", name);
		return;
	}
	list = json_object_new_array();
	add(name, list);
	push(list);
}

void print_word(const char *word)
{
	if (as_json)
		add(NULL, json_object_new_string(word));
	else
		printf("%s%s", words ? "," : "", word);
	words++;
}

void print_words_end(void)
{
	if (as_json)
		depth--;
	else if (!words)
		putchar('-');
}

void print_key_number(const char *name, uint64_t value)
{
	if (as_json)
		print_count(name, value);
}

void print_key_string(const char *name, const char *value)
{
	if (as_json)
		print_string(name, value);
}

void print_text(const char *format, ...)
{
	va_list arguments;

	if (as_json)
		return;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
}

void print_line(void)
{
	if (!one_line)
		print_text("\n   ");
}

void print_one_line(bool on)
{
	one_line = on;
}

bool print_flush(void)
{
	return !fflush(stdout) && !ferror(stdout);
}
