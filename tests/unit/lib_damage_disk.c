// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Disks and rights: a filesystem that is read-only, or becomes full while the store is open; files
 * and directories that may not be read or written. A disk that is full at creation is lib_store.c's.
 *
 * Mounts are made in a mount namespace of the test's own; without the right to one, the tests that
 * need it say so and count as passed by what can be checked without.
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "lib_common.h"

#define NOBODY 65534

/* A gauge "g" of 7 at T0, closed. */
static void make_store(const char *path)
{
	const struct rondo_schema schema = schema_small(200);
	rondo_store *store = create(path, &schema, 1);

	ck_ok(rondo_record(gauge(store, "g"), T0, 7));
	ck_ok(rondo_store_close(store));
}

static void check_readable(const char *path)
{
	rondo_store *store = reopen(path, RONDO_OPEN_READ_ONLY);
	ck_assert_uint_eq(matching(store, ""), 1);
	ck_value(store, id_of_name(store, "g"), 0, RONDO_FN_LAST, T0, 7);
	ck_ok(rondo_store_close(store));
}

/* The open must fail as a system call, with this errno, and name the file. */
static void refused(const char *path, uint32_t flags, int error, const char *word)
{
	const struct rondo_schema schema = schema_small(200);
	rondo_store *store = NULL;
	int err;

	errno = 0;
	err = open_with(path, &schema, 1, flags, &store);
	ck_assert_msg(err == RONDO_E_IO && errno == error, "%s flags %u: %s, errno %d: %s", path,
		      flags, rondo_strerror(err), errno, detail);
	ck_assert_ptr_null(store);
	ck_assert_msg(strstr(detail, word) && strstr(detail, strerror(error)),
		      "'%s' does not say '%s' and '%s'", detail, word, strerror(error));
}

/* ---- rights ---- */

/* A copy of the test as a user who is nobody in particular; Check reports what fails in it. */
static void drop_rights(void)
{
	ck_assert_int_eq(chmod(scratch, 0755), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
}

START_TEST(errors_files_that_may_only_be_read)
{
	const char *path = in_scratch("read");

	make_store(path);
	ck_assert_int_eq(chmod(in_scratch("read/store.rondo"), 0444), 0);
	ck_assert_int_eq(chmod(in_scratch("read/small.t0.slab"), 0444), 0);
	ck_assert_int_eq(chmod(in_scratch("read/small.t1.slab"), 0444), 0);
	ck_assert_int_eq(chmod(path, 0555), 0);
	drop_rights();
	check_readable(path);
	refused(path, 0, EACCES, "store.rondo");
	refused(path, RONDO_OPEN_CREATE, EACCES, "store.rondo");
	check_readable(path);
}
END_TEST

START_TEST(errors_files_that_may_not_be_read)
{
	static const char *const names[] = { "store.rondo", "small.t0.slab", "small.t1.slab" };
	char file[200];

	for (size_t i = 0; i < LENGTH(names); i++) {
		const char *path = in_scratch(names[i]);
		int status;

		make_store(path);
		snprintf(file, sizeof(file), "%s/%s", path, names[i]);
		ck_assert_int_eq(chmod(file, 0), 0);
		if (fork() == 0) {
			drop_rights();
			refused(path, RONDO_OPEN_READ_ONLY, EACCES, names[i]);
			_exit(0);
		}
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

START_TEST(errors_directories_without_rights)
{
	const char *path = in_scratch("closed");

	make_store(path);
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert_int_eq(mkdir(in_scratch("parent"), 0555), 0);
	ck_assert_int_eq(mkdir(in_scratch("empty"), 0555), 0);
	drop_rights();
	refused(path, RONDO_OPEN_READ_ONLY, EACCES, "closed");
	refused(path, 0, EACCES, "closed");
	/* nothing may be made here */
	refused(in_scratch("parent/new"), RONDO_OPEN_CREATE, EACCES, "new");
	refused(in_scratch("empty"), RONDO_OPEN_CREATE, EACCES, "store.rondo");
}
END_TEST

/* Writing where one slab may only be read: refused, and the store is as it was. */
START_TEST(errors_one_slab_that_may_only_be_read)
{
	const char *path = in_scratch("mixed");

	make_store(path);
	ck_assert_int_eq(chmod(in_scratch("mixed/store.rondo"), 0666), 0);
	ck_assert_int_eq(chmod(in_scratch("mixed/small.t0.slab"), 0666), 0);
	ck_assert_int_eq(chmod(in_scratch("mixed/small.t1.slab"), 0444), 0);
	drop_rights();
	refused(path, 0, EACCES, "small.t1.slab");
	check_readable(path);
	ck_assert_uint_eq(store_info(reopen(path, RONDO_OPEN_READ_ONLY)).unclean_opens, 0);
}
END_TEST

/* ---- disks ---- */

/* A small disk at path, in a mount namespace that goes away with the test; false: not allowed. */
static bool mount_disk(const char *path, const char *options)
{
	ck_assert_int_eq(mkdir(path, 0755), 0);
	if ((unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS)) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", path, "tmpfs", 0, options)) {
		fprintf(stderr, "no mount namespace here (%s): not tested\n", strerror(errno));
		return false;
	}
	return true;
}

START_TEST(errors_read_only_filesystem)
{
	const char *path = in_scratch("disk/store");

	if (!mount_disk(in_scratch("disk"), "size=1m"))
		return;
	make_store(path);
	ck_assert_int_eq(mount(NULL, in_scratch("disk"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	check_readable(path);
	refused(path, 0, EROFS, "store.rondo");
	refused(path, RONDO_OPEN_CREATE, EROFS, "store.rondo");
	refused(in_scratch("disk/new"), RONDO_OPEN_CREATE, EROFS, "new");
	check_readable(path);
}
END_TEST

/* Takes all the space that is left, by a byte at last. */
static void fill_disk(const char *file)
{
	static const char block[4096];
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	for (size_t size = sizeof(block); size; size /= 2)
		while (write(fd, block, size) == (ssize_t)size)
			;
	ck_assert_int_eq(errno, ENOSPC);
	close(fd);
}

/* All space is the store's from its creation on: a disk that is full later doesn't matter to it. */
START_TEST(core_disk_full_while_open)
{
	const struct rondo_schema schema = schema_small(200);
	const char *path = in_scratch("full/store");
	rondo_store *store;
	char name[16];

	if (!mount_disk(in_scratch("full"), "size=2m"))
		return;
	make_store(path);
	store = create(path, &schema, 1);
	fill_disk(in_scratch("full/ballast"));
	for (uint64_t i = 0; i < 199; i++) {
		rondo_series *series;

		snprintf(name, sizeof(name), "c%d", (int)i);
		series = counter(store, name);
		for (uint64_t t = 0; t < 60; t++)
			ck_ok(rondo_add(series, T0 + t * SEC, (double)i));
	}
	consolidate(store, T0 + 60 * SEC);
	ck_ok(rondo_series_retire(store, counter(store, "c198"), T0 + 60 * SEC));
	ck_ok(rondo_store_sync(store));
	ck_ok(rondo_store_close(store));
	store = reopen(path, 0);
	ck_value(store, id_of_name(store, "c100"), 1, RONDO_FN_SUM, T0 + 40 * SEC, 1000);
	ck_value(store, id_of_name(store, "c198"), 0, RONDO_FN_SUM, T0 + 59 * SEC, 198);
	ck_value(store, id_of_name(store, "g"), 0, RONDO_FN_LAST, T0, 7);
	/* a copy finds no place, and leaves nothing */
	ck_err(rondo_store_snapshot(store, in_scratch("full/copy"), NULL, 0), RONDO_E_NO_SPACE);
	ck_assert_int_ne(access(in_scratch("full/copy"), F_OK), 0);
	ck_ok(rondo_store_close(store));
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_disk_full_while_open, 'C' },
		{ errors_files_that_may_only_be_read, 'E' },
		{ errors_files_that_may_not_be_read, 'E' },
		{ errors_directories_without_rights, 'E' },
		{ errors_one_slab_that_may_only_be_read, 'E' },
		{ errors_read_only_filesystem, 'E' },
	};

	return run_suite("lib_damage_disk", tests, LENGTH(tests));
}
