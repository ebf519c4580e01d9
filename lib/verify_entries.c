// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * verify_entries.c - rondo_store_verify(): the series directory
 *
 * Each entry is looked at by the readers' protocol, so a registration at work is no finding.
 */
#include <stdlib.h>
#include <string.h>

#include "directory.h"
#include "verify.h"

#define ENTRY_TRIES 10

static struct rondo_verify_finding at_entry(const struct schema *schema, uint32_t slot)
{
	return (struct rondo_verify_finding){
		.file = STORE_FILE,
		.offset = (uint64_t)((const char *)entry_at(schema, slot) - schema->store->map),
		.schema = schema->index,
		.tier = UINT32_MAX,
		.key = "",
	};
}

/*
 * Reads an entry that is live: 0, RONDO_E_NOT_FOUND if it is not, RONDO_E_CORRUPT if it says that it
 * is, and again and again nothing fits.
 */
static int read_live(const struct schema *schema, uint32_t slot, struct entry_copy *copy)
{
	for (int tries = 0; tries < ENTRY_TRIES; tries++) {
		uint64_t state = load_acquire(&entry_at(schema, slot)->state);

		if ((state & 0xff) == ENTRY_FREE || (state & 0xff) == ENTRY_BUSY)
			return RONDO_E_NOT_FOUND;
		if (!entry_read(schema, slot, copy))
			return 0;
	}
	return RONDO_E_CORRUPT;
}

/*
 * The last generation that the slot may have issued: its steps, one that the power may have taken, and
 * the store's unclean opens, one of which may not be counted yet.
 */
static uint32_t newest_generation(const struct rondo_store *store, uint64_t state)
{
	uint64_t steps = (state >> 32) + 2 + store->superblock.unclean_opens;

	return steps + 1 >= GENERATION_MAX ? GENERATION_MAX : (uint32_t)steps + 1;
}

static const char *why_not(const struct schema *schema, uint32_t slot)
{
	struct disk_entry head;
	uint64_t state = load_acquire(&entry_at(schema, slot)->state);

	if ((state & 0xff) != ENTRY_LIVE)
		return "its state is none of free, being written, live";
	if (entry_check(schema, slot, &state, &head))
		return "its checksum or a field is wrong; the series in it can't be read";
	return "its key does not parse";
}

static void check_entry(struct verify *v, const struct schema *schema, uint32_t slot,
			struct entry_copy *copy)
{
	struct slot_facts *facts = &v->slots[slot];
	struct rondo_verify_finding at = at_entry(schema, slot);
	uint64_t state = load_acquire(&entry_at(schema, slot)->state);
	int err = read_live(schema, slot, copy);

	facts->newest_generation = newest_generation(v->store, err ? state : copy->state);
	if (err == RONDO_E_NOT_FOUND)
		return;
	if (err) {
		/* a longer one lies in two sectors, which a power loss may part */
		if (schema->store->entry_size > 512)
			verify_explained(v, &at, RONDO_VERIFY_ENTRY, "%s", why_not(schema, slot));
		else
			verify_found(v, &at, RONDO_VERIFY_ENTRY, "%s", why_not(schema, slot));
		facts->newest_generation = GENERATION_MAX;
		return;
	}
	facts->tag = cell_tag(state_generation(copy->state), 0);
	facts->kind = copy->head.kind;
	v->report->series++;
	if (facts->tag >> CELL_BITS <= facts->newest_generation)
		return;
	at.key = copy->text;
	at.id = series_id(schema->index, state_generation(copy->state), slot);
	verify_found(v, &at, RONDO_VERIFY_ENTRY, "its generation %u was never issued",
		     state_generation(copy->state));
}

int verify_entries(struct verify *v, const struct schema *schema)
{
	struct entry_copy *copy = malloc(sizeof(*copy));

	if (!copy)
		return RONDO_E_NOMEM;
	for (uint32_t slot = 0; slot < schema->max_series && !v->stopped; slot++) {
		check_entry(v, schema, slot, copy);
		if (slot % 4096 == 4095)
			verify_progress(v, UINT64_C(4096) * schema->store->entry_size);
	}
	free(copy);
	return 0;
}

/* ---- keys that are there twice ---- */

/* Keys of one hash in a row, at most, that are compared with each other: files may be hostile. */
#define COLLISIONS 8

/* An entry in the order of what its key hashes to. */
struct hashed {
	uint32_t hash;
	uint32_t schema;
	uint32_t slot;
};

static int by_hash(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->schema != y->schema)
		return x->schema < y->schema ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* The writer discards the older one when it opens the store: a power loss may leave two. */
static void check_pair(struct verify *v, const struct hashed *a, const struct hashed *b,
		       struct entry_copy copy[2])
{
	const struct schema *schemas = v->store->schemas;
	struct rondo_verify_finding at = at_entry(&schemas[b->schema], b->slot);

	if (entry_read(&schemas[a->schema], a->slot, &copy[0]) ||
	    entry_read(&schemas[b->schema], b->slot, &copy[1]) ||
	    strcmp(copy[0].text, copy[1].text))
		return;
	at.key = copy[1].text;
	at.id = series_id(b->schema, state_generation(copy[1].state), b->slot);
	verify_explained(v, &at, RONDO_VERIFY_DUPLICATE,
			 "slot %u of schema %u has the same name and labels", a->slot, a->schema);
}

int verify_duplicates(struct verify *v)
{
	struct rondo_store *store = v->store;
	struct entry_copy *copy = malloc(2 * sizeof(*copy));
	struct hashed *all = calloc(v->report->series + 1, sizeof(*all));
	int err = copy && all ? 0 : RONDO_E_NOMEM;
	uint64_t n = 0;

	for (uint32_t i = 0; !err && i < store->n_schemas; i++) {
		const struct schema *schema = &store->schemas[i];

		for (uint32_t slot = 0; slot < schema->max_series && n < v->report->series;
		     slot++) {
			if (entry_read(schema, slot, copy))
				continue;
			all[n++] = (struct hashed){ crc32c(0, copy->text, copy->head.key_len), i,
						    slot };
		}
	}
	if (!err)
		qsort(all, n, sizeof(*all), by_hash);
	for (uint64_t i = 1; i < n; i++)
		for (uint64_t j = i; j-- > 0 && i - j <= COLLISIONS && all[j].hash == all[i].hash;)
			check_pair(v, &all[j], &all[i], copy);
	free(all);
	free(copy);
	return err;
}
