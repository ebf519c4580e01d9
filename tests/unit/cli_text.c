// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * tools/exposition/text.c: numbers that read back as the same double, and escaping.
 */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* What a writing function writes, in a buffer that the next call reuses. */
static const char *written(void (*write)(FILE *out, const char *text), const char *text)
{
	static char buf[512];
	FILE *out = fmemopen(buf, sizeof(buf), "w");

	ck_assert_ptr_nonnull(out);
	buf[0] = 0; /* nothing written, nothing terminated */
	write(out, text);
	ck_assert_int_eq(fclose(out), 0);
	return buf;
}

static void csv(FILE *out, const char *text)
{
	csv_field(out, text, strlen(text));
}

static void number(FILE *out, const char *text)
{
	json_number(out, strtod(text, NULL));
}

static void labels(FILE *out, const char *text)
{
	struct rondo_label l[] = { { "a", text }, { "b", "x" } };

	json_labels(out, l, 2);
}

static void no_labels(FILE *out, const char *text)
{
	(void)text;
	json_labels(out, NULL, 0);
}

static void check_round_trip(double value)
{
	char buf[NUMBER_TEXT];
	double back = strtod(number_text(buf, value), NULL);

	ck_assert_msg(!memcmp(&back, &value, sizeof(value)), "%a became %s", value, buf);
	ck_assert_msg(strlen(buf) < NUMBER_TEXT, "%s", buf);
}

START_TEST(core_numbers)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ -1, "-1" },
		{ 0.1, "0.1" },
		{ 1.5, "1.5" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 2.0 / 3, "0.6666666666666666" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 1e15, "1000000000000000" },
		{ 123456789012, "123456789012" },
		{ 9007199254740991, "9007199254740991" }, /* 2^53 - 1 */
		{ 1e21, "1e+21" },
		{ 1e-7, "1e-07" },
		{ 1234567.0 / 1e9, "0.001234567" },
	};
	char buf[NUMBER_TEXT];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_str_eq(number_text(buf, rows[i].value), rows[i].text);
		check_round_trip(rows[i].value);
	}
}
END_TEST

/* Bit patterns from an xorshift generator: all magnitudes. */
START_TEST(core_round_trip)
{
	uint64_t x = 88172645463325252u;

	for (int i = 0; i < 50000; i++) {
		double value;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(&value, &x, sizeof(value));
		if (isfinite(value))
			check_round_trip(value);
		check_round_trip((double)(x >> 11));
		check_round_trip((double)(x >> 20) / 1e9);
	}
}
END_TEST

START_TEST(core_escaping)
{
	ck_assert_str_eq(written(json_string, "vm-1"), "\"vm-1\"");
	ck_assert_str_eq(written(json_string, "a\"b\\c\nd\te"), "\"a\\\"b\\\\c\\nd\\u0009e\"");
	ck_assert_str_eq(written(json_string, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
			 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	ck_assert_str_eq(written(csv, "plain"), "plain");
	ck_assert_str_eq(written(csv, "a,b"), "\"a,b\"");
	ck_assert_str_eq(written(csv, "a=\"b\""), "\"a=\"\"b\"\"\"");
	ck_assert_str_eq(written(csv, "a\nb"), "\"a\nb\"");
	ck_assert_str_eq(written(csv, "a\rb"), "\"a\rb\"");
	ck_assert_str_eq(written(label_text, "a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
	ck_assert_str_eq(written(label_text, "\xc3\xa9\t"), "\xc3\xa9\t");
	ck_assert_str_eq(written(labels, "q\""), "{\"a\":\"q\\\"\",\"b\":\"x\"}");
	ck_assert_str_eq(written(no_labels, ""), "{}");
}
END_TEST

START_TEST(core_names)
{
	for (int f = RONDO_FN_AVG; f <= RONDO_FN_RATE; f++)
		ck_assert_int_eq(function_find(function_name((enum rondo_function)f)), f);
	ck_assert_str_eq(kind_name(RONDO_GAUGE), "gauge");
	ck_assert_str_eq(kind_name(RONDO_COUNTER), "counter");
}
END_TEST

START_TEST(limits_numbers)
{
	static const double values[] = {
		DBL_MAX,    -DBL_MAX, DBL_MIN, 0x1p-1074, DBL_EPSILON, 9007199254740992.0,
		0x1p53 + 2, 0x1p63,   0x1p64,  1e300,     -0.0,        4.35,
	};
	char buf[NUMBER_TEXT];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		check_round_trip(values[i]);
	ck_assert_str_eq(number_text(buf, -0.0), "-0");
}
END_TEST

START_TEST(limits_escaping)
{
	ck_assert_str_eq(written(json_string, ""), "\"\"");
	ck_assert_str_eq(written(json_string, "\x01\x1f\x7f"), "\"\\u0001\\u001f\\u007f\"");
	ck_assert_str_eq(written(csv, ""), "");
	ck_assert_str_eq(written(csv, "\""), "\"\"\"\"");
	ck_assert_str_eq(written(label_text, ""), "");
}
END_TEST

START_TEST(errors)
{
	char buf[NUMBER_TEXT];

	ck_assert_str_eq(number_text(buf, NAN), "NaN");
	ck_assert_str_eq(number_text(buf, INFINITY), "+Inf");
	ck_assert_str_eq(number_text(buf, -INFINITY), "-Inf");
	ck_assert_str_eq(written(number, "nan"), "null");
	ck_assert_str_eq(written(number, "inf"), "null");
	/* Not UTF-8: a stray byte, a cut sequence, an overlong slash, a surrogate, beyond Unicode. */
	ck_assert_str_eq(written(json_string, "a\xff"), "\"a\xef\xbf\xbd\"");
	ck_assert_str_eq(written(json_string, "\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	ck_assert_str_eq(written(json_string, "\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	ck_assert_str_eq(written(json_string, "\xed\xa0\x80"),
			 "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	ck_assert_str_eq(written(json_string, "\xf4\x90\x80\x80"),
			 "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	/* A label must not steer the terminal. */
	ck_assert_str_eq(written(plain_text, "a\x1b[31mb\x07\n"), "a\\x1b[31mb\\x07\\x0a");
	ck_assert_str_eq(written(plain_text, "\xc2\x9b"
					     "31m"),
			 "\\xc2\\x9b31m");
	ck_assert_str_eq(written(plain_text, "\xc3\xa9\xff"), "\xc3\xa9\\xff");
	ck_assert_int_eq(function_find("median"), -1);
	ck_assert_int_eq(function_find("default"), -1);
	ck_assert_int_eq(function_find(""), -1);
	ck_assert_str_eq(function_name((enum rondo_function)99), "?");
	ck_assert_str_eq(kind_name((enum rondo_kind)99), "?");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli_text");
	TCase *core = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *error = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_set_timeout(core, 60);
	tcase_add_test(core, core_numbers);
	tcase_add_test(core, core_round_trip);
	tcase_add_test(core, core_escaping);
	tcase_add_test(core, core_names);
	tcase_add_test(limit, limits_numbers);
	tcase_add_test(limit, limits_escaping);
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
