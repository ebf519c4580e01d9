// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Recording: what a tick holds afterwards, what is refused and why, clocks that step, the stale lap,
 * and that none of it allocates or calls the system.
 */
#include <linux/seccomp.h>
#include <math.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "lib_common.h"

static rondo_store *store;
static const struct rondo_tier tiers_ms[] = {
	{ .interval_ns = MS, .retention_ns = 40 * MS },
	{ .interval_ns = 5 * MS, .retention_ns = 200 * MS, .functions = ALL_FUNCTIONS },
};

/* A store whose last known now is T0. */
static void open_small(const char *name)
{
	const struct rondo_schema schema = schema_small(8);

	store = create(in_scratch(name), &schema, 1);
	consolidate(store, T0);
}

START_TEST(core_a_gauge_keeps_the_last_value_of_a_tick)
{
	rondo_series *g;
	rondo_id id;

	open_small("gauge");
	g = gauge(store, "g");
	id = rondo_series_id(store, g);
	ck_ok(rondo_record(g, T0, 1));
	ck_ok(rondo_record(g, T0 + SEC - 1, 2));
	ck_ok(rondo_record(g, T0 + SEC, 3));
	ck_ok(rondo_record(g, T0 + 2 * SEC + 1, -4.5));
	ck_ok(rondo_record(g, T0 + SEC + 7, 5)); /* back, within the grace */
	ck_ok(rondo_record(g, T0 + 30 * SEC, 0));
	ck_value(store, id, 0, RONDO_FN_LAST, T0, 2);
	ck_value(store, id, 0, RONDO_FN_LAST, T0 + SEC, 5);
	ck_value(store, id, 0, RONDO_FN_AVG, T0 + 2 * SEC, -4.5);
	ck_absent(store, id, 0, RONDO_FN_LAST, T0 + 3 * SEC);
	ck_value(store, id, 0, RONDO_FN_LAST, T0 + 30 * SEC, 0);
	ck_value(store, id, 0, RONDO_FN_COUNT, T0, 1);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_a_counter_adds_up_within_a_tick)
{
	rondo_series *c;
	rondo_id id;

	open_small("counter");
	c = counter(store, "c");
	id = rondo_series_id(store, c);
	for (int i = 0; i < 1009; i++)
		ck_ok(rondo_add(c, T0 + (uint64_t)i, 1));
	ck_ok(rondo_add(c, T0 + 2 * SEC, 0));
	ck_ok(rondo_add(c, T0 + 3 * SEC, 0.25));
	ck_ok(rondo_add(c, T0, 1)); /* back */
	ck_ok(rondo_add(c, T0 + 3 * SEC, 0.5));
	ck_value(store, id, 0, RONDO_FN_SUM, T0, 1010);
	ck_absent(store, id, 0, RONDO_FN_SUM, T0 + SEC);
	ck_value(store, id, 0, RONDO_FN_SUM, T0 + 2 * SEC, 0);
	ck_value(store, id, 0, RONDO_FN_SUM, T0 + 3 * SEC, 0.75);
	ck_value(store, id, 0, RONDO_FN_RATE, T0, 1010);
	ck_value(store, id, 0, RONDO_FN_TOTAL, T0 + 3 * SEC, 1010.75);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_cumulative_readings)
{
	rondo_series *c;
	rondo_id id;

	open_small("readings");
	c = counter(store, "c");
	id = rondo_series_id(store, c);
	ck_ok(rondo_record_total(c, T0, 1e6));
	ck_absent(store, id, 0, RONDO_FN_SUM, T0);
	ck_ok(rondo_record_total(c, T0 + SEC, 1e6 + 7));
	ck_ok(rondo_record_total(c, T0 + SEC, 1e6 + 9));
	ck_ok(rondo_record_total(c, T0 + 2 * SEC, 5)); /* a reset */
	ck_ok(rondo_record_total(c, T0 + 3 * SEC, 5));
	ck_err(rondo_record_total(c, T0 + 7200 * SEC, 50), RONDO_E_FUTURE);
	ck_ok(rondo_record_total(c, T0 + 4 * SEC, 60));
	ck_value(store, id, 0, RONDO_FN_SUM, T0 + SEC, 9);
	ck_value(store, id, 0, RONDO_FN_SUM, T0 + 2 * SEC, 5);
	ck_value(store, id, 0, RONDO_FN_SUM, T0 + 3 * SEC, 0);
	ck_value(store, id, 0, RONDO_FN_SUM, T0 + 4 * SEC, 55);
	ck_err(rondo_record_total(c, T0 + 4 * SEC, -1), RONDO_E_VALUE);
	ck_err(rondo_record_total(c, T0 + 4 * SEC, NAN), RONDO_E_VALUE);
	ck_err(rondo_record_total(gauge(store, "g"), T0, 1), RONDO_E_KIND);
	ck_err(rondo_record_total(gauge(store, "g"), T0, NAN), RONDO_E_KIND);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_batches)
{
	enum { N = 50 };
	struct rondo_schema schema = schema_of_tiers("ms", tiers_ms, 2, N);
	rondo_series *series[N];
	double values[N];
	size_t refused = 42;
	char name[16];

	schema.grace_ns = 6 * MS;
	store = create(in_scratch("batch"), &schema, 1);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		series[i] = i % 2 ? counter(store, name) : gauge(store, name);
	}
	for (uint64_t t = 0; t < 100; t++) {
		for (int twice = 0; twice < 2; twice++) {
			for (int i = 0; i < N; i++)
				values[i] = i + (double)t * 1000;
			values[7] = t % 3 ? 7 : -1; /* a counter: refused */
			values[8] = t % 5 ? 8 : NAN;
			ck_err(rondo_record_batch(series, values, N, T0 + t * MS, &refused),
			       t % 3 == 0 || t % 5 == 0 ? RONDO_E_VALUE : RONDO_OK);
			ck_assert_uint_eq(refused, (t % 3 == 0) + (t % 5 == 0));
		}
		for (int i = 0; i < N; i++) {
			rondo_id id = rondo_series_id(store, series[i]);

			if ((i == 7 && t % 3 == 0) || (i == 8 && t % 5 == 0)) {
				ck_absent(store, id, 0, RONDO_FN_SUM, T0 + t * MS);
				continue;
			}
			ck_value(store, id, 0, RONDO_FN_SUM, T0 + t * MS,
				 values[i] * (i % 2 ? 2 : 1));
		}
		consolidate(store, T0 + t * MS);
	}
	ck_ok(rondo_record_batch(series, values, 0, T0, &refused));
	ck_assert_uint_eq(refused, 0);
	ck_ok(rondo_record_batch(NULL, NULL, 0, T0, NULL));
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(errors_values_and_kinds)
{
	static const double bad[] = { INFINITY, -INFINITY, NAN };
	rondo_series *g, *c;
	union {
		uint64_t u;
		double f;
	} empty = { RONDO_EMPTY };

	open_small("values");
	g = gauge(store, "g");
	c = counter(store, "c");
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < LENGTH(bad); i++) {
			ck_err(rondo_record(g, T0, bad[i]), RONDO_E_VALUE);
			ck_err(rondo_add(c, T0, bad[i]), RONDO_E_VALUE);
		}
		ck_err(rondo_record(g, T0, empty.f), RONDO_E_VALUE);
		ck_err(rondo_add(c, T0, empty.f), RONDO_E_VALUE);
		ck_err(rondo_add(c, T0, -1), RONDO_E_VALUE);
		ck_err(rondo_add(c, T0, -1e-300), RONDO_E_VALUE);
		ck_err(rondo_add(c, T0, 1.1 * RONDO_ADD_MAX), RONDO_E_VALUE);
		ck_err(rondo_add(g, T0, 1), RONDO_E_KIND);
		ck_err(rondo_record(c, T0, 1), RONDO_E_KIND);
		ck_assert_uint_eq(store_info(store).invalid, 13 * (unsigned int)(again + 1));
		ck_absent(store, rondo_series_id(store, g), 0, RONDO_FN_LAST,
			  again ? T0 + SEC : T0);
		/* the second time the handle is at the tick: the inline path */
		ck_ok(rondo_record(g, T0, 1));
		ck_ok(rondo_add(c, T0, 1));
	}
	ck_ok(rondo_record(g, T0, -1.7e308));
	ck_ok(rondo_record(g, T0, 5e-324));
	ck_ok(rondo_add(c, T0, RONDO_ADD_MAX));
	ck_value(store, rondo_series_id(store, g), 0, RONDO_FN_LAST, T0, 5e-324);
	ck_value(store, rondo_series_id(store, c), 0, RONDO_FN_SUM, T0, 2 + RONDO_ADD_MAX);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* ---- time ---- */

START_TEST(limits_late_and_early)
{
	rondo_series *g;
	rondo_id id;

	open_small("late");
	g = gauge(store, "g");
	id = rondo_series_id(store, g);
	/* grace 6 s: at T0 + 36 the window [20, 30) is closed, [30, 40) is open */
	ck_ok(rondo_record(g, T0 + 25 * SEC, 1));
	consolidate(store, T0 + 36 * SEC - 1);
	ck_ok(rondo_record(g, T0 + 26 * SEC, 2));
	ck_absent(store, id, 1, RONDO_FN_MAX, T0 + 20 * SEC);
	consolidate(store, T0 + 36 * SEC);
	/* also where the handle is: its tick and the others of its cell */
	ck_err(rondo_record(g, T0 + 26 * SEC, 9), RONDO_E_TOO_OLD);
	ck_err(rondo_record(g, T0 + 25 * SEC, 9), RONDO_E_TOO_OLD);
	ck_err(rondo_record(g, T0 + 30 * SEC - 1, 9), RONDO_E_TOO_OLD);
	ck_ok(rondo_record(g, T0 + 30 * SEC, 3));
	ck_err(rondo_record(g, T0, 9), RONDO_E_TOO_OLD);
	ck_assert_uint_eq(store_info(store).too_old, 4);
	ck_value(store, id, 1, RONDO_FN_COUNT, T0 + 20 * SEC, 2);
	/* max_ahead is 60 s */
	ck_ok(rondo_record(g, T0 + 96 * SEC, 4));
	ck_err(rondo_record(g, T0 + 36 * SEC + 10000 * SEC, 9), RONDO_E_FUTURE);
	ck_ok(rondo_record(g, T0 + 37 * SEC, 5));
	consolidate(store, T0 + 36 * SEC);
	ck_assert_uint_eq(store_info(store).future, 1);
	ck_value(store, id, 0, RONDO_FN_LAST, T0 + 96 * SEC, 4);
	ck_ok(rondo_store_close(store));
	/* what was closed stays closed after opening, before anybody has called consolidate() */
	store = reopen(in_scratch("late"), 0);
	g = gauge(store, "new");
	ck_err(rondo_record(g, T0 + 29 * SEC, 9), RONDO_E_TOO_OLD);
	ck_ok(rondo_record(g, T0 + 30 * SEC, 6));
	ck_ok(rondo_store_close(store));
}
END_TEST

/* A clock that was an hour ahead has gone back while the store was closed: nothing is late. */
START_TEST(limits_closed_in_the_future)
{
	struct timespec ts;
	rondo_series *g;
	uint64_t now;

	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * SEC;
	open_small("ahead");
	g = gauge(store, "g");
	consolidate(store, now + 3600 * SEC);
	ck_ok(rondo_record(g, now + 3600 * SEC, 1));
	consolidate(store, now + 3660 * SEC);
	ck_ok(rondo_store_close(store));
	store = reopen(in_scratch("ahead"), 0);
	ck_ok(rondo_record(gauge(store, "g"), now, 2));
	ck_ok(rondo_store_close(store));
}
END_TEST

/* A window that closes in the middle of the handle's cell: the ticks before are late, those after are not. */
START_TEST(limits_a_window_closes_in_the_cell)
{
	rondo_series *g, *c;

	open_small("middle");
	g = gauge(store, "g");
	c = counter(store, "c");
	for (uint64_t i = 0; i < 22; i++) {
		ck_ok(rondo_record(g, T0 + i * SEC, 1));
		ck_ok(rondo_add(c, T0 + i * SEC, 1));
	}
	consolidate(store, T0 + 26 * SEC); /* closes [10, 20); the cell is [16, 22) */
	for (int round = 0; round < 2; round++) {
		ck_err(rondo_record(g, T0 + 19 * SEC, 2), RONDO_E_TOO_OLD);
		ck_ok(rondo_record(g, T0 + 20 * SEC, 2));
		ck_err(rondo_add(c, T0 + 19 * SEC, 2), RONDO_E_TOO_OLD);
		ck_ok(rondo_add(c, T0 + 20 * SEC, 2));
	}
	ck_value(store, rondo_series_id(store, g), 0, RONDO_FN_LAST, T0 + 19 * SEC, 1);
	ck_value(store, rondo_series_id(store, c), 0, RONDO_FN_SUM, T0 + 19 * SEC, 1);
	ck_value(store, rondo_series_id(store, c), 0, RONDO_FN_SUM, T0 + 20 * SEC, 5);
	ck_value(store, rondo_series_id(store, c), 1, RONDO_FN_SUM, T0 + 10 * SEC, 10);
	ck_ok(rondo_store_close(store));
}
END_TEST

/*
 * Ticks of any length from a millisecond on, also those that have no exact reciprocal: the first and the
 * last nanosecond of each tick of two cells go where a division says.
 */
START_TEST(limits_ticks_of_any_length)
{
	for (int i = 0; i < 1009; i++) {
		uint64_t interval = 1000000 + random_below(UINT64_C(1) << (20 + i % 27));
		const struct rondo_tier tier = { .interval_ns = interval,
						 .retention_ns = 18 * interval };
		const struct rondo_schema schema = schema_of_tiers("s", &tier, 1, 1);
		uint64_t first = T0 / interval / 6 * 6 * interval;
		rondo_series *c;
		rondo_id id;

		store = create(in_scratch("length"), &schema, 1);
		consolidate(store, first + 12 * interval);
		c = counter(store, "c");
		id = rondo_series_id(store, c);
		for (uint64_t k = 0; k < 12; k++) {
			ck_ok(rondo_add(c, first + k * interval, 1));
			ck_ok(rondo_add(c, first + k * interval + interval - 1, 2));
			ck_ok(rondo_add(c, first + k * interval + random_below(interval), 4));
			ck_value(store, id, 0, RONDO_FN_SUM, first + k * interval, 7);
		}
		ck_ok(rondo_add(c, first + 5 * interval, 8)); /* back, to the cell before */
		ck_value(store, id, 0, RONDO_FN_SUM, first + 5 * interval, 15);
		ck_ok(rondo_store_close(store));
		remove_tree(in_scratch("length"));
	}
}
END_TEST

/* Nobody consolidates for a while: recording goes on, and nothing of before is there any more. */
START_TEST(limits_without_consolidation)
{
	struct rondo_point points[1000];
	rondo_series *g;
	rondo_id id;
	size_t n;

	open_small("alone");
	g = gauge(store, "g");
	id = rondo_series_id(store, g);
	for (uint64_t i = 0; i < 100000; i++)
		ck_ok(rondo_record(g, T0 + i * SEC, (double)i));
	n = read_points(store, id, 0, RONDO_FN_LAST, 0, 0, points, LENGTH(points));
	ck_assert_uint_ge(n, 60);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(points[i].ts_ns, T0 + (100000 - n + i) * SEC);
		ck_assert(points[i].value == (double)(100000 - n + i));
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

/* PEERS: one sample far in the future stopped consolidation for as long. */
START_TEST(errors_one_sample_a_year_ahead)
{
	const uint64_t year = UINT64_C(365) * 86400 * SEC;
	rondo_series *g;
	rondo_id id;

	open_small("year");
	g = gauge(store, "g");
	id = rondo_series_id(store, g);
	for (uint64_t i = 0; i < 60; i++) {
		ck_ok(rondo_record(g, T0 + i * SEC, (double)i));
		if (i == 30) {
			ck_err(rondo_record(g, T0 + year, 9), RONDO_E_FUTURE);
			ck_err(rondo_record(g, UINT64_MAX, 9), RONDO_E_FUTURE);
		}
		consolidate(store, T0 + i * SEC);
	}
	for (uint64_t i = 0; i < 50; i += 10)
		ck_value(store, id, 1, RONDO_FN_COUNT, T0 + i * SEC, 10);
	ck_value(store, id, 0, RONDO_FN_LAST, T0 + 30 * SEC, 30);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* The clock was a year ahead for one maintenance tick. */
START_TEST(errors_one_consolidation_a_year_ahead)
{
	const uint64_t year = UINT64_C(365) * 86400 * SEC;
	rondo_series *g, *c;
	rondo_id id, total;

	open_small("glitch");
	g = gauge(store, "g");
	c = counter(store, "c");
	id = rondo_series_id(store, g);
	total = rondo_series_id(store, c);
	for (uint64_t i = 0; i < 200; i++) {
		if (i == 55) {
			consolidate(store, T0 + year);
			ck_err(rondo_record(g, T0 + i * SEC, 9), RONDO_E_TOO_OLD);
			ck_ok(rondo_record(g, T0 + year, 1e9));
			consolidate(store, T0 + i * SEC);
		}
		ck_ok(rondo_record(g, T0 + i * SEC, (double)i));
		ck_ok(rondo_add(c, T0 + i * SEC, 1));
		consolidate(store, T0 + i * SEC);
	}
	for (uint64_t i = 0; i < 190; i += 10) {
		/* [50, 60) was closed with what was there at the glitch */
		double n = i == 50 ? 5 : 10;

		ck_value(store, id, 1, RONDO_FN_COUNT, T0 + i * SEC, n);
		ck_value(store, id, 1, RONDO_FN_MAX, T0 + i * SEC, (double)i + n - 1);
		ck_value(store, total, 1, RONDO_FN_SUM, T0 + i * SEC, n);
	}
	for (uint64_t i = 150; i < 200; i++)
		ck_value(store, id, 0, RONDO_FN_LAST, T0 + i * SEC, (double)i);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* PEERS: a clock that steps back an hour stopped everything for an hour. */
START_TEST(errors_clock_back_an_hour)
{
	uint64_t back = T0 + 7200 * SEC - 3600 * SEC;
	rondo_series *g;
	rondo_id id;

	open_small("back");
	g = gauge(store, "g");
	id = rondo_series_id(store, g);
	for (uint64_t i = 7000; i < 7200; i++) {
		consolidate(store, T0 + i * SEC);
		ck_ok(rondo_record(g, T0 + i * SEC, (double)i));
	}
	ck_err(rondo_record(g, back, 1), RONDO_E_TOO_OLD);
	for (uint64_t i = 0; i < 100; i++) {
		consolidate(store, back + i * SEC);
		ck_ok(rondo_record(g, back + i * SEC, 0.5));
		ck_value(store, id, 0, RONDO_FN_LAST, back + i * SEC, 0.5);
	}
	for (uint64_t i = 0; i < 80; i += 10)
		ck_value(store, id, 1, RONDO_FN_COUNT, back + i * SEC, 10);
	/* what was stored before the step is still there */
	for (uint64_t i = 7000; i < 7190; i += 10)
		ck_value(store, id, 1, RONDO_FN_COUNT, T0 + i * SEC, 10);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* ---- the stale lap (PEERS 1) ---- */

/* Rings of every phase: a series that stopped a lap ago, or two, is never read as if it were current. */
START_TEST(core_a_stopped_series_has_no_new_points)
{
	struct rondo_schema schema = schema_of_tiers("ms", tiers_ms, 2, 2);
	struct rondo_point points[600];
	rondo_series *stops, *goes;
	rondo_id id;
	size_t n;

	schema.grace_ns = 6 * MS;
	store = create(in_scratch("stale"), &schema, 1);
	stops = gauge(store, "stops");
	goes = gauge(store, "goes");
	id = rondo_series_id(store, stops);
	for (uint64_t i = 0; i < 1000; i++) {
		if (i < 100)
			ck_ok(rondo_record(stops, T0 + i * MS, (double)i));
		ck_ok(rondo_record(goes, T0 + i * MS, (double)i));
		consolidate(store, T0 + i * MS);
	}
	consolidate(store, T0 + 4000 * MS);
	for (uint32_t tier = 0; tier < 3; tier++) {
		n = read_points(store, id, tier == 2 ? RONDO_TIER_AUTO : tier, RONDO_FN_MAX, 0, 0,
				points, LENGTH(points));
		ck_assert_uint_gt(n, 0);
		for (size_t i = 0; i < n; i++) {
			uint64_t length = points[i].tier ? 5 : 1;
			uint64_t at = (points[i].ts_ns - T0) / MS;

			ck_assert_uint_lt(at, 100);
			ck_assert(points[i].value == (double)(at + length - 1));
		}
		n = read_points(store, id, tier == 2 ? RONDO_TIER_AUTO : tier, RONDO_FN_MAX,
				T0 + 100 * MS, 0, points, LENGTH(points));
		ck_assert_uint_eq(n, 0);
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

/* ... and going on after a pause of any length shows only what was recorded since. */
START_TEST(core_pauses_of_every_length)
{
	const struct rondo_tier tier = { .interval_ns = MS, .retention_ns = 12 * MS };
	const struct rondo_schema schema = schema_of_tiers("ring", &tier, 1, 200);
	struct rondo_point points[100];
	char name[16];

	store = create(in_scratch("pauses"), &schema, 1);
	for (uint64_t pause = 1; pause < 150; pause++) {
		rondo_series *g;
		uint64_t from = T0 + pause * MS, to = from + (30 + pause) * MS;
		size_t n;

		snprintf(name, sizeof(name), "p%d", (int)pause);
		g = gauge(store, name);
		for (uint64_t i = 0; i < 30; i++)
			ck_ok(rondo_record(g, from + i * MS, -1));
		ck_ok(rondo_record(g, to, 7));
		n = read_points(store, rondo_series_id(store, g), 0, RONDO_FN_LAST, from + 30 * MS,
				0, points, LENGTH(points));
		ck_assert_uint_eq(n, 1);
		ck_assert_uint_eq(points[0].ts_ns, to);
		ck_assert(points[0].value == 7);
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

/* PEERS 5: late samples of one series destroyed live slots of others. */
START_TEST(core_late_samples_touch_no_other_series)
{
	rondo_series *a, *b;

	open_small("neighbours");
	a = gauge(store, "a");
	b = gauge(store, "b");
	for (uint64_t i = 0; i < 300; i++) {
		ck_ok(rondo_record(a, T0 + i * SEC, (double)i));
		rondo_record(b, T0 + i * SEC - random_below(300) * SEC, 5);
		consolidate(store, T0 + i * SEC);
		for (uint64_t j = i < 50 ? 0 : i - 50; j <= i; j++)
			ck_value(store, rondo_series_id(store, a), 0, RONDO_FN_LAST, T0 + j * SEC,
				 (double)j);
	}
	ck_assert_uint_gt(store_info(store).too_old, 100);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* ---- no allocation, no system call ---- */

START_TEST(limits_handle_size)
{
	ck_assert_uint_le(sizeof(rondo_series), 32);
}
END_TEST

/* What the hot calls do, at their most varied: new cells, laps, jumps, refusals. */
static void record_all_ways(rondo_series *g, rondo_series *c, uint64_t now)
{
	rondo_series *both[] = { g, c };
	const double values[] = { 1, 2 };
	size_t refused;

	for (uint64_t i = 0; i < 2000; i++) {
		uint64_t ts = now + i * SEC / 3 + (i % 100 == 99 ? 1000 * SEC : 0);

		rondo_record(g, ts, (double)i);
		rondo_add(c, ts, 1);
		rondo_record_batch(both, values, 2, ts + SEC, &refused);
		rondo_record(g, ts - 20 * SEC, 1);
		rondo_record(g, UINT64_MAX, 1);
		rondo_add(c, ts, -1);
		rondo_add(g, ts, 1);
	}
}

/* Under seccomp's strict mode every system call but read, write and exit kills, brk() and mmap() too. */
START_TEST(limits_recording_makes_no_system_call)
{
	int status;
	pid_t pid;

#if defined(__SANITIZE_THREAD__)
	return; /* TSan itself calls the system */
#endif
	pid = fork();
	if (pid == 0) {
		rondo_series *g, *c;

		open_small("strict");
		g = gauge(store, "g");
		c = counter(store, "c");
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
			_exit(2);
		record_all_ways(g, c, T0);
		syscall(SYS_exit, 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "killed or failed: status 0x%x", (unsigned int)status);
}
END_TEST

static unsigned long allocations;

#if defined(__SANITIZE_ADDRESS__)
extern int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
						     void (*)(const volatile void *));
static void count_allocation(const volatile void *p UNUSED, size_t n UNUSED)
{
	allocations++;
}
static void count_free(const volatile void *p UNUSED)
{
}
static void count_allocations(void)
{
	__sanitizer_install_malloc_and_free_hooks(count_allocation, count_free);
}
#elif defined(__SANITIZE_THREAD__)
static void count_allocations(void)
{
	free(malloc(1)); /* TSan has no hook that counts */
	allocations++;
}
#else
/* The program's own malloc comes before libc's; librondo is linked into the program. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	allocations++;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	allocations++;
	return __libc_realloc(p, n);
}

static void count_allocations(void)
{
}
#endif

START_TEST(limits_recording_allocates_nothing)
{
	unsigned long before;
	rondo_series *g, *c;
	void *volatile probe;

	open_small("heap");
	g = gauge(store, "g");
	c = counter(store, "c");
	before = allocations;
	count_allocations();
	probe = malloc(100);
	ck_assert_uint_gt(allocations, before); /* the counting works */
	before = allocations;
	record_all_ways(g, c, T0);
	ck_assert_uint_eq(allocations, before);
	free(probe);
	ck_ok(rondo_store_close(store));
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_a_gauge_keeps_the_last_value_of_a_tick, 'C' },
		{ core_a_counter_adds_up_within_a_tick, 'C' },
		{ core_cumulative_readings, 'C' },
		{ core_batches, 'C' },
		{ core_a_stopped_series_has_no_new_points, 'C' },
		{ core_pauses_of_every_length, 'C' },
		{ core_late_samples_touch_no_other_series, 'C' },
		{ limits_late_and_early, 'L' },
		{ limits_closed_in_the_future, 'L' },
		{ limits_a_window_closes_in_the_cell, 'L' },
		{ limits_ticks_of_any_length, 'L' },
		{ limits_without_consolidation, 'L' },
		{ limits_handle_size, 'L' },
		{ limits_recording_makes_no_system_call, 'L' },
		{ limits_recording_allocates_nothing, 'L' },
		{ errors_values_and_kinds, 'E' },
		{ errors_one_sample_a_year_ahead, 'E' },
		{ errors_one_consolidation_a_year_ahead, 'E' },
		{ errors_clock_back_an_hour, 'E' },
	};

	return run_suite("lib_record", tests, LENGTH(tests));
}
