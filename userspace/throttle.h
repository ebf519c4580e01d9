/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * throttle.h - how long a thread's cgroup, and those above it, were kept from running by a CPU quota
 *
 * From cpu.stat, v1 (throttled_time) and v2 (throttled_usec). It is part of the threads' steal, as the
 * scheduler counts it as waiting; here it says why.
 */
#ifndef RONDO_BPFD_THROTTLE_H
#define RONDO_BPFD_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "cgroup.h"

#define THROTTLE_LEVELS 8

struct throttle {
	char path[CGROUP_MAX]; /* of the deepest cgroup, below its hierarchy's root */
	bool v2;
	int n;
	int fd[THROTTLE_LEVELS]; /* cpu.stat of each level, deepest first */
	uint64_t last[THROTTLE_LEVELS];
	uint64_t total; /* ns */
};

/* A thread's cgroups now; true if there are any with a cpu.stat. What they had before is no part of it. */
bool throttle_begin(struct throttle *t, uint32_t tid);
void throttle_end(struct throttle *t);

/* Reads them: total is up to date then. */
void throttle_read(struct throttle *t);

/* The value of cpu.stat's line for this hierarchy, in ns; 0 if it has none. Pure. */
uint64_t throttle_parse(const char *text, bool v2);

#endif /* RONDO_BPFD_THROTTLE_H */
