// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * create.c - the files of a new store
 *
 * Slabs first, then schemas, the superblock last: without a superblock there is no store, and the
 * next creation begins afresh.  What can't be finished is removed again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "create.h"
#include "superblock.h"

static int make_uuid(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16)
		return RONDO_E_IO;
	uuid[6] = (uuid[6] & 0x0f) | 0x40; /* RFC 9562, version 4 */
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return 0;
}

static int write_schemas(struct rondo_store *store, const struct disk_schema *disk, uint32_t n,
			 char *detail, size_t size)
{
	for (uint32_t i = 0; i < n; i++) {
		off_t at = SCHEMAS_OFFSET + (off_t)i * SCHEMA_SIZE;

		if (pwrite(store->fd, &disk[i], sizeof(disk[i]), at) != (ssize_t)sizeof(disk[i]))
			return fail(detail, size, error_of_errno(errno), "%s: %s", STORE_FILE,
				    strerror(errno));
	}
	return 0;
}

static int write_slabs(struct rondo_store *store, const struct disk_schema *disk, uint32_t n,
		       uint32_t mode, char *detail, size_t size)
{
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t t = 0; t < disk[i].n_tiers; t++) {
			int err = slab_create(store, &disk[i], i, t, mode, detail, size);

			if (err)
				return err;
		}
	}
	return 0;
}

/* What a creation, or what was to follow it, leaves; under the lock, so nobody else is at it. */
void store_files_remove(struct rondo_store *store, const struct rondo_open_opts *opts)
{
	unlinkat(store->dir_fd, STORE_FILE, 0);
	for (size_t i = 0; i < opts->n_schemas; i++) {
		for (uint32_t t = 0; t < opts->schemas[i].n_tiers; t++) {
			char name[96];

			snprintf(name, sizeof(name), SLAB_NAME_FMT, opts->schemas[i].name, t);
			unlinkat(store->dir_fd, name, 0);
		}
	}
}

static int write_store(struct rondo_store *store, const struct disk_schema *disk, uint32_t n,
		       uint32_t mode, char *detail, size_t size)
{
	struct disk_superblock *sb = &store->superblock;
	int err = write_slabs(store, disk, n, mode, detail, size);

	if (err)
		return err;
	errno = posix_fallocate(store->fd, 0, (off_t)sb->file_size);
	if (errno)
		return fail(detail, size, error_of_errno(errno), "%s: %s (%llu bytes)", STORE_FILE,
			    strerror(errno), (unsigned long long)sb->file_size);
	err = write_schemas(store, disk, n, detail, size);
	if (err)
		return err;
	if (fsync(store->fd) || fsync(store->dir_fd))
		return fail(detail, size, RONDO_E_IO, "%s: fsync: %s", STORE_FILE, strerror(errno));
	err = superblock_write(store->fd, sb);
	return err ? fail(detail, size, err, "%s: superblock: %s", STORE_FILE, strerror(errno)) : 0;
}

/* The schemas' form on disk, checked; to be freed. */
int schemas_encode(const struct rondo_open_opts *opts, uint32_t entry_size,
		   struct disk_schema **disk, uint64_t *n_series)
{
	int err = schemas_check(opts->schemas, opts->n_schemas, entry_size, opts->detail,
				opts->detail_size);

	if (err)
		return err;
	*disk = calloc(opts->n_schemas, sizeof(**disk));
	if (!*disk)
		return RONDO_E_NOMEM;
	*n_series = 0;
	for (size_t i = 0; i < opts->n_schemas; i++) {
		err = schema_encode(&opts->schemas[i], &(*disk)[i], opts->detail,
				    opts->detail_size);
		if (err) {
			free(*disk);
			return err;
		}
		*n_series += opts->schemas[i].max_series;
	}
	return 0;
}

/* Fills the directory that store->dir_fd is; store->fd is its empty and locked STORE_FILE. */
int store_files_create(struct rondo_store *store, const struct rondo_open_opts *opts)
{
	struct disk_superblock *sb = &store->superblock;
	uint32_t n = (uint32_t)opts->n_schemas;
	struct disk_schema *disk;
	uint64_t n_series;
	int err;

	memset(sb, 0, sizeof(*sb));
	memcpy(sb->magic, STORE_MAGIC, sizeof(sb->magic));
	sb->endian = FORMAT_ENDIAN;
	sb->version = FORMAT_VERSION;
	sb->created_ns = clock_now();
	sb->n_schemas = n;
	sb->entry_size = opts->entry_size ? opts->entry_size : 512;
	sb->directory_offset = SCHEMAS_OFFSET + (uint64_t)n * SCHEMA_SIZE;
	err = make_uuid(sb->uuid);
	if (!err)
		err = schemas_encode(opts, sb->entry_size, &disk, &n_series);
	if (err) {
		unlinkat(store->dir_fd, STORE_FILE, 0); /* not yet more than that */
		return err;
	}
	sb->file_size = directory_size(n_series, n, sb->entry_size);
	err = write_store(store, disk, n, opts->mode ? opts->mode : 0644, opts->detail,
			  opts->detail_size);
	if (err)
		store_files_remove(store, opts);
	store->created = !err;
	free(disk);
	return err;
}
