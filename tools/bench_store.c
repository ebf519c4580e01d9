// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bench_store.c - consolidating, reading, registering, opening, and the size of a store
 */
#include "bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- consolidate ---- */

#define PERIOD 300 /* ticks: in one, each tier has windows to close */

/* Of each tick of the period the least of all laps: all together, and its longest call; ns. */
struct consolidate {
	struct bench_store s;
	unsigned int ticks; /* in a lap */
	uint64_t budget;
	double all[PERIOD], longest[PERIOD];
};

static void least(double *least, double now)
{
	*least = *least == 0 || now < *least ? now : *least;
}

/* Once per tick, in as many calls as its budget takes. */
static double lap_consolidate(void *arg)
{
	struct consolidate *c = arg;

	for (unsigned int tick = 0; tick < c->ticks; tick++) {
		double took = 0, longest = 0;
		int err = RONDO_MORE;

		bench_tick(&c->s);
		while (err == RONDO_MORE) {
			double t = bench_now();

			err = rondo_consolidate(c->s.store, c->s.ts, c->budget);
			t = bench_now() - t;
			took += t;
			longest = t > longest ? t : longest;
		}
		if (err)
			bench_die("consolidate", err);
		least(&c->all[tick], took);
		least(&c->longest[tick], longest);
	}
	return 0;
}

/* Per series and tick. */
static double consolidate_mean(const struct consolidate *c)
{
	double sum = 0;

	for (unsigned int tick = 0; tick < c->ticks; tick++)
		sum += c->all[tick];
	return sum / ((double)c->ticks * (double)c->s.n);
}

static double consolidate_longest(const struct consolidate *c)
{
	double longest = 0;

	for (unsigned int tick = 0; tick < c->ticks; tick++)
		longest = c->longest[tick] > longest ? c->longest[tick] : longest;
	return longest;
}

static double lap_idle(void *arg)
{
	struct consolidate *c = arg;
	double t = bench_now();

	for (unsigned int i = 0; i < 1000; i++)
		if (rondo_consolidate(c->s.store, c->s.ts, 0))
			bench_die("consolidate", RONDO_E_INVALID);
	return (bench_now() - t) / 1000;
}

static void consolidate_new(struct consolidate *c, const struct bench *bench, const char *name,
			    size_t n)
{
	*c = (struct consolidate){ .ticks = bench->quick ? 60 : PERIOD };
	bench_store_new(&c->s, bench, name, n, RONDO_COUNTER);
	bench_store_fill(&c->s);
}

void bench_consolidate(struct bench *bench)
{
	size_t n = bench->quick ? 1000 : 10000;
	struct consolidate one, many, in_parts;
	struct contestant race[] = { { lap_consolidate, &many, 0 },
				     { lap_consolidate, &in_parts, 0 } };
	struct contestant idle[] = { { lap_idle, &one, 0 }, { lap_idle, &many, 0 } };
	char name[80], count[32], part[32];

	consolidate_new(&one, bench, "one", 1);
	consolidate_new(&many, bench, "many", n);
	consolidate_new(&in_parts, bench, "in_parts", n);
	in_parts.budget = n / 10;
	bench_race(race, 2, bench->rounds);
	bench_race(idle, 2, bench->sprints);
	bench_count(count, n);
	snprintf(name, sizeof(name), "consolidate at 1 Hz, %s series", count);
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = consolidate_mean(&many),
					       .unit = "ns/series",
					       .aim = { BENCH_AIM_VALUE, 10 } });
	snprintf(name, sizeof(name), "consolidate, longest call, a budget of %s",
		 bench_count(part, n / 10));
	bench_line(bench,
		   (struct bench_line){ .name = name,
					.value = consolidate_longest(&in_parts) / 1e3,
					.unit = "us",
					.baseline = "without a budget",
					.baseline_value = consolidate_longest(&many) / 1e3 });
	snprintf(name, sizeof(name), "consolidate, nothing due, %s series", count);
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = idle[1].best,
					       .unit = "ns/call",
					       .baseline = "nothing due, 1 series",
					       .baseline_value = idle[0].best,
					       .aim = { BENCH_AIM_RATIO, 1.5 } });
	bench_store_free(&one.s);
	bench_store_free(&many.s);
	bench_store_free(&in_parts.s);
}

/* ---- reading ---- */

struct read {
	struct bench_store *s;
	const rondo_id *ids;
	const double *columns; /* BENCH_TICKS of each series */
	size_t n, step, at;    /* reads in a lap; from one series to the next; the next */
	uint64_t start, end;
	size_t points_each;
	struct rondo_point points[BENCH_TICKS];
};

/* Returns ns per point. */
static double lap_read(void *arg)
{
	struct read *r = arg;
	const struct rondo_range range = { .size = sizeof(range),
					   .start_ns = r->start,
					   .end_ns = r->end,
					   .tier = 0,
					   .function = RONDO_FN_SUM };
	size_t n = 0, at = r->at;
	double t = bench_now();

	for (size_t i = 0; i < r->n; i++) {
		size_t got = 0;

		if (rondo_read(r->s->store, r->ids[at], &range, r->points, BENCH_TICKS, &got))
			bench_die("read", RONDO_E_INVALID);
		n += got;
		at += r->step;
		at = at >= r->s->n ? at - r->s->n : at;
	}
	t = bench_now() - t;
	r->at = at;
	if (n != r->n * r->points_each)
		bench_die("read: points are missing", RONDO_E_INVALID);
	return t / (double)n;
}

/* The plain limit: the same points out of an array per series. */
static double lap_copy(void *arg)
{
	struct read *r = arg;
	size_t at = r->at;
	double t = bench_now();

	for (size_t i = 0; i < r->n; i++) {
		const double *column = r->columns + at * BENCH_TICKS;

		for (size_t k = 0; k < BENCH_TICKS; k++)
			r->points[k] =
				(struct rondo_point){ r->start + k * BENCH_SEC, column[k], 0, 1 };
		__asm__ volatile("" ::"r"(r->points) : "memory");
		at += r->step;
		at = at >= r->s->n ? at - r->s->n : at;
	}
	t = bench_now() - t;
	r->at = at;
	return t / ((double)r->n * BENCH_TICKS);
}

static void report_reads(struct bench *bench, const struct contestant *race, size_t n)
{
	char name[80], count[32];

	bench_line(bench, (struct bench_line){ .name = "read 600 points by id, same series",
					       .value = race[1].best,
					       .unit = "ns/point",
					       .baseline = "copied out of an array",
					       .baseline_value = race[0].best,
					       .aim = { BENCH_AIM_VALUE, 2 } });
	snprintf(name, sizeof(name), "read 600 points by id, rotating over %s",
		 bench_count(count, n));
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = race[3].best,
					       .unit = "ns/point",
					       .baseline = "copied out of an array each",
					       .baseline_value = race[2].best,
					       .aim = { BENCH_AIM_VALUE, 5 } });
	bench_line(bench, (struct bench_line){ .name = "read 10 points by id, same series",
					       .value = race[4].best * 10,
					       .unit = "ns/call",
					       .baseline = "read 600 points",
					       .baseline_value = race[1].best * BENCH_TICKS,
					       .aim = { BENCH_AIM_RATIO, 0.0333 } });
}

void bench_read(struct bench *bench)
{
	size_t n = bench->quick ? 1000 : 10000, reads = 200;
	struct bench_store s;
	rondo_id *ids = calloc(n, sizeof(*ids));
	double *columns = calloc(n * BENCH_TICKS, sizeof(*columns));
	struct read same, rotating, ten;
	struct contestant race[] = { { lap_copy, &same, 0 },
				     { lap_read, &same, 0 },
				     { lap_copy, &rotating, 0 },
				     { lap_read, &rotating, 0 },
				     { lap_read, &ten, 0 } };

	if (!ids || !columns)
		bench_die("columns", RONDO_E_NOMEM);
	bench_store_new(&s, bench, "read", n, RONDO_COUNTER);
	bench_store_fill(&s);
	for (size_t i = 0; i < n; i++)
		ids[i] = rondo_series_id(s.store, s.series[i]);
	for (size_t i = 0; i < n * BENCH_TICKS; i++)
		columns[i] = (double)i;
	same = (struct read){ .s = &s, .ids = ids, .columns = columns, .n = reads };
	same.end = s.ts + BENCH_SEC;
	same.start = same.end - BENCH_TICKS * BENCH_SEC;
	same.points_each = BENCH_TICKS;
	rotating = same;
	rotating.step = 7 < n ? 7 : 1; /* 7 and 10,000 have no common divisor */
	ten = same;
	ten.start = ten.end - 10 * BENCH_SEC;
	ten.points_each = 10;
	ten.n = reads * 10;
	bench_race(race, 5, bench->sprints);
	report_reads(bench, race, n);
	bench_store_free(&s);
	free(ids);
	free(columns);
}

/* ---- registering and opening ---- */

struct registering {
	const struct bench *bench;
	size_t n;
	double create_ms; /* the least */
};

static double lap_register(void *arg)
{
	struct registering *r = arg;
	struct bench_store s;
	double created = bench_now(), t;

	bench_store_empty(&s, r->bench, "register", r->n);
	t = bench_now();
	created = (t - created) / 1e6;
	r->create_ms = r->create_ms == 0 || created < r->create_ms ? created : r->create_ms;
	for (size_t i = 0; i < r->n; i++)
		s.series[i] = bench_series(s.store, i, RONDO_COUNTER);
	t = (bench_now() - t) / 1e6;
	bench_store_free(&s);
	return t;
}

void bench_register(struct bench *bench)
{
	struct registering r = { .bench = bench, .n = bench->quick ? 1000 : 10000 };
	struct contestant race[] = { { lap_register, &r, 0 } };
	char name[80], count[32];

	bench_race(race, 1, bench->rounds);
	snprintf(name, sizeof(name), "create a store of %s series", bench_count(count, r.n));
	bench_line(bench, (struct bench_line){ .name = name, .value = r.create_ms, .unit = "ms" });
	snprintf(name, sizeof(name), "register %s series", count);
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = race[0].best,
					       .unit = "ms",
					       .aim = { BENCH_AIM_VALUE, 50 } });
}

struct opening {
	const char *path;
	uint32_t flags;
};

static double lap_open(void *arg)
{
	const struct opening *o = arg;
	const struct rondo_open_opts opts = { .size = sizeof(opts), .flags = o->flags };
	rondo_store *store;
	double t = bench_now();
	int err = rondo_store_open(o->path, &opts, &store);

	t = (bench_now() - t) / 1e6;
	if (err)
		bench_die("open", err);
	err = rondo_store_close(store);
	if (err)
		bench_die("close", err);
	return t;
}

void bench_open(struct bench *bench)
{
	size_t n = bench->quick ? 1000 : 10000;
	struct bench_store s;
	struct opening reading = { s.path, RONDO_OPEN_READ_ONLY }, writing = { s.path, 0 };
	struct contestant race[] = { { lap_open, &reading, 0 }, { lap_open, &writing, 0 } };
	char name[80], count[32];

	bench_store_new(&s, bench, "open", n, RONDO_COUNTER);
	bench_store_fill(&s);
	if (rondo_store_close(s.store))
		bench_die("close", 0);
	bench_race(race, 2, bench->rounds);
	s.store = NULL;
	snprintf(name, sizeof(name), "open with %s series, read-only", bench_count(count, n));
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = race[0].best,
					       .unit = "ms",
					       .aim = { BENCH_AIM_VALUE, 5 } });
	snprintf(name, sizeof(name), "open with %s series, for writing", count);
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = race[1].best,
					       .unit = "ms",
					       .aim = { BENCH_AIM_VALUE, 5 } });
	bench_store_free(&s);
}

/* ---- size ---- */

static uint64_t bytes_of_files(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	uint64_t bytes = 0;
	struct stat st;

	/* cppcheck-suppress readdirCalled ; the stream is ours alone */
	while (dir && (entry = readdir(dir)))
		if (!fstatat(dirfd(dir), entry->d_name, &st, 0) && S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_size;
	if (dir)
		closedir(dir);
	return bytes;
}

/* With one function in the upper tiers, as a round-robin file per function would have it. */
void bench_bytes(struct bench *bench)
{
	static const struct rondo_tier tiers[] = {
		{ BENCH_SEC, 600 * BENCH_SEC, 0, 0 },
		{ 10 * BENCH_SEC, 6 * 3600 * BENCH_SEC, RONDO_FNS_SUM, 0 },
		{ 300 * BENCH_SEC, 7 * 86400 * BENCH_SEC, RONDO_FNS_SUM, 0 },
	};
	const struct rondo_schema schema = { .size = sizeof(schema),
					     .name = "bench",
					     .tiers = tiers,
					     .n_tiers = 3,
					     .max_series = 30 };
	const struct rondo_open_opts opts = {
		.size = sizeof(opts), .flags = RONDO_OPEN_CREATE, .schemas = &schema, .n_schemas = 1
	};
	struct rondo_plan plan;
	struct bench_store s = { .n = 0 };
	int err = rondo_plan(&schema, 1, 0, &plan, NULL, 0);

	snprintf(s.path, sizeof(s.path), "%s/bytes", bench->directory);
	err = err ? err : rondo_store_open(s.path, &opts, &s.store);
	if (err)
		bench_die("a store of 30 series", err);
	if (bytes_of_files(s.path) != plan.bytes)
		bench_die("the files are not as large as planned", RONDO_E_CORRUPT);
	bench_line(bench, (struct bench_line){ .name = "30 series x 1s/10m, 10s/6h, 5m/7d",
					       .value = (double)plan.bytes,
					       .unit = "bytes",
					       .baseline = "their values as bare doubles",
					       .baseline_value = 30.0 * (600 + 2160 + 2016) * 8,
					       .aim = { BENCH_AIM_VALUE, 2000000 } });
	bench_store_free(&s);
}
