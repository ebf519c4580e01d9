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

static void count(uint32_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

int series_refuse(rondo_series *series, int error)
{
	struct column *column = &schema_of(series)->columns[series->index];

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

/*
 * How far ahead a sample may be: max_ahead after the last known now, or after the series' own newest
 * cell if that is later, as nobody may have called consolidate() for a while.  A newest cell from
 * before the clock stepped back doesn't count.
 */
static uint64_t latest_allowed(const struct schema *schema, const struct column *column)
{
	uint64_t now = load_relaxed(&schema->now);

	if (column->newest > now && column->steps_back == load_relaxed(&schema->steps_back))
		now = column->newest;
	return now + schema->max_ahead;
}

/* Keeps account of where the series' data begins and ends. */
static void note_cell(const struct schema *schema, struct column *column, uint64_t start)
{
	uint64_t steps_back = load_relaxed(&schema->steps_back);

	if (start < column->first)
		store_relaxed(&column->first, start);
	if (start > column->newest || column->steps_back != steps_back)
		store_relaxed(&column->newest, start);
	column->steps_back = steps_back;
}

static bool lanes_are(const struct disk_cell *cell, uint32_t n, uint64_t tag)
{
	for (uint32_t lane = 0; lane < n; lane++)
		if (load_relaxed(&cell[lane].tag) != tag || load_relaxed(&cell[lane].tail) != tag)
			return false;
	return true;
}

/*
 * Makes `cell`, which is where cell `number` belongs, that cell.  If it holds a later one, the ring
 * has gone past this time; unless that one is so late that only a clock error can have made it.
 */
static int enter(const struct schema *schema, struct column *column, struct disk_cell *cell,
		 uint64_t number)
{
	uint64_t interval = schema->tiers[0].interval;
	uint64_t tag = column->tag | number, found = load_relaxed(&cell->tag);

	if (lanes_are(cell, schema->tiers[0].lanes_each, tag))
		return 0;
	if (cell_generation_bits(found) == column->tag && cell_number(found) > number &&
	    cell_number(found) * CELL_TICKS <= latest_allowed(schema, column) / interval)
		return RONDO_E_TOO_OLD;
	for (uint32_t lane = 0; lane < schema->tiers[0].lanes_each; lane++)
		cell_enter(cell + lane, tag, tag);
	note_cell(schema, column, number * CELL_TICKS * interval);
	return 0;
}

/* The cell of the next number in the same lane. */
static struct disk_cell *next_cell(const struct tier *tier, struct disk_cell *cell)
{
	char *next = (char *)cell + tier->stride;

	return (struct disk_cell *)(next < tier->end ? next : next - tier->rows * tier->stride);
}

/* Which of its cell's ticks the handle is at: v[k] is the cell's word k + 1. */
static unsigned int tick_in_cell(const rondo_series *series)
{
	return ((uintptr_t)series->slot >> 3 & 7) - 1;
}

/* Points the handle at the tick of ts_ns, wherever that is. */
static int seek(const struct schema *schema, rondo_series *series, uint64_t ts_ns)
{
	struct column *column = &schema->columns[series->index];
	const struct tier *tier = &schema->tiers[0];
	uint64_t interval = tier->interval, number, start;
	struct disk_cell *cell;
	unsigned int k = 0;
	int err;

	if (!series->span && load_relaxed(&column->retired_at))
		return RONDO_E_RETIRED;
	if (ts_ns > latest_allowed(schema, column))
		return RONDO_E_FUTURE;
	if (ts_ns < load_relaxed(&schema->closed_until))
		return RONDO_E_TOO_OLD;
	if (ts_ns - series->start < 2 * series->span && tick_in_cell(series) == CELL_TICKS - 1) {
		cell = (struct disk_cell *)((uintptr_t)series->slot & ~(uintptr_t)63);
		number = cell_number(load_relaxed(&cell->tag)) + 1;
		cell = next_cell(tier, cell);
		start = series->start + interval;
	} else {
		uint64_t tick = ts_ns / interval;

		number = tick / CELL_TICKS;
		k = (unsigned int)(tick % CELL_TICKS);
		start = tick * interval;
		cell = cell_at(tier, number, series->index * tier->lanes_each);
	}
	err = enter(schema, column, cell, number);
	if (err)
		return err;
	series->slot = &cell->v[k];
	series->start = start;
	series->span = interval;
	return 0;
}

/* Points the handle at the tick of ts_ns: mostly the next one of the same cell. */
int series_move(rondo_series *series, uint64_t ts_ns)
{
	const struct schema *schema = schema_of(series);

	if (likely(ts_ns - series->start < 2 * series->span &&
		   tick_in_cell(series) < CELL_TICKS - 1 &&
		   ts_ns - load_relaxed(&schema->closed_until) <=
			   load_relaxed(&schema->open_span))) {
		series->slot++;
		series->start += series->span;
		return 0;
	}
	return seek(schema, series, ts_ns);
}

RONDO_API int rondo_record_slow(rondo_series *series, uint64_t ts_ns, double value)
{
	int err = 0;

	if (series->kind != RONDO_GAUGE)
		err = RONDO_E_KIND;
	else if (!value_known(bits_of(value)))
		err = RONDO_E_VALUE;
	else if (ts_ns - series->start >= series->span)
		err = series_move(series, ts_ns);
	if (err)
		return series_refuse(series, err);
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
		err = series_move(series, ts_ns);
	if (err)
		return series_refuse(series, err);
	add(series->slot, delta);
	return 0;
}

RONDO_API int rondo_record_total(rondo_series *series, uint64_t ts_ns, double total)
{
	struct column *column = &schema_of(series)->columns[series->index];
	double last = column->reading;
	int err;

	if (!(total >= 0 && total <= RONDO_ADD_MAX))
		return series_refuse(series, RONDO_E_VALUE);
	if (last < 0) {
		if (series->kind != RONDO_COUNTER)
			return series_refuse(series, RONDO_E_KIND);
		column->reading = total;
		return 0;
	}
	err = rondo_add(series, ts_ns, total >= last ? total - last : total);
	if (!err)
		column->reading = total;
	return err;
}

/* How far ahead the cache lines of coming series are asked for. */
#define PREFETCH_HANDLES 24
#define PREFETCH_SLOTS   12

/* What the next tick of the series will write to. */
static inline void prefetch_slot(const rondo_series *series, const struct column *columns,
				 uint64_t stride)
{
	uintptr_t next = (uintptr_t)series->slot;

	if (tick_in_cell(series) == CELL_TICKS - 1) {
		__builtin_prefetch(&columns[series->index], 1);
		next += stride;
	}
	__builtin_prefetch((void *)next, 1);
}

static inline int batch_one(rondo_series *series, uint64_t ts_ns, double value)
{
	bool counter = series->kind == RONDO_COUNTER;

	if (unlikely(series->kind == RONDO_HISTOGRAM))
		return series_refuse(series, RONDO_E_KIND);
	if (unlikely(!value_known(bits_of(value)) ||
		     (counter && !(value >= 0 && value <= RONDO_ADD_MAX))))
		return series_refuse(series, RONDO_E_VALUE);
	if (ts_ns - series->start >= series->span) {
		int err = series_move(series, ts_ns);

		if (unlikely(err))
			return series_refuse(series, err);
	}
	if (counter)
		add(series->slot, value);
	else
		store_release(series->slot, bits_of(value));
	return 0;
}

RONDO_API int rondo_record_batch(rondo_series *const *series, const double *values, size_t n,
				 uint64_t ts_ns, size_t *refused)
{
	const struct schema *schema = n ? schema_of(series[0]) : NULL; /* a guess for the others */
	size_t bad = 0;
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		int err;

		if (i + PREFETCH_HANDLES < n) {
			__builtin_prefetch(series[i + PREFETCH_HANDLES], 1);
			prefetch_slot(series[i + PREFETCH_SLOTS], schema->columns,
				      schema->tiers[0].stride);
		}
		err = batch_one(series[i], ts_ns, values[i]);
		if (unlikely(err)) {
			first = first ? first : err;
			bad++;
		}
	}
	if (refused)
		*refused = bad;
	return first;
}
