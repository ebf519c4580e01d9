// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * list: the series that match a selector, live and retired, without their points.
 */
#include "cli.h"
#include "text.h"
#include "walk.h"

#include <getopt.h>
#include <inttypes.h>

struct listing {
	bool json;
	bool any;
};

static void list_json(const struct walk *w, const struct rondo_series_info *info, bool first)
{
	fputs(first ? "\n{\"name\":" : ",\n{\"name\":", stdout);
	json_string(stdout, info->name);
	fputs(",\"labels\":", stdout);
	json_labels(stdout, info->labels, info->n_labels);
	fputs(",\"unit\":", stdout);
	json_string(stdout, info->unit);
	fprintf(stdout, ",\"kind\":\"%s\",\"help\":", kind_name(info->kind));
	json_string(stdout, info->help);
	fputs(",\"schema\":", stdout);
	json_string(stdout, w->schemas[info->schema].name);
	if (info->retired)
		fprintf(stdout, ",\"retired\":true,\"retired_at_ns\":%" PRIu64 "}",
			info->retired_at_ns);
	else
		fputs(",\"retired\":false}", stdout);
}

static void list_text(const struct rondo_series_info *info)
{
	plain_text(stdout, info->key);
	printf("  %s", kind_name(info->kind));
	if (info->unit[0]) {
		putchar(' ');
		plain_text(stdout, info->unit);
	}
	puts(info->retired ? "  retired" : "");
}

static int list_series(struct walk *w, const struct rondo_series_info *info, void *arg)
{
	struct listing *l = arg;

	if (l->json)
		list_json(w, info, !l->any);
	else
		list_text(info);
	l->any = true;
	return CLI_OK;
}

static int list_store(const struct selection *sel, bool json)
{
	struct listing listing = { .json = json };
	struct output out;
	struct walk walk;
	rondo_store *store = cli_open(sel->store);
	int status;

	if (!store)
		return CLI_FAILED;
	output_open(&out, NULL);
	status = walk_begin(&walk, store, sel);
	if (status == CLI_OK) {
		if (json)
			fputs("{\"series\":[", stdout);
		status = walk_series(&walk, list_series, &listing);
		if (json && status == CLI_OK)
			fputs("\n]}\n", stdout);
	}
	if (status == CLI_OK && !listing.any) {
		cli_error("%s: no series matches%s%s", sel->store, sel->selector ? " " : "",
			  sel->selector ? sel->selector : "");
		status = CLI_NOTHING;
	}
	walk_end(&walk);
	rondo_store_close(store);
	return output_close(&out, true) != CLI_OK ? CLI_FAILED : status;
}

static int list(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct selection sel = { .tier = RONDO_TIER_AUTO };
	bool json = false;
	int opt, left;

	while ((opt = getopt_long(argc, argv, "hj", options, NULL)) != -1) {
		switch (opt) {
		case 'h':
			fputs(cmd->help, stdout);
			return CLI_OK;
		case 'j':
			json = true;
			break;
		default:
			fprintf(stderr, "Try '%s %s --help'.\n", CLI_NAME, cmd->name);
			return CLI_USAGE;
		}
	}
	left = argc - optind;
	if (left < 1 || left > 2)
		return cli_usage(cmd, "list takes a STORE and at most one SELECTOR (in quotes)");
	sel.store = argv[optind];
	sel.selector = left > 1 ? argv[optind + 1] : NULL;
	return list_store(&sel, json);
}

const struct cli_command cmd_list = {
	.name = "list",
	.summary = "list series",
	.help = "Usage: " CLI_NAME " list [--json] STORE [SELECTOR]\n\n"
		"Lists the series that match SELECTOR (default: all), live and retired, with their\n"
		"kinds and units.\n\n"
		"  -j, --json         as one JSON object, with help texts and schemas\n"
		"\nExit status: 0 done, 1 failed, 2 wrong usage, 3 no series matched.\n",
	.run = list,
};
