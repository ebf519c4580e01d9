// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * consolidate.c - closing the windows of the upper tiers
 *
 * A window is closed (window.c) when it has been over for the schema's grace.  The cursors live in
 * memory only: after opening, and when the clock steps, a tier starts over one source retention back
 * and fills what is missing.
 */
#include "ring.h"

/* What lay in the finest ring when the store was opened. */
static void learn(const struct schema *schema, uint32_t slot)
{
	struct column *column = &schema->columns[slot];
	struct ring ring = { &schema->tiers[0], column->tag, slot * schema->tiers[0].lanes_each,
			     true };
	uint64_t cell = CELL_TICKS * schema->tiers[0].interval, lowest, highest;

	column->learned = true;
	column->old_first = UINT64_MAX;
	if (!ring_bounds(&ring, 0, &lowest, &highest))
		return;
	column->old_first = lowest * cell;
	column->old_newest = highest * cell;
}

/* The time that the series' data in the finest ring lies in: from *first up to *end. */
static void extent(const struct schema *schema, uint32_t slot, uint64_t *first, uint64_t *end)
{
	const struct column *column = &schema->columns[slot];
	uint64_t newest, highest;

	if (!column->learned)
		learn(schema, slot);
	*first = load_relaxed(&column->first);
	newest = newest_cell(schema, slot);
	highest = load_relaxed(&column->highest);
	*first = *first < column->old_first ? *first : column->old_first;
	newest = newest > highest ? newest : highest;
	newest = newest > column->old_newest ? newest : column->old_newest;
	*end = newest + CELL_TICKS * schema->tiers[0].interval;
}

/* ---- catching up: after opening, and when the clock stepped ---- */

static bool close_window(const struct schema *schema, uint32_t t, uint32_t slot, uint64_t window)
{
	const struct window_at at = window_at(schema, t, window);

	return window_close(schema, t, slot, &at);
}

/* Closes the windows before `until` of all that is in the finest ring; most of them are there. */
static void catch_up_values(struct schema *schema, uint32_t slot, uint64_t first, uint64_t until)
{
	const struct tier *source = &schema->tiers[0], *tier = source + 1;
	struct ring ring = { source, schema->columns[slot].tag, slot * source->lanes_each, true };
	struct ring_walk walk;
	struct disk_cell copy;
	uint64_t next = 0;

	if (!until || !ring_walk_begin(&walk, &ring, first / source->interval / CELL_TICKS,
				       (until * tier->ratio - 1) / CELL_TICKS))
		return;
	while (ring_walk_next(&walk, &copy)) {
		uint64_t tick = cell_number(copy.tag) * CELL_TICKS;
		uint64_t window = tick / tier->ratio, last = (tick + CELL_TICKS - 1) / tier->ratio;

		for (window = window > next ? window : next; window <= last && window < until;
		     window++)
			close_window(schema, 1, slot, window);
		next = window;
	}
}

/*
 * Coarser tiers: back from the newest data, as far as the source reaches, until a window from before
 * that data is there already, or there was no data at open.  If the last writer did not close the store,
 * a window that is there says nothing of those before it.
 */
static void catch_up_windows(struct schema *schema, uint32_t t, uint32_t slot, uint64_t first,
			     uint64_t end, uint64_t until)
{
	const struct tier *tier = &schema->tiers[t], *source = tier - 1;
	uint64_t window = end / tier->interval + 1, n = (uint64_t)source->rows * CELL_TICKS;
	bool had_data = schema->columns[slot].old_first != UINT64_MAX;

	window = window < until ? window : until;
	for (n = n / tier->ratio + 1; n && window-- > 0; n--) {
		bool before = window < first / tier->interval, closed;

		if (before && !had_data)
			return;
		closed = close_window(schema, t, slot, window);
		if (before && closed && !schema->store->unclean)
			return;
	}
}

static void catch_up(struct schema *schema, uint32_t t, uint32_t slot, uint64_t until)
{
	uint64_t first, end;

	extent(schema, slot, &first, &end);
	if (first == UINT64_MAX)
		return;
	if (t == 1)
		catch_up_values(schema, slot, first, until);
	else
		catch_up_windows(schema, t, slot, first, end, until);
}

/* ---- the cursors ---- */

/*
 * A tier catches up at first, when the clock stepped back further than the grace, and when it went
 * ahead further than the source holds.
 */
static void place_cursor(struct tier *tier, uint64_t now, uint64_t target)
{
	const struct tier *source = tier - 1;
	uint64_t ring = source->interval * CELL_TICKS * source->rows;
	uint64_t oldest = now > ring ? (now - ring) / tier->interval : 0;

	if (tier->cursor && tier->cursor >= oldest && tier->cursor <= now / tier->interval)
		return;
	tier->catching_up = true;
	tier->cursor = target;
	tier->cursor_slot = 0;
}

/*
 * What writers may write to from now on, and, before any window of it is written, the next process's:
 * a window that a kill left half closed takes no more samples.
 */
static void set_closed(struct schema *schema, uint64_t until)
{
	uint64_t latest = schema->now + schema->max_ahead;

	if (schema->n_tiers > 1)
		slab_set_closed(&schema->tiers[0], until);
	store_release(&schema->open_span, 0);
	store_release(&schema->closed_until, until);
	store_release(&schema->open_span, latest > until ? latest - until : 0);
}

/*
 * A handle in a cell with a closed window is to look at each sample's time: its writer finds it closed
 * at its next call.  One that enters a cell meanwhile opens it again, or is closed for nothing.
 */
static void close_handle(const struct schema *schema, uint32_t slot)
{
	rondo_series *series = &schema->handles->series[slot];

	if (load_relaxed(&series->start) < schema->closed_until)
		series_close(series);
}

/* The window at the cursor, or all before it, for all series; false if the budget ran out. */
static bool close_all(struct schema *schema, uint32_t t, uint64_t *budget)
{
	struct tier *tier = &schema->tiers[t];
	const struct window_at at = window_at(schema, t, tier->cursor);
	uint64_t start = tier->cursor * tier->interval, first, end;

	if (t == 1)
		set_closed(schema, start + (tier->catching_up ? 0 : tier->interval));
	for (; tier->cursor_slot < schema->used; tier->cursor_slot++) {
		uint32_t slot = tier->cursor_slot;

		if (!schema->columns[slot].tag)
			continue;
		if (*budget == 0)
			return false;
		--*budget;
		if (t == 1)
			close_handle(schema, slot);
		if (tier->catching_up) {
			catch_up(schema, t, slot, tier->cursor);
			continue;
		}
		extent(schema, slot, &first, &end);
		/* the coarser tiers' sources reach back further than the finest ring */
		if (start < end && (t > 1 || start + tier->interval > first))
			window_close(schema, t, slot, &at);
	}
	tier->cursor_slot = 0;
	return true;
}

/* Closes what is due; false if the budget ran out. */
static bool close_tier(struct schema *schema, uint32_t t, uint64_t now, uint64_t *budget)
{
	struct tier *tier = &schema->tiers[t];
	uint64_t target = now > schema->grace ? (now - schema->grace) / tier->interval : 0;

	place_cursor(tier, now, target);
	if (tier->catching_up && !close_all(schema, t, budget))
		return false;
	tier->catching_up = false;
	for (; tier->cursor < target; tier->cursor++)
		if (!close_all(schema, t, budget))
			return false;
	slab_set_closed(tier, tier->cursor * tier->interval);
	if (t == 1)
		set_closed(schema, tier->cursor * tier->interval);
	return true;
}

/* A page takes about as long as closing eight windows, so its share of the budget is an eighth. */
static void prefault(struct schema *schema, uint64_t now, uint64_t budget)
{
	uint64_t most = budget < UINT64_MAX / 1024 ? 4096 + budget * (4096 / 8) : UINT64_MAX;

	for (uint32_t t = 0; t < schema->n_tiers; t++) {
		struct tier *tier = &schema->tiers[t];

		slab_prefault(tier, now / tier->interval / CELL_TICKS + (t == 0), most);
	}
}

/* What time it is, for the writers; they need it whether the budget lasts or not. */
static void set_now(struct schema *schema, uint64_t now)
{
	if (now < schema->now)
		store_relaxed(&schema->steps_back, schema->steps_back + 1);
	store_relaxed(&schema->now, now);
	set_closed(schema, schema->closed_until);
	if (schema->n_tiers == 1)
		slab_set_closed(&schema->tiers[0], now > schema->grace ? now - schema->grace : 0);
}

RONDO_API int rondo_consolidate(rondo_store *store, uint64_t now_ns, uint64_t budget)
{
	uint64_t most = budget ? budget : UINT64_MAX;
	int err;

	if (!store || !now_ns)
		return RONDO_E_INVALID;
	if (store->read_only)
		return RONDO_E_READ_ONLY;
	budget = most;
	pthread_mutex_lock(&store->lock);
	err = store_check(store);
	for (uint32_t i = 0; !err && i < store->n_schemas; i++)
		set_now(&store->schemas[i], now_ns);
	for (uint32_t i = 0; !err && i < store->n_schemas; i++) {
		struct schema *schema = &store->schemas[i];

		for (uint32_t t = 1; t < schema->n_tiers; t++) {
			if (!close_tier(schema, t, now_ns, &budget)) {
				err = RONDO_MORE;
				break;
			}
		}
		prefault(schema, now_ns, most);
		stats_publish(schema, now_ns);
	}
	if (store_failed(store))
		err = RONDO_E_FAILED;
	pthread_mutex_unlock(&store->lock);
	return err;
}
