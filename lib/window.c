// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * window.c - closing one window of one series
 *
 * Computed once, from the tier below; a slot that is present is never written again.  Which windows are
 * due, and of which series, is consolidate.c's.
 */
#include <math.h>

#include "ring.h"

/* What is known of one window of one series. */
struct window {
	double sum, min, max, last, total;
	uint64_t known;               /* finest ticks: of the lane that knows most */
	uint64_t lane_known[LANE_NR]; /* a power loss may leave some lanes and not others */
	bool has_total;
};

struct window_at window_at(const struct schema *schema, uint32_t t, uint64_t window)
{
	const struct tier *tier = &schema->tiers[t], *source = tier - 1;
	uint64_t first = window * tier->ratio;

	return (struct window_at){
		.window = window,
		.number = window / CELL_TICKS,
		.k = window % CELL_TICKS,
		.row = (uint32_t)(window / CELL_TICKS % tier->rows),
		.source_number = first / CELL_TICKS,
		.source_k = first % CELL_TICKS,
		.source_row = (uint32_t)(first / CELL_TICKS % source->rows),
	};
}

/* ---- the source: the finest tier, or an upper one ---- */

/* A walk over one lane's cells of a window. */
struct source {
	const struct tier *tier;
	uint64_t left; /* slots to come */
	uint64_t tag;  /* of the cell */
	uint32_t row;  /* where it is */
	uint32_t lane;
	unsigned int k, end; /* its slots */
};

static inline struct source source_begin(const struct tier *source, uint32_t lane,
					 uint64_t generation_bits, const struct window_at *at)
{
	return (struct source){ .tier = source,
				.left = source[1].ratio,
				.tag = generation_bits | at->source_number,
				.row = at->source_row,
				.lane = lane,
				.k = at->source_k };
}

/* The next cell that is there, copied, with slots k to end of the window; false after the last one. */
static inline bool source_next(struct source *s, bool is_value, struct disk_cell *copy,
			       unsigned int *k, unsigned int *end)
{
	while (s->left) {
		const struct disk_cell *cell =
			&s->tier->cells[(uint64_t)s->row * s->tier->lanes + s->lane];
		uint64_t tag = s->tag++;

		*k = s->k;
		*end = s->left < CELL_TICKS - s->k ? s->k + (unsigned int)s->left : CELL_TICKS;
		s->left -= *end - *k;
		s->k = 0;
		s->row = s->row + 1 < s->tier->rows ? s->row + 1 : 0;
		if (cell_read(cell, tag, is_value, copy))
			return true;
	}
	return false;
}

static inline void window_init(struct window *w)
{
	w->sum = 0;
	w->min = HUGE_VAL;
	w->max = -HUGE_VAL;
	w->known = 0;
	w->has_total = false;
}

static void gather_values(const struct tier *tier, uint32_t slot, uint64_t generation_bits,
			  const struct window_at *at, struct window *w)
{
	struct source source = source_begin(tier, slot, generation_bits, at);
	struct disk_cell copy;
	unsigned int k, end;

	while (source_next(&source, true, &copy, &k, &end)) {
		for (; k < end; k++) {
			double v = double_of(copy.v[k]);

			if (!value_known(copy.v[k]))
				continue;
			w->sum += v;
			w->min = w->min < v ? w->min : v;
			w->max = w->max > v ? w->max : v;
			w->last = v;
			w->known++;
		}
	}
	for (unsigned int l = 0; l < LANE_NR; l++)
		w->lane_known[l] = w->known;
}

static inline void take_lane(struct window *w, enum lane lane, double v)
{
	switch (lane) {
	case LANE_SUM:
		w->sum += v;
		break;
	case LANE_MIN:
		w->min = w->min < v ? w->min : v;
		break;
	case LANE_MAX:
		w->max = w->max > v ? w->max : v;
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
static uint64_t gather_lane(const struct tier *tier, enum lane lane, uint32_t column_lane,
			    uint64_t generation_bits, const struct window_at *at, struct window *w)
{
	struct source source = source_begin(tier, column_lane, generation_bits, at);
	struct disk_cell copy;
	unsigned int k, end;
	uint64_t known = 0;

	while (source_next(&source, false, &copy, &k, &end)) {
		for (; k < end; k++) {
			uint32_t cover = cover_get(copy.tail, k);

			if (!cover || !value_known(copy.v[k]))
				continue;
			take_lane(w, lane, double_of(copy.v[k]));
			known += ticks_of_cover(tier, cover);
		}
	}
	return known;
}

static void gather_lanes(const struct tier *source, uint32_t slot, uint64_t generation_bits,
			 const struct window_at *at, struct window *w)
{
	uint32_t lane = slot * source->lanes_each;

	for (unsigned int l = 0; l < LANE_NR; l++) {
		uint64_t known;

		if (!(source->lane_set & 1u << l))
			continue;
		known = gather_lane(source, (enum lane)l, lane++, generation_bits, at, w);
		w->lane_known[l] = known;
		if (l != LANE_TOTAL && known > w->known)
			w->known = known;
	}
}

/* ---- the target ---- */

uint32_t cover_of_ticks(const struct tier *tier, uint64_t known)
{
	uint64_t cover;

	if (tier->ticks <= COVER_MAX)
		return (uint32_t)known;
	cover = (uint64_t)(((unsigned __int128)known * COVER_MAX + tier->ticks / 2) / tier->ticks);
	return cover ? (uint32_t)cover : 1;
}

static bool slot_present(const struct disk_cell *cell, uint64_t tag, unsigned int k)
{
	return load_relaxed(&cell->tag) == tag && cover_get(load_relaxed(&cell->tail), k) &&
	       value_known(load_relaxed(&cell->v[k]));
}

/* Writes slot k of the cell with this tag into its place, unless that belongs to a later cell. */
static inline void put(const struct schema *schema, const struct tier *tier, struct disk_cell *cell,
		       uint64_t tag, unsigned int k, uint64_t bits, uint32_t cover)
{
	uint64_t found = load_relaxed(&cell->tag), tail = load_relaxed(&cell->tail);

	if (found != tag || (tail & TAIL_NUMBER) != (tag & TAIL_NUMBER)) {
		uint64_t latest = (schema->now + schema->max_ahead) / tier->interval;

		if (cell_generation_bits(found) == cell_generation_bits(tag) && found > tag &&
		    cell_number(found) * CELL_TICKS <= latest)
			return;
		tail = tag & TAIL_NUMBER;
		cell_enter(cell, tag, tail);
	}
	store_release(&cell->v[k], bits);
	store_release(&cell->tail, (tail & ~cover_bits(COVER_MAX, k)) | cover_bits(cover, k));
}

void put_lane(const struct schema *schema, const struct tier *tier, uint32_t lane,
	      uint64_t generation_bits, uint64_t window, uint64_t bits, uint32_t cover)
{
	uint64_t number = window / CELL_TICKS;

	put(schema, tier, cell_at(tier, number, lane), generation_bits | number,
	    (unsigned int)(window % CELL_TICKS), bits, cover);
}

/* The slot's value, if it is there; else it stays as it is. */
static bool slot_value(const struct disk_cell *cell, uint64_t tag, unsigned int k, double *value)
{
	struct disk_cell copy;

	if (!cell_read(cell, tag, false, &copy) || !cover_get(copy.tail, k) ||
	    !value_known(copy.v[k]))
		return false;
	*value = double_of(copy.v[k]);
	return true;
}

/* ---- totals ---- */

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
 * A window whose total is there, and whose sum the power took: it goes with the total if that is the one
 * before, and the sum.  If ticks of it are gone, too, the window stays without a sum, for the total
 * less the sum is what readers take for the total before it.
 */
static bool sum_fits(const struct tier *tier, const struct column *column, uint32_t slot,
		     const struct window_at *at, const struct window *w)
{
	const struct ring ring = { tier, column->tag, total_lane(tier, slot), false };
	double before = 0;
	uint64_t found;

	ring_latest(&ring, at->window, &found, &before);
	return before + w->sum == w->total;
}

/*
 * The counter's total at the end of the window whose cells these are: the latest one, and this window's
 * sum.  The latest is remembered, and looked for after opening.  False for a window before the latest:
 * filling a hole there would make the totals go down.
 */
static bool total_after(const struct schema *schema, uint32_t slot, const struct disk_cell *cells,
			const struct window_at *at, struct window *w)
{
	const struct tier *tier = &schema->tiers[1];
	struct column *column = &schema->columns[slot];
	uint64_t end = (schema->now + schema->max_ahead) / tier->interval + 1;
	uint64_t tag = column->tag | at->number;
	double sum = w->sum;

	if (!column->total_window || column->total_window > end)
		look_up_total(schema, column, slot);
	if (slot_value(&cells[tier->lanes_each - 1], tag, at->k, &w->total)) {
		if (!slot_present(cells, tag, at->k) && !sum_fits(tier, column, slot, at, w))
			w->lane_known[LANE_SUM] = 0;
		return true;
	}
	if (at->window < column->total_window)
		return false;
	/* the sum may have been stored by an earlier closing whose total was lost; it is the first lane */
	slot_value(cells, tag, at->k, &sum);
	column->total += sum;
	column->total_window = at->window + 1;
	w->total = column->total;
	return true;
}

/* ---- the window ---- */

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

/* Whether all lanes of a window are there; in a hole the total may be missing for good. */
static bool window_present(const struct tier *tier, const struct disk_cell *cells, uint64_t tag,
			   unsigned int k, bool counter)
{
	uint32_t n = tier->lanes_each - (tier->lane_set & 1u << LANE_TOTAL && !counter);

	for (uint32_t lane = 0; lane < n; lane++)
		if (!slot_present(&cells[lane], tag, k))
			return false;
	return true;
}

/* The total's lane is the last, also to be written: after a kill there is none without its sum. */
static void window_put(const struct schema *schema, const struct tier *tier,
		       struct disk_cell *cells, uint64_t tag, unsigned int k, struct window *w)
{
	struct disk_cell *cell = cells;

	w->lane_known[LANE_TOTAL] = w->has_total ? w->known : 0;
	for (unsigned int l = 0; l < LANE_NR; l++) {
		if (!(tier->lane_set & 1u << l))
			continue;
		if (w->lane_known[l] && !slot_present(cell, tag, k))
			put(schema, tier, cell, tag, k, bits_of(lane_value(w, (enum lane)l)),
			    cover_of_ticks(tier, w->lane_known[l]));
		cell++;
	}
}

bool window_close(const struct schema *schema, uint32_t t, uint32_t slot,
		  const struct window_at *at)
{
	const struct tier *tier = &schema->tiers[t];
	struct column *column = &schema->columns[slot];
	struct disk_cell *cells =
		&tier->cells[(uint64_t)at->row * tier->lanes + slot * tier->lanes_each];
	bool counter = schema->handles->series[slot].kind == RONDO_COUNTER;
	uint64_t tag = column->tag | at->number;
	struct window w;

	if (schema->n_bounds)
		return histogram_close(schema, t, slot, at->window);
	if (window_present(tier, cells, tag, at->k, counter)) {
		if (t == 1 && column->total_window && at->window >= column->total_window)
			column->total_window = 0; /* look it up again */
		return true;
	}
	window_init(&w);
	if (t == 1)
		gather_values(tier - 1, slot, column->tag, at, &w);
	else
		gather_lanes(tier - 1, slot, column->tag, at, &w);
	if (!w.known)
		return false;
	if (!counter)
		w.has_total = false;
	else if (t == 1 && (tier->lane_set & 1u << LANE_TOTAL))
		w.has_total = total_after(schema, slot, cells, at, &w);
	window_put(schema, tier, cells, tag, at->k, &w);
	return false;
}
