// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Histograms: every tick and every window of every tier equals a model that counts for itself;
 * quantiles are right to the bucket; what is half counted is nothing.
 */
#include <math.h>
#include <stdbool.h>

#include "lib_common.h"

static const double bounds[] = { 1, 2, 4, 8, 16, 32 };

#define N_BOUNDS LENGTH(bounds)
#define TICKS    900

static const struct rondo_tier tiers[] = {
	{ .interval_ns = SEC, .retention_ns = 120 * SEC },
	{ .interval_ns = 10 * SEC, .retention_ns = 1200 * SEC },
	{ .interval_ns = 60 * SEC, .retention_ns = 3600 * SEC },
};

static struct rondo_schema schema_histogram(uint32_t max_series)
{
	struct rondo_schema schema = schema_of_tiers("latency", tiers, 3, max_series);

	schema.bounds = bounds;
	schema.n_bounds = N_BOUNDS;
	return schema;
}

static rondo_series *histogram(rondo_store *store, const char *name)
{
	rondo_series *series = NULL;

	ck_ok(register_one(store, name, NULL, NULL, RONDO_HISTOGRAM, &series));
	return series;
}

struct model {
	double count, sum, buckets[N_BOUNDS + 1];
	uint32_t known;
};

static void model_add(struct model *m, double value)
{
	unsigned int b = 0;

	while (b < N_BOUNDS && value > bounds[b])
		b++;
	m->buckets[b]++;
	m->count++;
	m->sum += value;
}

static void same(const struct rondo_histogram *h, const struct model *m)
{
	ck_assert_msg(h->count == m->count && h->sum == m->sum && h->known == m->known,
		      "at %" PRIu64 ": count %g sum %g known %u, want %g %g %u", h->ts_ns, h->count,
		      h->sum, h->known, m->count, m->sum, m->known);
	for (unsigned int b = 0; b <= N_BOUNDS; b++)
		ck_assert(h->buckets[b] == m->buckets[b]);
}

static size_t read_tier(rondo_store *store, rondo_id id, uint32_t tier, struct rondo_histogram *out,
			size_t cap)
{
	const struct rondo_range range = { .size = sizeof(range), .tier = tier };
	size_t n;

	ck_ok(rondo_read_histogram(store, id, &range, out, cap, &n));
	return n;
}

START_TEST(core_every_tier_equals_the_model)
{
	static struct model ticks[TICKS];
	static struct rondo_histogram out[400];
	const struct rondo_schema schema = schema_histogram(70);
	rondo_store *store = create(in_scratch("model"), &schema, 1);
	rondo_series *before = histogram(store, "a"), *series = histogram(store, "b");
	rondo_series *after = histogram(store, "c");
	rondo_id id = rondo_series_id(store, series);
	size_t n;

	memset(ticks, 0, sizeof(ticks));
	for (uint64_t t = 0; t < TICKS; t++) {
		/* a pause, and now and then a tick in which nothing is known */
		bool known = !(t > 400 && t < 455) && random_below(7);

		for (uint64_t i = known ? random_below(20) : 0; i; i--) {
			double value = (double)random_below(40);

			ck_ok(rondo_observe(series, T0 + t * SEC + i, value));
			model_add(&ticks[t], value);
			ticks[t].known = 1;
		}
		ck_ok(rondo_observe(before, T0 + t * SEC, 1));
		ck_ok(rondo_observe(after, T0 + t * SEC, 100));
		consolidate(store, T0 + t * SEC);
		if (t == 500) {
			ck_ok(rondo_store_close(store));
			store = reopen(in_scratch("model"), 0);
			before = histogram(store, "a");
			series = histogram(store, "b");
			after = histogram(store, "c");
		}
	}
	n = read_tier(store, id, 0, out, 400);
	ck_assert_uint_gt(n, 70);
	for (size_t i = 0; i < n; i++)
		same(&out[i], &ticks[(out[i].ts_ns - T0) / SEC]);
	for (uint32_t tier = 1; tier < 3; tier++) {
		uint64_t length = tiers[tier].interval_ns / SEC;

		n = read_tier(store, id, tier, out, 400);
		ck_assert_uint_gt(n, tier == 1 ? 75 : 12);
		for (size_t i = 0; i < n; i++) {
			uint64_t first = (out[i].ts_ns - T0) / SEC;
			struct model sum = { 0 };

			if (out[i].ts_ns < T0)
				continue;
			for (uint64_t t = first; t < first + length; t++) {
				for (unsigned int b = 0; b <= N_BOUNDS; b++)
					sum.buckets[b] += ticks[t].buckets[b];
				sum.count += ticks[t].count;
				sum.sum += ticks[t].sum;
				sum.known += ticks[t].known;
			}
			same(&out[i], &sum);
		}
	}
	rondo_store_close(store);
}
END_TEST

START_TEST(core_auto_tells_every_time_once)
{
	static struct rondo_histogram out[400];
	const struct rondo_schema schema = schema_histogram(1);
	rondo_store *store = create(in_scratch("auto"), &schema, 1);
	rondo_series *series = histogram(store, "h");
	double count = 0;
	uint64_t end = 0;
	size_t n;

	for (uint64_t t = 0; t < TICKS; t++) {
		ck_ok(rondo_observe(series, T0 + t * SEC, 3));
		consolidate(store, T0 + t * SEC);
	}
	n = read_tier(store, rondo_series_id(store, series), RONDO_TIER_AUTO, out, 400);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_ge(out[i].ts_ns, end);
		end = out[i].ts_ns + tiers[out[i].tier].interval_ns;
		count += out[i].count;
	}
	ck_assert(count == TICKS);
	ck_assert_uint_eq(out[n - 1].tier, 0);
	rondo_store_close(store);
}
END_TEST

START_TEST(core_counts_from_elsewhere)
{
	const uint64_t counts[N_BOUNDS + 1] = { 0, 3, 0, 0, 2, 0, 1 }, none[N_BOUNDS + 1] = { 0 };
	const struct rondo_schema schema = schema_histogram(2);
	rondo_store *store = create(in_scratch("counts"), &schema, 1);
	rondo_series *series = histogram(store, "h");
	struct rondo_histogram out[3];

	ck_ok(rondo_observe_counts(series, T0, counts, 77));
	ck_ok(rondo_observe_counts(series, T0, counts, 77));
	ck_ok(rondo_observe_counts(series, T0 + SEC, none, 0));
	ck_assert_uint_eq(read_tier(store, rondo_series_id(store, series), 0, out, 3), 2);
	ck_assert(out[0].count == 12 && out[0].sum == 154 && out[0].buckets[4] == 4);
	ck_assert(out[1].count == 0 && out[1].known == 1);
	rondo_store_close(store);
}
END_TEST

START_TEST(core_quantiles_are_right_to_the_bucket)
{
	struct rondo_histogram h = { .count = 0 };
	double value;

	for (unsigned int v = 1; v <= 32; v++) {
		unsigned int b = 0;

		while (v > bounds[b])
			b++;
		h.buckets[b]++;
		h.count++;
	}
	for (unsigned int v = 1; v <= 32; v++) {
		double exact = v;

		ck_ok(rondo_histogram_quantile(&h, bounds, N_BOUNDS, v / 32.0, &value));
		/* in one bucket with the exact one: not more than a factor of 2 apart */
		ck_assert_msg(value >= exact / 2 && value <= exact * 2, "%u: %g", v, value);
	}
	h.buckets[N_BOUNDS] = 1000;
	h.count += 1000;
	ck_ok(rondo_histogram_quantile(&h, bounds, N_BOUNDS, 0.99, &value));
	ck_assert(value == 32);
}
END_TEST

START_TEST(limits_values_at_the_bounds)
{
	const double edges[] = { -5, 0, 1, nextafter(1, 2), 32, nextafter(32, 33), 1e300 };
	const unsigned int in[] = { 0, 0, 0, 1, 5, 6, 6 };
	const struct rondo_schema schema = schema_histogram(1);
	rondo_store *store = create(in_scratch("edges"), &schema, 1);
	rondo_series *series = histogram(store, "h");
	struct rondo_histogram out[1];

	for (unsigned int i = 0; i < LENGTH(edges); i++) {
		const struct rondo_range range = { .size = sizeof(range),
						   .start_ns = T0 + i * SEC,
						   .end_ns = T0 + (i + 1) * SEC };
		size_t n;

		ck_ok(rondo_observe(series, T0 + i * SEC, edges[i]));
		ck_ok(rondo_read_histogram(store, rondo_series_id(store, series), &range, out, 1,
					   &n));
		ck_assert_uint_eq(n, 1);
		ck_assert(out[0].buckets[in[i]] == 1 && out[0].sum == edges[i]);
	}
	rondo_store_close(store);
}
END_TEST

START_TEST(errors_kinds_and_bounds)
{
	const double falling[] = { 1, 2, 2 }, infinite[] = { 1, HUGE_VAL };
	struct rondo_schema schemas[] = { schema_histogram(2), schema_small(2) };
	struct rondo_range range = { .size = sizeof(range) };
	struct rondo_plan plan;
	struct rondo_histogram out;
	struct rondo_point point;
	rondo_store *store;
	rondo_series *h, *c;
	double value;
	size_t n;

	schemas[0].bounds = falling;
	schemas[0].n_bounds = 3;
	ck_err(rondo_plan(schemas, 1, 0, &plan, detail, sizeof(detail)), RONDO_E_SCHEMA);
	schemas[0].bounds = infinite;
	schemas[0].n_bounds = 2;
	ck_err(rondo_plan(schemas, 1, 0, &plan, detail, sizeof(detail)), RONDO_E_SCHEMA);
	schemas[0].n_bounds = RONDO_BOUNDS_MAX + 1;
	ck_err(rondo_plan(schemas, 1, 0, &plan, detail, sizeof(detail)), RONDO_E_SCHEMA);
	schemas[0] = schema_histogram(2);
	store = create(in_scratch("kinds"), schemas, 2);
	h = histogram(store, "h");
	c = counter(store, "c"); /* the histograms' schema matches it too, but is not for it */
	ck_err(rondo_observe(c, T0, 1), RONDO_E_KIND);
	ck_err(rondo_add(h, T0, 1), RONDO_E_KIND);
	ck_err(rondo_record(h, T0, 1), RONDO_E_KIND);
	ck_err(rondo_observe(h, T0, HUGE_VAL), RONDO_E_VALUE);
	ck_err(rondo_read(store, rondo_series_id(store, h), &range, &point, 1, &n), RONDO_E_KIND);
	ck_err(rondo_read_histogram(store, rondo_series_id(store, c), &range, &out, 1, &n),
	       RONDO_E_KIND);
	memset(&out, 0, sizeof(out));
	ck_err(rondo_histogram_quantile(&out, bounds, N_BOUNDS, 0.5, &value), RONDO_E_NOT_FOUND);
	ck_err(rondo_histogram_quantile(&out, bounds, N_BOUNDS, 1.5, &value), RONDO_E_INVALID);
	rondo_store_close(store);
}
END_TEST

START_TEST(errors_a_batch_counts_nothing_into_a_histogram)
{
	const struct rondo_schema schema = schema_histogram(2);
	const struct rondo_range range = { .size = sizeof(range) };
	rondo_store *store = create(in_scratch("batch"), &schema, 1);
	rondo_series *h = histogram(store, "h");
	struct rondo_histogram out[2];
	const double value = 3;
	size_t refused, n;

	ck_ok(rondo_observe(h, T0, 5));
	ck_err(rondo_record_batch(&h, &value, 1, T0, &refused), RONDO_E_KIND);
	ck_assert_uint_eq(refused, 1);
	ck_ok(rondo_read_histogram(store, rondo_series_id(store, h), &range, out, 2, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert(out[0].count == 1 && out[0].sum == 5 && out[0].buckets[0] == 0);
	rondo_store_close(store);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_every_tier_equals_the_model, 'C' },
		{ core_auto_tells_every_time_once, 'C' },
		{ core_counts_from_elsewhere, 'C' },
		{ core_quantiles_are_right_to_the_bucket, 'C' },
		{ limits_values_at_the_bounds, 'L' },
		{ errors_kinds_and_bounds, 'E' },
		{ errors_a_batch_counts_nothing_into_a_histogram, 'E' },
	};

	return run_suite("lib_histogram", tests, LENGTH(tests));
}
