// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * index.c - the writer's way from a key to its series: a hash table in memory
 *
 * Open addressing by the hash of the key; a place holds 1 + the number of the slot, counted through
 * all schemas.  The keys themselves stay in the mapped directory.
 */
#include <stdlib.h>
#include <string.h>

#include "directory.h"

static uint64_t hash_key(const char *key, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a, folded once more below */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)key[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static uint32_t global_slot(const struct schema *schema, uint32_t slot)
{
	uint32_t base = 0;

	for (uint32_t i = 0; i < schema->index; i++)
		base += schema->store->schemas[i].max_series;
	return base + slot;
}

static struct schema *schema_of_global(struct rondo_store *store, uint32_t global, uint32_t *slot)
{
	struct schema *schema = store->schemas;

	while (global >= schema->max_series) {
		global -= schema->max_series;
		schema++;
	}
	*slot = global;
	return schema;
}

static bool entry_has_key(const struct schema *schema, uint32_t slot, const char *key, size_t len)
{
	const struct disk_entry *entry = entry_at(schema, slot);

	return entry->key_len == len && !memcmp(entry + 1, key, len);
}

/* The index place of the key, or the free one where it belongs. */
static uint64_t index_place(struct rondo_store *store, const char *key, size_t len,
			    struct schema **schema, uint32_t *slot)
{
	uint64_t mask = store->index_size - 1;
	uint64_t i = hash_key(key, len) & mask;

	for (; store->index[i]; i = (i + 1) & mask) {
		*schema = schema_of_global(store, store->index[i] - 1, slot);
		if (entry_has_key(*schema, *slot, key, len))
			return i;
	}
	*schema = NULL;
	return i;
}

static int index_grow(struct rondo_store *store)
{
	uint64_t old_size = store->index_size, size = old_size ? old_size * 2 : 1024;
	uint32_t *old = store->index;

	store->index = calloc(size, sizeof(*store->index));
	if (!store->index) {
		store->index = old;
		return RONDO_E_NOMEM;
	}
	store->index_size = size;
	for (uint64_t i = 0; i < old_size; i++) {
		struct schema *schema, *other;
		struct disk_entry *entry;
		uint32_t slot, ignored;

		if (!old[i])
			continue;
		schema = schema_of_global(store, old[i] - 1, &slot);
		entry = entry_at(schema, slot);
		store->index[index_place(store, (char *)(entry + 1), entry->key_len, &other,
					 &ignored)] = old[i];
	}
	free(old);
	return 0;
}

int index_reserve(struct rondo_store *store)
{
	return (store->index_used + 1) * 2 > store->index_size ? index_grow(store) : 0;
}

void index_add(struct schema *schema, uint32_t slot)
{
	struct disk_entry *entry = entry_at(schema, slot);
	struct rondo_store *store = schema->store;
	struct schema *other;
	uint32_t ignored;
	uint64_t i = index_place(store, (char *)(entry + 1), entry->key_len, &other, &ignored);

	if (!store->index[i])
		store->index_used++;
	store->index[i] = global_slot(schema, slot) + 1;
}

/* Takes the entry out, and puts back those that had been displaced by it (Knuth 6.4, algorithm R). */
void index_remove(struct schema *schema, uint32_t slot)
{
	struct disk_entry *entry = entry_at(schema, slot);
	struct rondo_store *store = schema->store;
	uint64_t mask = store->index_size - 1;
	struct schema *other;
	uint32_t ignored;
	uint64_t hole = index_place(store, (char *)(entry + 1), entry->key_len, &other, &ignored);

	if (!store->index[hole])
		return;
	store->index[hole] = 0;
	store->index_used--;
	for (uint64_t i = (hole + 1) & mask; store->index[i]; i = (i + 1) & mask) {
		uint32_t moved = store->index[i], moved_slot;
		struct schema *owner = schema_of_global(store, moved - 1, &moved_slot);

		store->index[i] = 0;
		store->index_used--;
		index_add(owner, moved_slot);
	}
}

bool index_find(struct rondo_store *store, const char *key, size_t len, struct schema **schema,
		uint32_t *slot)
{
	if (!store->index_size)
		return false;
	index_place(store, key, len, schema, slot);
	return *schema != NULL;
}

void index_free(struct rondo_store *store)
{
	free(store->index);
	store->index = NULL;
	store->index_size = 0;
}
