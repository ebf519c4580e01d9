// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * record.c - recording beyond the current tick, and batches
 *
 * The inline functions of rondo.h handle a sample of the current tick: one comparison, one store.
 * Here is the rest: the next tick of the same cell and the next cell by addition, any other tick by
 * division; the time limits are checked at each of these moves.  No lock, no allocation, no system
 * call anywhere.
 */
#include "cell.h"

static struct column *column_of(const rondo_series *series)
{
	return &schema_of(series)->columns[series->index];
}

static void count(uint32_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static int refuse(rondo_series *series, int error)
{
	struct column *column = column_of(series);

	switch (error) {
	case RONDO_E_TOO_OLD:
		count(&column->refused_old);
		break;
	case RONDO_E_FUTURE:
		count(&column->refused_future);
		break;
	default:
		count(&column->refused_invalid);
	}
	return error;
}

/* The last known now plus max_ahead, or the series' own newest tick plus it if that is later. */
static uint64_t latest_allowed(const struct schema *schema, const struct column *column)
{
	uint64_t now = load_relaxed(&schema->now);

	return (now > column->newest ? now : column->newest) + schema->max_ahead;
}

/*
 * Makes `cell`, which is where cell `number` belongs, that cell.  If it holds a later one, the ring
 * has gone past this time; unless that one is so late that only a clock error can have made it.
 */
static int enter(const struct schema *schema, struct column *column, struct disk_cell *cell,
		 uint64_t number)
{
	uint64_t tag = column->tag | number, found = load_relaxed(&cell->tag);

	if (found == tag && load_relaxed(&cell->tail) == tag)
		return 0;
	if (cell_generation_bits(found) == column->tag && cell_number(found) > number) {
		uint64_t interval = schema->tiers[0].interval;

		if (cell_number(found) * CELL_TICKS <= latest_allowed(schema, column) / interval)
			return RONDO_E_TOO_OLD;
	}
	cell_enter(cell, tag, tag);
	return 0;
}

static bool retired(const struct column *column)
{
	return load_relaxed(&column->retired_at) != 0;
}

/* The cell of the next number in the same lane. */
static struct disk_cell *next_cell(const struct tier *tier, struct disk_cell *cell)
{
	char *next = (char *)cell + tier->stride;
	char *end = (char *)tier->cells + tier->rows * tier->stride;

	return (struct disk_cell *)(next < end ? next : next - tier->rows * tier->stride);
}

/* Points the handle at the tick of ts_ns. */
static int seek(rondo_series *series, uint64_t ts_ns)
{
	struct schema *schema = schema_of(series);
	struct column *column = &schema->columns[series->index];
	struct tier *tier = &schema->tiers[0];
	uint64_t interval = tier->interval, ahead = ts_ns - series->start, tick, number, start;
	struct disk_cell *cell;
	unsigned int k;
	int err;

	if (!series->span && retired(column))
		return RONDO_E_RETIRED;
	if (ts_ns > latest_allowed(schema, column))
		return RONDO_E_FUTURE;
	if (ts_ns < load_relaxed(&schema->closed_until))
		return RONDO_E_TOO_OLD;
	if (series->span && ahead < 2 * interval) {
		/* the tick after the handle's: v[k] lies at word k + 1 of its cell */
		k = ((uintptr_t)series->slot >> 3 & 7) - 1;
		start = series->start + interval;
		if (likely(k + 1 < CELL_TICKS)) {
			series->slot++;
			series->start = start;
			goto out;
		}
		cell = (struct disk_cell *)((uintptr_t)series->slot & ~(uintptr_t)63);
		number = cell_number(load_relaxed(&cell->tag)) + 1;
		cell = next_cell(tier, cell);
		k = 0;
	} else {
		tick = ts_ns / interval;
		number = tick / CELL_TICKS;
		k = (unsigned int)(tick % CELL_TICKS);
		start = tick * interval;
		cell = cell_at(tier, number, series->index);
	}
	err = enter(schema, column, cell, number);
	if (err)
		return err;
	series->slot = &cell->v[k];
	series->start = start;
	series->span = interval;
out:
	if (start > column->newest)
		column->newest = start;
	return 0;
}

RONDO_API int rondo_record_slow(rondo_series *series, uint64_t ts_ns, double value)
{
	int err = 0;

	if (series->kind != RONDO_GAUGE)
		err = RONDO_E_KIND;
	else if (!value_known(bits_of(value)))
		err = RONDO_E_VALUE;
	else if (ts_ns - series->start >= series->span)
		err = seek(series, ts_ns);
	if (err)
		return refuse(series, err);
	store_release(series->slot, bits_of(value));
	return 0;
}

static void add(uint64_t *slot, double delta)
{
	uint64_t bits = load_relaxed(slot);

	store_release(slot, bits_of(value_known(bits) ? double_of(bits) + delta : delta));
}

RONDO_API int rondo_add_slow(rondo_series *series, uint64_t ts_ns, double delta)
{
	int err = 0;

	if (series->kind != RONDO_COUNTER)
		err = RONDO_E_KIND;
	else if (!(delta >= 0 && delta <= RONDO_ADD_MAX))
		err = RONDO_E_VALUE;
	else if (ts_ns - series->start >= series->span)
		err = seek(series, ts_ns);
	if (err)
		return refuse(series, err);
	add(series->slot, delta);
	return 0;
}

/* How far ahead the cache lines of coming series are asked for. */
#define PREFETCH_HANDLES 16
#define PREFETCH_SLOTS	 8

RONDO_API int rondo_record_batch(rondo_series *const *series, const double *values, size_t n,
				 uint64_t ts_ns, size_t *refused)
{
	size_t bad = 0;
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		int err;

		if (i + PREFETCH_HANDLES < n)
			__builtin_prefetch(series[i + PREFETCH_HANDLES], 1);
		if (i + PREFETCH_SLOTS < n)
			__builtin_prefetch(series[i + PREFETCH_SLOTS]->slot, 1);
		if (series[i]->kind == RONDO_COUNTER)
			err = rondo_add(series[i], ts_ns, values[i]);
		else
			err = rondo_record(series[i], ts_ns, values[i]);
		if (unlikely(err)) {
			first = first ? first : err;
			bad++;
		}
	}
	if (refused)
		*refused = bad;
	return first;
}
