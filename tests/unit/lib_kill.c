// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kill -9: a child opens, registers, records, consolidates, retires, and is killed by a timer at
 * a random instant, or after a random number of instructions of a call.  It tells of each call in shared memory before it and after it.  Every time the store
 * opens, for reading and for writing; every call that had returned is there, exactly; the one in flight is
 * there or not; what is consolidated afterwards is right.
 *
 * 500 kills; with RONDO_TEST_LONG=1 in the environment 10,000. RONDO_TEST_SEED: other ones.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "lib_model_check.h"

#define KILLS_SHORT 500
#define KILLS_LONG  10000

/* Each instruction of a call in turn: a sanitizer has too many of its own. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define STEPS 1
#else
#define STEPS 0
#endif

static struct {
	const char *path;
	struct model *model;
	bool *created; /* in shared memory: the store was there once */
	unsigned long kills, flights[CALL_OTHER], points;
} run;

/* ---- the child ---- */

static void kill_me_after(uint64_t ns)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	const struct itimerspec when = { .it_value = { (time_t)(ns / SEC), (long)(ns % SEC) } };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &when, NULL))
		_exit(80);
}

/*
 * A timer mostly hits what takes long.  So every other child chooses a call, and dies after so many
 * instructions of it (where the CPU can be told to stop at each one).
 */
static struct {
	unsigned int calls, steps;
	enum call call;
} death;

#if defined(__x86_64__)
static void on_step(int sig UNUSED)
{
	if (death.steps-- == 0)
		kill(getpid(), SIGKILL);
}

static void kill_me_after_steps(unsigned int steps)
{
	death.steps = steps;
	signal(SIGTRAP, on_step);
	__writeeflags(__readeflags() | 0x100); /* TF */
}

static void on_call(enum call call)
{
	if (call == death.call && death.calls-- == 0)
		kill_me_after_steps(death.steps);
}

static bool kill_me_in_a_call(struct world *w)
{
	static const unsigned int lengths[] = { [CALL_RECORD] = 200,
						[CALL_REGISTER] = 3000,
						[CALL_RETIRE] = 200,
						[CALL_CONSOLIDATE] = 2000 };

	death.call = (enum call)(CALL_RECORD + random_below(4));
	death.calls = (unsigned int)random_below(death.call == CALL_RECORD ? 300 : 20);
	death.steps = (unsigned int)random_below(lengths[death.call]);
	w->on_call = on_call;
	return true;
}
#else
static bool kill_me_in_a_call(struct world *w UNUSED)
{
	return false;
}
#endif

static void child(uint64_t seed)
{
	struct world w = { .model = run.model, .timely = true };
	bool stepped, early;
	int err;

	random_state = seed | 1;
	stepped = random_below(2) && kill_me_in_a_call(&w);
	early = !stepped && random_below(4) == 0;
	if (early) /* while it opens, or creates */
		kill_me_after(1 + random_below(SEC / 4000));
	err = model_open(run.path, 6, 512, RONDO_OPEN_CREATE, &w.store);
	if (err)
		_exit(81);
	*run.created = true;
	if (!early && !stepped)
		kill_me_after(1 + random_below(SEC / (random_below(2) ? 100 : 1000)));
	world_opened(&w);
	while (world_has_room(&w, 100))
		world_step(&w);
	raise(SIGKILL);
}

/* ---- the call in flight ---- */

/* Whether the recording happened: then the tick has its value. */
static void settle_record(rondo_store *store, struct owner *owner)
{
	uint32_t tick = run.model->flight.tick;
	const struct rondo_range range = { .size = sizeof(range),
					   .start_ns = model_ns(tick),
					   .end_ns = model_ns(tick) + 1,
					   .function = RONDO_FN_SUM };
	struct held *held = &owner->s.tick[tick];
	struct rondo_point point;
	size_t n = 0;

	held->n = run.model->flight.held; /* it may have been killed in the middle of telling us */
	held_push(owner, tick, run.model->flight.value);
	need_ok(rondo_read(store, owner->id, &range, &point, 1, &n));
	if (!n || point.value != held_now(held))
		held->n--;
}

static void settle_counts(rondo_store *store, struct owner *owner)
{
	uint32_t tick = run.model->flight.tick;
	const struct rondo_range range = { .size = sizeof(range),
					   .start_ns = model_ns(tick),
					   .end_ns = model_ns(tick) + 1 };
	struct held_counts *held = &owner->h.tick[tick];
	struct rondo_histogram h;
	size_t n = 0;

	held->n = run.model->flight.held;
	counts_push(owner, tick, run.model->flight.value);
	need_ok(rondo_read_histogram(store, owner->id, &range, &h, 1, &n));
	if (!n || !counts_equal(&held->v[held->n - 1], &h))
		held->n--;
}

/* Registered, retired, or given up for another: whichever the call came to. */
static void settle_listing(struct model *model, const struct listing *list)
{
	bool found[MODEL_OWNERS] = { false };
	uint32_t lost = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct owner *owner = &model->owner[list->owner[i]];

		need(!owner->gone, "key %u is back, its slot was another's", owner->key);
		found[list->owner[i]] = true;
		if (owner->retired == list->retired[i])
			continue;
		need((model->flight.call == CALL_RETIRE || model->flight.call == CALL_REGISTER) &&
			     model->flight.key == owner->key,
		     "key %u: retired is %d", owner->key, list->retired[i]);
		owner->retired = list->retired[i];
	}
	for (uint32_t i = 0; i < model->n_owners; i++) {
		struct owner *owner = &model->owner[i];

		if (owner->gone || found[i])
			continue;
		need(model->flight.call == CALL_REGISTER && owner->retired && ++lost == 1,
		     "key %u, id %016" PRIx64 " is missing", owner->key, owner->id);
		owner->gone = true;
		if (model->current[owner->key] == (int)i)
			model->current[owner->key] = -1;
	}
}

/* ---- what must be there ---- */

/*
 * Ticks or windows of one tier of one series: what must be there, if the ring holds it still, and which
 * cells were entered, or may have been by the call in flight.
 */
struct expected {
	uint32_t tier, ticks; /* in a window */
	bool must[MODEL_TICKS], entered[MODEL_TICKS];
};

static bool held_any(const struct owner *owner, uint32_t tick)
{
	return key_is_histogram(owner->key) ? owner->h.tick[tick].n : owner->s.tick[tick].n;
}

static void expect_ticks(const struct owner *owner, struct expected *e)
{
	*e = (struct expected){ .ticks = 1 };
	for (uint32_t i = 0; i < MODEL_TICKS; i++) {
		e->must[i] = held_any(owner, i);
		e->entered[i] = e->must[i] || owner->touched[i / 6];
	}
}

static void expect_windows(const struct owner *owner, uint32_t tier, uint32_t closed,
			   uint32_t closing, struct expected *e)
{
	*e = (struct expected){ .tier = tier, .ticks = tier == 1 ? WINDOW_TICKS : COARSE_TICKS };
	for (uint32_t i = 0; i < MODEL_TICKS; i++) {
		uint32_t window = i / e->ticks, end = (window + 1) * e->ticks;

		if (!held_any(owner, i))
			continue;
		e->must[window] = end <= closed;
		e->entered[window] = end <= closing;
	}
}

/* Whether the ring has let go of it: a later cell was entered in its place. */
static bool overtaken(const struct expected *e, uint32_t window)
{
	uint32_t lap = 3 * 6, n = MODEL_TICKS / e->ticks;

	for (uint32_t cell = window / 6 * 6 + lap; cell < n; cell += lap)
		for (uint32_t i = cell; i < cell + 6 && i < n; i++)
			if (e->entered[i])
				return true;
	return false;
}

static const char *flight(void)
{
	static char text[120];
	const struct model *m = run.model;

	snprintf(text, sizeof(text),
		 "kill %lu in call %d, key %u, tick %u; now %u, consolidated %u", run.kills,
		 (int)m->flight.call, m->flight.key, m->flight.tick, m->now, m->consolidated);
	return text;
}

static void must_not_lack(const struct owner *owner, const struct expected *e, int function,
			  uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		need(!e->must[i] || overtaken(e, i),
		     "key %u, id %016" PRIx64 ", tier %u, function %d: tick %u is lost; %s",
		     owner->key, owner->id, e->tier, function, i * e->ticks, flight());
}

/* The finest tier's totals begin where its ring does, though older cells may be left after a pause. */
static void forget_before_ring(struct expected *e)
{
	uint32_t newest = 0;

	for (uint32_t i = 0; i < MODEL_TICKS; i++)
		if (e->entered[i])
			newest = i / 6;
	for (uint32_t i = 0; newest >= 3 && i < (newest - 2) * 6; i++)
		e->must[i] = false;
}

/* The value of a function over the ticks first..end-1 at their last values. */
static double over_ticks(const struct owner *owner, enum rondo_function function, uint32_t first,
			 uint32_t end)
{
	double value = 0;
	bool any = false;

	for (uint32_t i = first; i < end; i++) {
		double v = held_now(&owner->s.tick[i]);

		if (!owner->s.tick[i].n)
			continue;
		if (function == RONDO_FN_SUM || function == RONDO_FN_TOTAL)
			value += v;
		else if (!any || function == RONDO_FN_LAST ||
			 (function == RONDO_FN_MIN ? v < value : v > value))
			value = v;
		any = true;
	}
	return value;
}

static void check_function(rondo_store *store, const struct owner *owner, const struct expected *e,
			   enum rondo_function function)
{
	struct rondo_point points[POINTS];
	size_t n = points_of(store, owner->id, e->tier, function, points, POINTS);
	uint32_t at = 0;

	for (size_t i = 0; i < n; i++, at++) {
		uint32_t first = tick_of_ns(points[i].ts_ns, e->ticks);
		double want = over_ticks(owner, function, function == RONDO_FN_TOTAL ? 0 : first,
					 first + e->ticks);

		need(points[i].value == want,
		     "key %u, id %016" PRIx64
		     ", tier %u, function %d, tick %u: %.17g, not %.17g; %s",
		     owner->key, owner->id, e->tier, (int)function, first, points[i].value, want,
		     flight());
		must_not_lack(owner, e, (int)function, at, first / e->ticks);
		at = first / e->ticks;
	}
	must_not_lack(owner, e, (int)function, at, MODEL_TICKS / e->ticks);
	run.points += n;
}

static void check_counts(rondo_store *store, const struct owner *owner, const struct expected *e)
{
	struct rondo_histogram h[POINTS];
	size_t n = read_counts(store, owner->id, e->tier, h, POINTS);
	uint32_t at = 0;

	for (size_t i = 0; i < n; i++, at++) {
		uint32_t first = tick_of_ns(h[i].ts_ns, e->ticks);
		struct counts want = { { 0, 0, 0 }, 0 };

		for (uint32_t t = first; t < first + e->ticks; t++)
			if (owner->h.tick[t].n)
				want = counts_add(want,
						  &owner->h.tick[t].v[owner->h.tick[t].n - 1]);
		need(counts_equal(&want, &h[i]),
		     "histogram of id %016" PRIx64
		     ", tier %u, tick %u: %g %g %g, sum %g; not %g %g %g, sum %g",
		     owner->id, e->tier, first, h[i].buckets[0], h[i].buckets[1], h[i].buckets[2],
		     h[i].sum, want.bucket[0], want.bucket[1], want.bucket[2], want.sum);
		must_not_lack(owner, e, 0, at, first / e->ticks);
		at = first / e->ticks;
	}
	must_not_lack(owner, e, 0, at, MODEL_TICKS / e->ticks);
	run.points += n;
}

static void check_owner(rondo_store *store, const struct owner *owner, uint32_t closed,
			uint32_t closing)
{
	bool histogram = key_is_histogram(owner->key), counter = key_is_counter(owner->key);
	struct expected e;

	expect_ticks(owner, &e);
	for (uint32_t tier = 0; tier < (histogram ? 2 : 3); tier++) {
		if (tier)
			expect_windows(owner, tier, closed, closing, &e);
		if (histogram) {
			check_counts(store, owner, &e);
			continue;
		}
		for (int lane = 0; lane < 4; lane++)
			check_function(store, owner, &e, lane_functions[lane]);
		if (!counter)
			continue;
		if (!tier)
			forget_before_ring(&e);
		check_function(store, owner, &e, RONDO_FN_TOTAL);
	}
}

static uint32_t closed_by(uint32_t now)
{
	return now > MODEL_GRACE ? now - MODEL_GRACE : 0;
}

static void check_all(rondo_store *store)
{
	const struct model *model = run.model;
	uint32_t closed = closed_by(model->consolidated);
	uint32_t closing = closed_by(model->consolidating);

	for (uint32_t i = 0; i < model->n_owners; i++)
		if (!model->owner[i].gone)
			check_owner(store, &model->owner[i], closed, closing);
}

/* ---- a kill ---- */

static bool open_killed(uint32_t flags, rondo_store **store)
{
	int err = open_with(run.path, NULL, 0, flags, store);

	if (err == RONDO_E_NOT_FOUND && !*run.created)
		return false;
	need(!err, "open after kill %lu: %s: %s", run.kills, rondo_strerror(err), detail);
	return true;
}

static void say_damage(const struct rondo_verify_finding *f, void *arg UNUSED)
{
	if (f->damage)
		fprintf(stderr, "# %s+%" PRIu64 " %s at %" PRIu64 ": %s\n", f->file, f->offset,
			f->key, f->ts_ns, f->text);
}

/* A kill leaves nothing that looks like damage. */
static void verify_killed(void)
{
	const struct rondo_verify_opts opts = { .size = sizeof(opts),
						.found = say_damage,
						.now_ns = model_ns(run.model->now) };

	need_ok(rondo_store_verify(run.path, &opts, NULL));
}

static void check_killed(void)
{
	struct model *model = run.model;
	struct listing list;
	rondo_store *store;
	struct owner *owner;

	run.flights[model->flight.call]++;
	if (!open_killed(RONDO_OPEN_READ_ONLY, &store))
		return;
	verify_killed();
	list_series(model, store, &list);
	settle_listing(model, &list);
	owner = owner_current(model, model->flight.key);
	if (model->flight.call == CALL_RECORD)
		owner->touched[model->flight.tick / 6] = true;
	if (model->flight.call == CALL_RECORD && key_is_histogram(owner->key))
		settle_counts(store, owner);
	else if (model->flight.call == CALL_RECORD)
		settle_record(store, owner);
	check_all(store);
	need_ok(rondo_store_close(store));

	if (random_below(2) && open_killed(0, &store)) {
		need_ok(rondo_consolidate(store, model_ns(model->now), 0));
		model->consolidated = model->consolidating = model->now;
		list_series(model, store, &list);
		settle_listing(model, &list);
		check_all(store);
		need_ok(rondo_store_close(store));
		verify_killed();
	}
	model->flight.call = CALL_NONE;
}

static void kill_one(void)
{
	uint64_t seed = random_u64();
	int status;
	pid_t pid = fork();

	if (pid == 0)
		child(seed);
	ck_assert_int_gt(pid, 0);
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	need(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child: status 0x%x",
	     (unsigned int)status);
	run.kills++;
	progress("kills", run.kills, KILLS_LONG);
	check_killed();
}

START_TEST(core_kill_9)
{
	unsigned long until = long_form() ? KILLS_LONG : KILLS_SHORT;
	const char *seed = getenv("RONDO_TEST_SEED");

	run.path = in_scratch("killed");
	run.model = model_new();
	run.created = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert((void *)run.created != MAP_FAILED);
	if (seed)
		random_state ^= strtoull(seed, NULL, 0) << 20;
	while (run.kills < until) {
		struct world w = { .model = run.model };

		remove_tree(run.path);
		*run.created = false;
		model_reset(run.model);
		do
			kill_one();
		while (run.kills < until && world_has_room(&w, 100));
	}
	printf("# %lu kills: %lu recording, %lu registering, %lu retiring, %lu consolidating; "
	       "%lu points compared\n",
	       run.kills, run.flights[CALL_RECORD], run.flights[CALL_REGISTER],
	       run.flights[CALL_RETIRE], run.flights[CALL_CONSOLIDATE], run.points);
	ck_assert_uint_gt(run.flights[CALL_CONSOLIDATE], 0);
}
END_TEST

#if STEPS
/* A histogram's call that was killed after `steps` instructions; false if it had ended by then. */
static bool histogram_killed(const char *path, double value, unsigned int steps)
{
	rondo_series *series;
	rondo_store *store;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (model_open(path, 1, 512, 0, &store) ||
		    register_one(store, "h", NULL, NULL, RONDO_HISTOGRAM, &series))
			_exit(1);
		kill_me_after_steps(steps);
		record_to(series, KEYS_SCALAR, model_ns(20), value);
		__writeeflags(__readeflags() & ~0x100ull);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	return WIFSIGNALED(status);
}

static struct counts after_call(struct counts now, double value)
{
	uint64_t counts[3];
	double sum;

	counts_of_call(value, counts, &sum);
	for (int b = 0; b < 3; b++)
		now.bucket[b] += (double)counts[b];
	now.sum += sum;
	return now;
}

/* What a reader finds in the tick: 1 and the counts, or 0. */
static size_t histogram_left(const char *path, struct rondo_histogram h[POINTS])
{
	struct rondo_series_def def = { .size = sizeof(def), .name = "h" };
	rondo_store *store;
	rondo_id id;
	size_t n;

	need_ok(model_open(path, 1, 512, RONDO_OPEN_READ_ONLY, &store));
	need_ok(rondo_series_find(store, &def, &id));
	n = read_counts(store, id, 0, h, POINTS);
	need_ok(rondo_store_close(store));
	return n;
}

/* At every instruction of a call on the same tick: what was there before is, and the call's change whole or not. */
static void kill_at_each_instruction(const char *path, double value, struct counts before,
				     bool known)
{
	struct counts after = after_call(before, value);
	unsigned int done = 0;
	bool killed = true;
	char slab[400];
	void *map, *image;
	size_t size;
	int fd;

	snprintf(slab, sizeof(slab), "%s/h.t0.slab", path);
	size = size_of_file(slab);
	fd = open(slab, O_RDWR);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	image = malloc(size);
	ck_assert(map != MAP_FAILED && image);
	memcpy(image, map, size);
	for (unsigned int steps = 1; killed; steps++) {
		struct rondo_histogram h[POINTS];
		size_t n;

		memcpy(map, image, size); /* the same instructions again */
		killed = histogram_killed(path, value, steps);
		n = histogram_left(path, h);
		if (n == 1 && counts_equal(&after, &h[0])) {
			done += killed;
			continue;
		}
		need(killed && !done && n == known && (!known || counts_equal(&before, &h[0])),
		     "after %u instructions: %zu points", steps, n);
	}
	/* from the journal's last word to the end of the call */
	need(done > 5, "killed %u times after it was done", done);
	free(image);
	munmap(map, size);
	close(fd);
}

START_TEST(core_kill_at_each_instruction_of_a_histograms_calls)
{
	const struct counts none = { { 0, 0, 0 }, 0 };
	const char *path = in_scratch("steps");
	rondo_series *series;
	rondo_store *store;

	need_ok(model_open(path, 1, 512, RONDO_OPEN_CREATE, &store));
	need_ok(register_one(store, "h", NULL, NULL, RONDO_HISTOGRAM, &series));
	need_ok(rondo_store_close(store));
	kill_at_each_instruction(path, 3, none, false); /* several buckets at once */
	kill_at_each_instruction(path, 4, after_call(none, 3), true);
}
END_TEST
#endif

int main(void)
{
	const struct test_entry tests[] = {
		{ core_kill_9, 'C' },
#if STEPS
		{ core_kill_at_each_instruction_of_a_histograms_calls, 'C' },
#endif
	};

	return run_suite("lib_kill", tests, LENGTH(tests));
}
