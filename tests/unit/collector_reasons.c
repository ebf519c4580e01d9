// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/reasons.c: names of exits, and of those that have none.
 */
#include <check.h>
#include <rondo_event.h>
#include <stdlib.h>
#include <string.h>

#include "reasons.h"

static char buffer[REASON_MAX];

START_TEST(core_names)
{
	ck_assert_str_eq(reason_exit(RBPF_ISA_SVM, 0x7b, buffer), "io");
	ck_assert_str_eq(reason_exit(RBPF_ISA_SVM, 0x78, buffer), "hlt");
	ck_assert_str_eq(reason_exit(RBPF_ISA_SVM, 0x60, buffer), "interrupt");
	ck_assert_str_eq(reason_exit(RBPF_ISA_SVM, 0x4e, buffer), "pf_excp");
	ck_assert_str_eq(reason_exit(RBPF_ISA_SVM, RBPF_SVM_FOLD, buffer), "npf");
	ck_assert_str_eq(reason_exit(RBPF_ISA_SVM, RBPF_EXIT_INVAL, buffer), "invalid_guest_state");
	ck_assert_str_eq(reason_exit(RBPF_ISA_VMX, 30, buffer), "io_instruction");
	ck_assert_str_eq(reason_exit(RBPF_ISA_VMX, 48, buffer), "ept_violation");
	ck_assert_str_eq(reason_exit(RBPF_ISA_ARM, 0x24, buffer), "dabt_low");
	ck_assert_str_eq(reason_exit(RBPF_ISA_ARM, RBPF_ARM_FOLD, buffer), "irq");
	ck_assert_str_eq(reason_user_exit(2, buffer), "io");
	ck_assert_str_eq(reason_user_exit(6, buffer), "mmio");
	ck_assert_str_eq(reason_user_exit(5, buffer), "hlt");
	ck_assert_str_eq(reason_user_exit(RBPF_USER_INTR, buffer), "intr");
	ck_assert_str_eq(reason_user_exit(RBPF_USER_ERROR, buffer), "error");
}
END_TEST

/* Never a wrong name: a code that isn't known says its number, unfolded. */
START_TEST(core_unknown)
{
	ck_assert_str_eq(reason_exit(RBPF_ISA_SVM, 0xa9, buffer), "unknown_169");
	ck_assert_str_eq(reason_exit(RBPF_ISA_SVM, RBPF_SVM_FOLD + 9, buffer), "unknown_1033");
	ck_assert_str_eq(reason_exit(RBPF_ISA_SVM, RBPF_EXIT_OTHER, buffer), "other");
	ck_assert_str_eq(reason_exit(RBPF_ISA_VMX, 11, buffer), "unknown_11");
	ck_assert_str_eq(reason_exit(RBPF_ISA_NONE, 3, buffer), "unknown_3");
	ck_assert_str_eq(reason_user_exit(55, buffer), "unknown_55");
	ck_assert_str_eq(reason_user_exit(RBPF_USER_OTHER, buffer), "other");
}
END_TEST

/* One instruction is one class on every processor; what has no name is "other". */
START_TEST(core_classes)
{
	static const struct {
		enum exit_class class;
		int svm, vmx, arm;
	} same[] = {
		{ CLASS_HALT, 0x78, 12, 0x01 },
		{ CLASS_IO, 0x7b, 30, -1 },
		{ CLASS_MMIO, RBPF_SVM_FOLD, 48, 0x24 },
		{ CLASS_MSR, 0x7c, 31, 0x18 },
		{ CLASS_CPUID, 0x72, 10, -1 },
		{ CLASS_INTERRUPT, 0x60, 1, RBPF_ARM_FOLD },
		{ CLASS_IRQ_WINDOW, 0x64, 7, -1 },
		{ CLASS_HYPERCALL, 0x81, 18, 0x16 },
		{ CLASS_PAUSE, 0x77, 40, -1 },
		{ CLASS_TIMER, -1, 52, -1 },
		{ CLASS_APIC, RBPF_SVM_FOLD + 1, 56, -1 },
		{ CLASS_EXCEPTION, 0x4e, 0, -1 },
		{ CLASS_OTHER, RBPF_EXIT_OTHER, RBPF_EXIT_OTHER, RBPF_EXIT_OTHER },
	};
	size_t i;

	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		if (same[i].svm >= 0)
			ck_assert_int_eq(reason_class(RBPF_ISA_SVM, (uint32_t)same[i].svm),
					 same[i].class);
		if (same[i].vmx >= 0)
			ck_assert_int_eq(reason_class(RBPF_ISA_VMX, (uint32_t)same[i].vmx),
					 same[i].class);
		if (same[i].arm >= 0)
			ck_assert_int_eq(reason_class(RBPF_ISA_ARM, (uint32_t)same[i].arm),
					 same[i].class);
	}
	ck_assert_int_eq(i, CLASS_NR);
	ck_assert_int_eq(reason_class(99, UINT32_MAX), CLASS_OTHER);
	ck_assert_str_eq(class_name(CLASS_IRQ_WINDOW), "irq_window");
	ck_assert_int_le(CLASS_NR, RBPF_CLASSES);
}
END_TEST

START_TEST(limits_any_number)
{
	uint32_t isa, i;

	for (isa = 0; isa < RBPF_ISA_NR + 2; isa++)
		for (i = 0; i < RBPF_EXITS + 2; i++)
			ck_assert_uint_lt(strlen(reason_exit(isa, i, buffer)), REASON_MAX);
	for (i = 0; i < RBPF_USER_EXITS + 2; i++)
		ck_assert_uint_lt(strlen(reason_user_exit(i, buffer)), REASON_MAX);
	ck_assert_str_eq(reason_exit(99, UINT32_MAX, buffer), "unknown_4294967295");
	ck_assert_str_eq(reason_user_exit(UINT32_MAX, buffer), "unknown_4294967295");
}
END_TEST

/* Two indices of one table never share a name: their counts would be added to one series. */
START_TEST(core_names_are_unique)
{
	char other[REASON_MAX];
	uint32_t isa, i, k;

	for (isa = RBPF_ISA_VMX; isa < RBPF_ISA_NR; isa++)
		for (i = 0; i < RBPF_EXITS; i++)
			for (k = 0; k < i; k++)
				ck_assert_str_ne(reason_exit(isa, i, buffer),
						 reason_exit(isa, k, other));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_reasons");
	TCase *core = tcase_create("Core");
	TCase *limits = tcase_create("Limits");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_names);
	tcase_add_test(core, core_unknown);
	tcase_add_test(core, core_classes);
	tcase_add_test(core, core_names_are_unique);
	tcase_add_test(limits, limits_any_number);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
