/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * clock.h - the kernel's clocks, in ns
 */
#ifndef RONDO_BPFD_CLOCK_H
#define RONDO_BPFD_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#endif /* RONDO_BPFD_CLOCK_H */
