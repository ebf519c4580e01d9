// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The options that plan and migrate share. See schema_options.h.
 */
#include "schema_options.h"

#include <stdlib.h>

void schema_options_init(struct schema_options *options)
{
	*options = (struct schema_options){ 0 };
	schema_text_init(&options->one, "all");
}

int schema_options_take(struct schema_options *options, const struct cli_command *cmd, int opt,
			const char *arg)
{
	const char *key = NULL, *wrong;
	char *end;

	switch (opt) {
	case OPT_SCHEMA:
		options->file = arg;
		return CLI_OK;
	case OPT_ENTRY_SIZE:
		options->entry_size = (uint32_t)strtoul(arg, &end, 10);
		if (*end || options->entry_size < 256 || options->entry_size > 4096 ||
		    options->entry_size & (options->entry_size - 1))
			return cli_usage(cmd, "--entry-size '%s': one of 256 512 1024 2048 4096",
					 arg);
		return CLI_OK;
	case OPT_SERIES:
		key = "series";
		break;
	case OPT_TIER_TEXT:
		key = "tier";
		break;
	case OPT_BOUNDS:
		key = "bounds";
		break;
	default:
		fprintf(stderr, "Try '%s %s --help'.\n", CLI_NAME, cmd->name);
		return CLI_USAGE;
	}
	options->by_options = true;
	wrong = schema_text_set(&options->one, key, arg);
	return wrong ? cli_usage(cmd, "--%s '%s': %s", key, arg, wrong) : CLI_OK;
}

int schema_options_finish(struct schema_options *options, const struct cli_command *cmd,
			  struct schema_set *set)
{
	if (options->file && options->by_options)
		return cli_usage(cmd, "either --schema, or --series and --tier");
	if (options->file)
		return schema_file_read(options->file, set);
	if (!options->one.schema.n_tiers || !options->one.schema.max_series)
		return cli_usage(cmd, "which schemas? --schema FILE, or --series and --tier");
	if (schema_set_one(set, &options->one))
		return CLI_OK;
	cli_error("out of memory");
	return CLI_FAILED;
}
