// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * superblock.c - the two copies at the head of the directory file
 *
 * A new state goes over the older copy and is synced; the valid copy with the higher sequence
 * counts.  So there is a valid one at any moment.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "directory.h"
#include "superblock.h"

static bool all_zero(const void *data, size_t len)
{
	const char *p = data;

	return len == 0 || (p[0] == 0 && !memcmp(p, p + 1, len - 1));
}

/* That a copy was written whole, by whichever version of the library. */
static int copy_whole(const struct disk_superblock *sb, char *detail, size_t size)
{
	if (memcmp(sb->magic, STORE_MAGIC, sizeof(sb->magic)))
		return fail(detail, size, RONDO_E_CORRUPT, "%s: no superblock", STORE_FILE);
	if (sb->endian != FORMAT_ENDIAN)
		return fail(detail, size,
			    sb->endian == FORMAT_SWAPPED ? RONDO_E_ENDIAN : RONDO_E_CORRUPT,
			    "%s: byte order marker 0x%08x", STORE_FILE, sb->endian);
	if (sb->crc != crc32c(0, sb, offsetof(struct disk_superblock, crc)))
		return fail(detail, size, RONDO_E_CORRUPT, "%s: superblock: wrong checksum",
			    STORE_FILE);
	return 0;
}

/* That it is of a store that we can open. */
static int copy_fits(const struct disk_superblock *sb, char *detail, size_t size)
{
	if (sb->version != FORMAT_VERSION || sb->incompat)
		return fail(detail, size, RONDO_E_VERSION,
			    "%s: format version %u, features 0x%x; this library has version %u",
			    STORE_FILE, sb->version, sb->incompat, FORMAT_VERSION);
	if (sb->n_schemas < 1 || sb->n_schemas > RONDO_SCHEMAS_MAX || sb->entry_size < 256 ||
	    sb->entry_size > 4096 || (sb->entry_size & (sb->entry_size - 1)) ||
	    sb->directory_offset != SCHEMAS_OFFSET + (uint64_t)sb->n_schemas * SCHEMA_SIZE)
		return fail(detail, size, RONDO_E_CORRUPT,
			    "%s: superblock: a field is out of range", STORE_FILE);
	return 0;
}

/* Everything that can be wrong with a copy by itself. */
int superblock_check(const struct disk_superblock *sb, char *detail, size_t size)
{
	int err = copy_whole(sb, detail, size);

	return err ? err : copy_fits(sb, detail, size);
}

/*
 * Whether a file without a superblock was a store nevertheless: series were registered in it, wherever
 * its directory began.
 */
static bool was_store(int fd)
{
	uint64_t entry[KEY_MAX / sizeof(uint64_t)], changes;
	ssize_t size;

	if (pread(fd, &changes, sizeof(changes), CHANGES_OFFSET) == sizeof(changes) && changes)
		return true;
	for (off_t at = SCHEMAS_OFFSET; (size = pread(fd, entry, sizeof(entry), at)) > 0; at += 256)
		if (entry_whole(entry, (size_t)size))
			return true;
	return false;
}

/*
 * The later one of the copies that are whole: if that one is of a newer version, the store is, and the
 * other copy is history.  RONDO_E_NOT_FOUND if none was ever written (a creation that did not end), the
 * first copy's error if neither is whole.
 */
int superblock_read(int fd, struct disk_superblock *sb, char *detail, size_t size)
{
	struct disk_superblock copy[2];
	int err[2];

	memset(copy, 0, sizeof(copy));
	if (pread(fd, &copy[0], sizeof(copy[0]), SUPERBLOCK_A) < 0 ||
	    pread(fd, &copy[1], sizeof(copy[1]), SUPERBLOCK_B) < 0)
		return fail(detail, size, RONDO_E_IO, "%s: %s", STORE_FILE, strerror(errno));
	if (all_zero(copy, sizeof(copy)) && was_store(fd))
		return fail(detail, size, RONDO_E_CORRUPT, "%s: superblock: both copies are gone",
			    STORE_FILE);
	if (all_zero(copy, sizeof(copy)))
		return fail(detail, size, RONDO_E_NOT_FOUND, "%s: its creation did not end",
			    STORE_FILE);
	err[1] = copy_whole(&copy[1], detail, size);
	err[0] = copy_whole(&copy[0], err[1] ? detail : NULL, size);
	if (err[0] && err[1])
		return err[0];
	*sb = err[0] || (!err[1] && copy[1].sequence > copy[0].sequence) ? copy[1] : copy[0];
	return copy_fits(sb, detail, size);
}

/* Writes the next state over the older copy, durably. */
int superblock_write(int fd, struct disk_superblock *sb)
{
	off_t offset;

	sb->sequence++;
	offset = sb->sequence & 1 ? SUPERBLOCK_B : SUPERBLOCK_A;
	sb->crc = crc32c(0, sb, offsetof(struct disk_superblock, crc));
	if (pwrite(fd, sb, sizeof(*sb), offset) != (ssize_t)sizeof(*sb) || fdatasync(fd))
		return errno == ENOSPC ? RONDO_E_NO_SPACE : RONDO_E_IO;
	return 0;
}
