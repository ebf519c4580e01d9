// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vmm-demo/recorder.c: what the vCPU threads and the tick record is in the store, to the unit, and
 * a store that can't be used is only a warning. Read back through rondo.h.
 */
#include <check.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "recorder.h"

static char directory[64], path[96];
static const unsigned int slots[] = { KVM_EXIT_IO, KVM_EXIT_HLT, KVM_EXIT_INTR };

static void set_up(void)
{
	strcpy(directory, "/tmp/vmm_recorder.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/store", directory);
}

static void tear_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	ck_assert_int_eq(system(command), 0);
}

/* The sum of a series' ticks in the store; -1 if there is no such series. */
static double stored(const char *name, const char *vcpu, const char *reason)
{
	struct rondo_label labels[] = { { "instance", "vm" },
					{ "vcpu", vcpu },
					{ "reason", reason } };
	struct rondo_series_def def = {
		.size = sizeof(def), .name = name, .labels = labels, .n_labels = reason ? 3 : 2
	};
	struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_READ_ONLY };
	struct rondo_range range = { .size = sizeof(range), .function = RONDO_FN_SUM };
	struct rondo_point points[700];
	rondo_store *store;
	rondo_id id;
	double sum = -1;
	size_t n, i;

	ck_assert_int_eq(rondo_store_open(path, &opts, &store), RONDO_OK);
	if (rondo_series_find(store, &def, &id) == RONDO_OK) {
		ck_assert_int_eq(rondo_read(store, id, &range, points, 700, &n), RONDO_OK);
		for (sum = 0, i = 0; i < n; i++)
			sum += points[i].value;
	}
	rondo_store_close(store);
	return sum;
}

START_TEST(core_sums)
{
	struct recorder *r = recorder_open(path, "vm", 2, slots, 3);
	uint64_t steal[2] = { 1000, 5 };
	int i;

	ck_assert_ptr_nonnull(r);
	recorder_tick(r, steal); /* the baseline */
	for (i = 0; i < 4999; i++)
		recorder_exit(recorder_of(r, 1), clock_monotonic(), KVM_EXIT_IO, 1009, 13);
	recorder_exit(recorder_of(r, 0), clock_monotonic(), KVM_EXIT_HLT, 1, 0);
	steal[0] = 1700;
	recorder_tick(r, steal);
	steal[0] = 2701;
	steal[1] = 8;
	recorder_tick(r, steal);
	recorder_finish(r);
	ck_assert_double_eq(stored("vcpu_exits_total", "1", "io"), 4999);
	ck_assert_double_eq(stored("vcpu_run_duration_ns", "1", NULL), 4999.0 * 1009);
	ck_assert_double_eq(stored("vcpu_exit_duration_ns", "1", NULL), 4999.0 * 13);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "hlt"), 1);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "io"), 0);
	ck_assert_double_eq(stored("vcpu_steal_ns", "0", NULL), 1701);
	ck_assert_double_eq(stored("vcpu_steal_ns", "1", NULL), 3);
	recorder_close(r);
	/* retired, and still there */
	ck_assert_double_eq(stored("vcpu_exits_total", "1", "io"), 4999);
}
END_TEST

START_TEST(core_late_reason)
{
	struct recorder *r = recorder_open(path, "vm", 1, slots, 3);

	ck_assert_ptr_nonnull(r);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "shutdown"), -1);
	recorder_exit(recorder_of(r, 0), clock_monotonic(), KVM_EXIT_SHUTDOWN, 1, 0);
	recorder_exit(recorder_of(r, 0), clock_monotonic(), 15, 1, 0);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "shutdown"), 1);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "unknown_15"), 1);
	recorder_close(r);
}
END_TEST

/* The store is used again, by a VM of another size, and goes on. */
START_TEST(core_again)
{
	struct recorder *r = recorder_open(path, "vm", 1, slots, 3);

	ck_assert_ptr_nonnull(r);
	recorder_exit(recorder_of(r, 0), clock_monotonic(), KVM_EXIT_IO, 1, 0);
	recorder_close(r);
	r = recorder_open(path, "vm", 4, slots, 3);
	ck_assert_ptr_nonnull(r);
	recorder_exit(recorder_of(r, 0), clock_monotonic(), KVM_EXIT_IO, 1, 0);
	recorder_exit(recorder_of(r, 3), clock_monotonic(), KVM_EXIT_IO, 1, 0);
	recorder_close(r);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "io"), 2);
	ck_assert_double_eq(stored("vcpu_exits_total", "3", "io"), 1);
}
END_TEST

/* Samples of a clock that runs far ahead are refused; their sum is recorded when it is right again. */
START_TEST(limits_clock)
{
	struct recorder *r = recorder_open(path, "vm", 1, slots, 3);
	uint64_t ahead = UINT64_C(3600000000000);
	int i;

	ck_assert_ptr_nonnull(r);
	recorder_exit(recorder_of(r, 0), clock_monotonic(), KVM_EXIT_IO, 10, 2);
	for (i = 0; i < 5; i++)
		recorder_exit(recorder_of(r, 0), clock_monotonic() + ahead, KVM_EXIT_IO, 10, 2);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "io"), 1);
	recorder_exit(recorder_of(r, 0), clock_monotonic(), KVM_EXIT_IO, 10, 2);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "io"), 7);
	for (i = 0; i < 5; i++)
		recorder_exit(recorder_of(r, 0), clock_monotonic() + ahead, KVM_EXIT_HLT, 10, 2);
	recorder_finish(r);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "hlt"), 5);
	ck_assert_double_eq(stored("vcpu_run_duration_ns", "0", NULL), 120);
	ck_assert_double_eq(stored("vcpu_exit_duration_ns", "0", NULL), 24);
	recorder_close(r);
}
END_TEST

/* No parent directory, a store in use, a file in its place: NULL, one line on standard error. */
START_TEST(errors_unusable)
{
	char log[96], text[512] = "";
	struct recorder *r;
	int fd, saved = dup(2), lines = 0;
	char *p;

	snprintf(log, sizeof(log), "%s/log", directory);
	fd = open(log, O_RDWR | O_CREAT | O_APPEND, 0600);
	ck_assert_int_ge(fd, 0);
	r = recorder_open(path, "vm", 1, slots, 3);
	ck_assert_ptr_nonnull(r);
	fflush(stderr);
	dup2(fd, 2);
	ck_assert_ptr_null(recorder_open("/nonexistent/store", "vm", 1, slots, 3));
	ck_assert_ptr_null(recorder_open(path, "vm", 1, slots, 3));
	ck_assert_ptr_null(recorder_open(log, "vm", 1, slots, 3));
	fflush(stderr);
	dup2(saved, 2);
	ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
	for (p = text; (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_msg(lines == 3, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "/nonexistent/store"));
	ck_assert_ptr_null(recorder_of(NULL, 0));
	recorder_close(NULL);
	recorder_close(r);
	close(fd);
	close(saved);
}
END_TEST

/* More series than the store has room for: no recording, and what was registered is given back. */
START_TEST(errors_full)
{
	struct recorder *r = recorder_open(path, "vm", 1, slots, 3);
	struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_READ_ONLY };
	struct rondo_store_info info = { .size = sizeof(info) };
	rondo_store *store;

	ck_assert_ptr_nonnull(r);
	recorder_close(r);
	ck_assert_ptr_null(recorder_open(path, "big", 16, slots, 3)); /* 96 series of 64 */
	ck_assert_int_eq(rondo_store_open(path, &opts, &store), RONDO_OK);
	ck_assert_int_eq(rondo_store_info(store, &info), RONDO_OK);
	ck_assert_uint_eq(info.series_live, 0);
	rondo_store_close(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmm_recorder");
	TCase *core = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *wrong = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, set_up, tear_down);
	tcase_add_checked_fixture(limit, set_up, tear_down);
	tcase_add_checked_fixture(wrong, set_up, tear_down);
	tcase_add_test(core, core_sums);
	tcase_add_test(core, core_late_reason);
	tcase_add_test(core, core_again);
	tcase_add_test(limit, limits_clock);
	tcase_add_test(wrong, errors_unusable);
	tcase_add_test(wrong, errors_full);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limit);
	suite_add_tcase(suite, wrong);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
