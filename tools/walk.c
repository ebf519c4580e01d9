// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The walk that all formats share. See walk.h. Points are read in blocks; nothing is kept but the
 * block, so the size of a store does not matter.
 */
#include "walk.h"
#include "names.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 1024 /* points per read */
#define KINDS (RONDO_HISTOGRAM + 1)

/* Series that could not be read as asked: how many, of which kind, and the first error. */
struct left_out {
	uint64_t n[KINDS];
	int error[KINDS];
	enum rondo_function function[KINDS];
};

int walk_begin(struct walk *w, rondo_store *store, const struct selection *sel)
{
	struct rondo_store_info info = { .size = sizeof(info) };
	int err = rondo_store_info(store, &info);

	*w = (struct walk){ .store = store, .sel = sel };
	if (!err) {
		w->n_schemas = info.n_schemas;
		w->schemas = calloc(w->n_schemas + 1, sizeof(*w->schemas));
		w->left_out = calloc(w->n_schemas + 1, sizeof(*w->left_out));
		if (!w->schemas || !w->left_out)
			err = RONDO_E_NOMEM;
	}
	for (uint32_t i = 0; !err && i < w->n_schemas; i++) {
		w->schemas[i].size = sizeof(w->schemas[i]);
		err = rondo_store_schema(store, i, &w->schemas[i]);
	}
	if (!err)
		return CLI_OK;
	cli_error("%s: can't read its schemas: %s", sel->store, rondo_strerror(err));
	w->n_schemas = 0;
	return CLI_FAILED;
}

static void warn_left_out(const struct walk *w, uint32_t i, int k)
{
	const struct left_out *l = &w->left_out[i];
	const struct rondo_schema *schema = &w->schemas[i];
	const char *function = w->sel->quantile_text ? w->sel->quantile_text
						     : function_name(l->function[k]);
	const char *kind = kind_name((enum rondo_kind)k);
	const char *s = l->n[k] == 1 ? "" : "s";

	if (k == RONDO_HISTOGRAM && w->sel->format == FORMAT_OPENMETRICS)
		cli_error("left out %" PRIu64 " %s%s: not for OpenMetrics; use csv or json",
			  l->n[k], kind, s);
	else if (l->error[k] == RONDO_E_KIND)
		cli_error("left out %" PRIu64 " %s%s: there is no %s of a %s", l->n[k], kind, s,
			  function, kind);
	else if (w->sel->tier != RONDO_TIER_AUTO && w->sel->tier >= schema->n_tiers)
		cli_error("left out %" PRIu64 " %s%s: schema '%s' has no tier %" PRIu32
			  ", only 0 to %" PRIu32,
			  l->n[k], kind, s, schema->name, w->sel->tier, schema->n_tiers - 1);
	else if (l->function[k] == RONDO_FN_TOTAL)
		cli_error("left out %" PRIu64
			  " %s%s: schema '%s' keeps no totals%s; --function sum "
			  "or rate gives their increases",
			  l->n[k], kind, s, schema->name,
			  w->sel->tier == RONDO_TIER_AUTO ? "" : " there");
	else
		cli_error("left out %" PRIu64
			  " %s%s: schema '%s' does not keep %s there; see '%s info'",
			  l->n[k], kind, s, schema->name, function, CLI_NAME);
}

void walk_end(struct walk *w)
{
	for (uint32_t i = 0; i < w->n_schemas; i++)
		for (int k = 0; k < KINDS; k++)
			if (w->left_out[i].n[k])
				warn_left_out(w, i, k);
	free(w->left_out);
	free(w->schemas);
}

int walk_status(const struct walk *w)
{
	uint64_t left_out = 0;

	for (uint32_t i = 0; i < w->n_schemas; i++)
		for (int k = 0; k < KINDS; k++)
			left_out += w->left_out[i].n[k];
	if (w->points)
		return CLI_OK;
	if (!w->series)
		cli_error("%s: no series matches%s%s", w->sel->store, w->sel->selector ? " " : "",
			  w->sel->selector ? w->sel->selector : "");
	else if (left_out < w->series)
		cli_error("%s: %" PRIu64 " series match, but none has a point in that range",
			  w->sel->store, w->series);
	else
		return CLI_FAILED; /* walk_end() says why they were left out */
	return CLI_NOTHING;
}

int walk_series(struct walk *w,
		int (*series)(struct walk *w, const struct rondo_series_info *info, void *arg),
		void *arg)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	char detail[512] = "";
	rondo_iter *iter;
	int err, status = CLI_OK;

	err = rondo_iter_begin(w->store, w->sel->selector, &iter, detail, sizeof(detail));
	if (err) {
		if (err == RONDO_E_SELECTOR && detail[0])
			cli_error("%s", detail);
		else
			cli_error("%s: %s%s%s", w->sel->store, rondo_strerror(err),
				  detail[0] ? ": " : "", detail);
		return err == RONDO_E_SELECTOR ? CLI_USAGE : CLI_FAILED;
	}
	while (status == CLI_OK && (err = rondo_iter_next(iter, &info)) > 0) {
		if (info.schema >= w->n_schemas)
			continue;
		w->series++;
		status = series(w, &info, arg);
	}
	if (err < 0) {
		cli_error("%s: %s", w->sel->store, rondo_strerror(err));
		status = CLI_FAILED;
	}
	rondo_iter_end(iter);
	return status;
}

/* In rondo.h's order for the default of a gauge. */
static const enum rondo_function gauge_defaults[] = {
	RONDO_FN_AVG, RONDO_FN_LAST, RONDO_FN_MAX, RONDO_FN_MIN, RONDO_FN_SUM, RONDO_FN_COUNT,
};

enum rondo_function walk_function(const struct walk *w, uint32_t index, enum rondo_kind kind)
{
	const struct rondo_schema *schema = &w->schemas[index];
	uint32_t functions = schema->tiers[schema->n_tiers - 1].functions;

	if (w->sel->function != RONDO_FN_DEFAULT)
		return w->sel->function;
	if (kind == RONDO_COUNTER)
		return RONDO_FN_SUM;
	/* The coarsest tier decides: what it has, every finer one has, too. */
	for (size_t i = 0; i < sizeof(gauge_defaults) / sizeof(gauge_defaults[0]); i++)
		if (schema->n_tiers > 1 && functions & RONDO_FN(gauge_defaults[i]))
			return gauge_defaults[i];
	return RONDO_FN_LAST;
}

/* Whether a series that gave RONDO_E_NOT_FOUND lacks the function or tier, and is not just gone. */
static bool lacks(const struct walk *w, uint32_t schema, enum rondo_function function)
{
	const struct rondo_schema *s = &w->schemas[schema];
	uint32_t need = RONDO_FN(function == RONDO_FN_RATE ? RONDO_FN_SUM : function);

	if (w->sel->tier >= s->n_tiers && w->sel->tier != RONDO_TIER_AUTO)
		return true;
	for (uint32_t i = 0; i < s->n_tiers; i++)
		if ((w->sel->tier == RONDO_TIER_AUTO || w->sel->tier == i) &&
		    s->tiers[i].functions & need)
			return false;
	return true;
}

void walk_leave_out(struct walk *w, uint32_t schema, enum rondo_kind kind, int error,
		    enum rondo_function function)
{
	w->left_out[schema].error[kind] = error;
	w->left_out[schema].function[kind] = function;
	w->left_out[schema].n[kind]++;
}

int walk_points(struct walk *w, rondo_id id, uint32_t schema, enum rondo_kind kind,
		enum rondo_function function,
		void (*point)(const struct rondo_point *p, uint64_t interval_ns, void *arg),
		void *arg)
{
	const struct rondo_schema *s = &w->schemas[schema];
	struct rondo_point points[BLOCK];
	struct rondo_range range = w->range;
	size_t n;
	int err;

	range.function = function;
	do {
		err = rondo_read(w->store, id, &range, points, BLOCK, &n);
		if (err == RONDO_E_KIND ||
		    (err == RONDO_E_NOT_FOUND && lacks(w, schema, function))) {
			walk_leave_out(w, schema, kind, err, function);
			return CLI_OK;
		}
		if (err == RONDO_E_NOT_FOUND)
			return CLI_OK; /* its slot was given to another series meanwhile */
		if (err) {
			cli_error("%s: can't read a series: %s", w->sel->store,
				  rondo_strerror(err));
			return CLI_FAILED;
		}
		for (size_t i = 0; i < n; i++)
			point(&points[i], s->tiers[points[i].tier].interval_ns, arg);
		w->points += n;
		if (n)
			range.start_ns =
				points[n - 1].ts_ns + s->tiers[points[n - 1].tier].interval_ns;
	} while (n == BLOCK && (!range.end_ns || range.start_ns < range.end_ns));
	return CLI_OK;
}

/* State of walk_format() between calls. */
struct formatting {
	struct walk *walk;
	const struct rondo_schema *schema; /* of the series at work */
	const struct format_ops *ops;
	FILE *out;
	struct stretch stretch;
	bool open;  /* a stretch is open */
	bool any;   /* one was */
	bool first; /* the next point is the stretch's first */
};

static void close_stretch(struct formatting *f)
{
	if (f->open && f->ops->close)
		f->ops->close(f->out, &f->stretch);
	f->open = false;
}

static void format_point(const struct rondo_point *p, uint64_t interval_ns, void *arg)
{
	struct formatting *f = arg;

	if (f->open && interval_ns != f->stretch.interval_ns)
		close_stretch(f);
	if (!f->open) {
		f->stretch.interval_ns = interval_ns;
		if (f->ops->open)
			f->ops->open(f->out, &f->stretch, !f->any);
		f->open = f->any = f->first = true;
	}
	f->ops->point(f->out, &f->stretch, p, f->first);
	f->first = false;
}

static int format_histogram(const struct rondo_histogram *h, uint64_t interval_ns, void *arg)
{
	struct formatting *f = arg;
	struct rondo_point point = { .ts_ns = h->ts_ns, .tier = h->tier, .known = h->known };

	if (histogram_value(f->walk, f->schema, h, &point.value)) {
		format_point(&point, interval_ns, f);
		f->walk->points++;
	}
	return CLI_OK;
}

static int format_series(struct walk *w, const struct rondo_series_info *info, void *arg)
{
	struct formatting *f = arg;
	enum rondo_function function = walk_function(w, info->schema, info->kind);
	bool histogram = info->kind == RONDO_HISTOGRAM;
	const char *name = histogram ? histogram_function(w->sel, &function)
				     : function_name(function);
	char unit[64];
	int status;

	if (!name || (!histogram && w->sel->quantile_text)) {
		walk_leave_out(w, info->schema, info->kind, RONDO_E_KIND, function);
		return CLI_OK;
	}
	f->schema = &w->schemas[info->schema];
	f->stretch = (struct stretch){
		.id = info->id,
		.key = info->key,
		.name = info->name,
		.labels = info->labels,
		.n_labels = info->n_labels,
		.kind = info->kind,
		.unit = names_unit(info->unit, function, unit, sizeof(unit)),
		.function = name,
	};
	if (histogram)
		status = walk_histograms(w, info->id, info->schema, format_histogram, f);
	else
		status = walk_points(w, info->id, info->schema, info->kind, function, format_point,
				     f);
	close_stretch(f);
	if (status == CLI_OK && ferror(f->out))
		return CLI_FAILED; /* output_close() says so */
	return status;
}

static void format_stretch(const struct stretch *stretch, void *arg)
{
	struct formatting *f = arg;

	f->stretch = *stretch;
}

int walk_format(struct walk *w, const struct format_ops *ops, FILE *out)
{
	struct formatting f = { .walk = w, .ops = ops, .out = out };
	int status;

	if (ops->begin)
		ops->begin(out);
	if (w->sel->merge)
		status = histograms_merged(w, format_stretch, format_point, &f);
	else
		status = walk_series(w, format_series, &f);
	close_stretch(&f);
	if (ops->end && status == CLI_OK)
		ops->end(out);
	return status;
}
