// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * filter.c - which VMs are recorded
 */
#include "filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define PATTERN_MAX 256

/* The next pattern, with its '!' cut off; false at the end. */
static bool next(const char **rest, char pattern[PATTERN_MAX], bool *out)
{
	size_t length;

	if (!**rest)
		return false;
	length = strcspn(*rest, ",");
	*out = **rest == '!';
	snprintf(pattern, PATTERN_MAX, "%.*s", (int)(length - *out), *rest + *out);
	*rest += length + ((*rest)[length] == ',');
	return true;
}

int filter_check(const char *filter, char *error, size_t size)
{
	const char *rest = filter;
	char pattern[PATTERN_MAX];
	bool out;

	while (*rest) {
		if (strcspn(rest, ",") >= PATTERN_MAX) {
			snprintf(error, size, "a pattern of more than %d bytes", PATTERN_MAX - 1);
			return -1;
		}
		next(&rest, pattern, &out);
		if (!*pattern) {
			snprintf(error, size, "an empty pattern");
			return -1;
		}
	}
	return 0;
}

bool filter_takes(const char *filter, const char *name)
{
	bool wanted = true, out;
	char pattern[PATTERN_MAX];

	while (next(&filter, pattern, &out)) {
		if (!fnmatch(pattern, name, 0))
			return !out;
		wanted = wanted && out;
	}
	return wanted;
}
