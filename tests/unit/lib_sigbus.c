// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A file that is cut under its mapping, with rondo_sigbus_fixup() in the test's own handler: every call
 * ends, with an error, and the process lives.
 */
#include <signal.h>

#include "lib_common.h"

static volatile sig_atomic_t signals;

static void on_sigbus(int signal UNUSED, siginfo_t *info, void *context UNUSED)
{
	signals++;
	if (!rondo_sigbus_fixup(info->si_addr))
		_exit(99);
}

static void handle_sigbus(void)
{
	const struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	ck_assert_int_eq(sigaction(SIGBUS, &action, NULL), 0);
}

static rondo_store *filled(const char *path, rondo_series **series)
{
	const struct rondo_schema schema = schema_small(300);
	rondo_store *store = create(path, &schema, 1);

	*series = counter(store, "c_total");
	for (uint64_t t = 0; t < 100; t++) {
		ck_ok(rondo_add(*series, T0 + t * SEC, 1));
		consolidate(store, T0 + t * SEC);
	}
	return store;
}

static void cut(const char *store, const char *file)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", store, file);
	ck_assert_int_eq(truncate(path, 4096), 0);
}

START_TEST(errors_a_slab_cut_under_a_reader)
{
	const struct rondo_range range = { .size = sizeof(range), .function = RONDO_FN_SUM };
	struct rondo_point points[100];
	rondo_series *series;
	rondo_store *store = filled(in_scratch("slab"), &series);
	rondo_store *reader = reopen(in_scratch("slab"), RONDO_OPEN_READ_ONLY);
	rondo_id id = id_of_name(reader, "c_total");
	uint64_t newest;
	rondo_iter *iter;
	size_t n;

	handle_sigbus();
	cut(in_scratch("slab"), "small.t0.slab");
	ck_err(rondo_read(reader, id, &range, points, 100, &n), RONDO_E_FAILED);
	ck_assert_int_gt(signals, 0);
	ck_err(rondo_store_newest(reader, 0, &newest), RONDO_E_FAILED);
	ck_err(rondo_iter_begin(reader, NULL, &iter, NULL, 0), RONDO_E_FAILED);
	ck_ok(rondo_store_close(reader));
	ck_err(rondo_consolidate(store, T0 + 200 * SEC, 0), RONDO_E_FAILED);
	rondo_add(series, T0 + 200 * SEC, 1);
	ck_err(rondo_store_sync(store), RONDO_E_FAILED); /* it would say that the add is on disk */
	ck_err(rondo_store_close(store), RONDO_E_FAILED);
	ck_err(open_with(in_scratch("slab"), NULL, 0, 0, &store), RONDO_E_CORRUPT);
	ck_assert_ptr_nonnull(strstr(detail, "small.t0.slab"));
}
END_TEST

static int cut_meanwhile(uint64_t bytes UNUSED, uint64_t all UNUSED, void *arg)
{
	int *calls = arg;

	if (++*calls == 1)
		cut(in_scratch("verified"), "small.t1.slab");
	return 0;
}

START_TEST(errors_a_slab_cut_while_it_is_verified)
{
	int calls = 0;
	const struct rondo_verify_opts opts = { .size = sizeof(opts),
						.progress = cut_meanwhile,
						.arg = &calls };
	rondo_series *series;

	handle_sigbus();
	ck_ok(rondo_store_close(filled(in_scratch("verified"), &series)));
	ck_ok(rondo_store_verify(in_scratch("verified"), NULL, NULL));
	ck_err(rondo_store_verify(in_scratch("verified"), &opts, NULL), RONDO_E_FAILED);
	ck_assert_int_ge(calls, 1);
	/* then it is a file of another size */
	ck_err(rondo_store_verify(in_scratch("verified"), NULL, NULL), RONDO_E_CORRUPT);
}
END_TEST

START_TEST(errors_a_directory_cut_under_a_writer)
{
	rondo_series *series, *more;
	rondo_store *store = filled(in_scratch("dir"), &series);
	int err = 0;

	handle_sigbus();
	cut(in_scratch("dir"), "store.rondo");
	for (int i = 0; i < 299 && !err; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		err = register_one(store, name, NULL, NULL, RONDO_GAUGE, &more);
	}
	ck_assert_int_eq(err, RONDO_E_FAILED);
	ck_err(rondo_store_close(store), RONDO_E_FAILED);
}
END_TEST

START_TEST(core_addresses_of_others_are_not_ours)
{
	rondo_series *series;
	rondo_store *store = filled(in_scratch("other"), &series);
	void *was = series->slot;
	int here;

	ck_assert_int_eq(rondo_sigbus_fixup(&here), 0);
	ck_assert_int_eq(rondo_sigbus_fixup(NULL), 0);
	ck_ok(rondo_store_close(store));
	ck_assert_int_eq(rondo_sigbus_fixup(was), 0);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_addresses_of_others_are_not_ours, 'C' },
		{ errors_a_slab_cut_under_a_reader, 'E' },
		{ errors_a_slab_cut_while_it_is_verified, 'E' },
		{ errors_a_directory_cut_under_a_writer, 'E' },
	};

	return run_suite("lib_sigbus", tests, LENGTH(tests));
}
