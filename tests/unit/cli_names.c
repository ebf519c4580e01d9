// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * tools/exposition/names.c: what stored series are called outside.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

struct row {
	const char *name;
	enum rondo_kind kind;
	const char *stored_unit;
	enum rondo_function function;
	const char *family, *suffix, *unit, *type;
	double divisor;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		struct exported e;

		ck_assert_int_eq(names_export(r->name, r->kind, r->stored_unit, r->function, &e),
				 0);
		ck_assert_str_eq(e.family, r->family);
		ck_assert_str_eq(e.suffix, r->suffix);
		ck_assert_str_eq(e.unit, r->unit);
		ck_assert_str_eq(e.type, r->type);
		ck_assert_double_eq(e.divisor, r->divisor);
		/* What OpenMetrics demands of every row. */
		if (e.unit[0])
			ck_assert_str_eq(e.family + strlen(e.family) - strlen(e.unit), e.unit);
		if (!strcmp(e.type, "counter"))
			ck_assert_str_eq(e.suffix, "_total");
		free(e.family);
	}
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

/* All that the two writers store. */
START_TEST(core_stored)
{
	static const struct row rows[] = {
#define TIME(stored, exported)                                                                     \
	{                                                                                          \
		stored "_ns",                                                                      \
		RONDO_COUNTER,                                                                     \
		"ns",                                                                              \
		RONDO_FN_DEFAULT,                                                                  \
		"kvm_" exported "_seconds",                                                        \
		"_total",                                                                          \
		"seconds",                                                                         \
		"counter",                                                                         \
		1e9                                                                                \
	}
#define COUNT(stored, exported)                                                                    \
	{                                                                                          \
		stored "_total", RONDO_COUNTER, "", RONDO_FN_DEFAULT, exported, "_total", "",      \
			"counter", 1                                                               \
	}
		TIME("vcpu_steal", "vcpu_steal"),
		TIME("vcpu_guest", "vcpu_guest"),
		TIME("vcpu_run", "vcpu_run"),
		TIME("vcpu_exit", "vcpu_exit"),
		TIME("vcpu_userspace", "vcpu_userspace"),
		TIME("vcpu_halted", "vcpu_halted"),
		TIME("vcpu_blocked", "vcpu_blocked"),
		TIME("vcpu_run_duration", "vcpu_run_duration"),
		TIME("vcpu_exit_duration", "vcpu_exit_duration"),
		COUNT("vcpu_exits", "kvm_vcpu_exits"),
		COUNT("vcpu_userspace_exits", "kvm_vcpu_userspace_exits"),
		COUNT("vcpu_reentries", "kvm_vcpu_reentries"),
		COUNT("collector_events_lost", "rondo_collector_events_lost"),
#undef TIME
#undef COUNT
	};

	CHECK_ROWS(rows);
	ck_assert_str_eq(names_label("instance"), "vm");
	ck_assert_str_eq(names_label("vcpu"), "vcpu");
	ck_assert_str_eq(names_label("reason"), "reason");
	ck_assert_str_eq(names_label("cause"), "cause");
}
END_TEST

START_TEST(core_rules)
{
	static const struct row rows[] = {
		{ "balloon_bytes", RONDO_GAUGE, "bytes", 0, "kvm_balloon_bytes", "", "bytes",
		  "gauge", 1 },
		{ "lag_ns", RONDO_GAUGE, "ns", 0, "kvm_lag_seconds", "", "seconds", "gauge", 1e9 },
		{ "lag_ms", RONDO_GAUGE, "", 0, "kvm_lag_seconds", "", "seconds", "gauge", 1e3 },
		{ "lag_us", RONDO_GAUGE, "", 0, "kvm_lag_seconds", "", "seconds", "gauge", 1e6 },
		{ "lag_seconds", RONDO_GAUGE, "s", 0, "kvm_lag_seconds", "", "seconds", "gauge",
		  1 },
		{ "lag", RONDO_GAUGE, "ms", 0, "kvm_lag_seconds", "", "seconds", "gauge", 1e3 },
		{ "lag_seconds", RONDO_GAUGE, "ms", 0, "kvm_lag_seconds", "", "seconds", "gauge",
		  1e3 },
		{ "load", RONDO_GAUGE, "", 0, "kvm_load", "", "", "gauge", 1 },
		{ "io_bytes_total", RONDO_COUNTER, "bytes", 0, "kvm_io_bytes", "_total", "bytes",
		  "counter", 1 },
		{ "wait_ns_total", RONDO_COUNTER, "", 0, "kvm_wait_seconds", "_total", "seconds",
		  "counter", 1e9 },
		{ "irqs", RONDO_COUNTER, "", 0, "kvm_irqs", "_total", "", "counter", 1 },
		{ "irqs", RONDO_COUNTER, "parsecs", 0, "kvm_irqs", "_total", "", "counter", 1 },
		{ "kvm_irqs", RONDO_COUNTER, "", 0, "kvm_irqs", "_total", "", "counter", 1 },
		{ "rondo_ticks_total", RONDO_COUNTER, "", 0, "rondo_ticks", "_total", "", "counter",
		  1 },
		{ "collector_run_ns", RONDO_COUNTER, "ns", 0, "rondo_collector_run_seconds",
		  "_total", "seconds", "counter", 1e9 },
		{ "job:lag:max", RONDO_GAUGE, "", 0, "kvm_job:lag:max", "", "", "gauge", 1 },
	};

	CHECK_ROWS(rows);
}
END_TEST

/* A function that was asked for is in the name, so that two exports can't be taken for one. */
START_TEST(core_functions)
{
	static const struct row rows[] = {
		{ "a_ns", RONDO_COUNTER, "ns", RONDO_FN_TOTAL, "kvm_a_seconds", "_total", "seconds",
		  "counter", 1e9 },
		{ "a_ns", RONDO_COUNTER, "ns", RONDO_FN_SUM, "kvm_a_increase_seconds", "",
		  "seconds", "gauge", 1e9 },
		{ "a_ns", RONDO_COUNTER, "ns", RONDO_FN_MAX, "kvm_a_max_seconds", "", "seconds",
		  "gauge", 1e9 },
		{ "a_ns", RONDO_COUNTER, "ns", RONDO_FN_RATE, "kvm_a_seconds_per_second", "", "",
		  "gauge", 1e9 },
		{ "a_ns", RONDO_COUNTER, "ns", RONDO_FN_COUNT, "kvm_a_known_ticks", "", "", "gauge",
		  1 },
		{ "a_total", RONDO_COUNTER, "", RONDO_FN_RATE, "kvm_a_per_second", "", "", "gauge",
		  1 },
		{ "g_bytes", RONDO_GAUGE, "bytes", RONDO_FN_AVG, "kvm_g_avg_bytes", "", "bytes",
		  "gauge", 1 },
		{ "g_bytes", RONDO_GAUGE, "bytes", RONDO_FN_MIN, "kvm_g_min_bytes", "", "bytes",
		  "gauge", 1 },
		{ "g", RONDO_GAUGE, "", RONDO_FN_LAST, "kvm_g_last", "", "", "gauge", 1 },
		{ "g", RONDO_GAUGE, "", RONDO_FN_SUM, "kvm_g_sum_over_ticks", "", "", "gauge", 1 },
	};
	char buf[64];

	CHECK_ROWS(rows);
	ck_assert_str_eq(names_unit("ns", RONDO_FN_SUM, buf, sizeof(buf)), "ns");
	ck_assert_str_eq(names_unit("ns", RONDO_FN_RATE, buf, sizeof(buf)), "ns/s");
	ck_assert_str_eq(names_unit("", RONDO_FN_RATE, buf, sizeof(buf)), "1/s");
	ck_assert_str_eq(names_unit("ns", RONDO_FN_COUNT, buf, sizeof(buf)), "");
}
END_TEST

/* Names that are nothing but what the rules take away. */
START_TEST(limits)
{
	static const struct row rows[] = {
		{ "_total", RONDO_COUNTER, "", 0, "kvm__total", "_total", "", "counter", 1 },
		{ "_ns", RONDO_COUNTER, "", 0, "kvm__ns", "_total", "", "counter", 1 },
		{ "ns", RONDO_COUNTER, "ns", 0, "kvm_ns_seconds", "_total", "seconds", "counter",
		  1e9 },
		{ "a", RONDO_GAUGE, "", 0, "kvm_a", "", "", "gauge", 1 },
		{ "mem_total", RONDO_GAUGE, "", 0, "kvm_mem_total", "", "", "gauge", 1 },
	};

	CHECK_ROWS(rows);
	ck_assert_str_eq(names_label(""), "");
}
END_TEST

/* One stored value, scaled: the exported one is the nearest double, not off by one digit. */
START_TEST(errors_scale)
{
	struct exported e;

	ck_assert_int_eq(names_export("a_ns", RONDO_COUNTER, "ns", 0, &e), 0);
	ck_assert_double_eq(3.0 / e.divisor, 3e-9);
	ck_assert_double_eq(1234567891.0 / e.divisor, 1.234567891);
	ck_assert_double_eq(7000000001.0 / e.divisor, 7.000000001);
	free(e.family);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli_names");
	TCase *core = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *error = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_stored);
	tcase_add_test(core, core_rules);
	tcase_add_test(core, core_functions);
	tcase_add_test(limit, limits);
	tcase_add_test(error, errors_scale);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limit);
	suite_add_tcase(suite, error);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
