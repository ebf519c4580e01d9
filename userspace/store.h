/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * store.h - the collector's store: its schemas, and integers added to it over spans of time
 *
 * Which series there are is series.h's.
 */
#ifndef RONDO_BPFD_STORE_H
#define RONDO_BPFD_STORE_H

#include <rondo.h>
#include <stdbool.h>
#include <stdint.h>

#include "groups.h"
#include "status.h"

struct store;

/* What a new store is made of. */
struct store_config {
	group_set groups;
	struct group_sizes sizes;
	struct tiers tiers;
};

/*
 * Opens the store in dir, or makes it. One that exists keeps its groups, sizes and tiers. STATUS_OK, or
 * what to exit with; it has logged why.
 */
enum status store_open(const char *dir, const struct store_config *config, struct store **store);

/* How long its ticks are. */
uint64_t store_tick_ns(const struct store *s);

/* Syncs and closes; NULL is allowed. 0 or a rondo_error, logged. */
int store_close(struct store *s);

/*
 * What such a store will take. 0, or a rondo_error and in detail[size] a sentence that says what is wrong
 * with its tiers.
 */
int store_plan(const struct store_config *config, struct rondo_plan *plan, char *detail,
	       size_t size);

/* The groups that are recorded: those asked for of those that the store has room for. */
group_set store_groups(const struct store *s);
bool store_has(const struct store *s, enum group group);

#define STORE_LABELS 10

/*
 * A series; kind 0 is a counter. instance, vcpu: NULL for one without; label: what other labels it has,
 * up to the first without a name.
 */
struct store_def {
	const char *name, *unit, *help;
	enum rondo_kind kind;
	const char *instance, *vcpu;
	struct rondo_label label[STORE_LABELS];
};

/* Registers it. NULL if its group is off, or the store has no room for it (counted, logged once). */
rondo_series *store_series(struct store *s, enum group group, const struct store_def *def);

/* For those that look through its directory. */
rondo_store *store_rondo(struct store *s);

/* No more data for it. NULL is allowed. */
void store_retire(struct store *s, rondo_series *series, uint64_t wall_ns);

/*
 * Adds an integer that came about evenly in [from, to) of wall time, tick by tick; 0 says "none". What
 * a tick can't take any more goes into the next one. NULL is allowed: nothing is stored.
 */
void store_add(struct store *s, rondo_series *series, uint64_t amount, uint64_t from, uint64_t to);

/* A gauge's value at a time, and what a histogram's values were since the last call. NULL is allowed. */
void store_level(struct store *s, rondo_series *series, uint64_t at, double value);
void store_histogram(struct store *s, rondo_series *series, uint64_t at,
		     const uint64_t counts[HISTOGRAM_BOUNDS + 1], double sum);

/* The maintenance tick. */
void store_tick(struct store *s, uint64_t wall_ns);

/* How many amounts the store has refused, and how many series it had no room for. */
uint64_t store_refused(const struct store *s);
uint64_t store_full(const struct store *s);

#endif /* RONDO_BPFD_STORE_H */
