// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Equivalence with rrdtool: the same random series, with gaps, through librondo and librrd, over
 * random schemas; AVERAGE, MIN, MAX and LAST of all tiers are the same numbers, and the same are absent.
 *
 * Linked with librrd, which is under the GPL: this program is for testing here, and is never installed
 * or distributed. Without librrd-dev it is not built, and counts as skipped.
 *
 * 500 schemas; with RONDO_TEST_LONG=1 in the environment 5,000. RONDO_TEST_SEED: other ones.
 *
 * How the two are made to mean the same. A sample of the tick [t, t + step) is an rrd_update() at its
 * end, t + step; a gap is an update with U, so that each primary data point is one sample; both cut
 * windows at multiples of their length since the epoch; xff is the same share. Values are integers, so
 * that sums are exact in whatever order. A COUNTER is to rrdtool a GAUGE of its increments. Told here and
 * not there: a COUNTER's max that xff would hide, and the LAST of a window whose last tick is a gap, which
 * is here the last known one.
 */
#include <math.h>
#include <rrd.h>
#include <stdbool.h>
#include <time.h>

#include "lib_common.h"

#define SCHEMAS_SHORT 500
#define SCHEMAS_LONG  5000
#define TIERS         4
#define TICKS         1500
#define ROWS          400
#define BATCH         100 /* updates in one call */

static const struct {
	enum rondo_function function;
	uint32_t bit;
	const char *cf;
} functions[] = {
	{ RONDO_FN_AVG, RONDO_FNS_AVG, "AVERAGE" },
	{ RONDO_FN_MIN, RONDO_FNS_MIN, "MIN" },
	{ RONDO_FN_MAX, RONDO_FNS_MAX, "MAX" },
	{ RONDO_FN_LAST, RONDO_FNS_LAST, "LAST" },
};

static struct {
	struct rondo_tier tiers[TIERS];
	uint64_t rows[TIERS];
	uint32_t n_tiers;
	uint32_t functions;
	uint64_t step, begin, n; /* seconds, tick, ticks */
	double xff;
	bool counter;
	double values[TICKS]; /* NAN: a gap */
	unsigned long compared, absent;
} one;

/* ---- random schemas and series ---- */

static void random_schema(void)
{
	static const uint64_t steps[] = { 1, 1, 2, 3, 5, 7, 10, 60, 300 };
	uint64_t ratio[TIERS + 1] = { 1, 0 }, interval, grace;

	one.step = steps[random_below(LENGTH(steps))];
	one.n_tiers = 1 + (uint32_t)random_below(TIERS);
	one.functions = 0;
	while (!(one.functions & (RONDO_FNS_AVG | RONDO_FNS_MIN | RONDO_FNS_MAX | RONDO_FNS_LAST)))
		for (size_t f = 0; f < LENGTH(functions); f++)
			one.functions |= random_below(4) ? functions[f].bit : 0;
	one.counter = random_below(3) == 0;
	if (one.counter)
		one.functions |= RONDO_FNS_AVG;
	for (uint32_t t = 1; t < one.n_tiers; t++)
		ratio[t] = 2 + random_below(random_below(8) ? 6 : 20);
	interval = one.step;
	grace = 6 * one.step;
	for (uint32_t t = 0; t < one.n_tiers; t++) {
		interval *= ratio[t];
		one.rows[t] = 1 + random_below(40);
		if (t + 1 < one.n_tiers)
			one.rows[t] += 2 * ratio[t + 1] + (grace + interval - 1) / interval;
		one.tiers[t] = (struct rondo_tier){ .interval_ns = interval * SEC,
						    .retention_ns = interval * one.rows[t] * SEC,
						    .functions = t ? one.functions : 0 };
	}
	one.xff = (double)random_below(100) / 100;
}

static void random_series(void)
{
	uint64_t share = random_below(4), gap = 0;

	one.begin = UINT64_C(1700000000) / one.step + random_below(10000);
	one.n = 20 + random_below(TICKS - 20);
	for (uint64_t i = 0; i < one.n; i++) {
		if (random_below(80) == 0)
			gap = random_below(60);
		one.values[i] = (double)random_below(UINT64_C(1) << 30);
		if (!one.counter)
			one.values[i] -= 1 << 29;
		if (gap || (share && random_below(1 + share) == 0))
			one.values[i] = NAN;
		gap -= gap > 0;
	}
}

/* ---- through both ---- */

static void through_rrd(const char *file)
{
	static char text[BATCH][48], archives[TIERS * 4][64];
	const char *args[BATCH + 2];
	char source[64];
	int argc = 0;

	snprintf(source, sizeof(source), "DS:v:GAUGE:%" PRIu64 ":U:U", one.step);
	args[argc++] = source;
	for (uint32_t t = 0; t < one.n_tiers; t++) {
		for (size_t f = 0; f < LENGTH(functions); f++) {
			if (!(one.functions & functions[f].bit))
				continue;
			snprintf(archives[argc - 1], sizeof(archives[0]),
				 "RRA:%s:%.2f:%" PRIu64 ":%" PRIu64, functions[f].cf, one.xff,
				 one.tiers[t].interval_ns / SEC / one.step, one.rows[t]);
			args[argc] = archives[argc - 1];
			argc++;
		}
	}
	ck_assert_msg(rrd_create_r(file, one.step, (time_t)(one.begin * one.step), argc, args) == 0,
		      "rrd_create_r: %s", rrd_get_error());
	argc = 0;
	for (uint64_t i = 0; i < one.n; i++) {
		uint64_t end = (one.begin + i + 1) * one.step;

		if (isnan(one.values[i]))
			snprintf(text[argc], sizeof(text[0]), "%" PRIu64 ":U", end);
		else
			snprintf(text[argc], sizeof(text[0]), "%" PRIu64 ":%.0f", end,
				 one.values[i]);
		args[argc] = text[argc];
		argc++;
		if (argc < BATCH && i + 1 < one.n)
			continue;
		ck_assert_msg(rrd_update_r(file, NULL, argc, args) == 0, "rrd_update_r: %s",
			      rrd_get_error());
		argc = 0;
	}
}

static void record(rondo_series *series, uint64_t ts, double value)
{
	double part = one.counter ? floor(value / 3) : 0;
	int err;

	if (!one.counter) {
		err = rondo_record(series, ts, value + 1);
		if (!err)
			err = rondo_record(series, ts + one.step * SEC / 2, value);
	} else {
		err = rondo_add(series, ts, part);
		if (!err)
			err = rondo_add(series, ts + one.step * SEC - 1, value - part);
	}
	ck_assert_msg(err == 0, "record: %s", rondo_strerror(err));
}

static rondo_store *through_rondo(const char *path, rondo_id *id)
{
	struct rondo_schema schema = schema_of_tiers("rrd", one.tiers, one.n_tiers, 3);
	uint64_t end = (one.begin + one.n) * one.step, every = 1 + random_below(3);
	rondo_series *series;
	rondo_store *store;

	schema.xff = one.xff > 0 ? one.xff : RONDO_XFF_NONE;
	schema.grace_ns = 6 * one.step * SEC;
	schema.max_ahead_ns = 10 * one.step * SEC;
	store = create(path, &schema, 1);
	gauge(store, "neighbour");
	series = one.counter ? counter(store, "v") : gauge(store, "v");
	for (uint64_t i = 0; i < one.n; i++) {
		uint64_t ts = (one.begin + i) * one.step * SEC;

		if (i % every == 0)
			ck_ok(rondo_consolidate(store, ts, 0));
		if (!isnan(one.values[i]))
			record(series, ts, one.values[i]);
	}
	ck_ok(rondo_consolidate(store, end * SEC + schema.grace_ns, 0));
	*id = rondo_series_id(store, series);
	return store;
}

/* ---- comparing ---- */

/* An archive's rows: the last one ends at *end. */
static size_t fetch(const char *file, const char *cf, uint32_t t, double *rows, uint64_t *end)
{
	uint64_t length = one.tiers[t].interval_ns / SEC, last = (one.begin + one.n) * one.step;
	unsigned long step = length, n_sources, n;
	time_t from, to = (time_t)(last / length * length);
	rrd_value_t *data;
	char **names;

	from = to - (time_t)(one.rows[t] * length);
	ck_assert_msg(rrd_fetch_r(file, cf, &from, &to, &step, &n_sources, &names, &data) == 0,
		      "rrd_fetch_r: %s", rrd_get_error());
	ck_assert_uint_eq(step, length);
	ck_assert_uint_eq(n_sources, 1);
	n = (unsigned long)(to - from) / step;
	ck_assert_uint_le(n, ROWS);
	memcpy(rows, data, n * sizeof(*rows));
	*end = (uint64_t)to;
	for (unsigned long i = 0; i < n_sources; i++)
		rrd_freemem(names[i]);
	rrd_freemem(names);
	rrd_freemem(data);
	return n;
}

/* See above. end: of the window, ns */
static bool told_here_only(enum rondo_function function, uint64_t end)
{
	uint64_t last = end / SEC / one.step - 1; /* tick */

	if (function == RONDO_FN_MAX)
		return one.counter;
	return function == RONDO_FN_LAST && last >= one.begin && last < one.begin + one.n &&
	       isnan(one.values[last - one.begin]);
}

static void compare(const char *file, rondo_store *store, rondo_id id, uint32_t t, size_t f)
{
	double rows[ROWS];
	uint64_t end, length = one.tiers[t].interval_ns;
	size_t n = fetch(file, functions[f].cf, t, rows, &end), got, at = 0;
	uint64_t start = end * SEC - n * length;
	struct rondo_point points[ROWS];

	got = read_points(store, id, t, functions[f].function, start, end * SEC, points, ROWS);
	for (size_t i = 0; i < n; i++) {
		uint64_t ts = start + i * length;
		double ours = at < got && points[at].ts_ns == ts ? points[at++].value : NAN;

		if (isnan(rows[i]) && told_here_only(functions[f].function, ts + length))
			continue;
		one.absent += isnan(rows[i]);
		one.compared++;
		if (ours == rows[i] || (isnan(ours) && isnan(rows[i])))
			continue;
		ck_abort_msg("%s of tier %u (%" PRIu64 " s of %" PRIu64
			     " s, xff %.2f, %s) at %" PRIu64 ", %zu of %zu: %.17g, rrdtool: %.17g",
			     functions[f].cf, t, length / SEC, one.step, one.xff,
			     one.counter ? "counter" : "gauge", ts / SEC, i, n, ours, rows[i]);
	}
	ck_assert_uint_eq(at, got);
}

START_TEST(core_the_same_numbers_as_rrdtool)
{
	unsigned long schemas = long_form() ? SCHEMAS_LONG : SCHEMAS_SHORT;
	const char *file = in_scratch("v.rrd"), *path = in_scratch("store");
	const char *seed = getenv("RONDO_TEST_SEED");

	if (seed)
		random_state ^= strtoull(seed, NULL, 0) << 20;
	for (unsigned long i = 0; i < schemas; i++) {
		rondo_store *store;
		rondo_id id;

		progress("schemas", i, schemas);
		random_schema();
		random_series();
		through_rrd(file);
		store = through_rondo(path, &id);
		for (uint32_t t = 0; t < one.n_tiers; t++)
			for (size_t f = 0; f < LENGTH(functions); f++)
				if (one.functions & functions[f].bit)
					compare(file, store, id, t, f);
		ck_ok(rondo_store_close(store));
		remove_tree(path);
		unlink(file);
	}
	printf("# %lu schemas, %lu values compared, %lu of them absent from both\n", schemas,
	       one.compared, one.absent);
	ck_assert_uint_gt(one.compared - one.absent, 1000);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_the_same_numbers_as_rrdtool, 'C' },
	};

	return run_suite("lib_rrd", tests, LENGTH(tests));
}
