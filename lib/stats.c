// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * stats.c - what the writers counted: summed up, and left in the file for readers in other processes
 *
 * Each series' writer counts for itself (record.c), so no two share a counter.
 */
#include "internal.h"

_Static_assert(STATS_NR == STATS_SLOW + RONDO_SLOW_BUCKETS, "buckets");

static uint64_t *published(const struct schema *schema)
{
	return (uint64_t *)(void *)(schema->tiers[0].map + STATS_OFFSET);
}

/* The handle's way since it was last moved; 0 while it is. */
static uint64_t cells_since(const struct schema *schema, uint32_t slot)
{
	uint64_t sought = load_acquire(&schema->columns[slot].sought);
	uint64_t start = load_acquire(&schema->handles->series[slot].start);

	if (sought != load_acquire(&schema->columns[slot].sought) || start < sought)
		return 0;
	return (start - sought) / schema->cell_span;
}

static void sum_up(const struct schema *schema, uint64_t stats[STATS_NR])
{
	for (unsigned int i = 0; i < STATS_NR; i++)
		stats[i] = 0;
	for (uint32_t slot = 0; slot < schema->used; slot++) {
		const uint32_t *counts = schema->columns[slot].counts;

		stats[STATS_CELLS] += cells_since(schema, slot);
		for (unsigned int i = 0; i < STATS_SLOW; i++)
			stats[i] += __atomic_load_n(&counts[i], __ATOMIC_RELAXED);
		for (unsigned int i = 0; schema->slow && i < RONDO_SLOW_BUCKETS; i++)
			stats[STATS_SLOW + i] +=
				__atomic_load_n(&schema->slow[slot][i], __ATOMIC_RELAXED);
	}
}

/* Now, or in a reader what was last published; under the lock. */
void stats_get(const struct schema *schema, uint64_t stats[STATS_NR])
{
	if (schema->columns) {
		sum_up(schema, stats);
		return;
	}
	for (unsigned int i = 0; i < STATS_NR; i++)
		stats[i] = load_acquire(&published(schema)[i]);
}

#define PUBLISH_EVERY (10 * NSEC_PER_SEC) /* a page is dirtied, and every series looked at */

void stats_publish(struct schema *schema, uint64_t now)
{
	uint64_t stats[STATS_NR];

	if (schema->published == now / PUBLISH_EVERY + 1)
		return;
	schema->published = now / PUBLISH_EVERY + 1;
	sum_up(schema, stats);
	for (unsigned int i = 0; i < STATS_NR; i++)
		if (load_relaxed(&published(schema)[i]) != stats[i])
			store_release(&published(schema)[i], stats[i]);
}
