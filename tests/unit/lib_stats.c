// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What rondo_store_info() counts of recording: every move of a series by its kind, every refusal by its
 * cause, each timed if asked for; and what a reader in another process is told of it.
 */
#include "lib_common.h"

static rondo_store *store;

static void open_timed(const char *name, uint32_t flags)
{
	const struct rondo_schema schema = schema_small(8);
	const struct rondo_open_opts opts = { .size = sizeof(opts),
					      .flags = RONDO_OPEN_CREATE | flags,
					      .schemas = &schema,
					      .n_schemas = 1 };

	ck_ok(rondo_store_open(in_scratch(name), &opts, &store));
	consolidate(store, T0);
}

static uint64_t timed_calls(const struct rondo_store_info *info)
{
	uint64_t n = 0;

	for (int i = 0; i < RONDO_SLOW_BUCKETS; i++)
		n += info->slow[i];
	return n;
}

/* T0 is the third tick of a cell: so many ticks from there on enter so many cells after the first. */
static uint64_t cells_of(uint64_t ticks)
{
	return (T0 / SEC % 6 + ticks - 1) / 6;
}

static void record_some(rondo_series *g, rondo_series *c)
{
	for (uint64_t i = 0; i < 1009; i++) {
		consolidate(store, T0 + i * SEC);
		ck_ok(rondo_record(g, T0 + i * SEC, 1));
		ck_ok(rondo_record(g, T0 + i * SEC + 1, 2)); /* the same tick: no move */
		ck_ok(rondo_add(c, T0 + i * SEC, 1));
	}
	for (uint64_t i = 0; i < 13; i++)
		ck_err(rondo_record(g, T0, 1), RONDO_E_TOO_OLD);
	for (uint64_t i = 0; i < 17; i++)
		ck_err(rondo_add(c, T0 + 7200 * SEC, 1), RONDO_E_FUTURE);
	for (uint64_t i = 0; i < 19; i++)
		ck_err(rondo_add(c, T0 + 1008 * SEC, -1), RONDO_E_VALUE);
	ck_ok(rondo_record(g, T0 + 1030 * SEC, 3)); /* after a pause */
	ck_ok(rondo_record(g, T0 + 1008 * SEC, 4)); /* and back */
	ck_ok(rondo_record(g, T0 + 1010 * SEC, 5));
}

START_TEST(core_moves_and_refusals)
{
	struct rondo_store_info info;

	open_timed("counts", 0);
	record_some(gauge(store, "g"), counter(store, "c"));
	info = store_info(store);
	ck_assert_uint_eq(info.seeks, 1 + 1 + 1 + 1); /* the first of each, the pause, back */
	ck_assert_uint_eq(info.cells, 2 * cells_of(1009) + cells_of(1011) - cells_of(1009));
	ck_assert_uint_eq(info.too_old, 13);
	ck_assert_uint_eq(info.future, 17);
	ck_assert_uint_eq(info.invalid, 19);
	ck_assert_uint_eq(timed_calls(&info), 0);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Each move and each refusal for its time takes some time, and shows once; in batches, too. */
START_TEST(core_timed)
{
	struct rondo_store_info info;
	rondo_series *both[2];
	const double values[] = { 1, 1 };

	open_timed("timed", RONDO_OPEN_TIMED);
	both[0] = gauge(store, "g");
	both[1] = counter(store, "c");
	record_some(both[0], both[1]);
	for (uint64_t i = 1020; i < 1051; i++) {
		consolidate(store, T0 + i * SEC);
		ck_ok(rondo_record_batch(both, values, 2, T0 + i * SEC, NULL));
	}
	info = store_info(store);
	ck_assert_uint_gt(info.cells, 2 * cells_of(1009));
	ck_assert_uint_eq(info.too_old, 13);
	ck_assert_uint_eq(timed_calls(&info), info.cells + info.seeks + info.too_old + info.future);
	ck_ok(rondo_store_close(store));
}
END_TEST

static struct rondo_store_info info_of_reader(const char *name)
{
	rondo_store *reader = reopen(in_scratch(name), RONDO_OPEN_READ_ONLY);
	struct rondo_store_info info = store_info(reader);

	ck_ok(rondo_store_close(reader));
	return info;
}

START_TEST(core_readers_are_told)
{
	struct rondo_store_info own, told;

	open_timed("told", RONDO_OPEN_TIMED);
	told = info_of_reader("told");
	ck_assert_uint_eq(told.cells + told.seeks + told.too_old + timed_calls(&told), 0);
	record_some(gauge(store, "g"), counter(store, "c"));
	consolidate(store, T0 + 1030 * SEC);
	own = store_info(store);
	told = info_of_reader("told");
	ck_assert_uint_eq(told.cells, own.cells);
	ck_assert_uint_eq(told.seeks, own.seeks);
	ck_assert_uint_eq(told.too_old, 13);
	ck_assert_uint_eq(told.future, 17);
	ck_assert_uint_eq(told.invalid, 19);
	for (int i = 0; i < RONDO_SLOW_BUCKETS; i++)
		ck_assert_uint_eq(told.slow[i], own.slow[i]);
	ck_ok(rondo_store_close(store));
	told = info_of_reader("told"); /* after the writer's end, too */
	ck_assert_uint_eq(told.too_old, 13);
}
END_TEST

/* A series slot that changes hands keeps what was counted: a store's counts only grow. */
START_TEST(limits_counts_only_grow)
{
	struct rondo_schema schema = schema_small(1);
	uint64_t last = 0, cells;
	char name[8];

	schema.on_full = RONDO_ON_FULL_RECLAIM;
	schema.reclaim_delay_ns = SEC;
	store = create(in_scratch("grow"), &schema, 1);
	for (uint64_t i = 0; i < 101; i++) {
		uint64_t now = T0 + i * 60 * SEC;
		rondo_series *c;

		consolidate(store, now);
		snprintf(name, sizeof(name), "c%d", (int)i);
		c = counter(store, name);
		for (uint64_t k = 0; k < 6 * (i % 7); k++)
			ck_ok(rondo_add(c, now + k * SEC, 1));
		cells = store_info(store).cells;
		ck_assert_uint_eq(cells - last, i % 7 ? (T0 / SEC % 6 + 6 * (i % 7) - 1) / 6 : 0);
		last = cells;
		ck_ok(rondo_series_retire(store, c, now));
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(errors_a_reader_times_nothing)
{
	struct rondo_open_opts opts = { .size = sizeof(opts),
					.flags = RONDO_OPEN_READ_ONLY | RONDO_OPEN_TIMED };
	rondo_store *reader;

	open_timed("reader", 0);
	ck_err(rondo_store_open(in_scratch("reader"), &opts, &reader), RONDO_E_INVALID);
	ck_ok(rondo_store_close(store));
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_moves_and_refusals, 'C' },       { core_timed, 'C' },
		{ core_readers_are_told, 'C' },         { limits_counts_only_grow, 'L' },
		{ errors_a_reader_times_nothing, 'E' },
	};

	return run_suite("lib_stats", tests, LENGTH(tests));
}
