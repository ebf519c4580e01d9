// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Copies: a snapshot holds what the store held; a migration carries over what fits, computes what is
 * new as far as the finer tiers reach, and counts what was dropped.
 */
#include "lib_common.h"

static const struct rondo_tier tiers_three[] = {
	{ .interval_ns = SEC, .retention_ns = 120 * SEC },
	{ .interval_ns = 10 * SEC,
	  .retention_ns = 600 * SEC,
	  .functions = RONDO_FNS_SUM | RONDO_FNS_MAX | RONDO_FNS_TOTAL },
	{ .interval_ns = 60 * SEC, .retention_ns = 3600 * SEC, .functions = RONDO_FNS_SUM },
};

/* A counter and a gauge for 900 s, 1 a tick but for a pause, and a retired gauge. */
static rondo_store *filled(const char *path)
{
	const struct rondo_schema schema = schema_of_tiers("three", tiers_three, 3, 8);
	rondo_store *store = create(path, &schema, 1);
	rondo_series *c = counter(store, "c_total"), *g = gauge(store, "g"),
		     *old = gauge(store, "old");

	for (uint64_t t = 0; t < 900; t++) {
		if (t < 300 || t >= 333) {
			ck_ok(rondo_add(c, T0 + t * SEC, 1));
			ck_ok(rondo_record(g, T0 + t * SEC, (double)t));
		}
		if (t == 5)
			ck_ok(rondo_record(old, T0 + t * SEC, 5));
		if (t == 6)
			ck_ok(rondo_series_retire(store, old, T0 + t * SEC));
		consolidate(store, T0 + t * SEC);
	}
	return store;
}

/* All points of a function of a tier are the same in both stores; returns how many. */
static size_t same_points(rondo_store *a, rondo_store *b, const char *name, uint32_t tier_a,
			  uint32_t tier_b, enum rondo_function function, uint64_t start)
{
	static struct rondo_point x[1000], y[1000];
	size_t n = read_points(a, id_of_name(a, name), tier_a, function, start, 0, x, 1000);
	size_t m = read_points(b, id_of_name(b, name), tier_b, function, start, 0, y, 1000);

	ck_assert_uint_eq(n, m);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(x[i].ts_ns, y[i].ts_ns);
		ck_assert(x[i].value == y[i].value);
		ck_assert_uint_eq(x[i].known, y[i].known);
	}
	return n;
}

START_TEST(core_a_snapshot_of_a_live_store_is_the_store)
{
	struct rondo_copy_report report = { .size = sizeof(report) };
	rondo_store *store = filled(in_scratch("live"));
	rondo_store *reader = reopen(in_scratch("live"), RONDO_OPEN_READ_ONLY), *copy;

	ck_ok(rondo_store_copy(reader, in_scratch("snapshot"), NULL, &report));
	ck_assert_uint_eq(report.series, 3);
	ck_assert_uint_eq(report.series_dropped + report.tiers_dropped + report.cells_dropped, 0);
	copy = reopen(in_scratch("snapshot"), RONDO_OPEN_READ_ONLY);
	ck_assert_uint_ge(same_points(store, copy, "c_total", 0, 0, RONDO_FN_SUM, 0), 120);
	ck_assert_uint_ge(same_points(store, copy, "g", 0, 0, RONDO_FN_LAST, 0), 120);
	ck_assert_uint_ge(same_points(store, copy, "c_total", 1, 1, RONDO_FN_TOTAL, 0), 55);
	ck_assert_uint_ge(same_points(store, copy, "c_total", 1, 1, RONDO_FN_MAX, 0), 55);
	ck_assert_uint_ge(same_points(store, copy, "g", 2, 2, RONDO_FN_AVG, 0), 13);
	ck_assert_uint_eq(store_info(copy).series_retired, 1);
	ck_assert_uint_eq(store_info(copy).unclean_opens, 0);
	rondo_store_close(copy);
	rondo_store_close(reader);
	rondo_store_close(store);
}
END_TEST

START_TEST(core_totals_go_on_in_a_copy)
{
	rondo_store *store = filled(in_scratch("from")), *copy;
	rondo_series *c;

	ck_ok(rondo_store_copy(store, in_scratch("to"), NULL, NULL));
	rondo_store_close(store);
	copy = reopen(in_scratch("to"), 0);
	c = counter(copy, "c_total");
	for (uint64_t t = 900; t < 950; t++) {
		ck_ok(rondo_add(c, T0 + t * SEC, 1));
		consolidate(copy, T0 + t * SEC);
	}
	ck_value(copy, id_of_name(copy, "c_total"), 0, RONDO_FN_TOTAL, T0 + 949 * SEC, 950 - 33);
	ck_value(copy, id_of_name(copy, "c_total"), 1, RONDO_FN_TOTAL, T0 + 920 * SEC, 930 - 33);
	rondo_store_close(copy);
}
END_TEST

START_TEST(core_a_migration_carries_what_fits_and_computes_what_is_new)
{
	const struct rondo_tier tiers[] = {
		{ .interval_ns = SEC, .retention_ns = 60 * SEC }, /* shorter */
		{ .interval_ns = 10 * SEC,
		  .retention_ns = 1800 * SEC, /* longer, and another function */
		  .functions = RONDO_FNS_SUM | RONDO_FNS_MIN | RONDO_FNS_TOTAL },
		{ .interval_ns = 30 * SEC, .retention_ns = 3600 * SEC, .functions = RONDO_FNS_SUM },
	};
	const struct rondo_schema schema = schema_of_tiers("new", tiers, 3, 100);
	const struct rondo_open_opts opts = { .size = sizeof(opts),
					      .schemas = &schema,
					      .n_schemas = 1,
					      .detail = detail,
					      .detail_size = sizeof(detail) };
	struct rondo_copy_report report = { .size = sizeof(report) };
	rondo_store *store = filled(in_scratch("src")), *copy;
	struct rondo_point points[100];
	rondo_id id;
	size_t n;

	ck_ok(rondo_store_copy(store, in_scratch("dst"), &opts, &report));
	ck_assert_uint_eq(report.series, 3);
	ck_assert_uint_eq(report.tiers_dropped, 3); /* no tier of 60 s, for each series */
	ck_assert_uint_gt(report.cells_dropped, 0);
	copy = reopen(in_scratch("dst"), RONDO_OPEN_READ_ONLY);
	id = id_of_name(copy, "c_total");
	ck_assert_uint_ge(same_points(store, copy, "c_total", 1, 1, RONDO_FN_SUM, 0), 55);
	ck_assert_uint_ge(same_points(store, copy, "c_total", 1, 1, RONDO_FN_TOTAL, 0), 55);
	/* the new tier of 30 s: computed from the windows of 10 s, far beyond the finest ring */
	n = read_points(copy, id, 2, RONDO_FN_SUM, T0 + 360 * SEC, T0 + 870 * SEC, points, 100);
	ck_assert_uint_eq(n, 17);
	for (size_t i = 0; i < n; i++)
		ck_assert(points[i].value == 30 && points[i].known == 30);
	/* the new function: as far as the finest ring reaches */
	ck_value(copy, id, 1, RONDO_FN_MIN, T0 + 880 * SEC, 1);
	ck_absent(copy, id, 1, RONDO_FN_MIN, T0 + 700 * SEC);
	rondo_store_close(copy);
	rondo_store_close(store);
}
END_TEST

START_TEST(limits_series_that_find_no_place_are_counted)
{
	struct rondo_schema schema = schema_of_tiers("few", tiers_three, 3, 1);
	struct rondo_open_opts opts = { .size = sizeof(opts), .schemas = &schema, .n_schemas = 1 };
	struct rondo_copy_report report = { .size = sizeof(report) };
	rondo_store *store = filled(in_scratch("many"));

	ck_ok(rondo_store_copy(store, in_scratch("few"), &opts, &report));
	ck_assert_uint_eq(report.series, 1);
	ck_assert_uint_eq(report.series_dropped, 2);
	schema.selector = "nothing";
	ck_ok(rondo_store_copy(store, in_scratch("none"), &opts, &report));
	ck_assert_uint_eq(report.series, 0);
	ck_assert_uint_eq(report.series_dropped, 3);
	rondo_store_close(store);
}
END_TEST

START_TEST(errors_a_store_is_never_written_over)
{
	rondo_store *store = filled(in_scratch("one")), *other = filled(in_scratch("two"));

	ck_err(rondo_store_copy(store, in_scratch("one"), NULL, NULL), RONDO_E_LOCKED);
	rondo_store_close(other);
	ck_err(rondo_store_copy(store, in_scratch("two"), NULL, NULL), RONDO_E_EXISTS);
	ck_err(rondo_store_copy(store, in_scratch("no/such/place"), NULL, NULL), RONDO_E_NOT_FOUND);
	other = reopen(in_scratch("two"), RONDO_OPEN_READ_ONLY);
	ck_assert_uint_ge(same_points(store, other, "c_total", 0, 0, RONDO_FN_SUM, 0), 120);
	rondo_store_close(other);
	rondo_store_close(store);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_a_snapshot_of_a_live_store_is_the_store, 'C' },
		{ core_totals_go_on_in_a_copy, 'C' },
		{ core_a_migration_carries_what_fits_and_computes_what_is_new, 'C' },
		{ limits_series_that_find_no_place_are_counted, 'L' },
		{ errors_a_store_is_never_written_over, 'E' },
	};

	return run_suite("lib_copy", tests, LENGTH(tests));
}
