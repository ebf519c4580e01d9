// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * api_query.c - /metrics/query: what the store has, as JSON in the form of rondo-bpf-cli query --json
 *
 * A histogram's points are objects.  Strict: a parameter that is unknown, doubled or not well formed
 * is an error with a sentence.
 */
#include "api_answer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "text.h"
#include "times.h"

#define BLOCK      256    /* points per read */
#define POINTS_MAX 500000 /* in one answer: more is a mistake, or an attack */

struct query {
	struct answer *answer;
	const char *series;
	struct rondo_range range;
	uint64_t points;
	bool any;                 /* a stretch was written */
	uint64_t found, left_out; /* series; those of them that lack the tier or function */
};

__attribute__((format(printf, 2, 3))) static int bad(struct answer *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(a->error, sizeof(a->error), format, args);
	va_end(args);
	return 400;
}

static const char *set_series(struct query *q, const char *text)
{
	q->series = text;
	return *text ? NULL : "empty; {} is all series";
}

static const char *set_start(struct query *q, const char *text)
{
	return time_parse(text, &q->range.start_ns);
}

static const char *set_end(struct query *q, const char *text)
{
	const char *wrong = time_parse(text, &q->range.end_ns);

	return wrong ? wrong : q->range.end_ns ? NULL : "must be after the epoch";
}

static const char *set_tier(struct query *q, const char *text)
{
	unsigned long value;
	char *end;

	if (!strcmp(text, "auto"))
		return NULL;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || value >= RONDO_TIERS_MAX)
		return "use auto, or a number from 0 (the finest)";
	q->range.tier = (uint32_t)value;
	return NULL;
}

static const char *set_function(struct query *q, const char *text)
{
	int function = function_find(text);

	if (function < 0)
		return "there are avg min max last sum count total rate";
	q->range.function = (enum rondo_function)function;
	return NULL;
}

static const struct {
	const char *name;
	const char *(*set)(struct query *q, const char *text);
} known[] = {
	{ "series", set_series }, { "start", set_start },       { "end", set_end },
	{ "tier", set_tier },     { "function", set_function },
};

#define N_KNOWN (sizeof(known) / sizeof(known[0]))

static int parse(struct query *q)
{
	struct answer *a = q->answer;
	bool seen[N_KNOWN] = { false };
	size_t i, k;

	for (i = 0; i < a->n_parameters; i++) {
		const struct answer_parameter *p = &a->parameters[i];
		const char *wrong;

		for (k = 0; k < N_KNOWN && strcmp(known[k].name, p->name); k++)
			;
		if (k == N_KNOWN)
			return bad(a,
				   "%.40s: no such parameter; there are series start end tier "
				   "function",
				   p->name);
		if (seen[k])
			return bad(a, "%s is there twice", p->name);
		seen[k] = true;
		wrong = known[k].set(q, p->value);
		if (wrong)
			return bad(a, "%s=%.80s: %s", p->name, p->value, wrong);
	}
	if (!q->series)
		return bad(a, "series=SELECTOR is missing");
	if (q->range.end_ns && q->range.end_ns <= q->range.start_ns)
		return bad(a, "end must be after start");
	return 200;
}

/* One stretch: consecutive points of one series and tier. */
static void stretch_open(struct query *q, const struct rondo_series_info *info,
			 enum rondo_function function, uint64_t interval_ns)
{
	FILE *out = q->answer->out;

	fputs(q->any ? ",\n{\"name\":" : "\n{\"name\":", out);
	json_string(out, info->name);
	fputs(",\"labels\":", out);
	json_labels(out, info->labels, info->n_labels);
	fputs(",\"unit\":", out);
	json_string(out, info->unit);
	fprintf(out,
		",\"kind\":\"%s\",\"function\":\"%s\",\"tier\":{\"interval_ns\":%" PRIu64
		"},\"points\":[",
		kind_name(info->kind),
		info->kind == RONDO_HISTOGRAM ? "histogram" : function_name(function), interval_ns);
	q->any = true;
}

static void write_histogram(FILE *out, const struct rondo_histogram *h, uint32_t n_buckets)
{
	uint32_t i;

	fprintf(out, "{\"known\":%" PRIu32 ",\"count\":", h->known);
	json_number(out, h->count);
	fputs(",\"sum\":", out);
	json_number(out, h->sum);
	fputs(",\"buckets\":[", out);
	for (i = 0; i < n_buckets; i++) {
		fputs(i ? "," : "", out);
		json_number(out, h->buckets[i]);
	}
	fputs("]}", out);
}

/* A block of points, of either sort. */
struct block {
	size_t n;
	struct rondo_point points[BLOCK];
	struct rondo_histogram histograms[BLOCK];
};

static int read_block(struct query *q, const struct rondo_series_info *info,
		      const struct rondo_range *range, struct block *b)
{
	rondo_store *store = q->answer->sources->recorder->store;
	size_t i;
	int rc;

	if (info->kind != RONDO_HISTOGRAM)
		return rondo_read(store, info->id, range, b->points, BLOCK, &b->n);
	rc = rondo_read_histogram(store, info->id, range, b->histograms, BLOCK, &b->n);
	for (i = 0; !rc && i < b->n; i++)
		b->points[i] = (struct rondo_point){ .ts_ns = b->histograms[i].ts_ns,
						     .tier = b->histograms[i].tier };
	return rc;
}

/* 0, or an error of librondo's. */
static int write_series(struct query *q, const struct rondo_series_info *info,
			const struct rondo_schema *schema, struct block *b)
{
	enum rondo_function function = q->range.function;
	struct rondo_range range = q->range;
	FILE *out = q->answer->out;
	uint32_t tier = RONDO_TIER_AUTO;
	size_t i;
	int rc;

	if (function == RONDO_FN_DEFAULT)
		function = info->kind == RONDO_COUNTER ? RONDO_FN_SUM : RONDO_FN_AVG;
	range.function = function;
	do {
		rc = read_block(q, info, &range, b);
		if (rc)
			break;
		for (i = 0; i < b->n; i++) {
			const struct rondo_point *p = &b->points[i];

			if (p->tier != tier) {
				fputs(tier == RONDO_TIER_AUTO ? "" : "]}", out);
				stretch_open(q, info, function, schema->tiers[p->tier].interval_ns);
			}
			fprintf(out, "%s[%" PRIu64 ",", p->tier == tier ? "," : "", p->ts_ns);
			tier = p->tier;
			if (info->kind == RONDO_HISTOGRAM)
				write_histogram(out, &b->histograms[i], schema->n_bounds + 1);
			else
				json_number(out, p->value);
			fputc(']', out);
			range.start_ns = p->ts_ns + schema->tiers[tier].interval_ns;
		}
		q->points += b->n;
	} while (b->n == BLOCK && q->points <= POINTS_MAX &&
		 (!range.end_ns || range.start_ns < range.end_ns));
	fputs(tier == RONDO_TIER_AUTO ? "" : "]}", out);
	q->found++;
	if (rc == RONDO_E_NOT_FOUND || rc == RONDO_E_KIND) {
		q->left_out++;
		return 0;
	}
	return rc;
}

static int write_all(struct query *q, rondo_iter *iter)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	struct block *block = malloc(sizeof(*block));
	int rc = block ? 0 : RONDO_E_NOMEM;

	while (!rc && q->points <= POINTS_MAX && (rc = rondo_iter_next(iter, &info)) > 0) {
		struct rondo_schema schema = { .size = sizeof(schema) };

		rc = rondo_store_schema(q->answer->sources->recorder->store, info.schema, &schema);
		if (!rc)
			rc = write_series(q, &info, &schema, block);
	}
	free(block);
	return rc;
}

int answer_query(struct answer *a)
{
	const struct recorder *r = a->sources->recorder;
	struct query q = { .answer = a,
			   .range = { .size = sizeof(q.range), .tier = RONDO_TIER_AUTO } };
	char detail[200] = "";
	rondo_iter *iter;
	int status = parse(&q), rc;

	if (status != 200)
		return status;
	if (!r || !r->store) {
		snprintf(a->error, sizeof(a->error), "nothing is recorded%s%s",
			 r ? ": " : ": the VM has no store (--store)", r ? r->problem : "");
		return 503;
	}
	rc = rondo_iter_begin(r->store, q.series, &iter, detail, sizeof(detail));
	if (rc == RONDO_E_SELECTOR)
		return bad(a, "series: %s", *detail ? detail : rondo_strerror(rc));
	if (!rc) {
		fputs("{\"series\":[", a->out);
		rc = write_all(&q, iter);
		rondo_iter_end(iter);
		fputs("\n]}\n", a->out);
	}
	if (q.points > POINTS_MAX)
		return bad(a,
			   "that is more than %d points; narrow series, start, end, or take a "
			   "coarser tier",
			   POINTS_MAX);
	if (!rc && q.found && q.left_out == q.found)
		return bad(a, "none of the series has that tier, or that function");
	if (!rc)
		return 200;
	snprintf(a->error, sizeof(a->error), "the store: %s", rondo_strerror(rc));
	return 503;
}
