// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bench: what the library's calls cost on this machine, each beside a plain C loop that does the same
 *
 * The measuring is done by a child, so that its files are removed whatever becomes of it. The sections
 * are in bench_*.c.
 */
#include "bench.h"
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct bench_section sections[] = {
	{ "hot", bench_hot },       { "threads", bench_threads },
	{ "ticks", bench_ticks },   { "writeback", bench_writeback },
	{ "stalls", bench_stalls }, { "consolidate", bench_consolidate },
	{ "read", bench_read },     { "register", bench_register },
	{ "open", bench_open },     { "bytes", bench_bytes },
};

#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* What the largest stores take, with room to spare. */
#define SPACE       (UINT64_C(4) << 30)
#define SPACE_QUICK (UINT64_C(512) << 20)

static volatile sig_atomic_t child; /* 0: none to pass signals on to */

static void pass_on(int signal)
{
	if (child)
		kill((pid_t)child, signal);
}

static int section_find(const char *name)
{
	for (size_t i = 0; i < N_SECTIONS; i++)
		if (!strcmp(sections[i].name, name))
			return (int)i;
	return -1;
}

static int make_directory(struct bench *bench, const char *parent)
{
	struct statvfs fs;
	uint64_t need = bench->quick ? SPACE_QUICK : SPACE;
	int len = snprintf(bench->directory, sizeof(bench->directory), "%s/rondo-bench.XXXXXX",
			   parent);

	if (len >= (int)sizeof(bench->directory)) {
		cli_error("%s: too long a name", parent);
		return CLI_FAILED;
	}
	if (statvfs(parent, &fs)) {
		cli_error("%s: %s", parent, strerror(errno));
		return CLI_FAILED;
	}
	if ((uint64_t)fs.f_bavail * fs.f_frsize < need) {
		cli_error("%s: bench needs %llu MiB there, for a short while", parent,
			  (unsigned long long)(need >> 20));
		return CLI_FAILED;
	}
	if (!mkdtemp(bench->directory)) {
		cli_error("%s: %s", bench->directory, strerror(errno));
		return CLI_FAILED;
	}
	return CLI_OK;
}

/* One of the sections, or ... */
enum { ALL = -1, SCALE = -2 };

static int measure(struct bench *bench, int only)
{
	bench_lines_begin(bench);
	for (int i = 0; i < (int)N_SECTIONS; i++)
		if (only == ALL || only == i)
			sections[i].run(bench);
	if (only == SCALE)
		bench_scale(bench);
	bench_lines_end(bench);
	return ferror(stdout) ? CLI_FAILED : CLI_OK;
}

/* Runs the sections in a child and waits for it; a signal that ended it, or us, is raised again. */
static int measure_apart(struct bench *bench, int only)
{
	const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = pass_on };
	sigset_t all, before;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
			signal(signals[i], SIG_DFL);
		sigprocmask(SIG_SETMASK, &before, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(measure(bench, only));
	}
	child = pid > 0 ? pid : 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0) {
		cli_error("fork: %s", strerror(errno));
		bench_remove(bench->directory);
		return CLI_FAILED;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child = 0;
	bench_remove(bench->directory);
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

static bool seconds_parse(const char *text, unsigned int *seconds)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*seconds = (unsigned int)n;
	return *text >= '0' && *text <= '9' && !*end && n >= 1 && n <= 86400;
}

static int bench_main(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "quick", no_argument, NULL, 'q' },
		{ "only", required_argument, NULL, 'o' },
		{ "scale", no_argument, NULL, 's' },
		{ "seconds", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	struct bench bench = { .rounds = 7, .sprints = 70 };
	const char *parent = getenv("TMPDIR");
	int opt, only = ALL, status;
	bool scale = false;

	while ((opt = getopt_long(argc, argv, "hjq", options, NULL)) != -1) {
		switch (opt) {
		case 'h':
			fputs(cmd->help, stdout);
			return CLI_OK;
		case 'j':
			bench.json = true;
			break;
		case 'q':
			bench.quick = true;
			bench.rounds = 2;
			bench.sprints = 5;
			break;
		case 'o':
			only = section_find(optarg);
			if (only < 0)
				return cli_usage(cmd, "bench has no part '%s'", optarg);
			break;
		case 's':
			scale = true;
			break;
		case 'n':
			if (!seconds_parse(optarg, &bench.seconds))
				return cli_usage(cmd, "'%s' is not 1 to 86400 seconds", optarg);
			break;
		default:
			fprintf(stderr, "Try '%s %s --help'.\n", CLI_NAME, cmd->name);
			return CLI_USAGE;
		}
	}
	if (scale && only != ALL)
		return cli_usage(cmd, "--scale is a part by itself, --only names another");
	if (bench.seconds && !scale)
		return cli_usage(cmd, "--seconds is for --scale");
	if (scale) {
		only = SCALE;
		bench.seconds = bench.seconds ? bench.seconds : bench.quick ? 3 : 120;
	}
	if (argc - optind > 1)
		return cli_usage(cmd, "bench takes one DIRECTORY");
	if (optind < argc)
		parent = argv[optind];
	else if (!parent || !*parent)
		parent = "/var/tmp";
	status = make_directory(&bench, parent);
	return status == CLI_OK ? measure_apart(&bench, only) : status;
}

const struct cli_command cmd_bench = {
	.name = "bench",
	.summary = "measure what the library's calls cost here",
	.help = "Usage: " CLI_NAME " bench [--json] [--quick] [--only PART] [DIRECTORY]\n"
		"       " CLI_NAME " bench --scale [--seconds N] [--json] [--quick] [DIRECTORY]\n\n"
		"Measures librondo's calls in this process, on stores that it makes in DIRECTORY\n"
		"(default: $TMPDIR, else /var/tmp; 4 GiB for about a minute) and removes again. Each\n"
		"line has a figure, beside it the figure of a baseline that ran in turn with it, their\n"
		"ratio, and, where there is one, what is aimed at and whether it was met. Compare\n"
		"ratios; the figures themselves are this machine's, at this moment.\n\n"
		"  -j, --json         a JSON array of objects with the keys name, value, unit,\n"
		"                     baseline, baseline_value, ratio, aim, met\n"
		"  -q, --quick        small counts, a few seconds: to try it, not for figures\n"
		"      --only PART    hot, threads, ticks, writeback, stalls, consolidate, read,\n"
		"                     register, open or bytes\n"
		"      --scale        instead: one store of 200,000 series, 10,000 vCPUs of 20 each, at\n"
		"                     one tick a second in real time: CPU, memory, pages, disk\n"
		"      --seconds N    for so long, after it was filled (default: 120)\n"
		"\nExit status: 0 done, 1 failed, 2 wrong usage. A missed aim is no failure.\n",
	.run = bench_main,
};
