// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Faults: the Nth system call that writes fails, or the process dies at it; the Nth allocation fails.
 * Each call gives an error or succeeds, and what comes afterwards finds a whole store or none.
 *
 * The suite has its own versions of the libc functions that librondo calls for this.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib_common.h"

/* The fault to come: at the call number `at` from now on (0: none). */
static struct {
	unsigned int at, calls;
	int error; /* errno; 0: the process dies */
} fault;

static int strikes(void)
{
	if (!fault.at || ++fault.calls != fault.at)
		return 0;
	if (!fault.error)
		_exit(99);
	errno = fault.error;
	return 1;
}

static void arm(unsigned int at, int error)
{
	fault.calls = 0;
	fault.error = error;
	fault.at = at;
}

/* Whether it has struck; none is to come. */
static int disarm(void)
{
	int struck = fault.at && fault.calls >= fault.at;

	fault.at = 0;
	return struck;
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	if (!strikes())
		return syscall(SYS_pwrite64, fd, buf, n, at);
	/* a disk that is full, or a process that is killed, may have written a part */
	syscall(SYS_pwrite64, fd, buf, n / 2, at);
	return fault.error == ENOSPC ? (ssize_t)(n / 2) : -1;
}

int fsync(int fd)
{
	return strikes() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return strikes() ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int posix_fallocate(int fd, off_t from, off_t n)
{
	if (strikes())
		return fault.error;
	return syscall(SYS_fallocate, fd, 0, from, n) ? errno : 0;
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, int) : 0;
	va_end(args);
	return strikes() ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

int msync(void *p, size_t n, int flags)
{
	return strikes() ? -1 : (int)syscall(SYS_msync, p, n, flags);
}

/* ---- the store under test ---- */

static const struct rondo_schema *schema(void)
{
	static struct rondo_schema s;

	s = schema_small(1000);
	return &s;
}

static void fill(rondo_store *store)
{
	ck_ok(rondo_record(gauge(store, "g"), T0, 7));
	ck_ok(rondo_add(counter(store, "c"), T0, 5));
}

static void check(const char *path)
{
	rondo_store *store = reopen(path, 0);

	ck_value(store, id_of_name(store, "g"), 0, RONDO_FN_LAST, T0, 7);
	ck_value(store, id_of_name(store, "c"), 0, RONDO_FN_SUM, T0, 5);
	ck_ok(rondo_store_close(store));
}

static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* ---- system calls ---- */

START_TEST(errors_every_write_of_a_creation_fails)
{
	static const int errors[] = { EIO, ENOSPC };
	const char *path = in_scratch("create");
	unsigned int before = descriptors(), n;

	for (size_t e = 0; e < LENGTH(errors); e++) {
		for (n = 1;; n++) {
			rondo_store *store = NULL;
			int err;

			arm(n, errors[e]);
			err = open_with(path, schema(), 1, RONDO_OPEN_CREATE, &store);
			if (!disarm()) {
				ck_ok(err);
				ck_ok(rondo_store_close(store));
				break;
			}
			if (!err) { /* what may fail without harm */
				fill(store);
				ck_ok(rondo_store_close(store));
				check(path);
				remove_tree(path);
				continue;
			}
			expect(err == RONDO_E_IO || err == RONDO_E_NO_SPACE, "call %u: %d", n, err);
			expect(errors[e] != EIO || err == RONDO_E_IO, "call %u: %d", n, err);
			expect(!store && detail[0], "call %u: no sentence", n);
			/* the next one finds nothing in its way */
			store = create(path, schema(), 1);
			fill(store);
			ck_ok(rondo_store_close(store));
			check(path);
			remove_tree(path);
		}
		ck_assert_uint_gt(n, 10);
		remove_tree(path);
	}
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

START_TEST(errors_killed_at_every_write_of_a_creation)
{
	const char *path = in_scratch("died");

	for (unsigned int n = 1;; n++) {
		rondo_store *store = NULL;
		int status, err;
		pid_t pid = fork();

		if (pid == 0) {
			arm(n, 0);
			err = open_with(path, schema(), 1, RONDO_OPEN_CREATE, &store);
			_exit(err ? 1 : 0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		if (status == 0) {
			ck_assert_uint_gt(n, 10);
			break;
		}
		ck_assert_int_eq(WEXITSTATUS(status), 99);
		err = open_with(path, NULL, 0, RONDO_OPEN_READ_ONLY, &store);
		expect(!err || err == RONDO_E_NOT_FOUND, "killed at %u: %d: %s", n, err, detail);
		rondo_store_close(store);
		err = open_with(path, schema(), 1, RONDO_OPEN_CREATE, &store);
		expect(!err, "killed at %u: %d: %s", n, err, detail);
		fill(store);
		ck_ok(rondo_store_close(store));
		check(path);
		remove_tree(path);
	}
}
END_TEST

START_TEST(errors_every_write_of_opening_and_closing_fails)
{
	const char *path = in_scratch("open");
	rondo_store *store = create(path, schema(), 1);
	unsigned int before, struck = 1;

	fill(store);
	ck_ok(rondo_store_close(store));
	before = descriptors();
	for (unsigned int n = 1; struck; n++) {
		int err;

		store = NULL;
		arm(n, EIO);
		err = open_with(path, NULL, 0, 0, &store);
		if (!err) {
			err = rondo_store_sync(store);
			expect(!err || err == RONDO_E_IO, "sync, call %u: %d", n, err);
			err = rondo_store_close(store);
		}
		struck = (unsigned int)disarm();
		expect(!err || err == RONDO_E_IO, "call %u: %d", n, err);
		check(path);
	}
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

/* A reclaimed slot is synced before its generation goes on: if that fails, nothing has changed. */
START_TEST(errors_registering_fails_to_sync)
{
	struct rondo_schema reclaiming = schema_small(1);
	rondo_series *a, *b = NULL;
	rondo_store *store;
	rondo_id id;

	reclaiming.on_full = RONDO_ON_FULL_RECLAIM;
	store = create(in_scratch("reclaim"), &reclaiming, 1);
	consolidate(store, T0);
	a = gauge(store, "a");
	ck_ok(rondo_record(a, T0, 1));
	ck_ok(rondo_series_retire(store, a, T0));
	consolidate(store, T0 + 100 * SEC);
	arm(1, EIO);
	ck_err(register_one(store, "b", NULL, NULL, RONDO_GAUGE, &b), RONDO_E_IO);
	ck_assert_int_eq(disarm(), 1);
	ck_value(store, id_of_name(store, "a"), 0, RONDO_FN_LAST, T0, 1);
	ck_ok(register_one(store, "b", NULL, NULL, RONDO_GAUGE, &b));
	ck_err(find_one(store, "a", NULL, NULL, &id), RONDO_E_NOT_FOUND);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* ---- allocations; the sanitizers have an allocator of their own ---- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

static unsigned int fails_at, allocations;

static int fails(void)
{
	return fails_at && ++allocations == fails_at;
}

void *malloc(size_t n)
{
	return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails() ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return fails() ? NULL : __libc_memalign(alignment, n);
}

/* All that allocates, once; the first error. */
static int use_all(const char *path, uint32_t flags)
{
	static uint64_t now = T0; /* each use comes after what the last one has closed */
	struct rondo_schema told = { .size = sizeof(told) };
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_store *store = NULL;
	rondo_iter *iter = NULL;
	int err = open_with(path, schema(), 1, flags, &store), found = 0, n = 0;

	if (err)
		return err;
	for (int i = 0; i < 700 && !err; i++) { /* the index grows at 512 */
		rondo_series *series = NULL;
		char value[16];

		snprintf(value, sizeof(value), "%d", i % 600);
		err = register_one(store, i < 600 ? "m" : "other", "i", value, RONDO_COUNTER,
				   &series);
		if (!err)
			err = rondo_add(series, now, i);
	}
	if (!err)
		err = rondo_store_schema(store, 0, &told);
	if (!err)
		err = rondo_iter_begin(store, "m{i=~\"1.*|2\",i!=\"17\"}", &iter, NULL, 0);
	while (!err && (found = rondo_iter_next(iter, &info)) == 1)
		n++;
	err = err ? err : found;
	rondo_iter_end(iter);
	if (!err)
		err = rondo_consolidate(store, now += 30 * SEC, 0);
	rondo_store_close(store);
	/* 1, 1x, 1xx but 17, and 2; regexec() of glibc may miss one where its memory fails */
	expect(err || n == 111 || (fails_at && n == 110), "%d series match, not 111", n);
	return err;
}

START_TEST(errors_every_allocation_fails)
{
	for (int existing = 0; existing < 2; existing++) {
		const char *path = in_scratch(existing ? "existing" : "new");
		unsigned int before = descriptors(), n, struck = 1;

		if (existing)
			ck_ok(use_all(path, RONDO_OPEN_CREATE));
		for (n = 1; struck; n++) {
			int err;

			fails_at = n;
			allocations = 0;
			err = use_all(path, RONDO_OPEN_CREATE);
			struck = allocations >= n;
			fails_at = 0;
			/* libc does without some of its own; then all is as it should be */
			expect(err == RONDO_E_NOMEM || !err, "allocation %u: %d", n, err);
			ck_ok(use_all(path, RONDO_OPEN_CREATE));
			if (!existing)
				remove_tree(path);
		}
		ck_assert_uint_gt(n, 20);
		ck_assert_uint_eq(descriptors(), before);
	}
}
END_TEST

#endif

int main(void)
{
	const struct test_entry tests[] = {
		{ errors_every_write_of_a_creation_fails, 'E' },
		{ errors_killed_at_every_write_of_a_creation, 'E' },
		{ errors_every_write_of_opening_and_closing_fails, 'E' },
		{ errors_registering_fails_to_sync, 'E' },
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		{ errors_every_allocation_fails, 'E' },
#endif
	};

	return run_suite("lib_faults", tests, LENGTH(tests));
}
