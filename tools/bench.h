/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench.h - what the sections of `bench` share: the clock, races, lines of results, stores to measure
 *
 * Absolute figures are a machine's; what means something is the ratio to a baseline that took part in
 * the same race.  Contestants run in turn, round after round, and the least time of each counts, so
 * what disturbs one round, or one contestant, falls out; laps are short, most of them shorter than a
 * scheduler's slice, so that on a busy machine some are run without a break.  No section judges: it
 * reports.
 */
#ifndef RONDO_TOOLS_BENCH_H
#define RONDO_TOOLS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rondo.h>

#define BENCH_SEC UINT64_C(1000000000)
#define BENCH_T0  (UINT64_C(1700000000) * BENCH_SEC)

/* Finest ticks that a store of bench_store_new() holds, and those that fill its ring once over. */
#define BENCH_TICKS     600
#define BENCH_TICKS_LAP 606

struct bench {
	char directory[256]; /* for stores and files; whoever made it removes it */
	bool json;
	bool quick;           /* small counts: to try it out, not for figures */
	unsigned int rounds;  /* of a race of long laps; */
	unsigned int sprints; /* of one of short laps, about a millisecond */
	unsigned int seconds; /* of bench_scale() */
	size_t lines;         /* printed so far */
};

struct bench_section {
	const char *name;
	void (*run)(struct bench *bench);
};

/* ---- results ---- */

enum bench_aim_of { BENCH_AIM_NONE, BENCH_AIM_VALUE, BENCH_AIM_RATIO };

/* At most `most`, of the value or of its ratio to the baseline; four digits at most are printed. */
struct bench_aim {
	enum bench_aim_of of;
	double most;
};

struct bench_line {
	const char *name;
	double value;
	const char *unit;
	const char *baseline; /* NULL: there is none */
	double baseline_value;
	struct bench_aim aim;
};

/* Before the first line, each line, after the last one; on standard output. */
void bench_lines_begin(struct bench *bench);
void bench_line(struct bench *bench, struct bench_line line);
void bench_lines_end(struct bench *bench);

/* "10,000". Returns buf. */
char *bench_count(char buf[32], size_t n);

/* A message about what can't be measured here, to standard error. */
void bench_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the process with CLI_FAILED; err is an enum rondo_error, or 0 for errno. */
void bench_die(const char *what, int err) __attribute__((noreturn));

/* ---- races ---- */

struct contestant {
	double (*lap)(void *arg); /* runs it once; returns what it took per operation */
	void *arg;
	double best; /* set by bench_race() */
};

void bench_race(struct contestant *contestants, size_t n, unsigned int rounds);

double bench_now(void); /* CLOCK_MONOTONIC, ns */

/* Page faults of this thread so far. */
uint64_t bench_faults(void);

/* Fills the caches with something else. */
void bench_evict(void);

/* ---- stores to measure ---- */

struct bench_store {
	rondo_store *store;
	rondo_series **series;
	double *values; /* one each, to record */
	size_t n;
	uint64_t ts; /* of the last tick */
	char path[320];
};

/*
 * A store of n series, nothing recorded: tiers 1s/10m, 10s/6h, 5m/7d with sum and max. Above 10,000
 * series 10s/1h and 5m/2h, as it would take 10 GB; no call that is measured looks at retention.
 */
void bench_store_new(struct bench_store *s, const struct bench *bench, const char *name, size_t n,
		     enum rondo_kind kind);

/* The same without registering anything; s->series[] has room for n. */
void bench_store_empty(struct bench_store *s, const struct bench *bench, const char *name,
		       size_t n);

/* The handle of series i. */
rondo_series *bench_series(rondo_store *store, size_t i, enum rondo_kind kind);

/* The next tick of all series, by batch. Dies if one is refused. */
void bench_tick(struct bench_store *s);

/* A whole ring of ticks, consolidated each: afterwards every page of the finest tier is there. */
void bench_store_fill(struct bench_store *s);

/* Closes it and removes its files. */
void bench_store_free(struct bench_store *s);

/* Removes a directory with all that is in it. */
void bench_remove(const char *path);

/* ---- the sections ---- */

void bench_hot(struct bench *bench);
void bench_threads(struct bench *bench);
void bench_ticks(struct bench *bench);
void bench_writeback(struct bench *bench);
void bench_stalls(struct bench *bench);
void bench_consolidate(struct bench *bench);
void bench_read(struct bench *bench);
void bench_register(struct bench *bench);
void bench_open(struct bench *bench);
void bench_bytes(struct bench *bench);
void bench_scale(struct bench *bench); /* apart from the others: it takes its time */

#endif
