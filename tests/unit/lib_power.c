// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Power loss: random histories with every store to the files on record (lib_power_log.h), cut off
 * at random moments; each page, sector or cache line left at a random moment since it was last made
 * durable.  Every such mix must open, say nothing that was not recorded for that series and tick,
 * have all that was synced, and issue no generation again; and some of them are lived on with.
 *
 * 5,000 mixes; with RONDO_TEST_LONG=1 in the environment 100,000. RONDO_TEST_SEED: another history.
 */
#include "lib_model_check.h"
#include "lib_power_log.h"

#define MIXES_SHORT 5000
#define MIXES_LONG  100000
#define PER_LIFE    25 /* mixes */
#define LIVES       4  /* of one store */
#define DURABLE     4096

static const char *const file_names[] = { "store.rondo", "h.t0.slab", "h.t1.slab",
					  "s.t0.slab",   "s.t1.slab", "s.t2.slab" };

/* A point that a call made durable; `since` in the log's time. */
struct durable {
	uint32_t since;
	rondo_id id;
	enum rondo_function function;
	struct rondo_point point;
};

static struct {
	const char *live, *mixed; /* directories */
	char *mixed_map[LENGTH(file_names)];
	char image[LOG_IMAGE];
	struct durable durable[DURABLE], still[DURABLE];
	size_t n_durable, n_still;
	uint32_t unit; /* that was written whole or not at all, of the mix at work */
	unsigned long mixes, reopened, unclean;
} power;

/* ---- what was durable ---- */

static size_t collect_points(struct world *w, struct durable *out, size_t n, uint32_t since)
{
	static const enum rondo_function functions[] = { RONDO_FN_SUM, RONDO_FN_MAX };
	struct rondo_point points[POINTS];

	for (uint32_t i = 0; i < w->model->n_owners; i++) {
		const struct owner *owner = &w->model->owner[i];

		if (owner->gone || key_is_histogram(owner->key))
			continue;
		for (uint32_t tier = 0; tier < 3; tier++) {
			for (size_t f = 0; f < LENGTH(functions); f++) {
				size_t got = points_of(w->store, owner->id, tier, functions[f],
						       points, POINTS);

				for (size_t p = 0; p < got && n < DURABLE; p++)
					out[n++] = (struct durable){ since, owner->id, functions[f],
								     points[p] };
			}
		}
	}
	return n;
}

static bool same_point(const struct durable *a, const struct durable *b)
{
	return a->id == b->id && a->function == b->function && a->point.tier == b->point.tier &&
	       a->point.ts_ns == b->point.ts_ns;
}

/* Keeps of the durable points those that the ring still had at the end. */
static void collect_end(struct world *w)
{
	size_t kept = 0;

	power.n_still = collect_points(w, power.still, 0, 0);
	for (size_t i = 0; i < power.n_durable; i++) {
		for (size_t j = 0; j < power.n_still; j++) {
			if (!same_point(&power.durable[i], &power.still[j]))
				continue;
			power.durable[kept++] = power.durable[i];
			break;
		}
	}
	power.n_durable = kept;
}

static double point_at(rondo_store *store, const struct durable *d)
{
	const struct rondo_range range = { .size = sizeof(range),
					   .start_ns = d->point.ts_ns,
					   .end_ns = d->point.ts_ns + 1,
					   .tier = d->point.tier,
					   .function = d->function };
	struct rondo_point point;
	size_t n = 0;

	need_ok(rondo_read(store, d->id, &range, &point, 1, &n));
	return n ? point.value : NAN;
}

/* What a sync promised by `time` is there; in the finest tier it may be a later value by now. */
static void check_durable(struct model *model, rondo_store *store, uint32_t time)
{
	for (size_t i = 0; i < power.n_durable; i++) {
		const struct durable *d = &power.durable[i];
		const struct owner *owner;
		double got;

		if (d->since > time)
			continue;
		owner = owner_of_id(model, d->id);
		got = point_at(store, d);
		if (d->point.tier)
			ck_point(got == d->point.value, owner, &d->point, "lost after sync");
		else
			ck_point(held_has(&owner->s.tick[d->point.ts_ns / SEC - MODEL_BASE], got),
				 owner, &d->point, "lost after sync");
	}
}

/* ---- a life ---- */

static void sync_or_reopen(struct world *w, bool reopens)
{
	size_t from = power.n_durable;
	int err;

	power.n_durable = collect_points(w, power.durable, from, 0);
	if (!reopens) {
		need_ok(rondo_store_sync(w->store));
	} else {
		need_ok(rondo_store_close(w->store));
		power.reopened++;
	}
	for (size_t i = from; i < power.n_durable; i++)
		power.durable[i].since = plog.time;
	if (!reopens)
		return;
	err = model_open(power.live, 0, 0, 0, &w->store);
	need(!err, "open: %s: %s", rondo_strerror(err), detail);
	w->clock = plog.time;
	world_opened(w);
}

/* Random calls from a durable state on; the store is closed at the end, but the log ends before. */
static void live(struct world *w)
{
	unsigned int steps = 60 + (unsigned int)random_below(100);
	int err;

	power.n_durable = 0;
	log_begin();
	err = model_open(power.live, 0, 0, 0, &w->store);
	need(!err, "open: %s: %s", rondo_strerror(err), detail);
	w->clock = plog.time;
	world_opened(w);
	for (unsigned int i = 0; i < steps; i++) {
		uint64_t dice = random_below(100);

		w->clock = plog.time;
		if (dice < 5)
			sync_or_reopen(w, dice == 0);
		else
			world_step(w);
	}
	if (random_below(8) == 0)
		sync_or_reopen(w, true);
	collect_end(w);
	log_end();
	need_ok(rondo_store_close(w->store));
}

/* ---- a mix ---- */

static void map_mixed(void)
{
	char path[400];

	for (uint32_t i = 0; i < plog.n_files; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%s", power.mixed, file_names[i]);
		fd = open(path, O_RDWR | O_CREAT, 0644);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(ftruncate(fd, (off_t)plog.file[i].size), 0);
		power.mixed_map[i] =
			mmap(NULL, plog.file[i].size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		ck_assert(power.mixed_map[i] != MAP_FAILED);
		close(fd);
	}
}

static void unmap_mixed(void)
{
	for (uint32_t i = 0; i < plog.n_files; i++)
		munmap(power.mixed_map[i], plog.file[i].size);
}

static void write_mixed(void)
{
	for (uint32_t i = 0; i < plog.n_files; i++)
		memcpy(power.mixed_map[i], power.image + plog.file[i].at, plog.file[i].size);
}

static size_t count_points(rondo_store *store, rondo_id id, uint32_t tier, bool histogram)
{
	struct rondo_point points[POINTS];
	struct rondo_histogram h[POINTS];

	return histogram ? read_counts(store, id, tier, h, POINTS)
			 : points_of(store, id, tier, RONDO_FN_SUM, points, POINTS);
}

/* New series in all slots that can be had: none has anything of a former owner. */
static void check_new_owners(struct model *model, rondo_store *store, uint32_t time)
{
	for (int i = 0; i < 24; i++) {
		bool histogram = i % 3 == 2;
		uint64_t ts = model_ns(model->now);
		const struct owner *former;
		rondo_series *series;
		char name[8];
		rondo_id id;

		snprintf(name, sizeof(name), "n%d", i);
		if (register_one(store, name, NULL, NULL, histogram ? RONDO_HISTOGRAM : RONDO_GAUGE,
				 &series))
			continue;
		id = rondo_series_id(store, series);
		former = owner_of_id(model, id);
		need(!former || former->issued >= time, "id %016" PRIx64 " was issued twice", id);
		for (uint32_t tier = 0; tier < (histogram ? 2 : 3); tier++)
			need(count_points(store, id, tier, histogram) == 0,
			     "a new series has a former owner's points");
		need_ok(histogram ? rondo_observe(series, ts, 1) : rondo_record(series, ts, -1));
		need(count_points(store, id, 0, histogram) == 1, "not its own point alone");
	}
}

static void check_no_key_twice(const struct model *model, const struct listing *list)
{
	for (size_t i = 0; i < list->n; i++)
		for (size_t j = 0; j < i; j++)
			need(model->owner[list->owner[i]].key != model->owner[list->owner[j]].key,
			     "key %u is there twice", model->owner[list->owner[i]].key);
}

static rondo_store *open_mixed(uint32_t flags)
{
	rondo_store *store;
	int err = open_with(power.mixed, NULL, 0, flags, &store);

	need(!err, "open: %s: %s", rondo_strerror(err), detail);
	return store;
}

static void say_damage(const struct rondo_verify_finding *f, void *arg UNUSED)
{
	if (f->damage)
		fprintf(stderr, "# %s+%" PRIu64 " %s at %" PRIu64 ": %s\n", f->file, f->offset,
			f->key, f->ts_ns, f->text);
}

/* What the power took is not called damage, as long as sectors are written whole. */
static void verify_mix(const struct model *model)
{
	const struct rondo_verify_opts opts = { .size = sizeof(opts),
						.found = say_damage,
						.now_ns = model_ns(model->now) };

	if (power.unit >= 512)
		need_ok(rondo_store_verify(power.mixed, &opts, NULL));
}

/* As a reader finds it. */
static void check_mix(struct model *model, uint32_t time)
{
	rondo_store *store = open_mixed(RONDO_OPEN_READ_ONLY);
	struct listing list;

	check_store(model, store, &list);
	check_durable(model, store, time);
	need_ok(rondo_store_close(store));
	verify_mix(model);
}

/* As the next writer does. */
static void check_mix_taken_up(struct model *model, uint32_t time)
{
	struct rondo_store_info info = { .size = sizeof(info) };
	rondo_store *store = open_mixed(0);
	struct listing list;

	need_ok(rondo_store_info(store, &info));
	power.unclean += info.unclean_opens > 0;
	need_ok(rondo_consolidate(store, model_ns(model->now), 0));
	check_store(model, store, &list);
	check_no_key_twice(model, &list);
	check_new_owners(model, store, time);
	need_ok(rondo_store_close(store));
	verify_mix(model);
}

/* ---- living on with a mix ---- */

static void adopt_scalar(rondo_store *store, struct owner *owner)
{
	struct rondo_point points[POINTS];
	size_t n = points_of(store, owner->id, 0, RONDO_FN_SUM, points, POINTS);

	memset(owner->s.tick, 0, sizeof(owner->s.tick));
	memset(owner->s.found, 0, sizeof(owner->s.found));
	for (size_t i = 0; i < n; i++)
		owner->s.tick[tick_of_ns(points[i].ts_ns, 1)] =
			(struct held){ 1, { points[i].value } };
	for (uint32_t tier = 1; tier < 3; tier++) {
		for (int lane = 0; lane < 4; lane++) {
			uint32_t ticks = tier == 1 ? WINDOW_TICKS : COARSE_TICKS;

			n = points_of(store, owner->id, tier, lane_functions[lane], points, POINTS);
			for (size_t i = 0; i < n; i++) {
				uint32_t window = tick_of_ns(points[i].ts_ns, ticks) / ticks;

				owner->s.found[tier - 1][window].value[lane] = points[i].value;
				owner->s.found[tier - 1][window].known[lane] = points[i].known;
			}
		}
	}
}

static struct counts counts_of(const struct rondo_histogram *h)
{
	return (struct counts){ { h->buckets[0], h->buckets[1], h->buckets[2] }, h->sum };
}

static void leave_behind(struct held_counts *held)
{
	for (uint32_t j = 0; j < held->n; j++) {
		need(held->n_before < LENGTH(held->before),
		     "more lives than the model has room for");
		held->before[held->n_before++] = held->v[j];
	}
	held->n = 0;
}

static void adopt_histogram(rondo_store *store, struct owner *owner)
{
	struct rondo_histogram h[POINTS];
	size_t n = read_counts(store, owner->id, 0, h, POINTS);

	for (uint32_t tick = 0; tick < MODEL_TICKS; tick++)
		leave_behind(&owner->h.tick[tick]);
	memset(owner->h.found, 0, sizeof(owner->h.found));
	for (size_t i = 0; i < n; i++) {
		struct held_counts *held = &owner->h.tick[tick_of_ns(h[i].ts_ns, 1)];

		held->v[held->n++] = counts_of(&h[i]);
	}
	n = read_counts(store, owner->id, 1, h, POINTS);
	for (size_t i = 0; i < n; i++)
		owner->h.found[tick_of_ns(h[i].ts_ns, WINDOW_TICKS) / WINDOW_TICKS] =
			(struct found_counts){ counts_of(&h[i]), h[i].known };
}

/* The model becomes what the store says; what was issued after the loss never was. */
static void adopt(struct model *model, uint32_t time)
{
	struct listing list;
	rondo_store *store;

	while (model->n_owners && model->owner[model->n_owners - 1].issued >= time &&
	       model->owner[model->n_owners - 1].issued)
		model->n_owners--;
	for (uint32_t i = 0; i < model->n_owners; i++) {
		model->owner[i].gone = true;
		model->owner[i].issued = 0;
	}
	for (int key = 0; key < MODEL_KEYS; key++)
		model->current[key] = -1;
	store = open_mixed(RONDO_OPEN_READ_ONLY);
	list_series(model, store, &list);
	for (size_t i = 0; i < list.n; i++) {
		struct owner *owner = &model->owner[list.owner[i]];

		owner->gone = false;
		owner->retired = list.retired[i];
		if (model->current[owner->key] < (int)list.owner[i])
			model->current[owner->key] = (int)list.owner[i];
		if (key_is_histogram(owner->key))
			adopt_histogram(store, owner);
		else
			adopt_scalar(store, owner);
	}
	need_ok(rondo_store_close(store));
}

static void copy_to_live(void)
{
	char path[400];

	for (uint32_t i = 0; i < plog.n_files; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%s", power.live, file_names[i]);
		fd = open(path, O_RDWR);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(pwrite(fd, power.image + plog.file[i].at, plog.file[i].size, 0),
				 (ssize_t)plog.file[i].size);
		close(fd);
	}
}

/* One mix of the life just lived; returns when the power was lost. */
static uint32_t mix(void)
{
	static const uint32_t units[] = { LOG_PAGE, 512, 512, LOG_LINE };
	uint32_t time = plog.time;

	if (random_below(2))
		time = (uint32_t)random_below(time + 1);
	power.unit = units[random_below(LENGTH(units))];
	loss_image(time, power.unit, power.image);
	write_mixed();
	return time;
}

/* ---- worlds ---- */

static void world(struct model *model, unsigned long until)
{
	struct world w = { .model = model };
	uint32_t slots = 5 + (uint32_t)random_below(3);

	model_reset(model);
	need_ok(model_open(power.live, slots, 256u << random_below(5), RONDO_OPEN_CREATE,
			   &w.store));
	need_ok(rondo_store_close(w.store));
	log_files(power.live, file_names, LENGTH(file_names));
	map_mixed();
	for (int i = 0; i < LIVES && world_has_room(&w, 160) && power.mixes < until; i++) {
		uint32_t time = 0;

		live(&w);
		for (int m = 0; m < PER_LIFE; m++) {
			time = mix();
			check_mix(model, time);
			if (m % 2)
				check_mix_taken_up(model, time);
			power.mixes++;
			progress("mixes", power.mixes, MIXES_LONG);
		}
		write_mixed(); /* as it was before it was checked */
		adopt(model, time);
		copy_to_live();
	}
	unmap_mixed();
	remove_tree(power.live);
}

START_TEST(core_power_loss)
{
	unsigned long until = long_form() ? MIXES_LONG : MIXES_SHORT;
	const char *seed = getenv("RONDO_TEST_SEED");
	struct model *model = model_new();

	power.live = in_scratch("live");
	power.mixed = in_scratch("mixed");
	ck_assert_int_eq(mkdir(power.mixed, 0755), 0);
	if (seed)
		random_state ^= strtoull(seed, NULL, 0) << 20;
	while (power.mixes < until)
		world(model, until);
	printf("# %lu mixes, %lu reopened, %lu opened unclean\n", power.mixes, power.reopened,
	       power.unclean);
	ck_assert_uint_gt(power.unclean, power.mixes / 3);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_power_loss, 'C' },
	};

	return run_suite("lib_power", tests, LENGTH(tests));
}
