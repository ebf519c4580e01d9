// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/vms.c and proc.c: which VM, which vCPU, and is it still the same process.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"
#include "vms.h"

static struct vms t;

static struct vcpu *add(uint32_t tgid, const char *name, int32_t id)
{
	struct vm *vm = vms_find(&t, tgid, tgid * 10, 1);
	bool is_new;

	if (!vm)
		vm = vms_add(&t, tgid, tgid * 10, 1);
	strcpy(vm->who.instance, name);
	return vms_vcpu(&t, vm, id, &is_new);
}

START_TEST(core_one_vm)
{
	struct vcpu *a = add(7, "web", 0), *b = add(7, "web", 1);

	ck_assert_ptr_ne(a, b);
	ck_assert_ptr_eq(a, add(7, "web", 0));
	ck_assert_ptr_eq(a->vm, b->vm);
	ck_assert_str_eq(a->vm->instance, "web");
	vms_remove(&t, a);
	ck_assert_ptr_nonnull(vms_named(&t, "web"));
	vms_remove(&t, b);
	ck_assert_ptr_null(vms_named(&t, "web"));
	ck_assert_ptr_null(t.vms);
	ck_assert_ptr_null(t.vcpus);
}
END_TEST

/* A process' number may come again; its start time doesn't. One process may hold two VMs. */
START_TEST(core_key)
{
	struct vm *a = vms_add(&t, 7, 100, 1);

	ck_assert_ptr_eq(vms_find(&t, 7, 100, 1), a);
	ck_assert_ptr_null(vms_find(&t, 7, 101, 1));
	ck_assert_ptr_null(vms_find(&t, 7, 100, 2));
	ck_assert_ptr_null(vms_find(&t, 8, 100, 1));
}
END_TEST

/* The lowest that is free. */
START_TEST(core_ordinals)
{
	struct vm *a = vms_add(&t, 7, 100, 1), *b = vms_add(&t, 7, 100, 2);
	bool is_new;

	ck_assert_uint_eq(a->ordinal, 0);
	ck_assert_uint_eq(b->ordinal, 1);
	ck_assert_uint_eq(vms_add(&t, 8, 100, 3)->ordinal, 0);
	vms_remove(&t, vms_vcpu(&t, a, 0, &is_new));
	ck_assert_uint_eq(vms_add(&t, 7, 100, 4)->ordinal, 0);
	ck_assert_uint_eq(vms_add(&t, 7, 100, 5)->ordinal, 2);
}
END_TEST

START_TEST(core_stat_line)
{
	ck_assert_uint_eq(proc_parse_start("1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
					   "4242 20 21"),
			  4242);
	/* A name may look like the rest of the line. */
	ck_assert_uint_eq(proc_parse_start("1 (a) S 9 (b) R) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 "
					   "16 17 18 4242 20 21"),
			  4242);
}
END_TEST

START_TEST(errors_stat_line)
{
	ck_assert_uint_eq(proc_parse_start(""), 0);
	ck_assert_uint_eq(proc_parse_start("1 (a) S 1 2 3"), 0);
	ck_assert_uint_eq(proc_parse_start("1 (a"), 0);
}
END_TEST

START_TEST(core_this_process)
{
	char cmdline[256], comm[16];
	size_t n = proc_cmdline((uint32_t)getpid(), cmdline, sizeof(cmdline));

	ck_assert_uint_gt(n, 1);
	ck_assert_int_eq(cmdline[n - 1], '\0');
	proc_comm((uint32_t)getpid(), comm);
	ck_assert_uint_gt(strlen(comm), 0);
	ck_assert_ptr_null(strchr(comm, '\n'));
	ck_assert(!proc_is((uint32_t)getpid(), 1));
	ck_assert(!proc_is(0, 1));
	ck_assert_uint_eq(proc_cmdline(0, cmdline, sizeof(cmdline)), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_vms");
	TCase *core = tcase_create("Core");
	TCase *limits = tcase_create("Limits");
	TCase *errors = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_one_vm);
	tcase_add_test(core, core_key);
	tcase_add_test(core, core_ordinals);
	tcase_add_test(core, core_stat_line);
	tcase_add_test(core, core_this_process);
	tcase_add_test(errors, errors_stat_line);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	suite_add_tcase(suite, errors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
