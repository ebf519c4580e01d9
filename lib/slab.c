// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * slab.c - the file behind one tier: created at its full size, checked, mapped
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell.h"

static void slab_name(char *buf, size_t size, const char *schema, uint32_t tier)
{
	snprintf(buf, size, SLAB_NAME_FMT, schema, tier);
}

static void header_fill(struct disk_slab *header, const struct rondo_store *store, uint32_t schema,
			uint32_t tier, uint64_t interval, uint32_t rows, uint32_t lanes,
			uint64_t file_size)
{
	memset(header, 0, sizeof(*header));
	memcpy(header->magic, SLAB_MAGIC, sizeof(header->magic));
	header->endian = FORMAT_ENDIAN;
	header->version = FORMAT_VERSION;
	memcpy(header->uuid, store->superblock.uuid, sizeof(header->uuid));
	header->schema = schema;
	header->tier = tier;
	header->interval_ns = interval;
	header->rows = rows;
	header->lanes = lanes;
	header->file_size = file_size;
	header->crc = crc32c(0, header, offsetof(struct disk_slab, crc));
}

/* All blocks are allocated here, so that a full disk is an error now and never a SIGBUS later. */
int slab_create(struct rondo_store *store, const struct disk_schema *disk, uint32_t schema,
		uint32_t tier, uint32_t mode, char *detail, size_t size)
{
	const struct disk_tier *t = &disk->tiers[tier];
	uint32_t each = disk_lanes_each(disk, tier);
	uint64_t bytes = slab_size(disk, tier);
	struct disk_slab header;
	char name[96];
	int fd, err = 0;

	slab_name(name, sizeof(name), disk->name, tier);
	fd = openat(store->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return fail(detail, size, error_of_errno(errno), "%s: %s", name, strerror(errno));
	header_fill(&header, store, schema, tier, t->interval_ns, t->rows, each * disk->max_series,
		    bytes);
	errno = posix_fallocate(fd, 0, (off_t)bytes);
	if (errno == 0 && pwrite(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
	    fsync(fd) == 0)
		err = 0;
	else
		err = fail(detail, size, error_of_errno(errno), "%s: %s (%llu bytes)", name,
			   strerror(errno), (unsigned long long)bytes);
	close(fd);
	return err;
}

static int header_check(const struct disk_slab *header, const struct disk_slab *expected,
			const char *name, char *detail, size_t size)
{
	if (memcmp(header->magic, SLAB_MAGIC, sizeof(header->magic)))
		return fail(detail, size, RONDO_E_CORRUPT, "%s: not a slab", name);
	if (header->endian != FORMAT_ENDIAN)
		return fail(detail, size,
			    header->endian == FORMAT_SWAPPED ? RONDO_E_ENDIAN : RONDO_E_CORRUPT,
			    "%s: byte order marker 0x%08x", name, header->endian);
	if (header->crc != crc32c(0, header, offsetof(struct disk_slab, crc)))
		return fail(detail, size, RONDO_E_CORRUPT, "%s: wrong checksum", name);
	if (header->version != FORMAT_VERSION)
		return fail(detail, size, RONDO_E_VERSION,
			    "%s: format version %u, this library has %u", name, header->version,
			    FORMAT_VERSION);
	if (memcmp(header, expected, sizeof(*header)))
		return fail(detail, size, RONDO_E_CORRUPT, "%s: belongs to another store or tier",
			    name);
	return 0;
}

int slab_open(struct rondo_store *store, struct schema *schema, uint32_t index, char *detail,
	      size_t size)
{
	struct tier *tier = &schema->tiers[index];
	int prot = store->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	struct disk_slab header, expected;
	char name[96];
	void *map;
	int err;

	slab_name(name, sizeof(name), schema->name, index);
	tier->fd = openat(store->dir_fd, name,
			  (store->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW);
	if (tier->fd < 0)
		return fail(detail, size, errno == ENOENT ? RONDO_E_CORRUPT : error_of_errno(errno),
			    "%s: %s", name, strerror(errno));
	if (slab_check_size(tier))
		return fail(detail, size, RONDO_E_CORRUPT, "%s: its size is not %llu bytes", name,
			    (unsigned long long)tier->file_size);
	if (pread(tier->fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return fail(detail, size, RONDO_E_IO, "%s: can't read its header", name);
	header_fill(&expected, store, schema->index, index, tier->interval, tier->rows, tier->lanes,
		    tier->file_size);
	err = header_check(&header, &expected, name, detail, size);
	if (err)
		return err;
	map = mmap(NULL, tier->file_size, prot, MAP_SHARED, tier->fd, 0);
	if (map == MAP_FAILED)
		return fail(detail, size, RONDO_E_IO, "%s: mmap: %s", name, strerror(errno));
	tier->map = map;
	tier->cells = (struct disk_cell *)(tier->map + SLAB_HEADER);
	tier->end = (char *)tier->cells + tier->rows * tier->stride;
	if (index == 0)
		schema->end = tier->end;
	madvise(map, tier->file_size, MADV_DONTFORK);
	madvise(map, tier->file_size, MADV_RANDOM);
	return sigbus_add(store, map, tier->file_size);
}

void slab_close(struct tier *tier)
{
	if (tier->map) {
		sigbus_remove(tier->map);
		munmap(tier->map, tier->file_size);
	}
	if (tier->fd >= 0)
		close(tier->fd);
	tier->map = NULL;
	tier->fd = -1;
}

/* That the file is as long as the mapping: whoever reads beyond its end would get SIGBUS. */
int slab_check_size(const struct tier *tier)
{
	struct stat st;

	if (fstat(tier->fd, &st) || (uint64_t)st.st_size != tier->file_size)
		return RONDO_E_CORRUPT;
	return 0;
}

/* For readers in other processes: how far the tier is closed.  A hint, outside of every checksum. */
uint64_t slab_closed(const struct tier *tier)
{
	return load_acquire((const uint64_t *)(tier->map + CLOSED_OFFSET));
}

/* Going down, it notes which windows can be recorded into although they were closed once. */
void slab_set_closed(struct tier *tier, uint64_t until_ns)
{
	uint64_t *reopened = (uint64_t *)(tier->map + REOPENED_OFFSET), before = slab_closed(tier);

	if (until_ns == before)
		return;
	if (until_ns < before) {
		if (before > load_relaxed(&reopened[1]))
			store_release(&reopened[1], before);
		if (until_ns < load_relaxed(&reopened[0]) || !load_relaxed(&reopened[0]))
			store_release(&reopened[0], until_ns);
	}
	store_release((uint64_t *)(tier->map + CLOSED_OFFSET), until_ns);
}

/* Whether a window's ticks may have been recorded after it was closed. */
bool slab_reopened(const struct tier *tier, uint64_t start_ns)
{
	const uint64_t *reopened = (const uint64_t *)(tier->map + REOPENED_OFFSET);

	return start_ns >= load_acquire(&reopened[0]) && start_ns < load_acquire(&reopened[1]);
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define PAGE UINT64_C(4096)

/*
 * What recording into a row writes to: the row, and after it, in the finest tier, histograms' journals.
 * Prepares at most so many bytes of that from `done` on; returns how many.
 */
static uint64_t prefault_part(const struct tier *tier, uint64_t row, uint64_t done, uint64_t most)
{
	uint64_t from = SLAB_HEADER + row * tier->stride + done, to = from + tier->stride - done;

	if (done >= tier->stride) {
		from = (uint64_t)(tier->end - tier->map) + done - tier->stride;
		to = tier->file_size;
	}
	to = to - from > most ? from + most : to;
	madvise(tier->map + (from & ~(PAGE - 1)), to - (from & ~(PAGE - 1)), MADV_POPULATE_WRITE);
	return to - from;
}

/*
 * Makes pages writable in advance, up to the row of this number, so that a writer that enters it takes
 * no page fault.  At most so many bytes now; what is left is for the next calls.  Only a help: its
 * failure costs the writer a fault.
 */
void slab_prefault(struct tier *tier, uint64_t number, uint64_t most)
{
	uint64_t size = tier->stride + tier->file_size - (uint64_t)(tier->end - tier->map);

	if (tier->prefaulted > number + 1 || tier->prefaulted + 1 < number) {
		tier->prefaulted = number ? number - 1 : 0;
		tier->prefault_done = 0;
	}
	while (tier->prefaulted <= number && most) {
		uint64_t n = prefault_part(tier, tier->prefaulted % tier->rows, tier->prefault_done,
					   most);

		most -= n;
		tier->prefault_done += n;
		if (tier->prefault_done == size) {
			tier->prefault_done = 0;
			tier->prefaulted++;
		}
	}
}

/* After 4,194,303 owners of a slot its first generation comes again: nothing of it may be left. */
void slab_clear(const struct schema *schema, uint32_t slot)
{
	for (uint32_t t = 0; t < schema->n_tiers; t++) {
		struct tier *tier = &schema->tiers[t];

		for (uint32_t row = 0; row < tier->rows; row++)
			for (uint32_t lane = 0; lane < tier->lanes_each; lane++)
				store_release(
					&cell_at(tier, row, slot * tier->lanes_each + lane)->tag,
					0);
		msync(tier->map, tier->file_size, MS_SYNC);
	}
}
