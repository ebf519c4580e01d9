// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * record.c - recording beyond the current cell, and batches
 *
 * The inline functions of rondo.h handle a sample of the current cell's six ticks: a multiplication, a
 * comparison, one store.  Here is the rest: the next cell by addition, any other by division; the time
 * limits are checked at each of these moves.  No lock, no allocation, no system call anywhere.
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
static inline void note_cell(const struct schema *schema, struct column *column, uint64_t start)
{
	uint64_t steps_back = load_relaxed(&schema->steps_back);

	if (start < column->first)
		store_relaxed(&column->first, start);
	if (start > column->newest || unlikely(column->steps_back != steps_back)) {
		store_relaxed(&column->newest, start);
		column->steps_back = steps_back;
	}
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

/* The handle's cell.  Its slot is the first tick's, a histogram's the tick's that was counted to. */
static inline struct disk_cell *cell_of(const rondo_series *series, enum rondo_kind kind)
{
	if (kind == RONDO_HISTOGRAM)
		return (struct disk_cell *)((uintptr_t)series->slot & ~(uintptr_t)63);
	return (struct disk_cell *)((uintptr_t)series->slot - offsetof(struct disk_cell, v));
}

static inline unsigned int open_kind(const rondo_series *series)
{
	return __atomic_load_n(&series->open, __ATOMIC_RELAXED);
}

/* By the writer, or by consolidate(): the next call is to take the slow path. */
void series_close(rondo_series *series)
{
	if (open_kind(series))
		__atomic_store_n(&series->open, 0, __ATOMIC_RELAXED);
}

/*
 * Points the handle at the cell of ts_ns, wherever that is; returns the tick in it, or an error.  Where
 * a window of the cell is closed, or ticks have no exact reciprocal, the next call comes here, too.
 */
static __attribute__((noinline)) int seek(rondo_series *series, uint64_t ts_ns)
{
	const struct schema *schema = schema_of(series);
	struct column *column = &schema->columns[series->index];
	const struct tier *tier = &schema->tiers[0];
	uint64_t tick = ts_ns / tier->interval, number = tick / CELL_TICKS;
	uint64_t start = number * CELL_TICKS * tier->interval;
	struct disk_cell *cell;
	int err;

	if (load_relaxed(&column->retired_at))
		return RONDO_E_RETIRED;
	if (ts_ns > latest_allowed(schema, column))
		return RONDO_E_FUTURE;
	if (ts_ns < load_relaxed(&schema->closed_until))
		return RONDO_E_TOO_OLD;
	cell = cell_at(tier, number, series->index * tier->lanes_each);
	err = enter(schema, column, cell, number);
	if (err)
		return err;
	series->slot = cell->v;
	store_relaxed(&series->start, start);
	series->reciprocal = schema->reciprocal;
	if (!schema->reciprocal || start < load_relaxed(&schema->closed_until))
		series_close(series);
	else
		__atomic_store_n(&series->open, series->kind, __ATOMIC_RELAXED);
	return (int)(tick % CELL_TICKS);
}

/*
 * What a writer at work does every sixth tick: enters the cell after the handle's, if ts_ns lies there,
 * and what is in its place is older.  Returns the tick in it; NO_TICK if this is another case.
 */
#define NO_TICK UINT64_MAX

static __always_inline uint64_t enter_next(rondo_series *series, uint64_t ts_ns,
					   enum rondo_kind kind)
{
	const struct schema *schema = schema_of(series);
	uint64_t tick = rondo_tick_in_cell(series, ts_ns) - CELL_TICKS;
	uint64_t start = series->start + schema->cell_span, tag;
	struct disk_cell *cell = cell_of(series, kind);
	struct column *column;

	/* a cell that begins in the open span has no closed window, and is not too early */
	if (unlikely(tick >= CELL_TICKS || open_kind(series) != kind ||
		     start - load_relaxed(&schema->closed_until) >
			     load_relaxed(&schema->open_span)))
		return NO_TICK;
	tag = load_relaxed(&cell->tag) + 1;
	cell = (struct disk_cell *)((char *)cell + schema->stride);
	if (unlikely((char *)cell >= schema->end))
		cell = (struct disk_cell *)((char *)cell - schema->ring_bytes);
	if (unlikely(load_relaxed(&cell->tag) >= tag))
		return NO_TICK;
	cell_enter(cell, tag, tag);
	for (uint32_t lane = 1; kind == RONDO_HISTOGRAM && lane < schema->tiers[0].lanes_each;
	     lane++)
		cell_enter(cell + lane, tag, tag);
	series->slot = cell->v;
	store_relaxed(&series->start, start);
	column = &schema->columns[series->index];
	if (start > column->newest)
		store_relaxed(&column->newest, start);
	return tick;
}

/* Points a histogram's handle, whose slot is the tick's, at the tick of ts_ns. */
int series_tick(rondo_series *series, uint64_t ts_ns)
{
	uint64_t tick = rondo_tick_in_cell(series, ts_ns);

	if (unlikely(tick >= CELL_TICKS || !open_kind(series)))
		tick = enter_next(series, ts_ns, RONDO_HISTOGRAM);
	if (unlikely(tick == NO_TICK)) {
		int found = seek(series, ts_ns);

		if (found < 0)
			return found;
		tick = (uint64_t)found;
	}
	series->slot = &cell_of(series, RONDO_HISTOGRAM)->v[tick];
	return 0;
}

static void add(uint64_t *slot, double delta)
{
	uint64_t bits = load_relaxed(slot);

	store_release(slot, bits_of(value_known(bits) ? double_of(bits) + delta : delta));
}

static bool increment_valid(double delta)
{
	return delta >= 0 && delta <= RONDO_ADD_MAX;
}

/* A sample for neither the handle's cell nor the next one, or that is to be refused. */
static __attribute__((noinline)) int record_far(rondo_series *series, uint64_t ts_ns, double value)
{
	int tick;

	if (!value_known(bits_of(value)) ||
	    (series->kind == RONDO_COUNTER && !increment_valid(value)))
		return series_refuse(series, RONDO_E_VALUE);
	tick = seek(series, ts_ns);
	if (tick < 0)
		return series_refuse(series, tick);
	if (series->kind == RONDO_COUNTER)
		add(series->slot + tick, value);
	else
		store_release(series->slot + tick, bits_of(value));
	return 0;
}

RONDO_API int rondo_record_slow(rondo_series *series, uint64_t ts_ns, double value)
{
	uint64_t tick;

	if (likely(value_known(bits_of(value)))) {
		tick = enter_next(series, ts_ns, RONDO_GAUGE);
		if (likely(tick != NO_TICK)) {
			store_release(series->slot + tick, bits_of(value));
			return 0;
		}
	}
	if (series->kind != RONDO_GAUGE)
		return series_refuse(series, RONDO_E_KIND);
	return record_far(series, ts_ns, value);
}

RONDO_API int rondo_add_slow(rondo_series *series, uint64_t ts_ns, double delta)
{
	uint64_t tick;

	if (likely(increment_valid(delta))) {
		tick = enter_next(series, ts_ns, RONDO_COUNTER);
		if (likely(tick != NO_TICK)) {
			store_release(series->slot + tick, bits_of(delta));
			return 0;
		}
	}
	if (series->kind != RONDO_COUNTER)
		return series_refuse(series, RONDO_E_KIND);
	return record_far(series, ts_ns, delta);
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

/* What the sample at ts_ns will write to, if it lies in the series' cell or in the next one. */
static inline void prefetch_slot(const rondo_series *series, uint64_t ts_ns,
				 const struct column *columns, uint64_t stride)
{
	uintptr_t cell = (uintptr_t)series->slot;

	if (rondo_tick_in_cell(series, ts_ns) >= CELL_TICKS) {
		__builtin_prefetch(&columns[series->index], 1);
		cell += stride;
	}
	__builtin_prefetch((void *)cell, 1);
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
			prefetch_slot(series[i + PREFETCH_SLOTS], ts_ns, schema->columns,
				      schema->tiers[0].stride);
		}
		err = series[i]->kind == RONDO_COUNTER ? rondo_add(series[i], ts_ns, values[i])
						       : rondo_record(series[i], ts_ns, values[i]);
		if (unlikely(err)) {
			first = first ? first : err;
			bad++;
		}
	}
	if (refused)
		*refused = bad;
	return first;
}
