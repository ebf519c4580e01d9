/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The walk that all formats share: series that match, and their points in stretches of one tier.
 * Knows the store; prints nothing but warnings.
 */
#ifndef RONDO_TOOLS_WALK_H
#define RONDO_TOOLS_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include <rondo.h>

#include "select.h"

/* A stretch of consecutive points of one series and one tier. */
struct stretch {
	rondo_id id;
	const char *key;
	const char *name;
	const struct rondo_label *labels;
	size_t n_labels;
	enum rondo_kind kind;
	const char *unit; /* of the values, not only the stored one */
	const char *function;
	uint64_t interval_ns; /* of the tier */
};

/*
 * A format. Each call may be NULL. begin and end come once, also when nothing matched; open and
 * close around each stretch, which has at least one point; point in order of time.
 */
struct format_ops {
	void (*begin)(FILE *out);
	void (*open)(FILE *out, const struct stretch *s, bool first);
	void (*point)(FILE *out, const struct stretch *s, const struct rondo_point *p, bool first);
	void (*close)(FILE *out, const struct stretch *s);
	void (*end)(FILE *out);
};

extern const struct format_ops format_table;
extern const struct format_ops format_csv;
extern const struct format_ops format_json;

struct walk {
	rondo_store *store;
	const struct selection *sel;
	struct rondo_range range;
	struct rondo_schema *schemas;
	uint32_t n_schemas;
	uint64_t series;           /* that matched the selector */
	uint64_t points;           /* that were read */
	struct left_out *left_out; /* why series could not be read that way, by schema and kind */
};

/* Prepares a walk over an open store. CLI_OK, or CLI_FAILED after a message. */
int walk_begin(struct walk *w, rondo_store *store, const struct selection *sel);

/* Frees, and warns of series that were left out. NULL members are fine. */
void walk_end(struct walk *w);

/* The status that a walk without errors ends with: says so if nothing matched. */
int walk_status(const struct walk *w);

/* Calls series() for all that match the selector. CLI_OK, or CLI_FAILED after a message. */
int walk_series(struct walk *w,
		int (*series)(struct walk *w, const struct rondo_series_info *info, void *arg),
		void *arg);

/* What RONDO_FN_DEFAULT means for series of this kind in this schema and the walk's tier. */
enum rondo_function walk_function(const struct walk *w, uint32_t schema, enum rondo_kind kind);

/* Reads one series' points. range is the walk's but for the function. */
int walk_points(struct walk *w, rondo_id id, uint32_t schema, enum rondo_kind kind,
		enum rondo_function function,
		void (*point)(const struct rondo_point *p, uint64_t interval_ns, void *arg),
		void *arg);

/* Counts a series that can't be read that way, for walk_end() to say so. */
void walk_leave_out(struct walk *w, uint32_t schema, enum rondo_kind kind, int error,
		    enum rondo_function function);

/* Reads one histogram's ticks or windows, by the walk's range. As walk_points(). */
int walk_histograms(struct walk *w, rondo_id id, uint32_t schema,
		    int (*take)(const struct rondo_histogram *h, uint64_t interval_ns, void *arg),
		    void *arg);

/* The value of a histogram that was asked for; false if it has none, as nothing was counted. */
bool histogram_value(const struct walk *w, const struct rondo_schema *schema,
		     const struct rondo_histogram *histogram, double *value);

/* What was asked for, of histograms: "p99", "avg"; NULL if they have no such function. */
const char *histogram_function(const struct selection *sel, enum rondo_function *function);

/*
 * All histograms that match, added up window by window. *stretch (its strings are *merged's) and
 * points are handed to open() and point() once, if there are any. CLI_OK, or CLI_FAILED or
 * CLI_USAGE after a message.
 */
int histograms_merged(struct walk *w, void (*open)(const struct stretch *stretch, void *arg),
		      void (*point)(const struct rondo_point *p, uint64_t interval_ns, void *arg),
		      void *arg);

/* The whole: all series that match, in a format whose series may come in any order. */
int walk_format(struct walk *w, const struct format_ops *ops, FILE *out);

/* OpenMetrics needs families together, so it has a walk of its own, over an index. */
int walk_openmetrics(struct walk *w, FILE *out);

#endif
