// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * main.c - rondo-bpfd: from the command line to the work
 */
#include <bpf/libbpf.h>
#include <rondo.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "capabilities.h"
#include "daemon.h"
#include "events.h"
#include "log.h"
#include "options.h"
#include "plan.h"
#include "store.h"

/* libbpf's own words are for those who asked; ours say what to do. */
static int on_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!log_is_verbose() || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

/* What was printed has arrived, or the exit status says so. */
static enum status printed(enum status status)
{
	return fflush(stdout) || ferror(stdout) ? STATUS_FAILED : status;
}

static enum status check(const struct options *options)
{
	const struct settings *settings = &options->settings;
	static struct capabilities c;
	struct rondo_plan plan;

	capabilities_find(&c);
	capabilities_print(&c);
	if (!store_plan(&settings->store, &plan, NULL, 0))
		printf("A store for %u vCPUs takes %.0f MB.\n", settings->store.sizes.max_vcpus,
		       (double)plan.bytes / 1e6);
	return printed(c.status);
}

int main(int argc, char **argv)
{
	struct options options;
	char error[512];

	if (options_parse(argc, argv, &options, error, sizeof(error))) {
		log_line("%s", error);
		return STATUS_USAGE;
	}
	log_verbose(options.settings.verbose);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	libbpf_set_print(on_libbpf);
	switch (options.action) {
	case OPTIONS_HELP:
		fputs(options_help, stdout);
		return printed(STATUS_OK);
	case OPTIONS_VERSION:
		printf("rondo-bpfd %s\n", rondo_version());
		return printed(STATUS_OK);
	case OPTIONS_CHECK:
		return check(&options);
	case OPTIONS_PLAN:
		if (plan_print(&options.settings, options.json))
			return STATUS_FAILED;
		return printed(STATUS_OK);
	case OPTIONS_EVENTS:
		return events_run(&options);
	case OPTIONS_RUN:
		break;
	}
	return daemon_run(&options);
}
