// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Consolidation against a model that knows every sample: random schemas, series with gaps, and
 * instants of consolidation. What is stored must equal the model's functions over the ticks that
 * were known, window by window, exactly: values are small integers, so no sum is ever rounded.
 *
 * The same input is run through stores that are consolidated at every tick, seldom, with small
 * budgets, and with a reopening before each time: all must equal the model.
 */
#include <stdbool.h>

#include "lib_common.h"

enum { TICKS_MAX = 4096, SERIES_MAX = 3, TIERS = 4 };

enum how { EVERY_TICK, SELDOM, SMALL_BUDGETS, REOPENED, HOW_NR };

struct sim_series {
	enum rondo_kind kind;
	char name[16];
	bool known[TICKS_MAX];
	double value[TICKS_MAX];
	double total[TICKS_MAX + 1]; /* of all before; made by check_all() */
};

struct sim {
	struct rondo_tier tiers[TIERS];
	struct rondo_schema schema;
	uint64_t base; /* a multiple of the coarsest interval */
	uint64_t tick; /* the finest interval */
	uint64_t ticks;
	uint64_t max_gap; /* of consolidations, ns, so that no ring has let go of anything */
	uint64_t closed;  /* ns: what the last consolidation was told, less the grace */
	uint32_t n_series;
	struct sim_series series[SERIES_MAX];
};

/* ---- random cases ---- */

static uint32_t random_functions(bool counters)
{
	uint32_t all = RONDO_FNS_AVG | RONDO_FNS_MIN | RONDO_FNS_MAX | RONDO_FNS_LAST |
		       RONDO_FNS_SUM | RONDO_FNS_COUNT;
	uint32_t functions = (uint32_t)random_u64() & all;

	if (counters || !functions)
		functions |= RONDO_FNS_SUM;
	return functions;
}

static void make_tiers(struct sim *sim)
{
	uint32_t n = 2 + (uint32_t)random_below(TIERS - 1);
	uint64_t interval = sim->tick, grace = sim->schema.grace_ns;
	uint32_t with_total = (uint32_t)random_below(n); /* tiers 1 to this have it */

	for (uint32_t t = 0; t < n; t++) {
		sim->tiers[t].interval_ns = interval;
		sim->tiers[t].functions = random_functions(true);
		if (t && t <= with_total)
			sim->tiers[t].functions |= RONDO_FNS_TOTAL;
		interval *= 2 + random_below(t ? 4 : 9);
	}
	sim->max_gap = UINT64_MAX;
	for (uint32_t t = 0; t < n; t++) {
		struct rondo_tier *tier = &sim->tiers[t];
		uint64_t coarser = t + 1 < n ? tier[1].interval_ns : 0;
		uint64_t least = coarser ? 2 * coarser + grace : tier->interval_ns;
		uint64_t slots = (least + tier->interval_ns - 1) / tier->interval_ns;
		uint64_t gap;

		slots += random_below(3) ? random_below(20) : 0;
		tier->retention_ns = slots * tier->interval_ns;
		gap = tier->retention_ns - coarser - grace;
		if (coarser && gap < sim->max_gap)
			sim->max_gap = gap;
	}
	sim->schema.tiers = sim->tiers;
	sim->schema.n_tiers = n;
	sim->base = T0 / interval * interval;
}

static void make_sim(struct sim *sim)
{
	static const uint64_t intervals[] = { MS, 7 * MS, 250 * MS, SEC };

	memset(sim, 0, sizeof(*sim));
	sim->tick = intervals[random_below(LENGTH(intervals))];
	sim->schema = (struct rondo_schema){ .size = sizeof(sim->schema),
					     .name = "sim",
					     .max_series = SERIES_MAX,
					     .max_ahead_ns = 1000 * SEC,
					     .grace_ns = (6 + random_below(7)) * sim->tick,
					     .xff = RONDO_XFF_NONE };
	if (random_below(2))
		sim->schema.xff = 0.25 * (1 + (double)random_below(3));
	make_tiers(sim);
	sim->ticks = 200 + random_below(random_below(8) ? 400 : TICKS_MAX - 200);
	sim->n_series = 1 + (uint32_t)random_below(SERIES_MAX);
	for (uint32_t i = 0; i < sim->n_series; i++) {
		snprintf(sim->series[i].name, sizeof(sim->series[i].name), "s%u", i);
		sim->series[i].kind = random_below(2) ? RONDO_GAUGE : RONDO_COUNTER;
	}
}

/* ---- the model ---- */

/* The function's value over ticks first <= i < end; known: how many there were. */
static double model_value(const struct sim_series *s, enum rondo_function function, uint64_t first,
			  uint64_t end, uint32_t *known)
{
	double sum = 0, min = 0, max = 0, last = 0;

	*known = 0;
	for (uint64_t i = first; i < end && i < TICKS_MAX; i++) {
		double v = s->value[i];

		if (!s->known[i])
			continue;
		min = !*known || v < min ? v : min;
		max = !*known || v > max ? v : max;
		sum += v;
		last = v;
		++*known;
	}
	switch (function) {
	case RONDO_FN_AVG:
		return sum / *known;
	case RONDO_FN_MIN:
		return min;
	case RONDO_FN_MAX:
		return max;
	case RONDO_FN_LAST:
		return last;
	case RONDO_FN_COUNT:
		return *known;
	case RONDO_FN_TOTAL:
		return s->total[end < TICKS_MAX ? end : TICKS_MAX];
	default:
		return sum;
	}
}

static bool model_hidden(const struct sim *sim, const struct sim_series *s,
			 enum rondo_function function, uint64_t ticks, uint32_t known)
{
	double xff = sim->schema.xff == RONDO_XFF_NONE ? 0 : sim->schema.xff;

	if (function == RONDO_FN_COUNT || function == RONDO_FN_TOTAL ||
	    (s->kind == RONDO_COUNTER && (function == RONDO_FN_SUM || function == RONDO_FN_MAX)))
		return false;
	return (double)(ticks - known) > xff * (double)ticks;
}

/* ---- checking ---- */

/* All points of one series, tier and function: none wrong, none missing within the retention. */
static void check_function(const struct sim *sim, rondo_store *store, rondo_id id, uint32_t t,
			   const struct sim_series *s, enum rondo_function function)
{
	static struct rondo_point points[TICKS_MAX * 2];
	uint64_t ticks = sim->tiers[t].interval_ns / sim->tick, at = 0;
	uint64_t keeps = sim->tiers[t].retention_ns / sim->tiers[t].interval_ns, newest = 0;
	size_t n = read_points(store, id, t, function, 0, 0, points, LENGTH(points)), i = 0;
	uint64_t ratio = sim->tiers[1].interval_ns / sim->tick;
	uint64_t windows = t ? (sim->closed - sim->base) / (ticks * sim->tick) : sim->ticks;

	for (uint64_t w = 0; w < windows; w++)
		for (uint64_t k = w * ticks; k < (w + 1) * ticks && k < TICKS_MAX; k++)
			newest = s->known[k] ? w : newest;
	for (uint64_t w = 0; w < windows; w++) {
		uint32_t known;
		double want = model_value(s, function, w * ticks, (w + 1) * ticks, &known);

		at = sim->base + w * ticks * sim->tick;
		if (!known || (t && model_hidden(sim, s, function, ticks, known)))
			continue;
		if (i == n || points[i].ts_ns > at) {
			/* totals of ticks begin with a whole window */
			uint64_t from = !t && function == RONDO_FN_TOTAL ? w - w % ratio : w;

			expect(from + keeps <= newest,
			       "tier %u function %d: window %d of %d (newest %d, keeps %d) is gone",
			       t, function, (int)w, (int)windows, (int)newest, (int)keeps);
			continue;
		}
		expect(points[i].ts_ns == at, "tier %u: a point between the windows", t);
		expect(points[i].value == want && points[i].known == known,
		       "tier %u function %d kind %d window %d: %g of %u, want %g of %u", t,
		       function, s->kind, (int)w, points[i].value, points[i].known, want, known);
		expect(points[i].tier == t, "a point of tier %u, not %u", points[i].tier, t);
		i++;
	}
	expect(i == n, "tier %u function %d: %d points too many", t, function, (int)(n - i));
}

/* All known ticks are told that lie within the coarsest tier's retention, back from the newest. */
static void check_nothing_is_missing(const struct sim *sim, const struct sim_series *s,
				     const struct rondo_point *points, size_t n)
{
	const struct rondo_tier *coarsest = &sim->tiers[sim->schema.n_tiers - 1];
	uint64_t ticks = coarsest->interval_ns / sim->tick, newest = sim->ticks, from;
	uint64_t keeps = coarsest->retention_ns / coarsest->interval_ns;
	double told = 0, known = 0;

	while (newest && !s->known[newest - 1])
		newest--;
	from = newest / ticks + 1 > keeps ? (newest / ticks + 1 - keeps) * ticks : 0;
	for (size_t i = 0; i < n; i++)
		if (points[i].ts_ns >= sim->base + from * sim->tick)
			told += points[i].value;
	for (uint64_t i = from; i < newest; i++)
		known += s->known[i];
	expect(told == known, "auto: %g of %g known ticks from %d to %d are told", told, known,
	       (int)from, (int)newest);
}

/* Stitched from all tiers: in order, nothing twice, every point the model's. */
static void check_auto(const struct sim *sim, rondo_store *store, rondo_id id,
		       const struct sim_series *s, enum rondo_function function)
{
	static struct rondo_point points[TICKS_MAX * 2];
	size_t n = read_points(store, id, RONDO_TIER_AUTO, function, 0, 0, points, LENGTH(points));
	uint64_t next = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t length = sim->tiers[points[i].tier].interval_ns;
		uint64_t first = (points[i].ts_ns - sim->base) / sim->tick;
		uint32_t known;
		double want = model_value(s, function, first, first + length / sim->tick, &known);

		expect(points[i].ts_ns >= next, "auto: point %d overlaps the one before", (int)i);
		expect(points[i].ts_ns % length == 0, "auto: no border of tier %u", points[i].tier);
		expect(points[i].value == want, "auto function %d point %d of tier %u: %g, want %g",
		       function, (int)i, points[i].tier, points[i].value, want);
		next = points[i].ts_ns + length;
	}
	if (function == RONDO_FN_COUNT) /* never hidden */
		check_nothing_is_missing(sim, s, points, n);
}

static void check_all(struct sim *sim, rondo_store *store)
{
	struct rondo_schema schema = { .size = sizeof(schema) };

	ck_ok(rondo_store_schema(store, 0, &schema));
	for (uint32_t i = 0; i < sim->n_series; i++) {
		struct sim_series *s = &sim->series[i];
		rondo_id id = id_of_name(store, s->name);

		for (uint64_t k = 0; k < TICKS_MAX; k++)
			s->total[k + 1] = s->total[k] + (s->known[k] ? s->value[k] : 0);
		for (int f = RONDO_FN_AVG; f <= RONDO_FN_TOTAL; f++) {
			if (f == RONDO_FN_TOTAL && s->kind == RONDO_GAUGE)
				continue;
			for (uint32_t t = 0; t < schema.n_tiers; t++)
				if (schema.tiers[t].functions & RONDO_FN(f))
					check_function(sim, store, id, t, s,
						       (enum rondo_function)f);
			if (schema.tiers[0].functions & RONDO_FN(f))
				check_auto(sim, store, id, s, (enum rondo_function)f);
		}
	}
}

/* ---- running ---- */

static void record_some(struct sim *sim, rondo_series **handles, uint64_t now_tick)
{
	for (uint32_t i = 0; i < sim->n_series; i++) {
		struct sim_series *s = &sim->series[i];
		uint64_t late = random_below(4) ? 0 : random_below(8), at;
		double v = (double)random_below(1000) - (s->kind == RONDO_GAUGE ? 500 : 0);

		/* gaps of some ticks now and then, and long ones */
		if ((now_tick >> 3) % (3 + i) == 1 || (now_tick >> 7) % 4 == 3 || !random_below(3))
			continue;
		at = late < now_tick ? now_tick - late : 0;
		/* a model of what is in time: its window isn't closed */
		if (sim->base + at * sim->tick < sim->closed)
			continue;
		if (s->kind == RONDO_GAUGE) {
			ck_ok(rondo_record(handles[i], sim->base + at * sim->tick, v));
			s->value[at] = v;
		} else {
			ck_ok(rondo_add(handles[i],
					sim->base + at * sim->tick + random_below(sim->tick), v));
			s->value[at] += v;
		}
		s->known[at] = true;
	}
}

static rondo_store *open_sim(const struct sim *sim, const char *path, rondo_series **handles)
{
	rondo_store *store = create(path, &sim->schema, 1);

	for (uint32_t i = 0; i < sim->n_series; i++)
		ck_ok(register_one(store, sim->series[i].name, NULL, NULL, sim->series[i].kind,
				   &handles[i]));
	return store;
}

static rondo_store *consolidate_sim(struct sim *sim, rondo_store *store, const char *path,
				    rondo_series **handles, enum how how, uint64_t now)
{
	int err;

	if (how == REOPENED) {
		ck_ok(rondo_store_close(store));
		store = open_sim(sim, path, handles);
	}
	do {
		err = rondo_consolidate(store, now, how == SMALL_BUDGETS ? 1 + random_below(5) : 0);
	} while (err == RONDO_MORE && how == SMALL_BUDGETS);
	ck_ok(err);
	sim->closed = now - sim->schema.grace_ns;
	return store;
}

static void run(struct sim *sim, enum how how)
{
	static const char *const names[HOW_NR] = { "every", "seldom", "budgets", "reopened" };
	const char *path = in_scratch(names[how]);
	uint64_t last = sim->base, now = sim->base;
	rondo_series *handles[SERIES_MAX];
	rondo_store *store;

	sim->closed = sim->base;
	store = open_sim(sim, path, handles);
	for (uint64_t i = 0; i < sim->ticks; i++) {
		now = sim->base + i * sim->tick;
		record_some(sim, handles, i);
		if (now - last + sim->tick > sim->max_gap ||
		    (how == EVERY_TICK ? 1 : !random_below(how == SELDOM ? 200 : 40))) {
			if (now < sim->base + sim->schema.grace_ns)
				continue;
			store = consolidate_sim(sim, store, path, handles, how, now);
			last = now;
		}
		if (!random_below(1000))
			check_all(sim, store);
	}
	check_all(sim, store);
	/* and after an end: what is left is closed */
	now += sim->schema.grace_ns + sim->tiers[sim->schema.n_tiers - 1].interval_ns;
	if (now - last <= sim->max_gap) {
		store = consolidate_sim(sim, store, path, handles, how, now);
		check_all(sim, store);
	}
	ck_ok(rondo_store_close(store));
	remove_tree(path);
}

static void run_cases(int n, enum how how)
{
	static struct sim sim;

	random_state += (uint64_t)how * 1000003;
	for (int i = 0; i < n; i++) {
		make_sim(&sim);
		run(&sim, how);
	}
}

START_TEST(core_consolidated_at_every_tick)
{
	run_cases(100, EVERY_TICK);
}
END_TEST

START_TEST(core_consolidated_seldom)
{
	run_cases(250, SELDOM);
}
END_TEST

START_TEST(core_consolidated_with_small_budgets)
{
	run_cases(150, SMALL_BUDGETS);
}
END_TEST

START_TEST(core_consolidated_after_reopening)
{
	run_cases(150, REOPENED);
}
END_TEST

/* ---- too late ---- */

/* The finest ring as it must be: which tick is known, and which cells a later lap has taken. */
struct lap {
	double value[TICKS_MAX];
	bool known[TICKS_MAX];
	uint64_t cell[64]; /* 1 + the number of the cell in each place */
	uint64_t rows;
};

static bool lap_holds(const struct lap *lap, uint64_t tick)
{
	return lap->known[tick] && lap->cell[tick / 6 % lap->rows] == 1 + tick / 6;
}

static void lap_record(struct lap *lap, uint64_t tick, double value)
{
	lap->value[tick] = value;
	lap->known[tick] = true;
	lap->cell[tick / 6 % lap->rows] = 1 + tick / 6;
}

/* Windows of 10 ticks that ended 6 ticks ago and are not closed yet get what the ring holds of them. */
static void lap_close(const struct lap *lap, uint64_t now, double *sums, double *counts)
{
	for (uint64_t w = 0; (w + 1) * 10 + 6 <= now; w++) {
		bool stored = counts[w] > 0;

		for (uint64_t t = w * 10; t < w * 10 + 10 && !stored; t++) {
			if (!lap_holds(lap, t))
				continue;
			sums[w] += lap->value[t];
			counts[w]++;
		}
	}
}

/*
 * Consolidated when the finest tier has let go of some of it: a window that is closed late holds what
 * was left, and says how many ticks that were; one that is closed stays as it is.
 */
START_TEST(limits_consolidated_too_late)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = SEC, .retention_ns = 26 * SEC },
		{ .interval_ns = 10 * SEC,
		  .retention_ns = 10 * TICKS_MAX * SEC,
		  .functions = ALL_FUNCTIONS },
	};
	struct rondo_schema schema = schema_of_tiers("late", tiers, 2, 1);
	const char *path = in_scratch("late");
	static struct lap lap;

	schema.max_ahead_ns = 1000 * SEC;
	for (int round = 0; round < 60; round++) {
		static double sums[TICKS_MAX / 10], counts[TICKS_MAX / 10];
		rondo_store *store = create(path, &schema, 1);
		rondo_series *c = counter(store, "c");
		uint64_t base = T0 / (60 * SEC) * (60 * SEC), gap = 1 + random_below(60);

		memset(&lap, 0, sizeof(lap));
		memset(sums, 0, sizeof(sums));
		memset(counts, 0, sizeof(counts));
		lap.rows = 7;
		consolidate(store, base);
		for (uint64_t i = 0; i < 1500; i++) {
			if (!random_below(200))
				i += random_below(100);
			if (random_below(5)) {
				ck_ok(rondo_add(c, base + i * SEC, (double)(i + 1)));
				lap_record(&lap, i, (double)(i + 1));
			}
			if (random_below(gap))
				continue;
			if (!random_below(4)) {
				ck_ok(rondo_store_close(store));
				store = create(path, &schema, 1);
				c = counter(store, "c");
			}
			consolidate(store, base + i * SEC);
			lap_close(&lap, i, sums, counts);
		}
		for (uint64_t w = 0; w < LENGTH(sums); w++) {
			rondo_id id = id_of_name(store, "c");

			if (!counts[w]) {
				ck_absent(store, id, 1, RONDO_FN_COUNT, base + w * 10 * SEC);
				continue;
			}
			ck_value(store, id, 1, RONDO_FN_COUNT, base + w * 10 * SEC, counts[w]);
			ck_value(store, id, 1, RONDO_FN_SUM, base + w * 10 * SEC, sums[w]);
		}
		ck_ok(rondo_store_close(store));
		remove_tree(path);
	}
}
END_TEST

/*
 * All that the finest ring holds at opening lies after a window of the third tier that is not due yet;
 * what the second tier holds of it belongs there all the same.
 */
START_TEST(limits_reopened_within_a_window_that_the_finest_ring_has_left)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = SEC, .retention_ns = 12 * SEC },
		{ .interval_ns = 2 * SEC, .retention_ns = 240 * SEC, .functions = ALL_FUNCTIONS },
		{ .interval_ns = 60 * SEC, .retention_ns = 600 * SEC, .functions = ALL_FUNCTIONS },
	};
	struct rondo_schema schema = schema_of_tiers("sparse", tiers, 3, 1);
	uint64_t base = T0 / (60 * SEC) * (60 * SEC);
	rondo_store *store;
	rondo_series *c;
	rondo_id id;

	schema.xff = 0.99;
	store = create(in_scratch("sparse"), &schema, 1);
	c = counter(store, "c");
	consolidate(store, base + 48 * SEC);
	ck_ok(rondo_add(c, base + 48 * SEC, 5));
	consolidate(store, base + 65 * SEC);
	ck_ok(rondo_add(c, base + 66 * SEC, 7)); /* three cells later: in the same place */
	ck_ok(rondo_store_close(store));

	store = reopen(in_scratch("sparse"), 0);
	for (uint64_t t = 65; t < 140; t++)
		consolidate(store, base + t * SEC);
	id = id_of_name(store, "c");
	ck_absent(store, id, 0, RONDO_FN_SUM, base + 48 * SEC);
	ck_value(store, id, 1, RONDO_FN_SUM, base + 48 * SEC, 5);
	ck_value(store, id, 2, RONDO_FN_SUM, base, 5);
	ck_value(store, id, 2, RONDO_FN_TOTAL, base, 5);
	ck_value(store, id, 2, RONDO_FN_SUM, base + 60 * SEC, 7);
	ck_value(store, id, 2, RONDO_FN_TOTAL, base + 60 * SEC, 12);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* A budget that the first schema uses up: the second one's series may still be recorded. */
START_TEST(errors_small_budget_left_the_second_schema_behind)
{
	struct rondo_schema schemas[] = { schema_of_tiers("first", tiers_small, 2, 10),
					  schema_of_tiers("second", tiers_small, 2, 10) };
	uint64_t later = T0 + 3600 * SEC;
	rondo_store *store;
	char name[16];

	schemas[0].selector = "{__name__=~\"a.*\"}";
	store = create(in_scratch("budget"), schemas, 2);
	consolidate(store, T0);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		ck_ok(rondo_record(gauge(store, name), T0, 1));
	}
	ck_err(rondo_consolidate(store, later, 3), RONDO_MORE);
	ck_ok(rondo_record(gauge(store, "b"), later, 1));
	while (rondo_consolidate(store, later, 3) == RONDO_MORE)
		;
	ck_value(store, id_of_name(store, "a9"), 1, RONDO_FN_COUNT, T0, 1);
	ck_ok(rondo_store_close(store));
}
END_TEST

START_TEST(errors_of_arguments)
{
	const struct rondo_schema schema = schema_small(1);
	rondo_store *store = create(in_scratch("arguments"), &schema, 1);

	ck_err(rondo_consolidate(NULL, T0, 0), RONDO_E_INVALID);
	ck_err(rondo_consolidate(store, 0, 0), RONDO_E_INVALID);
	/* times at both ends of what there is */
	ck_ok(rondo_consolidate(store, 1, 0));
	ck_ok(rondo_consolidate(store, UINT64_MAX / 2, 0));
	ck_ok(rondo_consolidate(store, T0, 0));
	ck_ok(rondo_record(gauge(store, "g"), T0, 1));
	consolidate(store, T0 + 60 * SEC);
	ck_value(store, id_of_name(store, "g"), 1, RONDO_FN_COUNT, T0, 1);
	ck_ok(rondo_store_close(store));
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_consolidated_at_every_tick, 'C' },
		{ core_consolidated_seldom, 'C' },
		{ core_consolidated_with_small_budgets, 'C' },
		{ core_consolidated_after_reopening, 'C' },
		{ limits_consolidated_too_late, 'L' },
		{ limits_reopened_within_a_window_that_the_finest_ring_has_left, 'L' },
		{ errors_small_budget_left_the_second_schema_behind, 'E' },
		{ errors_of_arguments, 'E' },
	};

	return run_suite("lib_consolidate", tests, LENGTH(tests));
}
