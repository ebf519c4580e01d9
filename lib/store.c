// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * store.c - opening, closing and syncing a store, and what it says of itself
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "create.h"
#include "superblock.h"

/* ---- opening ---- */

static const struct rondo_open_opts default_opts = { .size = sizeof(default_opts) };

/* Read, write and search for those who may read. */
static mode_t directory_mode(uint32_t mode)
{
	return mode | (mode & 0444) >> 2;
}

static int open_directory(struct rondo_store *store, const char *path,
			  const struct rondo_open_opts *opts, bool *made)
{
	uint32_t mode = opts->mode ? opts->mode : 0644;

	*made = false;
	if (opts->flags & RONDO_OPEN_CREATE) {
		*made = mkdir(path, directory_mode(mode)) == 0;
		if (!*made && errno != EEXIST)
			return fail(opts->detail, opts->detail_size, error_of_errno(errno),
				    "%s: %s", path, strerror(errno));
	}
	store->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir_fd < 0)
		return fail(opts->detail, opts->detail_size, error_of_errno(errno), "%s: %s", path,
			    strerror(errno));
	return 0;
}

static int open_file(struct rondo_store *store, const char *path,
		     const struct rondo_open_opts *opts)
{
	int flags = O_CLOEXEC | O_NOFOLLOW | (store->read_only ? O_RDONLY : O_RDWR) |
		    (opts->flags & RONDO_OPEN_CREATE ? O_CREAT : 0);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	store->fd = openat(store->dir_fd, STORE_FILE, flags, opts->mode ? opts->mode : 0644);
	if (store->fd < 0)
		return fail(opts->detail, opts->detail_size, error_of_errno(errno), "%s/%s: %s",
			    path, STORE_FILE, errno == ENOENT ? "no store here" : strerror(errno));
	if (store->read_only)
		return 0;
	if (fcntl(store->fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return fail(
			opts->detail, opts->detail_size, RONDO_E_LOCKED,
			"%s: open for writing elsewhere, or by a child of a writer that was killed; "
			"'fuser %s/%s' names it",
			path, path, STORE_FILE);
	return fail(opts->detail, opts->detail_size, RONDO_E_IO, "%s: lock: %s", path,
		    strerror(errno));
}

/* With CREATE: makes what isn't there, or compares what is. */
static int create_or_compare(struct rondo_store *store, const struct rondo_open_opts *opts)
{
	struct disk_schema *wanted, found;
	uint64_t n_series;
	int err = superblock_read(store->fd, &store->superblock, opts->detail, opts->detail_size);

	if (err == RONDO_E_NOT_FOUND)
		return store_files_create(store, opts);
	if (err)
		return err;
	if (opts->flags & RONDO_OPEN_EXCLUSIVE)
		return fail(opts->detail, opts->detail_size, RONDO_E_EXISTS,
			    "a store is already there");
	err = schemas_encode(opts, opts->entry_size ? opts->entry_size : 512, &wanted, &n_series);
	if (err)
		return err;
	if (store->superblock.n_schemas != opts->n_schemas)
		err = fail(opts->detail, opts->detail_size, RONDO_E_SCHEMA,
			   "the store has %u schemas, not %zu", store->superblock.n_schemas,
			   opts->n_schemas);
	for (uint32_t i = 0; !err && i < opts->n_schemas; i++) {
		off_t at = SCHEMAS_OFFSET + (off_t)i * SCHEMA_SIZE;

		if (pread(store->fd, &found, sizeof(found), at) != (ssize_t)sizeof(found) ||
		    found.crc != crc32c(0, &found, offsetof(struct disk_schema, crc)))
			err = fail(opts->detail, opts->detail_size, RONDO_E_CORRUPT,
				   "%s: schema %u: cut short, or wrong checksum", STORE_FILE, i);
		else if (memcmp(&found, &wanted[i], sizeof(found)))
			err = fail(opts->detail, opts->detail_size, RONDO_E_SCHEMA,
				   "schema '%s' differs from the one the store was created with",
				   wanted[i].name);
	}
	free(wanted);
	return err;
}

static int map_directory(struct rondo_store *store, const char *path,
			 const struct rondo_open_opts *opts)
{
	int prot = store->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	struct stat st;
	void *map;

	store->file_size = store->superblock.file_size;
	store->entry_size = store->superblock.entry_size;
	store->n_schemas = store->superblock.n_schemas;
	if (fstat(store->fd, &st) || (uint64_t)st.st_size != store->file_size ||
	    store->file_size < store->superblock.directory_offset)
		return fail(opts->detail, opts->detail_size, RONDO_E_CORRUPT,
			    "%s/%s: its size is not %llu bytes", path, STORE_FILE,
			    (unsigned long long)store->file_size);
	map = mmap(NULL, store->file_size, prot, MAP_SHARED, store->fd, 0);
	if (map == MAP_FAILED)
		return fail(opts->detail, opts->detail_size, RONDO_E_IO, "%s/%s: mmap: %s", path,
			    STORE_FILE, strerror(errno));
	store->map = map;
	madvise(map, store->file_size, MADV_DONTFORK);
	return sigbus_add(store, map, store->file_size);
}

/*
 * What writers may write to before the first consolidate(): nothing that was closed already.  A hint from
 * beyond the clock is none: the clock went back since, or it is damage.
 */
static void set_open_span(struct schema *schema)
{
	uint64_t closed = schema->n_tiers > 1 ? slab_closed(&schema->tiers[0]) : 0;

	schema->closed_until = closed <= schema->now ? closed : 0;
	schema->open_span = schema->now + schema->max_ahead - schema->closed_until;
}

static int load_schemas(struct rondo_store *store, const struct rondo_open_opts *opts)
{
	uint64_t n_series = 0, now = clock_now();

	store->schemas = calloc(store->n_schemas, sizeof(*store->schemas));
	if (!store->schemas)
		return RONDO_E_NOMEM;
	for (uint32_t i = 0; i < store->n_schemas; i++) {
		const void *disk = store->map + SCHEMAS_OFFSET + (size_t)i * SCHEMA_SIZE;
		struct schema *schema = &store->schemas[i];
		int err;

		schema->store = store;
		schema->index = i;
		schema->now = now;
		err = schema_decode(disk, schema, opts->detail, opts->detail_size);
		for (uint32_t t = 0; !err && t < schema->n_tiers; t++)
			err = slab_open(store, schema, t, opts->detail, opts->detail_size);
		if (err)
			return err;
		set_open_span(schema);
		n_series += schema->max_series;
	}
	if (directory_size(n_series, store->n_schemas, store->entry_size) != store->file_size)
		return fail(opts->detail, opts->detail_size, RONDO_E_CORRUPT,
			    "%s: its size does not fit its schemas", STORE_FILE);
	return directory_load(store, opts->detail, opts->detail_size);
}

/* Marks the store as in use; if it already was, its last writer did not close it. */
static int mark_dirty(struct rondo_store *store, const struct rondo_open_opts *opts)
{
	int err;

	if (store->read_only)
		return 0;
	store->unclean = store->superblock.dirty;
	if (store->unclean)
		store->superblock.unclean_opens++;
	store->superblock.dirty = 1;
	err = superblock_write(store->fd, &store->superblock);
	return err ? fail(opts->detail, opts->detail_size, err, "%s: superblock: %s", STORE_FILE,
			  strerror(errno))
		   : 0;
}

/* At once: else a forked child that lives on would keep it, with its copy of the descriptor. */
static void unlock(const struct rondo_store *store)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (!store->read_only)
		fcntl(store->fd, F_OFD_SETLK, &lock);
}

static void store_free(struct rondo_store *store)
{
	for (uint32_t i = 0; store->schemas && i < store->n_schemas; i++)
		schema_free(&store->schemas[i]);
	index_free(store);
	free(store->schemas);
	if (store->map) {
		sigbus_remove(store->map);
		munmap(store->map, store->file_size);
	}
	if (store->fd >= 0) {
		unlock(store);
		close(store->fd);
	}
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

static int open_store(struct rondo_store *store, const char *path,
		      const struct rondo_open_opts *opts, bool *made)
{
	int err = open_directory(store, path, opts, made);

	if (!err)
		err = open_file(store, path, opts);
	if (err)
		return err;
	if (opts->flags & RONDO_OPEN_CREATE)
		err = create_or_compare(store, opts);
	else
		err = superblock_read(store->fd, &store->superblock, opts->detail,
				      opts->detail_size);
	if (!err)
		err = map_directory(store, path, opts);
	if (!err)
		err = load_schemas(store, opts);
	return err ? err : mark_dirty(store, opts);
}

RONDO_API int rondo_store_open(const char *path, const struct rondo_open_opts *opts,
			       rondo_store **out)
{
	struct rondo_store *store;
	bool made;
	int err;

	opts = opts ? opts : &default_opts;
	if (!path || !out || opts->size < sizeof(*opts))
		return RONDO_E_INVALID;
	if ((opts->flags & RONDO_OPEN_READ_ONLY) &&
	    (opts->flags & (RONDO_OPEN_CREATE | RONDO_OPEN_TIMED)))
		return fail(opts->detail, opts->detail_size, RONDO_E_INVALID,
			    "a store can't be created or timed read-only");
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return RONDO_E_ENDIAN;
	store = calloc(1, sizeof(*store));
	if (!store)
		return RONDO_E_NOMEM;
	store->dir_fd = store->fd = -1;
	store->read_only = opts->flags & RONDO_OPEN_READ_ONLY;
	store->timed = opts->flags & RONDO_OPEN_TIMED;
	pthread_mutex_init(&store->lock, NULL);
	fail(opts->detail, opts->detail_size, 0, "%s", "");
	err = open_store(store, path, opts, &made);
	if (err) {
		if (opts->detail && opts->detail_size && !opts->detail[0])
			fail(opts->detail, opts->detail_size, err, "%s: %s", path,
			     rondo_strerror(err));
		if (store->created)
			store_files_remove(store, opts);
		store_free(store);
		if (made)
			rmdir(path);
		return err;
	}
	fail(opts->detail, opts->detail_size, 0, "%s", "");
	*out = store;
	return 0;
}

/* ---- syncing and closing ---- */

static int sync_files(struct rondo_store *store)
{
	int err = 0;

	for (uint32_t i = 0; i < store->n_schemas; i++)
		for (uint32_t t = 0; t < store->schemas[i].n_tiers; t++)
			if (fdatasync(store->schemas[i].tiers[t].fd))
				err = RONDO_E_IO;
	if (fdatasync(store->fd))
		err = RONDO_E_IO;
	if (!err)
		directory_synced(store);
	return err;
}

RONDO_API int rondo_store_sync(rondo_store *store)
{
	int err;

	if (!store)
		return RONDO_E_INVALID;
	if (store->read_only)
		return RONDO_E_READ_ONLY;
	pthread_mutex_lock(&store->lock);
	err = store_check(store);
	if (!err)
		err = sync_files(store);
	pthread_mutex_unlock(&store->lock);
	return err;
}

RONDO_API int rondo_store_close(rondo_store *store)
{
	int err = 0;

	if (!store)
		return 0;
	if (!store->read_only) {
		err = store_failed(store) ? RONDO_E_FAILED : sync_files(store);
		if (!err) {
			store->superblock.dirty = 0;
			err = superblock_write(store->fd, &store->superblock);
		}
	}
	store_free(store);
	return err;
}

bool store_failed(const struct rondo_store *store)
{
	return __atomic_load_n(&store->failed, __ATOMIC_ACQUIRE);
}

/* Under the lock: that all files are as long as their mappings; a store that fails stays failed. */
int store_check(struct rondo_store *store)
{
	struct stat st;

	if (store_failed(store))
		return RONDO_E_FAILED;
	if (fstat(store->fd, &st) || (uint64_t)st.st_size != store->file_size)
		__atomic_store_n(&store->failed, true, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < store->n_schemas; i++)
		for (uint32_t t = 0; t < store->schemas[i].n_tiers; t++)
			if (slab_check_size(&store->schemas[i].tiers[t]))
				__atomic_store_n(&store->failed, true, __ATOMIC_RELEASE);
	return store_failed(store) ? RONDO_E_FAILED : 0;
}
