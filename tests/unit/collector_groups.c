// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/groups.c: the table is sound, sets are parsed, the default costs what it is said to.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "groups.h"

static group_set parse(const char *text)
{
	char bad[64];
	group_set set = 0;

	ck_assert_int_eq(groups_parse(text, &set, bad, sizeof(bad)), 0);
	return set;
}

static uint64_t bytes(group_set set, uint32_t vcpus, uint32_t vms)
{
	struct rondo_schema schemas[GROUP_NR];
	size_t n = groups_schemas(set, &(struct group_sizes){ vcpus, vms, TOP_DEFAULT },
				  &(struct tiers){ 0 }, schemas);
	struct rondo_plan plan;
	char detail[256] = "";

	ck_assert_msg(!rondo_plan(schemas, n, 0, &plan, detail, sizeof(detail)), "%s", detail);
	return plan.bytes;
}

START_TEST(core_table)
{
	int i, j;

	for (i = 0; i < GROUP_NR; i++) {
		ck_assert(groups[i].name && groups[i].what && groups[i].names);
		ck_assert(!groups[i].always || (groups[i].on && !groups[i].drop));
		ck_assert_uint_gt(groups[i].per_vcpu + groups[i].per_vm + groups[i].per_host, 0);
		ck_assert_int_eq(groups_find(groups[i].name, strlen(groups[i].name)), i);
		for (j = 0; j < i; j++)
			ck_assert_str_ne(groups[i].name, groups[j].name);
	}
	ck_assert_int_eq(groups_find("budge", 5), -1);
	ck_assert_int_eq(groups_find("", 0), -1);
}
END_TEST

/* What users are told: at most 3 MB per vCPU, by default. */
START_TEST(core_default_size)
{
	const uint64_t vcpus = 1000;
	uint64_t per_vcpu =
		(bytes(groups_default(), 2 * vcpus, 100) - bytes(groups_default(), vcpus, 100)) /
		vcpus;

	ck_assert_uint_le(per_vcpu, 3000000);
	ck_assert_uint_gt(bytes(parse("all"), vcpus, 100), bytes(groups_default(), vcpus, 100));
}
END_TEST

START_TEST(core_parse)
{
	group_set def = groups_default();

	ck_assert_uint_eq(parse("default"), def);
	ck_assert_uint_eq(parse("reasons"), def | GROUP_BIT(GROUP_REASONS));
	ck_assert_uint_eq(parse("+reasons,-latency"),
			  (def | GROUP_BIT(GROUP_REASONS)) & ~GROUP_BIT(GROUP_LATENCY));
	ck_assert_uint_eq(parse("all"), GROUP_BIT(GROUP_NR) - 1);
	ck_assert_uint_eq(parse("none,latency") & ~GROUP_BIT(GROUP_LATENCY), parse("none"));
}
END_TEST

/* What can't be switched off stays on. */
START_TEST(limits_always)
{
	int i;

	ck_assert_uint_eq(parse("none"), parse("none,-budget"));
	for (i = 0; i < GROUP_NR; i++)
		ck_assert_int_eq(parse("none") >> i & 1, groups[i].always);
}
END_TEST

START_TEST(errors_parse)
{
	static const char *const wrong[] = {
		"",  "budgets",     "budget,", ",budget", "latency,none",
		"+", "latency,,vm", "--vm",    " vm"
	};
	char bad[64];
	group_set set = 7;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_int_eq(groups_parse(wrong[i], &set, bad, sizeof(bad)), -1);
	ck_assert_uint_eq(set, 7);
	ck_assert_int_eq(groups_parse("vm,nonsense,all", &set, bad, sizeof(bad)), -1);
	ck_assert_str_eq(bad, "nonsense");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_groups");
	SRunner *runner;
	TCase *tc = tcase_create("all");
	int failed;

	tcase_add_test(tc, core_table);
	tcase_add_test(tc, core_default_size);
	tcase_add_test(tc, core_parse);
	tcase_add_test(tc, limits_always);
	tcase_add_test(tc, errors_parse);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
