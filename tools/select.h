/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which series, which points and where to: the command line that query and export share.
 */
#ifndef RONDO_TOOLS_SELECT_H
#define RONDO_TOOLS_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"

enum format {
	FORMAT_TABLE,
	FORMAT_CSV,
	FORMAT_JSON,
	FORMAT_OPENMETRICS,
};

struct selection {
	const char *store;
	const char *selector; /* NULL: all */
	const char *output;   /* NULL: standard output */
	enum format format;
	bool has_range, has_start, has_end;
	uint64_t range_ns; /* 0: all */
	uint64_t start_ns, end_ns;
	uint64_t step_ns;
	uint32_t tier;                /* RONDO_TIER_AUTO, or an index */
	enum rondo_function function; /* RONDO_FN_DEFAULT if none was given */
	const char *quantile_text;    /* "p99.9": of histograms; or NULL */
	double quantile;              /* 0.999 */
	bool merge;                   /* histograms, into one */
};

/* The help on the options that selection_parse() knows, for the commands' help. */
#define SELECTION_HELP                                                                             \
	"Which points:\n"                                                                          \
	"  --range DURATION   the last 10m, 1h, 7d ... of the store: back from the end of its\n"   \
	"                     newest tick, not from now; 'all' (default). With --start or --end\n" \
	"                     it is the length of the stretch that begins or ends there.\n"        \
	"  --start TIME       windows that start at TIME or later\n"                               \
	"  --end TIME         windows that start before TIME\n"                                    \
	"                     TIME: 2026-01-31T12:00:00Z, or seconds since the epoch\n"            \
	"                     (1769860800, 1769860800.5), or 1769860800000ms, ...us, ...ns\n"      \
	"  --tier auto|N      auto (default): for each time the finest tier that still has it;\n"  \
	"                     or one tier, 0 is the finest ('info' lists them)\n"                  \
	"  --step DURATION    with auto: no tier finer than the coarsest with an interval\n"       \
	"                     of at most DURATION\n"                                               \
	"  --function NAME    avg min max last sum count, and of counters total (cumulative)\n"    \
	"                     and rate (per second); of histograms count, sum, avg and\n"          \
	"                     percentiles: p50, p99.9; default: sum of counters, avg of others\n"  \
	"  --merge            adds up all histograms that match, exactly, window by window\n"      \
	"  -o, --output FILE  write there; FILE appears when it is complete\n"

/*
 * Reads the command line of query or export. sel comes with the command's defaults. Returns
 * CLI_OK, CLI_USAGE after a message, or -1 if the help was asked for and printed.
 */
int selection_parse(const struct cli_command *cmd, int argc, char **argv, struct selection *sel);

/*
 * The range in terms of the store's newest tick. Returns CLI_OK; CLI_NOTHING if --range is relative
 * and the store holds no point; CLI_FAILED after a message.
 */
int selection_range(const struct selection *sel, rondo_store *store, struct rondo_range *range);

#endif
