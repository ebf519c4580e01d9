/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The options that plan and migrate share: schemas from a file, or one schema by options.
 */
#ifndef RONDO_TOOLS_SCHEMA_OPTIONS_H
#define RONDO_TOOLS_SCHEMA_OPTIONS_H

#include "cli.h"
#include "schema_file.h"

enum schema_option {
	OPT_SCHEMA = 512,
	OPT_SERIES,
	OPT_TIER_TEXT,
	OPT_BOUNDS,
	OPT_ENTRY_SIZE,
};

/* Entries of an array of struct option. */
#define SCHEMA_OPTIONS                                                                             \
	{ "schema", required_argument, NULL, OPT_SCHEMA },                                         \
		{ "series", required_argument, NULL, OPT_SERIES },                                 \
		{ "tier", required_argument, NULL, OPT_TIER_TEXT },                                \
		{ "bounds", required_argument, NULL, OPT_BOUNDS },                                 \
	{                                                                                          \
		"entry-size", required_argument, NULL, OPT_ENTRY_SIZE                              \
	}

struct schema_options {
	const char *file;
	struct schema_text one;
	bool by_options;
	uint32_t entry_size; /* 0: the default */
};

void schema_options_init(struct schema_options *options);

/* Takes what getopt_long() returned. CLI_OK, or CLI_USAGE after a message. */
int schema_options_take(struct schema_options *options, const struct cli_command *cmd, int opt,
			const char *arg);

/* The set that they mean, to be freed. CLI_OK, CLI_USAGE or CLI_FAILED after a message. */
int schema_options_finish(struct schema_options *options, const struct cli_command *cmd,
			  struct schema_set *set);

#endif
