// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * directory.c - the writer's side of the series directory: loading, registering, retiring
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cell.h"
#include "directory.h"

uint64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* ---- loading ---- */

static void column_init(struct column *column)
{
	memset(column, 0, sizeof(*column));
	column->first = column->old_first = UINT64_MAX;
	column->reading = -1;
}

static struct column *columns_new(uint64_t n)
{
	struct column *columns = aligned_alloc(sizeof(*columns), n * sizeof(*columns));

	for (uint64_t i = 0; columns && i < n; i++)
		column_init(&columns[i]);
	return columns;
}

/*
 * A slot was reclaimed and its series registered again elsewhere, and of the two pages a power loss kept
 * but the second: the older one of two entries with one key is free.
 */
static void slot_discard(struct schema *schema, uint32_t slot)
{
	entry_discard(schema, slot);
	schema->columns[slot].tag = 0;
	schema->columns[slot].retired_at = 0;
	schema->free_slots[schema->n_free++] = slot;
}

static int load_slot(struct schema *schema, uint32_t slot)
{
	struct column *column = &schema->columns[slot];
	const char *key = (const char *)(entry_at(schema, slot) + 1);
	struct schema *other;
	struct disk_entry head;
	uint32_t other_slot;
	uint64_t state = load_acquire(&entry_at(schema, slot)->state);
	int err;

	schema->handles->series[slot].index = slot;
	if (state == 0)
		return 0;
	schema->used = slot + 1;
	if (entry_check(schema, slot, &state, &head)) {
		schema->free_slots[schema->n_free++] = slot;
		return 0;
	}
	err = index_reserve(schema->store);
	if (err)
		return err;
	if (index_find(schema->store, key, head.key_len, &other, &other_slot)) {
		bool older = head.registered_at < entry_at(other, other_slot)->registered_at;

		slot_discard(older ? schema : other, older ? slot : other_slot);
		if (older)
			return 0;
	}
	index_add(schema, slot);
	column->tag = cell_tag(state_generation(state), 0);
	column->retired_at = entry_at(schema, slot)->retired_at;
	schema->handles->series[slot].kind = head.kind;
	return 0;
}

/*
 * Readers need next to nothing; a writer gets handles, columns and the index.  An entry that is BUSY or
 * does not check is free, as is a hole that a power loss left below a used slot.
 */
int directory_load(struct rondo_store *store, char *detail, size_t size)
{
	uint64_t offset = SCHEMAS_OFFSET + (uint64_t)store->n_schemas * SCHEMA_SIZE;

	for (uint32_t i = 0; i < store->n_schemas; i++) {
		struct schema *schema = &store->schemas[i];
		uint64_t n = schema->max_series;

		schema->entries = store->map + offset;
		offset += n * store->entry_size;
		schema->used = schema->max_series;
		schema->checked = calloc(n, sizeof(*schema->checked));
		if (schema->checked && store->read_only)
			continue;
		schema->used = 0;
		schema->handles = calloc(1, sizeof(struct handles) + n * sizeof(rondo_series));
		schema->columns = columns_new(n);
		schema->free_slots = calloc(n, sizeof(*schema->free_slots));
		schema->slow = store->timed ? calloc(n, sizeof(*schema->slow)) : NULL;
		if (!schema->checked || !schema->handles || !schema->columns ||
		    !schema->free_slots || (store->timed && !schema->slow))
			return fail(detail, size, RONDO_E_NOMEM, "out of memory for %llu series",
				    (unsigned long long)n);
		schema->handles->schema = schema;
		if (store->timed)
			schema->end = NULL; /* so that all comes by where it is timed */
		for (uint32_t slot = 0; slot < n; slot++) {
			int err = load_slot(schema, slot);

			if (err)
				return err;
		}
		for (uint32_t slot = 0; slot < schema->used; slot++)
			if (entry_at(schema, slot)->state == 0)
				schema->free_slots[schema->n_free++] = slot;
	}
	return 0;
}

void directory_synced(struct rondo_store *store)
{
	for (uint32_t i = 0; i < store->n_schemas; i++)
		for (uint32_t slot = 0; slot < store->schemas[i].used; slot++)
			store->schemas[i].columns[slot].unsynced = false;
}

/* ---- registering ---- */

static void changed(struct rondo_store *store)
{
	uint64_t *changes = (uint64_t *)(store->map + CHANGES_OFFSET);

	store_release(changes, load_relaxed(changes) + 1);
}

static int sync_entry(struct schema *schema, uint32_t slot)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t entry = (uintptr_t)entry_at(schema, slot);

	if (msync((void *)(entry & ~(page - 1)), page, MS_SYNC))
		return RONDO_E_IO;
	return 0;
}

/* The slot that was retired longest ago, if that is long enough ago; max_series if there is none. */
static uint32_t slot_to_reclaim(struct schema *schema)
{
	uint32_t best = schema->max_series;
	uint64_t now = load_relaxed(&schema->now);
	uint64_t oldest = now > schema->reclaim_delay ? now - schema->reclaim_delay : 0;

	if (schema->on_full != RONDO_ON_FULL_RECLAIM)
		return best;
	for (uint32_t slot = 0; slot < schema->used; slot++) {
		uint64_t retired_at = schema->columns[slot].retired_at;

		if (retired_at && retired_at <= oldest) {
			oldest = retired_at;
			best = slot;
		}
	}
	return best;
}

static int slot_take(struct schema *schema, uint32_t *slot)
{
	if (schema->used < schema->max_series) {
		*slot = schema->used;
	} else if (schema->n_free) {
		*slot = schema->free_slots[schema->n_free - 1];
	} else {
		*slot = slot_to_reclaim(schema);
		if (*slot == schema->max_series) {
			schema->store->full++;
			return RONDO_E_FULL;
		}
	}
	return schema->columns[*slot].unsynced ? sync_entry(schema, *slot) : 0;
}

static void column_reset(struct schema *schema, uint32_t slot, uint32_t kind)
{
	struct column *column = &schema->columns[slot];
	const struct column before = *column;
	rondo_series *series = &schema->handles->series[slot];

	column_init(column);
	/* of the slot: the store's counts only grow */
	memcpy(column->counts, before.counts, sizeof(column->counts));
	column->counts[STATS_CELLS] +=
		(uint32_t)((series->start - before.sought) / schema->cell_span);
	store_relaxed(&series->start, 0);
	column->tag = cell_tag(state_generation(entry_at(schema, slot)->state), 0);
	column->unsynced = true;
	column->total_window = 1; /* known: there is nothing yet */
	column->learned = true;
	column->settled = true;
	series_close(series);
	series->kind = (uint8_t)kind;
}

static int register_new(struct schema *schema, const struct rondo_series_def *def, const char *key,
			size_t len, rondo_series **series)
{
	struct rondo_store *store = schema->store;
	uint32_t slot;
	int err;

	for (uint32_t t = 1; def->kind == RONDO_COUNTER && t < schema->n_tiers; t++)
		if (!(schema->tiers[t].lane_set & 1u << LANE_SUM))
			return RONDO_E_KIND;
	err = index_reserve(store);
	if (!err)
		err = slot_take(schema, &slot);
	if (err)
		return err;
	if (slot == schema->used)
		__atomic_store_n(&schema->used, slot + 1, __ATOMIC_RELEASE);
	else if (schema->n_free && schema->free_slots[schema->n_free - 1] == slot)
		schema->n_free--;
	else
		store->reclaimed++;
	if (schema->columns[slot].tag)
		index_remove(schema, slot);
	entry_write(schema, slot, def, key, len);
	column_reset(schema, slot, def->kind);
	index_add(schema, slot);
	changed(store);
	store->registered++;
	*series = &schema->handles->series[slot];
	return 0;
}

static int register_again(struct schema *schema, uint32_t slot, const struct rondo_series_def *def,
			  rondo_series **series)
{
	rondo_series *found = &schema->handles->series[slot];

	if (found->kind != (uint32_t)def->kind)
		return RONDO_E_KIND;
	if (schema->columns[slot].retired_at) {
		store_release(&entry_at(schema, slot)->retired_at, 0);
		schema->columns[slot].retired_at = 0;
		changed(schema->store);
	}
	if (!schema->columns[slot].settled && def->kind == RONDO_HISTOGRAM)
		histogram_settle(schema, slot);
	schema->columns[slot].settled = true;
	*series = found;
	return 0;
}

static int definition_check(const struct rondo_store *store, const struct rondo_series_def *def,
			    size_t key_len)
{
	size_t unit = def->unit ? strlen(def->unit) : 0, help = def->help ? strlen(def->help) : 0;

	if (def->kind < RONDO_GAUGE || def->kind > RONDO_HISTOGRAM)
		return RONDO_E_INVALID;
	if (unit > 31 || key_len + unit + help > store->entry_size - ENTRY_HEADER)
		return RONDO_E_TOO_LONG;
	if ((unit && !utf8_valid(def->unit, unit)) || (help && !utf8_valid(def->help, help)))
		return RONDO_E_NAME;
	return 0;
}

static int register_key(struct rondo_store *store, const struct rondo_series_def *def,
			const char *key, size_t len, rondo_series **series)
{
	struct schema *schema;
	struct key parsed;
	uint32_t slot;

	if (index_find(store, key, len, &schema, &slot))
		return register_again(schema, slot, def, series);
	key_parse(key, len, &parsed);
	for (uint32_t i = 0; i < store->n_schemas; i++) {
		int match;

		schema = &store->schemas[i];
		if ((def->kind == RONDO_HISTOGRAM) != (schema->n_bounds > 0))
			continue;
		match = selector_matches(schema->selector, &parsed);
		if (match)
			return match < 0 ? match : register_new(schema, def, key, len, series);
	}
	return RONDO_E_NO_SCHEMA;
}

RONDO_API int rondo_series_register(rondo_store *store, const struct rondo_series_def *def,
				    rondo_series **series)
{
	char key[KEY_MAX - 1];
	size_t len;
	int err;

	if (!store || !def || def->size < sizeof(*def) || !series ||
	    (def->n_labels && !def->labels))
		return RONDO_E_INVALID;
	if (store->read_only)
		return RONDO_E_READ_ONLY;
	err = key_build(def, key, sizeof(key), &len);
	if (!err)
		err = definition_check(store, def, len);
	if (err)
		return err;
	pthread_mutex_lock(&store->lock);
	err = register_key(store, def, key, len, series);
	pthread_mutex_unlock(&store->lock);
	return store_failed(store) ? RONDO_E_FAILED : err;
}

RONDO_API int rondo_series_retire(rondo_store *store, rondo_series *series, uint64_t now_ns)
{
	struct schema *schema;
	struct column *column;

	if (!store || !series)
		return RONDO_E_INVALID;
	if (store->read_only)
		return RONDO_E_READ_ONLY;
	pthread_mutex_lock(&store->lock);
	schema = schema_of(series);
	column = &schema->columns[series->index];
	if (!column->retired_at) {
		column->retired_at = now_ns ? now_ns : 1;
		series_close(series);
		store_release(&entry_at(schema, series->index)->retired_at, column->retired_at);
		changed(store);
	}
	pthread_mutex_unlock(&store->lock);
	return 0;
}
