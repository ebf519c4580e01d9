// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/roster.c: which VM gets which name, at once and one after the other.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "roster.h"

#define UUID_A "aaaaaaaa-edaf-9455-926a-d65c16db1809"
#define UUID_B "bbbbbbbb-edaf-9455-926a-d65c16db1809"

static struct roster *r;

static void setup(void)
{
	r = roster_new(16);
	ck_assert_ptr_nonnull(r);
}

static void teardown(void)
{
	roster_free(r);
}

/* A VM begins; its name. */
static const char *begin_in(const char *name, uint32_t pid, uint64_t started, uint32_t ordinal,
			    const char *uuid, const char *number)
{
	static struct roster_entry e;
	struct identity identity = { .vmm = "qemu" };

	strcpy(identity.name, name);
	strcpy(identity.uuid, uuid);
	strcpy(identity.number, number);
	e = (struct roster_entry){ .pid = pid, .started = started, .ordinal = ordinal };
	roster_begin(r, &identity, &e);
	return e.instance;
}

static const char *begin(const char *name, uint32_t pid, uint64_t started)
{
	return begin_in(name, pid, started, 0, "", "");
}

static const char *begin_nameless(uint32_t pid, uint64_t started)
{
	static struct roster_entry e;
	struct identity identity = { .vmm = "other", .fallback = true };

	snprintf(identity.name, sizeof(identity.name), "vmm-%u", pid);
	e = (struct roster_entry){ .pid = pid, .started = started };
	roster_begin(r, &identity, &e);
	return e.instance;
}

START_TEST(core_at_once)
{
	ck_assert_str_eq(begin("web", 7, 100), "web");
	ck_assert_str_eq(begin("web", 8, 100), "web-8");
	ck_assert_str_eq(begin("db", 9, 100), "db");
	/* Two in one process. */
	ck_assert_str_eq(begin_in("db", 9, 100, 1, "", ""), "db-9");
	ck_assert_str_eq(begin_in("db", 9, 100, 2, "", ""), "db-3");
	/* A name that looks like another one's way out. */
	ck_assert_str_eq(begin("mail", 10, 100), "mail");
	ck_assert_str_eq(begin("mail-11", 12, 100), "mail-11");
	ck_assert_str_eq(begin("mail", 11, 100), "mail-100");
}
END_TEST

/* Started anew, under its name, it is the same VM to all who look. */
START_TEST(core_one_after_the_other)
{
	ck_assert_str_eq(begin("web", 7, 100), "web");
	roster_end(r, 7, 100, 0);
	ck_assert_str_eq(begin("web", 8, 200), "web");
	roster_end(r, 8, 200, 0);
	ck_assert_str_eq(begin_in("web", 9, 300, 0, UUID_A, ""), "web");
}
END_TEST

/* Known to be another one: it isn't shown as the first one's continuation. */
START_TEST(core_another_uuid)
{
	ck_assert_str_eq(begin_in("web", 7, 100, 0, UUID_A, ""), "web");
	roster_end(r, 7, 100, 0);
	ck_assert_str_eq(begin_in("web", 8, 200, 0, UUID_B, ""), "web-bbbbbbbb");
	roster_end(r, 8, 200, 0);
	ck_assert_str_eq(begin_in("web", 9, 300, 0, UUID_A, ""), "web");
	ck_assert_str_eq(begin_in("web", 10, 300, 0, UUID_B, ""), "web-bbbbbbbb");
	/* Proxmox allows the same name twice. */
	ck_assert_str_eq(begin_in("mail", 11, 1, 0, UUID_A, "100"), "mail");
	ck_assert_str_eq(begin_in("mail", 12, 1, 0, UUID_B, "101"), "mail-101");
}
END_TEST

/* A process' number comes again: "vmm-7" is not the one of yesterday. */
START_TEST(core_pid_reuse)
{
	ck_assert_str_eq(begin_nameless(7, 100), "vmm-7");
	roster_end(r, 7, 100, 0);
	ck_assert_str_eq(begin_nameless(7, 500), "vmm-7-500");
	roster_end(r, 7, 500, 0);
	/* The very same process, whose VM was made anew. */
	ck_assert_str_eq(begin_nameless(7, 500), "vmm-7-500");
}
END_TEST

/* A collector that was restarted meets the VMs in any order. */
START_TEST(core_restart)
{
	static const struct roster_entry known[] = {
		{ .instance = "web", .pid = 7, .started = 100 },
		{ .instance = "web-8", .pid = 8, .started = 100 },
		{ .instance = "vmm-9", .pid = 9, .started = 100, .fallback = true },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		roster_note(r, &known[i]);
	ck_assert_str_eq(begin("web", 8, 100), "web-8");
	ck_assert_str_eq(begin("web", 7, 100), "web");
	ck_assert_str_eq(begin_nameless(9, 100), "vmm-9");
	/* Meanwhile somebody else took it. */
	roster_end(r, 7, 100, 0);
	ck_assert_str_eq(begin("web", 20, 900), "web");
	ck_assert_str_eq(begin("web", 7, 100), "web-7");
}
END_TEST

START_TEST(limits_full)
{
	char name[16];
	uint32_t i;

	/* The oldest ones that are gone are forgotten, never one that lives. */
	ck_assert_str_eq(begin("alive", 1, 1), "alive");
	for (i = 2; i < 200; i++) {
		snprintf(name, sizeof(name), "vm%u", i);
		ck_assert_str_eq(begin(name, i, 1), name);
		roster_end(r, i, 1, 0);
	}
	ck_assert_str_eq(begin("alive", 300, 1), "alive-300");
	for (i = 400; i < 450; i++)
		begin("many", i, 1);
	ck_assert_str_eq(begin("alive", 500, 1), "alive-500");
}
END_TEST

START_TEST(limits_long_names)
{
	char name[INSTANCE_MAX + 1];

	memset(name, 'x', INSTANCE_MAX);
	name[INSTANCE_MAX] = '\0';
	ck_assert_str_eq(begin(name, 7, 1), name);
	memcpy(name + INSTANCE_MAX - 2, "-8", 2);
	ck_assert_str_eq(begin("y", 8, 1), "y");
	roster_end(r, 8, 1, 0);
	name[INSTANCE_MAX - 1] = name[INSTANCE_MAX - 2] = 'x';
	ck_assert_uint_eq(strlen(begin(name, 8, 2)), INSTANCE_MAX);
	ck_assert_str_ne(begin(name, 9, 2), name);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_roster");
	TCase *core = tcase_create("Core");
	TCase *limits = tcase_create("Limits");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_checked_fixture(limits, setup, teardown);
	tcase_add_test(core, core_at_once);
	tcase_add_test(core, core_one_after_the_other);
	tcase_add_test(core, core_another_uuid);
	tcase_add_test(core, core_pid_reuse);
	tcase_add_test(core, core_restart);
	tcase_add_test(limits, limits_full);
	tcase_add_test(limits, limits_long_names);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
