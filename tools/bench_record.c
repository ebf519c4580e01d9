// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bench_record.c - one series in a hot loop, and several threads at once
 */
#include "bench.h"

#include <pthread.h>
#include <time.h>

/* ---- one series ---- */

#define RING 600

struct hot {
	rondo_series *series;
	int64_t n;
	uint64_t ts;
	volatile double ring[RING];
};

static void refused(uint64_t n)
{
	if (n)
		bench_die("samples were refused", RONDO_E_INVALID);
}

/* The plain limit: a store round a ring, whose place costs no division. */
static double lap_ring(void *arg)
{
	struct hot *hot = arg;
	int64_t n = hot->n;
	double t = bench_now();
	size_t at = 0;

	for (int64_t i = 0; i < n; i++) {
		hot->ring[at] = (double)i;
		if (++at == RING)
			at = 0;
	}
	return (bench_now() - t) / (double)n;
}

static double lap_record(void *arg)
{
	struct hot *hot = arg;
	int64_t n = hot->n;
	rondo_series *series = hot->series;
	uint64_t bad = 0, ts = hot->ts;
	double t = bench_now();

	for (int64_t i = 0; i < n; i++)
		bad += rondo_record(series, ts, (double)i) != 0;
	t = bench_now() - t;
	refused(bad);
	return t / (double)n;
}

static double lap_record_ticks(void *arg)
{
	struct hot *hot = arg;
	int64_t n = hot->n;
	rondo_series *series = hot->series;
	uint64_t bad = 0, ts = hot->ts;
	double t = bench_now();

	for (int64_t i = 0; i < n; i++, ts += BENCH_SEC)
		bad += rondo_record(series, ts, (double)i) != 0;
	t = bench_now() - t;
	hot->ts = ts;
	refused(bad);
	return t / (double)n;
}

static double lap_slot(void *arg)
{
	struct hot *hot = arg;
	int64_t n = hot->n;
	double t = bench_now();

	for (int64_t i = 0; i < n; i++)
		hot->ring[0] += 1.5;
	return (bench_now() - t) / (double)n;
}

static double lap_add(void *arg)
{
	struct hot *hot = arg;
	int64_t n = hot->n;
	rondo_series *series = hot->series;
	uint64_t bad = 0, ts = hot->ts;
	double t = bench_now();

	for (int64_t i = 0; i < n; i++)
		bad += rondo_add(series, ts, 1.5) != 0;
	t = bench_now() - t;
	refused(bad);
	return t / (double)n;
}

void bench_hot(struct bench *bench)
{
	int64_t n = bench->quick ? 100000 : 1000000;
	struct hot gauge = { .n = n, .ts = BENCH_T0 }, ticks = { .n = n / 10, .ts = BENCH_T0 };
	struct hot counter = { .n = n, .ts = BENCH_T0 };
	struct contestant record[] = { { lap_ring, &gauge, 0 },
				       { lap_record, &gauge, 0 },
				       { lap_record_ticks, &ticks, 0 } };
	struct contestant add[] = { { lap_slot, &counter, 0 }, { lap_add, &counter, 0 } };
	struct bench_store s;

	bench_store_empty(&s, bench, "hot", 3);
	gauge.series = bench_series(s.store, 0, RONDO_GAUGE);
	ticks.series = bench_series(s.store, 1, RONDO_GAUGE);
	counter.series = bench_series(s.store, 2, RONDO_COUNTER);
	bench_race(record, 3, bench->sprints);
	bench_race(add, 2, bench->sprints);
	bench_line(bench, (struct bench_line){ .name = "record, hot, same tick",
					       .value = record[1].best,
					       .unit = "ns/op",
					       .baseline = "store round a ring of 600 slots",
					       .baseline_value = record[0].best,
					       .aim = { BENCH_AIM_RATIO, 2 } });
	bench_line(bench, (struct bench_line){ .name = "record, hot, a new tick each",
					       .value = record[2].best,
					       .unit = "ns/op",
					       .baseline = "store round a ring of 600 slots",
					       .baseline_value = record[0].best,
					       .aim = { BENCH_AIM_RATIO, 2 } });
	bench_line(bench, (struct bench_line){ .name = "add, hot, same tick",
					       .value = add[1].best,
					       .unit = "ns/op",
					       .baseline = "slot += d in memory",
					       .baseline_value = add[0].best,
					       .aim = { BENCH_AIM_RATIO, 1.2 } });
	bench_store_free(&s);
}

/* ---- threads ---- */

#define THREADS 4

struct worker {
	pthread_t thread;
	pthread_barrier_t *start;
	rondo_series *series;
	size_t n;
	uint64_t ts;
	double cpu_ns; /* per operation */
	uint64_t bad;
};

struct crew {
	struct worker workers[THREADS];
	unsigned int n;
	double best_rate; /* samples per ns, all together */
};

static double cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* A thousand increments a tick. */
static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t bad = 0;
	double t;

	pthread_barrier_wait(w->start);
	t = cpu_now();
	for (size_t i = 0; i < w->n / 1000; i++, w->ts += BENCH_SEC)
		for (size_t k = 0; k < 1000; k++)
			bad += rondo_add(w->series, w->ts, 1) != 0;
	w->cpu_ns = (cpu_now() - t) / (double)w->n;
	w->bad = bad;
	return NULL;
}

/* Returns the CPU time of an operation, the mean of the threads. */
static double lap_crew(void *arg)
{
	struct crew *crew = arg;
	pthread_barrier_t start;
	double t, rate, cpu = 0, n = 0;

	pthread_barrier_init(&start, NULL, crew->n + 1);
	for (unsigned int i = 0; i < crew->n; i++) {
		crew->workers[i].start = &start;
		if (pthread_create(&crew->workers[i].thread, NULL, work, &crew->workers[i]))
			bench_die("a thread", RONDO_E_NOMEM);
	}
	t = bench_now();
	pthread_barrier_wait(&start);
	for (unsigned int i = 0; i < crew->n; i++) {
		pthread_join(crew->workers[i].thread, NULL);
		refused(crew->workers[i].bad);
		cpu += crew->workers[i].cpu_ns / crew->n;
		n += (double)crew->workers[i].n;
	}
	rate = n / (bench_now() - t);
	crew->best_rate = rate > crew->best_rate ? rate : crew->best_rate;
	pthread_barrier_destroy(&start);
	return cpu;
}

void bench_threads(struct bench *bench)
{
	size_t n = bench->quick ? 100000 : 10000000;
	struct crew one = { .n = 1 }, four = { .n = THREADS };
	struct contestant race[] = { { lap_crew, &one, 0 }, { lap_crew, &four, 0 } };
	struct bench_store s;

	/* side by side: if series shared anything that is written, it would show here */
	bench_store_new(&s, bench, "threads", THREADS + 1, RONDO_COUNTER);
	one.workers[0] = (struct worker){ .series = s.series[THREADS], .n = n, .ts = BENCH_T0 };
	for (unsigned int i = 0; i < THREADS; i++)
		four.workers[i] = (struct worker){ .series = s.series[i], .n = n, .ts = BENCH_T0 };
	bench_race(race, 2, bench->rounds);
	bench_line(bench, (struct bench_line){ .name = "add, four threads at once, CPU time",
					       .value = race[1].best,
					       .unit = "ns/op",
					       .baseline = "one thread alone",
					       .baseline_value = race[0].best });
	bench_line(bench, (struct bench_line){ .name = "add, four threads at once, throughput",
					       .value = four.best_rate * 1e3,
					       .unit = "M/s",
					       .baseline = "one thread alone",
					       .baseline_value = one.best_rate * 1e3 });
	bench_store_free(&s);
}
