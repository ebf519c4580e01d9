// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bench_stalls.c - how long single recording calls take that enter a cell, and the page faults in them,
 * in a new store: with the pages prepared by consolidation, and without
 *
 * The library times the calls itself (RONDO_OPEN_TIMED), into buckets that double; what is printed is the
 * bucket's upper bound. Two readings of the clock are in each.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#define TICKS 60 /* ten cells of each series */

struct stalls {
	const struct bench *bench;
	size_t n;
	bool consolidate;
	double faults; /* in all recording calls; the least */
	uint64_t slow[RONDO_SLOW_BUCKETS];
};

static void open_timed(struct bench_store *s)
{
	const struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_TIMED };
	int err = rondo_store_close(s->store);

	err = err ? err : rondo_store_open(s->path, &opts, &s->store);
	if (err)
		bench_die(s->path, err);
	for (size_t i = 0; i < s->n; i++)
		s->series[i] = bench_series(s->store, i, RONDO_COUNTER);
}

static double lap_stalls(void *arg)
{
	struct stalls *l = arg;
	struct rondo_store_info info = { .size = sizeof(info) };
	uint64_t faults = 0;
	struct bench_store s;
	int err = 0;

	bench_store_new(&s, l->bench, "stalls", l->n, RONDO_COUNTER);
	open_timed(&s);
	for (unsigned int tick = 0; tick < TICKS && !err; tick++) {
		uint64_t before;

		if (l->consolidate)
			err = rondo_consolidate(s.store, s.ts + BENCH_SEC, 0);
		before = bench_faults();
		bench_tick(&s);
		faults += bench_faults() - before;
	}
	err = err ? err : rondo_store_info(s.store, &info);
	if (err)
		bench_die("a timed store", err);
	for (int i = 0; i < RONDO_SLOW_BUCKETS; i++)
		l->slow[i] += info.slow[i];
	l->faults = l->faults < 0 || (double)faults < l->faults ? (double)faults : l->faults;
	bench_store_free(&s);
	return 0;
}

/* The upper bound of the bucket in which the share q of the calls ends. */
static double quantile(const struct stalls *l, double q)
{
	double all = 0, below = 0;

	for (int i = 0; i < RONDO_SLOW_BUCKETS; i++)
		all += (double)l->slow[i];
	for (int i = 0; i < RONDO_SLOW_BUCKETS; i++) {
		below += (double)l->slow[i];
		if (below >= q * all)
			return (double)(32u << i);
	}
	return 0;
}

void bench_stalls(struct bench *bench)
{
	size_t n = bench->quick ? 1000 : 10000;
	struct stalls with = { .bench = bench, .n = n, .consolidate = true, .faults = -1 };
	struct stalls without = { .bench = bench, .n = n, .faults = -1 };
	struct contestant race[] = { { lap_stalls, &without, 0 }, { lap_stalls, &with, 0 } };
	static const struct {
		const char *name;
		double q;
	} shares[] = { { "half of the calls", 0.5 }, { "99 %", 0.99 }, { "99.9 %", 0.999 } };
	char name[80], count[32];

	bench_race(race, 2, 2);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		snprintf(name, sizeof(name), "entering a cell, %s are below", shares[i].name);
		bench_line(bench, (struct bench_line){ .name = name,
						       .value = quantile(&with, shares[i].q),
						       .unit = "ns/call",
						       .baseline = "consolidate() not called",
						       .baseline_value =
							       quantile(&without, shares[i].q) });
	}
	snprintf(name, sizeof(name), "page faults, %d new ticks of %s, prefaulted", TICKS,
		 bench_count(count, n));
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = with.faults,
					       .unit = "faults",
					       .baseline = "consolidate() not called",
					       .baseline_value = without.faults });
}
