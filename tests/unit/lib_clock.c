// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Clocks that don't run evenly: NTP's small steps both ways, a suspend of hours, a late start of the
 * maintenance, a schema that chooses its limits. A sample a year ahead, consolidate() a year ahead and
 * an hour back are in lib_record.c. The oracle is a table of what was accepted, per tick.
 */
#include <stdbool.h>

#include "lib_common.h"

#define HOUR  (3600 * SEC)
#define TICKS 8000 /* of a table, from T0 on */

/* What a counter and a gauge took, by tick. */
static struct {
	double sum[TICKS], last[TICKS];
	bool known[TICKS];
} told;

static rondo_store *store;
static rondo_series *c, *g;
static rondo_id c_id, g_id;
static uint64_t refused, increments;

static void begin(const char *name, uint64_t max_ahead, uint64_t grace)
{
	struct rondo_schema schema = schema_of_tiers(
		"clock",
		(const struct rondo_tier[]){ { .interval_ns = SEC, .retention_ns = 600 * SEC },
					     { .interval_ns = 10 * SEC,
					       .retention_ns = 8 * HOUR,
					       .functions = ALL_FUNCTIONS },
					     { .interval_ns = 60 * SEC,
					       .retention_ns = 48 * HOUR,
					       .functions = ALL_FUNCTIONS } },
		3, 4);

	schema.max_ahead_ns = max_ahead;
	schema.grace_ns = grace;
	memset(&told, 0, sizeof(told));
	refused = increments = 0;
	store = create(in_scratch(name), &schema, 1);
	c = counter(store, "c_total");
	g = gauge(store, "g");
	c_id = rondo_series_id(store, c);
	g_id = rondo_series_id(store, g);
}

static void end(const char *name)
{
	ck_ok(rondo_store_close(store));
	ck_ok(rondo_store_verify(in_scratch(name), NULL, NULL));
}

/* One sample of both; they are accepted or refused alike, and the table knows. */
static int sample(uint64_t ts, double value)
{
	uint64_t tick = (ts - T0) / SEC;
	int err = rondo_add(c, ts, 1);

	expect(rondo_record(g, ts, value) == err, "a counter and a gauge differ at %" PRIu64, ts);
	if (err) {
		refused++;
		return err;
	}
	expect(tick < TICKS, "beyond the table");
	told.sum[tick] += 1;
	told.last[tick] = value;
	told.known[tick] = true;
	increments++;
	return 0;
}

/* Every window of a tier from T0 on that ended by `until`, against the table; T0 is 20 s into a minute. */
static void check_windows(uint32_t tier, uint64_t interval, uint64_t from, uint64_t until)
{
	for (uint64_t w = from / interval * interval; w + interval <= until; w += interval) {
		double sum = 0, last = 0, max = 0;
		unsigned int n = 0;

		for (uint64_t t = w; t < w + interval; t += SEC) {
			uint64_t tick = t < T0 ? TICKS : (t - T0) / SEC;

			if (tick >= TICKS || !told.known[tick])
				continue;
			sum += told.sum[tick];
			max = !n || told.last[tick] > max ? told.last[tick] : max;
			last = told.last[tick];
			n++;
		}
		if (!n) {
			ck_absent(store, c_id, tier, RONDO_FN_SUM, w);
			continue;
		}
		ck_value(store, c_id, tier, RONDO_FN_SUM, w, sum);
		ck_value(store, c_id, tier, RONDO_FN_COUNT, w, n);
		if (2 * n * SEC < interval) /* xff */
			continue;
		ck_value(store, g_id, tier, RONDO_FN_LAST, w, last);
		ck_value(store, g_id, tier, RONDO_FN_MAX, w, max);
	}
}

static void check_ticks(uint64_t from, uint64_t until)
{
	for (uint64_t t = from; t < until; t += SEC) {
		uint64_t tick = (t - T0) / SEC;

		if (tick >= TICKS || !told.known[tick]) {
			ck_absent(store, c_id, 0, RONDO_FN_SUM, t);
			ck_absent(store, g_id, 0, RONDO_FN_LAST, t);
			continue;
		}
		ck_value(store, c_id, 0, RONDO_FN_SUM, t, told.sum[tick]);
		ck_value(store, g_id, 0, RONDO_FN_LAST, t, told.last[tick]);
	}
}

/*
 * Ten samples a second for an hour and a half; every few seconds the clock is stepped by up to 3 s either
 * way, less than the grace. No sample is refused, none is lost, none is in another tick than its
 * own.
 */
START_TEST(core_ntp_steps_while_recording)
{
	int64_t offset = 0;
	uint64_t now = T0 + 60 * SEC, steps = 0;

	begin("ntp", 0, 0);
	for (uint64_t i = 0; i < 54000; i++) {
		uint64_t real = T0 + 60 * SEC + i * (SEC / 10);

		if (random_below(70) == 0) {
			int64_t step = (int64_t)random_below(6 * SEC) - (int64_t)(3 * SEC);

			/* as ntpd: never more than 3 s from the truth, so at most 6 s back */
			if (offset + step > -(int64_t)(3 * SEC) &&
			    offset + step < (int64_t)(3 * SEC)) {
				offset += step;
				steps++;
			}
		}
		now = real + (uint64_t)offset;
		ck_ok(sample(now, (double)i));
		if (i % 10 == 0)
			consolidate(store, now);
	}
	ck_assert_uint_gt(steps, 300);
	ck_assert_uint_eq(refused, 0);
	consolidate(store, now + 10 * SEC);
	check_windows(1, 10 * SEC, T0, now);
	check_windows(2, 60 * SEC, T0, now - 60 * SEC);
	check_ticks(now / SEC * SEC - 590 * SEC, now / SEC * SEC + SEC);
	/* the cumulative total has all of them */
	ck_value(store, c_id, 0, RONDO_FN_TOTAL, now / SEC * SEC, (double)increments);
	end("ntp");
}
END_TEST

/* Steps of more than the grace: what is refused is counted, and the total is of what was accepted. */
START_TEST(core_ntp_steps_of_a_minute)
{
	uint64_t now = T0 + 120 * SEC, minute = 60 * SEC, early = 0, late = 0;
	double total = 0;

	begin("minute", 0, 0);
	for (uint64_t i = 0; i < 3000; i++) {
		int err;

		now += SEC;
		if (i % 500 == 250)
			now -= minute; /* a minute that comes twice */
		if (i % 500 == 499)
			now += 3 * minute;
		err = sample(now, (double)i);
		expect(!err || err == RONDO_E_TOO_OLD || err == RONDO_E_FUTURE, "%s",
		       rondo_strerror(err));
		early += err == RONDO_E_FUTURE;
		late += err == RONDO_E_TOO_OLD;
		consolidate(store, now);
	}
	/* of each step the one sample before consolidate() was told; see EMBEDDING.md */
	ck_assert_uint_eq(early, 6);
	ck_assert_uint_eq(late, 6);
	ck_assert_uint_eq(refused, 12);
	ck_assert_uint_eq(store_info(store).future, 2 * early);
	ck_assert_uint_eq(store_info(store).too_old, 2 * late);
	check_ticks(now - 300 * SEC, now + SEC);
	for (uint64_t t = 0; t < TICKS; t++)
		total += told.sum[t];
	ck_assert(total == (double)increments);
	end("minute");
}
END_TEST

/* The machine sleeps for five hours, five times the finest ring and more; both orders of waking up. */
START_TEST(core_suspend)
{
	for (int order = 0; order < 2; order++) {
		const char *name = order ? "record-first" : "consolidate-first";
		uint64_t sleep = 5 * HOUR + 7 * SEC, woken = T0 + 300 * SEC + sleep;

		begin(name, 0, 0);
		for (uint64_t t = 0; t < 300; t++) {
			ck_ok(sample(T0 + t * SEC, (double)t));
			consolidate(store, T0 + t * SEC);
		}
		if (order)
			ck_err(rondo_add(c, woken, 1), RONDO_E_FUTURE);
		consolidate(store, woken);
		/* all that was open is closed, and is what was recorded */
		check_windows(1, 10 * SEC, T0, T0 + 400 * SEC);
		check_windows(2, 60 * SEC, T0, T0 + 400 * SEC);
		ck_value(store, c_id, 1, RONDO_FN_TOTAL, T0 + 290 * SEC, 300);
		for (uint64_t t = 0; t < 300; t++) {
			ck_ok(rondo_add(c, woken + t * SEC, 2));
			ck_ok(rondo_record(g, woken + t * SEC, 7));
			consolidate(store, woken + t * SEC);
		}
		/* in between nothing is known, and nothing is made up */
		for (uint64_t t = T0 + 400 * SEC; t + 60 * SEC < woken; t += 600 * SEC) {
			ck_absent(store, c_id, 0, RONDO_FN_SUM, t);
			ck_absent(store, c_id, 1, RONDO_FN_SUM, t / (10 * SEC) * (10 * SEC));
			ck_absent(store, c_id, 2, RONDO_FN_SUM, t / (60 * SEC) * (60 * SEC));
			ck_absent(store, g_id, 1, RONDO_FN_LAST, t / (10 * SEC) * (10 * SEC));
		}
		ck_value(store, c_id, 0, RONDO_FN_TOTAL, (woken + 299 * SEC) / SEC * SEC,
			 300 + 2 * 300);
		check_windows(1, 10 * SEC, T0, T0 + 400 * SEC);
		ck_assert_uint_eq(store_info(store).future, (uint64_t)order);
		end(name);
	}
}
END_TEST

/*
 * Nobody consolidates for an hour, six times the finest ring: recording goes on, and the windows that
 * the ring still has all of are right when it is called; of those before there is nothing, or nothing
 * but what the ring has.
 */
START_TEST(core_nobody_consolidates_for_an_hour)
{
	uint64_t ring = T0 + 3600 * SEC - 600 * SEC;

	begin("hour", 0, 0);
	for (uint64_t t = 0; t < 3600; t++)
		ck_ok(sample(T0 + t * SEC, (double)t));
	consolidate(store, T0 + 3600 * SEC);
	for (uint64_t t = 3600; t < 3700; t++) {
		ck_ok(sample(T0 + t * SEC, (double)t));
		consolidate(store, T0 + t * SEC);
	}
	check_windows(1, 10 * SEC, (ring / (10 * SEC) + 1) * 10 * SEC, T0 + 3690 * SEC);
	check_windows(2, 60 * SEC, (ring / (60 * SEC) + 1) * 60 * SEC, T0 + 3630 * SEC);
	for (uint64_t w = T0; w + 50 * SEC < ring; w += 10 * SEC)
		ck_absent(store, c_id, 1, RONDO_FN_SUM, w);
	check_ticks(T0 + 3690 * SEC - 590 * SEC, T0 + 3700 * SEC);
	end("hour");
}
END_TEST

#define BORDER ((T0 / (30 * SEC) + 2) * 30 * SEC) /* of cells, and of windows */

/* The series pause, or have ended: all that they had is closed without another sample. */
static void pause_of_the_series(uint64_t border, const char *name)
{
	for (uint64_t t = 0; t < 120; t++)
		consolidate(store, border + t * SEC);
	check_windows(1, 10 * SEC, border - 10 * SEC, border + 110 * SEC);
	check_windows(2, 60 * SEC, border - 60 * SEC, border + 60 * SEC);
	end(name);
}

/*
 * A step back of less than the grace, and one late sample in the cell before: if those are the series'
 * last ones, the window that had begun by then is closed all the same.
 */
START_TEST(limits_a_series_ends_as_the_clock_steps_back)
{
	const uint64_t border = BORDER;

	begin("ends", 0, 0);
	consolidate(store, border);
	ck_ok(sample(border, 3));
	consolidate(store, border + SEC);
	consolidate(store, border - SEC);
	ck_ok(sample(border - SEC, 2));
	pause_of_the_series(border, "ends");
}
END_TEST

/*
 * The store was left and opened again, by a clock that is ahead of what consolidate() is told then; the
 * writer goes on in the cell that is there, enters the next one, and takes a late sample for the one before.
 */
START_TEST(limits_a_late_sample_after_reopening)
{
	const uint64_t border = BORDER;

	begin("reopened", 0, 0);
	consolidate(store, border);
	ck_ok(sample(border, 1));
	ck_ok(rondo_store_close(store));
	store = reopen(in_scratch("reopened"), 0);
	consolidate(store, border + SEC);
	c = counter(store, "c_total");
	g = gauge(store, "g");
	ck_ok(sample(border + 2 * SEC, 2));
	ck_ok(sample(border + 6 * SEC, 3));
	ck_ok(sample(border + 10 * SEC, 4));
	ck_ok(sample(border - SEC, 5));
	pause_of_the_series(border, "reopened");
}
END_TEST

/* max_ahead and grace are the schema's: what is accepted is what they say, to the nanosecond. */
START_TEST(limits_the_caller_chooses_how_far)
{
	static const struct {
		uint64_t ahead, grace;
	} limits[] = { { SEC, 6 * SEC }, { 60 * SEC, 60 * SEC }, { HOUR, 120 * SEC } };

	for (size_t i = 0; i < LENGTH(limits); i++) {
		uint64_t now = T0 + 1000 * SEC, closed;
		char name[16];

		snprintf(name, sizeof(name), "limits%zu", i);
		begin(name, limits[i].ahead, limits[i].grace);
		consolidate(store, now);
		ck_err(rondo_record(g, now + limits[i].ahead + 1, 1), RONDO_E_FUTURE);
		closed = (now - limits[i].grace) / (10 * SEC) * (10 * SEC);
		ck_err(rondo_record(g, closed - 1, 1), RONDO_E_TOO_OLD);
		ck_ok(rondo_record(g, closed, 2));
		ck_ok(rondo_record(g, now + limits[i].ahead, 3));
		ck_value(store, g_id, 0, RONDO_FN_LAST, closed, 2);
		ck_value(store, g_id, 0, RONDO_FN_LAST, (now + limits[i].ahead) / SEC * SEC, 3);
		ck_ok(rondo_store_close(store));
	}
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_ntp_steps_while_recording, 'C' },
		{ core_ntp_steps_of_a_minute, 'C' },
		{ core_suspend, 'C' },
		{ core_nobody_consolidates_for_an_hour, 'C' },
		{ limits_a_series_ends_as_the_clock_steps_back, 'L' },
		{ limits_a_late_sample_after_reopening, 'L' },
		{ limits_the_caller_chooses_how_far, 'L' },
	};

	return run_suite("lib_clock", tests, LENGTH(tests));
}
