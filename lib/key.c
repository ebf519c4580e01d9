// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * key.c - the canonical text of a series' name and labels, built and taken apart
 *
 * name{a="v",b="w"}: labels sorted by name, values escaped (\\ \" \n) as in Prometheus' text
 * format; no braces without labels.  Two series are the same if and only if their keys are.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
bool utf8_valid(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;

	while (p < end) {
		unsigned char low = 0x80, high = 0xbf;
		size_t more;

		if (*p < 0x80) {
			p++;
			continue;
		}
		if (*p >= 0xc2 && *p <= 0xdf)
			more = 1;
		else if (*p >= 0xe0 && *p <= 0xef)
			more = 2;
		else if (*p >= 0xf0 && *p <= 0xf4)
			more = 3;
		else
			return false;
		if (*p == 0xe0)
			low = 0xa0;
		else if (*p == 0xed)
			high = 0x9f;
		else if (*p == 0xf0)
			low = 0x90;
		else if (*p == 0xf4)
			high = 0x8f;
		if ((size_t)(end - p) <= more)
			return false;
		for (p++; more; more--, p++) {
			if (*p < low || *p > high)
				return false;
			low = 0x80;
			high = 0xbf;
		}
	}
	return true;
}

static bool name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

bool label_name_valid(const char *s)
{
	if (!s || !*s || (s[0] == '_' && s[1] == '_'))
		return false;
	for (size_t i = 0; s[i]; i++)
		if (!name_char(s[i], i == 0))
			return false;
	return true;
}

static bool metric_name_valid(const char *s)
{
	if (!s || !*s)
		return false;
	for (size_t i = 0; s[i]; i++)
		if (!name_char(s[i], i == 0) && s[i] != ':')
			return false;
	return true;
}

/* Text being written into a buffer of a fixed size; once it doesn't fit, it never does. */
struct out {
	char *p, *end;
	bool full;
};

static void put(struct out *out, char c)
{
	if (out->p < out->end)
		*out->p++ = c;
	else
		out->full = true;
}

static void put_escaped(struct out *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			put(out, '\\');
		if (*s == '\n') {
			put(out, '\\');
			put(out, 'n');
		} else {
			put(out, *s);
		}
	}
}

static int label_order(const void *a, const void *b)
{
	const struct rondo_label *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* The definition's key into out, without a terminator; RONDO_E_NAME or RONDO_E_TOO_LONG. */
int key_build(const struct rondo_series_def *def, char *buf, size_t size, size_t *len)
{
	struct rondo_label labels[LABELS_MAX];
	struct out out = { buf, buf + size, false };

	if (!metric_name_valid(def->name))
		return RONDO_E_NAME;
	if (def->n_labels > LABELS_MAX)
		return RONDO_E_TOO_LONG;
	for (size_t i = 0; i < def->n_labels; i++) {
		labels[i] = def->labels[i];
		if (!label_name_valid(labels[i].name) || !labels[i].value || !*labels[i].value ||
		    !utf8_valid(labels[i].value, strlen(labels[i].value)))
			return RONDO_E_NAME;
	}
	if (def->n_labels)
		qsort(labels, def->n_labels, sizeof(*labels), label_order);
	for (size_t i = 1; i < def->n_labels; i++)
		if (!strcmp(labels[i - 1].name, labels[i].name))
			return RONDO_E_NAME;

	for (const char *s = def->name; *s; s++)
		put(&out, *s);
	for (size_t i = 0; i < def->n_labels; i++) {
		put(&out, i ? ',' : '{');
		for (const char *s = labels[i].name; *s; s++)
			put(&out, *s);
		put(&out, '=');
		put(&out, '"');
		put_escaped(&out, labels[i].value);
		put(&out, '"');
	}
	if (def->n_labels)
		put(&out, '}');
	if (out.full)
		return RONDO_E_TOO_LONG;
	*len = (size_t)(out.p - buf);
	return 0;
}

/*
 * Unescapes a quoted value in place; returns what follows its closing quote, NULL if there is none, or
 * if put_escaped() would have written it in another way.
 */
static char *unquote(char *p, char *end)
{
	char *to = p;

	for (; p < end && *p != '"'; p++) {
		if (*p == '\n')
			return NULL;
		if (*p == '\\') {
			if (++p == end || !strchr("\\\"n", *p))
				return NULL;
			*to++ = *p == 'n' ? '\n' : *p;
		} else {
			*to++ = *p;
		}
	}
	if (p == end)
		return NULL;
	*to = '\0';
	return p + 1;
}

/* What key_build() checks of a label, and that it comes after the one before. */
static bool label_canonical(const struct rondo_label *label, bool first)
{
	return label_name_valid(label->name) && *label->value &&
	       utf8_valid(label->value, strlen(label->value)) &&
	       (first || strcmp(label[-1].name, label->name) < 0);
}

/* Takes a canonical key apart; RONDO_E_CORRUPT for anything that key_build() would not have made. */
int key_parse(const char *text, size_t len, struct key *key)
{
	char *p = key->text, *end = p + len;

	if (len == 0 || len >= sizeof(key->text) || memchr(text, 0, len))
		return RONDO_E_CORRUPT;
	memcpy(p, text, len);
	*end = '\0';
	key->name = p;
	key->n_labels = 0;
	p += strcspn(p, "{");
	if (p < end) {
		*p++ = '\0';
		for (;;) {
			struct rondo_label *label = &key->labels[key->n_labels];

			if (key->n_labels++ == LABELS_MAX)
				return RONDO_E_CORRUPT;
			label->name = p;
			p += strcspn(p, "=");
			if (end - p < 3 || p[1] != '"')
				return RONDO_E_CORRUPT;
			*p = '\0';
			label->value = p + 2;
			p = unquote(p + 2, end);
			if (!p || p >= end || !label_canonical(label, key->n_labels == 1))
				return RONDO_E_CORRUPT;
			if (*p == '}')
				break;
			if (*p++ != ',')
				return RONDO_E_CORRUPT;
		}
		if (p + 1 != end)
			return RONDO_E_CORRUPT;
	}
	return metric_name_valid(key->name) ? 0 : RONDO_E_CORRUPT;
}
