// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Stores: creating, opening, locking, closing; what is left after kill -9; what a damaged or cut
 * file leads to. Damage that needs a right checksum is in lib_internal_files.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib_common.h"

/* A store with one gauge "g" (7 at T0) and one counter "c" (5 at T0), closed. */
static void make_store(const char *path)
{
	const struct rondo_schema schema = schema_small(4);
	rondo_store *store = create(path, &schema, 1);

	ck_ok(rondo_record(gauge(store, "g"), T0, 7));
	ck_ok(rondo_add(counter(store, "c"), T0, 5));
	ck_ok(rondo_store_close(store));
}

static void check_store(rondo_store *store)
{
	ck_value(store, id_of_name(store, "g"), 0, RONDO_FN_LAST, T0, 7);
	ck_value(store, id_of_name(store, "c"), 0, RONDO_FN_SUM, T0, 5);
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t n)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "open %s", path);
	ck_assert_int_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char byte;

	ck_assert_msg(fd >= 0, "open %s", path);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static int try_open(const char *path, uint32_t flags)
{
	const struct rondo_schema schema = schema_small(4);
	rondo_store *store = NULL;
	int err;

	memset(detail, 0, sizeof(detail));
	err = open_with(path, &schema, 1, flags, &store);
	if (!err)
		rondo_store_close(store);
	else
		ck_assert_ptr_null(store);
	return err;
}

static void refused_everywhere(const char *path, int error, const char *word)
{
	static const uint32_t flags[] = { 0, RONDO_OPEN_READ_ONLY, RONDO_OPEN_CREATE };

	for (size_t i = 0; i < LENGTH(flags); i++) {
		ck_err(try_open(path, flags[i]), error);
		ck_assert_msg(strstr(detail, word) != NULL, "'%s' does not say '%s'", detail, word);
	}
}

START_TEST(core_create_close_reopen)
{
	const char *path = in_scratch("plain");
	struct rondo_store_info info;
	rondo_store *store;

	make_store(path);
	for (int i = 0; i < 3; i++) {
		store = reopen(path, i == 1 ? RONDO_OPEN_READ_ONLY : 0);
		info = store_info(store);
		ck_assert_uint_eq(info.format_version, 1);
		ck_assert_uint_eq(info.unclean_opens, 0);
		ck_assert_uint_eq(info.series_live, 2);
		ck_assert_uint_eq(info.registered, 0);
		ck_assert_uint_gt(info.created_ns, T0);
		check_store(store);
		ck_ok(rondo_store_close(store));
	}
	ck_ok(rondo_store_close(NULL));
	/* CREATE opens what is there */
	ck_ok(try_open(path, RONDO_OPEN_CREATE));
}
END_TEST

START_TEST(core_read_only_beside_the_writer)
{
	const char *path = in_scratch("beside");
	rondo_store *writer, *reader;
	rondo_series *series;

	make_store(path);
	writer = reopen(path, 0);
	reader = reopen(path, RONDO_OPEN_READ_ONLY);
	series = gauge(writer, "later");
	ck_ok(rondo_record(series, T0 + SEC, 3));
	ck_value(reader, id_of_name(reader, "later"), 0, RONDO_FN_LAST, T0 + SEC, 3);
	ck_err(register_one(reader, "x", NULL, NULL, RONDO_GAUGE, &series), RONDO_E_READ_ONLY);
	ck_err(rondo_consolidate(reader, T0, 0), RONDO_E_READ_ONLY);
	ck_err(rondo_store_sync(reader), RONDO_E_READ_ONLY);
	ck_err(rondo_series_retire(reader, series, T0), RONDO_E_READ_ONLY);
	ck_ok(rondo_store_sync(writer));
	ck_ok(rondo_store_close(writer));
	check_store(reader);
	ck_ok(rondo_store_close(reader));
}
END_TEST

/* A read-only directory and files: reading needs no right to write. */
START_TEST(core_read_only_writes_nothing)
{
	const char *path = in_scratch("untouched");
	char before[12288 + 4 * 512], after[sizeof(before)];
	rondo_store *store;
	FILE *f;

	make_store(path);
	f = fopen(in_scratch("untouched/store.rondo"), "rb");
	ck_assert_uint_eq(fread(before, 1, sizeof(before), f), sizeof(before));
	fclose(f);
	store = reopen(path, RONDO_OPEN_READ_ONLY);
	check_store(store);
	ck_ok(rondo_store_close(store));
	f = fopen(in_scratch("untouched/store.rondo"), "rb");
	ck_assert_uint_eq(fread(after, 1, sizeof(after), f), sizeof(after));
	fclose(f);
	ck_assert_mem_eq(before, after, sizeof(before));
}
END_TEST

START_TEST(core_modes_of_created_files)
{
	const struct rondo_schema schema = schema_small(1);
	const struct rondo_open_opts opts = { .size = sizeof(opts),
					      .flags = RONDO_OPEN_CREATE,
					      .mode = 0640,
					      .schemas = &schema,
					      .n_schemas = 1 };
	rondo_store *store;
	struct stat st;

	umask(0);
	ck_ok(rondo_store_open(in_scratch("modes"), &opts, &store));
	ck_ok(rondo_store_close(store));
	ck_assert_int_eq(stat(in_scratch("modes"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0750);
	ck_assert_int_eq(stat(in_scratch("modes/store.rondo"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(stat(in_scratch("modes/small.t0.slab"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0640);
}
END_TEST

/* ---- one writer ---- */

START_TEST(errors_second_writer_in_the_same_process)
{
	const char *path = in_scratch("twice");
	rondo_store *store;

	make_store(path);
	store = reopen(path, 0);
	ck_err(try_open(path, 0), RONDO_E_LOCKED);
	ck_err(try_open(path, RONDO_OPEN_CREATE), RONDO_E_LOCKED);
	ck_ok(try_open(path, RONDO_OPEN_READ_ONLY));
	/* a reader that closes doesn't take the lock along, as POSIX locks would */
	ck_err(try_open(path, 0), RONDO_E_LOCKED);
	ck_ok(rondo_store_close(store));
	ck_ok(try_open(path, 0));
}
END_TEST

START_TEST(errors_second_writer_in_another_process)
{
	const char *path = in_scratch("other");
	rondo_store *store;
	int status;
	pid_t pid;

	make_store(path);
	store = reopen(path, 0);
	pid = fork();
	if (pid == 0) {
		rondo_store *mine = NULL;

		_exit(rondo_store_open(path, NULL, &mine) == RONDO_E_LOCKED ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	check_store(store);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(core_unclean_opens_are_counted)
{
	const char *path = in_scratch("killed");

	make_store(path);
	for (int i = 1; i <= 3; i++) {
		int status;
		pid_t pid = fork();
		rondo_store *store = NULL;

		if (pid == 0) {
			if (rondo_store_open(path, NULL, &store))
				_exit(1);
			rondo_record(gauge(store, "g"), T0 + (uint64_t)i * SEC, i);
			kill(getpid(), SIGKILL);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		store = reopen(path, 0);
		ck_assert_uint_eq(store_info(store).unclean_opens, (uint32_t)i);
		ck_value(store, id_of_name(store, "g"), 0, RONDO_FN_LAST, T0 + (uint64_t)i * SEC,
			 i);
		ck_ok(rondo_store_close(store));
	}
	ck_ok(try_open(path, 0));
}
END_TEST

/* ---- what isn't a store, or isn't this one ---- */

START_TEST(errors_not_there)
{
	const struct rondo_schema schema = schema_small(1);
	rondo_store *store = NULL;
	int fd;

	ck_err(try_open(in_scratch("nothing"), 0), RONDO_E_NOT_FOUND);
	ck_err(try_open(in_scratch("nothing"), RONDO_OPEN_READ_ONLY), RONDO_E_NOT_FOUND);
	ck_err(try_open(in_scratch("no/parent"), RONDO_OPEN_CREATE), RONDO_E_NOT_FOUND);
	ck_assert_int_eq(mkdir(in_scratch("empty"), 0755), 0);
	ck_err(try_open(in_scratch("empty"), 0), RONDO_E_NOT_FOUND);
	ck_assert_msg(access(in_scratch("empty/store.rondo"), F_OK) != 0, "opening made a file");
	ck_ok(try_open(in_scratch("empty"), RONDO_OPEN_CREATE));
	fd = open(in_scratch("file"), O_CREAT | O_WRONLY, 0644);
	close(fd);
	ck_err(try_open(in_scratch("file"), 0), RONDO_E_NOT_FOUND);
	ck_err(try_open(in_scratch("file"), RONDO_OPEN_CREATE), RONDO_E_NOT_FOUND);
	ck_err(try_open(NULL, 0), RONDO_E_INVALID);
	ck_err(rondo_store_open(in_scratch("x"), NULL, NULL), RONDO_E_INVALID);
	ck_err(open_with(in_scratch("x"), &schema, 1, RONDO_OPEN_CREATE | RONDO_OPEN_READ_ONLY,
			 &store),
	       RONDO_E_INVALID);
}
END_TEST

START_TEST(errors_exclusive)
{
	const char *path = in_scratch("exclusive");

	ck_ok(try_open(path, RONDO_OPEN_CREATE | RONDO_OPEN_EXCLUSIVE));
	ck_err(try_open(path, RONDO_OPEN_CREATE | RONDO_OPEN_EXCLUSIVE), RONDO_E_EXISTS);
	ck_ok(try_open(path, RONDO_OPEN_CREATE));
}
END_TEST

START_TEST(errors_other_schemas_are_refused_and_harm_nothing)
{
	const char *path = in_scratch("mismatch");
	struct rondo_schema other[2] = { schema_small(4), schema_small(4) };
	rondo_store *store = NULL;

	make_store(path);
	other[1].name = "second";
	ck_err(open_with(path, other, 2, RONDO_OPEN_CREATE, &store), RONDO_E_SCHEMA);
	other[0].max_series = 5;
	ck_err(open_with(path, other, 1, RONDO_OPEN_CREATE, &store), RONDO_E_SCHEMA);
	ck_assert_ptr_nonnull(strstr(detail, "small"));
	other[0] = schema_small(4);
	other[0].selector = "x";
	ck_err(open_with(path, other, 1, RONDO_OPEN_CREATE, &store), RONDO_E_SCHEMA);
	other[0] = schema_small(4);
	other[0].xff = 0.1;
	ck_err(open_with(path, other, 1, RONDO_OPEN_CREATE, &store), RONDO_E_SCHEMA);
	other[0].xff = 0.5; /* what 0 means */
	ck_ok(open_with(path, other, 1, RONDO_OPEN_CREATE, &store));
	ck_assert_uint_eq(store_info(store).unclean_opens, 0);
	check_store(store);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* ---- creation that did not end ---- */

static void zeros(const char *path, size_t n)
{
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)n), 0);
	close(fd);
}

START_TEST(core_unfinished_creation_is_completed)
{
	static const size_t sizes[] = { 0, 100, 4096, 12288 + 4 * 512 };
	rondo_store *store;

	for (size_t i = 0; i < LENGTH(sizes); i++) {
		const char *path = in_scratch("unfinished");

		ck_assert_int_eq(mkdir(path, 0755), 0);
		zeros(in_scratch("unfinished/store.rondo"), sizes[i]);
		if (i % 2) {
			zeros(in_scratch("unfinished/small.t0.slab"), 5000);
			flip(in_scratch("unfinished/small.t0.slab"), 4200);
		}
		ck_err(try_open(path, 0), RONDO_E_NOT_FOUND);
		ck_err(try_open(path, RONDO_OPEN_READ_ONLY), RONDO_E_NOT_FOUND);
		make_store(path);
		store = reopen(path, 0);
		check_store(store);
		ck_ok(rondo_store_close(store));
		remove_tree(path);
	}
}
END_TEST

/* A store whose head was overwritten by zeros was created anew, and all that was in it was gone. */
START_TEST(errors_a_lost_superblock_is_no_unfinished_creation)
{
	const struct rondo_schema schema = schema_small(4);
	static const char zeros[8192];

	for (int all = 0; all < 2; all++) {
		const char *path = in_scratch("lost"), *file = in_scratch("lost/store.rondo");
		rondo_store *store = NULL;

		make_store(path);
		overwrite(file, 0, zeros, all ? 8192 : 512);
		overwrite(file, 4096, zeros, 512);
		ck_err(try_open(path, 0), RONDO_E_CORRUPT);
		ck_err(try_open(path, RONDO_OPEN_READ_ONLY), RONDO_E_CORRUPT);
		ck_err(open_with(path, &schema, 1, RONDO_OPEN_CREATE, &store), RONDO_E_CORRUPT);
		ck_assert(strstr(detail, "superblock") != NULL);
		remove_tree(path);
	}
}
END_TEST

static int create_in(const char *path, uint32_t n)
{
	const struct rondo_schema schema = schema_small(n);
	rondo_store *store = NULL;
	int err = open_with(path, &schema, 1, RONDO_OPEN_CREATE, &store);

	rondo_store_close(store);
	return err;
}

START_TEST(errors_full_disk_at_creation)
{
	char mount_point[128], path[160];
	rondo_store *store;

	snprintf(mount_point, sizeof(mount_point), "%s", in_scratch("small-disk"));
	snprintf(path, sizeof(path), "%s/store", mount_point);
	ck_assert_int_eq(mkdir(mount_point, 0755), 0);
	if (mount("tmpfs", mount_point, "tmpfs", 0, "size=256k")) {
		/* not root: a limit on the size of files stands for the full disk */
		const struct rlimit limit = { 65536, 65536 };

		signal(SIGXFSZ, SIG_IGN);
		ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
		mount_point[0] = '\0';
	}
	ck_err(create_in(path, 1000), RONDO_E_NO_SPACE);
	ck_assert_msg(strstr(detail, ".slab") != NULL, "'%s' names no file", detail);
	ck_assert_msg(access(path, F_OK) != 0, "something is left behind");
	/* what fits can be created there afterwards */
	make_store(path);
	store = reopen(path, 0);
	check_store(store);
	ck_ok(rondo_store_close(store));
	if (mount_point[0])
		ck_assert_int_eq(umount(mount_point), 0);
}
END_TEST

/* ---- damage ---- */

START_TEST(core_one_superblock_copy_is_enough)
{
	for (int copy = 0; copy < 2; copy++) {
		const char *path = in_scratch("halved");
		rondo_store *store;

		make_store(path);
		flip(in_scratch("halved/store.rondo"), copy * 4096 + 60);
		for (int i = 0; i < 3; i++) {
			store = reopen(path, i ? 0 : RONDO_OPEN_READ_ONLY);
			check_store(store);
			ck_ok(rondo_store_close(store));
		}
		remove_tree(path);
	}
}
END_TEST

START_TEST(errors_both_superblock_copies)
{
	const char *path = in_scratch("headless");
	uint64_t size;

	make_store(path);
	size = size_of_file(in_scratch("headless/small.t0.slab"));
	flip(in_scratch("headless/store.rondo"), 60);
	flip(in_scratch("headless/store.rondo"), 4096 + 60);
	refused_everywhere(path, RONDO_E_CORRUPT, "store.rondo");
	/* nothing was deleted: turned back, it is whole */
	ck_assert_uint_eq(size_of_file(in_scratch("headless/small.t0.slab")), size);
	flip(in_scratch("headless/store.rondo"), 60);
	flip(in_scratch("headless/store.rondo"), 4096 + 60);
	check_store(reopen(path, RONDO_OPEN_READ_ONLY));
}
END_TEST

START_TEST(errors_byte_order_marker)
{
	const char *path = in_scratch("endian");
	const unsigned char big[] = { 1, 2, 3, 4 };

	make_store(path);
	overwrite(in_scratch("endian/store.rondo"), 8, big, 4);
	overwrite(in_scratch("endian/store.rondo"), 4096 + 8, big, 4);
	refused_everywhere(path, RONDO_E_ENDIAN, "byte order");
}
END_TEST

START_TEST(errors_files_cut_or_missing)
{
	static const char *const files[] = { "store.rondo", "small.t0.slab", "small.t1.slab" };
	char file[320];

	for (size_t i = 0; i < LENGTH(files); i++) {
		const char *path = in_scratch("cut");
		uint64_t size;

		make_store(path);
		snprintf(file, sizeof(file), "%s/%s", path, files[i]);
		size = size_of_file(file);
		ck_assert_int_eq(truncate(file, (off_t)size - 1), 0);
		refused_everywhere(path, RONDO_E_CORRUPT, files[i]);
		ck_assert_int_eq(truncate(file, (off_t)size + 4096), 0);
		refused_everywhere(path, RONDO_E_CORRUPT, files[i]);
		ck_assert_int_eq(truncate(file, i ? 100 : 9000), 0);
		refused_everywhere(path, RONDO_E_CORRUPT, files[i]);
		ck_assert_int_eq(unlink(file), 0);
		if (i)
			refused_everywhere(path, RONDO_E_CORRUPT, files[i]);
		else
			ck_err(try_open(path, 0), RONDO_E_NOT_FOUND);
		remove_tree(path);
	}
}
END_TEST

START_TEST(errors_slabs_of_another_tier_or_store)
{
	const char *path = in_scratch("swapped"), *other = in_scratch("donor");
	const struct rondo_schema two[] = { schema_small(4),
					    schema_of_tiers("twin", tiers_small, 2, 4) };

	/* two stores with the same schemas: the files have the same sizes */
	make_store(path);
	make_store(other);
	ck_assert_int_eq(
		rename(in_scratch("donor/small.t0.slab"), in_scratch("swapped/small.t0.slab")), 0);
	refused_everywhere(in_scratch("swapped"), RONDO_E_CORRUPT, "small.t0.slab: belongs");
	/* two schemas alike within one store */
	ck_ok(rondo_store_close(create(in_scratch("twins"), two, 2)));
	ck_assert_int_eq(renameat2(AT_FDCWD, in_scratch("twins/small.t1.slab"), AT_FDCWD,
				   in_scratch("twins/twin.t1.slab"), RENAME_EXCHANGE),
			 0);
	ck_err(try_open(in_scratch("twins"), 0), RONDO_E_CORRUPT);
}
END_TEST

/* Whatever bit of a header, a schema or an entry is turned: an error or all right, never a crash. */
START_TEST(errors_any_bit_turned_in_a_header)
{
	const char *path = in_scratch("bits");
	static const struct {
		const char *file;
		off_t from, to;
		int error; /* 0: may open, and then says nothing wrong */
	} parts[] = {
		{ "bits/small.t0.slab", 0, 512, RONDO_E_CORRUPT },
		{ "bits/small.t1.slab", 0, 512, RONDO_E_CORRUPT },
		{ "bits/store.rondo", 8192, 8192 + 4096, RONDO_E_CORRUPT },
		{ "bits/store.rondo", 0, 512, 0 },
		{ "bits/store.rondo", 4096, 4096 + 512, 0 },
		{ "bits/store.rondo", 12288, 12288 + 2 * 512, 0 },
	};

	make_store(path);
	for (size_t p = 0; p < LENGTH(parts); p++) {
		for (off_t at = parts[p].from; at < parts[p].to; at += 3) {
			rondo_store *store = NULL;
			rondo_id id;
			int err;

			flip(in_scratch(parts[p].file), at);
			err = open_with(path, NULL, 0, RONDO_OPEN_READ_ONLY, &store);
			ck_assert_msg(parts[p].error
					      ? err == parts[p].error || err == RONDO_E_ENDIAN ||
							err == RONDO_E_VERSION
					      : err == 0,
				      "%s byte %d: %d", parts[p].file, (int)at, err);
			if (!err && find_one(store, "g", NULL, NULL, &id) == 0) {
				double v = value_at(store, id, 0, RONDO_FN_LAST, T0);

				ck_assert_msg(v == 7 || v != v, "byte %d: %g", (int)at, v);
			}
			rondo_store_close(store);
			flip(in_scratch(parts[p].file), at);
		}
	}
	check_store(reopen(path, RONDO_OPEN_READ_ONLY));
}
END_TEST

/* A file that is cut while the store is open: an error, before anybody touches what isn't there. */
START_TEST(errors_file_cut_while_open)
{
	const char *path = in_scratch("shrunk");
	rondo_store *store, *reader;
	rondo_iter *iter;

	make_store(path);
	store = reopen(path, 0);
	reader = reopen(path, RONDO_OPEN_READ_ONLY);
	ck_assert_int_eq(truncate(in_scratch("shrunk/small.t1.slab"), 4096), 0);
	ck_err(rondo_consolidate(store, T0 + 60 * SEC, 0), RONDO_E_FAILED);
	ck_err(rondo_iter_begin(reader, "", &iter, NULL, 0), RONDO_E_FAILED);
	ck_err(rondo_consolidate(store, T0 + 70 * SEC, 0), RONDO_E_FAILED);
	rondo_store_close(store);
	rondo_store_close(reader);
}
END_TEST

/* Tests of limits: what must not be lost or left over. */
START_TEST(limits_no_descriptor_is_left)
{
	const char *path = in_scratch("descriptors");
	int before = open("/dev/null", O_RDONLY), after;

	close(before);
	for (int i = 0; i < 3; i++) {
		make_store(path);
		ck_ok(try_open(path, 0));
		flip(in_scratch("descriptors/small.t1.slab"), 20);
		ck_err(try_open(path, 0), RONDO_E_CORRUPT);
		ck_err(try_open(path, RONDO_OPEN_CREATE), RONDO_E_CORRUPT);
		remove_tree(path);
	}
	after = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(before, after);
	close(after);
}
END_TEST

START_TEST(limits_many_stores_at_once)
{
	rondo_store *stores[40];
	char name[32];

	for (size_t i = 0; i < LENGTH(stores); i++) {
		const struct rondo_schema schema = schema_small(1);

		snprintf(name, sizeof(name), "many%zu", i);
		stores[i] = create(in_scratch(name), &schema, 1);
		ck_ok(rondo_record(gauge(stores[i], "g"), T0, (double)i));
	}
	for (size_t i = 0; i < LENGTH(stores); i++) {
		ck_value(stores[i], id_of_name(stores[i], "g"), 0, RONDO_FN_LAST, T0, (double)i);
		ck_ok(rondo_store_close(stores[i]));
	}
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_create_close_reopen, 'C' },
		{ core_read_only_beside_the_writer, 'C' },
		{ core_read_only_writes_nothing, 'C' },
		{ core_modes_of_created_files, 'C' },
		{ core_unclean_opens_are_counted, 'C' },
		{ core_unfinished_creation_is_completed, 'C' },
		{ errors_a_lost_superblock_is_no_unfinished_creation, 'E' },
		{ core_one_superblock_copy_is_enough, 'C' },
		{ limits_no_descriptor_is_left, 'L' },
		{ limits_many_stores_at_once, 'L' },
		{ errors_second_writer_in_the_same_process, 'E' },
		{ errors_second_writer_in_another_process, 'E' },
		{ errors_not_there, 'E' },
		{ errors_exclusive, 'E' },
		{ errors_other_schemas_are_refused_and_harm_nothing, 'E' },
		{ errors_full_disk_at_creation, 'E' },
		{ errors_both_superblock_copies, 'E' },
		{ errors_byte_order_marker, 'E' },
		{ errors_files_cut_or_missing, 'E' },
		{ errors_slabs_of_another_tier_or_store, 'E' },
		{ errors_any_bit_turned_in_a_header, 'E' },
		{ errors_file_cut_while_open, 'E' },
	};

	return run_suite("lib_store", tests, LENGTH(tests));
}
