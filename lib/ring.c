// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * ring.c - finding the cells of a lane that are there, in order, whatever pauses lie between them
 *
 * Nothing says where a ring's newest cell is, and nothing needs to: the tags do.
 */
#include "ring.h"

/* The lowest and the highest number of cells from `from` on; false if there is none. */
bool ring_bounds(const struct ring *ring, uint64_t from, uint64_t *lowest, uint64_t *highest)
{
	const struct tier *tier = ring->tier;
	bool any = false;

	*lowest = UINT64_MAX;
	*highest = 0;
	for (uint32_t row = 0; row < tier->rows; row++) {
		uint64_t tag = load_acquire(&cell_at(tier, row, ring->lane)->tag);
		uint64_t number = cell_number(tag);

		if (cell_generation_bits(tag) != ring->generation_bits || number < from ||
		    number % tier->rows != row)
			continue;
		*lowest = number < *lowest ? number : *lowest;
		*highest = number > *highest ? number : *highest;
		any = true;
	}
	return any;
}

/* The highest number of cells below `limit`; false if there is none. */
static bool ring_below(const struct ring *ring, uint64_t limit, uint64_t *number)
{
	const struct tier *tier = ring->tier;
	uint64_t highest = 0;
	bool any = false;

	for (uint32_t row = 0; row < tier->rows; row++) {
		uint64_t tag = load_acquire(&cell_at(tier, row, ring->lane)->tag);
		uint64_t found = cell_number(tag);

		if (cell_generation_bits(tag) != ring->generation_bits || found >= limit ||
		    found % tier->rows != row)
			continue;
		highest = found > highest ? found : highest;
		any = true;
	}
	*number = highest;
	return any;
}

/* The latest slot of an upper tier's cell that is present and before `window`. */
static bool latest_in_cell(const struct ring *ring, uint64_t number, uint64_t window,
			   uint64_t *found, double *value)
{
	struct disk_cell copy;

	if (!cell_read(cell_at(ring->tier, number, ring->lane), ring->generation_bits | number,
		       false, &copy))
		return false;
	for (unsigned int k = CELL_TICKS; k-- > 0;) {
		*found = number * CELL_TICKS + k;
		if (*found >= window || !cover_get(copy.tail, k) || !value_known(copy.v[k]))
			continue;
		*value = double_of(copy.v[k]);
		return true;
	}
	return false;
}

/*
 * The latest window of an upper tier before `window` that is present, however long ago: a place keeps
 * its cell until a later one of the same series takes it.  Mostly it is the one just before.
 */
bool ring_latest(const struct ring *ring, uint64_t window, uint64_t *found, double *value)
{
	uint64_t number = divide_up(window, CELL_TICKS);

	for (int near = 0; near < 2 && number; near++)
		if (latest_in_cell(ring, --number, window, found, value))
			return true;
	while (ring_below(ring, number, &number))
		if (latest_in_cell(ring, number, window, found, value))
			return true;
	return false;
}

/* Cells first <= number <= last.  Looks at the whole ring only if the range is longer than it. */
bool ring_walk_begin(struct ring_walk *walk, const struct ring *ring, uint64_t first, uint64_t last)
{
	uint64_t lowest, highest;

	*walk = (struct ring_walk){ .ring = *ring, .next = first, .last = last };
	if (first > last)
		return false;
	walk->row = (uint32_t)(first % ring->tier->rows);
	if (last - first < ring->tier->rows)
		return true;
	if (!ring_bounds(ring, first, &lowest, &highest))
		return false;
	walk->next = lowest;
	walk->row = (uint32_t)(lowest % ring->tier->rows);
	walk->last = highest < last ? highest : last;
	return true;
}

/* How far ahead the cells of coming rows are asked for; beyond the mapping that asks for nothing. */
#define PREFETCH_ROWS 8

/* The next cell that is there, copied; false at the end. */
bool ring_walk_next(struct ring_walk *walk, struct disk_cell *copy)
{
	const struct ring *ring = &walk->ring;
	const struct tier *tier = ring->tier;
	uint64_t highest;

	while (walk->next <= walk->last) {
		uint64_t number = walk->next++;
		const struct disk_cell *cell =
			&tier->cells[(uint64_t)walk->row * tier->lanes + ring->lane];

		if (number + PREFETCH_ROWS <= walk->last)
			__builtin_prefetch(
				(const void *)((uintptr_t)cell + PREFETCH_ROWS * tier->stride));
		walk->row = walk->row + 1 < tier->rows ? walk->row + 1 : 0;
		if (cell_read(cell, ring->generation_bits | number, ring->is_value, copy)) {
			walk->absent = 0;
			return true;
		}
		if (++walk->absent < ring->tier->rows)
			continue;
		/* a pause longer than the ring: on to the next cell that is there */
		walk->absent = 0;
		if (!ring_bounds(ring, number + 1, &walk->next, &highest))
			return false;
		walk->row = (uint32_t)(walk->next % tier->rows);
	}
	return false;
}

/* The first tick that the ring is sure to hold still, a cell of margin for a writer at work. */
uint64_t ring_start(const struct tier *tier, uint64_t highest)
{
	return highest + 2 > tier->rows ? (highest + 2 - tier->rows) * CELL_TICKS : 0;
}

/*
 * Who tells what of a series' time, so that nothing is told twice: tier t, if it is one of `tiers`, has
 * the windows from from[t] on, up to from[t - 1].  from[t] is where its ring surely begins, moved up to a
 * border of the next tier's windows, but not past what that one has closed.  Returns the finest tier
 * that takes part: the coarsest whose interval is not above the step.
 */
uint32_t stitch(const struct schema *schema, uint32_t slot, uint64_t generation_bits, uint64_t step,
		uint64_t tiers, uint64_t from[RONDO_TIERS_MAX])
{
	uint64_t lowest, highest, closed, border;
	uint32_t finest = 0;

	while (finest + 1 < schema->n_tiers && schema->tiers[finest + 1].interval <= step)
		finest++;
	for (uint32_t t = finest; t < schema->n_tiers; t++) {
		const struct tier *tier = &schema->tiers[t];
		struct ring ring = { tier, generation_bits, slot * tier->lanes_each, t == 0 };

		from[t] = t == finest ? UINT64_MAX : from[t - 1];
		if (!(tiers & UINT64_C(1) << t))
			continue;
		if (t + 1 == schema->n_tiers || !(tiers >> (t + 1))) {
			from[t] = 0;
			continue;
		}
		if (!ring_bounds(&ring, 0, &lowest, &highest))
			continue;
		from[t] = divide_up(ring_start(tier, highest), tier[1].ratio) * tier[1].interval;
		closed = slab_closed(&tier[1]) / tier[1].interval * tier[1].interval;
		from[t] = from[t] < closed ? from[t] : closed;
		if (t == finest || from[t] <= from[t - 1])
			continue;
		/* it reaches back less far than the finer one: their border becomes the next one's */
		border = divide_up(from[t - 1], tier[1].interval) * tier[1].interval;
		from[t] = border;
		for (uint32_t s = t; s-- > finest && from[s] < border;)
			from[s] = border;
	}
	return finest;
}
