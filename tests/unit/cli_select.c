// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * tools/select.c: what the command line of query and export means. What is read by it is tested in
 * tests/native/export.sh.
 */
#include <check.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "select.h"

#define S UINT64_C(1000000000)

static const struct cli_command command = { .name = "query", .help = "" };

/* Parses words separated by blanks; stderr is not for this test. */
static int parse(const char *line, struct selection *sel)
{
	static char name[] = CLI_NAME, words[512];
	char *argv[32] = { name }, *rest;
	int argc = 1;

	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	*sel = (struct selection){ .format = FORMAT_TABLE, .tier = RONDO_TIER_AUTO };
	optind = 0; /* glibc: start afresh */
	return selection_parse(&command, argc, argv, sel);
}

static struct selection parsed(const char *line)
{
	struct selection sel;

	ck_assert_msg(parse(line, &sel) == CLI_OK, "refused: %s", line);
	return sel;
}

START_TEST(core)
{
	struct selection sel = parsed("dir");

	ck_assert_str_eq(sel.store, "dir");
	ck_assert_ptr_null(sel.selector);
	ck_assert_ptr_null(sel.output);
	ck_assert_uint_eq(sel.tier, RONDO_TIER_AUTO);
	ck_assert_int_eq(sel.function, RONDO_FN_DEFAULT);
	ck_assert_int_eq(sel.format, FORMAT_TABLE);
	ck_assert_uint_eq(sel.start_ns, 0);
	ck_assert_uint_eq(sel.end_ns, 0);

	sel = parsed("dir --function p99.9 --merge");
	ck_assert_str_eq(sel.quantile_text, "p99.9");
	ck_assert(sel.quantile > 0.99899999 && sel.quantile < 0.99900001 && sel.merge);
	sel = parsed("dir --function p99 --function max");
	ck_assert_ptr_null(sel.quantile_text);
	ck_assert_int_eq(sel.function, RONDO_FN_MAX);

	sel = parsed("--tier 2 dir --function rate a{b=\"c\"} -o f --format csv");
	ck_assert_str_eq(sel.store, "dir");
	ck_assert_str_eq(sel.selector, "a{b=\"c\"}");
	ck_assert_str_eq(sel.output, "f");
	ck_assert_uint_eq(sel.tier, 2);
	ck_assert_int_eq(sel.function, RONDO_FN_RATE);
	ck_assert_int_eq(sel.format, FORMAT_CSV);
	ck_assert_int_eq(parsed("dir --json").format, FORMAT_JSON);
	ck_assert_int_eq(parsed("dir --format openmetrics").format, FORMAT_OPENMETRICS);
	ck_assert_uint_eq(parsed("dir --step 10s").step_ns, 10 * S);
	ck_assert_uint_eq(parsed("dir --tier auto --step 10s").tier, RONDO_TIER_AUTO);
}
END_TEST

START_TEST(core_ranges)
{
	struct selection sel = parsed("dir --range 10m");

	ck_assert(sel.has_range && !sel.has_start && !sel.has_end);
	ck_assert_uint_eq(sel.range_ns, 600 * S);
	sel = parsed("dir --range all");
	ck_assert_uint_eq(sel.range_ns, 0);
	sel = parsed("dir --start 100 --end 200");
	ck_assert_uint_eq(sel.start_ns, 100 * S);
	ck_assert_uint_eq(sel.end_ns, 200 * S);
	sel = parsed("dir --start 100 --range 10s");
	ck_assert_uint_eq(sel.start_ns, 100 * S);
	ck_assert_uint_eq(sel.end_ns, 110 * S);
	sel = parsed("dir --range 10s --end 100");
	ck_assert_uint_eq(sel.start_ns, 90 * S);
	ck_assert_uint_eq(sel.end_ns, 100 * S);
}
END_TEST

START_TEST(limits)
{
	struct selection sel = parsed("dir --end 100 --range 1h");

	ck_assert_uint_eq(sel.start_ns, 0);
	sel = parsed("dir --start 18446744073709551615ns --range 1h");
	ck_assert_uint_eq(sel.end_ns, 0); /* beyond the end of time: no limit */
	ck_assert_uint_eq(parsed("dir --tier 43").tier, 43);
	ck_assert_uint_eq(parsed("dir --tier 0").tier, 0);
	ck_assert_uint_eq(parsed("dir --range 1h --range 10s").range_ns, 10 * S);
	/* What begins with a dash comes after "--". */
	ck_assert_str_eq(parsed("--json -- -dir").store, "-dir");
}
END_TEST

START_TEST(errors)
{
	static const char *const lines[] = {
		"",
		"dir selector more",
		"dir --bogus",
		"dir --range",
		"dir --range 10",
		"dir --range -10m",
		"dir --start x",
		"dir --end 2023-02-30T00:00:00Z",
		"dir --start 200 --end 100",
		"dir --start 100 --end 100",
		"dir --end 0",
		"dir --start 100 --end 200 --range 10s",
		"dir --tier 44",
		"dir --tier -1",
		"dir --tier 1x",
		"dir --tier 99999999999999999999",
		"dir --tier 1 --step 10s",
		"dir --step 0s",
		"dir --function median",
		"dir --function default",
		"dir --format xml",
	};
	struct selection sel;

	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ck_assert_msg(parse(lines[i], &sel) == CLI_USAGE, "not refused: '%s'", lines[i]);
	ck_assert_int_eq(parse("--help", &sel), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli_select");
	TCase *core_case = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *error = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(core_case, core);
	tcase_add_test(core_case, core_ranges);
	tcase_add_test(limit, limits);
	tcase_add_test(error, errors);
	suite_add_tcase(suite, core_case);
	suite_add_tcase(suite, limit);
	suite_add_tcase(suite, error);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
