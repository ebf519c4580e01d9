// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vmm-demo/report.c and exits.c: the final account as text and JSON, to the byte.
 */
#include <check.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static uint64_t exits[2][EXIT_SLOTS];
static struct report_vcpu vcpus[2];
static struct report r;
static char *text;

static void set_up(void)
{
	memset(exits, 0, sizeof(exits));
	memset(vcpus, 0, sizeof(vcpus));
	exits[0][KVM_EXIT_IO] = 4999;
	exits[0][KVM_EXIT_INTR] = 1;
	vcpus[0] = (struct report_vcpu){
		.tid = 101,
		.exits = exits[0],
		.run_ns = 2500000,
		.exit_ns = 1000,
		.halted_ns = 7,
		.steal_baseline_ns = 40,
		.steal_baseline_after_ns = 40,
		.steal_end_ns = { true, 1500040 },
		.cpu_baseline_ns = 5,
		.cpu_end_ns = { true, 9 },
		.guest_steal_first_ns = { true, 50 },
		.guest_steal_ns = { true, 2000050 },
		.kvm_exits = { true, 5001 },
		.failure = "",
	};
	vcpus[1] = (struct report_vcpu){
		.vcpu = 1,
		.tid = 102,
		.exits = exits[1],
		.steal_baseline_ns = 1,
		.steal_baseline_after_ns = 2,
		.failure = "a \"b\"\n",
	};
	r = (struct report){ .name = "n",
			     .pid = 100,
			     .guest = "pio",
			     .status = "ok",
			     .wall_ns = 1234567890,
			     .vcpus = vcpus,
			     .n_vcpus = 2 };
}

static const char *print(void (*function)(const struct report *, FILE *))
{
	size_t size;
	FILE *out;

	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(out);
	function(&r, out);
	fclose(out);
	return text;
}

START_TEST(core_json)
{
	ck_assert_str_eq(
		print(report_json),
		"{\"name\":\"n\",\"pid\":100,\"guest\":\"pio\",\"status\":\"ok\",\"recorded\":false,"
		"\"wall_ns\":1234567890,\"vcpus\":["
		"{\"vcpu\":0,\"tid\":101,\"exits\":{\"io\":4999,\"intr\":1},\"kvm_run_ns\":2500000,"
		"\"exit_ns\":1000,\"halted_ns\":7,\"steal_baseline_ns\":40,"
		"\"steal_baseline_after_ns\":40,\"baseline_exact\":true,\"steal_end_ns\":1500040,"
		"\"cpu_baseline_ns\":5,\"cpu_end_ns\":9,\"guest_steal_first_ns\":50,"
		"\"guest_steal_ns\":2000050,\"kvm_exits\":5001},"
		"{\"vcpu\":1,\"tid\":102,\"exits\":{},\"kvm_run_ns\":0,\"exit_ns\":0,\"halted_ns\":0,"
		"\"steal_baseline_ns\":1,\"steal_baseline_after_ns\":2,\"baseline_exact\":false,"
		"\"cpu_baseline_ns\":0,\"failure\":\"a \\\"b\\\"\\u000a\"}]}\n");
}
END_TEST

/* What was not measured is a dash. */
START_TEST(core_text)
{
	vcpus[1].failure = "gone";
	ck_assert_str_eq(
		print(report_text),
		"VM n: guest pio, 2 vCPUs, 1.235 s, ok\n\n"
		"vCPU      steal ms  guest saw ms    KVM_RUN ms    between ms     halted ms  exits to the VMM\n"
		"   0         1.500         2.000         2.500         0.001         0.000  io 4999, intr 1\n"
		"   1             -             -         0.000         0.000         0.000  \n"
		"\nvCPU 1: gone\n");
}
END_TEST

START_TEST(limits_names)
{
	char buffer[EXIT_NAME_MAX];

	ck_assert_str_eq(exit_name(KVM_EXIT_HLT, buffer), "hlt");
	ck_assert_str_eq(exit_name(0, buffer), "unknown");
	ck_assert_str_eq(exit_name(EXIT_SLOTS - 1, buffer), "other");
	ck_assert_str_eq(exit_name(15, buffer), "unknown_15");
	ck_assert_str_eq(exit_name(61, buffer), "unknown_61");
	ck_assert_str_eq(exit_name(4000000000, buffer), "unknown_4000000000");
	ck_assert_uint_eq(exit_slot(6), 6);
	ck_assert_uint_eq(exit_slot(62), 62);
	ck_assert_uint_eq(exit_slot(63), 63);
	ck_assert_uint_eq(exit_slot(UINT32_MAX), 63);
}
END_TEST

/* The largest figures keep all their digits. */
START_TEST(limits_figures)
{
	vcpus[0].run_ns = UINT64_MAX;
	exits[0][KVM_EXIT_IO] = UINT64_C(9007199254740993);
	ck_assert_ptr_nonnull(strstr(print(report_json), "\"kvm_run_ns\":18446744073709551615,"));
	ck_assert_ptr_nonnull(strstr(text, "\"io\":9007199254740993,"));
}
END_TEST

/* A stream that can't be written: no crash, and the stream says so. */
START_TEST(errors_full)
{
	FILE *out = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(out);
	setvbuf(out, NULL, _IONBF, 0);
	report_json(&r, out);
	report_text(&r, out);
	ck_assert(ferror(out));
	fclose(out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmm_report");
	TCase *core = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *wrong = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, set_up, NULL);
	tcase_add_checked_fixture(limit, set_up, NULL);
	tcase_add_checked_fixture(wrong, set_up, NULL);
	tcase_add_test(core, core_json);
	tcase_add_test(core, core_text);
	tcase_add_test(limit, limits_names);
	tcase_add_test(limit, limits_figures);
	tcase_add_test(wrong, errors_full);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limit);
	suite_add_tcase(suite, wrong);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	free(text);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
