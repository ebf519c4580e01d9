// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * rondo-bpf-cli - reads rondo stores, also while they are written; measures the library
 *
 * Finds the subcommand and hands over; knows no options but --help and --version.
 */
#include "cli.h"

#include <signal.h>
#include <string.h>

static const struct cli_command *const commands[] = {
	&cmd_info,     &cmd_list,    &cmd_query, &cmd_export, &cmd_verify,
	&cmd_snapshot, &cmd_migrate, &cmd_plan,  &cmd_bench,
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct cli_command *find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static void print_help(FILE *to)
{
	fputs("Usage: " CLI_NAME " COMMAND [OPTION...] STORE ...\n\n"
	      "Reads a rondo store (a directory), also while another process writes it. Only snapshot\n"
	      "and migrate write, into a new store; bench measures the library itself.\n\n"
	      "Commands:\n",
	      to);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n'" CLI_NAME " COMMAND --help' has the options of each.\n"
	      "      --help     this text\n"
	      "      --version  version of the program and of its library\n\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, 3 nothing matched, 4 damage found.\n",
	      to);
}

static int help(int argc, char **argv)
{
	const struct cli_command *cmd;

	if (argc < 3) {
		print_help(stdout);
		return fflush(stdout) ? CLI_FAILED : CLI_OK;
	}
	cmd = find(argv[2]);
	if (!cmd) {
		cli_error("there is no command '%s'", argv[2]);
		return CLI_USAGE;
	}
	fputs(cmd->help, stdout);
	return fflush(stdout) ? CLI_FAILED : CLI_OK;
}

int main(int argc, char **argv)
{
	static char name[] = CLI_NAME; /* what getopt puts before its messages */
	const struct cli_command *cmd;

	/* A reader that goes away (`... | head`) ends us quietly, whatever we inherited. */
	signal(SIGPIPE, SIG_DFL);

	if (argc < 2) {
		print_help(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(argc, argv);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf(CLI_NAME " " RONDO_VERSION " (librondo %s)\n", rondo_version());
		return fflush(stdout) ? CLI_FAILED : CLI_OK;
	}
	cmd = find(argv[1]);
	if (!cmd) {
		cli_error("there is no command '%s'", argv[1]);
		fputs("Try '" CLI_NAME " --help'.\n", stderr);
		return CLI_USAGE;
	}
	argv[1] = name;
	return cmd->run(cmd, argc - 1, argv + 1);
}
