/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * lib_model.h - what a store must hold, as a test remembers it, and random calls that change both
 *
 * For the suites that interrupt a store at any instant: by the power (lib_power.c), by a kill
 * (lib_kill.c).  The model is plain memory without pointers, so that it can be shared with the
 * process that gets killed.  lib_model_check.h compares the two.
 *
 * A slot of the directory has owners, one after the other: an owner is one registration of a key.
 * Of each owner the model keeps what every finest tick has held, in order.  Values are random and
 * so large that one taken for another is noticed, and integers, so that sums are exact.
 */
#ifndef LIB_MODEL_H
#define LIB_MODEL_H

#include <math.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "lib_common.h"

/* Time is counted in finest ticks since an instant at which the cells of all tiers begin. */
#define MODEL_BASE   (UINT64_C(1700000000) / 108 * 108)
#define MODEL_TICKS  648
#define MODEL_OWNERS 200
#define MODEL_VALUES 4 /* that a tick goes through at most */
#define MODEL_GRACE  6
#define MODEL_KEYS   14
#define KEYS_SCALAR  10 /* 5 gauges, 5 counters; the rest histograms */

/* As ck_assert_msg(), but without a write to Check's log for each one that holds. */
#define need(condition, ...)                                                                       \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

#define need_ok(call)                                                                              \
	do {                                                                                       \
		int got_ = (call);                                                                 \
		need(got_ == RONDO_OK, "%s: %s", #call, rondo_strerror(got_));                     \
	} while (0)

enum { WINDOW_TICKS = 3, COARSE_TICKS = 6 }; /* of tier 1 and 2 */

static const struct rondo_tier model_tiers[] = {
	{ .interval_ns = SEC, .retention_ns = 12 * SEC },
	{ .interval_ns = 3 * SEC, .retention_ns = 18 * SEC, .functions = ALL_FUNCTIONS },
	{ .interval_ns = 6 * SEC, .retention_ns = 36 * SEC, .functions = ALL_FUNCTIONS },
};
static const double model_bounds[] = { 10, 20 };

struct counts {
	double bucket[3], sum;
};

/* What a tick has held: n values, one after the other; the last one is there now. */
struct held {
	uint32_t n;
	double v[MODEL_VALUES];
};

/* And what it held before the power was lost: lanes of that time may come back, whole, at the next loss. */
struct held_counts {
	uint32_t n, n_before;
	struct counts v[MODEL_VALUES], before[4 * MODEL_VALUES];
};

/* What was found in a window after a crash: by lane sum, min, max, last; known 0: nothing. */
struct found {
	double value[4];
	uint32_t known[4];
};

struct found_counts {
	struct counts value;
	uint32_t known;
};

struct owner {
	rondo_id id;
	uint32_t key;
	uint32_t issued; /* when its registration began, in the suite's own count */
	bool gone;       /* another has its slot */
	bool retired;
	bool touched[MODEL_TICKS /
		     6]; /* finest cells that a call that was killed may have entered */
	union {
		struct {
			struct held tick[MODEL_TICKS];
			struct found found[2][MODEL_TICKS / WINDOW_TICKS];
			double ever[MODEL_TICKS]; /* what a counter was told, in all lives */
		} s;
		struct {
			struct held_counts tick[MODEL_TICKS];
			struct found_counts found[MODEL_TICKS / WINDOW_TICKS];
		} h;
	};
};

enum call { CALL_NONE, CALL_RECORD, CALL_REGISTER, CALL_RETIRE, CALL_CONSOLIDATE, CALL_OTHER };

/* What a suite wants to be told of. */
typedef void call_hook(enum call call);

struct model {
	uint32_t now;           /* tick */
	uint32_t consolidated;  /* the last now that consolidate() was told and returned 0 for */
	uint32_t consolidating; /* the last that it was told at all */
	uint32_t n_owners;
	int current[MODEL_KEYS]; /* owner; -1: none */
	struct {
		enum call call;           /* that has not returned */
		uint32_t key, tick, held; /* of a recording: how many values the tick held */
		double value;
	} flight;
	struct owner owner[MODEL_OWNERS];
};

/* A model and the store beside it; the handles are this process's. */
struct world {
	struct model *model;
	rondo_store *store;
	rondo_series *handle[MODEL_KEYS];
	uint32_t clock; /* the suite's count, see owner.issued */
	call_hook *on_call;
	bool timely; /* never lets the finest ring run over before it is consolidated */
};

static UNUSED uint64_t model_ns(uint32_t tick)
{
	return (MODEL_BASE + tick) * SEC;
}

static UNUSED bool key_is_histogram(uint32_t key)
{
	return key >= KEYS_SCALAR;
}

static UNUSED bool key_is_counter(uint32_t key)
{
	return key >= KEYS_SCALAR / 2 && key < KEYS_SCALAR;
}

static UNUSED void key_name(uint32_t key, char name[8])
{
	snprintf(name, 8, "%c%u",
		 key_is_histogram(key) ? 'h'
		 : key_is_counter(key) ? 'c'
				       : 'g',
		 key % 1000); /* what the compiler can see to fit */
}

static UNUSED struct model *model_new(void)
{
	struct model *model = mmap(NULL, sizeof(*model), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert(model != MAP_FAILED);
	return model;
}

static UNUSED void model_reset(struct model *model)
{
	model->now = 20;
	model->consolidated = model->consolidating = 0;
	model->n_owners = 0;
	for (int key = 0; key < MODEL_KEYS; key++)
		model->current[key] = -1;
	model->flight.call = CALL_NONE;
}

/* Fewer slots than keys, so that retired ones are reclaimed. */
static UNUSED int model_open(const char *path, uint32_t slots, uint32_t entry_size, uint32_t flags,
			     rondo_store **store)
{
	struct rondo_schema schemas[] = { schema_of_tiers("h", model_tiers, 2, 2),
					  schema_of_tiers("s", model_tiers, 3, slots) };
	const struct rondo_open_opts opts = { .size = sizeof(opts),
					      .flags = flags,
					      .entry_size = entry_size,
					      .schemas = schemas,
					      .n_schemas = 2,
					      .detail = detail,
					      .detail_size = sizeof(detail) };

	schemas[0].bounds = model_bounds;
	schemas[0].n_bounds = LENGTH(model_bounds);
	for (int i = 0; i < 2; i++) {
		schemas[i].on_full = RONDO_ON_FULL_RECLAIM;
		schemas[i].reclaim_delay_ns = SEC;
		schemas[i].xff = 0.99;
	}
	return rondo_store_open(path, &opts, store);
}

/* ---- owners ---- */

static UNUSED struct owner *owner_of_id(struct model *model, rondo_id id)
{
	for (uint32_t i = 0; i < model->n_owners; i++)
		if (model->owner[i].id == id)
			return &model->owner[i];
	return NULL;
}

/* Schema and slot, without the generation. */
static UNUSED uint64_t slot_of_id(rondo_id id)
{
	return id & ~(UINT64_C(0x3fffff) << 32);
}

/* A registration that returned, or that was found after a crash. */
static UNUSED void owner_add(struct model *model, uint32_t key, rondo_id id, uint32_t issued)
{
	struct owner *owner = &model->owner[model->n_owners];

	need(!owner_of_id(model, id), "id %016" PRIx64 " was issued twice", id);
	need(model->n_owners < MODEL_OWNERS, "too many owners");
	for (uint32_t i = 0; i < model->n_owners; i++) {
		struct owner *other = &model->owner[i];

		if (slot_of_id(other->id) != slot_of_id(id) || other->gone)
			continue;
		need(other->retired, "the slot of a live series was reclaimed");
		other->gone = true;
		if (model->current[other->key] == (int)i)
			model->current[other->key] = -1;
	}
	memset(owner, 0, sizeof(*owner));
	owner->id = id;
	owner->key = key;
	owner->issued = issued;
	model->current[key] = (int)model->n_owners;
	__atomic_store_n(&model->n_owners, model->n_owners + 1, __ATOMIC_RELEASE);
}

static UNUSED struct owner *owner_current(struct model *model, uint32_t key)
{
	return model->current[key] < 0 ? NULL : &model->owner[model->current[key]];
}

static UNUSED void held_push(struct owner *owner, uint32_t tick, double value)
{
	struct held *held = &owner->s.tick[tick];

	if (key_is_counter(owner->key)) {
		owner->s.ever[tick] += value;
		value += held->n ? held->v[held->n - 1] : 0;
	}
	held->v[held->n++] = value;
}

/* What a histogram is told by a call: one value, or, for every third, counts of several buckets. */
static UNUSED bool counts_of_call(double value, uint64_t counts[3], double *sum)
{
	bool several = (uint64_t)value % 3 == 0;

	counts[0] = several ? 2 : value <= 10;
	counts[1] = several ? 3 : value > 10 && value <= 20;
	counts[2] = several ? 5 : value > 20;
	*sum = several ? value * 101 : value;
	return several;
}

static UNUSED void counts_push(struct owner *owner, uint32_t tick, double value)
{
	struct held_counts *held = &owner->h.tick[tick];
	struct counts next = { { 0, 0, 0 }, 0 };
	uint64_t counts[3];
	double sum;

	if (held->n)
		next = held->v[held->n - 1];
	counts_of_call(value, counts, &sum);
	for (int b = 0; b < 3; b++)
		next.bucket[b] += (double)counts[b];
	next.sum += sum;
	held->v[held->n++] = next;
}

/* How many values the tick can still take. */
static UNUSED uint32_t held_room(const struct owner *owner, uint32_t tick)
{
	return MODEL_VALUES -
	       (key_is_histogram(owner->key) ? owner->h.tick[tick].n : owner->s.tick[tick].n);
}

static UNUSED void owner_push(struct owner *owner, uint32_t tick, double value)
{
	if (key_is_histogram(owner->key))
		counts_push(owner, tick, value);
	else
		held_push(owner, tick, value);
}

/* ---- calls ---- */

static UNUSED void flight_begin(struct world *w, enum call call, uint32_t key, uint32_t tick,
				double value)
{
	w->model->flight.key = key;
	w->model->flight.tick = tick;
	w->model->flight.value = value;
	__atomic_store_n(&w->model->flight.call, call, __ATOMIC_RELEASE);
	if (w->on_call)
		w->on_call(call);
}

static UNUSED void flight_end(struct world *w)
{
	__atomic_store_n(&w->model->flight.call, CALL_NONE, __ATOMIC_RELEASE);
}

static UNUSED double random_value(uint32_t key)
{
	if (key_is_histogram(key))
		return (double)random_below(30);
	if (key_is_counter(key) && random_below(16) == 0)
		return 0;
	return (double)(random_below(UINT64_C(1) << 40) + 1);
}

static UNUSED int record_to(rondo_series *series, uint32_t key, uint64_t ts, double value)
{
	uint64_t counts[3];
	double sum;

	if (key_is_histogram(key))
		return counts_of_call(value, counts, &sum)
			       ? rondo_observe_counts(series, ts, counts, sum)
			       : rondo_observe(series, ts, value);
	if (key_is_counter(key))
		return rondo_add(series, ts, value);
	return rondo_record(series, ts, value);
}

static UNUSED void do_record(struct world *w, uint32_t key)
{
	struct owner *owner = owner_current(w->model, key);
	uint32_t tick = w->model->now;
	double value = random_value(key);
	int err;

	if (!w->handle[key])
		return;
	if (random_below(4) == 0)
		tick = tick + 3 - (uint32_t)random_below(12);
	if (tick >= MODEL_TICKS || !held_room(owner, tick))
		return;
	w->model->flight.held = MODEL_VALUES - held_room(owner, tick);
	flight_begin(w, CALL_RECORD, key, tick, value);
	err = record_to(w->handle[key], key, model_ns(tick) + random_below(SEC), value);
	need(!err || err == RONDO_E_TOO_OLD, "record: %s", rondo_strerror(err));
	need(err || (tick / WINDOW_TICKS + 1) * WINDOW_TICKS + MODEL_GRACE > w->model->consolidated,
	     "a sample of tick %u was taken, at %u", tick, w->model->consolidated);
	if (!err)
		owner_push(owner, tick, value);
	flight_end(w);
}

static UNUSED void do_batch(struct world *w)
{
	rondo_series *series[KEYS_SCALAR];
	double values[KEYS_SCALAR];
	uint32_t keys[KEYS_SCALAR], n = 0, tick = w->model->now;

	for (uint32_t key = 0; key < KEYS_SCALAR; key++) {
		if (!w->handle[key] || !held_room(owner_current(w->model, key), tick))
			continue;
		keys[n] = key;
		values[n] = random_value(key);
		series[n++] = w->handle[key];
	}
	need_ok(rondo_record_batch(series, values, n, model_ns(tick), NULL));
	for (uint32_t i = 0; i < n; i++)
		held_push(owner_current(w->model, keys[i]), tick, values[i]);
}

static UNUSED int register_key(rondo_store *store, uint32_t key, rondo_series **series)
{
	char name[8];

	key_name(key, name);
	return register_one(store, name, NULL, NULL,
			    key_is_histogram(key) ? RONDO_HISTOGRAM
			    : key_is_counter(key) ? RONDO_COUNTER
						  : RONDO_GAUGE,
			    series);
}

static UNUSED void do_register(struct world *w, uint32_t key)
{
	struct owner *owner = owner_current(w->model, key);
	uint32_t issued = w->clock;
	rondo_series *series;
	rondo_id id;
	int err;

	flight_begin(w, CALL_REGISTER, key, 0, 0);
	err = register_key(w->store, key, &series);
	need(!err || err == RONDO_E_FULL, "register: %s", rondo_strerror(err));
	if (!err) {
		id = rondo_series_id(w->store, series);
		if (owner && owner->id == id)
			owner->retired = false;
		else
			owner_add(w->model, key, id, issued);
		w->handle[key] = series;
	}
	flight_end(w);
}

static UNUSED void do_retire(struct world *w, uint32_t key)
{
	if (!w->handle[key])
		return;
	flight_begin(w, CALL_RETIRE, key, 0, 0);
	need_ok(rondo_series_retire(w->store, w->handle[key], model_ns(w->model->now)));
	owner_current(w->model, key)->retired = true;
	w->handle[key] = NULL;
	flight_end(w);
}

static UNUSED void do_consolidate(struct world *w, uint64_t budget)
{
	int err;

	flight_begin(w, CALL_CONSOLIDATE, 0, w->model->now, 0);
	w->model->consolidating = w->model->now;
	do
		err = rondo_consolidate(w->store, model_ns(w->model->now), budget);
	while (err == RONDO_MORE && w->timely);
	need(!err || (err == RONDO_MORE && budget), "consolidate: %s", rondo_strerror(err));
	if (!err)
		w->model->consolidated = w->model->now;
	flight_end(w);
}

/* After opening: handles of all that live, and the time. */
static UNUSED void world_opened(struct world *w)
{
	do_consolidate(w, 0);
	for (uint32_t key = 0; key < MODEL_KEYS; key++) {
		struct owner *owner = owner_current(w->model, key);

		w->handle[key] = NULL;
		if (owner && !owner->retired)
			do_register(w, key);
	}
}

/* One random call, but for closing and syncing; time goes on. */
static UNUSED void world_step(struct world *w)
{
	uint32_t key = (uint32_t)random_below(MODEL_KEYS);
	uint64_t dice = random_below(100);

	if (dice < 60)
		do_record(w, key);
	else if (dice < 66 && !w->timely)
		do_batch(w);
	else if (dice < 72)
		do_register(w, key);
	else if (dice < 76)
		do_retire(w, key);
	else if (dice < 84)
		do_consolidate(w, random_below(2) ? 0 : 1 + random_below(12));
	else if (dice < 98 || w->timely)
		w->model->now++;
	else
		w->model->now += (uint32_t)random_below(30);
	if (w->model->now - w->model->consolidated > (w->timely ? 3 : 40))
		do_consolidate(w, 0); /* max_ahead is 60 */
}

/* Whether the world has time and owners left. */
static UNUSED bool world_has_room(const struct world *w, uint32_t steps)
{
	return w->model->now + steps < MODEL_TICKS - 40 &&
	       w->model->n_owners + steps / 4 < MODEL_OWNERS;
}

#endif /* LIB_MODEL_H */
