// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * entry.c - a series' directory entry: its state word, its checksum, reading and writing it
 *
 * An entry is published by its state word: BUSY with the new generation, then the body and its
 * CRC, then LIVE.  Whatever a crash or a power loss leaves of that is either the old entry, or a
 * BUSY or wrongly checksummed one, which is free; its steps are counted all the same.  A slot's
 * generation is (steps + unclean opens of the store), so that one which got lost with the power is
 * not issued again: a slot takes at most one step that is not synced.
 */
#include <string.h>

#include "directory.h"

static uint64_t state_word(enum entry_state state, uint32_t generation, uint32_t steps)
{
	return (uint64_t)steps << 32 | (uint64_t)generation << 8 | state;
}

static enum entry_state state_kind(uint64_t state)
{
	return (enum entry_state)(state & 0xff);
}

uint32_t state_generation(uint64_t state)
{
	return state >> 8 & GENERATION_MAX;
}

static uint32_t state_steps(uint64_t state)
{
	return (uint32_t)(state >> 32);
}

static uint32_t generation_of(uint32_t steps, uint32_t unclean_opens)
{
	return (uint32_t)(((uint64_t)steps + unclean_opens) % GENERATION_MAX) + 1;
}

struct disk_entry *entry_at(const struct schema *schema, uint32_t slot)
{
	return (void *)(schema->entries + (uint64_t)slot * schema->store->entry_size);
}

static uint32_t entry_crc(const struct disk_entry *head, uint32_t generation, const void *text,
			  size_t len)
{
	uint32_t crc = crc32c(0, &generation, sizeof(generation));

	crc = crc32c(crc, (const char *)head + ENTRY_CRC_FROM, ENTRY_HEADER - ENTRY_CRC_FROM);
	return crc32c(crc, text, len);
}

static bool head_fits(const struct schema *schema, const struct disk_entry *head, uint32_t slot)
{
	size_t text = (size_t)head->key_len + head->unit_len + head->help_len;

	return text <= schema->store->entry_size - ENTRY_HEADER && head->unit_len < 32 &&
	       head->schema == schema->index && head->slot == slot &&
	       (schema->n_bounds ? head->kind == RONDO_HISTOGRAM
				 : head->kind == RONDO_GAUGE || head->kind == RONDO_COUNTER);
}

/* An entry away from the mapping. */
union image {
	uint64_t words[KEY_MAX / 8];
	struct disk_entry head;
	char bytes[KEY_MAX];
};

static size_t text_len(const struct disk_entry *head)
{
	return (size_t)head->key_len + head->unit_len + head->help_len;
}

/* Each word by load-acquire, so that the state, read afterwards, tells whether they were changed. */
static void load_words(const struct disk_entry *entry, union image *image, size_t from, size_t end)
{
	const uint64_t *words = (const uint64_t *)(const void *)entry;

	for (size_t i = from / 8; i < (end + 7) / 8; i++)
		image->words[i] = load_acquire(&words[i]);
}

/*
 * Copies a live entry and checks it; the writer may be at work, so the state is read before and after.
 * RONDO_E_NOT_FOUND if it is not live.
 */
static int image_load(const struct schema *schema, uint32_t slot, uint64_t *state,
		      union image *image)
{
	const struct disk_entry *entry = entry_at(schema, slot), *head = &image->head;

	*state = load_acquire(&entry->state);
	if (state_kind(*state) != ENTRY_LIVE)
		return RONDO_E_NOT_FOUND;
	load_words(entry, image, 8, ENTRY_HEADER);
	if (!head_fits(schema, head, slot))
		return RONDO_E_NOT_FOUND;
	load_words(entry, image, ENTRY_HEADER, ENTRY_HEADER + text_len(head));
	if (entry_crc(head, state_generation(*state), image->bytes + ENTRY_HEADER,
		      text_len(head)) != head->crc ||
	    load_acquire(&entry->state) != *state)
		return RONDO_E_NOT_FOUND;
	return 0;
}

/* Whether these bytes begin with a live entry, of whatever schema. */
bool entry_whole(const void *bytes, size_t size)
{
	const struct disk_entry *head = bytes;

	return size > ENTRY_HEADER && state_kind(head->state) == ENTRY_LIVE &&
	       text_len(head) <= size - ENTRY_HEADER &&
	       entry_crc(head, state_generation(head->state), head + 1, text_len(head)) ==
		       head->crc;
}

int entry_check(const struct schema *schema, uint32_t slot, uint64_t *state,
		struct disk_entry *head)
{
	union image image;
	int err = image_load(schema, slot, state, &image);

	if (!err)
		*head = image.head;
	return err;
}

int entry_read(const struct schema *schema, uint32_t slot, struct entry_copy *copy)
{
	struct disk_entry *head = &copy->head;
	union image image;
	const char *text = image.bytes + ENTRY_HEADER;
	int err = image_load(schema, slot, &copy->state, &image);

	if (err)
		return err;
	*head = image.head;
	memcpy(copy->text, text, head->key_len);
	copy->text[head->key_len] = '\0';
	memcpy(copy->unit, text + head->key_len, head->unit_len);
	copy->unit[head->unit_len] = '\0';
	memcpy(copy->help, text + head->key_len + head->unit_len, head->help_len);
	copy->help[head->help_len] = '\0';
	return key_parse(copy->text, head->key_len, &copy->key) ? RONDO_E_NOT_FOUND : 0;
}

/*
 * The kind of a live entry of this generation, checked; RONDO_E_NOT_FOUND for any other.  What was checked
 * is remembered until the state is another: its generation and steps, and in their low byte the kind.
 */
int entry_kind(const struct schema *schema, uint32_t slot, uint32_t generation)
{
	uint64_t state = load_acquire(&entry_at(schema, slot)->state);
	uint64_t checked = load_relaxed(&schema->checked[slot]);
	struct disk_entry head;

	if (state_generation(state) != generation)
		return RONDO_E_NOT_FOUND;
	if (likely(checked >> 8 == state >> 8 && state_kind(state) == ENTRY_LIVE))
		return (int)(checked & 0xff);
	if (entry_check(schema, slot, &state, &head) || state_generation(state) != generation)
		return RONDO_E_NOT_FOUND;
	store_relaxed(&schema->checked[slot], (state & ~UINT64_C(0xff)) | head.kind);
	return head.kind;
}

/* The image of an entry that is to be written. */
static void image_fill(union image *image, const struct schema *schema, uint32_t slot,
		       uint32_t generation, const struct rondo_series_def *def, const char *key,
		       size_t key_len)
{
	struct disk_entry *head = &image->head;
	char *text = image->bytes + ENTRY_HEADER;

	*head = (struct disk_entry){
		.key_len = (uint16_t)key_len,
		.unit_len = (uint16_t)(def->unit ? strlen(def->unit) : 0),
		.help_len = (uint16_t)(def->help ? strlen(def->help) : 0),
		.kind = (uint8_t)def->kind,
		.schema = (uint8_t)schema->index,
		.slot = slot,
		.registered_at = clock_now(),
	};
	memcpy(text, key, key_len);
	memcpy(text + key_len, def->unit ? def->unit : "", head->unit_len);
	memcpy(text + key_len + head->unit_len, def->help ? def->help : "", head->help_len);
	memset(text + text_len(head), 0, -text_len(head) & 7);
	head->crc = entry_crc(head, generation, text, text_len(head));
}

void entry_write(struct schema *schema, uint32_t slot, const struct rondo_series_def *def,
		 const char *key, size_t key_len)
{
	struct disk_entry *entry = entry_at(schema, slot);
	uint64_t *words = (uint64_t *)(void *)entry;
	uint64_t old = load_relaxed(&entry->state);
	uint32_t steps = state_steps(old) + 1;
	uint32_t generation = generation_of(steps, schema->store->superblock.unclean_opens);
	union image image;

	image_fill(&image, schema, slot, generation, def, key, key_len);
	store_release(&entry->state, state_word(ENTRY_BUSY, generation, steps));
	if (generation < state_generation(old))
		slab_clear(schema, slot);
	for (size_t i = 1; i < (ENTRY_HEADER + text_len(&image.head) + 7) / 8; i++)
		store_release(&words[i], image.words[i]);
	store_release(&entry->state, state_word(ENTRY_LIVE, generation, steps));
}

/* Makes a live entry free: as if its registration had not ended. */
void entry_discard(struct schema *schema, uint32_t slot)
{
	uint64_t *state = &entry_at(schema, slot)->state;
	uint64_t old = load_relaxed(state);

	store_release(state, state_word(ENTRY_BUSY, state_generation(old), state_steps(old)));
}
