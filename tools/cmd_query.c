// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * query and export: the same walk with different defaults. query is for looking, export for feeding
 * other programs. Options are select.c's, formats formats.c's and openmetrics.c's.
 */
#include "walk.h"

static int run_walk(struct walk *w, FILE *out)
{
	switch (w->sel->format) {
	case FORMAT_CSV:
		return walk_format(w, &format_csv, out);
	case FORMAT_JSON:
		return walk_format(w, &format_json, out);
	case FORMAT_OPENMETRICS:
		return walk_openmetrics(w, out);
	default:
		return walk_format(w, &format_table, out);
	}
}

static int run(const struct cli_command *cmd, int argc, char **argv, enum format format)
{
	struct selection sel = { .format = format, .tier = RONDO_TIER_AUTO };
	struct output out;
	struct walk walk;
	rondo_store *store;
	int status = selection_parse(cmd, argc, argv, &sel);

	if (status)
		return status < 0 ? CLI_OK : status;
	store = cli_open(sel.store);
	if (!store)
		return CLI_FAILED;
	status = walk_begin(&walk, store, &sel);
	if (status == CLI_OK)
		status = selection_range(&sel, store, &walk.range);
	/* With nothing in the store there is no newest tick; the output is empty but whole. */
	if (status == CLI_OK || status == CLI_NOTHING) {
		status = output_open(&out, sel.output);
		if (status == CLI_OK) {
			status = run_walk(&walk, out.file);
			if (output_close(&out, status == CLI_OK) != CLI_OK)
				status = CLI_FAILED;
		}
		if (status == CLI_OK)
			status = walk_status(&walk);
	}
	walk_end(&walk);
	rondo_store_close(store);
	return status;
}

static int query(const struct cli_command *cmd, int argc, char **argv)
{
	return run(cmd, argc, argv, FORMAT_TABLE);
}

static int export(const struct cli_command *cmd, int argc, char **argv)
{
	return run(cmd, argc, argv, FORMAT_CSV);
}

const struct cli_command cmd_query = {
	.name = "query",
	.summary = "show points of series",
	.help = "Usage: " CLI_NAME " query [OPTION...] STORE [SELECTOR]\n\n"
		"Shows the points of all series that match SELECTOR, a Prometheus selector:\n"
		"  vcpu_steal_ns   'vcpu_exits_total{instance=\"vm-1\",reason=~\"io|mmio\"}'\n"
		"Without it, of all series. A point's time is the start of its tick or window, in UTC.\n\n"
		"Output:\n"
		"  --format FORMAT    table (default), csv, json, openmetrics; see 'export --help'\n"
		"  --json             the same as --format json\n" SELECTION_HELP
		"\nExit status: 0 done, 1 failed, 2 wrong usage, 3 no series or no point matched.\n",
	.run = query,
};

const struct cli_command cmd_export = {
	.name = "export",
	.summary = "write series as CSV, JSON or OpenMetrics",
	.help = "Usage: " CLI_NAME " export [OPTION...] STORE [SELECTOR]\n\n"
		"Writes the points of all series that match SELECTOR (default: all), in a form for\n"
		"other programs. The store may be in use; its newest tick may then still grow.\n\n"
		"Output:\n"
		"  --format FORMAT    csv (default)  one line per point, header first, RFC 4180;\n"
		"                                    times are starts of windows\n"
		"                     json           {\"series\":[...]}, one object per series and tier;\n"
		"                                    times are starts of windows\n"
		"                     openmetrics    version 1.0 text in base units under the names\n"
		"                                    kvm_..., counters as totals; times are ends of\n"
		"                                    windows; for 'promtool tsdb create-blocks-from\n"
		"                                    openmetrics'\n"
		"                     table          as query prints it\n"
		"  --json             the same as --format json\n" SELECTION_HELP
		"\nExit status: 0 done, 1 failed, 2 wrong usage, 3 no series or no point matched.\n",
	.run = export,
};
