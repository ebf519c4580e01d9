// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A snapshot holds what the store held; a migration carries over what fits, computes what is
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
	struct rondo_migrate_report report = { .size = sizeof(report) };
	rondo_store *store = filled(in_scratch("live"));
	rondo_store *reader = reopen(in_scratch("live"), RONDO_OPEN_READ_ONLY), *copy;

	ck_ok(rondo_store_migrate(reader, in_scratch("snapshot"), NULL, &report));
	ck_assert_uint_eq(report.series, 3);
	ck_assert_uint_eq(report.series_dropped + report.tiers_dropped + report.cells_dropped +
				  report.functions_dropped,
			  0);
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

	ck_ok(rondo_store_snapshot(store, in_scratch("to"), NULL, 0));
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
	const struct rondo_migrate_opts opts = { .size = sizeof(opts),
						 .schemas = &schema,
						 .n_schemas = 1,
						 .detail = detail,
						 .detail_size = sizeof(detail) };
	struct rondo_migrate_report report = { .size = sizeof(report) };
	rondo_store *store = filled(in_scratch("src3")), *copy;
	struct rondo_point points[100];
	rondo_id id;
	size_t n;

	ck_ok(rondo_store_migrate(store, in_scratch("dst3"), &opts, &report));
	ck_assert_uint_eq(report.series, 3);
	ck_assert_uint_eq(report.tiers_dropped, 3); /* no tier of 60 s, for each series */
	ck_assert_uint_gt(report.cells_dropped, 0);
	copy = reopen(in_scratch("dst3"), RONDO_OPEN_READ_ONLY);
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
	struct rondo_migrate_opts opts = { .size = sizeof(opts),
					   .schemas = &schema,
					   .n_schemas = 1 };
	struct rondo_migrate_report report = { .size = sizeof(report) };
	rondo_store *store = filled(in_scratch("many"));

	ck_ok(rondo_store_migrate(store, in_scratch("few"), &opts, &report));
	ck_assert_uint_eq(report.series, 1);
	ck_assert_uint_eq(report.series_dropped, 2);
	schema.selector = "nothing";
	ck_ok(rondo_store_migrate(store, in_scratch("none"), &opts, &report));
	ck_assert_uint_eq(report.series, 0);
	ck_assert_uint_eq(report.series_dropped, 3);
	rondo_store_close(store);
}
END_TEST

/* ---- what was dropped, said one by one ---- */

static struct {
	struct rondo_dropped d[64];
	char key[64][40];
	size_t n;
} told;

static void on_dropped(const struct rondo_dropped *d, void *arg)
{
	ck_assert_ptr_eq(arg, &told);
	ck_assert_uint_eq(d->size, sizeof(*d));
	ck_assert_uint_lt(told.n, LENGTH(told.d));
	told.d[told.n] = *d;
	snprintf(told.key[told.n++], sizeof(told.key[0]), "%s", d->key);
}

static const struct rondo_dropped *told_of(const char *key, enum rondo_drop what, uint32_t tier)
{
	for (size_t i = 0; i < told.n; i++)
		if (!strcmp(told.key[i], key) && told.d[i].what == what && told.d[i].tier == tier)
			return &told.d[i];
	ck_abort_msg("nothing is said of %s, tier %u, what %d", key, tier, (int)what);
}

/* Migrates, closes both, verifies the new one and opens it. */
static rondo_store *migrated(rondo_store *from, const char *path,
			     const struct rondo_schema *schemas, size_t n, uint32_t entry_size)
{
	const struct rondo_migrate_opts opts = { .size = sizeof(opts),
						 .schemas = schemas,
						 .n_schemas = n,
						 .entry_size = entry_size,
						 .detail = detail,
						 .detail_size = sizeof(detail),
						 .dropped = on_dropped,
						 .arg = &told };

	told.n = 0;
	ck_ok(rondo_store_migrate(from, path, &opts, NULL));
	ck_ok(rondo_store_close(from));
	ck_ok(rondo_store_verify(path, NULL, NULL));
	return reopen(path, 0);
}

START_TEST(core_a_longer_retention_drops_nothing_and_fills_up)
{
	const struct rondo_tier tiers[] = {
		{ .interval_ns = SEC, .retention_ns = 600 * SEC },
		tiers_three[1],
		{ .interval_ns = 60 * SEC,
		  .retention_ns = 36000 * SEC,
		  .functions = RONDO_FNS_SUM },
	};
	const struct rondo_schema schema = schema_of_tiers("longer", tiers, 3, 8);
	rondo_store *store = filled(in_scratch("src5")), *copy;
	struct rondo_point points[700];
	rondo_series *c;

	copy = migrated(store, in_scratch("dst5"), &schema, 1, 0);
	ck_assert_uint_eq(told.n, 0);
	c = counter(copy, "c_total");
	for (uint64_t t = 900; t < 1400; t++) {
		consolidate(copy, T0 + t * SEC);
		ck_ok(rondo_add(c, T0 + t * SEC, 1));
	}
	/* 120 s of the old store, of which it is sure, and what came since */
	ck_assert_uint_ge(read_points(copy, id_of_name(copy, "c_total"), 0, RONDO_FN_SUM,
				      T0 + 780 * SEC, 0, points, 700),
			  620 - 33);
	ck_value(copy, id_of_name(copy, "c_total"), 0, RONDO_FN_TOTAL, T0 + 1399 * SEC, 1400 - 33);
	ck_ok(rondo_store_close(copy));
}
END_TEST

/* The finest ring is cut to 60 s; a tier and functions are gone: each is said, of each series. */
START_TEST(core_what_is_dropped_is_said)
{
	const struct rondo_tier tiers[] = {
		{ .interval_ns = SEC, .retention_ns = 60 * SEC },
		{ .interval_ns = 10 * SEC,
		  .retention_ns = 600 * SEC,
		  .functions = RONDO_FNS_SUM | RONDO_FNS_MIN },
	};
	const struct rondo_schema schema = schema_of_tiers("less", tiers, 2, 8);
	rondo_store *store = filled(in_scratch("src6")), *copy;
	const struct rondo_dropped *d;
	struct rondo_point point;

	copy = migrated(store, in_scratch("dst6"), &schema, 1, 0);
	d = told_of("c_total", RONDO_DROP_FUNCTION, 1);
	ck_assert_uint_eq(d->functions, RONDO_FNS_MAX | RONDO_FNS_TOTAL);
	ck_assert_uint_eq(d->interval_ns, 10 * SEC);
	d = told_of("g", RONDO_DROP_FUNCTION, 1);
	ck_assert_uint_eq(d->functions, RONDO_FNS_MAX);
	d = told_of("old", RONDO_DROP_TIER, 2);
	ck_assert_uint_eq(d->interval_ns, 60 * SEC);
	told_of("c_total", RONDO_DROP_TIER, 2);
	d = told_of("g", RONDO_DROP_HISTORY, 0);
	/* it ends where the new ring begins */
	ck_assert_uint_eq(
		read_points(copy, id_of_name(copy, "g"), 0, RONDO_FN_LAST, 0, 0, &point, 1), 1);
	ck_assert_uint_eq(d->until_ns, point.ts_ns);
	ck_assert_uint_lt(d->from_ns, d->until_ns);
	/* a series of one cell loses none of it */
	for (size_t i = 0; i < told.n; i++)
		ck_assert(strcmp(told.key[i], "old") || told.d[i].what != RONDO_DROP_HISTORY);
	ck_assert_uint_eq(told.n, 3 + 3 + 2);
	ck_ok(rondo_store_close(copy));
}
END_TEST

START_TEST(core_other_selectors_move_series_to_other_schemas)
{
	const struct rondo_tier fine[] = { { .interval_ns = SEC, .retention_ns = 120 * SEC } };
	struct rondo_schema schemas[] = { schema_of_tiers("counters", tiers_three, 3, 2),
					  schema_of_tiers("gauges", fine, 1, 1) };
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_store *store = filled(in_scratch("src7")), *copy;
	rondo_iter *iter;

	schemas[0].selector = "{__name__=~\".*_total\"}";
	schemas[1].selector = "g";
	copy = migrated(store, in_scratch("dst7"), schemas, 2, 0);
	ck_assert_int_eq(told_of("old", RONDO_DROP_SERIES, UINT32_MAX)->error, RONDO_E_NO_SCHEMA);
	told_of("g", RONDO_DROP_TIER, 1);
	told_of("g", RONDO_DROP_TIER, 2);
	ck_assert_uint_eq(told.n, 3);
	ck_ok(rondo_iter_begin(copy, "g", &iter, NULL, 0));
	ck_assert_int_eq(rondo_iter_next(iter, &info), 1);
	ck_assert_uint_eq(info.schema, 1);
	rondo_iter_end(iter);
	ck_value(copy, id_of_name(copy, "g"), 0, RONDO_FN_LAST, T0 + 899 * SEC, 899);
	ck_ok(rondo_store_close(copy));
}
END_TEST

START_TEST(limits_each_reason_for_a_series_is_its_error)
{
	static const char long_name[] =
		"a_name_that_is_so_long_that_it_fits_into_an_entry_of_five_hundred_and_twelve_"
		"bytes_but_not_into_one_of_two_hundred_and_fifty_six_as_that_has_two_hundred_and_"
		"sixteen_for_it_and_the_end_of_this_one_is_at_two_hundred_and_thirty";
	const struct rondo_tier no_sums[] = {
		{ .interval_ns = SEC, .retention_ns = 120 * SEC },
		{ .interval_ns = 10 * SEC, .retention_ns = 600 * SEC, .functions = RONDO_FNS_MAX },
	};
	struct rondo_schema schema = schema_of_tiers("all", tiers_three, 3, 3);
	rondo_store *store = create(in_scratch("src8"), &schema, 1), *copy;

	ck_assert_uint_gt(strlen(long_name), 216);
	gauge(store, long_name);
	counter(store, "c_total");
	gauge(store, "g");
	schema = schema_of_tiers("maxima", no_sums, 2, 3);
	copy = migrated(store, in_scratch("dst8"), &schema, 1, 256);
	told.d[0].size = 0; /* the key is cut in told.key */
	ck_assert_int_eq(told.d[0].what, RONDO_DROP_SERIES);
	ck_assert_int_eq(told.d[0].error, RONDO_E_TOO_LONG);
	ck_assert_int_eq(told_of("c_total", RONDO_DROP_SERIES, UINT32_MAX)->error, RONDO_E_KIND);
	ck_assert_uint_eq(store_info(copy).series_live, 1);
	schema = schema_of_tiers("one", no_sums, 2, 1);
	gauge(copy, "h");
	store = migrated(copy, in_scratch("small8"), &schema, 1, 0);
	ck_assert_int_eq(told_of("h", RONDO_DROP_SERIES, UINT32_MAX)->error, RONDO_E_FULL);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(limits_histograms_need_the_same_bounds)
{
	static const double old_bounds[] = { 1, 2, 3 }, new_bounds[] = { 1, 2, 4 };
	struct rondo_schema schema = schema_of_tiers("h", tiers_three, 3, 4);
	struct rondo_range range = { .size = sizeof(range), .tier = 1 };
	struct rondo_histogram h[32];
	rondo_store *store, *copy;
	rondo_series *series;
	rondo_id id;
	size_t n;

	schema.bounds = old_bounds;
	schema.n_bounds = 3;
	store = create(in_scratch("src9"), &schema, 1);
	ck_ok(register_one(store, "h", NULL, NULL, RONDO_HISTOGRAM, &series));
	for (uint64_t t = 0; t < 100; t++) {
		ck_ok(rondo_observe(series, T0 + t * SEC, (double)(t % 5)));
		consolidate(store, T0 + t * SEC);
	}
	schema.max_series = 9;
	copy = migrated(store, in_scratch("same9"), &schema, 1, 0);
	ck_assert_uint_eq(told.n, 0);
	ck_ok(find_one(copy, "h", NULL, NULL, &id));
	ck_ok(rondo_read_histogram(copy, id, &range, h, 32, &n));
	ck_assert_uint_eq(n, 9);
	for (size_t i = 0; i < n; i++)
		ck_assert(h[i].count == 10 && h[i].sum == 20 && h[i].buckets[0] == 4);
	schema.bounds = new_bounds;
	store = migrated(copy, in_scratch("other9"), &schema, 1, 0);
	told_of("h", RONDO_DROP_BOUNDS, UINT32_MAX);
	ck_assert_uint_eq(told.n, 1);
	ck_ok(find_one(store, "h", NULL, NULL, &id));
	ck_ok(rondo_read_histogram(store, id, &range, h, 32, &n));
	ck_assert_uint_eq(n, 0);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Of the one sample of a year ahead, which took a place once, and the ring of today, today stays. */
START_TEST(limits_a_sample_of_a_wrong_clock_does_not_displace_the_others)
{
	/* of 3 rows of 6 s it has the newest cell's, of 41 one that no other takes */
	const uint64_t newest = (T0 + 99 * SEC) / (6 * SEC);
	const uint64_t year = (newest + 3 * (41 * 42731 + 3)) * 6 * SEC - T0;
	struct rondo_tier tiers[] = { { .interval_ns = SEC, .retention_ns = 240 * SEC } };
	struct rondo_schema schema = schema_of_tiers("s", tiers, 1, 1);
	rondo_store *store = create(in_scratch("src10"), &schema, 1), *copy;
	rondo_series *g = gauge(store, "g");
	struct rondo_point points[256];

	consolidate(store, T0 + year);
	ck_ok(rondo_record(g, T0 + year, 1));
	for (uint64_t t = 0; t < 100; t++) {
		consolidate(store, T0 + t * SEC);
		ck_ok(rondo_record(g, T0 + t * SEC, (double)t));
	}
	tiers[0].retention_ns = 6 * SEC;
	copy = migrated(store, in_scratch("dst10"), &schema, 1, 0);
	ck_assert_uint_ge(read_points(copy, id_of_name(copy, "g"), 0, RONDO_FN_LAST, 0,
				      T0 + year / 2, points, 256),
			  6);
	ck_value(copy, id_of_name(copy, "g"), 0, RONDO_FN_LAST, T0 + 99 * SEC, 99);
	ck_ok(rondo_store_close(copy));
}
END_TEST

START_TEST(errors_a_store_is_never_written_over)
{
	rondo_store *store = filled(in_scratch("one")), *other = filled(in_scratch("two"));

	ck_err(rondo_store_snapshot(store, in_scratch("one"), NULL, 0), RONDO_E_LOCKED);
	rondo_store_close(other);
	ck_err(rondo_store_snapshot(store, in_scratch("two"), NULL, 0), RONDO_E_EXISTS);
	ck_err(rondo_store_snapshot(store, in_scratch("no/such/place"), NULL, 0),
	       RONDO_E_NOT_FOUND);
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
		{ core_a_longer_retention_drops_nothing_and_fills_up, 'C' },
		{ core_what_is_dropped_is_said, 'C' },
		{ core_other_selectors_move_series_to_other_schemas, 'C' },
		{ limits_each_reason_for_a_series_is_its_error, 'L' },
		{ limits_histograms_need_the_same_bounds, 'L' },
		{ limits_a_sample_of_a_wrong_clock_does_not_displace_the_others, 'L' },
		{ limits_series_that_find_no_place_are_counted, 'L' },
		{ errors_a_store_is_never_written_over, 'E' },
	};

	return run_suite("lib_migrate", tests, LENGTH(tests));
}
