// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/culprits.c, throttle.c, vm_series.c, series.c: the parts that are pure: names of culprits,
 * cpu.stat, roles of threads, growth of buckets.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "culprits.h"
#include "throttle.h"
#include "vm_series.h"

static enum culprit_kind name_of(const char *comm, bool kthread, const char *vm,
				 char name[CULPRIT_NAME_MAX])
{
	struct rbpf_culprit culprit = { .kthread = kthread };

	memcpy(culprit.comm, comm, strnlen(comm, sizeof(culprit.comm)));
	return culprit_name(&culprit, vm, name);
}

START_TEST(core_culprit_names)
{
	char name[CULPRIT_NAME_MAX];

	ck_assert_int_eq(name_of("CPU 0/KVM", false, "db-1", name), KIND_VM);
	ck_assert_str_eq(name, "db-1");
	ck_assert_int_eq(name_of("vhost-4711", true, "db-1", name), KIND_VHOST);
	ck_assert_str_eq(name, "db-1");
	ck_assert_int_eq(name_of("make", false, NULL, name), KIND_HOST);
	ck_assert_str_eq(name, "make");
	ck_assert_int_eq(name_of("kworker/3:1H", true, NULL, name), KIND_KERNEL);
	ck_assert_str_eq(name, "kworker");
	ck_assert_int_eq(name_of("rcu_preempt", true, NULL, name), KIND_KERNEL);
	ck_assert_str_eq(name, "rcu_preempt");
	/* A process may call itself like one of the kernel's threads. */
	ck_assert_int_eq(name_of("vhost-4711", false, NULL, name), KIND_HOST);
}
END_TEST

/* comm is 16 bytes without an end, and anybody's choice. */
START_TEST(limits_culprit_names)
{
	char name[CULPRIT_NAME_MAX];

	name_of("abcdefghijklmnopqrst", false, NULL, name);
	ck_assert_str_eq(name, "abcdefghijklmnop");
	name_of("a\nb\"\xff", false, NULL, name);
	ck_assert_str_eq(name, "a_b\"_");
	name_of("", false, NULL, name);
	ck_assert_str_eq(name, "unnamed");
	name_of("/", true, NULL, name);
	ck_assert_str_eq(name, "unnamed");
}
END_TEST

START_TEST(core_throttle)
{
	ck_assert_uint_eq(throttle_parse("nr_periods 30\nnr_throttled 23\n"
					 "throttled_time 1182508049\nnr_bursts 0\n",
					 false),
			  1182508049);
	ck_assert_uint_eq(throttle_parse("usage_usec 1\nuser_usec 1\nsystem_usec 0\n"
					 "nr_throttled 2\nthrottled_usec 4711\n",
					 true),
			  4711000);
	/* The root has no quota, nor the lines; nor has a v2 file v1's. */
	ck_assert_uint_eq(throttle_parse("usage_usec 1\n", true), 0);
	ck_assert_uint_eq(throttle_parse("throttled_time 5\n", true), 0);
	ck_assert_uint_eq(throttle_parse("", false), 0);
}
END_TEST

START_TEST(core_roles)
{
	struct rbpf_thread t = { .comm = "qemu-system-x86" };

	ck_assert_int_eq(vm_thread_role(&t), ROLE_EMULATOR);
	t = (struct rbpf_thread){ .comm = "IO iothread1" };
	ck_assert_int_eq(vm_thread_role(&t), ROLE_IOTHREAD);
	t = (struct rbpf_thread){ .comm = "vhost-12345" };
	ck_assert_int_eq(vm_thread_role(&t), ROLE_VHOST);
}
END_TEST

/* The kernel's buckets are 32 bits wide and may wrap. */
START_TEST(core_buckets)
{
	uint32_t stored[RBPF_BUCKETS] = { 5, UINT32_MAX - 1 }, now[RBPF_BUCKETS] = { 12, 3 };
	uint64_t counts[HISTOGRAM_BOUNDS + 1];

	ck_assert(series_take_buckets(stored, now, counts));
	ck_assert_uint_eq(counts[0], 7);
	ck_assert_uint_eq(counts[1], 5);
	ck_assert_uint_eq(counts[HISTOGRAM_BOUNDS], 0);
	ck_assert(!series_take_buckets(stored, now, counts));
	ck_assert_uint_eq(counts[0], 0);
	ck_assert_int_eq(HISTOGRAM_BOUNDS, RBPF_BUCKET_LAST);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_culprits");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, core_culprit_names);
	tcase_add_test(tc, limits_culprit_names);
	tcase_add_test(tc, core_throttle);
	tcase_add_test(tc, core_roles);
	tcase_add_test(tc, core_buckets);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
