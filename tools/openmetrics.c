// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * OpenMetrics 1.0 text of stored points. Families must stay together, so the series are indexed first,
 * under their exported names (exposition.h); memory grows with the number of series, not with that of
 * points.
 *
 * A sample carries the time of its window's end, in seconds: that is when a counter's total was
 * reached, and when a gauge's window was complete. Nothing that was not stored is exported: a window
 * without data has no sample, never a zero or a NaN.
 */
#include "exposition.h"
#include "text.h"
#include "times.h"
#include "walk.h"

#include <stdlib.h>

/* What is read of a series; its number is the exposition's `user`. */
struct source {
	rondo_id id;
	uint32_t schema;
	enum rondo_function function;
};

struct catalog {
	struct exposition exposition;
	struct source *sources;
	size_t room;
};

static int catalog_add(struct walk *w, const struct rondo_series_info *info, void *arg)
{
	enum rondo_function asked = w->sel->function;
	struct catalog *c = arg;
	size_t n = c->exposition.n;

	if (n == c->room) {
		size_t room = c->room ? c->room * 2 : 64;
		struct source *sources = reallocarray(c->sources, room, sizeof(*sources));

		if (!sources)
			goto no_memory;
		c->sources = sources;
		c->room = room;
	}
	c->sources[n] = (struct source){
		.id = info->id,
		.schema = info->schema,
		.function = asked == RONDO_FN_DEFAULT && info->kind == RONDO_COUNTER
				    ? RONDO_FN_TOTAL
				    : walk_function(w, info->schema, info->kind),
	};
	if (!exposition_add(&c->exposition, info, asked, n))
		return CLI_OK;
no_memory:
	cli_error("no memory for the list of series; narrow the selector");
	return CLI_FAILED;
}

/* Says so and returns CLI_FAILED if two stored series, or families, would become one. */
static int catalog_sort(struct catalog *c)
{
	const struct exposition_entry *one, *other;

	if (exposition_sort(&c->exposition, &one, &other))
		return CLI_OK;
	cli_error("%s (%s) and %s (%s) would both be exported as %s%s; narrow the selector",
		  other->key, kind_name(other->kind), one->key, kind_name(one->kind),
		  one->name.family, one->name.suffix);
	return CLI_FAILED;
}

/* State of one series while it is written. */
struct writing {
	FILE *out;
	struct exposition *exposition;
	const struct exposition_entry *entry;
};

static void write_point(const struct rondo_point *p, uint64_t interval_ns, void *arg)
{
	struct writing *w = arg;
	char time[TIME_TEXT];

	exposition_sample(w->exposition, w->out, w->entry, p->value,
			  seconds_text(time, p->ts_ns + interval_ns));
}

int walk_openmetrics(struct walk *w, FILE *out)
{
	struct catalog catalog = { 0 };
	struct writing writing = { .out = out, .exposition = &catalog.exposition };
	int status = walk_series(w, catalog_add, &catalog);

	if (status == CLI_OK)
		status = catalog_sort(&catalog);
	for (size_t i = 0; status == CLI_OK && i < catalog.exposition.n; i++) {
		const struct source *source;

		writing.entry = &catalog.exposition.entries[i];
		source = &catalog.sources[writing.entry->user];
		status = walk_points(w, source->id, source->schema, writing.entry->kind,
				     source->function, write_point, &writing);
		if (status == CLI_OK && ferror(out))
			status = CLI_FAILED; /* output_close() says so */
	}
	if (status == CLI_OK)
		exposition_end(out);
	exposition_free(&catalog.exposition);
	free(catalog.sources);
	return status;
}
