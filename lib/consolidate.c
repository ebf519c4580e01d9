// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * consolidate.c - closing the windows of the upper tiers
 *
 * A window is computed once, from the tier below, when it has been over for the schema's grace; a
 * slot that is present is never written again.  The cursors live in memory only: after opening, and
 * when the clock steps, a tier starts over one source retention back and fills what is missing.
 */
#include <string.h>

#include "cell.h"

/* What is known of one window of one series. */
struct window {
	double sum, min, max, last, total;
	uint64_t known; /* finest ticks */
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
}

static uint32_t cover_of_ticks(const struct tier *tier, uint64_t known)
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
		if (l != LANE_TOTAL && known > w->known)
			w->known = known;
	}
}

/* ---- the target ---- */

static bool slot_present(const struct disk_cell *cell, unsigned int k)
{
	return cover_get(load_relaxed(&cell->tail), k) && value_known(load_relaxed(&cell->v[k]));
}

/* Writes one lane's slot, unless it is there, or its place belongs to a later cell. */
static void put_lane(const struct schema *schema, const struct tier *tier, uint32_t lane,
		     uint64_t generation_bits, uint64_t window, double value, uint32_t cover)
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
	if (slot_present(cell, k))
		return;
	store_release(&cell->v[k], bits_of(value));
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

/*
 * The counter's total at the end of `window`.  Before it: the total of the latest window that has
 * one, which is remembered, and looked for once after opening.  False for a window before the last
 * one that was totalled: filling a hole there would make the totals go down.
 */
static bool total_after(const struct tier *tier, struct column *column, uint32_t lane,
			uint64_t window, double sum, double *total)
{
	if (!column->total_window) {
		uint64_t ring = (uint64_t)tier->rows * CELL_TICKS;
		uint64_t oldest = window > ring ? window - ring : 0;

		column->total = 0;
		for (uint64_t w = window; w-- > oldest;)
			if (total_at(tier, lane, column->tag, w, &column->total))
				break;
	} else if (window < column->total_window) {
		return false;
	}
	if (total_at(tier, lane, column->tag, window, total))
		column->total = *total;
	else
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

/* Whether a window can have data; saves the look at cells of series that are new or have ended. */
static bool may_hold(const struct schema *schema, const struct column *column, uint64_t start,
		     uint64_t length)
{
	uint64_t first = load_relaxed(&column->first);

	return !first ||
	       (start + length > first &&
		start < load_relaxed(&column->newest) + CELL_TICKS * schema->tiers[0].interval);
}

static void close_window(struct schema *schema, uint32_t t, uint32_t slot, uint64_t window)
{
	struct tier *tier = &schema->tiers[t];
	const struct tier *source = tier - 1;
	struct column *column = &schema->columns[slot];
	uint32_t lane = slot * tier->lanes_each;
	uint64_t first = window * tier->ratio;
	struct window w = { .known = 0 };
	uint32_t cover;

	if (!may_hold(schema, column, window * tier->interval, tier->interval))
		return;
	if (t == 1)
		gather_values(source, slot, column->tag, first, first + tier->ratio, &w);
	else
		gather_lanes(source, slot, column->tag, first, first + tier->ratio, &w);
	if (!w.known)
		return;
	cover = cover_of_ticks(tier, w.known);
	if (schema->handles->series[slot].kind != RONDO_COUNTER)
		w.has_total = false;
	else if (t == 1 && (tier->lane_set & 1u << LANE_TOTAL))
		w.has_total = total_after(tier, column,
					  lane + (uint32_t)__builtin_popcount(tier->lane_set) - 1,
					  window, w.sum, &w.total);
	for (unsigned int l = 0; l < LANE_NR; l++) {
		if (!(tier->lane_set & 1u << l))
			continue;
		if (l != LANE_TOTAL || w.has_total)
			put_lane(schema, tier, lane, column->tag, window,
				 lane_value(&w, (enum lane)l), cover);
		lane++;
	}
}

/* ---- the cursors ---- */

/*
 * Where a tier goes on.  At first, and when the clock stepped back further than the grace, or
 * ahead further than the source holds, it starts over one source retention back.
 */
static void place_cursor(struct tier *tier, uint64_t now, uint64_t target)
{
	const struct tier *source = tier - 1;
	uint64_t ring = source->interval * CELL_TICKS * source->rows;
	uint64_t oldest = now > ring ? (now - ring) / tier->interval : 0;

	if (tier->cursor && tier->cursor >= oldest && tier->cursor <= now / tier->interval)
		return;
	tier->cursor = oldest < target ? oldest : target;
	tier->cursor_slot = 0;
}

/* What writers may write to from now on, as move() in record.c wants it. */
static void set_closed(struct schema *schema, uint64_t until)
{
	uint64_t latest = schema->now + schema->max_ahead;

	store_relaxed(&schema->open_span, 0);
	store_relaxed(&schema->closed_until, until);
	store_relaxed(&schema->open_span, latest > until ? latest - until : 0);
}

/* Closes what is due; false if the budget ran out. */
static bool close_tier(struct schema *schema, uint32_t t, uint64_t now, uint64_t *budget)
{
	struct tier *tier = &schema->tiers[t];
	uint64_t target = now > schema->grace ? (now - schema->grace) / tier->interval : 0;

	place_cursor(tier, now, target);
	for (; tier->cursor < target; tier->cursor++, tier->cursor_slot = 0) {
		if (t == 1)
			set_closed(schema, (tier->cursor + 1) * tier->interval);
		for (; tier->cursor_slot < schema->used; tier->cursor_slot++) {
			if (!schema->columns[tier->cursor_slot].tag)
				continue;
			if (*budget == 0)
				return false;
			--*budget;
			close_window(schema, t, tier->cursor_slot, tier->cursor);
		}
	}
	if (t == 1)
		set_closed(schema, tier->cursor * tier->interval);
	return true;
}

static void prefault(struct schema *schema, uint64_t now)
{
	for (uint32_t t = 0; t < schema->n_tiers; t++) {
		struct tier *tier = &schema->tiers[t];

		slab_prefault(tier, now / tier->interval / CELL_TICKS + (t == 0));
	}
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
	for (uint32_t i = 0; !err && i < store->n_schemas; i++) {
		struct schema *schema = &store->schemas[i];

		store_relaxed(&schema->now, now_ns);
		set_closed(schema, schema->closed_until);
		for (uint32_t t = 1; t < schema->n_tiers; t++) {
			if (!close_tier(schema, t, now_ns, &budget)) {
				err = RONDO_MORE;
				break;
			}
		}
		prefault(schema, now_ns);
	}
	pthread_mutex_unlock(&store->lock);
	return err;
}
