// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/event_text.c and the options of --events.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "event_text.h"
#include "events.h"
#include "rondo_stream.h"

static char *text;

static const char *written(void (*write)(FILE *, const struct event_line *),
			   const struct event_line *line)
{
	size_t size;
	FILE *out;

	free(text);
	out = open_memstream(&text, &size);
	write(out, line);
	fclose(out);
	return text;
}

START_TEST(core_lines)
{
	struct event_line line = {
		.wall_ns = 1795536130012345678,
		.vm = "a \"b\" \\c",
		.vcpu = 3,
		.event = "exit",
		.reason = "npf",
		.ns = 1234,
		.cpu = 1,
	};

	ck_assert_str_eq(written(event_text, &line),
			 "2026-11-24T16:02:10.012345Z a \"b\" \\c/3 cpu 1 exit npf 1234 ns\n");
	ck_assert_str_eq(
		written(event_json, &line),
		"{\"ts_ns\":1795536130012345678,\"vm\":\"a \\\"b\\\" \\\\c\",\"vcpu\":3,"
		"\"cpu\":1,\"event\":\"exit\",\"reason\":\"npf\",\"ns\":1234,\"off_ns\":0}\n");
	line.event = "steal";
	line.reason = NULL;
	line.off_ns = 7;
	ck_assert_str_eq(
		written(event_text, &line),
		"2026-11-24T16:02:10.012345Z a \"b\" \\c/3 cpu 1 steal - 1234 ns + 7 ns off\n");
	ck_assert_str_eq(written(event_json, &line),
			 "{\"ts_ns\":1795536130012345678,\"vm\":\"a \\\"b\\\" \\\\c\",\"vcpu\":3,"
			 "\"cpu\":1,\"event\":\"steal\",\"ns\":1234,\"off_ns\":7}\n");
}
END_TEST

START_TEST(core_kinds)
{
	uint32_t kinds;

	ck_assert_int_eq(events_parse_kinds("exit", &kinds), 0);
	ck_assert_uint_eq(kinds, 1u << RBPF_STREAM_EXIT);
	ck_assert_int_eq(events_parse_kinds("steal,userspace", &kinds), 0);
	ck_assert_uint_eq(kinds, 1u << RBPF_STREAM_STEAL | 1u << RBPF_STREAM_USER);
	ck_assert_int_eq(events_parse_kinds("", &kinds), -1);
	ck_assert_int_eq(events_parse_kinds("exit,", &kinds), -1);
	ck_assert_int_eq(events_parse_kinds("exits", &kinds), -1);
}
END_TEST

static int parse(char *a, char *b)
{
	static char program[] = "rondo-bpfd", events[] = "--events";
	char *argv[] = { program, events, a, b, NULL };
	static struct options o;
	char error[512] = "";
	int err = options_parse(b ? 4 : 3, argv, &o, error, sizeof(error));

	ck_assert_int_eq(err != 0, *error != '\0');
	return err;
}

START_TEST(errors_options)
{
	static char kinds[] = "--kinds", vcpu[] = "--vcpu", reasons[] = "--reasons";
	static char latency[] = "--min-latency", json[] = "--json";
	static char x[] = "x", minus[] = "-1", empty[] = ",", time[] = "50us", one[] = "1";

	ck_assert_int_eq(parse(json, NULL), 0);
	ck_assert_int_eq(parse(kinds, x), -1);
	ck_assert_int_eq(parse(vcpu, minus), -1);
	ck_assert_int_eq(parse(vcpu, one), 0);
	ck_assert_int_eq(parse(reasons, empty), -1);
	ck_assert_int_eq(parse(reasons, x), 0);
	ck_assert_int_eq(parse(latency, one), -1);
	ck_assert_int_eq(parse(latency, time), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_events");
	TCase *core = tcase_create("Core");
	TCase *errors = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_lines);
	tcase_add_test(core, core_kinds);
	tcase_add_test(errors, errors_options);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, errors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
