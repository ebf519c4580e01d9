// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Draining: every closed window once, whatever the batches, the pauses and the processes; what the
 * ring let go of is counted.
 */
#include "lib_common.h"

#define SERIES 5

struct many {
	rondo_store *store;
	rondo_series *series[SERIES];
};

static void many_create(struct many *many, const char *path)
{
	const struct rondo_schema schema = schema_small(SERIES);
	static const char *const names[SERIES] = { "a", "b", "c", "d", "e" };

	many->store = create(path, &schema, 1);
	for (int i = 0; i < SERIES; i++)
		many->series[i] = counter(many->store, names[i]);
}

/* n ticks from *ts on: series i adds i + 1 a tick. */
static void many_run(struct many *many, uint64_t *ts, unsigned int n)
{
	for (unsigned int t = 0; t < n; t++, *ts += SEC) {
		for (int i = 0; i < SERIES; i++)
			ck_ok(rondo_add(many->series[i], *ts, i + 1));
		consolidate(many->store, *ts);
	}
}

struct sum {
	double value;
	uint64_t points;
	uint64_t last[SERIES]; /* timestamps must rise, so that none comes twice */
};

static void drain(rondo_store *store, struct rondo_cursor *cursor, size_t cap, struct sum *sum)
{
	struct rondo_sample samples[64];
	size_t n;
	int err;

	do {
		err = rondo_drain(store, cursor, RONDO_FN_SUM, samples, cap, &n);
		ck_assert_msg(err == 0 || err == RONDO_MORE, "%s", rondo_strerror(err));
		for (size_t i = 0; i < n; i++) {
			uint64_t *last = &sum->last[samples[i].id & 0xff];

			ck_assert_uint_gt(samples[i].point.ts_ns, *last);
			*last = samples[i].point.ts_ns;
			sum->value += samples[i].point.value;
			sum->points++;
		}
	} while (err == RONDO_MORE);
}

static void every_window_once(size_t cap)
{
	struct rondo_cursor cursor;
	struct sum sum = { 0 };
	uint64_t ts = T0;
	struct many many;

	many_create(&many, in_scratch("once"));
	ck_ok(rondo_cursor_begin(many.store, 0, 1, 0, &cursor));
	for (int round = 0; round < 40; round++) {
		many_run(&many, &ts, 7 + (unsigned int)round);
		drain(many.store, &cursor, cap, &sum);
	}
	/* what is closed: windows of 10 s that ended 6 s (the grace) before the last tick */
	ck_assert_uint_eq(sum.points, SERIES * ((ts - SEC - 6 * SEC - T0) / (10 * SEC)));
	ck_assert(sum.value == (double)sum.points / SERIES * 10 * (1 + 2 + 3 + 4 + 5));
	ck_assert_uint_eq(cursor.skipped, 0);
	drain(many.store, &cursor, cap, &sum);
	ck_assert_uint_eq(cursor.until_ns, 0);
	rondo_store_close(many.store);
	remove_tree(in_scratch("once"));
}

START_TEST(core_every_closed_window_once)
{
	every_window_once(64);
}
END_TEST

START_TEST(limits_any_batch_size)
{
	for (size_t cap = 1; cap < 9; cap++)
		every_window_once(cap);
}
END_TEST

START_TEST(core_a_saved_cursor_goes_on_in_a_reader)
{
	struct rondo_cursor cursor;
	struct sum sum = { 0 };
	uint64_t ts = T0;
	rondo_store *reader;
	struct many many;

	many_create(&many, in_scratch("saved"));
	ck_ok(rondo_cursor_begin(many.store, 0, 0, 0, &cursor));
	many_run(&many, &ts, 37);
	drain(many.store, &cursor, 10, &sum);
	many_run(&many, &ts, 20);
	reader = reopen(in_scratch("saved"), RONDO_OPEN_READ_ONLY);
	drain(reader, &cursor, 10, &sum);
	/* the finest tier is closed as far as the next one */
	ck_assert_uint_eq(sum.points, SERIES * 50);
	ck_ok(rondo_store_close(reader));
	rondo_store_close(many.store);
}
END_TEST

START_TEST(limits_an_overtaken_cursor_counts_what_it_missed)
{
	struct rondo_cursor cursor;
	struct sum sum = { 0 };
	uint64_t ts = T0;
	struct many many;

	many_create(&many, in_scratch("slow"));
	ck_ok(rondo_cursor_begin(many.store, 0, 0, T0, &cursor));
	many_run(&many, &ts, 500);
	drain(many.store, &cursor, 64, &sum);
	ck_assert_uint_eq(sum.points + SERIES * cursor.skipped, SERIES * 490);
	ck_assert_uint_ge(sum.points, SERIES * 40); /* of a retention of 60 */
	rondo_store_close(many.store);
}
END_TEST

START_TEST(errors_cursors_of_others)
{
	struct rondo_cursor cursor;
	struct rondo_sample sample;
	struct many a, b;
	size_t n;

	many_create(&a, in_scratch("a"));
	many_create(&b, in_scratch("b"));
	ck_err(rondo_cursor_begin(a.store, 1, 0, 0, &cursor), RONDO_E_NOT_FOUND);
	ck_err(rondo_cursor_begin(a.store, 0, 2, 0, &cursor), RONDO_E_NOT_FOUND);
	ck_ok(rondo_cursor_begin(a.store, 0, 1, 0, &cursor));
	ck_err(rondo_drain(b.store, &cursor, RONDO_FN_SUM, &sample, 1, &n), RONDO_E_INVALID);
	ck_err(rondo_drain(a.store, &cursor, RONDO_FN_SUM, &sample, 0, &n), RONDO_E_INVALID);
	ck_err(rondo_drain(a.store, &cursor, (enum rondo_function)9, &sample, 1, &n),
	       RONDO_E_INVALID);
	cursor.tier = 9;
	ck_err(rondo_drain(a.store, &cursor, RONDO_FN_SUM, &sample, 1, &n), RONDO_E_INVALID);
	rondo_store_close(a.store);
	rondo_store_close(b.store);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_every_closed_window_once, 'C' },
		{ core_a_saved_cursor_goes_on_in_a_reader, 'C' },
		{ limits_any_batch_size, 'L' },
		{ limits_an_overtaken_cursor_counts_what_it_missed, 'L' },
		{ errors_cursors_of_others, 'E' },
	};

	return run_suite("lib_drain", tests, LENGTH(tests));
}
