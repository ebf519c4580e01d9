// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/identity.c: names of VMs from command lines.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"

static char name[INSTANCE_MAX + 1];

/* The name for a command line whose arguments are split at '|'. */
static const char *of(const char *comm, const char *line)
{
	char cmdline[1024];
	size_t i, n = strlen(line) + 1;

	memcpy(cmdline, line, n);
	for (i = 0; i < n; i++)
		if (cmdline[i] == '|')
			cmdline[i] = '\0';
	identity_name(comm, cmdline, n, 4711, name);
	return name;
}

START_TEST(core_rules)
{
	ck_assert_str_eq(of("rondo-vmm", "build/bin/rondo-vmm|--cpus|2|--name|demo"), "demo");
	ck_assert_str_eq(of("rondo-vmm", "rondo-vmm|--name=demo|--cpus|2"), "demo");
	ck_assert_str_eq(of("lkvm", "/usr/bin/lkvm|run|--name|g1|-m|64"), "g1");
	ck_assert_str_eq(of("lkvm", "lkvm|run|-n|g1"), "g1");
	ck_assert_str_eq(of("firecracker", "firecracker|--id|fc-1|--api-sock|x"), "fc-1");
}
END_TEST

START_TEST(core_qemu)
{
	const char *q = "qemu-system-x86";

	ck_assert_str_eq(of(q, "/usr/bin/qemu-system-x86_64|-name|web1|-m|64"), "web1");
	ck_assert_str_eq(of(q, "qemu-system-x86_64|-m|64|-name|guest=web1,debug-threads=on"),
			 "web1");
	ck_assert_str_eq(of(q, "qemu-system-x86_64|-name|debug-threads=on,guest=web1"), "web1");
	ck_assert_str_eq(of(q, "qemu-system-x86_64|-name|web1,process=x"), "web1");
	ck_assert_str_eq(of(q, "qemu-system-x86_64|--name|web1"), "web1");
	ck_assert_str_eq(of(q, "qemu-system-x86_64|-name|guest=a,,b,debug-threads=on"), "a,b");
	ck_assert_str_eq(of("kvm", "/usr/bin/kvm|-id|100|-name|vm100"), "vm100");
}
END_TEST

START_TEST(core_fallback)
{
	ck_assert_str_eq(of("my vmm", "./my vmm|--name|x"), "my vmm-4711");
	ck_assert_str_eq(of("qemu-system-x86", "qemu-system-x86_64|-m|64"), "qemu-system-x86-4711");
	ck_assert_str_eq(of("qemu-system-x86", "qemu-system-x86_64|-name|debug-threads=on"),
			 "qemu-system-x86-4711");
	ck_assert_str_eq(of("rondo-vmm", "rondo-vmm|--name"), "rondo-vmm-4711");
	ck_assert_str_eq(of("rondo-vmm", "rondo-vmm|--name|"), "rondo-vmm-4711");
	ck_assert_str_eq(of("rondo-vmm", "rondo-vmm|--namely|x"), "rondo-vmm-4711");
	/* The program may have been started under another name. */
	ck_assert_str_eq(of("firecracker", "/proc/self/exe|--id|x"), "x");
}
END_TEST

START_TEST(limits_no_cmdline)
{
	identity_name("vmm", "", 0, 1, name);
	ck_assert_str_eq(name, "vmm-1");
	identity_name("", "", 0, 1, name);
	ck_assert_str_eq(name, "_-1");
}
END_TEST

/* The first 1,024 bytes may end within an argument, without a NUL. */
START_TEST(limits_cut_cmdline)
{
	const char line[] = "rondo-vmm\0--name\0demonstration";

	identity_name("rondo-vmm", line, sizeof(line) - 8, 1, name);
	ck_assert_str_eq(name, "demons");
	identity_name("rondo-vmm", line, 16, 7, name);
	ck_assert_str_eq(name, "rondo-vmm-7");
}
END_TEST

START_TEST(limits_length)
{
	char text[300];

	memset(text, 'x', sizeof(text));
	identity_clean(text, sizeof(text), name);
	ck_assert_uint_eq(strlen(name), INSTANCE_MAX);
	identity_append(name, "-123");
	ck_assert_uint_eq(strlen(name), INSTANCE_MAX);
	ck_assert_str_eq(name + INSTANCE_MAX - 5, "x-123");
}
END_TEST

/* A character is cut as a whole or not at all. */
START_TEST(limits_length_utf8)
{
	char text[300] = "x";
	int i;

	for (i = 0; i < 60; i++)
		strcat(text, "\xe2\x82\xac");
	identity_clean(text, strlen(text), name);
	ck_assert_uint_eq(strlen(name), 127);
	identity_append(name, "-1");
	ck_assert_uint_eq(strlen(name), 126);
	ck_assert_str_eq(name + 121, "\xe2\x82\xac-1");
}
END_TEST

START_TEST(errors_bytes)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "a\tb\nc\x7f", "a_b_c_" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7" },
		{ "a\xc3", "a_" },
		{ "\xc0\xaf", "__" },           /* overlong */
		{ "\xe0\x80\xaf", "___" },      /* overlong */
		{ "\xed\xa0\x80", "___" },      /* a surrogate */
		{ "\xf4\x90\x80\x80", "____" }, /* beyond U+10FFFF */
		{ "\xff\xfe", "__" },
		{ "\xc2\x85", "__" }, /* a control character */
		{ "", "_" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		identity_clean(cases[i].text, strlen(cases[i].text), name);
		ck_assert_str_eq(name, cases[i].want);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_identity");
	TCase *core = tcase_create("Core");
	TCase *limits = tcase_create("Limits");
	TCase *errors = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_rules);
	tcase_add_test(core, core_qemu);
	tcase_add_test(core, core_fallback);
	tcase_add_test(limits, limits_no_cmdline);
	tcase_add_test(limits, limits_cut_cmdline);
	tcase_add_test(limits, limits_length);
	tcase_add_test(limits, limits_length_utf8);
	tcase_add_test(errors, errors_bytes);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	suite_add_tcase(suite, errors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
