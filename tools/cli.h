/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all subcommands share: exit statuses, messages, opening a store, the output file.
 * No knowledge of formats or of series.
 */
#ifndef RONDO_TOOLS_CLI_H
#define RONDO_TOOLS_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include <rondo.h>

#define CLI_NAME "rondo-bpf-cli"

/* Exit statuses, documented in the manual page. */
enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1,  /* the store or the system refused */
	CLI_USAGE = 2,   /* the command line makes no sense */
	CLI_NOTHING = 3, /* all went well, but no series or no point matched */
	CLI_DAMAGED = 4, /* verify: there is damage */
};

struct cli_command {
	const char *name;
	const char *summary; /* one line for the list of subcommands */
	const char *help;    /* what `NAME --help` prints */
	int (*run)(const struct cli_command *cmd, int argc, char **argv);
};

extern const struct cli_command cmd_info;
extern const struct cli_command cmd_list;
extern const struct cli_command cmd_query;
extern const struct cli_command cmd_export;
extern const struct cli_command cmd_verify;
extern const struct cli_command cmd_snapshot;
extern const struct cli_command cmd_migrate;
extern const struct cli_command cmd_plan;
extern const struct cli_command cmd_bench;

/* Prints "rondo-bpf-cli: ..." and a newline to stderr. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, then where to find the help; returns CLI_USAGE. */
int cli_usage(const struct cli_command *cmd, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Opens a store read-only. On failure says why and what to do about it, and returns NULL. */
rondo_store *cli_open(const char *path);

/*
 * Where a command writes. A regular file appears under its name only when it is complete: until
 * then it is FILE.XXXXXX in the same directory. Pipes and devices are written directly.
 */
struct output {
	FILE *file;
	const char *path; /* NULL: standard output */
	char *temp;       /* name of the unfinished file, or NULL */
};

/* path: NULL or "-" is standard output. Returns CLI_OK, or CLI_FAILED after a message. */
int output_open(struct output *out, const char *path);

/* Ends the output; with `keep` false an unfinished file is removed. Returns CLI_OK or CLI_FAILED. */
int output_close(struct output *out, bool keep);

#endif
