// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/budget.c: growth of totals, and its spread over ticks.
 */
#include <check.h>
#include <stdlib.h>

#include "budget.h"

#define S UINT64_C(1000000000)

START_TEST(core_growth)
{
	uint64_t stored = 0;

	ck_assert_uint_eq(budget_growth(&stored, 7), 7);
	ck_assert_uint_eq(budget_growth(&stored, 7), 0);
	ck_assert_uint_eq(budget_growth(&stored, 19), 12);
	ck_assert_uint_eq(stored, 19);
}
END_TEST

/* An estimate that was too high: nothing is taken back, nothing is added twice. */
START_TEST(core_growth_after_estimate)
{
	uint64_t stored = 0, sum = 0;

	sum += budget_growth(&stored, 1000);
	sum += budget_growth(&stored, 990);
	sum += budget_growth(&stored, 999);
	ck_assert_uint_eq(sum, 1000);
	sum += budget_growth(&stored, 1003);
	ck_assert_uint_eq(sum, 1003);
}
END_TEST

/* A part that rounding between clocks has brought below 0 is a huge number. */
START_TEST(limits_growth_negative)
{
	uint64_t stored = 0;

	ck_assert_uint_eq(budget_growth(&stored, (uint64_t)-5), 0);
	ck_assert_uint_eq(stored, 0);
	ck_assert_uint_eq(budget_growth(&stored, 5), 5);
	ck_assert_uint_eq(budget_growth(&stored, (uint64_t)-1), 0);
	ck_assert_uint_eq(stored, 5);
}
END_TEST

START_TEST(core_one_tick)
{
	uint64_t at, piece;
	struct spread s;

	spread_begin(&s, 12345, 10 * S + 1, 10 * S + 999, S);
	ck_assert(spread_next(&s, &at, &piece));
	ck_assert_uint_eq(at / S, 10);
	ck_assert_uint_eq(piece, 12345);
	ck_assert(!spread_next(&s, &at, &piece));
}
END_TEST

START_TEST(core_in_proportion)
{
	static const uint64_t want[] = { 25, 100, 100, 50 };
	uint64_t at, piece;
	struct spread s;
	unsigned int i;

	spread_begin(&s, 275, 10 * S + 3 * S / 4, 13 * S + S / 2, S);
	for (i = 0; i < 4; i++) {
		ck_assert(spread_next(&s, &at, &piece));
		ck_assert_uint_eq(at / S, 10 + i);
		ck_assert_uint_eq(piece, want[i]);
	}
	ck_assert(!spread_next(&s, &at, &piece));
}
END_TEST

/* The pieces add up, whatever the amount and the span; each tick comes once, in order. */
START_TEST(core_nothing_is_lost)
{
	uint64_t amount, from, to, at, piece, sum, last, seed = 12345;
	struct spread s;
	int i;

	for (i = 0; i < 3000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		amount = seed >> (seed & 63);
		from = S * 1795413559 + seed % (3 * S);
		to = from + (seed >> 20) % (40 * S) + 1;
		spread_begin(&s, amount, from, to, S);
		for (sum = 0, last = 0; spread_next(&s, &at, &piece); last = at / S) {
			ck_assert(!last || at / S == last + 1);
			ck_assert(at >= from && at < to);
			sum += piece;
		}
		ck_assert_uint_eq(sum, amount);
		ck_assert_uint_eq(last, (to - 1) / S);
	}
}
END_TEST

START_TEST(limits_zero_still_comes_by)
{
	uint64_t at, piece;
	struct spread s;
	int n = 0;

	spread_begin(&s, 0, 10 * S, 13 * S, S);
	while (spread_next(&s, &at, &piece)) {
		ck_assert_uint_eq(piece, 0);
		n++;
	}
	ck_assert_int_eq(n, 3);
}
END_TEST

START_TEST(limits_empty_span)
{
	uint64_t at, piece;
	struct spread s;

	spread_begin(&s, 77, 10 * S + 5, 10 * S + 5, S);
	ck_assert(spread_next(&s, &at, &piece));
	ck_assert_uint_eq(at / S, 10);
	ck_assert_uint_eq(piece, 77);
	ck_assert(!spread_next(&s, &at, &piece));
	spread_begin(&s, 77, 12 * S, 10 * S + 5, S);
	ck_assert(spread_next(&s, &at, &piece));
	ck_assert_uint_eq(at / S, 10);
	ck_assert(!spread_next(&s, &at, &piece));
}
END_TEST

/* The end of a span is not in it. */
START_TEST(limits_border)
{
	uint64_t at, piece;
	struct spread s;

	spread_begin(&s, 10, 10 * S, 11 * S, S);
	ck_assert(spread_next(&s, &at, &piece));
	ck_assert_uint_eq(at, 10 * S);
	ck_assert_uint_eq(piece, 10);
	ck_assert(!spread_next(&s, &at, &piece));
}
END_TEST

START_TEST(limits_long_span)
{
	uint64_t at, piece, sum = 0, n = 0;
	struct spread s;

	spread_begin(&s, 1000003, S, 100000 * S, S);
	for (; spread_next(&s, &at, &piece); n++)
		sum += piece;
	ck_assert_uint_eq(n, SPREAD_TICKS);
	ck_assert_uint_eq(sum, 1000003);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_budget");
	TCase *core = tcase_create("Core");
	TCase *limits = tcase_create("Limits");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_growth);
	tcase_add_test(core, core_growth_after_estimate);
	tcase_add_test(core, core_one_tick);
	tcase_add_test(core, core_in_proportion);
	tcase_add_test(core, core_nothing_is_lost);
	tcase_add_test(limits, limits_growth_negative);
	tcase_add_test(limits, limits_zero_still_comes_by);
	tcase_add_test(limits, limits_empty_span);
	tcase_add_test(limits, limits_border);
	tcase_add_test(limits, limits_long_span);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
