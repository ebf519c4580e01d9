// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Selectors: what they match, and what is said of those that don't parse. The expectations are
 * Prometheus' (prometheus.io/docs/prometheus/latest/querying/basics), but for its regular
 * expressions: ours are POSIX extended ones.
 */
#include "lib_common.h"

static const struct {
	const char *name, *label, *value;
} all_series[] = {
	{ "steal", "vm", "a" },     { "steal", "vm", "ab" },      { "steal", "vm", "b" },
	{ "steal", NULL, NULL },    { "exits", "vm", "a" },       { "exits", "reason", "io" },
	{ "a:b", "vm", "x\ny" },    { "exits", "vm", "q\"u\\o" }, { "exits", "vm", "a|b" },
	{ "exits", "vm", "(a)" },   { "exits", "vm", "xay" },     { "exits", "vm", "a\nb" },
	{ "up", "vm", "\303\244" },
};

static rondo_store *selector_store(void)
{
	const struct rondo_schema schema = schema_small(LENGTH(all_series));
	rondo_store *store = create(in_scratch("store"), &schema, 1);
	rondo_series *series;

	for (size_t i = 0; i < LENGTH(all_series); i++)
		ck_ok(register_one(store, all_series[i].name, all_series[i].label,
				   all_series[i].value, RONDO_GAUGE, &series));
	return store;
}

/* wanted: the numbers of the series, as letters from 'a' on. */
static void selects(rondo_store *store, const char *selector, const char *wanted)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	char got[LENGTH(all_series) + 1] = "";
	rondo_iter *iter;
	int err = rondo_iter_begin(store, selector, &iter, detail, sizeof(detail));

	ck_assert_msg(err == 0, "%s: %s", selector, detail);
	while (rondo_iter_next(iter, &info) == 1) {
		const char letter[2] = { (char)('a' + (info.id & 0xffffffff)), '\0' };

		strcat(got, letter);
	}
	rondo_iter_end(iter);
	ck_assert_msg(!strcmp(got, wanted), "%s: %s, want %s", selector ? selector : "NULL", got,
		      wanted);
}

START_TEST(core_equal_and_not)
{
	rondo_store *store = selector_store();

	selects(store, NULL, "abcdefghijklm");
	selects(store, "", "abcdefghijklm");
	selects(store, "{}", "abcdefghijklm");
	selects(store, " steal ", "abcd");
	selects(store, "steal{}", "abcd");
	selects(store, "a:b", "g");
	selects(store, "nothing", "");
	selects(store, "{vm=\"a\"}", "ae");
	selects(store, "steal{vm=\"a\"}", "a");
	selects(store, "steal{vm!=\"a\"}", "bcd");
	/* a label that isn't there is "" */
	selects(store, "steal{vm=\"\"}", "d");
	selects(store, "steal{vm!=\"\"}", "abc");
	selects(store, "exits{reason=\"io\",vm=\"\"}", "f");
	selects(store, "exits{reason=\"io\",vm=\"a\"}", "");
	selects(store, "{__name__=\"steal\",vm=\"b\"}", "c");
	selects(store, "{__name__!=\"exits\",vm=\"a\"}", "a");
	selects(store, " { vm = \"a\" , __name__ = 'exits' , } ", "e");
	selects(store, "{vm!=\"a\",vm!=\"b\",vm!=\"\",__name__=\"steal\"}", "b");
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_regular_expressions_are_anchored)
{
	rondo_store *store = selector_store();

	selects(store, "steal{vm=~\"a\"}", "a");
	selects(store, "steal{vm=~\"a.*\"}", "ab");
	selects(store, "steal{vm=~\"a|b\"}", "ac");
	selects(store, "steal{vm=~\"a|\"}", "ad");
	selects(store, "steal{vm!~\"a|b\"}", "bd");
	selects(store, "steal{vm!~\".+\"}", "d");
	selects(store, "steal{vm=~\".*\"}", "abcd");
	selects(store, "steal{vm=~\"\"}", "d");
	selects(store, "steal{vm!~\"\"}", "abc");
	selects(store, "steal{vm=~\"[ab]{1,2}\"}", "abc");
	selects(store, "{__name__=~\"ste.*\"}", "abcd");
	selects(store, "{__name__=~\"ste\"}", "");
	selects(store, "{__name__!~\"steal|exits|up\"}", "g");
	/* the end of a line isn't the end of the value */
	selects(store, "exits{vm=~\"a\"}", "e");
	selects(store, "exits{vm=~\"a.b\"}", "il");
	selects(store, "exits{vm=~\"a[|]b\"}", "i");
	selects(store, "exits{vm=~`\\(a\\)`}", "j");
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_quotes_and_escapes)
{
	rondo_store *store = selector_store();

	selects(store, "{vm=\"q\\\"u\\\\o\"}", "h");
	selects(store, "{vm='q\"u\\\\o'}", "h");
	selects(store, "{vm=`q\"u\\o`}", "h");
	selects(store, "{vm=\"x\\ny\"}", "g");
	selects(store, "{vm=\"x\ny\"}", "g");
	selects(store, "{vm=\"a|b\"}", "i");
	selects(store, "{vm=\"(a)\"}", "j");
	selects(store, "{vm=\"\303\244\"}", "m");
	selects(store, "{vm=\"}\"}", "");
	selects(store, "{vm=\"a\",vm=\"b\"}", "");
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(limits_length)
{
	rondo_store *store = selector_store();
	char selector[RONDO_SELECTOR_MAX + 2];
	rondo_iter *iter;

	memset(selector, ' ', sizeof(selector));
	memcpy(selector, "steal", 5);
	selector[RONDO_SELECTOR_MAX] = '\0';
	selects(store, selector, "abcd");
	selector[RONDO_SELECTOR_MAX] = ' ';
	selector[RONDO_SELECTOR_MAX + 1] = '\0';
	ck_err(rondo_iter_begin(store, selector, &iter, detail, sizeof(detail)), RONDO_E_SELECTOR);
	ck_assert_ptr_nonnull(strstr(detail, "511"));
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(errors_name_the_place)
{
	static const struct {
		const char *selector, *says;
	} bad[] = {
		{ "1a", "character 1" },
		{ "a b", "character 3" },
		{ "{", "character 2" },
		{ "{a", "character 3" },
		{ "{a}", "character 3" },
		{ "{a=}", "character 4" },
		{ "{a=b}", "character 4" },
		{ "{a=\"b}", "closing quote" },
		{ "{a=\"b\"", "character 7" },
		{ "{a=\"b\" c=\"d\"}", "character 8" },
		{ "{,}", "character 2" },
		{ "{a=\"b\",,}", "character 8" },
		{ "{a==\"b\"}", "character 4" },
		{ "{a<\"b\"}", "character 3" },
		{ "{a:b=\"c\"}", "character 3" },
		{ "{1=\"c\"}", "character 2" },
		{ "{a=\"\\x\"}", "backslash" },
		{ "{a=\"\\", "backslash" },
		{ "x}", "character 2" },
		{ "x{}y", "character 4" },
		{ "x{}{}", "character 4" },
		{ "{a=~\"[\"}", "regular expression" },
		{ "{a=~\"(\"}", "regular expression" },
		{ "{a!~\"*\"}", "regular expression" },
		{ "{a=~\"a{2,1}\"}", "regular expression" },
		{ "{a=\"b'}", "closing quote" },
	};
	rondo_store *store = selector_store();

	for (size_t i = 0; i < LENGTH(bad); i++) {
		rondo_iter *iter = NULL;
		int err;

		memset(detail, 0, sizeof(detail));
		err = rondo_iter_begin(store, bad[i].selector, &iter, detail, sizeof(detail));
		ck_assert_msg(err == RONDO_E_SELECTOR, "%s: %d", bad[i].selector, err);
		ck_assert_msg(strstr(detail, bad[i].says) != NULL, "%s: '%s', want '%s'",
			      bad[i].selector, detail, bad[i].says);
		ck_err(rondo_iter_begin(store, bad[i].selector, &iter, NULL, 0), RONDO_E_SELECTOR);
		ck_assert_ptr_null(iter);
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Parentheses that would only fit together with anchoring ones never match a part of a value. */
START_TEST(errors_unbalanced_parentheses_break_out_of_the_anchors)
{
	static const char *const bad[] = { "{vm=~\"a)|(b\"}", "{vm=~\"a)|(.*\"}", "{vm=~\")(\"}" };
	rondo_store *store = selector_store();
	rondo_iter *iter;

	for (size_t i = 0; i < LENGTH(bad); i++)
		ck_err(rondo_iter_begin(store, bad[i], &iter, detail, sizeof(detail)),
		       RONDO_E_SELECTOR);
	selects(store, "steal{vm=~\"a)|x(c)\"}", "");
	selects(store, "steal{vm=~`x(c)|a)`}", "");
	ck_ok(rondo_store_close(store));
}
END_TEST

/* The C library would take gigabytes for them, or for ever. */
START_TEST(errors_small_expressions_of_huge_size)
{
	static const char *const bad[] = {
		"x++++++++++++++++++++",
		"((((((((((((x*)+)+)+)+)+)+)+)+)+)+)+)+",
		"(((x{30}){30}){30}){30}",
		"(x?){32767}",
		"[]x[:alpha:]+]{2,}{9,200}(a|b){7}(x{600}|y{600})",
		"(a*)*\\\\1",
	};
	static const char *const good[] = { "x+y+z+(a+|b+)*c{1,200}", "(a|b|c){100}",
					    "[[:alpha:](+++++++++++++++++*]+",
					    "\\\\+\\\\+\\\\+\\\\+x" };
	rondo_store *store = selector_store();
	char text[600];
	rondo_iter *iter;

	for (size_t i = 0; i < LENGTH(bad); i++) {
		snprintf(text, sizeof(text), "{vm=~\"%s\"}", bad[i]);
		ck_err(rondo_iter_begin(store, text, &iter, detail, sizeof(detail)),
		       RONDO_E_SELECTOR);
		ck_assert_msg(strstr(detail, "too large") != NULL, "%s: '%s'", bad[i], detail);
	}
	for (size_t i = 0; i < LENGTH(good); i++) {
		snprintf(text, sizeof(text), "{vm=~\"%s\"}", good[i]);
		matching(store, text); /* parses, or the test has failed */
	}
	/* all that fits into a selector, and none of it repeated */
	memset(text, 'x', sizeof(text));
	memcpy(text, "{vm=~\"", 6);
	memcpy(text + RONDO_SELECTOR_MAX - 2, "\"}", 3);
	ck_assert_uint_eq(matching(store, text), 0);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Whatever is put in, there is an answer; under the sanitizers, too. */
START_TEST(errors_random_text)
{
	static const char alphabet[] = "{}=~!\"'`\\,ab_1: \n()[]*|.\303";
	rondo_store *store = selector_store();
	char text[40];

	for (int i = 0; i < 20000; i++) {
		size_t n = random_below(sizeof(text) - 1);
		rondo_iter *iter;
		int err;

		for (size_t j = 0; j < n; j++)
			text[j] = alphabet[random_below(sizeof(alphabet) - 1)];
		if (i % 2 && n > 8) {
			memcpy(text, "{a=~\"", 5);
			memcpy(text + n - 2, "\"}", 2);
		}
		text[n] = '\0';
		err = rondo_iter_begin(store, text, &iter, detail, sizeof(detail));
		ck_assert_msg(err == 0 || err == RONDO_E_SELECTOR, "'%s': %d", text, err);
		if (!err)
			rondo_iter_end(iter);
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_equal_and_not, 'C' },
		{ core_regular_expressions_are_anchored, 'C' },
		{ core_quotes_and_escapes, 'C' },
		{ limits_length, 'L' },
		{ errors_name_the_place, 'E' },
		{ errors_unbalanced_parentheses_break_out_of_the_anchors, 'E' },
		{ errors_small_expressions_of_huge_size, 'E' },
		{ errors_random_text, 'E' },
	};

	return run_suite("lib_selector", tests, LENGTH(tests));
}
