// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Reading: ranges and their ends, continuing when the buffer is full, stitching of tiers, steps, pauses
 * longer than the rings, which functions there are. Values over random schemas are checked in
 * lib_consolidate.c.
 */
#include <math.h>
#include <stdbool.h>

#include "lib_common.h"

static const struct rondo_tier tiers_three[] = {
	{ .interval_ns = SEC, .retention_ns = 60 * SEC },
	{ .interval_ns = 10 * SEC,
	  .retention_ns = 600 * SEC,
	  .functions = RONDO_FNS_MAX | RONDO_FNS_TOTAL },
	{ .interval_ns = 60 * SEC, .retention_ns = 6000 * SEC, .functions = RONDO_FNS_SUM },
};

static rondo_store *store;

/* Tick i of both series holds i + 1; consolidated at every tick; ends at T0 + n s. */
static void fill(const char *name, uint64_t n)
{
	const struct rondo_schema schema = schema_of_tiers("three", tiers_three, 3, 4);
	rondo_series *g, *c;

	store = create(in_scratch(name), &schema, 1);
	g = gauge(store, "g");
	c = counter(store, "c");
	for (uint64_t i = 0; i < n; i++) {
		consolidate(store, T0 + i * SEC);
		ck_ok(rondo_record(g, T0 + i * SEC, (double)(i + 1)));
		ck_ok(rondo_add(c, T0 + i * SEC, (double)(i + 1)));
	}
}

static int try_read(rondo_id id, uint32_t tier, int function)
{
	const struct rondo_range range = { .size = sizeof(range),
					   .tier = tier,
					   .function = (enum rondo_function)function };
	struct rondo_point point;
	size_t n;

	return rondo_read(store, id, &range, &point, 1, &n);
}

START_TEST(core_ranges)
{
	struct rondo_point p[100];
	rondo_id id;

	fill("ranges", 50);
	id = id_of_name(store, "g");
	/* a point belongs to where its window starts; the end is not in it */
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_LAST, T0, T0 + 50 * SEC, p, 100), 50);
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_LAST, 0, 0, p, 100), 50);
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_LAST, 0, UINT64_MAX, p, 100), 50);
	ck_assert_uint_eq(
		read_points(store, id, 0, RONDO_FN_LAST, T0 + 5 * SEC, T0 + 7 * SEC, p, 100), 2);
	ck_assert_uint_eq(p[0].ts_ns, T0 + 5 * SEC);
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_LAST, T0 + 5 * SEC + 1,
				      T0 + 7 * SEC + 1, p, 100),
			  2);
	ck_assert_uint_eq(p[0].ts_ns, T0 + 6 * SEC);
	ck_assert_uint_eq(
		read_points(store, id, 0, RONDO_FN_LAST, T0 + 7 * SEC, T0 + 7 * SEC, p, 100), 0);
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_LAST, T0 + 9 * SEC, T0, p, 100), 0);
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_LAST, 0, T0, p, 100), 0);
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_LAST, T0 + 50 * SEC, 0, p, 100), 0);
	ck_assert_uint_eq(
		read_points(store, id, 0, RONDO_FN_LAST, UINT64_MAX - 1, UINT64_MAX, p, 100), 0);
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_LAST, UINT64_MAX, 0, p, 100), 0);
	/* 49 was the last now: [0, 40) is closed by a grace of 6 */
	ck_assert_uint_eq(read_points(store, id, 1, RONDO_FN_MAX, 0, 0, p, 100), 4);
	ck_assert_uint_eq(read_points(store, id, 1, RONDO_FN_MAX, T0 + 1, T0 + 30 * SEC, p, 100),
			  2);
	ck_assert_uint_eq(p[0].ts_ns, T0 + 10 * SEC);
	ck_assert(p[0].value == 20 && p[0].known == 10 && p[0].tier == 1);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Buffers of every size give the same points as one big one. */
START_TEST(core_going_on_where_the_buffer_was_full)
{
	static struct rondo_point all[2000], part[2000];
	static const int functions[] = { RONDO_FN_MAX, RONDO_FN_SUM, RONDO_FN_TOTAL };
	rondo_id id;

	fill("cap", 700);
	id = id_of_name(store, "c");
	for (size_t f = 0; f < LENGTH(functions); f++) {
		for (uint32_t t = 0; t < 4; t++) {
			uint32_t tier = t == 3 ? RONDO_TIER_AUTO : t;
			struct rondo_schema schema = { .size = sizeof(schema) };
			size_t n_all;

			if (t < 3 && try_read(id, tier, functions[f]))
				continue;
			ck_ok(rondo_store_schema(store, 0, &schema));
			n_all = read_points(store, id, tier, (enum rondo_function)functions[f],
					    T0 + 13 * SEC, T0 + 680 * SEC, all, LENGTH(all));
			ck_assert_uint_gt(n_all, 5);
			for (size_t cap = 1; cap <= n_all + 1; cap += cap < 15 ? 1 : 37) {
				uint64_t start = T0 + 13 * SEC;
				size_t n = 0, got;

				do {
					got = read_points(store, id, tier,
							  (enum rondo_function)functions[f], start,
							  T0 + 680 * SEC, part + n, cap);
					n += got;
					start = part[n - 1].ts_ns +
						schema.tiers[part[n - 1].tier].interval_ns;
				} while (got == cap);
				expect(n == n_all && !memcmp(all, part, n * sizeof(all[0])),
				       "tier %d function %d by %zu: %zu points, want %zu", (int)t,
				       functions[f], cap, n, n_all);
			}
		}
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Ticks with and without a value in any mixture, ranges and arrays of any size, beside a plain array. */
START_TEST(core_any_range_of_any_holes)
{
	const struct rondo_schema schema = schema_of_tiers("three", tiers_three, 1, 2);
	struct rondo_point p[80];
	double want[300];
	rondo_series *g;
	rondo_id id;

	store = create(in_scratch("holes"), &schema, 1);
	g = gauge(store, "g");
	id = id_of_name(store, "g");
	for (uint64_t i = 0; i < LENGTH(want); i++) {
		bool known = random_below(LENGTH(want)) > i / 2 || i % 30 < 8;

		consolidate(store, T0 + i * SEC);
		want[i] = known ? (double)i : NAN;
		if (known)
			ck_ok(rondo_record(g, T0 + i * SEC, want[i]));
	}
	for (int round = 0; round < 10007; round++) {
		/* what the ring is sure to hold, and beyond the newest */
		uint64_t start = LENGTH(want) - 60 + random_below(70), end = start;
		size_t cap = 1 + random_below(80), n, k = 0;

		end += random_below(70);
		n = read_points(store, id, 0, RONDO_FN_LAST, T0 + start * SEC, T0 + end * SEC, p,
				cap);
		for (uint64_t i = start; i < end && i < LENGTH(want) && k < cap; i++) {
			if (isnan(want[i]))
				continue;
			expect(k < n && p[k].ts_ns == T0 + i * SEC && p[k].value == want[i] &&
				       p[k].known == 1 && p[k].tier == 0,
			       "[%d, %d) into %zu: tick %d is not point %zu of %zu", (int)start,
			       (int)end, cap, (int)i, k, n);
			k++;
		}
		ck_assert_uint_eq(n, k);
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

/* From the coarsest to the finest: no overlap, no gap, every point right and of the tier it says. */
START_TEST(core_stitched)
{
	static struct rondo_point p[4000];
	uint64_t next = 0, tiers_seen = 0;
	rondo_id id;
	size_t n;

	fill("stitched", 3000);
	id = id_of_name(store, "c");
	n = read_points(store, id, RONDO_TIER_AUTO, RONDO_FN_SUM, 0, 0, p, LENGTH(p));
	ck_assert_uint_gt(n, 100);
	ck_assert_uint_eq(p[0].ts_ns, T0 - T0 % (60 * SEC));
	for (size_t i = 0; i < n; i++) {
		uint64_t length = tiers_three[p[i].tier].interval_ns;
		double want = 0;

		expect(!i || p[i].ts_ns == next, "gap or overlap at point %zu", i);
		expect(!i || p[i].tier <= p[i - 1].tier, "tier %u after tier %u", p[i].tier,
		       p[i - 1].tier);
		for (uint64_t t = p[i].ts_ns; t < p[i].ts_ns + length; t += SEC)
			want += t >= T0 ? (double)((t - T0) / SEC + 1) : 0;
		expect(p[i].value == want, "point %zu: %g, want %g", i, p[i].value, want);
		next = p[i].ts_ns + length;
		tiers_seen |= 1u << p[i].tier;
	}
	ck_assert_uint_eq(next, T0 + 3000 * SEC);
	ck_assert_uint_eq(tiers_seen, 7);
	/* the finest tier tells at least nearly its retention, the next one its */
	for (size_t i = n; i-- > n - 45;)
		expect(p[i].tier == 0, "point %zu of %zu is of tier %u", i, n, p[i].tier);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_steps)
{
	static struct rondo_point p[4000];
	static const struct {
		uint64_t step;
		uint32_t finest;
	} steps[] = { { 0, 0 },        { SEC, 0 },      { 10 * SEC - 1, 0 }, { 10 * SEC, 1 },
		      { 59 * SEC, 1 }, { 60 * SEC, 2 }, { 61 * SEC, 2 },     { UINT64_MAX, 2 } };
	rondo_id id;

	fill("steps", 1000);
	id = id_of_name(store, "c");
	for (size_t s = 0; s < LENGTH(steps); s++) {
		const struct rondo_range range = { .size = sizeof(range),
						   .tier = RONDO_TIER_AUTO,
						   .step_ns = steps[s].step,
						   .function = RONDO_FN_SUM };
		uint64_t next = 0;
		size_t n;

		ck_ok(rondo_read(store, id, &range, p, LENGTH(p), &n));
		for (size_t i = 0; i < n; i++) {
			expect(p[i].tier >= steps[s].finest, "step %d: tier %u", (int)s, p[i].tier);
			expect(p[i].ts_ns >= next, "overlap");
			next = p[i].ts_ns + tiers_three[p[i].tier].interval_ns;
		}
		ck_assert_uint_eq(p[n - 1].tier, steps[s].finest);
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_functions_and_defaults)
{
	rondo_id g, c;

	fill("functions", 100);
	g = id_of_name(store, "g");
	c = id_of_name(store, "c");
	/* GAUGE: avg, as sums are kept in the coarsest tier; COUNTER: sum */
	ck_value(store, g, 2, RONDO_FN_DEFAULT, T0 - T0 % (60 * SEC),
		 value_at(store, g, 2, RONDO_FN_AVG, T0 - T0 % (60 * SEC)));
	ck_value(store, c, 1, RONDO_FN_DEFAULT, T0, 55);
	ck_value(store, c, 1, RONDO_FN_RATE, T0, 5.5);
	ck_value(store, c, 1, RONDO_FN_AVG, T0, 5.5);
	ck_value(store, c, 1, RONDO_FN_COUNT, T0, 10);
	ck_value(store, c, 1, RONDO_FN_TOTAL, T0 + 10 * SEC, 210);
	ck_value(store, c, 0, RONDO_FN_RATE, T0 + 50 * SEC, 51);
	ck_value(store, c, 0, RONDO_FN_TOTAL, T0 + 99 * SEC, 5050);
	ck_value(store, g, 1, RONDO_FN_MAX, T0, 10);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(errors_functions_that_are_not_there)
{
	struct rondo_range range = { .size = sizeof(range) };
	struct rondo_point p;
	size_t n;
	rondo_id g, c;

	fill("absent", 10);
	g = id_of_name(store, "g");
	c = id_of_name(store, "c");
	ck_err(try_read(g, 2, RONDO_FN_MAX), RONDO_E_NOT_FOUND);
	ck_err(try_read(c, 2, RONDO_FN_TOTAL), RONDO_E_NOT_FOUND);
	ck_err(try_read(g, 1, RONDO_FN_MIN), RONDO_E_NOT_FOUND);
	ck_ok(try_read(g, 0, RONDO_FN_MIN));
	ck_ok(try_read(g, RONDO_TIER_AUTO, RONDO_FN_MIN));
	ck_err(try_read(g, 3, RONDO_FN_LAST), RONDO_E_NOT_FOUND);
	ck_err(try_read(g, 0, RONDO_FN_TOTAL), RONDO_E_KIND);
	ck_err(try_read(g, RONDO_TIER_AUTO, RONDO_FN_RATE), RONDO_E_KIND);
	ck_err(try_read(c, 0, 9), RONDO_E_INVALID);
	ck_err(try_read(c, 0, -1), RONDO_E_INVALID);
	ck_err(try_read(0, 0, RONDO_FN_LAST), RONDO_E_NOT_FOUND);
	ck_err(try_read(c + 1, 0, RONDO_FN_LAST), RONDO_E_NOT_FOUND);
	ck_err(try_read(c + (UINT64_C(1) << 32), 0, RONDO_FN_LAST), RONDO_E_NOT_FOUND);
	ck_err(try_read(c + (UINT64_C(1) << 56), 0, RONDO_FN_LAST), RONDO_E_NOT_FOUND);
	ck_err(try_read(UINT64_MAX, 0, RONDO_FN_LAST), RONDO_E_NOT_FOUND);
	ck_err(rondo_read(store, c, &range, &p, 0, &n), RONDO_E_INVALID);
	ck_err(rondo_read(store, c, &range, NULL, 1, &n), RONDO_E_INVALID);
	ck_err(rondo_read(store, c, NULL, &p, 1, &n), RONDO_E_INVALID);
	range.size = 4;
	ck_err(rondo_read(store, c, &range, &p, 1, &n), RONDO_E_INVALID);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* A schema without total in its first upper tier has none anywhere. */
START_TEST(errors_total_without_a_lane_for_it)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = SEC, .retention_ns = 60 * SEC },
		{ .interval_ns = 10 * SEC, .retention_ns = 600 * SEC, .functions = RONDO_FNS_SUM },
	};
	const struct rondo_schema schemas[] = { schema_of_tiers("two", tiers, 2, 1),
						schema_of_tiers("one", tiers, 1, 1) };
	rondo_id id;

	for (int i = 0; i < 2; i++) {
		store = create(in_scratch(i ? "one" : "two"), &schemas[i], 1);
		ck_ok(rondo_add(counter(store, "c"), T0, 1));
		id = id_of_name(store, "c");
		ck_err(try_read(id, 0, RONDO_FN_TOTAL), RONDO_E_NOT_FOUND);
		ck_err(try_read(id, RONDO_TIER_AUTO, RONDO_FN_TOTAL), RONDO_E_NOT_FOUND);
		ck_ok(try_read(id, RONDO_TIER_AUTO, RONDO_FN_SUM));
		ck_ok(rondo_store_close(store));
	}
}
END_TEST

START_TEST(core_xff)
{
	static const double xffs[] = { 0, RONDO_XFF_NONE, 0.1, 0.9, 0.999 };
	/* known ticks of 10 that a window needs */
	static const unsigned int needs[] = { 5, 10, 9, 1, 1 };

	for (size_t x = 0; x < LENGTH(xffs); x++) {
		struct rondo_schema schema = schema_small(2);
		char name[16];
		rondo_series *g, *c;
		rondo_id gid, cid;

		snprintf(name, sizeof(name), "xff%zu", x);
		schema.xff = xffs[x];
		store = create(in_scratch(name), &schema, 1);
		g = gauge(store, "g");
		c = counter(store, "c");
		gid = rondo_series_id(store, g);
		cid = rondo_series_id(store, c);
		/* window w has w known ticks */
		for (uint64_t w = 1; w <= 10; w++) {
			for (uint64_t i = 0; i < w; i++) {
				ck_ok(rondo_record(g, T0 + (w * 10 + i) * SEC, 2));
				ck_ok(rondo_add(c, T0 + (w * 10 + i) * SEC, 2));
			}
			consolidate(store, T0 + (w * 10 + 16) * SEC);
		}
		for (uint64_t w = 1; w <= 10; w++) {
			uint64_t at = T0 + w * 10 * SEC;
			int here = w >= needs[x];

			expect(isnan(value_at(store, gid, 1, RONDO_FN_AVG, at)) == !here,
			       "xff %g, %d known: avg", xffs[x], (int)w);
			expect(isnan(value_at(store, cid, 1, RONDO_FN_MIN, at)) == !here, "min");
			expect(isnan(value_at(store, gid, 1, RONDO_FN_SUM, at)) == !here, "sum");
			ck_value(store, gid, 1, RONDO_FN_COUNT, at, (double)w);
			ck_value(store, cid, 1, RONDO_FN_SUM, at, 2. * (double)w);
			ck_value(store, cid, 1, RONDO_FN_MAX, at, 2);
			ck_value(store, cid, 1, RONDO_FN_TOTAL, at, (double)(w * (w + 1)));
		}
		ck_ok(rondo_store_close(store));
	}
}
END_TEST

/* Points on both sides of a pause of any length, in a ring that still holds cells of before. */
START_TEST(limits_pauses_longer_than_the_ring)
{
	static const uint64_t pauses[] = { 1,    50,   61,    70,       100,      600,
					   1000, 7000, 86400, 31536000, 31536001, 315360000 };

	for (size_t i = 0; i < LENGTH(pauses); i++) {
		const struct rondo_schema schema = schema_of_tiers("three", tiers_three, 3, 4);
		uint64_t at = T0 + (40 + pauses[i]) * SEC;
		struct rondo_point p[200];
		rondo_series *c;
		char name[16];
		rondo_id id;
		size_t n;

		snprintf(name, sizeof(name), "pause%zu", i);
		store = create(in_scratch(name), &schema, 1);
		c = counter(store, "c");
		id = rondo_series_id(store, c);
		for (uint64_t t = 0; t < 40; t++) {
			ck_ok(rondo_add(c, T0 + t * SEC, 1));
			consolidate(store, T0 + t * SEC);
		}
		consolidate(store, at);
		ck_ok(rondo_add(c, at, 1));
		for (uint32_t t = 0; t < 3; t++) {
			uint64_t last = 0;

			n = read_points(store, id, t ? RONDO_TIER_AUTO : 0, RONDO_FN_SUM, 0, 0, p,
					LENGTH(p));
			for (size_t k = 0; k < n; k++) {
				expect(p[k].ts_ns > last || !k, "order");
				expect(p[k].ts_ns < T0 + 40 * SEC || p[k].ts_ns == at,
				       "pause %d: a point at %d s", (int)pauses[i],
				       (int)((p[k].ts_ns - T0) / SEC));
				last = p[k].ts_ns;
			}
			ck_assert_uint_eq(p[n - 1].ts_ns, at);
			if (t == 2)
				continue;
			n = read_points(store, id, 0, RONDO_FN_SUM, T0 + 40 * SEC, at, p,
					LENGTH(p));
			ck_assert_uint_eq(n, 0);
		}
		/* the total goes on, however long it was */
		ck_value(store, id, 0, RONDO_FN_TOTAL, at, 41);
		consolidate(store, at + 100 * SEC);
		ck_value(store, id, 1, RONDO_FN_TOTAL, at - at % (10 * SEC), 41);
		ck_value(store, id, 0, RONDO_FN_TOTAL, at, 41);
		ck_ok(rondo_store_close(store));
		store = reopen(in_scratch(name), 0);
		c = counter(store, "c");
		consolidate(store, at + 101 * SEC);
		ck_ok(rondo_add(c, at + 101 * SEC, 1));
		consolidate(store, at + 200 * SEC);
		ck_value(store, id, 0, RONDO_FN_TOTAL, at + 101 * SEC, 42);
		ck_ok(rondo_store_close(store));
	}
}
END_TEST

/* More finest ticks in a window than a cover counts exactly: scaled, full windows still exact. */
START_TEST(limits_windows_of_more_than_1023_ticks)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = MS, .retention_ns = 13000 * MS },
		{ .interval_ns = 5000 * MS, .retention_ns = 100 * SEC, .functions = ALL_FUNCTIONS },
	};
	const struct rondo_schema schema = schema_of_tiers("wide", tiers, 2, 2);
	rondo_series *full, *sparse;
	struct rondo_point p;
	rondo_id id;

	store = create(in_scratch("wide"), &schema, 1);
	full = counter(store, "full");
	sparse = counter(store, "sparse");
	for (uint64_t i = 0; i < 5000; i++) {
		ck_ok(rondo_add(full, T0 + i * MS, 1));
		if (i == 4321)
			ck_ok(rondo_add(sparse, T0 + i * MS, 7));
	}
	consolidate(store, T0 + 7000 * MS);
	id = rondo_series_id(store, full);
	ck_value(store, id, 1, RONDO_FN_SUM, T0, 5000);
	ck_value(store, id, 1, RONDO_FN_COUNT, T0, 5000);
	ck_value(store, id, 1, RONDO_FN_AVG, T0, 1);
	id = rondo_series_id(store, sparse);
	ck_value(store, id, 1, RONDO_FN_SUM, T0, 7);
	ck_assert_uint_eq(read_points(store, id, 1, RONDO_FN_COUNT, 0, 0, &p, 1), 1);
	/* one of 5,000, told in steps of 1/1,023 of them */
	ck_assert_uint_ge(p.known, 1);
	ck_assert_uint_le(p.known, 5);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(limits_newest)
{
	uint64_t ts = 0;

	fill("newest", 0);
	ck_err(rondo_store_newest(store, 0, &ts), RONDO_E_NOT_FOUND);
	ck_err(rondo_store_newest(store, 1, &ts), RONDO_E_NOT_FOUND);
	ck_err(rondo_store_newest(store, 0, NULL), RONDO_E_INVALID);
	for (uint64_t i = 0; i < 500; i += 7) {
		ck_ok(rondo_record(gauge(store, i % 2 ? "g" : "h"), T0 + i * SEC + 5, 1));
		ck_ok(rondo_store_newest(store, 0, &ts));
		ck_assert_uint_eq(ts, T0 + i * SEC);
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_ranges, 'C' },
		{ core_going_on_where_the_buffer_was_full, 'C' },
		{ core_any_range_of_any_holes, 'C' },
		{ core_stitched, 'C' },
		{ core_steps, 'C' },
		{ core_functions_and_defaults, 'C' },
		{ core_xff, 'C' },
		{ limits_pauses_longer_than_the_ring, 'L' },
		{ limits_windows_of_more_than_1023_ticks, 'L' },
		{ limits_newest, 'L' },
		{ errors_functions_that_are_not_there, 'E' },
		{ errors_total_without_a_lane_for_it, 'E' },
	};

	return run_suite("lib_read", tests, LENGTH(tests));
}
