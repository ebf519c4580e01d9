/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ring.h - see ring.c */
#ifndef RONDO_RING_H
#define RONDO_RING_H

#include "cell.h"

/* One lane of one series in one tier. */
struct ring {
	const struct tier *tier;
	uint64_t generation_bits;
	uint32_t lane;
	bool is_value; /* the finest tier's */
};

/* A walk over the cells that are present, in order of their numbers; from `next` to `last`. */
struct ring_walk {
	struct ring ring;
	uint64_t next, last;
	uint32_t absent; /* cells in a row that were not there */
	uint32_t row;    /* where the next one's place is */
};

bool ring_bounds(const struct ring *ring, uint64_t from, uint64_t *lowest, uint64_t *highest);
bool ring_latest(const struct ring *ring, uint64_t window, uint64_t *found, double *value);
bool ring_walk_begin(struct ring_walk *walk, const struct ring *ring, uint64_t first,
		     uint64_t last);
bool ring_walk_next(struct ring_walk *walk, struct disk_cell *copy);
uint64_t ring_start(const struct tier *tier, uint64_t highest);
uint32_t stitch(const struct schema *schema, uint32_t slot, uint64_t generation_bits, uint64_t step,
		uint64_t tiers, uint64_t from[RONDO_TIERS_MAX]);

static inline uint64_t divide_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

#endif /* RONDO_RING_H */
