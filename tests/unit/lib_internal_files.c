// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Files that were changed and given a right checksum again: other versions, unknown features,
 * schemas out of range, entries that contradict each other, lanes that a kill left behind. What a
 * plain damage leads to is in lib_store.c.
 */
#include "format.h"
#include "internal.h"

#include <errno.h>
#include <sys/mman.h>

#include "lib_common.h"

#define IN_SUPERBLOCK(member) offsetof(struct disk_superblock, member)

static rondo_store *make_store(const char *path)
{
	const struct rondo_schema schema = schema_small(4);

	return create(path, &schema, 1);
}

/* All of a file, mapped for changing. */
static char *map_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char *map = mmap(NULL, size_of_file(path), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ck_assert_ptr_ne(map, MAP_FAILED);
	close(fd);
	return map;
}

static void checksum(char *from, size_t crc_at)
{
	uint32_t crc = crc32c(0, from, crc_at);

	memcpy(from + crc_at, &crc, 4);
}

/* Sets a u32 of one copy of the superblock (2: of both). */
static void change_superblock(const char *file, int which, size_t offset, uint32_t value)
{
	char *map = map_file(file);

	for (int copy = 0; copy < 2; copy++) {
		char *sb = map + (copy ? SUPERBLOCK_B : SUPERBLOCK_A);

		if (which != 2 && which != copy)
			continue;
		memcpy(sb + offset, &value, 4);
		checksum(sb, IN_SUPERBLOCK(crc));
	}
	munmap(map, size_of_file(file));
}

/* Which copy counts. */
static int newest_copy(const char *file)
{
	char *map = map_file(file);
	const struct disk_superblock *a = (void *)(map + SUPERBLOCK_A);
	const struct disk_superblock *b = (void *)(map + SUPERBLOCK_B);
	int newest = b->sequence > a->sequence;

	munmap(map, size_of_file(file));
	return newest;
}

static void refused_everywhere(const char *path, int error)
{
	const struct rondo_schema schema = schema_small(4);
	static const uint32_t flags[] = { 0, RONDO_OPEN_READ_ONLY, RONDO_OPEN_CREATE };

	for (size_t i = 0; i < LENGTH(flags); i++) {
		rondo_store *store = NULL;

		ck_err(open_with(path, &schema, 1, flags[i], &store), error);
		ck_assert_ptr_null(store);
		ck_assert_str_ne(detail, "");
	}
}

START_TEST(errors_versions_and_features)
{
	const char *file = in_scratch("version/store.rondo");

	ck_ok(rondo_store_close(make_store(in_scratch("version"))));
	change_superblock(file, 2, IN_SUPERBLOCK(version), FORMAT_VERSION + 1);
	refused_everywhere(in_scratch("version"), RONDO_E_VERSION);
	change_superblock(file, 2, IN_SUPERBLOCK(version), 0);
	refused_everywhere(in_scratch("version"), RONDO_E_VERSION);
	change_superblock(file, 2, IN_SUPERBLOCK(version), FORMAT_VERSION);
	change_superblock(file, 2, IN_SUPERBLOCK(incompat), 1u << 31);
	refused_everywhere(in_scratch("version"), RONDO_E_VERSION);
	change_superblock(file, 2, IN_SUPERBLOCK(incompat), 0);
	/* what may be ignored is ignored */
	change_superblock(file, 2, IN_SUPERBLOCK(compat), 1u << 31);
	ck_ok(rondo_store_close(reopen(in_scratch("version"), 0)));
}
END_TEST

/* A newer library changed the store: its copy counts, not the older one that we would understand. */
START_TEST(errors_an_older_copy_was_taken_for_a_newer_version)
{
	const char *file = in_scratch("older/store.rondo");
	int newest;

	ck_ok(rondo_store_close(make_store(in_scratch("older"))));
	newest = newest_copy(file);
	change_superblock(file, newest, IN_SUPERBLOCK(incompat), 1u << 31);
	refused_everywhere(in_scratch("older"), RONDO_E_VERSION);
	change_superblock(file, newest, IN_SUPERBLOCK(incompat), 0);
	change_superblock(file, newest, IN_SUPERBLOCK(version), FORMAT_VERSION + 1);
	refused_everywhere(in_scratch("older"), RONDO_E_VERSION);
	/* the other way round, the older one is history */
	change_superblock(file, newest, IN_SUPERBLOCK(version), FORMAT_VERSION);
	change_superblock(file, !newest, IN_SUPERBLOCK(version), FORMAT_VERSION + 1);
	ck_ok(rondo_store_close(reopen(in_scratch("older"), 0)));
}
END_TEST

START_TEST(errors_superblock_fields_out_of_range)
{
	static const struct {
		size_t offset;
		uint32_t value;
	} bad[] = {
		{ IN_SUPERBLOCK(n_schemas), 0 },        { IN_SUPERBLOCK(n_schemas), 2 },
		{ IN_SUPERBLOCK(n_schemas), 65 },       { IN_SUPERBLOCK(n_schemas), UINT32_MAX },
		{ IN_SUPERBLOCK(entry_size), 0 },       { IN_SUPERBLOCK(entry_size), 1 },
		{ IN_SUPERBLOCK(entry_size), 256 },     { IN_SUPERBLOCK(entry_size), 8192 },
		{ IN_SUPERBLOCK(directory_offset), 0 }, { IN_SUPERBLOCK(directory_offset) + 4, 1 },
		{ IN_SUPERBLOCK(file_size), 0 },        { IN_SUPERBLOCK(file_size) + 4, 1 },
	};

	for (size_t i = 0; i < LENGTH(bad); i++) {
		ck_ok(rondo_store_close(make_store(in_scratch("range"))));
		change_superblock(in_scratch("range/store.rondo"), 2, bad[i].offset, bad[i].value);
		refused_everywhere(in_scratch("range"), RONDO_E_CORRUPT);
		remove_tree(in_scratch("range"));
	}
}
END_TEST

/* A schema that can't be is refused; and refusing it closes no descriptor that isn't the store's. */
START_TEST(errors_refusing_a_schema_closed_descriptor_0)
{
	static const struct {
		size_t offset;
		uint32_t value;
	} bad[] = {
		{ offsetof(struct disk_schema, n_tiers), 0 },
		{ offsetof(struct disk_schema, n_tiers), 45 },
		{ offsetof(struct disk_schema, n_tiers), 3 },
		{ offsetof(struct disk_schema, max_series), 0 },
		{ offsetof(struct disk_schema, max_series), 5 },
		{ offsetof(struct disk_schema, max_series), UINT32_MAX },
		{ offsetof(struct disk_schema, name), 0x2f2e2e },
		{ offsetof(struct disk_schema, selector), 0x7b },
		{ offsetof(struct disk_schema, xff) + 4, 0x7ff80000 },
		{ offsetof(struct disk_schema, tiers) + 0, 1 },
		{ offsetof(struct disk_schema, tiers) + 4, 1 },
		{ offsetof(struct disk_schema, tiers) + 24, 0 },
		{ offsetof(struct disk_schema, tiers) + 24, 12 },
		{ offsetof(struct disk_schema, tiers) + 24, 13 },
		{ offsetof(struct disk_schema, tiers) + 24, UINT32_MAX },
		{ offsetof(struct disk_schema, tiers) + 64, 3 },
		{ offsetof(struct disk_schema, tiers) + 64 + 20, 0 },
		{ offsetof(struct disk_schema, tiers) + 64 + 20, 1 },
		{ offsetof(struct disk_schema, tiers) + 64 + 20, UINT32_MAX },
	};

	for (size_t i = 0; i < LENGTH(bad); i++) {
		rondo_store *store;
		char *map;
		int err;

		ck_ok(rondo_store_close(make_store(in_scratch("schema"))));
		map = map_file(in_scratch("schema/store.rondo"));
		memcpy(map + SCHEMAS_OFFSET + bad[i].offset, &bad[i].value, 4);
		checksum(map + SCHEMAS_OFFSET, offsetof(struct disk_schema, crc));
		munmap(map, size_of_file(in_scratch("schema/store.rondo")));
		err = open_with(in_scratch("schema"), NULL, 0, 0, &store);
		ck_assert_msg(err == RONDO_E_CORRUPT || err == RONDO_E_SELECTOR,
			      "field %zu, value %u: %d", bad[i].offset, bad[i].value, err);
		ck_assert_msg(fcntl(0, F_GETFD) != -1 || errno != EBADF,
			      "field %zu: descriptor 0 is closed", bad[i].offset);
		remove_tree(in_scratch("schema"));
	}
}
END_TEST

/* ---- the directory ---- */

static char *entry_in(char *map, uint32_t slot)
{
	return map + SCHEMAS_OFFSET + SCHEMA_SIZE + slot * 512;
}

static void entry_checksum(char *at)
{
	struct disk_entry *entry = (void *)at;
	uint32_t generation = state_generation(entry->state), crc;

	crc = crc32c(0, &generation, 4);
	entry->crc = crc32c(crc, at + ENTRY_CRC_FROM,
			    ENTRY_HEADER - ENTRY_CRC_FROM + entry->key_len + entry->unit_len +
				    (size_t)entry->help_len);
}

/*
 * A power loss kept the page of an old owner of slot 0 and the page of the same series' new place: two
 * live entries with one key. One of them counts, the other's slot is free, and stays so.
 */
START_TEST(errors_one_series_in_two_slots)
{
	const char *file = in_scratch("double/store.rondo");
	rondo_store *store = make_store(in_scratch("double"));
	struct disk_entry *second;
	rondo_series *series;
	rondo_id id;
	char *map;

	gauge(store, "g");
	gauge(store, "other");
	ck_ok(rondo_store_close(store));
	map = map_file(file);
	memcpy(entry_in(map, 1), entry_in(map, 0), 512);
	second = (void *)entry_in(map, 1);
	second->slot = 1;
	second->registered_at++;
	entry_checksum(entry_in(map, 1));
	munmap(map, size_of_file(file));

	for (int i = 0; i < 2; i++) {
		store = reopen(in_scratch("double"), 0);
		ck_assert_uint_eq(matching(store, "g"), 1);
		ck_assert_uint_eq(store_info(store).series_live, 1);
		series = gauge(store, "g");
		ck_assert_uint_eq(rondo_series_id(store, series), id_of_name(store, "g"));
		ck_assert_uint_eq(series_id_slot(rondo_series_id(store, series)), 1);
		ck_assert_uint_eq(matching(store, "g"), 1);
		ck_ok(rondo_store_close(store));
	}
	/* all slots can be used, and every series is found */
	store = reopen(in_scratch("double"), 0);
	gauge(store, "x");
	gauge(store, "y");
	gauge(store, "z");
	ck_err(register_one(store, "more", NULL, NULL, RONDO_GAUGE, &series), RONDO_E_FULL);
	ck_assert_uint_eq(matching(store, ""), 4);
	ck_ok(find_one(store, "g", NULL, NULL, &id));
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Entries that don't check are free, whatever is in them. */
START_TEST(errors_entries_that_contradict_themselves)
{
	static const struct {
		size_t offset;
		uint32_t value;
	} bad[] = {
		{ offsetof(struct disk_entry, key_len), 0xffff },
		{ offsetof(struct disk_entry, key_len), 0 },
		{ offsetof(struct disk_entry, unit_len), 32 },
		{ offsetof(struct disk_entry, help_len), 0x01010000 | 480 },
		{ offsetof(struct disk_entry, kind) - 2, 0 },
		{ offsetof(struct disk_entry, kind) - 2, 0x00ff0000 },
		{ offsetof(struct disk_entry, slot), 1 },
		{ offsetof(struct disk_entry, slot), UINT32_MAX },
		{ ENTRY_HEADER, 0x7b7b7b7b },
		{ ENTRY_HEADER, 0x22222222 },
	};

	for (size_t i = 0; i < LENGTH(bad); i++) {
		const char *file = in_scratch("entry/store.rondo");
		rondo_store *store = make_store(in_scratch("entry"));
		rondo_id id;
		char *map;

		gauge(store, "gauge");
		ck_ok(rondo_store_close(store));
		map = map_file(file);
		memcpy(entry_in(map, 0) + bad[i].offset, &bad[i].value, 4);
		if (((struct disk_entry *)entry_in(map, 0))->key_len <= 400)
			entry_checksum(entry_in(map, 0));
		munmap(map, size_of_file(file));
		for (int rw = 0; rw < 2; rw++) {
			store = reopen(in_scratch("entry"), rw ? 0 : RONDO_OPEN_READ_ONLY);
			ck_err(find_one(store, "gauge", NULL, NULL, &id), RONDO_E_NOT_FOUND);
			ck_assert_uint_eq(matching(store, ""), 0);
			if (rw)
				gauge(store, "gauge");
			ck_ok(rondo_store_close(store));
		}
		remove_tree(in_scratch("entry"));
	}
}
END_TEST

/* ---- cells ---- */

/*
 * A kill between the lanes of a window leaves the first ones, the power may leave the last ones: those
 * that are missing are filled in after reopening, and no later total lacks what the window had.
 */
START_TEST(core_a_kill_between_two_lanes)
{
	for (int left = 0; left < 12; left++) {
		int lanes = left / 2; /* that are there */
		const char *file = in_scratch("lanes/small.t1.slab");
		rondo_store *store = make_store(in_scratch("lanes"));
		rondo_series *c = counter(store, "c");
		struct disk_cell *cells;
		rondo_id id;
		char *map;

		for (uint64_t i = 0; i < 30; i++)
			ck_ok(rondo_add(c, T0 + i * SEC, (double)(i + 1)));
		consolidate(store, T0 + 26 * SEC);
		ck_ok(rondo_store_close(store));
		/* of the window [10, 20), the last one closed */
		map = map_file(file);
		cells = (void *)(map + SLAB_HEADER);
		for (int gone = 0; gone < 5 - lanes; gone++) {
			int lane = left % 2 ? gone : 4 - gone;
			uint64_t window = T0 / (10 * SEC) + 1, rows = 11;
			struct disk_cell *cell = &cells[window / 6 % rows * 4 * 5 + (size_t)lane];

			ck_assert_uint_eq(cell->tag & ((UINT64_C(1) << 42) - 1), window / 6);
			cell->tail &= ~(UINT64_C(1023) << (4 + 10 * (window % 6)));
		}
		munmap(map, size_of_file(file));
		store = reopen(in_scratch("lanes"), 0);
		consolidate(store, T0 + 36 * SEC);
		id = id_of_name(store, "c");
		ck_value(store, id, 1, RONDO_FN_SUM, T0 + 10 * SEC, 155);
		ck_value(store, id, 1, RONDO_FN_MIN, T0 + 10 * SEC, 11);
		ck_value(store, id, 1, RONDO_FN_MAX, T0 + 10 * SEC, 20);
		ck_value(store, id, 1, RONDO_FN_LAST, T0 + 10 * SEC, 20);
		ck_value(store, id, 1, RONDO_FN_TOTAL, T0 + 10 * SEC, 210);
		ck_value(store, id, 1, RONDO_FN_TOTAL, T0 + 20 * SEC, 465);
		ck_ok(rondo_store_close(store));
		remove_tree(in_scratch("lanes"));
	}
}
END_TEST

/* The power took a cell of the third tier, and left later ones: what the second tier holds makes it again. */
START_TEST(core_a_cell_that_the_power_took_from_before_others)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = SEC, .retention_ns = 30 * SEC },
		{ .interval_ns = 2 * SEC, .retention_ns = 400 * SEC, .functions = ALL_FUNCTIONS },
		{ .interval_ns = 4 * SEC, .retention_ns = 400 * SEC, .functions = RONDO_FNS_SUM },
	};
	const struct rondo_schema schema = schema_of_tiers("holes", tiers, 3, 1);
	uint64_t base = T0 / (24 * SEC) * (24 * SEC), rows = 19;
	rondo_store *store = create(in_scratch("holes"), &schema, 1);
	rondo_series *c = counter(store, "c");
	struct disk_cell *cell;
	rondo_id id;
	char *map;

	for (uint64_t i = 0; i < 200; i++) {
		ck_ok(rondo_add(c, base + i * SEC, (double)(i + 1)));
		consolidate(store, base + i * SEC);
	}
	ck_ok(rondo_store_close(store));
	change_superblock(in_scratch("holes/store.rondo"), 2, IN_SUPERBLOCK(dirty), 1);
	map = map_file(in_scratch("holes/holes.t2.slab"));
	cell = (struct disk_cell *)(map + SLAB_HEADER) + (base / (24 * SEC) + 3) % rows;
	ck_assert_uint_eq(cell->tag & ((UINT64_C(1) << 42) - 1), base / (24 * SEC) + 3);
	memset(cell, 0, sizeof(*cell));
	munmap(map, size_of_file(in_scratch("holes/holes.t2.slab")));

	store = reopen(in_scratch("holes"), 0);
	id = id_of_name(store, "c");
	ck_absent(store, id, 2, RONDO_FN_SUM, base + 72 * SEC);
	consolidate(store, base + 200 * SEC);
	for (uint64_t i = 0; i + 4 + 6 <= 200; i += 4)
		ck_value(store, id, 2, RONDO_FN_SUM, base + i * SEC, (double)(4 * i + 10));
	ck_ok(rondo_store_close(store));
}
END_TEST

/* Bytes of any kind in the cells: every point that is told is finite, and lies in its cell's place. */
START_TEST(errors_random_cells)
{
	const char *files[] = { in_scratch("noise/small.t0.slab"),
				in_scratch("noise/small.t1.slab") };
	rondo_store *store = make_store(in_scratch("noise"));
	rondo_series *c = counter(store, "c");
	rondo_id id = rondo_series_id(store, c);
	static struct rondo_point points[4096];

	ck_ok(rondo_add(c, T0, 1));
	ck_ok(rondo_store_close(store));
	for (int round = 0; round < 200; round++) {
		for (int f = 0; f < 2; f++) {
			char *map = map_file(files[f]);
			size_t words = (size_of_file(files[f]) - SLAB_HEADER) / 8;
			uint64_t *word = (void *)(map + SLAB_HEADER);
			uint64_t tag = (id >> 32 & 0xffffff) << 42;

			for (size_t i = 0; i < words; i++)
				if (random_below(3))
					word[i] = random_u64() >> random_below(64);
			/* cells that pass for the series': any number, and mostly the right place */
			for (size_t cell = 0; cell < words / 8; cell++) {
				uint64_t number = random_u64() >> (22 + random_below(42));

				if (random_below(2))
					number = number / 11 * 11 + cell / (f ? 20 : 4);
				word[cell * 8] = word[cell * 8 + 7] = tag | number;
			}
			munmap(map, size_of_file(files[f]));
		}
		store = reopen(in_scratch("noise"), 0);
		for (int fn = RONDO_FN_AVG; fn <= RONDO_FN_RATE; fn++) {
			for (uint32_t t = 0; t < 3; t++) {
				uint32_t tier = t == 2 ? RONDO_TIER_AUTO : t;
				size_t n = read_points(store, id, tier, (enum rondo_function)fn, 0,
						       0, points, LENGTH(points));

				for (size_t i = 1; i < n; i++)
					expect(points[i].ts_ns > points[i - 1].ts_ns, "order");
			}
		}
		rondo_consolidate(store, T0 + 100 * SEC, 0);
		ck_ok(rondo_store_close(store));
	}
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_a_kill_between_two_lanes, 'C' },
		{ core_a_cell_that_the_power_took_from_before_others, 'C' },
		{ errors_versions_and_features, 'E' },
		{ errors_an_older_copy_was_taken_for_a_newer_version, 'E' },
		{ errors_superblock_fields_out_of_range, 'E' },
		{ errors_refusing_a_schema_closed_descriptor_0, 'E' },
		{ errors_one_series_in_two_slots, 'E' },
		{ errors_entries_that_contradict_themselves, 'E' },
		{ errors_random_cells, 'E' },
	};

	return run_suite("lib_internal_files", tests, LENGTH(tests));
}
