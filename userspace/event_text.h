/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * event_text.h - a single event as a line of text or JSON. Pure.
 */
#ifndef RONDO_BPFD_EVENT_TEXT_H
#define RONDO_BPFD_EVENT_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct event_line {
	uint64_t wall_ns; /* its end */
	const char *vm;   /* valid UTF-8 without control characters */
	int32_t vcpu;
	const char *event;  /* "exit", "userspace", "steal" */
	const char *reason; /* NULL: none */
	uint64_t ns, off_ns;
	uint32_t cpu;
};

void event_text(FILE *out, const struct event_line *line);
void event_json(FILE *out, const struct event_line *line);

#endif /* RONDO_BPFD_EVENT_TEXT_H */
