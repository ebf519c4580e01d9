/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * cell.h - how a cell is entered, written and read; the protocol that needs no lock and no journal
 *
 * A slot counts only if its cell's tag and tail are those expected for its tick and its value is
 * not EMPTY.  So nothing is ever cleared: when the ring comes round, or a series slot gets a new
 * owner, the old cell simply carries another tag.
 *
 *   enter   tail = 0; v[0..5] = EMPTY; tail = new; tag = new     each a store-release
 *   write   v[k]; in upper tiers then the covers, with the tail
 *   read    tag; v[]; tail; tag again, each a load-acquire; any difference means absent
 *
 * A reader that sees the old tag twice around values of the new cell is caught by the tail, which
 * changes before any value does and back to a match only under the new number.  In upper tiers the
 * tail has but 4 bits of the cell number; the number of rows is odd, so that the next 15 owners of
 * a place differ in them.  The same holds for what a power loss or a file copy may catch: 64 bytes
 * lie in one sector.
 */
#ifndef RONDO_CELL_H
#define RONDO_CELL_H

#include "internal.h"

#define CELL_NUMBER_MASK ((UINT64_C(1) << CELL_BITS) - 1)

static inline uint64_t cell_tag(uint32_t generation, uint64_t number)
{
	return (uint64_t)generation << CELL_BITS | (number & CELL_NUMBER_MASK);
}

static inline uint64_t cell_number(uint64_t tag)
{
	return tag & CELL_NUMBER_MASK;
}

static inline uint64_t cell_generation_bits(uint64_t tag)
{
	return tag & ~CELL_NUMBER_MASK;
}

/* The cell of a number in a lane. */
static inline struct disk_cell *cell_at(const struct tier *tier, uint64_t number, uint32_t lane)
{
	return &tier->cells[number % tier->rows * tier->lanes + lane];
}

static inline uint32_t cover_get(uint64_t tail, unsigned int k)
{
	return tail >> (4 + COVER_BITS * k) & COVER_MAX;
}

static inline uint64_t cover_bits(uint32_t cover, unsigned int k)
{
	return (uint64_t)cover << (4 + COVER_BITS * k);
}

static inline void cell_enter(struct disk_cell *cell, uint64_t tag, uint64_t tail)
{
	store_release(&cell->tail, 0);
#pragma GCC unroll 6
	for (unsigned int k = 0; k < CELL_TICKS; k++)
		store_release(&cell->v[k], RONDO_EMPTY);
	store_release(&cell->tail, tail);
	store_release(&cell->tag, tag);
}

/*
 * Copies the cell if it is the one with this tag (and, in the finest tier, is_value): false if it
 * is another, or was being changed.
 */
static inline bool cell_read(const struct disk_cell *cell, uint64_t tag, bool is_value,
			     struct disk_cell *copy)
{
	copy->tag = load_acquire(&cell->tag);
	if (copy->tag != tag)
		return false;
	for (unsigned int k = 0; k < CELL_TICKS; k++)
		copy->v[k] = load_acquire(&cell->v[k]);
	copy->tail = load_acquire(&cell->tail);
	if (load_acquire(&cell->tag) != tag)
		return false;
	if (is_value)
		return copy->tail == tag;
	return (copy->tail & TAIL_NUMBER) == (tag & TAIL_NUMBER);
}

/* A finite value: neither EMPTY nor any other NaN or infinity, which only damage can bring in. */
static inline bool value_known(uint64_t bits)
{
	return bits << 1 < UINT64_C(0xffe0000000000000);
}

#endif /* RONDO_CELL_H */
