// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * verify.c - rondo_store_verify(): the files of a store, one after the other
 *
 * Opens what rondo_store_open() would refuse, as far as it can be opened; findings are reported as
 * they come, nothing is kept of them.  Entries are verify_entries.c's, cells verify_cells.c's, windows
 * verify_windows.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "superblock.h"
#include "verify.h"

/* ---- reporting ---- */

/* Fills in whose cell it is. */
static void name_series(const struct verify *v, struct entry_copy *copy,
			struct rondo_verify_finding *at)
{
	const struct schema *schema = &v->store->schemas[at->schema];

	at->id = 0;
	at->key = "";
	if (entry_read(schema, v->slot, copy) ||
	    state_generation(copy->state) != v->tag >> CELL_BITS)
		return;
	at->id = series_id(schema->index, state_generation(copy->state), v->slot);
	at->key = copy->text;
}

static void report(struct verify *v, struct rondo_verify_finding *at, enum rondo_verify_kind kind,
		   bool damage, const char *fmt, va_list args)
{
	struct entry_copy entry;
	char text[256];

	vsnprintf(text, sizeof(text), fmt, args);
	if (damage)
		v->report->damage++;
	else
		v->report->notes++;
	v->report->by_kind[kind]++;
	if (!v->opts->found)
		return;
	if (kind >= RONDO_VERIFY_TAG)
		name_series(v, &entry, at);
	at->size = sizeof(*at);
	at->kind = kind;
	at->damage = damage;
	at->text = text;
	v->opts->found(at, v->opts->arg);
}

void verify_found(struct verify *v, struct rondo_verify_finding *at, enum rondo_verify_kind kind,
		  const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(v, at, kind, true, fmt, args);
	va_end(args);
}

void verify_note(struct verify *v, struct rondo_verify_finding *at, enum rondo_verify_kind kind,
		 const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(v, at, kind, false, fmt, args);
	va_end(args);
}

void verify_explained(struct verify *v, struct rondo_verify_finding *at,
		      enum rondo_verify_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(v, at, kind, !v->unclean, fmt, args);
	va_end(args);
}

bool verify_progress(struct verify *v, uint64_t bytes)
{
	v->bytes += bytes;
	v->report->bytes = v->bytes;
	if (v->opts->progress && v->opts->progress(v->bytes, v->total, v->opts->arg))
		v->stopped = true;
	return !v->stopped;
}

/* A finding about a file as a whole. */
static struct rondo_verify_finding in_file(const char *file, uint64_t offset)
{
	return (struct rondo_verify_finding){
		.file = file, .offset = offset, .schema = UINT32_MAX, .tier = UINT32_MAX, .key = ""
	};
}

/* ---- the superblock ---- */

/* Both copies; one that does not check may be being written, and is read until it holds still. */
static int read_copies(const struct rondo_store *store, struct disk_superblock copy[2])
{
	struct disk_superblock before;

	for (int i = 0; i < 2; i++) {
		off_t at = i ? SUPERBLOCK_B : SUPERBLOCK_A;

		memset(&copy[i], 0, sizeof(copy[i]));
		if (pread(store->fd, &copy[i], sizeof(copy[i]), at) < 0)
			return RONDO_E_IO;
		for (int tries = 0; superblock_check(&copy[i], NULL, 0) && tries < 100; tries++) {
			before = copy[i];
			usleep(500);
			if (pread(store->fd, &copy[i], sizeof(copy[i]), at) < 0)
				return RONDO_E_IO;
			if (!memcmp(&before, &copy[i], sizeof(before)))
				break;
		}
	}
	return 0;
}

static bool is_zero(const struct disk_superblock *copy)
{
	static const struct disk_superblock zero;

	return !memcmp(copy, &zero, sizeof(zero));
}

static bool same_store(const struct disk_superblock *a, const struct disk_superblock *b)
{
	return !memcmp(a->uuid, b->uuid, sizeof(a->uuid)) && a->created_ns == b->created_ns &&
	       a->n_schemas == b->n_schemas && a->entry_size == b->entry_size &&
	       a->file_size == b->file_size;
}

/* The copy that counts; the other one may be all zero only as long as it was never written. */
static int check_superblocks(struct verify *v)
{
	struct rondo_store *store = v->store;
	struct disk_superblock copy[2];
	char text[200];
	int err = read_copies(store, copy);

	if (!err)
		err = superblock_read(store->fd, &store->superblock, v->opts->detail,
				      v->opts->detail_size);
	if (err && err != RONDO_E_CORRUPT)
		return err;
	for (int i = 0; i < 2; i++) {
		struct rondo_verify_finding at =
			in_file(STORE_FILE, i ? SUPERBLOCK_B : SUPERBLOCK_A);

		if (!err && is_zero(&copy[i]) && store->superblock.sequence == 1)
			continue;
		if (superblock_check(&copy[i], text, sizeof(text)))
			verify_found(v, &at, RONDO_VERIFY_SUPERBLOCK, "copy %c: %s", 'A' + i, text);
		else if (!err && !same_store(&copy[i], &store->superblock))
			verify_found(v, &at, RONDO_VERIFY_SUPERBLOCK, "copy %c is another store's",
				     'A' + i);
		else if (!err && copy[i].sequence % 2 != (uint64_t)i)
			verify_found(v, &at, RONDO_VERIFY_SUPERBLOCK,
				     "copy %c has sequence %llu, which belongs into the other",
				     'A' + i, (unsigned long long)copy[i].sequence);
	}
	v->unclean = store->superblock.dirty || store->superblock.unclean_opens;
	return err;
}

/* ---- opening as far as it goes ---- */

static int open_files(struct verify *v, const char *path)
{
	struct rondo_store *store = v->store;
	char *detail = v->opts->detail;
	size_t size = v->opts->detail_size;

	store->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir_fd < 0)
		return fail(detail, size, error_of_errno(errno), "%s: %s", path, strerror(errno));
	store->fd = openat(store->dir_fd, STORE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (store->fd < 0)
		return fail(detail, size, error_of_errno(errno), "%s/%s: %s", path, STORE_FILE,
			    errno == ENOENT ? "no store here" : strerror(errno));
	return 0;
}

/* Maps the directory file; *whole is false, after a finding, if it is not what it should be. */
static int map_file(struct verify *v, bool *whole)
{
	struct rondo_verify_finding at = in_file(STORE_FILE, 0);
	struct rondo_store *store = v->store;
	struct stat st;
	void *map;

	store->n_schemas = store->superblock.n_schemas;
	store->entry_size = store->superblock.entry_size;
	store->file_size = store->superblock.file_size;
	if (fstat(store->fd, &st))
		return RONDO_E_IO;
	*whole = (uint64_t)st.st_size == store->file_size &&
		 store->file_size >= store->superblock.directory_offset;
	if (!*whole) {
		verify_found(v, &at, RONDO_VERIFY_FILE, "it has %lld bytes instead of %llu",
			     (long long)st.st_size, (unsigned long long)store->file_size);
		store->file_size = (uint64_t)st.st_size;
	}
	if (store->file_size < store->superblock.directory_offset)
		return RONDO_E_CORRUPT; /* not even its schemas */
	map = mmap(NULL, store->file_size, PROT_READ, MAP_SHARED, store->fd, 0);
	if (map == MAP_FAILED)
		return RONDO_E_IO;
	store->map = map;
	return sigbus_add(store, map, store->file_size);
}

static int check_slab(struct verify *v, struct schema *schema, uint32_t t)
{
	struct tier *tier = &schema->tiers[t];
	struct rondo_verify_finding at;
	char name[96], text[200] = "";
	struct stat st;
	int err;

	snprintf(name, sizeof(name), SLAB_NAME_FMT, schema->name, t);
	at = in_file(name, 0);
	at.schema = schema->index;
	at.tier = t;
	if (fstatat(v->store->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			return fail(v->opts->detail, v->opts->detail_size, RONDO_E_IO, "%s: %s",
				    name, strerror(errno));
		verify_found(v, &at, RONDO_VERIFY_FILE, "it is missing");
		return 0;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != tier->file_size) {
		verify_found(v, &at, RONDO_VERIFY_FILE, "it has %lld bytes instead of %llu",
			     (long long)st.st_size, (unsigned long long)tier->file_size);
		return 0;
	}
	err = slab_open(v->store, schema, t, text, sizeof(text));
	if (err == RONDO_E_CORRUPT || err == RONDO_E_VERSION || err == RONDO_E_ENDIAN) {
		verify_found(v, &at, RONDO_VERIFY_SLAB, "%s", text);
		return 0;
	}
	if (!err) {
		v->total += tier->file_size;
		madvise(tier->map, tier->file_size, MADV_SEQUENTIAL);
	}
	return err ? fail(v->opts->detail, v->opts->detail_size, err, "%s", text) : 0;
}

/* Schemas and their slabs; *whole is false if a schema can't be used, and so the directory can't. */
static int check_schemas(struct verify *v, bool *whole)
{
	struct rondo_store *store = v->store;
	uint64_t n_series = 0;
	char text[200];

	store->schemas = calloc(store->n_schemas, sizeof(*store->schemas));
	if (!store->schemas)
		return RONDO_E_NOMEM;
	for (uint32_t i = 0; i < store->n_schemas; i++) {
		struct rondo_verify_finding at =
			in_file(STORE_FILE, SCHEMAS_OFFSET + i * SCHEMA_SIZE);
		struct schema *schema = &store->schemas[i];
		int err;

		schema->store = store;
		schema->index = i;
		err = schema_decode((const void *)(store->map + at.offset), schema, text,
				    sizeof(text));
		if (err == RONDO_E_NOMEM)
			return err;
		if (err) {
			at.schema = i;
			verify_found(v, &at, RONDO_VERIFY_SCHEMA, "%s", text);
			*whole = false;
			continue;
		}
		for (uint32_t t = 0; !err && t < schema->n_tiers; t++)
			err = check_slab(v, schema, t);
		if (err)
			return err;
		n_series += schema->max_series;
	}
	if (*whole &&
	    directory_size(n_series, store->n_schemas, store->entry_size) != store->file_size) {
		struct rondo_verify_finding at = in_file(STORE_FILE, 0);

		verify_found(v, &at, RONDO_VERIFY_FILE, "its size does not fit its schemas");
		*whole = false;
	}
	return 0;
}

/* ---- the whole ---- */

static int check_schema(struct verify *v, const struct schema *schema)
{
	int err;

	v->slots = calloc(schema->max_series, sizeof(*v->slots));
	if (!v->slots)
		return RONDO_E_NOMEM;
	err = verify_entries(v, schema);
	for (uint32_t t = 0; !err && !v->stopped && t < schema->n_tiers; t++)
		if (schema->tiers[t].map)
			verify_cells(v, schema, t);
	free(v->slots);
	return err;
}

static int check_store(struct verify *v, const char *path)
{
	struct rondo_store *store = v->store;
	bool whole = false;
	int err = open_files(v, path);

	if (!err)
		err = check_superblocks(v);
	if (!err)
		err = map_file(v, &whole);
	if (!err)
		err = check_schemas(v, &whole);
	if (err == RONDO_E_CORRUPT)
		return 0; /* found, and no further */
	if (err || !whole)
		return err;
	v->total += store->file_size;
	err = directory_load(store, v->opts->detail, v->opts->detail_size);
	for (uint32_t i = 0; !err && !v->stopped && i < store->n_schemas; i++)
		err = check_schema(v, &store->schemas[i]);
	if (!err && !v->stopped)
		err = verify_duplicates(v);
	if (!err && !v->stopped)
		verify_progress(v, v->total - v->bytes);
	return err;
}

RONDO_API int rondo_store_verify(const char *path, const struct rondo_verify_opts *opts,
				 struct rondo_verify_report *out)
{
	static const struct rondo_verify_opts none = { .size = sizeof(none) };
	struct rondo_verify_report ignored = { .size = sizeof(ignored) };
	struct verify v = { .opts = opts ? opts : &none, .report = out ? out : &ignored };
	int err;

	if (!path || v.opts->size < sizeof(*opts) || v.report->size < sizeof(*out))
		return RONDO_E_INVALID;
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return RONDO_E_ENDIAN;
	*v.report = (struct rondo_verify_report){ .size = v.report->size };
	v.now = v.opts->now_ns ? v.opts->now_ns : clock_now();
	v.store = calloc(1, sizeof(*v.store));
	if (!v.store)
		return RONDO_E_NOMEM;
	v.store->dir_fd = v.store->fd = -1;
	v.store->read_only = true;
	pthread_mutex_init(&v.store->lock, NULL);
	fail(v.opts->detail, v.opts->detail_size, 0, "%s", "");
	err = check_store(&v, path);
	if (!err && store_failed(v.store))
		err = RONDO_E_FAILED;
	rondo_store_close(v.store);
	if (!err && v.stopped)
		return RONDO_MORE;
	if (!err && v.report->damage)
		err = RONDO_E_CORRUPT;
	if (err && v.opts->detail && v.opts->detail_size && !v.opts->detail[0])
		fail(v.opts->detail, v.opts->detail_size, err, "%s: %s", path, rondo_strerror(err));
	return err;
}
