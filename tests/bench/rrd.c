// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * rrd.c - librondo and librrd side by side, for the same data in the same run
 *
 * Links librrd, which is under the GPL: the program is for measuring here, and is never installed or
 * distributed. Built where librrd's headers are. Each figure of rondo's has librrd's as its baseline; the
 * two run in turn, and the least of several rounds counts. Both keep 1s/10m, 10s/6h, 5m/7d on the same
 * filesystem; librrd one AVERAGE per tier, rondo sum and max. rrd_update() consolidates, so a tick of
 * rondo's has its rondo_consolidate() in it. The text that rrd_update() wants is made beforehand.
 *
 * Usage: rrd [--json] [--quick] [DIRECTORY]
 */
#include <errno.h>
#include <rrd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define SERIES 30
#define T0     ((time_t)(BENCH_T0 / BENCH_SEC))

static struct bench bench = { .rounds = 5, .sprints = 50 };

struct pair {
	struct bench_store s;
	char file[320];
	size_t n;     /* series, and DS of the file */
	size_t ticks; /* in a lap */
	time_t now;
	char *text; /* one rrd_update() argument */
};

static void rrd_failed(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, rrd_get_error());
	exit(1);
}

static void rrd_file_create(const char *file, size_t n)
{
	char ds[SERIES][40];
	const char *args[SERIES + 3];
	int argc = 0;

	for (size_t i = 0; i < n; i++) {
		snprintf(ds[i], sizeof(ds[i]), "DS:s%zu:GAUGE:2:U:U", i);
		args[argc++] = ds[i];
	}
	args[argc++] = "RRA:AVERAGE:0.5:1:600";
	args[argc++] = "RRA:AVERAGE:0.5:10:2160";
	args[argc++] = "RRA:AVERAGE:0.5:300:2016";
	if (rrd_create_r(file, 1, T0, argc, args))
		rrd_failed("rrd_create_r");
}

static void pair_new(struct pair *p, const char *name, size_t n)
{
	*p = (struct pair){ .n = n, .ticks = 20, .now = T0 };
	bench_store_new(&p->s, &bench, name, n, RONDO_GAUGE);
	snprintf(p->file, sizeof(p->file), "%s/%s.rrd", bench.directory, name);
	rrd_file_create(p->file, n);
	p->text = malloc(32 + 24 * n);
	if (!p->text)
		bench_die("a text", RONDO_E_NOMEM);
}

static void pair_free(struct pair *p)
{
	bench_store_free(&p->s);
	unlink(p->file);
	free(p->text);
}

/* Returns ns per sample. */
static double lap_rrd_update(void *arg)
{
	struct pair *p = arg;
	double took = 0;

	for (size_t tick = 0; tick < p->ticks; tick++) {
		const char *args[] = { p->text };
		int len = sprintf(p->text, "%lld", (long long)++p->now);
		double t;

		for (size_t i = 0; i < p->n; i++)
			len += sprintf(p->text + len, ":%.17g", p->s.values[i]);
		t = bench_now();
		if (rrd_update_r(p->file, NULL, 1, args))
			rrd_failed("rrd_update_r");
		took += bench_now() - t;
	}
	return took / ((double)p->ticks * (double)p->n);
}

static double lap_rondo_tick(void *arg)
{
	struct pair *p = arg;
	double t = bench_now();

	for (size_t tick = 0; tick < p->ticks; tick++) {
		int err;

		bench_tick(&p->s);
		err = rondo_consolidate(p->s.store, p->s.ts, 0);
		if (err)
			bench_die("consolidate", err);
	}
	return (bench_now() - t) / ((double)p->ticks * (double)p->n);
}

/* The last ten minutes of all; returns ns per point. */
static double lap_rrd_fetch(void *arg)
{
	const struct pair *p = arg;
	time_t start = p->now - BENCH_TICKS, end = p->now;
	unsigned long step = 1, n = 0;
	char **names = NULL;
	rrd_value_t *data = NULL;
	double t = bench_now();

	if (rrd_fetch_r(p->file, "AVERAGE", &start, &end, &step, &n, &names, &data))
		rrd_failed("rrd_fetch_r");
	t = bench_now() - t;
	if (n != p->n || step != 1 || data[0] != p->s.values[0])
		bench_die("rrd_fetch_r: not what was stored", RONDO_E_INVALID);
	for (unsigned long i = 0; i < n; i++)
		rrd_freemem(names[i]);
	rrd_freemem(names);
	rrd_freemem(data);
	return t / ((double)BENCH_TICKS * (double)p->n);
}

static double lap_rondo_read(void *arg)
{
	const struct pair *p = arg;
	const struct rondo_range range = {
		.size = sizeof(range),
		.start_ns = p->s.ts + BENCH_SEC - BENCH_TICKS * BENCH_SEC,
		.end_ns = p->s.ts + BENCH_SEC,
		.function = RONDO_FN_AVG,
	};
	static struct rondo_point points[BENCH_TICKS];
	size_t n = 0, all = 0;
	double t = bench_now();

	for (size_t i = 0; i < p->n; i++) {
		rondo_id id = rondo_series_id(p->s.store, p->s.series[i]);
		int err = rondo_read(p->s.store, id, &range, points, BENCH_TICKS, &n);

		if (err)
			bench_die("read", err);
		all += n;
	}
	t = bench_now() - t;
	if (all != p->n * BENCH_TICKS || points[0].value != p->s.values[p->n - 1])
		bench_die("read: not what was stored", RONDO_E_INVALID);
	return t / (double)all;
}

/* ---- a file per series ---- */

static double lap_rrd_create(void *arg)
{
	size_t n = *(size_t *)arg;
	char path[320];
	double t = bench_now();

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%zu.rrd", bench.directory, i);
		rrd_file_create(path, 1);
	}
	t = bench_now() - t;
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%zu.rrd", bench.directory, i);
		unlink(path);
	}
	return t / 1e6;
}

static double lap_rondo_create(void *arg)
{
	size_t n = *(size_t *)arg;
	struct bench_store s;
	double t = bench_now();

	bench_store_new(&s, &bench, "create", n, RONDO_GAUGE);
	t = bench_now() - t;
	bench_store_free(&s);
	return t / 1e6;
}

/* ---- the lines ---- */

/* Of one function per tier, as the file has. */
static void report_bytes(const struct pair *p)
{
	static const struct rondo_tier tiers[] = {
		{ BENCH_SEC, 600 * BENCH_SEC, 0, 0 },
		{ 10 * BENCH_SEC, 21600 * BENCH_SEC, RONDO_FNS_AVG, 0 },
		{ 300 * BENCH_SEC, 604800 * BENCH_SEC, RONDO_FNS_AVG, 0 },
	};
	const struct rondo_schema schema = { .size = sizeof(schema),
					     .name = "bytes",
					     .tiers = tiers,
					     .n_tiers = 3,
					     .max_series = SERIES };
	struct rondo_plan plan;
	struct stat st;

	if (rondo_plan(&schema, 1, 0, &plan, NULL, 0) || stat(p->file, &st))
		bench_die(p->file, 0);
	bench_line(&bench, (struct bench_line){ .name = "30 series, averages",
						.value = (double)plan.bytes,
						.unit = "bytes",
						.baseline = "an .rrd file",
						.baseline_value = (double)st.st_size });
}

static void ticks(size_t n, const char *name, const char *baseline)
{
	struct pair p;
	struct contestant update[] = { { lap_rrd_update, &p, 0 }, { lap_rondo_tick, &p, 0 } };
	struct contestant fetch[] = { { lap_rrd_fetch, &p, 0 }, { lap_rondo_read, &p, 0 } };
	pair_new(&p, "pair", n);
	bench_race(update, 2, bench.sprints);
	bench_line(&bench, (struct bench_line){ .name = name,
						.value = update[1].best,
						.unit = "ns/sample",
						.baseline = baseline,
						.baseline_value = update[0].best });
	if (n > 1) {
		while (p.s.ts < BENCH_T0 + BENCH_TICKS_LAP * BENCH_SEC) {
			lap_rondo_tick(&p);
			lap_rrd_update(&p);
		}
		bench_race(fetch, 2, bench.sprints);
		bench_line(&bench, (struct bench_line){ .name = "read 600 points of each of 30",
							.value = fetch[1].best,
							.unit = "ns/point",
							.baseline = "rrd_fetch, 30 DS in a file",
							.baseline_value = fetch[0].best });
		report_bytes(&p);
	}
	pair_free(&p);
}

static void remove_directory(void)
{
	bench_remove(bench.directory);
}

int main(int argc, char **argv)
{
	size_t n;
	struct contestant create[] = { { lap_rrd_create, &n, 0 }, { lap_rondo_create, &n, 0 } };
	const char *parent = getenv("TMPDIR");
	char name[80], count[32];

	parent = parent && *parent ? parent : "/var/tmp";
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			bench.json = true;
		else if (!strcmp(argv[i], "--quick"))
			bench.quick = true;
		else
			parent = argv[i];
	}
	if (bench.quick) {
		bench.rounds = 2;
		bench.sprints = 5;
	}
	n = bench.quick ? 100 : 1000;
	snprintf(bench.directory, sizeof(bench.directory), "%s/rondo-bench.XXXXXX", parent);
	if (!mkdtemp(bench.directory)) {
		fprintf(stderr, "bench: %s: %s\n", bench.directory, strerror(errno));
		return 1;
	}
	atexit(remove_directory);
	bench_lines_begin(&bench);
	ticks(1, "tick of one series, consolidated", "rrd_update, 1 DS in a file");
	ticks(SERIES, "tick of 30 series, consolidated", "rrd_update, 30 DS in a file");
	bench_race(create, 2, 2);
	snprintf(name, sizeof(name), "create and register %s series", bench_count(count, n));
	bench_line(&bench, (struct bench_line){ .name = name,
						.value = create[1].best,
						.unit = "ms",
						.baseline = "rrd_create, a file each",
						.baseline_value = create[0].best });
	bench_lines_end(&bench);
	return 0;
}
