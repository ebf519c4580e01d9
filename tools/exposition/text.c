// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Numbers and strings in the forms that the output formats want. See text.h.
 */
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

char *number_text(char buf[NUMBER_TEXT], double value)
{
	if (value != value)
		return strcpy(buf, "NaN");
	if (value - value != 0)
		return strcpy(buf, value > 0 ? "+Inf" : "-Inf");
	if (value > -9007199254740992.0 && value < 9007199254740992.0 &&
	    value == (double)(int64_t)value) {
		snprintf(buf, NUMBER_TEXT, "%.0f", value); /* keeps the sign of -0 */
		return buf;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(buf, NUMBER_TEXT, "%.*g", precision, value);
		if (strtod(buf, NULL) == value)
			break;
	}
	return buf;
}

/* Bytes of the UTF-8 sequence at p, or 0 if there is no valid one (RFC 3629). */
static size_t utf8_length(const unsigned char *p)
{
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0; /* overlong, a surrogate, or beyond U+10FFFF */
	return len;
}

void json_string(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	fputc('"', out);
	while (*p) {
		size_t len = utf8_length(p);

		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p == '\n')
			fputs("\\n", out);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\u%04x", *p);
		else if (!len)
			fputs("\xef\xbf\xbd", out);
		else
			fwrite(p, 1, len, out);
		p += len ? len : 1;
	}
	fputc('"', out);
}

void json_number(FILE *out, double value)
{
	char buf[NUMBER_TEXT];

	fputs(value - value == 0 ? number_text(buf, value) : "null", out);
}

void json_labels(FILE *out, const struct rondo_label *labels, size_t n)
{
	fputc('{', out);
	for (size_t i = 0; i < n; i++) {
		if (i)
			fputc(',', out);
		json_string(out, labels[i].name);
		fputc(':', out);
		json_string(out, labels[i].value);
	}
	fputc('}', out);
}

void csv_field(FILE *out, const char *text, size_t len)
{
	bool quote = false;

	for (size_t i = 0; i < len; i++)
		quote |= text[i] == '"' || text[i] == ',' || text[i] == '\r' || text[i] == '\n';
	if (!quote) {
		fwrite(text, 1, len, out);
		return;
	}
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			fputc('"', out);
		fputc(text[i], out);
	}
	fputc('"', out);
}

void label_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || *text == '"')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

void plain_text(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t len = utf8_length(p);
		int c1 = p[0] == 0xc2 && p[1] >= 0x80 &&
			 p[1] <= 0x9f; /* U+0080..9F: control, too */

		if (*p < 0x20 || *p == 0x7f || !len) {
			fprintf(out, "\\x%02x", *p);
			len = 1;
		} else if (c1) {
			fprintf(out, "\\x%02x\\x%02x", p[0], p[1]);
		} else {
			fwrite(p, 1, len, out);
		}
		p += len;
	}
}

static const char *const functions[] = {
	[RONDO_FN_DEFAULT] = "default", [RONDO_FN_AVG] = "avg",     [RONDO_FN_MIN] = "min",
	[RONDO_FN_MAX] = "max",         [RONDO_FN_LAST] = "last",   [RONDO_FN_SUM] = "sum",
	[RONDO_FN_COUNT] = "count",     [RONDO_FN_TOTAL] = "total", [RONDO_FN_RATE] = "rate",
};

#define N_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

const char *function_name(enum rondo_function function)
{
	return (size_t)function < N_FUNCTIONS ? functions[function] : "?";
}

int function_find(const char *name)
{
	for (size_t i = RONDO_FN_AVG; i < N_FUNCTIONS; i++)
		if (!strcmp(functions[i], name))
			return (int)i;
	return -1;
}

const char *kind_name(enum rondo_kind kind)
{
	switch (kind) {
	case RONDO_GAUGE:
		return "gauge";
	case RONDO_COUNTER:
		return "counter";
	case RONDO_HISTOGRAM:
		return "histogram";
	}
	return "?";
}
