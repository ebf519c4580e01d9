// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * rondo_store_verify(): a whole store has no finding, and its counts are those of its files; each kind
 * of damage is found, where it is and as what it is; nothing is found in a store that is being written.
 * Damage is done by the offsets of format.h, the counts are arithmetic.
 */
#include "format.h"
#include "internal.h"

#include <pthread.h>
#include <sys/mman.h>

#include "lib_common.h"

#ifdef __SANITIZE_THREAD__
#define ROUNDS 50
#define STRIDE 37
#else
#define ROUNDS 300
#define STRIDE 1
#endif

/* Ticks of both series are recorded from T0 up to this. */
#define TICKS 95

static const double bounds[] = { 1, 2, 5, 10 };
static const struct rondo_tier tiers[] = {
	{ .interval_ns = SEC, .retention_ns = 120 * SEC },
	{ .interval_ns = 10 * SEC, .retention_ns = 600 * SEC, .functions = ALL_FUNCTIONS },
	{ .interval_ns = 60 * SEC, .retention_ns = 3600 * SEC, .functions = ALL_FUNCTIONS },
};

/* Files: s.t0..2.slab with 5 lanes a series above the finest, h.t0..2.slab with 7. */
#define LANES       5
#define H_LANES     7
#define ROWS0       21 /* 120 / 6 + 1, odd */
#define ROWS1       11
#define ROWS2       11
#define SERIES      3
#define H_SERIES    2
#define DIRECTORY   (SCHEMAS_OFFSET + 2 * SCHEMA_SIZE)
#define ENTRY(slot) (DIRECTORY + (slot)*512u)

static void schemas(struct rondo_schema out[2])
{
	out[0] = schema_of_tiers("s", tiers, 3, SERIES);
	out[1] = schema_of_tiers("h", tiers, 3, H_SERIES);
	out[1].bounds = bounds;
	out[1].n_bounds = LENGTH(bounds);
}

/* Slot 0 is a counter, slot 1 a gauge, slot 2 empty; a histogram in slot 0 of the other schema. */
static rondo_store *filled(const char *path)
{
	struct rondo_schema both[2];
	rondo_series *c, *g, *h;
	rondo_store *store;

	schemas(both);
	store = create(path, both, 2);
	c = counter(store, "c_total");
	g = gauge(store, "g");
	ck_ok(register_one(store, "h", NULL, NULL, RONDO_HISTOGRAM, &h));
	for (uint64_t t = 0; t < TICKS; t++) {
		ck_ok(rondo_add(c, T0 + t * SEC, (double)(t % 7)));
		ck_ok(rondo_record(g, T0 + t * SEC, 0.1 * (double)t - 3));
		for (int i = 0; i < 3; i++)
			ck_ok(rondo_observe(h, T0 + t * SEC, (double)((t + (uint64_t)i * 5) % 13)));
		consolidate(store, T0 + t * SEC);
	}
	return store;
}

/* ---- what verify says ---- */

static struct {
	struct rondo_verify_report report;
	struct rondo_verify_finding first; /* of the kind that is waited for */
	char file[64], key[64], text[256];
	enum rondo_verify_kind want;
} said;

static void on_found(const struct rondo_verify_finding *f, void *arg UNUSED)
{
	ck_assert_uint_eq(f->size, sizeof(*f));
	ck_assert_str_ne(f->text, "");
	snprintf(said.text, sizeof(said.text), "%s+%" PRIu64 " %s: %s", f->file, f->offset, f->key,
		 f->text);
	if (f->kind != said.want || said.first.size)
		return;
	said.first = *f;
	snprintf(said.file, sizeof(said.file), "%s", f->file);
	snprintf(said.key, sizeof(said.key), "%s", f->key);
}

static int verify(const char *path, enum rondo_verify_kind want)
{
	const struct rondo_verify_opts opts = { .size = sizeof(opts),
						.found = on_found,
						.now_ns = T0 + TICKS * SEC,
						.detail = detail,
						.detail_size = sizeof(detail) };

	memset(&said, 0, sizeof(said));
	said.want = want;
	said.report.size = sizeof(said.report);
	return rondo_store_verify(path, &opts, &said.report);
}

static void expect_whole(const char *path)
{
	int err = verify(path, 0);

	expect(err == 0 && said.report.damage + said.report.notes == 0, "%s: %s: %s", path,
	       rondo_strerror(err), said.text);
}

/* ---- a store that is changed byte by byte ---- */

static char *map_file(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	char *map = mmap(NULL, size_of_file(file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ck_assert_ptr_ne(map, MAP_FAILED);
	close(fd);
	return map;
}

static const char *const files[] = { "store.rondo", "s.t0.slab", "s.t1.slab", "s.t2.slab",
				     "h.t0.slab",   "h.t1.slab", "h.t2.slab" };
enum file { STORE, S0, S1, S2, H0, H1, H2, N_FILES };

static char *maps[N_FILES];
static const char *store_path;

static void open_maps(const char *name)
{
	char file[200];

	store_path = in_scratch(name);
	ck_ok(rondo_store_close(filled(store_path)));
	expect_whole(store_path);
	for (int i = 0; i < N_FILES; i++) {
		snprintf(file, sizeof(file), "%s/%s", store_path, files[i]);
		maps[i] = map_file(file);
	}
}

/* Offset of the cell that holds the window of time T0 + s in a lane. */
static uint64_t cell_of(uint64_t interval, uint64_t rows, uint64_t lanes, uint64_t lane, uint64_t s)
{
	uint64_t number = (T0 / SEC + s) / interval / 6;

	return SLAB_HEADER + (number % rows * lanes + lane) * 64;
}

static unsigned int place(uint64_t interval, uint64_t s)
{
	return (unsigned int)((T0 / SEC + s) / interval % 6);
}

#define CELL0(slot, s)       cell_of(1, ROWS0, SERIES, slot, s)
#define CELL1(slot, lane, s) cell_of(10, ROWS1, SERIES *LANES, (slot)*LANES + (lane), s)
#define CELL2(slot, lane, s) cell_of(60, ROWS2, SERIES *LANES, (slot)*LANES + (lane), s)
#define H_CELL0(lane, s)     cell_of(1, ROWS0, H_SERIES *H_LANES, lane, s)
#define H_CELL1(lane, s)     cell_of(10, ROWS1, H_SERIES *H_LANES, lane, s)

/* After a change: that it is found as that, there; then the change is undone by the caller. */
static void expect_found(enum rondo_verify_kind kind, bool damage, enum file file, uint64_t offset,
			 const char *what)
{
	int err = verify(store_path, kind);

	expect(err == (said.report.damage ? RONDO_E_CORRUPT : 0), "%s: %s", what,
	       rondo_strerror(err));
	expect(said.first.size, "%s: not found; last said: %s", what, said.text);
	expect(said.first.damage == damage && !strcmp(said.file, files[file]) &&
		       said.first.offset == offset,
	       "%s: damage %u, %s+%" PRIu64 ", want %s+%" PRIu64, what, said.first.damage,
	       said.file, said.first.offset, files[file], offset);
	expect((said.report.damage > 0) == damage, "%s: damage %" PRIu64 ": %s", what,
	       said.report.damage, said.text);
}

static void change_u64(enum file file, uint64_t offset, uint64_t at, uint64_t value,
		       enum rondo_verify_kind kind, bool damage, const char *what)
{
	uint64_t before, *word = (uint64_t *)(void *)(maps[file] + offset + at);

	before = *word;
	*word = value;
	expect_found(kind, damage, file, offset, what);
	*word = before;
}

#define V(k) (8 + 8 * (k))

static uint64_t word_at(enum file file, uint64_t offset, uint64_t at)
{
	uint64_t word;

	memcpy(&word, maps[file] + offset + at, 8);
	return word;
}

START_TEST(core_a_whole_store_has_no_finding)
{
	const char *path = in_scratch("whole");
	rondo_store *store = filled(path);
	uint64_t bytes = store_info(store).bytes;

	/* as it is being written, and when it is closed */
	expect_whole(path);
	ck_ok(rondo_store_close(store));
	expect_whole(path);
	ck_assert_uint_eq(said.report.series, 3);
	ck_assert_uint_eq(said.report.cells,
			  ROWS0 * (SERIES + H_SERIES * H_LANES) +
				  (ROWS1 + ROWS2) * (SERIES * LANES + H_SERIES * H_LANES));
	ck_assert_uint_eq(said.report.bytes, bytes);
	/*
	 * Windows of 10 s: 8 are closed at 94 s, of 5 lanes for a counter (the first one's total has none
	 * before it), 4 for a gauge, once for a histogram. Of 60 s: T0 is 20 s into a minute, so 1 is.
	 */
	ck_assert_uint_eq(said.report.windows, 8 * 5 - 1 + 8 * 4 + 8 + 5 + 4 + 1);
	ck_assert_uint_eq(said.report.interrupted, 0);
}
END_TEST

START_TEST(core_damaged_cells_are_found)
{
	uint64_t nan = UINT64_C(0x7ff8000000000000), inf = UINT64_C(0x7ff0000000000000), at;
	uint64_t c = CELL0(0, 30), g = CELL0(1, 30);

	open_maps("cells");
	change_u64(S0, c, 0, word_at(S0, c, 0) + 1, RONDO_VERIFY_TAG, true, "another number");
	change_u64(S0, c, 0, word_at(S0, c, 0) | UINT64_C(1) << 63, RONDO_VERIFY_TAG, true,
		   "a generation that never was");
	change_u64(S0, c, 56, word_at(S0, c, 56) ^ 8, RONDO_VERIFY_TAIL, true, "tail");
	change_u64(S0, c, 56, word_at(S0, c, 56) + ROWS0, RONDO_VERIFY_TAIL, true,
		   "the next lap's tail over values");
	change_u64(S0, c, V(2), nan, RONDO_VERIFY_VALUE, true, "NaN");
	change_u64(S0, g, V(2), inf, RONDO_VERIFY_VALUE, true, "infinite");
	change_u64(S0, c, V(2), bits_of(-1), RONDO_VERIFY_VALUE, true, "negative increment");
	at = CELL1(0, LANE_SUM, 40);
	change_u64(S1, at, 56, word_at(S1, at, 56) ^ 1, RONDO_VERIFY_TAIL, true, "upper tail");
	change_u64(S1, at, V(place(10, 40)), bits_of(-2), RONDO_VERIFY_VALUE, true, "negative sum");
	change_u64(S1, at, V(place(10, 40)), RONDO_EMPTY, RONDO_VERIFY_VALUE, true,
		   "cover without a value");
	change_u64(S1, at, 56,
		   (word_at(S1, at, 56) & ~(UINT64_C(1023) << (4 + 10 * place(10, 40)))) |
			   UINT64_C(11) << (4 + 10 * place(10, 40)),
		   RONDO_VERIFY_COVER, true, "11 of 10 ticks");
	expect_whole(store_path);
}
END_TEST

/* Of each lane, in both upper tiers: the stored value, and a value that it was computed from. */
START_TEST(core_windows_that_the_finer_tier_contradicts_are_found)
{
	open_maps("windows");
	for (unsigned int lane = 0; lane < LANES; lane++) {
		uint64_t one = CELL1(0, lane, 40), two = CELL2(0, lane, 0);
		char what[40];

		snprintf(what, sizeof(what), "lane %u", lane);
		change_u64(S1, one, V(place(10, 40)), word_at(S1, one, V(place(10, 40))) + 1,
			   lane == LANE_TOTAL ? RONDO_VERIFY_TOTAL : RONDO_VERIFY_WINDOW, true,
			   what);
		change_u64(S2, two, V(place(60, 0)), word_at(S2, two, V(place(60, 0))) ^ 1 << 20,
			   RONDO_VERIFY_WINDOW, true, what);
	}
	expect_whole(store_path);
}
END_TEST

/* As the finding's file and offset are those of the window, change_u64() can't be used. */
START_TEST(core_a_source_of_more_or_less_than_was_stored_is_found)
{
	uint64_t c = CELL0(0, 53), v = V(place(1, 53)), window = CELL1(0, LANE_SUM, 53);
	uint64_t before;

	open_maps("source");
	before = word_at(S0, c, v);
	/* a tick that vanished from a cell which is there */
	memcpy(maps[S0] + c + v, (uint64_t[]){ RONDO_EMPTY }, 8);
	expect_found(RONDO_VERIFY_WINDOW, true, S1, window, "a tick that vanished");
	memcpy(maps[S0] + c + v, &before, 8);
	ck_assert_str_eq(said.key, "c_total");
	ck_assert_uint_eq(said.first.ts_ns, T0 + 50 * SEC);
	ck_assert_uint_eq(said.first.tier, 1);
	expect_whole(store_path);
	/* a tick of another value */
	memcpy(maps[S0] + c + v, (uint64_t[]){ bits_of(100) }, 8);
	expect_found(RONDO_VERIFY_WINDOW, true, S1, window, "a tick of another value");
	memcpy(maps[S0] + c + v, &before, 8);
	/* a cover that says less: what late data would leave */
	before = word_at(S1, window, 56);
	memcpy(maps[S1] + window + 56,
	       (uint64_t[]){ before - (UINT64_C(1) << (4 + 10 * place(10, 53))) }, 8);
	expect_found(RONDO_VERIFY_WINDOW, false, S1, window, "late data");
	memcpy(maps[S1] + window + 56, &before, 8);
	/* a cell of the source that is gone: as after a migration to a longer retention */
	memset(maps[S0] + c, 0, 64);
	expect_found(RONDO_VERIFY_WINDOW, false, S1, window, "a cell that is gone");
}
END_TEST

START_TEST(core_damaged_histograms_are_found)
{
	uint64_t bucket = H_CELL0(1, 30), last = H_CELL0(H_LANES - 1, 30);
	uint64_t v = V(place(1, 30)), upper = H_CELL1(1, 40), k = V(place(10, 40)), before;

	open_maps("histograms");
	before = word_at(H0, bucket, v);
	memcpy(maps[H0] + bucket + v, (uint64_t[]){ bits_of(7) }, 8);
	expect_found(RONDO_VERIFY_HISTOGRAM, true, H0, last, "a bucket");
	ck_assert_str_eq(said.key, "h");
	ck_assert_uint_eq(said.first.ts_ns, T0 + 30 * SEC);
	memcpy(maps[H0] + bucket + v, &before, 8);
	expect_whole(store_path);
	before = word_at(H1, upper, k);
	memcpy(maps[H1] + upper + k, (uint64_t[]){ bits_of(99) }, 8);
	expect_found(RONDO_VERIFY_HISTOGRAM, true, H1, H_CELL1(H_LANES - 1, 40), "upper bucket");
	memcpy(maps[H1] + upper + k, &before, 8);
	expect_whole(store_path);
	/* the cell of one lane is of the last lap, as if it had never been written */
	before = word_at(H0, bucket, 0);
	for (int i = 0; i < 64; i += 56)
		memcpy(maps[H0] + bucket + (uint64_t)i, (uint64_t[]){ before - ROWS0 }, 8);
	expect_found(RONDO_VERIFY_HISTOGRAM, true, H0, last, "a lane of the last lap");
}
END_TEST

START_TEST(core_entries_are_checked)
{
	struct disk_entry *copy, *entry;
	uint32_t generation, crc;

	open_maps("entries");
	/* two entries with the key of slot 0, the second with a right checksum */
	entry = (void *)(maps[STORE] + ENTRY(0));
	copy = (void *)(maps[STORE] + ENTRY(2));
	memcpy(copy, entry, 512);
	copy->slot = 2;
	generation = entry->state >> 8 & GENERATION_MAX;
	crc = crc32c(0, &generation, 4);
	copy->crc = crc32c(crc, (char *)copy + ENTRY_CRC_FROM,
			   ENTRY_HEADER - ENTRY_CRC_FROM + copy->key_len);
	expect_found(RONDO_VERIFY_DUPLICATE, true, STORE, ENTRY(2), "the same key twice");
	ck_assert_str_eq(said.key, "c_total");
	/* a key that does not parse, rightly checksummed */
	((char *)(copy + 1))[0] = '{';
	copy->crc = crc32c(crc, (char *)copy + ENTRY_CRC_FROM,
			   ENTRY_HEADER - ENTRY_CRC_FROM + copy->key_len);
	expect_found(RONDO_VERIFY_ENTRY, true, STORE, ENTRY(2), "a key that is none");
	/* being written: no finding */
	copy->state = (copy->state & ~UINT64_C(0xff)) | ENTRY_BUSY;
	expect_whole(store_path);
	copy->state |= 0xff;
	expect_found(RONDO_VERIFY_ENTRY, true, STORE, ENTRY(2), "a state that is none");
}
END_TEST

/* Each byte that a checksum covers, flipped. */
START_TEST(core_no_flip_under_a_checksum_goes_unseen)
{
	static const struct {
		enum file file;
		uint64_t from, size;
		enum rondo_verify_kind kind;
	} areas[] = {
		{ STORE, SUPERBLOCK_A, 512, RONDO_VERIFY_SUPERBLOCK },
		{ STORE, SUPERBLOCK_B, 512, RONDO_VERIFY_SUPERBLOCK },
		{ STORE, SCHEMAS_OFFSET + SCHEMA_SIZE, SCHEMA_SIZE, RONDO_VERIFY_SCHEMA },
		{ STORE, ENTRY(0) + 16, 24 + 7, RONDO_VERIFY_ENTRY },
		{ S1, 0, 512, RONDO_VERIFY_SLAB },
		{ H2, 0, 512, RONDO_VERIFY_SLAB },
	};

	open_maps("flips");
	for (size_t a = 0; a < LENGTH(areas); a++) {
		for (uint64_t i = 0; i < areas[a].size; i += STRIDE) {
			char *byte = maps[areas[a].file] + areas[a].from + i;

			*byte ^= 1 << (i % 8);
			expect(verify(store_path, areas[a].kind) == RONDO_E_CORRUPT &&
				       said.first.size && said.first.damage,
			       "area %zu byte %" PRIu64 ": not found", a, i);
			*byte ^= 1 << (i % 8);
		}
	}
	expect_whole(store_path);
}
END_TEST

START_TEST(core_files_are_missed)
{
	char file[200], aside[200];

	open_maps("files");
	for (int i = 1; i < N_FILES; i++) {
		uint64_t size;

		snprintf(file, sizeof(file), "%s/%s", store_path, files[i]);
		snprintf(aside, sizeof(aside), "%s/aside", store_path);
		size = size_of_file(file);
		ck_assert_int_eq(rename(file, aside), 0);
		expect_found(RONDO_VERIFY_FILE, true, (enum file)i, 0, "missing");
		ck_assert_int_eq(rename(aside, file), 0);
		ck_assert_int_eq(truncate(file, (off_t)size + 1), 0);
		expect_found(RONDO_VERIFY_FILE, true, (enum file)i, 0, "longer");
		ck_assert_int_eq(truncate(file, (off_t)size), 0);
	}
	/* the next tier's of the same size, and another schema's */
	snprintf(file, sizeof(file), "%s/%s", store_path, files[S1]);
	snprintf(aside, sizeof(aside), "%s/%s", store_path, files[S2]);
	ck_assert_int_eq(renameat2(AT_FDCWD, file, AT_FDCWD, aside, RENAME_EXCHANGE), 0);
	expect_found(RONDO_VERIFY_SLAB, true, S1, 0, "swapped");
	ck_assert_uint_eq(said.report.by_kind[RONDO_VERIFY_SLAB], 2);
	ck_assert_int_eq(renameat2(AT_FDCWD, file, AT_FDCWD, aside, RENAME_EXCHANGE), 0);
	expect_whole(store_path);
}
END_TEST

/* What a power loss may do is a note once the store was ever not closed, and damage else. */
START_TEST(core_what_a_power_loss_explains_is_a_note)
{
	uint64_t c = CELL0(0, 33), v = V(place(1, 33)), empty = RONDO_EMPTY;
	rondo_store *store;

	open_maps("power");
	memcpy(maps[S0] + c + v, &empty, 8);
	ck_err(verify(store_path, RONDO_VERIFY_WINDOW), RONDO_E_CORRUPT);
	store = reopen(store_path, 0); /* in use */
	ck_ok(verify(store_path, RONDO_VERIFY_WINDOW));
	ck_assert_uint_eq(said.report.damage, 0);
	ck_assert_uint_ge(said.report.notes, 1);
	ck_assert_uint_eq(said.report.notes, said.report.by_kind[RONDO_VERIFY_WINDOW]);
	ck_ok(rondo_store_close(store));
	ck_err(verify(store_path, RONDO_VERIFY_WINDOW), RONDO_E_CORRUPT);
}
END_TEST

START_TEST(limits_cells_from_the_future_are_noted)
{
	const struct rondo_verify_opts opts = { .size = sizeof(opts),
						.found = on_found,
						.now_ns = T0 + 20 * SEC };

	open_maps("future");
	memset(&said, 0, sizeof(said));
	said.want = RONDO_VERIFY_FUTURE;
	said.report.size = sizeof(said.report);
	/* max_ahead is 60 s: cells of 84 and 90 s, as T0 is 2 s into a cell of 6 */
	ck_ok(rondo_store_verify(store_path, &opts, &said.report));
	ck_assert_uint_eq(said.report.damage, 0);
	ck_assert_uint_gt(said.report.by_kind[RONDO_VERIFY_FUTURE], 0);
	ck_assert_uint_eq(said.report.by_kind[RONDO_VERIFY_FUTURE], said.report.notes);
	for (uint64_t s = 0; s < TICKS; s++) {
		uint64_t number = word_at(S0, CELL0(0, s), 0) & ((UINT64_C(1) << 42) - 1);

		if (number * 6 * SEC > T0 + 80 * SEC)
			ck_assert_uint_ge(said.first.ts_ns, T0 + 80 * SEC);
	}
	/* a damaged copy of a migrated store tells nothing of what was never there */
	expect_whole(store_path);
}
END_TEST

/* A copy with a longer finest ring holds windows whose ticks it never had. */
START_TEST(limits_a_migrated_store_has_no_damage)
{
	struct rondo_tier longer[3];
	struct rondo_schema both[2];
	struct rondo_migrate_opts opts = { .size = sizeof(opts), .schemas = both, .n_schemas = 2 };
	rondo_store *store = filled(in_scratch("shorter"));
	rondo_series *c = counter(store, "c_total");

	memcpy(longer, tiers, sizeof(tiers));
	longer[0].retention_ns = 600 * SEC;
	schemas(both);
	both[0].tiers = both[1].tiers = longer;
	for (uint64_t t = 400; t < 600; t++) { /* a pause, and more than a lap */
		consolidate(store, T0 + t * SEC);
		ck_ok(rondo_add(c, T0 + t * SEC, 3));
	}
	ck_ok(rondo_store_migrate(store, in_scratch("longer"), &opts, NULL));
	ck_ok(rondo_store_close(store));
	ck_ok(rondo_store_verify(in_scratch("shorter"), NULL, NULL));
	ck_ok(rondo_store_verify(in_scratch("longer"), NULL, NULL));
}
END_TEST

/* ---- beside writers ---- */

struct writing {
	rondo_store *store;
	int stop;
};

/* Registers, records, retires, reclaims, consolidates; several laps of the ring a second. */
static void *write_on(void *arg)
{
	struct writing *w = arg;
	rondo_series *c = counter(w->store, "c_total"), *g = gauge(w->store, "g"), *h, *old = NULL;
	uint64_t t = TICKS;

	register_one(w->store, "h", NULL, NULL, RONDO_HISTOGRAM, &h);
	for (; !__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE); t++) {
		char name[32];

		rondo_add(c, T0 + t * SEC, 1);
		rondo_record(g, T0 + t * SEC, (double)t);
		for (int i = 0; i < 20; i++)
			rondo_observe(h, T0 + t * SEC, i);
		if (t % 50 == 0) {
			snprintf(name, sizeof(name), "come%" PRIu64, t);
			if (old)
				rondo_series_retire(w->store, old, T0 + t * SEC);
			if (register_one(w->store, name, NULL, NULL, RONDO_GAUGE, &old))
				old = NULL;
		}
		if (old)
			rondo_record(old, T0 + t * SEC, 1);
		rondo_consolidate(w->store, T0 + t * SEC, 0);
	}
	return NULL;
}

START_TEST(core_nothing_is_found_while_it_is_written)
{
	const char *path = in_scratch("live");
	const struct rondo_verify_opts opts = { .size = sizeof(opts),
						.found = on_found,
						.now_ns = T0 * 2 };
	struct rondo_schema both[2];
	struct writing w = { 0 };
	uint64_t windows = 0;
	pthread_t thread;

	schemas(both);
	both[0].on_full = RONDO_ON_FULL_RECLAIM;
	both[0].reclaim_delay_ns = SEC;
	w.store = create(path, both, 2);
	ck_assert_int_eq(pthread_create(&thread, NULL, write_on, &w), 0);
	for (int i = 0; i < ROUNDS; i++) {
		int err;

		memset(&said, 0, sizeof(said));
		said.report.size = sizeof(said.report);
		err = rondo_store_verify(path, &opts, &said.report);
		expect(err == 0 && !said.report.notes, "round %d: %s: %s", i, rondo_strerror(err),
		       said.text);
		windows += said.report.windows;
	}
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	ck_assert_uint_gt(windows, 0);
	ck_assert_uint_gt(store_info(w.store).reclaimed, 0);
	ck_ok(rondo_store_close(w.store));
	ck_ok(rondo_store_verify(path, NULL, NULL));
}
END_TEST

static int stop_at_once(uint64_t bytes, uint64_t all, void *arg)
{
	ck_assert_uint_le(bytes, all);
	++*(int *)arg;
	return 1;
}

static int count_progress(uint64_t bytes, uint64_t all, void *arg)
{
	ck_assert_uint_le(bytes, all);
	++*(int *)arg;
	return 0;
}

START_TEST(limits_progress_and_stopping)
{
	int calls = 0;
	struct rondo_verify_opts opts = { .size = sizeof(opts),
					  .progress = stop_at_once,
					  .arg = &calls };
	struct rondo_verify_report report = { .size = sizeof(report) };

	ck_ok(rondo_store_close(filled(in_scratch("progress"))));
	ck_err(rondo_store_verify(in_scratch("progress"), &opts, &report), RONDO_MORE);
	ck_assert_int_eq(calls, 1);
	opts.progress = count_progress;
	ck_ok(rondo_store_verify(in_scratch("progress"), &opts, &report));
	ck_assert_int_ge(calls, 7);
}
END_TEST

START_TEST(errors_no_store_to_verify)
{
	struct rondo_verify_opts opts = { .size = sizeof(opts),
					  .detail = detail,
					  .detail_size = sizeof(detail) };
	struct rondo_verify_report report = { .size = 0 };

	ck_err(rondo_store_verify(NULL, NULL, NULL), RONDO_E_INVALID);
	ck_err(rondo_store_verify(scratch, NULL, &report), RONDO_E_INVALID);
	ck_err(rondo_store_verify(in_scratch("nowhere"), &opts, NULL), RONDO_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(detail, "nowhere"));
	ck_err(rondo_store_verify(scratch, &opts, NULL), RONDO_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(detail, "no store here"));
	opts.size = 1;
	ck_err(rondo_store_verify(scratch, &opts, NULL), RONDO_E_INVALID);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_a_whole_store_has_no_finding, 'C' },
		{ core_damaged_cells_are_found, 'C' },
		{ core_windows_that_the_finer_tier_contradicts_are_found, 'C' },
		{ core_a_source_of_more_or_less_than_was_stored_is_found, 'C' },
		{ core_damaged_histograms_are_found, 'C' },
		{ core_entries_are_checked, 'C' },
		{ core_no_flip_under_a_checksum_goes_unseen, 'C' },
		{ core_files_are_missed, 'C' },
		{ core_what_a_power_loss_explains_is_a_note, 'C' },
		{ core_nothing_is_found_while_it_is_written, 'C' },
		{ limits_cells_from_the_future_are_noted, 'L' },
		{ limits_a_migrated_store_has_no_damage, 'L' },
		{ limits_progress_and_stopping, 'L' },
		{ errors_no_store_to_verify, 'E' },
	};

	return run_suite("lib_internal_verify", tests, LENGTH(tests));
}
