/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * overhead.h - what measuring takes of the host's CPU time, and what to leave out if that is too much
 */
#ifndef RONDO_BPFD_OVERHEAD_H
#define RONDO_BPFD_OVERHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "groups.h"
#include "kernel.h"
#include "store.h"

struct overhead {
	uint32_t limit; /* millionths of the host's CPU time; 0: none */
	uint32_t cpus;
	uint64_t ticks;
	uint64_t programs_ns, cpu_ns; /* as far as they were looked at */
	rondo_series *share;
	rondo_series *recorded[GROUP_NR];
};

/* Registers its series: collector_overhead_ratio, collector_group_recorded. */
void overhead_begin(struct overhead *o, struct store *s, uint32_t limit);

/*
 * The tick ends. Every tenth time it looks at the costs since the last look, and if they were above the
 * limit there is something to drop: true, and *rest is what should be recorded from now on.
 */
bool overhead_tick(struct overhead *o, struct kernel *k, struct store *s, uint64_t wall_ns,
		   group_set *rest);

/* Pure: the groups less those that are dropped next; the same set if there are none. */
group_set overhead_drop(group_set set);

#endif /* RONDO_BPFD_OVERHEAD_H */
