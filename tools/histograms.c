// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Histograms for query and export: what is shown of each tick or window, and adding up several series,
 * which is exact as they count into the same buckets. See walk.h.
 */
#include "names.h"
#include "text.h"
#include "walk.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 64 /* histograms per read */

const char *histogram_function(const struct selection *sel, enum rondo_function *function)
{
	if (sel->quantile_text) {
		*function = RONDO_FN_AVG; /* of the same unit */
		return sel->quantile_text;
	}
	if (sel->function == RONDO_FN_DEFAULT)
		*function = RONDO_FN_AVG;
	else if (sel->function == RONDO_FN_AVG || sel->function == RONDO_FN_SUM ||
		 sel->function == RONDO_FN_COUNT)
		*function = sel->function;
	else
		return NULL;
	return function_name(*function);
}

bool histogram_value(const struct walk *w, const struct rondo_schema *schema,
		     const struct rondo_histogram *h, double *value)
{
	if (w->sel->quantile_text)
		return !rondo_histogram_quantile(h, schema->bounds, schema->n_bounds,
						 w->sel->quantile, value);
	switch (w->sel->function) {
	case RONDO_FN_SUM:
		*value = h->sum;
		return true;
	case RONDO_FN_COUNT:
		*value = h->count;
		return true;
	default:
		*value = h->sum / h->count;
		return h->count > 0;
	}
}

int walk_histograms(struct walk *w, rondo_id id, uint32_t schema,
		    int (*take)(const struct rondo_histogram *h, uint64_t interval_ns, void *arg),
		    void *arg)
{
	const struct rondo_schema *s = &w->schemas[schema];
	struct rondo_histogram block[BLOCK];
	struct rondo_range range = w->range;
	int err, status = CLI_OK;
	size_t n;

	do {
		err = rondo_read_histogram(w->store, id, &range, block, BLOCK, &n);
		if (err == RONDO_E_NOT_FOUND && range.tier != RONDO_TIER_AUTO &&
		    range.tier >= s->n_tiers)
			walk_leave_out(w, schema, RONDO_HISTOGRAM, err, w->sel->function);
		if (err == RONDO_E_NOT_FOUND)
			return CLI_OK; /* or its slot was given to another series meanwhile */
		if (err) {
			cli_error("%s: can't read a series: %s", w->sel->store,
				  rondo_strerror(err));
			return CLI_FAILED;
		}
		for (size_t i = 0; status == CLI_OK && i < n; i++)
			status = take(&block[i], s->tiers[block[i].tier].interval_ns, arg);
		if (n)
			range.start_ns =
				block[n - 1].ts_ns + s->tiers[block[n - 1].tier].interval_ns;
	} while (status == CLI_OK && n == BLOCK &&
		 (!range.end_ns || range.start_ns < range.end_ns));
	return status;
}

/* ---- merging ---- */

/* What the series have in common, and their sum. */
struct merged {
	struct rondo_histogram *windows; /* in order of time */
	size_t n, room, at;              /* at: where the series at work is in them */
	const struct rondo_schema *schema;
	uint32_t tier;
	uint64_t interval_ns;
	char *key, *name, *unit; /* of the first; the key is made at the end */
	char *label_names[64], *label_values[64];
	size_t n_labels;
};

static void merged_free(struct merged *m)
{
	for (size_t i = 0; i < m->n_labels; i++) {
		free(m->label_names[i]);
		free(m->label_values[i]);
	}
	free(m->windows);
	free(m->key);
	free(m->name);
	free(m->unit);
}

/* One tier for all, so that no time is told twice, in parts: by --tier, or by --step. */
static uint32_t merged_tier(const struct walk *w, const struct rondo_schema *schema)
{
	uint32_t tier = 0;

	if (w->sel->tier != RONDO_TIER_AUTO)
		return w->sel->tier;
	while (tier + 1 < schema->n_tiers && schema->tiers[tier + 1].interval_ns <= w->sel->step_ns)
		tier++;
	return tier;
}

static bool merged_first(struct walk *w, struct merged *m, const struct rondo_series_info *info)
{
	m->schema = &w->schemas[info->schema];
	m->tier = merged_tier(w, m->schema);
	if (m->tier < m->schema->n_tiers)
		m->interval_ns = m->schema->tiers[m->tier].interval_ns;
	m->key = strdup(info->key);
	m->name = strdup(info->name);
	m->unit = strdup(info->unit);
	for (size_t i = 0; i < info->n_labels && i < 64; i++) {
		m->label_names[i] = strdup(info->labels[i].name);
		m->label_values[i] = strdup(info->labels[i].value);
		if (!m->label_names[i] || !m->label_values[i])
			return false;
		m->n_labels = i + 1;
	}
	return m->key && m->name && m->unit;
}

static bool has_label(const struct rondo_series_info *info, const char *name, const char *value)
{
	for (size_t i = 0; i < info->n_labels; i++)
		if (!strcmp(info->labels[i].name, name))
			return !strcmp(info->labels[i].value, value);
	return false;
}

static void keep_common_labels(struct merged *m, const struct rondo_series_info *info)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n_labels; i++) {
		if (has_label(info, m->label_names[i], m->label_values[i])) {
			m->label_names[kept] = m->label_names[i];
			m->label_values[kept++] = m->label_values[i];
		} else {
			free(m->label_names[i]);
			free(m->label_values[i]);
		}
	}
	m->n_labels = kept;
}

/* What can't be added to the others, or NULL. */
static const char *unlike(struct walk *w, const struct merged *m,
			  const struct rondo_series_info *info)
{
	const struct rondo_schema *schema = &w->schemas[info->schema];

	if (schema->n_bounds != m->schema->n_bounds ||
	    memcmp(schema->bounds, m->schema->bounds, schema->n_bounds * sizeof(*schema->bounds)))
		return "have other buckets";
	if (schema->tiers[merged_tier(w, schema)].interval_ns != m->interval_ns)
		return "have tiers of other intervals";
	if (strcmp(info->name, m->name))
		return "have different names";
	return NULL;
}

/* Windows come in order: on from where the last one was. */
static int merge_window(const struct rondo_histogram *h, uint64_t interval_ns, void *arg)
{
	struct merged *m = arg;

	(void)interval_ns;
	while (m->at < m->n && m->windows[m->at].ts_ns < h->ts_ns)
		m->at++;
	if (m->at < m->n && m->windows[m->at].ts_ns == h->ts_ns) {
		rondo_histogram_merge(&m->windows[m->at], h);
		return CLI_OK;
	}
	if (m->n == m->room) {
		size_t room = m->room ? 2 * m->room : 256;
		void *windows = reallocarray(m->windows, room, sizeof(*m->windows));

		if (!windows) {
			cli_error("no memory for the windows; narrow the range");
			return CLI_FAILED;
		}
		m->windows = windows;
		m->room = room;
	}
	memmove(&m->windows[m->at + 1], &m->windows[m->at], (m->n - m->at) * sizeof(*m->windows));
	m->windows[m->at] = *h;
	m->n++;
	return CLI_OK;
}

static int merge_series(struct walk *w, const struct rondo_series_info *info, void *arg)
{
	struct merged *m = arg;
	enum rondo_function function = w->sel->function;
	const char *why;

	if (info->kind != RONDO_HISTOGRAM || !histogram_function(w->sel, &function)) {
		walk_leave_out(w, info->schema, info->kind, RONDO_E_KIND, function);
		return CLI_OK;
	}
	if (merged_tier(w, &w->schemas[info->schema]) >= w->schemas[info->schema].n_tiers) {
		walk_leave_out(w, info->schema, info->kind, RONDO_E_NOT_FOUND, function);
		return CLI_OK;
	}
	if (!m->schema && !merged_first(w, m, info)) {
		cli_error("out of memory");
		return CLI_FAILED;
	}
	why = unlike(w, m, info);
	if (why) {
		cli_error("%s and %s %s, and can't be merged; narrow the selector", m->key,
			  info->key, why);
		return CLI_USAGE;
	}
	keep_common_labels(m, info);
	m->at = 0;
	w->range.tier = m->tier;
	return walk_histograms(w, info->id, info->schema, merge_window, m);
}

/* name{a="b"}: the labels that all have. */
static char *common_key(const struct merged *m)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(m->name, out);
	for (size_t i = 0; i < m->n_labels; i++) {
		fprintf(out, "%s%s=\"", i ? "," : "{", m->label_names[i]);
		label_text(out, m->label_values[i]);
		fputc('"', out);
	}
	if (m->n_labels)
		fputc('}', out);
	return fclose(out) ? NULL : text;
}

int histograms_merged(struct walk *w, void (*open)(const struct stretch *stretch, void *arg),
		      void (*point)(const struct rondo_point *p, uint64_t interval_ns, void *arg),
		      void *arg)
{
	struct rondo_label labels[64];
	struct merged m = { 0 };
	enum rondo_function function = RONDO_FN_AVG;
	struct stretch stretch = { .kind = RONDO_HISTOGRAM,
				   .function = histogram_function(w->sel, &function) };
	int status = walk_series(w, merge_series, &m);
	char unit[64], *key = NULL;

	if (status == CLI_OK && m.n) {
		key = common_key(&m);
		status = key ? CLI_OK : CLI_FAILED;
	}
	if (status == CLI_OK && m.n) {
		for (size_t i = 0; i < m.n_labels; i++)
			labels[i] = (struct rondo_label){ m.label_names[i], m.label_values[i] };
		stretch.key = key;
		stretch.name = m.name;
		stretch.labels = labels;
		stretch.n_labels = m.n_labels;
		stretch.unit = names_unit(m.unit, function, unit, sizeof(unit));
		open(&stretch, arg);
	}
	for (size_t i = 0; status == CLI_OK && i < m.n; i++) {
		struct rondo_point p = { .ts_ns = m.windows[i].ts_ns, .tier = m.tier };

		if (!histogram_value(w, m.schema, &m.windows[i], &p.value))
			continue;
		point(&p, m.interval_ns, arg);
		w->points++;
	}
	free(key);
	merged_free(&m);
	return status;
}
