// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * schema.c - the rules of schemas, their form on disk, and the sizes that follow from them
 *
 * No files here: pure functions from schemas to bytes and back.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define KNOWN_FUNCTIONS                                                                            \
	(RONDO_FNS_AVG | RONDO_FNS_MIN | RONDO_FNS_MAX | RONDO_FNS_LAST | RONDO_FNS_SUM |          \
	 RONDO_FNS_COUNT | RONDO_FNS_TOTAL)
#define MIN_INTERVAL UINT64_C(1000000)
#define MAX_SERIES   (1u << 24)
#define MAX_ROWS     (1u << 30)
#define MAX_AHEAD    (UINT64_MAX / 4) /* 146 years: no sum of it and a time wraps round */

/* The lanes that a set of functions is computed from; avg and count need the sum lane's covers. */
static uint32_t lanes_of(uint32_t functions)
{
	uint32_t lanes = 0;

	if (functions & (RONDO_FNS_AVG | RONDO_FNS_SUM | RONDO_FNS_COUNT))
		lanes |= 1u << LANE_SUM;
	if (functions & RONDO_FNS_MIN)
		lanes |= 1u << LANE_MIN;
	if (functions & RONDO_FNS_MAX)
		lanes |= 1u << LANE_MAX;
	if (functions & RONDO_FNS_LAST)
		lanes |= 1u << LANE_LAST;
	if (functions & RONDO_FNS_TOTAL)
		lanes |= 1u << LANE_TOTAL | 1u << LANE_SUM;
	return lanes;
}

/* Lanes of one series in a tier. */
uint32_t disk_lanes_each(const struct disk_schema *disk, uint32_t tier)
{
	if (disk->n_bounds)
		return HISTOGRAM_LANES(disk->n_bounds);
	return tier == 0 ? 1 : (uint32_t)__builtin_popcount(disk->tiers[tier].lanes);
}

/* ceil(n / 6) + 1 rows keep n whole slots while the newest row fills; odd, see cell.h. */
static uint64_t rows_of(const struct rondo_tier *tier)
{
	return ((tier->retention_ns / tier->interval_ns + CELL_TICKS - 1) / CELL_TICKS + 1) | 1;
}

static bool name_valid(const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (len < 1 || len > RONDO_SCHEMA_NAME_MAX)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
	       len;
}

static uint64_t grace_of(const struct rondo_schema *schema)
{
	uint64_t cell = schema->tiers[0].interval_ns * CELL_TICKS;

	if (schema->grace_ns)
		return schema->grace_ns;
	return cell > 2 * NSEC_PER_SEC ? cell : 2 * NSEC_PER_SEC;
}

#define REFUSE(...) return fail(detail, size, RONDO_E_SCHEMA, __VA_ARGS__)

static int check_tier(const struct rondo_schema *schema, uint32_t i, char *detail, size_t size)
{
	const struct rondo_tier *tier = &schema->tiers[i], *finer = tier - 1;
	const char *name = schema->name;

	if (tier->interval_ns < MIN_INTERVAL)
		REFUSE("schema '%s' tier %u: interval is below 1 ms", name, i);
	if (tier->retention_ns == 0 || tier->retention_ns % tier->interval_ns)
		REFUSE("schema '%s' tier %u: retention is no positive multiple of the interval",
		       name, i);
	if (tier->retention_ns / tier->interval_ns > (uint64_t)MAX_ROWS * CELL_TICKS ||
	    rows_of(tier) > MAX_ROWS || tier->interval_ns > UINT64_MAX / 1024)
		REFUSE("schema '%s' tier %u: too many slots", name, i);
	if (i == 0)
		return 0;
	if (tier->interval_ns % finer->interval_ns || tier->interval_ns < 2 * finer->interval_ns)
		REFUSE("schema '%s' tier %u: interval is no multiple (2 or more) of tier %u's",
		       name, i, i - 1);
	if (finer->retention_ns / 2 < tier->interval_ns ||
	    finer->retention_ns - 2 * tier->interval_ns < grace_of(schema))
		REFUSE("schema '%s' tier %u: retention is below two windows of tier %u plus the grace",
		       name, i - 1, i);
	if (schema->n_bounds)
		return 0;
	if (!tier->functions || (tier->functions & ~KNOWN_FUNCTIONS))
		REFUSE("schema '%s' tier %u: functions are none, or not known", name, i);
	if ((tier->functions & RONDO_FNS_TOTAL) && i > 1 && !(finer->functions & RONDO_FNS_TOTAL))
		REFUSE("schema '%s' tier %u: total needs it in tier %u too", name, i, i - 1);
	return 0;
}

static int check_bounds(const struct rondo_schema *schema, char *detail, size_t size)
{
	if (schema->n_bounds > RONDO_BOUNDS_MAX || (schema->n_bounds && !schema->bounds))
		REFUSE("schema '%s': more than %d bounds", schema->name, RONDO_BOUNDS_MAX);
	for (uint32_t i = 0; i < schema->n_bounds; i++)
		if (!(schema->bounds[i] - schema->bounds[i] == 0) ||
		    (i && !(schema->bounds[i] > schema->bounds[i - 1])))
			REFUSE("schema '%s': bound %u is not finite, or not above the one before",
			       schema->name, i);
	return 0;
}

static int check_schema(const struct rondo_schema *schema, char *detail, size_t size)
{
	struct selector *selector;
	int err;

	if (schema->size < sizeof(*schema))
		REFUSE("schema: size member is not set");
	if (!name_valid(schema->name))
		REFUSE("schema '%.80s': name is not 1 to %d of [a-zA-Z0-9_-]",
		       schema->name ? schema->name : "", RONDO_SCHEMA_NAME_MAX);
	if (!schema->tiers || schema->n_tiers < 1 || schema->n_tiers > RONDO_TIERS_MAX)
		REFUSE("schema '%s': 1 to %d tiers", schema->name, RONDO_TIERS_MAX);
	if (schema->max_series < 1 || schema->max_series > MAX_SERIES)
		REFUSE("schema '%s': max_series is not 1 to %u", schema->name, MAX_SERIES);
	if ((unsigned int)schema->on_full > RONDO_ON_FULL_RECLAIM)
		REFUSE("schema '%s': on_full is not known", schema->name);
	if (schema->xff != RONDO_XFF_NONE && !(schema->xff >= 0 && schema->xff < 1))
		REFUSE("schema '%s': xff is not in [0, 1)", schema->name);
	for (uint32_t i = 0; i < schema->n_tiers; i++) {
		err = check_tier(schema, i, detail, size);
		if (err)
			return err;
	}
	if (grace_of(schema) < schema->tiers[0].interval_ns * CELL_TICKS)
		REFUSE("schema '%s': grace is below six of the finest ticks", schema->name);
	err = check_bounds(schema, detail, size);
	if (!err)
		err = selector_parse(schema->selector, &selector, detail, size);
	if (!err)
		selector_free(selector);
	return err;
}

int schemas_check(const struct rondo_schema *schemas, size_t n, uint32_t entry_size, char *detail,
		  size_t size)
{
	if (!schemas || n < 1 || n > RONDO_SCHEMAS_MAX)
		REFUSE("a store has 1 to %d schemas", RONDO_SCHEMAS_MAX);
	if (entry_size < 256 || entry_size > 4096 || (entry_size & (entry_size - 1)))
		return fail(detail, size, RONDO_E_INVALID,
			    "entry size %u is no power of two from 256 to 4096", entry_size);
	for (size_t i = 0; i < n; i++) {
		int err = check_schema(&schemas[i], detail, size);

		if (err)
			return err;
		for (size_t j = 0; j < i; j++)
			if (!strcmp(schemas[i].name, schemas[j].name))
				REFUSE("two schemas have the name '%s'", schemas[i].name);
	}
	return 0;
}

/* The form on disk of a schema that has passed schemas_check(). */
int schema_encode(const struct rondo_schema *schema, struct disk_schema *disk, char *detail,
		  size_t size)
{
	uint32_t lanes = 0;

	memset(disk, 0, sizeof(*disk));
	memcpy(disk->name, schema->name, strlen(schema->name));
	if (schema->selector)
		memcpy(disk->selector, schema->selector, strlen(schema->selector));
	disk->n_tiers = schema->n_tiers;
	disk->max_series = schema->max_series;
	disk->on_full = schema->on_full;
	disk->reclaim_delay_ns = schema->reclaim_delay_ns ? schema->reclaim_delay_ns
							  : 60 * NSEC_PER_SEC;
	disk->max_ahead_ns = schema->max_ahead_ns ? schema->max_ahead_ns : 60 * NSEC_PER_SEC;
	if (disk->max_ahead_ns > MAX_AHEAD)
		disk->max_ahead_ns = MAX_AHEAD;
	disk->grace_ns = grace_of(schema);
	disk->xff = schema->xff == RONDO_XFF_NONE ? 0 : schema->xff == 0 ? 0.5 : schema->xff;
	disk->n_bounds = schema->n_bounds;
	for (uint32_t i = 0; i < schema->n_bounds; i++)
		disk->bounds[i] = schema->bounds[i];
	for (uint32_t t = schema->n_tiers; t-- > 0;) {
		struct disk_tier *tier = &disk->tiers[t];

		tier->interval_ns = schema->tiers[t].interval_ns;
		tier->retention_ns = schema->tiers[t].retention_ns;
		tier->functions = t && !schema->n_bounds ? schema->tiers[t].functions : 0;
		lanes |= lanes_of(tier->functions);
		tier->lanes = t ? lanes : 0;
		tier->rows = (uint32_t)rows_of(&schema->tiers[t]);
		if ((uint64_t)disk_lanes_each(disk, t) * schema->max_series > UINT32_MAX ||
		    slab_size(disk, t) > INT64_MAX / 4)
			REFUSE("schema '%s' tier %u: larger than a file can be", schema->name, t);
	}
	disk->crc = crc32c(0, disk, offsetof(struct disk_schema, crc));
	return 0;
}

uint64_t slab_size(const struct disk_schema *disk, uint32_t tier)
{
	const struct disk_tier *t = &disk->tiers[tier];
	unsigned __int128 bytes = (unsigned __int128)t->rows * disk_lanes_each(disk, tier) *
				  disk->max_series * sizeof(struct disk_cell);

	if (disk->n_bounds && tier == 0)
		bytes += disk->max_series * JOURNAL_SIZE(disk->n_bounds);
	return bytes > INT64_MAX / 2 ? INT64_MAX : SLAB_HEADER + (uint64_t)bytes;
}

uint64_t directory_size(uint64_t n_series, size_t n_schemas, uint32_t entry_size)
{
	return SCHEMAS_OFFSET + (uint64_t)n_schemas * SCHEMA_SIZE + n_series * entry_size;
}

RONDO_API int rondo_plan(const struct rondo_schema *schemas, size_t n_schemas, uint32_t entry_size,
			 struct rondo_plan *plan, char *detail, size_t size)
{
	struct rondo_plan sum = { 0 };
	int err;

	if (!plan)
		return RONDO_E_INVALID;
	entry_size = entry_size ? entry_size : 512;
	err = schemas_check(schemas, n_schemas, entry_size, detail, size);
	if (err)
		return err;
	for (size_t i = 0; i < n_schemas; i++) {
		struct disk_schema disk;

		err = schema_encode(&schemas[i], &disk, detail, size);
		if (err)
			return err;
		for (uint32_t t = 0; t < disk.n_tiers; t++)
			sum.slab_bytes += slab_size(&disk, t);
		sum.series += disk.max_series;
	}
	sum.directory_bytes = directory_size(sum.series, n_schemas, entry_size);
	sum.bytes = sum.directory_bytes + sum.slab_bytes;
	*plan = sum;
	return 0;
}

/*
 * ceil(2^83 / interval), if it gives the right quotients up to 11, the last tick of the next cell: always
 * for intervals below a quarter of an hour, and for some above.
 */
static uint64_t reciprocal_of(uint64_t interval)
{
	const unsigned __int128 one = (unsigned __int128)1 << 83;
	unsigned __int128 reciprocal = (one + interval - 1) / interval;
	unsigned __int128 error = reciprocal * interval - one;

	return error * interval * (2 * CELL_TICKS) < one ? (uint64_t)reciprocal : 0;
}

static int decode_tiers(const struct disk_schema *disk, struct schema *schema)
{
	uint64_t ticks = 1;

	for (uint32_t i = 0; i < disk->n_tiers; i++) {
		const struct disk_tier *from = &disk->tiers[i];
		struct tier *to = &schema->tiers[i];

		if (from->interval_ns < MIN_INTERVAL || from->rows < 2 || !(from->rows & 1) ||
		    from->rows > MAX_ROWS || (i && !disk->n_bounds && !from->lanes) ||
		    (from->lanes >> LANE_NR) || (i && from->interval_ns % from[-1].interval_ns))
			return RONDO_E_CORRUPT;
		to->interval = from->interval_ns;
		to->retention = from->retention_ns;
		to->ratio = i ? from->interval_ns / from[-1].interval_ns : 1;
		ticks *= to->ratio;
		to->ticks = ticks;
		to->functions = from->functions;
		to->lane_set = from->lanes;
		to->lanes_each = disk_lanes_each(disk, i);
		to->rows = from->rows;
		to->lanes = to->lanes_each * disk->max_series;
		to->stride = (uint64_t)to->lanes * sizeof(struct disk_cell);
		to->file_size = slab_size(disk, i);
	}
	schema->reciprocal = reciprocal_of(schema->tiers[0].interval);
	schema->cell_span = CELL_TICKS * schema->tiers[0].interval;
	schema->stride = schema->tiers[0].stride;
	schema->ring_bytes = schema->tiers[0].rows * schema->stride;
	return 0;
}

/* The schema in memory, without its files; on error schema_free() takes what there is. */
int schema_decode(const struct disk_schema *disk, struct schema *schema, char *detail, size_t size)
{
	if (disk->crc != crc32c(0, disk, offsetof(struct disk_schema, crc)))
		return fail(detail, size, RONDO_E_CORRUPT, "%s: schema %u: wrong checksum",
			    STORE_FILE, schema->index);
	if (disk->name[63] || disk->selector[511] || disk->n_tiers < 1 ||
	    disk->n_tiers > DISK_TIERS || disk->n_bounds > DISK_BOUNDS || disk->max_series < 1 ||
	    disk->max_series > MAX_SERIES || !name_valid(disk->name) ||
	    !(disk->xff >= 0 && disk->xff < 1))
		return fail(detail, size, RONDO_E_CORRUPT, "%s: schema %u: a field is out of range",
			    STORE_FILE, schema->index);
	schema->n_tiers = disk->n_tiers;
	schema->max_series = disk->max_series;
	schema->on_full = disk->on_full;
	schema->reclaim_delay = disk->reclaim_delay_ns;
	schema->max_ahead = disk->max_ahead_ns;
	schema->grace = disk->grace_ns;
	schema->xff = disk->xff;
	schema->n_bounds = disk->n_bounds;
	memcpy(schema->bounds, disk->bounds, sizeof(schema->bounds));
	schema->name = strdup(disk->name);
	schema->selector_text = strdup(disk->selector);
	schema->tiers = calloc(disk->n_tiers, sizeof(*schema->tiers));
	for (uint32_t i = 0; schema->tiers && i < disk->n_tiers; i++)
		schema->tiers[i].fd = -1;
	if (!schema->name || !schema->selector_text || !schema->tiers)
		return RONDO_E_NOMEM;
	if (decode_tiers(disk, schema))
		return fail(detail, size, RONDO_E_CORRUPT,
			    "%s: schema '%s': a tier is out of range", STORE_FILE, schema->name);
	return selector_parse(schema->selector_text, &schema->selector, detail, size);
}

void schema_free(struct schema *schema)
{
	for (uint32_t i = 0; schema->tiers && i < schema->n_tiers; i++)
		slab_close(&schema->tiers[i]);
	selector_free(schema->selector);
	free(schema->tiers);
	free(schema->name);
	free(schema->selector_text);
	free(schema->handles);
	free(schema->columns);
	free(schema->public_tiers);
	free(schema->free_slots);
	free(schema->checked);
	free(schema->slow);
}
