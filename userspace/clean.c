// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * clean.c - text of unknown quality made fit for a label
 */
#include "clean.h"

#include <string.h>

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

size_t clean_text(const char *text, size_t length, char *out, size_t size)
{
	size_t at = 0, n = 0, step;

	while (at < length) {
		step = utf8_char((const unsigned char *)text + at, length - at);
		if (n + (step ? step : 1) >= size)
			break;
		if (step) {
			memcpy(out + n, text + at, step);
			n += step;
			at += step;
		} else {
			out[n++] = '_';
			at++;
		}
	}
	out[n] = '\0';
	return n;
}

void clean_append(char *text, size_t size, const char *suffix)
{
	size_t n = strlen(text), extra = strlen(suffix);

	if (extra >= size)
		return;
	while (n + extra >= size) {
		/* Back over a whole character: its continuation bytes, then its first. */
		while (n && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
			n--;
		if (n)
			n--;
	}
	memcpy(text + n, suffix, extra + 1);
}
