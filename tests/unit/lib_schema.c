// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Schemas: sizes that follow from them (rondo_plan), the rules they must keep, how a store shows
 * them. Oracle for sizes: the arithmetic of docs/STORAGE_FORMAT.md, done again here, and stat().
 */
#include "lib_common.h"

static const struct rondo_tier tiers_usual[] = {
	{ .interval_ns = SEC, .retention_ns = 600 * SEC },
	{ .interval_ns = 10 * SEC, .retention_ns = 21600 * SEC, .functions = RONDO_FNS_SUM },
	{ .interval_ns = 300 * SEC, .retention_ns = 7 * 86400 * SEC, .functions = RONDO_FNS_SUM },
};

static uint64_t rows(uint64_t slots)
{
	uint64_t n = (slots + 5) / 6 + 1;

	return n % 2 ? n : n + 1;
}

static int plan(const struct rondo_schema *schemas, size_t n, uint32_t entry_size,
		struct rondo_plan *out)
{
	memset(detail, 0, sizeof(detail));
	return rondo_plan(schemas, n, entry_size, out, detail, sizeof(detail));
}

START_TEST(core_usual_store_takes_1_53_megabytes)
{
	const struct rondo_schema schema = schema_of_tiers("usual", tiers_usual, 3, 30);
	const uint64_t cells = rows(600) + rows(2160) + rows(2016);
	struct rondo_plan p;

	ck_ok(plan(&schema, 1, 0, &p));
	ck_assert_uint_eq(p.series, 30);
	ck_assert_uint_eq(p.directory_bytes, 8192 + 4096 + 30 * 512);
	ck_assert_uint_eq(p.slab_bytes, 3 * 4096 + cells * 30 * 64);
	ck_assert_uint_eq(p.bytes, p.directory_bytes + p.slab_bytes);
	ck_assert_msg(p.bytes > 1525000 && p.bytes < 1600000, "%" PRIu64 " bytes", p.bytes);
}
END_TEST

START_TEST(core_planned_bytes_are_the_files_sizes)
{
	struct rondo_tier tiers[] = {
		{ .interval_ns = 250 * MS, .retention_ns = 60 * SEC },
		{ .interval_ns = 2 * SEC,
		  .retention_ns = 300 * SEC,
		  .functions = RONDO_FNS_MIN | RONDO_FNS_COUNT | RONDO_FNS_TOTAL },
		{ .interval_ns = 10 * SEC, .retention_ns = 700 * SEC, .functions = RONDO_FNS_LAST },
	};
	struct rondo_schema schemas[] = {
		schema_of_tiers("first", tiers, 3, 7),
		schema_of_tiers("second-1_", tiers, 1, 1),
	};
	/* lanes: last; min, sum, total and the coarser tier's last */
	const uint64_t first = rows(240) * 7, upper = rows(150) * 7 * 4, coarse = rows(70) * 7;
	struct rondo_store_info info;
	struct rondo_plan p;
	rondo_store *store;

	schemas[0].selector = "{a=\"b\"}";
	ck_ok(plan(schemas, 2, 0, &p));
	store = create(in_scratch("sizes"), schemas, 2);
	ck_assert_uint_eq(size_of_file(in_scratch("sizes/store.rondo")), p.directory_bytes);
	ck_assert_uint_eq(size_of_file(in_scratch("sizes/first.t0.slab")), 4096 + 64 * first);
	ck_assert_uint_eq(size_of_file(in_scratch("sizes/first.t1.slab")), 4096 + 64 * upper);
	ck_assert_uint_eq(size_of_file(in_scratch("sizes/first.t2.slab")), 4096 + 64 * coarse);
	ck_assert_uint_eq(size_of_file(in_scratch("sizes/second-1_.t0.slab")),
			  4096 + 64 * rows(240));
	ck_assert_uint_eq(p.slab_bytes, 4 * 4096 + 64 * (first + upper + coarse + rows(240)));
	info = store_info(store);
	ck_assert_uint_eq(info.bytes, p.bytes);
	ck_assert_uint_eq(info.series_max, 8);
	ck_assert_uint_eq(info.n_schemas, 2);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_a_store_tells_its_schemas)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = SEC, .retention_ns = 120 * SEC },
		{ .interval_ns = 10 * SEC, .retention_ns = 600 * SEC, .functions = RONDO_FNS_MAX },
		{ .interval_ns = 60 * SEC, .retention_ns = 3600 * SEC, .functions = RONDO_FNS_AVG },
	};
	struct rondo_schema schemas[] = { schema_of_tiers("some", tiers, 3, 5), schema_small(3) };
	struct rondo_schema got = { .size = sizeof(got) };
	rondo_store *store;

	schemas[0].selector = "x{a!=\"b\"}";
	schemas[0].on_full = RONDO_ON_FULL_RECLAIM;
	schemas[0].grace_ns = 7 * SEC;
	schemas[0].xff = 0.25;
	schemas[0].max_ahead_ns = 9 * SEC;
	schemas[0].reclaim_delay_ns = 11 * SEC;
	schemas[1].xff = RONDO_XFF_NONE;
	ck_ok(rondo_store_close(create(in_scratch("tells"), schemas, 2)));
	store = reopen(in_scratch("tells"), RONDO_OPEN_READ_ONLY);
	ck_ok(rondo_store_schema(store, 0, &got));
	ck_assert_str_eq(got.name, "some");
	ck_assert_str_eq(got.selector, "x{a!=\"b\"}");
	ck_assert_uint_eq(got.n_tiers, 3);
	ck_assert_uint_eq(got.max_series, 5);
	ck_assert_int_eq(got.on_full, RONDO_ON_FULL_RECLAIM);
	ck_assert_uint_eq(got.grace_ns, 7 * SEC);
	ck_assert_uint_eq(got.max_ahead_ns, 9 * SEC);
	ck_assert_uint_eq(got.reclaim_delay_ns, 11 * SEC);
	ck_assert(got.xff == 0.25);
	ck_assert_uint_eq(got.tiers[1].interval_ns, 10 * SEC);
	ck_assert_uint_eq(got.tiers[1].retention_ns, 600 * SEC);
	ck_assert_uint_eq(got.tiers[1].functions,
			  RONDO_FNS_MAX | RONDO_FNS_AVG | RONDO_FNS_SUM | RONDO_FNS_COUNT);
	ck_assert_uint_eq(got.tiers[2].functions, RONDO_FNS_AVG | RONDO_FNS_SUM | RONDO_FNS_COUNT);
	ck_ok(rondo_store_schema(store, 1, &got));
	ck_assert(got.xff == RONDO_XFF_NONE);
	ck_assert_uint_eq(got.grace_ns, 6 * SEC);
	ck_assert_uint_eq(got.max_ahead_ns, 60 * SEC);
	ck_assert_uint_eq(got.reclaim_delay_ns, 60 * SEC);
	ck_err(rondo_store_schema(store, 2, &got), RONDO_E_NOT_FOUND);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* What a store tells of its schemas makes the same store again. */
START_TEST(core_told_schemas_can_be_created_again)
{
	struct rondo_schema schemas[] = { schema_of_tiers("usual", tiers_usual, 3, 2) };
	struct rondo_schema got = { .size = sizeof(got) };
	rondo_store *store, *again;

	schemas[0].xff = RONDO_XFF_NONE;
	store = create(in_scratch("told"), schemas, 1);
	ck_ok(rondo_store_schema(store, 0, &got));
	again = create(in_scratch("told-again"), &got, 1);
	ck_assert_uint_eq(store_info(store).bytes, store_info(again).bytes);
	ck_ok(rondo_store_close(store));
	ck_ok(rondo_store_close(again));
}
END_TEST

START_TEST(limits_every_number_of_tiers)
{
	struct rondo_tier tiers[RONDO_TIERS_MAX];
	struct rondo_plan p;
	uint64_t interval = MS;

	for (uint32_t i = 0; i < RONDO_TIERS_MAX; i++, interval *= 2)
		tiers[i] = (struct rondo_tier){ interval, interval * 8, RONDO_FNS_SUM, 0 };
	/* 2^43 ms are 278 years; the grace must fit into the finest tier */
	tiers[0].retention_ns = 4096 * MS;
	for (uint32_t n = 1; n <= RONDO_TIERS_MAX; n++) {
		struct rondo_schema schema = schema_of_tiers("many", tiers, n, 1);
		char name[32];

		schema.grace_ns = 6 * MS;
		for (uint32_t i = 1; i < n; i++)
			tiers[i].retention_ns = tiers[i].interval_ns * 16;
		snprintf(name, sizeof(name), "tiers%u", n);
		if (tiers[n - 1].interval_ns > UINT64_MAX / 1024) {
			ck_err(plan(&schema, 1, 0, &p), RONDO_E_SCHEMA);
			continue;
		}
		ck_assert_msg(plan(&schema, 1, 0, &p) == 0, "%u tiers: %s", n, detail);
		ck_ok(rondo_store_close(create(in_scratch(name), &schema, 1)));
		ck_ok(rondo_store_close(reopen(in_scratch(name), 0)));
	}
}
END_TEST

START_TEST(limits_entry_sizes)
{
	const struct rondo_schema schema = schema_small(3);
	struct rondo_plan p;

	for (uint32_t size = 256; size <= 4096; size *= 2) {
		ck_ok(plan(&schema, 1, size, &p));
		ck_assert_uint_eq(p.directory_bytes, 8192 + 4096 + 3 * size);
	}
	ck_err(plan(&schema, 1, 128, &p), RONDO_E_INVALID);
	ck_err(plan(&schema, 1, 8192, &p), RONDO_E_INVALID);
	ck_err(plan(&schema, 1, 511, &p), RONDO_E_INVALID);
	ck_assert_ptr_nonnull(strstr(detail, "511"));
}
END_TEST

START_TEST(limits_most_schemas_and_series)
{
	struct rondo_schema schemas[RONDO_SCHEMAS_MAX + 1];
	char names[RONDO_SCHEMAS_MAX + 1][8];
	struct rondo_plan p;

	for (unsigned int i = 0; i < LENGTH(schemas); i++) {
		snprintf(names[i], sizeof(names[i]), "s%u", i);
		schemas[i] = schema_of_tiers(names[i], tiers_small, 2, 1u << 24);
	}
	ck_ok(plan(schemas, RONDO_SCHEMAS_MAX, 0, &p));
	ck_assert_uint_eq(p.series, (uint64_t)RONDO_SCHEMAS_MAX << 24);
	ck_err(plan(schemas, RONDO_SCHEMAS_MAX + 1, 0, &p), RONDO_E_SCHEMA);
	ck_err(plan(schemas, 0, 0, &p), RONDO_E_SCHEMA);
	ck_err(plan(NULL, 1, 0, &p), RONDO_E_SCHEMA);
}
END_TEST

/* A time limit of "none" must not wrap round and refuse everything. */
START_TEST(limits_max_ahead_without_bound)
{
	struct rondo_schema schema = schema_small(1);
	rondo_store *store;
	rondo_series *series;

	schema.max_ahead_ns = UINT64_MAX;
	if (open_with(in_scratch("ahead"), &schema, 1, RONDO_OPEN_CREATE, &store))
		return; /* refused: as good */
	series = gauge(store, "g");
	ck_ok(rondo_record(series, T0, 1));
	consolidate(store, T0 + 60 * SEC);
	ck_ok(rondo_record(series, T0 + 60 * SEC, 1));
	ck_ok(rondo_record(series, T0 + 6000 * SEC, 1));
	ck_ok(rondo_store_close(store));
}
END_TEST

/* One thing wrong at a time; the sentence names it. */
static void refused(struct rondo_schema schema, int error, const char *word)
{
	struct rondo_plan p = { .bytes = 42 };
	rondo_store *store = NULL;

	ck_err(plan(&schema, 1, 0, &p), error);
	ck_assert_msg(strstr(detail, word) != NULL, "'%s' does not say '%s'", detail, word);
	ck_assert_uint_eq(p.bytes, 42);
	ck_err(open_with(in_scratch("refused"), &schema, 1, RONDO_OPEN_CREATE, &store), error);
	ck_assert_msg(strstr(detail, word) != NULL, "'%s' does not say '%s'", detail, word);
	ck_assert_ptr_null(store);
	ck_assert_msg(access(in_scratch("refused"), F_OK) != 0, "something is left behind");
}

START_TEST(errors_in_a_schema)
{
	const struct rondo_schema good = schema_small(3);
	struct rondo_schema s;
	static const char *const names[] = { "", "a b", "../x", "a.b", "\303\244", "a/b" };
	char longest[RONDO_SCHEMA_NAME_MAX + 2];

	for (size_t i = 0; i < LENGTH(names); i++) {
		s = good;
		s.name = names[i];
		refused(s, RONDO_E_SCHEMA, "name");
	}
	s = good;
	s.name = NULL;
	refused(s, RONDO_E_SCHEMA, "name");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	s.name = longest;
	refused(s, RONDO_E_SCHEMA, "name");
	s = good;
	s.size = 0;
	refused(s, RONDO_E_SCHEMA, "size");
	s = good;
	s.max_series = 0;
	refused(s, RONDO_E_SCHEMA, "max_series");
	s.max_series = (1u << 24) + 1;
	refused(s, RONDO_E_SCHEMA, "max_series");
	s = good;
	s.on_full = (enum rondo_on_full)2;
	refused(s, RONDO_E_SCHEMA, "on_full");
	s = good;
	s.xff = 1;
	refused(s, RONDO_E_SCHEMA, "xff");
	s.xff = -0.5;
	refused(s, RONDO_E_SCHEMA, "xff");
	s.xff = __builtin_nan("");
	refused(s, RONDO_E_SCHEMA, "xff");
	s = good;
	s.grace_ns = 6 * SEC - 1;
	refused(s, RONDO_E_SCHEMA, "grace");
	s = good;
	s.selector = "{a=";
	refused(s, RONDO_E_SELECTOR, "selector");
	s = good;
	s.n_tiers = 0;
	refused(s, RONDO_E_SCHEMA, "tiers");
	s.n_tiers = RONDO_TIERS_MAX + 1;
	refused(s, RONDO_E_SCHEMA, "tiers");
	s = good;
	s.tiers = NULL;
	refused(s, RONDO_E_SCHEMA, "tiers");
}
END_TEST

static struct rondo_schema with_tier(struct rondo_tier *tiers, unsigned int i, uint64_t interval,
				     uint64_t retention, uint32_t functions)
{
	static const struct rondo_tier good[] = {
		{ .interval_ns = SEC, .retention_ns = 60 * SEC },
		{ .interval_ns = 10 * SEC, .retention_ns = 600 * SEC, .functions = RONDO_FNS_SUM },
		{ .interval_ns = 60 * SEC, .retention_ns = 6000 * SEC, .functions = RONDO_FNS_SUM },
	};

	memcpy(tiers, good, sizeof(good));
	if (interval)
		tiers[i] = (struct rondo_tier){ interval, retention, functions, 0 };
	return schema_of_tiers("tiers", tiers, 3, 1);
}

START_TEST(errors_in_a_tier)
{
	struct rondo_tier t[3];
	struct rondo_schema s = with_tier(t, 0, 0, 0, 0);
	struct rondo_plan p;

	ck_ok(plan(&s, 1, 0, &p));
	refused(with_tier(t, 0, MS - 1, 60 * SEC, 0), RONDO_E_SCHEMA, "tier 0: interval");
	refused(with_tier(t, 0, SEC, 0, 0), RONDO_E_SCHEMA, "tier 0: retention");
	refused(with_tier(t, 0, SEC, 60 * SEC + 1, 0), RONDO_E_SCHEMA, "tier 0: retention");
	/* two windows of 10 s and the grace of 6 s */
	s = with_tier(t, 0, SEC, 26 * SEC, 0);
	ck_ok(plan(&s, 1, 0, &p));
	refused(with_tier(t, 0, SEC, 25 * SEC, 0), RONDO_E_SCHEMA, "tier 0: retention");
	refused(with_tier(t, 1, 10 * SEC + 1, 600 * SEC, RONDO_FNS_SUM), RONDO_E_SCHEMA, "tier 1");
	refused(with_tier(t, 1, SEC, 600 * SEC, RONDO_FNS_SUM), RONDO_E_SCHEMA, "tier 1: interval");
	refused(with_tier(t, 1, 15 * SEC / 10, 600 * SEC, RONDO_FNS_SUM), RONDO_E_SCHEMA,
		"tier 1: interval");
	refused(with_tier(t, 1, 10 * SEC, 600 * SEC, 0), RONDO_E_SCHEMA, "tier 1: functions");
	refused(with_tier(t, 1, 10 * SEC, 600 * SEC, 1), RONDO_E_SCHEMA, "tier 1: functions");
	refused(with_tier(t, 1, 10 * SEC, 600 * SEC, 1u << 20), RONDO_E_SCHEMA,
		"tier 1: functions");
	refused(with_tier(t, 2, 60 * SEC, 6000 * SEC, RONDO_FNS_TOTAL), RONDO_E_SCHEMA,
		"tier 2: total");
	refused(with_tier(t, 2, UINT64_C(1) << 62, UINT64_C(1) << 63, RONDO_FNS_SUM),
		RONDO_E_SCHEMA, "tier 2");
	refused(with_tier(t, 0, MS, UINT64_MAX / MS * MS, 0), RONDO_E_SCHEMA, "tier 0");
}
END_TEST

START_TEST(errors_in_a_set_of_schemas)
{
	struct rondo_schema two[] = { schema_small(1), schema_small(1) };
	struct rondo_plan p;

	ck_err(plan(two, 2, 0, &p), RONDO_E_SCHEMA);
	ck_assert_ptr_nonnull(strstr(detail, "two schemas"));
	ck_err(rondo_plan(two, 1, 0, NULL, NULL, 0), RONDO_E_INVALID);
	/* no buffer for the sentence */
	ck_err(rondo_plan(two, 2, 0, &p, NULL, 0), RONDO_E_SCHEMA);
	ck_err(rondo_plan(two, 2, 0, &p, detail, 0), RONDO_E_SCHEMA);
	memset(detail, 'x', sizeof(detail));
	ck_err(rondo_plan(two, 2, 0, &p, detail, 3), RONDO_E_SCHEMA);
	ck_assert_mem_eq(detail, "tw\0x", 4);
}
END_TEST

START_TEST(errors_have_sentences)
{
	for (int i = -23; i <= 1; i++) {
		ck_assert_str_ne(rondo_strerror(i), "unknown error");
		for (int j = i + 1; j <= 1; j++)
			ck_assert_str_ne(rondo_strerror(i), rondo_strerror(j));
	}
	ck_assert_str_eq(rondo_strerror(-24), "unknown error");
	ck_assert_str_eq(rondo_strerror(2), "unknown error");
	ck_assert_str_eq(rondo_strerror(INT32_MIN), "unknown error");
	ck_assert_str_eq(rondo_version(), RONDO_VERSION);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_usual_store_takes_1_53_megabytes, 'C' },
		{ core_planned_bytes_are_the_files_sizes, 'C' },
		{ core_a_store_tells_its_schemas, 'C' },
		{ core_told_schemas_can_be_created_again, 'C' },
		{ limits_every_number_of_tiers, 'L' },
		{ limits_entry_sizes, 'L' },
		{ limits_most_schemas_and_series, 'L' },
		{ limits_max_ahead_without_bound, 'L' },
		{ errors_in_a_schema, 'E' },
		{ errors_in_a_tier, 'E' },
		{ errors_in_a_set_of_schemas, 'E' },
		{ errors_have_sentences, 'E' },
	};

	return run_suite("lib_schema", tests, LENGTH(tests));
}
