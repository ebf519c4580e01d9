// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Series: registering, finding, iterating, retiring, continuing, reclaiming; what names and labels
 * may be. Selectors have lib_selector.c.
 */
#include "lib_common.h"

static rondo_store *small_store(const char *name, uint32_t max_series)
{
	const struct rondo_schema schema = schema_small(max_series);

	return create(in_scratch(name), &schema, 1);
}

static rondo_store *reclaiming_store(const char *name, uint32_t max_series)
{
	struct rondo_schema schema = schema_small(max_series);

	schema.on_full = RONDO_ON_FULL_RECLAIM;
	return create(in_scratch(name), &schema, 1);
}

static int register_labels(rondo_store *store, const char *name, const struct rondo_label *labels,
			   size_t n, rondo_series **series)
{
	const struct rondo_series_def def = { .size = sizeof(def),
					      .name = name,
					      .labels = labels,
					      .n_labels = n,
					      .kind = RONDO_GAUGE };

	return rondo_series_register(store, &def, series);
}

START_TEST(core_register_find_iterate)
{
	rondo_store *store = small_store("basic", 8);
	const struct rondo_label labels[] = { { "vcpu", "0" }, { "instance", "vm-abc" } };
	const struct rondo_series_def def = { .size = sizeof(def),
					      .name = "vcpu_steal_ns",
					      .labels = labels,
					      .n_labels = 2,
					      .kind = RONDO_COUNTER,
					      .unit = "ns",
					      .help = "time runnable but not running" };
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_series *series, *again;
	rondo_iter *iter;
	rondo_id id;

	ck_ok(rondo_series_register(store, &def, &series));
	ck_ok(rondo_series_register(store, &def, &again));
	ck_assert_ptr_eq(series, again);
	ck_ok(rondo_series_find(store, &def, &id));
	ck_assert_uint_eq(id, rondo_series_id(store, series));
	ck_assert_uint_ne(id, 0);
	for (int i = 0; i < 2; i++) {
		ck_ok(rondo_iter_begin(store, NULL, &iter, NULL, 0));
		ck_assert_int_eq(rondo_iter_next(iter, &info), 1);
		ck_assert_uint_eq(info.id, id);
		ck_assert_str_eq(info.key, "vcpu_steal_ns{instance=\"vm-abc\",vcpu=\"0\"}");
		ck_assert_str_eq(info.name, "vcpu_steal_ns");
		ck_assert_uint_eq(info.n_labels, 2);
		ck_assert_str_eq(info.labels[0].name, "instance");
		ck_assert_str_eq(info.labels[0].value, "vm-abc");
		ck_assert_str_eq(info.labels[1].name, "vcpu");
		ck_assert_str_eq(info.labels[1].value, "0");
		ck_assert_int_eq(info.kind, RONDO_COUNTER);
		ck_assert_str_eq(info.unit, "ns");
		ck_assert_str_eq(info.help, "time runnable but not running");
		ck_assert_uint_eq(info.schema, 0);
		ck_assert_uint_eq(info.retired, 0);
		ck_assert_int_eq(rondo_iter_next(iter, &info), 0);
		ck_assert_int_eq(rondo_iter_next(iter, &info), 0);
		rondo_iter_end(iter);
		ck_ok(rondo_store_close(store));
		store = reopen(in_scratch("basic"), i ? 0 : RONDO_OPEN_READ_ONLY);
	}
	rondo_iter_end(NULL);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_order_of_labels_does_not_matter)
{
	rondo_store *store = small_store("order", 8);
	const struct rondo_label one[] = { { "a", "1" }, { "b", "2" }, { "c", "3" } };
	const struct rondo_label two[] = { { "c", "3" }, { "a", "1" }, { "b", "2" } };
	const struct rondo_label other[] = { { "c", "3" }, { "a", "2" }, { "b", "1" } };
	rondo_series *x, *y, *z;

	ck_ok(register_labels(store, "m", one, 3, &x));
	ck_ok(register_labels(store, "m", two, 3, &y));
	ck_ok(register_labels(store, "m", other, 3, &z));
	ck_assert_ptr_eq(x, y);
	ck_assert_ptr_ne(x, z);
	ck_assert_uint_eq(store_info(store).registered, 2);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* The first schema whose selector matches takes it. */
START_TEST(core_schemas_take_by_selector)
{
	struct rondo_schema schemas[] = { schema_of_tiers("steal", tiers_small, 2, 1),
					  schema_of_tiers("vm", tiers_small, 1, 2) };
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_series *series;
	rondo_store *store;
	rondo_iter *iter;

	schemas[0].selector = "steal";
	schemas[1].selector = "{vm!=\"\"}";
	store = create(in_scratch("take"), schemas, 2);
	ck_ok(register_one(store, "steal", "vm", "x", RONDO_GAUGE, &series));
	ck_ok(register_one(store, "exits", "vm", "x", RONDO_GAUGE, &series));
	ck_err(register_one(store, "exits", NULL, NULL, RONDO_GAUGE, &series), RONDO_E_NO_SCHEMA);
	/* full is full: no going on to the next schema */
	ck_err(register_one(store, "steal", "vm", "y", RONDO_GAUGE, &series), RONDO_E_FULL);
	ck_ok(rondo_iter_begin(store, "", &iter, NULL, 0));
	for (uint32_t i = 0; i < 2; i++) {
		ck_assert_int_eq(rondo_iter_next(iter, &info), 1);
		ck_assert_uint_eq(info.schema, i);
	}
	rondo_iter_end(iter);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_retire_and_continue)
{
	rondo_store *store = small_store("retire", 2);
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_series *series = gauge(store, "g"), *again;
	rondo_id id = rondo_series_id(store, series);
	rondo_iter *iter;

	ck_ok(rondo_record(series, T0, 1));
	ck_ok(rondo_series_retire(store, series, T0 + 5 * SEC));
	ck_ok(rondo_series_retire(store, series, T0 + 9 * SEC));
	ck_err(rondo_record(series, T0, 2), RONDO_E_RETIRED);
	ck_err(rondo_record(series, T0 + SEC, 2), RONDO_E_RETIRED);
	ck_err(rondo_record_batch(&series, (double[]){ 2 }, 1, T0 + SEC, NULL), RONDO_E_RETIRED);
	ck_assert_uint_eq(store_info(store).series_retired, 1);
	ck_assert_uint_eq(store_info(store).series_live, 0);
	ck_assert_uint_eq(store_info(store).invalid, 3);
	for (int i = 0; i < 2; i++) {
		ck_ok(rondo_iter_begin(store, "", &iter, NULL, 0));
		ck_assert_int_eq(rondo_iter_next(iter, &info), 1);
		ck_assert_uint_eq(info.retired, 1);
		ck_assert_uint_eq(info.retired_at_ns, T0 + 5 * SEC);
		rondo_iter_end(iter);
		ck_value(store, id, 0, RONDO_FN_LAST, T0, 1);
		ck_ok(rondo_store_close(store));
		store = reopen(in_scratch("retire"), 0);
	}
	again = gauge(store, "g");
	ck_assert_uint_eq(rondo_series_id(store, again), id);
	ck_ok(rondo_record(again, T0 + SEC, 2));
	ck_value(store, id, 0, RONDO_FN_LAST, T0, 1);
	ck_value(store, id, 0, RONDO_FN_LAST, T0 + SEC, 2);
	ck_assert_uint_eq(store_info(store).series_retired, 0);
	ck_assert_uint_eq(store_info(store).registered, 0);
	/* and the same without a reopening in between */
	ck_ok(rondo_series_retire(store, again, T0 + 5 * SEC));
	ck_assert_ptr_eq(gauge(store, "g"), again);
	ck_ok(rondo_record(again, T0 + SEC, 3));
	ck_value(store, id, 0, RONDO_FN_LAST, T0 + SEC, 3);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_reclaimed_after_the_delay)
{
	rondo_store *store = reclaiming_store("reclaim", 2);
	rondo_series *a = gauge(store, "a"), *b = gauge(store, "b"), *c;
	rondo_id id_a = rondo_series_id(store, a), id_b = rondo_series_id(store, b), id;
	struct rondo_range range = { .size = sizeof(range) };
	struct rondo_point points[8];
	size_t n = 0;

	consolidate(store, T0);
	for (uint64_t i = 0; i < 30; i++) {
		ck_ok(rondo_record(a, T0 + i * SEC, 1));
		ck_ok(rondo_record(b, T0 + i * SEC, 2));
	}
	consolidate(store, T0 + 40 * SEC);
	ck_ok(rondo_series_retire(store, a, T0 + 41 * SEC));
	ck_ok(rondo_series_retire(store, b, T0 + 40 * SEC));
	ck_err(register_one(store, "c", NULL, NULL, RONDO_GAUGE, &c), RONDO_E_FULL);
	consolidate(store, T0 + 100 * SEC - 1);
	ck_err(register_one(store, "c", NULL, NULL, RONDO_GAUGE, &c), RONDO_E_FULL);
	consolidate(store, T0 + 100 * SEC);
	c = counter(store, "c");
	/* b was retired first */
	ck_ok(find_one(store, "a", NULL, NULL, &id));
	ck_assert_uint_eq(id, id_a);
	ck_err(find_one(store, "b", NULL, NULL, &id), RONDO_E_NOT_FOUND);
	ck_err(rondo_read(store, id_b, &range, points, 8, &n), RONDO_E_NOT_FOUND);
	ck_err(register_one(store, "b", NULL, NULL, RONDO_GAUGE, &b), RONDO_E_FULL);
	ck_assert_uint_eq(store_info(store).full, 3);
	ck_assert_uint_eq(store_info(store).reclaimed, 1);
	ck_assert_uint_eq(store_info(store).registered, 3);
	/* the new owner has nothing of the old one's, in any tier */
	id = rondo_series_id(store, c);
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_SUM, 0, 0, points, 8), 0);
	ck_assert_uint_eq(read_points(store, id, 1, RONDO_FN_SUM, 0, 0, points, 8), 0);
	ck_assert_uint_eq(read_points(store, id, RONDO_TIER_AUTO, RONDO_FN_TOTAL, 0, 0, points, 8),
			  0);
	ck_ok(rondo_add(c, T0 + 100 * SEC, 5));
	ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_TOTAL, 0, 0, points, 8), 1);
	ck_assert(points[0].value == 5);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* A slot changes hands 500 times, over reopenings too: ids never come twice. */
START_TEST(limits_ids_of_a_slot_never_repeat)
{
	rondo_store *store = reclaiming_store("owners", 1);
	rondo_id ids[500];
	uint64_t now = T0;

	for (size_t i = 0; i < LENGTH(ids); i++) {
		struct rondo_point points[100];
		rondo_series *series;
		char name[16];

		snprintf(name, sizeof(name), "s%zu", i);
		consolidate(store, now);
		series = gauge(store, name);
		ids[i] = rondo_series_id(store, series);
		for (size_t j = 0; j < i; j++)
			expect(ids[i] != ids[j], "an id came twice");
		ck_ok(rondo_record(series, now, (double)i));
		ck_assert_uint_eq(read_points(store, ids[i], 0, RONDO_FN_LAST, 0, 0, points, 100),
				  1);
		ck_assert_uint_eq(matching(store, ""), 1);
		ck_ok(rondo_series_retire(store, series, now));
		now += 60 * SEC;
		if (i % 50 == 49) {
			ck_ok(rondo_store_close(store));
			store = reopen(in_scratch("owners"), 0);
		}
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Refusals were counted of series whose slot has a new owner: a counter doesn't go down. */
START_TEST(errors_refusals_are_still_counted_after_reclaim)
{
	rondo_store *store = reclaiming_store("counted", 1);
	rondo_series *series = gauge(store, "a");

	consolidate(store, T0);
	ck_err(rondo_record(series, T0 + 3600 * SEC, 1), RONDO_E_FUTURE);
	ck_err(rondo_record(series, T0, 1. / 0.), RONDO_E_VALUE);
	consolidate(store, T0 + 100 * SEC);
	ck_err(rondo_record(series, T0, 1), RONDO_E_TOO_OLD);
	ck_ok(rondo_series_retire(store, series, T0));
	gauge(store, "b");
	ck_assert_uint_eq(store_info(store).future, 1);
	ck_assert_uint_eq(store_info(store).invalid, 1);
	ck_assert_uint_eq(store_info(store).too_old, 1);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_hostile_label_values_come_back_as_they_were)
{
	static const char *const values[] = {
		"\"",
		"\\",
		"\n",
		"\\n",
		"a\"b\\c\nd",
		"{}",
		"a=\"b\",c=\"d\"",
		"\"}",
		"\\\"",
		" ",
		"\t\r\001\177",
		"\303\244\342\202\254\360\237\230\200",
		"\357\277\277",
		"\\\\n",
		"}",
		",",
		"=",
		"'",
		"`",
		"../../etc/passwd",
		"%s%n",
		"\302\200",
		"\364\217\277\277",
	};
	rondo_store *store = small_store("hostile", LENGTH(values));
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_series *series;
	rondo_iter *iter;
	rondo_id id;

	for (size_t i = 0; i < LENGTH(values); i++)
		ck_ok(register_one(store, "m", "v", values[i], RONDO_GAUGE, &series));
	ck_ok(rondo_store_close(store));
	store = reopen(in_scratch("hostile"), 0);
	ck_ok(rondo_iter_begin(store, "m", &iter, NULL, 0));
	for (size_t i = 0; i < LENGTH(values); i++) {
		ck_assert_int_eq(rondo_iter_next(iter, &info), 1);
		ck_assert_str_eq(info.labels[0].value, values[i]);
		ck_ok(find_one(store, "m", "v", values[i], &id));
		ck_assert_uint_eq(id, info.id);
		ck_ok(register_one(store, "m", "v", values[i], RONDO_GAUGE, &series));
		ck_assert_uint_eq(rondo_series_id(store, series), id);
	}
	rondo_iter_end(iter);
	ck_assert_uint_eq(matching(store, ""), LENGTH(values));
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(errors_names_that_are_not_allowed)
{
	static const char *const names[] = {
		"", "1a", "a-b", "a b", "\303\244", "a{", "a\n", NULL
	};
	static const char *const labels[] = {
		"", "1a", "a:b", "__a", "__name__", "a-b", "\303\244"
	};
	static const char *const values[] = {
		"",     "\200",          "\377", "\300\200", "\355\240\200", "\364\220\200\200",
		"\303", "a\360\237\230",
	};
	rondo_store *store = small_store("names", 8);
	const struct rondo_label twice[] = { { "a", "1" }, { "b", "2" }, { "a", "1" } };
	rondo_series *series;

	for (size_t i = 0; i < LENGTH(names); i++)
		ck_err(register_one(store, names[i], NULL, NULL, RONDO_GAUGE, &series),
		       RONDO_E_NAME);
	for (size_t i = 0; i < LENGTH(labels); i++)
		ck_err(register_one(store, "m", labels[i], "v", RONDO_GAUGE, &series),
		       RONDO_E_NAME);
	for (size_t i = 0; i < LENGTH(values); i++)
		ck_err(register_one(store, "m", "l", values[i], RONDO_GAUGE, &series),
		       RONDO_E_NAME);
	ck_err(register_one(store, "m", "l", NULL, RONDO_GAUGE, &series), RONDO_E_NAME);
	ck_err(register_labels(store, "m", twice, 3, &series), RONDO_E_NAME);
	ck_err(register_labels(store, "m", NULL, 1, &series), RONDO_E_INVALID);
	ck_assert_uint_eq(matching(store, ""), 0);
	/* at the edge, and right */
	ck_ok(register_one(store, ":a:1_", "_", "v", RONDO_GAUGE, &series));
	ck_ok(register_one(store, "_", "_a1", "v", RONDO_GAUGE, &series));
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(errors_of_kind_and_arguments)
{
	const struct rondo_tier no_sums[] = {
		{ .interval_ns = SEC, .retention_ns = 60 * SEC },
		{ .interval_ns = 10 * SEC, .retention_ns = 600 * SEC, .functions = RONDO_FNS_MAX },
	};
	const struct rondo_schema schema = schema_of_tiers("nosums", no_sums, 2, 4);
	rondo_store *store = create(in_scratch("kinds"), &schema, 1);
	struct rondo_series_def def = { .size = sizeof(def), .name = "m", .kind = RONDO_GAUGE };
	rondo_series *series;
	rondo_id id;

	ck_err(register_one(store, "m", NULL, NULL, RONDO_COUNTER, &series), RONDO_E_KIND);
	ck_ok(register_one(store, "m", NULL, NULL, RONDO_GAUGE, &series));
	ck_err(register_one(store, "m", NULL, NULL, RONDO_COUNTER, &series), RONDO_E_KIND);
	ck_err(register_one(store, "n", NULL, NULL, (enum rondo_kind)0, &series), RONDO_E_INVALID);
	ck_err(register_one(store, "n", NULL, NULL, (enum rondo_kind)99, &series), RONDO_E_INVALID);
	def.size = 8;
	ck_err(rondo_series_register(store, &def, &series), RONDO_E_INVALID);
	ck_err(rondo_series_find(store, &def, &id), RONDO_E_INVALID);
	def.size = sizeof(def);
	ck_err(rondo_series_register(NULL, &def, &series), RONDO_E_INVALID);
	ck_err(rondo_series_register(store, &def, NULL), RONDO_E_INVALID);
	ck_err(rondo_series_retire(store, NULL, T0), RONDO_E_INVALID);
	def.unit = "\377";
	def.name = "n";
	ck_err(rondo_series_register(store, &def, &series), RONDO_E_NAME);
	def.unit = "0123456789012345678901234567890";
	ck_ok(rondo_series_register(store, &def, &series));
	def.unit = "01234567890123456789012345678901";
	def.name = "o";
	ck_err(rondo_series_register(store, &def, &series), RONDO_E_TOO_LONG);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* A key that just fits into each size of entry, and one byte more. */
START_TEST(limits_longest_key)
{
	for (uint32_t size = 256; size <= 4096; size *= 2) {
		const struct rondo_schema schema = schema_small(4);
		struct rondo_open_opts opts = { .size = sizeof(opts),
						.flags = RONDO_OPEN_CREATE,
						.entry_size = size,
						.schemas = &schema,
						.n_schemas = 1 };
		struct rondo_series_info info = { .size = sizeof(info) };
		char value[4096], path[32];
		rondo_series *series;
		rondo_store *store;
		rondo_iter *iter;
		rondo_id id;

		snprintf(path, sizeof(path), "long%u", size);
		ck_ok(rondo_store_open(in_scratch(path), &opts, &store));
		memset(value, 'x', sizeof(value));
		value[size - 40 - strlen("m{v=\"\"}") + 1] = '\0';
		ck_err(register_one(store, "m", "v", value, RONDO_GAUGE, &series),
		       RONDO_E_TOO_LONG);
		ck_err(find_one(store, "m", "v", value, &id), RONDO_E_NOT_FOUND);
		value[strlen(value) - 1] = '\0';
		ck_ok(register_one(store, "m", "v", value, RONDO_GAUGE, &series));
		/* an escape takes two */
		value[0] = '"';
		ck_err(register_one(store, "m", "v", value, RONDO_GAUGE, &series),
		       RONDO_E_TOO_LONG);
		value[0] = 'x';
		ck_ok(find_one(store, "m", "v", value, &id));
		ck_ok(rondo_iter_begin(store, "", &iter, NULL, 0));
		ck_assert_int_eq(rondo_iter_next(iter, &info), 1);
		ck_assert_str_eq(info.labels[0].value, value);
		rondo_iter_end(iter);
		ck_ok(rondo_store_close(store));
	}
}
END_TEST

START_TEST(limits_number_of_labels)
{
	struct rondo_label labels[65];
	struct rondo_series_info info = { .size = sizeof(info) };
	const struct rondo_schema schema = schema_small(4);
	struct rondo_open_opts opts = { .size = sizeof(opts),
					.flags = RONDO_OPEN_CREATE,
					.entry_size = 4096,
					.schemas = &schema,
					.n_schemas = 1 };
	char names[65][8];
	rondo_series *series;
	rondo_store *store;
	rondo_iter *iter;

	for (int i = 0; i < 65; i++) {
		snprintf(names[i], sizeof(names[i]), "l%d", i);
		labels[i] = (struct rondo_label){ names[i], "v" };
	}
	ck_ok(rondo_store_open(in_scratch("labels"), &opts, &store));
	ck_err(register_labels(store, "m", labels, 65, &series), RONDO_E_TOO_LONG);
	ck_ok(register_labels(store, "m", labels, 64, &series));
	ck_ok(rondo_iter_begin(store, "m{l63=\"v\"}", &iter, NULL, 0));
	ck_assert_int_eq(rondo_iter_next(iter, &info), 1);
	ck_assert_uint_eq(info.n_labels, 64);
	rondo_iter_end(iter);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Enough for the index to grow and to be taken from; every series keeps its own value. */
START_TEST(limits_ten_thousand_series)
{
	enum { N = 10000 };
	const struct rondo_tier tier = { .interval_ns = SEC, .retention_ns = 6 * SEC };
	struct rondo_schema schema = schema_of_tiers("many", &tier, 1, N);
	rondo_series **series = calloc(N, sizeof(*series));
	rondo_store *store;
	char value[16];
	rondo_id id;

	schema.on_full = RONDO_ON_FULL_RECLAIM;
	store = create(in_scratch("many"), &schema, 1);
	consolidate(store, T0);
	for (int round = 0; round < 2; round++) {
		uint64_t now = T0 + (uint64_t)round * 120 * SEC;

		for (int i = 0; i < N; i++) {
			snprintf(value, sizeof(value), "%d-%d", round, i);
			ck_ok(register_one(store, "m", "i", value, RONDO_GAUGE, &series[i]));
			ck_ok(rondo_record(series[i], now, i + round * 0.5));
		}
		ck_err(register_one(store, "m", "i", "more", RONDO_GAUGE, &series[0]),
		       RONDO_E_FULL);
		for (int i = 0; i < N; i += 97) {
			snprintf(value, sizeof(value), "%d-%d", round, i);
			ck_ok(find_one(store, "m", "i", value, &id));
			ck_value(store, id, 0, RONDO_FN_LAST, now, i + round * 0.5);
			snprintf(value, sizeof(value), "%d-%d", 1 - round, i);
			ck_err(find_one(store, "m", "i", value, &id), RONDO_E_NOT_FOUND);
		}
		for (int i = 0; round == 0 && i < N; i++) {
			snprintf(value, sizeof(value), "0-%d", i);
			ck_ok(register_one(store, "m", "i", value, RONDO_GAUGE, &series[i]));
			ck_ok(rondo_series_retire(store, series[i], now));
		}
		consolidate(store, now + 120 * SEC);
	}
	ck_assert_uint_eq(store_info(store).series_live, N);
	ck_ok(rondo_store_close(store));
	free(series);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_register_find_iterate, 'C' },
		{ core_order_of_labels_does_not_matter, 'C' },
		{ core_schemas_take_by_selector, 'C' },
		{ core_retire_and_continue, 'C' },
		{ core_reclaimed_after_the_delay, 'C' },
		{ core_hostile_label_values_come_back_as_they_were, 'C' },
		{ limits_ids_of_a_slot_never_repeat, 'L' },
		{ limits_longest_key, 'L' },
		{ limits_number_of_labels, 'L' },
		{ limits_ten_thousand_series, 'L' },
		{ errors_names_that_are_not_allowed, 'E' },
		{ errors_of_kind_and_arguments, 'E' },
		{ errors_refusals_are_still_counted_after_reclaim, 'E' },
	};

	return run_suite("lib_series", tests, LENGTH(tests));
}
