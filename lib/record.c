// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * record.c - recording beyond the current cell, and batches
 *
 * The inline functions of rondo.h handle a sample of the current cell's six ticks: a multiplication, a
 * comparison, one store.  Here is the rest: the next cell by addition, any other by division; the time
 * limits are checked at each of these moves.  No lock, no allocation, no system call anywhere; a clock
 * is read in a store that was opened to be timed, and there out of the kernel's page.
 */
#include <time.h>

#include "cell.h"

static inline void count(uint32_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

int series_refuse(rondo_series *series, int error)
{
	struct column *column = &schema_of(series)->columns[series->index];

	switch (error) {
	case RONDO_E_TOO_OLD:
		count(&column->counts[STATS_TOO_OLD]);
		break;
	case RONDO_E_FUTURE:
		count(&column->counts[STATS_FUTURE]);
		break;
	default:
		count(&column->counts[STATS_INVALID]);
	}
	return error;
}

/*
 * How far ahead a sample may be: max_ahead after the last known now, or after the series' own newest
 * cell if that is later, as nobody may have called consolidate() for a while.  A newest cell from
 * before the clock stepped back doesn't count.
 */
static uint64_t latest_allowed(const struct schema *schema, uint32_t slot)
{
	const struct column *column = &schema->columns[slot];
	uint64_t now = load_relaxed(&schema->now);

	if (column->steps_back == (uint32_t)load_relaxed(&schema->steps_back) &&
	    newest_cell(schema, slot) > now)
		now = newest_cell(schema, slot);
	return now + schema->max_ahead;
}

/*
 * Keeps account of where the series' data begins and ends; before the handle leaves its cell for one
 * that is not the next.
 */
static void note_cell(const struct schema *schema, uint32_t slot, uint64_t start)
{
	struct column *column = &schema->columns[slot];
	uint32_t steps_back = (uint32_t)load_relaxed(&schema->steps_back);
	uint64_t newest = newest_cell(schema, slot);

	if (start < column->first)
		store_relaxed(&column->first, start);
	if (newest > column->highest)
		store_relaxed(&column->highest, newest);
	if (start > newest || column->steps_back != steps_back)
		newest = start;
	store_relaxed(&column->newest, newest);
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
static int enter(const struct schema *schema, uint32_t slot, struct disk_cell *cell,
		 uint64_t number)
{
	uint64_t interval = schema->tiers[0].interval;
	uint64_t generation_bits = schema->columns[slot].tag, tag = generation_bits | number;
	uint64_t found = load_relaxed(&cell->tag);

	if (lanes_are(cell, schema->tiers[0].lanes_each, tag))
		return 0;
	if (cell_generation_bits(found) == generation_bits && cell_number(found) > number &&
	    cell_number(found) * CELL_TICKS <= latest_allowed(schema, slot) / interval)
		return RONDO_E_TOO_OLD;
	for (uint32_t lane = 0; lane < schema->tiers[0].lanes_each; lane++)
		cell_enter(cell + lane, tag, tag);
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
	uint32_t entered;
	int err;

	if (load_relaxed(&column->retired_at))
		return RONDO_E_RETIRED;
	if (ts_ns > latest_allowed(schema, series->index))
		return RONDO_E_FUTURE;
	if (ts_ns < load_relaxed(&schema->closed_until))
		return RONDO_E_TOO_OLD;
	cell = cell_at(tier, number, series->index * tier->lanes_each);
	err = enter(schema, series->index, cell, number);
	if (err)
		return err;
	note_cell(schema, series->index, start);
	entered = column->counts[STATS_CELLS] +
		  (uint32_t)((series->start - column->sought) / schema->cell_span);
	__atomic_store_n(&column->counts[STATS_CELLS], entered, __ATOMIC_RELAXED);
	store_release(&column->sought, UINT64_MAX);
	series->slot = cell->v;
	store_release(&series->start, start);
	store_release(&column->sought, start);
	series->reciprocal = schema->reciprocal;
	if (!schema->reciprocal || start < load_relaxed(&schema->closed_until))
		series_close(series);
	else
		__atomic_store_n(&series->open, series->kind, __ATOMIC_RELAXED);
	count(&column->counts[STATS_SEEKS]);
	return (int)(tick % CELL_TICKS);
}

/*
 * What a writer at work does every sixth tick: enters the cell after the handle's, if ts_ns lies there,
 * and what is in its place is older.  Returns the slot of ts_ns; NULL if this is another case.  Where it
 * is to be timed (the ring has no end then, see directory.c), far_slot() does it.
 */
static __always_inline uint64_t *enter_next(rondo_series *series, uint64_t ts_ns,
					    enum rondo_kind kind, const char *end)
{
	const struct schema *schema = schema_of(series);
	uint64_t tick = rondo_tick_(series, ts_ns) - CELL_TICKS;
	uint64_t start = series->start + schema->cell_span, tag;
	struct disk_cell *cell = cell_of(series, kind);

	/* a cell that begins in the open span has no closed window, and is not too early */
	if (unlikely(tick >= CELL_TICKS || open_kind(series) != kind ||
		     start - load_relaxed(&schema->closed_until) >
			     load_relaxed(&schema->open_span)))
		return NULL;
	tag = load_relaxed(&cell->tag) + 1;
	cell = (struct disk_cell *)((char *)cell + schema->stride);
	if (unlikely((const char *)cell >= end)) {
		if (!end)
			return NULL;
		cell = (struct disk_cell *)((char *)cell - schema->ring_bytes);
	}
	if (unlikely(load_relaxed(&cell->tag) >= tag))
		return NULL;
	cell_enter(cell, tag, tag);
	for (uint32_t lane = 1; kind == RONDO_HISTOGRAM && lane < schema->tiers[0].lanes_each;
	     lane++)
		cell_enter(cell + lane, tag, tag);
	series->slot = cell->v;
	store_relaxed(&series->start, start);
	return &cell->v[tick];
}

/* ---- how long it takes, in a store that is timed ---- */

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void timing_add(uint32_t *slow, uint64_t took)
{
	unsigned int bucket = took < 32 ? 0 : 59 - (unsigned int)__builtin_clzll(took);

	count(&slow[bucket < RONDO_SLOW_BUCKETS ? bucket : RONDO_SLOW_BUCKETS - 1]);
}

/* The slot of ts_ns, wherever that is; NULL if not, *err says why. */
static __attribute__((noinline)) uint64_t *far_slot(rondo_series *series, uint64_t ts_ns, int *err)
{
	const struct schema *schema = schema_of(series);
	uint64_t began = schema->slow ? clock_ns() : 0, *slot = NULL;

	if (schema->slow)
		slot = enter_next(series, ts_ns, series->kind, schema->tiers[0].end);
	if (!slot) {
		int tick = seek(series, ts_ns);

		slot = tick < 0 ? NULL : series->slot + tick;
		*err = tick;
	}
	if (schema->slow)
		timing_add(schema->slow[series->index], clock_ns() - began);
	return slot;
}

/* ---- recording ---- */

/*
 * Points a histogram's handle, whose slot is the tick's, at the tick of ts_ns.  Writes to it only if it is
 * another tick: its neighbour's writer may be at work in the same cache line.
 */
int series_tick(rondo_series *series, uint64_t ts_ns)
{
	uint64_t tick = rondo_tick_(series, ts_ns), *slot;
	int err = 0;

	if (likely(tick < CELL_TICKS && open_kind(series))) {
		slot = &cell_of(series, RONDO_HISTOGRAM)->v[tick];
		if (series->slot != slot)
			series->slot = slot;
		return 0;
	}
	slot = enter_next(series, ts_ns, RONDO_HISTOGRAM, schema_of(series)->end);
	if (unlikely(!slot))
		slot = far_slot(series, ts_ns, &err);
	if (unlikely(!slot))
		return err;
	series->slot = slot;
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
static __attribute__((noinline)) int record_far(rondo_series *series, uint64_t ts_ns, double value,
						enum rondo_kind kind)
{
	uint64_t *slot;
	int err = 0;

	if (series->kind != kind)
		return series_refuse(series, RONDO_E_KIND);
	if (!value_known(bits_of(value)) || (kind == RONDO_COUNTER && !increment_valid(value)))
		return series_refuse(series, RONDO_E_VALUE);
	slot = far_slot(series, ts_ns, &err);
	if (!slot)
		return series_refuse(series, err);
	if (kind == RONDO_COUNTER)
		add(slot, value);
	else
		store_release(slot, bits_of(value));
	return 0;
}

RONDO_API int rondo_record_slow(rondo_series *series, uint64_t ts_ns, double value)
{
	if (likely(value_known(bits_of(value)))) {
		uint64_t *slot = enter_next(series, ts_ns, RONDO_GAUGE, schema_of(series)->end);

		if (likely(slot)) {
			store_release(slot, bits_of(value));
			return 0;
		}
	}
	return record_far(series, ts_ns, value, RONDO_GAUGE);
}

RONDO_API int rondo_add_slow(rondo_series *series, uint64_t ts_ns, double delta)
{
	if (likely(increment_valid(delta))) {
		uint64_t *slot = enter_next(series, ts_ns, RONDO_COUNTER, schema_of(series)->end);

		if (likely(slot)) {
			store_release(slot, bits_of(delta));
			return 0;
		}
	}
	return record_far(series, ts_ns, delta, RONDO_COUNTER);
}

RONDO_API int rondo_record_total(rondo_series *series, uint64_t ts_ns, double total)
{
	struct column *column = &schema_of(series)->columns[series->index];
	double last = column->reading;
	int err;

	if (series->kind != RONDO_COUNTER)
		return series_refuse(series, RONDO_E_KIND);
	if (!(total >= 0 && total <= RONDO_ADD_MAX))
		return series_refuse(series, RONDO_E_VALUE);
	if (last < 0) {
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

static inline int batch_one(rondo_series *series, uint64_t ts_ns, double value)
{
	if (series->kind == RONDO_COUNTER)
		return rondo_add(series, ts_ns, value);
	return rondo_record(series, ts_ns, value);
}

RONDO_API int rondo_record_batch(rondo_series *const *series, const double *values, size_t n,
				 uint64_t ts_ns, size_t *refused)
{
	uint64_t ahead =
		0; /* from the cell of a handle to that which is written to: a guess for all */
	size_t bad = 0;
	int first = 0;

	if (n && rondo_tick_(series[0], ts_ns) >= CELL_TICKS)
		ahead = schema_of(series[0])->stride;
	for (size_t i = 0; i < n; i++) {
		int err;

		if (i + PREFETCH_HANDLES < n) {
			__builtin_prefetch(series[i + PREFETCH_HANDLES], 1);
			__builtin_prefetch(
				(void *)((uintptr_t)series[i + PREFETCH_SLOTS]->slot + ahead), 1);
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
