// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vmm-demo/options.c: the command line as a struct.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static struct vmm_options o;
static char error[256];

/* Parses "rondo-vmm" and the words of a line, split at blanks; '_' is an empty word. */
static enum options_result parse(const char *line)
{
	static char copy[512];
	static char *argv[64];
	static char program[] = "rondo-vmm", empty[] = "";
	char *rest = copy, *word;
	int argc = 1;

	ck_assert_uint_lt(strlen(line), sizeof(copy));
	strcpy(copy, line);
	argv[0] = program;
	while ((word = strsep(&rest, " ")))
		if (*word)
			argv[argc++] = strcmp(word, "_") ? word : empty;
	argv[argc] = NULL;
	strcpy(error, "unset");
	return options_parse(argc, argv, &o, error, sizeof(error));
}

static void check_bad(const char *line, const char *part)
{
	ck_assert_msg(parse(line) == OPTIONS_BAD, "accepted: %s", line);
	ck_assert_msg(strstr(error, part), "%s: '%s' lacks '%s'", line, error, part);
	ck_assert_msg(!strchr(error, '\n'), "%s: more than one line", line);
}

START_TEST(core_defaults)
{
	ck_assert_int_eq(parse(""), OPTIONS_RUN);
	ck_assert_uint_eq(o.n_steps, 1);
	ck_assert_uint_eq(o.steps[0].op, GUEST_OP_PIO);
	ck_assert_uint_eq(o.steps[0].count, 4999);
	ck_assert_uint_eq(o.duration_ns, 0);
	ck_assert_uint_eq(o.halt_ns, 100000);
	ck_assert_uint_eq(o.linger_ns, 0);
	ck_assert_uint_eq(o.cpus, 1);
	ck_assert_int_eq(o.pin, -1);
	ck_assert_ptr_null(o.store);
	ck_assert(!o.json);
	ck_assert(!strncmp(o.name, "rondo-vmm-", 10));
}
END_TEST

START_TEST(core_all)
{
	ck_assert_int_eq(
		parse("--guest mmio --count 97 --duration 2.5 --halt-us 7 --cpus 2 --pin 1 "
		      "--mem 64 --name vm.a_b-1 --store /x --linger 0.25 --json"),
		OPTIONS_RUN);
	ck_assert_uint_eq(o.steps[0].op, GUEST_OP_MMIO);
	ck_assert_uint_eq(o.steps[0].count, 97);
	ck_assert_uint_eq(o.duration_ns, 2500000000);
	ck_assert_uint_eq(o.halt_ns, 7000);
	ck_assert_uint_eq(o.linger_ns, 250000000);
	ck_assert_uint_eq(o.cpus, 2);
	ck_assert_int_eq(o.pin, 1);
	ck_assert_uint_eq(o.mem_mib, 64);
	ck_assert_str_eq(o.name, "vm.a_b-1");
	ck_assert_str_eq(o.store, "/x");
	ck_assert(o.json);
}
END_TEST

START_TEST(core_list)
{
	ck_assert_int_eq(parse("--guest pio=11,mmio,hlt=3,spin,pio=1 --duration 5 --count 7"),
			 OPTIONS_RUN);
	ck_assert_str_eq(o.guest, "pio=11,mmio,hlt=3,spin,pio=1");
	ck_assert_uint_eq(o.n_steps, 5);
	ck_assert_uint_eq(o.steps[0].count, 11);
	ck_assert_uint_eq(o.steps[1].count, 7);
	ck_assert_uint_eq(o.steps[2].op, GUEST_OP_HLT);
	ck_assert_uint_eq(o.steps[2].count, 3);
	ck_assert_uint_eq(o.steps[3].op, GUEST_OP_SPIN);
	ck_assert_uint_eq(o.steps[3].count, 1);
	ck_assert_uint_eq(o.steps[4].count, 1);
}
END_TEST

/* --count counts wherever it stands; a spin without a duration takes a second. */
START_TEST(core_order_and_spin)
{
	ck_assert_int_eq(parse("--count 13 --guest pio"), OPTIONS_RUN);
	ck_assert_uint_eq(o.steps[0].count, 13);
	ck_assert_int_eq(parse("--guest spin"), OPTIONS_RUN);
	ck_assert_uint_eq(o.duration_ns, 1000000000);
	ck_assert_int_eq(parse("--guest pio,spin"), OPTIONS_RUN);
	ck_assert_uint_eq(o.duration_ns, 2000000000);
	ck_assert_int_eq(parse("--guest pio,mmio"), OPTIONS_RUN);
	ck_assert_uint_eq(o.duration_ns, 0);
	ck_assert_int_eq(parse("--help"), OPTIONS_HELP);
	ck_assert_int_eq(parse("--version"), OPTIONS_VERSION);
}
END_TEST

START_TEST(core_linux)
{
	ck_assert_int_eq(parse("--kernel /k --initrd /i --cmdline quiet --disk /d --cpus 2"),
			 OPTIONS_RUN);
	ck_assert_str_eq(o.kernel, "/k");
	ck_assert_str_eq(o.initrd, "/i");
	ck_assert_str_eq(o.cmdline, "quiet");
	ck_assert_str_eq(o.disk, "/d");
	ck_assert_uint_eq(o.mem_mib, 256);
	ck_assert_uint_eq(o.n_steps, 0);
	ck_assert_int_eq(parse("--kernel /k --mem 64 --duration 3"), OPTIONS_RUN);
	ck_assert_uint_eq(o.mem_mib, 64);
	ck_assert_uint_eq(o.duration_ns, 3000000000);
	ck_assert_str_eq(o.cmdline, "");
	ck_assert_int_eq(parse(""), OPTIONS_RUN);
	ck_assert_uint_eq(o.mem_mib, 16);
	ck_assert_ptr_null(o.kernel);
}
END_TEST

START_TEST(limits)
{
	char line[256] = "--guest spin";
	int i;

	ck_assert_int_eq(
		parse("--count 1 --cpus 16 --mem 3072 --duration 86400 --halt-us 10000000"),
		OPTIONS_RUN);
	ck_assert_int_eq(parse("--count 1000000000 --cpus 1 --mem 4 --duration 0"), OPTIONS_RUN);
	check_bad("--count 1000000001", "1000000000");
	check_bad("--count 18446744073709551617", "--count");
	check_bad("--cpus 17", "16");
	check_bad("--mem 3", "4");
	check_bad("--mem 3073", "3072");
	check_bad("--duration 86400.5", "86400");
	check_bad("--halt-us 10000001", "10000000");
	for (i = 1; i < GUEST_STEPS_MAX; i++)
		strcat(line, ",pio");
	ck_assert_int_eq(parse(line), OPTIONS_RUN);
	ck_assert_uint_eq(o.n_steps, GUEST_STEPS_MAX);
	strcat(line, ",pio");
	check_bad(line, "more than 16");
	check_bad("--name 1234567890123456789012345678901234567890123456789012345678901234", "63");
	ck_assert_int_eq(
		parse("--name 123456789012345678901234567890123456789012345678901234567890123"),
		OPTIONS_RUN);
}
END_TEST

START_TEST(errors)
{
	check_bad("--bogus", "--bogus");
	check_bad("-x", "no such option");
	check_bad("word", "word");
	check_bad("--count", "needs a value");
	check_bad("--count 0", "--count 0");
	check_bad("--count 5x", "5x");
	check_bad("--count -5", "-5");
	check_bad("--count +5", "+5");
	check_bad("--cpus 0", "1 to 16");
	check_bad("--pin -1", "--pin");
	check_bad("--pin 1024", "1023");
	check_bad("--duration -1", "seconds");
	check_bad("--duration 1e3", "seconds");
	check_bad("--duration nan", "seconds");
	check_bad("--duration .", "seconds");
	check_bad("--duration 1.2.3", "seconds");
	check_bad("--duration _", "seconds");
	check_bad("--linger 0x10", "seconds");
	check_bad("--guest _", "no such part");
	check_bad("--guest foo", "foo");
	check_bad("--guest pio,", "no such part");
	check_bad("--guest pio=", "--guest");
	check_bad("--guest pio=0", "--guest 0");
	check_bad("--guest spin=5 --duration 1", "takes no number");
	check_bad("--name _", "letters");
	check_bad("--name a/b", "letters");
	check_bad("--name a\"b", "letters");
	check_bad("--store _", "empty");
	check_bad("--kernel _", "empty");
	check_bad("--disk /d", "--disk: needs --kernel");
	check_bad("--initrd /i --cpus 2", "--initrd: needs --kernel");
	check_bad("--kernel /k --guest pio", "--guest: for bare-metal guests");
	check_bad("--halt-us 7 --kernel /k", "--halt-us: for bare-metal guests");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmm_options");
	TCase *core = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *wrong = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_defaults);
	tcase_add_test(core, core_all);
	tcase_add_test(core, core_linux);
	tcase_add_test(core, core_list);
	tcase_add_test(core, core_order_and_spin);
	tcase_add_test(limit, limits);
	tcase_add_test(wrong, errors);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limit);
	suite_add_tcase(suite, wrong);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
