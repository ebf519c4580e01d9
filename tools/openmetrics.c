// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * OpenMetrics 1.0 text. Families must stay together, so the series are indexed first, under their
 * exported names (names.c); memory grows with the number of series, not with that of points.
 *
 * A sample carries the time of its window's end, in seconds: that is when a counter's total was
 * reached, and when a gauge's window was complete. Nothing that was not stored is exported: a window
 * without data has no sample, never a zero or a NaN.
 */
#include "names.h"
#include "text.h"
#include "times.h"
#include "walk.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	struct exported name;
	char *labels; /* {vm="a",vcpu="0"}, sorted, or "" */
	char *key;    /* as stored, for messages */
	char *help;
	rondo_id id;
	uint32_t schema;
	enum rondo_kind kind;
	enum rondo_function function;
};

struct catalog {
	struct entry *entries;
	size_t n, room;
};

static void catalog_free(struct catalog *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->entries[i].name.family);
		free(c->entries[i].labels);
		free(c->entries[i].key);
		free(c->entries[i].help);
	}
	free(c->entries);
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

static int catalog_add(struct walk *w, const struct rondo_series_info *info, void *arg)
{
	enum rondo_function asked = w->sel->function;
	struct catalog *c = arg;
	struct entry *e;

	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 64;

		e = reallocarray(c->entries, room, sizeof(*e));
		if (!e)
			goto no_memory;
		c->entries = e;
		c->room = room;
	}
	e = &c->entries[c->n++];
	*e = (struct entry){
		.labels = labels_text(info),
		.key = strdup(info->key),
		.help = strdup(info->help),
		.id = info->id,
		.schema = info->schema,
		.kind = info->kind,
	};
	e->function = asked == RONDO_FN_DEFAULT && info->kind == RONDO_COUNTER
			      ? RONDO_FN_TOTAL
			      : walk_function(w, info->schema, info->kind);
	if (names_export(info->name, info->kind, info->unit, asked, &e->name) || !e->labels ||
	    !e->key || !e->help)
		goto no_memory;
	return CLI_OK;
no_memory:
	cli_error("no memory for the list of series; narrow the selector");
	return CLI_FAILED;
}

/* By family, then labels; what stays equal is in conflict, the rest makes the order stable. */
static int by_export(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->name.family, y->name.family);

	if (!order)
		order = strcmp(x->name.type, y->name.type);
	if (!order)
		order = strcmp(x->labels, y->labels);
	return order ? order : strcmp(x->key, y->key);
}

static const struct entry *find_family(const struct catalog *c, const char *family, size_t len)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *name = c->entries[middle].name.family;
		int order = strncmp(name, family, len);

		if (!order)
			order = name[len] != '\0';
		if (!order)
			return &c->entries[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The entry that could not be told from this one outside, or NULL. */
static const struct entry *find_clash(const struct catalog *c, const struct entry *e)
{
	const struct entry *other = e > c->entries ? e - 1 : NULL;
	size_t len = strlen(e->name.family), end = strlen("_total");

	if (other && !strcmp(other->name.family, e->name.family) &&
	    (strcmp(other->name.type, e->name.type) != 0 || !strcmp(other->labels, e->labels)))
		return other;
	/* A gauge x_total would have the samples of a counter family x. */
	if (e->name.suffix[0] || len <= end || strcmp(e->name.family + len - end, "_total") != 0)
		return NULL;
	other = find_family(c, e->name.family, len - end);
	return other && other->name.suffix[0] ? other : NULL;
}

/* Says so and returns CLI_FAILED if two stored series, or families, would become one. */
static int catalog_check(const struct catalog *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct entry *e = &c->entries[i], *other = find_clash(c, e);

		if (!other)
			continue;
		cli_error("%s (%s) and %s (%s) would both be exported as %s%s; narrow the selector",
			  other->key, kind_name(other->kind), e->key, kind_name(e->kind),
			  e->name.family, e->name.suffix);
		return CLI_FAILED;
	}
	return CLI_OK;
}

/* State of one family while it is written. */
struct writing {
	FILE *out;
	const struct catalog *catalog;
	const struct entry *entry;
	bool headed; /* TYPE, UNIT, HELP of the entry's family are written */
};

/* The first help text that a series of the family has. */
static const char *family_help(const struct catalog *c, const struct entry *e)
{
	const char *family = e->name.family;

	while (e > c->entries && !strcmp(e[-1].name.family, family))
		e--;
	for (; e < c->entries + c->n && !strcmp(e->name.family, family); e++)
		if (e->help[0])
			return e->help;
	return "";
}

static void write_head(struct writing *w)
{
	const struct exported *name = &w->entry->name;
	const char *help = family_help(w->catalog, w->entry);

	fprintf(w->out, "# TYPE %s %s\n", name->family, name->type);
	if (name->unit[0])
		fprintf(w->out, "# UNIT %s %s\n", name->family, name->unit);
	if (help[0]) {
		fprintf(w->out, "# HELP %s ", name->family);
		label_text(w->out, help);
		fputc('\n', w->out);
	}
	w->headed = true;
}

static void write_point(const struct rondo_point *p, uint64_t interval_ns, void *arg)
{
	struct writing *w = arg;
	const struct exported *name = &w->entry->name;
	char value[NUMBER_TEXT], time[TIME_TEXT];

	if (!w->headed)
		write_head(w);
	fprintf(w->out, "%s%s%s %s %s\n", name->family, name->suffix, w->entry->labels,
		number_text(value, p->value / name->divisor),
		seconds_text(time, p->ts_ns + interval_ns));
}

int walk_openmetrics(struct walk *w, FILE *out)
{
	struct catalog catalog = { 0 };
	struct writing writing = { .out = out, .catalog = &catalog };
	int status = walk_series(w, catalog_add, &catalog);

	if (status == CLI_OK && catalog.n) {
		qsort(catalog.entries, catalog.n, sizeof(*catalog.entries), by_export);
		status = catalog_check(&catalog);
	}
	for (size_t i = 0; status == CLI_OK && i < catalog.n; i++) {
		const struct entry *e = &catalog.entries[i];

		if (i && strcmp(e->name.family, e[-1].name.family) != 0)
			writing.headed = false;
		writing.entry = e;
		status = walk_points(w, e->id, e->schema, e->kind, e->function, write_point,
				     &writing);
		if (status == CLI_OK && ferror(out))
			status = CLI_FAILED; /* output_close() says so */
	}
	if (status == CLI_OK)
		fputs("# EOF\n", out);
	catalog_free(&catalog);
	return status;
}
