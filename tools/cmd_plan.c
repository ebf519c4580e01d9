// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * plan: what a store of some schemas will take on disk, to the byte, before there is one.
 */
#include "cli.h"
#include "schema_options.h"
#include "text.h"
#include "times.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

struct planning {
	struct schema_options schemas;
	bool json;
};

/*
 * A schema of the first n tiers: the bytes of their slabs. What coarser tiers make finer ones keep,
 * they keep here, too, so that the difference of two is one tier's file.
 */
static int slabs_of(const struct rondo_schema *schema, uint32_t n, uint64_t *bytes)
{
	struct rondo_tier tiers[RONDO_TIERS_MAX];
	struct rondo_schema first = *schema;
	struct rondo_plan plan;
	uint32_t functions = 0;
	int err;

	*bytes = 0;
	if (!n)
		return 0;
	for (uint32_t t = schema->n_tiers; t-- > 0;) {
		functions |= schema->tiers[t].functions;
		tiers[t] = schema->tiers[t];
		tiers[t].functions = functions;
	}
	first.tiers = tiers;
	first.n_tiers = n;
	err = rondo_plan(&first, 1, 512, &plan, NULL, 0);
	if (!err)
		*bytes = plan.slab_bytes;
	return err;
}

static int print_tiers(const struct rondo_schema *schema, bool json)
{
	char interval[DURATION_TEXT], retention[DURATION_TEXT];
	uint64_t before = 0, bytes;

	for (uint32_t t = 0; t < schema->n_tiers; t++, before = bytes) {
		const struct rondo_tier *tier = &schema->tiers[t];
		int err = slabs_of(schema, t + 1, &bytes);

		if (err)
			return err;
		if (json)
			printf("%s{\"tier\":%" PRIu32 ",\"interval_ns\":%" PRIu64
			       ",\"retention_ns\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
			       t ? "," : "", t, tier->interval_ns, tier->retention_ns,
			       bytes - before);
		else
			printf("  tier %" PRIu32 "   %s for %s: %" PRIu64 " bytes\n", t,
			       duration_text(interval, tier->interval_ns),
			       duration_text(retention, tier->retention_ns), bytes - before);
	}
	return 0;
}

static int print_schemas(const struct schema_set *set, bool json)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct rondo_schema *schema = &set->schemas[i];
		uint64_t bytes;
		int err = slabs_of(schema, schema->n_tiers, &bytes);

		if (err)
			return err;
		if (json) {
			printf("%s\n{\"name\":\"%s\",\"series\":%" PRIu32 ",\"bytes\":%" PRIu64
			       ",\"tiers\":[",
			       i ? "," : "", schema->name, schema->max_series, bytes);
		} else {
			printf("%s: %" PRIu32 " series, %" PRIu64 " bytes, %" PRIu64 " a series\n",
			       schema->name, schema->max_series, bytes, bytes / schema->max_series);
		}
		err = print_tiers(schema, json);
		if (err)
			return err;
		if (json)
			fputs("]}", stdout);
	}
	return 0;
}

static int print_plan(const struct schema_set *set, uint32_t entry_size, bool json)
{
	char detail[512] = "";
	struct rondo_plan plan;
	struct output out;
	int err = rondo_plan(set->schemas, set->n, entry_size, &plan, detail, sizeof(detail));

	if (err) {
		cli_error("%s", detail[0] ? detail : rondo_strerror(err));
		return CLI_FAILED;
	}
	output_open(&out, NULL);
	if (json)
		printf("{\"bytes\":%" PRIu64 ",\"directory_bytes\":%" PRIu64
		       ",\"slab_bytes\":%" PRIu64 ",\"series\":%" PRIu64 ",\"schemas\":[",
		       plan.bytes, plan.directory_bytes, plan.slab_bytes, plan.series);
	err = print_schemas(set, json);
	if (json)
		puts("\n]}");
	else
		printf("directory: %" PRIu64 " bytes\ntotal: %" PRIu64 " bytes for %" PRIu64
		       " series\n",
		       plan.directory_bytes, plan.bytes, plan.series);
	if (err)
		cli_error("%s", rondo_strerror(err));
	return output_close(&out, true) == CLI_OK && !err ? CLI_OK : CLI_FAILED;
}

static int plan_main(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		SCHEMA_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	struct planning p = { 0 };
	struct schema_set set;
	int opt, status;

	schema_options_init(&p.schemas);
	while ((opt = getopt_long(argc, argv, "hj", options, NULL)) != -1) {
		status = CLI_OK;
		if (opt == 'h') {
			fputs(cmd->help, stdout);
			return CLI_OK;
		}
		if (opt == 'j')
			p.json = true;
		else
			status = schema_options_take(&p.schemas, cmd, opt, optarg);
		if (status)
			return status;
	}
	if (argc > optind)
		return cli_usage(cmd, "'%s' is too much: plan takes options only", argv[optind]);
	status = schema_options_finish(&p.schemas, cmd, &set);
	if (status)
		return status;
	status = print_plan(&set, p.schemas.entry_size ? p.schemas.entry_size : 512, p.json);
	schema_set_free(&set);
	return status;
}

const struct cli_command cmd_plan = {
	.name = "plan",
	.summary = "show how large a store of some schemas will be",
	.help = "Usage: " CLI_NAME " plan [--json] --schema FILE\n"
		"       " CLI_NAME " plan [--json] --series N --tier TIER [--tier TIER...]\n\n"
		"Shows what a store will take on disk, exactly, and touches none. Its files have this\n"
		"size from creation on, and keep it.\n\n" SCHEMA_HELP
		"  --entry-size N     bytes for each series in the directory: 256 512 1024 2048 4096\n"
		"  -j, --json         as one JSON object\n"
		"\nExit status: 0 done, 1 the schemas break a rule, 2 wrong usage.\n",
	.run = plan_main,
};
