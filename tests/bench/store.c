// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * store.c - what librondo's calls cost, each beside a plain C loop that does the same work in memory
 *
 * Ratios within one run mean something; the absolutes are this machine's.  Every figure is the
 * best of several rounds of many operations: the clock is read around rounds, never around one
 * operation.  Usage: store [DIRECTORY], default a new one under $TMPDIR or /tmp.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rondo.h>

#define SEC	UINT64_C(1000000000)
#define ROUNDS	7
#define T0	(UINT64_C(1700000000) * SEC)
#define SLOTS	600
#define MANY	10000

static char directory[256];

static void die(const char *what, int err)
{
	fprintf(stderr, "bench: %s: %s\n", what, rondo_strerror(err));
	exit(1);
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* ---- the table ---- */

static void line(const char *name, double value, const char *unit, const char *baseline,
		 double baseline_value)
{
	if (baseline)
		printf("%-44s %10.2f %-10s %-34s %10.2f %8.2f\n", name, value, unit, baseline,
		       baseline_value, value / baseline_value);
	else
		printf("%-44s %10.2f %-10s\n", name, value, unit);
}

/* ---- a store to measure ---- */

static rondo_store *store_new(const char *name, uint32_t series)
{
	static const struct rondo_tier tiers[] = {
		{ SEC, 600 * SEC, 0, 0 },
		{ 10 * SEC, 6 * 3600 * SEC, RONDO_FNS_SUM | RONDO_FNS_MAX, 0 },
		{ 300 * SEC, 7 * 86400 * SEC, RONDO_FNS_SUM | RONDO_FNS_MAX, 0 },
	};
	struct rondo_schema schema = { .size = sizeof(schema), .name = "bench", .tiers = tiers,
				       .n_tiers = 3, .max_series = series };
	char detail[256], path[512];
	struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_CREATE,
					.schemas = &schema, .n_schemas = 1, .detail = detail,
					.detail_size = sizeof(detail) };
	rondo_store *store;
	int err;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	err = rondo_store_open(path, &opts, &store);
	if (err)
		die(detail, err);
	return store;
}

static rondo_series *series_new(rondo_store *store, unsigned int i, enum rondo_kind kind)
{
	char vcpu[16];
	struct rondo_label labels[] = { { "instance", "bench" }, { "vcpu", vcpu } };
	struct rondo_series_def def = { .size = sizeof(def), .name = "bench_ns", .labels = labels,
					.n_labels = 2, .kind = kind, .unit = "ns" };
	rondo_series *series;
	int err;

	snprintf(vcpu, sizeof(vcpu), "%u", i);
	err = rondo_series_register(store, &def, &series);
	if (err)
		die("register", err);
	return series;
}

/* Runs body ROUNDS times; yields the best time per operation in ns. */
#define BEST(result, operations, body)                                                             \
	do {                                                                                       \
		double best_ = 1e30;                                                               \
		for (int round_ = 0; round_ < ROUNDS; round_++) {                                  \
			double t_ = now_ns();                                                      \
			body;                                                                      \
			t_ = (now_ns() - t_) / (double)(operations);                               \
			best_ = t_ < best_ ? t_ : best_;                                           \
		}                                                                                  \
		(result) = best_;                                                                  \
	} while (0)

/* ---- one series, hot ---- */

static void bench_hot(void)
{
	enum { N = 20000000 };
	rondo_store *store = store_new("hot", 8);
	rondo_series *gauge = series_new(store, 0, RONDO_GAUGE);
	rondo_series *counter = series_new(store, 1, RONDO_COUNTER);
	static volatile double ring[SLOTS];
	double plain, ours, plain_add, ours_add, each;
	uint64_t ts = T0, refused = 0;

	BEST(plain, N, for (int i = 0; i < N; i++) ring[i % SLOTS] = i);
	BEST(ours, N, for (int i = 0; i < N; i++) refused += rondo_record(gauge, T0, i) != 0);
	BEST(each, N / 10, for (int i = 0; i < N / 10; i++, ts += SEC) {
		refused += rondo_record(gauge, ts, i) != 0;
	});
	BEST(plain_add, N, for (int i = 0; i < N; i++) ring[0] += 1.5);
	BEST(ours_add, N, for (int i = 0; i < N; i++) refused += rondo_add(counter, T0, 1.5) != 0);
	line("record, same tick", ours, "ns/op", "store round a 600-slot ring", plain);
	line("record, a new tick each", each, "ns/op", "store round a 600-slot ring", plain);
	line("add, same tick", ours_add, "ns/op", "slot += d in memory", plain_add);
	if (refused)
		die("hot samples were refused", RONDO_E_INVALID);
	rondo_store_close(store);
}

/* ---- ticks of many series ---- */

struct many {
	rondo_store *store;
	rondo_series *series[MANY];
	double values[MANY];
};

static void bench_register(struct many *many)
{
	double t = now_ns();

	many->store = store_new("many", MANY);
	line("create, 10,000 series", (now_ns() - t) / 1e6, "ms", NULL, 0);
	t = now_ns();
	for (unsigned int i = 0; i < MANY; i++)
		many->series[i] = series_new(many->store, i, RONDO_COUNTER);
	line("register 10,000", (now_ns() - t) / 1e6, "ms", NULL, 0);
	for (unsigned int i = 0; i < MANY; i++)
		many->values[i] = i;
}

/*
 * 60 ticks of all series, three times: by record, by batch, and the plain loop (a row-major matrix).
 * Consolidation runs each tick, as its user would have it, and is timed apart.
 */
static void bench_ticks(struct many *many)
{
	enum { TICKS = 60 };
	static double matrix[SLOTS / 10][MANY];
	double loop = 0, batch = 0, plain = 0, consolidate = 0, peak = 0, idle, t;
	uint64_t ts = T0;
	size_t refused = 0, bad;

	for (int tick = -6; tick < 2 * TICKS; tick++, ts += SEC) {
		t = now_ns();
		if (tick < TICKS) {
			for (unsigned int i = 0; i < MANY; i++)
				refused += rondo_add(many->series[i], ts, many->values[i]) != 0;
			loop += tick < 0 ? 0 : now_ns() - t;
		} else {
			rondo_record_batch(many->series, many->values, MANY, ts, &bad);
			refused += bad;
			batch += now_ns() - t;
		}
		t = now_ns();
		rondo_consolidate(many->store, ts, 0);
		t = now_ns() - t;
		consolidate += tick < 0 ? 0 : t;
		peak = t > peak ? t : peak;
	}
	for (int round = 0; round < 2; round++)
		for (int tick = 0; tick < TICKS; tick++) {
			t = now_ns();
			for (unsigned int i = 0; i < MANY; i++)
				((volatile double *)matrix[tick])[i] = many->values[i];
			plain += round ? now_ns() - t : 0;
		}
	BEST(idle, 1000, for (int i = 0; i < 1000; i++) rondo_consolidate(many->store, ts - SEC, 0));
	loop /= (double)TICKS * MANY;
	batch /= (double)TICKS * MANY;
	plain /= (double)TICKS * MANY;
	line("tick of 10,000 series, a call each", loop, "ns/sample", "row of a matrix in memory", plain);
	line("tick of 10,000 series, batch", batch, "ns/sample", "a call each", loop);
	line("consolidate at 1 Hz, mean", consolidate / (2.0 * TICKS * MANY), "ns/series", NULL, 0);
	line("consolidate at 1 Hz, longest call", peak / 1e3, "us", NULL, 0);
	line("consolidate, nothing due", idle, "ns/call", NULL, 0);
	if (refused)
		die("samples were refused", RONDO_E_INVALID);
}

/* ---- reading ---- */

static void bench_read(struct many *many)
{
	enum { N = 10000 };
	rondo_store *store = store_new("read", 16);
	rondo_series *series = series_new(store, 0, RONDO_COUNTER);
	rondo_id id = rondo_series_id(store, series);
	struct rondo_point points[SLOTS];
	struct rondo_range range = { .size = sizeof(range), .start_ns = T0,
				     .end_ns = T0 + SLOTS * SEC, .tier = 0,
				     .function = RONDO_FN_SUM };
	double all, ten;
	size_t n = 0;

	for (uint64_t t = 0; t < SLOTS; t++)
		rondo_add(series, T0 + t * SEC, 1);
	BEST(all, N, for (int i = 0; i < N; i++) rondo_read(store, id, &range, points, SLOTS, &n));
	if (n != SLOTS)
		die("read: points are missing", RONDO_E_INVALID);
	range.start_ns = range.end_ns - 10 * SEC;
	BEST(ten, N, for (int i = 0; i < N; i++) rondo_read(store, id, &range, points, SLOTS, &n));
	line("read 600 points, by id", all / SLOTS, "ns/point", NULL, 0);
	line("read 10 points, by id", ten, "ns/call", "read 600 points", all);
	rondo_store_close(store);
	(void)many;
}

static void bench_open(struct many *many)
{
	struct rondo_open_opts opts = { .size = sizeof(opts) };
	char path[512];
	double t;
	int err;

	snprintf(path, sizeof(path), "%s/many", directory);
	rondo_store_close(many->store);
	t = now_ns();
	err = rondo_store_open(path, &opts, &many->store);
	if (err)
		die("open", err);
	line("open for writing, 10,000 series, warm", (now_ns() - t) / 1e6, "ms", NULL, 0);
	rondo_store_close(many->store);
}

int main(int argc, char **argv)
{
	static struct many many;
	const char *tmp = getenv("TMPDIR");
	char command[300];

	snprintf(directory, sizeof(directory), "%s/rondo-bench.XXXXXX",
		 argc > 1 ? argv[1] : tmp ? tmp : "/tmp");
	if (!mkdtemp(directory)) {
		perror(directory);
		return 1;
	}
	printf("%-44s %10s %-10s %-34s %10s %8s\n", "what", "value", "unit", "baseline", "value",
	       "ratio");
	bench_hot();
	bench_register(&many);
	bench_ticks(&many);
	bench_read(&many);
	bench_open(&many);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command) != 0;
}
