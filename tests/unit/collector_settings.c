// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/settings.c, filter.c and plan.c: what can be set, in a file and on the command line.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"
#include "options.h"
#include "plan.h"
#include "settings.h"

static struct settings s;
static char error[512];
static char path[] = "/tmp/rondo-settings.XXXXXX";

static void setup(void)
{
	settings_default(&s);
	*error = '\0';
}

static int set(const char *name, const char *value)
{
	return settings_set(&s, name, value, error, sizeof(error));
}

static int read_text(const char *text)
{
	int fd, err;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	settings_default(&s);
	err = settings_read(&s, path, error, sizeof(error));
	unlink(path);
	return err;
}

START_TEST(core_duration)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{ "1ns", 1 },
		{ "20us", 20000 },
		{ "50ms", 50000000 },
		{ "1s", 1000000000 },
		{ "10m", 600000000000 },
		{ "6h", 21600000000000 },
		{ "7d", 604800000000000 },
		{ "2w", 1209600000000000 },
	};
	static const char *const bad[] = { "",     "s",  "1",  "-1s",  "1 s",
					   "1.5s", "s1", "1S", "1min", "99999999999999w",
					   " 1s" };
	uint64_t ns;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(settings_duration(cases[i].text, strlen(cases[i].text), &ns), 0);
		ck_assert_uint_eq(ns, cases[i].ns);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(settings_duration(bad[i], strlen(bad[i]), &ns), "%s", bad[i]);
}
END_TEST

START_TEST(core_file)
{
	ck_assert_int_eq(read_text("# all of them\n"
				   "store = /x y  # its path\n"
				   "\n"
				   "\tmax-vcpus=7\r\n"
				   "max-vms = 3\n"
				   "groups = default,+reasons\n"
				   "tiers = 2s/10m,10s/6h\n"
				   "top = 4\n"
				   "filter = web-*,!*-test\n"
				   "outlier = off\n"
				   "max-overhead = 0.5%\n"
				   "measure = yes\n"
				   "proc = /host/proc\n"
				   "verbose = yes"),
			 0);
	ck_assert_str_eq(s.store_dir, "/x y");
	ck_assert_uint_eq(s.store.sizes.max_vcpus, 7);
	ck_assert_uint_eq(s.store.sizes.max_vms, 3);
	ck_assert_uint_eq(s.store.groups, groups_default() | GROUP_BIT(GROUP_REASONS));
	ck_assert_uint_eq(s.store.tiers.n, 2);
	ck_assert_uint_eq(s.store.tiers.tier[1].retention_ns, 21600000000000);
	ck_assert_uint_eq(s.store.sizes.top, 4);
	ck_assert_str_eq(s.filter, "web-*,!*-test");
	ck_assert_uint_eq(s.outlier_ns, 0);
	ck_assert_uint_eq(s.max_overhead, 5000);
	ck_assert_str_eq(s.proc, "/host/proc");
	ck_assert(s.verbose);
	ck_assert_int_eq(settings_check(&s, error, sizeof(error)), 0);
	s.measure = false;
	ck_assert_int_eq(settings_check(&s, error, sizeof(error)), -1);
	ck_assert_ptr_nonnull(strstr(error, "measure"));
}
END_TEST

/* An option is stronger than the file; what neither says is the default. */
START_TEST(core_precedence)
{
	static char program[] = "rondo-bpfd", config[] = "--config", vcpus[] = "--max-vcpus=9";
	char *argv[] = { program, config, path, vcpus, NULL };
	static struct options o;
	FILE *file;
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	file = fdopen(fd, "w");
	fputs("max-vcpus = 7\ntop = 4\n", file);
	fclose(file);
	ck_assert_int_eq(options_parse(4, argv, &o, error, sizeof(error)), 0);
	ck_assert_uint_eq(o.settings.store.sizes.max_vcpus, 9);
	ck_assert_uint_eq(o.settings.store.sizes.max_vms, 9);
	ck_assert_uint_eq(o.settings.store.sizes.top, 4);
	ck_assert_str_eq(o.settings.store_dir, "/var/lib/rondo");
	/* The same command line, another file: as after SIGHUP. */
	file = fopen(path, "w");
	fputs("top = 5\n", file);
	fclose(file);
	ck_assert_int_eq(options_parse(4, argv, &o, error, sizeof(error)), 0);
	ck_assert_uint_eq(o.settings.store.sizes.top, 5);
	unlink(path);
	ck_assert_int_eq(options_parse(4, argv, &o, error, sizeof(error)), -1);
	ck_assert_ptr_nonnull(strstr(error, "no such file"));
}
END_TEST

START_TEST(core_tick)
{
	ck_assert_int_eq(set("tick", "250ms"), 0);
	ck_assert_int_eq(settings_check(&s, error, sizeof(error)), 0);
	ck_assert_uint_eq(s.store.tiers.tier[0].interval_ns, 250000000);
	setup();
	ck_assert_int_eq(set("tick", "7s"), 0);
	ck_assert_int_eq(settings_check(&s, error, sizeof(error)), -1);
	setup();
	ck_assert_int_eq(set("tick", "1s"), 0);
	ck_assert_int_eq(settings_check(&s, error, sizeof(error)), 0);
	ck_assert_uint_eq(s.store.tiers.n, 0);
}
END_TEST

START_TEST(core_filter)
{
	ck_assert(filter_takes("", "web"));
	ck_assert(filter_takes("web", "web"));
	ck_assert(!filter_takes("web", "web2"));
	ck_assert(filter_takes("web*,db", "db"));
	ck_assert(!filter_takes("!*-test", "a-test"));
	ck_assert(filter_takes("!*-test", "a"));
	ck_assert(!filter_takes("!a-test,*-test", "a-test"));
	ck_assert(filter_takes("!a-test,*-test", "b-test"));
	ck_assert(!filter_takes("!a-test,*-test", "c"));
	ck_assert(filter_takes("ns/*", "ns/vm"));
	ck_assert(filter_takes("[ab]", "b"));
}
END_TEST

START_TEST(core_plan)
{
	ck_assert_int_eq(plan_parse("vcpus=100,vms=10", &s, error, sizeof(error)), 0);
	ck_assert_uint_eq(s.store.sizes.max_vcpus, 100);
	ck_assert_uint_eq(s.store.sizes.max_vms, 10);
	ck_assert_int_eq(plan_parse("vms=3,vcpus=5", &s, error, sizeof(error)), 0);
	ck_assert_uint_eq(s.store.sizes.max_vcpus, 5);
	ck_assert_uint_eq(s.store.sizes.max_vms, 3);
}
END_TEST

START_TEST(errors_each_has_a_sentence)
{
	static const char *const cases[][2] = {
		{ "max-vcpus", "0" },
		{ "max-vcpus", "16385" },
		{ "max-vms", "x" },
		{ "groups", "nothing" },
		{ "tick", "1ms" },
		{ "tick", "61s" },
		{ "tiers", "" },
		{ "tiers", "1s" },
		{ "tiers", "1s/10m,x" },
		{ "tiers", "1ms/10m" },
		{ "tiers", "1s/1m,2s/2m,4s/4m,8s/8m,16s/1h" },
		{ "top", "65" },
		{ "top", "-1" },
		{ "outlier", "0s" },
		{ "outlier", "50" },
		{ "max-overhead", "1" },
		{ "max-overhead", "0%" },
		{ "max-overhead", "-1%" },
		{ "max-overhead", "101%" },
		{ "max-overhead", "nan%" },
		{ "store", "" },
		{ "proc", "" },
		{ "measure", "2" },
		{ "verbose", "maybe" },
		{ "nothing", "1" },
	};
	static const char *const files[] = { "store",       "store /x",           "= 1",
					     "nothing = 1", "top = 4\ntop = x\n", "max-vcpus =" };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		*error = '\0';
		ck_assert_msg(set(cases[i][0], cases[i][1]) == -1, "%s %s", cases[i][0],
			      cases[i][1]);
		ck_assert_msg(*error && !strchr(error, '\n'), "%s", cases[i][0]);
	}
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		ck_assert_msg(read_text(files[i]) == -1, "%s", files[i]);
		ck_assert_msg(strstr(error, path) && strchr(error, ':'), "%s", error);
	}
	ck_assert_int_eq(settings_read(&s, "/nowhere/file", error, sizeof(error)), 1);
	ck_assert_int_eq(settings_read(&s, "/", error, sizeof(error)), -1);
}
END_TEST

START_TEST(errors_lists)
{
	static const char *const plans[] = { "",
					     "vms=3",
					     "vcpus=",
					     "vcpus=3,",
					     "vcpus=x",
					     "vcpus=3;vms=4",
					     "vcpus=99999999999999999999" };
	static const char *const filters[] = { ",", "a,,b", "!", "a,!" };
	static const char *const tiers[] = { "1s/10m,1500ms/1h", "1s/1500ms", "1s/10s,10s/1h" };
	size_t i;

	for (i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		ck_assert_msg(plan_parse(plans[i], &s, error, sizeof(error)) == -1, "%s", plans[i]);
	for (i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		ck_assert_msg(filter_check(filters[i], error, sizeof(error)) == -1, "%s",
			      filters[i]);
	for (i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
		setup();
		ck_assert_int_eq(set("tiers", tiers[i]), 0);
		ck_assert_msg(settings_check(&s, error, sizeof(error)) == -1, "%s", tiers[i]);
		ck_assert_ptr_nonnull(strstr(error, "tiers: "));
	}
}
END_TEST

/* Any two tiers that fit for counters fit for histograms, too. */
START_TEST(limits_tiers)
{
	static const char *const fits[] = { "1s/10m",
					    "1s/40m,5m/7d",
					    "100ms/1m,1s/1h",
					    "60s/1d,1h/30d",
					    "1s/10m,10s/6h,5m/7d,1h/365d",
					    "2s/1h,1m/1d" };
	size_t i;

	for (i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
		setup();
		ck_assert_int_eq(set("groups", "all"), 0);
		ck_assert_int_eq(set("tiers", fits[i]), 0);
		ck_assert_msg(!settings_check(&s, error, sizeof(error)), "%s: %s", fits[i], error);
	}
}
END_TEST

START_TEST(limits_long_line)
{
	static char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "store = /", 9);
	ck_assert_int_eq(read_text(text), -1);
	memset(text, '#', sizeof(text) - 1);
	ck_assert_int_eq(read_text(text), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_settings");
	TCase *core = tcase_create("Core");
	TCase *limits = tcase_create("Limits");
	TCase *errors = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, NULL);
	tcase_add_checked_fixture(limits, setup, NULL);
	tcase_add_checked_fixture(errors, setup, NULL);
	tcase_add_test(core, core_duration);
	tcase_add_test(core, core_file);
	tcase_add_test(core, core_precedence);
	tcase_add_test(core, core_tick);
	tcase_add_test(core, core_filter);
	tcase_add_test(core, core_plan);
	tcase_add_test(limits, limits_tiers);
	tcase_add_test(limits, limits_long_line);
	tcase_add_test(errors, errors_each_has_a_sentence);
	tcase_add_test(errors, errors_lists);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	suite_add_tcase(suite, errors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
