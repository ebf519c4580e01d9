// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * iter.c - finding series: by selector, and by name and labels
 *
 * Reads the directory entries themselves, so it works alike in the writing process and in others.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct rondo_iter {
	rondo_store *store;
	struct selector *selector;
	uint32_t schema, slot; /* what comes next */
	struct entry_copy copy;
};

RONDO_API int rondo_iter_begin(rondo_store *store, const char *selector, rondo_iter **out,
			       char *detail, size_t detail_size)
{
	rondo_iter *iter;
	int err;

	if (!store || !out)
		return RONDO_E_INVALID;
	pthread_mutex_lock(&store->lock);
	err = store_check(store);
	pthread_mutex_unlock(&store->lock);
	if (err)
		return fail(detail, detail_size, err, "%s", rondo_strerror(err));
	iter = calloc(1, sizeof(*iter));
	if (!iter)
		return RONDO_E_NOMEM;
	iter->store = store;
	err = selector_parse(selector, &iter->selector, detail, detail_size);
	if (err) {
		free(iter);
		return err;
	}
	*out = iter;
	return 0;
}

static void fill(rondo_iter *iter, const struct schema *schema, uint32_t slot,
		 struct rondo_series_info *info)
{
	const struct entry_copy *copy = &iter->copy;

	info->id = series_id(schema->index, state_generation(copy->state), slot);
	info->key = copy->text;
	info->name = copy->key.name;
	info->labels = copy->key.labels;
	info->n_labels = copy->key.n_labels;
	info->kind = (enum rondo_kind)copy->head.kind;
	info->unit = copy->unit;
	info->help = copy->help;
	info->schema = schema->index;
	info->retired = copy->head.retired_at != 0;
	info->retired_at_ns = copy->head.retired_at;
}

RONDO_API int rondo_iter_next(rondo_iter *iter, struct rondo_series_info *info)
{
	if (!iter || !info || info->size < sizeof(*info))
		return RONDO_E_INVALID;
	for (; iter->schema < iter->store->n_schemas; iter->schema++, iter->slot = 0) {
		const struct schema *schema = &iter->store->schemas[iter->schema];

		while (iter->slot < __atomic_load_n(&schema->used, __ATOMIC_ACQUIRE)) {
			uint32_t slot = iter->slot;
			int match = 0;

			if (!entry_read(schema, slot, &iter->copy))
				match = selector_matches(iter->selector, &iter->copy.key);
			if (match < 0)
				return match;
			iter->slot++;
			if (!match)
				continue;
			fill(iter, schema, slot, info);
			return 1;
		}
	}
	return store_failed(iter->store) ? RONDO_E_FAILED : 0;
}

RONDO_API void rondo_iter_end(rondo_iter *iter)
{
	if (!iter)
		return;
	selector_free(iter->selector);
	free(iter);
}

RONDO_API rondo_id rondo_series_id(rondo_store *store, const rondo_series *series)
{
	const struct schema *schema;

	if (!store || !series)
		return 0;
	schema = schema_of(series);
	return series_id(schema->index,
			 state_generation(load_acquire(&entry_at(schema, series->index)->state)),
			 series->index);
}

/* A walk over the entries: a reader has no index, and asks seldom. */
static int find_key(const rondo_store *store, const char *key, size_t len, rondo_id *id)
{
	for (uint32_t i = 0; i < store->n_schemas; i++) {
		const struct schema *schema = &store->schemas[i];

		for (uint32_t slot = 0; slot < schema->used; slot++) {
			const struct disk_entry *entry = entry_at(schema, slot);
			uint64_t state = load_acquire(&entry->state);

			if (entry->key_len != len || memcmp(entry + 1, key, len) ||
			    entry_kind(schema, slot, state_generation(state)) < 0)
				continue;
			*id = series_id(i, state_generation(state), slot);
			return 0;
		}
	}
	return RONDO_E_NOT_FOUND;
}

RONDO_API int rondo_series_find(rondo_store *store, const struct rondo_series_def *def,
				rondo_id *id)
{
	char key[KEY_MAX - 1];
	size_t len;
	int err;

	if (!store || !def || def->size < sizeof(*def) || !id || (def->n_labels && !def->labels))
		return RONDO_E_INVALID;
	err = key_build(def, key, sizeof(key), &len);
	if (err)
		return err;
	if (len > store->entry_size - ENTRY_HEADER)
		return RONDO_E_NOT_FOUND;
	pthread_mutex_lock(&store->lock);
	err = find_key(store, key, len, id);
	pthread_mutex_unlock(&store->lock);
	return err;
}
