// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/options.c: the command line.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static struct options o;
static char error[512];

/* Parses "rondo-bpfd" and the words of a line, split at blanks; '_' is an empty word. */
static int parse(const char *line)
{
	static char copy[512];
	static char program[] = "rondo-bpfd", empty[] = "";
	static char *argv[64];
	char *rest = copy, *word;
	int argc = 1;

	ck_assert_uint_lt(strlen(line), sizeof(copy));
	strcpy(copy, line);
	argv[0] = program;
	while ((word = strsep(&rest, " ")))
		if (*word)
			argv[argc++] = strcmp(word, "_") ? word : empty;
	argv[argc] = NULL;
	return options_parse(argc, argv, &o, error, sizeof(error));
}

START_TEST(core_defaults)
{
	ck_assert_int_eq(parse(""), 0);
	ck_assert_int_eq(o.action, OPTIONS_RUN);
	ck_assert_str_eq(o.settings.store_dir, "/var/lib/rondo");
	ck_assert_uint_eq(o.settings.store.sizes.max_vcpus, MAX_VCPUS_DEFAULT);
	ck_assert(!o.settings.verbose);
}
END_TEST

START_TEST(core_all)
{
	ck_assert_int_eq(parse("--store /x --max-vcpus 7 -v"), 0);
	ck_assert_str_eq(o.settings.store_dir, "/x");
	ck_assert_uint_eq(o.settings.store.sizes.max_vcpus, 7);
	ck_assert(o.settings.verbose);
	ck_assert_int_eq(parse("--check"), 0);
	ck_assert_int_eq(o.action, OPTIONS_CHECK);
	ck_assert_int_eq(parse("--help"), 0);
	ck_assert_int_eq(o.action, OPTIONS_HELP);
	ck_assert_int_eq(parse("-V"), 0);
	ck_assert_int_eq(o.action, OPTIONS_VERSION);
}
END_TEST

START_TEST(limits_vcpus)
{
	ck_assert_int_eq(parse("--max-vcpus 1"), 0);
	ck_assert_int_eq(parse("--max-vcpus 16384"), 0);
	ck_assert_int_eq(parse("--max-vcpus 16385"), -1);
	ck_assert_int_eq(parse("--max-vcpus 0"), -1);
	ck_assert_int_eq(parse("--max-vcpus 4294967297"), -1);
	ck_assert_int_eq(parse("--max-vcpus 99999999999999999999"), -1);
}
END_TEST

START_TEST(errors_each_has_a_sentence)
{
	static const char *const lines[] = {
		"--max-vcpus -1", "--max-vcpus 7x", "--max-vcpus _", "--max-vcpus",
		"--store _",      "--store",        "--nothing",     "-x",
		"word",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		strcpy(error, "");
		ck_assert_msg(parse(lines[i]) == -1, "accepted: %s", lines[i]);
		ck_assert_msg(*error && !strchr(error, '\n'), "%s: '%s'", lines[i], error);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_options");
	TCase *core = tcase_create("Core");
	TCase *limits = tcase_create("Limits");
	TCase *errors = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_defaults);
	tcase_add_test(core, core_all);
	tcase_add_test(limits, limits_vcpus);
	tcase_add_test(errors, errors_each_has_a_sentence);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	suite_add_tcase(suite, errors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
