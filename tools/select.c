// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The command line that query and export share, and the range that it means. See select.h.
 */
#include "select.h"
#include "text.h"
#include "times.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum option_id {
	OPT_HELP = 'h',
	OPT_OUTPUT = 'o',
	OPT_RANGE = 256,
	OPT_START,
	OPT_END,
	OPT_TIER,
	OPT_STEP,
	OPT_FUNCTION,
	OPT_MERGE,
	OPT_FORMAT,
	OPT_JSON,
};

static const struct option options[] = {
	{ "help", no_argument, NULL, OPT_HELP },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "range", required_argument, NULL, OPT_RANGE },
	{ "start", required_argument, NULL, OPT_START },
	{ "end", required_argument, NULL, OPT_END },
	{ "tier", required_argument, NULL, OPT_TIER },
	{ "step", required_argument, NULL, OPT_STEP },
	{ "function", required_argument, NULL, OPT_FUNCTION },
	{ "merge", no_argument, NULL, OPT_MERGE },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ NULL, 0, NULL, 0 },
};

static const char *set_format(const char *text, struct selection *sel)
{
	static const char *const names[] = {
		[FORMAT_TABLE] = "table",
		[FORMAT_CSV] = "csv",
		[FORMAT_JSON] = "json",
		[FORMAT_OPENMETRICS] = "openmetrics",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i], text)) {
			sel->format = (enum format)i;
			return NULL;
		}
	}
	return "no such format; there are table, csv, json, openmetrics";
}

static const char *set_tier(const char *text, struct selection *sel)
{
	unsigned long value;
	char *end;

	if (!strcmp(text, "auto")) {
		sel->tier = RONDO_TIER_AUTO;
		return NULL;
	}
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || value >= RONDO_TIERS_MAX)
		return "not a tier; use auto, or a number from 0 (the finest)";
	sel->tier = (uint32_t)value;
	return NULL;
}

/* pNN: the share of NN per cent, 0 to 100. */
static bool is_percentile(const char *text, double *quantile)
{
	char *end;
	double percent;

	if (text[0] != 'p' || text[1] < '0' || text[1] > '9' ||
	    strspn(text + 1, "0123456789.") != strlen(text + 1))
		return false;
	percent = strtod(text + 1, &end);
	*quantile = percent / 100;
	return !*end && percent <= 100;
}

static const char *set_function(const char *text, struct selection *sel)
{
	int function = function_find(text);

	sel->quantile_text = NULL;
	sel->function = RONDO_FN_DEFAULT;
	if (is_percentile(text, &sel->quantile)) {
		sel->quantile_text = text;
		return NULL;
	}
	if (function < 0)
		return "no such function; there are avg min max last sum count total rate, and "
		       "percentiles p0 to p100";
	sel->function = (enum rondo_function)function;
	return NULL;
}

static const char *set_range(const char *text, struct selection *sel)
{
	sel->has_range = true;
	sel->range_ns = 0;
	return strcmp(text, "all") ? duration_parse(text, &sel->range_ns) : NULL;
}

/* Takes one option. Returns NULL, or what is wrong with its argument. */
static const char *take(int opt, const char *arg, struct selection *sel)
{
	switch (opt) {
	case OPT_OUTPUT:
		sel->output = arg;
		return arg[0] ? NULL : "empty";
	case OPT_RANGE:
		return set_range(arg, sel);
	case OPT_START:
		sel->has_start = true;
		return time_parse(arg, &sel->start_ns);
	case OPT_END:
		sel->has_end = true;
		return time_parse(arg, &sel->end_ns);
	case OPT_TIER:
		return set_tier(arg, sel);
	case OPT_STEP:
		return duration_parse(arg, &sel->step_ns);
	case OPT_FUNCTION:
		return set_function(arg, sel);
	case OPT_MERGE:
		sel->merge = true;
		return NULL;
	case OPT_FORMAT:
		return set_format(arg, sel);
	default: /* OPT_JSON */
		sel->format = FORMAT_JSON;
		return NULL;
	}
}

static const char *option_name(int opt)
{
	for (const struct option *o = options; o->name; o++)
		if (o->val == opt)
			return o->name;
	return "?";
}

/* What does not go together. Returns NULL, or what is wrong. */
static const char *check(struct selection *sel)
{
	if (sel->step_ns && sel->tier != RONDO_TIER_AUTO)
		return "--step chooses among tiers, so it does not go with --tier N";
	if (sel->format == FORMAT_OPENMETRICS && (sel->quantile_text || sel->merge))
		return "percentiles and --merge are not for OpenMetrics; use table, csv or json";
	if (sel->has_range && sel->has_start && sel->has_end)
		return "--start and --end already give the range; leave --range out";
	if (sel->has_end && sel->has_start && sel->end_ns <= sel->start_ns)
		return "--end must be after --start";
	if (sel->has_end && !sel->end_ns)
		return "--end must be after the epoch";
	if (!sel->range_ns)
		return NULL;
	if (sel->has_start) {
		if (__builtin_add_overflow(sel->start_ns, sel->range_ns, &sel->end_ns))
			sel->end_ns = 0;
	} else if (sel->has_end) {
		sel->start_ns = sel->end_ns > sel->range_ns ? sel->end_ns - sel->range_ns : 0;
	}
	return NULL;
}

int selection_parse(const struct cli_command *cmd, int argc, char **argv, struct selection *sel)
{
	const char *wrong;
	int opt, left;

	while ((opt = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		if (opt == OPT_HELP) {
			fputs(cmd->help, stdout);
			return -1;
		}
		if (opt == '?') {
			fprintf(stderr, "Try '%s %s --help'.\n", CLI_NAME, cmd->name);
			return CLI_USAGE;
		}
		wrong = take(opt, optarg, sel);
		if (wrong)
			return cli_usage(cmd, "--%s '%s': %s", option_name(opt), optarg, wrong);
	}
	left = argc - optind;
	if (left < 1)
		return cli_usage(cmd, "which store? %s needs its directory", cmd->name);
	if (left > 2)
		return cli_usage(cmd, "'%s' is too much: one STORE, one SELECTOR (in quotes)",
				 argv[optind + 2]);
	sel->store = argv[optind];
	sel->selector = left > 1 ? argv[optind + 1] : NULL;
	wrong = check(sel);
	return wrong ? cli_usage(cmd, "%s", wrong) : CLI_OK;
}

/* The end of the newest tick of any series in the store. */
static int newest_end(rondo_store *store, uint64_t *end_ns)
{
	struct rondo_store_info info = { .size = sizeof(info) };
	int err = rondo_store_info(store, &info);

	*end_ns = 0;
	for (uint32_t i = 0; !err && i < info.n_schemas; i++) {
		struct rondo_schema schema = { .size = sizeof(schema) };
		uint64_t ts;

		err = rondo_store_newest(store, i, &ts);
		if (err == RONDO_E_NOT_FOUND) {
			err = 0;
			continue;
		}
		if (!err)
			err = rondo_store_schema(store, i, &schema);
		if (!err && ts + schema.tiers[0].interval_ns > *end_ns)
			*end_ns = ts + schema.tiers[0].interval_ns;
	}
	return err;
}

int selection_range(const struct selection *sel, rondo_store *store, struct rondo_range *range)
{
	uint64_t end;
	int err;

	*range = (struct rondo_range){
		.size = sizeof(*range),
		.start_ns = sel->start_ns,
		.end_ns = sel->end_ns,
		.step_ns = sel->step_ns,
		.tier = sel->tier,
		.function = sel->function,
	};
	if (!sel->range_ns || sel->has_start || sel->has_end)
		return CLI_OK;
	err = newest_end(store, &end);
	if (err) {
		cli_error("%s: can't find the newest tick: %s", sel->store, rondo_strerror(err));
		return CLI_FAILED;
	}
	if (!end)
		return CLI_NOTHING;
	range->start_ns = end > sel->range_ns ? end - sel->range_ns : 0;
	return CLI_OK;
}
