// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * verify_cells.c - rondo_store_verify(): every cell of a slab by itself
 *
 * A cell that a writer is entering, or was entering when it ended, is told from a damaged one by the
 * protocol in cell.h: a tail of 0, or the tail of a later owner over six empty slots.
 */
#include <stdio.h>

#include "verify.h"

#define CELL_TRIES     10
#define PROGRESS_BYTES (UINT64_C(1) << 20)

/* A cell as it was at one moment; false if it never held still. */
static bool read_still(const struct disk_cell *cell, struct disk_cell *copy)
{
	for (int tries = 0; tries < CELL_TRIES; tries++) {
		uint64_t tail = load_acquire(&cell->tail);

		copy->tag = load_acquire(&cell->tag);
		for (unsigned int k = 0; k < CELL_TICKS; k++)
			copy->v[k] = load_acquire(&cell->v[k]);
		copy->tail = load_acquire(&cell->tail);
		if (load_acquire(&cell->tag) == copy->tag && copy->tail == tail)
			return true;
	}
	return false;
}

static bool all_empty(const struct disk_cell *copy)
{
	for (unsigned int k = 0; k < CELL_TICKS; k++)
		if (copy->v[k] != RONDO_EMPTY)
			return false;
	return true;
}

/* Whether this tail is what entering it leaves for a moment, before the tag. */
static bool half_entered(const struct tier *tier, uint32_t t, uint32_t row,
			 const struct disk_cell *copy)
{
	if (copy->tail == 0)
		return true;
	if (!all_empty(copy))
		return false;
	return t ? copy->tail <= TAIL_NUMBER : cell_number(copy->tail) % tier->rows == row;
}

static bool tail_fits(uint32_t t, const struct disk_cell *copy)
{
	if (t == 0)
		return copy->tail == copy->tag;
	return (copy->tail & TAIL_NUMBER) == (copy->tag & TAIL_NUMBER);
}

/* Reads the state anew: the slot may have got another owner meanwhile. */
static bool never_issued(const struct verify *v, const struct schema *schema, uint32_t slot,
			 uint64_t tag)
{
	uint64_t state = load_acquire(&entry_at(schema, slot)->state);

	return tag >> CELL_BITS > v->slots[slot].newest_generation &&
	       tag >> CELL_BITS > state_generation(state);
}

static bool is_sum(const struct schema *schema, const struct tier *tier, uint32_t lane)
{
	if (schema->n_bounds)
		return lane % tier->lanes_each == schema->n_bounds + 1;
	return lane % tier->lanes_each == 0 && tier->lane_set & 1u << LANE_SUM;
}

/* Values of a cell that is its series' own; sums of gauges may have outgrown what a double holds. */
static void check_values(struct verify *v, const struct schema *schema, uint32_t t, uint32_t lane,
			 const struct disk_cell *copy, struct rondo_verify_finding *at)
{
	const struct tier *tier = &schema->tiers[t];
	uint32_t kind = v->slots[lane / tier->lanes_each].kind;
	uint64_t most = tier->ticks < COVER_MAX ? tier->ticks : COVER_MAX;
	uint64_t cell_ns = at->ts_ns;

	for (unsigned int k = 0; k < CELL_TICKS; k++) {
		uint32_t cover = t ? cover_get(copy->tail, k) : 1;
		bool sum = is_sum(schema, tier, lane) && kind != RONDO_COUNTER;
		double value = double_of(copy->v[k]);

		at->ts_ns = cell_ns + k * tier->interval;
		if (!cover || copy->v[k] == RONDO_EMPTY) {
			if (cover && t)
				verify_found(v, at, RONDO_VERIFY_VALUE, "a cover, but no value");
			continue;
		}
		if (t && cover > most)
			verify_found(v, at, RONDO_VERIFY_COVER,
				     "cover %u, of a window of %llu ticks", cover,
				     (unsigned long long)tier->ticks);
		if (!value_known(copy->v[k]) && t && sum && value == value)
			verify_note(v, at, RONDO_VERIFY_VALUE, "a sum beyond what a double holds");
		else if (!value_known(copy->v[k]))
			verify_found(v, at, RONDO_VERIFY_VALUE, "bits %016llx are no finite value",
				     (unsigned long long)copy->v[k]);
		else if (value < 0 && kind == RONDO_COUNTER)
			verify_found(v, at, RONDO_VERIFY_VALUE, "%g in a counter", value);
		else if (value < 0 && kind == RONDO_HISTOGRAM && !sum)
			verify_found(v, at, RONDO_VERIFY_VALUE, "%g in a bucket", value);
	}
	at->ts_ns = cell_ns;
}

/* Whether the histograms of the six windows are whole; told once, at the last lane. */
static void check_histograms(struct verify *v, const struct schema *schema, uint32_t t,
			     uint32_t lane, const struct disk_cell *copy,
			     struct rondo_verify_finding *at)
{
	uint32_t slot = lane / schema->tiers[t].lanes_each;
	uint64_t cell_ns = at->ts_ns;

	for (unsigned int k = 0; k < CELL_TICKS; k++) {
		uint64_t window = cell_number(copy->tag) * CELL_TICKS + k;
		struct rondo_histogram histogram;

		at->ts_ns = cell_ns + k * schema->tiers[t].interval;
		if (histogram_at(schema, t, slot, v->slots[slot].tag, window, &histogram) < 0 &&
		    verify_owned(v, schema, slot))
			verify_explained(v, at, RONDO_VERIFY_HISTOGRAM,
					 "its parts are not of one moment");
	}
	at->ts_ns = cell_ns;
}

/* A cell whose tag and tail belong together. */
static void check_content(struct verify *v, const struct schema *schema, uint32_t t, uint32_t lane,
			  const struct disk_cell *copy, struct rondo_verify_finding *at)
{
	const struct tier *tier = &schema->tiers[t];
	const struct slot_facts *facts = &v->slots[lane / tier->lanes_each];

	if (cell_generation_bits(copy->tag) != facts->tag)
		return; /* of an earlier owner: nobody reads it */
	at->ts_ns = cell_number(copy->tag) * CELL_TICKS * tier->interval;
	if (at->ts_ns > v->now && at->ts_ns - v->now > schema->max_ahead)
		verify_note(v, at, RONDO_VERIFY_FUTURE, "a cell from the future");
	check_values(v, schema, t, lane, copy, at);
	if (!schema->n_bounds && t)
		verify_cell_windows(v, schema, t, lane, copy, at);
	if (schema->n_bounds && lane % tier->lanes_each + 1 == tier->lanes_each) {
		check_histograms(v, schema, t, lane, copy, at);
		if (t)
			verify_cell_windows(v, schema, t, lane, copy, at);
	}
}

static void check_cell(struct verify *v, const struct schema *schema, uint32_t t, uint32_t row,
		       uint32_t lane, struct rondo_verify_finding *at)
{
	const struct tier *tier = &schema->tiers[t];
	const struct disk_cell *cell = cell_at(tier, row, lane);
	uint32_t slot = lane / tier->lanes_each;
	struct disk_cell copy;

	if (!read_still(cell, &copy))
		return;
	if (!copy.tag && !copy.tail)
		return;
	at->offset = (uint64_t)((const char *)cell - tier->map);
	at->ts_ns = cell_number(copy.tag) * CELL_TICKS * tier->interval;
	v->slot = slot;
	v->tag = copy.tag;
	if (copy.tag && cell_number(copy.tag) % tier->rows != row)
		verify_found(v, at, RONDO_VERIFY_TAG, "cell %llu lies in row %u",
			     (unsigned long long)cell_number(copy.tag), row);
	else if (never_issued(v, schema, slot, copy.tag))
		verify_found(v, at, RONDO_VERIFY_TAG, "generation %llu was never issued",
			     (unsigned long long)(copy.tag >> CELL_BITS));
	else if (tail_fits(t, &copy))
		check_content(v, schema, t, lane, &copy, at);
	else if (half_entered(tier, t, row, &copy))
		v->report->interrupted++;
	else
		verify_found(v, at, RONDO_VERIFY_TAIL, "tag %016llx, tail %016llx",
			     (unsigned long long)copy.tag, (unsigned long long)copy.tail);
}

void verify_cells(struct verify *v, const struct schema *schema, uint32_t t)
{
	const struct tier *tier = &schema->tiers[t];
	struct rondo_verify_finding at = { .schema = schema->index, .tier = t, .key = "" };
	uint64_t unsaid = 0;
	char name[96];

	snprintf(name, sizeof(name), SLAB_NAME_FMT, schema->name, t);
	at.file = name;
	for (uint32_t row = 0; row < tier->rows; row++) {
		if (slab_check_size(tier))
			__atomic_store_n(&v->store->failed, true, __ATOMIC_RELEASE);
		if (store_failed(v->store))
			return;
		for (uint32_t lane = 0; lane < tier->lanes; lane++)
			check_cell(v, schema, t, row, lane, &at);
		v->report->cells += tier->lanes;
		unsaid += tier->stride;
		if (unsaid < PROGRESS_BYTES)
			continue;
		if (!verify_progress(v, unsaid))
			return;
		unsaid = 0;
	}
	verify_progress(v, unsaid + tier->file_size - (uint64_t)tier->rows * tier->stride);
}
