/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * options.h - rondo-bpfd's command line, and the file that it may name
 */
#ifndef RONDO_BPFD_OPTIONS_H
#define RONDO_BPFD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings.h"

enum options_action {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_PLAN,
	OPTIONS_EVENTS,
	OPTIONS_HELP,
	OPTIONS_VERSION,
};

/* Which single events --events tells; the VMs are the settings' filter. */
struct event_options {
	uint32_t kinds;     /* bits of enum rbpf_stream_kind */
	int32_t vcpu;       /* -1: all */
	char reasons[1024]; /* patterns, as in filter.h; "": all */
	uint64_t min_ns;
};

struct options {
	enum options_action action;
	bool json;
	struct settings settings;
	struct event_options events;
	bool event_given;
	int argc; /* what it was parsed from, to be parsed again */
	char *const *argv;
};

/*
 * The file's settings, then the command line's. 0, or -1 and a sentence in error. argv is kept. May be
 * called again with the same argv: the file may have changed.
 */
int options_parse(int argc, char *const argv[], struct options *options, char *error,
		  size_t error_size);

extern const char options_help[];

#endif /* RONDO_BPFD_OPTIONS_H */
