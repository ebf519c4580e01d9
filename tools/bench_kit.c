// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bench_kit.c - clock, races, page faults, caches, and stores to measure. Prints no results.
 */
#include "bench.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

void bench_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

void bench_die(const char *what, int err)
{
	cli_error("bench: %s: %s", what, err ? rondo_strerror(err) : strerror(errno));
	exit(CLI_FAILED);
}

void bench_race(struct contestant *contestants, size_t n, unsigned int rounds)
{
	for (unsigned int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < n; i++) {
			double took = contestants[i].lap(contestants[i].arg);

			if (round == 0 || took < contestants[i].best)
				contestants[i].best = took;
		}
	}
}

uint64_t bench_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

/* Half as much again as the last-level cache, as far as that is known; written, then read. */
void bench_evict(void)
{
	static volatile char *buffer;
	static size_t size;
	char sum = 0;

	if (!buffer) {
		long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);

		size = l3 > 0 ? (size_t)l3 + (size_t)l3 / 2 : 0;
		size = size < 64u << 20 ? 64u << 20 : size > 512u << 20 ? 512u << 20 : size;
		buffer = malloc(size);
		if (!buffer)
			bench_die("a buffer to fill the caches with", RONDO_E_NOMEM);
	}
	for (size_t i = 0; i < size; i += 64)
		buffer[i]++;
	for (size_t i = 0; i < size; i += 64)
		sum = (char)(sum + buffer[i]);
	buffer[0] = sum;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void bench_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- stores ---- */

static void store_create(struct bench_store *s)
{
	const uint32_t functions = RONDO_FNS_SUM | RONDO_FNS_MAX;
	bool large = s->n > 10000;
	const struct rondo_tier tiers[] = {
		{ BENCH_SEC, BENCH_TICKS * BENCH_SEC, 0, 0 },
		{ 10 * BENCH_SEC, (large ? 1 : 6) * 3600 * BENCH_SEC, functions, 0 },
		{ 300 * BENCH_SEC, (large ? 2 : 7 * 24) * 3600 * BENCH_SEC, functions, 0 },
	};
	const struct rondo_schema schema = {
		.size = sizeof(schema),
		.name = "bench",
		.tiers = tiers,
		.n_tiers = 3,
		.max_series = (uint32_t)s->n,
		.max_ahead_ns = UINT64_MAX, /* some loops run ahead of any clock */
	};
	char detail[512] = "";
	const struct rondo_open_opts opts = {
		.size = sizeof(opts),
		.flags = RONDO_OPEN_CREATE | RONDO_OPEN_EXCLUSIVE,
		.schemas = &schema,
		.n_schemas = 1,
		.detail = detail,
		.detail_size = sizeof(detail),
	};
	int err = rondo_store_open(s->path, &opts, &s->store);

	if (err)
		bench_die(detail, err);
}

void bench_store_empty(struct bench_store *s, const struct bench *bench, const char *name, size_t n)
{
	*s = (struct bench_store){ .n = n, .ts = BENCH_T0 };
	snprintf(s->path, sizeof(s->path), "%s/%s", bench->directory, name);
	s->series = calloc(n, sizeof(*s->series));
	s->values = calloc(n, sizeof(*s->values));
	if (!s->series || !s->values)
		bench_die("series", RONDO_E_NOMEM);
	for (size_t i = 0; i < n; i++)
		s->values[i] = (double)i;
	store_create(s);
}

rondo_series *bench_series(rondo_store *store, size_t i, enum rondo_kind kind)
{
	char vcpu[24];
	const struct rondo_label labels[] = { { "instance", "bench" }, { "vcpu", vcpu } };
	const struct rondo_series_def def = {
		.size = sizeof(def),
		.name = "bench_ns",
		.labels = labels,
		.n_labels = 2,
		.kind = kind,
		.unit = "ns",
	};
	rondo_series *series;
	int err;

	snprintf(vcpu, sizeof(vcpu), "%zu", i);
	err = rondo_series_register(store, &def, &series);
	if (err)
		bench_die("register", err);
	return series;
}

void bench_store_new(struct bench_store *s, const struct bench *bench, const char *name, size_t n,
		     enum rondo_kind kind)
{
	bench_store_empty(s, bench, name, n);
	for (size_t i = 0; i < n; i++)
		s->series[i] = bench_series(s->store, i, kind);
}

void bench_tick(struct bench_store *s)
{
	int err;

	s->ts += BENCH_SEC;
	err = rondo_record_batch(s->series, s->values, s->n, s->ts, NULL);
	if (err)
		bench_die("a sample was refused", err);
}

void bench_store_fill(struct bench_store *s)
{
	for (unsigned int tick = 0; tick < BENCH_TICKS_LAP; tick++) {
		int err = rondo_consolidate(s->store, s->ts + BENCH_SEC, 0);

		if (err)
			bench_die("consolidate", err);
		bench_tick(s);
	}
}

void bench_store_free(struct bench_store *s)
{
	int err = rondo_store_close(s->store);

	if (err)
		bench_die("close", err);
	bench_remove(s->path);
	free(s->series);
	free(s->values);
}
