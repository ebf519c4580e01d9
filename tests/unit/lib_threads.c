// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Writers in threads, a consolidator, readers in threads and in other processes, and plain copies of
 * the files taken meanwhile: no torn value, no lost increment, no window closed wrong. Then fork and
 * second opens, as the Caveats of rondo.h have them. Series slots that change hands: lib_live.c.
 *
 * 10^7 points are read while 10^5 ticks are written; with RONDO_TEST_LONG=1 in the environment ten times
 * as many of both.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "lib_common.h"

#ifdef __SANITIZE_THREAD__ /* what it looks for does not need many */
#define READS  UINT64_C(500000)
#define TICKS  UINT64_C(10000)
#define COPIES 3
#else
#define READS  UINT64_C(10000000)
#define TICKS  UINT64_C(100000)
#define COPIES 20
#endif
#define LONG 10

enum { WRITERS = 3, EACH = 6, SERIES = WRITERS * EACH, READERS = 2, POINTS = 128 };
enum { RING = 3000, AHEAD = 1000 }; /* ticks; a writer of the slowest, and of consolidation */
enum { STEPS = 5 };                 /* calls per series and tick */
enum { WINDOW = 3, COARSE = 6 };
#define BEGIN ((T0 / (COARSE * MS) + 1) * COARSE * MS) /* of tick 0: windows begin there */

static const struct rondo_tier tiers[] = {
	{ .interval_ns = MS, .retention_ns = RING * MS },
	{ .interval_ns = WINDOW * MS, .retention_ns = 1500 * MS, .functions = ALL_FUNCTIONS },
	{ .interval_ns = COARSE * MS, .retention_ns = 9000 * MS, .functions = ALL_FUNCTIONS },
};

/* Shared with the processes. */
static struct shared {
	uint64_t tick[WRITERS]; /* that it is at; all before are done */
	uint64_t consolidated;  /* tick */
	uint64_t reads, copies, wrong;
	uint32_t stop;
	char what[200]; /* the first that was wrong */
} * shared;

/* What is read from. */
enum source { LIVE, COPY, CONSOLIDATED_COPY };

static rondo_store *store;
static rondo_series *series[SERIES];

static bool is_counter(uint64_t n)
{
	return n % 2;
}

/* What a gauge says at step 1 to STEPS of a tick; a counter adds n + 1 at each. */
static double gauge_value(uint64_t n, uint64_t tick, uint64_t step)
{
	return (double)(n * UINT64_C(10000000000) + tick * 8 + step);
}

static void wrong(uint64_t n, const struct rondo_point *p, enum rondo_function function,
		  const char *who)
{
	if (__atomic_fetch_add(&shared->wrong, 1, __ATOMIC_RELAXED) == 0)
		snprintf(shared->what, sizeof(shared->what),
			 "%s: series %d, tier %u, function %d, tick %d: %.17g, known %u", who,
			 (int)n, p->tier, (int)function, (int)((p->ts_ns - BEGIN) / MS), p->value,
			 p->known);
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
}

/* ---- judging ---- */

/* A tick's value at any of its steps. */
static bool tick_right(uint64_t n, uint64_t tick, double value)
{
	for (uint64_t step = 1; step <= STEPS; step++)
		if (value ==
		    (is_counter(n) ? (double)(step * (n + 1)) : gauge_value(n, tick, step)))
			return true;
	return false;
}

/* A window's, of ticks that were all done. */
static bool window_right(uint64_t n, const struct rondo_point *p, enum rondo_function function)
{
	uint64_t ticks = p->tier == 1 ? WINDOW : COARSE, first = (p->ts_ns - BEGIN) / MS;
	uint64_t last = first + ticks - 1, from = first;
	double want = 0;

	if (p->known != ticks)
		return false;
	switch (function) {
	case RONDO_FN_SUM:
		for (; from <= last; from++)
			want += is_counter(n) ? (double)(STEPS * (n + 1))
					      : gauge_value(n, from, STEPS);
		break;
	case RONDO_FN_TOTAL:
		want = (double)(STEPS * (n + 1) * (last + 1));
		break;
	case RONDO_FN_MIN:
		want = is_counter(n) ? (double)(STEPS * (n + 1)) : gauge_value(n, first, STEPS);
		break;
	default:
		want = is_counter(n) ? (double)(STEPS * (n + 1)) : gauge_value(n, last, STEPS);
	}
	return p->value == want;
}

/*
 * In a copy that its opener consolidated: any of the ticks, each at any step, may be what a window was
 * made of.
 */
static bool copied_window_right(uint64_t n, const struct rondo_point *p,
				enum rondo_function function)
{
	uint64_t ticks = p->tier == 1 ? WINDOW : COARSE, first = (p->ts_ns - BEGIN) / MS;
	double per = (double)(n + 1);

	if (p->known < 1 || p->known > ticks)
		return false;
	if (is_counter(n) && function == RONDO_FN_SUM)
		return p->value >= per && p->value <= (double)ticks * STEPS * per &&
		       p->value / per == (double)(uint64_t)(p->value / per);
	if (function == RONDO_FN_SUM)
		return p->value >= (double)p->known * gauge_value(n, first, 1) &&
		       p->value <= (double)p->known * gauge_value(n, first + ticks - 1, STEPS);
	for (uint64_t tick = first; tick < first + ticks; tick++)
		if (tick_right(n, tick, p->value))
			return true;
	return false;
}

/* Of a counter, at a tick: all before it is done, it is at some step. */
static bool total_right(uint64_t n, uint64_t tick, double value)
{
	double before = (double)(STEPS * (n + 1) * tick);

	for (uint64_t step = 1; step <= STEPS; step++)
		if (value == before + (double)(step * (n + 1)))
			return true;
	return false;
}

static bool point_right(uint64_t n, const struct rondo_point *p, enum rondo_function function,
			enum source source)
{
	uint64_t tick = (p->ts_ns - BEGIN) / MS;

	if (p->tier == 0)
		return function == RONDO_FN_TOTAL ? total_right(n, tick, p->value)
						  : tick_right(n, tick, p->value);
	return source == CONSOLIDATED_COPY ? copied_window_right(n, p, function)
					   : window_right(n, p, function);
}

/* A tick from which on to read: where the writer is, where it was a lap ago, anywhere. */
static uint64_t random_start(uint64_t n)
{
	uint64_t tick = __atomic_load_n(&shared->tick[n / EACH], __ATOMIC_RELAXED);
	uint64_t back = random_below(40);

	switch (random_below(4)) {
	case 0:
		return random_below(tick + 1);
	case 1:
		back += RING - 10;
	}
	return tick > back ? tick - back : 0;
}

/* Reads one series at random; the number of points. */
static size_t read_one(rondo_store *from, const rondo_id *ids, enum source source, const char *who)
{
	static const enum rondo_function functions[] = { RONDO_FN_SUM, RONDO_FN_LAST, RONDO_FN_MIN,
							 RONDO_FN_TOTAL };
	uint64_t n = random_below(SERIES);
	enum rondo_function f = functions[random_below(is_counter(n) ? 4 : 3)];
	struct rondo_range range = { .size = sizeof(range), .function = f };
	struct rondo_point points[POINTS];
	size_t got = 0;

	range.start_ns = BEGIN + random_start(n) * MS;
	range.end_ns = range.start_ns + POINTS * MS;
	range.tier = (uint32_t)random_below(4);
	if (range.tier == 3)
		range.tier = RONDO_TIER_AUTO;
	/* totals of a copy may lack what the copy lacks */
	if (f == RONDO_FN_TOTAL && source != LIVE &&
	    (range.tier == 0 || range.tier > 2 || source == CONSOLIDATED_COPY))
		return 0;
	if (rondo_read(from, ids[n], &range, points, POINTS, &got))
		return 0;
	for (size_t i = 0; i < got; i++)
		if (!point_right(n, &points[i], f, source))
			wrong(n, &points[i], f, who);
	return got;
}

/* ---- who does what ---- */

static bool stopped(void)
{
	return __atomic_load_n(&shared->stop, __ATOMIC_RELAXED);
}

static uint64_t slowest(void)
{
	uint64_t least = UINT64_MAX;

	for (int w = 0; w < WRITERS; w++) {
		uint64_t tick = __atomic_load_n(&shared->tick[w], __ATOMIC_ACQUIRE);

		least = tick < least ? tick : least;
	}
	return least;
}

static void *writer(void *arg)
{
	uint64_t w = (uintptr_t)arg;

	for (uint64_t tick = 0; !stopped(); tick++) {
		__atomic_store_n(&shared->tick[w], tick, __ATOMIC_RELEASE);
		/* not so far ahead that the ring runs over before it is consolidated */
		while (tick > __atomic_load_n(&shared->consolidated, __ATOMIC_ACQUIRE) + AHEAD &&
		       !stopped())
			sched_yield();
		for (uint64_t step = 1; step <= STEPS; step++) {
			for (uint64_t n = w * EACH; n < (w + 1) * EACH; n++) {
				uint64_t ts = BEGIN + tick * MS + step;
				int err = is_counter(n) ? rondo_add(series[n], ts, (double)(n + 1))
							: rondo_record(series[n], ts,
								       gauge_value(n, tick, step));

				if (err)
					wrong(n, &(struct rondo_point){ .ts_ns = ts, .value = err },
					      0, "writer");
			}
		}
	}
	return NULL;
}

static void *consolidator(void *arg)
{
	for (uint64_t i = 0; !stopped(); i++) {
		uint64_t tick = slowest();
		int err = rondo_consolidate(store, BEGIN + tick * MS, i % 4 ? 0 : 10);

		if (err < 0)
			wrong(0, &(struct rondo_point){ .value = err }, 0, "consolidator");
		if (err == 0)
			__atomic_store_n(&shared->consolidated, tick, __ATOMIC_RELEASE);
		sched_yield();
	}
	return arg;
}

static void read_all_the_time(rondo_store *from, const char *who)
{
	rondo_id ids[SERIES];
	char name[16];

	for (int n = 0; n < SERIES; n++) {
		snprintf(name, sizeof(name), "s%d", n);
		ids[n] = id_of_name(from, name);
	}
	while (!stopped()) {
		size_t n = 0;

		for (int i = 0; i < 1000; i++)
			n += read_one(from, ids, LIVE, who);
		__atomic_fetch_add(&shared->reads, n, __ATOMIC_RELAXED);
	}
}

static void *reader_thread(void *arg)
{
	read_all_the_time(store, "reader in a thread");
	return arg;
}

/* As cp does it. */
static void copy_files(const char *from, const char *to)
{
	static const char *const names[] = { "store.rondo", "t.t0.slab", "t.t1.slab", "t.t2.slab" };
	static char buffer[4096];
	char path[400];

	mkdir(to, 0755);
	for (size_t i = 0; i < LENGTH(names); i++) {
		ssize_t n;
		int in, out;

		snprintf(path, sizeof(path), "%s/%s", from, names[i]);
		in = open(path, O_RDONLY);
		snprintf(path, sizeof(path), "%s/%s", to, names[i]);
		out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		while ((n = read(in, buffer, sizeof(buffer))) > 0)
			if (write(out, buffer, (size_t)n) != n)
				_exit(3);
		close(in);
		close(out);
	}
}

static void copier(const char *from, const char *to)
{
	char name[16];

	while (!stopped()) {
		rondo_id ids[SERIES];

		copy_files(from, to);
		for (int writes = 0; writes < 2; writes++) {
			rondo_store *copy = reopen(to, writes ? 0 : RONDO_OPEN_READ_ONLY);

			for (int n = 0; n < SERIES; n++) {
				snprintf(name, sizeof(name), "s%d", n);
				ids[n] = id_of_name(copy, name);
			}
			if (writes)
				consolidate(copy, BEGIN + (slowest() + 20) * MS);
			for (int i = 0; i < 200; i++)
				read_one(copy, ids, writes ? CONSOLIDATED_COPY : COPY,
					 writes ? "copy, consolidated" : "copy");
			ck_ok(rondo_store_close(copy));
		}
		__atomic_fetch_add(&shared->copies, 1, __ATOMIC_RELAXED);
	}
}

/* ---- all at once ---- */

static pid_t start_process(const char *path, int number)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	random_state += (uint64_t)number * 1000003;
	if (number < READERS)
		read_all_the_time(reopen(path, RONDO_OPEN_READ_ONLY), "reader in a process");
	else
		copier(path, in_scratch("copy"));
	_exit(0);
}

/* Every tick that the ring holds has all of its increments. */
static void nothing_lost(void)
{
	static struct rondo_point points[RING + POINTS];

	for (uint64_t n = 0; n < SERIES; n++) {
		uint64_t end = shared->tick[n / EACH];
		size_t got = read_points(store, rondo_series_id(store, series[n]), 0, RONDO_FN_SUM,
					 0, BEGIN + end * MS, points, LENGTH(points));

		ck_assert_uint_ge(got, RING);
		for (size_t i = 0; i < got; i++) {
			uint64_t tick = (points[i].ts_ns - BEGIN) / MS;

			ck_assert_uint_eq(tick, end - got + i);
			ck_assert(points[i].value == (is_counter(n) ? (double)(STEPS * (n + 1))
								    : gauge_value(n, tick, STEPS)));
		}
	}
}

START_TEST(core_readers_and_copies_against_writers)
{
	struct rondo_schema schema = schema_of_tiers("t", tiers, LENGTH(tiers), SERIES);
	uint64_t times = long_form() ? LONG : 1;
	const struct timespec pause = { 0, 5000000 };
	const char *path = in_scratch("threads");
	pthread_t threads[WRITERS + 2];
	pid_t pids[READERS + 1];
	char name[16];
	int status;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert((void *)shared != MAP_FAILED);
	schema.grace_ns = 6 * MS;
	store = create(path, &schema, 1);
	consolidate(store, BEGIN);
	for (uint64_t n = 0; n < SERIES; n++) {
		snprintf(name, sizeof(name), "s%d", (int)n);
		series[n] = is_counter(n) ? counter(store, name) : gauge(store, name);
	}
	for (int i = 0; i <= READERS; i++)
		pids[i] = start_process(path, i);
	for (uintptr_t w = 0; w < WRITERS; w++)
		pthread_create(&threads[w], NULL, writer, (void *)w);
	pthread_create(&threads[WRITERS], NULL, consolidator, NULL);
	pthread_create(&threads[WRITERS + 1], NULL, reader_thread, NULL);
	while (!stopped() && (__atomic_load_n(&shared->reads, __ATOMIC_RELAXED) < times * READS ||
			      slowest() < times * TICKS ||
			      __atomic_load_n(&shared->copies, __ATOMIC_RELAXED) < COPIES)) {
		progress("points read", __atomic_load_n(&shared->reads, __ATOMIC_RELAXED),
			 times * READS);
		nanosleep(&pause, NULL);
	}
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < WRITERS + 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i <= READERS; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_msg(status == 0, "process %d: status 0x%x", i, (unsigned int)status);
	}
	ck_assert_msg(!shared->wrong, "%d wrong; %s", (int)shared->wrong, shared->what);
	printf("# %d ticks, %d points read, %d copies\n", (int)slowest(), (int)shared->reads,
	       (int)shared->copies);
	nothing_lost();
	ck_ok(rondo_store_close(store));
}
END_TEST

/* ---- fork and second opens ---- */

/* Whether this process has a file of the store mapped. */
static bool mapped(const char *path)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[1024];
	bool found = false;

	while (maps && fgets(line, sizeof(line), maps))
		found = found || strstr(line, path);
	if (maps)
		fclose(maps);
	return found;
}

static int in_child(int (*what)(const char *path), const char *path)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(what(path));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int has_mapping(const char *path)
{
	return mapped(path);
}

static int open_for_writing(const char *path)
{
	rondo_store *second;

	return -open_with(path, NULL, 0, 0, &second);
}

static int open_for_reading(const char *path)
{
	rondo_store *second;

	return -open_with(path, NULL, 0, RONDO_OPEN_READ_ONLY, &second);
}

START_TEST(core_a_forked_child_has_no_mapping_and_no_lock)
{
	const struct rondo_schema schema = schema_small(3);
	const char *path = in_scratch("forked");
	rondo_store *s = create(path, &schema, 1);
	rondo_series *g = gauge(s, "g");

	ck_assert(mapped(path));
	ck_assert_int_eq(in_child(has_mapping, path), 0);
	ck_assert_int_eq(in_child(open_for_writing, path), -RONDO_E_LOCKED);
	ck_assert_int_eq(in_child(open_for_reading, path), 0);
	/* children have ended, with all their descriptors: it is still ours */
	ck_assert_int_eq(in_child(open_for_writing, path), -RONDO_E_LOCKED);
	ck_assert_int_eq(open_for_writing(path), -RONDO_E_LOCKED);
	consolidate(s, T0);
	ck_ok(rondo_record(g, T0, 1));
	ck_ok(rondo_store_close(s));
	ck_assert_int_eq(in_child(open_for_writing, path), 0);
}
END_TEST

START_TEST(errors_a_child_that_lives_on_kept_a_closed_store_locked)
{
	const struct rondo_schema schema = schema_small(3);
	const char *path = in_scratch("orphan");
	rondo_store *s = create(path, &schema, 1);
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	ck_ok(rondo_store_close(s));
	s = reopen(path, 0);
	ck_ok(rondo_store_close(s));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

/* The Caveats: a child that lives on keeps the lock of a parent that was killed, until it ends. */
START_TEST(limits_a_child_keeps_the_lock_of_a_killed_parent)
{
	const struct rondo_schema schema = schema_small(3);
	const char *path = in_scratch("killed-parent");
	int pipes[2], status, err;
	rondo_store *s;
	pid_t parent, child = 0;

	ck_assert_int_eq(pipe(pipes), 0);
	parent = fork();
	if (parent == 0) {
		s = create(path, &schema, 1);
		child = fork();
		if (child == 0)
			for (;;)
				pause();
		if (write(pipes[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(pipes[0], &child, sizeof(child)), sizeof(child));
	ck_err(open_with(path, NULL, 0, 0, &s), RONDO_E_LOCKED);
	kill(parent, SIGKILL);
	ck_assert_int_eq(waitpid(parent, &status, 0), parent);
	ck_err(open_with(path, NULL, 0, 0, &s), RONDO_E_LOCKED);
	ck_assert_ptr_nonnull(strstr(detail, "a child of a writer that was killed"));
	/* readers need no lock */
	ck_ok(rondo_store_close(reopen(path, RONDO_OPEN_READ_ONLY)));
	kill(child, SIGKILL);
	for (int tries = 0; (err = open_with(path, NULL, 0, 0, &s)) && tries < 1000; tries++)
		usleep(10000);
	ck_ok(err);
	ck_assert_uint_eq(store_info(s).unclean_opens, 1);
	ck_ok(rondo_store_close(s));
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_readers_and_copies_against_writers, 'C' },
		{ core_a_forked_child_has_no_mapping_and_no_lock, 'C' },
		{ limits_a_child_keeps_the_lock_of_a_killed_parent, 'L' },
		{ errors_a_child_that_lives_on_kept_a_closed_store_locked, 'E' },
	};

	return run_suite("lib_threads", tests, LENGTH(tests));
}
