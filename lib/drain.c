// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * drain.c - handing out closed windows once, to a consumer that may come and go
 *
 * A round covers the windows from the cursor up to what was closed when it began, series after
 * series; the cursor holds the place within it.
 */
#include <string.h>

#include "cell.h"

RONDO_API int rondo_cursor_begin(rondo_store *store, uint32_t schema, uint32_t tier,
				 uint64_t start_ns, struct rondo_cursor *cursor)
{
	if (!store || !cursor)
		return RONDO_E_INVALID;
	if (schema >= store->n_schemas || tier >= store->schemas[schema].n_tiers)
		return RONDO_E_NOT_FOUND;
	*cursor = (struct rondo_cursor){ .schema = schema, .tier = tier, .from_ns = start_ns };
	memcpy(cursor->store, store->superblock.uuid, sizeof(cursor->store));
	return 0;
}

/*
 * Passes over what is closed, but may be gone: the ring's newest row is filling, and writers are
 * ahead of what is closed by the grace and up to one window of the next tier.
 */
static void skip(const struct schema *schema, struct rondo_cursor *cursor, uint64_t closed)
{
	const struct tier *tier = &schema->tiers[cursor->tier];
	uint64_t ring = (uint64_t)(tier->rows - 1) * CELL_TICKS * tier->interval;
	uint64_t ahead = schema->grace + tier->interval, oldest;

	if (cursor->tier == 0 && schema->n_tiers > 1)
		ahead += tier[1].interval;
	ring = ring > ahead ? (ring - ahead) / tier->interval * tier->interval : 0;
	oldest = closed > ring ? closed - ring : 0;
	if (cursor->from_ns >= oldest)
		return;
	if (cursor->from_ns)
		cursor->skipped += (oldest - cursor->from_ns) / tier->interval;
	cursor->from_ns = oldest;
}

static int begin_round(const struct schema *schema, struct rondo_cursor *cursor)
{
	const struct tier *tier = &schema->tiers[cursor->tier];
	uint64_t closed = slab_closed(tier) / tier->interval * tier->interval;

	if (closed <= cursor->from_ns)
		return 0;
	skip(schema, cursor, closed);
	cursor->until_ns = closed;
	cursor->series_ns = cursor->from_ns;
	cursor->slot = 0;
	return RONDO_MORE;
}

/* Points of the series at the cursor, as many as there is room for; true if there may be more of it. */
static bool drain_series(rondo_store *store, struct rondo_cursor *cursor, rondo_id id,
			 enum rondo_function function, struct rondo_sample *samples, size_t cap,
			 size_t *n)
{
	struct rondo_range range = { .size = sizeof(range),
				     .start_ns = cursor->series_ns,
				     .end_ns = cursor->until_ns,
				     .tier = cursor->tier,
				     .function = function };
	uint64_t interval = store->schemas[cursor->schema].tiers[cursor->tier].interval;
	struct rondo_point points[64];
	size_t room = cap - *n, got;

	room = room < 64 ? room : 64;
	if (rondo_read(store, id, &range, points, room, &got))
		return false;
	for (size_t i = 0; i < got; i++)
		samples[(*n)++] = (struct rondo_sample){ id, points[i] };
	if (got < room)
		return false;
	cursor->series_ns = points[got - 1].ts_ns + interval;
	return true;
}

RONDO_API int rondo_drain(rondo_store *store, struct rondo_cursor *cursor,
			  enum rondo_function function, struct rondo_sample *samples, size_t cap,
			  size_t *n)
{
	const struct schema *schema;
	const struct tier *tier;

	if (!store || !cursor || !samples || !cap || !n ||
	    memcmp(cursor->store, store->superblock.uuid, sizeof(cursor->store)) ||
	    cursor->schema >= store->n_schemas ||
	    cursor->tier >= store->schemas[cursor->schema].n_tiers ||
	    (unsigned int)function > RONDO_FN_RATE)
		return RONDO_E_INVALID;
	schema = &store->schemas[cursor->schema];
	tier = &schema->tiers[cursor->tier];
	*n = 0;
	if (!cursor->until_ns && !begin_round(schema, cursor))
		return store_failed(store) ? RONDO_E_FAILED : 0;
	while (cursor->slot < schema->used) {
		uint32_t slot = (uint32_t)cursor->slot;
		uint32_t generation =
			state_generation(load_acquire(&entry_at(schema, slot)->state));
		rondo_id id = series_id(schema->index, generation, slot);

		if (*n == cap)
			return RONDO_MORE;
		if (drain_series(store, cursor, id, function, samples, cap, n))
			continue;
		cursor->slot++;
		cursor->series_ns = cursor->from_ns;
	}
	cursor->from_ns = cursor->until_ns;
	cursor->until_ns = 0;
	if (store_failed(store))
		return RONDO_E_FAILED;
	return slab_closed(tier) / tier->interval * tier->interval > cursor->from_ns ? RONDO_MORE
										     : 0;
}
