// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * histogram.c - counting values into buckets, consolidating and reading them
 *
 * Buckets, sum and count of a tick are lanes side by side; the count is written last, and a tick
 * counts only if its buckets add up to it.  So merging is adding, exact at every tier, and a reader
 * that comes in between, or a power loss, finds no histogram rather than half of one.
 */
#include <string.h>

#include "ring.h"

/* A cell of every lane of one series. */
struct cells {
	struct disk_cell lane[HISTOGRAM_LANES(DISK_BOUNDS)];
};

static uint32_t sum_lane(const struct schema *schema)
{
	return schema->n_bounds + 1;
}

static uint32_t count_lane(const struct schema *schema)
{
	return schema->n_bounds + 2;
}

/* ---- recording ---- */

static void add_to(uint64_t *slot, double delta)
{
	uint64_t bits = load_relaxed(slot);

	store_release(slot, bits_of(value_known(bits) ? double_of(bits) + delta : delta));
}

/* The tick's slot in another lane: lanes are cells side by side. */
static uint64_t *slot_of_lane(const rondo_series *series, uint32_t lane)
{
	return series->slot + lane * (sizeof(struct disk_cell) / sizeof(uint64_t));
}

/* The first bucket whose bound is not below the value. */
static uint32_t bucket_of(const struct schema *schema, double value)
{
	uint32_t low = 0, high = schema->n_bounds;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (value <= schema->bounds[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int at_tick(rondo_series *series, uint64_t ts_ns, double value)
{
	int err = 0;

	if (series->kind != RONDO_HISTOGRAM)
		err = RONDO_E_KIND;
	else if (!value_known(bits_of(value)))
		err = RONDO_E_VALUE;
	else if (ts_ns - series->start >= series->span)
		err = series_move(series, ts_ns);
	return err ? series_refuse(series, err) : 0;
}

/*
 * While a value is being counted, the count's slot holds a note of what is going on: a NaN, so that
 * the tick is not taken for complete, with the bucket and what of the state before tells whether the bucket
 * and the sum have been added to yet.  So whoever comes after a kill, or in between, can tell what is
 * there.  format.h has its bits.
 */
static uint64_t sum_hash(double sum)
{
	return bits_of(sum) * UINT64_C(0x9e3779b97f4a7c15) >> 42; /* Fibonacci hashing, 22 bits */
}

static uint64_t note(uint32_t bucket, double count, double sum)
{
	return NOTE_MARK | (uint64_t)bucket << 44 | ((uint64_t)count & NOTE_MASK) << 22 |
	       sum_hash(sum);
}

static bool is_note(uint64_t bits)
{
	return (bits & NOTE_MARK_MASK) == NOTE_MARK;
}

/*
 * Makes of buckets and sum, found beside a note, the histogram before or after the value that it is of.
 * False if they fit neither, as may be after a power loss.
 */
static bool settle(uint64_t bits, struct rondo_histogram *h, double total)
{
	uint32_t bucket = bits >> 44 & 63;
	uint64_t before = bits >> 22 & NOTE_MASK;
	bool sum_before = sum_hash(h->sum) == (bits & NOTE_MASK);

	h->count = total;
	if (((uint64_t)total & NOTE_MASK) == before)
		return sum_before;
	if (total < 1 || ((uint64_t)(total - 1) & NOTE_MASK) != before ||
	    bucket > RONDO_BOUNDS_MAX || h->buckets[bucket] < 1)
		return false;
	if (sum_before) {
		h->buckets[bucket]--;
		h->count--;
	}
	return true;
}

/* After a kill in the middle of rondo_observe(): the tick as it was before or after it. */
static bool put_right(const struct schema *schema, const rondo_series *series, uint64_t bits)
{
	struct rondo_histogram h = { .sum = double_of(load_relaxed(
					     slot_of_lane(series, sum_lane(schema)))) };
	double total = 0;

	for (uint32_t b = 0; b <= schema->n_bounds; b++) {
		h.buckets[b] = double_of(load_relaxed(slot_of_lane(series, b)));
		total += h.buckets[b];
	}
	if (!settle(bits, &h, total))
		return false;
	for (uint32_t b = 0; b <= schema->n_bounds; b++)
		store_release(slot_of_lane(series, b), bits_of(h.buckets[b]));
	store_release(slot_of_lane(series, count_lane(schema)), bits_of(h.count));
	return true;
}

/* Buckets that the tick has not seen yet are 0, not unknown, once it is known at all. */
static void know_all(const struct schema *schema, const rondo_series *series)
{
	uint64_t *count = slot_of_lane(series, count_lane(schema)), bits = load_relaxed(count);

	if (likely(value_known(bits)) || (is_note(bits) && put_right(schema, series, bits)))
		return;
	store_release(count, RONDO_EMPTY);
	for (uint32_t lane = 0; lane < count_lane(schema); lane++)
		store_release(slot_of_lane(series, lane), 0);
}

RONDO_API int rondo_observe(rondo_series *series, uint64_t ts_ns, double value)
{
	int err = at_tick(series, ts_ns, value);
	const struct schema *schema;
	uint64_t *count, *sum;
	uint32_t bucket;
	double before;

	if (err)
		return err;
	schema = schema_of(series);
	know_all(schema, series);
	bucket = bucket_of(schema, value);
	sum = slot_of_lane(series, sum_lane(schema));
	count = slot_of_lane(series, count_lane(schema));
	before = value_known(load_relaxed(count)) ? double_of(load_relaxed(count)) : 0;
	store_release(count, note(bucket, before, double_of(load_relaxed(sum))));
	add_to(slot_of_lane(series, bucket), 1);
	add_to(sum, value);
	store_release(count, bits_of(before + 1));
	return 0;
}

RONDO_API int rondo_observe_counts(rondo_series *series, uint64_t ts_ns, const uint64_t *counts,
				   double sum)
{
	int err = at_tick(series, ts_ns, sum);
	const struct schema *schema;
	uint64_t total = 0;

	if (err)
		return err;
	schema = schema_of(series);
	know_all(schema, series);
	for (uint32_t lane = 0; lane <= schema->n_bounds; lane++) {
		total += counts[lane];
		if (counts[lane])
			add_to(slot_of_lane(series, lane), (double)counts[lane]);
	}
	add_to(slot_of_lane(series, sum_lane(schema)), sum);
	add_to(slot_of_lane(series, count_lane(schema)), (double)total);
	return 0;
}

/* ---- cells ---- */

/* All lanes' cells of a number; false if the count's is not there. */
static bool cells_read(const struct schema *schema, uint32_t t, uint32_t slot,
		       uint64_t generation_bits, uint64_t number, struct cells *cells)
{
	const struct tier *tier = &schema->tiers[t];
	uint32_t first = slot * tier->lanes_each;
	struct disk_cell *count = &cells->lane[count_lane(schema)];
	const struct disk_cell *now = cell_at(tier, number, first + count_lane(schema));

	/* count first, the opposite of the writing order: what it counted is in the buckets then */
	for (uint32_t lane = tier->lanes_each; lane-- > 0;)
		if (!cell_read(cell_at(tier, number, first + lane), generation_bits | number,
			       t == 0, &cells->lane[lane]))
			return false;
	/* a note tells of the buckets only if it was there all the time */
	for (unsigned int k = 0; k < CELL_TICKS; k++)
		if (is_note(count->v[k]) && load_acquire(&now->v[k]) != count->v[k])
			count->v[k] = RONDO_EMPTY;
	return true;
}

/* The histogram of one tick or window; false if there is none, or not all of it. */
static bool cells_histogram(const struct schema *schema, uint32_t t, const struct cells *cells,
			    unsigned int k, struct rondo_histogram *out)
{
	const struct disk_cell *count = &cells->lane[count_lane(schema)];
	const struct disk_cell *sum = &cells->lane[sum_lane(schema)];
	uint64_t known = t ? ticks_of_cover(&schema->tiers[t], cover_get(count->tail, k)) : 1;
	double total = 0;

	if (!known || !value_known(sum->v[k]) ||
	    !(value_known(count->v[k]) || (t == 0 && is_note(count->v[k]))))
		return false;
	for (uint32_t b = 0; b <= schema->n_bounds; b++) {
		if (!value_known(cells->lane[b].v[k]))
			return false;
		out->buckets[b] = double_of(cells->lane[b].v[k]);
		total += out->buckets[b];
	}
	out->sum = double_of(sum->v[k]);
	out->known = known > UINT32_MAX ? UINT32_MAX : (uint32_t)known;
	if (is_note(count->v[k]))
		return settle(count->v[k], out, total);
	out->count = double_of(count->v[k]);
	return total == out->count;
}

/* ---- consolidation ---- */

RONDO_API void rondo_histogram_merge(struct rondo_histogram *to, const struct rondo_histogram *from)
{
	for (uint32_t b = 0; b <= RONDO_BOUNDS_MAX; b++)
		to->buckets[b] += from->buckets[b];
	to->count += from->count;
	to->sum += from->sum;
	to->known += from->known;
}

static uint64_t gather(const struct schema *schema, uint32_t t, uint32_t slot,
		       uint64_t generation_bits, uint64_t first, uint64_t end,
		       struct rondo_histogram *all)
{
	struct rondo_histogram one = { 0 };
	uint64_t known = 0;
	struct cells cells;

	for (uint64_t n = first; n < end;) {
		uint64_t number = n / CELL_TICKS, stop = (number + 1) * CELL_TICKS;

		stop = stop < end ? stop : end;
		if (cells_read(schema, t, slot, generation_bits, number, &cells)) {
			for (; n < stop; n++) {
				if (!cells_histogram(schema, t, &cells, n % CELL_TICKS, &one))
					continue;
				rondo_histogram_merge(all, &one);
				known += one.known;
			}
		}
		n = stop;
	}
	return known;
}

/* Closes a window of the upper tier t; true if it was there already. */
bool histogram_close(struct schema *schema, uint32_t t, uint32_t slot, uint64_t window)
{
	const struct tier *tier = &schema->tiers[t];
	uint64_t tag = schema->columns[slot].tag, number = window / CELL_TICKS;
	uint32_t first = slot * tier->lanes_each, count = first + count_lane(schema);
	const struct disk_cell *cell = cell_at(tier, number, count);
	struct rondo_histogram all = { 0 };
	uint32_t cover;
	uint64_t known;

	if (load_relaxed(&cell->tag) == (tag | number) && slot_present(cell, window % CELL_TICKS))
		return true;
	known = gather(schema, t - 1, slot, tag, window * tier->ratio, (window + 1) * tier->ratio,
		       &all);
	if (!known)
		return false;
	cover = cover_of_ticks(tier, known);
	for (uint32_t b = 0; b <= schema->n_bounds; b++)
		put_lane(schema, tier, first + b, tag, window, all.buckets[b], cover);
	put_lane(schema, tier, first + sum_lane(schema), tag, window, all.sum, cover);
	put_lane(schema, tier, count, tag, window, all.count, cover);
	return false;
}

/* ---- reading ---- */

/* One tier's histograms of windows first <= w < end; false if the output is full. */
static bool read_tier(const struct schema *schema, uint32_t t, uint32_t slot, uint64_t tag,
		      uint64_t first, uint64_t end, struct rondo_histogram *out, size_t cap,
		      size_t *n)
{
	const struct tier *tier = &schema->tiers[t];
	struct ring ring = { tier, tag, slot * tier->lanes_each + count_lane(schema), t == 0 };
	struct rondo_histogram one = { 0 };
	struct ring_walk walk;
	struct disk_cell copy;
	struct cells cells;

	if (first >= end ||
	    !ring_walk_begin(&walk, &ring, first / CELL_TICKS, (end - 1) / CELL_TICKS))
		return true;
	while (ring_walk_next(&walk, &copy)) {
		uint64_t number = cell_number(copy.tag), window = number * CELL_TICKS;

		if (!cells_read(schema, t, slot, tag, number, &cells))
			continue;
		for (unsigned int k = 0; k < CELL_TICKS; k++, window++) {
			if (window < first || window >= end ||
			    !cells_histogram(schema, t, &cells, k, &one))
				continue;
			if (*n == cap)
				return false;
			one.ts_ns = window * tier->interval;
			one.tier = t;
			out[(*n)++] = one;
		}
	}
	return true;
}

RONDO_API int rondo_read_histogram(rondo_store *store, rondo_id id, const struct rondo_range *range,
				   struct rondo_histogram *out, size_t cap, size_t *n)
{
	uint32_t index = series_id_schema(id), slot = series_id_slot(id);
	uint64_t end, lo, hi, tag = cell_tag(series_id_generation(id), 0), from[RONDO_TIERS_MAX];
	const struct schema *schema;
	uint32_t finest = 0;
	int kind;

	if (!store || !range || range->size < sizeof(*range) || !out || !cap || !n)
		return RONDO_E_INVALID;
	if (index >= store->n_schemas || slot >= store->schemas[index].max_series)
		return RONDO_E_NOT_FOUND;
	schema = &store->schemas[index];
	kind = entry_kind(schema, slot, series_id_generation(id));
	if (kind < 0)
		return kind;
	if (kind != RONDO_HISTOGRAM)
		return RONDO_E_KIND;
	if (range->tier != RONDO_TIER_AUTO && range->tier >= schema->n_tiers)
		return RONDO_E_NOT_FOUND;
	*n = 0;
	end = range->end_ns ? range->end_ns : UINT64_MAX;
	if (range->tier == RONDO_TIER_AUTO)
		finest = stitch(schema, slot, tag, range->step_ns, UINT64_MAX, from);
	for (uint32_t t = schema->n_tiers; t-- > finest;) {
		uint64_t interval = schema->tiers[t].interval;

		if (range->tier == RONDO_TIER_AUTO) {
			lo = from[t];
			hi = t == finest ? UINT64_MAX : from[t - 1];
		} else {
			lo = t == range->tier ? 0 : UINT64_MAX;
			hi = UINT64_MAX;
		}
		lo = lo > range->start_ns ? lo : range->start_ns;
		hi = hi < end ? hi : end;
		if (lo < hi && !read_tier(schema, t, slot, tag, divide_up(lo, interval),
					  divide_up(hi, interval), out, cap, n))
			break;
	}
	return store_failed(store) ? RONDO_E_FAILED : 0;
}

RONDO_API int rondo_histogram_quantile(const struct rondo_histogram *histogram,
				       const double *bounds, uint32_t n_bounds, double q,
				       double *value)
{
	double rank, below = 0, from = 0;
	uint32_t b = 0;

	if (!histogram || !bounds || !n_bounds || n_bounds > RONDO_BOUNDS_MAX ||
	    !(q >= 0 && q <= 1) || !value)
		return RONDO_E_INVALID;
	if (!(histogram->count > 0))
		return RONDO_E_NOT_FOUND;
	rank = q * histogram->count;
	while (b < n_bounds && below + histogram->buckets[b] < rank)
		below += histogram->buckets[b++];
	if (b == n_bounds) {
		*value = bounds[n_bounds - 1];
		return 0;
	}
	/* the lowest bucket begins at 0, or has no width if its bound is not above that */
	if (b > 0)
		from = bounds[b - 1];
	else if (bounds[0] <= 0)
		from = bounds[0];
	*value = histogram->buckets[b] > 0
			 ? from + (bounds[b] - from) * (rank - below) / histogram->buckets[b]
			 : from;
	return 0;
}
