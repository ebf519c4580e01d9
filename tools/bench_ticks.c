// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bench_ticks.c - one tick of many series: by batch and by a call each, with warm and with cold caches
 *
 * The ring has been filled once, so no page is missing. Laps are multiples of six ticks, as every sixth
 * enters a new cell. Consolidation runs in between, outside of the time that is taken.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#define MATRIX_ROWS 12

struct ticks {
	struct bench_store s;
	volatile double *matrix; /* MATRIX_ROWS rows of n */
	unsigned int groups;     /* in a lap */
	unsigned int group;      /* ticks without a consolidation in between */
	size_t row;
};

static void consolidate(struct bench_store *s)
{
	int err = rondo_consolidate(s->store, s->ts, 0);

	if (err)
		bench_die("consolidate", err);
}

static void tick_loop(struct ticks *t)
{
	uint64_t bad = 0;

	t->s.ts += BENCH_SEC;
	for (size_t i = 0; i < t->s.n; i++)
		bad += rondo_add(t->s.series[i], t->s.ts, t->s.values[i]) != 0;
	if (bad)
		bench_die("samples were refused", RONDO_E_INVALID);
}

static void tick_batch(struct ticks *t)
{
	bench_tick(&t->s);
}

/* The plain limit: the tick is a row of a matrix. */
static void tick_matrix(struct ticks *t)
{
	volatile double *row = t->matrix + t->row * t->s.n;

	t->row = (t->row + 1) % MATRIX_ROWS;
	for (size_t i = 0; i < t->s.n; i++)
		row[i] = t->s.values[i];
}

static double lap(struct ticks *t, void (*tick)(struct ticks *t))
{
	double took = 0;

	for (unsigned int group = 0; group < t->groups; group++) {
		double start = bench_now();

		for (unsigned int i = 0; i < t->group; i++)
			tick(t);
		took += bench_now() - start;
		consolidate(&t->s);
	}
	return took / ((double)t->groups * t->group * (double)t->s.n);
}

static double lap_cold(struct ticks *t, void (*tick)(struct ticks *t))
{
	double took = 0;

	for (unsigned int i = 0; i < 6; i++) {
		double start;

		bench_evict();
		start = bench_now();
		tick(t);
		took += bench_now() - start;
		consolidate(&t->s);
	}
	return took / (6.0 * (double)t->s.n);
}

static double lap_matrix(void *arg)
{
	return lap(arg, tick_matrix);
}

static double lap_loop(void *arg)
{
	return lap(arg, tick_loop);
}

static double lap_batch(void *arg)
{
	return lap(arg, tick_batch);
}

static double lap_matrix_cold(void *arg)
{
	return lap_cold(arg, tick_matrix);
}

static double lap_batch_cold(void *arg)
{
	return lap_cold(arg, tick_batch);
}

static void report(struct bench *bench, size_t n, const char *how, const struct contestant *ours,
		   const char *baseline, const struct contestant *theirs, struct bench_aim aim)
{
	char name[80], count[32];

	snprintf(name, sizeof(name), "tick of %s series, %s", bench_count(count, n), how);
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = ours->best,
					       .unit = "ns/sample",
					       .baseline = baseline,
					       .baseline_value = theirs->best,
					       .aim = aim });
}

static void ticks_of(struct bench *bench, size_t n)
{
	struct ticks t = { .group = n < 1000 ? 60 : 6 };
	struct contestant warm[] = { { lap_matrix, &t, 0 },
				     { lap_loop, &t, 0 },
				     { lap_batch, &t, 0 } };
	struct contestant cold[] = { { lap_matrix_cold, &t, 0 }, { lap_batch_cold, &t, 0 } };
	/* what is aimed at is stated for 10,000 series */
	bool aimed = n == 10000;
	struct bench_aim none = { BENCH_AIM_NONE, 0 };

	t.groups = (unsigned int)(60000 / (n * t.group));
	t.groups = t.groups ? t.groups : 1;
	t.matrix = calloc(MATRIX_ROWS * n, sizeof(*t.matrix));
	if (!t.matrix)
		bench_die("a matrix", RONDO_E_NOMEM);
	bench_store_new(&t.s, bench, "ticks", n, RONDO_COUNTER);
	bench_store_fill(&t.s);
	bench_race(warm, 3, bench->sprints);
	report(bench, n, "batch", &warm[2], "row of a matrix in memory", &warm[0],
	       aimed ? (struct bench_aim){ BENCH_AIM_VALUE, 5 } : none);
	report(bench, n, "a call each", &warm[1], "row of a matrix in memory", &warm[0], none);
	report(bench, n, "batch against calls", &warm[2], "a call each", &warm[1],
	       aimed ? (struct bench_aim){ BENCH_AIM_RATIO, 1 } : none);
	bench_race(cold, 2, bench->quick ? 1 : bench->rounds);
	report(bench, n, "batch, cold caches", &cold[1], "row of a matrix, cold caches", &cold[0],
	       none);
	bench_store_free(&t.s);
	free((void *)t.matrix);
}

void bench_ticks(struct bench *bench)
{
	static const size_t sizes[] = { 30, 1000, 10000, 100000 };

	for (size_t i = 0; i < (bench->quick ? 2 : 4); i++)
		ticks_of(bench, sizes[i]);
}
