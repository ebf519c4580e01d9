// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * log.c - lines on standard error
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

static bool verbose;

void log_verbose(bool on)
{
	verbose = on;
}

bool log_is_verbose(void)
{
	return verbose;
}

/* In one write, so that lines of several processes don't mix. */
static void put(const char *format, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, args);
	fprintf(stderr, "rondo-bpfd: %s\n", line);
}

void log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	va_list args;

	if (!verbose)
		return;
	va_start(args, format);
	put(format, args);
	va_end(args);
}
