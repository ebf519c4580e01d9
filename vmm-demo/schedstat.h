/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * schedstat.h - what the kernel's scheduler says of one thread of this process
 */
#ifndef RONDO_VMM_SCHEDSTAT_H
#define RONDO_VMM_SCHEDSTAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct schedstat {
	uint64_t cpu_ns;   /* field 1: on a CPU; of a running thread up to its last tick */
	uint64_t steal_ns; /* field 2: runnable, and not running */
};

/* /proc/self/task/TID/schedstat, kept open.  -1 and errno where it can't be. */
int schedstat_open(pid_t tid);
bool schedstat_read(int fd, struct schedstat *out);

/*
 * As schedstat_read(), of a thread that is on its way to sleep: waits (at most for a second) until
 * it sleeps, so that the figures are final.  false: it did not come to rest.
 */
bool schedstat_read_asleep(int fd, pid_t tid, struct schedstat *out);

#endif
