/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * options.h - rondo-bpfd's command line
 */
#ifndef RONDO_BPFD_OPTIONS_H
#define RONDO_BPFD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "groups.h"

enum options_action {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_HELP,
	OPTIONS_VERSION,
};

struct options {
	enum options_action action;
	const char *store;
	uint32_t max_vcpus;
	group_set groups;
	bool verbose;
};

#define MAX_VCPUS_DEFAULT 64
#define MAX_VCPUS_MAX     16384u

/* 0, or -1 and a sentence in error. argv's strings are kept. */
int options_parse(int argc, char *const argv[], struct options *options, char *error,
		  size_t error_size);

extern const char options_help[];

#endif /* RONDO_BPFD_OPTIONS_H */
