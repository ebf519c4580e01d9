// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * read.c - points of one series: of one tier, or stitched from all
 *
 * Lock-free: every cell says itself which ticks it holds (cell.h).
 */
#include <string.h>

#include "values.h"

/* One tier of one series, seen through one function. */
struct view {
	const struct schema *schema;
	const struct tier *tier;
	struct ring ring;
	uint32_t index; /* of the tier */
	uint32_t kind;
	enum rondo_function function;
	double total; /* RONDO_FN_TOTAL in the finest tier: up to the last point */
};

struct output {
	struct rondo_point *points;
	size_t cap, n;
};

/* ---- functions ---- */

static enum lane lane_of(enum rondo_function function)
{
	switch (function) {
	case RONDO_FN_MIN:
		return LANE_MIN;
	case RONDO_FN_MAX:
		return LANE_MAX;
	case RONDO_FN_LAST:
		return LANE_LAST;
	case RONDO_FN_TOTAL:
		return LANE_TOTAL;
	default:
		return LANE_SUM;
	}
}

static bool has_lane(const struct tier *tier, enum lane lane)
{
	return tier->lane_set & 1u << lane;
}

/* What the coarsest tier keeps, every finer one has too. */
static enum rondo_function default_function(const struct schema *schema, uint32_t kind)
{
	static const enum rondo_function order[] = { RONDO_FN_AVG, RONDO_FN_LAST, RONDO_FN_MAX,
						     RONDO_FN_MIN };
	const struct tier *coarsest = &schema->tiers[schema->n_tiers - 1];

	if (kind == RONDO_COUNTER)
		return RONDO_FN_SUM;
	if (schema->n_tiers == 1)
		return RONDO_FN_LAST;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (has_lane(coarsest, lane_of(order[i])))
			return order[i];
	return RONDO_FN_LAST;
}

static bool tier_has(const struct schema *schema, uint32_t t, enum rondo_function function)
{
	if (t == 0)
		return function != RONDO_FN_TOTAL ||
		       (schema->n_tiers > 1 && has_lane(&schema->tiers[1], LANE_TOTAL));
	return has_lane(&schema->tiers[t], lane_of(function));
}

static void view_tier(struct view *view, uint32_t slot, uint32_t t)
{
	const struct tier *tier = &view->schema->tiers[t];

	view->index = t;
	view->tier = tier;
	view->ring.tier = tier;
	view->ring.is_value = t == 0;
	view->ring.lane = slot * tier->lanes_each;
	if (t)
		view->ring.lane += (uint32_t)__builtin_popcount(
			tier->lane_set & ((1u << lane_of(view->function)) - 1));
}

/* xff, in rrdtool's sense: too much of the window is unknown. Not for what is true all the same. */
static bool hidden(const struct view *view, uint64_t known)
{
	switch (view->function) {
	case RONDO_FN_COUNT:
	case RONDO_FN_TOTAL:
		return false;
	case RONDO_FN_SUM:
	case RONDO_FN_MAX:
		if (view->kind == RONDO_COUNTER)
			return false;
		break;
	default:
		break;
	}
	return (double)(view->tier->ticks - known) > view->schema->xff * (double)view->tier->ticks;
}

/*
 * From what is stored to what was asked, for points in a row; how many are left: what is computed from
 * damaged values may be more than a double holds, and is left out like them.
 */
static size_t derive(struct view *view, struct rondo_point *points, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct rondo_point *point = &points[i];

		switch (view->function) {
		case RONDO_FN_AVG:
			if (!view->index)
				return n;
			point->value /= point->known;
			break;
		case RONDO_FN_COUNT:
			point->value = point->known;
			break;
		case RONDO_FN_RATE:
			point->value /= (double)view->tier->interval / 1e9;
			break;
		case RONDO_FN_TOTAL:
			if (view->index)
				return n;
			view->total += point->value;
			point->value = view->total;
			break;
		default:
			return n;
		}
		points[kept] = *point;
		kept += value_known(bits_of(point->value));
	}
	return kept;
}

/* ---- cells ---- */

/* The points of windows from <= w < to, all of which lie in the cell; as many as there is room for. */
static bool emit_cell(struct view *view, const struct disk_cell *cell, uint64_t from, uint64_t to,
		      struct output *out)
{
	uint64_t interval = view->tier->interval, ts = from * interval;
	unsigned int k = (unsigned int)(from % CELL_TICKS), end = k + (unsigned int)(to - from);
	size_t n = out->n;
	bool all = true;

	for (; k < end; k++, ts += interval) {
		uint64_t known = 1;

		if (!value_known(cell->v[k]))
			continue;
		if (view->index) {
			known = ticks_of_cover(view->tier, cover_get(cell->tail, k));
			if (!known || hidden(view, known))
				continue;
		}
		if (n == out->cap) {
			all = false;
			break;
		}
		out->points[n++] = (struct rondo_point){
			.ts_ns = ts,
			.value = double_of(cell->v[k]),
			.tier = view->index,
			.known = known > UINT32_MAX ? UINT32_MAX : (uint32_t)known,
		};
	}
	out->n += derive(view, out->points + out->n, n - out->n);
	return all;
}

/* Points of windows first <= w < end, in order; false if the output is full. */
static bool read_windows(struct view *view, uint64_t first, uint64_t end, struct output *out)
{
	struct ring_walk walk;
	struct disk_cell copy;

	if (!view->index) {
		size_t n = values_read(&view->ring, &first, end, out->points + out->n,
				       out->cap - out->n);

		out->n += derive(view, out->points + out->n, n);
	}
	if (first >= end ||
	    !ring_walk_begin(&walk, &view->ring, first / CELL_TICKS, (end - 1) / CELL_TICKS))
		return true;
	while (ring_walk_next(&walk, &copy)) {
		uint64_t from = cell_number(copy.tag) * CELL_TICKS, to = from + CELL_TICKS;

		if (!emit_cell(view, &copy, from > first ? from : first, to < end ? to : end, out))
			return false;
	}
	return true;
}

/* ---- totals in the finest tier ---- */

static double sum_of(struct view *view, uint64_t first, uint64_t end)
{
	struct rondo_point points[64];
	struct output out = { points, 64, 0 };
	struct view sums = *view;
	double sum = 0;
	bool all;

	sums.function = RONDO_FN_SUM;
	do {
		out.n = 0;
		all = read_windows(&sums, first, end, &out);
		for (size_t i = 0; i < out.n; i++)
			sum += points[i].value;
		if (out.n)
			first = points[out.n - 1].ts_ns / view->tier->interval + 1;
	} while (!all);
	return sum;
}

/* What an upper tier's lane holds for a window, if that is there. */
static bool window_value(const struct view *upper, uint64_t window, double *value)
{
	const struct ring *ring = &upper->ring;
	unsigned int k = (unsigned int)(window % CELL_TICKS);
	uint64_t number = window / CELL_TICKS;
	struct disk_cell copy;

	if (!cell_read(cell_at(ring->tier, number, ring->lane), ring->generation_bits | number,
		       false, &copy) ||
	    !cover_get(copy.tail, k) || !value_known(copy.v[k]))
		return false;
	*value = double_of(copy.v[k]);
	return true;
}

/*
 * Where no total is known before: that at the start of the first window that has its own, and its sum; a
 * window that the power left without is passed over.  False if there is none.
 */
static bool total_from_window(struct view *view, const struct view *upper, uint64_t *first)
{
	struct view totals = *upper, sums = *upper;
	uint64_t ratio = upper->tier->ratio, start;
	struct rondo_point points[64];
	struct output out = { points, 64, 0 };
	size_t i = 0;
	double sum;

	read_windows(&totals, *first / ratio, UINT64_MAX, &out);
	sums.ring.lane -= (uint32_t)__builtin_popcount(upper->tier->lane_set) - 1;
	while (i < out.n && !window_value(&sums, points[i].ts_ns / upper->tier->interval, &sum))
		i++;
	if (i == out.n)
		return false;
	start = points[i].ts_ns / view->tier->interval;
	*first = *first > start ? *first : start;
	view->total = points[i].value > sum ? points[i].value - sum : 0;
	view->total += sum_of(view, start, *first);
	return true;
}

/*
 * The total before tick *first, at view->total: the latest window's before it, and what was added since,
 * unless the ring may have let go of later ones; or what a later window tells, to whose start *first is
 * moved up.  False if none does.  *back: the tick from which on the ring was needed.
 */
static bool total_before(struct view *view, const struct view *upper, uint64_t *first,
			 uint64_t *back)
{
	uint64_t ratio = upper->tier->ratio, lowest, highest, window;

	if (!ring_latest(&upper->ring, *first / ratio, &window, &view->total) ||
	    !ring_bounds(&upper->ring, 0, &lowest, &highest) ||
	    window < ring_start(upper->tier, highest)) {
		*back = *first;
		return total_from_window(view, upper, first);
	}
	*back = (window + 1) * ratio;
	view->total += sum_of(view, *back, *first);
	return true;
}

/*
 * Ticks first <= t < end, each with the total by then.  Where the power has taken ticks, a window's own
 * total is higher than that: it counts from the window's end on, so that a total is never told too early.
 */
static bool read_summed(struct view *view, const struct view *upper, uint64_t first, uint64_t end,
			struct output *out)
{
	uint64_t ratio = upper->tier->ratio;

	while (first < end) {
		uint64_t window = first / ratio, stop = (window + 1) * ratio;
		double total;

		if (!read_windows(view, first, stop < end ? stop : end, out))
			return false;
		if (window_value(upper, window, &total) && total > view->total)
			view->total = total;
		first = stop;
	}
	return true;
}

/* ---- the calls ---- */

/* The end of what is recorded: all ticks before the newest are done, if they come in order. */
static uint64_t totals_end(const struct view *view, uint64_t highest)
{
	const struct ring *ring = &view->ring;
	struct disk_cell copy;
	unsigned int k = 0;

	if (cell_read(cell_at(view->tier, highest, ring->lane), ring->generation_bits | highest,
		      true, &copy))
		for (k = CELL_TICKS; k && !value_known(copy.v[k - 1]);)
			k--;
	return highest * CELL_TICKS + k;
}

/* What the ring holds for certain. */
struct extent {
	uint64_t first;  /* tick */
	uint64_t newest; /* cell */
	bool whole;      /* nothing was there before */
};

/*
 * False if the ring is empty.  A writer that enters a cell, or was killed while it did, has already
 * emptied the one in its place, whose tag is the last to change.
 */
static bool totals_extent(const struct view *view, struct extent *extent)
{
	const struct ring *ring = &view->ring;
	uint64_t lowest = UINT64_MAX, highest = 0, emptied = 0, rows = view->tier->rows;

	for (uint32_t row = 0; row < rows; row++) {
		const struct disk_cell *cell = cell_at(view->tier, row, ring->lane);
		uint64_t tag = load_acquire(&cell->tag), number = cell_number(tag);

		if (cell_generation_bits(tag) != ring->generation_bits || number % rows != row)
			continue;
		lowest = number < lowest ? number : lowest;
		highest = number > highest ? number : highest;
		if (load_acquire(&cell->tail) != tag && number + 1 > emptied)
			emptied = number + 1;
	}
	if (lowest == UINT64_MAX)
		return false;
	extent->whole = !emptied && highest + 1 < rows + lowest;
	if (highest + 1 > rows + lowest)
		lowest = highest + 1 - rows;
	extent->first = (lowest > emptied ? lowest : emptied) * CELL_TICKS;
	extent->newest = highest;
	return true;
}

/*
 * What to tell of ticks first <= t < end, once.  Totals begin with the first whole window that the ring
 * surely holds; or with the first tick, if nothing was there before, or there is no total yet: then all
 * that is recorded is in the ring.  False if the output is full.
 */
static bool read_totals_once(struct view *view, const struct view *upper,
			     const struct extent *extent, uint64_t first, uint64_t end,
			     struct output *out, uint64_t *back)
{
	uint64_t ratio = upper->tier->ratio, window, from = extent->first;
	uint64_t recorded = totals_end(view, extent->newest);
	bool any = ring_latest(&upper->ring, UINT64_MAX, &window, &view->total);

	if (any && !extent->whole)
		from = divide_up(from, ratio) * ratio;
	from = from > first ? from : first;
	end = end < recorded ? end : recorded;
	if (!any) {
		*back = 0;
		view->total = sum_of(view, 0, from);
	} else if (!total_before(view, upper, &from, back)) {
		return true;
	}
	return read_summed(view, upper, from, end, out);
}

/*
 * If the writer has meanwhile let go of what the totals were computed from: once more, and nothing rather
 * than wrong totals if it is that fast.  What is recorded during the call comes in the next one, as
 * what lies before it was added up already.
 */
static bool read_totals(struct view *view, uint32_t slot, uint64_t first, uint64_t end,
			struct output *out)
{
	struct extent extent, after;
	struct view upper = *view;
	size_t n = out->n;

	view_tier(&upper, slot, 1);
	for (int tries = 0; tries < 20; tries++) {
		uint64_t back;
		bool all;

		if (!totals_extent(view, &extent))
			return true;
		all = read_totals_once(view, &upper, &extent, first, end, out, &back);
		if (!totals_extent(view, &after))
			return true;
		if (after.first <= (back > extent.first ? back : extent.first))
			return all;
		out->n = n;
	}
	return true;
}

/* One tier's points whose windows start in [start, end). */
static bool read_tier(struct view *view, uint32_t slot, uint32_t t, uint64_t start, uint64_t end,
		      struct output *out)
{
	uint64_t first, last;

	view_tier(view, slot, t);
	first = divide_up(start, view->tier->interval);
	last = divide_up(end, view->tier->interval);
	if (t == 0 && view->function == RONDO_FN_TOTAL)
		return read_totals(view, slot, first, last, out);
	return read_windows(view, first, last, out);
}

/* From the coarsest tier to the finest allowed, each its stretch. */
static void read_stitched(struct view *view, uint32_t slot, const struct rondo_range *range,
			  uint64_t end, struct output *out)
{
	const struct schema *schema = view->schema;
	uint64_t from[RONDO_TIERS_MAX], tiers = 0;
	uint32_t finest;

	for (uint32_t t = 0; t < schema->n_tiers; t++)
		if (tier_has(schema, t, view->function))
			tiers |= UINT64_C(1) << t;
	finest = stitch(schema, slot, view->ring.generation_bits, range->step_ns, tiers, from);
	for (uint32_t t = schema->n_tiers; t-- > finest;) {
		uint64_t lo = from[t] > range->start_ns ? from[t] : range->start_ns;
		uint64_t hi = t == finest || from[t - 1] > end ? end : from[t - 1];

		if ((tiers & UINT64_C(1) << t) && lo < hi && !read_tier(view, slot, t, lo, hi, out))
			return;
	}
}

static int check_range(const struct schema *schema, uint32_t kind, const struct rondo_range *range,
		       enum rondo_function function)
{
	if ((unsigned int)function > RONDO_FN_RATE)
		return RONDO_E_INVALID;
	if (kind == RONDO_HISTOGRAM)
		return RONDO_E_KIND;
	if (kind != RONDO_COUNTER && (function == RONDO_FN_TOTAL || function == RONDO_FN_RATE))
		return RONDO_E_KIND;
	if (range->tier == RONDO_TIER_AUTO) {
		for (uint32_t t = 0; t < schema->n_tiers; t++)
			if (tier_has(schema, t, function))
				return 0;
		return RONDO_E_NOT_FOUND;
	}
	if (range->tier >= schema->n_tiers || !tier_has(schema, range->tier, function))
		return RONDO_E_NOT_FOUND;
	return 0;
}

/* Functions of which a tick's value is the answer. */
#define VALUES (RONDO_FNS_AVG | RONDO_FNS_MIN | RONDO_FNS_MAX | RONDO_FNS_LAST | RONDO_FNS_SUM)

/* Any other tier or function, or what read_values() has left; from start on. */
static __attribute__((noinline)) void read_views(const struct schema *schema, rondo_id id,
						 uint32_t kind, enum rondo_function function,
						 const struct rondo_range *range, uint64_t start,
						 uint64_t end, struct output *out)
{
	uint32_t slot = series_id_slot(id);
	struct view view = {
		.schema = schema,
		.ring.generation_bits = cell_tag(series_id_generation(id), 0),
		.kind = kind,
		.function = function,
	};

	if (range->tier == RONDO_TIER_AUTO)
		read_stitched(&view, slot, range, end, out);
	else
		read_tier(&view, slot, range->tier, start, end, out);
}

/* What is read most, with the least around it: values of the finest tier.  Returns where it ended. */
static inline uint64_t read_values(const struct schema *schema, rondo_id id, uint64_t start,
				   uint64_t end, struct output *out)
{
	const struct ring ring = { schema->tiers, cell_tag(series_id_generation(id), 0),
				   series_id_slot(id), true };
	uint64_t first = divide_up(start, schema->tiers->interval);
	uint64_t last = divide_up(end, schema->tiers->interval);

	out->n = values_read(&ring, &first, last, out->points, out->cap);
	return first < last ? first * schema->tiers->interval : end;
}

RONDO_API int rondo_read(rondo_store *store, rondo_id id, const struct rondo_range *range,
			 struct rondo_point *points, size_t cap, size_t *n)
{
	uint32_t index = series_id_schema(id), slot = series_id_slot(id);
	struct output out = { points, cap, 0 };
	enum rondo_function function;
	const struct schema *schema;
	uint64_t start, end;
	int kind, err;

	if (!store || !range || range->size < sizeof(*range) || !points || !cap || !n)
		return RONDO_E_INVALID;
	if (index >= store->n_schemas || slot >= store->schemas[index].max_series)
		return RONDO_E_NOT_FOUND;
	schema = &store->schemas[index];
	kind = entry_kind(schema, slot, series_id_generation(id));
	if (kind < 0)
		return kind;
	function = range->function ? range->function : default_function(schema, (uint32_t)kind);
	err = check_range(schema, (uint32_t)kind, range, function);
	if (err)
		return err;
	end = range->end_ns ? range->end_ns : UINT64_MAX;
	start = range->start_ns;
	if (!range->tier && (VALUES & RONDO_FN(function)))
		start = read_values(schema, id, start, end, &out);
	if (start < end && out.n < cap)
		read_views(schema, id, (uint32_t)kind, function, range, start, end, &out);
	if (store_failed(store))
		return RONDO_E_FAILED;
	*n = out.n;
	return 0;
}
