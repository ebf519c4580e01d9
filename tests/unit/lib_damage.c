// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What damaged, cut and shrunken files lead to: the right error or the right data, from everything
 * that can be read; no number that was not recorded from what has a checksum; never a crash.
 *
 * Here bytes are turned and files cut at places of chance, one by one, and the whole store is read.
 * What each single field does is in lib_store.c and lib_internal_files.c, disks are lib_damage_disk.c's.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "lib_common.h"

#define TICKS   43
#define NOW     (T0 + TICKS * SEC)
#define N_FILES 5
#define SERIES  4
#define POINTS  128
#define VIEWS   (3 * (RONDO_FN_RATE + 1)) /* tier 0, 1, auto; function; 0 is the histogram */

static const char *const files[N_FILES] = { "store.rondo", "small.t0.slab", "small.t1.slab",
					    "hist.t0.slab", "hist.t1.slab" };

/* ---- a store, kept in memory so that it can be put back ---- */

static struct image {
	char *bytes;
	size_t size;
} images[N_FILES];

/* What the whole store reads as: of each series, tier and function the points. */
static struct reading {
	char key[64];
	uint32_t retired;
	size_t n[VIEWS];
	struct rondo_point points[VIEWS][POINTS];
} whole[SERIES];
static size_t n_whole;

static void fill_store(const char *path)
{
	static const double bounds[] = { 10, 20 };
	struct rondo_schema schemas[] = { schema_of_tiers("hist", tiers_small, 2, 1),
					  schema_small(3) };
	rondo_series *g, *c, *r, *h;
	rondo_store *store;

	schemas[0].bounds = bounds;
	schemas[0].n_bounds = 2;
	store = create(path, schemas, 2);
	ck_ok(register_one(store, "g", "where", "he\"re", RONDO_GAUGE, &g));
	c = counter(store, "c");
	r = gauge(store, "r");
	ck_ok(register_one(store, "h", NULL, NULL, RONDO_HISTOGRAM, &h));
	for (uint64_t t = 0; t < TICKS; t++) {
		ck_ok(rondo_record(g, T0 + t * SEC, (double)t * 1.25 - 7));
		ck_ok(rondo_add(c, T0 + t * SEC, (double)(t * t)));
		ck_ok(rondo_observe(h, T0 + t * SEC, (double)t));
		if (t < 20)
			ck_ok(rondo_record(r, T0 + t * SEC, 1));
		consolidate(store, T0 + t * SEC);
	}
	ck_ok(rondo_series_retire(store, r, NOW));
	consolidate(store, NOW);
	ck_ok(rondo_store_close(store));
}

static const char *file_of(const char *store, int file)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/%s", store, files[file]);
	return path;
}

static void keep_images(const char *store)
{
	for (int i = 0; i < N_FILES; i++) {
		FILE *f = fopen(file_of(store, i), "rb");

		images[i].size = size_of_file(file_of(store, i));
		images[i].bytes = malloc(images[i].size);
		ck_assert(f && fread(images[i].bytes, 1, images[i].size, f) == images[i].size);
		fclose(f);
	}
}

static void patch(const char *store, int file, off_t at, const void *bytes, size_t n)
{
	int fd = open(file_of(store, file), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
}

static void put_back(const char *store)
{
	for (int i = 0; i < N_FILES; i++) {
		patch(store, i, 0, images[i].bytes, images[i].size);
		ck_assert_int_eq(truncate(file_of(store, i), (off_t)images[i].size), 0);
	}
}

/* ---- reading all there is ---- */

/* One tier and function of one series into the reading; whatever error there is, there is nothing. */
static void read_view(rondo_store *store, rondo_id id, int view, struct reading *reading)
{
	struct rondo_range range = { .size = sizeof(range),
				     .tier = view % 3 == 2 ? RONDO_TIER_AUTO : (uint32_t)view % 3,
				     .function = (enum rondo_function)(view / 3) };
	static struct rondo_histogram histograms[POINTS];
	struct rondo_point *points = reading->points[view];
	size_t n = 0;

	reading->n[view] = 0;
	if (view / 3) {
		if (!rondo_read(store, id, &range, points, POINTS, &n))
			reading->n[view] = n;
		return;
	}
	if (rondo_read_histogram(store, id, &range, histograms, POINTS, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		const struct rondo_histogram *h = &histograms[i];

		points[i] = (struct rondo_point){ h->ts_ns, h->sum + 1e6 * h->buckets[0], h->tier,
						  h->known };
		expect(h->buckets[0] + h->buckets[1] + h->buckets[2] == h->count, "buckets");
	}
	reading->n[view] = n;
}

static size_t read_whole(rondo_store *store, struct reading *readings)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_iter *iter = NULL;
	size_t n = 0;

	if (rondo_iter_begin(store, NULL, &iter, NULL, 0))
		return 0;
	while (n < SERIES && rondo_iter_next(iter, &info) == 1) {
		struct reading *reading = &readings[n++];

		snprintf(reading->key, sizeof(reading->key), "%s %d %s%s", info.key, info.kind,
			 info.unit, info.help);
		reading->retired = info.retired;
		for (int view = 0; view < VIEWS; view++)
			read_view(store, info.id, view, reading);
	}
	rondo_iter_end(iter);
	return n;
}

/* Everything else that reads: for what it does when something is wrong, not for what it says. */
static void read_rest(rondo_store *store)
{
	struct rondo_store_info info = { .size = sizeof(info) };
	struct rondo_schema schema = { .size = sizeof(schema) };
	struct rondo_sample samples[64];
	struct rondo_cursor cursor;
	uint64_t newest;
	rondo_id id;
	size_t n;

	rondo_store_info(store, &info);
	find_one(store, "c", NULL, NULL, &id);
	for (uint32_t s = 0; s < 2; s++) {
		rondo_store_schema(store, s, &schema);
		rondo_store_newest(store, s, &newest);
		for (uint32_t t = 0; t < 2; t++) {
			if (rondo_cursor_begin(store, s, t, 0, &cursor))
				continue;
			for (int i = 0; i < 40 && rondo_drain(store, &cursor, RONDO_FN_SUM, samples,
							      LENGTH(samples), &n) == RONDO_MORE;)
				i++;
		}
	}
}

static bool has_point(const struct reading *reading, int view, const struct rondo_point *point)
{
	for (size_t i = 0; i < reading->n[view]; i++) {
		const struct rondo_point *p = &reading->points[view][i];

		if (p->ts_ns == point->ts_ns && p->tier == point->tier)
			return p->value == point->value && p->known == point->known;
	}
	/* auto: with less of one tier, another may tell the time: it is whole there, too */
	return view % 3 == 2 && has_point(reading, view - 2 + (int)point->tier, point);
}

/* That all that is read is what was recorded; and, if all must be there, that it is. */
static void compare(rondo_store *store, bool all, const char *what, long at)
{
	static struct reading found[SERIES];
	size_t n = read_whole(store, found);

	expect(!all || n == n_whole, "%s, byte %ld: %zu series", what, at, n);
	for (size_t i = 0; i < n; i++) {
		struct reading *is = &found[i], *was = whole;

		while (was < whole + n_whole && strcmp(was->key, is->key) != 0)
			was++;
		expect(was < whole + n_whole, "%s, byte %ld: series %s", what, at, is->key);
		for (int view = 0; view < VIEWS; view++) {
			expect(!all || view % 3 == 2 || is->n[view] == was->n[view],
			       "%s, byte %ld: %s: %zu points, not %zu", what, at, is->key,
			       is->n[view], was->n[view]);
			/* computed from ticks around it that may be lost, and shifted by those */
			if (view % 3 != 1 && view / 3 == RONDO_FN_TOTAL && !all)
				continue;
			for (size_t p = 0; p < is->n[view]; p++)
				expect(has_point(was, view, &is->points[view][p]),
				       "%s, byte %ld: %s view %d: %" PRIu64 " %.17g", what, at,
				       is->key, view, is->points[view][p].ts_ns,
				       is->points[view][p].value);
		}
	}
	read_rest(store);
}

/* Whatever a writer may do, on a store of which something may be wrong. */
static void write_some(rondo_store *store)
{
	rondo_series *series;

	rondo_store_sync(store);
	register_one(store, "c", NULL, NULL, RONDO_COUNTER, &series);
	if (!register_one(store, "r", NULL, NULL, RONDO_GAUGE, &series))
		rondo_series_retire(store, series, NOW);
	rondo_consolidate(store, NOW, 0);
}

static const char *start(const char *name)
{
	const char *path = in_scratch(name);
	rondo_store *store;

	fill_store(path);
	keep_images(path);
	store = reopen(path, RONDO_OPEN_READ_ONLY);
	n_whole = read_whole(store, whole);
	ck_assert_uint_eq(n_whole, SERIES);
	ck_ok(rondo_store_close(store));
	return path;
}

/* ---- bytes ---- */

/* Which part of a file a byte is in, and what turning it may lead to. */
static const struct part {
	const char *what;
	int file;
	long from, to, step;
	bool refused; /* must not open */
	bool all;     /* if it opens, all data is there */
} parts[] = {
	{ "superblock A", 0, 0, 512, 1, false, true },
	{ "between", 0, 512, 4096, 61, false, true },
	{ "change counter", 0, 2048, 2056, 1, false, true },
	{ "superblock B", 0, 4096, 4608, 1, false, true },
	{ "after B", 0, 4608, 8192, 61, false, true },
	{ "schemas", 0, 8192, 16384, 1, true, true },
	{ "entries", 0, 16384, 16384 + 4 * 512, 1, false, false },
	{ "header of a slab", 1, 0, 512, 1, true, true },
	{ "header of a slab", 2, 0, 512, 1, true, true },
	{ "header of a slab", 3, 0, 512, 1, true, true },
	{ "header of a slab", 4, 0, 512, 1, true, true },
	{ "after a slab's header", 1, 512, 4096, 61, false, true },
	{ "closed until", 1, 1024, 1032, 1, false, true },
	{ "closed until", 2, 1024, 1032, 1, false, true },
	{ "closed until", 4, 1024, 1032, 1, false, true },
};

static char *maps[N_FILES]; /* of the files, for what is done thousands of times */

static void turn_byte(const char *path, const struct part *part, long at, uint32_t flags)
{
	char byte = (char)(images[part->file].bytes[at] ^ (1 << at % 8));
	rondo_store *store = NULL;
	int err;

	maps[part->file][at] = byte;
	err = open_with(path, NULL, 0, flags, &store);
	expect(err == (part->refused ? RONDO_E_CORRUPT : RONDO_OK), "%s, byte %ld: %d", part->what,
	       at, err);
	if (store)
		compare(store, part->all, part->what, at);
	if (store && !flags) {
		write_some(store);
		compare(store, false, part->what, at);
	}
	rondo_store_close(store);
	if (store && !flags)
		for (int i = 0; i < N_FILES; i++)
			memcpy(maps[i], images[i].bytes, images[i].size);
	maps[part->file][at] = images[part->file].bytes[at];
}

static void turn_all(const char *path, uint32_t flags)
{
	for (int i = 0; i < N_FILES; i++) {
		int fd = open(file_of(path, i), O_RDWR | O_CLOEXEC);

		maps[i] = mmap(NULL, images[i].size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		ck_assert_ptr_ne(maps[i], MAP_FAILED);
		close(fd);
	}
	for (size_t p = 0; p < LENGTH(parts); p++)
		for (long at = parts[p].from; at < parts[p].to; at += parts[p].step)
			turn_byte(path, &parts[p], at, flags);
}

START_TEST(errors_each_byte_turned_read_only)
{
	turn_all(start("ro"), RONDO_OPEN_READ_ONLY);
}
END_TEST

START_TEST(errors_each_byte_turned_read_write)
{
	turn_all(start("rw"), 0);
}
END_TEST

/* Only the other machine's marker is a matter of byte order; and a version counts under a right checksum. */
START_TEST(errors_damaged_markers_were_called_big_endian_or_newer)
{
	const char *path = start("marker");
	rondo_store *store = NULL;

	for (int file = 0; file < N_FILES; file++) {
		for (long at = 8; at < 16; at++) {
			char byte = (char)(images[file].bytes[at] ^ 0x10);

			patch(path, file, at, &byte, 1);
			if (!file)
				patch(path, file, 4096 + at, &byte, 1);
			ck_err(open_with(path, NULL, 0, 0, &store), RONDO_E_CORRUPT);
			put_back(path);
		}
	}
}
END_TEST

/* Of random damage; with RONDO_TEST_LONG=1 in the environment a hundred times as many. */
static int rounds(void)
{
	return long_form() ? 100000 : 1000;
}

/* Cells have no checksum, so any value may come, but a finite one, in its place and in order. */
START_TEST(errors_bits_turned_in_cells)
{
	const char *path = start("cells");
	static struct reading found[SERIES];

	for (int round = 0; round < rounds(); round++) {
		progress(__func__, (uint64_t)round, (uint64_t)rounds());
		rondo_store *store;
		size_t n;

		for (int i = 0; i < 1 << round % 8; i++) {
			int file = 1 + (int)random_below(N_FILES - 1);
			long at = 4096 + (long)random_below(images[file].size - 4096);
			char byte = (char)(images[file].bytes[at] ^ (1 << random_below(8)));

			patch(path, file, at, &byte, 1);
		}
		store = reopen(path, round % 2 ? RONDO_OPEN_READ_ONLY : 0);
		for (int again = 0; again < 2; again++) {
			n = read_whole(store, found);
			ck_assert_uint_eq(n, SERIES);
			for (size_t i = 0; i < n * VIEWS * POINTS; i++) {
				const struct reading *r = &found[i / POINTS / VIEWS];
				const struct rondo_point *p =
					&r->points[i / POINTS % VIEWS][i % POINTS];

				if (i % POINTS < r->n[i / POINTS % VIEWS])
					expect(isfinite(p->value), "%g", p->value);
				if (i % POINTS && i % POINTS < r->n[i / POINTS % VIEWS])
					expect(p->ts_ns > p[-1].ts_ns, "order");
			}
			read_rest(store);
			if (round % 2 == 0)
				write_some(store);
		}
		rondo_store_close(store);
		put_back(path);
	}
}
END_TEST

/* ---- lengths ---- */

static void any_open(const char *path, int error, int other, size_t length)
{
	static const uint32_t flags[] = { 0, RONDO_OPEN_READ_ONLY };

	for (size_t i = 0; i < LENGTH(flags); i++) {
		rondo_store *store = NULL;
		int err = open_with(path, NULL, 0, flags[i], &store);

		expect(err == error || err == other, "length %zu: %d, want %d", length, err, error);
		ck_assert_ptr_null(store);
	}
}

START_TEST(errors_cut_anywhere)
{
	const char *path = start("cut");

	for (int round = 0; round < rounds(); round++) {
		progress(__func__, (uint64_t)round, (uint64_t)rounds());
		int file = (int)random_below(N_FILES);
		size_t length = random_below(images[file].size);

		if (round % 3 == 0)
			length >>= random_below(14);
		ck_assert_int_eq(truncate(file_of(path, file), (off_t)length), 0);
		/* without a byte of a superblock it is a creation that did not end */
		any_open(path, RONDO_E_CORRUPT,
			 file || length ? RONDO_E_CORRUPT : RONDO_E_NOT_FOUND, length);
		/* grown again to its length: zeros are damage or nothing, but never data */
		ck_assert_int_eq(truncate(file_of(path, file), (off_t)images[file].size), 0);
		if (file ? length >= 512 : length >= 16384) {
			rondo_store *store = reopen(path, RONDO_OPEN_READ_ONLY);

			compare(store, false, "cut and grown", (long)length);
			ck_ok(rondo_store_close(store));
		} else if (length && (file || length > 8192)) {
			any_open(path, RONDO_E_CORRUPT, RONDO_E_CORRUPT, length);
		}
		put_back(path);
	}
}
END_TEST

/* ---- files cut under the mapping ---- */

static volatile sig_atomic_t signals;

static void on_sigbus(int signal UNUSED, siginfo_t *info, void *context UNUSED)
{
	signals++;
	if (!rondo_sigbus_fixup(info->si_addr))
		_exit(99);
}

/* One call of any kind. */
static void any_call(rondo_store *store, rondo_store *reader, rondo_series *series, uint64_t now)
{
	static struct reading found[SERIES];
	rondo_series *more;
	char name[32];

	switch (random_below(8)) {
	case 0:
		read_whole(store, found);
		break;
	case 1:
		read_whole(reader, found);
		break;
	case 2:
		read_rest(random_below(2) ? store : reader);
		break;
	case 3:
		for (uint64_t i = 0; i < 80; i++)
			rondo_add(series, now + i * SEC, 1);
		break;
	case 4:
		rondo_consolidate(store, now + random_below(100) * SEC, random_below(5));
		break;
	case 5:
		snprintf(name, sizeof(name), "n%d", (int)random_below(5));
		if (!register_one(store, name, NULL, NULL, RONDO_GAUGE, &more)) {
			rondo_record(more, now, 1);
			rondo_series_retire(store, more, now);
		}
		break;
	case 6:
		rondo_store_sync(store);
		break;
	default:
		remove_tree(in_scratch("copy"));
		rondo_store_snapshot(reader, in_scratch("copy"), NULL, 0);
	}
}

START_TEST(errors_cut_under_the_mapping)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	const char *path = start("shrunk");

	ck_assert_int_eq(sigaction(SIGBUS, &action, NULL), 0);
	for (int round = 0; round < rounds(); round++) {
		progress(__func__, (uint64_t)round, (uint64_t)rounds());
		int file = (int)random_below(N_FILES);
		size_t length = random_below(images[file].size);
		rondo_store *store = reopen(path, 0), *reader = reopen(path, RONDO_OPEN_READ_ONLY);
		rondo_series *series = counter(store, "c");
		int seen = signals;

		ck_ok(rondo_add(series, NOW, 1));
		if (round % 2)
			length &= ~UINT64_C(4095);
		ck_assert_int_eq(truncate(file_of(path, file), (off_t)length), 0);
		for (int i = 0; i < 12; i++)
			any_call(store, reader, series, NOW + (uint64_t)i * SEC);
		/* by then somebody touched it, or its size was looked at */
		ck_err(rondo_consolidate(store, NOW + 600 * SEC, 0), RONDO_E_FAILED);
		ck_err(rondo_store_close(store), RONDO_E_FAILED);
		rondo_store_close(reader);
		any_open(path, RONDO_E_CORRUPT,
			 file || length ? RONDO_E_CORRUPT : RONDO_E_NOT_FOUND, length);
		ck_assert_int_lt(signals - seen, 200); /* one a page */
		put_back(path);
	}
	ck_assert_int_gt(signals, 0);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ errors_each_byte_turned_read_only, 'E' },
		{ errors_each_byte_turned_read_write, 'E' },
		{ errors_damaged_markers_were_called_big_endian_or_newer, 'E' },
		{ errors_bits_turned_in_cells, 'E' },
		{ errors_cut_anywhere, 'E' },
		{ errors_cut_under_the_mapping, 'E' },
	};

	return run_suite("lib_damage", tests, LENGTH(tests));
}
