// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * options.c - rondo-bpfd's command line
 */
#include "options.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "events.h"
#include "filter.h"
#include "plan.h"
#include "rondo_stream.h"

const char options_help[] =
	"rondo-bpfd - records where the time of every KVM vCPU on this host goes\n"
	"\n"
	"usage: rondo-bpfd [OPTION]...\n"
	"       rondo-bpfd --plan vcpus=N[,vms=M] [--groups LIST] [--tiers LIST] [--json]\n"
	"       rondo-bpfd --events [--filter LIST] [--kinds LIST] [--vcpu N] [--reasons LIST]\n"
	"                  [--min-latency TIME] [--json]\n"
	"       rondo-bpfd --check\n"
	"\n"
	"  --config FILE     settings, one \"name = value\" a line: the options below without the\n"
	"                    dashes; an option overrides it (" SETTINGS_FILE ", if it is there)\n"
	"  --store DIR       the store, made if it is not there (/var/lib/rondo)\n"
	"  --groups LIST     which groups of metrics: default,+reasons,-latency; all; none;\n"
	"                    rondo-bpfd(8) has their names\n"
	"  --filter LIST     which VMs, by shell patterns of names: web-*,!*-test (all)\n"
	"  --top N           culprits of steal that are told apart, per VM (8)\n"
	"  --outlier TIME    exits and waits that go into the store's event log (50ms), or off\n"
	"  --max-overhead P  drop groups, histograms first, where measuring takes more than this\n"
	"                    share of the host's CPU time, as in 1% (off)\n"
	"  --measure YESNO   what its BPF programs cost, by the kernel's statistics, which are\n"
	"                    switched on for every tenth tick: yes or no (yes)\n"
	"  --proc DIR        the host's /proc, if this one is a pid namespace's\n"
	"of a new store:\n"
	"  --max-vcpus N     how many vCPUs it has room for at the same time (64)\n"
	"  --max-vms N       how many VMs (as many as vCPUs)\n"
	"  --tick TIME       how often it records (1s)\n"
	"  --tiers LIST      resolutions and how long they are kept: 1s/10m,10s/6h,5m/7d\n"
	"and:\n"
	"  --plan WHAT       how many bytes such a store takes\n"
	"  --check           what this kernel can and can't give; 0 if it is enough\n"
	"  --events          write each single exit and wait to standard output, and no store:\n"
	"    --kinds LIST       exit, userspace, steal (all)\n"
	"    --vcpu N           of this vCPU of each VM\n"
	"    --reasons LIST     shell patterns of reasons: npf,io,!hlt (all)\n"
	"    --min-latency TIME those that took at least so long, on or off a CPU\n"
	"  --json            for --plan and --events: JSON, a line per event\n"
	"  --foreground      stay there and log to standard error, as it does anyway\n"
	"  -v, --verbose     say what happens\n"
	"  -h, --help        this\n"
	"  -V, --version     the version\n"
	"\n"
	"It says \"collecting into DIR\" on standard error once it does, ends clean on SIGTERM and\n"
	"SIGINT, and reads its settings anew on SIGHUP. Exit status: 0; 1 a failure while it ran;\n"
	"2 usage; 3 the kernel lacks something; 4 rights are missing; 5 the store can't be opened.\n";

enum {
	OPT_SETTING = 256, /* settings.c has the name */
	OPT_CONFIG,
	OPT_PLAN,
	OPT_CHECK,
	OPT_JSON,
	OPT_EVENTS,
	OPT_KINDS,
	OPT_VCPU,
	OPT_REASONS,
	OPT_MIN_LATENCY,
	OPT_FOREGROUND,
};

#define SETTING(name)                                                                              \
	{                                                                                          \
		name, required_argument, NULL, OPT_SETTING                                         \
	}

static const struct option long_options[] = {
	SETTING("store"),
	SETTING("groups"),
	SETTING("max-vcpus"),
	SETTING("max-vms"),
	SETTING("tick"),
	SETTING("tiers"),
	SETTING("top"),
	SETTING("filter"),
	SETTING("outlier"),
	SETTING("max-overhead"),
	SETTING("measure"),
	SETTING("proc"),
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "plan", required_argument, NULL, OPT_PLAN },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "events", no_argument, NULL, OPT_EVENTS },
	{ "kinds", required_argument, NULL, OPT_KINDS },
	{ "vcpu", required_argument, NULL, OPT_VCPU },
	{ "reasons", required_argument, NULL, OPT_REASONS },
	{ "min-latency", required_argument, NULL, OPT_MIN_LATENCY },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "foreground", no_argument, NULL, OPT_FOREGROUND },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* The file that the command line names, or the usual one. */
static int read_config(int argc, char *const argv[], struct settings *s, char *error,
		       size_t error_size)
{
	const char *path = NULL;
	int c, err;

	optind = 0; /* glibc: begin anew */
	while ((c = getopt_long(argc, argv, ":vhV", long_options, NULL)) != -1) {
		if (c == OPT_CONFIG)
			path = optarg;
		else if (c == 'h' || c == 'V')
			return 0; /* also with a file that is wrong */
	}
	err = settings_read(s, path ? path : SETTINGS_FILE, error, error_size);
	if (err == 1 && path)
		snprintf(error, error_size, "--config %.200s: no such file", path);
	return err < 0 || (err && path) ? -1 : 0;
}

/* One of --events' own. 0, or -1 and a sentence in error. */
static int take_event_option(struct event_options *e, int c, const char *value, char *error,
			     size_t size)
{
	char why[256] = "";
	uint32_t n;

	switch (c) {
	case OPT_KINDS:
		if (!events_parse_kinds(value, &e->kinds))
			return 0;
		snprintf(error, size, "--kinds %.60s: exit, userspace, steal", value);
		return -1;
	case OPT_VCPU:
		if (!settings_number(value, 0, INT32_MAX, &n)) {
			e->vcpu = (int32_t)n;
			return 0;
		}
		snprintf(error, size, "--vcpu %.60s: a number", value);
		return -1;
	case OPT_REASONS:
		if (strlen(value) < sizeof(e->reasons) && !filter_check(value, why, sizeof(why))) {
			strcpy(e->reasons, value);
			return 0;
		}
		snprintf(error, size, "--reasons %.60s: %s", value, *why ? why : "too long");
		return -1;
	default:
		if (!settings_duration(value, strlen(value), &e->min_ns))
			return 0;
		snprintf(error, size, "--min-latency %.60s: a time, as in 50us", value);
		return -1;
	}
}

/* One option. 0: go on; 1: no more are looked at; -1: error. */
static int take(struct options *o, int c, const char *name, const char *word, char *error,
		size_t error_size)
{
	char why[256];

	switch (c) {
	case OPT_SETTING:
		if (!settings_set(&o->settings, name, optarg, why, sizeof(why)))
			return 0;
		snprintf(error, error_size, "--%s", why);
		return -1;
	case OPT_PLAN:
		o->action = OPTIONS_PLAN;
		return plan_parse(optarg, &o->settings, error, error_size);
	case OPT_CHECK:
		o->action = OPTIONS_CHECK;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_EVENTS:
		o->action = OPTIONS_EVENTS;
		return 0;
	case OPT_KINDS:
	case OPT_VCPU:
	case OPT_REASONS:
	case OPT_MIN_LATENCY:
		o->event_given = true;
		return take_event_option(&o->events, c, optarg, error, error_size);
	case OPT_CONFIG:
	case OPT_FOREGROUND:
		return 0;
	case 'v':
		o->settings.verbose = true;
		return 0;
	case 'h':
		o->action = OPTIONS_HELP;
		return 1;
	case 'V':
		o->action = OPTIONS_VERSION;
		return 1;
	case ':':
		snprintf(error, error_size, "%s needs an argument", word);
		return -1;
	default:
		snprintf(error, error_size, "%s: no such option (--help lists them)", word);
		return -1;
	}
}

static int check_together(struct options *o, char *error, size_t error_size)
{
	if (o->json && o->action != OPTIONS_PLAN && o->action != OPTIONS_EVENTS) {
		snprintf(error, error_size, "--json is for --plan and --events");
		return -1;
	}
	if (o->event_given && o->action != OPTIONS_EVENTS) {
		snprintf(error, error_size,
			 "--kinds, --vcpu, --reasons and --min-latency are for --events");
		return -1;
	}
	return settings_check(&o->settings, error, error_size);
}

int options_parse(int argc, char *const argv[], struct options *options, char *error,
		  size_t error_size)
{
	int c, err, index = 0;

	*options = (struct options){
		.argc = argc,
		.argv = argv,
		.events = { .kinds = (1u << RBPF_STREAM_NR) - 1, .vcpu = -1 },
	};
	settings_default(&options->settings);
	err = read_config(argc, argv, &options->settings, error, error_size);
	if (err)
		return err;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":vhV", long_options, &index)) != -1) {
		err = take(options, c, long_options[index].name, argv[optind - 1], error,
			   error_size);
		if (err)
			return err < 0 ? -1 : 0;
	}
	if (optind < argc) {
		snprintf(error, error_size, "%s: no arguments but options (--help lists them)",
			 argv[optind]);
		return -1;
	}
	return check_together(options, error, error_size);
}
