/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Series as OpenMetrics families: which stored series come under which exported name, in an order in
 * which families stay together, with their heads and samples as text.
 *
 * Knows names (names.h) and text; not where values come from. The user adds the series, sorts, and
 * walks entries[] in order, writing each one's samples.
 */
#ifndef RONDO_TOOLS_EXPOSITION_H
#define RONDO_TOOLS_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rondo.h>

#include "names.h"

#define EXPOSITION_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct exposition_entry {
	struct exported name;
	char *labels; /* {vm="a",vcpu="0"}, sorted, or "" */
	char *key;    /* as stored, for messages */
	char *help;
	enum rondo_kind kind;
	size_t user; /* the user's number for it */
};

struct exposition {
	struct exposition_entry *entries;
	size_t n, room;
	const struct exposition_entry *headed; /* the last one whose family's head was written */
};

/*
 * Adds a series, of which id, schema and the like are not looked at, to be written with that function's
 * name. Copies what it needs. 0, or -1 if there is no memory.
 */
int exposition_add(struct exposition *e, const struct rondo_series_info *info,
		   enum rondo_function function, size_t user);

/*
 * Puts the entries in order. Where two stored series, or families, could not be told from each other
 * outside it returns false, and the two.
 */
bool exposition_sort(struct exposition *e, const struct exposition_entry **one,
		     const struct exposition_entry **other);

/*
 * A sample of a gauge or counter, in stored units; after TYPE, UNIT and HELP if it is its family's first.
 * time: text for its timestamp, NULL for none. Entries must come in order.
 */
void exposition_sample(struct exposition *e, FILE *out, const struct exposition_entry *entry,
		       double value, const char *time);

/* A histogram's samples: counts[n_bounds + 1] per bucket, not cumulative; the sum of its values. */
void exposition_histogram(struct exposition *e, FILE *out, const struct exposition_entry *entry,
			  const double *bounds, uint32_t n_bounds, const double *counts, double sum,
			  const char *time);

/* The last line. */
void exposition_end(FILE *out);

void exposition_free(struct exposition *e);

#endif
