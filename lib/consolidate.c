// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * consolidate.c - closing the windows of the upper tiers
 *
 * A window is computed once, from the tier below, when it has been over for the schema's grace; a
 * slot that is present is never written again.  The cursors live in memory only: after opening, and
 * when the clock steps, a tier starts over one source retention back and fills what is missing.
 */
#include <string.h>

#include "ring.h"

/* What is known of one window of one series. */
struct window {
	double sum, min, max, last, total;
	uint64_t known;               /* finest ticks: of the lane that knows most */
	uint64_t lane_known[LANE_NR]; /* a power loss may leave some lanes and not others */
	bool has_total;
};

/* ---- the source: the finest tier, or an upper one ---- */

static void take_value(struct window *w, double v)
{
	w->sum += v;
	w->min = w->known && w->min < v ? w->min : v;
	w->max = w->known && w->max > v ? w->max : v;
	w->last = v;
	w->known++;
}

static void gather_values(const struct tier *source, uint32_t slot, uint64_t generation_bits,
			  uint64_t first, uint64_t end, struct window *w)
{
	struct disk_cell copy;

	for (uint64_t tick = first; tick < end;) {
		uint64_t number = tick / CELL_TICKS, stop = (number + 1) * CELL_TICKS;

		stop = stop < end ? stop : end;
		if (cell_read(cell_at(source, number, slot), generation_bits | number, true, &copy))
			for (uint64_t t = tick; t < stop; t++)
				if (value_known(copy.v[t % CELL_TICKS]))
					take_value(w, double_of(copy.v[t % CELL_TICKS]));
		tick = stop;
	}
	for (unsigned int l = 0; l < LANE_NR; l++)
		w->lane_known[l] = w->known;
}

uint32_t cover_of_ticks(const struct tier *tier, uint64_t known)
{
	uint64_t cover;

	if (tier->ticks <= COVER_MAX)
		return (uint32_t)known;
	cover = (uint64_t)(((unsigned __int128)known * COVER_MAX + tier->ticks / 2) / tier->ticks);
	return cover ? (uint32_t)cover : 1;
}

static void take_lane(struct window *w, enum lane lane, double v, bool first)
{
	switch (lane) {
	case LANE_SUM:
		w->sum += v;
		break;
	case LANE_MIN:
		w->min = !first && w->min < v ? w->min : v;
		break;
	case LANE_MAX:
		w->max = !first && w->max > v ? w->max : v;
		break;
	case LANE_LAST:
		w->last = v;
		break;
	case LANE_TOTAL:
		w->total = v;
		w->has_total = true;
		break;
	case LANE_NR:
		break;
	}
}

/* One lane of the source's windows; the number of known finest ticks is that lane's own. */
static uint64_t gather_lane(const struct tier *source, enum lane lane, uint32_t column_lane,
			    uint64_t generation_bits, uint64_t first, uint64_t end,
			    struct window *w)
{
	struct disk_cell copy;
	uint64_t known = 0;
	bool any = false;

	for (uint64_t n = first; n < end;) {
		uint64_t number = n / CELL_TICKS, stop = (number + 1) * CELL_TICKS;

		stop = stop < end ? stop : end;
		if (cell_read(cell_at(source, number, column_lane), generation_bits | number, false,
			      &copy)) {
			for (uint64_t i = n; i < stop; i++) {
				unsigned int k = (unsigned int)(i % CELL_TICKS);
				uint32_t cover = cover_get(copy.tail, k);

				if (!cover || !value_known(copy.v[k]))
					continue;
				take_lane(w, lane, double_of(copy.v[k]), !any);
				known += ticks_of_cover(source, cover);
				any = true;
			}
		}
		n = stop;
	}
	return known;
}

static void gather_lanes(const struct tier *source, uint32_t slot, uint64_t generation_bits,
			 uint64_t first, uint64_t end, struct window *w)
{
	uint32_t lane = slot * source->lanes_each;

	for (unsigned int l = 0; l < LANE_NR; l++) {
		uint64_t known;

		if (!(source->lane_set & 1u << l))
			continue;
		known = gather_lane(source, (enum lane)l, lane++, generation_bits, first, end, w);
		w->lane_known[l] = known;
		if (l != LANE_TOTAL && known > w->known)
			w->known = known;
	}
}

/* ---- the target ---- */

/* Whether a lane's slot of a window is there. */
static bool lane_present(const struct tier *tier, uint32_t lane, uint64_t generation_bits,
			 uint64_t window)
{
	const struct disk_cell *cell = cell_at(tier, window / CELL_TICKS, lane);
	unsigned int k = (unsigned int)(window % CELL_TICKS);

	return load_relaxed(&cell->tag) == (generation_bits | window / CELL_TICKS) &&
	       cover_get(load_relaxed(&cell->tail), k) && value_known(load_relaxed(&cell->v[k]));
}

/* Writes one lane's slot, unless its place belongs to a later cell. */
void put_lane(const struct schema *schema, const struct tier *tier, uint32_t lane,
	      uint64_t generation_bits, uint64_t window, uint64_t bits, uint32_t cover)
{
	uint64_t number = window / CELL_TICKS, tag = generation_bits | number;
	unsigned int k = (unsigned int)(window % CELL_TICKS);
	struct disk_cell *cell = cell_at(tier, number, lane);
	uint64_t found = load_relaxed(&cell->tag);

	if (found != tag || (load_relaxed(&cell->tail) & TAIL_NUMBER) != (tag & TAIL_NUMBER)) {
		uint64_t latest = (schema->now + schema->max_ahead) / tier->interval;

		if (cell_generation_bits(found) == generation_bits && cell_number(found) > number &&
		    cell_number(found) * CELL_TICKS <= latest)
			return;
		cell_enter(cell, tag, number & TAIL_NUMBER);
	}
	store_release(&cell->v[k], bits);
	store_release(&cell->tail, (load_relaxed(&cell->tail) & ~cover_bits(COVER_MAX, k)) |
					   cover_bits(cover, k));
}

/* The total lane's slot of a window, if it is there. */
static bool total_at(const struct tier *tier, uint32_t lane, uint64_t generation_bits,
		     uint64_t window, double *total)
{
	uint64_t number = window / CELL_TICKS;
	unsigned int k = (unsigned int)(window % CELL_TICKS);
	struct disk_cell copy;

	if (!cell_read(cell_at(tier, number, lane), generation_bits | number, false, &copy) ||
	    !cover_get(copy.tail, k) || !value_known(copy.v[k]))
		return false;
	*total = double_of(copy.v[k]);
	return true;
}

/* The window's sum, if it was stored by an earlier closing whose total was lost; it is the first lane. */
static double window_sum(const struct tier *tier, const struct column *column, uint32_t slot,
			 uint64_t window, double sum)
{
	total_at(tier, slot * tier->lanes_each, column->tag, window, &sum);
	return sum;
}

/* The lane of a series' totals is the last of its lanes. */
static uint32_t total_lane(const struct tier *tier, uint32_t slot)
{
	return (slot + 1) * tier->lanes_each - 1;
}

/*
 * The latest total, by any tier: a power loss may have left a coarser one's and not the finer one's.
 * One that lies further ahead than a sample may be is of a clock that went wrong.
 */
static void look_up_total(const struct schema *schema, struct column *column, uint32_t slot)
{
	uint64_t ahead = schema->now + schema->max_ahead, found;
	double total;

	column->total_window = 1;
	column->total = 0;
	for (uint32_t t = 1; t < schema->n_tiers; t++) {
		const struct tier *tier = &schema->tiers[t];
		const struct ring ring = { tier, column->tag, total_lane(tier, slot), false };

		if (!(tier->lane_set & 1u << LANE_TOTAL))
			break;
		if (!ring_latest(&ring, ahead / tier->interval + (t == 1), &found, &total))
			continue;
		found = (found + 1) * (tier->interval / schema->tiers[1].interval);
		if (total > column->total)
			column->total = total;
		if (found > column->total_window)
			column->total_window = found;
	}
}

/*
 * The counter's total at the end of `window`: the latest one, and this window's sum.  The latest is
 * remembered, and looked for after opening.  False for a window before the latest: filling a hole
 * there would make the totals go down.
 */
static bool total_after(const struct schema *schema, uint32_t slot, uint64_t window, double sum,
			double *total)
{
	const struct tier *tier = &schema->tiers[1];
	struct column *column = &schema->columns[slot];
	uint64_t end = (schema->now + schema->max_ahead) / tier->interval + 1;

	if (!column->total_window || column->total_window > end)
		look_up_total(schema, column, slot);
	if (total_at(tier, total_lane(tier, slot), column->tag, window, total))
		return true;
	if (window < column->total_window)
		return false;
	column->total += sum;
	column->total_window = window + 1;
	*total = column->total;
	return true;
}

static double lane_value(const struct window *w, enum lane lane)
{
	switch (lane) {
	case LANE_SUM:
		return w->sum;
	case LANE_MIN:
		return w->min;
	case LANE_MAX:
		return w->max;
	case LANE_LAST:
		return w->last;
	case LANE_TOTAL:
		return w->total;
	case LANE_NR:
		break;
	}
	return 0;
}

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
	uint64_t newest;

	if (!column->learned)
		learn(schema, slot);
	*first = load_relaxed(&column->first);
	newest = load_relaxed(&column->newest);
	*first = *first < column->old_first ? *first : column->old_first;
	newest = newest > column->old_newest ? newest : column->old_newest;
	*end = newest + CELL_TICKS * schema->tiers[0].interval;
}

/* Whether all lanes of a window are there; in a hole the total may be missing for good. */
static bool window_present(const struct tier *tier, uint64_t generation_bits, uint32_t slot,
			   uint64_t window, bool counter)
{
	uint32_t lane = slot * tier->lanes_each;

	for (unsigned int l = 0; l < LANE_NR; l++) {
		if (!(tier->lane_set & 1u << l) || (l == LANE_TOTAL && !counter))
			continue;
		if (!lane_present(tier, lane++, generation_bits, window))
			return false;
	}
	return true;
}

/* Closes a window, lane by lane; true if it was there already. */
static bool close_window(struct schema *schema, uint32_t t, uint32_t slot, uint64_t window)
{
	struct tier *tier = &schema->tiers[t];
	const struct tier *source = tier - 1;
	struct column *column = &schema->columns[slot];
	uint32_t lane = slot * tier->lanes_each;
	uint64_t first = window * tier->ratio;
	bool counter = schema->handles->series[slot].kind == RONDO_COUNTER;
	struct window w = { .known = 0 };

	if (schema->n_bounds)
		return histogram_close(schema, t, slot, window);
	if (window_present(tier, column->tag, slot, window, counter)) {
		if (t == 1 && column->total_window && window >= column->total_window)
			column->total_window = 0; /* look it up again */
		return true;
	}
	if (t == 1)
		gather_values(source, slot, column->tag, first, first + tier->ratio, &w);
	else
		gather_lanes(source, slot, column->tag, first, first + tier->ratio, &w);
	if (!w.known)
		return false;
	/* the total's lane is the last, and is written first: a window without the others is done again */
	lane += (uint32_t)__builtin_popcount(tier->lane_set);
	if (!counter)
		w.has_total = false;
	else if (t == 1 && (tier->lane_set & 1u << LANE_TOTAL))
		w.has_total = total_after(schema, slot, window,
					  window_sum(tier, column, slot, window, w.sum), &w.total);
	for (unsigned int l = LANE_NR; l-- > 0;) {
		if (!(tier->lane_set & 1u << l))
			continue;
		lane--;
		if (l == LANE_TOTAL)
			w.lane_known[l] = w.has_total ? w.known : 0;
		if (w.lane_known[l] && !lane_present(tier, lane, column->tag, window))
			put_lane(schema, tier, lane, column->tag, window,
				 bits_of(lane_value(&w, (enum lane)l)),
				 cover_of_ticks(tier, w.lane_known[l]));
	}
	return false;
}

/* ---- catching up: after opening, and when the clock stepped ---- */

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
 * that data is there already, or there was no data at open.
 */
static void catch_up_windows(struct schema *schema, uint32_t t, uint32_t slot, uint64_t first,
			     uint64_t end, uint64_t until)
{
	const struct tier *tier = &schema->tiers[t], *source = tier - 1;
	uint64_t window = end / tier->interval + 1, n = (uint64_t)source->rows * CELL_TICKS;
	bool had_data = schema->columns[slot].old_first != UINT64_MAX;

	window = window < until ? window : until;
	for (n = n / tier->ratio + 1; n && window-- > 0; n--) {
		bool before = window < first / tier->interval;

		if ((before && !had_data) || (close_window(schema, t, slot, window) && before))
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

/* What writers may write to from now on, as move() in record.c wants it. */
static void set_closed(struct schema *schema, uint64_t until)
{
	uint64_t latest = schema->now + schema->max_ahead;

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
		if (start < end && start + tier->interval > first)
			close_window(schema, t, slot, tier->cursor);
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
	if (t == 1) {
		set_closed(schema, tier->cursor * tier->interval);
		slab_set_closed(&schema->tiers[0], tier->cursor * tier->interval);
	}
	return true;
}

static void prefault(struct schema *schema, uint64_t now)
{
	for (uint32_t t = 0; t < schema->n_tiers; t++) {
		struct tier *tier = &schema->tiers[t];

		slab_prefault(tier, now / tier->interval / CELL_TICKS + (t == 0));
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
	int err;

	if (!store || !now_ns)
		return RONDO_E_INVALID;
	if (store->read_only)
		return RONDO_E_READ_ONLY;
	budget = budget ? budget : UINT64_MAX;
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
		prefault(schema, now_ns);
	}
	if (store_failed(store))
		err = RONDO_E_FAILED;
	pthread_mutex_unlock(&store->lock);
	return err;
}
