// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The heap, as librondo uses it: whichever of its allocations fails, the call says RONDO_E_NOMEM,
 * nothing leaks, and the store goes on; recording and consolidating use no heap at all.
 *
 * The linker puts the functions below in the place of the library's own calls of malloc and the like
 * (build.mk), so this holds under sanitizers, too. What libc does when it has no memory of its own is
 * in lib_faults.c.
 */
#include <stdbool.h>

#include "lib_common.h"

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
void __wrap_free(void *p);
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void __real_free(void *p);

static struct {
	unsigned int fails_at, calls; /* fails_at 0: none */
	long blocks;                  /* allocated and not freed */
} heap;

static int fails(void)
{
	heap.calls++;
	return heap.fails_at && heap.calls == heap.fails_at;
}

static void *counted(void *p)
{
	heap.blocks += p != NULL;
	return p;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
	void *to = fails() ? NULL : __real_realloc(p, n);

	heap.blocks += to && !p;
	return to;
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
	return fails() ? NULL : counted(__real_aligned_alloc(alignment, n));
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : counted(__real_strdup(s));
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : counted(__real_strndup(s, n));
}

void __wrap_free(void *p)
{
	heap.blocks -= p != NULL;
	__real_free(p);
}

/* ---- a store with one of everything ---- */

#define NOW (T0 + 100 * SEC)

static const double bounds[] = { 1, 2, 3 };

static const struct rondo_schema *schemas(void)
{
	static struct rondo_schema two[2];

	two[0] = schema_of_tiers("hist", tiers_small, 2, 2);
	two[0].bounds = bounds;
	two[0].n_bounds = 3;
	two[1] = schema_small(600);
	two[1].selector = "{__name__=~\".*\",no!=\"\\\"x\"}";
	return two;
}

static rondo_series *histogram(rondo_store *store)
{
	rondo_series *h = NULL;

	ck_ok(register_one(store, "h", NULL, NULL, RONDO_HISTOGRAM, &h));
	return h;
}

static void fill(const char *path)
{
	rondo_store *store = create(path, schemas(), 2);
	rondo_series *g = gauge(store, "g"), *c = counter(store, "c"), *h = histogram(store);

	for (uint64_t ts = T0; ts < NOW; ts += SEC) {
		ck_ok(rondo_record(g, ts, 1));
		ck_ok(rondo_add(c, ts, 1));
		ck_ok(rondo_observe(h, ts, 1));
		consolidate(store, ts);
	}
	ck_ok(rondo_store_close(store));
}

/* ---- each call: on a store that is open for writing, or opening one ---- */

/* No ck_... in these: Check itself allocates there. */

static int opens(rondo_store *unused UNUSED, uint32_t flags)
{
	rondo_store *store = NULL;
	int err = open_with(in_scratch("other"), schemas(), 2, flags, &store);

	if (err)
		expect(!store, "a store, and an error");
	else
		expect(!rondo_store_close(store), "close");
	return err;
}

static int call_open(rondo_store *store)
{
	return opens(store, 0);
}

static int call_open_read_only(rondo_store *store)
{
	return opens(store, RONDO_OPEN_READ_ONLY);
}

static int call_open_existing(rondo_store *store)
{
	return opens(store, RONDO_OPEN_CREATE);
}

/* A creation that failed leaves no store, and is no obstacle to the next. */
static int call_create(rondo_store *store)
{
	remove_tree(in_scratch("other"));
	return opens(store, RONDO_OPEN_CREATE | RONDO_OPEN_EXCLUSIVE);
}

static int call_plan(rondo_store *store UNUSED)
{
	struct rondo_plan plan;

	return rondo_plan(schemas(), 2, 0, &plan, detail, sizeof(detail));
}

static int call_register(rondo_store *store)
{
	rondo_series *series;
	int err = 0;

	for (int i = 0; i < 590 && !err; i++) { /* the index grows */
		char value[16];

		snprintf(value, sizeof(value), "%d", i);
		err = register_one(store, "many", "i", value, RONDO_GAUGE, &series);
	}
	return err;
}

static int call_iterate(rondo_store *store)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_iter *iter = NULL;
	int err = rondo_iter_begin(store, "{__name__=~\"g|c\",a=\"\",b!=\"1\",c!~\"2\"}", &iter,
				   detail, sizeof(detail));
	int n = 0;

	if (err) {
		expect(!iter, "an iterator, and an error");
		return err;
	}
	while ((err = rondo_iter_next(iter, &info)) == 1)
		n++;
	rondo_iter_end(iter);
	expect(n == 2, "%d series", n);
	return err;
}

static int call_schema(rondo_store *store)
{
	struct rondo_schema schema = { .size = sizeof(schema) };
	int err = rondo_store_schema(store, 0, &schema);

	return err ? err : rondo_store_schema(store, 1, &schema);
}

static int call_copy(rondo_store *store)
{
	int err;

	remove_tree(in_scratch("copy"));
	err = rondo_store_snapshot(store, in_scratch("copy"), NULL, 0);
	/* never half a copy that passes for one */
	if (err)
		expect(access(in_scratch("copy/store.rondo"), F_OK) != 0, "half a copy");
	return err;
}

static int call_migrate(rondo_store *store)
{
	struct rondo_schema to[2] = { schemas()[1], schemas()[0] };
	const struct rondo_migrate_opts opts = { .size = sizeof(opts),
						 .schemas = to,
						 .n_schemas = 2,
						 .detail = detail,
						 .detail_size = sizeof(detail) };
	int err;

	to[0].max_series = 7;
	remove_tree(in_scratch("copy"));
	err = rondo_store_migrate(store, in_scratch("copy"), &opts, NULL);
	if (err)
		expect(access(in_scratch("copy/store.rondo"), F_OK) != 0, "half a store");
	return err;
}

static int call_verify(rondo_store *store UNUSED)
{
	return rondo_store_verify(in_scratch("store"), NULL, NULL);
}

static int call_read(rondo_store *store)
{
	const struct rondo_range range = { .size = sizeof(range), .tier = RONDO_TIER_AUTO };
	struct rondo_store_info info = { .size = sizeof(info) };
	struct rondo_histogram histograms[128];
	struct rondo_point points[128];
	uint64_t newest;
	rondo_id id;
	double value;
	size_t n = 0;

	expect(!find_one(store, "c", NULL, NULL, &id), "an error");
	expect(!rondo_read(store, id, &range, points, LENGTH(points), &n), "an error");
	expect(n > 0, "no points");
	expect(!find_one(store, "h", NULL, NULL, &id), "an error");
	expect(!rondo_read_histogram(store, id, &range, histograms, LENGTH(histograms), &n),
	       "an error");
	expect(n > 0, "no points");
	rondo_histogram_merge(&histograms[0], &histograms[1]);
	expect(!rondo_histogram_quantile(&histograms[0], bounds, 3, 0.5, &value), "an error");
	expect(!rondo_store_newest(store, 1, &newest), "an error");
	return rondo_store_info(store, &info);
}

static int call_drain(rondo_store *store)
{
	struct rondo_sample samples[128];
	struct rondo_cursor cursor;
	size_t n;

	expect(!rondo_cursor_begin(store, 1, 1, 0, &cursor), "an error");
	return rondo_drain(store, &cursor, RONDO_FN_SUM, samples, LENGTH(samples), &n);
}

static int call_retire(rondo_store *store)
{
	return rondo_series_retire(store, gauge(store, "g"), NOW);
}

static int call_sync(rondo_store *store)
{
	return rondo_store_sync(store);
}

static const struct {
	const char *name;
	int (*call)(rondo_store *store);
	unsigned int least; /* allocations it makes, so that the test has something to fail */
} calls[] = {
	{ "open", call_open, 10 },
	{ "open read-only", call_open_read_only, 8 },
	{ "open, existing, with CREATE", call_open_existing, 10 },
	{ "create", call_create, 10 },
	{ "plan", call_plan, 1 },
	{ "register", call_register, 1 },
	{ "iterate", call_iterate, 8 },
	{ "schema", call_schema, 2 },
	{ "snapshot", call_copy, 12 },
	{ "migrate", call_migrate, 12 },
	{ "verify", call_verify, 14 },
	{ "read", call_read, 0 },
	{ "drain", call_drain, 0 },
	{ "retire", call_retire, 0 },
	{ "sync", call_sync, 0 },
};

/* The call with its allocation number n failing, on a fresh store; the error, and whether it struck. */
static int strike(size_t i, unsigned int n, bool *struck)
{
	rondo_store *store;
	int err;

	remove_tree(in_scratch("store"));
	fill(in_scratch("store"));
	store = reopen(in_scratch("store"), 0);
	heap.calls = 0;
	heap.fails_at = n;
	err = calls[i].call(store);
	heap.fails_at = 0;
	*struck = n && heap.calls >= n;
	/* the same call, and any other, goes on working */
	if (err)
		ck_ok(calls[i].call(store));
	ck_ok(call_read(store));
	ck_ok(rondo_consolidate(store, NOW, 0));
	ck_ok(rondo_store_close(store));
	return err;
}

START_TEST(errors_each_allocation_of_each_call)
{
	fill(in_scratch("other"));
	for (size_t i = 0; i < LENGTH(calls); i++) {
		bool struck;
		unsigned int n = 1;
		long before;

		/* once without: what is kept for ever (the list of mappings) is there then */
		ck_ok(strike(i, 0, &struck));
		before = heap.blocks;
		for (;; n++) {
			int err = strike(i, n, &struck);

			ck_assert_msg(err == (struck ? RONDO_E_NOMEM : 0), "%s, allocation %u: %d",
				      calls[i].name, n, err);
			ck_assert_msg(heap.blocks == before, "%s, allocation %u: %ld blocks leak",
				      calls[i].name, n, heap.blocks - before);
			if (!struck)
				break;
		}
		ck_assert_msg(n > calls[i].least, "%s: %u allocations", calls[i].name, n - 1);
	}
}
END_TEST

/* All ways of recording, and consolidation in all that it may have to do, without one allocation. */
START_TEST(limits_recording_and_consolidating_use_no_heap)
{
	const uint64_t counts[4] = { 1, 2, 3, 4 };
	rondo_series *g, *c, *t, *h, *both[2];
	const double values[2] = { 1, 2 };
	rondo_store *store;
	size_t refused;

	fill(in_scratch("store"));
	store = reopen(in_scratch("store"), 0); /* so that consolidation catches up at first */
	both[0] = g = gauge(store, "g");
	both[1] = c = counter(store, "c");
	t = counter(store, "t");
	h = histogram(store);
	heap.calls = 0;
	for (uint64_t ts = NOW; ts < NOW + 300 * SEC; ts += SEC * (1 + ts / SEC % 3)) {
		ck_ok(rondo_record(g, ts, 1));
		ck_ok(rondo_add(c, ts, 1));
		ck_ok(rondo_record_total(t, ts, (double)(ts - NOW)));
		ck_ok(rondo_observe(h, ts, 2.5));
		ck_ok(rondo_observe_counts(h, ts, counts, 1e3));
		ck_ok(rondo_record_batch(both, values, 2, ts, &refused));
		rondo_record(g, ts - 50 * SEC, 1);
		rondo_add(c, ts + 3600 * SEC, 1);
		rondo_observe(g, ts, 1);
		while (rondo_consolidate(store, ts, ts / SEC % 5) == RONDO_MORE)
			;
	}
	/* an hour without; back; a year ahead */
	consolidate(store, NOW + 4000 * SEC);
	consolidate(store, NOW + 100 * SEC);
	consolidate(store, NOW + 365 * 86400 * SEC);
	ck_assert_uint_eq(heap.calls, 0);
	ck_ok(call_schema(store)); /* the counting works */
	ck_assert_uint_gt(heap.calls, 0);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_everything_is_freed)
{
	long before = heap.blocks;

	for (int i = 0; i < 20; i++) {
		rondo_store *store;

		fill(in_scratch("store"));
		store = reopen(in_scratch("store"), 0);
		for (size_t k = 0; k < LENGTH(calls); k++)
			if (calls[k].call != call_open && calls[k].call != call_open_existing &&
			    calls[k].call != call_open_read_only)
				ck_ok(calls[k].call(store));
		ck_ok(rondo_store_close(store));
		remove_tree(in_scratch("store"));
		if (i == 0)
			before = heap.blocks;
	}
	ck_assert_int_eq(heap.blocks, before);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_everything_is_freed, 'C' },
		{ limits_recording_and_consolidating_use_no_heap, 'L' },
		{ errors_each_allocation_of_each_call, 'E' },
	};

	return run_suite("lib_alloc", tests, LENGTH(tests));
}
