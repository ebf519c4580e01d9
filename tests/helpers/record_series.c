// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * record_series - writes stores with known contents, for tests of what reads them
 *
 *	record_series fill STORE START_S SECONDS [PHASE]
 *		Records SECONDS one-second ticks from START_S on, by formulas that tests/export_check.py
 *		knows, too. With PHASE 2 an existing store is continued, as after a restart.
 *	record_series clash STORE START_S
 *		Two series that exporters would give one name.
 *	record_series histograms STORE START_S SECONDS SERIES
 *		Histograms that tests/native/percentiles.sh knows the formula of.
 *	record_series live STORE SERIES
 *		Counters at the wall clock's time, consolidating four times a second, until it is killed.
 *		Prints "ready" when the first values are in.
 *
 * It knows nothing of the tools, and checks every return code.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rondo.h>

#define S UINT64_C(1000000000)

static void must(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "record_series: %s: %s\n", what, rondo_strerror(err));
	exit(1);
}

/* Two classes: one that keeps everything for long, one without upper tiers. */
static rondo_store *open_store(const char *path, uint32_t max_series)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = S, .retention_ns = 600 * S },
		{ .interval_ns = 10 * S,
		  .retention_ns = 21600 * S,
		  .functions = RONDO_FNS_AVG | RONDO_FNS_MIN | RONDO_FNS_MAX | RONDO_FNS_LAST |
			       RONDO_FNS_SUM | RONDO_FNS_TOTAL },
		{ .interval_ns = 300 * S,
		  .retention_ns = 7 * 86400 * S,
		  .functions = RONDO_FNS_SUM | RONDO_FNS_MAX },
	};
	struct rondo_schema schemas[] = {
		{ .size = sizeof(schemas[0]),
		  .name = "fast",
		  .selector = "{__name__=~\"quick_.*\"}",
		  .tiers = tiers,
		  .n_tiers = 1,
		  .max_series = 4 },
		{ .size = sizeof(schemas[0]),
		  .name = "all",
		  .tiers = tiers,
		  .n_tiers = 3,
		  .max_series = max_series },
	};
	char detail[256] = "";
	struct rondo_open_opts opts = {
		.size = sizeof(opts),
		.flags = RONDO_OPEN_CREATE,
		.schemas = schemas,
		.n_schemas = 2,
		.detail = detail,
		.detail_size = sizeof(detail),
	};
	rondo_store *store;
	int err = rondo_store_open(path, &opts, &store);

	if (err)
		fprintf(stderr, "record_series: %s\n", detail);
	must(err, path);
	return store;
}

static rondo_series *series(rondo_store *store, const char *name, enum rondo_kind kind,
			    const char *unit, const char *help, const char *instance,
			    const char *vcpu)
{
	struct rondo_label labels[] = { { "vcpu", vcpu }, { "instance", instance } };
	struct rondo_series_def def = {
		.size = sizeof(def),
		.name = name,
		.labels = vcpu ? labels : labels + 1,
		.n_labels = vcpu ? 2 : 1,
		.kind = kind,
		.unit = unit,
		.help = help,
	};
	rondo_series *s;

	must(rondo_series_register(store, &def, &s), name);
	return s;
}

/* What a VM must never be called: quotes, backslashes, newlines, commas, braces, and not ASCII. */
static const char hostile[] = "a\"b\\c\nd,{e}=f \xc3\xa9\xe2\x82\xac \\n#";

enum { STEAL0, STEAL1, EXITS, LAG, BALLOON, QUICK, GONE, LOST, N_SERIES };

static void register_all(rondo_store *store, rondo_series *s[N_SERIES])
{
	s[STEAL0] = series(store, "vcpu_steal_ns", RONDO_COUNTER, "ns", "runnable, not \"running\"",
			   "vm-1", "0");
	/* Between the two in the directory, so that families must be gathered. */
	s[EXITS] = series(store, "vcpu_exits_total", RONDO_COUNTER, "", "exits\nof all\\some",
			  "vm-1", "0");
	s[STEAL1] = series(store, "vcpu_steal_ns", RONDO_COUNTER, "ns", NULL, hostile, "1");
	s[LAG] = series(store, "drain_lag_ns", RONDO_GAUGE, "ns", NULL, "vm-1", NULL);
	s[BALLOON] = series(store, "balloon_bytes", RONDO_GAUGE, "bytes", "balloon", hostile, NULL);
	s[QUICK] = series(store, "quick_level", RONDO_GAUGE, "", NULL, "vm-1", NULL);
	s[GONE] = series(store, "vcpu_steal_ns", RONDO_COUNTER, "ns", NULL, "vm-dead", "0");
	s[LOST] =
		series(store, "collector_events_lost_total", RONDO_COUNTER, "", NULL, "host", NULL);
}

/*
 * The formulas, of the second t counted from the very first one. Gaps: STEAL1 misses every 7th
 * second and all of [900, 1400); LAG is known every 3rd second only; GONE ends at 400.
 */
static void fill_second(rondo_series *s[N_SERIES], uint64_t start, uint64_t t)
{
	uint64_t now = (start + t) * S + t % 5 * 100000007;

	must(rondo_add(s[STEAL0], now, (double)(t * 1000003 % 999999937)), "steal0");
	must(rondo_add(s[STEAL0], now + 1, 1), "steal0");
	if (t % 7 && (t < 900 || t >= 1400))
		must(rondo_add(s[STEAL1], now, (double)(t * 31 + 1)), "steal1");
	for (uint64_t i = 0; i < t % 4; i++)
		must(rondo_add(s[EXITS], now, 1), "exits");
	if (t % 3 == 0)
		must(rondo_record(s[LAG], now, (double)(t + 1) * 0.1), "lag");
	must(rondo_record(s[BALLOON], now, (double)(t % 100) * 1048576), "balloon");
	must(rondo_record(s[QUICK], now, -1.0 / (double)(t + 3)), "quick");
	if (t < 400)
		must(rondo_add(s[GONE], now, 17), "gone");
	must(rondo_add(s[LOST], now, 0), "lost");
}

static int fill(const char *path, uint64_t start, uint64_t seconds, int phase)
{
	rondo_store *store = open_store(path, 16);
	uint64_t from = phase == 2 ? seconds / 2 : 0, to = phase == 1 ? seconds / 2 : seconds;
	rondo_series *s[N_SERIES];

	register_all(store, s);
	must(rondo_consolidate(store, (start + from) * S, 0), "consolidate");
	for (uint64_t t = from; t < to; t++) {
		fill_second(s, start, t);
		must(rondo_consolidate(store, (start + t + 1) * S, 0), "consolidate");
		if (t == 400)
			must(rondo_series_retire(store, s[GONE], (start + t) * S), "retire");
		if (t == from && from > 400)
			must(rondo_series_retire(store, s[GONE], (start + t) * S), "retire");
	}
	if (phase == 1)
		_Exit(0); /* as killed: nothing is closed */
	must(rondo_store_close(store), "close");
	return 0;
}

static int clash(const char *path, uint64_t start)
{
	rondo_store *store = open_store(path, 16);
	rondo_series *a = series(store, "x_ns", RONDO_COUNTER, "ns", NULL, "vm-1", NULL);
	rondo_series *b = series(store, "x_seconds_total", RONDO_COUNTER, "s", NULL, "vm-1", NULL);

	must(rondo_consolidate(store, start * S, 0), "consolidate");
	must(rondo_add(a, start * S, 1), "add");
	must(rondo_add(b, start * S, 1), "add");
	must(rondo_store_close(store), "close");
	return 0;
}

/* Each second of each series i, (7 t + 3 i) mod 11 values, the k-th (31 t + 17 i + 13 k) mod 997. */
static int histograms(const char *path, uint64_t start, uint64_t seconds, unsigned int n)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = S, .retention_ns = 120 * S },
		{ .interval_ns = 10 * S, .retention_ns = 1200 * S },
		{ .interval_ns = 60 * S, .retention_ns = 3600 * S },
	};
	static const double bounds[] = { 10, 50, 100, 200, 400, 800 };
	const struct rondo_schema schema = { .size = sizeof(schema),
					     .name = "h",
					     .tiers = tiers,
					     .n_tiers = 3,
					     .max_series = 16,
					     .bounds = bounds,
					     .n_bounds = 6 };
	struct rondo_open_opts opts = {
		.size = sizeof(opts), .flags = RONDO_OPEN_CREATE, .schemas = &schema, .n_schemas = 1
	};
	static const char *const vcpus[] = { "0", "1", "2", "3", "4", "5", "6", "7" };
	rondo_series *s[8];
	rondo_store *store;

	must(n <= 8 ? 0 : RONDO_E_INVALID, "series");
	must(rondo_store_open(path, &opts, &store), path);
	for (unsigned int i = 0; i < n; i++)
		s[i] = series(store, "wait_ns", RONDO_HISTOGRAM, "ns", NULL, "vm-1", vcpus[i]);
	must(rondo_consolidate(store, start * S, 0), "consolidate");
	for (uint64_t t = 0; t < seconds; t++) {
		for (uint64_t i = 0; i < n; i++)
			for (uint64_t k = 0; k < (7 * t + 3 * i) % 11; k++)
				must(rondo_observe(s[i], (start + t) * S,
						   (double)((31 * t + 17 * i + 13 * k) % 997)),
				     "observe");
		must(rondo_consolidate(store, (start + t + 1) * S, 0), "consolidate");
	}
	must(rondo_store_close(store), "close");
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * S + (uint64_t)ts.tv_nsec;
}

static int live(const char *path, unsigned int n)
{
	rondo_store *store = open_store(path, n);
	rondo_series **s = calloc(n + 1, sizeof(*s));
	struct timespec pause = { .tv_nsec = 250000000 / 64 };

	if (!s)
		return 1;
	for (unsigned int i = 0; i < n; i++) {
		char vcpu[16];

		snprintf(vcpu, sizeof(vcpu), "%u", i);
		s[i] = series(store, "vcpu_steal_ns", RONDO_COUNTER, "ns", NULL, "vm-live", vcpu);
	}
	for (uint64_t round = 0;; round++) {
		uint64_t now = now_ns();

		for (unsigned int i = 0; i < n; i++)
			must(rondo_add(s[i], now, 1 + i), "add");
		if (round % 64 == 0)
			must(rondo_consolidate(store, now, 0), "consolidate");
		if (round == 0) {
			puts("ready");
			fflush(stdout);
		}
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	uint64_t a = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	uint64_t b = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;

	if (argc >= 5 && !strcmp(argv[1], "fill"))
		return fill(argv[2], a, b, argc > 5 ? atoi(argv[5]) : 0);
	if (argc == 4 && !strcmp(argv[1], "clash"))
		return clash(argv[2], a);
	if (argc == 6 && !strcmp(argv[1], "histograms"))
		return histograms(argv[2], a, b, (unsigned int)atoi(argv[5]));
	if (argc == 4 && !strcmp(argv[1], "live"))
		return live(argv[2], (unsigned int)a);
	fputs("usage: record_series fill STORE START_S SECONDS [PHASE] | clash STORE START_S | "
	      "histograms STORE START_S SECONDS SERIES | live STORE SERIES\n",
	      stderr);
	return 2;
}
