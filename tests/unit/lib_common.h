/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * lib_common.h - what the suites of librondo share: a scratch directory, stores, series, reading
 *
 * Uses the public header alone.  A failed expectation fails the Check test that is running.
 */
#ifndef LIB_COMMON_H
#define LIB_COMMON_H

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rondo.h>

#define MS        UINT64_C(1000000)
#define SEC       UINT64_C(1000000000)
#define T0        (UINT64_C(1700000000) * SEC) /* a multiple of 1, 2, 5, 10 s */
#define UNUSED    __attribute__((unused))
#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* Check writes a line to a file for each of its own assertions; these are for loops. */
#define expect(condition, ...)                                                                     \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

#define ck_err(call, error)                                                                        \
	do {                                                                                       \
		int got_ = (call);                                                                 \
		expect(got_ == (error), "%s: %d (%s), want %d (%s)", #call, got_,                  \
		       rondo_strerror(got_), (int)(error), rondo_strerror(error));                 \
	} while (0)

#define ck_ok(call) ck_err(call, RONDO_OK)

/* ---- scratch: in memory if there is /dev/shm; made and removed outside of the tests ---- */

static char scratch[64];

static UNUSED void scratch_make(void)
{
	snprintf(scratch, sizeof(scratch), "%s/rondo-test-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(scratch));
}

static UNUSED int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
			     struct FTW *at UNUSED)
{
	return remove(path);
}

static UNUSED void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static UNUSED void scratch_remove(void)
{
	remove_tree(scratch);
}

/* A path in the scratch directory; it stays. */
static UNUSED const char *in_scratch(const char *name)
{
	static char paths[128][160];
	static unsigned int n;
	size_t prefix = strlen(scratch) + 1;

	for (unsigned int i = 0; i < n; i++)
		if (!strcmp(paths[i] + prefix, name))
			return paths[i];
	ck_assert_uint_lt(n, LENGTH(paths));
	snprintf(paths[n], sizeof(paths[n]), "%s/%s", scratch, name);
	return paths[n++];
}

static UNUSED uint64_t size_of_file(const char *path)
{
	struct stat st;

	ck_assert_msg(stat(path, &st) == 0, "stat %s", path);
	return (uint64_t)st.st_size;
}

/* ---- schemas and stores ---- */

#define TIERS_SMALL                                                                                \
	{                                                                                          \
		{ .interval_ns = SEC, .retention_ns = 60 * SEC },                                  \
		{                                                                                  \
			.interval_ns = 10 * SEC, .retention_ns = 600 * SEC,                        \
			.functions = ALL_FUNCTIONS                                                 \
		}                                                                                  \
	}
#define ALL_FUNCTIONS                                                                              \
	(RONDO_FNS_AVG | RONDO_FNS_MIN | RONDO_FNS_MAX | RONDO_FNS_LAST | RONDO_FNS_SUM |          \
	 RONDO_FNS_COUNT | RONDO_FNS_TOTAL)

static UNUSED const struct rondo_tier tiers_small[] = TIERS_SMALL;

static UNUSED struct rondo_schema schema_of_tiers(const char *name, const struct rondo_tier *tiers,
						  uint32_t n_tiers, uint32_t max_series)
{
	return (struct rondo_schema){ .size = sizeof(struct rondo_schema),
				      .name = name,
				      .tiers = tiers,
				      .n_tiers = n_tiers,
				      .max_series = max_series };
}

static UNUSED struct rondo_schema schema_small(uint32_t max_series)
{
	return schema_of_tiers("small", tiers_small, 2, max_series);
}

static char detail[512];

static UNUSED int open_with(const char *path, const struct rondo_schema *schemas, size_t n,
			    uint32_t flags, rondo_store **store)
{
	const struct rondo_open_opts opts = { .size = sizeof(opts),
					      .flags = flags,
					      .schemas = schemas,
					      .n_schemas = n,
					      .detail = detail,
					      .detail_size = sizeof(detail) };

	return rondo_store_open(path, &opts, store);
}

static UNUSED rondo_store *create(const char *path, const struct rondo_schema *schemas, size_t n)
{
	rondo_store *store = NULL;
	int err = open_with(path, schemas, n, RONDO_OPEN_CREATE, &store);

	expect(err == 0, "create %s: %s: %s", path, rondo_strerror(err), detail);
	return store;
}

static UNUSED rondo_store *reopen(const char *path, uint32_t flags)
{
	rondo_store *store = NULL;
	int err = open_with(path, NULL, 0, flags, &store);

	expect(err == 0, "open %s: %s: %s", path, rondo_strerror(err), detail);
	return store;
}

static UNUSED struct rondo_store_info store_info(rondo_store *store)
{
	struct rondo_store_info info = { .size = sizeof(info) };

	ck_ok(rondo_store_info(store, &info));
	return info;
}

static UNUSED void consolidate(rondo_store *store, uint64_t now)
{
	ck_ok(rondo_consolidate(store, now, 0));
}

/* ---- series ---- */

/* A definition with at most one label; label NULL: none. The pointers are kept. */
static UNUSED int register_one(rondo_store *store, const char *name, const char *label,
			       const char *value, enum rondo_kind kind, rondo_series **series)
{
	const struct rondo_label labels[] = { { label, value } };
	const struct rondo_series_def def = { .size = sizeof(def),
					      .name = name,
					      .labels = label ? labels : NULL,
					      .n_labels = label ? 1 : 0,
					      .kind = kind };

	return rondo_series_register(store, &def, series);
}

static UNUSED rondo_series *gauge(rondo_store *store, const char *name)
{
	rondo_series *series = NULL;

	ck_ok(register_one(store, name, NULL, NULL, RONDO_GAUGE, &series));
	return series;
}

static UNUSED rondo_series *counter(rondo_store *store, const char *name)
{
	rondo_series *series = NULL;

	ck_ok(register_one(store, name, NULL, NULL, RONDO_COUNTER, &series));
	return series;
}

static UNUSED int find_one(rondo_store *store, const char *name, const char *label,
			   const char *value, rondo_id *id)
{
	const struct rondo_label labels[] = { { label, value } };
	const struct rondo_series_def def = { .size = sizeof(def),
					      .name = name,
					      .labels = label ? labels : NULL,
					      .n_labels = label ? 1 : 0,
					      .kind = RONDO_GAUGE };

	return rondo_series_find(store, &def, id);
}

static UNUSED rondo_id id_of_name(rondo_store *store, const char *name)
{
	rondo_id id = 0;

	ck_ok(find_one(store, name, NULL, NULL, &id));
	return id;
}

/* How many series match. */
static UNUSED size_t matching(rondo_store *store, const char *selector)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_iter *iter = NULL;
	size_t n = 0;
	int more;

	ck_ok(rondo_iter_begin(store, selector, &iter, NULL, 0));
	while ((more = rondo_iter_next(iter, &info)) == 1)
		n++;
	ck_assert_int_eq(more, 0);
	rondo_iter_end(iter);
	return n;
}

/* ---- reading ---- */

static UNUSED size_t read_points(rondo_store *store, rondo_id id, uint32_t tier,
				 enum rondo_function function, uint64_t start, uint64_t end,
				 struct rondo_point *points, size_t cap)
{
	const struct rondo_range range = { .size = sizeof(range),
					   .start_ns = start,
					   .end_ns = end,
					   .tier = tier,
					   .function = function };
	size_t n = 0;
	int err = rondo_read(store, id, &range, points, cap, &n);

	expect(err == 0, "read tier %u function %d: %s", tier, (int)function, rondo_strerror(err));
	return n;
}

/* The value of the point at exactly ts; NAN if there is none. */
static UNUSED double value_at(rondo_store *store, rondo_id id, uint32_t tier,
			      enum rondo_function function, uint64_t ts)
{
	struct rondo_point point;

	if (!read_points(store, id, tier, function, ts, ts + 1, &point, 1))
		return __builtin_nan("");
	expect(point.ts_ns == ts, "a point outside of the range");
	return point.value;
}

#define ck_value(store, id, tier, fn, ts, want)                                                    \
	do {                                                                                       \
		double got_ = value_at(store, id, tier, fn, ts), want_ = (want);                   \
		expect(got_ == want_, "%s of tier %d at T0 + %" PRId64 " ms: %.17g, want %.17g",   \
		       #fn, (int)(tier), (int64_t)((ts)-T0) / (int64_t)MS, got_, want_);           \
	} while (0)

#define ck_absent(store, id, tier, fn, ts)                                                         \
	do {                                                                                       \
		double got_ = value_at(store, id, tier, fn, ts);                                   \
		expect(got_ != got_, "%s of tier %d at T0 + %" PRId64 " ms: %.17g, want none",     \
		       #fn, (int)(tier), (int64_t)((ts)-T0) / (int64_t)MS, got_);                  \
	} while (0)

/* ---- random numbers (Marsaglia's xorshift64); RONDO_TEST_SEED gives others ---- */

static uint64_t random_state = UINT64_C(88172645463325252);

static UNUSED uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* 0 to n - 1 */
static UNUSED uint64_t random_below(uint64_t n)
{
	return random_u64() % n;
}

/* ---- long forms: `make test-full` ---- */

static UNUSED bool long_form(void)
{
	return getenv("RONDO_TEST_LONG") != NULL;
}

/* Of a long form, how far it is: a line on stderr every two seconds, which tests/run.sh shows. */
static UNUSED void progress(const char *what, uint64_t done, uint64_t all)
{
	static time_t said;
	time_t now = time(NULL);

	if (!long_form() || now < said + 2)
		return;
	said = now;
	fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 "\n", what, done, all);
}

/* ---- running ---- */

struct test_entry {
	const TTest *test;
	char tcase; /* 'C'ore, 'L'imits, 'E'rrors */
};

static UNUSED int run_suite(const char *name, const struct test_entry *tests, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *cases[3] = { tcase_create("Core"), tcase_create("Limits"), tcase_create("Errors") };
	const char *seed = getenv("RONDO_TEST_SEED");
	SRunner *runner;
	int failed;

	if (seed)
		random_state ^= strtoull(seed, NULL, 0) << 1;
	for (int i = 0; i < 3; i++) {
		tcase_add_unchecked_fixture(cases[i], scratch_make, scratch_remove);
		suite_add_tcase(suite, cases[i]);
	}
	for (size_t i = 0; i < n; i++)
		tcase_add_test(cases[tests[i].tcase == 'C'   ? 0
				     : tests[i].tcase == 'L' ? 1
							     : 2],
			       tests[i].test);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif /* LIB_COMMON_H */
