/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * events.h - --events: every single exit and wait on standard output, as it happens
 *
 * Beside a running collector or without one; no store is touched.
 */
#ifndef RONDO_BPFD_EVENTS_H
#define RONDO_BPFD_EVENTS_H

#include "options.h"
#include "status.h"

/* Until a signal comes, or nobody reads any more. */
enum status events_run(const struct options *options);

/* "exit,steal": a set of enum rbpf_stream_kind, bits by number. 0, or -1: no such kind. */
int events_parse_kinds(const char *text, uint32_t *kinds);

#endif /* RONDO_BPFD_EVENTS_H */
