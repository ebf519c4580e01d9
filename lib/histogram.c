// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * histogram.c - counting values into buckets, consolidating and reading them
 *
 * Buckets, sum and a check of them are lanes side by side, each in a cell of its own.  A tick counts
 * only if its check fits, so merging is adding, exact at every tier, and whoever comes in between, or
 * after a power loss that kept some cells and not others, finds no histogram rather than a wrong one.
 * A call first writes what it is about to change into the series' journal: after a kill in the middle
 * of it the tick is as the call would have left it.
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

static uint32_t check_lane(const struct schema *schema)
{
	return schema->n_bounds + 2;
}

/*
 * A lane's share of the check, which is the sum of the shares modulo 2^62: so it changes with a lane
 * without a look at the others, and is never a NaN.  The mixing is that of splitmix64 (Steele, Lea,
 * Flood: Fast splittable pseudorandom number generators, 2014).
 */
static uint64_t share(uint32_t lane, uint64_t bits)
{
	bits += (lane + 1) * UINT64_C(0x9e3779b97f4a7c15);
	bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
	return bits ^ bits >> 31;
}

/* ---- recording ---- */

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
	else
		err = series_tick(series, ts_ns);
	return err ? series_refuse(series, err) : 0;
}

static struct disk_journal *journal_of(const struct schema *schema, uint32_t slot)
{
	const struct tier *tier = &schema->tiers[0];

	return (struct disk_journal *)(tier->end + slot * JOURNAL_SIZE(schema->n_bounds));
}

/* Makes all lanes of a tick that nothing was counted into yet 0; their check, which is not written. */
static uint64_t begin_tick(const struct schema *schema, const rondo_series *series)
{
	uint64_t check = 0;

	for (uint32_t lane = 0; lane < check_lane(schema); lane++) {
		store_release(slot_of_lane(series, lane), 0);
		check += share(lane, 0);
	}
	return check;
}

/*
 * A call's change of some lanes of the handle's tick: written to the journal, then made.  The journal's
 * tag is 0 meanwhile, or the last call's change, of another tick, could pass for this tick's.
 */
struct change {
	const struct schema *schema;
	const rondo_series *series;
	struct disk_journal *journal;
	uint64_t check;
	uint64_t lanes;
	unsigned int n;
};

static struct change change_begin(rondo_series *series)
{
	const struct schema *schema = schema_of(series);
	struct disk_journal *journal = journal_of(schema, series->index);
	uint64_t check = load_relaxed(slot_of_lane(series, check_lane(schema)));

	if (unlikely(check == RONDO_EMPTY))
		check = begin_tick(schema, series);
	store_release(&journal->tag, 0);
	return (struct change){ schema, series, journal, check, 0, 0 };
}

/* Lanes in ascending order. */
static inline void change_add(struct change *change, uint32_t lane, double delta)
{
	uint64_t before = load_relaxed(slot_of_lane(change->series, lane));
	/* a lane that a power loss has taken from the tick: the check will not fit either way */
	uint64_t after = bits_of(value_known(before) ? double_of(before) + delta : delta);

	change->check += share(lane, after) - share(lane, before);
	change->lanes |= UINT64_C(1) << lane;
	store_release(&change->journal->v[change->n++], after);
}

static inline void change_make(struct change *change)
{
	struct disk_journal *journal = change->journal;
	const rondo_series *series = change->series;
	uint64_t check = change->check & CHECK_MASK, lanes = change->lanes;
	const struct disk_cell *cell = (const void *)((uintptr_t)series->slot & ~(uintptr_t)63);

	store_release(&journal->what, (uint64_t)(series->slot - cell->v) << JOURNAL_LANES | lanes);
	store_release(&journal->check, check);
	store_release(&journal->tag, load_relaxed(&cell->tag));
	for (unsigned int i = 0; lanes; i++, lanes &= lanes - 1)
		store_release(slot_of_lane(series, (uint32_t)__builtin_ctzll(lanes)),
			      load_relaxed(&journal->v[i]));
	store_release(slot_of_lane(series, check_lane(change->schema)), check);
}

RONDO_API int rondo_observe(rondo_series *series, uint64_t ts_ns, double value)
{
	int err = at_tick(series, ts_ns, value);
	struct change change;

	if (err)
		return err;
	change = change_begin(series);
	change_add(&change, bucket_of(change.schema, value), 1);
	change_add(&change, sum_lane(change.schema), value);
	change_make(&change);
	return 0;
}

RONDO_API int rondo_observe_counts(rondo_series *series, uint64_t ts_ns, const uint64_t *counts,
				   double sum)
{
	int err = at_tick(series, ts_ns, sum);
	struct change change;

	if (err)
		return err;
	change = change_begin(series);
	for (uint32_t lane = 0; lane <= change.schema->n_bounds; lane++)
		if (counts[lane])
			change_add(&change, lane, (double)counts[lane]);
	change_add(&change, sum_lane(change.schema), sum);
	change_make(&change);
	return 0;
}

/* ---- one tick or window ---- */

/* All lanes' cells of a number; false if the check's is not there. */
static bool cells_read(const struct schema *schema, uint32_t t, uint32_t slot,
		       uint64_t generation_bits, uint64_t number, struct cells *cells)
{
	const struct tier *tier = &schema->tiers[t];
	uint32_t first = slot * tier->lanes_each;

	for (uint32_t lane = tier->lanes_each; lane-- > 0;)
		if (!cell_read(cell_at(tier, number, first + lane), generation_bits | number,
			       t == 0, &cells->lane[lane]))
			return false;
	return true;
}

/* Whether slot k of all lanes is what was there when this check was made. */
static bool lanes_fit(const struct schema *schema, const struct cells *cells, unsigned int k,
		      uint64_t check)
{
	uint64_t sum = 0;

	for (uint32_t lane = 0; lane < check_lane(schema); lane++)
		sum += share(lane, cells->lane[lane].v[k]);
	return (sum & CHECK_MASK) == check;
}

/*
 * For a tick of the finest tier whose lanes don't fit: whether they do after the change that the
 * journal has, if that is of this tick; then they are as it leaves them.
 */
static bool journal_applied(const struct schema *schema, uint32_t slot, struct cells *cells,
			    unsigned int k)
{
	const struct disk_journal *journal = journal_of(schema, slot);
	uint64_t what = load_acquire(&journal->what), lanes = what & JOURNAL_LANES_MASK;

	if (load_acquire(&journal->tag) != cells->lane[0].tag || what >> JOURNAL_LANES != k ||
	    lanes >> check_lane(schema))
		return false;
	for (unsigned int i = 0; lanes; i++, lanes &= lanes - 1)
		cells->lane[__builtin_ctzll(lanes)].v[k] = load_acquire(&journal->v[i]);
	cells->lane[check_lane(schema)].v[k] = load_acquire(&journal->check);
	return lanes_fit(schema, cells, k, cells->lane[check_lane(schema)].v[k]);
}

/* The histogram of one tick or window; false if there is none, or not all of it. */
static bool cells_histogram(const struct schema *schema, uint32_t t, uint32_t slot,
			    struct cells *cells, unsigned int k, struct rondo_histogram *out)
{
	const struct disk_cell *check = &cells->lane[check_lane(schema)];
	uint64_t known = t ? ticks_of_cover(&schema->tiers[t], cover_get(check->tail, k)) : 1;
	double count = 0;

	if (!known || (!lanes_fit(schema, cells, k, check->v[k]) &&
		       (t > 0 || !journal_applied(schema, slot, cells, k))))
		return false;
	for (uint32_t lane = 0; lane <= sum_lane(schema); lane++)
		if (!value_known(cells->lane[lane].v[k]))
			return false;
	for (uint32_t b = 0; b <= schema->n_bounds; b++) {
		out->buckets[b] = double_of(cells->lane[b].v[k]);
		count += out->buckets[b];
	}
	out->sum = double_of(cells->lane[sum_lane(schema)].v[k]);
	out->known = known > UINT32_MAX ? UINT32_MAX : (uint32_t)known;
	out->count = count;
	return true;
}

/*
 * After a kill in the middle of a call: makes the rest of its change.  By the writer, before it records
 * anything else.
 */
void histogram_settle(const struct schema *schema, uint32_t slot)
{
	const struct tier *tier = &schema->tiers[0];
	const struct disk_journal *journal = journal_of(schema, slot);
	uint64_t generation_bits = schema->columns[slot].tag, tag = load_relaxed(&journal->tag);
	unsigned int k = (unsigned int)(load_relaxed(&journal->what) >> JOURNAL_LANES);
	uint64_t number = cell_number(tag);
	struct cells cells;

	if (cell_generation_bits(tag) != generation_bits || k >= CELL_TICKS ||
	    !cells_read(schema, 0, slot, generation_bits, number, &cells) ||
	    lanes_fit(schema, &cells, k, cells.lane[check_lane(schema)].v[k]) ||
	    !journal_applied(schema, slot, &cells, k))
		return;
	for (uint32_t lane = 0; lane < tier->lanes_each; lane++)
		store_release(&cell_at(tier, number, slot * tier->lanes_each + lane)->v[k],
			      cells.lane[lane].v[k]);
}

/* A copy's journal: the source's, of the same bounds, under the copy's generation. */
void histogram_journal_copy(const struct schema *from, uint32_t from_slot, const struct schema *to,
			    uint32_t to_slot)
{
	struct disk_journal *journal = journal_of(to, to_slot);

	memcpy(journal, journal_of(from, from_slot), JOURNAL_SIZE(from->n_bounds));
	journal->tag = to->columns[to_slot].tag | cell_number(journal->tag);
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
				if (!cells_histogram(schema, t, slot, &cells, n % CELL_TICKS, &one))
					continue;
				rondo_histogram_merge(all, &one);
				known += one.known;
			}
		}
		n = stop;
	}
	return known;
}

/* Closes a window of the upper tier t; true if it was there already, whole. */
bool histogram_close(const struct schema *schema, uint32_t t, uint32_t slot, uint64_t window)
{
	const struct tier *tier = &schema->tiers[t];
	uint64_t tag = schema->columns[slot].tag, check = 0;
	uint32_t first = slot * tier->lanes_each, cover;
	struct rondo_histogram all = { 0 };
	struct cells cells;
	uint64_t known;

	if (cells_read(schema, t, slot, tag, window / CELL_TICKS, &cells) &&
	    cells_histogram(schema, t, slot, &cells, window % CELL_TICKS, &all))
		return true;
	known = gather(schema, t - 1, slot, tag, window * tier->ratio, (window + 1) * tier->ratio,
		       &all);
	if (!known)
		return false;
	cover = cover_of_ticks(tier, known);
	for (uint32_t lane = 0; lane < check_lane(schema); lane++) {
		double value = lane == sum_lane(schema) ? all.sum : all.buckets[lane];

		put_lane(schema, tier, first + lane, tag, window, bits_of(value), cover);
		check += share(lane, bits_of(value));
	}
	put_lane(schema, tier, first + check_lane(schema), tag, window, check & CHECK_MASK, cover);
	return false;
}

/* Whether a lane's cell is not, or no longer, the one of this number as a writer is at work. */
static bool lane_at_work(const struct disk_cell *cell, uint64_t tag, bool finest)
{
	uint64_t tail = load_acquire(&cell->tail), found = load_acquire(&cell->tag);

	if (found == tag)
		return finest ? tail != tag : (tail & TAIL_NUMBER) != (tag & TAIL_NUMBER);
	return !tail || (cell_generation_bits(found) == cell_generation_bits(tag) &&
			 cell_number(found) > cell_number(tag));
}

/*
 * For rondo_store_verify(): 1 and the histogram of a tick or window; 0 if nothing was recorded, or a
 * writer is at work; negative if what is there is no histogram, and stays like that.
 */
int histogram_at(const struct schema *schema, uint32_t t, uint32_t slot, uint64_t generation_bits,
		 uint64_t window, struct rondo_histogram *out)
{
	const struct tier *tier = &schema->tiers[t];
	uint64_t number = window / CELL_TICKS, tag = generation_bits | number;
	uint32_t first = slot * tier->lanes_each, last = check_lane(schema);
	unsigned int k = (unsigned int)(window % CELL_TICKS);
	const struct disk_cell *cell = cell_at(tier, number, first + last);
	struct disk_cell before;
	struct cells cells;

	*out = (struct rondo_histogram){ 0 };
	if (!cell_read(cell, tag, t == 0, &before) || before.v[k] == RONDO_EMPTY ||
	    (t && !cover_get(before.tail, k)))
		return 0;
	for (int tries = 0; tries < 10; tries++)
		if (cells_read(schema, t, slot, generation_bits, number, &cells) &&
		    cells_histogram(schema, t, slot, &cells, k, out))
			return 1;
	for (uint32_t lane = 0; lane < last; lane++)
		if (lane_at_work(cell_at(tier, number, first + lane), tag, t == 0))
			return 0;
	return load_acquire(&cell->tag) == tag && load_acquire(&cell->v[k]) == before.v[k] ? -1 : 0;
}

/* ---- reading ---- */

/* One tier's histograms of windows first <= w < end; false if the output is full. */
static bool read_tier(const struct schema *schema, uint32_t t, uint32_t slot, uint64_t tag,
		      uint64_t first, uint64_t end, struct rondo_histogram *out, size_t cap,
		      size_t *n)
{
	const struct tier *tier = &schema->tiers[t];
	struct ring ring = { tier, tag, slot * tier->lanes_each + check_lane(schema), t == 0 };
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
			    !cells_histogram(schema, t, slot, &cells, k, &one))
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
