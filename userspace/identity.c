// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * identity.c - what a VM is called
 */
#include "identity.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* How an option's argument becomes a name. */
enum form {
	FORM_PLAIN,
	FORM_QEMU, /* [guest=]NAME[,key=value...], a comma in it doubled */
};

/*
 * The VMMs that are known. program: the base name of argv[0], or of the process; a trailing * stands
 * for anything. Options are compared as a whole; "--x NAME" and "--x=NAME" both count.
 */
static const struct rule {
	const char *program;
	const char *options[3];
	enum form form;
} rules[] = {
	{ "rondo-vmm", { "--name" }, FORM_PLAIN },
	{ "qemu-system-*", { "-name", "--name" }, FORM_QEMU },
	{ "qemu-kvm", { "-name", "--name" }, FORM_QEMU },
	{ "kvm", { "-name", "--name" }, FORM_QEMU },
	{ "lkvm", { "--name", "-n" }, FORM_PLAIN },
	{ "firecracker", { "--id" }, FORM_PLAIN },
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

/* The length of the UTF-8 character at text[left], 0 if there is none: no overlong form, no surrogate. */
static size_t utf8_char(const unsigned char *text, size_t left)
{
	static const struct {
		unsigned char first, last, low, high, length;
	} forms[] = {
		{ 0x20, 0x7e, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i, k;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (text[0] < forms[i].first || text[0] > forms[i].last)
			continue;
		if (forms[i].length == 1)
			return 1;
		if (left < forms[i].length || text[1] < forms[i].low || text[1] > forms[i].high)
			return 0;
		/* U+0080 to U+009F are control characters. */
		if (text[0] == 0xc2 && text[1] < 0xa0)
			return 0;
		for (k = 2; k < forms[i].length; k++)
			if ((text[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

void identity_clean(const char *text, size_t length, char instance[INSTANCE_MAX + 1])
{
	size_t at = 0, n = 0, step;

	while (at < length) {
		step = utf8_char((const unsigned char *)text + at, length - at);
		if (n + (step ? step : 1) > INSTANCE_MAX)
			break;
		if (step) {
			memcpy(instance + n, text + at, step);
			n += step;
			at += step;
		} else {
			instance[n++] = '_';
			at++;
		}
	}
	if (!n)
		instance[n++] = '_';
	instance[n] = '\0';
}

void identity_append(char instance[INSTANCE_MAX + 1], const char *suffix)
{
	size_t n = strlen(instance), extra = strlen(suffix);

	if (extra > INSTANCE_MAX)
		return;
	while (n + extra > INSTANCE_MAX) {
		/* Back over a whole character: its continuation bytes, then its first. */
		while (n && ((unsigned char)instance[n - 1] & 0xc0) == 0x80)
			n--;
		if (n)
			n--;
	}
	memcpy(instance + n, suffix, extra + 1);
}

static bool program_matches(const char *pattern, const char *name, size_t length)
{
	size_t n = strlen(pattern);

	if (n && pattern[n - 1] == '*')
		return length >= n - 1 && !memcmp(name, pattern, n - 1);
	return length == n && !memcmp(name, pattern, n);
}

static const struct rule *rule_of(const char *name, size_t length)
{
	const char *slash = memrchr(name, '/', length);
	size_t i;

	if (slash) {
		length -= (size_t)(slash + 1 - name);
		name = slash + 1;
	}
	for (i = 0; i < RULES; i++)
		if (program_matches(rules[i].program, name, length))
			return &rules[i];
	return NULL;
}

/* QEMU's -name: the guest key, or a first word without a key. Undoubles commas; its new length. */
static size_t qemu_name(const char *text, size_t length, char *out, size_t out_size)
{
	const char *end = text + length;
	bool first = true;

	while (text < end) {
		size_t n = 0;
		const char *value = NULL;
		bool guest;

		guest = end - text >= 6 && !memcmp(text, "guest=", 6);
		if (guest)
			text += 6;
		for (value = text; text < end; text++) {
			if (*text == ',') {
				if (text + 1 >= end || text[1] != ',')
					break;
				text++;
			}
			if (n < out_size)
				out[n++] = *text;
		}
		if (guest || (first && !memchr(value, '=', (size_t)(text - value))))
			return n;
		first = false;
		text++;
	}
	return 0;
}

/* The argument that follows, or is part of, the option at arg; NULL if it isn't one of the rule's. */
static const char *option_value(const struct rule *rule, const char *arg, size_t arg_len,
				const char *next, size_t next_len, size_t *length)
{
	size_t i;

	for (i = 0; i < sizeof(rule->options) / sizeof(rule->options[0]); i++) {
		const char *option = rule->options[i];
		size_t n = option ? strlen(option) : 0;

		if (!n || arg_len < n || memcmp(arg, option, n) != 0)
			continue;
		if (arg_len == n && next) {
			*length = next_len;
			return next;
		}
		if (arg_len > n && arg[n] == '=') {
			*length = arg_len - n - 1;
			return arg + n + 1;
		}
	}
	return NULL;
}

/* The name that the command line gives; its length, 0 if none. */
static size_t name_by_rule(const struct rule *rule, const char *cmdline, size_t length, char *out,
			   size_t out_size)
{
	const char *end = cmdline + length, *arg = cmdline;

	while (arg < end) {
		size_t arg_len = strnlen(arg, (size_t)(end - arg)), next_len = 0, n;
		const char *next = arg + arg_len + 1, *value;

		if (next < end)
			next_len = strnlen(next, (size_t)(end - next));
		else
			next = NULL;
		value = option_value(rule, arg, arg_len, next, next_len, &n);
		if (value && n) {
			if (rule->form == FORM_QEMU)
				return qemu_name(value, n, out, out_size);
			n = n < out_size ? n : out_size;
			memcpy(out, value, n);
			return n;
		}
		if (!next)
			break;
		arg = next;
	}
	return 0;
}

void identity_name(const char *comm, const char *cmdline, size_t length, uint32_t tgid,
		   char instance[INSTANCE_MAX + 1])
{
	const struct rule *rule = rule_of(cmdline, strnlen(cmdline, length));
	char text[512], suffix[16];
	size_t n = 0;

	if (!rule)
		rule = rule_of(comm, strlen(comm));
	if (rule)
		n = name_by_rule(rule, cmdline, length, text, sizeof(text));
	if (n) {
		identity_clean(text, n, instance);
		return;
	}
	identity_clean(comm, strlen(comm), instance);
	snprintf(suffix, sizeof(suffix), "-%u", tgid);
	identity_append(instance, suffix);
}
