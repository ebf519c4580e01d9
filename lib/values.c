// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * values.c - the values of the finest tier into points, six at a time
 *
 * What queries read most.  No more cells than the ring has: pauses longer than the ring, and the end of a
 * caller's array, are left to ring.c's walk.
 */
#include "values.h"

static inline void point_set(struct rondo_point *point, uint64_t ts, uint64_t bits)
{
	*point = (struct rondo_point){ ts, double_of(bits), 0, 1 };
}

/*
 * All six ticks of a cell into points[6]; returns how many are known, 0 if it is another cell, or was being
 * changed.  As cell_read(), but the values stay in registers.
 */
static inline size_t cell_points(const struct disk_cell *cell, uint64_t tag, uint64_t ts,
				 uint64_t interval, struct rondo_point *points)
{
	uint64_t v[CELL_TICKS], tail;
	size_t n = 0;

	if (unlikely(load_acquire(&cell->tag) != tag))
		return 0;
#pragma GCC unroll 6
	for (unsigned int k = 0; k < CELL_TICKS; k++)
		v[k] = load_acquire(&cell->v[k]);
	tail = load_acquire(&cell->tail);
	if (unlikely(load_acquire(&cell->tag) != tag || tail != tag))
		return 0;
	if (likely(value_known(v[0]) && value_known(v[1]) && value_known(v[2]) &&
		   value_known(v[3]) && value_known(v[4]) && value_known(v[5]))) {
#pragma GCC unroll 6
		for (unsigned int k = 0; k < CELL_TICKS; k++)
			point_set(&points[k], ts + k * interval, v[k]);
		return CELL_TICKS;
	}
	for (unsigned int k = 0; k < CELL_TICKS; k++) {
		point_set(&points[n], ts + k * interval, v[k]);
		n += value_known(v[k]);
	}
	return n;
}

/* The same of ticks from <= k < to. */
static inline size_t cell_part(const struct disk_cell *cell, uint64_t tag, uint64_t ts,
			       uint64_t interval, unsigned int from, unsigned int to,
			       struct rondo_point *points)
{
	size_t n = 0;

	if (load_acquire(&cell->tag) != tag)
		return 0;
	for (unsigned int k = from; k < to; k++) {
		uint64_t bits = load_acquire(&cell->v[k]);

		point_set(&points[n], ts + k * interval, bits);
		n += value_known(bits);
	}
	return load_acquire(&cell->tail) == tag && load_acquire(&cell->tag) == tag ? n : 0;
}

/* How far ahead the cells of coming rows are asked for; beyond the mapping that asks for nothing. */
#define PREFETCH_ROWS 8

/*
 * Ticks *first <= t < end, while there is room for all that a cell has of them; *first becomes the tick
 * to go on with.  Returns the number of points.
 */
size_t values_read(const struct ring *ring, uint64_t *first, uint64_t end,
		   struct rondo_point *points, size_t cap)
{
	const struct tier *tier = ring->tier;
	uint64_t interval = tier->interval, number, last, lowest, highest, at = *first, stop = end;
	const struct disk_cell *cell, *limit = (const struct disk_cell *)tier->end;
	size_t n = 0;

	if (at >= end)
		return 0;
	number = at / CELL_TICKS;
	last = (end - 1) / CELL_TICKS;
	if (last - number >= tier->rows) {
		if (!ring_bounds(ring, number, &lowest, &highest)) {
			*first = end;
			return 0;
		}
		if (highest - lowest >= tier->rows)
			return 0;
		at = lowest > number ? lowest * CELL_TICKS : at;
		stop = highest < last ? (highest + 1) * CELL_TICKS : end;
		number = lowest;
	}
	cell = cell_at(tier, number, ring->lane);
	for (; at < stop; number++) {
		uint64_t begin = number * CELL_TICKS, next = begin + CELL_TICKS;

		next = next < stop ? next : stop;
		if (cap - n < next - at) {
			*first = at;
			return n;
		}
		__builtin_prefetch((const char *)cell + PREFETCH_ROWS * tier->stride);
		if (likely(next - at == CELL_TICKS))
			n += cell_points(cell, ring->generation_bits | number, begin * interval,
					 interval, points + n);
		else
			n += cell_part(cell, ring->generation_bits | number, begin * interval,
				       interval, (unsigned int)(at - begin),
				       (unsigned int)(next - begin), points + n);
		at = next;
		cell = (const struct disk_cell *)((const char *)cell + tier->stride);
		cell = cell < limit ? cell
				    : (const struct disk_cell *)((const char *)cell -
								 tier->rows * tier->stride);
	}
	*first = end;
	return n;
}
