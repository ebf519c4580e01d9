// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/overhead.c, what is dropped in which order; event_log.c, which stays small.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event_log.h"
#include "overhead.h"

/* Everything that may be dropped is, histograms first, and what may not stays. */
START_TEST(core_drop)
{
	group_set set = GROUP_BIT(GROUP_NR) - 1, rest;
	unsigned int last = 0, steps = 0, i;

	while ((rest = overhead_drop(set)) != set) {
		ck_assert_uint_eq(rest & ~set, 0);
		for (i = 0; i < GROUP_NR; i++) {
			if (!(set & ~rest & GROUP_BIT(i)))
				continue;
			ck_assert(!groups[i].always);
			ck_assert_uint_ge(groups[i].drop, last);
			last = groups[i].drop;
		}
		if (!steps++)
			ck_assert_uint_eq(set & ~rest, GROUP_BIT(GROUP_REASON_LATENCY));
		set = rest;
	}
	for (i = 0; i < GROUP_NR; i++)
		if (groups[i].always)
			ck_assert(set & GROUP_BIT(i));
	ck_assert(!(set & GROUP_BIT(GROUP_LATENCY)));
}
END_TEST

START_TEST(limits_log_size)
{
	char dir[] = "/tmp/rondo-events.XXXXXX", path[64], old[64], text[512];
	struct event_line line = { .vm = "a", .event = "steal" };
	unsigned int round, i, last;
	struct event_log *log;
	struct stat st;
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/events.jsonl", dir);
	snprintf(old, sizeof(old), "%s/events.jsonl.1", dir);
	/* Closed and opened again on the way, as by restarts. */
	for (round = 0, i = 0; round < 5; round++) {
		log = event_log_open(dir);
		ck_assert_ptr_nonnull(log);
		for (; i < 7919 * (round + 1); i++) {
			line.ns = i;
			event_log_add(log, &line);
			if (i % 100 == 0)
				event_log_flush(log);
		}
		ck_assert_uint_eq(event_log_lost(log), 0);
		event_log_close(log);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_int_le(st.st_size, LOG_BYTES + 200);
	}
	ck_assert_int_eq(stat(old, &st), 0);
	ck_assert_int_le(st.st_size, LOG_BYTES + 200);
	/* The last line is the last one that was added, and whole. */
	file = fopen(path, "r");
	while (fgets(text, sizeof(text), file))
		ck_assert_ptr_nonnull(strchr(text, '\n'));
	fclose(file);
	ck_assert_int_eq(sscanf(strstr(text, "\"ns\":"), "\"ns\":%u", &last), 1);
	ck_assert_uint_eq(last, i - 1);
	unlink(path);
	unlink(old);
	rmdir(dir);
}
END_TEST

START_TEST(errors_log)
{
	ck_assert_ptr_null(event_log_open("/nowhere/at/all"));
	event_log_flush(NULL);
	event_log_close(NULL);
	ck_assert_uint_eq(event_log_lost(NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_overhead");
	TCase *core = tcase_create("Core");
	TCase *limits = tcase_create("Limits");
	TCase *errors = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_drop);
	tcase_add_test(limits, limits_log_size);
	tcase_add_test(errors, errors_log);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	suite_add_tcase(suite, errors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
