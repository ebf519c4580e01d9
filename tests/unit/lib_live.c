// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Stores in use: readers in other processes while the writer wraps its rings and gives series slots
 * to new owners; kill -9 at random instants; many threads. Every value says whose it is and of which
 * tick, so a reader knows a wrong one when it sees it.
 */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "lib_common.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW 1
#else
#define SLOW 0
#endif

/* A short ring that wraps often: 3 rows of 6 ticks; tier 1 has windows of 2 ticks. */
static const struct rondo_tier tiers_short[] = {
	{ .interval_ns = MS, .retention_ns = 12 * MS },
	{ .interval_ns = 2 * MS, .retention_ns = 40 * MS, .functions = ALL_FUNCTIONS },
};

static struct rondo_schema schema_short(uint32_t max_series)
{
	struct rondo_schema schema = schema_of_tiers("short", tiers_short, 2, max_series);

	schema.on_full = RONDO_ON_FULL_RECLAIM;
	schema.reclaim_delay_ns = MS;
	schema.grace_ns = 6 * MS;
	return schema;
}

/* What tick i of series number n holds: both numbers in it, and whole, so that sums are exact. */
static double value_of(uint64_t n, uint64_t tick)
{
	return (double)(n * 100000000 + tick);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* ---- readers of other processes ---- */

static void register_numbered(rondo_store *store, uint64_t n, enum rondo_kind kind,
			      rondo_series **series)
{
	char value[24];

	snprintf(value, sizeof(value), "%" PRIu64, n);
	ck_ok(register_one(store, "m", "n", value, kind, series));
}

/* One point, against what the writer recorded or computed from what it recorded. */
static const char *judge(uint64_t n, const struct rondo_point *point, enum rondo_function function)
{
	uint64_t tick = (point->ts_ns - T0) / MS, last = tick + (point->tier ? 1 : 0);
	double want;

	if (point->ts_ns < T0 || (point->tier && point->ts_ns % (2 * MS)))
		return "a time that is none";
	if (point->known < 1 || point->known > last - tick + 1)
		return "more known ticks than there are";
	/* series are recorded at every tick from when they are registered on: half a window at most */
	if (point->tier && point->known == 1)
		tick = last;
	switch (function) {
	case RONDO_FN_MIN:
		want = value_of(n, tick);
		break;
	case RONDO_FN_SUM:
		want = value_of(n, tick) + (last > tick ? value_of(n, last) : 0);
		break;
	case RONDO_FN_AVG:
		want = (value_of(n, tick) + value_of(n, last)) / 2;
		break;
	default:
		want = value_of(n, last);
	}
	return point->value == want ? NULL : "a value that was never recorded";
}

/* Reads all that there is for a while; exits with 0 if nothing was wrong. */
static void reader(const char *path, double duration, uint64_t *n_points)
{
	static const enum rondo_function functions[] = { RONDO_FN_LAST, RONDO_FN_MIN, RONDO_FN_SUM,
							 RONDO_FN_AVG };
	double end = seconds() + duration;
	rondo_store *store = reopen(path, RONDO_OPEN_READ_ONLY);
	struct rondo_point points[64];

	while (seconds() < end) {
		struct rondo_series_info info = { .size = sizeof(info) };
		rondo_iter *iter;

		ck_ok(rondo_iter_begin(store, "", &iter, NULL, 0));
		while (rondo_iter_next(iter, &info) == 1) {
			uint64_t n = strtoull(info.labels[0].value, NULL, 10);
			enum rondo_function f = functions[random_below(LENGTH(functions))];
			struct rondo_range range = { .size = sizeof(range),
						     .tier = (uint32_t)random_below(2),
						     .function = f };
			char key[64];
			size_t got = 0;
			int err;

			snprintf(key, sizeof(key), "m{n=\"%" PRIu64 "\"}", n);
			expect(!strcmp(info.key, key), "key %s, label %s", info.key,
			       info.labels[0].value);
			if (random_below(4) == 0)
				range.tier = RONDO_TIER_AUTO;
			err = rondo_read(store, info.id, &range, points, 64, &got);

			expect(err == 0 || err == RONDO_E_NOT_FOUND, "read: %d", err);
			for (size_t i = 0; i < got && !err; i++) {
				const char *why = judge(n, &points[i], f);

				expect(!why,
				       "series %d tier %u tick %d function %d: %s: %.17g of %u",
				       (int)n, points[i].tier, (int)((points[i].ts_ns - T0) / MS),
				       (int)f, why, points[i].value, points[i].known);
				expect(!i || points[i].ts_ns > points[i - 1].ts_ns, "order");
			}
			*n_points += err ? 0 : got;
		}
		rondo_iter_end(iter);
	}
	ck_ok(rondo_store_close(store));
}

static void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

/* The writer runs as fast as it can: millions of ticks a second, slots change hands all the time. */
START_TEST(core_readers_see_nothing_that_was_not_recorded)
{
	enum { SLOTS = 6, READERS = 2 };
	const struct rondo_schema schema = schema_short(SLOTS);
	const char *path = in_scratch("watched");
	uint64_t *n_points = shared_memory(4096), next = 0, born[SLOTS] = { 0 };
	rondo_store *store = create(path, &schema, 1);
	rondo_series *series[SLOTS];
	pid_t pids[READERS];
	double end = seconds() + 3;

	for (int r = 0; r < READERS; r++) {
		pids[r] = fork();
		if (pids[r] == 0) {
			random_state += (uint64_t)r;
			reader(path, 2.5, &n_points[r * 8]);
			_exit(0);
		}
	}
	consolidate(store, T0);
	for (int i = 0; i < SLOTS; i++) {
		born[i] = next++;
		register_numbered(store, born[i], RONDO_GAUGE, &series[i]);
	}
	for (uint64_t tick = 0; tick % 1024 || seconds() < end; tick++) {
		uint64_t now = T0 + tick * MS;

		for (int i = 0; i < SLOTS; i++)
			ck_ok(rondo_record(series[i], now, value_of(born[i], tick)));
		if (tick % 3 == 0)
			consolidate(store, now);
		if (tick % 64 == 63) {
			int i = (int)(tick / 64 % SLOTS);

			ck_ok(rondo_series_retire(store, series[i], now - 2 * MS));
			consolidate(store, now);
			born[i] = next++;
			register_numbered(store, born[i], RONDO_GAUGE, &series[i]);
		}
	}
	for (int r = 0; r < READERS; r++) {
		int status;

		ck_assert_int_eq(waitpid(pids[r], &status, 0), pids[r]);
		ck_assert_msg(status == 0, "reader %d: status 0x%x", r, (unsigned int)status);
		ck_assert_uint_gt(n_points[r * 8], SLOW ? 1000 : 10000);
	}
	ck_assert_uint_gt(next, SLOW ? 200 : 1000);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* ---- kill -9 ---- */

enum { KEYS = 24, ADDS = 3 };

/* What the writer says of itself, before and after each call; it outlives the writer. */
struct log {
	uint64_t running;    /* lives that have checked what the one before left */
	uint32_t unclean;    /* opens, as the last one saw it */
	uint64_t tick;       /* the latest that was begun */
	uint64_t reclaimers; /* series of the second schema, whose slots change hands */
	struct {
		int registering, registered, retiring, retired;
		uint64_t at;          /* the tick at work */
		uint64_t begun, made; /* counters: adds to it, begun and returned */
		uint64_t since;       /* ticks are without a gap from this one on */
		struct state {
			uint64_t done; /* all of this tick is recorded */
			uint64_t upto; /* what total is of: done, or a later tick that was killed */
			double total;
		} state[2];
		uint64_t current; /* which of the two counts: they change places in one store */
	} key[KEYS];
};

static enum rondo_kind kind_of(uint64_t n)
{
	return n % 2 ? RONDO_COUNTER : RONDO_GAUGE;
}

static double whole_tick(uint64_t n, uint64_t tick)
{
	return kind_of(n) == RONDO_GAUGE ? value_of(n, tick) : (double)(ADDS * (n + 1));
}

static const struct state *state_of(const struct log *log, uint64_t n)
{
	return &log->key[n].state[__atomic_load_n(&log->key[n].current, __ATOMIC_ACQUIRE)];
}

static void set_state(struct log *log, uint64_t n, uint64_t done, uint64_t upto, double total)
{
	uint64_t next = !log->key[n].current;

	log->key[n].state[next] = (struct state){ done, upto, total };
	__atomic_store_n(&log->key[n].current, next, __ATOMIC_RELEASE);
}

/* One key after a kill: all that had returned is there, all else is there or not, nothing is wrong. */
static void check_key(rondo_store *store, const struct log *log, uint64_t n)
{
	struct rondo_point points[64];
	char value[24];
	uint64_t done = state_of(log, n)->done, at = log->key[n].at;
	rondo_id id;
	size_t got;
	int err;

	snprintf(value, sizeof(value), "%" PRIu64, n);
	err = find_one(store, "m", "n", value, &id);
	if (err) {
		expect(err == RONDO_E_NOT_FOUND && !log->key[n].registered, "key %d: %d", (int)n,
		       err);
		return;
	}
	if (!done)
		return;
	for (uint64_t t = done > 10 ? done - 10 : 0; t <= done; t++)
		if (t >= log->key[n].since)
			ck_value(store, id, 0, RONDO_FN_LAST, T0 + t * MS, whole_tick(n, t));
	/* totals reach back as far as the ring does from the newest tick, which may have been killed */
	if (kind_of(n) == RONDO_COUNTER && state_of(log, n)->upto == done && at < done + 12)
		ck_value(store, id, 0, RONDO_FN_TOTAL, T0 + done * MS, state_of(log, n)->total);
	if (at > done) {
		double v = value_at(store, id, 0, RONDO_FN_SUM, T0 + at * MS);
		double adds = isnan(v) ? 0 : v / (double)(n + 1);

		expect(kind_of(n) == RONDO_GAUGE ? isnan(v) || v == whole_tick(n, at)
						 : adds == (double)log->key[n].made ||
							   adds == (double)log->key[n].begun,
		       "key %d: %g at the tick that was killed, %d adds returned", (int)n, v,
		       (int)log->key[n].made);
	}
	got = read_points(store, id, 1, RONDO_FN_MAX, 0, 0, points, LENGTH(points));
	for (size_t i = 0; i < got; i++) {
		uint64_t first = (points[i].ts_ns - T0) / MS;
		double v = points[i].value;

		/* the tick that was killed may hold a part of its adds */
		expect(v == whole_tick(n, first) || v == whole_tick(n, first + 1) ||
			       (kind_of(n) == RONDO_COUNTER && v > 0 && v < whole_tick(n, 0)),
		       "key %d tick %d: %.17g", (int)n, (int)first, v);
	}
}

static void check_life(rondo_store *store, struct log *log)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	uint32_t unclean = store_info(store).unclean_opens;
	rondo_iter *iter;

	expect(unclean > log->unclean || !log->running, "%u unclean opens", unclean);
	log->unclean = unclean;
	for (uint64_t n = 0; n < KEYS; n++)
		check_key(store, log, n);
	ck_ok(rondo_iter_begin(store, "m", &iter, NULL, 0));
	while (rondo_iter_next(iter, &info) == 1) {
		uint64_t n = strtoull(info.labels[0].value, NULL, 10);

		if (log->key[n].retired)
			expect(info.retired, "key %d isn't retired", (int)n);
		if (!log->key[n].retiring && log->key[n].registered)
			expect(!info.retired, "key %d is retired", (int)n);
	}
	rondo_iter_end(iter);
}

/* Registers, retires, or continues a key that has been retired. */
static void change_key(rondo_store *store, struct log *log, rondo_series **series, uint64_t n)
{
	if (series[n] && !random_below(4)) {
		log->key[n].retiring = 1;
		ck_ok(rondo_series_retire(store, series[n], T0 + log->tick * MS));
		log->key[n].retired = 1;
		series[n] = NULL;
	} else if (!series[n]) {
		log->key[n].registering = 1;
		log->key[n].retiring = 1; /* until it returns, it may still be retired */
		log->key[n].retired = 0;
		register_numbered(store, n, kind_of(n), &series[n]);
		log->key[n].registered = 1;
		log->key[n].retiring = 0;
		log->key[n].since = log->tick + 1;
	}
}

static void record_key(struct log *log, rondo_series *series, uint64_t n)
{
	uint64_t ts = T0 + log->tick * MS;

	log->key[n].made = log->key[n].begun = 0;
	__atomic_store_n(&log->key[n].at, log->tick, __ATOMIC_RELEASE);
	if (kind_of(n) == RONDO_GAUGE) {
		ck_ok(rondo_record(series, ts, whole_tick(n, log->tick)));
	} else {
		for (int i = 0; i < ADDS; i++) {
			__atomic_store_n(&log->key[n].begun, i + 1, __ATOMIC_RELEASE);
			ck_ok(rondo_add(series, ts, (double)(n + 1)));
			__atomic_store_n(&log->key[n].made, i + 1, __ATOMIC_RELEASE);
		}
	}
	set_state(log, n, log->tick, log->tick, state_of(log, n)->total + whole_tick(n, log->tick));
}

/* Slots that change hands, in a schema of their own. */
static void change_owner(rondo_store *store, struct log *log)
{
	static rondo_series *last;
	char name[24];

	if (last)
		ck_ok(rondo_series_retire(store, last, T0 + log->tick * MS - 3 * MS));
	snprintf(name, sizeof(name), "r%" PRIu64, log->reclaimers++);
	last = NULL;
	register_one(store, name, NULL, NULL, RONDO_GAUGE, &last);
	if (last)
		ck_ok(rondo_record(last, T0 + log->tick * MS, 1));
}

/* What the tick that was killed got is part of the totals. */
static void count_killed_tick(rondo_store *store, struct log *log, uint64_t n)
{
	const struct state *s = state_of(log, n);
	uint64_t at = log->key[n].at;
	char value[24];
	rondo_id id;
	double v;

	snprintf(value, sizeof(value), "%" PRIu64, n);
	if (at <= s->upto || kind_of(n) == RONDO_GAUGE || find_one(store, "m", "n", value, &id))
		return;
	v = value_at(store, id, 0, RONDO_FN_SUM, T0 + at * MS);
	set_state(log, n, s->done, at, s->total + (isnan(v) ? 0 : v));
}

/* A life ends by SIGKILL only. */
static void live(const char *path, struct log *log)
{
	struct rondo_schema schemas[] = { schema_short(KEYS), schema_short(3) };
	rondo_series *series[KEYS] = { NULL };
	rondo_store *store;

	schemas[0].selector = "m";
	schemas[1].name = "reclaimed";
	store = create(path, schemas, 2);
	random_state += log->running * 77;
	check_life(store, log);
	for (uint64_t n = 0; n < KEYS; n++) {
		count_killed_tick(store, log, n);
		log->key[n].since = UINT64_MAX;
	}
	log->tick += 2 + random_below(random_below(4) ? 4 : 100);
	consolidate(store, T0 + log->tick * MS);
	for (uint64_t n = 0; n < KEYS; n++) {
		if (log->key[n].registered && !log->key[n].retiring)
			register_numbered(store, n, kind_of(n), &series[n]);
		log->key[n].since = log->tick + 1;
	}
	__atomic_store_n(&log->running, log->running + 1, __ATOMIC_RELEASE);
	for (;;) {
		log->tick++;
		for (uint64_t n = 0; n < KEYS; n++)
			if (series[n])
				record_key(log, series[n], n);
		if (log->tick % 2)
			consolidate(store, T0 + log->tick * MS);
		if (log->tick % 5 == 0)
			change_key(store, log, series, random_below(KEYS));
		if (log->tick % 7 == 0)
			change_owner(store, log);
		if (log->tick % 1009 == 0)
			ck_ok(rondo_store_sync(store));
	}
}

START_TEST(core_killed_200_times)
{
	const char *path = in_scratch("killed");
	struct log *log = shared_memory(sizeof(*log));
	int kills = SLOW ? 60 : 200;
	rondo_store *store;

	for (int i = 0; i < kills; i++) {
		uint64_t before = __atomic_load_n(&log->running, __ATOMIC_ACQUIRE);
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			live(path, log);
		/* some are killed while they open, most later */
		if (i % 10 != 3)
			while (__atomic_load_n(&log->running, __ATOMIC_ACQUIRE) == before &&
			       waitpid(pid, &status, WNOHANG) == 0)
				usleep(100);
		usleep((useconds_t)random_below(i % 10 != 3 ? 8000 : 2000));
		if (!WIFEXITED(status) || !status) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
			      "life %d ended by itself: 0x%x", i, (unsigned int)status);
	}
	store = reopen(path, 0);
	check_life(store, log);
	ck_assert_uint_ge(store_info(store).unclean_opens, (unsigned int)kills * 8 / 10);
	ck_assert_uint_gt(log->tick, 1000);
	ck_assert_uint_gt(log->reclaimers, 50);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* ---- threads ---- */

enum { WRITERS = 4, EACH = 3 };

static struct {
	rondo_store *store;
	uint64_t tick, stop;
	uint64_t recorded[WRITERS], points[2];
} shared;

static uint64_t stopped(void)
{
	return __atomic_load_n(&shared.stop, __ATOMIC_RELAXED);
}

/* Its own series, at whatever tick it is; one of them is retired and continued now and then. */
static void *writing(void *arg)
{
	uint64_t w = (uint64_t)(uintptr_t)arg, last = 0;
	rondo_series *series[EACH];

	for (uint64_t i = 0; i < EACH; i++)
		register_numbered(shared.store, w * EACH + i, RONDO_GAUGE, &series[i]);
	while (!stopped()) {
		uint64_t tick = __atomic_load_n(&shared.tick, __ATOMIC_RELAXED);
		double values[EACH];

		for (uint64_t i = 0; i < EACH; i++) {
			int err;

			values[i] = value_of(w * EACH + i, tick);
			err = rondo_record(series[i], T0 + tick * MS, values[i]);
			expect(!err || err == RONDO_E_TOO_OLD, "record: %d", err);
			shared.recorded[w] += !err;
		}
		rondo_record_batch(series, values, EACH, T0 + tick * MS, NULL);
		if (tick > last + 500) {
			last = tick;
			ck_ok(rondo_series_retire(shared.store, series[0], T0 + tick * MS));
			register_numbered(shared.store, w * EACH, RONDO_GAUGE, &series[0]);
		}
	}
	return NULL;
}

static void *consolidating(void *arg)
{
	for (uint64_t i = 0; !stopped(); i++) {
		const struct timespec pause = { 0, 20000 };
		uint64_t tick = __atomic_load_n(&shared.tick, __ATOMIC_RELAXED) + 1;
		int err = rondo_consolidate(shared.store, T0 + tick * MS, i % 3 ? 0 : 5);

		expect(!err || err == RONDO_MORE, "consolidate: %d", err);
		__atomic_store_n(&shared.tick, tick, __ATOMIC_RELAXED);
		nanosleep(&pause, NULL);
	}
	return arg;
}

static void *reading(void *arg)
{
	uint64_t *n_points = arg;
	struct rondo_point points[64];

	while (!stopped()) {
		struct rondo_series_info info = { .size = sizeof(info) };
		rondo_iter *iter;

		ck_ok(rondo_iter_begin(shared.store, "m", &iter, NULL, 0));
		while (rondo_iter_next(iter, &info) == 1) {
			uint64_t n = strtoull(info.labels[0].value, NULL, 10);
			size_t got = read_points(shared.store, info.id, RONDO_TIER_AUTO,
						 RONDO_FN_LAST, 0, 0, points, 64);

			for (size_t i = 0; i < got; i++) {
				uint64_t tick = (points[i].ts_ns - T0) / MS;

				expect(points[i].value == value_of(n, tick) ||
					       (points[i].tier &&
						points[i].value == value_of(n, tick + 1)),
				       "series %d tick %d: %.17g", (int)n, (int)tick,
				       points[i].value);
			}
			*n_points += got;
		}
		rondo_iter_end(iter);
	}
	return NULL;
}

/* What else may be called meanwhile: other series come and go, the store is asked about itself. */
static void *registering(void *arg)
{
	for (uint64_t i = 0; !stopped(); i++) {
		uint64_t tick = __atomic_load_n(&shared.tick, __ATOMIC_RELAXED), newest;
		rondo_series *series = NULL;
		char name[24];

		snprintf(name, sizeof(name), "other%" PRIu64, i);
		if (!register_one(shared.store, name, NULL, NULL, RONDO_COUNTER, &series)) {
			rondo_add(series, T0 + tick * MS, 1);
			ck_ok(rondo_series_retire(shared.store, series, T0 + tick * MS));
		}
		store_info(shared.store);
		rondo_store_newest(shared.store, 0, &newest);
		if (i % 50 == 0)
			ck_ok(rondo_store_sync(shared.store));
	}
	return arg;
}

START_TEST(core_many_threads)
{
	struct rondo_schema schemas[] = { schema_short(WRITERS * EACH), schema_short(4) };
	pthread_t threads[WRITERS + 4];
	const struct timespec duration = { 1, 500000000 };
	int n = 0;

	/* only the others' slots change hands: a writer may be kept waiting after it has retired one */
	schemas[0].selector = "m";
	schemas[0].on_full = RONDO_ON_FULL_REFUSE;
	schemas[1].name = "others";
	shared.store = create(in_scratch("threads"), schemas, 2);
	consolidate(shared.store, T0);
	for (uintptr_t w = 0; w < WRITERS; w++)
		pthread_create(&threads[n++], NULL, writing, (void *)w);
	pthread_create(&threads[n++], NULL, consolidating, NULL);
	pthread_create(&threads[n++], NULL, reading, &shared.points[0]);
	pthread_create(&threads[n++], NULL, reading, &shared.points[1]);
	pthread_create(&threads[n++], NULL, registering, NULL);
	nanosleep(&duration, NULL);
	__atomic_store_n(&shared.stop, 1, __ATOMIC_RELAXED);
	while (n)
		pthread_join(threads[--n], NULL);
	for (int w = 0; w < WRITERS; w++)
		ck_assert_uint_gt(shared.recorded[w], 1000);
	ck_assert_uint_gt(shared.points[0] + shared.points[1], 1000);
	ck_ok(rondo_store_close(shared.store));
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_readers_see_nothing_that_was_not_recorded, 'C' },
		{ core_killed_200_times, 'C' },
		{ core_many_threads, 'C' },
	};

	return run_suite("lib_live", tests, LENGTH(tests));
}
