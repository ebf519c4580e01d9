/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * lib_model_check.h - that a store says nothing but what its model could have left
 *
 * "Could": of each tick any value that it has held, or none; of a window what follows from any such
 * choice for its ticks, by function.  That is what a power loss may leave.  What must be there is
 * the suites' own affair.
 */
#ifndef LIB_MODEL_CHECK_H
#define LIB_MODEL_CHECK_H

#include "lib_model.h"

#define POINTS 64 /* more than any ring of the model holds */

struct candidate {
	double sum;
	uint32_t known;
};

/* A tick's values, and one more for none, times three; and what was found. */
#define CANDIDATES ((MODEL_VALUES + 1) * (MODEL_VALUES + 1) * (MODEL_VALUES + 1) + 1)

static UNUSED uint32_t tick_of_ns(uint64_t ns, uint32_t ticks)
{
	uint64_t tick = ns / SEC - MODEL_BASE;

	need(ns % SEC == 0 && tick < MODEL_TICKS && tick % ticks == 0,
	     "a point at %" PRIu64 ", which is no time of the model", ns);
	return (uint32_t)tick;
}

static UNUSED bool held_has(const struct held *held, double value)
{
	for (uint32_t i = 0; i < held->n; i++)
		if (held->v[i] == value)
			return true;
	return false;
}

static UNUSED double held_now(const struct held *held)
{
	return held->n ? held->v[held->n - 1] : NAN;
}

#define ck_point(condition, owner, point, what)                                                    \
	need(condition, "%s of key %u, id %016" PRIx64 ", tier %u, tick %d: %.17g, known %u",      \
	     what, (owner)->key, (owner)->id, (point)->tier,                                       \
	     (int)((point)->ts_ns / SEC - MODEL_BASE), (point)->value, (point)->known)

static UNUSED size_t points_of(rondo_store *store, rondo_id id, uint32_t tier,
			       enum rondo_function function, struct rondo_point *points, size_t cap)
{
	const struct rondo_range range = { .size = sizeof(range),
					   .tier = tier,
					   .function = function };
	size_t n = 0;

	need_ok(rondo_read(store, id, &range, points, cap, &n));
	return n;
}

/* ---- what windows may say ---- */

static UNUSED size_t window_candidates(const struct owner *owner, uint32_t window,
				       struct candidate *out)
{
	const struct held *held = &owner->s.tick[window * WINDOW_TICKS];
	const struct found *found = &owner->s.found[0][window];
	size_t n = 1;

	out[0] = (struct candidate){ 0, 0 };
	for (int i = 0; i < WINDOW_TICKS; i++) {
		size_t before = n;

		for (uint32_t j = held[i].n; j-- > 0;)
			for (size_t c = 0; c < before; c++)
				out[n++] = (struct candidate){ out[c].sum + held[i].v[j],
							       out[c].known + 1 };
	}
	if (found->known[0])
		out[n++] = (struct candidate){ found->value[0], found->known[0] };
	return n;
}

/* All of the window's ticks at their last value: nearly always right, and cheap. */
static UNUSED bool sum_is_plain(const struct owner *owner, uint32_t tick, uint32_t ticks,
				const struct rondo_point *point)
{
	struct candidate plain = { 0, 0 };

	for (uint32_t i = tick; i < tick + ticks; i++) {
		if (!owner->s.tick[i].n)
			continue;
		plain.sum += held_now(&owner->s.tick[i]);
		plain.known++;
	}
	return plain.known && plain.sum == point->value && plain.known == point->known;
}

static UNUSED bool sum_possible(const struct owner *owner, uint32_t tick,
				const struct rondo_point *point)
{
	struct candidate a[CANDIDATES], b[CANDIDATES] = { { 0, 0 } };
	uint32_t window = tick / WINDOW_TICKS;
	size_t n = window_candidates(owner, window, a), m = 1;

	if (point->tier == 2) {
		const struct found *found = &owner->s.found[1][tick / COARSE_TICKS];

		m = window_candidates(owner, window + 1, b);
		if (found->known[0] == point->known && found->value[0] == point->value)
			return true;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++)
			if (a[i].sum + b[j].sum == point->value &&
			    a[i].known + b[j].known == point->known)
				return true;
	return false;
}

/* min, max and last are some tick's value, or were found. lane: 1, 2, 3 */
static UNUSED bool lane_possible(const struct owner *owner, uint32_t tick, int lane,
				 const struct rondo_point *point)
{
	uint32_t ticks = point->tier == 1 ? WINDOW_TICKS : COARSE_TICKS;

	if (point->known < 1 || point->known > ticks)
		return false;
	for (uint32_t i = tick; i < tick + ticks; i++)
		if (held_has(&owner->s.tick[i], point->value))
			return true;
	for (uint32_t t = 0; t < point->tier; t++) {
		uint32_t each = t ? COARSE_TICKS : WINDOW_TICKS;

		for (uint32_t w = tick / each; w * each < tick + ticks; w++) {
			const struct found *found = &owner->s.found[t][w];

			if (found->known[lane] && found->value[lane] == point->value)
				return true;
		}
	}
	return false;
}

/* ---- scalars ---- */

static UNUSED const enum rondo_function lane_functions[] = { RONDO_FN_SUM, RONDO_FN_MIN,
							     RONDO_FN_MAX, RONDO_FN_LAST };

static UNUSED void check_window(const struct owner *owner, const struct rondo_point *point,
				int lane)
{
	static const char *const names[] = { "sum", "min", "max", "last" };
	uint32_t ticks = point->tier == 1 ? WINDOW_TICKS : COARSE_TICKS;
	uint32_t tick = tick_of_ns(point->ts_ns, ticks);

	if (lane == 0)
		ck_point(sum_is_plain(owner, tick, ticks, point) ||
				 sum_possible(owner, tick, point),
			 owner, point, "sum");
	else
		ck_point(lane_possible(owner, tick, lane, point), owner, point, names[lane]);
}

/* Totals never go down, and never above what was added by then. */
static UNUSED void check_totals(rondo_store *store, const struct owner *owner, uint32_t tier)
{
	uint32_t ticks = tier == 0 ? 1 : tier == 1 ? WINDOW_TICKS : COARSE_TICKS, tick = 0;
	struct rondo_point points[POINTS];
	size_t n = points_of(store, owner->id, tier, RONDO_FN_TOTAL, points, POINTS);
	double before = 0, most = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t end = tick_of_ns(points[i].ts_ns, ticks) + ticks;

		for (; tick < end; tick++)
			most += owner->s.ever[tick];
		ck_point(points[i].value <= most, owner, &points[i],
			 "total above all that was added");
		ck_point(points[i].value >= before, owner, &points[i], "total going down");
		before = points[i].value;
	}
}

static UNUSED void check_scalar(rondo_store *store, const struct owner *owner)
{
	struct rondo_point points[2 * POINTS];
	bool counter = key_is_counter(owner->key);
	size_t n = points_of(store, owner->id, 0, counter ? RONDO_FN_SUM : RONDO_FN_LAST, points,
			     POINTS);

	for (size_t i = 0; i < n; i++)
		ck_point(held_has(&owner->s.tick[tick_of_ns(points[i].ts_ns, 1)], points[i].value),
			 owner, &points[i], "value");
	for (uint32_t tier = 1; tier < 3; tier++) {
		for (int lane = 0; lane < 4; lane++) {
			n = points_of(store, owner->id, tier, lane_functions[lane], points, POINTS);
			for (size_t i = 0; i < n; i++)
				check_window(owner, &points[i], lane);
		}
	}
	for (uint32_t tier = 0; counter && tier < 3; tier++)
		check_totals(store, owner, tier);
	n = points_of(store, owner->id, RONDO_TIER_AUTO, RONDO_FN_MAX, points, LENGTH(points));
	for (size_t i = 0; i < n; i++) {
		if (points[i].tier == 0)
			ck_point(held_has(&owner->s.tick[tick_of_ns(points[i].ts_ns, 1)],
					  points[i].value),
				 owner, &points[i], "stitched value");
		else
			check_window(owner, &points[i], 2);
	}
}

/* ---- histograms ---- */

static UNUSED bool counts_equal(const struct counts *a, const struct rondo_histogram *b)
{
	return a->bucket[0] == b->buckets[0] && a->bucket[1] == b->buckets[1] &&
	       a->bucket[2] == b->buckets[2] && a->sum == b->sum &&
	       a->bucket[0] + a->bucket[1] + a->bucket[2] == b->count;
}

static UNUSED struct counts counts_add(struct counts a, const struct counts *b)
{
	for (int i = 0; i < 3; i++)
		a.bucket[i] += b->bucket[i];
	a.sum += b->sum;
	return a;
}

/* The j-th of all states that the tick was ever in. */
static UNUSED const struct counts *state_of(const struct held_counts *held, uint32_t j)
{
	return j < held->n ? &held->v[j] : &held->before[j - held->n];
}

/* Whether some choice of states of the ticks i.. of the window, added to `sum`, is the histogram. */
static UNUSED bool window_possible(const struct held_counts *held, int i, struct counts sum,
				   const struct rondo_histogram *h)
{
	if (i == WINDOW_TICKS)
		return counts_equal(&sum, h);
	for (uint32_t j = 0; j < held[i].n + held[i].n_before; j++)
		if (window_possible(held, i + 1, counts_add(sum, state_of(&held[i], j)), h))
			return true;
	return window_possible(held, i + 1, sum, h);
}

/* A tick's histogram is a state of its own, whole; a window's is of such ones, or what was there before. */
static UNUSED bool counts_possible(const struct owner *owner, uint32_t tick,
				   const struct rondo_histogram *h)
{
	const struct held_counts *held = &owner->h.tick[tick];
	const struct counts none = { { 0, 0, 0 }, 0 };

	if (h->tier > 0)
		return window_possible(held, 0, none, h) ||
		       counts_equal(&owner->h.found[tick / WINDOW_TICKS].value, h);
	for (uint32_t j = 0; j < held->n + held->n_before; j++)
		if (counts_equal(state_of(held, j), h))
			return true;
	return false;
}

static UNUSED size_t read_counts(rondo_store *store, rondo_id id, uint32_t tier,
				 struct rondo_histogram *out, size_t cap)
{
	const struct rondo_range range = { .size = sizeof(range), .tier = tier };
	size_t n = 0;

	need_ok(rondo_read_histogram(store, id, &range, out, cap, &n));
	return n;
}

static UNUSED void check_histogram(rondo_store *store, const struct owner *owner)
{
	struct rondo_histogram h[POINTS];

	for (uint32_t tier = 0; tier < 2; tier++) {
		size_t n = read_counts(store, owner->id, tier, h, POINTS);

		for (size_t i = 0; i < n; i++) {
			uint32_t tick = tick_of_ns(h[i].ts_ns, tier ? WINDOW_TICKS : 1);

			need(counts_possible(owner, tick, &h[i]),
			     "histogram of id %016" PRIx64
			     ", tier %u, tick %u: %g %g %g, sum %g, known %u",
			     owner->id, tier, tick, h[i].buckets[0], h[i].buckets[1],
			     h[i].buckets[2], h[i].sum, h[i].known);
		}
	}
}

/* ---- the store ---- */

/* What the directory has: owners' numbers, and whether they are retired. */
struct listing {
	size_t n;
	uint32_t owner[32];
	bool retired[32];
};

static UNUSED uint32_t key_of_name(const char *name)
{
	char want[8];

	for (uint32_t key = 0; key < MODEL_KEYS; key++) {
		key_name(key, want);
		if (!strcmp(name, want))
			return key;
	}
	ck_abort_msg("a series named %s, which was never registered", name);
	return 0;
}

/*
 * A series whose registration was in flight is not known yet: it becomes an owner, as if the call
 * had returned.
 */
static UNUSED void list_series(struct model *model, rondo_store *store, struct listing *list)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_iter *iter = NULL;

	list->n = 0;
	need_ok(rondo_iter_begin(store, NULL, &iter, NULL, 0));
	while (rondo_iter_next(iter, &info) == 1) {
		struct owner *owner = owner_of_id(model, info.id);
		uint32_t key = key_of_name(info.key);

		if (!owner && model->flight.call == CALL_REGISTER && model->flight.key == key) {
			owner_add(model, key, info.id, UINT32_MAX);
			owner = owner_of_id(model, info.id);
		}
		need(owner != NULL, "id %016" PRIx64 " (%s) was never issued", info.id, info.key);
		need(owner->key == key, "id %016" PRIx64 " is of key %u, not %u", info.id,
		     owner->key, key);
		need(list->n < LENGTH(list->owner), "too many series");
		list->retired[list->n] = info.retired;
		list->owner[list->n++] = (uint32_t)(owner - model->owner);
	}
	rondo_iter_end(iter);
}

/* Everything that the store says is something that the model could have left. */
static UNUSED void check_store(struct model *model, rondo_store *store, struct listing *list)
{
	list_series(model, store, list);
	for (size_t i = 0; i < list->n; i++) {
		const struct owner *owner = &model->owner[list->owner[i]];

		if (key_is_histogram(owner->key))
			check_histogram(store, owner);
		else
			check_scalar(store, owner);
	}
}

#endif /* LIB_MODEL_CHECK_H */
