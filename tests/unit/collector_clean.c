// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/clean.c: bytes of any kind become a label's text.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"

START_TEST(limits_length)
{
	char text[300], out[129];

	memset(text, 'x', sizeof(text));
	ck_assert_uint_eq(clean_text(text, sizeof(text), out, sizeof(out)), 128);
	clean_append(out, sizeof(out), "-123");
	ck_assert_uint_eq(strlen(out), 128);
	ck_assert_str_eq(out + 123, "x-123");
}
END_TEST

/* A character is cut as a whole or not at all. */
START_TEST(limits_length_utf8)
{
	char text[300] = "x", out[129];
	int i;

	for (i = 0; i < 60; i++)
		strcat(text, "\xe2\x82\xac");
	ck_assert_uint_eq(clean_text(text, strlen(text), out, sizeof(out)), 127);
	clean_append(out, sizeof(out), "-1");
	ck_assert_uint_eq(strlen(out), 126);
	ck_assert_str_eq(out + 121, "\xe2\x82\xac-1");
}
END_TEST

START_TEST(errors_bytes)
{
	static const struct {
		const char *text, *want;
	} bytes[] = {
		{ "a\tb\nc\x7f", "a_b_c_" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7" },
		{ "a\"b\\c", "a\"b\\c" },
		{ "a\xc3", "a_" },
		{ "\xc0\xaf", "__" },           /* overlong */
		{ "\xe0\x80\xaf", "___" },      /* overlong */
		{ "\xed\xa0\x80", "___" },      /* a surrogate */
		{ "\xf4\x90\x80\x80", "____" }, /* beyond U+10FFFF */
		{ "\xff\xfe", "__" },
		{ "\xc2\x85", "__" }, /* a control character */
		{ "", "" },
	};
	char out[32];
	size_t i;

	for (i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		clean_text(bytes[i].text, strlen(bytes[i].text), out, sizeof(out));
		ck_assert_str_eq(out, bytes[i].want);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_clean");
	TCase *limits = tcase_create("Limits");
	TCase *errors = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(limits, limits_length);
	tcase_add_test(limits, limits_length_utf8);
	tcase_add_test(errors, errors_bytes);
	suite_add_tcase(suite, limits);
	suite_add_tcase(suite, errors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
