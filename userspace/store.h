/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * store.h - the collector's store: its schemas, and integers added to it over spans of time
 *
 * Which series there are is series.h's.
 */
#ifndef RONDO_BPFD_STORE_H
#define RONDO_BPFD_STORE_H

#include <rondo.h>
#include <stdint.h>

#include "status.h"

#define TICK_NS UINT64_C(1000000000)

struct store;

/* Opens the store in dir, or makes it for so many vCPUs. STATUS_OK, or what to exit with; it has logged why. */
enum status store_open(const char *dir, uint32_t max_vcpus, struct store **store);

/* Syncs and closes; NULL is allowed. 0 or a rondo_error, logged. */
int store_close(struct store *s);

/* What a store for so many vCPUs will take, in bytes; 0 if that can't be had. */
uint64_t store_plan(uint32_t max_vcpus);

/*
 * Registers a counter. instance: NULL for one without a VM; reason or cause: its label's name in
 * label, NULL for none. NULL if the store has no room for it (counted, logged once).
 */
struct counter_def {
	const char *name, *unit, *help;
	const char *instance, *vcpu;
	const char *label, *value;
};

rondo_series *store_counter(struct store *s, const struct counter_def *def);

/* No more data for it. NULL is allowed. */
void store_retire(struct store *s, rondo_series *series, uint64_t wall_ns);

/*
 * Adds an integer that came about evenly in [from, to) of wall time, tick by tick; 0 says "none". What
 * a tick can't take any more goes into the next one. NULL is allowed: nothing is stored.
 */
void store_add(struct store *s, rondo_series *series, uint64_t amount, uint64_t from, uint64_t to);

/* The maintenance tick. */
void store_tick(struct store *s, uint64_t wall_ns);

/* How many amounts the store has refused, and how many series it had no room for. */
uint64_t store_refused(const struct store *s);
uint64_t store_full(const struct store *s);

#endif /* RONDO_BPFD_STORE_H */
