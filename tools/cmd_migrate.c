// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * migrate and snapshot: a new store out of one that may be in use. What could not be taken over is
 * said; text and JSON come out of the same callback.
 */
#include "cli.h"
#include "schema_options.h"
#include "text.h"
#include "times.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define SHOWN 20 /* of a kind, unless all were asked for */

static const char *const drop_names[] = {
	[RONDO_DROP_SERIES] = "series",      [RONDO_DROP_TIER] = "tier",
	[RONDO_DROP_FUNCTION] = "functions", [RONDO_DROP_HISTORY] = "history",
	[RONDO_DROP_BOUNDS] = "bounds",
};

#define N_DROPS (sizeof(drop_names) / sizeof(drop_names[0]))

struct migrating {
	bool json, all;
	uint64_t n[N_DROPS]; /* told */
	uint64_t lines;
};

static void text_dropped(const struct rondo_dropped *d)
{
	char interval[DURATION_TEXT], from[TIME_TEXT], until[TIME_TEXT];

	fputs("dropped  ", stdout);
	plain_text(stdout, d->key);
	fputs(": ", stdout);
	if (d->tier != UINT32_MAX)
		printf("tier of %s: ", duration_text(interval, d->interval_ns));
	switch (d->what) {
	case RONDO_DROP_SERIES:
		printf("the series: %s", rondo_strerror(d->error));
		break;
	case RONDO_DROP_TIER:
		fputs("no such tier over the same finest one", stdout);
		break;
	case RONDO_DROP_FUNCTION:
		schema_functions_print(stdout, d->functions, "", " ");
		break;
	case RONDO_DROP_HISTORY:
		printf("%s to %s is older than it retains", time_text(from, d->from_ns),
		       time_text(until, d->until_ns));
		break;
	case RONDO_DROP_BOUNDS:
		fputs("its history: the buckets have other bounds", stdout);
		break;
	}
	putchar('\n');
}

static void json_dropped(const struct rondo_dropped *d, bool first)
{
	printf("%s\n{\"what\":\"%s\",\"series\":", first ? "" : ",", drop_names[d->what]);
	json_string(stdout, d->key);
	fputs(",\"schema\":", stdout);
	json_string(stdout, d->schema);
	if (d->what == RONDO_DROP_SERIES) {
		fputs(",\"error\":", stdout);
		json_string(stdout, rondo_strerror(d->error));
	}
	if (d->tier != UINT32_MAX)
		printf(",\"tier\":%" PRIu32 ",\"interval_ns\":%" PRIu64, d->tier, d->interval_ns);
	if (d->what == RONDO_DROP_FUNCTION) {
		fputs(",\"functions\":[", stdout);
		schema_functions_print(stdout, d->functions, "\"", ",");
		putchar(']');
	}
	if (d->what == RONDO_DROP_HISTORY)
		printf(",\"from_ns\":%" PRIu64 ",\"until_ns\":%" PRIu64, d->from_ns, d->until_ns);
	putchar('}');
}

static void on_dropped(const struct rondo_dropped *d, void *arg)
{
	struct migrating *m = arg;

	if (m->n[d->what]++ >= SHOWN && !m->all)
		return;
	if (m->json)
		json_dropped(d, m->lines == 0);
	else
		text_dropped(d);
	m->lines++;
}

static void print_report(const struct migrating *m, const struct rondo_migrate_report *r)
{
	if (m->json) {
		printf("\n],\"series\":%" PRIu64 ",\"series_dropped\":%" PRIu64
		       ",\"tiers_dropped\":%" PRIu64 ",\"functions_dropped\":%" PRIu64
		       ",\"cells\":%" PRIu64 ",\"cells_dropped\":%" PRIu64 "}\n",
		       r->series, r->series_dropped, r->tiers_dropped, r->functions_dropped,
		       r->cells, r->cells_dropped);
		return;
	}
	for (size_t i = 1; i < N_DROPS; i++)
		if (m->n[i] > SHOWN && !m->all)
			printf("... and %" PRIu64 " more of kind %s (--all shows them)\n",
			       m->n[i] - SHOWN, drop_names[i]);
	printf("%" PRIu64 " series and %" PRIu64 " cells in the new store; dropped: %" PRIu64
	       " series, %" PRIu64 " tiers and %" PRIu64 " functions of series, %" PRIu64
	       " cells of history\n",
	       r->series, r->cells, r->series_dropped, r->tiers_dropped, r->functions_dropped,
	       r->cells_dropped);
}

/* set NULL: a snapshot, of which nothing is said. */
static int migrate(const char *from, const char *to, const struct schema_set *set,
		   uint32_t entry_size, struct migrating *m)
{
	char detail[512] = "";
	struct rondo_migrate_report report = { .size = sizeof(report) };
	const struct rondo_migrate_opts opts = {
		.size = sizeof(opts),
		.schemas = set ? set->schemas : NULL,
		.n_schemas = set ? set->n : 0,
		.entry_size = entry_size,
		.detail = detail,
		.detail_size = sizeof(detail),
		.dropped = set ? on_dropped : NULL,
		.arg = m,
	};
	struct output out;
	rondo_store *store = cli_open(from);
	int err, status;

	if (!store)
		return CLI_FAILED;
	output_open(&out, NULL);
	if (set && m->json)
		fputs("{\"dropped\":[", stdout);
	err = rondo_store_migrate(store, to, &opts, &report);
	if (set && (m->json || !err))
		print_report(m, &report);
	status = output_close(&out, true);
	rondo_store_close(store);
	if (!err)
		return status;
	cli_error("%s: %s", to, detail[0] ? detail : rondo_strerror(err));
	return CLI_FAILED;
}

static int migrate_main(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "all", no_argument, NULL, 'a' },
		SCHEMA_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	struct schema_options schemas;
	struct migrating m = { 0 };
	struct schema_set set;
	int opt, status = CLI_OK;

	schema_options_init(&schemas);
	while ((opt = getopt_long(argc, argv, "hja", options, NULL)) != -1) {
		if (opt == 'h') {
			fputs(cmd->help, stdout);
			return CLI_OK;
		}
		if (opt == 'j')
			m.json = m.all = true;
		else if (opt == 'a')
			m.all = true;
		else
			status = schema_options_take(&schemas, cmd, opt, optarg);
		if (status)
			return status;
	}
	if (argc - optind != 2)
		return cli_usage(cmd, "migrate takes a STORE and the NEW one's directory");
	status = schema_options_finish(&schemas, cmd, &set);
	if (status)
		return status;
	status = migrate(argv[optind], argv[optind + 1], &set, schemas.entry_size, &m);
	schema_set_free(&set);
	return status;
}

static int snapshot_main(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt = getopt_long(argc, argv, "h", options, NULL);

	if (opt == 'h') {
		fputs(cmd->help, stdout);
		return CLI_OK;
	}
	if (opt != -1) {
		fprintf(stderr, "Try '%s %s --help'.\n", CLI_NAME, cmd->name);
		return CLI_USAGE;
	}
	if (argc - optind != 2)
		return cli_usage(cmd, "snapshot takes a STORE and the NEW one's directory");
	return migrate(argv[optind], argv[optind + 1], NULL, 0, NULL);
}

const struct cli_command cmd_migrate = {
	.name = "migrate",
	.summary = "write a store anew, with other schemas",
	.help = "Usage: " CLI_NAME " migrate [OPTION...] --schema FILE STORE NEW\n"
		"       " CLI_NAME " migrate [OPTION...] --series N --tier TIER [...] STORE NEW\n\n"
		"Writes all series of STORE into a new store in directory NEW, with other retentions,\n"
		"tiers, functions, selectors or numbers of series. What fits is taken over, what is\n"
		"new is computed as far as the finer tiers reach back, what is dropped is said.\n"
		"STORE stays as it is. It may be in use; stop its writer first if it is to go on with\n"
		"NEW without a gap.\n\n" SCHEMA_HELP
		"  --entry-size N     bytes for each series in the directory; default: as in STORE\n"
		"  -a, --all          all that was dropped, not only the first 20 of each kind\n"
		"  -j, --json         as one JSON object, with all that was dropped\n"
		"\nExit status: 0 done, 1 failed (NEW is not there then), 2 wrong usage.\n",
	.run = migrate_main,
};

const struct cli_command cmd_snapshot = {
	.name = "snapshot",
	.summary = "copy a store that may be in use",
	.help = "Usage: " CLI_NAME " snapshot STORE NEW\n\n"
		"Copies STORE into directory NEW. STORE may be in use: the copy is consistent, closed\n"
		"windows whole, which a plain copy of its files is not always.\n"
		"\nExit status: 0 done, 1 failed (NEW is not there then), 2 wrong usage.\n",
	.run = snapshot_main,
};
