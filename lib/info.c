// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * info.c - what a store says of itself: counters, sizes, schemas, the newest tick
 */
#include <stdlib.h>

#include "cell.h"

static void count_series(const struct schema *schema, struct rondo_store_info *info)
{
	struct disk_entry *entry;

	for (uint32_t slot = 0; slot < schema->used; slot++) {
		entry = entry_at(schema, slot);
		if (entry_kind(schema, slot, state_generation(load_acquire(&entry->state))) < 0)
			continue;
		if (load_acquire(&entry->retired_at))
			info->series_retired++;
		else
			info->series_live++;
	}
}

static void add_stats(const struct schema *schema, struct rondo_store_info *info)
{
	uint64_t stats[STATS_NR];

	stats_get(schema, stats);
	info->too_old += stats[STATS_TOO_OLD];
	info->future += stats[STATS_FUTURE];
	info->invalid += stats[STATS_INVALID];
	info->cells += stats[STATS_CELLS];
	info->seeks += stats[STATS_SEEKS];
	for (unsigned int i = 0; i < RONDO_SLOW_BUCKETS; i++)
		info->slow[i] += stats[STATS_SLOW + i];
}

RONDO_API int rondo_store_info(rondo_store *store, struct rondo_store_info *out)
{
	struct rondo_store_info info = { .size = sizeof(info) };

	if (!store || !out || out->size < sizeof(*out))
		return RONDO_E_INVALID;
	pthread_mutex_lock(&store->lock);
	info.format_version = store->superblock.version;
	info.n_schemas = store->n_schemas;
	info.unclean_opens = store->superblock.unclean_opens;
	info.entry_size = store->entry_size;
	info.created_ns = store->superblock.created_ns;
	info.bytes = store->file_size;
	info.registered = store->registered;
	info.reclaimed = store->reclaimed;
	info.full = store->full;
	for (uint32_t i = 0; i < store->n_schemas; i++) {
		const struct schema *schema = &store->schemas[i];

		for (uint32_t t = 0; t < schema->n_tiers; t++)
			info.bytes += schema->tiers[t].file_size;
		info.series_max += schema->max_series;
		count_series(schema, &info);
		add_stats(schema, &info);
	}
	pthread_mutex_unlock(&store->lock);
	*out = info;
	return 0;
}

/* All functions that can be asked of an upper tier's lanes. */
uint32_t tier_functions(const struct tier *tier)
{
	uint32_t functions = 0;

	if (tier->lane_set & 1u << LANE_SUM)
		functions |= RONDO_FNS_AVG | RONDO_FNS_SUM | RONDO_FNS_COUNT;
	if (tier->lane_set & 1u << LANE_MIN)
		functions |= RONDO_FNS_MIN;
	if (tier->lane_set & 1u << LANE_MAX)
		functions |= RONDO_FNS_MAX;
	if (tier->lane_set & 1u << LANE_LAST)
		functions |= RONDO_FNS_LAST;
	if (tier->lane_set & 1u << LANE_TOTAL)
		functions |= RONDO_FNS_TOTAL;
	return functions;
}

/* The tiers as the public struct has them: made once, at the first question. */
static const struct rondo_tier *public_tiers(struct schema *schema)
{
	struct rondo_tier *tiers = schema->public_tiers;

	if (tiers)
		return tiers;
	tiers = calloc(schema->n_tiers, sizeof(*tiers));
	for (uint32_t t = 0; tiers && t < schema->n_tiers; t++) {
		tiers[t].interval_ns = schema->tiers[t].interval;
		tiers[t].retention_ns = schema->tiers[t].retention;
		tiers[t].functions = tier_functions(&schema->tiers[t]);
	}
	if (tiers && !schema->n_bounds) {
		tiers[0].functions = RONDO_FNS_AVG | RONDO_FNS_MIN | RONDO_FNS_MAX |
				     RONDO_FNS_LAST | RONDO_FNS_SUM | RONDO_FNS_COUNT;
		if (schema->n_tiers > 1)
			tiers[0].functions |= tiers[1].functions & RONDO_FNS_TOTAL;
	}
	schema->public_tiers = tiers;
	return tiers;
}

RONDO_API int rondo_store_schema(rondo_store *store, uint32_t index, struct rondo_schema *out)
{
	const struct rondo_tier *tiers;
	struct schema *schema;

	if (!store || !out || out->size < sizeof(*out))
		return RONDO_E_INVALID;
	if (index >= store->n_schemas)
		return RONDO_E_NOT_FOUND;
	schema = &store->schemas[index];
	pthread_mutex_lock(&store->lock);
	tiers = public_tiers(schema);
	pthread_mutex_unlock(&store->lock);
	if (!tiers)
		return RONDO_E_NOMEM;
	*out = (struct rondo_schema){
		.size = sizeof(*out),
		.name = schema->name,
		.selector = schema->selector_text,
		.tiers = tiers,
		.n_tiers = schema->n_tiers,
		.max_series = schema->max_series,
		.on_full = (enum rondo_on_full)schema->on_full,
		.reclaim_delay_ns = schema->reclaim_delay,
		.max_ahead_ns = schema->max_ahead,
		.grace_ns = schema->grace,
		.bounds = schema->n_bounds ? schema->bounds : NULL,
		.n_bounds = schema->n_bounds,
		.xff = schema->xff == 0 ? RONDO_XFF_NONE : schema->xff,
	};
	return 0;
}

static uint64_t newest_tick(const struct disk_cell *cell, uint64_t newest)
{
	uint64_t first = cell_number(cell->tag) * CELL_TICKS;

	for (unsigned int k = CELL_TICKS; k-- > 0;)
		if (value_known(cell->v[k]))
			return first + k > newest ? first + k : newest;
	return newest;
}

RONDO_API int rondo_store_newest(rondo_store *store, uint32_t index, uint64_t *ts_ns)
{
	const struct tier *tier;
	struct schema *schema;
	uint64_t newest = 0;

	if (!store || !ts_ns)
		return RONDO_E_INVALID;
	if (index >= store->n_schemas)
		return RONDO_E_NOT_FOUND;
	if (store_check(store))
		return RONDO_E_FAILED;
	schema = &store->schemas[index];
	tier = &schema->tiers[0];
	for (uint32_t slot = 0; slot < schema->used; slot++) {
		uint32_t generation =
			state_generation(load_acquire(&entry_at(schema, slot)->state));

		if (entry_kind(schema, slot, generation) < 0)
			continue;
		for (uint32_t row = 0; row < tier->rows; row++) {
			struct disk_cell *cell = cell_at(tier, row, slot * tier->lanes_each), copy;
			uint64_t tag = load_acquire(&cell->tag);

			if (tag >> CELL_BITS == generation && cell_read(cell, tag, true, &copy))
				newest = newest_tick(&copy, newest);
		}
	}
	if (store_failed(store))
		return RONDO_E_FAILED;
	if (!newest)
		return RONDO_E_NOT_FOUND;
	*ts_ns = newest * tier->interval;
	return 0;
}
