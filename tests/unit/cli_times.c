// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * tools/exposition/times.c: moments and durations, read and written. Oracle for the calendar: gmtime_r().
 */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "times.h"

#define S UINT64_C(1000000000)

static void check_time(const char *text, uint64_t want)
{
	uint64_t ns = 42;
	const char *why = time_parse(text, &ns);

	ck_assert_msg(!why, "%s: %s", text, why ? why : "");
	ck_assert_msg(ns == want, "%s: %" PRIu64 ", want %" PRIu64, text, ns, want);
}

static void check_duration(const char *text, uint64_t want)
{
	uint64_t ns = 42;
	const char *why = duration_parse(text, &ns);

	ck_assert_msg(!why, "%s: %s", text, why ? why : "");
	ck_assert_msg(ns == want, "%s: %" PRIu64 ", want %" PRIu64, text, ns, want);
}

START_TEST(core_time)
{
	check_time("1970-01-01T00:00:00Z", 0);
	check_time("2001-09-09T01:46:40Z", 1000000000 * S);
	check_time("2023-11-14T22:13:20Z", 1700000000 * S);
	check_time("2023-11-14 22:13:20z", 1700000000 * S);
	check_time("2023-11-15t00:13:20+02:00", 1700000000 * S);
	check_time("2023-11-14T16:43:20-05:30", 1700000000 * S);
	check_time("2023-11-14T22:13:20.5Z", 1700000000 * S + S / 2);
	check_time("2023-11-14T22:13:20.000000001Z", 1700000000 * S + 1);
	check_time("1700000000", 1700000000 * S);
	check_time("1700000000.25", 1700000000 * S + S / 4);
	check_time("1700000000s", 1700000000 * S);
	check_time("1700000000123ms", 1700000000 * S + 123 * S / 1000);
	check_time("1700000000123456us", 1700000000 * S + UINT64_C(123456000));
	check_time("1700000000123456789ns", 1700000000 * S + UINT64_C(123456789));
}
END_TEST

START_TEST(core_duration)
{
	check_duration("10m", 600 * S);
	check_duration("1h", 3600 * S);
	check_duration("1h30m", 5400 * S);
	check_duration("7d", 604800 * S);
	check_duration("1w", 604800 * S);
	check_duration("1.5s", 3 * S / 2);
	check_duration("0.000000001s", 1);
	check_duration("500ms", S / 2);
	check_duration("3us", 3000);
	check_duration("1ns", 1);
	check_duration("0.5h", 1800 * S);
}
END_TEST

START_TEST(core_written)
{
	char buf[TIME_TEXT], dur[DURATION_TEXT];

	ck_assert_str_eq(time_text(buf, 1700000000 * S), "2023-11-14T22:13:20Z");
	ck_assert_str_eq(time_text(buf, 1700000000 * S + S / 2), "2023-11-14T22:13:20.500Z");
	ck_assert_str_eq(time_text(buf, 1700000000 * S + 1000), "2023-11-14T22:13:20.000001Z");
	ck_assert_str_eq(time_text(buf, 1700000000 * S + 1), "2023-11-14T22:13:20.000000001Z");
	ck_assert_str_eq(seconds_text(buf, 1700000000 * S), "1700000000");
	ck_assert_str_eq(seconds_text(buf, 1700000000 * S + S / 10), "1700000000.1");
	ck_assert_str_eq(seconds_text(buf, 1700000000 * S + 1), "1700000000.000000001");
	ck_assert_str_eq(seconds_text(buf, 0), "0");
	ck_assert_str_eq(duration_text(dur, S), "1s");
	ck_assert_str_eq(duration_text(dur, 600 * S), "10m");
	ck_assert_str_eq(duration_text(dur, 6 * 3600 * S), "6h");
	ck_assert_str_eq(duration_text(dur, 7 * 86400 * S), "7d");
	ck_assert_str_eq(duration_text(dur, 90 * S), "1m30s");
	ck_assert_str_eq(duration_text(dur, 1500 * S / 1000), "1s500ms");
	ck_assert_str_eq(duration_text(dur, 0), "0s");
}
END_TEST

/* A day at a time, with an odd time of day, up to the last year that 64 bits hold. */
START_TEST(core_calendar)
{
	for (uint64_t s = 12345; s < UINT64_MAX / S; s += 86413) {
		time_t t = (time_t)s;
		char buf[TIME_TEXT], want[TIME_TEXT];
		struct tm tm;

		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
		ck_assert_str_eq(time_text(buf, s * S), want);
		check_time(want, s * S);
	}
}
END_TEST

START_TEST(core_round_trip)
{
	char buf[DURATION_TEXT];

	for (uint64_t ns = 1; ns < UINT64_MAX / 7; ns = ns * 3 + 1)
		check_duration(duration_text(buf, ns), ns);
	check_duration(duration_text(buf, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(limits)
{
	char buf[TIME_TEXT];
	uint64_t ns;

	check_time("18446744073709551615ns", UINT64_MAX);
	check_time("2554-07-21T23:34:33.709551615Z", UINT64_MAX);
	ck_assert_ptr_nonnull(time_parse("2554-07-21T23:34:33.709551616Z", &ns));
	ck_assert_ptr_nonnull(time_parse("2554-07-21T23:34:34Z", &ns));
	ck_assert_ptr_nonnull(time_parse("18446744073709551616ns", &ns));
	ck_assert_ptr_nonnull(time_parse("18446744073s9", &ns));
	ck_assert_str_eq(time_text(buf, UINT64_MAX), "2554-07-21T23:34:33.709551615Z");
	ck_assert_str_eq(seconds_text(buf, UINT64_MAX), "18446744073.709551615");
}
END_TEST

START_TEST(limits_calendar)
{
	uint64_t ns;

	check_time("2000-02-29T00:00:00Z", 951782400 * S);
	check_time("2024-02-29T00:00:00Z", 1709164800 * S);
	check_time("2016-12-31T23:59:60Z", 1483228800 * S); /* a leap second */
	check_time("1970-01-01T01:00:00+01:00", 0);
	ck_assert_ptr_nonnull(time_parse("1970-01-01T00:59:59+01:00", &ns));
	ck_assert_ptr_nonnull(time_parse("2023-02-29T00:00:00Z", &ns));
	ck_assert_ptr_nonnull(time_parse("2100-02-29T00:00:00Z", &ns));
	ck_assert_ptr_nonnull(time_parse("2023-04-31T00:00:00Z", &ns));
	ck_assert_ptr_nonnull(time_parse("2023-13-01T00:00:00Z", &ns));
	ck_assert_ptr_nonnull(time_parse("2023-00-01T00:00:00Z", &ns));
	ck_assert_ptr_nonnull(time_parse("2023-01-01T24:00:00Z", &ns));
	ck_assert_ptr_nonnull(time_parse("2023-01-01T00:00:61Z", &ns));
	ck_assert_ptr_nonnull(time_parse("1969-12-31T23:59:59Z", &ns));
}
END_TEST

START_TEST(errors)
{
	static const char *const times[] = {
		"",
		"x",
		"now",
		"-1",
		"+1",
		"1.",
		".5",
		"1e9",
		"1 s",
		"5m",
		"1700000000x",
		"1700000000000",       /* ms that were not called so */
		"1700000000000000000", /* ns */
		"2023-11-14",
		"2023-11-14T22:13",
		"2023-11-14T22:13:20",
		"2023-11-14T22:13:20.Z",
		"2023-11-14T22:13:20Zx",
		"2023-11-14T22:13:20+2:00",
		"2023-11-14T22:13:20+0200",
		"2023-11-14T22:13:20+24:00",
		"2023-1-14T22:13:20Z",
	};
	static const char *const durations[] = {
		"",
		"10",
		"m",
		"-1m",
		"1x",
		"1h30",
		"1 h",
		"0s",
		"0.s",
		"1.m",
		"1e3s",
		"all",
		"99999999999999999999s",
		"18446744073709551616ns",
		"30501w",
	};
	uint64_t ns = 42;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		ck_assert_msg(time_parse(times[i], &ns), "'%s' was taken as a time", times[i]);
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		ck_assert_msg(duration_parse(durations[i], &ns), "'%s' was taken", durations[i]);
	ck_assert_uint_eq(ns, 42);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli_times");
	TCase *core = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *error = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_set_timeout(core, 60);
	tcase_add_test(core, core_time);
	tcase_add_test(core, core_duration);
	tcase_add_test(core, core_written);
	tcase_add_test(core, core_calendar);
	tcase_add_test(core, core_round_trip);
	tcase_add_test(limit, limits);
	tcase_add_test(limit, limits_calendar);
	tcase_add_test(error, errors);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limit);
	suite_add_tcase(suite, error);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
