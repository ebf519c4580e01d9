// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Series as OpenMetrics families. See exposition.h. Memory grows with the number of series, not with
 * that of samples.
 */
#include "exposition.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

void exposition_free(struct exposition *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->entries[i].name.family);
		free(e->entries[i].labels);
		free(e->entries[i].key);
		free(e->entries[i].help);
	}
	free(e->entries);
	*e = (struct exposition){ 0 };
}

static int by_label_name(const void *a, const void *b)
{
	return strcmp(((const struct rondo_label *)a)->name, ((const struct rondo_label *)b)->name);
}

static bool has_label(const struct rondo_series_info *info, const char *name)
{
	for (size_t i = 0; i < info->n_labels; i++)
		if (!strcmp(info->labels[i].name, name))
			return true;
	return false;
}

/* The labels under their exported names; a name that the series has already is not given twice. */
static char *labels_text(const struct rondo_series_info *info)
{
	struct rondo_label *labels = calloc(info->n_labels + 1, sizeof(*labels));
	char *text = NULL;
	size_t size;
	FILE *out = labels ? open_memstream(&text, &size) : NULL;

	if (!out) {
		free(labels);
		return NULL;
	}
	for (size_t i = 0; i < info->n_labels; i++) {
		const char *to = names_label(info->labels[i].name);

		labels[i] = info->labels[i];
		if (!has_label(info, to))
			labels[i].name = to;
	}
	qsort(labels, info->n_labels, sizeof(*labels), by_label_name);
	for (size_t i = 0; i < info->n_labels; i++) {
		fprintf(out, "%s%s=\"", i ? "," : "{", labels[i].name);
		label_text(out, labels[i].value);
		fputc('"', out);
	}
	if (info->n_labels)
		fputc('}', out);
	free(labels);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

int exposition_add(struct exposition *e, const struct rondo_series_info *info,
		   enum rondo_function function, size_t user)
{
	struct exposition_entry *entry;

	if (e->n == e->room) {
		size_t room = e->room ? e->room * 2 : 64;

		entry = reallocarray(e->entries, room, sizeof(*entry));
		if (!entry)
			return -1;
		e->entries = entry;
		e->room = room;
	}
	entry = &e->entries[e->n++];
	*entry = (struct exposition_entry){
		.labels = labels_text(info),
		.key = strdup(info->key),
		.help = strdup(info->help),
		.kind = info->kind,
		.user = user,
	};
	if (names_export(info->name, info->kind, info->unit, function, &entry->name) ||
	    !entry->labels || !entry->key || !entry->help)
		return -1;
	return 0;
}

/* By family, then labels; what stays equal is in conflict, the rest makes the order stable. */
static int by_export(const void *a, const void *b)
{
	const struct exposition_entry *x = a, *y = b;
	int order = strcmp(x->name.family, y->name.family);

	if (!order)
		order = strcmp(x->name.type, y->name.type);
	if (!order)
		order = strcmp(x->labels, y->labels);
	return order ? order : strcmp(x->key, y->key);
}

static const struct exposition_entry *find_family(const struct exposition *e, const char *family,
						  size_t len)
{
	size_t low = 0, high = e->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *name = e->entries[middle].name.family;
		int order = strncmp(name, family, len);

		if (!order)
			order = name[len] != '\0';
		if (!order)
			return &e->entries[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* What a family's samples end with, other than nothing. */
static const struct {
	const char *type, *suffix;
} suffixes[] = {
	{ "counter", "_total" },
	{ "histogram", "_bucket" },
	{ "histogram", "_count" },
	{ "histogram", "_sum" },
};

/* The entry that could not be told from this one outside, or NULL. */
static const struct exposition_entry *find_clash(const struct exposition *e,
						 const struct exposition_entry *entry)
{
	const struct exposition_entry *other = entry > e->entries ? entry - 1 : NULL;
	size_t len = strlen(entry->name.family);

	if (other && !strcmp(other->name.family, entry->name.family) &&
	    (strcmp(other->name.type, entry->name.type) != 0 ||
	     !strcmp(other->labels, entry->labels)))
		return other;
	if (strcmp(entry->name.type, "gauge") != 0)
		return NULL;
	/* A gauge x_total would have the samples of a counter family x. */
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t end = strlen(suffixes[i].suffix);

		if (len <= end || strcmp(entry->name.family + len - end, suffixes[i].suffix) != 0)
			continue;
		other = find_family(e, entry->name.family, len - end);
		if (other && !strcmp(other->name.type, suffixes[i].type))
			return other;
	}
	return NULL;
}

bool exposition_sort(struct exposition *e, const struct exposition_entry **one,
		     const struct exposition_entry **other)
{
	if (e->n)
		qsort(e->entries, e->n, sizeof(*e->entries), by_export);
	e->headed = NULL;
	for (size_t i = 0; i < e->n; i++) {
		*one = &e->entries[i];
		*other = find_clash(e, *one);
		if (*other)
			return false;
	}
	return true;
}

/* The first help text that a series of the family has. */
static const char *family_help(const struct exposition *e, const struct exposition_entry *entry)
{
	const char *family = entry->name.family;

	while (entry > e->entries && !strcmp(entry[-1].name.family, family))
		entry--;
	for (; entry < e->entries + e->n && !strcmp(entry->name.family, family); entry++)
		if (entry->help[0])
			return entry->help;
	return "";
}

static void write_head(struct exposition *e, FILE *out, const struct exposition_entry *entry)
{
	const struct exported *name = &entry->name;
	const char *help = family_help(e, entry);

	if (e->headed && !strcmp(e->headed->name.family, name->family))
		return;
	e->headed = entry;
	fprintf(out, "# TYPE %s %s\n", name->family, name->type);
	if (name->unit[0])
		fprintf(out, "# UNIT %s %s\n", name->family, name->unit);
	if (help[0]) {
		fprintf(out, "# HELP %s ", name->family);
		label_text(out, help);
		fputc('\n', out);
	}
}

/* The rest of a line: its value, and its time if it has one. */
static void write_value(FILE *out, double value, const char *time)
{
	char text[NUMBER_TEXT];

	fprintf(out, " %s%s%s\n", number_text(text, value), time ? " " : "", time ? time : "");
}

void exposition_sample(struct exposition *e, FILE *out, const struct exposition_entry *entry,
		       double value, const char *time)
{
	const struct exported *name = &entry->name;

	write_head(e, out, entry);
	fprintf(out, "%s%s%s", name->family, name->suffix, entry->labels);
	write_value(out, value / name->divisor, time);
}

/* A bound has a point or an exponent, whatever its value: `le` is compared as text. */
static void write_bucket(FILE *out, const struct exposition_entry *entry, const char *le,
			 double count, const char *time)
{
	size_t len = strlen(entry->labels);
	const char *dot = strpbrk(le, ".eI") ? "" : ".0";

	fprintf(out, "%s_bucket%.*s%sle=\"%s%s\"}", entry->name.family, len ? (int)len - 1 : 0,
		entry->labels, len ? "," : "{", le, dot);
	write_value(out, count, time);
}

void exposition_histogram(struct exposition *e, FILE *out, const struct exposition_entry *entry,
			  const double *bounds, uint32_t n_bounds, const double *counts, double sum,
			  const char *time)
{
	const struct exported *name = &entry->name;
	char le[NUMBER_TEXT];
	double count = 0;

	write_head(e, out, entry);
	for (uint32_t i = 0; i < n_bounds; i++) {
		count += counts[i];
		write_bucket(out, entry, number_text(le, bounds[i] / name->divisor), count, time);
	}
	count += counts[n_bounds];
	write_bucket(out, entry, "+Inf", count, time);
	fprintf(out, "%s_count%s", name->family, entry->labels);
	write_value(out, count, time);
	fprintf(out, "%s_sum%s", name->family, entry->labels);
	write_value(out, sum / name->divisor, time);
}

void exposition_end(FILE *out)
{
	fputs("# EOF\n", out);
}
