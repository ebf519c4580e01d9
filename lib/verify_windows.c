// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * verify_windows.c - rondo_store_verify(): closed windows against the tier below
 *
 * What consolidation stored is computed once more, by code of its own, from the finer tier, if that
 * still has all of the window.  Sums are added up in the order of consolidation, so they are equal to
 * the last bit.
 */
#include "verify.h"

/* A lane of a window, computed anew. */
struct fold {
	double value;
	uint64_t known; /* finest ticks */
	bool gaps;      /* a cell of it is not there: nothing was recorded, or it got lost */
};

/* Whether the ring has let go of a cell, or its place is being written. */
static bool let_go(const struct disk_cell *cell, uint64_t tag)
{
	uint64_t found = load_acquire(&cell->tag);

	return found == tag || (cell_generation_bits(found) == cell_generation_bits(tag) &&
				cell_number(found) > cell_number(tag));
}

static void fold_in(struct fold *fold, enum lane lane, double value)
{
	switch (lane) {
	case LANE_SUM:
		fold->value += value;
		break;
	case LANE_MIN:
		fold->value = fold->known && fold->value < value ? fold->value : value;
		break;
	case LANE_MAX:
		fold->value = fold->known && fold->value > value ? fold->value : value;
		break;
	default:
		fold->value = value;
	}
}

/* From the source's ticks or windows first <= n < end; false if it does not have them all any more. */
static bool fold_source(const struct tier *source, bool finest, uint32_t place, enum lane lane,
			uint64_t generation_bits, uint64_t first, uint64_t end, struct fold *fold)
{
	*fold = (struct fold){ 0, 0, false };
	for (uint64_t n = first; n < end; n++) {
		uint64_t number = n / CELL_TICKS, tag = generation_bits | number;
		const struct disk_cell *cell = cell_at(source, number, place);
		unsigned int k = (unsigned int)(n % CELL_TICKS);
		struct disk_cell copy;
		uint64_t known = 1;

		if (!cell_read(cell, tag, finest, &copy)) {
			if (let_go(cell, tag))
				return false;
			fold->gaps = true;
			n = (number + 1) * CELL_TICKS - 1;
			continue;
		}
		if (!finest)
			known = ticks_of_cover(source, cover_get(copy.tail, k));
		if (!known || !value_known(copy.v[k]))
			continue;
		fold_in(fold, lane, double_of(copy.v[k]));
		fold->known += known;
	}
	return true;
}

/*
 * A stored value and its cover, and the tier below.  That may know less without any damage: after a
 * power loss, and in a copy that was migrated to a longer retention; nothing at all says nothing.
 */
static void compare(struct verify *v, const struct tier *tier, struct rondo_verify_finding *at,
		    double value, uint32_t cover, const struct fold *fold)
{
	const struct schema *schema = &v->store->schemas[at->schema];
	uint32_t want = fold->known ? cover_of_ticks(tier, fold->known) : 0;

	if ((!want && fold->gaps) || !verify_owned(v, schema, v->slot))
		return;
	v->report->windows++;
	if (want < cover && !fold->gaps)
		verify_explained(v, at, RONDO_VERIFY_WINDOW, "cover %u, and the finer tier has %u",
				 cover, want);
	else if (want != cover)
		verify_note(v, at, RONDO_VERIFY_WINDOW, "cover %u, and the finer tier has %u: %s",
			    cover, want, want > cover ? "late data" : "a part of it is gone");
	else if (value != fold->value && slab_reopened(tier, at->ts_ns))
		verify_note(v, at, RONDO_VERIFY_WINDOW,
			    "%.17g, and the finer tier gives %.17g: the clock had stepped back",
			    value, fold->value);
	else if (value != fold->value)
		verify_explained(v, at, RONDO_VERIFY_WINDOW,
				 "%.17g, and the finer tier gives %.17g", value, fold->value);
}

static enum lane lane_number(const struct tier *tier, uint32_t in_group)
{
	unsigned int lane = 0;

	for (uint32_t set = tier->lane_set;; lane++)
		if (set & 1u << lane && in_group-- == 0)
			return (enum lane)lane;
}

static uint32_t place_of(const struct tier *tier, uint32_t slot, enum lane lane)
{
	return slot * tier->lanes_each +
	       (uint32_t)__builtin_popcount(tier->lane_set & ((1u << lane) - 1));
}

/* A window's total is the one before and its sum, where all three are there. */
static void check_total(struct verify *v, const struct tier *tier, uint32_t slot, uint64_t window,
			double total, struct rondo_verify_finding *at)
{
	uint64_t tag = v->slots[slot].tag;
	struct fold before, sum;

	if (!window ||
	    !fold_source(tier, false, place_of(tier, slot, LANE_TOTAL), LANE_TOTAL, tag, window - 1,
			 window, &before) ||
	    !fold_source(tier, false, place_of(tier, slot, LANE_SUM), LANE_SUM, tag, window,
			 window + 1, &sum) ||
	    !before.known || !sum.known)
		return;
	v->report->windows++;
	if (before.value + sum.value == total ||
	    !verify_owned(v, &v->store->schemas[at->schema], slot))
		return;
	if (slab_reopened(tier, at->ts_ns))
		verify_note(
			v, at, RONDO_VERIFY_TOTAL,
			"total %.17g, after %.17g and a sum of %.17g: the clock had stepped back",
			total, before.value, sum.value);
	else
		verify_explained(v, at, RONDO_VERIFY_TOTAL,
				 "total %.17g, after %.17g and a sum of %.17g", total, before.value,
				 sum.value);
}

static void check_scalar(struct verify *v, const struct schema *schema, uint32_t t, uint32_t place,
			 uint64_t window, double value, uint32_t cover,
			 struct rondo_verify_finding *at)
{
	const struct tier *tier = &schema->tiers[t], *source = tier - 1;
	uint32_t slot = place / tier->lanes_each;
	enum lane lane = lane_number(tier, place % tier->lanes_each);
	uint64_t first = window * tier->ratio;
	struct fold fold;

	if (lane == LANE_TOTAL && t == 1) {
		check_total(v, tier, slot, window, value, at);
		return;
	}
	if (!source->map ||
	    !fold_source(source, t == 1, t == 1 ? slot : place_of(source, slot, lane), lane,
			 v->slots[slot].tag, first, first + tier->ratio, &fold))
		return;
	if (lane == LANE_TOTAL) /* the last one of the source's, whatever else is known */
		cover = fold.known ? cover_of_ticks(tier, fold.known) : 0;
	compare(v, tier, at, value, cover, &fold);
}

static void check_histogram(struct verify *v, const struct schema *schema, uint32_t t,
			    uint32_t slot, uint64_t window, uint32_t cover,
			    struct rondo_verify_finding *at)
{
	const struct tier *tier = &schema->tiers[t], *source = tier - 1;
	struct rondo_histogram stored, one, all = { 0 };
	uint64_t tag = v->slots[slot].tag;
	struct fold fold = { 0, 0, false };
	double value;
	const struct disk_cell *cell;
	struct disk_cell copy;

	if (!source->map || histogram_at(schema, t, slot, tag, window, &stored) != 1)
		return;
	for (uint64_t n = window * tier->ratio; n < (window + 1) * tier->ratio; n++) {
		uint64_t number = n / CELL_TICKS;

		if (histogram_at(schema, t - 1, slot, tag, n, &one) == 1) {
			rondo_histogram_merge(&all, &one);
			fold.known += one.known;
			continue;
		}
		/* lanes are entered one after the other: the first one's tells if that has begun */
		cell = cell_at(source, number, slot * source->lanes_each);
		if (cell_read(cell, tag | number, t == 1, &copy))
			continue;
		if (let_go(cell, tag | number))
			return;
		fold.gaps = true;
	}
	/* one finding for all parts: the first that differs */
	fold.value = all.sum;
	value = stored.sum;
	for (uint32_t b = 0; value == fold.value && b <= schema->n_bounds; b++) {
		value = stored.buckets[b];
		fold.value = all.buckets[b];
	}
	compare(v, tier, at, value, cover, &fold);
}

/* The windows of one cell of an upper tier; of a histogram's last lane, all of it. */
void verify_cell_windows(struct verify *v, const struct schema *schema, uint32_t t, uint32_t lane,
			 const struct disk_cell *copy, struct rondo_verify_finding *at)
{
	const struct tier *tier = &schema->tiers[t];
	uint64_t cell_ns = at->ts_ns;

	for (unsigned int k = 0; k < CELL_TICKS; k++) {
		uint64_t window = cell_number(copy->tag) * CELL_TICKS + k;
		uint32_t cover = cover_get(copy->tail, k);

		at->ts_ns = cell_ns + k * tier->interval;
		if (!cover || !value_known(copy->v[k]))
			continue;
		if (schema->n_bounds)
			check_histogram(v, schema, t, lane / tier->lanes_each, window, cover, at);
		else
			check_scalar(v, schema, t, lane, window, double_of(copy->v[k]), cover, at);
	}
	at->ts_ns = cell_ns;
}
