// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * options.c - rondo-bpfd's command line
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

const char options_help[] =
	"rondo-bpfd - records where the time of every KVM vCPU on this host goes\n"
	"\n"
	"usage: rondo-bpfd [--store DIR] [--max-vcpus N] [--groups LIST] [-v]\n"
	"       rondo-bpfd --check\n"
	"\n"
	"  --store DIR      the store, made if it is not there (/var/lib/rondo)\n"
	"  --max-vcpus N    how many vCPUs a new store has room for (64)\n"
	"  --groups LIST    which groups of metrics: default,+reasons,-latency; all; none;\n"
	"                   rondo-bpfd(8) has their names\n"
	"  --check          what this kernel can and can't give; 0 if it is enough\n"
	"  -v, --verbose    say what happens\n"
	"  -h, --help       this\n"
	"  -V, --version    the version\n"
	"\n"
	"It stays in the foreground, says \"collecting into DIR\" on standard error once it does, and\n"
	"ends clean on SIGTERM and SIGINT. Exit status: 0; 1 a failure while it ran; 2 usage; 3 the\n"
	"kernel lacks something; 4 rights are missing; 5 the store can't be opened.\n";

enum {
	OPT_STORE = 256,
	OPT_MAX_VCPUS,
	OPT_GROUPS,
	OPT_CHECK,
};

static const struct option long_options[] = {
	{ "store", required_argument, NULL, OPT_STORE },
	{ "max-vcpus", required_argument, NULL, OPT_MAX_VCPUS },
	{ "groups", required_argument, NULL, OPT_GROUPS },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* Digits only: strtoul alone takes signs and blanks. */
static int parse_number(const char *text, unsigned long low, unsigned long high, uint32_t *value)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n < low || n > high)
		return -1;
	*value = (uint32_t)n;
	return 0;
}

int options_parse(int argc, char *const argv[], struct options *options, char *error,
		  size_t error_size)
{
	char bad[32];
	int c;

	*options = (struct options){
		.store = "/var/lib/rondo",
		.max_vcpus = MAX_VCPUS_DEFAULT,
		.groups = groups_default(),
	};
	optind = 0; /* glibc: begin anew */
	while ((c = getopt_long(argc, argv, ":vhV", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_STORE:
			options->store = optarg;
			break;
		case OPT_MAX_VCPUS:
			if (!parse_number(optarg, 1, MAX_VCPUS_MAX, &options->max_vcpus))
				break;
			snprintf(error, error_size, "--max-vcpus %s: a number from 1 to %u", optarg,
				 MAX_VCPUS_MAX);
			return -1;
		case OPT_GROUPS:
			if (!groups_parse(optarg, &options->groups, bad, sizeof(bad)))
				break;
			snprintf(error, error_size, "--groups: there is no group \"%s\"", bad);
			return -1;
		case OPT_CHECK:
			options->action = OPTIONS_CHECK;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'h':
			options->action = OPTIONS_HELP;
			return 0;
		case 'V':
			options->action = OPTIONS_VERSION;
			return 0;
		case ':':
			snprintf(error, error_size, "%s needs an argument", argv[optind - 1]);
			return -1;
		default:
			snprintf(error, error_size, "%s: no such option (--help lists them)",
				 argv[optind - 1]);
			return -1;
		}
	}
	if (optind < argc) {
		snprintf(error, error_size, "%s: no arguments but options (--help lists them)",
			 argv[optind]);
		return -1;
	}
	if (!*options->store) {
		snprintf(error, error_size, "--store: an empty name");
		return -1;
	}
	return 0;
}
